"""Times and headers as other countries' programs write them: read rightly, or refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.tables import OPEN, ROWS, write
from utils.datasets import read_csv

HOURS = pd.date_range("2020-01-02", periods=ROWS, freq="h")
QUARTERS = pd.date_range("2020-03-01", periods=ROWS, freq="15min")
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
    "Settlement Period": [f"{hour + 1}" for hour in WHOLE],
}
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
    np.testing.assert_array_equal(series.times.astype("datetime64[us]"), times.to_numpy())


DAYS = pd.date_range("2020-01-01", periods=ROWS).strftime("%Y-%m-%d").tolist()
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
