"""Forecasters that learn from generated windows, beside those of real ones; rows held out."""

import numpy as np
import pytest

from utils.datasets import Series, sliding_windows
from utils.datasets.cadence import Cadence
from utils.datasets.holdout import split_last
from utils.evaluation.cycles import periods_of
from utils.evaluation.utility import forecast_utility

WINDOW = 8


def rows(count, seed, memory=0.3):
    rng = np.random.default_rng(seed)
    made = np.zeros((count, 2))
    for t in range(1, count):
        made[t] = memory * made[t - 1] + rng.normal(size=2) * (0.6 + 0.4 * abs(made[t - 1, 0]))
    return made


def of(values, **more):
    columns = tuple(f"c{k}" for k in range(values.shape[1]))
    return Series(values, columns, None, "mine", ("",) * len(columns), "here", **more)


def test_windows_of_the_same_process_are_as_good_as_real_ones():
    train, test, fresh = (sliding_windows(rows(600, seed), WINDOW) for seed in (0, 1, 2))
    change, size = forecast_utility(fresh, train, test)
    assert change.gain_low > 0  # there is something to forecast
    assert abs(change.more) < 0.05
    assert change.low < 0 < change.high
    assert size.naive > 0
    worse, _ = forecast_utility(train.cumsum(axis=1), train, test)  # walks do not come back
    assert worse.low > 0.05
    assert worse.low < worse.more < worse.high


def test_the_same_windows_err_the_same():
    train, test = (sliding_windows(rows(300, seed), WINDOW) for seed in (0, 1))
    assert [each.more for each in forecast_utility(train, train, test)] == [0, 0]


def test_a_later_time_may_be_higher_than_all_before():
    values = np.exp(rows(900, 0) / 50 + np.linspace(0, 5, 900)[:, None])
    train, test = sliding_windows(values[:700], WINDOW), sliding_windows(values[700:], WINDOW)
    (change, _) = forecast_utility(train, train, test)
    assert change.real < 1.2 * change.naive


def test_too_little_to_forecast():
    few = sliding_windows(rows(40, 0), WINDOW)
    assert forecast_utility(few, few, few) == []
    flat = np.ones((200, WINDOW, 1))
    assert forecast_utility(flat, flat, flat) == []
    two = sliding_windows(rows(300, 0), 2)
    assert [each.task for each in forecast_utility(two, two, two)] == ["the change to the next row"]


# --- Rows held out ------------------------------------------------------------------------------


def test_the_last_rows_are_held_out():
    times = np.datetime64("2024-01-01") + np.arange(100)
    series = Series(rows(100, 0), ("a", "b"), times, "mine", ("", ""), "here", notes=("A note.",))
    past, later = split_last(series, 0.2, WINDOW)
    assert (len(past.values), len(later.values)) == (80, 20)
    np.testing.assert_array_equal(np.concatenate([past.values, later.values]), series.values)
    assert later.times[0] == times[80]
    assert past.notes[0] == "A note."
    assert "the last 20 of 100 rows, from 2024-03-21" in past.notes[1]


def test_each_sequence_is_cut_and_short_ones_stay_whole():
    series = of(rows(90, 0), starts=(0, 50, 80), groups=("x", "y", "z"))
    past, later = split_last(series, 0.3, WINDOW)
    assert past.groups == ("x", "y")
    assert past.starts == (0, 35)
    assert later.starts == (0, 15, 24)
    assert later.groups == ("x", "y", "z")
    examples = of(rows(10 * WINDOW, 0), starts=tuple(range(0, 10 * WINDOW, WINDOW)))
    for window in (WINDOW, WINDOW - 1):
        past, later = split_last(examples, 0.2, window)
        assert (len(past.starts), len(later.starts)) == (8, 2)
    two = of(rows(2 * WINDOW, 0), starts=(0, WINDOW))
    with pytest.raises(ValueError, match="too few to hold out"):
        split_last(two, 0.2, WINDOW)  # a single window would be left to train on


@pytest.mark.parametrize(("share", "count"), [(0.2, 30), (0.99, 100), (1.5, 100), (-1, 100)])
def test_what_cannot_be_held_out(share, count):
    with pytest.raises(ValueError, match=r"held out|hold out"):
        split_last(of(rows(count, 0)), share, WINDOW)


# --- Cycles -------------------------------------------------------------------------------------


def test_cycles_of_the_calendar_and_of_the_data():
    noise = np.random.default_rng(0).normal(size=(400, 1))
    wave = np.sin(2 * np.pi * np.arange(400) / 12)[:, None]
    assert periods_of(of(noise)) == ()
    assert periods_of(of(noise + 3 * wave)) == (12,)
    hours = np.datetime64("2024-01-01T00", "h") + np.arange(400)
    dated = Series(noise, ("x",), hours, "mine", ("",), "here")
    assert Cadence.of(hours).count == 3600
    assert periods_of(dated) == (24,)  # a week is seen only twice
    assert periods_of(of(np.ones((400, 1)))) == ()
