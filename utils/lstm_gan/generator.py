"""The recipe's generator: noise, and where a window starts, to the normal scores of a window."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from utils.lstm_gan.networks import draw_latents, lstm

NEAR = 0.05  # standard deviation of a start around the row of the data it was drawn from


def draw_inputs(
    count: int | tf.Tensor,
    window: int,
    static: int,
    dynamic: int,
    starts: np.ndarray | tf.Tensor,
    seed: tf.Tensor,
) -> tf.Tensor:
    """Return what ``window_generator`` reads, a function of ``seed`` alone.

    Where a window starts need not be learnt: the rows of the data say it. A start is the normal
    scores of one of them, moved by a little noise, so that no window begins with a row of the data
    (a smoothed bootstrap: Efron 1979, doi:10.1214/aos/1176344552).

    Args:
        count: number of windows.
        window: time steps.
        static: latents that stay the same over a window.
        dynamic: latents that are fresh at every time step.
        starts: normal scores of the rows at which windows of the data start, (rows, components).
        seed: two integers, as TensorFlow's stateless random functions take them.

    Returns:
        (count, window, static + dynamic + components): latents, then the start in every row.
    """
    of_latents, of_rows, of_noise = tf.unstack(tf.random.split(seed, 3))
    latents = draw_latents(count, window, static, dynamic, of_latents)
    starts = tf.convert_to_tensor(starts, tf.float32)
    chosen = tf.random.stateless_uniform((count,), of_rows, maxval=len(starts), dtype=tf.int32)
    noise = tf.random.stateless_normal((count, starts.shape[1]), of_noise)
    near = (tf.gather(starts, chosen) + NEAR * noise) / np.sqrt(1 + NEAR**2).astype(np.float32)
    return tf.concat([latents, tf.repeat(near[:, None], window, axis=1)], axis=-1)


def window_generator(
    window: int,
    static: int,
    dynamic: int,
    components: int,
    *,
    units: int = 64,
    layers: int = 2,
    synchronised: bool = False,
    fused: bool | None = None,
    seed: int = 0,
    name: str = "generator",
) -> keras.Model:
    """Return the generator: (batch, window, static + dynamic + components) → normal scores.

    The input is that of ``draw_inputs``. The first row of the output is the start itself. Later
    rows are read off the LSTM's state and the input directly (``skip``), and through one hidden
    layer, which lets the columns of a row depend on each other in a bent way: large moves go with
    large volumes, up or down. To that comes noise whose size the state decides: a wild day, or a
    calm one (stochastic volatility, Taylor 1986). They are batch-normalised: mean 0 and variance 1
    in every component, by construction.

    Args:
        window: time steps.
        static: latents that stay the same over a window.
        dynamic: latents that are fresh at every time step.
        components: of the normal scores, (batch, window, components).
        units: size of each LSTM's state.
        layers: LSTM layers.
        synchronised: whether mean and variance are those of all replicas' batches together.
        fused: as ``networks.lstm`` takes it.
        seed: of the initial weights.
        name: of the model.
    """
    latent = static + dynamic
    inputs = keras.Input((window, latent + components), name="latents_and_start")
    hidden = inputs
    for layer in range(layers):
        hidden = lstm(units, seed=seed + 10 * layer, fused=fused, name=f"lstm_{layer + 1}")(hidden)
    known = keras.layers.Concatenate(name="known")([hidden, inputs])
    mixed = keras.layers.Dense(
        units,
        activation="leaky_relu",
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 1003),
        name="mixed",
    )(known)
    output = keras.layers.Dense(
        components,
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 1000),
        name="output",
    )(keras.layers.Concatenate(name="skip")([mixed, known]))
    log_scale = keras.layers.Dense(
        components,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.02, seed=seed + 1001),
        name="log_scale",
    )(hidden)
    noise = keras.layers.Dense(
        components,
        use_bias=False,
        kernel_initializer=keras.initializers.Orthogonal(seed=seed + 1002),
        name="noise",
    )(inputs[:, :, static:latent])
    later = keras.layers.BatchNormalization(
        center=False,
        scale=False,
        epsilon=1e-5,
        momentum=0.98,
        synchronized=synchronised,
        name="later_steps",
    )((output + ops.exp(log_scale) * noise)[:, 1:])
    start = inputs[:, :1, latent:]
    return keras.Model(
        inputs, keras.layers.Concatenate(axis=1, name="window")([start, later]), name=name
    )
