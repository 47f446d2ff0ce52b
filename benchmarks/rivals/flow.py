"""Flow matching with the LSTM of the LSTM-GAN, on the same normal scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.rivals.flow_matching import FlowConfig, FlowMatching
from benchmarks.rivals.maps import Maps

# What tuning.py tries.
SPACE: dict[str, tuple[Any, ...]] = {
    "learning_rate": (1e-3, 2e-3, 4e-3),
    "batch_size": (128, 256),
    "ema_decay": (0.998, 0.9995),
    "sampling_steps": (20, 40),
}


def fit_and_sample(
    windows: np.ndarray,
    sequences: np.ndarray,
    seed: int,
    budget_seconds: float,
    *,
    sampling_steps: int = 20,
    **settings: Any,
) -> np.ndarray:
    """Return windows of a trained flow; ``settings`` are those of ``FlowConfig``."""
    maps = Maps(sequences, windows.shape[1])
    flow = FlowMatching(maps.all, FlowConfig(seed=seed, **settings))
    steps = len(flow.train(seconds=budget_seconds))
    if steps < flow.config.steps:
        print(f"Stopped after {steps} of {flow.config.steps} steps: the time was up.")
    return maps.inverse(flow.sample(len(windows), seed=2, steps=sampling_steps))
