"""The ablation as a table: the product with one ingredient taken away, or one put in its place.

``CHANGES`` is all that has to be edited when the recipe changes. A change reaches the product
through the arguments of ``LstmGan`` and through the options that the recipe gives to its networks.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from unittest import mock

import keras
import numpy as np

from benchmarks.sets import Task
from utils import lstm_gan
from utils.lessons import remedies
from utils.lstm_gan import LstmGan, NormalScores, estimator, recipe


@dataclasses.dataclass(frozen=True)
class Change:
    """What is other than in the recipe.

    Attributes:
        settings: arguments of ``LstmGan``.
        generator: options of ``lstm_generator``.
        discriminator: options of ``lstm_discriminator``.
        minibatch: whether the discriminator sees statistics of its batch.
        calibration: whether the generator's margins are calibrated.
        preconditioner: whether the windows are preconditioned; otherwise their columns' margins
            are made normal, no more.
    """

    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    generator: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    discriminator: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    minibatch: bool = False
    calibration: bool = True
    preconditioner: bool = True


NOTHING = "nothing"
CHANGES: dict[str, Change] = {
    NOTHING: Change(),
    "static latents": Change({"static": 0, "dynamic": 16}),
    "relativistic loss (non-saturating instead)": Change({"loss": "non_saturating"}),
    "penalty": Change({"gp_weight": 0.0}),
    "penalty on a quarter only (on all instead)": Change({"gp_fraction": 1.0}),
    "averaged weights": Change({"ema_decay": 0.0}),
    "falling learning rate": Change({"cosine_alpha": 1.0}),
    "skip": Change(generator={"skip": False}),
    "scaled noise": Change(generator={"scaled_noise": 0}),
    "standardised output": Change(generator={"batch_normalised": False}),
    "view of the level": Change(discriminator={"level": None}),
    "view of the running sum": Change(discriminator={"running_sum": False}),
    "view of sizes": Change(discriminator={"sizes": False}),
    "no minibatch statistics (with them instead)": Change(minibatch=True),
    "margin calibration": Change(calibration=False),
    "preconditioner": Change(preconditioner=False),
}


def ablated(task: Task, seed: int, change: Change) -> tuple[np.ndarray, float]:
    """Return windows in the data's units, (windows, time, features), and the seconds of training.

    Raises:
        ValueError: for a change of the networks that the recipe does not take up.
    """
    if not change.preconditioner:
        return _normal_scores_only(task, seed, change)
    with altered(change):
        gan = LstmGan(task.real.shape[1], seed=seed, verbose=False, **change.settings)
        gan.fit(task.series)
        return gan.sample(len(task.real), seed=2), gan.seconds_


class _Uncalibrated:
    """In place of the calibration: what the generator makes is left as it is."""

    @staticmethod
    def transform(normal_scores: np.ndarray) -> np.ndarray:
        return normal_scores


@contextlib.contextmanager
def altered(change: Change) -> Iterator[None]:
    """Have the recipe build its networks with a change, as long as the context lasts.

    Raises:
        ValueError: if the recipe built no network that the change is of.
    """
    used: set[str] = set()

    def network(name: str, options: Mapping[str, Any]) -> Callable[..., keras.Model]:
        build = getattr(recipe, name)

        @functools.wraps(build)
        def changed(*arguments: Any, **given: Any) -> keras.Model:
            used.add(name)
            model = build(*arguments, **(given | dict(options)))
            batch = change.minibatch and name == "lstm_discriminator"
            return _with_minibatch_std(model) if batch else model

        return changed

    patches = {
        "lstm_generator": change.generator,
        "lstm_discriminator": change.discriminator,
    }
    with contextlib.ExitStack() as stack:
        for name, options in patches.items():
            stack.enter_context(mock.patch.object(recipe, name, network(name, options)))
        if not change.calibration:
            stack.enter_context(
                mock.patch.object(estimator, "calibrate", return_value=_Uncalibrated())
            )
        yield
    needed = {name for name, options in patches.items() if options}
    needed |= {"lstm_discriminator"} if change.minibatch else set()
    if missed := needed - used:
        raise ValueError(f"The recipe did not call {', '.join(missed)}: the change did nothing.")


def _with_minibatch_std(discriminator: keras.Model) -> keras.Model:
    summary = discriminator.get_layer("summary").output
    pooled = keras.layers.Lambda(remedies.minibatch_std, name="minibatch_std")(summary)
    logits = keras.layers.Dense(
        1, kernel_initializer=keras.initializers.GlorotUniform(seed=9000), name="logit_of_batch"
    )(pooled)
    return keras.Model(discriminator.input, logits)


def _normal_scores_only(task: Task, seed: int, change: Change) -> tuple[np.ndarray, float]:
    """Return windows of the recipe on columns with normal margins, without a preconditioner."""
    start = time.perf_counter()
    window = task.real.shape[1]
    config = lstm_gan.TrainingConfig(seed=seed, **change.settings)
    margins = NormalScores().fit(task.real)
    normal_scores = margins.transform(task.real).astype(np.float32)
    components = normal_scores.shape[2]
    generator = lstm_gan.build_generator(window, components, config)
    discriminator = lstm_gan.lstm_discriminator(
        window, components, sizes=True, level=None, seed=seed + 5000
    )
    trainer = lstm_gan.GanTrainer(generator, discriminator, normal_scores, config)
    trainer.train()
    calibrated = lstm_gan.calibrate(trainer).transform(trainer.sample(len(task.real), seed=2))
    return margins.inverse_transform(calibrated), time.perf_counter() - start
