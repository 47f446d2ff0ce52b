"""Data frames and arrays as series, the dates that come next, and windows as frames again."""

import json

import numpy as np
import pandas as pd
import pytest

from utils.datasets import Cadence, Layout, Series, as_series, load_stock, read_csv
from utils.datasets.frames import decimals


def frame(index=None, rows=30, **columns):
    rng = np.random.default_rng(0)
    values = {"price": rng.normal(size=rows).cumsum().round(2), "sold": rng.poisson(4, rows)}
    return pd.DataFrame(values | columns, index=index)


# --- In -----------------------------------------------------------------------------------------


def test_a_frame_with_dates_in_its_index():
    days = pd.date_range("2024-01-01", periods=30, name="day")
    series = as_series(frame(days), "shop")
    assert series.columns == ("price", "sold")
    assert series.dtypes == ("float64", "int64")
    assert series.time_name == "day"
    assert series.times.dtype == "datetime64[D]"
    assert series.times[0] == np.datetime64("2024-01-01")
    np.testing.assert_array_equal(series.values, frame().to_numpy())


def test_a_frame_with_dates_in_a_column_and_text_beside_them():
    days = pd.date_range("2024-01-01 09:00", periods=30, freq="h")
    series = as_series(frame(at=days, shop=["a"] * 30, open=[True] * 30))
    assert series.columns == ("price", "sold")
    assert series.time_name == "at"
    assert series.times[1] == np.datetime64("2024-01-01T10:00")
    assert series.notes == (
        "Left out: 'shop' (text, such as 'a'), 'open' (true or false, such as 'True').",
    )


def test_dates_that_are_still_text_are_read():
    days = pd.date_range("2024-01-01", periods=30).strftime("%Y-%m-%d")
    series = as_series(frame(day=days))
    assert series.time_name == "day"
    assert series.times[0] == np.datetime64("2024-01-01")
    assert series.notes == ()
    with pytest.raises(ValueError, match="2024-99-01"):
        as_series(frame(day=["2024-99-01"] * 30))


def test_periods_zones_arrays_and_series():
    months = pd.period_range("2024-01", periods=30, freq="M")
    assert as_series(frame(months)).times[1] == np.datetime64("2024-02-01")
    berlin = pd.date_range("2024-07-01", periods=30, freq="h", tz="Europe/Berlin")
    series = as_series(frame(berlin))
    assert series.zone == "Europe/Berlin"
    assert series.times[0] == np.datetime64("2024-06-30T22:00")  # in UTC
    assert as_series(np.zeros((5, 2), np.float32)).dtypes == ("float32", "float32")
    assert as_series(np.arange(5)).columns == ("x0",)
    assert as_series(pd.Series([1.5, 2.0], name="x")).columns == ("x",)
    ours = load_stock()
    assert as_series(ours) is ours


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (frame().assign(price=[1.0] * 9 + [np.nan] * 21), r"Row 9 .*'price': the value is missing"),
        (frame().assign(price=[np.inf] * 30), r"Row 0 .*'price': the value is infinite"),
        (frame(pd.date_range("2024", periods=30)[[0, 2, 1, *range(3, 30)]]), r"Row 2 .*time order"),
        (pd.DataFrame({"a": ["x", "y"]}), r"no column of numbers .*'a' \(text, such as 'x'\)"),
        (frame(price=["1.5", "2.5", "oops", *["3.5"] * 27]), "Row 2 .*'oops' is not a number"),
        (frame(shop=["a"] * 15 + ["b"] * 15), r"as_series\(…, group='shop'\)"),
        (frame(price=[1.5, -9999.0, 2.5, -9999.0, *range(26)]), r"missing_values=\[-9999\]"),
        (pd.DataFrame(np.ones((3, 2)), columns=["a", "a"]), "'a' is there twice"),
        (np.zeros((2, 3, 4)), r"shape \(2, 3, 4\)"),
        (np.array(["a", "b"]), "expected a data frame, or numbers"),
        ("prices.csv", "read_csv reads a file"),
        (frame(pd.DatetimeIndex([None] * 30)), "Row 0: the date is missing"),
    ],
)
def test_bad_data_are_refused_with_their_place(data, message):
    with pytest.raises(ValueError, match=message):
        as_series(data)


def test_a_frame_is_judged_as_a_file_is():
    days = pd.date_range("2024-01-01", periods=30, name="day")
    turned = as_series(frame(days)[::-1])
    assert turned.times[0] == np.datetime64("2024-01-01")
    np.testing.assert_array_equal(turned.values, frame().to_numpy())
    assert "newest row stood first" in turned.notes[0]
    roles = as_series(frame(days, nr=np.arange(30), hour=[0] * 30, fixed=[7.5] * 30))
    assert roles.columns == ("price", "sold")
    assert "'nr' (counts the rows)" in roles.notes[0]
    text = as_series(frame(price=[f"{i**2},5" for i in range(30)], at=days.strftime("%d.%m.%Y")))
    assert text.values[2, 0] == 4.5
    assert text.times[-1] == np.datetime64("2024-01-30")
    chosen = as_series(frame(fixed=[7.5] * 30), columns=["fixed", "price"])
    assert chosen.columns == ("fixed", "price")


def test_an_index_says_when_or_which_and_is_never_data():
    years = as_series(frame(pd.RangeIndex(1980, 2010, name="year")))
    assert years.times[1] == np.datetime64("1981-01-01")
    text = as_series(frame(pd.date_range("2024-01-01", periods=30).strftime("%d/%m/%Y")))
    assert (text.time_name, text.times[1]) == ("date", np.datetime64("2024-01-02"))
    shops = as_series(frame(pd.Index(np.arange(30) ** 2 % 7, name="shop")))
    assert shops.columns == ("price", "sold")
    assert shops.notes == ("Left out: 'shop' (the index).",)
    nameless = pd.concat({name: frame() for name in "ab"})
    assert as_series(nameless, group="level_0").starts == (0, 30)


def test_a_frame_of_several_series_and_with_gaps():
    days = pd.date_range("2024-01-01", periods=30, name="day")
    levels = pd.concat({name: frame(days) for name in "ab"}, names=["shop"])
    series = as_series(levels, group="shop")
    assert (series.starts, series.groups) == ((0, 30), ("a", "b"))
    assert series.columns == ("price", "sold")
    with pytest.raises(ValueError, match=r"group='shop'"):
        as_series(levels)
    gaps = frame(days)
    gaps.iloc[10, 0] = np.nan
    assert as_series(gaps, missing="drop", min_rows=5).starts == (0, 10)
    assert as_series(gaps.to_numpy(), missing="drop", min_rows=5).starts == (0, 10)
    keyed = np.column_stack([np.repeat([3.0, 5.0], 30), np.arange(60.0)])
    assert as_series(keyed, group="x0").groups == ("3.0", "5.0")
    filled = as_series(gaps, missing="interpolate")
    assert filled.values[10, 0] == pytest.approx(filled.values[[9, 11], 0].mean())


def test_a_csv_keeps_its_types_its_date_s_name_and_says_what_it_left_out(tmp_path):
    table = frame(shop=["a"] * 30)
    table.insert(0, "Day", pd.date_range("2024-01-01", periods=30).strftime("%Y-%m-%d"))
    table.to_csv(tmp_path / "shop.csv", index=False)
    series = read_csv(tmp_path / "shop.csv")
    assert series.dtypes == ("float64", "int64")
    assert series.time_name == "Day"
    assert series.notes == ("Left out: 'shop' (text, such as 'a').",)
    assert read_csv(tmp_path / "shop.csv", ["price"]).notes == ()  # as it was asked for


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1.0, 2.0], 0), ([1.5, 2.25], 2), ([1e9 + 0.1, 3], 1), ([np.pi], None), ([0.1 + 0.2], None)],
)
def test_decimals(values, expected):
    assert decimals(np.array(values, np.float64)) == expected


# --- Cadence ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "words", "following"),
    [
        (pd.date_range("2024-01-01", periods=9), "1 day", ["2024-01-10", "2024-01-11"]),
        (pd.bdate_range("2024-01-01", periods=10), "business days", ["2024-01-15", "2024-01-16"]),
        (pd.date_range("2024", periods=9, freq="h"), "1 hour", ["2024-01-01T09", "2024-01-01T10"]),
        (pd.date_range("2024", periods=9, freq="15min"), "15 minutes", ["2024-01-01T02:15"]),
        (pd.date_range("2024", periods=9, freq="MS"), "months", ["2024-10-01", "2024-11-01"]),
        (pd.date_range("2023-09", periods=5, freq="ME"), "on the last day", ["2024-02-29"]),
        (pd.date_range("2024", periods=5, freq="QE"), "3 months", ["2025-06-30"]),
        (pd.date_range("2020", periods=5, freq="YS"), "12 months", ["2025-01-01"]),
        (pd.date_range("2024", periods=5, freq="W-SUN"), "7 days", ["2024-02-11"]),
    ],
)
def test_dates_go_on_as_the_data_s_do(times, words, following):
    cadence = Cadence.of(times.to_numpy())
    assert words in str(cadence)
    after = cadence.after(times.to_numpy()[-1], len(following))
    np.testing.assert_array_equal(after, np.array(following, "datetime64[m]"))
    assert Cadence(**json.loads(json.dumps(cadence.state()))) == cadence


def test_holidays_leave_business_days_what_they_are():
    times = load_stock("GOOG").times
    assert Cadence.of(times).kind == "business days"
    after = Cadence.of(times).after(times[-1], 300)
    assert np.is_busday(after).all()
    assert after[0] == np.datetime64("2013-03-04")  # the Monday after


def test_no_cadence_without_two_dates():
    assert Cadence.of(np.array(["2024-01-01", "2024-01-01"], "datetime64[D]")) is None


# --- Out ----------------------------------------------------------------------------------------


def layout(index=None, **columns):
    return Layout.of(as_series(frame(index, **columns)))


def test_names_types_and_decimals_are_those_of_the_data():
    days = pd.date_range("2024-01-01", periods=30, name="day")
    made = layout(days).frame(np.array([[[1.234, 5.0], [2.346, 6.0]]] * 3))
    assert list(made) == ["window", "day", "price", "sold"]
    assert made["sold"].dtype == "int64"
    assert made["price"].tolist() == [1.23, 2.35] * 3
    assert made["window"].tolist() == [0, 0, 1, 1, 2, 2]
    assert made["day"].astype(str).tolist() == ["2024-01-31", "2024-02-01"] * 3


def test_windows_start_where_one_says():
    days = pd.date_range("2024-01-01", periods=30, name="day")
    windows = np.ones((2, 3, 2))
    same = layout(days).frame(windows, "2030-05-01")
    assert same["day"].astype(str).tolist() == ["2030-05-01", "2030-05-02", "2030-05-03"] * 2
    own = layout(days).frame(windows, ["2030-05-01", "2031-05-01"])
    assert own["day"].astype(str).tolist()[::3] == ["2030-05-01", "2031-05-01"]
    for start, message in (
        ("no date", "is no date"),
        (["2030-01-01"] * 3, "3 starts for 2 windows"),
        (pd.NaT, "is no date"),
    ):
        with pytest.raises(ValueError, match=message):
            layout(days).frame(windows, start)


def test_without_dates_steps_are_counted():
    made = layout().frame(np.ones((2, 3, 2)))
    assert made["step"].tolist() == [0, 1, 2, 0, 1, 2]
    with pytest.raises(ValueError, match="The data had no dates"):
        layout().frame(np.ones((2, 3, 2)), "2024-01-01")
    taken = layout(step=np.sin(np.arange(30.0))).frame(np.ones((1, 2, 3)))
    assert list(taken) == ["window", "step_", "price", "sold", "step"]


def test_days_go_by_the_clocks_of_their_zone_and_hours_do_not():
    """In Berlin clocks went forward on 2024-03-31 at 2:00."""
    days = pd.date_range("2024-03-01", periods=30, tz="Europe/Berlin")
    made = layout(days).frame(np.ones((1, 3, 2)))
    assert made["date"].dt.hour.tolist() == [0, 0, 0]
    assert made["date"].dt.day.tolist() == [31, 1, 2]
    hours = pd.date_range("2024-03-30", periods=26, freq="h", tz="Europe/Berlin")
    table = frame(rows=26).set_axis(hours)
    made = Layout.of(as_series(table)).frame(np.ones((1, 2, 2)))
    assert made["date"].dt.hour.tolist() == [3, 4]  # there is no 2:00
    assert str(made["date"].dt.tz) == "Europe/Berlin"


def test_a_layout_survives_json():
    for index in (None, pd.bdate_range("2024", periods=30, tz="UTC")):
        made = layout(index)
        assert Layout.from_state(json.loads(json.dumps(made.state()))) == made


def test_a_date_that_nanoseconds_do_not_reach_is_kept():
    times = np.arange("3000-01-01", "3000-01-31", dtype="datetime64[D]")
    values = np.random.default_rng(0).normal(size=(30, 1))
    far = Series(values, ("x",), times, "far", ("",), "here")
    assert str(Layout.of(far).frame(np.ones((1, 2, 1)))["date"].iloc[0]).startswith("3000-01-31")
