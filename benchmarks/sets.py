"""The data sets of the benchmarks: as a series for the product, as windows for the judges."""

from __future__ import annotations

import dataclasses
import functools
import hashlib

import numpy as np

from utils import datasets
from utils.datasets import Series, sliding_windows

LONG = ("GOOG, 64 days", "GOOG, 128 days")
SINES = ("Sines", "Sines of the text")  # of TimeGAN's code, and of its text
SETS = (*SINES, "GOOG", "IBM", "hourly weather", *LONG)
WINDOW = 24  # where a set's name does not say another
SINES_COUNT, TEXT_SEED = 10_000, 2019


@dataclasses.dataclass(frozen=True)
class Task:
    """A data set as the models get it.

    Attributes:
        sequences: the rows, (sequences, time, features).
        real: the windows that judges compare with, (windows, time, features).
        columns: the features' names.
        prices: whether relative changes are what matters.
        series: the rows as ``LstmGan.fit`` takes them.
    """

    sequences: np.ndarray
    real: np.ndarray
    columns: tuple[str, ...]
    prices: bool
    series: Series | None = None


@functools.cache
def load(name: str) -> Task:
    """Return a data set of ``SETS``.

    Raises:
        ValueError: for another name.
    """
    if name not in SETS:
        raise ValueError(f"There is no data set {name!r}; expected one of {', '.join(SETS)}.")
    if name in SINES:
        return _sines(name)
    if name == "hourly weather":
        series = datasets.load_hourly_weather()
        window, prices = WINDOW, False
    else:
        symbol, _, length = name.partition(", ")
        series = datasets.load_stock(symbol)
        window, prices = int(length.split()[0]) if length else WINDOW, True
    real = sliding_windows(series.values, window)
    return Task(series.values[np.newaxis], real, series.columns, prices, series)


def _sines(name: str) -> Task:
    if name == "Sines":
        waves, first = datasets.load_sines(SINES_COUNT, WINDOW), datasets.load_sines(1, WINDOW + 1)
    else:
        longer = datasets.paper_sines(SINES_COUNT, TEXT_SEED, WINDOW + 1)
        waves, first = longer[:, :WINDOW], longer[:1]
    columns = tuple(f"wave {k + 1}" for k in range(waves.shape[2]))
    return Task(waves, waves, columns, False, of_examples(waves, first[0, -1], columns, name))


def of_examples(
    windows: np.ndarray, next_row: np.ndarray, columns: tuple[str, ...], name: str
) -> Series:
    """Return windows that are independent of each other as a series of as many sequences.

    ``LstmGan.fit`` asks for at least one sequence longer than a window: ``next_row``, (features,),
    is appended to the first. That is one window more in ten thousand.
    """
    count, time, features = windows.shape
    rows = windows.reshape(-1, features).astype(np.float64)
    values = np.insert(rows, time, next_row, axis=0)
    starts = (0, *(time * k + 1 for k in range(1, count)))
    return Series(values, columns, None, name, ("",) * features, "simulated", starts=starts)


def without_the_last(task: Task, share: float) -> tuple[Task, np.ndarray]:
    """Return a data set without the last ``share`` of its rows, and the windows of these.

    Of examples that are independent of each other, the last ones are taken away.
    """
    window, series = task.real.shape[1], task.series
    if len(task.sequences) > 1:
        cut = int(len(task.sequences) * (1 - share))
        past, held_out = task.sequences[:cut], task.sequences[cut:]
        if series is not None:
            rows = series.starts[cut]
            series = dataclasses.replace(
                series, values=series.values[:rows], starts=series.starts[:cut]
            )
        return Task(past, past, task.columns, task.prices, series), held_out
    rows = task.sequences[0]
    cut = int(len(rows) * (1 - share))
    if series is not None:
        times = None if series.times is None else series.times[:cut]
        series = dataclasses.replace(series, values=series.values[:cut], times=times)
    past = sliding_windows(rows[:cut], window)
    earlier = Task(rows[np.newaxis, :cut], past, task.columns, task.prices, series)
    return earlier, sliding_windows(rows[cut:], window)


@functools.cache
def identity(name: str) -> str:
    """Return a short SHA-256 of a data set's windows: another one is another data set."""
    real = np.ascontiguousarray(load(name).real)
    head = f"{real.shape} {real.dtype.str}".encode()
    return hashlib.sha256(head + real.tobytes()).hexdigest()[:16]
