"""RCGAN (Esteban, Hyland and Rätsch 2017, arXiv:1706.02633), as its authors built and trained it.

One LSTM layer in each network, fresh latents at every time step, a logit at every time step, cross
entropy, gradient descent for the discriminator and Adam for the generator, several rounds of the
discriminator for one of the generator. The defaults are those of the authors' code
(github.com/ratschlab/RGAN, settings/test.txt, model.py); what may differ is in ``SPACE``.
"""

from __future__ import annotations

import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from utils.datasets.scaling import Scaler
from utils.lstm_gan.networks import lstm, lstm_generator

# What tuning.py tries.
SPACE: dict[str, tuple[Any, ...]] = {
    "discriminator": ("sgd", "adam"),
    "discriminator_rate": (0.1, 0.03, 2e-3, 1e-3, 3e-4),
    "generator_rate": (2e-3, 1e-3, 3e-4),
    "beta_1": (0.9, 0.5),
    "rounds": (1, 3, 5),
    "batch_size": (28, 128),
    "latent": (5, 10, 20),
    "units": (64, 100),
    "layers": (1, 2),
    "smoothing": (0.0, 0.1),
    "steps": (3000, 6000, 12000),
}
STEPS_PER_CALL = 20


def sensible(settings: dict[str, Any]) -> bool:
    """Return whether a discriminator's rate is one for its optimizer."""
    large = settings["discriminator_rate"] >= 0.03
    return large == (settings["discriminator"] == "sgd")


def fit_and_sample(
    windows: np.ndarray,
    sequences: np.ndarray,
    seed: int,
    budget_seconds: float,
    **settings: Any,
) -> np.ndarray:
    """Return windows of an RCGAN; for the settings see ``Rcgan``."""
    scaler = Scaler.min_max(windows)
    gan = Rcgan(2 * scaler.transform(windows) - 1, seed, **settings)  # the output is a tanh
    done = gan.train(budget_seconds)
    if done < gan.steps:
        print(f"Stopped after {done} of {gan.steps} steps: the time was up.")
    return scaler.inverse_transform((gan.sample(len(windows)) + 1) / 2)


class Rcgan:
    """The two networks and their training.

    Args:
        real: windows in [−1, 1], (windows, time, features).
        seed: of everything random.
        discriminator: "sgd" or "adam".
        discriminator_rate: its learning rate.
        generator_rate: of the generator's Adam.
        beta_1: of both Adams.
        rounds: updates of the discriminator for one of the generator.
        batch_size: windows in an update.
        latent: latents at each time step.
        units: of each LSTM.
        layers: LSTM layers of each network.
        smoothing: real windows get the target 1 − smoothing.
        steps: updates of the generator.
    """

    def __init__(
        self,
        real: np.ndarray,
        seed: int,
        *,
        discriminator: str = "sgd",
        discriminator_rate: float = 0.1,
        generator_rate: float = 1e-3,
        beta_1: float = 0.9,
        rounds: int = 5,
        batch_size: int = 28,
        latent: int = 5,
        units: int = 100,
        layers: int = 1,
        smoothing: float = 0.0,
        steps: int = 6000,
    ) -> None:
        if discriminator not in ("sgd", "adam"):
            raise ValueError(f"The optimizer is {discriminator!r}; expected 'sgd' or 'adam'.")
        window, features = real.shape[1:]
        self.real = tf.constant(real, tf.float32)
        self.seed, self.rounds, self.steps = seed, rounds, steps
        self.batch_size, self.latent, self.smoothing = batch_size, latent, smoothing
        self.generator = lstm_generator(
            window,
            latent,
            features,
            units=units,
            layers=layers,
            skip=False,
            activation="tanh",
            seed=seed,
        )
        self.discriminator = _discriminator(window, features, units, layers, seed + 5000)
        self.up = keras.optimizers.Adam(generator_rate, beta_1=beta_1)
        self.down = (
            keras.optimizers.SGD(discriminator_rate)
            if discriminator == "sgd"
            else keras.optimizers.Adam(discriminator_rate, beta_1=beta_1)
        )
        self.up.build(self.generator.trainable_variables)
        self.down.build(self.discriminator.trainable_variables)

    def train(self, seconds: float = float("inf")) -> int:
        """Train for all steps, or so many seconds; return the steps done."""
        start = time.perf_counter()
        done = 0
        while done < self.steps and time.perf_counter() - start < seconds:
            count = min(STEPS_PER_CALL, self.steps - done)
            self._run(tf.constant(done), tf.constant(count))
            done += count
        return done

    def sample(self, count: int) -> np.ndarray:
        """Return new windows, (count, time, features), in [−1, 1]."""
        shape = (count, self.real.shape[1], self.latent)
        latents = tf.random.stateless_normal(shape, [self.seed, -1])
        parts = [latents[start : start + 1024] for start in range(0, count, 1024)]
        return np.concatenate([self.generator(part).numpy() for part in parts]).astype(np.float64)

    @tf.function
    def _run(self, first: tf.Tensor, count: tf.Tensor) -> None:
        for step in tf.range(first, first + count):
            for round_ in tf.range(self.rounds):
                self._down(tf.random.fold_in([self.seed, 0], step * self.rounds + round_))
            self._up(tf.random.fold_in([self.seed, 1], step))

    def _down(self, key: tf.Tensor) -> None:
        rows, noise = tf.unstack(tf.random.split(key, 2))
        size = (self.batch_size,)
        chosen = tf.random.stateless_uniform(size, rows, 0, len(self.real), tf.int32)
        fake = self.generator(self._latents(noise))
        weights = self.discriminator.trainable_variables
        with tf.GradientTape() as tape:
            logits = self.discriminator(tf.concat([tf.gather(self.real, chosen), fake], axis=0))
            of_real, of_fake = tf.split(logits, 2)
            softplus = tf.math.softplus
            # Cross entropy at every time step; the target of a real window is 1 − smoothing.
            loss = tf.reduce_mean(softplus(-of_real) + self.smoothing * of_real)
            loss += tf.reduce_mean(softplus(of_fake))
        self.down.apply(tape.gradient(loss, weights), weights)

    def _up(self, key: tf.Tensor) -> None:
        weights = self.generator.trainable_variables
        with tf.GradientTape() as tape:
            logits = self.discriminator(self.generator(self._latents(key)))
            loss = tf.reduce_mean(tf.math.softplus(-logits))  # the non-saturating loss
        self.up.apply(tape.gradient(loss, weights), weights)

    def _latents(self, key: tf.Tensor) -> tf.Tensor:
        shape = (self.batch_size, self.real.shape[1], self.latent)
        return tf.random.stateless_normal(shape, key)


def _discriminator(window: int, features: int, units: int, layers: int, seed: int) -> keras.Model:
    """Return windows (batch, window, features) → a logit at every time step, (batch, window, 1)."""
    windows = keras.Input((window, features), name="windows")
    hidden = windows
    for layer in range(layers):
        hidden = lstm(units, seed=seed + 10 * layer, name=f"lstm_{layer + 1}")(hidden)
    glorot = keras.initializers.GlorotUniform(seed=seed + 1000)
    logits = keras.layers.Dense(1, kernel_initializer=glorot, name="logits")(hidden)
    return keras.Model(windows, logits, name="discriminator")
