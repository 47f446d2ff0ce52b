"""Scores: the judge equals Keras, the protocol's details, floors, baselines, bad input."""

from __future__ import annotations

import math
import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from utils import evaluation
from utils.evaluation import judges as gru
from utils.evaluation import scores

# A compilation of a judge is bound to its shapes: the tests share a few of them.
COUNT, TIME, FEATURES = 60, 6, 3
QUICK = {"repeats": 2, "steps": 60, "batch_size": 16, "learning_rate": 0.05}


def noise(seed: int, count: int = COUNT) -> np.ndarray:
    """Return uniform noise, `(count, TIME, FEATURES)`."""
    return np.random.default_rng(seed).random((count, TIME, FEATURES))


# ── The judge against Keras ───────────────────────────────────────────────────────────────────


def random_weights(judges: int, layers: int, units: int, inputs: int = FEATURES) -> list:
    """Return the initial weights of several judges, with the biases moved away from zero."""
    rng = np.random.default_rng(5)
    weights = [gru.initial_weights(rng, inputs, layers, units) for _ in range(judges)]
    return [
        [w + rng.normal(0, 0.3, w.shape).astype("float32") for w in weight] for weight in weights
    ]


def as_keras(weights: list[np.ndarray]) -> list[np.ndarray]:
    """Return the weights in the order and shapes of Keras."""
    *layers, kernel, bias = weights
    return [w[:, 0] if i % 3 == 2 else w.T for i, w in enumerate(layers)] + [kernel.T, bias[0]]


def keras_judge(weights: list[np.ndarray], *, dense_on_all: bool = False) -> keras.Model:
    """Return the judge of those weights as a Keras model."""
    units = weights[1].shape[1]
    layers = (len(weights) - 2) // 3
    model = keras.Sequential([keras.Input((None, weights[0].shape[1]))])
    for layer in range(layers):
        last = layer == layers - 1 and not dense_on_all
        model.add(keras.layers.GRU(units, return_sequences=not last, reset_after=False))
    model.add(keras.layers.Dense(1))
    model.set_weights(as_keras(weights))
    return model


@pytest.mark.parametrize(("layers", "units"), [(1, 2), (2, 4)])
def test_judge_equals_keras_gru(layers, units):
    judges = random_weights(2, layers, units)
    windows = noise(0, 8).astype("float32")
    chosen = np.array([[0, 1, 2, 3], [7, 6, 5, 4]])
    logits = gru.judge_logits(gru.stack(judges), tf.constant(windows), tf.constant(chosen))
    for judge, weights in enumerate(judges):
        model = keras_judge(weights)
        expected = model(windows[chosen[judge]]).numpy()[:, 0]
        np.testing.assert_allclose(logits[judge], expected, atol=1e-5)


def test_written_out_gradient_equals_keras():
    weights = random_weights(1, 2, 4)[0]
    windows = noise(1, 8).astype("float32")
    pull = np.random.default_rng(2).normal(size=(8, TIME)).astype("float32")
    stacked = gru.stack([weights])
    with tf.GradientTape() as tape:
        tape.watch(stacked)
        x = tf.transpose(windows[None], [2, 0, 3, 1])
        outputs = gru._dense(stacked, gru._states(stacked, x))[:, 0]
        loss = tf.reduce_sum(outputs * pull.T)
    gradients = [g.numpy()[0] for g in tape.gradient(loss, stacked)]
    model = keras_judge(weights, dense_on_all=True)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(windows)[..., 0] * pull)
    expected = tape.gradient(loss, [v.value for v in model.trainable_variables])
    for ours, theirs in zip(as_keras(gradients), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_training_equals_keras_adam_on_cross_entropy():
    weights = random_weights(1, 1, 2)[0]
    windows = noise(3, 16).astype("float32")
    target = np.array([1, 1, 1, 0, 0], "float32")
    batches = np.random.default_rng(4).integers(0, 16, (20, 1, 5))
    trained = gru.train_classifier(
        gru.stack([weights]),
        tf.constant(windows),
        tf.constant(target),
        tf.constant(batches),
        tf.constant(0.01),
    )
    model = keras_judge(weights)
    adam = keras.optimizers.Adam(0.01, epsilon=1e-8)
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    for chosen in batches[:, 0]:
        with tf.GradientTape() as tape:
            logits = model(windows[chosen])
            loss = cross_entropy(np.ones((3, 1)), logits[:3])
            loss += cross_entropy(np.zeros((2, 1)), logits[3:])
        variables = model.trainable_variables
        adam.apply(tape.gradient(loss, [v.value for v in variables]), variables)
    for ours, theirs in zip(
        as_keras([w.numpy()[0] for w in trained]), model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("kind", ["classifier", "forecaster"])
def test_judges_trained_together_equal_each_trained_alone(kind):
    inputs = FEATURES if kind == "classifier" else FEATURES - 1
    judges = random_weights(3, 1, 2, inputs)
    windows = tf.constant(noise(6, 20).astype("float32"))
    batches = np.random.default_rng(7).integers(0, 20, (25, 3, 8))
    target = tf.constant(np.repeat([1, 0], 4).astype("float32"))

    def train(these: list[int]) -> list[np.ndarray]:
        start = gru.stack([judges[k] for k in these])
        chosen = tf.constant(batches[:, these])
        if kind == "classifier":
            trained = gru.train_classifier(start, windows, target, chosen, tf.constant(0.01))
        else:
            trained = gru.train_forecaster(start, windows, chosen, tf.constant(0.01))
        return [w.numpy() for w in trained]

    together = train([0, 1, 2])
    for judge in range(3):
        for all_judges, own in zip(together, train([judge]), strict=True):
            np.testing.assert_allclose(all_judges[judge], own[0], atol=1e-5)
    assert not np.allclose(together[0][0], together[0][1], atol=1e-2)


def test_judges_start_as_keras_starts_them():
    weights = gru.initial_weights(np.random.default_rng(0), 40, 2, 32)
    assert [w.shape for w in weights[:3]] == [(96, 40), (96, 32), (96, 1)]
    limit = math.sqrt(6 / (96 + 40))
    assert 0.9 * limit < np.abs(weights[0]).max() <= limit
    np.testing.assert_allclose(weights[1].T @ weights[1], np.eye(32), atol=1e-5)
    assert weights[3].shape == (96, 32)
    assert not weights[2].any()
    assert not weights[-1].any()


def test_standard_error_is_open_again_after_the_first_compilation(capfd):
    scores._silence_first_compilation.cache_clear()
    scores._silence_first_compilation()
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


# ── The discriminative score ──────────────────────────────────────────────────────────────────


def test_accuracy_by_hand():
    logits = np.array([[2.0, -1.0, 0.0, -3.0], [1.0, 1.0, 1.0, 1.0]])
    is_real = np.array([[True, True, False, False], [True, False, False, False]])
    # Judge 1: right, wrong, right (0 is not above 0), right. Judge 2: right, then three wrong.
    np.testing.assert_array_equal(scores._accuracy(logits, is_real), [0.75, 0.25])


def test_positive_logit_means_real():
    windows = np.concatenate([np.ones((20, TIME, FEATURES)), np.zeros((20, TIME, FEATURES))])
    windows = tf.constant(windows.astype("float32"))
    batches = np.tile(np.r_[0:4, 20:24], (60, 1, 1))
    target = tf.constant(np.repeat([1, 0], 4).astype("float32"))
    start = gru.stack([gru.initial_weights(np.random.default_rng(0), FEATURES, 1, 2)])
    trained = gru.train_classifier(start, windows, target, tf.constant(batches), tf.constant(0.05))
    logits = gru.judge_logits(trained, windows, tf.constant([[0, 20]])).numpy()[0]
    assert logits[0] > 0 > logits[1]


def test_disjoint_sets_are_told_apart_and_equal_distributions_are_not():
    apart = evaluation.discriminative_score(
        np.zeros((COUNT, TIME, FEATURES)), np.ones((COUNT, TIME, FEATURES)), **QUICK
    )
    assert apart.values == (0.5, 0.5)
    alike = evaluation.discriminative_score(noise(8), noise(9), **QUICK)
    # 12 + 12 held-out windows a judge: three standard deviations of a coin are 0.31.
    assert all(value <= 3 * 0.5 / math.sqrt(24) for value in alike.values)


def test_judge_is_tested_on_windows_it_never_saw():
    # A judge wide enough to learn 24 + 24 windows of noise by heart would score 0.5 on them.
    options = {**QUICK, "repeats": 4, "steps": 300, "units": 16, "learning_rate": 0.02}
    score = evaluation.discriminative_score(noise(10, 30), noise(11, 30), **options)
    assert score.mean < 0.3


def test_split_is_disjoint_and_leaves_a_fifth_of_the_published_size():
    train, test = scores._split(3661, np.random.default_rng(0))
    assert (len(train), 2 * len(test)) == (2928, 1466)
    assert sorted(np.concatenate([train, test])) == list(range(3661))


def test_batches_hold_distinct_windows_of_each_pool():
    pools = np.arange(10), np.arange(10, 14)
    batches = scores._draw_batches(np.random.default_rng(0), 50, 6, *pools)
    assert batches.shape == (50, 10)  # 6 of the ten, and all 4 of the four
    for one in batches:
        assert len(set(one)) == 10
        assert set(one[:6]) <= set(range(10))
    assert set(batches[:, :6].ravel()) == set(range(10))


def test_score_ignores_the_units_of_the_data():
    real, fake = noise(12), noise(13) * 0.7
    units = np.array([1000.0, 0.01, 5.0])
    offset = np.array([-3.0, 0.0, 700.0])
    plain = evaluation.discriminative_score(real, fake, **QUICK)
    other = evaluation.discriminative_score(real * units + offset, fake * units + offset, **QUICK)
    np.testing.assert_allclose(plain.values, other.values, atol=1 / 24 + 1e-9)


def test_real_minimum_and_maximum_scale_both_sets():
    real = np.linspace(10, 20, COUNT * TIME).reshape(COUNT, TIME, 1)
    fake = np.full_like(real, 25.0)
    scaled_real, scaled_fake = scores._scaled_pair(real, fake)
    assert (scaled_real.min(), scaled_real.max()) == (0, 1)
    assert np.all(scaled_fake == 1.5)


def test_constant_feature_maps_to_zero():
    real, fake = noise(14), noise(15)
    real[..., 1] = fake[..., 1] = 1234.5
    for scaled in scores._scaled_pair(real, fake):
        assert not scaled[..., 1].any()


def test_same_seed_same_score_and_more_repeats_keep_the_earlier():
    real, fake = noise(16), noise(17) * 0.8
    first = evaluation.discriminative_score(real, fake, **QUICK, seed=3)
    assert first == evaluation.discriminative_score(real, fake, **QUICK, seed=3)
    more = evaluation.discriminative_score(real, fake, **{**QUICK, "repeats": 3}, seed=3)
    assert more.values[:2] == first.values
    others = [evaluation.discriminative_score(real, fake, **QUICK, seed=s).values for s in (4, 5)]
    assert any(values != first.values for values in others)


def test_strong_judge_sees_an_order_that_values_alone_do_not_show():
    rng = np.random.default_rng(18)
    real = np.sort(rng.random((COUNT, TIME, 1)), axis=1)
    fake = rng.random((COUNT, TIME, 1))
    options = {**QUICK, "repeats": 1, "learning_rate": 0.01}
    score = evaluation.discriminative_score(real, fake, **options, **evaluation.STRONG_JUDGE)
    assert score.mean > 0.3
    assert evaluation.STRONG_JUDGE == {"layers": 2, "units": 32}


def test_real_versus_real_is_the_score_of_two_halves():
    real = noise(19, 2 * COUNT)
    half, other = evaluation.split_real(real, seed=2)
    floor = evaluation.real_versus_real(real, seed=2, **QUICK)
    assert floor == evaluation.discriminative_score(half, other, seed=2, **QUICK)


def test_halves_are_disjoint_and_random():
    windows = np.arange(11.0).reshape(11, 1, 1)
    half, other = evaluation.split_real(windows, seed=0)
    assert (len(half), len(other)) == (5, 6)
    assert sorted(np.concatenate([half, other]).ravel()) == list(range(11))
    assert list(half.ravel()) != list(range(5))
    assert not np.array_equal(half, evaluation.split_real(windows, seed=1)[0])


@pytest.mark.parametrize(
    ("test_size", "mean", "bound"), [(1466, 0.0104, 0.0256), (4000, 0.0063, 0.0155)]
)
def test_chance_agrees_with_simulated_coins(test_size, mean, bound):
    assert evaluation.chance_bound(test_size) == pytest.approx(bound, abs=5e-5)
    assert evaluation.chance_mean(test_size) == pytest.approx(mean, abs=5e-5)
    right = np.random.default_rng(0).binomial(test_size, 0.5, 100_000)
    scores = np.abs(right / test_size - 0.5)
    assert scores.mean() == pytest.approx(evaluation.chance_mean(test_size), rel=0.01)
    assert np.mean(scores <= evaluation.chance_bound(test_size)) == pytest.approx(0.95, abs=0.01)


def test_score_prints_mean_and_sample_deviation():
    score = evaluation.Score((0.02, 0.04, 0.06))
    assert (score.mean, score.std) == (pytest.approx(0.04), pytest.approx(0.02))
    assert str(score) == "0.040 ± 0.020"
    assert str(evaluation.Score((0.0414,))) == "0.041"
    assert math.isnan(evaluation.Score((0.1,)).std)


# ── The predictive score ──────────────────────────────────────────────────────────────────────


def test_forecaster_reads_the_other_features_and_forecasts_the_last_a_step_ahead():
    windows = np.arange(2 * 4 * 3, dtype="float32").reshape(2, 4, 3)
    x, future = gru._inputs_and_future(tf.constant(windows), tf.constant([[1]]))
    np.testing.assert_array_equal(x[:, 0, :, 0], windows[1, :3, :2])
    np.testing.assert_array_equal(future[:, 0, 0], windows[1, 1:, 2])
    x, future = gru._inputs_and_future(tf.constant(windows[..., :1]), tf.constant([[0]]))
    np.testing.assert_array_equal(x[:, 0, 0, 0], windows[0, :3, 0])
    np.testing.assert_array_equal(future[:, 0, 0], windows[0, 1:, 0])


def test_forecast_error_by_hand():
    windows = noise(20, 4).astype("float32")
    weights = [np.zeros_like(w) for w in random_weights(1, 1, 2, FEATURES - 1)[0]]
    weights[-1] += math.log(3)  # the sigmoid of log 3 is 0.75
    chosen = tf.constant([[0, 1, 2, 3]])
    error = gru.absolute_error(gru.stack([weights]), tf.constant(windows), chosen)
    assert error.numpy()[0] == pytest.approx(np.abs(windows[:, 1:, 2] - 0.75).mean(), abs=1e-6)


def test_predictable_last_feature_scores_lower_than_noise():
    options = {**QUICK, "steps": 200}
    random = noise(21)
    predictable = noise(22)
    predictable[:, 1:, 2] = predictable[:, :-1, 0]  # the last feature follows the first
    good = evaluation.predictive_score(predictable, predictable, **options)
    bad = evaluation.predictive_score(random, random, **options)
    assert good.mean < 0.12
    assert bad.mean == pytest.approx(0.25, abs=0.03)  # the mean absolute deviation of U(0, 1)
    # Trained on one, tested on the other: what counts is the training on the generated windows.
    assert evaluation.predictive_score(predictable, random, **options).mean > 2 * good.mean


def test_forecaster_learns_the_generated_and_is_tested_on_the_real_windows():
    real, fake = noise(23), noise(24)
    fake[..., 2] = 0.9
    score = evaluation.predictive_score(real, fake, **{**QUICK, "steps": 200})
    scaled, _ = scores._scaled_pair(real, fake)
    assert score.mean == pytest.approx(np.abs(scaled[:, 1:, 2] - 0.9).mean(), abs=0.03)


def test_single_feature_is_forecast_from_its_own_past():
    steps = np.arange(TIME) % 2
    windows = (steps + np.arange(COUNT)[:, None]) % 2  # 0, 1, 0, 1 … or 1, 0, 1, 0 …
    windows = windows[..., None].astype(float)
    score = evaluation.predictive_score(windows, windows, **{**QUICK, "steps": 200})
    assert score.mean < 0.1


def test_same_seed_same_predictive_score():
    real, fake = noise(25), noise(26)
    options = {**QUICK, "steps": 200}
    first = evaluation.predictive_score(real, fake, **options)
    assert first == evaluation.predictive_score(real, fake, **options)
    assert first != evaluation.predictive_score(real, fake, **options, seed=1)
    assert first.values[0] != first.values[1]  # each judge has its own weights and batches


# ── Baseline, memorisation, moments ───────────────────────────────────────────────────────────


def test_bootstrap_keeps_the_pools_and_breaks_time_dependence():
    rng = np.random.default_rng(27)
    size = rng.random((200, 1, 1))  # large or small for a whole window: memory in the size
    scores = size * rng.normal(size=(200, 10, 2))
    scores[:, 0] += 100  # the level
    drawn = evaluation.bootstrap_innovations(scores, 500, seed=0)
    assert drawn.shape == (500, 10, 2)
    levels = {tuple(row) for row in scores[:, 0]}
    innovations = {tuple(row) for row in scores[:, 1:].reshape(-1, 2)}  # components together
    assert {tuple(row) for row in drawn[:, 0]} <= levels
    assert {tuple(row) for row in drawn[:, 1:].reshape(-1, 2)} <= innovations

    def memory(values: np.ndarray) -> float:
        magnitude = np.abs(values[:, 1:, 0])
        return np.corrcoef(magnitude[:, :-1].ravel(), magnitude[:, 1:].ravel())[0, 1]

    assert memory(scores) > 0.15
    assert abs(memory(drawn)) < 0.06
    np.testing.assert_array_equal(drawn, evaluation.bootstrap_innovations(scores, 500, seed=0))
    assert not np.array_equal(drawn, evaluation.bootstrap_innovations(scores, 500, seed=1))


@pytest.mark.parametrize("chunk", [7, 1000])
def test_nearest_distances_equal_all_pairs(chunk):
    queries, reference = noise(28, 20) + 1000, noise(29, 30) + 1000
    apart = queries.reshape(20, 1, -1) - reference.reshape(1, 30, -1)
    expected = np.sqrt(np.sum(apart**2, axis=2)).min(axis=1)
    distances = evaluation.nearest_distances(queries, reference, chunk=chunk)
    np.testing.assert_allclose(distances, expected, rtol=1e-6)


def test_copies_have_ratio_zero_and_fresh_windows_ratio_one():
    train, holdout, fresh = noise(30, 400), noise(31, 200), noise(32, 300)
    assert evaluation.memorisation_ratio(train[::2], train, holdout) == 0
    assert evaluation.memorisation_ratio(fresh, train, holdout) == pytest.approx(1, abs=0.05)
    nearly = train + np.random.default_rng(33).normal(0, 1e-3, train.shape)
    assert evaluation.memorisation_ratio(nearly, train, holdout) < 0.05


def test_memorisation_weighs_features_alike_in_any_unit():
    fake, train, holdout = noise(34), noise(35), noise(36)
    units = np.array([1e4, 1.0, 1e-3])
    expected = evaluation.memorisation_ratio(fake, train, holdout)
    ratio = evaluation.memorisation_ratio(fake * units, train * units, holdout * units)
    assert ratio == pytest.approx(expected)


def test_holdout_inside_train_is_refused():
    with pytest.raises(ValueError, match="also in train"):
        evaluation.memorisation_ratio(noise(37), noise(38), noise(38))


def test_autocorrelation_by_hand():
    windows = np.zeros((2, 4, 2))
    windows[0, :, 0] = [1, 2, 3, 4]  # centred −1.5, −.5, .5, 1.5; variance 5
    windows[1, :, 0] = [1, -1, 1, -1]  # centred as it is; variance 4
    windows[..., 1] = 0.1  # constant, and not exact in binary
    result = evaluation.autocorrelation(windows, 2)
    expected = [(1 + 1) / 2, (1.25 / 5 - 3 / 4) / 2, (-1.5 / 5 + 2 / 4) / 2]
    np.testing.assert_allclose(result[:, 0], expected)
    assert np.isnan(result[:, 1]).all()
    windows[1, :, 0] = 7.7  # a constant window is left out
    np.testing.assert_allclose(evaluation.autocorrelation(windows, 1)[:, 0], [1, 0.25])


def test_mmd_by_hand_and_as_a_test_of_distributions():
    real = np.array([0.0, 1.0]).reshape(2, 1, 1)
    fake = np.array([0.0, 2.0]).reshape(2, 1, 1)

    def k(distance: float) -> float:
        return math.exp(-(distance**2) / 2)

    expected = k(1) + k(2) - 2 * (k(0) + k(2) + k(1) + k(1)) / 4
    mmd = evaluation.maximum_mean_discrepancy(real, fake, bandwidths=[1.0])
    assert mmd == pytest.approx(expected)
    alike = evaluation.maximum_mean_discrepancy(noise(39, 400), noise(40, 400))
    apart = evaluation.maximum_mean_discrepancy(noise(39, 400), noise(40, 400) ** 2)
    assert abs(alike) < 0.002
    assert apart > 0.05


def test_mmd_is_unbiased():
    rng = np.random.default_rng(41)
    values = [
        evaluation.maximum_mean_discrepancy(
            rng.random((10, 2, 1)), rng.random((10, 2, 1)), bandwidths=[0.3]
        )
        for _ in range(300)
    ]
    assert abs(np.mean(values)) < 4 * np.std(values) / math.sqrt(300)
    assert min(values) < 0


# ── Bad input ─────────────────────────────────────────────────────────────────────────────────

BOTH = [evaluation.discriminative_score, evaluation.predictive_score]


@pytest.mark.parametrize("score", BOTH)
@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        (noise(0)[0], noise(1), r"real windows have the shape \(6, 3\)"),
        (noise(0), noise(1)[:, :-1], r"fake windows have \(time, features\) \(5, 3\)"),
        (noise(0), noise(1)[..., :2], r"fake windows have \(time, features\) \(6, 2\)"),
        (noise(0, 9), noise(1), "There are 9 real windows; expected at least 10"),
        (noise(0), noise(1, 3), "There are 3 fake windows; expected at least 10"),
    ],
)
def test_windows_of_the_wrong_shape_are_refused(score, real, fake, message):
    with pytest.raises(ValueError, match=message):
        score(real, fake)


@pytest.mark.parametrize("score", BOTH)
@pytest.mark.parametrize("which", ["real", "fake"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused_and_located(score, which, value):
    windows = {"real": noise(0), "fake": noise(1)}
    windows[which][7, 2, 1] = value
    message = f"{which} windows hold {value} at window 7, time 2, feature 1"
    with pytest.raises(ValueError, match=message):
        score(windows["real"], windows["fake"])


@pytest.mark.parametrize("score", BOTH)
@pytest.mark.parametrize("name", ["repeats", "layers", "units", "steps", "batch_size"])
def test_counts_below_one_are_refused(score, name):
    with pytest.raises(ValueError, match=f"{name} is 0; expected a positive integer"):
        score(noise(0), noise(1), **{name: 0})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: evaluation.predictive_score(noise(0)[:, :1], noise(1)[:, :1]), "1 time step"),
        (lambda: evaluation.split_real(noise(0, 1), 0), "There are 1 real windows"),
        (lambda: evaluation.chance_bound(0), "test_size is 0"),
        (lambda: evaluation.bootstrap_innovations(noise(0), 0, 0), "count is 0"),
        (lambda: evaluation.bootstrap_innovations(noise(0)[:, :1], 5, 0), "1 time step"),
        (lambda: evaluation.nearest_distances(noise(0), noise(1)[:, 1:]), "queries windows have"),
        (lambda: evaluation.autocorrelation(noise(0), TIME), "greatest lag is 6"),
        (
            lambda: evaluation.maximum_mean_discrepancy(noise(0), noise(1), bandwidths=[0]),
            "positive",
        ),
        (lambda: evaluation.maximum_mean_discrepancy(noise(0), noise(1), limit=1), "limit is 1"),
    ],
)
def test_other_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
