"""Dates as people's programs write them: which style a whole column follows.

As with numbers, no cell is read by itself: a style fits a column or it does not. Whether 01/02/2020
is in January or in February is settled by the column (a 17 can be no month), then by the order of
the rows, and otherwise asked for.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

# Where this share of the cells are dates of one style, the others are slips.
NEARLY = 1 / 3
ORDERS = {"DMY": "day, month, year", "MDY": "month, day, year", "YMD": "year, month, day"}
# English, German, French, Spanish, Italian, Portuguese, Dutch
_MONTH_NAMES = (
    "jan january januar janvier janv enero ene gennaio gen jänner janeiro januari",
    "feb february februar février févr fév febrero febbraio fevereiro fev februari",
    "mar march märz mär mrz mars marzo março maart mrt",
    "apr april avril avr abril abr aprile",
    "may mai mayo maggio mag maio mei",
    "jun june juni juin junio giugno giu junho",
    "jul july juli juillet juil julio luglio lug julho",
    "aug august août aoû agosto ago augustus",
    "sep sept september septembre septiembre settembre set setembro",
    "oct october oktober okt octobre octubre ottobre ott outubro out",
    "nov november novembre noviembre novembro",
    "dec december dezember dez décembre déc diciembre dic dicembre dezembro",
)
# Russian and Polish, as they stand in dates
_GENITIVES = (
    "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada "
    "grudnia",
)
_MONTHS = {name: n for n, names in enumerate(_MONTH_NAMES, 1) for name in names.split()}
_MONTHS |= {name: n for names in _GENITIVES for n, name in enumerate(names.split(), 1)}
_ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925}
# Hours east of Greenwich, where one abbreviation means one thing.
_ZONES = {"Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "MEZ": 1, "MESZ": 2}
_ZONES |= {"EET": 2, "EEST": 3, "MSK": 3, "JST": 9, "EST": -5, "EDT": -4, "CDT": -5, "MST": -7}
_ZONES |= {"MDT": -6, "PST": -8, "PDT": -7, "CST": -6}

_SEP = r"[-/. ]"
_TIME = (
    r"(?:(?:[T ,_]\s*|\s+-\s+)(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2})"
    r"(?:[:.](?P<second>\d{2}(?:[.,]\d+)?))?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*"
    rf"\(?(?P<zone>{'|'.join(sorted(_ZONES, key=len, reverse=True))}|[-+]\d{{2}}(?::?\d{{2}})?)?\)?"
    r"(?:\[[\w/+-]+\])?)?"
)
_NAME = r"(?P<name>[^\W\d_]{3,12})\.?"
_DAYNAME = r"(?:[^\W\d_]{2,10}\.?,?\s+)?"
_YEAR = r"(?P<y>\d{4}|'?\d{2})"
_STYLES: dict[str, re.Pattern[str]] = {
    "year first": re.compile(
        rf"{_DAYNAME}(?P<y>\d{{4}})({_SEP})(?P<m>\d{{1,2}})\2(?P<d>\d{{1,2}}){_TIME}"
    ),
    # 2020.06 is a month, 1011.0 a pressure
    "year and month": re.compile(r"(?P<y>\d{4})(?:[-/Mm]|\.(?=0[1-9]$|1[0-2]$))(?P<m>\d{1,2})"),
    "month and year": re.compile(r"(?P<m>\d{1,2})[-/.](?P<y>\d{4})"),
    "day and month": re.compile(
        rf"{_DAYNAME}(?P<a>\d{{1,2}})({_SEP})(?P<b>\d{{1,2}})\2(?P<y>\d{{4}}|\d{{2}}){_TIME}"
    ),
    "day, month's name, year": re.compile(
        rf"{_DAYNAME}(?P<d>\d{{1,2}})(?:st|nd|rd|th|er|º)?\.?[-/. ]?\s*(?:of |de )?{_NAME}"
        rf"[-/., ]\s*(?:de )?{_YEAR}{_TIME}"
    ),
    "month's name, day, year": re.compile(
        rf"{_DAYNAME}{_NAME}[-/. ]\s*(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?[-/. ]\s*{_YEAR}{_TIME}"
    ),
    "year, month's name, day": re.compile(
        rf"(?P<y>\d{{4}})[-/. ]{_NAME}[-/. ](?P<d>\d{{1,2}}){_TIME}"
    ),
    "month's name and year": re.compile(rf"{_NAME}[-/., ]?\s*{_YEAR}"),
    "year and month's name": re.compile(rf"(?P<y>\d{{4}})[-/., ]\s*{_NAME}"),
    "quarter": re.compile(
        r"(?P<y>\d{4})\s*[-/: ]?\s*[QqTt](?P<q>[1-4])"
        r"|[QqTt](?P<q2>[1-4])\s*[-/: ']?\s*(?P<y2>\d{4})"
    ),
    "week": re.compile(r"(?P<y>\d{4})\s?-?\s?[WwKk][Ww]?\s?(?P<w>\d{1,2})(?:-?(?P<wd>[1-7]))?"),
    "yyyymmdd": re.compile(
        r"(?P<y>(?:18|19|20)\d{2})(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])"
        r"(?:[T _:]?(?P<hour>[01]\d|2[0-3]):?(?P<minute>[0-5]\d)?:?(?P<second>[0-5]\d)?"
        r"(?P<zone>Z)?)?"
    ),
}
# Unix's date: Wed Jun 17 16:00:00 UTC 2020
_UNIX = re.compile(
    r"([^\W\d_]{3} )?([^\W\d_]{3}) +(\d{1,2}) (\d\d:\d\d:\d\d) (?:([A-Z]{3,4}) )?(\d{4})"
)
_INTERVAL = re.compile(
    r"(.{8,}?)\s+(?:-|–|to|/)\s+(.{5,})|(.{8,}?)/(\d{4}-.{5,})|(?:du|von|vom|from|del?) (.{8,}?)"
    r" (?:au|bis|to|al?) (.{8,})",
    re.IGNORECASE,
)
_BUDDHIST = re.compile(r"(?<=[-/. ])2[45]\d\d$|(?<=[-/. ])2[45]\d\d(?= )|^2[45]\d\d(?=[-/])")
_HOURS = re.compile(r"\d{1,2}[:.]\d{2}([:.]\d{2})?")

Fields = Callable[[re.Match[str]], tuple[int, int, int]]


@dataclasses.dataclass(frozen=True)
class Dates:
    """A column read as dates.

    Attributes:
        times: datetime64[us] (rows,), in UTC where the cells name a zone.
        style: how they were written, in words; "" for ISO 8601.
        zoned: whether the cells name a zone.
        assumed: what had to be decided beside the cells themselves; "" if nothing.
        local: the times by the clocks of the cells' own zones.
    """

    times: np.ndarray
    style: str = ""
    zoned: bool = False
    assumed: str = ""
    local: np.ndarray = dataclasses.field(default_factory=lambda: np.empty(0, "datetime64[us]"))


@dataclasses.dataclass(frozen=True)
class BadDates:
    """A column that is nearly one of dates, or that can be read in two ways.

    Attributes:
        row: of the first cell that does not fit, counted from 0.
        cell: what stands there.
        count: how many cells do not fit.
        why: "no date", "two readings" or "a date with a zone in some rows only".
    """

    row: int
    cell: str
    count: int
    why: str


def read_dates(cells: Sequence[str], order: str = "") -> Dates | BadDates | None:
    """Read a column of cells as dates; None if they are something else.

    Args:
        cells: as they stand in the file.
        order: "DMY", "MDY" or "YMD", or a format of strptime, where the reader named one.
    """
    texts = [_plain(cell) for cell in cells]
    if not texts or not any(texts):
        return None
    if _BUDDHIST.search(texts[0]) and all(_BUDDHIST.search(text) for text in texts):
        texts = [_BUDDHIST.sub(lambda found: str(int(found[0]) - 543), text) for text in texts]
        read = read_dates(texts, order)
        said = "the years are those of the Buddhist era, 543 more than of the common one"
        if isinstance(read, Dates):
            said = "; ".join(filter(None, (said, read.assumed)))
            return dataclasses.replace(read, assumed=said)
        return read
    if "%" in order:
        return _by_format(texts, order)
    sample = texts[:: max(1, len(texts) // 200)]
    if not any(re.search(r"\d", text) for text in sample):
        return None
    if all(_INTERVAL.fullmatch(text) for text in sample if text) and (
        read := _intervals(texts, order)
    ):
        return read
    best, style = 0, ""
    for name, pattern in _STYLES.items():
        fits = sum(pattern.fullmatch(text) is not None for text in sample)
        if fits > best:
            best, style = fits, name
    if best <= NEARLY * len(sample):
        return None
    matches = [_STYLES[style].fullmatch(text) for text in texts]
    if style == "day and month":
        return _day_and_month(texts, matches, order)
    if "name" in style:
        named = [_month(match["name"]) for match in matches if match]
        if not any(named):
            return None
        two_digits = all(len(match["y"]) < 4 for match in matches if match)
        if style == "month's name and year" and two_digits and len(set(named)) == 1:
            return BadDates(0, texts[0], len(texts), "two readings")  # Jun-20: 2020, or the 20th?
    read = _assemble(texts, matches, style, lambda match: _fields(match, style))
    short = all(
        len(groups.get("y") or "0000") < 4
        for match in matches
        if match and (groups := match.groupdict())
    )
    return _in_one_century(read) if short and isinstance(read, Dates) else read


def _in_one_century(dates: Dates) -> Dates:
    """Put years of two digits where the rows follow each other: 68, 69 are 1968 and 1969."""
    years = dates.times.astype("datetime64[Y]").astype(int) + 1970
    for first in (years[0], years[-1]):
        earlier = (years >= first) & (years >= 2000)
        months = dates.times.astype("datetime64[M]")
        moved = np.where(earlier, months - np.timedelta64(1200, "M"), months)
        steps, now = np.diff(moved).astype(int), np.diff(months).astype(int)
        one_way = (steps >= 0).all() or (steps <= 0).all()
        if one_way and not ((now >= 0).all() or (now <= 0).all()):
            times = moved.astype("datetime64[us]") + (dates.times - months.astype("datetime64[us]"))
            said = "the years of two digits begin in the 20th century: only so the rows follow"
            return dataclasses.replace(dates, times=times, local=times, assumed=said)
    return dates


def month_number(name: str) -> int:
    """Return 1 to 12 for the name of a month, 0 for anything else."""
    return _month(name.strip())


def _plain(cell: str) -> str:
    """Return a cell with single spaces, and Chinese and Korean dates with hyphens."""
    text = " ".join(cell.strip().strip("'").split())
    text = re.sub(r"\s?[(（][月火水木金土日][)）]| г\.?$|(?<=\d{4})r\.$", "", text)
    if era := re.match(r"(令和|平成|昭和)\s?(\d{1,2}|元)年", text):
        year = _ERAS[era[1]] + (1 if era[2] == "元" else int(era[2]))
        text = f"{year}年{text[era.end() :]}"
    if re.match(r"\d{4}\s?[年년]", text):
        text = re.sub(r"\s?[年月년월]\s?", "-", text)
        text = re.sub(r"\s?[日일]", "", text).rstrip("-")
    elif re.match(r"\d{4}\. \d{1,2}\. \d{1,2}\.?", text):
        text = re.sub(r"\. ", ".", text, count=2).rstrip(".")
    elif found := _UNIX.fullmatch(text):
        text = f"{found[2]} {found[3]} {found[6]} {found[4]} {found[5] or ''}".strip()
    return text


def _intervals(texts: Sequence[str], order: str) -> Dates | BadDates | None:
    """Read "01.01.2020 00:00 - 01.01.2020 01:00" as the beginning of each interval.

    Where day and month could change places, they stand so that the intervals are equally long.
    """
    parts = [match for text in texts if (match := _INTERVAL.fullmatch(text))]
    if len(parts) < len(texts):
        return None
    first = [next(text for text in match.groups()[0::2] if text) for match in parts]
    last = [next(text for text in match.groups()[1::2] if text) for match in parts]
    starts = read_dates(first, order)
    if starts is None or (read_dates(last[:1]) is None and not _HOURS.fullmatch(last[0])):
        return None
    assumed = "of each interval its beginning is taken"
    if isinstance(starts, BadDates) and starts.why == "two readings":
        for each in ("DMY", "MDY"):
            begin, end = read_dates(first, each), read_dates(last, each)
            if isinstance(begin, Dates) and isinstance(end, Dates) and not order:
                lengths = (end.times - begin.times).astype("int64")
                if (lengths == lengths[0]).all() and lengths[0] > 0 and len(texts) > 1:
                    starts, order = begin, each
                    assumed += f"; {ORDERS[each]}: only so all intervals are equally long"
                    break
    if isinstance(starts, BadDates):
        return dataclasses.replace(starts, cell=texts[starts.row])
    return dataclasses.replace(starts, assumed="; ".join(filter(None, (assumed, starts.assumed))))


def _fields(match: re.Match[str], style: str) -> tuple[int, int, int]:
    """Return year, month, day of a match."""
    groups = match.groupdict()
    if style == "quarter":
        year = int(groups["y"] or groups["y2"])
        return year, 3 * int(groups["q"] or groups["q2"]) - 2, 1
    if style == "week":
        parts = int(groups["y"]), int(groups["w"]), int(groups["wd"] or 1)
        day = pd.Timestamp.fromisocalendar(*parts)
        return day.year, day.month, day.day
    month = _month(groups["name"]) if "name" in groups else int(groups["m"])
    return _year(groups["y"]), month, int(groups.get("d") or 1)


def _month(name: str) -> int:
    return _MONTHS.get(name.lower().rstrip("."), 0)


def _year(text: str) -> int:
    year = int(text.lstrip("'"))
    return year if len(text) == 4 else year + (2000 if year < 69 else 1900)  # as POSIX reads them


def _assemble(
    texts: Sequence[str],
    matches: Sequence[re.Match[str] | None],
    style: str,
    fields: Fields,
    assumed: str = "",
) -> Dates | BadDates:
    """Build the times from the matches; name the first cell that is no date."""
    local = np.full(len(texts), np.datetime64("NaT", "us"))
    offsets = np.zeros(len(texts), "timedelta64[us]")
    zoned = np.zeros(len(texts), bool)
    for i, match in enumerate(matches):
        if match is None:
            continue
        try:
            year, month, day = fields(match)
            date = np.datetime64(f"{year:04d}-{month:02d}-{day:02d}", "us")
            microseconds, offset = _clock(match)
        except ValueError:
            continue
        local[i] = date + np.timedelta64(microseconds, "us")
        if offset is not None:
            zoned[i], offsets[i] = True, np.timedelta64(offset, "s")
    bad = np.flatnonzero(np.isnat(local))
    if len(bad):
        return BadDates(int(bad[0]), texts[bad[0]], len(bad), "no date")
    if zoned.any() and not zoned.all():
        odd = zoned != zoned[0]
        row = int(odd.argmax())
        return BadDates(row, texts[row], int(odd.sum()), "a date with a zone in some rows only")
    iso = style in ("year first", "year and month") and re.match(r"\d{4}-", texts[0])
    return Dates(local - offsets, "" if iso else style, bool(zoned.any()), assumed, local)


def _clock(match: re.Match[str]) -> tuple[int, int | None]:
    """Return the microseconds of the day, and the zone's offset in seconds where there is one."""
    groups = match.groupdict()
    if not groups.get("hour"):
        return 0, None
    hour, minute = int(groups["hour"]), int(groups["minute"] or 0)
    second = float((groups["second"] or "0").replace(",", "."))
    half = (groups.get("half") or "").lower().replace(".", "")
    if half:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + (12 if half == "pm" else 0)
    if (hour, minute, second) != (24, 0, 0) and not (hour < 24 and minute < 60 and second < 61):
        raise ValueError
    zone = groups.get("zone") or ""
    offset = None
    if zone[:1] in ("+", "-"):
        digits = zone[1:].replace(":", "").ljust(4, "0")
        offset = (1 if zone[0] == "+" else -1) * (3600 * int(digits[:2]) + 60 * int(digits[2:]))
    elif zone:
        offset = 3600 * _ZONES[zone]
    return round(1e6 * (3600 * hour + 60 * minute + second)), offset


def _day_and_month(
    texts: Sequence[str], matches: Sequence[re.Match[str] | None], order: str
) -> Dates | BadDates:
    """Read 01/02/2020 and the like: settle the order by the column, then by the rows' order."""
    orders: dict[str, Fields] = {
        "DMY": lambda match: (_year(match["y"]), int(match["b"]), int(match["a"])),
        "MDY": lambda match: (_year(match["y"]), int(match["a"]), int(match["b"])),
    }
    if all(match is None or len(match["y"]) == 2 for match in matches):
        orders["YMD"] = lambda match: (
            _year(f"{int(match['a']):02d}"),
            int(match["b"]),
            int(match["y"]),
        )
    if order:
        if order not in orders:
            return BadDates(0, texts[0], len(texts), "no date")
        return _assemble(texts, matches, ORDERS[order], orders[order])
    read = {name: _assemble(texts, matches, ORDERS[name], of) for name, of in orders.items()}
    good = {name: dates for name, dates in read.items() if isinstance(dates, Dates)}
    if not good:
        bad = [bad for bad in read.values() if isinstance(bad, BadDates)]
        return min(bad, key=lambda one: (one.count, -one.row))
    # A style with a two-digit year first is rare: it has to be proven.
    usual = {name: dates for name, dates in good.items() if name != "YMD"} or good
    if len(good) == 1:
        return next(iter(good.values()))
    if len(usual) == 1 and all("." in text for text in texts):
        return next(iter(usual.values()))
    if all("." in text for text in texts) and "DMY" in good:
        said = "with points between them, the day is taken to stand first"
        return dataclasses.replace(good["DMY"], assumed=said)
    steady = {name: _steadiness(dates.times) for name, dates in good.items()}
    for wanted in (2, 1):
        best = [name for name in good if steady[name] >= wanted]
        if len(best) == 1:
            said = f"{ORDERS[best[0]]}: only so the rows follow each other in time"
            if wanted == 2:
                said = f"{ORDERS[best[0]]}: only so the rows follow each other in even steps"
            return dataclasses.replace(good[best[0]], assumed=said)
        if best:
            break
    return BadDates(0, texts[0], len(texts), "two readings")


def _steadiness(times: np.ndarray) -> int:
    """Return 2 for times in even steps of time or of months, 1 if they run one way, else 0.

    Dates that follow on themselves, as with an hour in another column, count once.
    """
    times = times[np.append(True, np.diff(times).astype("int64") != 0)]
    steps = np.diff(times).astype("int64")
    if not len(steps) or not ((steps > 0).all() or (steps < 0).all()):
        return 0
    if (steps == steps[0]).all():
        return 2
    days, months = times.astype("datetime64[D]"), times.astype("datetime64[M]")
    apart = np.diff(months.astype(int))
    if (apart == apart[0]).all() and len(np.unique(days - months.astype("datetime64[D]"))) == 1:
        return 2
    weekdays = np.is_busday(days).all() and np.busday_count(days[:-1], days[1:])
    return 2 if len(times) > 5 and np.all(np.abs(weekdays) == 1) else 1


def _by_format(texts: Sequence[str], form: str) -> Dates | BadDates | None:
    """Read every cell by a format of strptime."""
    zoned = "%z" in form
    times = pd.to_datetime(pd.Series(texts), format=form, errors="coerce", utc=zoned)
    bad = times.isna().to_numpy()
    if bad.mean() > 0.5:
        return None
    if bad.any():
        row = int(bad.argmax())
        return BadDates(row, texts[row], int(bad.sum()), "no date")
    plain = (times.dt.tz_localize(None) if zoned else times).to_numpy(dtype="datetime64[us]")
    return Dates(plain, f"as {form}", zoned, local=plain)
