"""DGAN, gretel-synthetics' DoppelGANger (Lin et al. 2020) in PyTorch."""

from __future__ import annotations

import numpy as np


def fit_and_sample(
    windows: np.ndarray,
    sequences: np.ndarray,
    seed: int,
    budget_seconds: float,
    *,
    epochs: int = 400,
    sample_len: int = 1,
) -> np.ndarray:
    """Return windows of DGAN with the package's defaults but for epochs and sample length."""
    import torch
    from gretel_synthetics.timeseries_dgan.config import DGANConfig
    from gretel_synthetics.timeseries_dgan.dgan import DGAN

    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002  # the package draws from it
    model = DGAN(
        DGANConfig(
            max_sequence_len=windows.shape[1],
            sample_len=sample_len,
            batch_size=min(1000, len(windows)),
            epochs=epochs,
            cuda=False,
        )
    )
    model.train_numpy(features=windows)
    return np.asarray(model.generate_numpy(len(windows))[1], np.float64)
