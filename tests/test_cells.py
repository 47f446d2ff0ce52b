"""The cells against Keras' layers, and backpropagation through time against differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from utils import cells  # first: it quietens TensorFlow's log

TIME, BATCH, FEATURES, UNITS, OUTPUTS = 7, 3, 2, 5, 4

LAYERS = {
    "rnn": (keras.layers.SimpleRNN, cells.RNNCell, None, 1),  # in NumPy it is rnn_forward
    "lstm": (keras.layers.LSTM, cells.LSTMCell, cells.lstm_step, 2),
    "gru": (keras.layers.GRU, cells.GRUCell, cells.gru_step, 1),
}
STEPS = [name for name, (_, _, step, _) in LAYERS.items() if step]


def sequences(seed=0):
    """Return inputs ``(batch, time, features)`` of float32."""
    return np.random.default_rng(seed).normal(size=(BATCH, TIME, FEATURES)).astype("float32")


def random_weights(layer, seed=1):
    """Give every weight, the biases too, random values that are not zero; return them."""
    rng = np.random.default_rng(seed)
    layer.build((BATCH, TIME, FEATURES))
    values = [rng.normal(scale=0.7, size=w.shape).astype("float32") for w in layer.weights]
    layer.set_weights(values)
    return values


@pytest.mark.parametrize("name", STEPS)
def test_numpy_steps_equal_keras_layers(name):
    layer_class, _, step, states = LAYERS[name]
    layer = layer_class(UNITS, return_sequences=True, return_state=True)
    weights = random_weights(layer)
    x = sequences()
    rng = np.random.default_rng(2)
    start = tuple(rng.normal(size=(BATCH, UNITS)).astype("float32") for _ in range(states))
    expected, *last = layer(x, initial_state=list(start))
    hidden, state = cells.run_cell(step, x.transpose(1, 0, 2), start, *weights)
    np.testing.assert_allclose(hidden.transpose(1, 0, 2), expected, atol=1e-5, rtol=0)
    assert len(state) == len(last) == states
    for ours, theirs in zip(state, last, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_keras_cells_equal_keras_layers(name, return_sequences):
    layer_class, cell_class, _, states = LAYERS[name]
    layer = layer_class(UNITS, return_sequences=return_sequences, return_state=True)
    weights = random_weights(layer)
    ours = keras.layers.RNN(cell_class(UNITS), return_sequences=return_sequences, return_state=True)
    ours.build((BATCH, TIME, FEATURES))
    assert [w.shape for w in ours.weights] == [w.shape for w in weights]
    ours.set_weights(weights)
    x = sequences()
    rng = np.random.default_rng(3)
    start = [rng.normal(size=(BATCH, UNITS)).astype("float32") for _ in range(states)]
    for initial_state in (None, start):
        expected = layer(x, initial_state=initial_state)
        results = ours(x, initial_state=initial_state)
        assert results[0].shape == (BATCH, *([TIME] if return_sequences else []), UNITS)
        for result, wanted in zip(results, expected, strict=True):
            np.testing.assert_allclose(result, wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", LAYERS)
def test_keras_cells_have_the_gradients_of_keras_layers(name):
    layer_class, cell_class, _, _ = LAYERS[name]
    x = tf.constant(sequences())
    gradients = []
    for layer in (layer_class(UNITS), keras.layers.RNN(cell_class(UNITS))):
        random_weights(layer)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x) ** 2)
        gradients.append(tape.gradient(loss, layer.trainable_variables))
    assert len(gradients[0]) == 3
    for expected, ours in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", LAYERS)
def test_keras_cells_start_as_keras_layers_start(name):
    layer_class, cell_class, _, _ = LAYERS[name]
    keras.utils.set_random_seed(1)
    layer, ours = layer_class(UNITS), keras.layers.RNN(cell_class(UNITS))
    for each in (layer, ours):
        each.build((None, None, FEATURES))
    np.testing.assert_array_equal(ours.get_weights()[2], layer.get_weights()[2])
    kernel, recurrent_kernel, _ = ours.get_weights()
    limit = np.sqrt(6 / sum(kernel.shape))  # Glorot's uniform distribution
    assert 0.7 * limit < np.abs(kernel).max() <= limit
    rows = recurrent_kernel @ recurrent_kernel.T  # orthogonal
    np.testing.assert_allclose(rows, np.eye(UNITS), atol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_keras_cells_survive_saving(name, tmp_path):
    _, cell_class, _, _ = LAYERS[name]
    model = keras.Sequential(
        [keras.Input((None, FEATURES)), keras.layers.RNN(cell_class(UNITS, name="cell"))]
    )
    random_weights(model.layers[0])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again.layers[0].cell) is cell_class
    x = sequences()
    np.testing.assert_array_equal(again(x), model(x))


def rnn_problem(dtype=np.float64, seed=4):
    """Return inputs, first state, targets and weights of a small network with every bias set."""
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return rng.normal(scale=0.6, size=shape).astype(dtype)

    weights = cells.RnnWeights(
        w_xh=draw(UNITS, FEATURES),
        w_hh=draw(UNITS, UNITS),
        b_h=draw(UNITS),
        w_hy=draw(OUTPUTS, UNITS),
        b_y=draw(OUTPUTS),
    )
    inputs, start = draw(TIME, BATCH, FEATURES), draw(BATCH, UNITS)
    return inputs, start, draw(TIME, BATCH, OUTPUTS), weights


def half_squared_error(inputs, start, targets, weights):
    _, outputs = cells.rnn_forward(inputs, weights, start)
    return 0.5 * np.sum((outputs - targets) ** 2)


def test_rnn_forward_of_one_unit_by_hand():
    weights = cells.RnnWeights(*map(np.array, ([[2.0]], [[-1.0]], [0.5], [[3.0]], [0.25])))
    states, outputs = cells.rnn_forward(np.array([[[0.1]], [[-0.4]]]), weights)
    h1 = np.tanh(2 * 0.1 + 0.5)
    h2 = np.tanh(-h1 + 2 * -0.4 + 0.5)
    np.testing.assert_allclose(states.ravel(), [0, h1, h2], rtol=1e-15)
    np.testing.assert_allclose(outputs.ravel(), [3 * h1 + 0.25, 3 * h2 + 0.25], rtol=1e-15)


def test_rnn_forward_equals_simple_rnn_and_dense():
    inputs, start, _, weights = rnn_problem(np.float32)
    recurrent = keras.layers.SimpleRNN(UNITS, return_sequences=True)
    dense = keras.layers.Dense(OUTPUTS)
    recurrent.build((BATCH, TIME, FEATURES))
    dense.build((BATCH, TIME, UNITS))
    recurrent.set_weights([weights.w_xh.T, weights.w_hh.T, weights.b_h])
    dense.set_weights([weights.w_hy.T, weights.b_y])
    hidden = recurrent(inputs.transpose(1, 0, 2), initial_state=start)
    states, outputs = cells.rnn_forward(inputs, weights, start)
    assert states.shape == (TIME + 1, BATCH, UNITS)
    np.testing.assert_array_equal(states[0], start)
    np.testing.assert_allclose(states[1:].transpose(1, 0, 2), hidden, atol=1e-5, rtol=0)
    np.testing.assert_allclose(outputs.transpose(1, 0, 2), dense(hidden), atol=1e-5, rtol=0)


def test_rnn_backward_equals_finite_differences():
    inputs, start, targets, weights = rnn_problem()
    states, outputs = cells.rnn_forward(inputs, weights, start)
    found, input_gradients, start_gradient = cells.rnn_backward(
        inputs, states, outputs - targets, weights
    )
    pairs = [*zip(weights, found, strict=True)]
    pairs += [(inputs, input_gradients), (start, start_gradient)]
    step = 1e-5
    for array, gradient in pairs:
        assert gradient.shape == array.shape
        expected = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            kept = array[index]
            array[index] = kept + step
            above = half_squared_error(inputs, start, targets, weights)
            array[index] = kept - step
            below = half_squared_error(inputs, start, targets, weights)
            array[index] = kept
            expected[index] = (above - below) / (2 * step)
        error = np.linalg.norm(gradient - expected) / np.linalg.norm(expected)
        assert error < 1e-6


def test_rnn_backward_equals_tensorflow():
    inputs, start, targets, weights = rnn_problem()
    states, outputs = cells.rnn_forward(inputs, weights, start)
    found, input_gradients, start_gradient = cells.rnn_backward(
        inputs, states, outputs - targets, weights
    )
    variables = [tf.Variable(array) for array in (*weights, inputs, start)]
    with tf.GradientTape() as tape:
        w_xh, w_hh, b_h, w_hy, b_y, x, h = variables
        loss = tf.constant(0.0, tf.float64)
        for t in range(TIME):
            h = tf.tanh(
                tf.matmul(h, w_hh, transpose_b=True) + tf.matmul(x[t], w_xh, transpose_b=True) + b_h
            )
            y = tf.matmul(h, w_hy, transpose_b=True) + b_y
            loss += 0.5 * tf.reduce_sum((y - targets[t]) ** 2)
    expected = tape.gradient(loss, variables)
    for ours, theirs in zip((*found, input_gradients, start_gradient), expected, strict=True):
        np.testing.assert_allclose(ours, tf.convert_to_tensor(theirs), rtol=1e-10, atol=1e-12)


def test_rnn_backward_leaves_its_arguments_alone():
    inputs, start, targets, weights = rnn_problem()
    states, outputs = cells.rnn_forward(inputs, weights, start)
    before = [np.copy(a) for a in (inputs, states, *weights)]
    cells.rnn_backward(inputs, states, outputs - targets, weights)
    for was, now in zip(before, (inputs, states, *weights), strict=True):
        np.testing.assert_array_equal(was, now)


def test_the_sigmoid_of_the_steps_neither_overflows_nor_warns():
    huge = np.full((1, 1), 1e4)
    ones = np.ones((1, 4))
    with np.errstate(all="raise"):
        for sign in (1, -1):
            h, c = cells.lstm_step(sign * huge, (0 * huge, 0 * huge), ones, ones, np.zeros(4))
            assert np.all(np.isfinite([h, c]))


def test_rnn_shapes_that_do_not_fit_are_refused():
    inputs, start, targets, weights = rnn_problem()
    with pytest.raises(ValueError, match=r"inputs .* \(7, 3\); expected \(any, any, 2\)"):
        cells.rnn_forward(inputs[:, :, 0], weights)
    with pytest.raises(ValueError, match=r"inputs has the shape \(7, 3, 1\)"):
        cells.rnn_forward(inputs[:, :, :1], weights)
    with pytest.raises(ValueError, match=r"initial_state .* \(2, 5\); expected \(3, 5\)"):
        cells.rnn_forward(inputs, weights, start[:2])
    transposed = weights._replace(w_xh=weights.w_xh.T)
    with pytest.raises(ValueError, match=r"w_hh has the shape \(5, 5\); expected \(2, 2\)"):
        cells.rnn_forward(inputs, transposed)
    with pytest.raises(ValueError, match="b_y has the shape"):
        cells.rnn_forward(inputs, weights._replace(b_y=weights.b_y[:-1]))
    states, outputs = cells.rnn_forward(inputs, weights)
    with pytest.raises(ValueError, match=r"states has the shape \(7, 3, 5\); expected \(8, 3, 5\)"):
        cells.rnn_backward(inputs, states[1:], outputs, weights)
    with pytest.raises(ValueError, match="output_gradients has the shape"):
        cells.rnn_backward(inputs, states, targets[..., :1], weights)
    with pytest.raises(ValueError, match="w_hy has the shape"):
        cells.rnn_forward(inputs, weights._replace(w_hy=weights.w_hy[:, :-1]))


@pytest.mark.parametrize("name", STEPS)
def test_step_shapes_that_do_not_fit_are_refused(name):
    layer_class, _, step, states = LAYERS[name]
    kernel, recurrent_kernel, bias = random_weights(layer_class(UNITS))
    x, h = np.zeros((BATCH, FEATURES)), np.zeros((BATCH, UNITS))
    state = (h,) * states
    step(x, state, kernel, recurrent_kernel, bias)
    with pytest.raises(ValueError, match=r"kernel has the shape .*; expected \(2, "):
        step(x, state, kernel.T, recurrent_kernel, bias)
    with pytest.raises(ValueError, match="recurrent_kernel has the shape"):
        step(x, state, kernel, recurrent_kernel[:, :-1], bias)
    with pytest.raises(ValueError, match="bias has the shape"):
        step(x, state, kernel, recurrent_kernel, bias[:-1])
    with pytest.raises(ValueError, match=f"The state holds {states + 1} arrays"):
        step(x, (*state, h), kernel, recurrent_kernel, bias)
    with pytest.raises(ValueError, match=r"A state has the shape \(2, 5\); expected \(3, 5\)"):
        step(x, (h[:2],) * states, kernel, recurrent_kernel, bias)
    with pytest.raises(ValueError, match=r"inputs has the shape \(3, 2\)"):
        cells.run_cell(step, x, state, kernel, recurrent_kernel, bias)
    with pytest.raises(ValueError, match="no time step"):
        cells.run_cell(step, np.zeros((0, BATCH, FEATURES)), state, kernel, recurrent_kernel, bias)


@pytest.mark.parametrize("cell_class", [cells.RNNCell, cells.LSTMCell, cells.GRUCell])
@pytest.mark.parametrize("units", [0, -1, 2.5, True, "4"])
def test_a_wrong_number_of_units_is_refused(cell_class, units):
    with pytest.raises(ValueError, match=r"units is .*; expected a positive integer"):
        cell_class(units)


def test_unknown_features_are_refused():
    with pytest.raises(ValueError, match="the features must be known"):
        cells.LSTMCell(4).build((None, None))
