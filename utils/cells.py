"""Recurrent cells written out: in NumPy, as the equations read, and as Keras layers.

The NumPy functions are *time-major*: a batch of sequences has the shape
``(time, batch, features)``, so that ``inputs[t]`` is everything that arrives at step ``t``.

Two layouts of the weights appear, and each function says which it takes:

* **The equations'.** ``h_t = tanh(W_hh h_{t-1} + W_xh x_t + b_h)`` and ``y_t = W_hy h_t + b_y``
  multiply column vectors from the left, so ``W_xh`` has the shape ``(units, features)``. A batch
  holds its vectors as rows; the same product is then ``x @ W_xh.T``.
* **Keras'.** A *kernel* is the transpose, of shape ``(features, units)``, and a batch of rows is
  multiplied from the right: ``x @ kernel``. Cells with gates lay the gates' kernels side by
  side: LSTM input, forget, candidate, output; GRU update, reset, candidate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from utils.checks import positive_integer

State = tuple[np.ndarray, ...]


def _require_shape(name: str, array: np.ndarray, expected: tuple[int | None, ...]) -> None:
    """Raise ValueError unless the array has that shape, where None stands for any size."""
    shape = np.shape(array)
    fits = len(shape) == len(expected) and all(
        size in (None, actual) for actual, size in zip(shape, expected, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if size is None else str(size) for size in expected)
        raise ValueError(f"{name} has the shape {shape}; expected ({wanted}).")


# The simple recurrent network, forwards and backwards in NumPy ----------------------------------


class RnnWeights(NamedTuple):
    """The weights of a simple recurrent network, or their gradients, in the equations' layout.

    Defined in lesson 1.3.

    Attributes:
        w_xh: input to hidden, shape ``(units, features)``.
        w_hh: hidden to hidden, shape ``(units, units)``.
        b_h: hidden bias, shape ``(units,)``.
        w_hy: hidden to output, shape ``(outputs, units)``.
        b_y: output bias, shape ``(outputs,)``.
    """

    w_xh: np.ndarray
    w_hh: np.ndarray
    b_h: np.ndarray
    w_hy: np.ndarray
    b_y: np.ndarray


def _require_rnn_shapes(weights: RnnWeights) -> tuple[int, int, int]:
    """Return features, units and outputs, or raise ValueError where the shapes disagree."""
    _require_shape("w_xh", weights.w_xh, (None, None))
    _require_shape("w_hy", weights.w_hy, (None, None))
    (units, features), outputs = np.shape(weights.w_xh), np.shape(weights.w_hy)[0]
    _require_shape("w_hh", weights.w_hh, (units, units))
    _require_shape("b_h", weights.b_h, (units,))
    _require_shape("w_hy", weights.w_hy, (outputs, units))
    _require_shape("b_y", weights.b_y, (outputs,))
    return features, units, outputs


def rnn_forward(
    inputs: np.ndarray, weights: RnnWeights, initial_state: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Run h_t = tanh(W_hh h_{t-1} + W_xh x_t + b_h), y_t = W_hy h_t + b_y over a batch.

    Defined in lesson 1.3.

    Args:
        inputs: x, shape ``(time, batch, features)``.
        weights: in the equations' layout.
        initial_state: h_0, shape ``(batch, units)``; zeros if omitted.

    Returns:
        The hidden states h_0 … h_T, shape ``(time + 1, batch, units)``: the state *after* input
        ``t`` is ``states[t + 1]``. And the outputs, shape ``(time, batch, outputs)``.

    Raises:
        ValueError: for shapes that do not fit together.

    Source: Elman, Finding structure in time, Cognitive Science 14, 1990.
    """
    features, units, _ = _require_rnn_shapes(weights)
    _require_shape("inputs", inputs, (None, None, features))
    time, batch, _ = np.shape(inputs)
    w_xh, w_hh, b_h, w_hy, b_y = weights
    states = np.zeros((time + 1, batch, units), np.result_type(inputs, w_xh, np.float32))
    if initial_state is not None:
        _require_shape("initial_state", initial_state, (batch, units))
        states[0] = initial_state
    for t in range(time):
        states[t + 1] = np.tanh(states[t] @ w_hh.T + inputs[t] @ w_xh.T + b_h)
    return states, states[1:] @ w_hy.T + b_y


def rnn_backward(
    inputs: np.ndarray, states: np.ndarray, output_gradients: np.ndarray, weights: RnnWeights
) -> tuple[RnnWeights, np.ndarray, np.ndarray]:
    """Return the gradients of a loss by backpropagation through time.

    Defined in lesson 1.4.

    With g_t = ∂L/∂y_t, what reaches the inside of the tanh at step t comes from the output of
    that step and from the next state::

        δ_t = (W_hyᵀ g_t + W_hhᵀ δ_{t+1}) ⊙ (1 − h_t²),   δ_{T+1} = 0

    and every gradient is a sum over steps (and over the batch) of products with δ or g.

    Args:
        inputs: x, shape ``(time, batch, features)``, as given to ``rnn_forward``.
        states: h_0 … h_T, shape ``(time + 1, batch, units)``, as it returned them.
        output_gradients: g, shape ``(time, batch, outputs)``.
        weights: in the equations' layout.

    Returns:
        The gradients of the weights, of the inputs, shape ``(time, batch, features)``, and of
        the initial state, shape ``(batch, units)``.

    Raises:
        ValueError: for shapes that do not fit together.

    Source: Werbos, Backpropagation through time: what it does and how to do it, Proceedings of
    the IEEE 78(10), 1990, DOI 10.1109/5.58337.
    """
    features, units, outputs = _require_rnn_shapes(weights)
    _require_shape("inputs", inputs, (None, None, features))
    time, batch, _ = np.shape(inputs)
    _require_shape("states", states, (time + 1, batch, units))
    _require_shape("output_gradients", output_gradients, (time, batch, outputs))
    w_xh, w_hh, _, w_hy, _ = weights
    gradients = RnnWeights(*(np.zeros_like(w, dtype=states.dtype) for w in weights))
    input_gradients = np.zeros_like(inputs, dtype=states.dtype)
    from_the_future = np.zeros_like(states[0])  # W_hhᵀ δ_{t+1}; after the last step, nothing
    for t in reversed(range(time)):
        g, h = output_gradients[t], states[t + 1]
        delta = (g @ w_hy + from_the_future) * (1 - h**2)
        gradients.w_xh[...] += delta.T @ inputs[t]
        gradients.w_hh[...] += delta.T @ states[t]
        gradients.b_h[...] += delta.sum(axis=0)
        gradients.w_hy[...] += g.T @ h
        gradients.b_y[...] += g.sum(axis=0)
        input_gradients[t] = delta @ w_xh
        from_the_future = delta @ w_hh
    return gradients, input_gradients, from_the_future


# One step of the cells with gates in NumPy, in Keras' layout ------------------------------------


def _sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + e⁻ˣ), written with tanh so that no x overflows."""
    return 0.5 * (1 + np.tanh(0.5 * x))


def _require_step_shapes(
    x: np.ndarray,
    state: State,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    states: int,
    gates: int,
) -> int:
    """Return the number of units, or raise ValueError where a step's arguments disagree."""
    _require_shape("recurrent_kernel", recurrent_kernel, (None, None))
    units = np.shape(recurrent_kernel)[0]
    _require_shape("recurrent_kernel", recurrent_kernel, (units, gates * units))
    _require_shape("x", x, (None, None))
    batch, features = np.shape(x)
    _require_shape("kernel", kernel, (features, gates * units))
    if len(state) != states:
        raise ValueError(f"The state holds {len(state)} arrays; this cell's state holds {states}.")
    for array in state:
        _require_shape("A state", array, (batch, units))
    return units


def lstm_step(
    x: np.ndarray, state: State, kernel: np.ndarray, recurrent_kernel: np.ndarray, bias: np.ndarray
) -> State:
    """Return the next state ``(h, c)`` of an LSTM: what it shows, and what it keeps.

    Defined in lesson 3.3.

    Args:
        x: the step's inputs, shape ``(batch, features)``.
        state: ``(h, c)``, each ``(batch, units)``.
        kernel: shape ``(features, 4 · units)``: input, forget, candidate, output.
        recurrent_kernel: shape ``(units, 4 · units)``, in the same order.
        bias: shape ``(4 · units,)``, in the same order.

    Raises:
        ValueError: for shapes that do not fit together.

    Source: Hochreiter and Schmidhuber, Long short-term memory, Neural Computation 9(8), 1997;
    the forget gate: Gers, Schmidhuber and Cummins, Learning to forget, 2000.
    """
    units = _require_step_shapes(x, state, kernel, recurrent_kernel, states=2, gates=4)
    _require_shape("bias", bias, (4 * units,))
    h, c = state
    i, f, candidate, o = np.split(x @ kernel + h @ recurrent_kernel + bias, 4, axis=-1)
    c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(candidate)
    return _sigmoid(o) * np.tanh(c), c


def gru_step(
    x: np.ndarray, state: State, kernel: np.ndarray, recurrent_kernel: np.ndarray, bias: np.ndarray
) -> State:
    """Return the next state ``(h,)`` of a GRU whose reset gate acts after the product.

    Used in lesson 3.6.

    This is Keras' ``reset_after=True``, the form that cuDNN computes: the inputs and the state
    each have a bias, and the reset gate multiplies the state's product, its bias included.

    Args:
        x: the step's inputs, shape ``(batch, features)``.
        state: ``(h,)``, each ``(batch, units)``.
        kernel: shape ``(features, 3 · units)``: update, reset, candidate.
        recurrent_kernel: shape ``(units, 3 · units)``, in the same order.
        bias: shape ``(2, 3 · units)``: the inputs' and the state's.

    Raises:
        ValueError: for shapes that do not fit together.

    Source: Cho et al., Learning phrase representations using RNN encoder–decoder, EMNLP 2014,
    arXiv 1406.1078.
    """
    units = _require_step_shapes(x, state, kernel, recurrent_kernel, states=1, gates=3)
    _require_shape("bias", bias, (2, 3 * units))
    (h,) = state
    x_z, x_r, x_h = np.split(x @ kernel + bias[0], 3, axis=-1)
    h_z, h_r, h_h = np.split(h @ recurrent_kernel + bias[1], 3, axis=-1)
    z, r = _sigmoid(x_z + h_z), _sigmoid(x_r + h_r)
    return (z * h + (1 - z) * np.tanh(x_h + r * h_h),)


def run_cell(
    step: Callable[..., State], inputs: np.ndarray, state: State, *weights: np.ndarray
) -> tuple[np.ndarray, State]:
    """Apply a step to every time step in turn.

    Used in lesson 3.6.

    Args:
        step: ``lstm_step`` or ``gru_step``.
        inputs: shape ``(time, batch, features)``, at least one step.
        state: the first state, a tuple of arrays ``(batch, units)`` with h first.
        weights: what the step takes after its state.

    Returns:
        h after every step, shape ``(time, batch, units)``, and the last state.

    Raises:
        ValueError: for inputs that are not time-major sequences, or shapes that do not fit.
    """
    _require_shape("inputs", inputs, (None, None, None))
    if len(inputs) == 0:
        raise ValueError("The inputs have no time step; expected at least one.")
    hidden = []
    for x in inputs:
        state = step(x, state, *weights)
        hidden.append(state[0])
    return np.stack(hidden), state


# The same cells as Keras layers, for keras.layers.RNN -------------------------------------------


class _Cell(keras.layers.Layer):
    """What the three cells share: their weights, laid out and initialised as Keras does it."""

    gates = 1

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        positive_integer(units=units)
        self.units = units
        self.state_size: int | list[int] = units
        self.output_size = units

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        features = input_shape[-1]
        if features is None:
            raise ValueError(f"The inputs' shape is {input_shape}; the features must be known.")
        width = self.gates * self.units
        self.kernel = self.add_weight(
            shape=(features, width), initializer="glorot_uniform", name="kernel"
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, width), initializer="orthogonal", name="recurrent_kernel"
        )
        self.bias = self.add_weight(
            shape=self.bias_shape(), initializer=self.initial_bias, name="bias"
        )
        super().build(input_shape)

    def bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    def initial_bias(self, shape: tuple[int, ...], dtype: str | None = None) -> Any:
        return ops.zeros(shape, dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="course")
class RNNCell(_Cell):
    """h' = tanh(x W + h U + b), the simple recurrent cell.

    Used in lesson 3.6.

    Use it as ``keras.layers.RNN(RNNCell(units))`` on inputs ``(batch, time, features)``. Its
    weights are kernel W ``(features, units)``, recurrent kernel U ``(units, units)`` and bias
    ``(units,)``, as in ``keras.layers.SimpleRNN``. Raises ValueError for units below 1.
    """

    def call(self, inputs: Any, states: Sequence[Any], training: bool = False) -> tuple:
        (h,) = states
        h = ops.tanh(inputs @ self.kernel + h @ self.recurrent_kernel + self.bias)
        return h, [h]


@keras.saving.register_keras_serializable(package="course")
class LSTMCell(_Cell):
    """c' = f ⊙ c + i ⊙ candidate, h' = o ⊙ tanh(c'), the cell that can keep what it has seen.

    Used in lesson 3.6.

    Use it as ``keras.layers.RNN(LSTMCell(units))`` on inputs ``(batch, time, features)``. Its
    weights have the shapes ``(features, 4 · units)``, ``(units, 4 · units)`` and
    ``(4 · units,)``: input, forget, candidate, output, as in ``keras.layers.LSTM``. The forget
    gate's bias begins at 1, so that the cell begins by keeping. Raises ValueError for units
    below 1. Source: see ``lstm_step``.
    """

    gates = 4

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(units, **options)
        self.state_size = [units, units]

    def initial_bias(self, shape: tuple[int, ...], dtype: str | None = None) -> Any:
        zero, one = ops.zeros((self.units,), dtype), ops.ones((self.units,), dtype)
        return ops.concatenate([zero, one, zero, zero])

    def call(self, inputs: Any, states: Sequence[Any], training: bool = False) -> tuple:
        h, c = states
        gates = inputs @ self.kernel + h @ self.recurrent_kernel + self.bias
        i, f, candidate, o = ops.split(gates, 4, axis=-1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(candidate)
        h = ops.sigmoid(o) * ops.tanh(c)
        return h, [h, c]


@keras.saving.register_keras_serializable(package="course")
class GRUCell(_Cell):
    """h' = z ⊙ h + (1 − z) ⊙ candidate, one gate for both keeping and letting in.

    Used in lesson 3.6.

    Use it as ``keras.layers.RNN(GRUCell(units))`` on inputs ``(batch, time, features)``. Its
    weights have the shapes ``(features, 3 · units)``, ``(units, 3 · units)`` and
    ``(2, 3 · units)``: update, reset, candidate, as in ``keras.layers.GRU`` with its default
    ``reset_after=True``. Raises ValueError for units below 1. Source: see ``gru_step``.
    """

    gates = 3

    def bias_shape(self) -> tuple[int, ...]:
        return (2, self.gates * self.units)

    def call(self, inputs: Any, states: Sequence[Any], training: bool = False) -> tuple:
        (h,) = states
        x_z, x_r, x_h = ops.split(inputs @ self.kernel + self.bias[0], 3, axis=-1)
        h_z, h_r, h_h = ops.split(h @ self.recurrent_kernel + self.bias[1], 3, axis=-1)
        z, r = ops.sigmoid(x_z + h_z), ops.sigmoid(x_r + h_r)
        h = z * h + (1 - z) * ops.tanh(x_h + r * h_h)
        return h, [h]
