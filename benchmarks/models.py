"""The models of the quality benchmark: the product, and rivals that are a few lines each."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.sets import Task
from utils import evaluation, lstm_gan
from utils.datasets import Scaler
from utils.lstm_gan import LstmGan, Preconditioner

BLOCK = 8  # rows that the block bootstraps keep together

Generated = tuple[np.ndarray, float | None]  # windows in the data's units, seconds of training


def our_gan(task: Task, seed: int, **changes: Any) -> Generated:
    """Return windows of the product; ``changes`` are arguments of ``LstmGan``."""
    gan = LstmGan(task.real.shape[1], seed=seed, verbose=False, **changes).fit(task.series)
    return gan.sample(len(task.real), seed=2), gan.seconds_


def rcgan_style(task: Task, seed: int) -> Generated:
    """Return windows of a plain LSTM-GAN, in the manner of RCGAN (Esteban et al. 2017).

    Windows scaled to [0, 1] by column, fresh latents at every time step, cross-entropy, a sigmoid
    at the output; as many layers, units and steps as ours.
    """
    start = time.perf_counter()
    scaler = Scaler.min_max(task.real)
    config = lstm_gan.TrainingConfig(
        seed=seed,
        learning_rate=1e-3,
        cosine_alpha=1.0,
        beta_1=0.5,
        beta_2=0.999,
        loss="non_saturating",
        gp_weight=0.0,
        ema_decay=0.0,
        static=0,
        dynamic=16,
    )
    window, features = task.real.shape[1:]
    generator = lstm_gan.lstm_generator(
        window, config.latent, features, skip=False, activation="sigmoid", seed=seed
    )
    discriminator = lstm_gan.lstm_discriminator(
        window, features, running_sum=False, seed=seed + 5000
    )
    windows = scaler.transform(task.real).astype(np.float32)
    trainer = lstm_gan.GanTrainer(generator, discriminator, windows, config)
    trainer.train()
    samples = scaler.inverse_transform(trainer.sample(len(task.real), seed=2).astype(np.float64))
    return samples, time.perf_counter() - start


def var_bootstrap(task: Task, seed: int, block: int = 1) -> Generated:
    """Return windows of the vector autoregression with resampled innovations."""
    preconditioner = Preconditioner(task.real.shape[1]).fit(task.sequences)
    normal_scores = preconditioner.transform(task.real)
    drawn = evaluation.bootstrap_innovations(normal_scores, len(normal_scores), seed, block=block)
    return preconditioner.inverse_transform(drawn), None


def block_bootstrap(task: Task, seed: int) -> Generated:
    """Return windows glued from blocks of real rows."""
    sequences = task.sequences if len(task.sequences) > 1 else task.sequences[0]
    window, count = task.real.shape[1], len(task.real)
    return evaluation.block_bootstrap(sequences, window, count, block=BLOCK, seed=seed), None


MODELS: dict[str, Callable[[Task, int], Generated]] = {
    "LSTM-GAN": our_gan,
    "RCGAN style": rcgan_style,
    "VAR bootstrap": var_bootstrap,
    "VAR block bootstrap": functools.partial(var_bootstrap, block=BLOCK),
    "block bootstrap": block_bootstrap,
}
