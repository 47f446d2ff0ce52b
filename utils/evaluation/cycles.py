"""Cycles of a series, in rows: those of the calendar, and one that shows itself."""

from __future__ import annotations

import numpy as np

from utils.datasets.cadence import DAY, Cadence
from utils.datasets.series import Series

CLEAR = 0.3  # autocorrelation a cycle apart, to be called one
MOST_ROWS = 5_000  # that are looked at
LONGEST = 0.25  # of the rows: a cycle is seen four times at least


def periods_of(series: Series) -> tuple[int, ...]:
    """Return the cycles to look for in a series, in rows, increasing; at most three.

    Where rows are dated: a day and a week for rows within a day, a week for days (five rows for
    business days), a year for months. And the one that the longest sequence shows: the lag of the
    highest peak of the mean autocorrelation of its columns, a line taken out, after the first zero.
    """
    found: set[int] = set()
    cadence = None if series.times is None else Cadence.of(series.times)
    if cadence is not None:
        if cadence.kind == "business days":
            found.add(5)
        elif cadence.kind == "months":
            found.add(round(12 / cadence.count))
        else:
            found.update(round(length / cadence.count) for length in (DAY, 7 * DAY))
    longest = max(series.sequences(), key=len)[:MOST_ROWS]
    if shown := _shown(longest):
        found.add(shown)
    return tuple(sorted(period for period in found if 2 <= period <= LONGEST * len(longest)))[:3]


def _shown(rows: np.ndarray) -> int | None:
    """Return the cycle that ``(time, features)`` shows, or None."""
    count = len(rows)
    if count < 24:
        return None
    line = np.stack([np.ones(count), np.linspace(-1, 1, count)], axis=1)
    scale = np.abs(rows).max(axis=0)
    scaled = rows / np.where(scale > 0, scale, 1)
    rest = scaled - line @ np.linalg.lstsq(line, scaled, rcond=None)[0]
    rest = rest[:, rest.std(axis=0) > 1e-9]
    if not rest.shape[1]:
        return None
    power = np.abs(np.fft.rfft(rest / rest.std(axis=0), 2 * count, axis=0)) ** 2
    lags = int(LONGEST * count) + 1
    correlation = np.fft.irfft(power, axis=0)[: lags + 1].mean(axis=1) / count
    below = np.flatnonzero(correlation < 0)
    if not len(below):
        return None
    inner = correlation[1:-1]
    peak = (inner > correlation[:-2]) & (inner >= correlation[2:]) & (inner > CLEAR)
    places = np.flatnonzero(peak) + 1
    places = places[places > below[0]]
    return int(places[correlation[places].argmax()]) if len(places) else None
