"""Facts beside a band of real blocks, and columns that lost their spread."""

import re

import numpy as np
import pytest

from utils.evaluation.bands import real_bands, spreads_outside
from utils.evaluation.blocks import blocks_of, positions
from utils.evaluation.window_facts import BETWEEN, CHANGES, GROUPS, LEVEL, ORDER, SIZES, Reading
from utils.lstm_gan.collapse import collapsed

NAMES = ("a", "b")


def series(rows, seed, memory=0.5, features=2):
    """Rows of autoregressions of order one with a common shock, (rows, features)."""
    rng = np.random.default_rng(seed)
    shocks = rng.normal(size=(rows + 50, features)) + rng.normal(size=(rows + 50, 1))
    made = np.zeros_like(shocks)
    for t in range(1, len(made)):
        made[t] = memory * made[t - 1] + shocks[t]
    return made[50:]


def cut(rows, window=12):
    return np.stack([rows[i : i + window] for i in range(len(rows) - window + 1)])


@pytest.fixture(scope="module")
def real():
    return cut(series(1200, 0))


@pytest.fixture(scope="module")
def other():
    return cut(series(1200, 1))


def test_windows_share_a_row_where_positions_are_close():
    rows = positions([7, 2, 5], 4)
    assert rows.tolist() == [0, 1, 2, 3, 11, 12]
    assert positions([3], 4).tolist() == []


def test_blocks_are_longer_than_windows_and_enough():
    blocks = blocks_of(np.arange(2000), 24)
    assert np.bincount(blocks).min() >= 48
    assert 15 < blocks[-1] + 1 < 25
    assert blocks_of(np.arange(400), 24)[-1] + 1 >= 8  # shorter ones, where rows are few
    assert blocks_of(np.arange(30), 24) is None
    assert blocks_of(positions([24] * 5000, 24), 24)[-1] + 1 <= 101
    assert (np.diff(blocks) >= 0).all()


def test_facts_are_what_they_say(real):
    reading = Reading.of(real, real, NAMES)
    found = {(name, of): float(v) for _, name, of, v in reading.facts(reading.means(real))}
    rows, changes = real.reshape(-1, 2), np.diff(real, axis=1)
    assert found["mean", "a"] == pytest.approx(rows[:, 0].mean())
    assert found["sd", "b"] == pytest.approx(rows[:, 1].std())
    assert found["5% quantile", "a"] == pytest.approx(np.quantile(rows[:, 0], 0.05))
    assert found["sd of changes", "a"] == pytest.approx(changes[..., 0].std())
    flat = changes.reshape(-1, 2)
    assert found["correlation of changes", "a × b"] == pytest.approx(np.corrcoef(flat.T)[0, 1])
    before, after = changes[:, :-1, 0].ravel(), changes[:, 1:, 0].ravel()
    expected = np.corrcoef(before, after)[0, 1]
    assert found["ACF of changes, lag 1", "a"] == pytest.approx(expected, abs=0.01)
    assert found["share of rows", "a ≤ b"] == pytest.approx((rows[:, 0] <= rows[:, 1]).mean())


def test_sums_of_blocks_give_the_same_facts(real):
    reading = Reading.of(real, real, NAMES)
    sums = reading.sums(real, np.arange(len(real)) // 100)
    count = sums.pop("windows").sum()
    means = {name: values.sum(axis=0) / count for name, values in sums.items()}
    exact = list(reading.facts(reading.means(real)))
    for (*key, one), (*_, other) in zip(exact, reading.facts(means), strict=True):
        # Quantiles are interpolated in a grid; those of rare changes have few values around them.
        rel = 0.1 if "quantile of changes" in key[1] else 0.02
        assert one == pytest.approx(other, rel=rel, abs=0.02), key


def test_another_stretch_of_reality_is_inside(real, other):
    bands = real_bands(real, other, columns=NAMES)
    assert not bands.beyond_chance()
    outside, count = bands.outside()
    assert outside < 0.12 * count
    assert (bands.table["low"] <= bands.table["high"]).all()
    assert sum(bands.outside(group)[1] for group in GROUPS) == count


@pytest.mark.parametrize(
    ("damage", "group"),
    [
        (lambda x: x + 1, LEVEL),
        (lambda x: np.stack([x[..., 0], np.roll(x[..., 1], 7, axis=0)], axis=-1), BETWEEN),
        (lambda x: x * np.resize([0.3, 1.38], len(x))[:, None, None], SIZES),
    ],
)
def test_what_is_different_is_outside(real, other, damage, group):
    assert not real_bands(real, other).beyond_chance(group)
    assert real_bands(real, damage(other)).beyond_chance(group)


def test_shuffled_time_is_outside():
    real, other = (cut(series(1200, seed, memory=0.8)) for seed in (0, 1))
    assert not real_bands(real, other).beyond_chance(CHANGES)
    shuffled = np.random.default_rng(0).permuted(other, axis=1)
    assert real_bands(real, shuffled).beyond_chance(CHANGES)


def test_an_order_that_always_holds_has_no_width(real, other):
    real, other = np.sort(real, axis=2), np.sort(other, axis=2)
    bands = real_bands(real, other, columns=NAMES)
    assert bands.outside(ORDER) == (0, 1)
    other[3, 2] = other[3, 2, ::-1]
    assert real_bands(real, other, columns=NAMES).outside(ORDER) == (1, 1)


def test_few_windows_have_facts_and_no_band(real):
    bands = real_bands(real[:30], real[100:130])
    assert bands.blocks == 0
    assert bands.outside()[0] == 0
    assert not bands.beyond_chance()
    assert bands.table["low"].isna().all()
    assert spreads_outside(bands, 1.25) == []


def test_constant_columns_and_two_rows(real, other):
    flat = np.stack([real[..., 0], np.full(real.shape[:2], 7.0)], axis=-1)
    bands = real_bands(flat, flat)
    assert bands.outside()[0] == 0
    assert real_bands(real[:, :2], other[:, :2], columns=NAMES).blocks > 8
    with pytest.raises(ValueError, match="expected at least 2"):
        real_bands(real[:, :1], other[:, :1])
    with pytest.raises(ValueError, match="1 names for 2 features"):
        real_bands(real, other, columns=("a",))


def test_a_column_that_lost_a_third_of_its_spread_is_seen(real, other):
    assert collapsed(real, other) == []
    narrow = other.copy()
    narrow[..., 1] *= 0.67
    (found,) = collapsed(real, narrow, columns=("a", "b"))
    assert found.wrong
    assert [row[0] for row in found.rows] == ["b"]
    assert re.search(r"that of b is 0\.[56]", found.sentence)
    wide = other.copy()
    wide[..., 0] *= 1.6
    assert collapsed(real, wide, columns=NAMES)[0].rows[0][0] == "a"
