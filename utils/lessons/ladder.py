"""The LSTM-GAN of lesson 10 with each ingredient as a switch, to measure what it adds.

All of it was built in lesson 10: latents drawn once a window, a learning rate that falls, the start
and the steps of a window in place of its values, a penalty on the discriminator's slope, and the
average of the generator's weights. Networks, batches and steps are the same whatever is switched.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from utils import runtime
from utils.losses import get_loss

LATENTS, BATCH = 10, 128
SLOPE_NOISE = 0.1  # how far the penalty's finite difference goes
ALPHA = 0.05  # what a falling rate leaves at the end


@dataclasses.dataclass(frozen=True)
class Ingredients:
    """What one training has.

    Used in lesson 10, "What came after".

    Attributes:
        once: latents are drawn once a window; otherwise afresh at every time step.
        falling: Adam without momentum, its rate falling from 2e-3; otherwise as DCGAN has it,
            2e-4 and a momentum of 0.5.
        steps: the networks work on the start and the steps of a window, and the discriminator
            reads the values too; otherwise on its values.
        penalty: γ of the penalty on the discriminator's squared slope; 0 is none.
        average: μ of the average of the generator's weights; 0 is none.
    """

    once: bool = True
    falling: bool = True
    steps: bool = True
    penalty: float = 3.0
    average: float = 0.99


# Each row adds one ingredient to the row before.
LADDER = {
    "fresh noise": Ingredients(False, False, False, 0.0, 0.0),
    "+ drawn once": Ingredients(True, False, False, 0.0, 0.0),
    "+ falling rate": Ingredients(True, True, False, 0.0, 0.0),
    "+ start and steps": Ingredients(True, True, True, 0.0, 0.0),
    "+ penalty": Ingredients(True, True, True, 3.0, 0.0),
    "+ average: all five": Ingredients(),
}
# All five but one.
LEFT_OUT = {
    "without drawn once": Ingredients(once=False),
    "without falling rate": Ingredients(falling=False),
    "without start and steps": Ingredients(steps=False),
    "without penalty": Ingredients(penalty=0.0),
}


class Units:
    """Between windows in the data's units and what the networks work on.

    Used in lesson 10.9.

    Args:
        real: windows, (windows, time, features).
        steps: whether the networks work on start and steps; otherwise on the values, scaled.
    """

    def __init__(self, real: np.ndarray, steps: bool) -> None:
        self.steps = steps
        self.centre, self.size = _moments(real, (0, 1))
        # Of steps, each moment has a mean and a size of its own: the first one is the start.
        self.step_mean, self.step_size = _moments(_differences(real), 0)

    def there(self, windows: np.ndarray) -> np.ndarray:
        """Return what the networks work on, float32 of the shape of ``windows``."""
        if self.steps:
            made = (_differences(windows) - self.step_mean) / self.step_size
        else:
            made = (windows - self.centre) / self.size
        return made.astype(np.float32)

    def back(self, made: np.ndarray) -> np.ndarray:
        """Return windows in the data's units."""
        if self.steps:
            return np.cumsum(made * self.step_size + self.step_mean, axis=1)
        return made * self.size + self.centre

    def view(self, made: keras.KerasTensor) -> keras.KerasTensor:
        """Return what the discriminator reads: of steps, the scaled values beside them."""
        if not self.steps:
            return made
        sums = keras.ops.cumsum(made * self.step_size + self.step_mean, axis=1)
        return layers.Concatenate()([made, (sums - self.centre) / self.size])


def train_row(
    real: np.ndarray,
    ingredients: Ingredients,
    *,
    steps: int = 800,
    units: int = 32,
    count: int = 10_000,
    seed: int = 1,
) -> np.ndarray:
    """Train a pair of networks on ``real``, (windows, time, features); return new windows.

    Used in lesson 10, "What came after".

    Args:
        real: windows in the data's units.
        ingredients: what is switched on.
        steps: training steps.
        units: of the one LSTM in each network.
        count: of the windows returned, (count, time, features), in the data's units.
        seed: of the weights, the batches and the latents.
    """
    keras.utils.set_random_seed(seed)
    time, features = real.shape[1:]
    between = Units(real, ingredients.steps)
    pair = generator, discriminator = (
        build_generator(time, features, units),
        build_discriminator(time, features, units, between.view),
    )
    average = keras.models.clone_model(generator)
    average.set_weights(generator.get_weights())
    optimizers = [_adam(ingredients.falling, steps) for _ in pair]
    for network, optimizer in zip(pair, optimizers, strict=True):
        optimizer.build(network.trainable_variables)
    seeds, loss = keras.random.SeedGenerator(seed), get_loss("non_saturating")
    part = BATCH // 4

    @tf.function
    def step(batch: tf.Tensor) -> None:
        """Move both networks at once, and the average after the generator."""
        latents = draw_latents(BATCH, time, ingredients.once, seeds)
        with tf.GradientTape(persistent=True) as tape:
            fake = generator(latents, training=True)
            on_real, on_fake = discriminator(batch), discriminator(fake)
            g_loss = loss.generator(on_real, on_fake)
            d_loss = loss.discriminator(on_real, on_fake)
            if ingredients.penalty:
                for x, logits in ((batch, on_real), (tf.stop_gradient(fake), on_fake)):
                    slope = slope_squared(discriminator, x[:part], logits[:part], seeds)
                    d_loss += ingredients.penalty / 2 * slope
        of = [network.trainable_variables for network in pair]
        gradients = tape.gradient(g_loss, of[0]), tape.gradient(d_loss, of[1])
        for optimizer, gradient, weights in zip(optimizers, gradients, of, strict=True):
            optimizer.apply(gradient, weights)
        if ingredients.average:
            mu = ingredients.average
            for mean, new in zip(average.weights, generator.weights, strict=True):
                mean.assign(mu * mean + (1 - mu) * new)

    windows, rng = between.there(real), np.random.default_rng(seed)
    for _ in runtime.progress(range(steps)):
        step(tf.constant(windows[rng.integers(len(windows), size=BATCH)]))
    latents = draw_latents(count, time, ingredients.once, keras.random.SeedGenerator(seed + 1000))
    made = (average if ingredients.average else generator).predict(
        latents, batch_size=1000, verbose=0
    )
    return between.back(made)


def build_generator(time: int, features: int, units: int) -> keras.Model:
    """Return latents (batch, time, 10) → what the networks work on (batch, time, features).

    Defined in lesson 10.4.
    """
    latents = keras.Input((time, LATENTS))
    hidden = layers.LSTM(units, return_sequences=True, unroll=not runtime.on_gpu())(latents)
    return keras.Model(latents, layers.Dense(features)(hidden))


def build_discriminator(
    time: int,
    features: int,
    units: int,
    view: Callable[[keras.KerasTensor], keras.KerasTensor],
) -> keras.Model:
    """Return what the networks work on (batch, time, features) → logit (batch, 1).

    Defined in lesson 10.4.
    """
    made = keras.Input((time, features))
    hidden = layers.LSTM(units, return_sequences=True, unroll=not runtime.on_gpu())(view(made))
    mean = layers.GlobalAveragePooling1D()(hidden)
    return keras.Model(made, layers.Dense(1)(layers.Concatenate()([mean, hidden[:, -1]])))


def draw_latents(
    count: int, time: int, once: bool, seeds: keras.random.SeedGenerator
) -> keras.KerasTensor:
    """Return latents, (count, time, 10), the same at every step if ``once``.

    Defined in lesson 10.5.
    """
    drawn = keras.random.normal((count, 1 if once else time, LATENTS), seed=seeds)
    return keras.ops.broadcast_to(drawn, (count, time, LATENTS))


def slope_squared(
    network: Callable[[tf.Tensor], tf.Tensor],
    windows: tf.Tensor,
    logits: tf.Tensor,
    seeds: keras.random.SeedGenerator,
) -> tf.Tensor:
    """Return the mean squared slope of a network at windows, by a difference along noise.

    Defined in lesson 10.10.
    """
    noise = keras.random.normal(tf.shape(windows), seed=seeds)
    change = network(windows + SLOPE_NOISE * noise) - logits
    return tf.reduce_mean((change / SLOPE_NOISE) ** 2)


def off_a_sine(windows: np.ndarray) -> float:
    """Return how far curves, (windows, time, features), are off sines about one half.

    Defined in lesson 10.1.

    A sine about 0 obeys u(t − 1) + u(t + 1) = 2 cos η · u(t). The best η of each curve is found by
    least squares; what is left over, as a root mean square, is returned.
    """
    return _best_sines(windows)[1]


def frequency_gap(windows: np.ndarray, highest: float = 0.1) -> float:
    """Return the Kolmogorov–Smirnov distance of the curves' frequencies from U(0, ``highest``).

    Defined in lesson 10.12.
    """
    ordered = np.sort(_best_sines(windows)[0])
    share = np.arange(1, len(ordered) + 1) / len(ordered)
    return float(np.abs(share - np.clip(ordered / highest, 0, 1)).max())


def _best_sines(windows: np.ndarray) -> tuple[np.ndarray, float]:
    u = 2.0 * np.asarray(windows, np.float64) - 1
    neighbours, middle = u[:, :-2] + u[:, 2:], u[:, 1:-1]
    twice = np.sum(neighbours * middle, axis=1) / np.maximum(np.sum(middle**2, axis=1), 1e-12)
    left_over = neighbours - twice[:, np.newaxis] * middle
    frequencies = np.arccos(np.clip(twice / 2, -1, 1)).ravel()
    return frequencies, float(np.sqrt(np.mean(left_over**2)))


def _differences(windows: np.ndarray) -> np.ndarray:
    return np.diff(windows, axis=1, prepend=np.zeros_like(windows[:, :1]))


def _moments(values: np.ndarray, axis: int | tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation, float32."""
    return values.mean(axis=axis).astype(np.float32), values.std(axis=axis).astype(np.float32)


def _adam(falling: bool, steps: int) -> keras.optimizers.Optimizer:
    if not falling:
        return keras.optimizers.Adam(2e-4, beta_1=0.5)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps, alpha=ALPHA)
    return keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.99)
