"""Generators and discriminators, as plain Keras functional models.

A model is drawn from an integer seed: the same seed gives the same initial weights.
"""

from __future__ import annotations

import keras
import tensorflow as tf
from keras import ops

from utils import runtime


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
    activation: str | None = None,
    fused: bool | None = None,
    seed: int = 0,
) -> keras.Model:
    """Return the generator: latents (batch, window, latent) → (batch, window, features).

    Each time step has its own latents; those that are to stay the same over a window are repeated
    by ``draw_latents``. With ``skip`` the output layer reads the latents beside the last LSTM's
    state, so that noise reaches the output without passing through the recurrence.
    """
    _check_sizes(window=window, latent=latent, features=features, units=units, layers=layers)
    latents = keras.Input((window, latent), name="latents")
    hidden = latents
    for layer in range(layers):
        hidden = lstm(units, seed=seed + 10 * layer, fused=fused, name=f"lstm_{layer + 1}")(hidden)
    if skip:
        hidden = keras.layers.Concatenate(name="skip")([hidden, latents])
    output = keras.layers.Dense(
        features,
        activation=activation,
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 1000),
        name="output",
    )(hidden)
    return keras.Model(latents, output, name="generator")


def lstm_discriminator(
    window: int,
    features: int,
    *,
    units: int = 64,
    layers: int = 2,
    running_sum: bool = True,
    fused: bool | None = None,
    seed: int = 0,
) -> keras.Model:
    """Return the discriminator: windows (batch, window, features) → logits (batch, 1).

    With ``running_sum`` it also reads the cumulative sum of its input over time, divided by √t so
    that white noise keeps unit variance: drift that hides in single innovations shows there. The
    logit is read off the mean of the last LSTM's states and the last one.
    """
    _check_sizes(window=window, features=features, units=units, layers=layers)
    windows = keras.Input((window, features), name="windows")
    hidden = windows
    if running_sum:
        hidden = RunningSum(name="running_sum")(windows)
    for layer in range(layers):
        hidden = lstm(units, seed=seed + 10 * layer, fused=fused, name=f"lstm_{layer + 1}")(hidden)
    mean = keras.layers.GlobalAveragePooling1D(name="mean_state")(hidden)
    summary = keras.layers.Concatenate(name="summary")([mean, hidden[:, -1]])
    logits = keras.layers.Dense(
        1, kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 1000), name="logit"
    )(summary)
    return keras.Model(windows, logits, name="discriminator")


@keras.saving.register_keras_serializable("course")
class RunningSum(keras.layers.Layer):
    """Append to a sequence its cumulative sum over time, divided by √t.

    (batch, time, features) → (batch, time, 2·features).
    """

    def call(self, inputs):
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


def cudnn_eligible(model: keras.Model) -> bool:
    """Return whether every LSTM of ``model`` is set up so that a GPU runs it by cuDNN.

    Asked on any machine: the answer is about the layers, whether or not there is a GPU.
    """
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.LSTM)]
    return bool(layers) and all(
        layer.use_cudnn in ("auto", True)
        and not layer.unroll
        and layer.use_bias
        and layer.activation is keras.activations.tanh
        and layer.recurrent_activation is keras.activations.sigmoid
        and not layer.recurrent_dropout
        for layer in layers
    )


def cudnn_kernels(function: tf.types.experimental.ConcreteFunction) -> int:
    """Return how many cuDNN recurrent kernels stand in a traced function, those it calls included.

    ``function`` is what ``tf_function.get_concrete_function(...)`` returns.
    """
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for inner in graph.library.function for node in inner.node_def)]
    return sum(node.op.startswith("CudnnRNN") and "Backprop" not in node.op for node in nodes)


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"The model's {name} is {size}; expected at least 1.")
