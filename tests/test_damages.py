"""Controlled damages: the measures notice what they are there for, and nothing in fair windows."""

import numpy as np
import pytest

from benchmarks import damages
from utils.datasets import sliding_windows


@pytest.fixture(scope="module")
def task():
    return damages.Task("Sines", count=300)


def found(task, damage, strength=1.0):
    return damages.noticed(task, *damages.damaged(task, damage, strength), repeats=60)


def test_nothing_is_noticed_in_what_is_not_damaged(task):
    assert not any(noticed for noticed, _ in found(task, "none", 0).values())


@pytest.mark.parametrize(
    ("damage", "measures"),
    [
        ("noise", ["changes", "sizes of changes", "TSTR, change"]),
        ("shuffled time", ["changes", "cycles"]),
        ("lost tails", ["tails"]),
        ("mode dropped", ["level"]),
        ("copies", ["copies", "attack"]),
        ("clipped at bounds", ["spread"]),
        ("smoothed", ["sizes of changes"]),
        ("mean shift", ["level"]),
        ("narrowed column", ["spread"]),
        ("reversed time", ["changes"]),
    ],
)
def test_the_right_measure_notices(task, damage, measures):
    noticed = found(task, damage)
    assert {measure for measure in measures if not noticed[measure][0]} == set()


def test_a_column_that_comes_late():
    task = damages.Task("GOOG", count=700)
    assert found(task, "lagged column")["order of columns"][0]  # Open ≤ High holds no more
    assert not found(task, "none", 0)["order of columns"][0]


def test_stronger_damages_change_more():
    task = damages.Task("GOOG", count=500)
    assert task.train.shape == task.fair.shape
    assert sliding_windows(task.train[:, 0], 2).shape[0] == len(task.train) - 1
    for name in damages.DAMAGES:
        apart = [
            np.abs(damages.damaged(task, name, strength)[0] - task.train).mean()
            for strength in (0.1, 0.9)
        ]
        assert 0 < apart[0] < apart[1], name
    np.testing.assert_array_equal(damages.damaged(task, "none", 0)[0], task.train)


def test_the_table_holds_the_least_strength():
    rows = [
        {"data": "GOOG", "damage": "noise", "strength": s, "found": {"tails": [s >= 0.5, 0.1]}}
        for s in damages.STRENGTHS
    ]
    assert damages.first_noticed(rows, "GOOG", "noise", "tails") == "0.5"
    assert damages.first_noticed(rows, "GOOG", "noise", "spread") == "–"
    assert "| noise | 0.5 |" in damages.markdown(rows)
