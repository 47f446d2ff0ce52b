"""The LSTM GAN of the package ``tsgm``: its architecture "cgan_lstm_n" without labels."""

from __future__ import annotations

import os
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import tensorflow as tf
import tsgm

BATCH = 128


def fit_and_sample(
    windows: np.ndarray,
    sequences: np.ndarray,
    seed: int,
    budget_seconds: float,
    *,
    epochs: int = 200,
    latent: int = 64,
    blocks: int = 2,
) -> np.ndarray:
    """Return windows of a generator with 64 + 256 LSTM units, its discriminator with 64 + 64."""
    keras.utils.set_random_seed(seed)
    low, high = windows.min(axis=(0, 1)), windows.max(axis=(0, 1))
    scale = np.where(high > low, high - low, 1.0) / 2
    scaled = ((windows - low) / scale - 1).astype(np.float32)  # its output is a tanh
    parts = tsgm.models.architectures.zoo["cgan_lstm_n"](
        seq_len=windows.shape[1],
        feat_dim=windows.shape[2],
        latent_dim=latent,
        output_dim=0,
        n_blocks=blocks,
    )
    gan = tsgm.models.cgan.GAN(
        discriminator=parts.discriminator, generator=parts.generator, latent_dim=latent
    )
    gan.compile(
        d_optimizer=keras.optimizers.Adam(2e-4, beta_1=0.5),
        g_optimizer=keras.optimizers.Adam(2e-4, beta_1=0.5),
        loss_fn=keras.losses.BinaryCrossentropy(),
    )
    data = tf.data.Dataset.from_tensor_slices(scaled).shuffle(len(scaled), seed=seed)
    data = data.batch(BATCH, drop_remainder=True)
    gan.fit(data, epochs=epochs, verbose=0, callbacks=[_Stop(budget_seconds)])
    counts = [min(1024, len(windows) - i) for i in range(0, len(windows), 1024)]
    made = [np.asarray(gan.generate(count)) for count in counts]
    return (np.concatenate(made).astype(np.float64) + 1) * scale + low


class _Stop(keras.callbacks.Callback):
    """Ends training when the time is up."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.until = time.perf_counter() + seconds

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if time.perf_counter() > self.until:
            self.model.stop_training = True
            print(f"Stopped after {epoch + 1} epochs: the time was up.")
