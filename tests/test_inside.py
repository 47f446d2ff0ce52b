"""Gates, ablation, directions, attributions, membership attacks, the Gaussian mechanism."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.integrate import quad
from scipy.stats import norm

from utils import lstm_gan
from utils.lessons import inside, privacy

TIME, FEATURES, UNITS = 7, 3, 5


@pytest.fixture(scope="module")
def layer():
    layer = keras.layers.LSTM(UNITS, return_sequences=True, unroll=True)
    layer.build((None, TIME, FEATURES))
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
    return layer


@pytest.fixture(scope="module")
def windows():
    return np.random.default_rng(2).normal(size=(4, TIME, FEATURES)).astype("float32")


@pytest.fixture(scope="module")
def discriminator():
    return lstm_gan.lstm_discriminator(TIME, FEATURES, units=UNITS, layers=1, fused=False, seed=3)


# ── Gates and units ───────────────────────────────────────────────────────────────────────────


def test_the_gates_reproduce_keras(layer, windows):
    gates = inside.lstm_gates(layer, windows)
    np.testing.assert_allclose(gates.hidden, layer(windows), atol=1e-6)
    assert all(each.shape == (4, TIME, UNITS) for each in gates)
    for gate in (gates.input, gates.forget, gates.output):
        assert (gate > 0).all()
        assert (gate < 1).all()


def test_the_gates_obey_the_equations(layer, windows):
    gates = inside.lstm_gates(layer, windows)
    before = np.concatenate([np.zeros((4, 1, UNITS)), gates.cell[:, :-1]], axis=1)
    np.testing.assert_allclose(gates.cell, gates.forget * before + gates.input * gates.candidate)
    np.testing.assert_allclose(gates.hidden, gates.output * np.tanh(gates.cell))


def test_each_gate_stands_in_keras_place(layer, windows):
    kernel, recurrent, bias = (np.array(w) for w in layer.get_weights())
    names = ("input", "forget", "candidate", "output")
    for place, name in enumerate(names):
        moved = bias.copy()
        moved[place * UNITS : (place + 1) * UNITS] += 50  # this gate wide open, in all units
        other = keras.layers.LSTM(UNITS, return_sequences=True)
        other.build((None, TIME, FEATURES))
        other.set_weights([kernel, recurrent, moved])
        gates = inside.lstm_gates(other, windows)
        assert {n for n in names if (getattr(gates, n) > 0.999999).all()} == {name}


def test_silencing_a_unit_equals_cutting_it_out(layer, windows):
    kernel, recurrent, bias = layer.get_weights()
    silent = keras.layers.LSTM(UNITS, return_sequences=True)
    silent.build((None, TIME, FEATURES))
    silent.set_weights(inside.ablate([kernel, recurrent, bias], 2))
    hidden = silent(windows).numpy()
    assert (hidden[..., 2] == 0).all()

    kept = [0, 1, 3, 4]  # a layer of four units, built without the fifth
    columns = np.concatenate([gate * UNITS + np.array(kept) for gate in range(4)])
    small = keras.layers.LSTM(UNITS - 1, return_sequences=True)
    small.build((None, TIME, FEATURES))
    small.set_weights([kernel[:, columns], recurrent[np.ix_(kept, columns)], bias[columns]])
    np.testing.assert_allclose(hidden[..., kept], small(windows), atol=1e-6)


def test_silence_takes_several_units_and_leaves_the_weights_it_was_given(layer):
    weights = layer.get_weights()
    copies = [w.copy() for w in weights]
    silent = inside.ablate(weights, [0, 4])
    changed = [
        np.flatnonzero((a != b).reshape(-1, 4 * UNITS).any(0))
        for a, b in zip(silent, weights, strict=True)
    ]
    for columns in changed:
        assert set(columns) == {2 * UNITS, 2 * UNITS + 4}
    for weight, copy in zip(weights, copies, strict=True):
        np.testing.assert_array_equal(weight, copy)
    for a, b in zip(inside.ablate(weights, []), weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("unit", [-1, UNITS, [0, UNITS]])
def test_a_unit_that_is_not_there_is_refused(layer, unit):
    with pytest.raises(ValueError, match="expected 0 to 4"):
        inside.ablate(layer.get_weights(), unit)


def test_weights_of_another_layer_are_refused():
    with pytest.raises(ValueError, match="not an LSTM's"):
        inside.ablate([np.zeros((3, 5)), np.zeros(5)], 0)


@pytest.mark.parametrize(
    "options",
    [
        {"activation": "relu"},
        {"recurrent_activation": "tanh"},
        {"go_backwards": True},
        {"use_bias": False},
    ],
)
def test_an_lstm_with_other_equations_is_refused(options, windows):
    other = keras.layers.LSTM(UNITS, return_sequences=True, **options)
    other.build((None, TIME, FEATURES))
    with pytest.raises(ValueError, match="not an LSTM that reads forwards"):
        inside.lstm_gates(other, windows)


def test_gates_of_what_is_no_lstm_or_not_built_or_read_otherwise_are_refused(layer, windows):
    with pytest.raises(ValueError, match="not an LSTM"):
        inside.lstm_gates(keras.layers.GRU(3), windows)
    with pytest.raises(ValueError, match="no weights yet"):
        inside.lstm_gates(keras.layers.LSTM(3), windows)
    for wrong in (windows[0], windows[..., :2]):
        with pytest.raises(ValueError, match=r"expected .batch, time, 3."):
            inside.lstm_gates(layer, wrong)


# ── Directions among the latents ──────────────────────────────────────────────────────────────


def test_the_direction_of_a_linear_function_is_its_slope():
    latents = np.random.default_rng(3).normal(size=(50, 4))
    found = inside.direction(latents, 3 + latents @ [1.0, -2.0, 0.0, 2.0])
    np.testing.assert_allclose(found.slope, [1, -2, 0, 2], atol=1e-12)
    np.testing.assert_allclose(found.unit, np.array([1, -2, 0, 2]) / 3, atol=1e-12)
    assert found.explained == pytest.approx(1)


def test_the_slope_is_the_mean_gradient():
    latents = np.random.default_rng(4).normal(size=(200_000, 2))
    values = np.sin(latents[:, 0]) + latents[:, 0] * latents[:, 1]
    # E[cos z] = exp(−1/2); the product's mean gradient is 0.
    np.testing.assert_allclose(
        inside.direction(latents, values).slope, [np.exp(-0.5), 0], atol=0.02
    )


def test_nothing_explained_where_the_values_ignore_the_latents():
    rng = np.random.default_rng(5)
    assert inside.direction(rng.normal(size=(5000, 3)), rng.normal(size=5000)).explained < 0.01


def test_directions_that_cannot_be_found_are_refused():
    latents = np.random.default_rng(6).normal(size=(9, 3))
    with pytest.raises(ValueError, match="do not fit"):
        inside.direction(latents, np.arange(8))
    with pytest.raises(ValueError, match="expected more than 4"):
        inside.direction(latents[:4], np.arange(4))
    with pytest.raises(ValueError, match="all equal"):
        inside.direction(latents, np.ones(9))
    with pytest.raises(ValueError, match="all equal, or not finite"):
        inside.direction(latents, np.full(9, np.nan))


def test_without_leaves_what_is_at_right_angles():
    vector, others = np.array([1.0, 2.0, 3.0, 4.0]), np.array([[1.0, 0, 0, 0], [1.0, 1, 0, 0]])
    np.testing.assert_allclose(inside.orthogonalise(vector, *others), [0, 0, 3, 4], atol=1e-12)
    np.testing.assert_allclose(inside.orthogonalise(vector), vector)
    with pytest.raises(ValueError, match="nothing is left"):
        inside.orthogonalise(vector, vector)
    with pytest.raises(ValueError, match="differ in length"):
        inside.orthogonalise(vector, vector[:2])


# ── What a logit is made of ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("steps", [1, 5])
def test_integrated_gradients_of_a_linear_function_are_its_terms(windows, steps):
    weights = np.random.default_rng(7).normal(size=(TIME, FEATURES))
    baseline = np.random.default_rng(8).normal(size=(TIME, FEATURES))
    linear = tf.constant(weights, tf.float32)
    shares = inside.integrated_gradients(
        lambda x: tf.reduce_sum(x * linear, axis=(1, 2)) + 3, windows, baseline, steps=steps
    )
    np.testing.assert_allclose(shares, weights * (windows - baseline), atol=1e-5)


def test_integrated_gradients_are_complete(discriminator, windows):
    for baseline in (np.zeros((TIME, FEATURES)), windows[::-1]):
        shares = inside.integrated_gradients(discriminator, 2 * windows, baseline, steps=200)
        end = np.broadcast_to(baseline, windows.shape)
        difference = (discriminator(2 * windows) - discriminator(end)).numpy()[:, 0]
        np.testing.assert_allclose(shares.sum(axis=(1, 2)), difference, atol=2e-4)
        assert np.abs(difference).max() > 0.01


def test_integrated_gradients_of_a_cube_by_hand():
    shares = inside.integrated_gradients(
        lambda x: tf.reduce_sum(x, axis=1) ** 3, np.array([[1.0, 2.0]]), np.zeros(2), steps=500
    )
    np.testing.assert_allclose(shares, [[9, 18]], rtol=1e-4)  # x_i · ∫ 3 (3α)² dα


def test_what_the_function_ignores_has_no_share(windows):
    shares = inside.integrated_gradients(
        lambda x: tf.tanh(tf.reduce_sum(x[:, 2], axis=1)), windows, np.zeros((TIME, FEATURES))
    )
    assert (np.delete(shares, 2, axis=1) == 0).all()
    assert (np.abs(shares[:, 2]) > 0).any()


def test_occlusion_finds_each_steps_term(windows):
    worth = tf.constant(np.arange(TIME), tf.float32)
    found = inside.occlusion(
        lambda x: tf.reduce_sum(tf.reduce_sum(x, axis=2) * worth, axis=1),
        windows,
        np.zeros((TIME, FEATURES)),
    )
    np.testing.assert_allclose(found, windows.sum(axis=2) * np.arange(TIME), atol=1e-5)


def test_wider_occlusion_adds_up_for_a_linear_function(windows):
    def total(x):
        return tf.reduce_sum(x, axis=(1, 2))

    single = inside.occlusion(total, windows, windows[::-1])
    double = inside.occlusion(total, windows, windows[::-1], width=2)
    np.testing.assert_allclose(double[:, :-1], single[:, :-1] + single[:, 1:], atol=1e-5)
    np.testing.assert_allclose(double[:, -1], single[:, -1], atol=1e-5)


def test_attributions_of_bad_input_are_refused(discriminator, windows):
    zero = np.zeros((TIME, FEATURES))
    for method in (inside.integrated_gradients, inside.occlusion):
        with pytest.raises(ValueError, match="do not fit"):
            method(discriminator, windows, zero[:3])
        with pytest.raises(ValueError, match="NaN"):
            method(discriminator, windows, zero + np.nan)
        with pytest.raises(ValueError, match="function returned the shape"):
            method(lambda x: x, windows, zero)
    with pytest.raises(ValueError, match="steps is 0"):
        inside.integrated_gradients(discriminator, windows, zero, steps=0)
    with pytest.raises(ValueError, match="width is 0"):
        inside.occlusion(discriminator, windows, zero, width=0)
    with pytest.raises(ValueError, match="axes"):
        inside.occlusion(lambda x: x[:, 0], windows[:, 0], zero[0])
    with pytest.raises(ValueError, match="do not depend"):
        inside.integrated_gradients(lambda x: tf.zeros(len(x)), windows, zero)


# ── Who was in the training data? ─────────────────────────────────────────────────────────────


def test_on_exchangeable_scores_the_attack_guesses():
    rng = np.random.default_rng(9)
    found = [
        privacy.membership_attack(*np.split(rng.normal(size=50), [20])).auc for _ in range(4000)
    ]
    chance = privacy.membership_attack(np.zeros(20), np.zeros(30)).chance
    assert np.mean(found) == pytest.approx(0.5, abs=4 * chance / np.sqrt(4000))
    assert np.std(found) == pytest.approx(chance, rel=0.05)


def test_the_attack_finds_a_memorised_set():
    attack = privacy.membership_attack([3.0, 4.0], np.arange(-20.0, 0))
    assert attack.auc == 1
    assert privacy.membership_attack([-30.0], np.arange(-20.0, 0)).auc == 0
    assert str(attack).startswith("1.00 (chance 0.50 ± ")


def test_the_attack_counts_pairs_and_ties_half():
    members, outsiders = [1.0, 2.0, 2.0], [0.0, 2.0]
    wins = [np.sign(m - o) / 2 + 0.5 for m in members for o in outsiders]
    assert privacy.membership_attack(members, outsiders).auc == pytest.approx(np.mean(wins))
    assert privacy.membership_attack(np.ones(5), np.ones(7)).auc == 0.5


@pytest.mark.parametrize("bad", [[], [np.nan], [[1.0]]])
def test_scores_of_nobody_are_refused(bad):
    with pytest.raises(ValueError, match="members"):
        privacy.membership_attack(bad, [1.0])
    with pytest.raises(ValueError, match="outsiders"):
        privacy.membership_attack([1.0], bad)


# ── The Gaussian mechanism ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("mu", "epsilon"), [(0.3, 0.0), (1.0, 0.5), (2.0, 3.0)])
def test_delta_is_the_integral_that_defines_it(mu, epsilon):
    def gap(x):
        return max(norm.pdf(x, mu) - np.exp(epsilon) * norm.pdf(x), 0)

    kink = mu / 2 + epsilon / mu  # to the left of it the gap is 0
    assert privacy.gaussian_delta(mu, epsilon) == pytest.approx(quad(gap, kink, kink + 20)[0])


def test_epsilon_inverts_delta_and_stays_below_the_textbook_bound():
    for mu in (0.01, 0.2, 1.0, 5.0, 40.0):
        epsilon = privacy.gaussian_epsilon(mu, 1e-5)
        if epsilon > 0:
            assert privacy.gaussian_delta(mu, epsilon) == pytest.approx(1e-5, rel=1e-6)
    for epsilon in (0.1, 0.5, 0.9):  # Dwork and Roth 2014, theorem A.1, for ε < 1
        noise = np.sqrt(2 * np.log(1.25 / 1e-5)) / epsilon
        assert privacy.gaussian_epsilon(privacy.gaussian_mu(1.0, noise), 1e-5) < epsilon


def test_no_difference_is_perfect_privacy():
    assert privacy.gaussian_delta(0.0, 0.0) == 0
    assert privacy.gaussian_epsilon(0.0, 1e-9) == 0
    assert privacy.attack_bound(0.0) == 0.5


def test_many_releases_compose_as_their_sum_does():
    # T sums that all move the same way: their mean has the noise of one over √T.
    assert privacy.gaussian_mu(2.0, 4.0, 25) == pytest.approx(2.5)
    rng = np.random.default_rng(10)
    releases = 4.0 * rng.normal(size=(2, 20_000, 25))
    with_record = releases[0].sum(axis=1) + 25 * 2.0
    without_record = releases[1].sum(axis=1)
    attack = privacy.membership_attack(with_record, without_record)
    assert attack.auc == pytest.approx(privacy.attack_bound(2.5), abs=0.005)


def test_the_noise_has_the_size_it_says_and_clipping_bounds_a_record():
    seed = tf.constant([1, 2])
    gradients = [tf.constant([[3.0, 0.0], [0.3, 0.0]]), tf.constant([[[4.0]], [[0.4]]])]
    clean = privacy.clipped_noisy_sum(gradients, 1.0, 0.0, seed)
    np.testing.assert_allclose(clean[0], [0.6 + 0.3, 0], atol=1e-6)  # 5 → 1; 0.5 stays
    np.testing.assert_allclose(clean[1], [[0.8 + 0.4]], atol=1e-6)
    wide = privacy.clipped_noisy_sum([tf.zeros((3, 50_000))], 0.5, 4.0, seed)[0].numpy()
    assert wide.std() == pytest.approx(2.0, rel=0.02)
    assert abs(wide.mean()) < 4 * 2.0 / np.sqrt(50_000)


def test_two_weights_get_noise_of_their_own():
    both = privacy.clipped_noisy_sum([tf.zeros((2, 9)), tf.zeros((2, 9))], 1.0, 1.0, [3, 4])
    assert not np.allclose(both[0], both[1])


def test_gradients_of_single_records_are_what_each_alone_gives(discriminator, windows):
    def loss(logits):
        return tf.reduce_mean(tf.nn.softplus(-logits))

    found = privacy.per_record_gradients(discriminator, loss, tf.constant(windows))
    for i, record in enumerate(windows):
        with tf.GradientTape() as tape:
            value = loss(discriminator(record[np.newaxis]))
        alone = tape.gradient(value, discriminator.trainable_variables)
        for many, one in zip(found, alone, strict=True):
            np.testing.assert_allclose(many[i], one, atol=1e-6)


def test_a_record_may_have_several_rows(discriminator, windows):
    pairs = tf.constant(np.stack([windows, windows[::-1]], axis=1))

    def difference(logits):
        return logits[0, 0] - logits[1, 0]

    found = privacy.per_record_gradients(discriminator, difference, pairs)
    for weight in found:  # the pairs 0 and 3 are the same, turned round
        np.testing.assert_allclose(weight[0], -weight[3], atol=1e-6)


def test_bad_mechanisms_are_refused(discriminator, windows):
    for bad in ((-1.0, 1.0, 1), (1.0, 0.0, 1), (1.0, 1.0, 0), (np.nan, 1.0, 1)):
        with pytest.raises(ValueError, match="releases"):
            privacy.gaussian_mu(*bad)
    for bad in ((-1.0, 1.0), (1.0, -1.0), (np.nan, 1.0)):
        with pytest.raises(ValueError, match="at least 0"):
            privacy.gaussian_delta(*bad)
    for delta in (0.0, 1.0, np.nan):
        with pytest.raises(ValueError, match="δ is"):
            privacy.gaussian_epsilon(1.0, delta)
    with pytest.raises(ValueError, match="μ is"):
        privacy.attack_bound(-0.1)
    for clip, noise, gradients in (
        (0.0, 1.0, [tf.zeros((1, 1))]),
        (1.0, -1.0, [tf.zeros((1, 1))]),
        (1.0, 1.0, []),
    ):
        with pytest.raises(ValueError, match="Clip"):
            privacy.clipped_noisy_sum(gradients, clip, noise, [1, 2])
    with pytest.raises(ValueError, match="records have the shape"):
        privacy.per_record_gradients(discriminator, tf.reduce_mean, tf.constant(windows[0]))
