"""A training step of the LSTM-GAN in six forms, for ``benchmarks/speed.py`` to time.

They are one algorithm: ``tests/test_speed_benchmark.py`` sees that, from the same weights and
noise, they compute the same losses. Each builder in ``FORMS`` takes a ``Size`` and returns a
function that runs so many steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from utils import lstm_gan
from utils.losses import finite_difference_penalty, get_loss

OURS, TORCH, NAIVE, COMPILED, FIT, PRODUCTS = (
    "ours",
    "PyTorch",
    "naive Keras",
    "compiled Keras",
    "Keras fit",
    "products alone",
)
STEPS_PER_CALL = 20
WINDOWS = 4000  # to draw batches from


@dataclass(frozen=True)
class Size:
    """What a step works on.

    Attributes:
        length: time steps in a window.
        batch: real windows in a step, and as many generated ones.
        units: of each LSTM layer.
        layers: LSTM layers of the generator, and of the discriminator.
        features: of a window: Stocks has 6.
    """

    length: int = 24
    batch: int = 128
    units: int = 64
    layers: int = 2
    features: int = 6


def material(
    size: Size, fused: bool | None = None
) -> tuple[keras.Model, keras.Model, np.ndarray, lstm_gan.TrainingConfig]:
    """Return a new generator and discriminator, windows and a training configuration.

    The models are those of ``train.build``, but for the map to levels, whose numbers do not matter
    here. All forms start from these weights; ``fused`` is ``models.lstm``'s.
    """
    config = lstm_gan.TrainingConfig(steps=100_000, batch_size=size.batch, seed=1)
    numbers = np.random.default_rng(0)
    flat = size.length * size.features
    level = numbers.normal(size=(flat, flat)) / flat**0.5, np.zeros(flat)
    shape = {"units": size.units, "layers": size.layers, "fused": fused}
    generator = lstm_gan.lstm_generator(
        size.length,
        config.latent,
        size.features,
        scaled_noise=config.dynamic,
        batch_normalised=True,
        seed=1,
        **shape,
    )
    discriminator = lstm_gan.lstm_discriminator(
        size.length, size.features, sizes=True, level=level, seed=2, **shape
    )
    windows = numbers.normal(size=(WINDOWS, size.length, size.features)).astype(np.float32)
    return generator, discriminator, windows, config


def penalised(config: lstm_gan.TrainingConfig) -> int:
    """Return on how many real windows of a batch, and as many generated ones, the penalty is."""
    return max(1, round(config.gp_fraction * config.batch_size))


def passes(config: lstm_gan.TrainingConfig) -> list[tuple[str, int]]:
    """Return the passes of our step, forward and backward: the model and the rows it reads."""
    return [
        ("generator", config.batch_size),
        ("discriminator", config.batch_size),  # the generated windows
        ("discriminator", config.batch_size + 2 * penalised(config)),  # the real and the moved ones
    ]


def ours(size: Size) -> Callable[[int], None]:
    """Return the trainer's own loop."""
    trainer = lstm_gan.GanTrainer(*material(size))

    def run(steps: int) -> None:
        trainer.train(trainer.step + steps, steps_per_call=STEPS_PER_CALL)

    return run


def adam(config: lstm_gan.TrainingConfig) -> keras.optimizers.Adam:
    """Return Keras' Adam with the recipe's learning rate."""
    rate = keras.optimizers.schedules.CosineDecay(
        config.learning_rate, config.steps, alpha=config.cosine_alpha
    )
    return keras.optimizers.Adam(rate, beta_1=config.beta_1, beta_2=config.beta_2)


def latents_and_noise(
    config: lstm_gan.TrainingConfig, length: int, features: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return latents, and the noise of the penalty, for one step."""
    fixed = tf.random.normal((config.batch_size, 1, config.static))
    fresh = tf.random.normal((config.batch_size, length, config.dynamic))
    latents = tf.concat([tf.repeat(fixed, length, axis=1), fresh], axis=-1)
    return latents, tf.random.normal((2 * penalised(config), length, features))


def update(
    gan: NaiveGan | LstmGanModel, real: tf.Tensor, latents: tf.Tensor, noise: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Update both models once, as one would write it at first; return the two losses.

    There is a loss for each player, and a tape for each loss. ``compile`` and ``fit`` of a model
    take names such as ``loss``: hence ``gan_loss``.
    """
    config, some = gan.config, penalised(gan.config)
    of_real, of_fake = noise[:some], noise[some:]
    with tf.GradientTape() as tape:
        fake = gan.generator(latents, training=True)
        real_logits, fake_logits = gan.discriminator(real), gan.discriminator(fake)
        discriminator_loss = objective = gan.gan_loss.discriminator(real_logits, fake_logits)
        for windows, moves in ((real[:some], of_real), (fake[:some], of_fake)):
            objective += finite_difference_penalty(
                gan.discriminator, windows, config.gp_weight, config.gp_sigma, moves
            )
    of_discriminator = tape.gradient(objective, gan.discriminator.trainable_variables)
    with tf.GradientTape() as tape:
        fake_logits = gan.discriminator(gan.generator(latents, training=True))
        generator_loss = gan.gan_loss.generator(gan.discriminator(real), fake_logits)
    of_generator = tape.gradient(generator_loss, gan.generator.trainable_variables)
    gan.d_optimizer.apply(of_discriminator, gan.discriminator.trainable_variables)
    gan.g_optimizer.apply(of_generator, gan.generator.trainable_variables)
    for mean, new in zip(gan.ema_generator.weights, gan.generator.weights, strict=True):
        mean.assign(config.ema_decay * mean + (1 - config.ema_decay) * new)
    return discriminator_loss, generator_loss


class NaiveGan:
    """Two models, their optimizers, and the windows to draw batches from."""

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        windows: np.ndarray,
        config: lstm_gan.TrainingConfig,
    ) -> None:
        """Take over the models, their averages' start, and Keras' Adam for both."""
        self.generator, self.discriminator, self.config = generator, discriminator, config
        self.ema_generator = keras.models.clone_model(generator)
        self.ema_generator.set_weights(generator.get_weights())
        self.windows, self.gan_loss = tf.constant(windows), get_loss(config.loss)
        self.d_optimizer, self.g_optimizer = adam(config), adam(config)
        self.d_optimizer.build(discriminator.trainable_variables)
        self.g_optimizer.build(generator.trainable_variables)

    def draw(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return real windows, latents, and the noise of the penalty, for one step."""
        size = (self.config.batch_size,)
        chosen = tf.random.uniform(size, maxval=len(self.windows), dtype=tf.int32)
        return (
            tf.gather(self.windows, chosen),
            *latents_and_noise(self.config, *self.windows.shape[1:]),
        )

    def step(
        self, real: tf.Tensor, latents: tf.Tensor, noise: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Update both models once; return the two losses."""
        return update(self, real, latents, noise)


class LstmGanModel(keras.Model):
    """The naive step for ``fit``, as Keras' guide to ``train_step`` writes a GAN."""

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        config: lstm_gan.TrainingConfig,
    ) -> None:
        """Take over the models, and start the generator's average."""
        super().__init__()
        self.generator, self.discriminator, self.config = generator, discriminator, config
        self.ema_generator = keras.models.clone_model(generator)
        self.ema_generator.set_weights(generator.get_weights())
        self.gan_loss = get_loss(config.loss)

    def compile(
        self,
        d_optimizer: keras.optimizers.Optimizer,
        g_optimizer: keras.optimizers.Optimizer,
        **options: object,
    ) -> None:
        """Take one optimizer for each player; ``options`` are those of ``keras.Model.compile``."""
        super().compile(**options)
        self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer
        d_optimizer.build(self.discriminator.trainable_variables)
        g_optimizer.build(self.generator.trainable_variables)

    def draw(self, real: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return latents, and the noise of the penalty, for a batch of windows."""
        return latents_and_noise(self.config, *real.shape[1:])

    def train_step(self, real: tf.Tensor) -> dict[str, tf.Tensor]:
        """Update both models once, on a batch of windows; return the two losses by name."""
        d_loss, g_loss = update(self, real, *self.draw(real))
        return {"d_loss": d_loss, "g_loss": g_loss}


def naive(size: Size) -> Callable[[int], None]:
    """Return the naive loop, run eagerly."""
    gan = NaiveGan(*material(size, fused=True))

    def run(steps: int) -> None:
        for _ in range(steps):
            losses = gan.step(*gan.draw())
        float(losses[0])

    return run


def compiled(size: Size) -> Callable[[int], None]:
    """Return the naive step, compiled, one step a call."""
    gan = NaiveGan(*material(size, fused=True))
    step = tf.function(lambda: gan.step(*gan.draw()))

    def run(steps: int) -> None:
        for _ in range(steps):
            losses = step()
        float(losses[0])

    return run


def fit(size: Size) -> Callable[[int], None]:
    """Return ``keras.Model.fit`` on batches of ``tf.data``, many steps in a call.

    Keras would compile the step by XLA, were TensorFlow not asked for deterministic kernels.
    """
    generator, discriminator, windows, config = material(size, fused=True)
    model = LstmGanModel(generator, discriminator, config)
    model.compile(adam(config), adam(config), steps_per_execution=STEPS_PER_CALL)
    samples = tf.data.Dataset.from_tensor_slices(windows).shuffle(len(windows)).repeat()
    batches = samples.batch(config.batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)

    def run(steps: int) -> None:
        # With ``steps_per_epoch`` it would go on to the end of a call.
        model.fit(batches.take(steps), verbose=0)

    return run


def in_torch(size: Size) -> Callable[[int], None]:
    """Return the PyTorch loop."""
    from benchmarks.steps_torch import TorchGan  # only where torch is installed

    gan = TorchGan(*material(size))

    def run(steps: int) -> None:
        for _ in range(steps):
            gan.step(*gan.draw())

    return run


def operands(size: Size) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """Return what our step's LSTM layers multiply, for every pass and layer.

    The states are (rows, inputs + units): what a layer reads at a time step beside its own state.
    The weights are (inputs + units, 4·units), with orthonormal rows.
    """
    generator, discriminator, _, config = material(size)
    both = {"generator": generator, "discriminator": discriminator}
    numbers = np.random.default_rng(0)
    states, weights = [], []
    for name, rows in passes(config):
        for layer in both[name].layers:
            if isinstance(layer, keras.layers.LSTM):
                width = layer.cell.kernel.shape[0] + size.units
                orthonormal = np.linalg.qr(numbers.normal(size=(4 * size.units, width)))[0].T
                weights.append(tf.constant(orthonormal, tf.float32))
                states.append(tf.constant(numbers.normal(size=(rows, width)), tf.float32))
    return states, weights


def multiply(
    states: list[tf.Tensor], weights: list[tf.Tensor], length: int
) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """Do the matrix products of a step; return the last states and the weights' gradients.

    An LSTM layer does three at a time step: the gates from [input, state], and backward the
    gradients of the weights and of [input, state]. Here the latter are the next time step's
    [input, state]: with orthonormal rows in the weights, the same numbers again.
    """
    last, gradients = [], []
    for state, weight in zip(states, weights, strict=True):
        parts = []
        for _ in range(length):
            gates = state @ weight
            parts.append(tf.matmul(state, gates, transpose_a=True))
            state = tf.matmul(gates, weight, transpose_b=True)
        last.append(state)
        gradients.append(tf.add_n(parts))
    return last, gradients


def products(size: Size) -> Callable[[int], None]:
    """Return a loop of the step's matrix products alone."""
    start, weights = operands(size)

    @tf.function
    def many(steps: tf.Tensor) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        states, gradients = start, [tf.zeros_like(weight) for weight in weights]
        for _ in tf.range(steps):
            states, gradients = multiply(states, weights, size.length)
        return states, gradients

    def run(steps: int) -> None:
        many(tf.constant(steps))[0][0].numpy()

    return run


FORMS: dict[str, Callable[[Size], Callable[[int], None]]] = {
    OURS: ours,
    TORCH: in_torch,
    NAIVE: naive,
    COMPILED: compiled,
    FIT: fit,
    PRODUCTS: products,
}
