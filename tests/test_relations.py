"""What holds in every row of a series is found, told, and recognised in other rows."""

from __future__ import annotations

import json

import numpy as np
import pytest

from utils.datasets import load_stock
from utils.datasets.relation import Relation
from utils.datasets.relations import find_relations

ROWS = 400


def named(rows: np.ndarray, *columns: str, **more: object) -> list[Relation]:
    columns = columns or tuple("abcdefghijkl"[: rows.shape[1]])
    return find_relations([rows], columns, **more)  # type: ignore[arg-type]


def walk(rows: int = ROWS, features: int = 1, seed: int = 0) -> np.ndarray:
    steps = np.random.default_rng(seed).normal(size=(rows, features))
    return steps.cumsum(axis=0).round(3)


def machine(rows: int = 1200, seed: int = 0) -> np.ndarray:
    """A machine that is off (about 3 W) or on (about 1,500 W), and the flag that says so."""
    rng = np.random.default_rng(seed)
    on = (np.sin(np.arange(rows) / 9) > 0.3).astype(float)
    power = np.where(on == 1, rng.normal(1500, 10, rows), rng.normal(3, 0.3, rows)).round(1)
    return np.column_stack([on, power])


def kinds(relations: list[Relation]) -> list[str]:
    return [relation.kind for relation in relations]


def test_prices_are_ordered() -> None:
    series = load_stock("GOOG")
    (order,) = find_relations([series.values], series.columns)
    assert order.text == "Low ≤ Open, Close ≤ High in every row."
    assert order.holds(series.values).all()
    broken = series.values.copy()
    at = [series.columns.index(name) for name in ("Low", "Open")]
    broken[7, at[0]] = broken[7, at[1]] + 0.01
    assert np.flatnonzero(~order.holds(broken)).tolist() == [7]


def test_columns_that_lie_apart_or_cross_have_no_order() -> None:
    one, other = walk(features=2).T
    assert "order" not in kinds(named(np.column_stack([one, other])))
    assert "order" not in kinds(named(np.column_stack([one, one + 1000 + other])))


@pytest.mark.parametrize("features", [3, 40])
def test_random_walks_have_no_relations(features: int) -> None:
    for seed in range(5):
        assert named(walk(features=features, seed=seed), *map(str, range(features))) == []


def test_shares_sum_to_a_constant() -> None:
    rng = np.random.default_rng(1)
    shares = 100 * rng.dirichlet([30, 40, 20, 10], ROWS)
    shares = shares.round(1)
    (total,) = named(shares, "wind", "solar", "gas", "coal")
    assert total.kind == "sum"
    assert total.text == "wind + solar + gas + coal = 100 in every row, but for rounding."
    assert total.holds(shares).all()
    assert not total.holds(shares + np.array([1.0, 0, 0, 0])).any()


@pytest.mark.parametrize(
    ("weights", "constant", "text"),
    [
        ((1, 1), 0, "c = a + b in every row"),
        ((1, -1), 0, "c = a − b in every row"),
        ((2, 0), 0, "c = 2 × a in every row"),
        ((1.8, 0), 32, "c = 1.8 × a + 32 in every row"),
    ],
)
def test_a_column_that_others_give(weights: tuple, constant: float, text: str) -> None:
    rows = walk(features=2)
    rows = np.column_stack([rows, (rows @ weights + constant).round(3)])
    (given,) = [found for found in named(rows) if found.kind == "linear"]
    assert given.text.startswith(text)
    assert given.holds(rows).all()
    assert not given.holds(rows + np.array([0, 0, 0.1])).any()


def test_near_collinear_is_no_relation() -> None:
    rows = walk(features=2)
    noisy = rows.sum(axis=1) + np.random.default_rng(3).normal(size=ROWS) * 0.05
    assert named(np.column_stack([rows, noisy.round(3)])) == []


def test_one_hot_columns() -> None:
    states = np.random.default_rng(2).integers(0, 3, ROWS)
    rows = np.column_stack([np.eye(3)[states], walk()])
    (group,) = named(rows, "idle", "on", "fault", "vibration")
    assert group.kind == "one-hot"
    assert group.columns == ("idle", "on", "fault")
    assert (
        group.text == "Exactly one of 'idle', 'on' and 'fault' is 1 in every row, the others are 0."
    )
    none = rows.copy()
    none[0, :3], none[1, :3] = 0, [1, 1, 0]
    assert np.flatnonzero(~group.holds(none)).tolist() == [0, 1]


def test_a_flag_and_a_gap() -> None:
    rows = machine()
    flag, gap = named(rows, "on", "power")
    assert (flag.kind, gap.kind) == ("function", "gap")
    assert flag.text.startswith("'on' is 1 exactly where 'power' is 1,4")
    assert gap.text.startswith("'power' is never between ")
    between = rows + np.array([0, 500])
    assert gap.holds(rows).all()
    assert not gap.holds(between)[rows[:, 0] == 0].any()
    assert not flag.holds(np.column_stack([1 - rows[:, 0], rows[:, 1]])).any()


def test_a_state_that_another_state_gives() -> None:
    day = np.random.default_rng(4).integers(0, 7, ROWS).astype(float)
    rows = np.column_stack([day, day >= 5])
    found = {relation.kind: relation for relation in named(rows, "weekday", "weekend")}
    assert found["function"].columns == ("weekday", "weekend")
    assert found["function"].holds(rows).all()
    assert not found["function"].holds(np.column_stack([day, day < 5])).any()


def test_combinations_that_never_occur() -> None:
    rng = np.random.default_rng(11)
    running = rng.random(ROWS) < 0.5
    defrost = ~running & (rng.random(ROWS) < 0.5)
    free = rng.random(ROWS) < 0.5
    rows = np.column_stack([running, defrost, free]).astype(float)
    together, *_ = named(rows, "running", "defrost", "free")
    assert together.text == "'running' and 'defrost' take 3 of their 4 combinations only."
    assert together.holds(rows).all()
    assert not together.holds(np.ones((1, 3))).any()
    slow = np.column_stack([np.arange(ROWS) >= 200, np.arange(ROWS) < 100]).astype(float)
    assert "together" not in kinds(named(slow))  # two changes prove nothing


def test_a_clock_with_all_that_it_drives() -> None:
    hours = np.arange(24 * 7 * 4)
    rows = np.column_stack([hours % 24, hours // 24 % 7, hours // 24 % 7 >= 5, walk(len(hours))])
    (clock,) = named(rows, "hour", "weekday", "weekend", "load")
    assert clock.kind == "clock"
    assert clock.columns == ("hour", "weekday", "weekend")
    assert "168 states" in clock.text
    assert clock.holds(rows[30:60]).all()
    assert not clock.holds(rows[::-1])[1:].any()


def test_totals_that_grow_fall_or_start_again() -> None:
    steps = np.random.default_rng(5).poisson(2.0, ROWS).astype(float)
    grows, resets = steps.cumsum(), steps.copy()
    for t in range(1, ROWS):
        resets[t] = 0 if t % 24 == 0 else resets[t - 1] + steps[t]
    rows = np.column_stack([grows, -grows * 3 + walk()[:, 0] * 0, resets])
    found = {r.columns[0]: r for r in named(rows) if r.kind in ("total", "resetting")}
    assert found["a"].text == "'a' never falls."
    assert found["c"].text == "'c' falls only to start again at 0."
    assert found["c"].holds(rows).all()
    assert not found["a"].holds(rows[::-1]).all()


def test_a_step_across_sequences_is_none() -> None:
    grows = np.random.default_rng(6).poisson(2.0, (2, 100, 1)).cumsum(axis=1).astype(float)
    assert "total" in kinds(find_relations(list(grows), ["a"]))
    assert "total" not in kinds(find_relations([grows.reshape(200, 1)], ["a"]))


def test_few_values_a_grid_and_an_atom() -> None:
    rng = np.random.default_rng(7)
    price = rng.choice([7.99, 9.99, 12.5], ROWS)
    quarters = walk(seed=8)[:, 0] // 0.25 * 0.25
    rain = np.where(rng.random(ROWS) < 0.6, 0, rng.gamma(1.0, 3.0, ROWS)).round(2)
    rows = np.column_stack([price, quarters, rain])
    few, grid, atom = named(rows, "price", "level", "rain")
    assert few.text == "'price' takes 3 values only: 7.99, 9.99, 12.5."
    assert grid.text == "'level' moves on a fixed grid: steps of 0.25."
    assert atom.text.startswith("'rain' is exactly 0 in ")
    assert atom.share == pytest.approx((rain == 0).mean())
    assert few.holds(rows).all()
    assert grid.holds(rows).all()
    assert not few.holds(rows + 0.1).any()
    assert not grid.holds(rows + 0.1).any()


def test_small_counts_are_numbers_not_states() -> None:
    counts = np.random.default_rng(9).poisson(2.0, (2000, 1)).astype(float)
    assert counts.max() > 6
    assert "values" not in kinds(named(counts))


def test_too_few_rows_prove_nothing() -> None:
    assert named(np.column_stack([np.arange(49.0), np.arange(49.0) * 2])) == []


def test_windows_and_json() -> None:
    for relation in named(machine()):
        again = Relation.from_state(json.loads(json.dumps(relation.state())))
        assert again == relation
        windows = machine()[:48].reshape(2, 24, 2)
        assert again.holds(windows).shape == (2, 24)
    with pytest.raises(ValueError, match=r"\(windows, time, features\) with at least"):
        relation.holds(np.zeros((2, 24, 1)))
    with pytest.raises(ValueError, match=r"expected \(time, 2\)"):
        find_relations([np.zeros((60, 3))], ["a", "b"])


def test_many_rows_and_columns_take_seconds() -> None:
    rows = walk(20_000, 60)
    rows[:, 59] = rows[:, 3] + rows[:, 4]
    (given,) = named(rows, *map(str, range(60)))
    assert given.text == "59 = 3 + 4 in every row."
