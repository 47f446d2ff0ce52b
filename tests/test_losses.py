"""The losses against hand-computed numbers, the penalties against closed forms."""

import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from utils import losses  # first: it quietens TensorFlow's log

REAL = np.array([[0.0], [math.log(3)]])  # D(x) = 1/2 and 3/4
FAKE = np.array([[0.0], [-math.log(4)]])  # D(G(z)) = 1/2 and 1/5

# Worked out by hand from those four probabilities or logits.
BY_HAND = {
    "minimax": (
        -(math.log(1 / 2) + math.log(3 / 4)) / 2 - (math.log(1 / 2) + math.log(4 / 5)) / 2,
        (math.log(1 / 2) + math.log(4 / 5)) / 2,
    ),
    "non_saturating": (
        -(math.log(1 / 2) + math.log(3 / 4)) / 2 - (math.log(1 / 2) + math.log(4 / 5)) / 2,
        -(math.log(1 / 2) + math.log(1 / 5)) / 2,
    ),
    "least_squares": (
        (1 + (math.log(3) - 1) ** 2) / 4 + math.log(4) ** 2 / 4,
        (1 + (math.log(4) + 1) ** 2) / 4,
    ),
    "wasserstein": (-math.log(4) / 2 - math.log(3) / 2, math.log(4) / 2),
    # The second pair's difference is log 3 + log 4 = log 12: probabilities 12/13 and 1/13.
    "relativistic": (
        -(math.log(1 / 2) + math.log(12 / 13)) / 2,
        -(math.log(1 / 2) + math.log(1 / 13)) / 2,
    ),
}


def slope(function, at, step=1e-5):
    """Return d function / d at by central differences, entry by entry."""
    result = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        move = np.zeros_like(at)
        move[index] = step
        result[index] = (float(function(at + move)) - float(function(at - move))) / (2 * step)
    return result


def tensorflow_gradient(function, at):
    at = tf.constant(at)
    with tf.GradientTape() as tape:
        tape.watch(at)
        value = function(at)
    return tape.gradient(value, at).numpy()


@pytest.mark.parametrize("name", losses.LOSSES)
def test_losses_equal_numbers_worked_out_by_hand(name):
    loss = losses.get_loss(name)
    discriminator, generator = BY_HAND[name]
    np.testing.assert_allclose(loss.discriminator(REAL, FAKE), discriminator, rtol=1e-12)
    np.testing.assert_allclose(loss.generator(REAL, FAKE), generator, rtol=1e-12)


def test_every_loss_is_under_its_own_name():
    assert list(losses.LOSSES) == list(BY_HAND)
    for name in losses.LOSSES:
        assert losses.get_loss(name) is losses.LOSSES[name]
        assert losses.get_loss(name).name == name


def test_an_undecided_discriminator_loses_2_log_2():
    zeros = tf.zeros((5, 1))
    for name in ("minimax", "non_saturating"):
        loss = losses.get_loss(name)
        np.testing.assert_allclose(loss.discriminator(zeros, zeros), 2 * math.log(2), rtol=1e-6)
    np.testing.assert_allclose(losses.minimax.generator(zeros, zeros), -math.log(2), rtol=1e-6)


@pytest.mark.parametrize("name", losses.LOSSES)
@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_gradients_equal_finite_differences(name, player):
    function = getattr(losses.get_loss(name), player)
    for of_real in (True, False):

        def loss(logits, function=function, of_real=of_real):
            return function(logits, FAKE) if of_real else function(REAL, logits)

        at = REAL if of_real else FAKE
        expected = slope(loss, at)
        if player == "generator" and of_real and not losses.get_loss(name).generator_reads_real:
            np.testing.assert_array_equal(expected, 0)  # the flag tells the truth
            continue
        assert np.any(expected != 0)
        np.testing.assert_allclose(tensorflow_gradient(loss, at), expected, atol=1e-9, rtol=1e-6)


def test_minimax_saturates_where_non_saturating_pushes_hardest():
    certain = np.array([[-40.0]])  # D(G(z)) = 4e-18: the discriminator is sure that it is fake
    push = {
        name: tensorflow_gradient(lambda f, n=name: losses.get_loss(n).generator(f, f), certain)
        for name in ("minimax", "non_saturating")
    }
    assert -1e-16 < push["minimax"].item() < 0
    np.testing.assert_allclose(push["non_saturating"], -1, rtol=1e-12)
    # Once the generator wins it is the other way round.
    fooled = -certain
    minimax = tensorflow_gradient(lambda f: losses.minimax.generator(f, f), fooled)
    np.testing.assert_allclose(minimax, -1, rtol=1e-12)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_the_generator_gains_where_its_fakes_look_more_real(name):
    generator = losses.get_loss(name).generator
    grid = np.linspace(-3, 0.9, 14)  # up to least squares' target
    values = [float(generator(np.zeros((1, 1)), np.array([[f]]))) for f in grid]
    assert np.all(np.diff(values) < 0)


def test_minimax_is_a_zero_sum_game_in_the_fake_logits():
    rng = np.random.default_rng(1)
    real, one, other = rng.normal(size=(3, 6, 1))
    d = losses.minimax.discriminator
    g = losses.minimax.generator
    np.testing.assert_allclose(d(real, one) - d(real, other), g(real, other) - g(real, one))


@pytest.mark.parametrize("name", losses.LOSSES)
def test_flat_and_column_logits_agree_and_may_be_mixed(name):
    loss = losses.get_loss(name)
    for player in (loss.discriminator, loss.generator):
        column = player(REAL, FAKE)
        np.testing.assert_allclose(player(REAL[:, 0], FAKE[:, 0]), column)
        # Left as they are, (2,) − (2, 1) would broadcast to (2, 2).
        np.testing.assert_allclose(player(REAL[:, 0], FAKE), column)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_half_precision_logits_are_cast_before_anything_else(name):
    loss = losses.get_loss(name)
    half = tf.constant([[300.0]], tf.float16)  # its square is beyond float16's largest number
    for player in (loss.discriminator, loss.generator):
        value = player(half, -half)
        assert value.dtype == tf.float32
        assert np.isfinite(value)
        assert value.shape == ()


def test_all_but_relativistic_take_batches_of_different_sizes():
    three, two = np.zeros((3, 1)), np.zeros((2, 1))
    for name in losses.LOSSES:
        if name != "relativistic":
            assert np.isfinite(losses.get_loss(name).discriminator(three, two))
    with pytest.raises(ValueError, match="pairs, have the shapes"):
        losses.relativistic.discriminator(three, two)
    with pytest.raises(ValueError, match="pairs, have the shapes"):
        losses.relativistic.generator(three, np.zeros((1, 1)))


def test_relativistic_batches_of_unknown_size_are_compared_in_the_graph():
    logits = tf.TensorSpec((None, 1), tf.float32)
    step = tf.function(losses.relativistic.discriminator, input_signature=[logits, logits])
    np.testing.assert_allclose(step(tf.zeros((3, 1)), tf.zeros((3, 1))), math.log(2), rtol=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError, match="differ in shape"):
        step(tf.zeros((3, 1)), tf.zeros((1, 1)))


def test_logits_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(4, 2\); expected \(batch, 1\) or \(batch,\)"):
        losses.minimax.discriminator(np.zeros((4, 2)), np.zeros((4, 1)))
    with pytest.raises(ValueError, match="expected"):
        losses.wasserstein.generator(np.zeros((4, 1)), np.zeros((4, 1, 1)))


def test_an_unknown_loss_is_refused_with_the_known_names():
    with pytest.raises(ValueError, match="'hinge'; expected one of minimax, non_saturating"):
        losses.get_loss("hinge")


# Penalties ------------------------------------------------------------------------------------

WEIGHTS = np.array([[1.0, -2.0], [0.5, 3.0], [-1.0, 0.25]])  # (time, features)
SQUARED_NORM = 1 + 4 + 0.25 + 9 + 1 + 0.0625


def linear(samples):
    """Return Σ w·x, a discriminator whose gradient is w everywhere."""
    return tf.reduce_sum(samples * tf.cast(WEIGHTS, samples.dtype), axis=(1, 2))[:, None]


def quadratic(samples):
    """Return ½ ‖x‖², whose gradient is x."""
    return 0.5 * tf.reduce_sum(samples**2, axis=(1, 2))[:, None]


def samples(seed, batch=4):
    return np.random.default_rng(seed).normal(size=(batch, 3, 2))


def lstm_discriminator(dtype):
    keras.utils.set_random_seed(5)
    layers = [
        keras.Input((6, 2), dtype=dtype),
        keras.layers.LSTM(4, unroll=True, dtype=dtype, kernel_initializer="orthogonal"),
        keras.layers.Dense(1, dtype=dtype),
    ]
    return keras.Sequential(layers)


def test_gradient_penalty_of_a_linear_discriminator_is_half_gamma_squared_norm():
    penalty = losses.gradient_penalty(linear, samples(1), gamma=0.4)
    np.testing.assert_allclose(penalty, 0.2 * SQUARED_NORM, rtol=1e-12)


def test_gradient_penalty_is_a_mean_over_the_batch():
    x = samples(2)
    expected = 1.5 * np.mean(np.sum(x**2, axis=(1, 2)))
    np.testing.assert_allclose(losses.gradient_penalty(quadratic, x, gamma=3.0), expected)


def test_gradient_penalty_can_be_trained_on():
    scale = tf.Variable(2.0, dtype=tf.float64)
    with tf.GradientTape() as tape:
        penalty = losses.gradient_penalty(lambda x: scale * linear(x), samples(3), gamma=1.0)
    # d/ds ½ s² ‖w‖² = s ‖w‖²
    np.testing.assert_allclose(tape.gradient(penalty, scale), 2 * SQUARED_NORM)


def test_gradient_penalty_refuses_a_discriminator_that_ignores_its_samples():
    with pytest.raises(ValueError, match="do not depend on the samples"):
        losses.gradient_penalty(lambda x: tf.zeros((4, 1)), samples(1))


def test_finite_difference_of_a_linear_discriminator_is_exact_for_any_sigma():
    noise = samples(4)
    expected = 0.5 * np.mean(np.sum(noise * WEIGHTS, axis=(1, 2)) ** 2)
    for sigma in (1e-3, 1.0, 50.0):
        penalty = losses.finite_difference_penalty(linear, samples(5), 1.0, sigma, noise)
        np.testing.assert_allclose(penalty, expected, rtol=1e-9)


def test_finite_difference_of_a_quadratic_by_hand():
    # D(x + σε) − D(x) = σ x·ε + ½ σ² ‖ε‖²
    x, noise, sigma = samples(6), samples(7), 0.3
    quotient = np.sum(x * noise, axis=(1, 2)) + 0.5 * sigma * np.sum(noise**2, axis=(1, 2))
    penalty = losses.finite_difference_penalty(quadratic, x, 0.7, sigma, noise)
    np.testing.assert_allclose(penalty, 0.35 * np.mean(quotient**2), rtol=1e-12)


def test_finite_difference_from_logits_by_hand():
    penalty = losses.finite_difference_from_logits([1.0, 2.0], [[1.5], [1.0]], 2.0, 0.5)
    np.testing.assert_allclose(penalty, (1.0 + 4.0) / 2, rtol=1e-6)


def test_finite_difference_converges_to_the_exact_penalty_on_an_lstm():
    """As σ → 0 with ε along the coordinate axes, whose mean over axes is ‖∇D‖² / n, exactly."""
    discriminator = lstm_discriminator("float64")
    x = np.random.default_rng(8).normal(size=(3, 6, 2))
    exact = float(losses.gradient_penalty(discriminator, x, gamma=1.0))
    assert exact > 1e-4
    axes = np.sqrt(12) * np.eye(12).reshape(12, 1, 6, 2)  # E[εεᵀ] = I, as for N(0, I)
    every_x = np.repeat(x[None], 12, axis=0).reshape(36, 6, 2)
    noise = np.repeat(axes, 3, axis=1).reshape(36, 6, 2)
    errors = [
        abs(
            float(losses.finite_difference_penalty(discriminator, every_x, 1.0, sigma, noise))
            - exact
        )
        / exact
        for sigma in (1e-1, 1e-2, 1e-3, 1e-4)
    ]
    # One-sided differences of a quantity averaged over random x: first order in σ.
    for coarse, fine in itertools.pairwise(errors):
        assert fine < 0.2 * coarse
    assert errors[-1] < 1e-4


def test_finite_difference_converges_over_gaussian_noise_on_an_lstm():
    """With ε ~ N(0, I) the mean comes within its own standard error of the exact penalty."""
    discriminator = lstm_discriminator("float64")
    rng = np.random.default_rng(9)
    x = rng.normal(size=(1, 6, 2))
    exact = float(losses.gradient_penalty(discriminator, x, gamma=1.0))
    draws = 40_000
    noise = rng.normal(size=(draws, 6, 2))
    estimate = losses.finite_difference_penalty(
        discriminator, np.broadcast_to(x, noise.shape), 1.0, 1e-4, noise
    )
    # (ε·∇D)² is ‖∇D‖² times a chi-squared of one degree: its standard deviation is √2 ‖∇D‖².
    assert abs(float(estimate) - exact) < 3 * exact * math.sqrt(2 / draws)


def test_finite_difference_trains_like_the_exact_penalty():
    scale = tf.Variable(2.0, dtype=tf.float64)
    noise = samples(10)
    with tf.GradientTape() as tape:
        penalty = losses.finite_difference_penalty(
            lambda x: scale * linear(x), samples(11), 1.0, 0.1, noise
        )
    expected = 2 * np.mean(np.sum(noise * WEIGHTS, axis=(1, 2)) ** 2)
    np.testing.assert_allclose(tape.gradient(penalty, scale), expected, rtol=1e-9)


def test_finite_difference_needs_no_second_derivative():
    """TensorFlow's fused BlockLSTM runs on a CPU and, as cuDNN's, is differentiable only once."""
    rng = np.random.default_rng(17)
    weights = tf.Variable(rng.normal(size=(2 + 4, 16)), dtype=tf.float32)
    x, noise = samples(18).astype("float32"), samples(19).astype("float32")

    def fused(x):
        state, peephole = tf.zeros((4, 4)), tf.zeros((4,))
        lstm = tf.raw_ops.BlockLSTMV2(
            seq_len_max=3, x=tf.transpose(x, (1, 0, 2)), cs_prev=state, h_prev=state, w=weights,
            wci=peephole, wcf=peephole, wco=peephole, b=tf.zeros((16,)),
        )  # fmt: skip
        return tf.reduce_sum(lstm.h[-1], axis=1)

    with tf.GradientTape() as tape:
        penalty = losses.finite_difference_penalty(fused, x, 1.0, 0.1, noise)
    assert np.any(tape.gradient(penalty, weights) != 0)
    with tf.GradientTape() as tape:
        penalty = losses.gradient_penalty(fused, x)
    assert penalty > 0
    with pytest.raises(LookupError, match="gradient registry has no entry"):
        tape.gradient(penalty, weights)


@pytest.mark.parametrize("sigma", [0.0, -0.1, math.nan, math.inf])
def test_a_sigma_that_is_not_positive_is_refused(sigma):
    with pytest.raises(ValueError, match=r"sigma is .*; expected a finite number above 0"):
        losses.finite_difference_from_logits([1.0], [2.0], 1.0, sigma)


@pytest.mark.parametrize("gamma", [-0.1, math.nan, math.inf])
def test_a_negative_weight_is_refused(gamma):
    x = samples(1)
    for penalty in (
        lambda: losses.gradient_penalty(linear, x, gamma),
        lambda: losses.finite_difference_penalty(linear, x, gamma, 0.1, x),
        lambda: losses.finite_difference_from_logits([1.0], [2.0], gamma, 0.1),
        lambda: losses.wgan_gp_penalty(linear, x, x, gamma, np.ones((4, 1, 1))),
    ):
        with pytest.raises(ValueError, match=r"(gamma|weight) is .*; expected .* at least 0"):
            penalty()


def test_shapes_that_differ_are_refused():
    x = samples(1)
    with pytest.raises(ValueError, match="samples and the noise have the shapes"):
        losses.finite_difference_penalty(linear, x, 1.0, 0.1, x[:1])
    with pytest.raises(ValueError, match="moved logits have the shapes"):
        losses.finite_difference_from_logits([1.0, 2.0], [1.0], 1.0, 0.1)
    with pytest.raises(ValueError, match="real and the fake samples have the shapes"):
        losses.wgan_gp_penalty(linear, x, x[:2], 10.0, np.ones((4, 1, 1)))
    with pytest.raises(ValueError, match=r"mix has the shape \(4,\); expected \(4, 1, 1\)"):
        losses.wgan_gp_penalty(linear, x, x, 10.0, np.ones(4))


def test_wgan_gp_of_a_linear_critic():
    mix = np.random.default_rng(12).uniform(size=(4, 1, 1))
    penalty = losses.wgan_gp_penalty(linear, samples(1), samples(2), 10.0, mix)
    np.testing.assert_allclose(penalty, 10 * (math.sqrt(SQUARED_NORM) - 1) ** 2, rtol=1e-12)


def test_wgan_gp_measures_between_real_and_fake():
    real, fake = samples(13), samples(14)
    mix = np.array([0.0, 1.0, 0.25, 0.5])[:, None, None]
    between = np.stack(
        [
            fake[0],
            real[1],
            0.25 * real[2] + 0.75 * fake[2],
            0.5 * real[3] + 0.5 * fake[3],
        ]
    )
    expected = np.mean((np.sqrt(np.sum(between**2, axis=(1, 2))) - 1) ** 2)
    np.testing.assert_allclose(losses.wgan_gp_penalty(quadratic, real, fake, 1.0, mix), expected)


def test_wgan_gp_has_a_finite_gradient_where_the_critic_is_flat():
    scale = tf.Variable(0.0, dtype=tf.float64)  # the critic's gradient is exactly 0
    x = samples(1)
    with tf.GradientTape() as tape:
        penalty = losses.wgan_gp_penalty(
            lambda x: scale * linear(x), x, x, 10.0, np.ones((4, 1, 1))
        )
    np.testing.assert_allclose(penalty, 10.0)
    assert np.isfinite(tape.gradient(penalty, scale))


def test_penalties_work_in_a_graph_with_batches_of_unknown_size():
    spec = tf.TensorSpec((None, 3, 2), tf.float32)
    mix_spec = tf.TensorSpec((None, 1, 1), tf.float32)

    @tf.function(input_signature=[spec, spec, mix_spec])
    def all_three(x, noise, mix):
        return (
            losses.gradient_penalty(quadratic, x, 1.0),
            losses.finite_difference_penalty(quadratic, x, 1.0, 1e-2, noise),
            losses.wgan_gp_penalty(quadratic, x, noise, 10.0, mix),
        )

    x, noise = samples(15).astype("float32"), samples(16).astype("float32")
    mix = np.full((4, 1, 1), 0.5, "float32")
    exact, finite, wgan_gp = all_three(x, noise, mix)
    np.testing.assert_allclose(exact, losses.gradient_penalty(quadratic, x), rtol=1e-5)
    eager = losses.finite_difference_penalty(quadratic, x, 1.0, 1e-2, noise)
    np.testing.assert_allclose(finite, eager, rtol=1e-3)
    eager = losses.wgan_gp_penalty(quadratic, x, noise, 10.0, mix)
    np.testing.assert_allclose(wgan_gp, eager, rtol=1e-5)


# Quantiles ------------------------------------------------------------------------------------


def test_quantile_loss_equals_numbers_worked_out_by_hand():
    target = np.array([[1.0, 2.0]])
    predicted = np.array([[[0.0, 3.0], [2.0, 6.0]]])
    # Errors 1 and −2, then 0 and −4: 0.1 · 1, (1 − 0.8) · 2, 0, 0.2 · 4.
    loss = losses.quantile_loss((0.1, 0.8))(target, predicted)
    np.testing.assert_allclose(loss, (0.1 + 0.4 + 0.0 + 0.8) / 4)


def test_half_the_absolute_error_is_the_loss_of_the_median():
    target, predicted = samples(1), samples(2)
    loss = losses.quantile_loss([0.5])(target, predicted[..., None])
    np.testing.assert_allclose(loss, np.mean(np.abs(target - predicted)) / 2)


def test_quantile_loss_is_least_at_the_quantile():
    sample = np.random.default_rng(3).gamma(0.5, size=999)  # skewed, as rain is
    for level in (0.05, 0.5, 0.9):
        loss = losses.quantile_loss([level])
        candidates = np.linspace(0, 3, 301)
        costs = [float(loss(sample, np.full((999, 1), c))) for c in candidates]
        exact = np.quantile(sample, level, method="inverted_cdf")
        np.testing.assert_allclose(candidates[np.argmin(costs)], exact, atol=0.01)


def test_quantile_loss_gradient_equals_finite_differences():
    loss = losses.quantile_loss((0.1, 0.5, 0.7))
    target, predicted = samples(4), samples(5)[..., None] + [-0.3, 0.0, 0.4]
    gradient = tensorflow_gradient(lambda p: loss(target, p), predicted)
    np.testing.assert_allclose(gradient, slope(lambda p: loss(target, p), predicted), atol=1e-8)


@pytest.mark.parametrize("levels", [(0.2, 0.8), (0.8,)])
def test_a_network_trained_on_quantile_loss_finds_the_quantiles(levels):
    sample = np.random.default_rng(6).gamma(2.0, size=(500, 2)).astype("float32")
    keras.utils.set_random_seed(1)
    layers = [keras.Input((1,)), keras.layers.Dense(2 * len(levels))]
    model = keras.Sequential([*layers, keras.layers.Reshape((2, len(levels)))])
    model.compile(keras.optimizers.Adam(0.05), losses.quantile_loss(levels))
    model.fit(np.zeros((75_000, 1)), np.tile(sample, (150, 1)), batch_size=500, verbose=0)
    found = model.predict(np.zeros((1, 1)), verbose=0)[0]
    np.testing.assert_allclose(found, np.quantile(sample, levels, axis=0).T, atol=0.1)


def test_half_precision_forecasts_are_cast():
    target, predicted = samples(7), samples(8)[..., None]
    loss = losses.quantile_loss([0.3])
    half = loss(target.astype("float16"), predicted.astype("float16"))
    assert half.dtype == tf.float32
    np.testing.assert_allclose(half, loss(target, predicted), rtol=2e-3)


@pytest.mark.parametrize(
    "levels", [(), (0.0, 0.5), (0.5, 1.0), (0.5, 0.5), (0.9, 0.1), (math.nan,)]
)
def test_bad_quantiles_are_refused(levels):
    with pytest.raises(ValueError, match="expected at least one, rising, each between 0 and 1"):
        losses.quantile_loss(levels)


def test_forecasts_that_do_not_fit_are_refused():
    loss = losses.quantile_loss((0.1, 0.9))
    for shape in [(4, 3), (4, 3, 3), (4, 2, 2), (4, 3, 1, 2)]:
        with pytest.raises(ValueError, match=r"expected predictions of shape \(4, 3, 2\)"):
            loss(np.zeros((4, 3)), np.zeros(shape))
