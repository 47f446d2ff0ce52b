"""What notebook 09 measures remedies with, and the remedies, against closed forms."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from utils import evaluation, losses
from utils.lessons import remedies

CORNERS = np.array([(x, y) for x in (-1.0, 1.0) for y in (-1.0, 1.0)])


def at_distance(radius, centre, count):
    """Return points on a circle."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return centre + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


# Mode coverage --------------------------------------------------------------------------------


@pytest.mark.parametrize("centres", [CORNERS, 3 * np.eye(5)])
def test_a_perfect_sampler_covers_all_and_has_the_quality_of_a_chi_squared(centres):
    rng = np.random.default_rng(1)
    modes, dimensions = centres.shape
    points = centres[rng.integers(modes, size=20_000)]
    points = points + 0.1 * rng.normal(size=points.shape)
    found = evaluation.mode_coverage(points, centres, 0.1)
    # P(χ² ≤ 9): 1 − exp(−9/2) in two dimensions; in five, from tables, 0.89094.
    expected = {2: 1 - math.exp(-4.5), 5: 0.89094}[dimensions]
    assert found.modes == modes
    assert abs(found.quality - expected) < 4 * math.sqrt(expected * (1 - expected) / 20_000)


def test_three_sigma_is_where_quality_ends():
    inside, outside = at_distance(0.299, CORNERS[0], 30), at_distance(0.301, CORNERS[0], 10)
    found = evaluation.mode_coverage(np.concatenate([inside, outside]), CORNERS, 0.1)
    assert found == (1, 0.75)
    assert evaluation.mode_coverage(outside, CORNERS, 0.1) == (0, 0.0)


def test_a_mode_is_covered_from_its_share_on():
    # 100 samples, 4 modes: a quarter of the fair share of 25 is 6.25 samples.
    for in_second, modes in ((6, 1), (7, 2)):
        points = np.repeat(CORNERS, (100 - in_second, in_second, 0, 0), axis=0)
        assert evaluation.mode_coverage(points, CORNERS, 0.1) == (modes, 1.0)
    points = np.repeat(CORNERS, (94, 6, 0, 0), axis=0)
    assert evaluation.mode_coverage(points, CORNERS, 0.1, share=0.24).modes == 2
    assert evaluation.mode_coverage(points, CORNERS, 0.1, share=1.0).modes == 1


def test_bad_samples_make_their_mode_no_better():
    # The fair share is of all samples, the bad ones too.
    good = np.repeat(CORNERS, 6, axis=0)
    bad = np.full((76, 2), 9.0)
    assert evaluation.mode_coverage(good, CORNERS, 0.1) == (4, 1.0)
    assert evaluation.mode_coverage(np.concatenate([good, bad]), CORNERS, 0.1) == (0, 0.24)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": np.zeros(4)}, r"samples have the shape \(4,\); expected \(samples, dimen"),
        ({"samples": np.zeros((0, 2))}, "not empty"),
        ({"centres": np.zeros((2, 2, 2))}, r"expected \(centres, dimensions\)"),
        ({"samples": np.full((4, 2), np.nan)}, "samples are not all finite"),
        ({"samples": np.zeros((4, 3))}, "samples have 3 dimensions, the centres 2"),
        ({"sigma": 0.0}, "sigma is 0.0; expected a finite number above 0"),
        ({"sigma": math.inf}, "sigma is inf"),
        ({"share": 0.0}, "share is 0.0"),
        ({"share": 1.1}, "share is 1.1; expected a number above 0, at most 1"),
    ],
)
def test_mode_coverage_refuses(change, message):
    arguments = {"samples": CORNERS, "centres": CORNERS, "sigma": 0.1, "share": 0.25, **change}
    with pytest.raises(ValueError, match=message):
        evaluation.mode_coverage(**arguments)


# Spectral norm --------------------------------------------------------------------------------


def kernels(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape)


def start(kernel):
    ones = np.ones((*kernel.shape[:-2], kernel.shape[-1], 1))
    return ones / math.sqrt(kernel.shape[-1])


@pytest.mark.parametrize("shape", [(6, 6), (3, 8), (8, 3), (5, 1), (4, 6, 5), (2, 3, 7, 4)])
def test_spectral_norm_equals_the_largest_singular_value(shape):
    kernel = kernels(*shape)
    norm, direction = remedies.spectral_norm(kernel, start(kernel), 500)
    exact = np.linalg.svd(kernel, compute_uv=False)[..., :1, None]
    np.testing.assert_allclose(norm, exact, rtol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(direction, axis=-2), 1)
    # The direction is the right singular vector: the kernel stretches it by the norm.
    stretched = np.linalg.norm(kernel @ direction, axis=-2, keepdims=True)
    np.testing.assert_allclose(stretched, exact, rtol=1e-9)


def test_one_iteration_a_step_gets_there_and_never_overshoots():
    kernel = kernels(5, 8, 6)
    exact = np.linalg.svd(kernel, compute_uv=False)[:, :1, None]
    direction, before = start(kernel), np.zeros((5, 1, 1))
    for _ in range(300):
        norm, direction = remedies.spectral_norm(kernel, direction)
        assert np.all(norm > before - 1e-12)
        assert np.all(norm < exact + 1e-9)
        before = norm
    np.testing.assert_allclose(before, exact, rtol=1e-6)
    at_once, _ = remedies.spectral_norm(kernel, start(kernel), 300)
    np.testing.assert_allclose(before, at_once, rtol=1e-12)


def test_each_kernel_of_a_stack_is_normalised_by_itself():
    kernel = kernels(4, 6, 5)
    together, _ = remedies.spectral_norm(kernel, start(kernel), 3)
    for k in range(4):
        alone, _ = remedies.spectral_norm(kernel[k], start(kernel[k]), 3)
        np.testing.assert_allclose(together[k], alone, rtol=1e-12)


def test_the_gradient_of_the_norm_is_the_outer_product_of_singular_vectors():
    kernel = tf.constant(kernels(6, 4))
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        norm, _ = remedies.spectral_norm(kernel, start(kernel), 500)
    left, _, right = np.linalg.svd(kernel, full_matrices=False)
    expected = np.outer(left[:, 0], right[0])
    np.testing.assert_allclose(tape.gradient(norm, kernel), expected, atol=1e-9)


def test_no_gradient_flows_through_the_directions():
    # Far from the singular vectors it would matter: here both directions are constants.
    kernel = tf.constant(kernels(6, 4))
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        norm, direction = remedies.spectral_norm(kernel, start(kernel))
    left = kernel.numpy() @ start(kernel)
    expected = left / np.linalg.norm(left) @ direction.numpy().T
    np.testing.assert_allclose(tape.gradient(norm, kernel), expected, atol=1e-12)


def test_spectral_norm_equals_that_of_keras():
    layer = keras.layers.SpectralNormalization(keras.layers.Dense(5), power_iterations=2)
    layer.build((None, 7))
    kernel = layer.layer.kernel.numpy()
    direction = np.transpose(layer.vector_u)
    layer(np.zeros((1, 7), "float32"), training=True)  # Keras writes the normalised kernel back
    norm, _ = remedies.spectral_norm(kernel, direction, 2)
    np.testing.assert_allclose(layer.layer.kernel, kernel / norm, rtol=1e-4)


def test_spectral_norm_refuses():
    kernel = kernels(6, 4)
    with pytest.raises(ValueError, match=r"kernel has the shape \(6,\)"):
        remedies.spectral_norm(kernel[:, 0], start(kernel))
    with pytest.raises(ValueError, match=r"direction has the shape \(6, 1\); expected \(4, 1\)"):
        remedies.spectral_norm(kernel, np.ones((6, 1)))
    with pytest.raises(ValueError, match=r"expected \(2, 4, 1\)"):
        remedies.spectral_norm(np.stack([kernel, kernel]), start(kernel))
    with pytest.raises(ValueError, match="iterations is 0; expected a positive integer"):
        remedies.spectral_norm(kernel, start(kernel), 0)


# Minibatch standard deviation -----------------------------------------------------------------


@pytest.mark.parametrize("shape", [(7, 3), (4, 7, 3)])
def test_minibatch_std_appends_the_mean_deviation_of_each_batch(shape):
    features = kernels(*shape)
    wider = remedies.minibatch_std(features).numpy()
    assert wider.shape == (*shape[:-1], 4)
    np.testing.assert_array_equal(wider[..., :3], features)
    expected = np.broadcast_to(features.std(axis=-2).mean(axis=-1)[..., None], shape[:-1])
    np.testing.assert_allclose(wider[..., 3], expected, rtol=1e-6)


def test_copies_have_no_deviation_and_a_finite_gradient():
    copies = tf.Variable(np.tile(kernels(1, 3), (6, 1)))
    with tf.GradientTape() as tape:
        spread = remedies.minibatch_std(copies)[:, 3]
    np.testing.assert_allclose(spread, 0, atol=1.01e-4)
    assert np.isfinite(tape.gradient(spread, copies)).all()


def test_minibatch_std_works_with_batches_of_unknown_size():
    step = tf.function(remedies.minibatch_std, input_signature=[tf.TensorSpec((None, 3))])
    features = kernels(5, 3).astype("float32")
    np.testing.assert_allclose(step(features), remedies.minibatch_std(features), rtol=1e-6)


def test_minibatch_std_refuses_a_single_axis():
    with pytest.raises(ValueError, match=r"shape \(3,\); expected \(…, batch, features\)"):
        remedies.minibatch_std(np.zeros(3))


# Label smoothing and clipping -----------------------------------------------------------------


def test_without_smoothing_it_is_the_plain_loss():
    r, f = kernels(5, 1), kernels(5, 1, seed=2)
    plain = losses.minimax.discriminator(r, f)
    np.testing.assert_allclose(losses.smoothed_discriminator(r, f, 0.0), plain, rtol=1e-12)


def test_smoothing_by_hand_and_as_keras_cross_entropy():
    r, f = kernels(5, 1), kernels(4, 1, seed=2)
    entropy = keras.losses.BinaryCrossentropy(from_logits=True, dtype="float64")
    keras_loss = entropy(np.full_like(r, 0.8), r) + entropy(np.zeros_like(f), f)
    np.testing.assert_allclose(losses.smoothed_discriminator(r, f, 0.2), keras_loss, rtol=1e-9)
    at_zero = losses.smoothed_discriminator(tf.zeros((1,)), tf.zeros((1,)), 0.3)
    np.testing.assert_allclose(at_zero, 2 * math.log(2), rtol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.4])
def test_the_optimal_smoothed_discriminator(smoothing):
    """Where p and q are the densities, the slope in the logit is 0 at D = (1 − ε) p/(p + q)."""
    p, q = 0.7, 0.2
    best = (1 - smoothing) * p / (p + q)
    logit = tf.constant([[math.log(best / (1 - best))]], tf.float64)
    nothing = tf.constant([[-1000.0]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(logit)
        on_real = losses.smoothed_discriminator(logit, nothing, smoothing)
        on_fake = losses.smoothed_discriminator(tf.zeros_like(logit), logit, smoothing)
        loss = p * on_real + q * on_fake
    np.testing.assert_allclose(tape.gradient(loss, logit), 0, atol=1e-12)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, math.nan])
def test_a_smoothing_out_of_range_is_refused(smoothing):
    with pytest.raises(ValueError, match="expected a number from 0 to below 1"):
        losses.smoothed_discriminator(np.zeros((2, 1)), np.zeros((2, 1)), smoothing)


def test_clipping_cuts_in_place_and_leaves_the_rest():
    before = kernels(6, 5)
    weights = [tf.Variable(before), tf.Variable(3.0)]
    losses.clip_weights(weights, 0.5)
    np.testing.assert_array_equal(weights[0], np.clip(before, -0.5, 0.5))
    assert weights[1].numpy() == 0.5
    assert np.any(np.abs(before) < 0.5)


@pytest.mark.parametrize("limit", [0.0, -1.0, math.nan, math.inf])
def test_a_limit_that_is_not_positive_is_refused(limit):
    with pytest.raises(ValueError, match=r"limit is .*; expected a finite number above 0"):
        losses.clip_weights([tf.Variable(1.0)], limit)


# Penalties in the plane, as the notebook uses them ----------------------------------------------

SLOPE = tf.constant([[3.0], [-4.0]], tf.float64)  # of length 5


def linear(x):
    return x @ SLOPE


def test_penalties_of_a_linear_discriminator_in_the_plane():
    x, fake = kernels(50, 2), kernels(50, 2, seed=2)
    mix = np.random.default_rng(3).uniform(size=(50, 1))
    np.testing.assert_allclose(losses.wgan_gp_penalty(linear, x, fake, 1.0, mix), 16, rtol=1e-9)
    np.testing.assert_allclose(losses.gradient_penalty(linear, x, 0.1), 0.05 * 25, rtol=1e-9)
