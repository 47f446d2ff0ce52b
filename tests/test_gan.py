"""The GAN as a Keras model: its half steps, its equality with a written-out loop, its hooks."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from utils import losses
from utils.lessons.gan import Gan

DATA = np.random.default_rng(0).normal(2.0, 0.5, size=(48, 2)).astype("float32")


def networks(normalised: bool = False) -> tuple[keras.Model, keras.Model]:
    """Return a small generator and discriminator, the same ones each time."""
    keras.utils.set_random_seed(3)
    between = [keras.layers.BatchNormalization()] if normalised else []
    generator = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(8, "tanh"), *between, keras.layers.Dense(2)]
    )
    discriminator = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)]
    )
    return generator, discriminator


def compiled(kind: type[Gan] = Gan, rate: float = 0.01, **options) -> Gan:
    """Return a new GAN of that kind, ready to train."""
    gan = kind(*networks())
    gan.compile(keras.optimizers.Adam(rate), keras.optimizers.Adam(rate), **options)
    return gan


def fit(gan: Gan, epochs: int = 1) -> dict[str, list[float]]:
    """Train without shuffling; return the losses of each epoch."""
    return gan.fit(DATA, batch_size=16, epochs=epochs, shuffle=False, verbose=0).history


def weights(model: keras.Model) -> np.ndarray:
    """Return all of a model's weights in one row."""
    return np.concatenate([weight.ravel() for weight in model.get_weights()])


def test_each_half_step_moves_its_own_player_only():
    gan = compiled()
    generator, discriminator = weights(gan.generator), weights(gan.discriminator)
    gan.discriminator_step(tf.constant(DATA))
    assert np.array_equal(weights(gan.generator), generator)
    assert not np.array_equal(weights(gan.discriminator), discriminator)
    discriminator = weights(gan.discriminator)
    gan.generator_step(tf.constant(DATA))
    assert not np.array_equal(weights(gan.generator), generator)
    assert np.array_equal(weights(gan.discriminator), discriminator)


@pytest.mark.parametrize("name", list(losses.LOSSES))
def test_fit_is_the_written_out_loop(name):
    """The same latents in the same order, the same batches: the same weights and losses."""
    game = losses.get_loss(name)
    gan = compiled(game=game)
    history = fit(gan)

    generator, discriminator = networks()
    g_optimizer, d_optimizer = keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.01)
    draws = keras.random.SeedGenerator(1)
    seen = []
    for start in range(0, len(DATA), 16):
        real = tf.constant(DATA[start : start + 16])
        fake = generator(keras.random.normal((16, 4), seed=draws))
        with tf.GradientTape() as tape:
            d_loss = game.discriminator(discriminator(real), discriminator(fake))
        gradients = tape.gradient(d_loss, discriminator.trainable_variables)
        d_optimizer.apply(gradients, discriminator.trainable_variables)
        latents = keras.random.normal((16, 4), seed=draws)
        with tf.GradientTape() as tape:
            g_loss = game.generator(discriminator(real), discriminator(generator(latents)))
        gradients = tape.gradient(g_loss, generator.trainable_variables)
        g_optimizer.apply(gradients, generator.trainable_variables)
        seen.append([d_loss, g_loss])

    np.testing.assert_allclose(weights(gan.generator), weights(generator), atol=1e-5)
    np.testing.assert_allclose(weights(gan.discriminator), weights(discriminator), atol=1e-5)
    means = [history["d_loss"][0], history["g_loss"][0]]
    np.testing.assert_allclose(means, np.mean(seen, axis=0), atol=1e-5)


def test_an_epochs_losses_are_means_of_that_epoch_alone():
    history, stopped = fit(compiled(), epochs=2), compiled()
    first, second = fit(stopped), fit(stopped)
    assert history["d_loss"] == pytest.approx([first["d_loss"][0], second["d_loss"][0]], rel=1e-5)


def test_compiling_again_changes_the_rate():
    gan = compiled()
    fit(gan)
    before = weights(gan.generator)
    gan.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
    fit(gan)
    assert np.array_equal(weights(gan.generator), before)  # the old optimizers are forgotten
    gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
    fit(gan)
    assert not np.array_equal(weights(gan.generator), before)
    assert gan.g_optimizer.iterations == gan.d_optimizer.iterations == 3


def test_compiling_again_changes_the_game():
    first, second = compiled(), compiled(game=losses.least_squares)
    fit(first)
    second.compile(keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.01))
    fit(second)
    assert np.array_equal(weights(first), weights(second))


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    trained = []
    for seed in (1, 1, 2):
        gan = Gan(*networks(), seed=seed)
        gan.compile(keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.01))
        keras.utils.set_random_seed(5)  # of the batches' order
        gan.fit(DATA, batch_size=16, epochs=2, verbose=0)
        trained.append(weights(gan.generator))
    assert np.array_equal(trained[0], trained[1])
    assert not np.array_equal(trained[0], trained[2])


def test_several_steps_in_one_execution_are_the_same_training():
    one, three = compiled(), compiled(steps_per_execution=3)
    fit(one)
    fit(three)
    np.testing.assert_allclose(weights(one), weights(three), atol=1e-6)


def test_a_call_draws_samples_as_inference_does():
    gan = Gan(*networks(normalised=True))
    latents = gan.latents(5)
    assert latents.shape == (5, 4)
    assert not np.array_equal(latents, gan.latents(5))
    expected = gan.generator(latents, training=False)
    np.testing.assert_allclose(gan(latents), expected)
    np.testing.assert_allclose(gan.predict(latents, verbose=0), expected, atol=1e-6)
    assert np.abs(gan(latents, training=True) - expected).max() > 1e-3


class WithR1(Gan):
    """With a penalty on the real samples."""

    def discriminator_loss(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        return super().discriminator_loss(real, fake) + losses.gradient_penalty(self.logits, real)


class Louder(Gan):
    """With logits ten times as large, as spectral normalisation needs them."""

    def logits(self, samples: tf.Tensor) -> tf.Tensor:
        return 10 * super().logits(samples)


class TwoSteps(Gan):
    """With two steps of the discriminator, and clipped weights."""

    def discriminator_step(self, real: tf.Tensor) -> tf.Tensor:
        super().discriminator_step(real)
        loss = super().discriminator_step(real)
        losses.clip_weights(self.discriminator.trainable_variables, 0.1)
        return loss


class Backwards(Gan):
    """With a generator that helps the discriminator."""

    def generator_loss(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        return -super().generator_loss(real, fake)


@pytest.mark.parametrize("kind", [WithR1, Louder, TwoSteps, Backwards])
def test_a_remedy_is_a_subclass(kind):
    plain, other = compiled(), compiled(kind)
    first, second = fit(plain), fit(other)
    assert np.isfinite([*first.values(), *second.values()]).all()
    assert not np.allclose(weights(plain.generator), weights(other.generator), atol=1e-5)


def test_what_the_hooks_do_is_what_was_asked():
    two = compiled(TwoSteps)
    fit(two)
    assert two.d_optimizer.iterations == 2 * two.g_optimizer.iterations == 6
    assert max(np.abs(w).max() for w in two.discriminator.get_weights()) <= np.float32(0.1)
    real = tf.constant(DATA)
    fake = compiled().generator(tf.ones((48, 4)))
    penalty = losses.gradient_penalty(compiled().logits, real)
    extra = compiled(WithR1).discriminator_loss(real, fake) - compiled().discriminator_loss(
        real, fake
    )
    np.testing.assert_allclose(extra, penalty, rtol=1e-4)


def test_a_generator_that_reads_real_samples_gets_them():
    gan = compiled(game=losses.relativistic)
    fake = gan.generator(gan.latents(48))
    other = DATA + 1
    assert gan.generator_loss(DATA, fake) != gan.generator_loss(other, fake)
    gan.compile(gan.g_optimizer, gan.d_optimizer, losses.non_saturating)
    assert gan.generator_loss(DATA, fake) == gan.generator_loss(other, fake)


def test_it_trains_what_it_should():
    """The generator moves towards the data."""
    gan = compiled()
    before = gan(gan.latents(500)).numpy().mean()
    fit(gan, epochs=200)
    after = gan(gan.latents(500)).numpy().mean()
    assert abs(after - 2) < 0.5 * abs(before - 2)
