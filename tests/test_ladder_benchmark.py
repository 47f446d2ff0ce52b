"""The ladder of lesson 10: its switches do what they say, its benchmark keeps and drops rows."""

import dataclasses
import itertools
import json

import keras
import numpy as np
import pytest

from benchmarks import ladder as benchmark
from utils import datasets
from utils.lessons import ladder

SMALL = {"windows": 60, "window": 24, "units": 4, "steps": 2, "judges": 1}


@pytest.fixture(scope="module")
def real():
    return datasets.load_sines(60, 24)


def test_each_row_adds_one_ingredient_and_each_control_takes_one_away():
    def switched(one, other):
        pairs = zip(dataclasses.astuple(one), dataclasses.astuple(other), strict=True)
        return sum(a != b for a, b in pairs)

    rows = [*ladder.LADDER.values()]
    assert [switched(a, b) for a, b in itertools.pairwise(rows)] == [1] * 5
    assert rows[-1] == ladder.Ingredients()
    assert [switched(rows[-1], one) for one in ladder.LEFT_OUT.values()] == [1] * 4


@pytest.mark.parametrize("steps", [False, True])
def test_units_there_and_back(real, steps):
    between = ladder.Units(real, steps)
    made = between.there(real)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made.std(axis=0 if steps else (0, 1)), 1, rtol=1e-3)
    np.testing.assert_allclose(between.back(made), real, atol=1e-5)
    seen = np.asarray(between.view(made))
    values = (real - between.centre) / between.size
    np.testing.assert_allclose(seen[..., -5:], values, atol=1e-4)
    assert seen.shape[-1] == (10 if steps else 5)


def test_sines_are_sines_and_noise_is_not(real):
    assert ladder.off_a_sine(real) < 1e-6
    noise = np.random.default_rng(1).uniform(size=real.shape)
    assert ladder.off_a_sine(noise) > 0.1
    # U(0, 0.05) lies a half from U(0, 0.1).
    t = np.arange(24)[:, None]
    slow = np.sin(np.random.default_rng(2).uniform(0, 0.05, (400, 1, 5)) * t + 0.05) / 2 + 0.5
    assert abs(ladder.frequency_gap(slow) - 0.5) < 0.05


@pytest.mark.parametrize("name", ["fresh noise", "+ average: all five"])
def test_a_row_is_trained_and_the_seed_decides(real, name):
    options = {"steps": 2, "units": 4, "count": 30}
    one, again, other = (
        ladder.train_row(real, ladder.LADDER[name], seed=seed, **options) for seed in (1, 1, 2)
    )
    assert one.shape == (30, 24, 5)
    assert np.isfinite(one).all()
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other)


def test_latents_drawn_once_stay():
    seeds = keras.random.SeedGenerator(1)
    once, fresh = (np.asarray(ladder.draw_latents(3, 24, once, seeds)) for once in (True, False))
    assert (once == once[:, :1]).all()
    assert not (fresh == fresh[:, :1]).all()


def test_rows_are_kept_while_their_switches_and_sizes_are_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "ROWS", dict([*ladder.LADDER.items()][:1]))
    name = next(iter(benchmark.ROWS))
    row = {"row": name, "seed": 1, "identity": benchmark.identity(name, SMALL), "versions": "x"}
    row |= dict.fromkeys(benchmark.COLUMNS, 0.25)
    stale = row | {"seed": 2, "identity": "of something else"}
    (tmp_path / "ladder.json").write_text(json.dumps({"rows": [row, stale]}))
    measured = benchmark.measure(name, 2, SMALL)
    assert measured["identity"] == row["identity"]
    assert 0 <= measured["strong judge"] <= 0.5
    arguments = ["--seeds", "1", "--out", str(tmp_path)]
    assert benchmark.main(arguments, SMALL) == 0
    assert json.loads((tmp_path / "ladder.json").read_text())["rows"] == [row]
    text = (tmp_path / "ladder.md").read_text()
    assert f"| {name} | 1 | 0.2500 | 0.2500 | 0.2500 |" in text
    assert benchmark.identity(name, SMALL | {"steps": 3}) != row["identity"]
