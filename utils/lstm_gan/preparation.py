"""From a series to what an LSTM-GAN is trained on."""

from __future__ import annotations

import dataclasses

import numpy as np

from utils.datasets.sequences import windows_of
from utils.datasets.series import Series
from utils.lstm_gan.observations import observations
from utils.lstm_gan.preconditioner import Preconditioner
from utils.lstm_gan.recipe import training_stride
from utils.lstm_gan.structure import Structure


@dataclasses.dataclass
class Prepared:
    """A series made ready for training.

    Attributes:
        structure: what generated windows keep by construction.
        preconditioner: fitted to what ``structure`` encodes.
        normal_scores: to train on, float32 (windows, time, components).
        notes: what was seen in the data and what was done, a sentence or two each.
    """

    structure: Structure
    preconditioner: Preconditioner
    normal_scores: np.ndarray
    notes: list[str]


def check_window(series: Series, window: int) -> None:
    """Refuse a window that is none, or that leaves a single one to train on.

    Raises:
        ValueError: with what is expected.
    """
    if isinstance(window, bool) or not isinstance(window, int) or window < 2:
        raise ValueError(f"The window is {window!r} rows; expected at least 2.")
    lengths = [len(part) for part in series.sequences()]
    if sum(max(0, length - window + 1) for length in lengths) >= 2:
        return
    several = len(lengths) > 1
    raise ValueError(
        f"{series.name} has {max(lengths)} rows{' in its longest sequence' * several}; "
        f"expected at least window + 1 = {window + 1}"
        f"{f', or two sequences of {window}' * several}."
    )


def fit_maps(series: Series, window: int) -> tuple[Structure, Preconditioner, list[np.ndarray]]:
    """Return what is kept by construction, the preconditioner, and the encoded sequences."""
    sequences = [part for part in series.sequences() if len(part) >= window]
    structure = Structure().fit(sequences, series.columns)
    encoded = structure.encode(sequences)
    return structure, Preconditioner(window).fit(encoded), encoded


def prepare(series: Series, window: int) -> Prepared:
    """Fit the maps between a series and normal scores; return them with the scores to train on.

    Raises:
        ValueError: for a series that cannot be mapped.
    """
    structure, preconditioner, encoded = fit_maps(series, window)
    notes = observations(series, preconditioner, window) + structure.sentences()
    real = windows_of(encoded, window)
    stride = training_stride(len(real), window, preconditioner.components)
    if stride > 1:
        notes.append(f"Much data: windows start {stride} rows apart, so that memory suffices.")
    return Prepared(structure, preconditioner, preconditioner.transform(real[::stride]), notes)
