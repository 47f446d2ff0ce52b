"""The text GAN: training by likelihood, by policy gradient or by Gumbel-softmax."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from utils.checks import positive_integer
from utils.lessons.text_gan.policy import Reward, leave_one_out, policy_loss, rollout_values
from utils.lessons.text_gan.sampling import (
    Seed,
    log_probabilities,
    negative_log_likelihood,
    sample,
    soft_sample,
)
from utils.losses import get_loss


@dataclass(frozen=True)
class TextGanConfig:
    """What decides a training run, besides the texts and the two networks.

    Used in lesson 14.11.

    Attributes:
        batch_size: texts in a step, real ones and, where there are any, as many generated ones.
        likelihood_rate, policy_rate, gumbel_rate: Adam's learning rate for the generator.
        discriminator_rate: Adam's learning rate for the discriminator.
        discriminator_steps: updates of the discriminator before each one of the generator.
        rollouts: completions of each beginning in the policy gradient.
        softness: temperature of the Gumbel-softmax tokens.
        clip: largest norm of the generator's gradient; a longer one is shortened to it.
    """

    batch_size: int = 64
    likelihood_rate: float = 5e-3
    policy_rate: float = 1e-3
    gumbel_rate: float = 3e-4
    discriminator_rate: float = 2e-3
    discriminator_steps: int = 3
    rollouts: int = 4
    softness: float = 0.5
    clip: float = 5.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"The training's {name} is {value}; expected > 0.")
        for name, least in (("batch_size", 2), ("discriminator_steps", 1), ("rollouts", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"The training's {name} is too small; expected at least {least}.")


class TextGan:
    """Trains a generator of texts: by likelihood, by policy gradient or by Gumbel-softmax.

    Used in lesson 14.8.

    Attributes:
        generator: a step network, updated in place.
        discriminator: reads one-hot texts ``(batch, time, tokens)``, updated in place.
        step: steps since the last ``restart``; random numbers are a function of it and the seed.
    """

    METHODS = ("likelihood", "discriminator", "policy", "gumbel")

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        texts: np.ndarray,
        config: TextGanConfig | None = None,
        *,
        end: int | None = None,
        reward: Reward | None = None,
    ) -> None:
        """Prepare training on ``texts``, ``(texts, time)``.

        Args:
            generator: a step network.
            discriminator: as ``text_discriminator`` returns it.
            texts: the real ones, token numbers.
            config: the defaults if omitted.
            end: the token that stops a text, if there is one.
            reward: what the policy gradient raises, of one-hot texts; the discriminator's logit
                if omitted. With one of your own, no discriminator is trained.

        Raises:
            ValueError: if the texts, or one of their tokens, do not fit the two networks.
        """
        texts = np.asarray(texts)
        tokens = generator.output_shape[0][-1]
        if texts.ndim != 2 or discriminator.input_shape[1:] != (texts.shape[1], tokens):
            raise ValueError(
                f"The texts have the shape {texts.shape} and {tokens} tokens; the discriminator "
                f"reads {discriminator.input_shape[1:]}."
            )
        if texts.min() < 0 or texts.max() >= tokens:
            raise ValueError(f"The texts hold a token that is not from 0 to {tokens - 1}.")
        self.generator, self.discriminator = generator, discriminator
        self.config, self.end, self.own_reward = config or TextGanConfig(), end, reward
        self.step = tf.Variable(0, dtype=tf.int64)
        self._texts = tf.constant(texts, tf.int32)
        self._adam = {}
        for method in self.METHODS:
            rate = getattr(self.config, f"{method}_rate")
            self._adam[method] = keras.optimizers.Adam(
                rate, beta_1=0.5 if method in ("policy", "gumbel") else 0.9
            )
            network = discriminator if method == "discriminator" else generator
            self._adam[method].build(network.trainable_variables)
        # Dropout's random state is no weight, and has to be reset too.
        weights = {id(v) for v in discriminator.weights}
        chance = [v for v in discriminator.variables if id(v) not in weights]
        self._chance = [(variable, variable.numpy()) for variable in chance]
        self._functions: dict[str, Callable] = {}

    def restart(self, generator: list[np.ndarray], discriminator: list[np.ndarray]) -> None:
        """Give both networks these weights, and everything else its state before the first step."""
        self.generator.set_weights(generator)
        self.discriminator.set_weights(discriminator)
        self.step.assign(0)
        for adam in self._adam.values():
            rate = float(adam.learning_rate)
            for variable in adam.variables:
                variable.assign(tf.zeros_like(variable))
            adam.learning_rate = rate
        for variable, value in self._chance:
            variable.assign(value)

    def reward(self, texts: tf.Tensor) -> tf.Tensor:
        """Return the reward of one-hot texts ``(batch, time, tokens)``, shape ``(batch,)``."""
        return self.own_reward(texts) if self.own_reward else self.discriminator(texts)[:, 0]

    def real(self, seed: Seed) -> tf.Tensor:
        """Return a batch of the real texts, drawn with replacement, ``(batch, time)``."""
        rows = tf.random.stateless_uniform(
            (self.config.batch_size,), seed, maxval=len(self._texts), dtype=tf.int32
        )
        return tf.gather(self._texts, rows)

    def likelihood_loss(self, seed: Seed) -> tf.Tensor:
        """Return the mean −log p of a batch of real texts."""
        return negative_log_likelihood(self.generator, self.real(seed), end=self.end)

    def discriminator_loss(self, seed: Seed) -> tf.Tensor:
        """Return the discriminator's cross-entropy on a batch of real and one of generated texts.

        A sum over both, as in ``losses``: 2 log 2 for a discriminator that cannot tell.
        """
        one, other = tf.unstack(tf.random.split(seed, 2))
        fake = sample(self.generator, self.config.batch_size, self._length, other, end=self.end)
        texts = tf.one_hot(tf.concat([self.real(one), fake], axis=0), self._tokens)
        real_logits, fake_logits = tf.split(self.discriminator(texts, training=True), 2)
        return get_loss("minimax").discriminator(real_logits, fake_logits)

    def policy_loss(self, seed: Seed) -> tf.Tensor:
        """Return the policy gradient's loss on a batch of generated texts, with roll-outs."""
        one, other = tf.unstack(tf.random.split(seed, 2))
        texts = sample(self.generator, self.config.batch_size, self._length, one, end=self.end)
        values = rollout_values(
            self.generator, self.reward, texts, self.config.rollouts, other, end=self.end
        )
        logs = log_probabilities(self.generator, texts, end=self.end)
        return policy_loss(logs, leave_one_out(values))

    def gumbel_loss(self, seed: Seed) -> tf.Tensor:
        """Return the non-saturating generator loss on texts of straight-through tokens."""
        texts = soft_sample(
            self.generator,
            self.config.batch_size,
            self._length,
            seed,
            temperature=self.config.softness,
            end=self.end,
        )
        logits = self.discriminator(texts)
        return get_loss("non_saturating").generator(logits, logits)

    def train(self, method: str, steps: int, seed: int = 0) -> float:
        """Take ``steps`` steps and return the last loss.

        Args:
            method: ``"likelihood"``; ``"discriminator"``, the discriminator alone; ``"policy"`` or
                ``"gumbel"``, in each step ``discriminator_steps`` of the discriminator, then one of
                the generator.
            steps: at least 1.
            seed: with the step's number it decides all random numbers.

        Raises:
            ValueError: for another method, or less than one step.
            FloatingPointError: if the last loss is not finite.
        """
        if method not in self.METHODS:
            raise ValueError(f"No method {method!r}; expected one of {', '.join(self.METHODS)}.")
        positive_integer(steps=steps)
        if method not in self._functions:
            self._functions[method] = tf.function(self._steps_of(method))
        loss = float(self._functions[method](tf.constant(steps), tf.constant([seed, 0], tf.int64)))
        if not np.isfinite(loss):
            raise FloatingPointError(f"After step {int(self.step)} the {method} loss is {loss}.")
        return loss

    @property
    def _length(self) -> int:
        return self._texts.shape[1]

    @property
    def _tokens(self) -> int:
        return self.generator.output_shape[0][-1]

    def _steps_of(self, method: str) -> Callable:
        """Return the function that takes a number of steps of this method."""
        adversarial = method in ("policy", "gumbel")
        judged = self.config.discriminator_steps
        if not adversarial or (method == "policy" and self.own_reward):
            judged = 0

        def steps_of(count: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
            loss = tf.constant(0.0)
            for _ in tf.range(count):
                seeds = tf.random.split(tf.random.fold_in(key, self.step), judged + 1)
                for i in range(judged):
                    self._update("discriminator", seeds[i])
                loss = self._update(method, seeds[judged])
                self.step.assign_add(1)
            return loss

        return steps_of

    def _update(self, method: str, seed: tf.Tensor) -> tf.Tensor:
        """Take one step of Adam against one of the losses; return the loss before it."""
        network = self.discriminator if method == "discriminator" else self.generator
        with tf.GradientTape() as tape:
            loss = getattr(self, f"{method}_loss")(seed)
        gradients = tape.gradient(loss, network.trainable_variables)
        if method != "discriminator":
            gradients, _ = tf.clip_by_global_norm(gradients, self.config.clip)
        self._adam[method].apply(gradients, network.trainable_variables)
        return loss
