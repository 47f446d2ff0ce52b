"""Numbers and dates in every style: read back equal, or refused with what would do."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tables import (
    DAYS,
    OPEN,
    PLAIN,
    ROWS,
    VALUES,
    VOLUME,
    days,
    grouped,
    quoted,
    text,
    write,
)
from utils.datasets import read_csv
from utils.datasets.tables.dates import BadDates, Dates, read_dates
from utils.datasets.tables.numerals import Numbers, Refused, read_numbers


def refusal(path, **choices) -> str:
    """Return the sentence with which a file is refused, without its path."""
    with pytest.raises(ValueError, match=r"\.$") as error:
        read_csv(path, **choices)
    return str(error.value).replace(str(path), "FILE")


# --- Numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "values", "said"),
    [
        (["1", "2.5", "-3e4"], [1, 2.5, -3e4], ""),
        (["2.34M", "950K", "1.2B"], [2.34e6, 950e3, 1.2e9], "M is 10^6"),
        (["(5.00)", "3.10"], [-5, 3.1], "(5) is -5"),
        (["$(5.00)", "$3.10"], [-5, 3.1], "'$' is left out"),
        (["5.00-", "4.00"], [-5, 4], "5- is -5"),
        (["Fr. 2'940.–", "Fr. 900.50"], [2940, 900.5], "is no minus"),
        (["€ 1.826,–", "€ 12,50"], [1826, 12.5], "is no minus"),
        (["456,-", "-12,50"], [456, -12.5], "is no minus"),
        (["12.-- CHF", "7.50 CHF"], [12, 7.5], "is no minus"),
        (["−5", "3"], [-5, 3], ""),
        (["+5.5", "-3"], [5.5, -3], ""),
        (["1.234,56", "9.999,00"], [1234.56, 9999], "',' is the decimal mark"),
        (["12,5", "1.234,5"], [12.5, 1234.5], "'.' separates thousands"),
        (["27,31,973", "5,200"], [2731973, 5200], "',' separates thousands"),
        (["100'150.00", "99’990.00"], [100150, 99990], "separates thousands"),
        (["1 234,56 €", "5,00 €"], [1234.56, 5], "'€' is left out"),
        (["1\u00a0234", "5\u202f678"], [1234, 5678], "a space separates thousands"),
        (["1_000", "2_000"], [1000, 2000], "'_' separates thousands"),
        (["100 EUR", "99.5 EUR"], [100, 99.5], "'EUR' is left out"),
        (["USD 5", "USD 6.5"], [5, 6.5], "'USD' is left out"),
        (["R$ 5", "-R$ 6"], [5, -6], "'R$' is left out"),
        (["1.41%", "-0.3 %"], [1.41, -0.3], "'%' is left out"),
        (["12.5°C", "13°C"], [12.5, 13], "'°C' is left out"),
        (["1.5 m", "1.6 m"], [1.5, 1.6], "'m' is left out"),  # metres, not millions
        (["300 K", "301.5 K"], [300, 301.5], "'K' is left out"),
        (["2.34M", "1.2M"], [2.34e6, 1.2e6], "M is 10^6"),
        (["'13.02", "'-11"], [13.02, -11], ""),
        (['="13.02"', '="11"'], [13.02, 11], ""),
        (["7", "-", "8"], [7, np.nan, 8], ""),
        (["7", "N/A", "", "?", "null"], [7, np.nan, np.nan, np.nan, np.nan], ""),
    ],
    ids=lambda value: value[0] if isinstance(value, list) and value else None,
)
def test_numbers_in_the_styles_of_programs(cells, values, said):
    numbers = read_numbers(cells)
    assert isinstance(numbers, Numbers)
    np.testing.assert_array_equal(numbers.values, values)
    assert said in numbers.converted
    assert bool(said) == bool(numbers.converted)


@pytest.mark.parametrize(
    ("cells", "row", "why"),
    [
        (["1.5", "typo", "2.5"], 1, "not a number"),
        (["1.5", "1.2.3", "2.5"], 1, "not a number"),
        (["1.5", "#DIV/0!", "2.5"], 1, "a spreadsheet's error"),
        (["1.5", "######", "2.5"], 1, "a spreadsheet's error"),
        (["no trade", "12", "13"], 0, "not a number"),
        (["12 kWh", "13 kWh", "14 MWh"], 2, "not a number"),
        (["5%", "6%", "7"], 2, "not a number"),
        (["12.5", "12,7", "13.5"], 1, "not a number"),
        (["1.5", "<0.2", "2"], 1, "a bound"),
        (["<0.2", "<0.5", "<0.2"], 0, "a bound"),
        ([">200", "1.5", "≥ 300"], 0, "a bound"),
        (["+0025,5", "-0028,5", "+0113,1"], 0, "a code and a flag"),
        (["10128,5", "09901,5"], 1, "a code and a flag"),
        (["59.5 b", "60.1", "58"], 0, "a mark or a multiplier"),
        (["59.5", "1.2M", "58"], 1, "a mark or a multiplier"),
        (["1.5", "inf", "2"], 1, "infinite"),
        (["1.5", "1e999"], 1, "infinite"),
        (["1,234", "5,678"], 0, "two readings"),
        (["1.234", "5.678"], 0, "two readings"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_a_nearly_numeric_column_is_refused(cells, row, why):
    bad = read_numbers(cells)
    assert isinstance(bad, Refused)
    assert (bad.row, bad.why) == (row, why)


def test_letters_of_a_program_that_shortens_are_multipliers():
    numbers = read_numbers(["950", "1.2K", "87", "3.4K"])
    assert isinstance(numbers, Numbers)
    assert numbers.values.tolist() == [950, 1200, 87, 3400]
    padded = read_numbers(["0025,5", "0113,1"], ",")
    assert isinstance(padded, Numbers)
    assert padded.values.tolist() == [25.5, 113.1]


@pytest.mark.parametrize(
    "cells", [["a", "b"], ["4:53", "9:11"], ["0x29af", "0x51ee"], ["Q1", "Q2"], ["AB12", "AB13"]]
)
def test_text_is_text(cells):
    assert read_numbers(cells) is None


def test_thousands_are_proven_by_numbers_below_a_thousand():
    """Beside 999 without a mark, forty times three digits behind it are no decimals."""
    for mark in ",.":
        cells = [f"{1000 + 37 * i:,}".replace(",", mark) for i in range(50)] + ["999"]
        numbers = read_numbers(cells)
        assert isinstance(numbers, Numbers)
        assert numbers.values[-2:].tolist() == [2813.0, 999.0]
        assert isinstance(read_numbers(cells[:-1]), Refused)
        decimals = read_numbers(cells, mark)
        assert isinstance(decimals, Numbers)
        assert decimals.values[-2:].tolist() == [2.813, 999.0]


# The same examples on every machine, however busy it is.
SEARCH = settings(deadline=None, derandomize=True, database=None, max_examples=50)
CONVENTIONS = [(",", "."), (".", ","), (" ", "."), (" ", ","), ("'", "."), ("", "."), ("", ",")]


@SEARCH
@given(
    st.lists(st.decimals(-(10**9), 10**9, places=2), min_size=3, max_size=30),
    st.sampled_from(CONVENTIONS),
    st.sampled_from(["{}", "{} €", "${}", "{}%", " {} "]),
)
def test_numbers_of_any_convention_read_back_equal(numbers, convention, dress):
    thousands, decimal = convention
    cells = [dress.format(grouped(float(number), thousands, decimal)) for number in numbers]
    read = read_numbers(cells)
    assert isinstance(read, Numbers)
    np.testing.assert_array_equal(read.values, [float(number) for number in numbers])


def amounts(thousands, decimal, after="", before=""):
    def cells(values, places):
        return quoted([f"{before}{grouped(v, thousands, decimal, places)}{after}" for v in values])

    return cells(OPEN, 2), cells(VOLUME, 0)


@pytest.mark.parametrize("convention", [*CONVENTIONS, ("\u202f", ","), ("_", ".")])
@pytest.mark.parametrize("sep", [",", ";", "\t", "|"])
def test_a_file_in_any_country_s_style(tmp_path, convention, sep):
    opens, volumes = amounts(*convention, after=" EUR")
    path = write(tmp_path, text(opens=opens, volumes=volumes, sep=sep))
    series = read_csv(path)
    np.testing.assert_array_equal(series.values, VALUES)
    assert series.dtypes == ("float64", "int64")
    assert any("'EUR' is left out" in note for note in series.notes)


def test_what_one_column_leaves_open_another_decides(tmp_path):
    opens, volumes = quoted([f"{v % 9 + 1},234" for v in VOLUME]), quoted(["1,5"] * ROWS)
    volumes = quoted([f"{v % 9},5" for v in VOLUME])
    series = read_csv(write(tmp_path, text(opens=opens, volumes=volumes)))
    assert series.values[0, 0] == VOLUME[0] % 9 + 1.234
    assert "as in the other columns" in " ".join(series.notes)
    path = write(tmp_path, text(opens=opens))
    assert "say --decimal . or --decimal ,." in refusal(path)
    assert read_csv(path, decimal=".").values[0, 0] == (VOLUME[0] % 9 + 1) * 1000 + 234
    assert read_csv(path, decimal=",").values[0, 0] == VOLUME[0] % 9 + 1.234


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("typo", "Line 12, column 'Open' of FILE: 'typo' is not a number, while 98% of the"),
        ("#DIV/0!", "'#DIV/0!' is a spreadsheet's error, while 98%"),
        ("<1", "'<1' is a bound and no measured number (1 such cell); write a number in its"),
        ("<1", "say --missing-value '<1' if such rows are to be missing"),
        (">200", "'>200' is a bound and no measured number (1 such cell); write a number in its"),
        (">200", "such as the bound itself, say"),
        ("100.5*", "'100.5*' is a number in another notation than most of the column's cells (1"),
        ("0.77 Dividend", "say --missing-value '0.77 Dividend' if it stands for a missing"),
        ("1.2.3", "Line 12, column 'Open' of FILE: '1.2.3' is not a number, while 98% of"),
        ("-inf", "Line 12, column 'Open' of FILE: the value is infinite"),
        ("-", "Line 12, column 'Open' of FILE: the value is missing"),
    ],
)
def test_one_bad_cell_is_refused_and_not_its_column_dropped(tmp_path, cell, sentence):
    path = write(tmp_path, text(opens=[*PLAIN[0][:10], cell, *PLAIN[0][11:]]))
    assert sentence in refusal(path)
    if sentence.endswith("%"):
        assert "say --missing-value '#DIV/0!'" in refusal(path)


def test_advice_never_gives_a_valid_value_up(tmp_path):
    for opens in (["<1"] * 40 + PLAIN[0][40:], [f"{cell} e" for cell in PLAIN[0][:40]]):
        cells = [*opens, *PLAIN[0][len(opens) :]]
        assert "--missing-value" not in refusal(write(tmp_path, text(opens=cells)))


def test_one_bad_cell_among_numbers_like_years_makes_no_dates_of_them(tmp_path):
    opens = [f"{1005 + i % 9}.{i % 9}" for i in range(ROWS)]
    path = write(tmp_path, text(opens=[*opens[:10], "err", *opens[11:]]))
    assert "Line 12, column 'Open' of FILE: 'err' is not a number, while 98%" in refusal(path)


# --- Dates --------------------------------------------------------------------------------------

STYLES = [
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y"),
    *("%m/%d/%y", "%d.%m.%y", "%d-%b-%y", "%d %B %Y", "%Y%m%d", "%Y年%m月%d日", "%a %d %b %Y"),
    *('"%b %d, %Y"', '"%A, %B %d, %Y"', "%Y-%m-%dT00:00:00", "%m/%d/%Y 12:00:00 AM"),
    *("%Y-%m-%d 00:00:00.000", "%d.%m.%Y 00:00", "%Y-%m-%dT00:00Z", "%Y-%m-%d 00:00:00+0000"),
]
LONG = pd.date_range("2019-12-20", periods=40)


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("style", STYLES)
def test_dates_in_any_style_either_way_round(tmp_path, style, newest_first):
    path = write(tmp_path, text(days(style), newest_first=newest_first))
    series = read_csv(path)
    np.testing.assert_array_equal(series.values, VALUES)
    np.testing.assert_array_equal(series.times, DAYS.to_numpy("datetime64[D]"))
    assert series.time_name == "Date"
    turned = "The newest row stood first: the rows are turned round."
    assert (turned in series.notes) == newest_first


@SEARCH
@given(
    st.lists(
        st.dates(datetime.date(1970, 1, 1), datetime.date(2068, 12, 31)), min_size=1, max_size=9
    ),
    st.sampled_from(STYLES),
)
def test_dates_of_any_style_read_back_equal(dates, style):
    every = [*dates, *LONG.date]  # with days beyond the twelfth, which no month is
    read = read_dates([date.strftime(style.strip('"')) for date in every])
    assert isinstance(read, Dates)
    np.testing.assert_array_equal(read.times, np.array(every, "datetime64[D]"))


@pytest.mark.parametrize(
    ("cells", "first", "last"),
    [
        (["1/22/20 0:00", "1/22/20 13:30"], "2020-01-22", "2020-01-22T13:30"),
        (["1/2/2020 12:30 AM", "1/13/2020 1:05 p.m."], "2020-01-02T00:30", "2020-01-13T13:05"),
        (["Jan-20", "Feb-20"], "2020-01-01", "2020-02-01"),
        (["Juni 2020", "März 2021"], "2020-06-01", "2021-03-01"),
        (["17 de junio de 2020", "18 août 2020"], "2020-06-17", "2020-08-18"),
        (["2020-06", "2020-07"], "2020-06-01", "2020-07-01"),
        (["2020M06", "2020M07"], "2020-06-01", "2020-07-01"),
        (["06/2020", "07/2020"], "2020-06-01", "2020-07-01"),
        (["2020Q1", "2020Q3"], "2020-01-01", "2020-07-01"),
        (["Q2 2020", "Q4 2020"], "2020-04-01", "2020-10-01"),
        (["2020-W01", "2020-W02"], "2019-12-30", "2020-01-06"),
        (["20200617160000", "20200617163000"], "2020-06-17T16:00", "2020-06-17T16:30"),
        (["2020-06-17 24:00", "2020-06-18 01:00"], "2020-06-18", "2020-06-18T01:00"),
        (["10/03/2004 18.00.00", "13/03/2004 19.00.00"], "2004-03-10T18:00", "2004-03-13T19:00"),
        (["2020-06-17T16:00:00+02:00", "2020-06-17T16:00:00Z"], "2020-06-17T14", "2020-06-17T16"),
        (
            ["2021-10-31 02:30:00 CEST", "2021-10-31 02:30:00 CET"],
            "2021-10-31T00:30",
            "2021-10-31T01:30",
        ),
        (["Wed Jun 17 16:00:00 UTC 2020"] * 2, "2020-06-17T16", "2020-06-17T16"),
        (["12/31/99", "01/01/00"], "1999-12-31", "2000-01-01"),
        (["01.01.2020 00:00 - 01.01.2020 01:00"] * 2, "2020-01-01", "2020-01-01"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_dates_that_programs_write(cells, first, last):
    read = read_dates(cells)
    assert isinstance(read, Dates)
    assert read.times[[0, -1]].tolist() == np.array([first, last], "datetime64[us]").tolist()


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (["01/02/2020", "02/02/2020", "03/02/2020"], "two readings"),  # days, or years apart?
        (["05/06/07", "06/06/07"], "two readings"),
        (["Jun-20", "Jun-21"], "two readings"),
        (["2020-01-02", "2020-02-30", "2020-03-01"], "no date"),
        (["2020-01-02", "2020-01-03", "20200104"], "no date"),
        (["2020-01-02", "", "2020-01-03"], "no date"),
        (["13/13/2020", "01/02/2020"], "no date"),
        (["2020-01-02T10:00Z", "2020-01-02T11:00"], "a date with a zone in some rows only"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_dates_that_are_none_or_two_are_named(cells, why):
    bad = read_dates(cells)
    assert isinstance(bad, BadDates)
    assert bad.why == why


@pytest.mark.parametrize("cells", [["hello", "you"], ["1.2.3", "1.2.4"], ["13:05", "13:06"], [""]])
def test_what_is_no_date_is_none(cells):
    assert read_dates(cells) is None


@pytest.mark.parametrize("style", ["%m/%d/%Y", "%d/%m/%Y"])
def test_the_order_of_the_rows_settles_first_days_of_months(style):
    months = pd.date_range("2018-01-01", periods=36, freq="MS")
    read = read_dates(months.strftime(style).tolist())
    assert isinstance(read, Dates)
    np.testing.assert_array_equal(read.times, months.to_numpy())
    assert "only so the rows follow each other in even steps" in read.assumed


def test_an_open_order_of_day_and_month_is_asked_for(tmp_path):
    first = [day for day in pd.date_range("2020-01-01", periods=2000) if day.day < 13]
    mixed = np.random.default_rng(1).permutation(np.array(first))[:ROWS]
    dates = pd.DatetimeIndex(mixed).strftime("%d/%m/%Y").tolist()
    path = write(tmp_path, text(dates))
    assert "say --date-format DMY or --date-format MDY" in refusal(path)
    assert "comes after" in refusal(path, date_format="DMY")
    path = write(tmp_path, text(days("%m%d%Y")))
    assert "is no date that can be read; say its format" in refusal(path)
    assert read_csv(path, date_format="%m%d%Y").times[1] == np.datetime64(DAYS[1], "D")
    assert "No column of FILE holds dates in the format %Y-%j" in refusal(path, date_format="%Y-%j")


SECONDS = ((DAYS - pd.Timestamp("1970-01-01")) // pd.Timedelta("1s")).to_numpy()


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(
    ("head", "cells", "what"),
    [
        ("Date", SECONDS, "seconds since 1970"),
        ("time", SECONDS * 1000, "milliseconds since 1970"),
        ("x", SECONDS * 10**6, "microseconds since 1970"),
        ("Open time", SECONDS * 10**9, "nanoseconds since 1970"),
        ("openTime", SECONDS * 1000, "milliseconds since 1970"),
        ("Date", SECONDS // 86_400 + 25_569, "Excel's day numbers"),
        ("x", np.array(days("%Y%m%d"), int), "yyyymmdd"),
        ("Date", np.array(days("%Y%j"), int), "yyyyddd"),
        ("when", [int(f"{day}1630") for day in days("%Y%m%d")], "yyyymmddHHMM"),
    ],
)
def test_clocks_of_numbers(tmp_path, head, cells, what, newest_first):
    content = text([str(cell) for cell in cells], head=f"{head},Open,Volume")
    if newest_first:
        content = text([str(cell) for cell in cells], head=f"{head},Open,Volume", newest_first=True)
    series = read_csv(write(tmp_path, content))
    assert series.columns == ("Open", "Volume")
    np.testing.assert_array_equal(series.values, VALUES)
    np.testing.assert_array_equal(
        series.times.astype("datetime64[D]"), DAYS.to_numpy("datetime64[D]")
    )
    assert f"{head!r} is a clock ({what})" in series.notes[0]


@pytest.mark.parametrize(
    ("head", "make"),
    [
        ("Year,Month,Day", lambda day: f"{day.year},{day.month},{day.day}"),
        ("year,mo,dd", lambda day: f"{day.year},{day:%b},{day.day}"),
        ("YEAR,DOY", lambda day: f"{day.year},{day.dayofyear}"),
        ("Date,Time", lambda day: f"{day:%d.%m.%Y},16:30"),
        ("Day,Hour", lambda day: f"{day:%m/%d/%Y},4:30 PM"),
    ],
)
def test_times_in_several_columns(tmp_path, head, make):
    dates = [make(day) for day in DAYS]
    series = read_csv(write(tmp_path, text(dates, head=f"{head},Open,Volume")))
    assert series.columns == ("Open", "Volume")
    at = np.timedelta64(990 if "30" in dates[0].split(",")[-1] else 0, "m")
    np.testing.assert_array_equal(series.times, DAYS.to_numpy("datetime64[m]") + at)


@pytest.mark.parametrize(
    ("head", "style"),
    [
        ("date,hr", "%Y-%m-%d,%H"),
        ("date,hour,min", "%d.%m.%Y,%H,%M"),
        ("<DATE>,<TIME>", "%Y%m%d,%H%M%S"),
        ("DATE,hhmm", "%m/%d/%Y,%H%M"),
    ],
)
def test_a_column_of_hours_completes_the_date(tmp_path, head, style):
    hours = pd.date_range("2021-01-20", periods=ROWS, freq="h")
    dates = hours.strftime(style).tolist()
    series = read_csv(write(tmp_path, text(dates, head=f"{head},Open,Volume")))
    np.testing.assert_array_equal(series.times, hours.to_numpy())
    assert series.columns == ("Open", "Volume")
    assert f"the time of day of {head.split(',')[0]!r}." in " ".join(series.notes)
