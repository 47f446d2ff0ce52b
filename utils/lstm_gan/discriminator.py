"""The recipe's discriminator: normal scores, and the data that they stand for, to a logit."""

from __future__ import annotations

import keras
from keras import ops

from utils.lstm_gan.networks import RunningSum, lstm
from utils.lstm_gan.preconditioner import Preconditioner
from utils.lstm_gan.views import data_views


def window_discriminator(
    preconditioner: Preconditioner,
    window: int,
    *,
    units: int = 64,
    layers: int = 2,
    fused: bool | None = None,
    seed: int = 0,
    name: str = "discriminator",
) -> keras.Model:
    """Return the discriminator: normal scores (batch, window, components) → logits (batch, 1).

    At every time step it reads the normal scores, their running sum and their size, and the data
    with their changes. The logit is read off the mean of the last LSTM's states and the last one.

    Args:
        preconditioner: of the data.
        window: time steps.
        units: size of each LSTM's state.
        layers: LSTM layers.
        fused: as ``networks.lstm`` takes it.
        seed: of the initial weights.
        name: of the model.
    """
    windows = keras.Input((window, preconditioner.components), name="windows")
    views = [RunningSum(name="running_sum")(windows), ops.abs(windows)]
    views += data_views(preconditioner, windows)
    hidden = keras.layers.Concatenate(name="views")(views)
    for layer in range(layers):
        hidden = lstm(units, seed=seed + 10 * layer, fused=fused, name=f"lstm_{layer + 1}")(hidden)
    mean = keras.layers.GlobalAveragePooling1D(name="mean_state")(hidden)
    summary = keras.layers.Concatenate(name="summary")([mean, hidden[:, -1]])
    logits = keras.layers.Dense(
        1, kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 1000), name="logit"
    )(summary)
    return keras.Model(windows, logits, name=name)
