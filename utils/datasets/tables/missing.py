"""Missing values, and the numbers that people and instruments write in their place.

A placeholder such as -200 or -9999 is suspected by its shape: far outside of all other values, and
repeated. Nothing is filled in and no row is dropped unless the reader says so.
"""

from __future__ import annotations

import re
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
_LONG = 30  # rows of a sequence that is judged by itself
_FEW = 6  # different values: a column with fewer has levels, not outliers
_ZERO = 0.05  # share of the rows up to which a zero far from the rest may stand for missing
_ZEROS = 0.3  # the same where the zeros are scattered, and do not come in runs
_NEVER_ZERO = re.compile(
    r"(adj[. _]?)?(open|high|low|close|price|last|bid|ask)|hr|bpm|pulse|heart[ _]?rate.*|bp|"
    r"blood[ _]?pressure.*|pressure.*|glucose.*|bmi|weight|height",
    re.IGNORECASE,
)
# Placeholders near the data: suspected where they are the only negative numbers, and repeated.
_CODES = (-1, -9, -0.99, -0.999, -9.9, -9.99, -9.999)
_AWAY = 5.0  # the smallest of all other values, from which a -1 is suspected
# What questionnaires write for "do not know", "no answer" and the like.
_SURVEY = (77, 88, 97, 98, 99, 777, 888, 997, 998, 999)


def without_placeholders(
    table: Table,
    columns: Sequence[Column],
    values: np.ndarray,
    choices: Choices,
    rows: Sequence[np.ndarray] = (),
) -> np.ndarray:
    """Return the values with NaN for what the reader named as missing.

    Args:
        table: for messages.
        columns: those of the values.
        values: float64 (rows, columns), in the order of the table's rows.
        choices: the reader's.
        rows: of each sequence: where there are several, each is judged by itself too.

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
            for part in rows if len(rows) > 1 else ():
                if len(part) >= _LONG:
                    _refuse_placeholder(table, column, values[:, j], part)
    if choices.missing_values:
        for j, column in enumerate(columns):
            _refuse_constant_rest(table, column, values[:, j])
    return values


def _refuse_constant_rest(table: Table, column: Column, values: np.ndarray) -> None:
    """Refuse a column that holds one value only, besides those that stand for missing."""
    there = values[np.isfinite(values)]
    if len(there) and len(there) < len(values) and (there == there[0]).all():
        raise ValueError(
            f"{column.label} of {table.source} is always {there[0]:.10g} where it is not missing: "
            "there is nothing to learn; choose the other columns by "
            f"{table.option('columns', '…')}."
        )


def _refuse_placeholder(
    table: Table, column: Column, values: np.ndarray, within: np.ndarray | None = None
) -> None:
    """Refuse a column whose lowest or highest values look like placeholders.

    Args:
        table: for messages.
        column: that of the values.
        values: float64, one for each of the table's rows.
        within: the rows of one sequence, to be judged by themselves: what would be far outside
            there may lie among the values of another. Only well-known placeholders count then.
    """
    part = values if within is None else values[within]
    finite = part[np.isfinite(part)]
    different, counts = np.unique(finite, return_counts=True)
    if within is not None and not _known(different[[0, -1]] if len(different) else different).any():
        return
    for ends in _ends(len(different)):
        others = np.delete(different, ends)
        codes, count = different[ends], int(counts[ends].sum())
        if within is not None and not _known(codes).all():
            continue
        if len(ends) > 1:
            found = _suspected_together(codes, counts[ends], others)
        else:
            # What is never zero is not off for a while: each zero counts as one that stands alone.
            starts = np.diff((part == codes[0]).astype(int), prepend=0) == 1
            runs = count if _NEVER_ZERO.fullmatch(column.name) else int(starts.sum())
            found = _suspected(codes[0], count, runs, others, counts.sum())
        if not found:
            continue
        row = int(np.flatnonzero(np.isin(values, codes))[0])
        if within is not None:
            row = int(within[np.isin(part, codes)][0])
        times = "once" if count == 1 else f"{count} times"
        names = " and ".join(f"{code:.10g}" for code in codes)
        verb, together = ("comes", "") if len(codes) == 1 else ("come", " in all")
        options = [table.option("missing_values", f"{code:.10g}") for code in codes]
        raise ValueError(
            f"{table.where(row, column)}: {names} {verb} {times}{together}, far from all "
            f"other values ({others[0]:.6g} to {others[-1]:.6g}): if it stands for a missing value "
            "say "
            f"{' and '.join(options)}, if it was measured say "
            f"{table.option('keep_extremes', True)}."
        )


def _ends(count: int) -> list[list[int]]:
    """Return which of so many values to judge: the lowest, the highest, two or three of these."""
    return [
        list(range(n)) if low else list(range(count - n, count))
        for n in (1, 2, 3)
        for low in (True, False)
        if count > n
    ]


def _known(values: np.ndarray) -> np.ndarray:
    return np.isclose(np.reshape(values, (-1, 1)), _KNOWN, rtol=1e-6, atol=0).any(axis=1)


def _suspected(value: float, count: int, runs: int, others: np.ndarray, total: int) -> bool:
    """Return whether a column's lowest or highest value looks like a placeholder."""
    # Halved, so that no difference of large numbers is infinite.
    spread = others[-1] / 2 - others[0] / 2
    gap = max(others[0] / 2 - value / 2, value / 2 - others[-1] / 2)
    step = float(np.diff(others / 2).max(initial=0))
    known = bool(_known(np.array([value]))[0])
    if len(others) < 3 and known:
        # A placeholder in a column that is otherwise constant; -200 and 200 are two states.
        return (value <= -99 or value >= 999) and -value not in others
    if count >= 2 and value in _CODES and others[0] >= (_AWAY if value == -1 else 0):
        return gap > step
    if len(others) < 2:
        return False
    if value == 0:
        # Off for a while is data; a zero here and there is none.
        few = count <= _ZERO * total or (count <= _ZEROS * total and 2 * runs > count)
        far = _FAR * spread if count >= 2 else 2 * _FAR * spread
        return few and len(others) >= _FEW and gap > far
    if known and count == 1:
        return gap > 2 * _FAR * spread
    if known and value < 0 <= others[0] and value <= -99:
        return True  # the only negative number, repeated
    if known:
        return gap > _KNOWN_FAR * spread and gap > 0
    return count >= 2 and len(others) >= _FEW and gap > _FAR * spread


def _suspected_together(values: np.ndarray, counts: np.ndarray, others: np.ndarray) -> bool:
    """Return whether two or three values at one end are placeholders that hide each other.

    Each by itself does not lie far outside of the rest with the others in it: -888 and -999.
    """
    spread = others[-1] / 2 - others[0] / 2
    gap = max(others[0] / 2 - values[-1] / 2, values[0] / 2 - others[-1] / 2)
    survey = len(others) >= 3 and np.isin(values, _SURVEY).all() and (counts >= 2).all()
    if survey:
        return gap > 2 * _FAR * spread
    known = _known(values)
    if len(others) < _FEW or not known.any():
        return False
    repeated = (known | (counts >= 2)).all() and counts.sum() >= 2
    return gap > (_FAR if repeated else 2 * _FAR) * spread and gap > 0


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
