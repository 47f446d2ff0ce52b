"""In which order rows stand: newest first, several series in one file, clock changes, joined files.

Rows of one series that stand newest first are turned round, and it is said. Everything else that
goes back in time is refused with the cause that fits.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from utils.datasets.tables.clocks import Clock
from utils.datasets.tables.columns import Choices, Column, Table, bad_numbers
from utils.datasets.tables.hours import says_time, times_of_day
from utils.datasets.tables.numerals import is_missing
from utils.datasets.tables.panels import panel

_NUMBER = re.compile(r"|#|n|(row ?)?(no|nr|num|number|index|id|idx|rank|n°|№)\.?", re.IGNORECASE)
_SECONDS = re.compile(r"\W*(t|time|elapsed|seconds?|secs?|ms|millis)\W*", re.IGNORECASE)
_HOUR = np.timedelta64(3600, "s")


def sequences(table: Table, clock: Clock | None, choices: Choices) -> dict[str, np.ndarray]:
    """Return the rows of each sequence, in time order, under its name.

    Without ``choices.group`` there is one sequence, named "".

    Raises:
        ValueError: if there is no such column, or rows go back in time; it says why they may.
    """
    if choices.group is None:
        found = {"": np.arange(table.rows)}
    else:
        found = _by_group(table, choices.group)
    turned: list[str] = []
    for name, rows in found.items():
        if clock is not None:
            found[name] = _in_order(table, clock, rows, choices, turned, name)
    if clock is None and choices.group is None and (counter := _runs_down(table)) is not None:
        table.notes.append(
            f"{counter.label} runs down to {counter.cells[-1]}: the newest row is taken to stand "
            "first, and the rows are turned round."
        )
        return {"": np.arange(table.rows)[::-1]}
    if turned and choices.group is None:
        table.notes.append("The newest row stood first: the rows are turned round.")
    elif turned:
        table.notes.append(
            f"The newest row stood first in {len(turned)} of {len(found)} sequences: their rows "
            "are turned round."
        )
    return found


def _runs_down(table: Table) -> Column | None:
    """Return a column that numbers or times the rows from the last one down to the first."""
    for column in table.columns:
        if column.kind == "numbers":
            steps = np.diff(column.numbers)
            counts = _NUMBER.fullmatch(column.name) and column.numbers[-1] in (0, 1)
            if not (counts and (steps == -1).all()) and not _SECONDS.fullmatch(column.name):
                continue
        elif (seconds := times_of_day(column.cells)) is not None:
            steps = np.diff(seconds)
        else:  # Day 60, Day 59
            words = [re.fullmatch(r"(\D*?) ?(\d+)", cell) for cell in column.cells]
            if not all(words) or len({match[1] for match in words if match}) > 1:
                continue
            steps = np.diff([int(match[2]) for match in words if match])
        if len(steps) > 1 and (steps < 0).all() and np.allclose(steps, steps[0]):
            return column
    return None


def _by_group(table: Table, group: str) -> dict[str, np.ndarray]:
    column = table.find(group)
    keys = [cell.strip() for cell in column.cells]
    for row, key in enumerate(keys):
        if is_missing(key):
            raise ValueError(
                f"{table.where(row, column)}: the name of the sequence is missing; expected one "
                "in every row."
            )
    rows: dict[str, list[int]] = {}
    for row, key in enumerate(keys):
        rows.setdefault(key, []).append(row)
    written: dict[str, str] = {}
    for name, places in rows.items():
        other = written.setdefault(_same_name(name), name)
        if other != name:
            raise ValueError(
                f"{table.where(places[0], column)}: {name!r} and {other!r} differ only in how they "
                "are written, and would be two sequences; write each name in one way."
            )
    if len(rows) > table.rows / 2 and len(rows) > 1:
        raise ValueError(
            f"{column.label} of {table.source} has {len(rows)} values in {table.rows} rows; "
            "expected one value for each sequence, in many rows."
        )
    return {name: np.array(found) for name, found in rows.items()}


def _same_name(name: str) -> str:
    """Return a name without what people vary: capitals, spaces, the decimals of a number."""
    try:
        return repr(float(name))
    except ValueError:
        return " ".join(name.casefold().split())


def _in_order(
    table: Table,
    clock: Clock,
    rows: np.ndarray,
    choices: Choices,
    turned: list[str],
    name: str,
) -> np.ndarray:
    """Return the rows of a sequence in time order."""
    steps = np.diff(clock.times[rows]).astype("int64")
    if (steps > 0).all():
        return rows
    if (steps < 0).all():
        turned.append(name)
        return rows[::-1]
    if _coarse(table, clock, rows, steps, choices):
        if (steps <= 0).all():
            turned.append(name)
            return rows[::-1]
        return rows
    raise _why(table, clock, rows, steps, choices)


def _coarse(
    table: Table, clock: Clock, rows: np.ndarray, steps: np.ndarray, choices: Choices
) -> bool:
    """Return whether rows share times only because the clock is coarse: more than one a second.

    The rows still run one way, the times have a time of day, no row repeats another, and no column
    names several series.
    """
    times = clock.times[rows]
    one_way = ((steps >= 0).all() or (steps <= 0).all()) and steps.any()
    if not one_way or len(steps) < 3 or (times == times.astype("datetime64[D]")).all():
        return False
    numbers = [column.numbers[rows] for column in table.columns if column.kind == "numbers"]
    same = steps == 0
    repeats = [np.diff(values)[same] == 0 for values in numbers if len(np.unique(values)) > 1]
    if not repeats or np.all(repeats, axis=0).any() or same.mean() < 0.02:
        return False
    if choices.group is None and panel(table, clock) is not None:
        return False
    table.notes.append(
        f"{int(same.sum()):,} rows have the time of the row before (the clock of "
        f"{clock.column.label} is coarse): the rows are taken in the order of the file."
    )
    return True


def _why(
    table: Table, clock: Clock, rows: np.ndarray, steps: np.ndarray, choices: Choices
) -> ValueError:
    """Return the error about times that repeat or go back, with the cause that fits."""
    # Which way the rows run mostly: a file that is newest first breaks where time goes on.
    back = steps <= 0 if (steps > 0).sum() >= (steps < 0).sum() else steps >= 0
    at = int(back.argmax()) + 1
    row, before = int(rows[at]), int(rows[at - 1])
    cell, previous = (str(clock.column.cells[i]) for i in (row, before))
    where = f"{table.where(row, clock.column)}: {cell}"
    same = clock.times[row] == clock.times[before]
    verb = "is the time of the row before" if same else f"comes after {previous}"
    if same and (text := _text_in(table, (row, before))) is not None:
        return bad_numbers(table, text)
    if choices.group is None:
        names = panel(table, clock)
        others = [column for column in table.columns if column.position not in clock.used]
        times = [column for column in names or others if says_time(column.name)] if same else []
        if times:
            return ValueError(
                f"{where} {verb}, and {times[0].label} seems to say the rest of the time "
                f"({times[0].example()!r}), but not in a way that can be read; expected the whole "
                f"time in one column, such as 2020-01-31 18:00{_extra_hour(times[0])}."
            )
        if names is not None and len(names) == 1:
            return ValueError(
                f"{where} {verb}, and {names[0].label} is another: several series stand in one "
                f"table; say {table.option('group', names[0].name)}, which trains on all of them "
                "(windows never cross from one to the next), or choose the rows of one."
            )
        if names is not None:
            both = " and ".join(column.label for column in names)
            return ValueError(
                f"{where} {verb}: several series stand in one table, and only {both} together "
                "name them; join these in one column and say "
                f"{table.option('group', 'NEW_COLUMN')}."
            )
    hours = (clock.local[rows] - clock.local[rows].astype("datetime64[D]")).astype("int64") / 3.6e9
    if 12 <= hours.max() < 13 and hours.min() >= 1 and len(np.unique(hours)) > 4:
        return ValueError(
            f"{where} {verb}, and all hours lie between 1 and 12: AM and PM are missing; expected "
            "hours from 0 to 23, or AM and PM behind them."
        )
    if _clock_change(clock, rows, steps):
        return ValueError(
            f"{where} {verb}: the clock goes back an hour, as at the end of summer time; expected "
            "times with their offset (2023-10-29T02:00+01:00) or in UTC (pandas: "
            "tz_localize('Europe/Berlin', ambiguous='infer'))."
        )
    times = clock.times[rows]
    if twice := len(times) - len(np.unique(times)):
        said = "1 row repeats" if twice == 1 else f"{twice:,} rows repeat"
        return ValueError(
            f"{where} {verb}, and {said} the time of another: were two exports "
            f"joined, or do several series stand in one table ({table.option('group', 'COLUMN')})? "
            "Expected each time once, in time order."
        )
    return ValueError(
        f"{where} {verb}; expected rows in time order, the oldest or the newest first "
        f"(no time is there twice: sort the rows by {clock.column.label})."
    )


def _text_in(table: Table, rows: tuple[int, int]) -> Column | None:
    """Return a column of numbers that holds a text in one of the rows, such as a dividend."""
    for column in table.columns:
        if column.refused is not None and column.refused.row in rows:
            return column
    return None


def _extra_hour(column: Column) -> str:
    """Return a reason why hours cannot be read: the day of a change of the clock has 25."""
    if column.kind == "numbers" and np.nanmax(column.numbers) == 25:
        return " with its offset (an hour 25 is that in which the clock goes back)"
    return ""


def _clock_change(clock: Clock, rows: np.ndarray, steps: np.ndarray) -> bool:
    """Return whether times go back an hour, or repeat one, as clocks do in autumn."""
    if clock.zoned:
        return False
    if (steps < 0).sum() > (steps > 0).sum():
        rows, steps = rows[::-1], -steps[::-1]
    wrong = np.flatnonzero(steps <= 0)
    usual = int(np.median(steps))
    hour = int(_HOUR.astype("timedelta64[us]").astype("int64"))
    if usual <= 0 or usual > hour or len(wrong) > 1 + len(rows) * usual // (hour * 24 * 180):
        return False
    stamps = pd.DatetimeIndex(clock.times[rows][wrong])
    autumn = stamps.month.isin([3, 4, 9, 10, 11]).all() and (stamps.hour <= 4).all()
    return bool(autumn and (steps[wrong] == usual - hour).all())
