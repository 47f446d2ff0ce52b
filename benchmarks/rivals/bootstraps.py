"""Two rivals without a network: innovations drawn from all rows, or from nearby rows alone."""

from __future__ import annotations

import numpy as np

from benchmarks.rivals.maps import Maps
from utils import evaluation
from utils.evaluation.local_bootstrap import local_bootstrap


def fit_and_sample(
    windows: np.ndarray,
    sequences: np.ndarray,
    seed: int,
    budget_seconds: float,
    *,
    reach: int | None,
) -> np.ndarray:
    """Return windows of the local bootstrap; without a ``reach``, of the VAR bootstrap."""
    maps = Maps(sequences, windows.shape[1])
    if reach is None:
        drawn = evaluation.bootstrap_innovations(maps.all, len(windows), seed)
    else:
        drawn = local_bootstrap(maps.normal_scores, len(windows), seed, reach=reach)
    return maps.inverse(drawn)
