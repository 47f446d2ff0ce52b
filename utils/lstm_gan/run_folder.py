"""The folder that holds a run."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from utils.datasets.series import Series
from utils.files import replacing
from utils.lstm_gan.config import TrainingConfig
from utils.lstm_gan.preconditioner import Preconditioner
from utils.lstm_gan.training import GanTrainer
from utils.lstm_gan.transforms import NormalScores

CONFIG, CHECKPOINT = "config.json", "checkpoint"


def _identity(series: Series, window: int, config: TrainingConfig) -> dict[str, Any]:
    """Return what makes a run this run: the same identity gives the same weights."""
    return {
        "data": {
            "name": series.name,
            "columns": list(series.columns),
            "rows": len(series.values),
            "sha256": hashlib.sha256(np.ascontiguousarray(series.values).tobytes()).hexdigest(),
        },
        "window": window,
        "training": dataclasses.asdict(config),
    }


def _check_folder(folder: Path, identity: dict[str, Any], resume: bool) -> None:
    """Refuse a run folder that holds something else than this run."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; expected a folder for the results.")
    path = folder / CONFIG
    if not path.exists():
        # A run killed at its very start leaves nothing but a temporary file, which is hidden.
        if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
            raise ValueError(f"{folder} is not empty and holds no run; expected a new folder.")
        return
    try:
        stored = _flatten(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ValueError(f"{path} cannot be read ({error}); expected a run's config.") from error
    differing = [
        f"{key} {stored.get(key)!r}, not {value!r}"
        for key, value in _flatten(identity).items()
        # To go on with a run for more steps is what --resume is for.
        if stored.get(key) != value and not (resume and key == "training.steps")
    ]
    if not differing:
        return
    if resume:
        raise ValueError(
            f"The checkpoint in {folder} belongs to another run ({differing[0]}); "
            "expected the same data, window and settings."
        )
    raise ValueError(f"{folder} holds another run ({differing[0]}); expected another --out.")


def _flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in tree.items():
        flat |= (
            _flatten(value, f"{prefix}{key}.")
            if isinstance(value, dict)
            else {f"{prefix}{key}": value}
        )
    return flat


def _write_results(
    folder: Path,
    trainer: GanTrainer,
    preconditioner: Preconditioner,
    calibration: NormalScores,
    samples: np.ndarray,
) -> None:
    with replacing(folder / "history.csv") as path:
        pd.DataFrame(trainer.history).to_csv(path, index=False)
    with replacing(folder / "samples.npz") as path:
        np.savez_compressed(path, samples=samples)
    with replacing(folder / "preconditioner.npz") as path:
        np.savez_compressed(path, **preconditioner.arrays())
    with replacing(folder / "calibration.npz") as path:
        np.savez_compressed(path, **calibration.arrays())
    with replacing(folder / "generator.weights.h5") as path:
        trainer.ema_generator.save_weights(path)
    with replacing(folder / "discriminator.weights.h5") as path:
        trainer.discriminator.save_weights(path)
