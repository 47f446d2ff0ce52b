"""A judge of LSTM layers: the one that TimeGAN's *text* describes, where its code has a GRU.

Yoon, Jarrett and van der Schaar, "Time-series Generative Adversarial Networks", NeurIPS 2019: the
text of section 5 has "a 2-layer LSTM" tell real from generated windows, the published code a GRU
of one layer (``discriminative_score``). All else here is as there: weights, batches, Adam.

Shapes are those of ``utils.evaluation.judges``: ``(judges, units, windows)``, windows last. A
judge's weights, in order: for each layer the kernel (4·units, inputs), the recurrent kernel
(4·units, units) and the bias (4·units, 1), with the gates in Keras' order: input i, forget f,
candidate c, output o; then the dense kernel (1, units) and its bias (1, 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from utils.checks import positive_integer
from utils.evaluation.judges import Weights, _adam, _dense, _take, stack
from utils.evaluation.scores import (
    Score,
    _accuracy,
    _draw_batches,
    _scaled_pair,
    _score,
    _split,
)


def lstm_discriminative_score(
    real: np.ndarray,
    fake: np.ndarray,
    *,
    repeats: int = 10,
    layers: int = 2,
    units: int | None = None,
    steps: int = 2000,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> Score:
    """Return how well an LSTM tells real from generated windows: |accuracy − 0.5|, 0 to 0.5.

    The protocol is that of ``discriminative_score``, with the same split and batches for the same
    seed; only the judge differs. The weights start as Keras starts an LSTM's: Glorot uniform,
    orthogonal, zeros, and ones for the bias of the forget gate.

    Args:
        real: ``(windows, time, features)``, in the data's units.
        fake: ``(windows, time, features)``, of the same time and features.
        repeats: how many judges, each with its own weights, split and batches.
        layers: LSTM layers.
        units: units of each layer; by default half the features, rounded down, at least 1, as
            the published code has them: the sentence in the text names no number.
        steps: training steps.
        batch_size: real windows, and generated windows, a step.
        learning_rate: of Adam.
        seed: the same seed gives the same score on the same machine; judge k depends on
            ``(seed, k)`` only.

    Raises:
        ValueError: as ``discriminative_score``.
    """
    real, fake = _scaled_pair(real, fake)
    units = max(1, real.shape[2] // 2) if units is None else units
    positive_integer(
        repeats=repeats, layers=layers, units=units, steps=steps, batch_size=batch_size
    )
    windows = np.concatenate([real, fake])
    splits, batches, weights = [], [], []
    for judge in range(repeats):
        rng = np.random.default_rng([seed, judge])
        real_train, real_test = _split(len(real), rng)
        fake_train, fake_test = (part + len(real) for part in _split(len(fake), rng))
        splits.append(np.concatenate([real_test, fake_test]))
        batches.append(_draw_batches(rng, steps, batch_size, real_train, fake_train))
        weights.append(initial_lstm_weights(rng, windows.shape[2], layers, units))
    # One batch holds the real windows first: the targets are the same at every step.
    real_count, fake_count = min(batch_size, len(real_train)), min(batch_size, len(fake_train))
    target = np.r_[np.ones(real_count), np.zeros(fake_count)].astype("float32")

    def values(judges: slice) -> list[float]:
        trained = train_lstm_classifier(
            stack(weights[judges]),
            tf.constant(windows),
            tf.constant(target),
            tf.constant(np.stack(batches[judges], axis=1)),
            tf.constant(learning_rate, tf.float32),
        )
        chosen = np.stack(splits[judges])
        logits = lstm_judge_logits(trained, tf.constant(windows), tf.constant(chosen)).numpy()
        return list(np.abs(_accuracy(logits, chosen < len(real)) - 0.5))

    return _score(values, repeats)


def initial_lstm_weights(
    rng: np.random.Generator, inputs: int, layers: int, units: int
) -> list[np.ndarray]:
    """Return one judge's weights as Keras would draw them."""

    def glorot(rows: int, columns: int) -> np.ndarray:
        limit = math.sqrt(6 / (rows + columns))
        return rng.uniform(-limit, limit, (rows, columns))

    weights = []
    for _ in range(layers):
        q, r = np.linalg.qr(rng.normal(size=(4 * units, units)))
        orthogonal = q * np.sign(np.diag(r))  # the sign makes it uniform over rotations
        bias = np.zeros((4 * units, 1))
        bias[units : 2 * units] = 1  # an LSTM starts by remembering
        weights += [glorot(4 * units, inputs), orthogonal, bias]
        inputs = units
    weights += [glorot(1, units), np.zeros((1, 1))]
    return [weight.astype("float32") for weight in weights]


@tf.custom_gradient
def _recurrence(projected: tf.Tensor, recurrent: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """Return the states of an LSTM layer and their gradient, backpropagation through time.

    i, f, o = σ(x + R h),  g = tanh(x_g + R_g h),  c ← f ∘ c + i ∘ g,  h ← o ∘ tanh(c)

    The gradient is written out, so that the recurrent kernel's is one product over all times.

    Args:
        projected: K x + b for all times, ``(time, judges, 4·units, windows)``.
        recurrent: R, ``(judges, 4·units, units)``.

    Returns:
        h for all times, ``(time, judges, units, windows)``, and the function of the gradient.
    """
    time, judges, rows, windows = projected.shape
    units = rows // 4
    zeros = tf.zeros((judges, units, windows))

    def array(height: int) -> tf.TensorArray:
        return tf.TensorArray(tf.float32, time, element_shape=(judges, height, windows))

    def forward(t: tf.Tensor, h: tf.Tensor, c: tf.Tensor, *history: tf.TensorArray) -> tuple:
        x = projected[t] + recurrent @ h
        i_f, o = tf.sigmoid(x[:, : 2 * units]), tf.sigmoid(x[:, 3 * units :])
        g = tf.tanh(x[:, 2 * units : 3 * units])
        c = i_f[:, units:] * c + i_f[:, :units] * g
        h = o * tf.tanh(c)
        kept = zip(history, (tf.concat([i_f, g, o], axis=1), c, h), strict=True)
        return t + 1, h, c, *(values.write(t, value) for values, value in kept)

    history = [array(rows), array(units), array(units)]
    _, _, _, *history = tf.while_loop(
        lambda t, *_: t < time, forward, (0, zeros, zeros, *history), maximum_iterations=time
    )
    gates, cs, hs = (values.stack() for values in history)

    def gradient(from_above: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        h_before, c_before = (tf.concat([zeros[None], x[:-1]], axis=0) for x in (hs, cs))

        def backward(t: tf.Tensor, dh: tf.Tensor, dc: tf.Tensor, dx: tf.TensorArray) -> tuple:
            i, f, g, o = tf.split(gates[t], 4, axis=1)
            tanh_c = tf.tanh(cs[t])
            dh = dh + from_above[t]
            dc = dc + dh * o * (1 - tanh_c * tanh_c)
            step = tf.concat(
                [
                    dc * g * i * (1 - i),
                    dc * c_before[t] * f * (1 - f),
                    dc * i * (1 - g * g),
                    dh * tanh_c * o * (1 - o),
                ],
                axis=1,
            )
            dh = tf.matmul(recurrent, step, transpose_a=True)
            return t - 1, dh, dc * f, dx.write(t, step)

        _, _, _, dx = tf.while_loop(
            lambda t, *_: t >= 0,
            backward,
            (time - 1, zeros, zeros, array(rows)),
            maximum_iterations=time,
        )
        dx = dx.stack()
        return dx, tf.einsum("tjaw,tjbw->jab", dx, h_before)  # summed over times and windows

    return hs, gradient


def _states(weights: Weights, x: tf.Tensor) -> tf.Tensor:
    """Return the last layer's states ``(time, judges, units, windows)`` for x of such a shape."""
    *layers, _, _ = weights
    for kernel, recurrent, bias in zip(layers[::3], layers[1::3], layers[2::3], strict=True):
        x = _recurrence(tf.einsum("tjfw,jaf->tjaw", x, kernel) + bias, recurrent)
    return x


def _logits(weights: Weights, windows: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    return _dense(weights, _states(weights, _take(windows, chosen))[-1])


@tf.function(jit_compile=True)
def train_lstm_classifier(
    weights: Weights,
    windows: tf.Tensor,
    target: tf.Tensor,
    batches: tf.Tensor,
    learning_rate: tf.Tensor,
) -> Weights:
    """Return the judges' weights after training; target 1 is real, 0 generated."""

    def loss_of(weights: Weights, chosen: tf.Tensor) -> tf.Tensor:
        logits = _logits(weights, windows, chosen)
        losses = tf.nn.softplus(logits) - target * logits  # cross-entropy
        of_real = tf.reduce_sum(losses * target, axis=1) / tf.reduce_sum(target)
        of_fake = tf.reduce_sum(losses * (1 - target), axis=1) / tf.reduce_sum(1 - target)
        return tf.reduce_sum(of_real + of_fake)

    return _adam(weights, loss_of, batches, learning_rate)


lstm_judge_logits = tf.function(_logits, jit_compile=True)
