"""The recipe: which networks the LSTM-GAN is made of, and how many windows it is trained on."""

from __future__ import annotations

import contextlib

import keras
import numpy as np
import tensorflow as tf

from utils.lstm_gan.config import TrainingConfig
from utils.lstm_gan.discriminator import window_discriminator
from utils.lstm_gan.generator import draw_inputs, window_generator
from utils.lstm_gan.members import together
from utils.lstm_gan.preconditioner import Preconditioner
from utils.lstm_gan.training import GanTrainer

MEMBERS = 3  # pairs of networks that the product trains side by side
APART = 10_000  # between the seeds of two members' weights
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

    def inputs(count: int, seed: tf.Tensor) -> tf.Tensor:
        starts = preconditioner.starts
        return draw_inputs(count, window, config.static, config.dynamic, starts, seed)

    return GanTrainer(generator, discriminator, normal_scores, config, strategy, latents=inputs)


def build_generator(
    window: int, components: int, config: TrainingConfig, synchronised: bool = False
) -> keras.Model:
    """Return the generator of ``build``, untrained."""
    return together(
        [
            window_generator(
                window,
                config.static,
                config.dynamic,
                components,
                synchronised=synchronised,
                seed=config.seed + APART * member,
                name=f"generator_{member + 1}",
            )
            for member in range(config.members)
        ],
        name="generator",
    )


def build_discriminator(
    preconditioner: Preconditioner, window: int, config: TrainingConfig
) -> keras.Model:
    """Return the discriminator of ``build``, untrained."""
    return together(
        [
            window_discriminator(
                preconditioner,
                window,
                seed=config.seed + 5000 + APART * member,
                name=f"discriminator_{member + 1}",
            )
            for member in range(config.members)
        ],
        name="discriminator",
    )


def generate(trainer: GanTrainer, preconditioner: Preconditioner, count: int) -> np.ndarray:
    """Return windows of a trainer of ``build``, float64 (count, time, features).

    They are in the units that the preconditioner was fitted to: float32 could not tell 1e9 from
    1e9 + 1.
    """
    return preconditioner.inverse_transform(trainer.sample(count, seed=2))
