"""The folder that holds a run: what it was, and the trained LSTM-GAN.

``config.json`` says what was trained on what; beside it lie the preconditioner, the weights of the
two networks and the history of the losses. Everything is plain text, NumPy arrays without pickle,
or Keras' weights.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from utils.datasets.frames import Layout
from utils.datasets.series import Series
from utils.files import replacing, write_text
from utils.lstm_gan.config import TrainingConfig
from utils.lstm_gan.preconditioner import Preconditioner
from utils.lstm_gan.rendezvous import flatten
from utils.lstm_gan.structure import Structure
from utils.lstm_gan.training import HISTORY

CONFIG, CHECKPOINT = "config.json", "checkpoint"
STRUCTURE = "structure.json"
PRECONDITIONER = "preconditioner.npz"
GENERATOR, DISCRIMINATOR = "generator.weights.h5", "discriminator.weights.h5"
FORMAT = 3


def identity(series: Series, window: int, config: TrainingConfig) -> dict[str, Any]:
    """Return what makes a run this run: the same identity gives the same weights."""
    data = {
        "name": series.name,
        "columns": list(series.columns),
        "rows": len(series.values),
        "sha256": hashlib.sha256(np.ascontiguousarray(series.values).tobytes()).hexdigest(),
    }
    if len(series.starts) > 1:
        data["starts"] = list(series.starts)
    return {
        "data": data,
        "window": window,
        "training": dataclasses.asdict(config),
    }


def check_folder(folder: Path, run: dict[str, Any], *, resume: bool = False) -> None:
    """Refuse a folder that holds something else than this run; ``run`` is its identity.

    Raises:
        ValueError: with what it holds.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; expected a folder for the results.")
    if not (folder / CONFIG).exists():
        # A run killed at its very start leaves nothing but a temporary file, which is hidden.
        if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
            raise ValueError(f"{folder} is not empty and holds no run; expected a new folder.")
        return
    config = read_config(folder)
    if resume and config.get("format", 1) != FORMAT:
        raise ValueError(
            f"{folder} was written by an earlier version of the course, whose checkpoints cannot "
            "be resumed; expected another folder."
        )
    stored = flatten(config)
    # Older runs name no schedules, and had one.
    stored.setdefault("schedule", [{"from_step": 0, "steps": stored.get("training.steps")}])
    differing = [
        f"{key} {stored.get(key)!r}, not {value!r}"
        for key, value in flatten(run).items()
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
    raise ValueError(f"{folder} holds another run ({differing[0]}); expected another folder.")


def write_config(folder: Path, run: dict[str, Any], layout: Layout, **more: Any) -> None:
    """Write config.json: the run's identity, and the layout of its data."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"format": FORMAT, **run, "layout": layout.state(), **more}
    write_text(folder / CONFIG, json.dumps(config, indent=2) + "\n")


def read_config(folder: Path) -> dict[str, Any]:
    """Return the contents of config.json.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it holds no run, or a config.json that is none.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}; expected one that a run wrote.")
    path = folder / CONFIG
    if not path.is_file():
        raise ValueError(f"{folder} holds no run: it has no {CONFIG}.")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} cannot be read ({error}); expected a run's config.") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path} holds no settings; expected a run's config.")
    return config


@dataclasses.dataclass
class Stored:
    """What a run folder holds of a trained LSTM-GAN."""

    window: int
    config: TrainingConfig
    layout: Layout
    run: dict[str, Any]
    structure: Structure
    preconditioner: Preconditioner
    history: dict[str, list[float]]


def write_model(
    folder: Path,
    run: dict[str, Any],
    layout: Layout,
    structure: Structure,
    preconditioner: Preconditioner,
    generator: keras.Model,
    discriminator: keras.Model | None,
    history: Mapping[str, list],
) -> None:
    """Write a trained LSTM-GAN; each file under a temporary name first, config.json last."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / HISTORY) as path:
        pd.DataFrame(history).to_csv(path, index=False)
    write_text(folder / STRUCTURE, json.dumps(structure.state()) + "\n")
    with replacing(folder / PRECONDITIONER) as path:
        np.savez_compressed(path, **preconditioner.arrays())
    for name, model in ((GENERATOR, generator), (DISCRIMINATOR, discriminator)):
        if model is not None:
            with replacing(folder / name) as path:
                model.save_weights(path)
    write_config(folder, run, layout, weights_sha256=weights_hash(generator))


def weights_hash(model: keras.Model) -> str:
    """Return the SHA-256 of a model's weights, in their order."""
    digest = hashlib.sha256()
    for weights in model.get_weights():
        digest.update(np.ascontiguousarray(weights).tobytes())
    return digest.hexdigest()


def read_model(folder: Path) -> Stored:
    """Return all that a run folder holds but the networks' weights.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if the folder is no finished run, is damaged, or of a later version.
    """
    config = read_config(folder)
    form = config.get("format", 1)
    if form != FORMAT:
        age = "an earlier" if isinstance(form, int) and form < FORMAT else "a later"
        raise ValueError(
            f"{folder} was written by {age} version of the course (format {form!r}); this one "
            f"reads format {FORMAT}: expected a run that it trained."
        )
    for name in (STRUCTURE, PRECONDITIONER, GENERATOR, HISTORY):
        if not (folder / name).is_file():
            raise ValueError(
                f"{folder} has no {name}: the run was not finished, or the file was removed."
            )
    window = config.get("window")
    try:
        training = TrainingConfig(**config["training"])
        columns = tuple(config["data"]["columns"])
        layout = Layout.from_state(config["layout"])
        if not isinstance(window, int) or layout.columns != columns:
            raise ValueError(f"window {window!r}, columns {columns}")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{folder / CONFIG} is not as a run writes it ({error}); expected window, training, "
            "data and layout."
        ) from error
    preconditioner = _read(folder / PRECONDITIONER, Preconditioner)
    preconditioner.window = window
    structure = _structure(folder / STRUCTURE)
    if preconditioner.features != structure.features:
        raise ValueError(
            f"{folder / PRECONDITIONER} is of {preconditioner.features} columns, {CONFIG} of "
            f"{structure.features}; expected files of one run."
        )
    try:
        history = pd.read_csv(folder / HISTORY, float_precision="round_trip").to_dict("list")
    except (ValueError, pd.errors.ParserError) as error:
        raise ValueError(f"{folder / HISTORY} cannot be read ({error}).") from error
    return Stored(
        window,
        training,
        layout,
        config,
        structure,
        preconditioner,
        {str(name): values for name, values in history.items()},
    )


def load_weights(model: keras.Model, path: Path, sha256: str | None = None) -> None:
    """Load a model's weights; check them against a hash where one is known.

    Raises:
        ValueError: if the file is damaged or of another network.
    """
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        reason = " ".join(str(error).split())[:100]
        raise ValueError(
            f"{path} is damaged, or of another network ({reason}); expected the weights of a run."
        ) from error
    if sha256 is not None and weights_hash(model) != sha256:
        raise ValueError(
            f"{path} is damaged, or of another run: its weights are not those that {CONFIG} names."
        )


def _read(path: Path, kind: type) -> Any:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return kind.from_arrays(arrays)  # type: ignore[attr-defined]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())[:100]
        raise ValueError(f"{path} is damaged ({reason}); expected arrays of a run.") from error


def _structure(path: Path) -> Structure:
    try:
        return Structure.from_state(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:100]
        raise ValueError(f"{path} is damaged ({reason}); expected what a run writes.") from error
