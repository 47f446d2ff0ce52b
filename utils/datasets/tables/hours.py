"""The time of day in a column of its own, however a program writes it.

18:00, 18.00.00, 6:30 PM, 18h00, HE18, "17 - 18", 1800, 18.5, or the number of the half hour.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from utils.datasets.tables.columns import Column

_TIME_OF_DAY = re.compile(
    r"(?:kl\.?|klo|um)?\s*(\d{1,2})(?:[:.](\d{2})|\s?[hH]\s?(\d{2})?)(?:[:.](\d{2}(?:[.,]\d+)?))?"
    r"\s*(?:([AaPp])\.?[Mm]\.?)?(?:\s?(?:h|Uhr|Z|UTC))?"
)
_SHORT = re.compile(r"(\d{1,2})\s*([AaPp])\.?[Mm]\.?")
_ENDING = re.compile(r"(?:HE|H|Hour|h)[ _]?(\d{1,2})")
_FROM_TO = re.compile(r"(\d{1,2})(?:[:.h](\d{2}))?\s*(?:-|–|to)\s*(\d{1,2})(?:[:.h](\d{2}))?")
# A word in the name of a column of times of day.
TIME_NAMED = re.compile(
    r"time|hour|clock|zeit|uhr|heure|hora|tijd|stunde|godz|hhmm|(?<![a-z])(hr|hrs|he|hh|ora|ore|klo|kl|"
    r"std|uur|saat|tid|timme|tim|hod)(?![a-z])|时间|時刻|시간|время|час|小时",
    re.IGNORECASE,
)
_WHOLE = re.compile(  # nothing but such a word
    r"\W*(time([ _]of[ _]day)?|hours?|hr|hrs|h|hh|clock|uhr(zeit)?|zeit|heures?|horas?|tijd|"
    r"stunden?|std|godz(ina)?|ora|ore|klo|kl|uur|saat|tid|timme|tim|hod|hhmm(ss)?|"
    r"hour[ _]?of[ _]?day|hour[ _]?ending|he|时间|時刻|시간|время|час|小时)"
    r"(\W*(\(?(h|hh:?mm|utc|cet|gmt|est|lst|local)\)?))?\W*",
    re.IGNORECASE,
)
_MINUTES = re.compile(
    r"\W*(min|mins|minutes?|minuten?|minutos?)([ _]of[ _](the[ _])?day)?\W*", re.I
)
_SECONDS = re.compile(r"\W*(sec|secs|seconds?|sekunden?)([ _]of[ _](the[ _])?day)?\W*", re.I)
_PERIOD = re.compile(
    r"\W*((settlement|trading|half[ _]?hour\w*)?[ _]?(period|slot|sp|tp))\W*", re.IGNORECASE
)


def times_of_day(cells: Sequence[str]) -> np.ndarray | None:
    """Return the seconds after midnight, float64 (rows,); None for anything but times of day."""
    seconds = []
    for cell in cells:
        found = _one(cell.strip())
        if found is None:
            return None
        seconds.append(found)
    return np.array(seconds) if len(seconds) and max(seconds) <= 86_400 else None


def _one(cell: str) -> float | None:
    """Return the seconds after midnight of a cell."""
    found = _TIME_OF_DAY.fullmatch(cell)
    if found is not None:
        hour, minute = int(found[1]), int(found[2] or found[3] or 0)
        second, half = float((found[4] or "0").replace(",", ".")), found[5]
    elif short := _SHORT.fullmatch(cell):
        hour, minute, second, half = int(short[1]), 0, 0.0, short[2]
    else:
        return None
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (half.lower() == "p")
    return None if hour > 24 or minute > 59 else 3600 * hour + 60 * minute + second


def seconds_of(column: Column, *, repeated: bool) -> tuple[np.ndarray, str] | None:
    """Return the time of day that a column says, and what had to be assumed.

    Args:
        column: any; its name has to say that it holds times.
        repeated: whether days come more than once, so that a time of day is due.
    """
    if repeated and column.kind == "numbers":
        for pattern, length, least in ((_MINUTES, 60, 59), (_SECONDS, 1, 3600)):
            values = column.numbers
            day = values.min() >= 0 and least < values.max() <= 86_400 / length
            if pattern.fullmatch(column.name) and day:
                return length * values, f"{'minutes' if length > 1 else 'seconds'} of the day"
    named = TIME_NAMED.search(column.name) is not None
    if not named and not (repeated and _PERIOD.fullmatch(column.name)):
        return None
    written = all(re.fullmatch(r"\d{1,2}\.\d{2}", cell.strip()) for cell in column.cells)
    if column.kind != "numbers" or (written and _WHOLE.fullmatch(column.name)):
        minutes = {cell.strip()[-2:] for cell in column.cells}
        decimals = written and not minutes <= {f"{minute:02d}" for minute in range(60)}
        halves = written and "50" in minutes and minutes <= {"00", "50"}  # 7.00, 7.50: decimals
        seconds = None if decimals or halves else times_of_day(column.cells)
        if seconds is not None:
            return seconds, "hours and minutes" if written else ""
    if not repeated:
        return None
    if column.kind in ("text", "refused"):
        return _of_words(column.cells)
    if column.kind != "numbers":
        return None
    values = column.numbers
    if not np.isfinite(values).all() or (values < 0).any():
        return None
    if _PERIOD.fullmatch(column.name):
        count = int(values.max())
        if (values % 1).any() or values.min() < 1 or count not in (24, 48, 96, 144, 288, 1440):
            return None
        return (values - 1) * 86_400 / count, f"{count} in a day, each at its beginning"
    if not _WHOLE.fullmatch(column.name):
        return None
    if values.max() <= 24:
        return 3600 * values, "hours"
    digits = _seconds_of_digits(values) if values.max() >= 100 else None
    return None if digits is None else (digits, "")


def _of_words(cells: Sequence[str]) -> tuple[np.ndarray, str] | None:
    """Read HE01 … HE24 and "00 - 01" as the beginning of each hour."""
    ends = [_ENDING.fullmatch(cell.strip()) for cell in cells]
    if all(ends):
        hours = np.array([float(match[1]) for match in ends if match])
        if hours.min() >= 1 and hours.max() <= 24:
            return 3600 * (hours - 1), "the hour that ends then, at its beginning"
        return (3600 * hours, "hours") if hours.max() <= 23 else None
    parts = [_FROM_TO.fullmatch(cell.strip()) for cell in cells]
    if not all(parts):
        return None
    starts = np.array([60 * int(m[1]) + int(m[2] or 0) for m in parts if m], float)
    stops = np.array([60 * int(m[3]) + int(m[4] or 0) for m in parts if m], float)
    lengths = (stops - starts) % 1440
    if starts.max() >= 1440 or stops.max() > 1440 or (lengths != lengths[0]).any():
        return None
    return 60 * starts, "of each interval its beginning is taken"


def _seconds_of_digits(values: np.ndarray) -> np.ndarray | None:
    """Return the seconds after midnight of 930 or 93000; None for anything else."""
    if (values % 1).any():
        return None
    seconds: np.ndarray = np.zeros(len(values))
    if values.max() > 2400:
        values, seconds = values // 100, values % 100
    hours, minutes = values // 100, values % 100
    if (hours > 24).any() or (minutes > 59).any() or (seconds > 59).any():
        return None
    return 3600 * hours + 60 * minutes + seconds


def says_time(name: str) -> bool:
    """Return whether a name says a part of the time: no name of series."""
    return _WHOLE.fullmatch(name) is not None or _PART.fullmatch(name) is not None


_PART = re.compile(
    r"\W*(.*[ _])?(min|mins|minutes?|mn|mm|sec|seconds?|ss|weeks?|woche|kw|semaine|semana|months?|"
    r"monat|mois|mes|mese|quarter|qtr|quartal|trimestre|trimestr|days?|dow|weekday|day[ _]?of[ _]?"
    r"(week|month|year)|doy|hour.*|time|uhrzeit|period|slot|zone|tz|time[ _]?zone|zeitzone|dst)\W*",
    re.IGNORECASE,
)
