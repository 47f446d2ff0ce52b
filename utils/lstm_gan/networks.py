"""The generator and the discriminator, as plain Keras functional models.

A model is drawn from an integer seed: the same seed gives the same initial weights.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from utils import runtime
from utils.checks import positive_integer


def lstm(
    units: int, *, seed: int, fused: bool | None = None, name: str | None = None
) -> keras.layers.LSTM:
    """Return an LSTM layer that passes on its whole sequence, in the form fastest on the device.

    On a GPU (``fused=True``) the layer keeps Keras' loop, which cuDNN replaces by one fused kernel
    as long as activations are the default ones. On a CPU (``fused=False``) the time steps are
    unrolled into the graph, which runs faster than a loop. Both compute the same function.

    Args:
        units: size of the hidden state.
        seed: seed of the initial weights.
        fused: which form; ``None`` asks ``runtime.on_gpu()``.
        name: the layer's name.
    """
    if fused is None:
        fused = runtime.on_gpu()
    return keras.layers.LSTM(
        units,
        return_sequences=True,
        unroll=not fused,
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
        recurrent_initializer=keras.initializers.Orthogonal(seed=seed + 1),
        name=name,
    )


def lstm_generator(
    window: int,
    latent: int,
    features: int,
    *,
    units: int = 64,
    layers: int = 2,
    skip: bool = True,
    scaled_noise: int = 0,
    batch_normalised: bool = False,
    synchronised: bool = False,
    activation: str | None = None,
    fused: bool | None = None,
    seed: int = 0,
) -> keras.Model:
    """Return the generator: latents (batch, window, latent) → (batch, window, features).

    Each time step has its own latents; those that are to stay the same over a window are repeated
    by ``draw_latents``. With ``skip`` the output layer reads the latents beside the last LSTM's
    state, so that noise reaches the output without passing through the recurrence.

    Args:
        window: time steps.
        latent: latents at each time step.
        features: numbers at each time step of the output.
        units: size of each LSTM's state.
        layers: LSTM layers.
        skip: whether the output layer reads the latents too.
        scaled_noise: with k > 0, ``exp(s_t) ⊙ W z_t`` is added to the output, z_t the last k
            latents of the time step and s_t a linear function of the LSTM's state: a large s_t
            makes a wild day, as in a stochastic volatility model (Taylor 1986).
        batch_normalised: whether the output is batch-normalised, the first time step apart from the
            later ones: mean 0 and variance 1 in every component, by construction.
        synchronised: whether the mean and the variance are those of all replicas' batches together
            where a ``tf.distribute`` strategy shares a batch out.
        activation: of the output layer.
        fused: as ``lstm`` takes it.
        seed: of the initial weights.

    Raises:
        ValueError: for a size below 1, or more scaled noise than latents.
    """
    positive_integer(window=window, latent=latent, features=features, units=units, layers=layers)
    if not 0 <= scaled_noise <= latent:
        raise ValueError(f"scaled_noise is {scaled_noise}; expected 0 to the {latent} latents.")
    latents = keras.Input((window, latent), name="latents")
    hidden = latents
    for layer in range(layers):
        hidden = lstm(units, seed=seed + 10 * layer, fused=fused, name=f"lstm_{layer + 1}")(hidden)
    known = keras.layers.Concatenate(name="skip")([hidden, latents]) if skip else hidden
    output = keras.layers.Dense(
        features,
        activation=activation,
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 1000),
        name="output",
    )(known)
    if scaled_noise:
        log_scale = keras.layers.Dense(
            features,
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.02, seed=seed + 1001),
            name="log_scale",
        )(hidden)
        noise = keras.layers.Dense(
            features,
            use_bias=False,
            kernel_initializer=keras.initializers.Orthogonal(seed=seed + 1002),
            name="noise",
        )(latents[:, :, latent - scaled_noise :])
        output = output + ops.exp(log_scale) * noise
    if batch_normalised:
        first = _standardise("first_step", synchronised)(output[:, :1])
        later = _standardise("later_steps", synchronised)(output[:, 1:])
        output = keras.layers.Concatenate(axis=1, name="standardised")([first, later])
    return keras.Model(latents, output, name="generator")


def lstm_discriminator(
    window: int,
    features: int,
    *,
    units: int = 64,
    layers: int = 2,
    running_sum: bool = True,
    sizes: bool = False,
    level: tuple[np.ndarray, np.ndarray] | None = None,
    fused: bool | None = None,
    seed: int = 0,
) -> keras.Model:
    """Return the discriminator: windows (batch, window, features) → logits (batch, 1).

    What it reads beside its input, at every time step, decides what it can see. The logit is read
    off the mean of the last LSTM's states and the last one.

    Args:
        window: time steps.
        features: numbers at each time step.
        units: size of each LSTM's state.
        layers: LSTM layers.
        running_sum: whether it reads the cumulative sum of its input over time, divided by √t so
            that white noise keeps unit variance: drift that hides in single innovations shows.
        sizes: whether it reads |input|: wild and calm days show.
        level: kernel and bias of a fixed linear map of the flattened window, which it reads too;
            ``Preconditioner.level_map`` gives the one from normal scores to levels.
        fused: as ``lstm`` takes it.
        seed: of the initial weights.

    Raises:
        ValueError: for a size below 1, or a level map of another shape.
    """
    positive_integer(window=window, features=features, units=units, layers=layers)
    windows = keras.Input((window, features), name="windows")
    views = [RunningSum(name="running_sum")(windows) if running_sum else windows]
    if level is not None:
        views.append(_fixed_map(*level, window, features)(windows))
    if sizes:
        views.append(ops.abs(windows))
    hidden = keras.layers.Concatenate(name="views")(views) if len(views) > 1 else views[0]
    for layer in range(layers):
        hidden = lstm(units, seed=seed + 10 * layer, fused=fused, name=f"lstm_{layer + 1}")(hidden)
    mean = keras.layers.GlobalAveragePooling1D(name="mean_state")(hidden)
    summary = keras.layers.Concatenate(name="summary")([mean, hidden[:, -1]])
    logits = keras.layers.Dense(
        1, kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 1000), name="logit"
    )(summary)
    return keras.Model(windows, logits, name="discriminator")


def _standardise(name: str, synchronised: bool) -> keras.layers.Layer:
    """Return batch normalisation of each component over windows and time, nothing learned."""
    return keras.layers.BatchNormalization(
        center=False,
        scale=False,
        epsilon=1e-5,
        momentum=0.98,
        synchronized=synchronised,
        name=name,
    )


def _fixed_map(
    kernel: np.ndarray, bias: np.ndarray, window: int, features: int
) -> Callable[[keras.KerasTensor], keras.KerasTensor]:
    """Return an untrained linear map of flattened windows, back in the windows' shape."""
    size = window * features
    if np.shape(kernel) != (size, size) or np.shape(bias) != (size,):
        raise ValueError(
            f"The level map has the shapes {np.shape(kernel)} and {np.shape(bias)}; "
            f"expected {(size, size)} and {(size,)} for windows of {window} × {features}."
        )
    dense = keras.layers.Dense(size, trainable=False, name="level")
    dense.build((None, size))
    dense.set_weights([kernel, bias])

    def apply(windows: keras.KerasTensor) -> keras.KerasTensor:
        flat = keras.layers.Flatten(name="flat")(windows)
        return keras.layers.Reshape((window, features), name="levels")(dense(flat))

    return apply


@keras.saving.register_keras_serializable("course")
class RunningSum(keras.layers.Layer):
    """Append to a sequence its cumulative sum over time, divided by √t.

    (batch, time, features) → (batch, time, 2·features).
    """

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Return the sequence and its running sum side by side."""
        time = ops.arange(1, inputs.shape[1] + 1, dtype=inputs.dtype)[:, None]
        return ops.concatenate([inputs, ops.cumsum(inputs, axis=1) / ops.sqrt(time)], axis=-1)


def draw_latents(
    count: int | tf.Tensor, window: int, static: int, dynamic: int, seed: tf.Tensor
) -> tf.Tensor:
    """Return latents ~ N(0, 1), (count, window, static + dynamic), as a function of ``seed`` alone.

    The first ``static`` of them are drawn once and repeated over the window, so that the generator
    can decide something about the window as a whole; the others are fresh at every time step
    (RCGAN, Esteban et al. 2017, arXiv:1706.02633, draws all of them afresh).

    Args:
        count: number of windows.
        window: time steps.
        static: latents that stay the same over a window.
        dynamic: latents that are fresh at every time step.
        seed: two integers, as TensorFlow's stateless random functions take them.
    """
    static_seed, dynamic_seed = tf.unstack(tf.random.split(seed, 2))
    fixed = tf.random.stateless_normal((count, 1, static), static_seed)
    fresh = tf.random.stateless_normal((count, window, dynamic), dynamic_seed)
    return tf.concat([tf.repeat(fixed, window, axis=1), fresh], axis=-1)
