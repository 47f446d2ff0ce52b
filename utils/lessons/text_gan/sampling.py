"""Texts from a step network: sampled, softened or completed, and their probabilities."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from utils.checks import positive_integer

Seed = Any  # two integers, or an integer tensor of shape (2,)
TINY = float(np.finfo(np.float32).tiny)


def gumbel(shape: Sequence[int], seed: Seed) -> tf.Tensor:
    """Return standard Gumbel noise, −log(−log u) with u uniform between 0 and 1, float32.

    Defined in lesson 14.5.
    """
    u = tf.random.stateless_uniform(shape, seed, minval=TINY, maxval=1.0)
    return -tf.math.log(-tf.math.log(u))


def gumbel_softmax(
    logits: tf.Tensor, noise: tf.Tensor, temperature: float = 1.0, *, hard: bool = False
) -> tf.Tensor:
    """Return a softened draw from softmax(logits): softmax((logits + noise) / temperature).

    Used in lesson 14.5.

    With Gumbel noise, its largest entry is the token drawn, and its chances are exactly those of
    the softmax, at any temperature. Towards temperature 0 the vector tends to one-hot.

    Args:
        logits: shape ``(..., tokens)``.
        noise: of the same shape; see ``gumbel``.
        temperature: positive.
        hard: return the token itself, one-hot, but with the gradient of the softened vector
            (the straight-through estimator).

    Raises:
        ValueError: for a temperature that is not positive.

    Source: Jang, Gu and Poole, Categorical reparameterization with Gumbel-softmax, ICLR 2017,
    arXiv 1611.01144; Maddison, Mnih and Teh, The concrete distribution, ICLR 2017,
    arXiv 1611.00712.
    """
    if not tf.is_tensor(temperature) and not 0 < temperature < np.inf:
        raise ValueError(f"The temperature is {temperature}; expected a positive, finite number.")
    soft = tf.nn.softmax((logits + noise) / temperature)
    if not hard:
        return soft
    token = tf.one_hot(tf.argmax(soft, axis=-1), soft.shape[-1], dtype=soft.dtype)
    return token + soft - tf.stop_gradient(soft)


def complete(
    network: keras.Model,
    texts: tf.Tensor,
    known: tf.Tensor | int,
    seed: Seed,
    *,
    temperature: tf.Tensor | float = 1.0,
    end: int | None = None,
) -> tf.Tensor:
    """Keep the first ``known`` tokens of each text and let the network write the rest.

    Used in lesson 14, "Try it".

    Args:
        network: a step network.
        texts: shape ``(batch, time)``; what stands after the known tokens is not read.
        known: how many tokens are kept, one number for all or shape ``(batch,)``.
        seed: see the module's docstring.
        temperature: divides the logits; below 1 the writing is more cautious.
        end: the token that stops a text, if there is one.

    Returns:
        Texts of the same shape, int32.

    Raises:
        ValueError: if the texts are not a table of known length.
    """
    texts = _table(texts)
    tokens, time = network.output_shape[0][-1], texts.shape[1]
    noise = gumbel((time, tf.shape(texts)[0], tokens), seed)
    token, h, c = _start(network, tf.shape(texts)[0])
    alive, written = tf.fill(tf.shape(texts)[:1], True), []
    for t in range(time):
        logits, h, c = network([token, h, c])
        number = tf.argmax(logits / temperature + noise[t], axis=-1, output_type=tf.int32)
        number = tf.where(t < known, texts[:, t], number)
        if end is not None:
            number = tf.where(alive, number, end)
            alive &= number != end
        written.append(number)
        token = tf.one_hot(number, tokens)
    return tf.stack(written, axis=1)


def sample(
    network: keras.Model,
    count: int,
    length: int,
    seed: Seed,
    *,
    temperature: tf.Tensor | float = 1.0,
    end: int | None = None,
) -> tf.Tensor:
    """Let a step network write ``count`` texts of ``length`` tokens; see ``complete``.

    Used in lesson 14.3.

    Raises:
        ValueError: for a count or a length below 1.
    """
    positive_integer(count=count)
    positive_integer(length=length)
    nothing = tf.zeros((count, length), tf.int32)
    return complete(network, nothing, 0, seed, temperature=temperature, end=end)


def soft_sample(
    network: keras.Model,
    count: int,
    length: int,
    seed: Seed,
    *,
    temperature: tf.Tensor | float = 1.0,
    hard: bool = True,
    end: int | None = None,
) -> tf.Tensor:
    """Write with Gumbel-softmax tokens, through which a gradient flows back to the weights.

    Used in lesson 14.10.

    Args:
        network: a step network.
        count: texts.
        length: tokens of each.
        seed: see the module's docstring.
        temperature: of ``gumbel_softmax``; it softens tokens and does not change which are drawn.
        hard: one-hot tokens with the gradient of the softened ones; else the softened ones.
        end: the token that stops a text, if there is one: what follows it is ``end``, one-hot
            and without a gradient.

    Returns:
        Shape ``(count, length, tokens)``. With the same seed, ``hard`` gives the tokens of
        ``sample``.

    Raises:
        ValueError: for a count or a length below 1.
    """
    positive_integer(count=count)
    positive_integer(length=length)
    tokens = network.output_shape[0][-1]
    noise = gumbel((length, count, tokens), seed)
    token, h, c = _start(network, count)
    alive, written = tf.ones((count, 1)), []
    for t in range(length):
        logits, h, c = network([token, h, c])
        token = gumbel_softmax(logits, noise[t], temperature, hard=hard)
        if end is not None:
            token = alive * token + (1 - alive) * tf.one_hot(end, tokens)
            ended = tf.argmax(token, axis=-1, output_type=tf.int32) == end
            alive *= 1 - tf.cast(ended, tf.float32)[:, None]
        written.append(token)
    return tf.stack(written, axis=1)


def log_probabilities(
    network: keras.Model,
    texts: tf.Tensor,
    *,
    temperature: tf.Tensor | float = 1.0,
    end: int | None = None,
) -> tf.Tensor:
    """Return the log-probability of each token given those before it.

    Defined in lesson 14.2.

    Args:
        network: a step network.
        texts: shape ``(batch, time)``.
        temperature: divides the logits, as in ``sample``.
        end: the token that stops a text, if there is one: what follows it counts 0.

    Returns:
        Shape ``(batch, time)``; the sum over time is the text's log-probability.

    Raises:
        ValueError: if the texts are not a table of known length.
    """
    texts = _table(texts)
    one_hot = tf.one_hot(texts, network.output_shape[0][-1])
    token, h, c = _start(network, tf.shape(texts)[0])
    alive, logs = tf.ones(tf.shape(texts)[:1]), []
    for t in range(texts.shape[1]):
        logits, h, c = network([token, h, c])
        token = one_hot[:, t]
        logs.append(alive * tf.reduce_sum(token * tf.nn.log_softmax(logits / temperature), axis=-1))
        if end is not None:
            alive *= tf.cast(texts[:, t] != end, tf.float32)
    return tf.stack(logs, axis=1)


def negative_log_likelihood(
    network: keras.Model,
    texts: tf.Tensor,
    *,
    temperature: tf.Tensor | float = 1.0,
    end: int | None = None,
) -> tf.Tensor:
    """Return the mean over the texts of −log p(text), in nats a text, a scalar.

    Used in lesson 14.6.

    Of a generator's texts under an oracle it is the *oracle NLL*; of an oracle's texts under a
    generator, the generator's loss on fresh data.
    """
    logs = log_probabilities(network, texts, temperature=temperature, end=end)
    return -tf.reduce_mean(tf.reduce_sum(logs, axis=1))


def all_texts(tokens: int, length: int) -> np.ndarray:
    """Return every text of ``length`` tokens, int32, shape ``(tokens ** length, length)``.

    Used in lesson 14.2.

    Raises:
        ValueError: for a number below 1, or more than a million texts.
    """
    positive_integer(tokens=tokens)
    positive_integer(length=length)
    if tokens**length > 1_000_000:
        raise ValueError(f"There are {tokens**length:,} such texts; expected at most 1,000,000.")
    return np.array(list(itertools.product(range(tokens), repeat=length)), np.int32)


def _start(network: keras.Model, batch: tf.Tensor | int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return what stands before the first token, and an empty memory."""
    tokens, units = network.output_shape[0][-1], network.output_shape[1][-1]
    return tf.zeros((batch, tokens)), tf.zeros((batch, units)), tf.zeros((batch, units))


def _table(texts: tf.Tensor) -> tf.Tensor:
    texts = tf.cast(texts, tf.int32)
    if texts.shape.rank != 2 or not texts.shape[1]:
        raise ValueError(f"The texts have the shape {texts.shape}; expected (batch, time).")
    return texts
