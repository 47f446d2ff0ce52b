"""A GAN as one Keras model: two networks, two optimizers, ``compile`` and ``fit``."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from utils import losses


class Gan(keras.Model):
    """A generator and a discriminator that learn in turns: ``compile`` it, ``fit`` it, call it.

    Defined in lesson 8.6.

    A training step is two half steps, the discriminator's and then the generator's, each with
    latents of its own. Real and generated samples go through the discriminator apart: with batch
    normalisation, a shared batch would give the answer away. Calling the model draws samples from
    latents. A remedy is a subclass that changes one of the two losses, or a half step.

    What ``fit`` reports and keeps for each epoch is the mean of the two losses over its steps.

    Args:
        generator: latents (batch, latent) → samples (batch, …).
        discriminator: samples (batch, …) → logits (batch, 1).
        seed: of the latents that training draws.

    Source: Goodfellow et al., Generative adversarial nets, NeurIPS 2014, algorithm 1 with one step
    of the discriminator, arXiv 1406.2661.
    """

    def __init__(
        self, generator: keras.Model, discriminator: keras.Model, *, seed: int = 1
    ) -> None:
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.draws = keras.random.SeedGenerator(seed)
        self.d_mean = keras.metrics.Mean(name="d_loss")
        self.g_mean = keras.metrics.Mean(name="g_loss")
        self.built = True  # its two networks are, and it has no weights of its own

    def compile(
        self,
        g_optimizer: keras.optimizers.Optimizer,
        d_optimizer: keras.optimizers.Optimizer,
        game: losses.GanLoss = losses.non_saturating,
        **options: Any,
    ) -> None:
        """Take the two optimizers and the pair of losses; ``options`` are Keras' own.

        What is trained afterwards is trained with these: compile again to change a rate.
        XLA is not used: with the deterministic kernels of this course Keras refuses
        ``jit_compile=True`` with a warning, and ``"auto"``, its default, does without.
        """
        super().compile(**options)
        self.g_optimizer, self.d_optimizer, self.game = g_optimizer, d_optimizer, game
        g_optimizer.build(self.generator.trainable_variables)
        d_optimizer.build(self.discriminator.trainable_variables)

    def call(self, latents: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the samples (batch, …) of latents (batch, latent)."""
        return self.generator(latents, training=training)

    def latents(self, count: tf.Tensor | int) -> tf.Tensor:
        """Return new latents (count, latent), standard normal."""
        return keras.random.normal((count, self.generator.input_shape[-1]), seed=self.draws)

    def logits(self, samples: tf.Tensor) -> tf.Tensor:
        """Return the discriminator's logits (batch, 1), as training sees them."""
        return self.discriminator(samples, training=True)

    def discriminator_loss(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        """Return what the discriminator minimises, a scalar."""
        return self.game.discriminator(self.logits(real), self.logits(fake))

    def generator_loss(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        """Return what the generator minimises, a scalar."""
        fake_logits = self.logits(fake)
        real_logits = self.logits(real) if self.game.generator_reads_real else fake_logits
        return self.game.generator(real_logits, fake_logits)

    def discriminator_step(self, real: tf.Tensor) -> tf.Tensor:
        """Move the discriminator on a batch of real samples (batch, …); return its loss."""
        fake = self.generator(self.latents(tf.shape(real)[0]), training=True)
        with tf.GradientTape() as tape:
            loss = self.discriminator_loss(real, fake)
        weights = self.discriminator.trainable_variables
        self.d_optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    def generator_step(self, real: tf.Tensor) -> tf.Tensor:
        """Move the generator, with as many new latents as there are real samples; its loss."""
        latents = self.latents(tf.shape(real)[0])
        with tf.GradientTape() as tape:
            loss = self.generator_loss(real, self.generator(latents, training=True))
        weights = self.generator.trainable_variables
        self.g_optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    def train_step(self, real: tf.Tensor) -> dict[str, tf.Tensor]:
        """Do both half steps on a batch of real samples (batch, …); return the mean losses."""
        self.d_mean.update_state(self.discriminator_step(real))
        self.g_mean.update_state(self.generator_step(real))
        return {"d_loss": self.d_mean.result(), "g_loss": self.g_mean.result()}
