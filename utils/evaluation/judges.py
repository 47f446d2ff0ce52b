"""The judges of the scores: a GRU, its gradient and Adam, compiled with XLA.

The judges are stacked, and the windows come last: a hidden state has the shape
``(judges, units, windows)``. The gates are then contiguous slices, and on a GPU all judges train
as one batched model. On a CPU one judge at a time a core is faster (plain matrix products).

A judge's weights, in order: for each layer the kernel (3·units, inputs), the recurrent kernel
(3·units, units) and the bias (3·units, 1), with the gates in Keras' order: update z, reset r,
candidate c; then the dense kernel (1, units) and its bias (1, 1). ``stack`` adds the judge axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # Adam's defaults in TensorFlow 1
Weights = list[tf.Tensor]


def initial_weights(
    rng: np.random.Generator, inputs: int, layers: int, units: int
) -> list[np.ndarray]:
    """Return one judge's weights as Keras would draw them."""

    def glorot(rows: int, columns: int) -> np.ndarray:
        limit = math.sqrt(6 / (rows + columns))
        return rng.uniform(-limit, limit, (rows, columns))

    weights = []
    for _ in range(layers):
        q, r = np.linalg.qr(rng.normal(size=(3 * units, units)))
        orthogonal = q * np.sign(np.diag(r))  # the sign makes it uniform over rotations
        weights += [glorot(3 * units, inputs), orthogonal, np.zeros((3 * units, 1))]
        inputs = units
    weights += [glorot(1, units), np.zeros((1, 1))]
    return [weight.astype("float32") for weight in weights]


def stack(judges: list[list[np.ndarray]]) -> Weights:
    """Return the weights of several judges with a leading judge axis."""
    return [tf.constant(np.stack(weight)) for weight in zip(*judges, strict=True)]


@tf.custom_gradient
def _recurrence(projected: tf.Tensor, recurrent: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """Return the states of a GRU layer and their gradient, backpropagation through time.

    z, r = σ(x_zr + R_zr h),  c = tanh(x_c + R_c (r ∘ h)),  h ← z ∘ h + (1 − z) ∘ c

    The gradient is written out: a third faster than TensorFlow's own here, since the recurrent
    kernel's gradient becomes one product over all times instead of a sum of one a time.

    Args:
        projected: K x + b for all times, ``(time, judges, 3·units, windows)``.
        recurrent: R, ``(judges, 3·units, units)``.

    Returns:
        h for all times, ``(time, judges, units, windows)``, and the function of the gradient.
    """
    time, judges, rows, windows = projected.shape
    units = rows // 3
    of_gates, of_candidate = recurrent[:, : 2 * units], recurrent[:, 2 * units :]
    start = tf.zeros((judges, units, windows))

    def array(height: int) -> tf.TensorArray:
        return tf.TensorArray(tf.float32, time, element_shape=(judges, height, windows))

    def forward(t: tf.Tensor, h: tf.Tensor, *history: tf.TensorArray) -> tuple:
        x = projected[t]
        gates = tf.sigmoid(x[:, : 2 * units] + of_gates @ h)
        z, r = gates[:, :units], gates[:, units:]
        c = tf.tanh(x[:, 2 * units :] + of_candidate @ (r * h))
        h = c + z * (h - c)
        kept = zip(history, (z, r, c, h), strict=True)
        return t + 1, h, *(values.write(t, value) for values, value in kept)

    history = [array(units) for _ in range(4)]
    _, _, *history = tf.while_loop(
        lambda t, *_: t < time, forward, (0, start, *history), maximum_iterations=time
    )
    zs, rs, cs, hs = (values.stack() for values in history)

    def gradient(from_above: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        before = tf.concat([start[None], hs[:-1]], axis=0)  # h one step earlier

        def backward(t: tf.Tensor, dh: tf.Tensor, dx: tf.TensorArray) -> tuple:
            z, r, c, h = zs[t], rs[t], cs[t], before[t]
            dh = dh + from_above[t]
            dc = dh * (1 - z) * (1 - c * c)
            drh = tf.matmul(of_candidate, dc, transpose_a=True)
            dz = dh * (h - c) * z * (1 - z)
            dr = drh * h * r * (1 - r)
            dgates = tf.concat([dz, dr], axis=1)
            dh = dh * z + drh * r + tf.matmul(of_gates, dgates, transpose_a=True)
            return t - 1, dh, dx.write(t, tf.concat([dgates, dc], axis=1))

        _, _, dx = tf.while_loop(
            lambda t, *_: t >= 0, backward, (time - 1, start, array(rows)), maximum_iterations=time
        )
        dx = dx.stack()
        product = "tjaw,tjbw->jab"  # summed over times and windows
        dgates = tf.einsum(product, dx[:, :, : 2 * units], before)
        dcandidate = tf.einsum(product, dx[:, :, 2 * units :], rs * before)
        return dx, tf.concat([dgates, dcandidate], axis=1)

    return hs, gradient


def _states(weights: Weights, x: tf.Tensor) -> tf.Tensor:
    """Return the last layer's states ``(time, judges, units, windows)`` for x of such a shape."""
    *layers, _, _ = weights
    for kernel, recurrent, bias in zip(layers[::3], layers[1::3], layers[2::3], strict=True):
        x = _recurrence(tf.einsum("tjfw,jaf->tjaw", x, kernel) + bias, recurrent)
    return x


def _dense(weights: Weights, states: tf.Tensor) -> tf.Tensor:
    """Return the dense layer's output on states ``(…, judges, units, windows)``, without the units.

    Written as a sum: with one output it is faster than a batched matrix product.
    """
    kernel, bias = weights[-2:]
    return tf.reduce_sum(states * tf.linalg.matrix_transpose(kernel), axis=-2) + bias[..., 0]


def _take(windows: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """Return the chosen windows of each judge, ``(time, judges, features, windows)``."""
    return tf.transpose(tf.gather(windows, chosen), [2, 0, 3, 1])


def _inputs_and_future(windows: tf.Tensor, chosen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return what a forecaster reads and what it is to forecast, the last feature."""
    x = _take(windows, chosen)
    read = x if x.shape[2] == 1 else x[:, :, :-1]
    return read[:-1], x[1:, :, -1]


def _adam(
    weights: Weights,
    loss_of: Callable[[Weights, tf.Tensor], tf.Tensor],
    batches: tf.Tensor,
    learning_rate: tf.Tensor,
) -> Weights:
    """Return the weights after a step of Adam on each batch ``(steps, judges, windows)``.

    ``loss_of(weights, chosen)`` is the loss summed over the judges: a judge's gradient is then its
    own, and since Adam works element by element, so is all of its training (Kingma and Ba,
    "Adam", ICLR 2015, the efficient order of section 2; ε as TensorFlow 1 has it).
    """
    m = [tf.zeros_like(weight) for weight in weights]
    v = [tf.zeros_like(weight) for weight in weights]
    for step in tf.range(tf.shape(batches)[0]):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            loss = loss_of(weights, batches[step])
        gradients = tape.gradient(loss, weights)
        t = tf.cast(step + 1, tf.float32)
        rate = learning_rate * tf.sqrt(1 - BETA_2**t) / (1 - BETA_1**t)
        m = [BETA_1 * a + (1 - BETA_1) * g for a, g in zip(m, gradients, strict=True)]
        v = [BETA_2 * a + (1 - BETA_2) * g * g for a, g in zip(v, gradients, strict=True)]
        weights = [
            w - rate * a / (tf.sqrt(b) + EPSILON) for w, a, b in zip(weights, m, v, strict=True)
        ]
    return weights


# Compiled with XLA: one compilation of about two seconds, then no time is lost between the
# thousands of small operations of a step.


@tf.function(jit_compile=True)
def train_classifier(
    weights: Weights,
    windows: tf.Tensor,
    target: tf.Tensor,
    batches: tf.Tensor,
    learning_rate: tf.Tensor,
) -> Weights:
    """Return the judges' weights after training; target 1 is real, 0 generated."""
    real = target  # `(windows,)`, of every batch and judge

    def loss_of(weights: Weights, chosen: tf.Tensor) -> tf.Tensor:
        logits = _dense(weights, _states(weights, _take(windows, chosen))[-1])
        losses = tf.nn.softplus(logits) - real * logits  # cross-entropy
        of_real = tf.reduce_sum(losses * real, axis=1) / tf.reduce_sum(real)
        of_fake = tf.reduce_sum(losses * (1 - real), axis=1) / tf.reduce_sum(1 - real)
        return tf.reduce_sum(of_real + of_fake)

    return _adam(weights, loss_of, batches, learning_rate)


@tf.function(jit_compile=True)
def train_forecaster(
    weights: Weights, windows: tf.Tensor, batches: tf.Tensor, learning_rate: tf.Tensor
) -> Weights:
    """Return the forecasters' weights after training on the windows."""

    def loss_of(weights: Weights, chosen: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(_forecast_error(weights, windows, chosen))

    return _adam(weights, loss_of, batches, learning_rate)


def _forecast_error(weights: Weights, windows: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """Return each judge's mean absolute error over the chosen windows and their times."""
    x, future = _inputs_and_future(windows, chosen)
    forecast = tf.sigmoid(_dense(weights, _states(weights, x)))
    return tf.reduce_mean(tf.abs(forecast - future), axis=[0, 2])


@tf.function(jit_compile=True)
def judge_logits(weights: Weights, windows: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """Return each judge's logits on its chosen windows, ``(judges, windows)``."""
    return _dense(weights, _states(weights, _take(windows, chosen))[-1])


absolute_error = tf.function(_forecast_error, jit_compile=True)
