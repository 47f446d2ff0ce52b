"""Flow matching for windows of a series, with the LSTM of the LSTM-GAN.

A *velocity* network is trained by regression, with no opponent. Noise x₀ ~ N(0, 1) and a real
window x₁ are joined by the straight path x_t = (1 − t) x₀ + t x₁, whose velocity is x₁ − x₀. The
network learns the mean of it at (x_t, t). New windows are noise carried along that velocity from
t = 0 to t = 1.

Source: Lipman, Chen, Ben-Hamu, Nickel, Le, "Flow Matching for Generative Modeling", ICLR 2023,
arXiv:2210.02747, and Liu, Gong, Liu, "Flow Straight and Fast", ICLR 2023, arXiv:2209.03003.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from utils import runtime
from utils.checks import check_windows, positive_integer
from utils.lstm_gan.networks import lstm

FREQUENCIES = (1.0, 2.0, 4.0)  # of the sines and cosines by which the network knows the time t
TRAINING, SAMPLING = 0, 1  # streams of random numbers
CHUNK = 1024  # windows carried at a time


@dataclass(frozen=True)
class FlowConfig:
    """What decides a training run.

    Attributes:
        steps: training steps.
        batch_size: windows in a step.
        learning_rate: of Adam at the start; it falls along a cosine to ``alpha`` times that.
        alpha: see ``learning_rate``.
        ema_decay: of the average of the weights that samples.
        units: of each of the two LSTM layers.
        seed: of the weights, the batches, the noise and the times.
    """

    steps: int = 6000
    batch_size: int = 128
    learning_rate: float = 2e-3
    alpha: float = 0.02
    ema_decay: float = 0.999
    units: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        positive_integer(steps=self.steps, batch_size=self.batch_size, units=self.units)
        if not self.learning_rate > 0:
            raise ValueError(f"The learning rate is {self.learning_rate}; expected above 0.")
        if not (0 <= self.alpha <= 1 and 0 <= self.ema_decay < 1):
            raise ValueError(
                f"alpha is {self.alpha}, ema_decay {self.ema_decay}; expected 0 to 1, and below 1."
            )


def velocity_network(window: int, features: int, *, units: int = 64, seed: int = 0) -> keras.Model:
    """Return the network: [x_t (batch, window, features), t (batch, 1)] → velocity, like x_t.

    Two LSTM layers in two passes: the first reads the window backwards, the second reads forwards
    what the first has found. So every output depends on the whole window, at the price of a plain
    stack. Two layers that both read forwards would not do: the velocity of a row depends on the
    rows after it too, since noise still hides them all.

    Args:
        window: time steps.
        features: numbers at each time step.
        units: size of each LSTM's state.
        seed: of the initial weights.

    Raises:
        ValueError: for a size below 1.
    """
    positive_integer(window=window, features=features, units=units)
    moving = keras.Input((window, features), name="x_t")
    moment = keras.Input((1,), name="t")
    angles = [2 * np.pi * frequency * moment for frequency in FREQUENCIES]
    waves = [wave(angle) for angle in angles for wave in (keras.ops.sin, keras.ops.cos)]
    clock = keras.layers.RepeatVector(window, name="clock")(
        keras.ops.concatenate([moment, *waves], axis=-1)
    )
    read = keras.layers.Concatenate(name="read")([moving, clock])
    backwards = lstm(units, seed=seed, name="backwards")(keras.ops.flip(read, axis=1))
    both = keras.layers.Concatenate(name="both")([read, keras.ops.flip(backwards, axis=1)])
    forwards = lstm(units, seed=seed + 10, name="forwards")(both)
    known = keras.layers.Concatenate(name="known")([both, forwards])
    hidden = keras.layers.Dense(
        units,
        activation="silu",
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 1000),
        name="hidden",
    )(known)
    velocity = keras.layers.Dense(features, kernel_initializer="zeros", name="velocity")(hidden)
    return keras.Model([moving, moment], velocity, name="velocity")


class FlowMatching:
    """Trains a velocity network on windows, and carries noise along it.

    Attributes:
        network: trained in place.
        average: the same with exponentially averaged weights, which samples.
        losses: the mean squared error of each step.
    """

    def __init__(self, windows: np.ndarray, config: FlowConfig | None = None) -> None:
        """Prepare a run on ``windows``, (windows, time, features), of about unit variance.

        Raises:
            ValueError: for windows of the wrong shape or not finite.
        """
        self.config = config = config or FlowConfig()
        self.real = tf.constant(check_windows(windows, "real"), tf.float32)
        window, features = self.shape = tuple(self.real.shape[1:])
        self.network = velocity_network(window, features, units=config.units, seed=config.seed)
        self.average = keras.models.clone_model(self.network)
        self.average.set_weights(self.network.get_weights())
        rate = keras.optimizers.schedules.CosineDecay(
            config.learning_rate, config.steps, alpha=config.alpha
        )
        self.optimizer = keras.optimizers.Adam(rate, beta_2=0.99)
        self.optimizer.build(self.network.trainable_variables)
        self.losses: list[float] = []

    def loss(self, real: tf.Tensor, noise: tf.Tensor, moment: tf.Tensor) -> tf.Tensor:
        """Return the mean squared error of the velocity half-way, at the times (batch, 1)."""
        t = moment[:, :, tf.newaxis]
        velocity = self.network([(1 - t) * noise + t * real, moment], training=True)
        return tf.reduce_mean((velocity - (real - noise)) ** 2)

    def train(self, *, seconds: float = float("inf"), steps_per_call: int = 20) -> list[float]:
        """Train to ``config.steps``, or until so many ``seconds`` have passed; return the losses.

        A run that time stops early is not the same on another machine; ``losses`` says how far it
        came.

        Raises:
            FloatingPointError: if a loss is not finite.
        """
        positive_integer(steps_per_call=steps_per_call)
        start, until = time.perf_counter(), self.config.steps
        with runtime.progress(total=until, initial=len(self.losses), desc="training") as bar:
            while (done := len(self.losses)) < until and time.perf_counter() - start < seconds:
                count = min(steps_per_call, until - done)
                losses = self._run(tf.constant(done), tf.constant(count)).numpy()
                if not np.isfinite(losses).all():
                    raise FloatingPointError(f"A loss after step {done} is not a finite number.")
                self.losses += losses.tolist()
                bar.update(count)
        return self.losses

    def sample(self, count: int, seed: int = 0, *, steps: int = 20) -> np.ndarray:
        """Return new windows, (count, time, features), by ``steps`` steps of Heun's method.

        Each step of this second-order method asks the network twice.

        Raises:
            ValueError: for a count or steps below 1.
        """
        positive_integer(count=count, steps=steps)
        key = tf.random.fold_in([self.config.seed, SAMPLING], seed)
        noise = tf.random.stateless_normal((count, *self.shape), key)
        parts = [noise[start : start + CHUNK] for start in range(0, count, CHUNK)]
        return np.concatenate([self._carry(part, tf.constant(steps)).numpy() for part in parts])

    @tf.function
    def _run(self, first: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        losses = tf.TensorArray(tf.float32, count)
        for i in tf.range(count):
            losses = losses.write(i, self._step(first + i))
        return losses.stack()

    def _step(self, step: tf.Tensor) -> tf.Tensor:
        config = self.config
        key = tf.random.fold_in([config.seed, TRAINING], step)
        rows, noisy, timed = tf.unstack(tf.random.split(key, 3))
        count = (config.batch_size,)
        chosen = tf.random.stateless_uniform(count, rows, 0, len(self.real), tf.int32)
        noise = tf.random.stateless_normal((*count, *self.shape), noisy)
        # Evenly spread over [0, 1], moved together: less noise than independent times.
        spread = tf.linspace(0.0, 1.0, count[0] + 1)[:-1, tf.newaxis]
        moment = tf.random.stateless_uniform((1, 1), timed) + spread
        with tf.GradientTape() as tape:
            loss = self.loss(tf.gather(self.real, chosen), noise, moment % 1.0)
        weights = self.network.trainable_variables
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        number = tf.cast(step, tf.float32)
        decay = tf.minimum(config.ema_decay, (1 + number) / (10 + number))
        for mean, new in zip(self.average.weights, self.network.weights, strict=True):
            mean.assign(decay * mean + (1 - decay) * new)
        return loss

    @tf.function(reduce_retracing=True)
    def _carry(self, moving: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
        """Solve dx/dt = v(x, t) from 0 to 1."""
        width = 1 / tf.cast(steps, tf.float32)
        ones = tf.ones((tf.shape(moving)[0], 1))
        for i in tf.range(steps):
            t = tf.cast(i, tf.float32) * width
            here = self.average([moving, t * ones])
            there = self.average([moving + width * here, (t + width) * ones])
            moving += width * (here + there) / 2
        return moving
