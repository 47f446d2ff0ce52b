"""TimeGAN (Yoon et al. 2019) as the package ``tsgm`` has it."""

from __future__ import annotations

import os
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import tensorflow as tf
import tsgm

BATCH = 128
TRIAL = 10  # steps by which the time of a step is measured


def fit_and_sample(
    windows: np.ndarray,
    sequences: np.ndarray,
    seed: int,
    budget_seconds: float,
    *,
    epochs: int = 10_000,
    hidden: int = 24,
    layers: int = 3,
) -> np.ndarray:
    """Return windows of TimeGAN: GRUs of 24 units in three layers, as in the authors' code.

    ``epochs`` counts the steps of each of its three phases. Where the time does not suffice for
    all of them, as the first few tell, there are fewer.
    """
    keras.utils.set_random_seed(seed)
    low, high = windows.min(axis=(0, 1)), windows.max(axis=(0, 1))
    scale = np.where(high > low, high - low, 1.0)
    scaled = ((windows - low) / scale).astype(np.float32)
    data = tf.data.Dataset.from_tensor_slices(scaled).shuffle(len(scaled), seed=seed)
    data = data.batch(BATCH, drop_remainder=True)

    model = tsgm.models.timeGAN.TimeGAN(
        seq_len=windows.shape[1],
        module="gru",
        hidden_dim=hidden,
        n_features=windows.shape[2],
        n_layers=layers,
        batch_size=BATCH,
    )
    model.compile()
    model.fit(data, epochs=2)  # compiles
    start = time.perf_counter()
    model.fit(data, epochs=TRIAL)
    possible = int(TRIAL * budget_seconds / (time.perf_counter() - start))
    if possible < epochs:
        print(f"Stopped after {possible} of {epochs} steps of each phase: the time would be up.")
    model.fit(data, epochs=max(1, min(epochs, possible)))
    made = np.asarray(model.generate(len(windows)), np.float64)
    return made * scale + low
