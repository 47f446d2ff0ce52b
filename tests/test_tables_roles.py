"""What columns and rows are: counters, clocks, several series, gaps, placeholders, choices."""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
import pytest

from tests.tables import DAYS, OPEN, PLAIN, ROWS, VOLUME, text, write
from utils.datasets import read_csv
from utils.datasets.tables.options import (
    add_reading_options,
    column_names,
    reading_choices,
    refuse_reading_choices,
)

RNG = np.random.default_rng(1)
HOURS = pd.date_range("2021-01-20", periods=240, freq="h")


def walk(rows: int = ROWS) -> np.ndarray:
    return (100 + RNG.normal(size=rows).cumsum()).round(2)


def table(folder, frame: pd.DataFrame):
    return write(folder, frame.to_csv(index=False))


def refusal(path, **choices) -> str:
    with pytest.raises(ValueError, match=r"\.$") as error:
        read_csv(path, **choices)
    return str(error.value).replace(str(path), "FILE")


# --- Roles --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "cells", "why"),
    [
        ("Unnamed: 0", range(ROWS), "counts the rows"),
        ("nr", range(ROWS, 0, -1), "counts the rows"),
        ("index", [i + i // 7 for i in range(ROWS)], "counts the rows"),
        ("time_s", [i / 256 for i in range(ROWS)], "a clock: +0.00390625 in each row"),
        ("target", range(0, 10 * ROWS, 10), "a straight line: +10 in each row"),
        ("Counter", (np.arange(ROWS) + 9) % 16, "counts the rows, and starts again at its"),
        ("t", np.cumsum(np.arange(1, ROWS + 1) ** 0.5).round(3), "a clock: it only runs on"),
        ("trade_id", RNG.permutation(ROWS) + 1000, "an id: another number in every row"),
        ("code", [17] * ROWS, "constant, always 17"),
        ("holiday", ["True", "False"] * (ROWS // 2), "true or false, such as 'True'"),
        ("regime", ["bear", "bull"] * (ROWS // 2), "text, such as 'bear'"),
        ("ip", [f"10.0.0.{i}" for i in range(ROWS)], "text, such as '10.0.0.0'"),
        ("last", ["4:53", "9:11"] * (ROWS // 2), "times or durations, such as '4:53'"),
        ("pace", ["1:49:39", "0:09:11.5"] * (ROWS // 2), "times or durations, such as '1:49:39'"),
        ("until", [f"{day:%d.%m.%Y}" for day in DAYS + pd.Timedelta("1D")], "dates"),
        ("weekday", DAYS.dayofweek, "the weekday of 'Date'"),
        ("d", DAYS.day, "the day of the month of 'Date'"),
        ("m", DAYS.month, "the month of 'Date'"),
        ("remarks", [""] * ROWS, "empty"),
        ("post_code", [f"{code:05d}" for code in RNG.integers(0, 99_999, ROWS)], "a code, such"),
        ("loaded_at", ["2023-05-05 10:00:00"] * ROWS, "dates"),
        ("end", (DAYS - pd.Timestamp("1970")) // pd.Timedelta("1ms"), "another clock"),
    ],
)
def test_what_is_nothing_to_generate_is_left_out_and_said(tmp_path, name, cells, why):
    frame = pd.DataFrame({name: list(cells), "Date": DAYS, "Open": OPEN})
    path = table(tmp_path, frame)
    series = read_csv(path)
    assert series.columns == ("Open",)
    assert series.notes[-1].startswith(f"Left out: {name!r} ({why}")
    if pd.api.types.is_numeric_dtype(frame[name]) and name != "remarks":
        assert read_csv(path, [name, "Open"]).columns == (name, "Open")


def test_an_hour_that_starts_again_is_the_calendar_s(tmp_path):
    hours = np.arange(240) % 24
    path = table(tmp_path, pd.DataFrame({"hour": hours, "load": np.sin(hours / 4).round(3)}))
    series = read_csv(path)
    assert series.columns == ("load",)
    assert series.notes == ("Left out: 'hour' (the hour, by its name and its steps).",)


def test_local_hours_are_those_of_the_rows_own_zone(tmp_path):
    local = HOURS.tz_localize("Asia/Tokyo")
    frame = pd.DataFrame({"at": local.strftime("%Y-%m-%dT%H:%M:%S%z"), "hour": local.hour})
    series = read_csv(table(tmp_path, frame.assign(load=walk(240))))
    assert series.columns == ("load",)
    assert series.times[0] == np.datetime64("2021-01-19T15:00")


def test_a_counter_that_is_all_there_is_is_taken(tmp_path):
    path = table(tmp_path, pd.DataFrame({"Date": DAYS, "load": np.arange(ROWS)}))
    series = read_csv(path)
    assert series.columns == ("load",)
    assert "is all that there is to generate: it is taken" in series.notes[-1]
    constant = table(tmp_path, pd.DataFrame({"Date": DAYS, "a": 1.0, "b": 2}))
    assert "Every column of numbers of FILE is constant ('a', 'b')" in refusal(constant)


def test_what_is_data_stays(tmp_path):
    frame = pd.DataFrame(
        {
            "on": RNG.integers(0, 2, ROWS),
            "power": np.where(np.arange(ROWS) % 2, 0, 1500 + RNG.normal(size=ROWS)).round(1),
            "total": RNG.integers(0, 9, ROWS).cumsum(),
            "saw": np.arange(ROWS) % 7 + 1.5,
            "flow": np.where(np.arange(ROWS) == 30, 500, 0),
            "patients": 20_000 + RNG.integers(1, 900, ROWS).cumsum(),
            "far": 1e9 + 0.01 * RNG.normal(size=ROWS),
            "lifetime": 700_000_000 + RNG.integers(1, 900, ROWS).cumsum(),
            "spike": np.where(np.arange(ROWS) == 30, 1e12, walk()),
        }
    )
    series = read_csv(table(tmp_path, frame))
    assert series.columns == tuple(frame)
    assert series.notes == ()


WIDE = {
    "wide_days": [f"1/{day}/20" for day in range(1, 31)],
    "wide_years": [str(year) for year in range(1990, 2020)],
    "wide_hours": [f"{hour:02d}:00" for hour in range(24)],
    "wide_months": [f"{month:%b}" for month in pd.date_range("2020-01", periods=12, freq="MS")],
}


@pytest.mark.parametrize("kind", WIDE)
def test_a_column_a_date_is_refused(tmp_path, kind):
    frame = pd.DataFrame(RNG.normal(size=(ROWS, len(WIDE[kind]))), columns=WIDE[kind])
    frame.insert(0, "Country", [f"Land{i}" for i in range(ROWS)])
    path = table(tmp_path, frame)
    assert "FILE is wide:" in refusal(path)
    assert "pandas: melt" in refusal(path)
    assert read_csv(path, WIDE[kind][:2]).columns == tuple(WIDE[kind][:2])


# --- Columns that say how to take the others ------------------------------------------------------


def beside(folder, name, cells, **more):
    return table(folder, pd.DataFrame({"Date": DAYS, "v": OPEN, name: cells, **more}))


@pytest.mark.parametrize(
    ("name", "cells", "said"),
    [
        ("v_Quality", ["Good"] * 57 + ["Bad"] * 3, "flags rows ('Good' 57, 'Bad' 3): none is left"),
        ("state", ["ok"] * 57 + ["uncertain"] * 3, "'state' flags rows ('ok' 57, 'uncertain' 3)"),
        ("qc", [""] * 50 + ["M"] * 10, "'qc' flags rows ('M' 10)"),
        ("Q1", [192] * 50 + [0] * 10, "'Q1' seems to flag rows ('192' 50, '0' 10)"),
        ("Currency", ["JPY", "USD"] * 30, "('JPY' 30, 'USD' 30): the numbers beside it are taken"),
    ],
)
def test_what_flags_and_units_hold_is_said(tmp_path, name, cells, said):
    assert said in " ".join(read_csv(beside(tmp_path, name, cells)).notes)


@pytest.mark.parametrize(
    ("name", "cells"),
    [("S/H", ["S", "H"]), ("Kind", ["Soll", "Haben"]), ("Dr/Cr", ["D", "C"]), ("x", ["DR", "CR"])],
)
def test_a_sign_in_a_column_of_its_own_is_refused(tmp_path, name, cells):
    path = beside(tmp_path, name, cells * (ROWS // 2))
    assert f"{name!r} of FILE holds {cells[0]!r} 30, {cells[1]!r} 30, and no" in refusal(path)
    assert read_csv(path, ["v"]).columns == ("v",)
    signed = beside(tmp_path, name, cells * (ROWS // 2), w=-OPEN)
    assert read_csv(signed).columns == ("v", "w")
    other = beside(tmp_path, "grade", ["D", "C"] * (ROWS // 2))
    assert read_csv(other).columns == ("v",)


def test_rows_that_all_stand_twice_are_refused_where_no_time_shows_it(tmp_path):
    once = pd.DataFrame({"v": walk(), "w": walk()})
    pairs, halves = once.loc[once.index.repeat(2)], pd.concat([once, once])
    assert "Every row of FILE stands twice (each row right" in refusal(table(tmp_path, pairs))
    assert "Every row of FILE stands twice (the second half" in refusal(table(tmp_path, halves))


def test_a_counter_of_few_bits_is_not_several_series(tmp_path):
    frame = pd.DataFrame({"seq": np.arange(ROWS) % 16, "v": walk()})
    assert read_csv(table(tmp_path, frame)).columns == ("v",)
    path = table(tmp_path, frame.rename(columns={"seq": "t"}))
    assert "'t' of FILE counts up and starts again 3 times" in refusal(path)


def test_a_place_that_moves_evenly_is_data(tmp_path):
    assert read_csv(beside(tmp_path, "lat", np.arange(ROWS) / 100 + 40)).columns == ("v", "lat")


# --- Several series -----------------------------------------------------------------------------


def shop(name, rows: int = ROWS, newest_first: bool = False) -> pd.DataFrame:
    frame = pd.DataFrame(
        {"Shop": name, "Date": DAYS[:rows].strftime("%m/%d/%Y"), "Close": walk(rows)}
    )
    return frame[::-1] if newest_first else frame


STACKED = pd.concat([shop("north"), shop("south", 40, newest_first=True), shop("new", 9)])
TURNS = pd.concat([shop(1), shop(2)]).sort_index(kind="stable")


@pytest.mark.parametrize(
    "frame",
    [
        STACKED,
        pd.concat([shop(7), shop(8)]),
        pd.concat([shop("a", newest_first=True), shop("b", newest_first=True)]),
        TURNS,
        TURNS[::-1],
    ],
    ids=["stacked", "numbers", "newest first", "in turns", "in turns, newest first"],
)
def test_several_series_are_refused_and_the_option_is_named(tmp_path, frame):
    path = table(tmp_path, frame)
    assert "several series stand in one table; say --group Shop" in refusal(path)
    series = read_csv(path, group="Shop")
    assert len(series.starts) == frame["Shop"].nunique() - (frame is STACKED)
    for part, name in zip(series.sequences(), series.groups, strict=True):
        own = frame[frame["Shop"].astype(str) == name]
        own = own.sort_values("Date", key=lambda dates: pd.to_datetime(dates, format="%m/%d/%Y"))
        np.testing.assert_array_equal(part[:, 0], own["Close"])
    assert "Shop" not in series.columns


def test_sequences_that_are_too_short_are_left_out_and_said(tmp_path):
    path = table(tmp_path, STACKED)
    series = read_csv(path, group="Shop")
    assert (series.starts, series.groups) == ((0, ROWS), ("north", "south"))
    notes = " ".join(series.notes)
    assert "1 of 3 sequences is shorter than 25 rows and left out ('new')." in notes
    assert "The newest row stood first in 1 of 3 sequences" in notes
    assert "longest of the 3 sequences of FILE has 60 rows; at least 90" in refusal(
        path, group="Shop", min_rows=90
    )
    assert "FILE has no column 'shop'; its columns are 'Shop'" in refusal(path, group="shop")
    holes = STACKED.reset_index(drop=True)
    holes.loc[5, "Shop"] = None
    path = table(tmp_path, holes)
    assert "Line 7, column 'Shop' of FILE: the name of the seq" in refusal(path, group="Shop")


@pytest.mark.parametrize(("one", "other"), [("Aa", "aa"), ("1", "1.0"), ("New  Town", "New Town")])
def test_one_name_in_two_notations_is_not_two_series(tmp_path, one, other):
    path = table(tmp_path, pd.concat([shop(one), shop(other)]))
    assert f"Line 62, column 'Shop' of FILE: {other!r} and {one!r} differ only" in refusal(
        path, group="Shop"
    )


def test_two_columns_that_name_the_series_together(tmp_path):
    frame = pd.concat(
        [shop(name).assign(Item=item) for name in ("a", "b") for item in ("tea", "milk")]
    )
    assert "only 'Shop' and 'Item' together name them" in refusal(table(tmp_path, frame))


def test_few_values_do_not_make_a_series_of_their_own(tmp_path):
    """Two rows that stand the wrong way round are a slip, whatever the other columns hold."""
    frame = pd.DataFrame({"Date": DAYS, "sold": RNG.poisson(4, ROWS), "x": walk()})
    frame = frame.iloc[[*range(30), 31, 30, *range(32, ROWS)]]
    assert "expected rows in time order" in refusal(table(tmp_path, frame))


RUNS = pd.concat(
    [
        pd.DataFrame({"unit": unit, "cycle": np.arange(1, rows + 1), "s": walk(rows)})
        for unit, rows in ((1, 60), (2, 45), (3, 80))
    ]
)
YEARS = pd.DataFrame(
    [(land, 1990 + i, v) for land in ("FR", "IT") for i, v in enumerate(walk(30))],
    columns=["Country", "Year", "GDP"],
)


@pytest.mark.parametrize(
    ("frame", "group", "sentence"),
    [
        (RUNS, "unit", "'cycle' of FILE counts up and starts again 2 times"),
        (RUNS.drop(columns="cycle"), "unit", "'unit' of FILE has 3 values, each in rows of its"),
        (STACKED.drop(columns="Date")[:100], "Shop", "'Shop' of FILE has 2 values"),
        (YEARS, "Country", "1990 comes after 2019, and 'Country' is another"),
        (YEARS.sort_values(["Year", "Country"]), "Country", "1990 is the time of the row before"),
    ],
    ids=["counter", "id", "name", "years", "years in turns"],
)
def test_several_series_without_dates(tmp_path, frame, group, sentence):
    path = table(tmp_path, frame)
    assert sentence in refusal(path)
    assert f"--group {group}" in refusal(path)
    series = read_csv(path, group=group)
    assert len(series.starts) == frame[group].nunique()
    assert len(series.columns) == 1


def test_runs_without_a_name_are_refused(tmp_path):
    path = table(tmp_path, RUNS.drop(columns="unit"))
    assert "add a column that names them" in refusal(path)
    assert read_csv(path, ["s"]).values.shape == (185, 1)


# --- Time order ---------------------------------------------------------------------------------

AUTUMN = pd.date_range("2021-10-29", periods=240, freq="15min", tz="Europe/Berlin")


@pytest.mark.parametrize("step", [1, 4])
@pytest.mark.parametrize("newest_first", [False, True])
def test_a_clock_that_goes_back_is_named(tmp_path, step, newest_first):
    hours = pd.date_range("2021-10-29", periods=240, freq=f"{15 * step}min", tz="Europe/Berlin")
    frame = pd.DataFrame({"at": hours.strftime("%Y-%m-%d %H:%M"), "MW": walk(240)})
    frame = frame[::-1] if newest_first else frame
    assert "the clock goes back an hour" in refusal(table(tmp_path, frame))
    frame["at"] = [str(hour) for hour in (hours[::-1] if newest_first else hours)]
    series = read_csv(table(tmp_path, frame))
    np.testing.assert_array_equal(series.times, hours.tz_convert(None).to_numpy())


def test_a_clock_that_goes_forward_leaves_a_gap(tmp_path):
    hours = pd.date_range("2021-03-26", periods=ROWS, freq="h", tz="Europe/Berlin")
    frame = pd.DataFrame({"at": hours.strftime("%d.%m.%Y %H:%M"), "MW": walk()})
    assert read_csv(table(tmp_path, frame)).values.shape == (ROWS, 1)


def test_a_coarse_clock_is_said_and_days_that_repeat_are_refused(tmp_path):
    at = pd.to_datetime(1_600_000_000 + np.arange(ROWS) // 4, unit="s")
    series = read_csv(table(tmp_path, pd.DataFrame({"at": at, "v": RNG.normal(size=ROWS)})))
    assert "45 rows have the time of the row before" in series.notes[0]
    thrice = pd.DataFrame({"day": np.repeat(DAYS[:20], 3), "v": walk()})
    assert "40 rows repeat the time of another" in refusal(table(tmp_path, thrice))


# --- Missing values and placeholders ------------------------------------------------------------


def with_cells(rows, cell: str) -> str:
    return text(opens=[cell if i in rows else value for i, value in enumerate(PLAIN[0])])


def test_missing_values_are_counted_and_the_longest_stretch_is_named(tmp_path):
    path = write(tmp_path, with_cells((3, 4, 30), "null"))
    assert refusal(path) == (
        "Line 5, column 'Open' of FILE: the value is missing; expected a number in every row. "
        "Missing values: 'Open' 3 of 60 rows; the longest complete stretch is 29 rows, line 33 to "
        "line 61. --missing drop trains on the complete stretches, --missing interpolate fills in "
        "straight lines."
    )


@pytest.mark.parametrize("newest_first", [False, True])
def test_rows_with_missing_values_are_dropped_and_no_window_crosses(tmp_path, newest_first):
    content = with_cells((3, 4, 30), "").split("\n")
    content[1:-1] = content[1:-1][:: -1 if newest_first else 1]
    path = write(tmp_path, "\n".join(content))
    series = read_csv(path, missing="drop")
    assert (series.starts, len(series.values)) == ((0, 25), 54)
    np.testing.assert_array_equal(series.values[:, 0], OPEN[[*range(5, 30), *range(31, 60)]])
    np.testing.assert_array_equal(series.times, DAYS[[*range(5, 30), *range(31, 60)]].date)
    assert "3 rows dropped; 2 of 3 complete stretches have 25 rows or more" in series.notes[-1]
    assert "the longest complete stretch has 29 rows; at least 40" in refusal(
        path, missing="drop", min_rows=40
    )


def test_gaps_are_filled_in_time_and_ends_are_not(tmp_path):
    path = write(tmp_path, with_cells((0, 1, 6, 7, 58, 59), "NA"))
    series = read_csv(path, missing="interpolate")
    assert len(series.values) == ROWS - 4
    known = [i for i in range(2, 58) if i not in (6, 7)]
    axis = DAYS.to_numpy().astype("datetime64[D]").astype(float)
    np.testing.assert_allclose(series.values[:, 0], np.interp(axis[2:58], axis[known], OPEN[known]))
    assert "the longest gap is 2 rows. 4 rows at the ends" in series.notes[-1]
    assert series.starts == (0,)


def test_a_word_may_stand_for_a_missing_value(tmp_path):
    path = write(tmp_path, with_cells(range(1, ROWS, 2), "no trade"))
    assert "say --missing-value 'no trade'" in refusal(path)
    series = read_csv(path, missing_values=["no trade"], missing="interpolate")
    assert "no trade stands for missing in 30 cells." in series.notes
    assert len(series.values) == ROWS - 1


@pytest.mark.parametrize("value", ["-200", "-9999", "-999.0", "999", "99999", "-1e20", "0", "-1"])
def test_a_placeholder_is_suspected_by_its_shape(tmp_path, value):
    path = write(tmp_path, with_cells((3, 30), value))
    sentence = refusal(path)
    assert "Line 5, column 'Open' of FILE" in sentence
    assert f"comes 2 times, far from all other values ({OPEN.min():g} to" in sentence
    tie = "=" if "e" in value else " "
    option = f"--missing-value{tie}{float(value):.10g}"
    assert f"say {option}, if it was measured say --keep-" in sentence
    given = options("--missing", "drop", *option.split()).missing_value
    assert len(read_csv(path, missing="drop", missing_values=given).values) == 55
    assert read_csv(path, keep_extremes=True).values[3, 0] == float(value)
    series = read_csv(path, missing_values=[value], missing="drop")
    assert len(series.values) == 55
    assert "stands for missing in 2 cells." in " ".join(series.notes)


def test_a_negative_placeholder_in_a_wide_range(tmp_path):
    levels = np.where(np.arange(ROWS) % 20 == 3, -200, RNG.integers(2, 1500, ROWS))
    assert "--missing-value -200" in refusal(table(tmp_path, pd.DataFrame({"NOx": levels})))


STEADY = np.arange(ROWS) % 11


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (
            np.where(STEADY == 3, -9999, 0),
            "-9999 comes 6 times, far from all other values (0 to 0)",
        ),
        (np.where(np.arange(ROWS) == 9, 65535, 100), "65535 comes once"),
        (np.where(STEADY < 8, -9.99, 0.5), "-9.99 comes 45 times"),
        (np.where(STEADY < 8, -1, 20 + STEADY), "-1 comes 45 times"),
        (np.where(STEADY == 3, 0, 60 + STEADY), "0 comes 6 times"),
        (np.where(np.arange(ROWS) == 9, 0, 60 + STEADY), "0 comes once"),
        (np.select([STEADY == 3, STEADY == 5], [-999, -888], STEADY), "-999 and -888 come 11"),
        (np.select([STEADY == 3, STEADY == 5], [990, 999], STEADY), "990 and 999 come 11 times"),
        (np.select([STEADY == 3, STEADY == 5], [98, 99], STEADY % 4), "98 and 99 come 11 times"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_placeholders_where_little_else_is_there(tmp_path, cells, said):
    path = table(tmp_path, pd.DataFrame({"Date": DAYS, "a": cells, "b": walk()}))
    sentence = refusal(path)
    assert said in sentence
    assert all(
        f"--missing-value {word}" in sentence for word in said.split(" come")[0].split(" and ")
    )
    assert read_csv(path, keep_extremes=True).columns == ("a", "b")


def test_what_is_never_zero_is_not_off_for_a_while(tmp_path):
    cells = np.where(np.arange(ROWS) // 8 % 4 == 0, 0, 60 + STEADY)
    path = table(tmp_path, pd.DataFrame({"Date": DAYS, "hr": cells}))
    assert "'hr' of FILE: 0 comes 16 times, far from all other values" in refusal(path)


@pytest.mark.parametrize(
    "cells",
    [
        np.arange(ROWS) % 3 - 1,  # -1, 0, 1
        np.arange(ROWS) % 31 - 1,  # a temperature
        np.where(STEADY % 2, 200, -200),
        np.where(np.arange(ROWS) // 8 % 4 == 0, 0, 60 + STEADY),  # off for a while
        np.where(STEADY == 3, 9, STEADY % 5),
    ],
)
def test_levels_and_states_are_no_placeholders(tmp_path, cells):
    series = read_csv(table(tmp_path, pd.DataFrame({"Date": DAYS, "a": cells, "b": walk()})))
    assert series.columns == ("a", "b")


def test_a_column_that_is_constant_but_for_placeholders_is_refused(tmp_path):
    cells = np.where(STEADY == 3, -9999, 0)
    path = table(tmp_path, pd.DataFrame({"Date": DAYS, "snow": cells, "b": walk()}))
    sentence = refusal(path, missing_values=["-9999"], missing="interpolate")
    assert "'snow' of FILE is always 0 where it is not missing" in sentence


def test_a_placeholder_of_one_series_hides_in_the_range_of_another(tmp_path):
    one, two = shop("north"), shop("south")
    one.loc[[5, 30], "Close"] = 9999
    two["Close"] += np.where(STEADY % 2, 0, 20_000)
    path = table(tmp_path, pd.concat([one, two]))
    assert "Line 7, column 'Close' of FILE: 9999 comes 2 times" in refusal(path, group="Shop")


# --- The command's options ----------------------------------------------------------------------


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_reading_options(parser)
    return parser.parse_args(arguments)


def test_columns_are_lists_json_or_repeated():
    assert column_names(options().columns) is None
    assert column_names(options("--columns", "A, B", "--columns", "C").columns) == ["A", "B", "C"]
    given = options("--columns", '["GDP, current US$", "B"]').columns
    assert column_names(given) == ["GDP, current US$", "B"]
    for bad, sentence in (("[A]", "is no JSON"), ("[1]", "holds more than names")):
        with pytest.raises(ValueError, match=sentence):
            column_names([bad])


def test_the_options_are_those_of_the_reader(tmp_path):
    given = options("--group", "Shop", "--missing", "drop", "--missing-value", "-5")
    series = read_csv(table(tmp_path, STACKED), **reading_choices(given))
    assert series.groups == ("north", "south")
    refuse_reading_choices(options("--columns", "A"))
    with pytest.raises(ValueError, match=r"^--missing-value is about a file of your own"):
        refuse_reading_choices(options("--missing-value", "-5"))


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ({"missing": "ignore"}, "missing is 'ignore'; expected 'refuse', 'drop' or"),
        ({"decimal": ";"}, "The decimal mark is ';'"),
        ({"date_format": "dmy"}, "The date format is 'dmy'; expected DMY"),
        ({"missing_values": "-200"}, "missing_values is '-200'; expected a list"),
    ],
)
def test_choices_that_do_not_exist(tmp_path, choices, sentence):
    assert sentence in refusal(table(tmp_path, STACKED), **choices)


def test_volumes_stay_whole(tmp_path):
    series = read_csv(write(tmp_path, text()))
    assert series.dtypes == ("float64", "int64")
    assert series.values[:, 1].tolist() == VOLUME.tolist()
