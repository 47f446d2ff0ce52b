"""Several series in one table: which column names them, and how they show without dates."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from utils.datasets.tables.clocks import Clock
from utils.datasets.tables.columns import Choices, Column, Table
from utils.datasets.tables.counters import wraps

MANY = 0.2  # share of the rows that repeat a time, where several series take turns
_ENTITY = re.compile(
    r"(?:.*[ _-])?(id|ids|key|symbol|ticker|subject|patient|person|user|customer|client|unit|"
    r"engine|device|machine|sensor|station|entity|site|store|shop|item|sku|product|series|run|"
    r"trial|episode|household|country|region|city|state|location|group|metric|variable|"
    r"parameter|indicator|measure|measurement|quantity|element|topic|tag|label|activity|"
    r"unit[ _]?(nr|number)|name|"
    r"code|fips|iso3?)"
    r"(?:[ _-]?(id|nr|no|number|name|code))?",
    re.IGNORECASE,
)
# What counts rows or measures time by its name.
_COUNTER = re.compile(
    r"|\W*(unnamed: ?\d+|index|idx|t|time.*|.*[ _]time|ts|step|steps|time[ _]?step|cycle|cycles|"
    r"elapsed.*|seq(uence)?|frame|tick|obs(ervation)?|sample|no|nr|n|day|days|week|visit|"
    r"seconds?|sec|ms|minutes?|hours?|row|timestamp|epoch|age)\W*",
    re.IGNORECASE,
)


def panel(table: Table, clock: Clock) -> tuple[Column, ...] | None:
    """Return the column, or the two, whose values split the rows into series that run one way."""
    candidates = []
    twice = 1 - len(np.unique(clock.times)) / table.rows
    for column in table.columns:
        if column.position in clock.used or column.kind not in ("text", "numbers", "booleans"):
            continue
        codes, names = pd.factorize(np.array(column.cells, dtype=object))
        if 2 <= len(names) <= table.rows / 2:
            likely = bool(_ENTITY.fullmatch(column.name))
            # Where times hardly repeat, few values may split the rows by chance.
            in_blocks = (np.diff(codes) != 0).sum() == len(names) - 1
            if not in_blocks and twice < MANY and not (likely and column.kind == "text"):
                continue
            candidates.append((column.kind != "text", not likely, column.position, column, codes))
    candidates.sort(key=lambda one: one[:3])
    for *_, column, codes in candidates:
        if _splits(clock.times, codes):
            return (column,)
    texts = [(column, codes) for *_, column, codes in candidates if column.kind == "text"]
    for (one, first), (other, second) in itertools.combinations(texts[:6], 2):
        both = pd.factorize(first.astype(np.int64) * (second.max() + 1) + second)[0]
        if both.max() < table.rows / 2 and _splits(clock.times, both):
            return one, other
    return None


def _splits(times: np.ndarray, codes: np.ndarray) -> bool:
    """Return whether within each code the times run one way, all forwards or all backwards."""
    order = np.argsort(codes, kind="stable")
    inside = np.diff(codes[order]) == 0
    steps = np.diff(times[order]).astype("int64")
    if not inside.any() or inside.mean() < 0.5:
        return False
    signs = np.sign(steps)
    if (signs[inside] == 0).any():
        return False
    # One way within each code: the sign changes only where the code does.
    both = inside[1:] & inside[:-1]
    return bool((signs[1:][both] == signs[:-1][both]).all())


def refuse_taking_turns(table: Table, clock: Clock, choices: Choices) -> None:
    """Refuse several series of which each row has a time of its own, as loggers write them.

    A column that names series by its name then changes in most rows, and the numbers of one series
    are far from those of another.

    Raises:
        ValueError: it names the column for ``group``.
    """
    if choices.group is not None or choices.columns is not None:
        return
    for column in table.columns:
        likely = column.kind in ("text", "numbers") and _ENTITY.fullmatch(column.name)
        if not likely or column.position in clock.used:
            continue
        codes, names = pd.factorize(np.array(column.cells, dtype=object))
        if not 2 <= len(names) <= table.rows / 8 or (np.diff(codes) != 0).mean() < 0.5:
            continue
        for other in table.columns:
            if other is column or other.kind != "numbers":
                continue
            parts = [other.numbers[codes == code] for code in range(len(names))]
            levels = np.array([np.nanmean(part) if len(part) else 0.0 for part in parts])
            inside = np.nanmean([np.nanstd(part) for part in parts])
            if np.std(levels) > 2 * inside > 0:
                raise ValueError(
                    f"{column.label} of {table.source} names {len(names)} series that take turns, "
                    f"and {other.label} is at another level in each; say "
                    f"{table.option('group', column.name)}, which trains on all of them (windows "
                    "never cross from one to the next), or choose columns by "
                    f"{table.option('columns', '…')}."
                )


def refuse_panels_without_dates(table: Table, choices: Choices) -> None:
    """Refuse several series in one table that no date tells apart.

    They show by a counter that starts again, or by a column of names that each fill one block of
    rows (or take turns). Columns that the reader chose are taken as they are.

    Raises:
        ValueError: it names the column for ``group``, where there is one.
    """
    if choices.group is not None and choices.columns is None:
        _refuse_second_key(table, choices.group, choices)
    if choices.group is not None or choices.columns is not None:
        return
    keys = [column for column in table.columns if column.kind in ("text", "numbers")]
    entity = next((column for column in keys if _blocks(table, column)), None)
    for column in keys:
        again = _restarts(column, entity)
        if again:
            times = "once" if again == 1 else f"{again} times"
            where = f"{column.label} of {table.source} counts up and starts again {times}"
            if entity is None:
                option = table.option("group", "COLUMN")
                raise ValueError(
                    f"{where}: several short series stand in one table; add a column that names "
                    f"them and say {option}, or choose columns by {table.option('columns', '…')}."
                )
            raise _several(table, entity, where)
    if entity is not None:
        count = len(set(entity.cells))
        where = f"{entity.label} of {table.source} has {count} values, each in rows of its own"
        raise _several(table, entity, where)


def _refuse_second_key(table: Table, group: str, choices: Choices) -> None:
    """Refuse a second column of names within each group: only both together name the series."""
    key = np.array(table.find(group).cells, dtype=object)
    for column in table.columns:
        if column.name == group or column.kind != "text" or not column.name:
            continue
        cells = np.array(column.cells, dtype=object)
        found = []
        for name in pd.unique(key):
            codes, names = pd.factorize(cells[key == name])
            turns = bool((codes == np.arange(len(codes)) % len(names)).all())
            found.append(2 <= len(names) <= len(codes) / 4 and turns)
        if found and all(found):
            raise ValueError(
                f"{column.label} of {table.source} names series that take turns within each "
                f"{group!r}: join both in one column and say "
                f"{table.option('group', 'NEW_COLUMN')}, or choose columns by "
                f"{table.option('columns', '…')}."
            )


def _restarts(column: Column, entity: Column | None) -> int:
    """Return how often a column that counts or measures time starts again."""
    if column.kind != "numbers" or calendar_words(column) or wraps(column):
        return 0
    again = restarts(column.numbers)
    if again and not _COUNTER.fullmatch(column.name):
        # A saw-tooth of data, unless it starts again exactly where another series does.
        if entity is None:
            return 0
        changes = np.flatnonzero(np.diff(pd.factorize(np.array(entity.cells, object))[0]))
        falls = np.flatnonzero(np.diff(column.numbers) < 0)
        return again if np.array_equal(changes, falls) else 0
    return again


def _several(table: Table, entity: Column, where: str) -> ValueError:
    return ValueError(
        f"{where}: several series seem to stand in one table; say "
        f"{table.option('group', entity.name)}, which trains on all of them (windows never cross "
        f"from one to the next), or choose columns by {table.option('columns', '…')}."
    )


def _blocks(table: Table, column: Column) -> bool:
    """Return whether a column names series: each value in one block of rows, or in turns."""
    if not column.name or not _ENTITY.fullmatch(column.name):
        return False
    if column.kind == "numbers" and not np.array_equal(column.numbers, np.round(column.numbers)):
        return False
    codes, names = pd.factorize(np.array(column.cells, dtype=object))
    if not 2 <= len(names) <= table.rows / 4:
        return False
    changes = int((np.diff(codes) != 0).sum())
    in_blocks = changes == len(names) - 1
    in_turns = bool((codes == np.arange(len(codes)) % len(names)).all())
    return in_blocks or in_turns


def restarts(values: np.ndarray) -> int:
    """Return how often a counter starts again; 0 for anything else."""
    if len(values) < 6 or not np.isfinite(values).all():
        return 0
    steps = np.diff(values)
    usual = float(np.median(steps))
    if usual <= 0:
        return 0
    breaks = ~np.isclose(steps, usual, rtol=1e-3, atol=0)
    if not 1 <= breaks.sum() <= len(values) / 3 or not (steps[breaks] < 0).all():
        return 0
    starts = np.append(values[0], values[1:][breaks])
    # A clock that was reset starts near where it started; a saw-tooth of data hardly does.
    close = np.abs(starts - starts[0]) <= 2 * usual
    return int(breaks.sum()) if close.all() else 0


_CALENDAR: Sequence[tuple[str, str, int, int]] = (
    (r"(hour|hr|h|hod|stunde|heure|hora)(s|[ _]?of[ _]?(the[ _]?)?day)?", "hour", 0, 24),
    (r"(minute|min)s?([ _]?of[ _]?(the[ _]?)?(hour|day))?", "minute", 0, 1440),
    (r"week[ _]?day|dow|day[ _]?of[ _]?(the[ _]?)?week|wochentag|wday", "weekday", 0, 7),
    (r"day|dom|tag|day[ _]?of[ _]?(the[ _]?)?month|mday", "day", 0, 31),
    (r"doy|yday|day[ _]?of[ _]?(the[ _]?)?year", "day of the year", 0, 366),
    (r"week|week[ _]?of[ _]?(the[ _]?)?year|kw|woche", "week", 0, 53),
    (r"month|mon|monat|mois|mes|month[ _]?of[ _]?(the[ _]?)?year", "month", 0, 12),
    (r"quarter|qtr|quartal", "quarter", 0, 4),
    (r"year|yr|jahr|année|año", "year", 1500, 2500),
    (r"(time|half[ _]?hour|settlement)?[ _]?(slot|period)([ _]?of[ _]?day)?", "period", 0, 288),
)


def calendar_words(column: Column) -> str:
    """Return which part of the calendar a column's name and numbers say, or nothing.

    The numbers are whole, lie in its range, and go on one by one or stand still until they start
    again.
    """
    values = column.numbers
    if not np.isfinite(values).all() or not np.array_equal(values, np.round(values)):
        return ""
    for pattern, what, low, high in _CALENDAR:
        if re.fullmatch(rf"\W*({pattern})\W*", column.name, re.IGNORECASE):
            steps = np.diff(values)
            on = (steps == 0) | (steps == 1)
            again = (steps < 0) & (values[1:] <= low + 1)
            jump = (steps > 1).mean() < 0.1
            if low <= values.min() and values.max() <= high and jump and (on | again).mean() > 0.8:
                return what
    return ""
