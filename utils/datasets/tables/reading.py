"""A table as a ``Series``: clock, order, roles and missing values judged one after the other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from utils.checks import first_repeated
from utils.datasets.series import Series
from utils.datasets.tables.clocks import Clock, find_clock
from utils.datasets.tables.columns import (
    Choices,
    Column,
    Table,
    read_column,
    rows_of,
    settle_marks,
)
from utils.datasets.tables.missing import complete_sequences, without_placeholders
from utils.datasets.tables.order import sequences
from utils.datasets.tables.panels import refuse_panels_without_dates, refuse_taking_turns
from utils.datasets.tables.roles import features
from utils.datasets.tables.sheet import Sheet, read_sheet
from utils.datasets.tables.wide import refuse_wide

_OPTIONS = {
    "columns": "--columns",
    "group": "--group",
    "missing": "--missing",
    "missing_values": "--missing-value",
    "date_format": "--date-format",
    "decimal": "--decimal",
}


def command_option(choice: str, value: object) -> str:
    """Return a choice as it is typed on the command line."""
    if choice == "keep_extremes":
        return "--keep-extremes"
    text = str(value)
    plain = re.fullmatch(r"[-\w.,:%+/…]+", text)
    # A value that starts like an option has to be tied to its own.
    tie = "=" if text.startswith("-") and not re.fullmatch(r"-\d+|-\d*\.\d+", text) else " "
    return f"{_OPTIONS[choice]}{tie}{text if plain else repr(text)}"


def read_table(path: Path, choices: Choices) -> Table:
    """Read a file's columns, each judged by itself.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no table, or names a column twice.
    """
    sheet = read_sheet(path)
    names = [name for name in sheet.header if name]
    if repeated := first_repeated(names):
        raise ValueError(
            f"The header of {path} names the column {repeated!r} twice; name each column once."
        )
    columns = [
        read_column(name, position, [row[position] for row in sheet.rows], choices)
        for position, name in enumerate(sheet.header)
    ]
    columns = settle_marks(columns, choices)
    notes, rows = list(sheet.notes), len(sheet.rows)
    return Table(str(path), columns, rows, _lines(sheet), command_option, notes, f" of {path}")


def _lines(sheet: Sheet) -> Any:
    return lambda row: f"Line {sheet.lines[row]}"


def understand(table: Table, choices: Choices) -> dict[str, Any]:
    """Return what a table holds, as the arguments of ``Series`` that come from its contents.

    Args:
        table: of a file or of a data frame.
        choices: the reader's.

    Raises:
        ValueError: if the table cannot be read rightly with these choices; one sentence.
    """
    if choices.columns is not None:
        for name in choices.columns:
            table.find(name)
    if choices.group is not None:
        table.find(choices.group)
    refuse_wide(table, choices)
    if table.rows == 0:
        raise ValueError(f"{table.subject} has a header but no rows.")
    if table.rows < choices.min_rows:
        raise ValueError(_too_few(table, table.rows, choices))
    clock = find_clock(table, choices)
    rows = sequences(table, clock, choices)
    if clock is None:
        refuse_panels_without_dates(table, choices)
    else:
        refuse_taking_turns(table, clock, choices)
    taken = features(table, clock, list(rows.values()), choices)
    values = np.stack([column.numbers for column in taken], axis=1)
    values = without_placeholders(table, taken, values, choices, list(rows.values()))
    found = complete_sequences(table, clock, taken, values, rows, choices)
    found = _long_enough(table, found, choices)
    return _arguments(table, clock, taken, found, choices)


def _too_few(table: Table, rows: int, choices: Choices) -> str:
    return f"{table.subject} has {rows_of(rows)}; {_needed(choices)}."


def _needed(choices: Choices) -> str:
    # Of several sequences one window is enough in each, of a single one it is not.
    why = "the window and one more" if choices.group is None else "a window"
    return f"at least {choices.min_rows} are needed ({why})"


def _long_enough(
    table: Table, found: list[tuple[str, np.ndarray, np.ndarray]], choices: Choices
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Leave out the sequences that are too short."""
    long = [one for one in found if len(one[1]) >= choices.min_rows]
    if not long:
        longest = max(len(one[1]) for one in found)
        if choices.group is None and len(found) == 1:
            raise ValueError(_too_few(table, longest, choices))
        raise ValueError(
            f"The longest of the {len(found)} sequences of {table.source} has {rows_of(longest)}; "
            f"{_needed(choices)}."
        )
    if choices.group is not None:
        table.notes.append(f"{choices.group!r} names the sequences.")
    short = [one[0] for one in found if len(one[1]) < choices.min_rows]
    if short:
        names = ", ".join(repr(name) for name in short[:6]) + (", …" if len(short) > 6 else "")
        verb = "is" if len(short) == 1 else "are"
        table.notes.append(
            f"{len(short):,} of {len(found):,} sequences {verb} shorter than {choices.min_rows} "
            f"rows and left out ({names})."
        )
    return long


def _say_gaps(table: Table, clock: Clock, sequences: list[np.ndarray]) -> None:
    """Say where times are left out inside the sequences; weekends and the like are no gaps."""
    count, longest, where = 0, 1.0, ""
    for rows in sequences:
        steps = np.diff(clock.times[rows]).astype("int64")
        if len(steps) < 3:
            continue
        usual = max(float(np.median(steps)), 1.0)
        sizes, places = np.unique(steps, return_inverse=True)
        rare = np.bincount(places, minlength=len(sizes))[places] < 0.05 * len(steps)
        gaps = np.flatnonzero(rare & (steps > 1.9 * usual))
        count += len(gaps)
        if len(gaps) and (most := steps[gaps].max() / usual) > longest:
            longest, row = most, int(rows[gaps[steps[gaps].argmax()]])
            where = f"{table.place(row).lower()} ({clock.column.cells[row]})"
    if count:
        verb = "is 1 gap" if count == 1 else f"are {count:,} gaps"
        table.notes.append(
            f"There {verb} in the times inside the sequences, the longest {longest:,.0f} usual "
            f"steps after {where}: the rows are taken as if they followed each other."
        )


def _arguments(
    table: Table,
    clock: Clock | None,
    taken: list[Column],
    found: list[tuple[str, np.ndarray, np.ndarray]],
    choices: Choices,
) -> dict[str, Any]:
    values = np.concatenate([one[2] for one in found])
    rows = np.concatenate([one[1] for one in found])
    several = choices.group is not None or len(found) > 1
    lengths = [len(one[1]) for one in found]
    if several and clock is not None:
        _say_gaps(table, clock, [one[1] for one in found])
    whole = (values == np.round(values)).all(axis=0)
    more: dict[str, Any] = {}
    if several:
        more["starts"] = tuple(int(start) for start in np.cumsum([0, *lengths[:-1]]))
        more["groups"] = tuple(one[0] for one in found)
    return {
        "values": np.ascontiguousarray(values),
        "columns": tuple(column.name for column in taken),
        "times": None if clock is None else shortened(clock.times[rows]),
        "dtypes": tuple(
            column.dtype if whole[j] or column.dtype.startswith("float") else "float64"
            for j, column in enumerate(taken)
        ),
        "time_name": "date" if clock is None else clock.name or "date",
        "zone": None if clock is None else clock.column.zone,
        "notes": tuple(table.notes),
        **more,
    }


def shortened(times: np.ndarray) -> np.ndarray:
    """Return times in days where they are days, else in nanoseconds where these reach so far."""
    days = times.astype("datetime64[D]")
    if (days == times).all():
        return days
    low, high = np.datetime64("1678-01-01"), np.datetime64("2262-01-01")
    near = (days > low).all() and (days < high).all()
    return times.astype("datetime64[ns]") if near else times


def series_of(table: Table, choices: Choices, name: str, source: str) -> Series:
    """Return a table as a series of the name and the source given."""
    found = understand(table, choices)
    return Series(name=name, source=source, units=("",) * len(found["columns"]), **found)
