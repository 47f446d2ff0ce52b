"""One more training, with another seed, where a column lost its spread.

The two networks of a GAN find no balance now and then, and the losses do not show it. The spreads
of the columns do (``collapse``), and another seed mostly helps. Whoever trains on data of their own
should not have to find that out.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from threadpoolctl import threadpool_limits

from utils.evaluation.bands import Spread
from utils.lstm_gan import checkpoints, run_folder
from utils.lstm_gan.callbacks import Callback
from utils.lstm_gan.collapse import failed_spreads
from utils.lstm_gan.config import TrainingConfig
from utils.lstm_gan.markdown import wrapped
from utils.lstm_gan.preparation import Prepared
from utils.lstm_gan.recipe import build
from utils.lstm_gan.training import NonFiniteLossError

if TYPE_CHECKING:
    from utils.lstm_gan.estimator import LstmGan

FEWEST_STEPS = 1000  # a shorter training has not learnt the spreads yet
FURTHER = 1000  # from the seed of the first training to that of the second
CHECKPOINT = "checkpoint-second-try"
KEY = "second_try"  # in config.json


def allowed(config: TrainingConfig, strategy: tf.distribute.Strategy | None) -> bool:
    """Return whether a training is long enough to be judged, and runs on a single machine.

    Several workers would have to come to the same decision, each from its own rounding.
    """
    return config.steps >= FEWEST_STEPS and (strategy is None or strategy.cluster_resolver is None)


def trained_with(config: TrainingConfig, run: Mapping[str, Any]) -> TrainingConfig:
    """Return the settings that the weights of a run were trained with, of those asked for."""
    second = run.get(KEY) or {}
    return dataclasses.replace(config, seed=second["seed"]) if second.get("kept") else config


def where_needed(
    gan: LstmGan,
    prepared: Prepared,
    folder: Path | None,
    resume: bool,
    strategy: tf.distribute.Strategy | None,
    callbacks: Sequence[Callback],
) -> None:
    """Train once more if a column of the windows has not the spread of the data; keep the better.

    The better is the training with fewer such columns, the first one if they are equal. What was
    done is said, noted for the report, and stored in the run's config.json.

    Args:
        gan: just trained; it is changed in place.
        prepared: what it was trained on.
        folder: of its run; the second training has checkpoints of its own there.
        resume: whether to go on from these.
        strategy: as of the first training.
        callbacks: the same; they see the second training after the first.
    """
    found = _failed(gan)
    if not found:
        return
    asked, seed = gan.config_, gan.config_.seed + FURTHER
    worst = f"{found[0].column!r} has {found[0].ratio:.2f} times the spread of the data"
    more = f" ({len(found) - 1} more columns are off)" if len(found) > 1 else ""
    gan._say(wrapped(f"This training failed: {worst}{more}. Once more, with seed {seed}."))
    first = gan.history_, gan.discriminator_, gan.generator_
    again = dataclasses.replace(asked, seed=seed)
    trainer = build(prepared.preconditioner, prepared.normal_scores, again, strategy)
    checkpoint = None if folder is None else folder / CHECKPOINT
    if checkpoint is not None and resume:
        checkpoints.settle(checkpoint, strategy)
        trainer.resume(checkpoint)
    elif checkpoint is not None:
        shutil.rmtree(checkpoint, ignore_errors=True)
    said = f"Trained twice: with seed {asked.seed} {worst}{more}"
    try:
        trainer.train(folder=checkpoint, callbacks=callbacks)
        gan._keep(trainer, prepared)
        left = _failed(gan)
        kept = len(left) < len(found)
        said += f"; with seed {seed} {_columns(len(left))}. "
    except NonFiniteLossError:
        kept = False
        said += f"; with seed {seed} the losses were not finite. "
    if not kept:
        gan.config_ = asked
        gan.history_, gan.discriminator_ = first[:2]
        gan._use(first[2])
        gan._calibrate_structure()
    said += f"The weights are those of the {'second' if kept else 'first'} training."
    gan._say(wrapped(said))
    gan.notes_.append(said)
    gan._run[KEY] = {"seed": seed, "kept": kept}
    if folder is not None:
        run_folder.write_config(folder, gan._run, gan.layout_)


def _failed(gan: LstmGan) -> list[Spread]:
    """Return the columns that are off: none, where their spread cannot be measured."""
    try:
        # Small products of matrices: several threads would wait for each other.
        with np.errstate(all="ignore"), threadpool_limits(1):
            return failed_spreads(gan._data(None), *gan._real_and_samples(None))
    except (ValueError, FloatingPointError, np.linalg.LinAlgError):
        return []  # the report says why; the training is not lost for that


def _columns(count: int) -> str:
    return f"{count or 'no'} {'column is' if count == 1 else 'columns are'} off"
