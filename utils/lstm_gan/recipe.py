"""The recipe: which networks the LSTM-GAN is made of, and how many windows it is trained on."""

from __future__ import annotations

import contextlib

import keras
import numpy as np
import tensorflow as tf

from utils import runtime
from utils.lstm_gan.config import TrainingConfig
from utils.lstm_gan.levels import is_wide, wide_discriminator
from utils.lstm_gan.networks import lstm_discriminator, lstm_generator
from utils.lstm_gan.preconditioner import Preconditioner
from utils.lstm_gan.training import GanTrainer
from utils.lstm_gan.transforms import NormalScores

MOST_NUMBERS = 2**27  # numbers to train on, 512 MiB; of longer data every second, third, … window


def training_stride(windows: int, window: int, components: int) -> int:
    """Return how many rows apart windows must start for their numbers to be ``MOST_NUMBERS``."""
    return -(-windows * window * components // MOST_NUMBERS)


def build(
    preconditioner: Preconditioner,
    normal_scores: np.ndarray,
    config: TrainingConfig,
    strategy: tf.distribute.Strategy | None = None,
) -> GanTrainer:
    """Return a trainer of an LSTM generator and discriminator on ``normal_scores``.

    ``normal_scores`` are the preconditioned windows, (windows, time, components).
    """
    window, components = normal_scores.shape[1], preconditioner.components
    with contextlib.nullcontext() if strategy is None else strategy.scope():
        discriminator = build_discriminator(preconditioner, window, config)
        generator = build_generator(window, components, config, strategy is not None)
    return GanTrainer(generator, discriminator, normal_scores, config, strategy)


def build_generator(
    window: int, components: int, config: TrainingConfig, synchronised: bool = False
) -> keras.Model:
    """Return the generator of ``build``, untrained."""
    return lstm_generator(
        window,
        config.latent,
        components,
        scaled_noise=config.dynamic,
        batch_normalised=True,
        synchronised=synchronised,
        seed=config.seed,
    )


def build_discriminator(
    preconditioner: Preconditioner, window: int, config: TrainingConfig
) -> keras.Model:
    """Return the discriminator of ``build``, untrained."""
    if is_wide(preconditioner, window):
        return wide_discriminator(preconditioner, window, seed=config.seed + 5000)
    return lstm_discriminator(
        window,
        preconditioner.components,
        sizes=True,
        level=preconditioner.level_map(window),
        seed=config.seed + 5000,
    )


def calibrate(trainer: GanTrainer) -> NormalScores:
    """Return the calibration of the generator's margins, fitted to one large sample."""
    return NormalScores().fit(trainer.sample(runtime.budget(20_000, 1_000), seed=1))


def generate(
    trainer: GanTrainer, preconditioner: Preconditioner, count: int
) -> tuple[NormalScores, np.ndarray]:
    """Calibrate the generator's margins; return the calibration and windows in the data's units.

    The calibration is applied to another sample than it was fitted to. The windows are float64
    (count, time, features): float32 could not tell 1e9 from 1e9 + 1.
    """
    calibration = calibrate(trainer)
    normal_scores = calibration.transform(trainer.sample(count, seed=2))
    return calibration, preconditioner.inverse_transform(normal_scores)
