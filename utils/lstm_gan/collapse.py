"""Whether a run failed where its losses do not show it: a column's spread is not the real one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.datasets.series import Series
from utils.evaluation.bands import Bands, Spread, real_bands, spreads_outside
from utils.evaluation.blocks import positions
from utils.lstm_gan.findings import MOST_ROWS, UNEVEN, Finding
from utils.lstm_gan.markdown import Column, escape

SUBJECT = "Spread of a column is not that of the data"


def collapsed(
    real: np.ndarray,
    fake: np.ndarray,
    *,
    rows: np.ndarray | None = None,
    columns: Sequence[str] | None = None,
) -> list[Finding]:
    """Return a finding that is wrong if a column's spread is not that of the data, else nothing.

    The band is the 95 % interval of a spread by blocks of time, see ``spreads_outside``: what the
    data themselves leave open. Beyond it, a spread counts from a factor of ``UNEVEN`` on, as in the
    rest of the report.

    Args:
        real: windows of the data, ``(windows, time, features)``, in the order of time.
        fake: generated windows.
        rows: at which row each real window starts, see ``utils.evaluation.blocks.positions``; by
            default they start one row apart.
        columns: the features' names.

    Raises:
        ValueError: as ``utils.evaluation.bands.real_bands``.
    """
    return of_bands(real_bands(real, fake, rows=rows, columns=columns))


def failed_spreads(series: Series, real: np.ndarray, fake: np.ndarray) -> list[Spread]:
    """Return the columns that ``collapsed`` names, the worst first.

    Args:
        series: the data.
        real: some of their windows, evenly spread over all, ``(windows, time, features)``.
        fake: generated windows.
    """
    starts = positions([len(part) for part in series.sequences()], real.shape[1])
    rows = starts[np.linspace(0, len(starts) - 1, len(real)).round().astype(int)]
    return spreads_outside(real_bands(real, fake, rows=rows, columns=series.columns), UNEVEN)


def of_bands(bands: Bands, columns: Sequence[Column] = ()) -> list[Finding]:
    """Return the same of bands that are known; ``columns`` say how their numbers are written."""
    found = spreads_outside(bands, UNEVEN)
    if not found:
        return []
    writers = {column.name: column for column in columns}
    rows = []
    for each in found:
        column = writers.get(each.column, Column(each.column))
        low, high, made = map(column.write, (each.low, each.high, each.generated))
        band = f"{low} to {high}"
        rows.append((escape(each.column), each.fact, band, made, f"{each.ratio:.2f}"))
    worst = found[0]
    count = len(found)
    return [
        Finding(
            SUBJECT,
            True,
            f"{'One column has' if count == 1 else f'{count} columns have'} a spread that is not "
            f"that of the data; that of {escape(worst.column)} is "
            f"{worst.ratio:.2f} times the real one. Such a run has failed, whatever its losses: "
            "train again with another seed.",
            ("column", "spread", "95% interval", "generated", "times real"),
            tuple(rows[:MOST_ROWS]),
        )
    ]
