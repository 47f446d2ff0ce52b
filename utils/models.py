"""Generators and discriminators, as plain Keras functional models.

A model is drawn from an integer seed: the same seed gives the same initial weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import keras
import numpy as np
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
    scaled_noise: int = 0,
    standardised: bool = False,
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
        standardised: whether the output is batch-normalised, the first time step apart from the
            later ones: mean 0 and variance 1 in every component, by construction.
        synchronised: whether the mean and the variance are those of all replicas' batches together
            where a ``tf.distribute`` strategy shares a batch out.
        activation: of the output layer.
        fused: as ``lstm`` takes it.
        seed: of the initial weights.

    Raises:
        ValueError: for a size below 1, or more scaled noise than latents.
    """
    _check_sizes(window=window, latent=latent, features=features, units=units, layers=layers)
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
    if standardised:
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
            ``Preconditioner.level_map`` gives the one from scores to levels.
        fused: as ``lstm`` takes it.
        seed: of the initial weights.

    Raises:
        ValueError: for a size below 1, or a level map of another shape.
    """
    _check_sizes(window=window, features=features, units=units, layers=layers)
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

    def call(self, inputs):
        """Return the sequence and its running sum side by side."""
        time = ops.arange(1, inputs.shape[1] + 1, dtype=inputs.dtype)[:, None]
        return ops.concatenate([inputs, ops.cumsum(inputs, axis=1) / ops.sqrt(time)], axis=-1)


@keras.saving.register_keras_serializable("course")
class Clock(keras.layers.Layer):
    """Append to a sequence the hands of a clock: sines and cosines of 1, 2, 4, … turns a window.

    (batch, time, features) → (batch, time, features + 2·hands). A recurrent network would else
    have to count the steps to know where in the window it is.

    Source: the positional encoding of Vaswani et al., "Attention is all you need", NeurIPS 2017,
    section 3.5, arXiv 1706.03762, with the frequencies set by the window.
    """

    def __init__(self, hands: int = 3, **options) -> None:
        """Take the number of ``hands``, each twice as fast as the one before."""
        super().__init__(**options)
        _check_sizes(hands=hands)
        self.hands = hands

    def call(self, inputs):
        """Return the sequence and its clock side by side."""
        time = ops.arange(inputs.shape[1], dtype=inputs.dtype) / inputs.shape[1]
        angles = 2 * math.pi * time[:, None] * 2.0 ** ops.arange(self.hands, dtype=inputs.dtype)
        hands = ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)
        hands = ops.broadcast_to(hands, (ops.shape(inputs)[0], *hands.shape))
        return ops.concatenate([inputs, hands], axis=-1)

    def get_config(self):
        """Return what a file needs to build the layer again."""
        return {**super().get_config(), "hands": self.hands}


def conditional_lstm_generator(
    window: int,
    latent: int,
    features: int,
    classes: int,
    *,
    units: int = 32,
    layers: int = 1,
    embedding: int = 4,
    fused: bool | None = None,
    seed: int = 0,
) -> keras.Model:
    """Return a generator that is told what to make.

    It maps ``[latents (batch, window, latent), labels (batch,)]`` to windows
    (batch, window, features). A label's row of the embedding, repeated over the window, and a
    ``Clock`` stand beside the latents, for the first LSTM and for the output layer.

    Args:
        window: time steps.
        latent: latents at each time step.
        features: numbers at each time step of the output.
        classes: labels are whole numbers from 0 to ``classes`` − 1.
        units: size of each LSTM's state.
        layers: LSTM layers.
        embedding: numbers that stand for a label.
        fused: as ``lstm`` takes it.
        seed: of the initial weights.

    Raises:
        ValueError: for a size below 1.

    Source: Mirza, Osindero, "Conditional generative adversarial nets", 2014, arXiv 1411.1784;
    with LSTMs: Esteban et al. 2017, arXiv 1706.02633.
    """
    _check_sizes(window=window, latent=latent, features=features, classes=classes)
    _check_sizes(units=units, layers=layers, embedding=embedding)
    latents = keras.Input((window, latent), name="latents")
    labels = keras.Input((), dtype="int32", name="labels")
    meaning = keras.layers.Embedding(
        classes,
        embedding,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0, seed=seed + 2000),
        name="label",
    )(labels)
    repeated = keras.layers.RepeatVector(window, name="label_over_time")(meaning)
    known = keras.layers.Concatenate(name="latents_and_label")([latents, repeated])
    known = hidden = Clock(name="clock")(known)
    for layer in range(layers):
        hidden = lstm(units, seed=seed + 10 * layer, fused=fused, name=f"lstm_{layer + 1}")(hidden)
    hidden = keras.layers.Concatenate(name="skip")([hidden, known])
    output = keras.layers.Dense(
        features,
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 1000),
        name="output",
    )(hidden)
    return keras.Model([latents, labels], output, name="conditional_generator")


def conditional_lstm_discriminator(
    window: int,
    features: int,
    classes: int,
    *,
    units: int = 32,
    layers: int = 1,
    fused: bool | None = None,
    seed: int = 0,
) -> keras.Model:
    """Return a projection discriminator: ``[windows, labels]`` → logits (batch, 1).

    Windows are (batch, window, features), labels (batch,). With φ(x), the mean and the last of
    the last LSTM's states, the logit is ``w·φ(x) + b + e_y·φ(x)``: one direction for what every
    real window has, and one for each label y. The e_y start at zero, where the label is ignored.

    Args:
        window: time steps.
        features: numbers at each time step.
        classes: labels are whole numbers from 0 to ``classes`` − 1.
        units: size of each LSTM's state.
        layers: LSTM layers.
        fused: as ``lstm`` takes it.
        seed: of the initial weights.

    Raises:
        ValueError: for a size below 1.

    Source: Miyato, Koyama, "cGANs with projection discriminator", ICLR 2018, equation 3,
    arXiv 1802.05637.
    """
    _check_sizes(window=window, features=features, classes=classes, units=units, layers=layers)
    windows = keras.Input((window, features), name="windows")
    labels = keras.Input((), dtype="int32", name="labels")
    hidden = Clock(name="clock")(windows)
    for layer in range(layers):
        hidden = lstm(units, seed=seed + 10 * layer, fused=fused, name=f"lstm_{layer + 1}")(hidden)
    mean = keras.layers.GlobalAveragePooling1D(name="mean_state")(hidden)
    summary = keras.layers.Concatenate(name="summary")([mean, hidden[:, -1]])
    logits = keras.layers.Dense(
        1, kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 1000), name="logit"
    )(summary)
    direction = keras.layers.Embedding(
        classes, 2 * units, embeddings_initializer="zeros", name="label"
    )(labels)
    projection = keras.layers.Dot(axes=1, name="projection")([direction, summary])
    logits = keras.layers.Add(name="conditional_logit")([logits, projection])
    return keras.Model([windows, labels], logits, name="conditional_discriminator")


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


def dcgan_generator(latent: int = 50, *, channels: int = 32, seed: int = 0) -> keras.Model:
    """Return a small DCGAN's generator: latents (batch, latent) → images (batch, 28, 28, 1).

    A dense layer, shaped to 7 × 7 with 2·``channels`` channels, then two transposed convolutions
    that each double the side. Batch normalisation and ReLU follow all but the last, whose tanh
    keeps the images between −1 and 1. Notebook 08 builds it step by step.

    Raises:
        ValueError: for a size below 1.

    Source: Radford, Metz, Chintala, "Unsupervised representation learning with deep convolutional
    generative adversarial networks", ICLR 2016, arXiv 1511.06434. Kernels are 4 wide instead
    of 5: a multiple of the stride, so that every pixel is written equally often.
    """
    _check_sizes(latent=latent, channels=channels)
    latents = keras.Input((latent,), name="latents")
    hidden = keras.layers.Dense(
        7 * 7 * 2 * channels, use_bias=False, kernel_initializer=_dcgan_start(seed), name="project"
    )(latents)
    hidden = keras.layers.Reshape((7, 7, 2 * channels), name="small_image")(hidden)
    hidden = keras.layers.ReLU()(_dcgan_normalise()(hidden))
    hidden = keras.layers.Conv2DTranspose(
        channels, 4, 2, "same", use_bias=False, kernel_initializer=_dcgan_start(seed + 1), name="up"
    )(hidden)
    hidden = keras.layers.ReLU()(_dcgan_normalise()(hidden))
    images = keras.layers.Conv2DTranspose(
        1, 4, 2, "same", activation="tanh", kernel_initializer=_dcgan_start(seed + 2), name="image"
    )(hidden)
    return keras.Model(latents, images, name="generator")


def dcgan_discriminator(*, channels: int = 32, seed: int = 0) -> keras.Model:
    """Return a small DCGAN's discriminator: images (batch, 28, 28, 1) → logits (batch, 1).

    Two convolutions that each halve the side, with ``channels`` and 2·``channels`` channels and
    LeakyReLU of slope 0.2 below zero; batch normalisation after the second only, for the first
    one reads the images; a dense layer gives the logit. Call it on real and on generated images
    apart: in training, an image's logit depends on its whole batch.

    Raises:
        ValueError: for a size below 1.

    Source: as ``dcgan_generator``.
    """
    _check_sizes(channels=channels)
    images = keras.Input((28, 28, 1), name="images")
    hidden = keras.layers.Conv2D(
        channels, 4, 2, "same", kernel_initializer=_dcgan_start(seed), name="down"
    )(images)
    hidden = keras.layers.LeakyReLU(negative_slope=0.2)(hidden)
    hidden = keras.layers.Conv2D(
        2 * channels,
        4,
        2,
        "same",
        use_bias=False,
        kernel_initializer=_dcgan_start(seed + 1),
        name="down_again",
    )(hidden)
    hidden = keras.layers.LeakyReLU(negative_slope=0.2)(_dcgan_normalise()(hidden))
    logits = keras.layers.Dense(1, kernel_initializer=_dcgan_start(seed + 2), name="logit")(
        keras.layers.Flatten()(hidden)
    )
    return keras.Model(images, logits, name="discriminator")


def spectral_norm(
    kernel: tf.Tensor, direction: tf.Tensor, iterations: int = 1
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return a kernel's largest singular value, by power iteration, and the better direction.

    Start from any direction, keep the one returned and pass it in again at the next training
    step: a kernel changes little in a step, so one iteration each time is enough. Divided by the
    value, once the direction has settled, the kernel lengthens no vector. The gradient flows
    through the kernel and not through the directions, as at the exact singular vectors it should.

    Args:
        kernel: ``(…, inputs, outputs)``; leading axes are kernels side by side.
        direction: a unit vector for each, ``(…, outputs, 1)``.
        iterations: at least 1.

    Returns:
        The singular value, ``(…, 1, 1)``, never above the true one, and the new direction.

    Raises:
        ValueError: for shapes that do not fit, or fewer than one iteration.

    Source: Miyato, Kataoka, Koyama, Yoshida, "Spectral normalization for generative adversarial
    networks", ICLR 2018, algorithm 1, arXiv 1802.05957.
    """
    kernel, direction = tf.convert_to_tensor(kernel), tf.convert_to_tensor(direction)
    if kernel.shape.rank is None or kernel.shape.rank < 2:
        raise ValueError(f"The kernel has the shape {kernel.shape}; expected (…, inputs, outputs).")
    expected = [*kernel.shape[:-2], kernel.shape[-1], 1]
    if direction.shape.as_list() != expected:
        raise ValueError(
            f"The direction has the shape {direction.shape}; expected {tuple(expected)}."
        )
    if iterations < 1:
        raise ValueError(f"iterations is {iterations}; expected at least 1.")
    fixed = tf.stop_gradient(kernel)
    for _ in range(iterations):
        left = tf.math.l2_normalize(fixed @ direction, axis=-2)
        direction = tf.math.l2_normalize(tf.linalg.matrix_transpose(fixed) @ left, axis=-2)
    return tf.linalg.matrix_transpose(left) @ kernel @ direction, direction


def minibatch_std(features: tf.Tensor) -> tf.Tensor:
    """Append to each sample's features how much the batch varies, the same number for all.

    The number is the standard deviation over the batch, averaged over the features. A batch of
    near-copies has 0 there, which tells a discriminator what no single sample can. A sample's
    logit then depends on the others: gradient penalties do not go with it.

    Args:
        features: ``(…, batch, features)``; leading axes are batches side by side.

    Returns:
        ``(…, batch, features + 1)``.

    Raises:
        ValueError: for fewer than two axes.

    Source: Karras, Aila, Laine, Lehtinen, "Progressive growing of GANs for improved quality,
    stability, and variation", ICLR 2018, section 3, arXiv 1710.10196.
    """
    features = tf.convert_to_tensor(features)
    if features.shape.rank is None or features.shape.rank < 2:
        raise ValueError(
            f"The features have the shape {features.shape}; expected (…, batch, features)."
        )
    variance = tf.math.reduce_variance(features, axis=-2, keepdims=True)
    # The slope of √ at 0 is infinite: a small number keeps the gradient of equal samples finite.
    spread = tf.reduce_mean(tf.sqrt(variance + 1e-8), axis=-1, keepdims=True)
    return tf.concat([features, tf.ones_like(features[..., :1]) * spread], axis=-1)


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


def _dcgan_start(seed: int) -> keras.initializers.Initializer:
    """Return the initial weights of the paper: normal, standard deviation 0.02."""
    return keras.initializers.RandomNormal(stddev=0.02, seed=seed)


def _dcgan_normalise() -> keras.layers.Layer:
    """Return batch normalisation; weights that small need an ε far below Keras' 1e-3."""
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"The model's {name} is {size}; expected at least 1.")
