"""Tables that lie on their side: a column for each date, a row for each series or each day."""

from __future__ import annotations

import itertools
import re

from utils.datasets.tables.columns import Choices, Table
from utils.datasets.tables.dates import BadDates, Dates, month_number, read_dates
from utils.datasets.tables.hours import times_of_day

MONTHS = 10  # month names in a header from here on: a table of a row a year
FEW, SOME, DOZEN = 3, 5, 12  # columns named by dates from which on a table is wide
_YEAR = re.compile(r"(?:FY|Y|YR|X)?[ _]?((?:18|19|20)\d\d)(?: ?\[YR\d{4}\])?", re.IGNORECASE)
# Columns that count hours, weeks, days: the names, how many there are at least, what a row is.
_COUNTED = (
    (re.compile(r"(?:h|he|hr|hour|stunde|heure|hora)[ _]?(\d{1,2})", re.I), DOZEN, "hours", "day"),
    (re.compile(r"(?:week|woche|kw|semaine|semana|wk)[ _]?(\d{1,2})", re.I), SOME, "weeks", ""),
    (re.compile(r"w[ _]?(\d{1,2})", re.I), DOZEN, "weeks", ""),
    (re.compile(r"(?:day|d|value)[ _]?(\d{1,2})", re.I), 28, "days of the month", "month"),
)


def refuse_wide(table: Table, choices: Choices) -> None:
    """Refuse a table with a column for each date, where each row is a series.

    Raises:
        ValueError: it says how to turn the table.
    """
    if choices.columns is not None:
        return
    names = [column.name for column in table.columns if column.name]
    numeric = {column.name for column in table.columns if column.kind in ("numbers", "refused")}
    dated = any(isinstance(column.dates, Dates) for column in table.columns)
    years = [(name, int(match[1])) for name in names if (match := _YEAR.fullmatch(name))]
    dates = [name for name in names if _is_date(name)]
    hours = [name for name in names if times_of_day([name]) is not None]
    months = [name for name in names if month_number(name)]
    rising = all(a < b for (_, a), (_, b) in itertools.pairwise(years))
    for found, what, row in (
        (dates, "dates", "a series"),
        ([name for name, _ in years], "years", "a series"),
        (hours, "times of day", "a day"),
    ):
        most = len(found) > len(names) / 2 and len(found) >= SOME
        few = not dated and len(found) >= FEW and 2 * len(found) > len(numeric.union(found))
        if most or (few and (what != "years" or rising)):
            raise _wide(table, found, what, row)
    for pattern, least, what, of in _COUNTED:
        found = [name for name in names if pattern.fullmatch(name)]
        counts = [int(match[1]) for name in names if (match := pattern.fullmatch(name))]
        steps = {b - a for a, b in itertools.pairwise(counts)}
        if len(found) >= least and steps == {1} and counts[0] <= 1 and (of or not dated):
            raise _wide(table, found, what, f"a {of}" if of else "a series")
    if len(months) >= MONTHS:
        raise ValueError(
            f"{table.subject} is wide: {len(months)} columns are months ({months[0]!r}, …), and "
            "each row is a year; expected a row for each month (pandas: melt), or choose columns "
            f"by {table.option('columns', '…')}."
        )


def _is_date(name: str) -> bool:
    """Return whether a name is a date, in whatever order: 1/22/20, 2015M01, Jan-10, Q1 2018."""
    if _YEAR.fullmatch(name) or not re.search(r"\d", name):
        return False
    read = read_dates([name])
    return isinstance(read, Dates) or (isinstance(read, BadDates) and read.why == "two readings")


def _wide(table: Table, found: list[str], what: str, row: str) -> ValueError:
    return ValueError(
        f"{table.subject} is wide: {len(found)} columns are {what} ({found[0]!r}, …), and each "
        f"row is {row}; expected a row for each time, a column for each series (pandas: melt or "
        f"set_index(…).T), or choose columns by {table.option('columns', '…')}."
    )
