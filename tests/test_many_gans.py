"""Many small GANs at once: each is the GAN of lesson 08, alone; a remedy changes its own part."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from utils import evaluation, losses
from utils.lessons import many_gans, remedies
from utils.lessons.gan import Gan
from utils.lessons.many_gans import BATCH, LATENT, train_seeds

SQUARE = np.array([(x, y) for x in (-1, 1) for y in (-1, 1)], "float32")
SMALL = {"units": 8, "members": 2, "steps": 6}


def gans(**options):
    """Return the GANs of a training that has not begun."""
    defaults = {
        "game": losses.non_saturating,
        "r1": 0.0,
        "r2": 0.0,
        "finite_difference": None,
        "wgan_gp": 0.0,
        "clip": None,
        "spectral": False,
        "spectral_in_place": False,
        "logit_scale": 1.0,
        "minibatch_deviation": False,
        "pack": 1,
        "smoothing": 0.0,
        "ema_decay": 0.0,
        "g_rate": 5e-3,
        "d_rate": 5e-3,
        "rate_decay": 1.0,
        "hidden": 2,
        "seed": 1,
        "sigma": 0.08,
    }
    return many_gans._Gans((SQUARE,), **{**defaults, **SMALL, **options})


def ends(runs):
    """Return the last snapshots, (members, points, 2)."""
    return runs.snapshots[0, :, -1]


@pytest.fixture(scope="module")
def plain():
    """Return a training without any remedy."""
    return train_seeds([SQUARE], **SMALL)


# One member is the textbook's GAN -------------------------------------------------------------


class GivenLatents(Gan):
    """A Gan whose latents are given, in the order of use, and which may be penalised."""

    penalised = False

    def latents(self, count):
        return self.given.pop(0)

    def discriminator_loss(self, real, fake):
        loss = super().discriminator_loss(real, fake)
        if self.penalised:
            loss = loss + losses.gradient_penalty(self.logits, real, 0.1)
        return loss


def own(weights, member):
    """Return one member's weights in Keras' shapes."""
    return [
        w[member].numpy() if i % 2 == 0 else w[member, 0].numpy() for i, w in enumerate(weights)
    ]


def perceptron(inputs, outputs, dense=keras.layers.Dense, wrap=lambda layer: layer, scale=1.0):
    hidden = [wrap(dense(8, "leaky_relu")) for _ in range(2)]
    last = [wrap(dense(outputs)), keras.layers.Rescaling(scale)]
    return keras.Sequential([keras.Input((inputs,)), *hidden, *last])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"game": losses.relativistic, "ema_decay": 0.9},
        {"r1": 0.1, "rate_decay": 0.1},
        {"spectral": True, "logit_scale": 10.0, "game": remedies.hinge},
        {"spectral": True, "spectral_in_place": True, "logit_scale": 10.0},
    ],
    ids=["plain", "relativistic and average", "R1 and falling rates", "spectral", "in place"],
)
def test_one_member_is_a_keras_gan_trained_alone(options):
    steps, member = 10, 1
    stack = gans(**{**options, "steps": steps})
    in_place, dense = options.get("spectral_in_place"), keras.layers.Dense
    if options.get("spectral") and not in_place:
        dense = remedies.SpectralDense
    wrap = keras.layers.SpectralNormalization if in_place else lambda layer: layer
    generator = perceptron(LATENT, 2)
    discriminator = perceptron(2, 1, dense, wrap, options.get("logit_scale", 1.0))
    generator.set_weights(own(stack.g, member))
    for variable, value in zip(
        discriminator.trainable_variables, own(stack.d, member), strict=True
    ):
        variable.assign(value)
    normalised = [layer for layer in discriminator.layers if hasattr(layer, "vector_u")]
    for layer, direction in zip(normalised, stack.directions, strict=False):
        layer.vector_u.assign(np.transpose(direction[member]))
    alone = GivenLatents(generator, discriminator)
    alone.penalised = "r1" in options
    falling = keras.optimizers.schedules.ExponentialDecay(
        5e-3, steps, options.get("rate_decay", 1.0)
    )
    average = {"use_ema": "ema_decay" in options, "ema_momentum": options.get("ema_decay", 0.99)}
    adams = [keras.optimizers.Adam(falling, 0.5, 0.99, **kept) for kept in (average, {})]
    alone.compile(*adams, stack.game)
    for number in range(steps):
        real, *latents, _ = stack.draws(tf.constant(number))
        alone.given = [tf.reshape(x, (2, BATCH, -1))[member] for x in latents]
        alone.train_step(tf.reshape(real, (2, BATCH, 2))[member])
    stack.advance(tf.constant(0), tf.constant(steps))
    trained = [w.numpy() for w in discriminator.trainable_weights]
    for one, other in zip(trained, own(stack.d, member), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    for one, other in zip(generator.get_weights(), own(stack.g, member), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    if "ema_decay" in options:
        adams[0].finalize_variable_values(generator.trainable_variables)
        for one, other in zip(generator.get_weights(), own(stack.average, member), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4)
        assert np.any(np.abs(own(stack.average, member)[0] - own(stack.g, member)[0]) > 1e-3)


# Members --------------------------------------------------------------------------------------


def test_members_do_not_touch_each_other():
    """After a change in member 0, member 1 trains on as before."""
    options = {"r1": 0.1, "spectral": True, "minibatch_deviation": False, "ema_decay": 0.9}
    as_is, changed = gans(**options), gans(**options)
    for weight in (*changed.g, *changed.d):
        weight.assign(tf.concat([2 * weight[:1] + 0.1, weight[1:]], axis=0))
    for stack in (as_is, changed):
        stack.advance(tf.constant(0), tf.constant(6))
    a, b = as_is.snapshot(), changed.snapshot()
    np.testing.assert_allclose(a[1], b[1], atol=1e-5)
    assert np.max(np.abs(a[0] - b[0])) > 0.1


def test_a_member_starts_from_its_own_seed_whatever_stands_beside_it():
    few = gans(seed=5, members=1)
    stack = many_gans._Gans((SQUARE, SQUARE), **{**few.options, "seed": 4, "members": 2})
    assert stack.count == 4
    for one, all_of_them in zip([*few.g, *few.d], [*stack.g, *stack.d], strict=True):
        np.testing.assert_array_equal(one[0], all_of_them[1])
        np.testing.assert_array_equal(one[0], all_of_them[3])
        if np.any(one):
            assert np.any(all_of_them[0] != all_of_them[1])


def test_each_target_has_points_of_its_own():
    far = SQUARE + 50
    stack = many_gans._Gans((SQUARE, far), **gans().options)
    points = tf.reshape(stack.real((1, 2)), (2, 2, BATCH, 2)).numpy()
    assert np.abs(points[0]).max() < 3
    assert points[1].min() > 40
    assert np.any(points[0, 0] != points[0, 1])


# A training -----------------------------------------------------------------------------------


def test_shapes_of_what_training_leaves():
    runs = train_seeds([SQUARE, SQUARE[:3]], **SMALL)
    assert runs.history.shape == (6, 2)
    assert runs.steps.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert runs.snapshots.shape == (2, 2, 7, 2000, 2)
    assert runs.logits(np.zeros((5, 2))).shape == (2, 2, 5)
    modes, quality = runs.scores()
    assert modes.shape == quality.shape == (2, 2, 7)
    expected = evaluation.mode_coverage(runs.snapshots[1, 0, 3], SQUARE[:3], 0.08)
    assert (modes[1, 0, 3], quality[1, 0, 3]) == expected


def test_twenty_snapshots_of_a_long_training():
    runs = train_seeds([SQUARE], **{**SMALL, "steps": 43})
    assert runs.steps.tolist()[::5] == [0, 11, 22, 32, 43]
    assert runs.history.shape == (43, 2)


def test_the_same_seed_gives_the_same_bits_and_another_one_others(plain):
    again = train_seeds([SQUARE], **SMALL)
    np.testing.assert_array_equal(plain.snapshots, again.snapshots)
    np.testing.assert_array_equal(plain.history, again.history)
    other = train_seeds([SQUARE], **SMALL, seed=2)
    assert np.any(ends(plain)[1] != ends(other)[0])  # the same weights at first, other points


def test_logits_are_those_of_each_discriminator():
    runs = train_seeds([SQUARE], **SMALL, spectral=True, logit_scale=3.0)
    one, other = runs.logits(SQUARE), runs.logits(SQUARE + 0.5)
    slope = np.abs(one - other) / np.sqrt(0.5)
    assert slope.shape == (1, 2, 4)
    assert np.any(runs.logits(SQUARE)[0, 0] != runs.logits(SQUARE)[0, 1])
    np.testing.assert_array_equal(one, runs.logits(SQUARE))  # to look changes nothing


# Every option ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"game": losses.minimax},
        {"r1": 0.5},
        {"r2": 0.5},
        {"r1": 0.5, "finite_difference": 0.05},
        {"game": losses.wasserstein, "wgan_gp": 1.0},
        {"clip": 0.2},
        {"spectral": True},
        {"spectral": True, "spectral_in_place": True},
        {"logit_scale": 4.0},
        {"minibatch_deviation": True},
        {"pack": 2},
        {"smoothing": 0.1},
        {"g_rate": 1e-3},
        {"d_rate": 1e-3},
        {"rate_decay": 0.1},
        {"units": 9},
        {"hidden": 1},
        {"hidden": 3},
        {"sigma": 0.5},
    ],
    ids=str,
)
def test_every_option_changes_the_training(options, plain):
    runs = train_seeds([SQUARE], **{**SMALL, **options})
    assert np.isfinite(runs.history).all()
    assert np.isfinite(runs.snapshots).all()
    assert np.max(np.abs(ends(runs) - ends(plain))) > 1e-4


def test_the_average_leaves_the_training_alone(plain):
    runs = train_seeds([SQUARE], **SMALL, ema_decay=0.9)
    np.testing.assert_array_equal(runs.history, plain.history)
    assert np.max(np.abs(ends(runs) - ends(plain))) > 1e-3


def test_penalties_are_those_of_the_library():
    stack = gans(r1=0.3, r2=0.2)
    real, latents, _, seed = stack.draws(tf.constant(0))
    fake = many_gans._forward(stack.g, latents)
    expected = losses.gradient_penalty(stack.logits, real, 0.3)
    expected += losses.gradient_penalty(stack.logits, fake, 0.2)
    np.testing.assert_allclose(stack.penalty(real, fake, seed), expected, rtol=1e-6)
    estimated = gans(r1=0.3, r2=0.2, finite_difference=0.01).penalty(real, fake, seed)
    np.testing.assert_allclose(estimated, expected, rtol=0.5)
    assert abs(estimated - expected) > 1e-6
    mix = tf.random.stateless_uniform((len(real), 1), seed)
    between = losses.wgan_gp_penalty(stack.logits, real, fake, 2.0, mix)
    np.testing.assert_allclose(gans(wgan_gp=2.0).penalty(real, fake, seed), between, rtol=1e-6)
    assert gans().penalty(real, fake, seed) == 0


def test_clipped_weights_stay_within_the_limit():
    stack = gans(clip=0.1)
    stack.advance(tf.constant(0), tf.constant(3))
    assert max(np.abs(weight).max() for weight in stack.d) <= 0.1 + 1e-6


@pytest.mark.parametrize("in_place", [False, True])
def test_a_normalised_discriminator_is_at_most_as_steep_as_its_scale(in_place):
    stack = gans(spectral=True, spectral_in_place=in_place, logit_scale=10.0)
    for _ in range(100):  # let the power iteration settle
        stack.logits(np.zeros((4, 2), "float32"))
    a, b = (np.random.default_rng(k).normal(size=(400, 2)).astype("float32") for k in (1, 2))
    gap = np.abs(stack.logits(a) - stack.logits(b))[:, 0]
    lengths = np.linalg.norm(a - b, axis=1)
    assert np.all(gap <= 10.01 * lengths)
    assert np.any(gap > 1.5 * lengths)


def test_the_deviation_of_a_batch_reaches_the_logit_of_each_point():
    points = np.random.default_rng(1).normal(size=(2 * BATCH, 2)).astype("float32")
    copies = np.repeat(points[:1], 2 * BATCH, axis=0)
    for switch in (False, True):
        stack = gans(minibatch_deviation=switch)
        change = abs(stack.logits(copies)[0, 0] - stack.logits(points)[0, 0])
        assert (change > 1e-3) == switch


def test_a_pack_is_of_one_member_and_has_one_logit():
    stack = gans(pack=2)
    points = np.random.default_rng(1).normal(size=(2 * BATCH, 2)).astype("float32")
    before = stack.logits(points).numpy()
    assert before.shape == (BATCH, 1)
    points[-1] += 1
    changed = np.flatnonzero(stack.logits(points).numpy() != before)
    assert changed.tolist() == [BATCH - 1]


def test_smoothing_is_that_of_the_library():
    stack = gans(smoothing=0.2)
    real, latents, _, seed = stack.draws(tf.constant(0))
    fake = many_gans._forward(stack.g, latents)
    expected = losses.smoothed_discriminator(stack.logits(real), stack.logits(fake), 0.2)
    found = stack.discriminator_step(real, latents, seed, tf.constant(0.0))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


# Refusals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"members": 0}, "members is 0; expected a positive integer"),
        ({"steps": 2.5}, "steps is 2.5"),
        ({"pack": 3}, "pack is 3; expected a divisor of 128"),
        ({"g_rate": 0.0}, "g_rate is 0.0; expected a finite number above 0"),
        ({"rate_decay": -1.0}, "rate_decay is -1.0"),
        ({"ema_decay": 1.0}, "ema_decay is 1.0; expected a number from 0 to below 1"),
        ({"smoothing": 0.1, "game": losses.wasserstein}, "smoothing is for minimax and"),
        ({"r1": -1.0}, "gamma is -1.0"),
    ],
)
def test_numbers_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        train_seeds([SQUARE], **{**SMALL, **options})


@pytest.mark.parametrize("targets", [[], SQUARE, [SQUARE[:0]], [np.zeros((4, 3))]])
def test_targets_that_are_no_centres_are_refused(targets):
    with pytest.raises(ValueError, match=r"expected a list of \(modes, 2\) arrays"):
        train_seeds(targets, **SMALL)


# The mixture and the hinge ------------------------------------------------------------------------


def test_the_mixture_is_a_perfect_sampler_of_itself():
    points = many_gans.sample_mixture(tf.constant(SQUARE), 4000, 0.1, (1, 2)).numpy()
    modes, quality = evaluation.mode_coverage(points, SQUARE, 0.1)
    assert modes == 4
    assert quality == pytest.approx(1 - np.exp(-4.5), abs=0.01)
    again = many_gans.sample_mixture(tf.constant(SQUARE), 4000, 0.1, (1, 2))
    np.testing.assert_array_equal(points, again)


def test_the_hinge_loss_by_hand():
    r, f = tf.constant([[2.0], [0.5]]), tf.constant([[-2.0], [0.0]])
    assert remedies.hinge.discriminator(r, f) == 0.25 + 0.5
    assert remedies.hinge.generator(r, f) == 1.0
    assert remedies.hinge.discriminator(tf.zeros((1, 1)), tf.zeros((1, 1))) == 2
    assert remedies.hinge.discriminator(r[:1], f[:1]) == 0
    assert not remedies.hinge.generator_reads_real
