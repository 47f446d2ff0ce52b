"""The recipe's networks: where a window starts, what the discriminator sees, and the powers."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from utils import lstm_gan
from utils.datasets import load_stock, sliding_windows
from utils.lstm_gan import Preconditioner, generator, recipe, views

WINDOW, STATIC, DYNAMIC = 6, 2, 3


@pytest.fixture(scope="module")
def prices() -> np.ndarray:
    return load_stock("GOOG").values[:, [0, 3, 5]]


@pytest.fixture(scope="module")
def fitted(prices) -> Preconditioner:
    return Preconditioner(WINDOW).fit(prices)


@pytest.fixture(scope="module")
def scores(fitted, prices) -> np.ndarray:
    return fitted.transform(sliding_windows(prices, WINDOW))


def seen(preconditioner: Preconditioner, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the two views of normal scores, the data and their changes."""
    inputs = keras.Input(windows.shape[1:])
    model = keras.Model(inputs, lstm_gan.data_views(preconditioner, inputs))
    data, changes = (view.numpy() for view in model(windows))
    return data, changes


# --- What the discriminator sees ----------------------------------------------------------------


def test_the_view_of_the_data_is_the_inverse_of_the_preconditioner(fitted, scores):
    inner = scores[(np.abs(scores) < 2.5).all(axis=(1, 2))]
    assert len(inner) > 1000
    data, changes = seen(fitted, inner)
    drawn = fitted.tails.transform(fitted.inverse_transform(inner))
    scaled = fitted.scaler.transform(drawn)[..., fitted.varying] + fitted.offset
    mean, spread, of_changes = fitted.moments
    # Both are in standard deviations: of the data, and of their changes.
    np.testing.assert_allclose(data, (scaled - mean) / spread, atol=0.05)
    steps = np.diff(scaled, axis=1) / of_changes
    np.testing.assert_allclose(changes[:, 1:], steps, atol=0.06)
    assert (changes[:, 0] == 0).all()


def test_the_views_have_mean_zero_and_variance_one_over_the_data(fitted, scores):
    data, changes = seen(fitted, scores)
    np.testing.assert_allclose(data.mean(axis=(0, 1)), 0, atol=0.05)
    np.testing.assert_allclose(data.std(axis=(0, 1)), 1, atol=0.05)
    np.testing.assert_allclose(changes[:, 1:].std(axis=(0, 1)), 1, atol=0.05)


def test_the_gradient_passes_from_the_data_to_all_earlier_scores(fitted, scores):
    inputs = keras.Input(scores.shape[1:])
    model = keras.Model(inputs, lstm_gan.data_views(fitted, inputs)[0])
    windows = tf.constant(scores[:8])
    with tf.GradientTape() as tape:
        tape.watch(windows)
        height = tf.reduce_sum(model(windows)[:, 3, 0])
    gradient = np.abs(tape.gradient(height, windows).numpy()).sum(axis=-1)
    assert (gradient[:, :4] > 1e-4).all()
    assert (gradient[:, 4:] < 1e-6).all(), "what comes later decides nothing earlier"


def test_a_column_that_leaves_the_data_is_seen_and_led_back(fitted, scores):
    far = np.full((1, WINDOW, fitted.components), 2.5, np.float32)  # each alone is not rare
    inputs = keras.Input(far.shape[1:])
    model = keras.Model(inputs, lstm_gan.data_views(fitted, inputs)[0])
    windows = tf.constant(far)
    with tf.GradientTape() as tape:
        tape.watch(windows)
        there = model(windows)
        total = tf.reduce_sum(there**2)
    assert np.abs(there).max() > 1.5 * np.abs(seen(fitted, scores)[0]).max()
    assert np.abs(tape.gradient(total, windows)).max() > 0


def test_curves_are_read_between_their_points_and_straight_on_beyond():
    table = np.array([[[0.0, 1.0, 4.0]], [[0.0, -1.0, -1.0]]])  # first time step, later ones
    layer = views.Curves([-1.0], [1.0], table)
    inputs = np.array([[[0.5], [-0.5]], [[3.0], [-3.0]], [[-2.0], [9.0]]], np.float32)
    expected = [[[2.5], [-0.5]], [[10.0], [2.0]], [[-1.0], [-1.0]]]
    np.testing.assert_allclose(layer(inputs), expected, atol=1e-6)
    again = views.Curves.from_config(layer.get_config())
    np.testing.assert_array_equal(again(inputs), layer(inputs))


def test_both_ways_to_levels_agree(fitted, scores, monkeypatch):
    def levels() -> np.ndarray:
        inputs = keras.Input(scores.shape[1:])
        return keras.Model(inputs, views.levels(fitted, inputs))(scores[:50]).numpy()

    product = levels()
    monkeypatch.setattr(views, "LARGEST_MAP", WINDOW * fitted.components - 1)
    np.testing.assert_allclose(levels(), product, atol=1e-4)


def test_nothing_of_the_views_is_trained(fitted):
    model = lstm_gan.window_discriminator(fitted, WINDOW, units=4, layers=1)
    kinds = {type(layer) for layer in model.layers if layer.trainable_weights}
    assert kinds == {keras.layers.LSTM, keras.layers.Dense}
    assert [w.path for w in model.trainable_weights if "level" in w.path] == []


# --- What the generator reads and makes ---------------------------------------------------------


def inputs_of(seed: int, count: int = 300, starts: np.ndarray | None = None) -> np.ndarray:
    starts = np.array([[-2.0, 0.0], [0.0, 2.0], [2.0, -2.0]]) if starts is None else starts
    key = tf.constant([seed, 7], tf.int64)
    return lstm_gan.draw_inputs(count, WINDOW, STATIC, DYNAMIC, starts, key).numpy()


def test_inputs_are_a_function_of_the_seed():
    first, again, other = (inputs_of(seed) for seed in (1, 1, 2))
    assert first.shape == (300, WINDOW, STATIC + DYNAMIC + 2)
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.9


def test_starts_are_near_rows_of_the_data_and_never_one_of_them():
    rows = np.array([[-2.0, 0.0], [0.0, 2.0], [2.0, -2.0]])
    inputs = inputs_of(3, 3000, rows)
    start = inputs[:, 0, STATIC + DYNAMIC :]
    assert (inputs[..., STATIC + DYNAMIC :] == start[:, np.newaxis]).all()  # in every row
    moved = start * np.sqrt(1 + generator.NEAR**2)
    distance = np.abs(moved[:, np.newaxis] - rows).max(axis=-1)
    nearest = distance.argmin(axis=1)
    off = moved - rows[nearest]
    assert (off != 0).all()
    np.testing.assert_allclose(off.std(axis=0), generator.NEAR, rtol=0.1)
    np.testing.assert_allclose(np.bincount(nearest) / 3000, 1 / 3, atol=0.05)


def test_static_latents_are_repeated_and_others_fresh():
    latents = inputs_of(5)[..., : STATIC + DYNAMIC]
    assert (latents[..., :STATIC] == latents[:, :1, :STATIC]).all()
    assert (np.diff(latents[..., STATIC:], axis=1) != 0).all()


def test_the_first_row_is_the_start_and_later_rows_are_standardised():
    model = lstm_gan.window_generator(WINDOW, STATIC, DYNAMIC, 2, units=5, seed=1)
    model.get_layer("output").bias.assign([5.0, -3.0])
    inputs = inputs_of(1, 500)
    windows = model(inputs, training=True).numpy()
    assert windows.shape == (500, WINDOW, 2)
    np.testing.assert_array_equal(windows[:, 0], inputs[:, 0, STATIC + DYNAMIC :])
    later = windows[:, 1:].reshape(-1, 2)
    np.testing.assert_allclose(later.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(later.std(axis=0), 1, atol=1e-2)


def test_the_state_scales_the_noise_of_a_row():
    model = lstm_gan.window_generator(WINDOW, STATIC, DYNAMIC, 2, units=5, seed=1)
    names = ("lstm_2", "output")
    parts = keras.Model(model.input, [model.get_layer(name).output for name in names])
    rng = np.random.default_rng(0)
    model.get_layer("log_scale").set_weights([rng.normal(size=(5, 2)), np.ones(2)])
    inputs = inputs_of(1, 20)
    state, mean = (part.numpy() for part in parts(inputs))
    log_scale = state @ model.get_layer("log_scale").kernel.numpy() + 1
    noise = inputs[..., STATIC : STATIC + DYNAMIC] @ model.get_layer("noise").kernel.numpy()
    rows = (mean + np.exp(log_scale) * noise)[:, 1:]
    moments = model.get_layer("later_steps")
    moments.moving_mean.assign([0.5, -1.0])
    moments.moving_variance.assign([4.0, 0.25])
    expected = (rows - [0.5, -1.0]) / np.sqrt(np.array([4.0, 0.25]) + 1e-5)
    np.testing.assert_allclose(model(inputs)[:, 1:], expected, rtol=1e-4, atol=1e-4)


def test_a_later_latent_changes_no_earlier_row():
    model = lstm_gan.window_generator(WINDOW, STATIC, DYNAMIC, 2, units=5)
    inputs = inputs_of(1, 4)
    moved = inputs.copy()
    moved[:, -1, : STATIC + DYNAMIC] += 1
    change = np.abs(model(moved).numpy() - model(inputs).numpy()).max(axis=(0, 2))
    assert (change[:-1] == 0).all()
    assert change[-1] > 0


def test_the_same_seed_trains_and_draws_the_same_windows(fitted, scores):
    config = lstm_gan.TrainingConfig(steps=2, batch_size=16, seed=4)
    made = []
    for _ in range(2):
        trainer = recipe.build(fitted, scores, config)
        trainer.train()
        made.append(recipe.generate(trainer, fitted, 5))
    np.testing.assert_array_equal(*made)
    assert made[0].shape == (5, WINDOW, fitted.features)
    low, high = fitted.data_range
    assert (made[0] >= low - 1e-9).all()
    assert (made[0] <= high * (1 + 1e-12)).all()


def test_both_forms_of_the_networks_compute_the_same(fitted, scores):
    of_generator = {"units": 5, "seed": 1}
    for build, inputs in (
        (
            lambda fused: lstm_gan.window_generator(
                WINDOW, STATIC, DYNAMIC, 2, fused=fused, **of_generator
            ),
            inputs_of(1, 4),
        ),
        (
            lambda fused: lstm_gan.window_discriminator(fitted, WINDOW, fused=fused, units=5),
            scores[:4],
        ),
    ):
        unrolled, loop = build(False), build(True)
        loop.set_weights(unrolled.get_weights())
        np.testing.assert_allclose(unrolled(inputs), loop(inputs), atol=1e-5)
        assert lstm_gan.cudnn_eligible(loop)
        assert not lstm_gan.cudnn_eligible(unrolled)


# --- The power of a column ----------------------------------------------------------------------


def walk(relative: bool, seed: int = 0, rows: int = 3000) -> np.ndarray:
    """Return a positive column that wanders between about 100 and 1,000."""
    rng = np.random.default_rng(seed)
    height = np.zeros(rows)
    for t in range(1, rows):
        height[t] = 0.998 * height[t - 1] + rng.normal()
    height = height / np.abs(height).max()  # −1 to 1
    column = np.exp(np.log(10) / 2 * height) * 316 if relative else 550 + 450 * height
    return column[:, np.newaxis]


def test_the_power_makes_the_news_alike_at_every_height():
    """News that grow with the height ask for a logarithm, even news for nothing."""
    for seed in range(3):
        grows, even = (Preconditioner(24).fit(walk(kind, seed)) for kind in (True, False))
        assert grows.power[0] < 0.25
        assert 0.75 < even.power[0] < 1.25


def test_a_positive_column_keeps_its_own_zero():
    column = walk(True)
    price, shifted = (Preconditioner(24).fit(each) for each in (column, column - 2 * column.max()))
    assert price.offset[0] == pytest.approx(column.min() / np.ptp(column))
    assert shifted.offset[0] == Preconditioner.OFFSET  # a negative column has no zero of its own
    barely = Preconditioner(24).fit(column + 1e6)
    assert barely.offset[0] == Preconditioner.LARGEST_OFFSET


def test_starts_are_the_normal_scores_of_first_rows(fitted, prices, scores, monkeypatch):
    np.testing.assert_allclose(fitted.starts, scores[:, 0], atol=1e-5)
    assert fitted.starts.dtype == np.float32
    monkeypatch.setattr(Preconditioner, "MOST_STARTS", 100)
    few = Preconditioner(WINDOW).fit(prices).starts
    assert 50 < len(few) <= 100
    stride = -(-len(scores) // 100)
    np.testing.assert_allclose(few, fitted.starts[::stride])


# --- The news of a row --------------------------------------------------------------------------


def test_each_component_of_the_news_is_near_one_column():
    rng = np.random.default_rng(0)
    mixing = np.array([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [-0.3, 0.5, 0.4]])
    news = rng.normal(size=(5000, 3)) @ mixing.T * [1.0, 20.0, 0.05]  # of three columns
    basis = np.linalg.qr(rng.normal(size=(3, 3)))[0] * [3.0, 1.0, 0.2]
    innovations = news @ np.linalg.inv(basis).T
    white = innovations @ np.linalg.inv(Preconditioner._innovation_root(innovations, basis))
    np.testing.assert_allclose(np.cov(white.T), np.eye(3), atol=1e-8)
    between = np.corrcoef(white.T, news.T)[:3, 3:]
    np.testing.assert_allclose(between, between.T, atol=1e-8)  # as near as can be: ZCA-cor
    assert (between.argmax(axis=1) == [0, 1, 2]).all()
    assert (np.diag(between) > 0.8).all()


def test_where_directions_were_dropped_the_news_have_unit_covariance_all_the_same():
    rng = np.random.default_rng(1)
    innovations = rng.normal(size=(2000, 2)) @ np.array([[1.0, 0.0], [0.9, 0.1]])
    root = Preconditioner._innovation_root(innovations, rng.normal(size=(3, 2)))
    np.testing.assert_allclose(np.cov((innovations @ np.linalg.inv(root)).T), np.eye(2), atol=1e-8)
