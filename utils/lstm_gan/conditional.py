"""A generator that is told what to make, and its discriminator."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from utils.checks import positive_integer
from utils.lstm_gan.networks import lstm


@keras.saving.register_keras_serializable("course")
class Clock(keras.layers.Layer):
    """Append to a sequence the hands of a clock: sines and cosines of 1, 2, 4, … turns a window.

    Defined in lesson 13.6.

    (batch, time, features) → (batch, time, features + 2·hands). A recurrent network would else
    have to count the steps to know where in the window it is.

    Source: the positional encoding of Vaswani et al., "Attention is all you need", NeurIPS 2017,
    section 3.5, arXiv 1706.03762, with the frequencies set by the window.
    """

    def __init__(self, hands: int = 3, **options: Any) -> None:
        """Take the number of ``hands``, each twice as fast as the one before."""
        super().__init__(**options)
        positive_integer(hands=hands)
        self.hands = hands

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Return the sequence and its clock side by side."""
        time = ops.arange(inputs.shape[1], dtype=inputs.dtype) / inputs.shape[1]
        angles = 2 * math.pi * time[:, None] * 2.0 ** ops.arange(self.hands, dtype=inputs.dtype)
        hands = ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)
        hands = ops.broadcast_to(hands, (ops.shape(inputs)[0], *hands.shape))
        return ops.concatenate([inputs, hands], axis=-1)

    def get_config(self) -> dict[str, Any]:
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

    Defined in lesson 13.6.

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
    positive_integer(window=window, latent=latent, features=features, classes=classes)
    positive_integer(units=units, layers=layers, embedding=embedding)
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

    Defined in lesson 13.6.

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
    positive_integer(window=window, features=features, classes=classes, units=units, layers=layers)
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
