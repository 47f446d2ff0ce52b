"""Which column says when each row was observed: dates, clocks of numbers, parts in several columns.

A column is recognised by what it holds. Its name helps only where numbers alone do not say it, as
with Excel's day numbers.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from utils.datasets.tables.columns import Choices, Column, Table, bad_dates
from utils.datasets.tables.dates import Dates, month_number, read_dates
from utils.datasets.tables.hours import TIME_NAMED, seconds_of, times_of_day
from utils.datasets.tables.stamps import NAMED, YEAR, stamps, years_of_many

_PARTS = {
    "year": rf"({YEAR})|((iso|mmwr|epi|report\w*|melde|fiscal|calendar)[ _]?({YEAR}))",
    "quarter": r"quarter|qtr|quartal|trimestre",
    "month": r"month|mon|monat|mois|mes|mês|mese|mo|m|mm|period|maand|mnth|miesi[aą]c",
    "week": r"((iso|mmwr|epi|report\w*|melde)[ _]?)?(week|woche|semana|semaine|settimana|uge|kw|wk)"
    r"([ _]?(nr|no|num|number|of[ _]?(the[ _]?)?year))?",
    "dayofyear": r"doy|day ?of ?year|dayofyear|yday|jday|julian( day)?|julianday",
    "day": r"day|dy|tag|jour|dia|día|d|dd|day ?of ?month|dom",
    "hour": r"hour|hr|hrs|h|hh|stunde|heure|hora|hour ?of ?day|hour ending|he",
    "minute": r"minute|min|minuten|mm|mn",
    "second": r"second|sec|seconds|ss",
}


@dataclasses.dataclass
class Clock:
    """When the rows were observed.

    Attributes:
        name: of the column that says it.
        column: that column, for messages.
        times: datetime64[us] (rows,), in UTC where a zone is given.
        local: the same by the clocks of the rows' own zones.
        zoned: whether zones are given.
        used: the positions of the columns that it takes up.
    """

    name: str
    column: Column
    times: np.ndarray
    local: np.ndarray
    zoned: bool
    used: set[int]


def find_clock(table: Table, choices: Choices) -> Clock | None:
    """Return when the rows were observed; None if no column says it.

    Raises:
        ValueError: for a column of dates of which some cannot be read, or of which the order of
            day and month is open, or for one that is called Date and holds something else.
    """
    columns = [column for column in table.columns if column.name != choices.group]
    _read_by_format(columns, choices)
    candidates = [column for column in columns if column.kind == "dates"]
    read = [column for column in candidates if isinstance(column.dates, Dates)]
    if candidates and (not read or _better_named(candidates, read)):
        raise bad_dates(table, _best(candidates))
    clock: Clock | None
    if read:
        clock = _of_dates(table, _best(read), columns)
    else:
        clock = _of_parts(table, columns) or _of_numbers(table, columns)
    if clock is None:
        _refuse_unread(table, choices, columns)
    elif choices.date_format and clock.column.kind != "dates":
        raise ValueError(
            f"No column of {table.source} holds dates in the format {choices.date_format}; "
            f"{clock.column.label} holds others."
        )
    return clock


def _read_by_format(columns: Sequence[Column], choices: Choices) -> None:
    """Read numbers such as 01022020 as dates, where the reader named their format."""
    if choices.date_format is None or "%" not in choices.date_format:
        return
    for column in columns:
        taken = choices.columns is not None and column.name in choices.columns
        if column.kind == "numbers" and not taken:
            dates = read_dates(column.cells, choices.date_format)
            if isinstance(dates, Dates):
                column.kind, column.dates = "dates", dates


def _best(columns: Sequence[Column]) -> Column:
    """Return the column of dates that is most likely the clock.

    One that never changes is none; then its name counts, then whether it runs one way.
    """

    def rank(column: Column) -> tuple[bool, bool, bool]:
        steps = np.zeros(1, np.int64)
        if isinstance(column.dates, Dates) and len(column.dates.times) > 1:
            steps = np.diff(column.dates.times).astype("int64")
        still, one_way = not steps.any(), (steps > 0).all() or (steps < 0).all()
        known = isinstance(column.dates, Dates)
        return known and still, not NAMED.fullmatch(column.name), not one_way

    return min(columns, key=rank)


def _better_named(candidates: Sequence[Column], read: Sequence[Column]) -> bool:
    """Return whether the column that should be the clock is one that cannot be read."""
    best = _best(candidates)
    return best not in read and (bool(NAMED.fullmatch(best.name)) or best.position == 0)


def _of_dates(table: Table, column: Column, columns: Sequence[Column]) -> Clock:
    """Return the clock of a column of dates, with a time of day from another column."""
    dates = column.dates
    assert isinstance(dates, Dates)
    clock = Clock(column.name, column, dates.times, dates.local, dates.zoned, {column.position})
    if dates.style:
        table.notes.append(
            f"{column.label} holds dates ({dates.style}, such as {column.example()!r})."
        )
    if dates.assumed:
        table.notes.append(f"Assumed of {column.label}: {dates.assumed}.")
    if dates.zoned:
        table.notes.append(f"{column.label} names zones: the times are in UTC.")
    midnight = (dates.times == dates.times.astype("datetime64[D]")).all()
    if midnight and not dates.zoned and len(dates.times) > 1:
        _add_time_of_day(table, clock, columns)
    return clock


def _add_time_of_day(table: Table, clock: Clock, columns: Sequence[Column]) -> None:
    """Add the time of day that stands in a column, or in two, of its own."""
    repeated = len(np.unique(clock.times)) < len(clock.times)
    for column in columns:
        if column.position not in clock.used and (found := seconds_of(column, repeated=repeated)):
            seconds, said = found
            if said == "hours":
                break  # perhaps with minutes in another column
            _add(table, clock, seconds, [column], said)
            return
    if not repeated:
        return
    seconds = np.zeros(len(clock.times))
    parts: list[Column] = []
    for part, length, most in (("hour", 3600, 24), ("minute", 60, 59), ("second", 1, 60)):
        for column in columns:
            if column.kind == "numbers" and re.fullmatch(
                rf"\W*({_PARTS[part]})\W*", column.name, re.IGNORECASE
            ):
                values = column.numbers
                if np.isfinite(values).all() and values.min() >= 0 and values.max() <= most:
                    seconds, parts = seconds + length * values, [*parts, column]
                    break
    if parts:
        _add(table, clock, seconds, parts)
        return
    for column in columns:
        if column.position not in clock.used and (found := seconds_of(column, repeated=True)):
            _add(table, clock, found[0], [column])
            return


def _add(
    table: Table, clock: Clock, seconds: np.ndarray, columns: Sequence[Column], how: str = ""
) -> None:
    shift = np.round(seconds * 1e6).astype("timedelta64[us]")
    clock.times, clock.local = clock.times + shift, clock.local + shift
    clock.used |= {column.position for column in columns}
    said = " and ".join(column.label for column in columns)
    verb = "is" if len(columns) == 1 else "are"
    how = f" ({how})" if how else ""
    table.notes.append(f"{said} {verb} the time of day of {clock.column.label}{how}.")


def _of_parts(table: Table, columns: Sequence[Column]) -> Clock | None:
    """Put year, month, day, hour … together where they stand in columns of their own."""
    parts: dict[str, Column] = {}
    for column in columns:
        for part, pattern in _PARTS.items():
            if (
                part not in parts
                and column.kind in ("numbers", "text")
                and re.fullmatch(rf"\W*({pattern})\W*", column.name, re.IGNORECASE)
            ):
                parts[part] = column
                break
    if "year" not in parts or not {"month", "quarter", "dayofyear", "week"} & set(parts):
        return None
    values = {part: _part(column, part) for part, column in parts.items()}
    kept = {part: found for part, found in values.items() if found is not None}
    if "year" not in kept or not {"month", "quarter", "dayofyear", "week"} & set(kept):
        return None
    zeros = np.zeros(table.rows)
    if "week" in kept and not {"month", "dayofyear"} & set(kept):
        return _of_weeks(table, parts["year"], parts["week"], kept["year"], kept["week"])
    month = kept.get("month", 3 * kept["quarter"] - 2 if "quarter" in kept else zeros + 1)
    fields = {"year": kept["year"], "month": month, "day": kept.get("day", zeros + 1)}
    if "dayofyear" in kept and "month" not in kept:
        fields["day"] = zeros + 1
    try:
        times = pd.to_datetime(pd.DataFrame(fields)).to_numpy(dtype="datetime64[us]")
    except (ValueError, TypeError, OverflowError):
        return None
    used = [parts[part] for part in ("year", "quarter", "month", "day") if part in kept]
    if "dayofyear" in kept and "month" not in kept:
        times = times + (kept["dayofyear"] - 1).astype("timedelta64[D]")
        used = [parts["year"], parts["dayofyear"]]
    for part, length in (("hour", 3600), ("minute", 60), ("second", 1)):
        if part in kept:
            times = times + np.round(kept[part] * length * 1e6).astype("timedelta64[us]")
            used.append(parts[part])
    if not ({"hour", "minute"} & set(kept)):
        for column in columns:
            if not TIME_NAMED.search(column.name) or column.kind not in ("text", "refused"):
                continue
            seconds = times_of_day(column.cells)
            if seconds is not None:
                times = times + np.round(seconds * 1e6).astype("timedelta64[us]")
                used.append(column)
                break
    names = ", ".join(column.label for column in used)
    table.notes.append(f"The time is put together from {names}.")
    return Clock("date", used[0], times, times, False, {column.position for column in used})


def _of_weeks(
    table: Table, year: Column, week: Column, years: np.ndarray, weeks: np.ndarray
) -> Clock:
    """Put a year and a number of the week together, as ISO 8601 or the MMWR count them.

    In the weeks of the MMWR (of the health offices of the USA) the first day is Sunday.
    """
    american = re.search(r"mmwr|epi", year.name + week.name, re.IGNORECASE) is not None
    days = np.zeros(table.rows, "datetime64[us]")
    for row, (one, count) in enumerate(zip(years.astype(int), weeks.astype(int), strict=True)):
        try:
            if american:
                fourth = pd.Timestamp(one, 1, 4)  # it is always in the first week
                start = fourth - pd.Timedelta(days=fourth.isoweekday() % 7)
                days[row] = np.datetime64(start + pd.Timedelta(weeks=count - 1), "us")
            else:
                days[row] = np.datetime64(pd.Timestamp.fromisocalendar(one, count, 1), "us")
        except ValueError:
            raise ValueError(
                f"{table.where(row, week)}: {one} has no week {count} by ISO 8601; expected its "
                "weeks, or a column with the date on which each week begins."
            ) from None
    first = "Sunday of each week of the MMWR" if american else "Monday of each week of ISO 8601"
    table.notes.append(f"The time is put together from {year.label}, {week.label}: the {first}.")
    return Clock("date", year, days, days, False, {year.position, week.position})


def _part(column: Column, part: str) -> np.ndarray | None:
    """Return a part of a date as whole numbers; months may be names."""
    if column.kind == "text":
        months = [month_number(cell) for cell in column.cells]
        if part == "month" and all(months):
            return np.array(months, float)
        letters = {"month": "M", "quarter": "QTK", "week": "WKS"}.get(part, "")
        found = [re.fullmatch(rf"[{letters}]{{1,2}} ?(\d{{1,2}})", cell) for cell in column.cells]
        return np.array([float(m[1]) for m in found if m]) if letters and all(found) else None
    values = column.numbers
    if not np.isfinite(values).all() or not np.array_equal(values, np.round(values)):
        return None
    if part == "year":
        return values if values.min() >= 1500 and values.max() <= 2500 else None
    return values


def _of_numbers(table: Table, columns: Sequence[Column]) -> Clock | None:
    for column in sorted(columns, key=lambda column: not NAMED.fullmatch(column.name)):
        if column.kind != "numbers":
            continue
        found = stamps(column) or years_of_many(table, column)
        if found is not None:
            times, what = found
            ends = np.array([times.min(), times.max()])
            first, last = np.datetime_as_string(ends, unit="auto").tolist()
            table.notes.append(f"{column.label} is a clock ({what}), from {first} to {last}.")
            clock = Clock(column.name, column, times, times, False, {column.position})
            if what == "yyyymmdd":
                _add_time_of_day(table, clock, columns)
            return clock
    return None


def _looks_timely(cells: Sequence[str]) -> bool:
    """Return whether nearly all cells hold a date or a time of day, and hardly any comes again.

    Times that have passed, such as 0:01.5, are none: they say nothing about dates.
    """
    there = [cell for cell in cells if cell]
    looks = [cell for cell in there if _TIMELY.search(cell) and not _PASSED.fullmatch(cell)]
    return len(looks) > 0.9 * len(there) and len(set(there)) > 0.9 * len(there) > 4


_TIMELY = re.compile(
    r"^\d{1,2}(\.\d{1,2}\.|/\d{1,2})$|"
    r"(?<!\d)(1[89]|20)\d\d(?!\d)|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|(?<![\d:])\d{1,2}:\d{2}(?!\d)"
)
_PASSED = re.compile(r"\W*(\d+ days? )?(\d+:)?\d+:\d{2}([.,]\d+)?\W*")


def _refuse_unread(table: Table, choices: Choices, columns: Sequence[Column]) -> None:
    """Refuse a column that is called Date and holds nothing that can be read as dates."""
    if choices.date_format:
        raise ValueError(
            f"No column of {table.source} holds dates in the format {choices.date_format}."
        )
    for column in columns:
        timely = column.kind == "text" and _looks_timely(column.cells)
        if not (timely or NAMED.fullmatch(column.name)) or column.kind == "empty":
            continue
        if column.kind == "numbers":
            steps = np.diff(column.numbers)
            if np.allclose(steps, steps[:1], rtol=1e-6) and steps[:1].any():
                continue  # time that has passed, or a counter
        if choices.columns is not None:
            table.notes.append(f"{column.label} is not read as dates: the order is not checked.")
            continue
        raise ValueError(
            f"{table.where(0, column)}: {column.example()[:40]!r} is no date that can be read; "
            f"say its format, as {table.option('date_format', '%d.%m.%Y')}, or choose columns by "
            f"{table.option('columns', '…')}."
        )
