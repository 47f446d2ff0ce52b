"""Missing values, and the numbers that people and instruments write in their place.

A placeholder such as -200 or -9999 is suspected by its shape: far outside of all other values, and
repeated. Nothing is filled in and no row is dropped unless the reader says so.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.datasets.tables.clocks import Clock
from utils.datasets.tables.columns import Choices, Column, Table, rows_of

# What people and instruments write where nothing was measured; the last are those of netCDF.
_BELOW = (-99, -99.9, -99.99, -200, -999, -999.9, -999.99, -9999, -9999.9, -99999, -32768, -1e20)
_ABOVE = (99.9, 99.99, 999, 999.9, 9999, 9999.9, 99999, 999999, 32767, 65535, 1e20, 1e36)
_KNOWN = np.array([*_BELOW, *_ABOVE])
_FAR = 1.5  # times the spread of all other values: outside, even if no program is known to write it
_KNOWN_FAR = 0.5  # times the spread, for a number that programs are known to write
_FEW = 6  # different values: a column with fewer has levels, not outliers
_ZERO = 0.05  # share of the rows up to which a zero far from the rest may stand for missing


def without_placeholders(
    table: Table, columns: Sequence[Column], values: np.ndarray, choices: Choices
) -> np.ndarray:
    """Return the values with NaN for what the reader named as missing.

    Args:
        table: for messages.
        columns: those of the values.
        values: float64 (rows, columns), in the order of the table's rows.
        choices: the reader's.

    Raises:
        ValueError: for a value that looks like a placeholder and that the reader did not name.
    """
    values = values.copy()
    for value in choices.missing_values:
        text, hits = str(value).strip().lower(), 0
        try:
            number = float(text)
        except ValueError:
            number = np.nan
        hit = values == number
        hits += int(hit.sum())
        values[hit] = np.nan
        hits += sum(
            cell.strip().lower() == text and not hit[row, j]
            for j, column in enumerate(columns)
            for row, cell in enumerate(column.cells)
        )
        table.notes.append(
            f"{str(value).strip()} stands for missing in {hits:,} cell{'s' * (hits > 1)}."
            if hits
            else f"{str(value).strip()} was to stand for missing, but no cell holds it."
        )
    if not choices.keep_extremes:
        for j, column in enumerate(columns):
            _refuse_placeholder(table, column, values[:, j])
    return values


def _refuse_placeholder(table: Table, column: Column, values: np.ndarray) -> None:
    """Refuse a column of which the lowest or the highest value looks like a placeholder."""
    different, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    if len(different) < 3:
        return
    for end, others in ((0, different[1:]), (-1, different[:-1])):
        value, count = different[end], int(counts[end])
        if not _suspected(value, count, others, counts.sum()):
            continue
        row = int(np.flatnonzero(values == value)[0])
        times = "once" if count == 1 else f"{count} times"
        raise ValueError(
            f"{table.where(row, column)}: {value:.10g} comes {times}, far from all other values "
            f"({others[0]:.6g} to {others[-1]:.6g}): if it stands for a missing value say "
            f"{table.option('missing_values', f'{value:.10g}')}, if it was measured say "
            f"{table.option('keep_extremes', True)}."
        )


def _suspected(value: float, count: int, others: np.ndarray, total: int) -> bool:
    """Return whether a column's lowest or highest value looks like a placeholder."""
    # Halved, so that no difference of large numbers is infinite.
    spread = others[-1] / 2 - others[0] / 2
    gap = max(others[0] / 2 - value / 2, value / 2 - others[-1] / 2)
    known = bool(np.isclose(value, _KNOWN, rtol=1e-6, atol=0).any())
    if value == 0:
        return count >= 2 and count <= _ZERO * total and len(others) >= _FEW and gap > _FAR * spread
    if known and count == 1:
        return gap > 2 * _FAR * spread
    if known and value < 0 <= others[0] and value <= -99:
        return True  # the only negative number, repeated
    if known:
        return gap > _KNOWN_FAR * spread and gap > 0
    return count >= 2 and len(others) >= _FEW and gap > _FAR * spread


def complete_sequences(
    table: Table,
    clock: Clock | None,
    columns: Sequence[Column],
    values: np.ndarray,
    rows: dict[str, np.ndarray],
    choices: Choices,
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return sequences without a missing value, in time order: name, rows, values (rows, columns).

    Args:
        table: for messages.
        clock: when the rows were observed, if that is known.
        columns: those of the values.
        values: float64, a row for each of the table's, NaN where one is missing.
        rows: the rows of each sequence, in time order, under its name.
        choices: the reader's.

    Raises:
        ValueError: where values are missing and ``choices.missing`` is "refuse"; it says how many,
            in which columns, and how long the longest complete stretch is.
    """
    bad = ~np.isfinite(values)
    if not bad.any():
        return [(name, part, values[part]) for name, part in rows.items()]
    said = _counts(columns, bad)
    if choices.missing == "refuse":
        raise _refused(table, columns, bad, rows, said)
    if choices.missing == "drop":
        return _dropped(table, values, bad, rows, choices, said)
    return _interpolated(table, clock, values, bad, rows, said)


def _counts(columns: Sequence[Column], bad: np.ndarray) -> str:
    counts = [(column.label, int(bad[:, j].sum())) for j, column in enumerate(columns)]
    counts = [(label, count) for label, count in counts if count]
    said = ", ".join(f"{label} {count:,}" for label, count in counts[:8])
    return said + (f" and {len(counts) - 8} more columns" if len(counts) > 8 else "")


def _refused(
    table: Table,
    columns: Sequence[Column],
    bad: np.ndarray,
    rows: dict[str, np.ndarray],
    said: str,
) -> ValueError:
    row = int(bad.any(axis=1).argmax())
    column = columns[int(bad[row].argmax())]
    complete = ~bad.any(axis=1)
    best = max(
        (part[stretch] for part in rows.values() for stretch in _stretches(complete[part])),
        key=len,
        default=np.zeros(0, int),
    )
    longest = "no row is complete"
    if len(best):
        first, last = sorted((int(best[0]), int(best[-1])))
        places = f"{table.place(first)} to {table.place(last)}"
        places = places.replace("Line", "line").replace("Row", "row")
        longest = f"the longest complete stretch is {rows_of(len(best))}, {places}"
    return ValueError(
        f"{table.where(row, column)}: the value is missing; expected a number in every row. "
        f"Missing values: {said} of {rows_of(len(bad))}; {longest}. "
        f"{table.option('missing', 'drop')} trains on the complete stretches, "
        f"{table.option('missing', 'interpolate')} fills in straight lines."
    )


def _stretches(complete: np.ndarray) -> list[slice]:
    """Return the runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], complete.astype(int), [0]])))
    return [slice(a, b) for a, b in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)]


def _dropped(
    table: Table,
    values: np.ndarray,
    bad: np.ndarray,
    rows: dict[str, np.ndarray],
    choices: Choices,
    said: str,
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return every complete stretch as a sequence of its own."""
    complete = ~bad.any(axis=1)
    found = []
    for name, part in rows.items():
        stretches = [part[stretch] for stretch in _stretches(complete[part])]
        for i, stretch in enumerate(stretches):
            label = f"{name} {i + 1}".strip() if len(stretches) > 1 else name
            found.append((label, stretch, values[stretch]))
    long = [one for one in found if len(one[1]) >= choices.min_rows]
    kept = sum(len(one[1]) for one in long)
    table.notes.append(
        f"Missing values ({said} of {rows_of(len(values))}): {rows_of(int((~complete).sum()))} "
        f"dropped; {len(long)} of {len(found)} complete stretches have {choices.min_rows} rows or "
        f"more and are used, {rows_of(kept)} in all; no window crosses a gap."
    )
    if not long:
        longest = max((len(one[1]) for one in found), default=0)
        raise ValueError(
            f"{table.subject}: without the rows with missing values ({said}) the longest complete "
            f"stretch has {rows_of(longest)}; at least {choices.min_rows} are needed (the window "
            "and one more)."
        )
    return long


def _interpolated(
    table: Table,
    clock: Clock | None,
    values: np.ndarray,
    bad: np.ndarray,
    rows: dict[str, np.ndarray],
    said: str,
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return sequences with straight lines over the gaps; nothing is made up beyond the ends."""
    found, cut, longest = [], 0, 0
    for name, part in rows.items():
        inside = bad[part]
        known = [np.flatnonzero(~column) for column in inside.T]
        if any(not len(each) for each in known):
            cut += len(part)
            continue
        first, last = max(each[0] for each in known), min(each[-1] for each in known)
        if last <= first:
            cut += len(part)
            continue
        cut += len(part) - (last + 1 - first)
        axis = np.arange(len(part), dtype=float)
        if clock is not None:
            axis = (clock.times[part] - clock.times[part[0]]).astype("int64").astype(float)
        filled = values[part].copy()
        for j, each in enumerate(known):
            filled[:, j] = np.interp(axis, axis[each], filled[each, j])
            longest = max(longest, int(np.diff(each).max(initial=1)) - 1)
        kept = slice(first, last + 1)
        found.append((name, part[kept], filled[kept]))
    if not found:
        raise ValueError(
            f"{table.subject}: a column has no value at all in any sequence ({said} of "
            f"{len(values):,} rows are missing), so that nothing can be interpolated; choose "
            f"columns by {table.option('columns', '…')}."
        )
    by = "in time" if clock is not None else "from row to row"
    ends = f" {rows_of(cut)} at the ends, where a line has no end, dropped." if cut else ""
    filled_in = f" are filled in by straight lines {by}, the longest gap is {rows_of(longest)}."
    table.notes.append(
        f"Missing values ({said} of {rows_of(len(values))}){filled_in if longest else ':'}{ends}"
    )
    return found
