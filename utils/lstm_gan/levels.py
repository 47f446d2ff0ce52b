"""The discriminator of windows so large that the map to their levels does not fit as a matrix."""

from __future__ import annotations

import keras
from keras import ops

from utils.lstm_gan.networks import RunningSum, lstm
from utils.lstm_gan.preconditioner import Preconditioner

LARGEST_MAP = 4096  # numbers in a window, to and from which a matrix maps: 64 MiB of float32


def is_wide(preconditioner: Preconditioner, window: int) -> bool:
    """Return whether windows are so large that their levels are computed step by step."""
    return window * preconditioner.components > LARGEST_MAP


def level_recurrence(preconditioner: Preconditioner) -> keras.layers.SimpleRNN:
    """Return level_t = c + A·level_{t−1} + e_t as an untrained recurrent layer without squashing.

    It reads the normal scores from the second row on, (batch, time − 1, components), and starts
    at the first row. It gives what ``Preconditioner.level_map`` gives, with memory that grows with
    the window and not with its square.
    """
    layer = keras.layers.SimpleRNN(
        preconditioner.components,
        activation="linear",
        return_sequences=True,
        trainable=False,
        name="level",
    )
    layer.build((None, None, preconditioner.components))
    layer.set_weights(
        [preconditioner.innovation_root, preconditioner.transition, preconditioner.intercept]
    )
    return layer


def wide_discriminator(
    preconditioner: Preconditioner, window: int, *, units: int = 64, layers: int = 2, seed: int = 0
) -> keras.Model:
    """Return ``lstm_discriminator`` with all its views, the level computed step by step.

    Args:
        preconditioner: of the data.
        window: time steps.
        units: size of each LSTM's state.
        layers: LSTM layers.
        seed: of the initial weights.

    Returns:
        A model: normal scores (batch, window, components) → logits (batch, 1).
    """
    windows = keras.Input((window, preconditioner.components), name="windows")
    first = windows[:, 0]
    later = level_recurrence(preconditioner)(windows[:, 1:], initial_state=[first])
    level = ops.concatenate([first[:, None], later], axis=1)
    views = [RunningSum(name="running_sum")(windows), level, ops.abs(windows)]
    hidden = keras.layers.Concatenate(name="views")(views)
    for layer in range(layers):
        hidden = lstm(units, seed=seed + 10 * layer, name=f"lstm_{layer + 1}")(hidden)
    mean = keras.layers.GlobalAveragePooling1D(name="mean_state")(hidden)
    summary = keras.layers.Concatenate(name="summary")([mean, hidden[:, -1]])
    logits = keras.layers.Dense(
        1, kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 1000), name="logit"
    )(summary)
    return keras.Model(windows, logits, name="discriminator")
