"""The networks of the text GAN: one step of a language model, an oracle, and a discriminator."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import keras
import numpy as np

from utils.checks import positive_integer


def step_network(tokens: int, units: int, embedding: int, *, seed: int = 0) -> keras.Model:
    """Return one step of an LSTM language model: token, h, c → logits, h, c.

    Defined in lesson 14.2.

    Args:
        tokens: size of the vocabulary.
        units: size of h and of c.
        embedding: numbers that stand for a token.
        seed: of the initial weights.

    Returns:
        A functional model. It reads a token ``(batch, tokens)``, one-hot or softened, and h and c,
        each ``(batch, units)``; it returns logits ``(batch, tokens)`` and the new h and c.

    Raises:
        ValueError: for a size below 1.
    """
    positive_integer(tokens=tokens, units=units, embedding=embedding)
    starts = [keras.initializers.GlorotUniform(seed=seed + i) for i in range(3)]
    orthogonal = keras.initializers.Orthogonal(seed=seed + 3)
    token = keras.Input((tokens,), name="token")
    h, c = keras.Input((units,), name="h"), keras.Input((units,), name="c")
    row = keras.layers.Dense(
        embedding, use_bias=False, kernel_initializer=starts[0], name="embedding"
    )(token)
    cell = keras.layers.LSTMCell(
        units, kernel_initializer=starts[1], recurrent_initializer=orthogonal, name="lstm"
    )
    _, (new_h, new_c) = cell(row, [h, c])
    logits = keras.layers.Dense(tokens, kernel_initializer=starts[2], name="logits")(new_h)
    return keras.Model([token, h, c], [logits, new_h, new_c], name="step")


def random_oracle(tokens: int, units: int, embedding: int, *, seed: int = 0) -> keras.Model:
    """Return a step network whose weights are all standard normal: a known, rugged distribution.

    Used in lesson 14.6.

    Source: Yu, Zhang, Wang and Yu, SeqGAN, AAAI 2017, arXiv 1609.05473, section "Synthetic data".

    Raises:
        ValueError: for a size below 1.
    """
    oracle = step_network(tokens, units, embedding, seed=seed)
    rng = np.random.default_rng(seed)
    oracle.set_weights([rng.normal(size=weight.shape) for weight in oracle.get_weights()])
    oracle.trainable = False
    return oracle


def text_discriminator(
    length: int,
    tokens: int,
    *,
    embedding: int = 16,
    filters: int = 32,
    widths: Sequence[int] = (2, 3, 4),
    dropout: float = 0.0,
    seed: int = 0,
) -> keras.Model:
    """Return a discriminator of texts: does any window of a few tokens give it away?

    Used in lesson 14.8.

    An embedding, convolutions of several widths over time, for each filter its largest value, a
    logit. Source: Kim, Convolutional neural networks for sentence classification, EMNLP 2014,
    arXiv 1408.5882, as used in SeqGAN.

    Args:
        length: tokens of a text.
        tokens: size of the vocabulary.
        embedding: numbers that stand for a token.
        filters: of each width.
        widths: tokens that a filter sees, each at most ``length``.
        dropout: share of the filters' values set to 0 in training.
        seed: of the initial weights.

    Returns:
        A functional model: texts ``(batch, length, tokens)``, one-hot or softened, to logits
        ``(batch, 1)``.

    Raises:
        ValueError: for a size below 1, or a width above ``length``.
    """
    positive_integer(length=length, tokens=tokens, embedding=embedding, filters=filters)
    if not widths or not all(1 <= width <= length for width in widths):
        raise ValueError(f"The widths are {tuple(widths)}; expected numbers from 1 to {length}.")
    starts = (keras.initializers.GlorotUniform(seed=seed + i) for i in itertools.count())
    text = keras.Input((length, tokens), name="text")
    rows = keras.layers.Dense(embedding, use_bias=False, kernel_initializer=next(starts))(text)
    seen = []
    for width in widths:
        convolve = keras.layers.Conv1D(
            filters, width, activation="relu", kernel_initializer=next(starts)
        )
        seen.append(keras.layers.GlobalMaxPooling1D()(convolve(rows)))
    features = keras.layers.Concatenate()(seen) if len(seen) > 1 else seen[0]
    features = keras.layers.Dropout(dropout, seed=seed)(features)
    logit = keras.layers.Dense(1, kernel_initializer=next(starts))(features)
    return keras.Model(text, logit, name="text_discriminator")
