"""What is worth knowing about the data before training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.datasets.cadence import Cadence, duration
from utils.datasets.series import Series
from utils.lstm_gan.preconditioner import Preconditioner
from utils.lstm_gan.transforms import Tails, tail_ratio

TREND = 0.5  # share of a column's variance that a straight line explains, to be called a trend
REPEATED = 0.25  # share of a column's rows that hold one value, to be mentioned


def observations(series: Series, preconditioner: Preconditioner, window: int) -> list[str]:
    """Return what is worth knowing about the data before training, a sentence or two each.

    ``preconditioner`` is the one fitted to the sequences of ``series`` that are as long as a
    ``window``. A trend is a straight line that explains
    half of a column's variance or more: a random walk often has one by chance (Granger and
    Newbold 1974, doi:10.1016/0304-4076(74)90034-7), so this describes, and tests nothing.
    """
    rows, features = series.values.shape
    seen = [f"{series.name}: {rows:,} rows of {features} column{'s' * (features > 1)}."]
    seen += series.notes
    if len(series.starts) > 1:
        seen.append(_sequences(series, window))
    else:
        seen.append(_time_axis(series.times))
    if series.times is not None and (cadence := Cadence.of(series.times)) is not None:
        seen.append(f"Generated dates go on in steps of {cadence}.")
    named = dict(zip(series.columns, series.values.T, strict=True))
    varying = {name: column for name, column in named.items() if column.min() != column.max()}
    seen += [
        f"Notice: the column {name!r} is constant; it is carried through as it is."
        for name in named
        if name not in varying
    ]
    if whole := [name for name in varying if (varying[name] == np.round(varying[name])).all()]:
        seen.append(
            f"Whole numbers only: {_listed(whole)}; generated values are rounded to whole numbers."
        )
    line = np.arange(rows) - (rows - 1) / 2
    trends = []
    for name, column in varying.items():
        scaled = (column - column.min()) / np.ptp(column)  # no overflow, whatever the unit
        explained = np.corrcoef(line, scaled)[0, 1] ** 2
        if explained >= TREND:
            trends.append(f"{name!r} ({explained:.0%})")
    if trends:
        seen.append(
            f"Trend: a straight line explains much of the variance of {_cut(trends)}. A generated "
            "window may start at any height the data reached, and goes nowhere beyond."
        )
    heavy = [
        f"{name!r} (half lies within {width:.3g} of the median {centre:.3g}, the furthest value "
        f"{ratio:,.0f} times as far)"
        for name, centre, width, ratio, drawn in zip(
            named, *tail_ratio(series.values), Tails().fit(series.values).heavy, strict=True
        )
        if drawn
    ]
    if heavy:
        seen.append(
            f"Heavy tail: {_cut(heavy)}. It is drawn in for training (asinh) and stretched back."
        )
    repeated = []
    for name, column in varying.items():
        values, counts = np.unique(column, return_counts=True)
        if counts.max() >= REPEATED * rows:
            share = f"{counts.max() / rows:.0%} are {values[counts.argmax()]:.6g}"
            repeated.append(f"{name!r} ({share})")
    if repeated:
        seen.append(
            f"One value repeated: {_cut(repeated)}. Unless they are rounded, generated values come "
            "close to it rather than equal it."
        )
    if preconditioner.components < (generated := int(preconditioner.varying.sum())):
        seen.append(
            f"The {generated} columns that vary hold {preconditioner.components} independent "
            "components: the others follow from these, and are generated so."
        )
    if rows - 1 < preconditioner.rows_needed(preconditioner.components):
        seen.append(
            f"Few rows: {rows - 1} steps for {preconditioner.components} components. How one "
            "component follows another is left to the GAN; expect it to repeat the data."
        )
    return seen


def _sequences(series: Series, window: int) -> str:
    """Describe the sequences that a series is made of."""
    lengths = [len(part) for part in series.sequences()]
    said = f"{len(lengths):,} sequences of {min(lengths):,} to {max(lengths):,} rows"
    if series.groups:
        said += f" ({_listed(series.groups)})"
    short = [length for length in lengths if length < window]
    if short:
        said += (
            f"; {len(short):,} of them, {sum(short):,} rows, are shorter than a window of {window} "
            "and are left out"
        )
    return said + ". No window crosses from one to the next."


def _time_axis(times: np.ndarray | None) -> str:
    """Describe the spacing of the rows in time."""
    if times is None:
        return "There is no column of dates; the rows are taken as evenly spaced."
    first, last = np.datetime_as_string(times[[0, -1]], unit="auto")
    steps = np.diff(times) / np.timedelta64(1, "s")
    values, counts = np.unique(steps, return_counts=True)
    usual = values[counts.argmax()]
    if len(values) == 1:
        return f"Evenly spaced in time, {duration(usual)} apart, from {first} to {last}."
    after = np.datetime_as_string(times[steps.argmax()], unit="auto")
    parts = [
        f"Gaps in time, from {first} to {last}: the rows are most often {duration(usual)} apart "
        f"({counts.max() / len(steps):.0%} of the steps), {int((steps > usual).sum()):,} steps are "
        f"longer, the longest {duration(steps.max())} (after {after})"
    ]
    if same := int((steps == 0).sum()):
        parts.append(
            f"{same:,} {'row has' if same == 1 else 'rows have'} the time of the row before"
        )
    return "; ".join(parts) + ". A window takes the rows as they follow each other."


def _listed(names: Sequence[str]) -> str:
    return _cut([repr(name) for name in names])


def _cut(parts: Sequence[str], most: int = 6) -> str:
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    return ", ".join(parts[:most]) + more
