"""The LSTM-GAN as one object."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from utils.checks import positive_integer
from utils.datasets.files import verified
from utils.datasets.time_series import load_stock
from utils.lstm_gan.config import TrainingConfig
from utils.lstm_gan.networks import draw_latents
from utils.lstm_gan.preconditioner import Preconditioner
from utils.lstm_gan.recipe import build_generator
from utils.lstm_gan.training import SAMPLING
from utils.lstm_gan.transforms import NormalScores


@dataclasses.dataclass(frozen=True)
class Pretrained:
    """A trained generator with what turns its scores into the data's units.

    Attributes:
        generator: latents (batch, time, latent) → scores (batch, time, components).
        preconditioner: between scores and windows.
        calibration: of the generator's margins.
        config: what it was trained with.
    """

    generator: keras.Model
    preconditioner: Preconditioner
    calibration: NormalScores
    config: TrainingConfig

    def sample(self, count: int, seed: int = 0) -> np.ndarray:
        """Return windows, float64 (count, time, features), in the data's units."""
        return self.preconditioner.inverse_transform(self.scores(count, seed))

    def scores(self, count: int, seed: int = 0) -> np.ndarray:
        """Return calibrated scores, (count, time, components)."""
        return self.calibration.transform(_raw_scores(self.generator, self.config, count, seed))


def load_pretrained(symbol: str = "GOOG") -> Pretrained:
    """Return the LSTM-GAN that comes with the course: 24 days of the prices of GOOG.

    The weights are those of ``make train``: ``sample(2125, seed=2)`` gives the windows it stores.

    Raises:
        ValueError: for prices of which no weights are shipped.
        FileNotFoundError: if the file of the weights is missing.
    """
    if symbol != "GOOG":
        raise ValueError(f"There are no weights for {symbol!r}; expected 'GOOG'.")
    weights = verified("lstm_gan_goog.weights.h5")
    config = TrainingConfig(seed=1)
    preconditioner = Preconditioner(24).fit(load_stock(symbol).values)
    generator = build_generator(24, preconditioner.components, config)
    generator.load_weights(weights)
    calibration = NormalScores().fit(_raw_scores(generator, config, 20_000, seed=1))
    return Pretrained(generator, preconditioner, calibration, config)


def _raw_scores(
    generator: keras.Model, config: TrainingConfig, count: int, seed: int
) -> np.ndarray:
    stream = tf.constant([config.seed, SAMPLING], tf.int64)
    seeds = tf.random.fold_in(stream, seed)
    window = generator.input_shape[1]
    latents = draw_latents(count, window, config.static, config.dynamic, seeds)
    generate = tf.function(generator, reduce_retracing=True)
    return np.concatenate([generate(part).numpy() for part in tf.split(latents, _parts(count))])


def _parts(count: int, batch: int = 1024) -> list[int]:
    """Return the sizes of the batches that ``count`` windows are generated in."""
    positive_integer(count=count)
    return [min(batch, count - start) for start in range(0, count, batch)]
