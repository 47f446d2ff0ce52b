"""What holds in every row of the data holds in every row that is decoded, whatever is generated."""

from __future__ import annotations

import copy
import functools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from utils.datasets import sliding_windows
from utils.lstm_gan.margins import SCALE, Margin, RankMap, Total
from utils.lstm_gan.repairs import Bounds, ordered
from utils.lstm_gan.states import Clock, States
from utils.lstm_gan.structure import Structure

ROWS, TIME = 1200, 12
COLUMNS = {
    "prices": ("Open", "High", "Low", "Close"),
    "shares": ("wind", "solar", "gas", "demand"),
    "books": ("revenue", "cost", "profit", "fahrenheit", "celsius"),
    "one-hot": ("idle", "running", "fault", "vibration"),
    "machine": ("on", "power", "temperature"),
    "calendar": ("hour", "weekday", "weekend", "load"),
    "totals": ("cases", "deaths", "today", "left"),
    "cases": ("confirmed", "recovered", "deaths", "active"),
    "bill": ("energy", "grid", "total"),
    "plant": ("compressor", "defrost", "mode", "pressure"),
    "shop": ("sold", "price", "code", "flag", "level"),
}


def walk(rng: np.random.Generator, scale: float = 1.0) -> np.ndarray:
    return (rng.normal(size=ROWS) * scale).cumsum()


def table(name: str, seed: int = 0) -> np.ndarray:
    """Return a table of one of the kinds above, (ROWS, features)."""
    rng, time = np.random.default_rng(seed), np.arange(ROWS)
    dwelling = np.repeat(rng.integers(0, 3, ROWS), rng.geometric(0.05, ROWS))[:ROWS]
    if name == "prices":
        close = 100 + walk(rng, 0.5)
        opened = close + rng.normal(size=ROWS)
        high = np.maximum(opened, close) + rng.exponential(0.7, ROWS)
        low = np.minimum(opened, close) - rng.exponential(0.7, ROWS)
        columns = [opened.round(2), (high + 0.1).round(1), low.round(3), close.round(2)]
    elif name == "shares":
        shares = (100 * rng.dirichlet([30, 20, 5], ROWS)).round(2)
        shares[:, 2] = (100 - shares[:, 0] - shares[:, 1]).round(2)
        columns = [*shares.T, walk(rng).round(1)]
    elif name == "books":
        revenue, cost = rng.gamma(3, 20, ROWS).round(2), rng.gamma(3, 10, ROWS).round(2)
        celsius = (walk(rng, 0.2)).round(1)
        columns = [revenue, cost, (revenue - cost).round(2), (celsius * 1.8 + 32).round(2), celsius]
    elif name == "one-hot":
        vibration = np.abs(np.array([0.1, 1.0, 3.0])[dwelling] * (1 + 0.1 * rng.normal(size=ROWS)))
        columns = [*np.eye(3)[dwelling].T, vibration.round(3)]
    elif name == "machine":
        on = (np.sin(time / 9) > 0.3).astype(float)
        power = np.where(on == 1, rng.normal(1500, 10, ROWS), rng.normal(3, 0.3, ROWS))
        columns = [on, power.round(1), (20 + np.sin(time / 9 - 1)).round(2)]
    elif name == "calendar":
        day = time // 24 % 7
        load = 400 + 90 * np.sin(time % 24 / 24 * 2 * np.pi) + rng.normal(size=ROWS)
        columns = [time % 24, day, day >= 5, load.round(1)]
    elif name == "totals":
        today = rng.poisson(rng.gamma(1, 2, ROWS))
        since = np.array([today[t - t % 24 : t + 1].sum() for t in time])
        columns = [today.cumsum(), (today // 3).cumsum(), since, 9000 - (today // 2).cumsum()]
    elif name == "plant":
        mode = np.repeat(rng.integers(0, 3, ROWS), 3)[:ROWS]
        running = np.where(mode == 0, 0, rng.random(ROWS) < 0.7)
        defrost = np.where(running == 1, 0, rng.random(ROWS) < 0.4)
        columns = [running, defrost, mode, (2 + running + rng.normal(size=ROWS)).round(2)]
    elif name == "cases":
        new = rng.poisson(20, ROWS)
        deaths = (new // 12).cumsum()
        recovered = np.r_[np.zeros(14), new[:-14] - new[:-14] // 12].cumsum()
        columns = [new.cumsum(), recovered, deaths, new.cumsum() - recovered - deaths]
    elif name == "bill":
        energy = np.where(time % 3 > 0, rng.normal(1500, 10, ROWS), rng.normal(3, 0.3, ROWS))
        grid = np.where(rng.random(ROWS) < 0.3, 0, rng.gamma(2, 200, ROWS))
        columns = [energy.round(1), grid.round(1), (energy.round(1) + grid.round(1)).round(1)]
    else:
        sold = np.where(rng.random(ROWS) < 0.8, 0, rng.poisson(5, ROWS))
        price = np.array([7.99, 9.99, 12.5])[dwelling]
        level = 18 + walk(rng, 0.3) // 0.25 * 0.25
        columns = [sold, price, np.array([1, 2, 4])[dwelling[::-1]], price == 7.99, level]
    return np.column_stack([np.asarray(column, np.float64) for column in columns])


@functools.cache
def _fitted(name: str) -> tuple[np.ndarray, Structure]:
    rows = table(name)
    return rows, Structure().fit([rows], COLUMNS[name])


def fitted(name: str) -> tuple[np.ndarray, Structure]:
    """Return a table and its structure, which a test may calibrate."""
    rows, structure = _fitted(name)
    return rows, Structure.from_state(structure.state())


def noise(encoded: np.ndarray, count: int = 300, seed: int = 1) -> np.ndarray:
    """Windows of independent numbers of the size of the encoded data, and half as much again."""
    rng = np.random.default_rng(seed)
    sizes = rng.normal(size=(count, TIME, encoded.shape[1])) * encoded.std(axis=0) * 1.5
    return encoded.mean(axis=0) + sizes


def assert_all_holds(structure: Structure, rows: np.ndarray, windows: np.ndarray) -> None:
    assert structure.relations
    for relation in structure.relations:
        if relation.kind != "atom" and relation not in structure.broken:
            assert relation.holds(windows).all(), relation.text
    assert (windows >= rows.min(axis=0)).all()
    assert (windows <= rows.max(axis=0)).all()
    for i, places in enumerate(structure.bounds.places):
        if places is not None:
            np.testing.assert_array_equal(windows[..., i].round(places), windows[..., i])


@pytest.mark.parametrize("name", COLUMNS)
def test_what_holds_in_the_data_holds_in_all_that_is_decoded(name: str) -> None:
    rows, structure = fitted(name)
    assert not structure.broken
    (encoded,) = structure.encode([rows])
    assert encoded.shape == (ROWS, structure.features)
    assert_all_holds(structure, rows, structure.decode(noise(encoded)))
    structure.calibrate(noise(encoded))
    assert_all_holds(structure, rows, structure.decode(noise(encoded, seed=2)))


@pytest.mark.parametrize("name", COLUMNS)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_whatever_is_generated(name: str, data: st.DataObject) -> None:
    rows, structure = fitted(name)
    anything = st.floats(-1e9, 1e9, allow_nan=False)
    windows = data.draw(hnp.arrays(np.float64, (3, TIME, structure.features), elements=anything))
    assert_all_holds(structure, rows, structure.decode(windows))


@pytest.mark.parametrize("name", COLUMNS)
def test_the_data_come_back(name: str) -> None:
    rows, structure = fitted(name)
    (encoded,) = structure.encode([rows])
    back = structure.decode(sliding_windows(encoded, TIME))
    np.testing.assert_allclose(back, sliding_windows(rows, TIME), atol=1e-9)


def test_the_columns_of_all_kinds_in_one_table() -> None:
    rows = np.column_stack([table(name) for name in COLUMNS])
    structure = Structure().fit([rows], [name for names in COLUMNS.values() for name in names])
    (encoded,) = structure.encode([rows])
    structure.calibrate(noise(encoded))
    assert_all_holds(structure, rows, structure.decode(noise(encoded, seed=2)))


def test_data_without_relations_pass_untouched() -> None:
    rows = np.random.default_rng(3).normal(size=(300, 3)).cumsum(axis=0)
    structure = Structure().fit([rows], ["a", "b", "c"])
    windows = noise(rows)
    assert structure.decode(windows) is windows
    assert structure.sentences() == []


@pytest.mark.parametrize("name", COLUMNS)
def test_a_structure_is_stored_as_json(name: str) -> None:
    rows, structure = fitted(name)
    (encoded,) = structure.encode([rows])
    structure.calibrate(noise(encoded))
    again = Structure.from_state(json.loads(json.dumps(structure.state())))
    windows = noise(encoded, seed=4)
    for other in (again, copy.deepcopy(structure)):
        np.testing.assert_array_equal(other.decode(windows), structure.decode(windows))
    assert again.sentences() == structure.sentences()
    np.testing.assert_array_equal(again.encode([rows])[0], encoded)


def test_sequences_of_other_lengths_are_encoded_apart() -> None:
    rows = table("calendar")
    structure = Structure().fit([rows[:500], rows[500:]], COLUMNS["calendar"])
    parts = structure.encode([rows[:500], rows[500:]])
    assert [len(part) for part in parts] == [500, 700]
    np.testing.assert_allclose(np.concatenate(parts), structure.encode([rows])[0], atol=1e-9)


def test_windows_of_another_width_are_refused() -> None:
    structure = fitted("calendar")[1]
    with pytest.raises(ValueError, match=r"expected \(windows, time, 5\)"):
        structure.decode(np.zeros((2, 3, 4)))


def test_the_sentences_say_what_is_kept() -> None:
    said = " ".join(fitted("machine")[1].sentences())
    assert "'on' is 1 exactly where 'power'" in said
    assert "values of it: 'power'" in said


# --- The parts ----------------------------------------------------------------------------------


def test_an_order_moves_only_what_breaks_it() -> None:
    bounds = Bounds(np.zeros(3), np.full(3, 9.0), [None] * 3, np.zeros(3))
    values = np.array([[1.0, 2.0, 3.0], [4.0, 2.0, 5.0]])
    result = ordered(values, [(0, 1), (1, 2)], bounds)
    np.testing.assert_array_equal(result, [[1, 2, 3], [2.5, 3.5, 5]])


def test_states_get_their_shares_and_change_as_often() -> None:
    rows = table("shop")[:, [1]]
    states = States([0]).fit([rows])
    windows = sliding_windows(states.encode(rows), TIME)
    blurred = windows + np.random.default_rng(5).normal(0.8, 1, windows.shape)
    states.calibrate(blurred)
    made = states.decode(states.code(blurred))[..., 0]
    for value in np.unique(rows):
        assert (made == value).mean() == pytest.approx((rows == value).mean(), abs=0.03)
    changes = (np.diff(rows[:, 0]) != 0).mean()
    assert (np.diff(made, axis=1) != 0).mean() == pytest.approx(changes, abs=0.5 * changes)


def test_states_follow_each_other_as_in_the_data() -> None:
    rows = np.tile([0.0, 0, 1, 1, 2, 2], 100)[:, None]  # never from 0 to 2 or from 1 to 0
    states = States([0]).fit([rows])
    made = states.code(np.random.default_rng(6).normal(1, 1, (200, 24, 1)))
    assert set(map(tuple, np.stack([made[:, :-1], made[:, 1:]], -1).reshape(-1, 2))) <= {
        (0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 0),
    }  # fmt: skip


def test_a_rare_spike_stays_rare() -> None:
    rows = np.zeros((400, 1))
    rows[200] = 0.3
    states = States([0]).fit([rows])
    generated = np.random.default_rng(7).normal(0, 0.1, (1000, TIME, 1))
    states.calibrate(generated)
    assert (states.code(generated) == 1).mean() < 0.01


def test_a_clock_reads_the_whole_window() -> None:
    hours = np.arange(24.0)[:, None]
    clock = Clock([0], hours)
    rows = np.arange(5, 105)[:, None] % 24
    noisy = sliding_windows(clock.encode(rows), 24)
    noisy = noisy + np.random.default_rng(8).normal(size=noisy.shape) * 0.5
    found = clock.decode(noisy)
    off = (found[:, 0, 0] - rows[: len(found), 0] + 12) % 24 - 12
    assert np.abs(off).max() <= 2
    assert ((found[:, 1:] - found[:, :-1]) % 24 == 1).all()


def test_a_week_is_told_by_the_day_and_the_hour() -> None:
    time = np.arange(168)
    clock = Clock([0, 1], np.column_stack([time % 24, time // 24]))
    assert clock.periods == [24, 168]


def test_a_margin_restores_zeros_by_rank() -> None:
    rng = np.random.default_rng(9)
    rain = np.where(rng.random(5000) < 0.6, 0.0, rng.gamma(1, 3, 5000))
    generated = rng.normal(size=(1000, TIME, 1))
    made = Margin(0).fit(rain).calibrate(generated).decode(generated)
    assert (made == 0).mean() == pytest.approx(0.6, abs=0.02)
    assert not ((made > 0) & (made < rain[rain > 0].min())).any()
    assert not np.isin(made[made > 0], rain).all()  # single values are joined by lines
    order = np.argsort(generated, axis=None)
    assert (np.diff(made.ravel()[order]) >= 0).all()


def test_equal_values_share_the_middle_of_their_ranks() -> None:
    ranks = RankMap(np.arange(100.0)).calibrate(np.r_[np.zeros(60), np.arange(1, 41)])
    assert ranks.transform(np.array([0.0, 40.0])).tolist() == [29.5, 99.0]


def test_a_rank_map_leaves_gaps_and_repeated_values_alone() -> None:
    target = np.r_[np.zeros(50), np.linspace(1, 2, 25), np.linspace(5, 6, 25)]
    made = RankMap(target).calibrate(np.arange(1000.0)).transform(np.linspace(0, 999, 5000))
    assert (made == 0).mean() == pytest.approx(0.5, abs=0.01)
    assert not (((made > 0) & (made < 1)) | ((made > 2) & (made < 5))).any()
    assert len(np.unique(made)) > 400


def test_a_total_adds_up_the_changes_of_the_data() -> None:
    rng = np.random.default_rng(10)
    rows = rng.poisson(0.7, 500).cumsum().astype(float)
    generated = (rng.normal(0.7, 1, (400, TIME, 1)).cumsum(axis=1) + 100) * SCALE
    total = Total(0).fit([rows])
    made = total.calibrate(generated).decode(generated)
    steps = np.diff(made, axis=1)
    assert (steps >= 0).all()
    assert (steps == 0).mean() == pytest.approx((np.diff(rows) == 0).mean(), abs=0.03)
    assert made.max() <= rows.max()
