"""What a trained network does: gates, ablation, directions, attributions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from scipy.special import expit

from utils.checks import positive_integer

Function = Callable[[tf.Tensor], tf.Tensor]


class Gates(NamedTuple):
    """Everything an LSTM layer computes on the way, each of shape ``(batch, time, units)``.

    Used in lesson 17.1.

    Attributes:
        input: how much of the candidate is let in, 0 to 1.
        forget: how much of the cell is kept, 0 to 1.
        candidate: what could be let in, −1 to 1.
        output: how much of the cell is shown, 0 to 1.
        cell: what the unit keeps, c_t.
        hidden: what it shows, h_t: the layer's output.
    """

    input: np.ndarray
    forget: np.ndarray
    candidate: np.ndarray
    output: np.ndarray
    cell: np.ndarray
    hidden: np.ndarray


def lstm_gates(layer: keras.layers.LSTM, inputs: np.ndarray) -> Gates:
    """Return the gates of a Keras LSTM layer, recomputed step by step in double precision.

    Defined in lesson 17.1.

    ``lstm_gates(layer, x).hidden`` is what the layer returns with ``return_sequences=True``, up to
    its own rounding.

    Args:
        layer: built, with Keras' default activations, a bias, and read forwards.
        inputs: what the layer reads, ``(batch, time, features)``.

    Raises:
        ValueError: for a layer that is not such an LSTM, or inputs of another shape.

    Source: Hochreiter and Schmidhuber, Long short-term memory, Neural Computation 9(8), 1997;
    looking at the gates: Karpathy, Johnson, Fei-Fei, 2015, arXiv 1506.02078.
    """
    kernel, recurrent, bias = (w.astype(np.float64) for w in _lstm_weights(layer))
    inputs = np.asarray(inputs, np.float64)
    if inputs.ndim != 3 or inputs.shape[-1] != len(kernel):
        raise ValueError(
            f"The inputs have the shape {inputs.shape}; expected (batch, time, {len(kernel)})."
        )
    hidden = cell = np.zeros((len(inputs), len(recurrent)))
    steps = []
    for t in range(inputs.shape[1]):
        into = inputs[:, t] @ kernel + hidden @ recurrent + bias
        i, f, candidate, o = np.split(into, 4, axis=-1)
        i, f, candidate, o = expit(i), expit(f), np.tanh(candidate), expit(o)
        cell = f * cell + i * candidate
        hidden = o * np.tanh(cell)
        steps.append((i, f, candidate, o, cell, hidden))
    return Gates(*(np.stack(each, axis=1) for each in zip(*steps, strict=True)))


def ablate(weights: Sequence[np.ndarray], units: int | Iterable[int]) -> list[np.ndarray]:
    """Return an LSTM layer's weights with these units switched off, for ``layer.set_weights``.

    Defined in lesson 17.2.

    The columns of a unit's candidate are set to zero, in kernel, recurrent kernel and bias. Its
    candidate is then tanh(0) = 0 at every step, its cell stays at 0, and so does its output:
    whatever its gates do, no other unit and no later layer hears of it.

    Args:
        weights: kernel ``(features, 4·units)``, recurrent kernel ``(units, 4·units)`` and bias
            ``(4·units,)``, as ``layer.get_weights()`` returns them.
        units: the number of the unit, from 0, or several.

    Raises:
        ValueError: for weights that are not an LSTM's, or a unit that it does not have.
    """
    if len(weights) != 3 or np.shape(weights[2]) != (4 * len(weights[1]),):
        raise ValueError("The weights are not an LSTM's: expected kernel, recurrent kernel, bias.")
    count = len(weights[1])
    chosen = np.atleast_1d(np.asarray(list(units) if isinstance(units, Iterable) else units))
    if chosen.size and not (chosen.min() >= 0 and chosen.max() < count):
        raise ValueError(f"The units are {chosen.tolist()}; expected 0 to {count - 1}.")
    kept = [np.array(weight) for weight in weights]
    for weight in kept:
        weight[..., 2 * count + chosen.astype(int)] = 0
    return kept


def _lstm_weights(layer: keras.layers.LSTM) -> list[np.ndarray]:
    usual = (
        isinstance(layer, keras.layers.LSTM)
        and layer.activation is keras.activations.tanh
        and layer.recurrent_activation is keras.activations.sigmoid
        and layer.use_bias
        and not layer.go_backwards
        and not layer.stateful
    )
    if not usual:
        raise ValueError(
            f"The layer {getattr(layer, 'name', layer)!r} is not an LSTM that reads forwards, "
            "with a bias and Keras' default activations."
        )
    if not layer.built:
        raise ValueError(f"The layer {layer.name!r} has no weights yet; expected a built one.")
    return layer.get_weights()


class Direction(NamedTuple):
    """How a number falls and rises with the latents.

    Used in lesson 17.3.

    Attributes:
        slope: change of the number for a step of 1 in each latent, ``(latents,)``.
        explained: the share of its variance that the straight line explains, R².
    """

    slope: np.ndarray
    explained: float

    @property
    def unit(self) -> np.ndarray:
        """The direction alone: the slope with length 1."""
        return self.slope / np.linalg.norm(self.slope)


def direction(latents: np.ndarray, values: np.ndarray) -> Direction:
    """Return the direction in which ``values`` rise fastest, by least squares.

    Used in lesson 17.3.

    For latents ~ N(0, I) and many samples the slope is E[∇f], the mean gradient of the values
    with respect to the latents, whatever the smooth function f is (Stein's identity,
    E[z f(z)] = E[∇f(z)]).

    Args:
        latents: ``(samples, latents)``.
        values: ``(samples,)``.

    Raises:
        ValueError: for other shapes, no more samples than latents, or values that are all equal.

    Source: Stein, Estimation of the mean of a multivariate normal distribution, Annals of
    Statistics 9(6), 1981, lemma 2.
    """
    latents, values = np.asarray(latents, np.float64), np.asarray(values, np.float64)
    if latents.ndim != 2 or values.shape != latents.shape[:1]:
        raise ValueError(
            f"Latents of shape {latents.shape} and values of shape {values.shape} do not fit; "
            "expected (samples, latents) and (samples,)."
        )
    if len(latents) <= latents.shape[1] + 1:
        raise ValueError(
            f"There are {len(latents)} samples of {latents.shape[1]} latents; expected more than "
            f"{latents.shape[1] + 1}."
        )
    centred = values - values.mean()
    if not np.ptp(values) > 0:
        raise ValueError("The values are all equal, or not finite: no direction changes them.")
    around = latents - latents.mean(axis=0)
    slope = np.linalg.lstsq(around, centred, rcond=None)[0]
    left = centred - around @ slope
    return Direction(slope, float(1 - (left @ left) / (centred @ centred)))


def orthogonalise(vector: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """Return ``vector`` less its part along ``others``: the nearest vector at right angles to all.

    Used in lesson 17.3.

    Raises:
        ValueError: if the vectors differ in length, or nothing is left.
    """
    vector = np.asarray(vector, np.float64)
    if any(np.shape(other) != vector.shape for other in others) or vector.ndim != 1:
        raise ValueError("The vectors differ in length; expected all of shape (latents,).")
    if not others:
        return vector.copy()
    along = np.stack(others, axis=1)
    left = vector - along @ np.linalg.lstsq(along, vector, rcond=None)[0]
    if np.linalg.norm(left) <= 1e-9 * np.linalg.norm(vector):
        raise ValueError("The vector lies within the span of the others: nothing is left of it.")
    return left


def integrated_gradients(
    function: Function, windows: np.ndarray, baseline: np.ndarray, *, steps: int = 64
) -> np.ndarray:
    """Return each number's share in f(x) − f(x'), float64, of the windows' shape.

    Defined in lesson 17.4.

    The share of entry i is (x_i − x'_i) · ∫₀¹ ∂f/∂x_i (x' + α(x − x')) dα. Along the straight line
    the shares add up to f(x) − f(x') (*completeness*); for a linear f they are w_i (x_i − x'_i).
    The integral is a midpoint sum of ``steps`` terms, exact where f is linear or quadratic.

    Args:
        function: any number of windows ``(rows, …)`` → ``(rows,)`` or ``(rows, 1)``, each row on
            its own.
        windows: x, ``(batch, …)``.
        baseline: x', of one window's shape, or of the windows'.
        steps: terms of the sum, at least 1.

    Raises:
        ValueError: for shapes that do not fit, or a function that does not depend on its input.

    Source: Sundararajan, Taly, Yan, Axiomatic attribution for deep networks, ICML 2017,
    arXiv 1703.01365.
    """
    windows, baseline = _windows_and_baseline(windows, baseline)
    positive_integer(steps=steps)
    way = windows - baseline
    alphas = (np.arange(steps) + 0.5) / steps
    total = np.zeros_like(windows)
    for some in _in_chunks(alphas, len(windows)):
        points = baseline + some.reshape(-1, *[1] * windows.ndim) * way
        rows = tf.constant(points.reshape(-1, *windows.shape[1:]), tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(rows)
            value = tf.reduce_sum(_per_window(function(rows), len(rows)))
        gradient = tape.gradient(value, rows)
        if gradient is None:
            raise ValueError("The function's values do not depend on the windows.")
        total += gradient.numpy().reshape(points.shape).sum(axis=0, dtype=np.float64)
    return way * total / steps


def occlusion(
    function: Function, windows: np.ndarray, replacement: np.ndarray, *, width: int = 1
) -> np.ndarray:
    """Return what each time step is worth: f(x) − f(x with that step replaced), (batch, time).

    Used in lesson 17.4.

    Args:
        function: any number of windows ``(rows, time, features)`` → ``(rows,)`` or ``(rows, 1)``.
        windows: x, ``(batch, time, features)``.
        replacement: what is put in, one window ``(time, features)`` or one for each.
        width: consecutive steps replaced at once, at least 1; entry t then belongs to the steps
            t … t + width − 1, cut off at the end.

    Raises:
        ValueError: for shapes that do not fit, or a width below 1.

    Source: Zeiler, Fergus, Visualizing and understanding convolutional networks, ECCV 2014,
    arXiv 1311.2901, who cover parts of a picture.
    """
    windows, replacement = _windows_and_baseline(windows, replacement)
    if windows.ndim != 3:
        raise ValueError(f"The windows have {windows.ndim} axes; expected (batch, time, features).")
    positive_integer(width=width)
    time = windows.shape[1]

    def values(x: np.ndarray) -> np.ndarray:
        rows = tf.constant(x.reshape(-1, *windows.shape[1:]), tf.float32)
        found = _per_window(function(rows), len(rows)).numpy().astype(np.float64)
        return found.reshape(-1, len(windows))

    worth = []
    for starts in _in_chunks(np.arange(time), len(windows)):
        hidden = np.repeat(windows[np.newaxis], len(starts), axis=0)
        for copy, t in zip(hidden, starts, strict=True):
            copy[:, t : t + width] = replacement[:, t : t + width]
        worth.append(values(hidden))
    return (values(windows) - np.concatenate(worth)).T


def _in_chunks(items: np.ndarray, rows: int, most: int = 4096) -> list[np.ndarray]:
    """Return ``items`` in parts, so that each times ``rows`` is at most ``most``, or one item."""
    size = max(1, most // rows)
    return [items[start : start + size] for start in range(0, len(items), size)]


def _windows_and_baseline(
    windows: np.ndarray, baseline: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    windows, baseline = np.asarray(windows, np.float64), np.asarray(baseline, np.float64)
    if windows.ndim < 2 or baseline.shape not in (windows.shape, windows.shape[1:]):
        raise ValueError(
            f"Windows of shape {windows.shape} and a baseline of shape {baseline.shape} do not "
            "fit; expected (batch, …) and the shape of one window, or of all."
        )
    if not (np.isfinite(windows).all() and np.isfinite(baseline).all()):
        raise ValueError("The windows or the baseline hold NaN or infinity; expected numbers.")
    return windows, np.broadcast_to(baseline, windows.shape)


def _per_window(values: tf.Tensor, count: int) -> tf.Tensor:
    values = tf.convert_to_tensor(values)
    if values.shape.as_list() not in ([count], [count, 1]):
        raise ValueError(
            f"The function returned the shape {values.shape}; expected ({count},) or ({count}, 1)."
        )
    return tf.reshape(values, (-1,))
