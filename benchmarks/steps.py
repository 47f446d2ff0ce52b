"""A training step of the LSTM-GAN in six forms, for ``benchmarks/speed.py`` to time.

They are one algorithm: ``tests/test_speed_benchmark.py`` sees that, from the same weights and
noise, they compute the same losses. Each builder in ``FORMS`` takes a ``Size`` and returns a
function that runs so many steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from utils import lstm_gan
from utils.losses import finite_difference_penalty, get_loss
from utils.lstm_gan import Preconditioner
from utils.lstm_gan.generator import NEAR

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
ROWS = 1000  # of random walks: what the discriminator's view of the data is made of


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


class Material(NamedTuple):
    """What a step needs: two new models, windows, the settings, and where windows start."""

    generator: keras.Model
    discriminator: keras.Model
    windows: np.ndarray
    config: lstm_gan.TrainingConfig
    preconditioner: Preconditioner


def material(size: Size, fused: bool | None = None) -> Material:
    """Return the recipe's two networks, and what they are trained on.

    The models are those of ``recipe.build``, but for their sizes and for the numbers of the
    preconditioner, which do not matter here: it is that of random walks. All forms start from
    these weights; ``fused`` is that of ``networks.lstm``.
    """
    config = lstm_gan.TrainingConfig(steps=100_000, batch_size=size.batch, seed=1)
    numbers = np.random.default_rng(0)
    windows = numbers.normal(size=(WINDOWS, size.length, size.features)).astype(np.float32)
    walks = numbers.normal(size=(ROWS, size.features)).cumsum(axis=0)
    preconditioner = Preconditioner(size.length).fit(walks)
    shape = {"units": size.units, "layers": size.layers, "fused": fused}
    generator = lstm_gan.window_generator(
        size.length, config.static, config.dynamic, size.features, seed=1, **shape
    )
    discriminator = lstm_gan.window_discriminator(preconditioner, size.length, seed=2, **shape)
    return Material(generator, discriminator, windows, config, preconditioner)


def trainer(size: Size, fused: bool | None = None) -> lstm_gan.GanTrainer:
    """Return a trainer of these models, as ``recipe.build`` makes one."""
    made = material(size, fused)

    def inputs(count: int, seed: tf.Tensor) -> tf.Tensor:
        config, starts = made.config, made.preconditioner.starts
        return lstm_gan.draw_inputs(count, size.length, config.static, config.dynamic, starts, seed)

    return lstm_gan.GanTrainer(*made[:4], latents=inputs)


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
    gan = trainer(size)

    def run(steps: int) -> None:
        gan.train(gan.step + steps, steps_per_call=STEPS_PER_CALL)

    return run


def adam(config: lstm_gan.TrainingConfig) -> keras.optimizers.Adam:
    """Return Keras' Adam with the recipe's learning rate."""
    rate = keras.optimizers.schedules.CosineDecay(
        config.learning_rate, config.steps, alpha=config.cosine_alpha
    )
    return keras.optimizers.Adam(rate, beta_1=config.beta_1, beta_2=config.beta_2)


def inputs_and_noise(
    config: lstm_gan.TrainingConfig, length: int, starts: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return what the generator reads, and the noise of the penalty, for one step."""
    count, components = config.batch_size, starts.shape[1]
    fixed = tf.random.normal((count, 1, config.static))
    fresh = tf.random.normal((count, length, config.dynamic))
    rows = tf.gather(starts, tf.random.uniform((count,), maxval=len(starts), dtype=tf.int32))
    near = (rows + NEAR * tf.random.normal((count, components))) / (1 + NEAR**2) ** 0.5
    parts = [tf.repeat(fixed, length, axis=1), fresh, tf.repeat(near[:, None], length, axis=1)]
    noise = tf.random.normal((2 * penalised(config), length, components))
    return tf.concat(parts, axis=-1), noise


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
        preconditioner: Preconditioner,
    ) -> None:
        """Take over the models, their averages' start, and Keras' Adam for both."""
        self.starts = tf.constant(preconditioner.starts)
        self.generator, self.discriminator, self.config = generator, discriminator, config
        self.ema_generator = keras.models.clone_model(generator)
        self.ema_generator.set_weights(generator.get_weights())
        self.windows, self.gan_loss = tf.constant(windows), get_loss(config.loss)
        self.d_optimizer, self.g_optimizer = adam(config), adam(config)
        self.d_optimizer.build(discriminator.trainable_variables)
        self.g_optimizer.build(generator.trainable_variables)

    def draw(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return real windows, the generator's inputs, and the penalty's noise, for one step."""
        size = (self.config.batch_size,)
        chosen = tf.random.uniform(size, maxval=len(self.windows), dtype=tf.int32)
        return (
            tf.gather(self.windows, chosen),
            *inputs_and_noise(self.config, self.windows.shape[1], self.starts),
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
        preconditioner: Preconditioner,
    ) -> None:
        """Take over the models, and start the generator's average."""
        super().__init__()
        self.starts = tf.constant(preconditioner.starts)
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
        """Return what the generator reads, and the noise of the penalty, for a batch."""
        return inputs_and_noise(self.config, real.shape[1], self.starts)

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
    generator, discriminator, windows, config, preconditioner = material(size, fused=True)
    model = LstmGanModel(generator, discriminator, config, preconditioner)
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
    made = material(size)
    both = {"generator": made.generator, "discriminator": made.discriminator}
    numbers = np.random.default_rng(0)
    states, weights = [], []
    for name, rows in passes(made.config):
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
