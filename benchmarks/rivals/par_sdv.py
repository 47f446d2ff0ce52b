"""PAR, the sequential model of the package SDV (probabilistic autoregressive, an RNN)."""

from __future__ import annotations

import numpy as np
import pandas as pd

TABLE = "windows"


def fit_and_sample(
    windows: np.ndarray,
    sequences: np.ndarray,
    seed: int,
    budget_seconds: float,
    *,
    epochs: int = 128,
    most: int = 2000,
) -> np.ndarray:
    """Return windows of PAR: each training window is one sequence, with a key of its own.

    Windows that overlap by all rows but one teach next to nothing new and PAR reads all of them
    in every epoch: of more than ``most`` windows, so many are drawn.
    """
    import torch
    from sdv.metadata import Metadata
    from sdv.sequential import PARSynthesizer

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    count, time, features = windows.shape
    kept = np.sort(rng.permutation(count)[:most])
    names = [f"x{i}" for i in range(features)]
    table = pd.DataFrame(windows[kept].reshape(-1, features), columns=names)
    table.insert(0, "at", np.tile(np.arange(time), len(kept)))
    table.insert(0, "window", np.repeat(np.arange(len(kept)), time).astype(str))
    columns = {name: {"sdtype": "numerical"} for name in ("at", *names)}
    metadata = Metadata.load_from_dict(
        {
            "tables": {
                TABLE: {
                    "columns": {"window": {"sdtype": "id"}, **columns},
                    "sequence_key": "window",
                    "sequence_index": "at",
                }
            }
        }
    )
    model = PARSynthesizer(metadata, epochs=epochs, cuda=False, verbose=False)
    model.fit({TABLE: table})
    drawn = model.sample_sequences(count, sequence_length=time)[TABLE]
    return drawn[names].to_numpy(np.float64).reshape(count, time, features)
