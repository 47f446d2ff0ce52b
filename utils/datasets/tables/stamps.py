"""Clocks that are numbers: seconds since 1970, Excel's days, yyyymmdd, years."""

from __future__ import annotations

import itertools
import re

import numpy as np

from utils.datasets.tables.columns import Column, Table
from utils.datasets.tables.dates import Dates, read_dates

# A column called so holds times, or it is a mistake.
NAMED = re.compile(
    r"\W*(date|dates|datetime|date[ _/-]?time|timestamp|time[ _]?stamp|datum|fecha|data e hora|"
    r"日期|日付|날짜|дата|epoch|unix([ _]?time)?|period)\W*",
    re.IGNORECASE,
)
# A word in a name, or the last part of openTime.
_WORDS = "date|datetime|time|timestamp|stamp|epoch|datum|zeit|fecha|tag|day|dt|ts|unix|period|month"
_CLOCKLIKE = re.compile(
    rf"(?i:(?<![a-z])({_WORDS}|yyyy\w*)(?![a-z]))|(?<=[a-z])(Date|Time|Timestamp)(?![a-z])|日"
)
_DECIMAL = re.compile(r"(?<![a-z])(decimal|dec|year|yr|date|time|t|jahr|ann[eé]e|año)", re.I)
_DATELIKE = re.compile(r"(?i:(?<![a-z])(date|datum|fecha|tag|day|dt)(?![a-z]))|(?<=[a-z])Date|日")
YEAR = r"year|yr|jahr|annee|année|año|ano|anno|y|yy|yyyy|年|年份|год"
_UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}


def stamps(column: Column) -> tuple[np.ndarray, str] | None:
    """Read a column of numbers as a clock: since 1970, Excel's days, yyyymmdd, yyyymm, years.

    Returns:
        The times, datetime64[us], and what they are, in words; None where the numbers are no clock.
    """
    values = column.numbers
    if len(values) < 2 or not np.isfinite(values).all():
        return None
    whole = np.array_equal(values, np.round(values))
    named = _CLOCKLIKE.search(column.name) is not None
    low, high = float(values.min()), float(values.max())
    steps = np.diff(values)
    one_way = bool((steps >= 0).all() or (steps <= 0).all()) and low < high
    weekly = re.search(r"week|woche|(?<![a-z])(kw|yw|yyyyww)(?![a-z])", column.name, re.IGNORECASE)
    if whole and weekly and 190_001 <= low < high <= 210_053 and (found := _weeks(column)):
        return found
    if whole and not column.said and (found := _digits(values, low, high, named or one_way)):
        return found
    for unit, factor in _UNITS.items():
        # 1990 to 2100
        if 631_152_000 * factor <= low and high < 4_102_444_800 * factor:
            even = whole and (np.abs(steps) % (60 * factor) == 0).mean() > 0.9
            if not (named or (one_way and even)):
                return None
            ticks = np.round(values / factor * 1e6).astype("int64")
            return ticks.astype("datetime64[us]"), f"{unit} since 1970"
    if found := _mixed_units(values, named) or _decimal_years(column, steps):
        return found
    julian = re.fullmatch(
        r"\W*(?:[hb]?m?)(?:jd|julian.*)(?:[ _-].*)?\W*", column.name, re.IGNORECASE
    )
    for start, what in ((2_440_587.5, "Julian dates"), (40_587.0, "modified Julian dates")):
        # 1954 to 2119
        if julian and one_way and low - start >= -6000 and high - start < 55_000:
            ticks = np.round((values - start) * 86_400e3).astype("int64")  # float64 holds no more
            return ticks.astype("datetime64[ms]").astype("datetime64[us]"), what
    daily = NAMED.fullmatch(column.name) or (one_way and _DATELIKE.search(column.name))
    if daily and low >= 20_000 and high <= 80_000:
        ticks = np.round((values - 25_569) * 86_400e6).astype("int64")  # 1954 to 2119
        return ticks.astype("datetime64[us]"), "Excel's day numbers"
    year = re.fullmatch(
        rf"\W*({YEAR}|time([ _]?period)?|{NAMED.pattern})\W*", column.name, re.IGNORECASE
    )
    if whole and year and low >= 1000 and high <= 2500 and len(np.unique(values)) == len(values):
        years = (values.astype("int64") - 1970).astype("datetime64[Y]")
        return years.astype("datetime64[us]"), "years"
    return None


def _weeks(column: Column) -> tuple[np.ndarray, str] | None:
    """Read 202043 as the Monday of week 43 of 2020."""
    try:
        dates = read_dates([f"{int(v) // 100}-W{int(v) % 100:02d}" for v in column.numbers])
    except ValueError:
        return None
    return (dates.times, "weeks of ISO 8601, yyyyww") if isinstance(dates, Dates) else None


def _mixed_units(values: np.ndarray, named: bool) -> tuple[np.ndarray, str] | None:
    """Read stamps of which some are seconds since 1970 and others milliseconds, or the like."""
    ticks, used = np.full(len(values), -1, np.int64), []
    for unit, factor in _UNITS.items():
        inside = (values >= 631_152_000 * factor) & (values < 4_102_444_800 * factor)
        if inside.any():
            ticks[inside] = np.round(values[inside] / factor * 1e6).astype("int64")
            used.append(unit)
    if len(used) < 2 or (ticks < 0).any():
        return None
    steps = np.diff(ticks)
    if not named and not ((steps >= 0).all() or (steps <= 0).all()):
        return None
    return ticks.astype("datetime64[us]"), f"{' in some rows, '.join(used)} in others, since 1970"


def _decimal_years(column: Column, steps: np.ndarray) -> tuple[np.ndarray, str] | None:
    """Read 1958.042, 1958.125 as January and February of 1958, or as days of the year."""
    values = column.numbers
    size = np.abs(steps)
    one_way = bool((steps > 0).all() or (steps < 0).all())
    named = _DECIMAL.search(column.name) is not None or column.position == 0
    if not (one_way and named and values.min() >= 1500 and values.max() < 2200):
        return None
    if not (values % 1).any() or size.max() > 1.1 or size.max() > 1.5 * np.median(size):
        return None
    usual = float(np.median(size))
    for count, what in ((1, "Y"), (12, "M")):
        if abs(usual * count - 1) < 0.04:
            first = np.floor(count * values[0] + 0.05)
            places = np.round(count * values - count * values[0]) + first - 1970 * count
            if (np.abs(np.diff(places)) == 1).all():
                whole = places.astype("int64").astype(f"datetime64[{what}]")
                return whole.astype("datetime64[us]"), "decimal years"
    years = np.floor(values).astype("int64")
    start = (years - 1970).astype("datetime64[Y]").astype("datetime64[us]")
    end = (years - 1969).astype("datetime64[Y]").astype("datetime64[us]")
    inside = (values % 1) * (end - start).astype("int64")
    return start + np.round(inside).astype("int64").astype("timedelta64[us]"), "decimal years"


def years_of_many(table: Table, column: Column) -> tuple[np.ndarray, str] | None:
    """Read years that come again for each of several series, as in country, year, value."""
    named = rf"\W*({YEAR}|time([ _]?period)?|date)\W*"
    if not re.fullmatch(named, column.name, re.IGNORECASE):
        return None
    years = column.numbers
    if (
        not np.isfinite(years).all()
        or (years % 1).any()
        or years.min() < 1500
        or years.max() > 2500
    ):
        return None
    keys = [
        other.cells
        for other in table.columns
        if other is not column and other.kind in ("text", "numbers")
    ]
    keys = [cells for cells in keys if len(set(cells)) <= table.rows / 2]
    texts = [
        other.cells
        for other in table.columns
        if other.kind == "text" and len(set(other.cells)) <= table.rows / 4
    ]
    for names in [(cells,) for cells in keys] + list(itertools.combinations(texts[:6], 2)):
        if len(set(zip(*names, years.tolist(), strict=True))) == table.rows:
            times = (years.astype("int64") - 1970).astype("datetime64[Y]")
            return times.astype("datetime64[us]"), "years"
    return None


def _digits(
    values: np.ndarray, low: float, high: float, likely: bool
) -> tuple[np.ndarray, str] | None:
    """Read 20200617, 2020061716, 202006171600, 20200617160000, 2020169 and 202006."""
    if likely and low >= 1_800_001 and high <= 2_100_366 and low < high:
        days = values % 1000
        if days.min() >= 1 and days.max() <= 366:
            years = (values // 1000).astype("int64") - 1970
            first = years.astype("datetime64[Y]").astype("datetime64[D]")
            return (first + (days - 1).astype("int64")).astype("datetime64[us]"), "yyyyddd"
    if likely and low >= 18_001 and high <= 21_004 and low < high:
        quarters = values % 10
        steps = np.abs(np.diff(values))
        if set(np.unique(quarters)) == {1, 2, 3, 4} and set(np.unique(steps)) <= {0, 1, 7}:
            months = 12 * (values // 10 - 1970) + 3 * (quarters - 1)
            times = months.astype("int64").astype("datetime64[M]")
            return times.astype("datetime64[us]"), "yyyyq"
    for digits in (8, 10, 12, 14):
        scale = 10 ** (digits - 8)
        if 18_000_101 * scale <= low and high <= 21_001_231 * scale + scale:
            dates = read_dates([f"{int(value)}" for value in values])
            if isinstance(dates, Dates) and (likely or digits == 8):
                return dates.times, "yyyymmddHHMMSS"[:digits]
    if likely and low >= 180_001 and high <= 210_012 and low < high:
        dates = read_dates([f"{int(value) // 100}-{int(value) % 100:02d}" for value in values])
        if isinstance(dates, Dates):
            return dates.times, "yyyymm"
    return None
