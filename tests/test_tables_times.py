"""Times and headers as other countries' programs write them: read rightly, or refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.tables import OPEN, ROWS, write
from utils.datasets import read_csv

HOURS = pd.date_range("2020-01-02", periods=ROWS, freq="h")
QUARTERS = pd.date_range("2020-03-01", periods=ROWS, freq="15min")
MONDAYS = pd.date_range("2020-03-02", periods=ROWS, freq="7D")
WEEKS = pd.date_range("2020-01-01", periods=ROWS, freq="7D")


def listed(head: str, cells: list[str], *more: str, sep: str = ",", above: str = "") -> str:
    """Return a table: what says the time in each row, then a price."""
    rows = [f"{cell}{sep}{value:.2f}" for cell, value in zip(cells, OPEN, strict=True)]
    return above + "\n".join([head.replace(",", sep) + f"{sep}Price", *rows, *more, ""])


def refusal(path, **choices) -> str:
    """Return the sentence with which a file is refused, without its path."""
    with pytest.raises(ValueError, match=r"\.$") as error:
        read_csv(path, **choices)
    return str(error.value).replace(str(path), "FILE")


def spans(times: pd.DatetimeIndex, form: str, step: str) -> list[str]:
    """Return intervals in a format; an = in it stands before the end."""
    start, end = form.split("=")
    ends = times + pd.Timedelta(step)
    return [f"{a}{b}" for a, b in zip(times.strftime(start), ends.strftime(end), strict=True)]


def hourly(head: str, hours: list[str]) -> str:
    """Return a table with the day and the time of day in columns of their own."""
    days = HOURS.strftime("%Y-%m-%d")
    return listed(f"Date,{head}", [f"{day},{hour}" for day, hour in zip(days, hours, strict=True)])


WHOLE = HOURS.hour
HALVES = pd.date_range("2020-01-02", periods=ROWS, freq="30min")
OF_DAY = {
    "Time": [f"{hour}" for hour in WHOLE],
    "TIME": [f"{hour:02d}" for hour in WHOLE],
    "Uhrzeit": [f"{hour}" for hour in WHOLE],
    "Godzina": [f"{hour}:00" for hour in WHOLE],
    "Ora": [f"{hour}.0" for hour in WHOLE],
    "Heure": [f"{hour:02d}h00" for hour in WHOLE],
    "Stunde": [f"{hour} Uhr" for hour in WHOLE],
    "HE": [f"HE{hour + 1:02d}" for hour in WHOLE],
    "Hour": [f"{hour:02d} - {hour + 1:02d}" for hour in WHOLE],
    "hour": [f"{100 * hour}" for hour in WHOLE],
    "Time (UTC)": [f"{hour:02d}.00.00" for hour in WHOLE],
    "Klo": [f"{hour:02d}.00" for hour in WHOLE],
    "Minute": [f"{60 * hour}" for hour in WHOLE],
    "Seconds": [f"{3600 * hour}" for hour in WHOLE],
    "Settlement Period": [f"{hour + 1}" for hour in WHOLE],
}
RUSSIAN = ["января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа"]
RUSSIAN += ["сентября", "октября", "ноября", "декабря"]
READ = {f"{name} {hours[1]}": (hourly(name, hours), HOURS) for name, hours in OF_DAY.items()} | {
    "hours with minutes": (
        listed(
            "Date,Time",
            [f"{time:%d/%m/%Y},{time.hour:02d}.{time.minute:02d}" for time in HALVES],
            above="",
        )
        .replace("02/01/2020", "14/01/2020")
        .replace("03/01/2020", "15/01/2020"),
        HALVES + pd.Timedelta("12D"),
    ),
    "six columns": (
        listed("YYYY,MM,DD,HH,MN", HALVES.strftime("%Y,%m,%d,%H,%M").tolist()),
        HALVES,
    ),
    "once a day": (
        listed(
            "Date,Time",
            [
                f"{day:%Y-%m-%d},{7 + i % 3}.{i % 60:02d}"
                for i, day in enumerate(pd.date_range("2020-01-01", periods=ROWS))
            ],
        ),
        pd.DatetimeIndex(
            [
                day + pd.Timedelta(7 * 60 + 60 * (i % 3) + i % 60, "min")
                for i, day in enumerate(pd.date_range("2020-01-01", periods=ROWS))
            ]
        ),
    ),
    "intervals": (
        listed("MTU (UTC)", spans(QUARTERS, "%d/%m/%Y %H:%M - =%d/%m/%Y %H:%M", "15min")),
        QUARTERS,
    ),
    "intervals of weeks": (
        listed("Week", spans(WEEKS, "%m/%d/%Y - =%m/%d/%Y", "6D")),
        WEEKS,
    ),
    "an interval's end without its date": (
        listed("MTU", spans(QUARTERS, "%d.%m.%Y %H:%M - =%H:%M", "15min")),
        QUARTERS,
    ),
    "an interval in words": (
        listed("Semaine", spans(WEEKS, "du %d/%m/%Y au =%d/%m/%Y", "6D")),
        WEEKS,
    ),
    "zones in brackets": (
        listed("MTU", spans(HOURS, "%d/%m/%Y %H:%M:%S (CET) - =%d/%m/%Y %H:%M:%S (CET)", "1h")),
        HOURS - pd.Timedelta("1h"),
    ),
    "a colon before the hour": (listed("time", HOURS.strftime("%Y%m%d:%H%M").tolist()), HOURS),
    "seconds, then milliseconds": (
        listed(
            "unix",
            [f"{int(t.timestamp()) * (1000 if i > 30 else 1)}" for i, t in enumerate(HOURS)],
        ),
        HOURS,
    ),
    "decimal years by months": (
        listed("decimal date", [f"{1958 + (i + 0.5) / 12:.3f}" for i in range(ROWS)]),
        pd.date_range("1958-01-01", periods=ROWS, freq="MS"),
    ),
    "the middles of years": (
        listed("year", [f"{1700.5 + i}" for i in range(ROWS)]),
        pd.date_range("1700-01-01", periods=ROWS, freq="YS", unit="us"),
    ),
    "years of Eurostat": (
        listed("TIME_PERIOD", [f"{1900 + i}" for i in range(ROWS)]),
        pd.date_range("1900-01-01", periods=ROWS, freq="YS"),
    ),
    "weeks of ISO 8601": (
        listed("Meldejahr,Meldewoche", MONDAYS.strftime("%G,%V").tolist()),
        MONDAYS,
    ),
    "weeks of the MMWR": (
        listed("MMWR Year,MMWR Week", MONDAYS.strftime("%G,%V").tolist()),
        MONDAYS - pd.Timedelta("1D"),
    ),
    "months with an M": (
        listed("Year,Period", [f"{2000 + i // 12},M{i % 12 + 1:02d}" for i in range(ROWS)]),
        pd.date_range("2000-01-01", periods=ROWS, freq="MS"),
    ),
    "quarters with a Q": (
        listed("Year,Quarter", [f"{2000 + i // 4},Q{i % 4 + 1}" for i in range(ROWS)]),
        pd.date_range("2000-01-01", periods=ROWS, freq="QS"),
    ),
    "Julian dates": (
        listed("JD", [f"{d:.8f}" for d in HOURS.to_julian_date()]),
        HOURS,
    ),
    "years of the Buddhist era": (
        listed("date", [f"{d.day:02d}/{d.month:02d}/{d.year + 543}" for d in WEEKS]),
        WEEKS,
    ),
    "years of two centuries": (
        listed(
            "Month", pd.date_range("1966-01-01", periods=ROWS, freq="MS").strftime("%b-%y").tolist()
        ),
        pd.date_range("1966-01-01", periods=ROWS, freq="MS"),
    ),
    "quarters as numbers": (
        listed("period", [f"{2000 + i // 4}{i % 4 + 1}" for i in range(ROWS)]),
        pd.date_range("2000-01-01", periods=ROWS, freq="QS"),
    ),
    "weeks as numbers": (listed("yearweek", MONDAYS.strftime("%G%V").tolist()), MONDAYS),
    "years of Reiwa": (
        listed("年月日", [f"令和{d.year - 2018}年{d.month}月{d.day}日" for d in WEEKS]),
        WEEKS,
    ),
    "days with their weekday": (
        listed(
            "日付", [f"{d.year}/{d.month}/{d.day}({'月火水木金土日'[d.weekday()]})" for d in WEEKS]
        ),
        WEEKS,
    ),
    "Russian": (
        listed("Дата", [f"{d.day} {RUSSIAN[d.month - 1]} {d.year} г." for d in WEEKS]),
        WEEKS,
    ),
    "footnotes with commas": (
        listed(
            "time", HOURS.strftime("%Y%m%d:%H%M").tolist(), "", "P: Power, W", "(c) Union, 2020"
        ),
        HOURS,
    ),
    "a line of units behind #": (
        listed("#YY,MM,DD,hh,mm", HALVES.strftime("%Y,%m,%d,%H,%M").tolist()).replace(
            "Price\n", "Price\n#yr,mo,dy,hr,mn,m/s\n"
        ),
        HALVES,
    ),
    "one term of a search": (
        listed("Week", WEEKS.strftime("%Y-%m-%d").tolist(), above="Category: All categories\n\n"),
        WEEKS,
    ),
}


@pytest.mark.parametrize("kind", READ)
def test_times_are_read(tmp_path, kind):
    content, times = READ[kind]
    series = read_csv(write(tmp_path, content))
    assert series.columns == ("Price",)
    np.testing.assert_array_equal(series.values[:, 0], OPEN)
    apart = np.abs(series.times.astype("datetime64[us]") - times.to_numpy())
    assert apart.max() <= np.timedelta64(1, "ms")


DAYS = pd.date_range("2020-01-01", periods=ROWS).strftime("%Y-%m-%d").tolist()
WIDE = "Name,{}\n" + "".join(
    f"{name},{i}.5,{i * i},{i * 7 % 11}\n" for i, name in enumerate("abcdefghij" * 3)
)


def wide_of_many(name: str, count: int, first: str) -> str:
    """Return a table with many columns whose names count."""
    rows = [
        f"{day}," + ",".join(str((i * 7 + j * j) % 23) for j in range(count))
        for i, day in enumerate(DAYS)
    ]
    if first != "Date":
        rows = [f"s{row}" for row in rows]
    return "\n".join([f"{first}," + ",".join(name.format(i + 1) for i in range(count)), *rows, ""])


REFUSED = {
    "an hour 25": (
        hourly("Hour", [f"{25 if i == 30 else hour + 1}" for i, hour in enumerate(WHOLE)]),
        "an hour 25 is that in which the clock goes back",
    ),
    "hours that cannot be read": (
        hourly("Hour", [f"h{hour}m" for hour in WHOLE]),
        "'Hour' seems to say the rest of the time ('h0m')",
    ),
    "no AM and PM": (
        listed("Date", HOURS.strftime("%Y-%m-%d %I:00").tolist()),
        "AM and PM are missing",
    ),
    "years": (WIDE.format("1990 [YR1990],1991 [YR1991],1992 [YR1992]"), "3 columns are years"),
    "years of R": (WIDE.format("X1990,X1991,X1992"), "3 columns are years"),
    "months": (WIDE.format("2015M01,2015M02,2015M03"), "3 columns are dates"),
    "months of years": (WIDE.format("Jan-10,Jan-11,Jan-12"), "3 columns are dates"),
    "quarters": (WIDE.format("2015-Q1,2015-Q2,2015-Q3"), "3 columns are dates"),
    "days": (WIDE.format("1/22/20,1/23/20,1/24/20"), "3 columns are dates"),
    "weeks": (wide_of_many("W{}", 20, "Store"), "20 columns are weeks"),
    "hours": (wide_of_many("H{:02d}", 24, "Date"), "24 columns are hours ('H01', …), and each row"),
    "a zone's name": (
        listed("time", HOURS.strftime("%Y-%m-%d %H:%M:%S Europe/Berlin").tolist()),
        "'2020-01-02 00:00:00 Europe/Berlin' is no date that can be read",
    ),
    "series that take turns": (
        "time,metric,value\n"
        + "".join(
            f"{t},{'temp' if i % 2 else 'hum'},{i % 7 + 50 * (i % 2)}\n"
            for i, t in enumerate(HOURS)
        ),
        "'metric' of FILE names 2 series that take turns",
    ),
    "two keys and a year": (
        "Year,Country,Sex,deaths\n"
        + "".join(
            f"{2000 + i // 4},{'FR' if i % 4 < 2 else 'DE'},{'MF'[i % 2]},{i * i % 97}\n"
            for i in range(ROWS)
        ),
        "only 'Country' and 'Sex' together name them",
    ),
    "days without a year": (
        listed(
            "Tag",
            HOURS.strftime("%d.%m.").tolist()[:1]
            + [f"{i % 28 + 1:02d}.{2 + i // 28:02d}." for i in range(1, ROWS)],
        ),
        "Line 2, column 'Tag' of FILE: '02.01.' is no date that can be read",
    ),
    "a slip among pressures": (
        listed("Date", DAYS)
        .replace("Price", "Price,p")
        .replace("\n2", ",1011.0\n2")
        .replace("Price,p,1011.0", "Price,p")
        .replace("1011.0", "err", 1)
        .rstrip("\n")
        + ",1011.5\n",
        "'err' is not a number",
    ),
    "a week 54": (
        listed("Year,Week", [f"2020,{i + 1}" for i in range(ROWS)]),
        "Line 55, column 'Week' of FILE: 2020 has no week 54 by ISO 8601",
    ),
    "no header": (
        listed("Date", DAYS).split("\n", 1)[1],
        "put a line above it, such as date,column2.",
    ),
    "a dividend": (
        listed("Date", DAYS)
        .replace(f"{DAYS[5]},", f"{DAYS[6]},0.77 Dividend\n{DAYS[5]},", 1)
        .replace(f"{DAYS[5]},", f"{DAYS[6]},", 1),
        "'0.77 Dividend' is not a number",
    ),
    "words in the first rows": (
        listed("Date", DAYS).replace(f"-01-01,{OPEN[0]:.2f}", "-01-01,Bad"),
        "Line 2, column 'Price' of FILE: 'Bad' is not a number",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_is_refused(tmp_path, kind):
    content, sentence = REFUSED[kind]
    assert sentence in refusal(write(tmp_path, content))


@pytest.mark.parametrize(
    ("head", "cells"),
    [
        ("No.", [f"{ROWS - i}" for i in range(ROWS)]),
        ("Step", [f"Day {ROWS - i}" for i in range(ROWS)]),
        ("seconds", [f"{(ROWS - i) / 2}" for i in range(ROWS)]),
        ("time", [f"{4 - i // 60:02d}:{59 - i % 60:02d}" for i in range(ROWS)]),
    ],
)
def test_what_runs_down_is_newest_first(tmp_path, head, cells):
    series = read_csv(write(tmp_path, listed(head, cells)))
    np.testing.assert_array_equal(series.values[:, 0], OPEN[::-1])
    assert f"{head!r} runs down to {cells[-1]}" in series.notes[0]


def test_a_second_key_within_the_groups_is_refused(tmp_path):
    rows = [f"{'FR' if i < 30 else 'DE'},{'MF'[i % 2]},{i * i % 97}\n" for i in range(ROWS)]
    path = write(tmp_path, "Country,Sex,deaths\n" + "".join(rows))
    assert "'Sex' of FILE names series that take turns within each 'Country'" in refusal(
        path, group="Country"
    )


@pytest.mark.parametrize(
    ("encoding", "name"), [("cp1251", "Цена"), ("gbk", "收盘价格"), ("cp1252", "Température")]
)
def test_another_encoding_is_read_as_what_its_words_say(tmp_path, encoding, name):
    content = listed("Date", DAYS).replace("Price", name)
    series = read_csv(write(tmp_path, content.encode(encoding)))
    assert series.columns == (name,)
    assert "The file is not UTF-8: read as" in " ".join(series.notes)


def test_a_hash_before_the_names_is_none_of_them(tmp_path):
    rows = [f"{value:.2f} {i * i % 17}\n" for i, value in enumerate(OPEN)]
    assert read_csv(write(tmp_path, "# x y\n" + "".join(rows))).columns == ("x", "y")


def test_gaps_inside_the_sequences_are_said(tmp_path):
    rows = [f"{day},{name},{i * 7 % 13}\n" for name in "ab" for i, day in enumerate(DAYS)]
    del rows[20:30]
    path = write(tmp_path, "Date,name,x\n" + "".join(rows))
    notes = " ".join(read_csv(path, group="name", min_rows=9).notes)
    assert "There is 1 gap in the times inside the sequences, the longest 11 usual steps" in notes
    assert "after line 21 (2020-01-20)" in notes
