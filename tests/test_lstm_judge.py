"""The judge of LSTM layers: its arithmetic is Keras', its scores are those of the protocol."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from utils import evaluation
from utils.evaluation import lstm_judge
from utils.evaluation.judges import stack

SHORT = {"repeats": 2, "steps": 60, "batch_size": 16}


def as_keras(weights: list[np.ndarray], time: int, features: int) -> keras.Model:
    """The same judge as a Keras model, to compare with."""
    units = weights[1].shape[1]
    layers = (len(weights) - 2) // 3
    model = keras.Sequential(
        [
            keras.Input((time, features)),
            *(keras.layers.LSTM(units, return_sequences=k < layers - 1) for k in range(layers)),
            keras.layers.Dense(1),
        ]
    )
    model.set_weights([w[:, 0] if w.shape[1] == 1 and k % 3 == 2 else w.T for k, w in _of(weights)])
    return model


def _of(weights: list[np.ndarray]):
    *layers, kernel, bias = weights
    return [*enumerate(layers), (0, kernel), (2, bias)]


@pytest.fixture(scope="module")
def judge() -> tuple[list[np.ndarray], np.ndarray]:
    rng = np.random.default_rng(1)
    weights = lstm_judge.initial_lstm_weights(rng, inputs=3, layers=2, units=4)
    return weights, rng.normal(size=(6, 5, 3)).astype("float32")


def test_the_judge_answers_as_keras_lstm_layers_do(judge):
    weights, windows = judge
    chosen = np.array([[0, 2, 5]])
    logits = lstm_judge.lstm_judge_logits(
        stack([weights]), tf.constant(windows), tf.constant(chosen)
    )
    expected = as_keras(weights, 5, 3)(windows[chosen[0]])
    np.testing.assert_allclose(logits[0], expected[:, 0], atol=1e-6)


def test_the_gradient_is_that_of_keras(judge):
    weights, windows = judge
    stacked, chosen = stack([weights]), tf.constant(np.arange(6)[None])
    with tf.GradientTape() as tape:
        tape.watch(stacked)
        loss = tf.reduce_sum(lstm_judge._logits(stacked, tf.constant(windows), chosen) ** 2)
    own = tape.gradient(loss, stacked)
    model = as_keras(weights, 5, 3)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(windows) ** 2)
    for mine, theirs in zip(own, tape.gradient(loss, model.trainable_variables), strict=True):
        np.testing.assert_allclose(np.squeeze(mine), np.squeeze(np.transpose(theirs)), atol=1e-5)


def test_the_weights_start_as_keras_starts_them(judge):
    weights, _ = judge
    _, recurrent, bias = weights[:3]
    np.testing.assert_allclose(recurrent.T @ recurrent, np.eye(4), atol=1e-6)
    np.testing.assert_array_equal(bias[:, 0], [0] * 4 + [1] * 4 + [0] * 8)


def test_the_judge_tells_apart_what_differs_in_order_only():
    rng = np.random.default_rng(2)
    steps = rng.normal(0.5, 1, size=(300, 20, 2))
    real, fake = np.cumsum(steps, axis=1), np.cumsum(steps, axis=1)[:, ::-1]
    options = SHORT | {"steps": 300, "units": 8, "learning_rate": 1e-2}
    assert evaluation.lstm_discriminative_score(real, fake, **options).mean > 0.3
    halves = evaluation.split_real(real, seed=0)
    assert evaluation.lstm_discriminative_score(*halves, **SHORT).mean < 0.25


def test_a_score_is_reproducible_and_more_judges_keep_the_earlier_ones():
    rng = np.random.default_rng(3)
    real, fake = rng.normal(size=(40, 6, 2)), rng.normal(size=(40, 6, 2)) + 0.5
    one, again, more = (
        evaluation.lstm_discriminative_score(real, fake, seed=4, **SHORT | {"repeats": repeats})
        for repeats in (2, 2, 3)
    )
    assert one.values == again.values == more.values[:2]
    assert len(more.values) == 3


@pytest.mark.parametrize("name", ["repeats", "layers", "units", "steps", "batch_size"])
def test_a_bad_argument_is_refused(name):
    windows = np.random.default_rng(0).normal(size=(20, 5, 2))
    with pytest.raises(ValueError, match=f"{name} is 0; expected a positive integer"):
        evaluation.lstm_discriminative_score(windows, windows, **{name: 0})
    with pytest.raises(ValueError, match="real"):
        evaluation.lstm_discriminative_score(windows[:5], windows)
