"""Block bootstrap, permutation test and stylised facts: closed forms, calibration, bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from utils import evaluation
from utils.datasets import sliding_windows

TIME = 8


def paths(seed: int, *, rows: int = 1500, memory: float = 0.9, features: int = 2) -> np.ndarray:
    """Return a stationary AR(1) of independent features, `(rows, features)`."""
    rng = np.random.default_rng(seed)
    values = np.empty((rows, features))
    values[0] = rng.normal(size=features) / np.sqrt(1 - memory**2)
    for t in range(1, rows):
        values[t] = memory * values[t - 1] + rng.normal(size=features)
    return values


# ── The block bootstrap ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("block", [1, 3, 5, 24])
def test_block_bootstrap_joins_runs_of_consecutive_rows(block):
    series = np.column_stack([np.arange(40.0), -np.arange(40.0)])
    windows = evaluation.block_bootstrap(series, 12, 500, block=block, seed=1)
    assert windows.shape == (500, 12, 2)
    np.testing.assert_array_equal(windows[..., 0], -windows[..., 1])  # a row stays whole
    begins = np.zeros(12, bool)
    for path in windows[..., 0]:
        joints = np.flatnonzero(np.diff(path) != 1) + 1
        # Between two joints lie whole blocks: several where they happen to fit.
        assert (np.diff(joints) % block == 0).all()
        begins[joints] = True
    assert begins[1:].all()  # the first block begins anywhere, so a joint can fall anywhere
    counts = np.bincount(windows[..., 0].astype(int).ravel(), minlength=40)
    assert counts.min() > 0  # the ends of the series are drawn as well


def test_block_bootstrap_keeps_the_dependence_inside_blocks_only():
    series = paths(0, rows=20_000)

    def lag_one(windows):
        return np.corrcoef(windows[:, :-1, 0].ravel(), windows[:, 1:, 0].ravel())[0, 1]

    for block in (1, 4):
        windows = evaluation.block_bootstrap(series, 20, 4000, block=block, seed=2)
        # Of neighbouring rows a share (block − 1)/block comes from one block.
        assert lag_one(windows) == pytest.approx(0.9 * (block - 1) / block, abs=0.03)


def test_block_bootstrap_of_several_series_stays_within_one():
    series = np.stack([np.arange(10.0), 100 + np.arange(10.0)])[..., np.newaxis]
    windows = evaluation.block_bootstrap(series, 4, 300, block=4, seed=3)[..., 0]
    steps = np.diff(windows, axis=1)
    assert set(np.unique(windows)) == {*np.arange(10.0), *(100 + np.arange(10.0))}
    assert ((steps == 1).sum(axis=1) >= 2).all()  # two blocks at most: one joint at most


def test_block_bootstrap_with_the_same_seed_is_the_same():
    one, two, other = (
        evaluation.block_bootstrap(paths(0), 6, 20, block=4, seed=seed) for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


def test_blocks_of_innovations_follow_one_another_in_their_window():
    scores = np.arange(50 * TIME, dtype=float).reshape(50, TIME, 1)
    drawn = evaluation.bootstrap_innovations(scores, 400, 4, block=3)
    assert np.isin(drawn[:, 0], scores[:, 0]).all()
    later = drawn[:, 1:, 0]
    assert not np.isin(later, scores[:, 0]).any()
    runs = np.diff(later, axis=1) == 1
    assert runs.mean() == pytest.approx(2 / 3, abs=0.03)
    whole = evaluation.bootstrap_innovations(scores, 400, 4, block=TIME - 1)[:, 1:, 0]
    assert ((np.diff(whole, axis=1) != 1).sum(axis=1) <= 1).all()


def test_single_innovations_are_drawn_as_before():
    scores = np.random.default_rng(0).normal(size=(30, TIME, 2))
    rng = np.random.default_rng(5)
    level = scores[rng.integers(30, size=9), :1]
    pool = scores[:, 1:].reshape(-1, 2)
    expected = np.concatenate([level, pool[rng.integers(len(pool), size=(9, TIME - 1))]], axis=1)
    np.testing.assert_array_equal(evaluation.bootstrap_innovations(scores, 9, 5), expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"block": 0}, "A block has 0 rows; expected 1 to 30"),
        ({"block": 31}, "A block has 31 rows; expected 1 to 30"),
        ({"window": 0}, "window is 0"),
        ({"count": 0}, "count is 0"),
    ],
)
def test_block_bootstrap_refuses(arguments, message):
    options = {"window": 5, "count": 3, "block": 4, "seed": 0} | arguments
    with pytest.raises(ValueError, match=message):
        evaluation.block_bootstrap(np.zeros((30, 2)), **options)


def test_block_bootstrap_refuses_a_series_of_one_axis():
    with pytest.raises(ValueError, match="series windows have the shape"):
        evaluation.block_bootstrap(np.zeros(30), 5, 3, block=2, seed=0)
    with pytest.raises(ValueError, match=f"expected 1 to {TIME - 1}"):
        evaluation.bootstrap_innovations(np.zeros((20, TIME, 1)), 3, 0, block=TIME)


# ── The permutation test ──────────────────────────────────────────────────────────────────────


def normal(seed: int, count: int, shift: float = 0.0) -> np.ndarray:
    """Return independent normal windows, `(count, 3, 2)`."""
    return np.random.default_rng(seed).normal(shift, 1, size=(count, 3, 2))


def test_permutation_test_gives_the_discrepancy_itself():
    real, fake = normal(0, 40), normal(1, 30, 0.3)
    test = evaluation.permutation_test(real, fake, permutations=9)
    assert test.statistic == pytest.approx(
        evaluation.maximum_mean_discrepancy(real, fake), abs=1e-12
    )


def test_permutation_test_counts_relabelled_sets():
    real, fake = normal(2, 12), normal(3, 15, 0.2)
    test = evaluation.permutation_test(real, fake, permutations=50, bandwidths=[0.5], seed=4)
    # Recomputed the slow way, each deal by the discrepancy of its two sets. The scaling and the
    # order of the windows are fixed once, by the actual sets.
    low, width = real.min(axis=(0, 1)), np.ptp(real, axis=(0, 1))
    order = np.random.default_rng(4)
    both = np.concatenate([order.permutation((v - low) / width) for v in (real, fake)])

    def discrepancy(chosen):
        x, y = both[chosen].reshape(12, -1), both[~chosen].reshape(15, -1)

        def kernel(a, b):
            return np.exp(-np.sum((a[:, None] - b) ** 2, axis=-1) / (2 * 0.5**2))

        xx, yy = (kernel(a, a) for a in (x, y))
        np.fill_diagonal(xx, 0)
        np.fill_diagonal(yy, 0)
        return xx.sum() / (12 * 11) + yy.sum() / (15 * 14) - 2 * kernel(x, y).mean()

    labels = np.arange(27) < 12
    rng = np.random.default_rng([4, 1])
    dealt = [discrepancy(rng.permutation(labels)) for _ in range(50)]
    assert test.statistic == pytest.approx(discrepancy(labels), abs=1e-6)
    expected = (1 + sum(value >= discrepancy(labels) - 1e-9 for value in dealt)) / 51
    assert test.p_value == pytest.approx(expected)


def test_p_values_of_equal_distributions_are_uniform():
    p_values = np.array(
        [
            evaluation.permutation_test(
                normal(2 * k, 25), normal(2 * k + 1, 25), permutations=99, seed=k
            ).p_value
            for k in range(200)
        ]
    )
    for level in (0.1, 0.5, 0.9):  # three standard errors of 200 draws
        assert np.mean(p_values <= level) == pytest.approx(
            level, abs=3 * np.sqrt(level * (1 - level) / 200)
        )


def test_permutation_test_finds_a_shift_and_is_never_zero():
    test = evaluation.permutation_test(normal(0, 60), normal(1, 60, 1.0), permutations=199)
    assert test.p_value == pytest.approx(1 / 200)
    same = normal(0, 20)
    assert evaluation.permutation_test(same, same, permutations=99).p_value > 0.5


def test_permutation_test_refuses():
    with pytest.raises(ValueError, match="permutations is 0"):
        evaluation.permutation_test(normal(0, 20), normal(1, 20), permutations=0)
    with pytest.raises(ValueError, match="expected at least 2 windows"):
        evaluation.permutation_test(normal(0, 20), normal(1, 20), limit=1)


# ── Distances between windows that share no row ───────────────────────────────────────────────


@pytest.mark.parametrize("chunk", [7, 1000])
def test_nearest_other_window_by_hand(chunk):
    windows = sliding_windows(paths(11, rows=60), TIME)
    found = evaluation.nearest_distances(windows, windows, apart=TIME, chunk=chunk)
    for i, window in enumerate(windows):
        others = [w for j, w in enumerate(windows) if abs(i - j) >= TIME]
        assert found[i] == pytest.approx(min(np.linalg.norm(window - w) for w in others))
    assert (evaluation.nearest_distances(windows, windows, chunk=chunk) == 0).all()


def test_nearest_other_window_refuses_what_leaves_nothing():
    windows = sliding_windows(paths(12, rows=20), TIME)  # 13 windows: the middle one is 6 from all
    assert evaluation.nearest_distances(windows, windows, apart=6).min() > 0
    for apart in (7, -1):
        with pytest.raises(ValueError, match=f"apart is {apart}.*expected 0 to 6"):
            evaluation.nearest_distances(windows, windows, apart=apart)


# ── Stylised facts ────────────────────────────────────────────────────────────────────────────


def test_facts_of_a_known_process():
    windows = sliding_windows(paths(1, rows=60_000), TIME)
    facts = evaluation.stylised_facts(windows, columns=["a", "b"])
    spread = 1 / np.sqrt(1 - 0.9**2)
    assert facts["std of level", "a"] == pytest.approx(spread, rel=0.05)
    assert facts["95% quantile of level", "b"] == pytest.approx(1.645 * spread, rel=0.1)
    assert facts["std of returns", "a"] == pytest.approx(np.sqrt(2 / 1.9), rel=0.02)
    # An AR(1)'s changes: γ(1)/γ(0) = −(1 − φ)/2, and φ⁴ times that at lag 5; normal tails.
    assert facts["autocorrelation of returns, lag 1", "a"] == pytest.approx(-0.05, abs=0.02)
    assert facts["autocorrelation of returns, lag 5", "a"] == pytest.approx(-0.033, abs=0.02)
    assert facts["autocorrelation of squared returns, lag 1", "b"] == pytest.approx(0, abs=0.02)
    assert facts["kurtosis of returns", "a"] == pytest.approx(0, abs=0.1)
    assert facts["tail ratio of returns", "b"] == pytest.approx(2.326 / 0.6745, rel=0.03)
    assert facts["correlation of returns", "a × b"] == pytest.approx(0, abs=0.02)


def test_facts_by_hand():
    rng = np.random.default_rng(6)
    windows = rng.normal(size=(50, 9, 3))
    facts = evaluation.stylised_facts(windows)
    changes = windows[:, 1:] - windows[:, :-1]
    centred = changes[..., 1] - changes[..., 1].mean()
    lag_five = np.mean(centred[:, :-5] * centred[:, 5:]) / np.mean(centred**2)
    assert facts["autocorrelation of returns, lag 5", "feature 2"] == pytest.approx(lag_five)
    squares = changes[..., 2] ** 2
    squares = squares - squares.mean()
    lag_one = np.mean(squares[:, :-1] * squares[:, 1:]) / np.mean(squares**2)
    assert facts["autocorrelation of squared returns, lag 1", "feature 3"] == pytest.approx(lag_one)
    together = np.corrcoef(changes[..., 0].ravel(), changes[..., 2].ravel())[0, 1]
    assert facts["correlation of returns", "feature 1 × feature 3"] == pytest.approx(together)
    together = np.corrcoef(windows[..., 0].ravel(), windows[..., 2].ravel())[0, 1]
    assert facts["correlation of levels", "feature 1 × feature 3"] == pytest.approx(together)
    median = np.median(windows[..., 0])
    assert facts["50% quantile of level", "feature 1"] == pytest.approx(median)


def test_squared_returns_of_calm_and_wild_windows_are_correlated():
    rng = np.random.default_rng(7)
    steps = rng.normal(size=(40_000, TIME, 1)) * rng.choice([0.5, 2.0], size=(40_000, 1, 1))
    facts = evaluation.stylised_facts(np.cumsum(steps, axis=1))
    second, fourth = np.mean([0.25, 4]), np.mean([0.25**2, 16])  # E s², E s⁴
    expected = (fourth - second**2) / (3 * fourth - second**2)
    for lag in (1, 5):
        found = facts[f"autocorrelation of squared returns, lag {lag}", "feature 1"]
        assert found == pytest.approx(expected, abs=0.03)
    assert facts["kurtosis of returns", "feature 1"] == pytest.approx(
        3 * fourth / second**2 - 3, rel=0.1
    )


def test_logarithms_make_returns_relative():
    windows = np.exp(0.1 * sliding_windows(paths(2), TIME))
    relative = evaluation.stylised_facts(windows, logarithms=True)
    scaled = evaluation.stylised_facts(1e6 * windows, logarithms=True)
    returns = [fact for fact in relative.index if "returns" in fact[0]]
    np.testing.assert_allclose(relative[returns], scaled[returns], rtol=1e-6)
    assert scaled["std of level", "feature 1"] == pytest.approx(
        1e6 * relative["std of level", "feature 1"]
    )


def test_undefined_facts_are_not_numbers_and_make_no_noise(recwarn):
    windows = np.random.default_rng(8).normal(size=(30, TIME, 2))
    windows[..., 1] = 3.0
    facts = evaluation.stylised_facts(windows)
    assert np.isnan(facts["correlation of levels", "feature 1 × feature 2"])
    assert np.isnan(facts["kurtosis of returns", "feature 2"])
    assert facts["std of level", "feature 2"] == 0
    assert not recwarn.list


def test_short_windows_leave_out_the_long_lag():
    facts = evaluation.stylised_facts(np.random.default_rng(9).normal(size=(30, 4, 1)))
    assert "autocorrelation of returns, lag 1" in facts
    assert "autocorrelation of returns, lag 5" not in facts


@pytest.mark.parametrize(
    ("windows", "options", "message"),
    [
        (np.zeros((5, 2, 1)), {}, "2 rows; expected at least 3"),
        (np.zeros((5, 6)), {}, "expected \\(windows, time, features\\)"),
        (np.ones((5, 6, 2)), {"columns": ["a"]}, "1 names for 2 features"),
        (np.zeros((5, 6, 2)), {"logarithms": True}, "logarithms need positive values"),
    ],
)
def test_facts_refuse(windows, options, message):
    with pytest.raises(ValueError, match=message):
        evaluation.stylised_facts(windows, **options)


# ── The spread ────────────────────────────────────────────────────────────────────────────────


def test_second_realisation_is_within_the_spread_as_often_as_promised():
    inside = []
    for seed in range(20):
        real, again = (
            sliding_windows(paths(s, rows=1000, memory=0.5, features=1), TIME)
            for s in (2 * seed, 2 * seed + 1)
        )
        spread = evaluation.real_spread(real, block=50, repeats=40, seed=seed)
        inside.append(evaluation.within_spread(real, again, spread)["inside"].mean())
    # Promised is 0.9; a little less is due to the few blocks. Without the √2 it is 0.97 …
    assert 0.8 < np.mean(inside) < 0.94


def test_random_halves_of_overlapping_windows_hide_the_spread():
    real = sliding_windows(paths(3), TIME)
    blocks, halves = (evaluation.real_spread(real, block=b, repeats=50) for b in (100, 1))
    assert (blocks["std of level"] > 2 * halves["std of level"]).all()


def test_independent_windows_are_spread_as_their_number_says():
    windows = np.random.default_rng(10).normal(size=(4000, TIME, 1))
    spread = evaluation.real_spread(windows, block=1, repeats=100)
    # The mean of 4,000·8 normal values has the standard error 1/√32000; the median π/2 as much
    # variance; two sets differ by √2 of that; 90 % of normals lie within 1.645.
    expected = 1.645 * np.sqrt(2) * np.sqrt(np.pi / 2 / 32_000)
    assert spread["50% quantile of level", "feature 1"] == pytest.approx(expected, rel=0.25)


def test_within_spread_names_what_is_wrong():
    real = sliding_windows(paths(4), TIME)
    spread = evaluation.real_spread(real, repeats=30, columns=["a", "b"])
    same = evaluation.within_spread(real, real, spread, columns=["a", "b"])
    assert same["inside"].all()
    wide = np.array(real)
    wide[..., 1] *= 2
    table = evaluation.within_spread(real, wide, spread, columns=["a", "b"])
    assert not table.loc[("std of level", "b"), "inside"]
    assert not table.loc[("std of returns", "b"), "inside"]
    assert table.xs("a", level="of")["inside"].all()
    assert table.loc[("correlation of levels", "a × b"), "inside"]  # a scale leaves it alone
    narrow = evaluation.within_spread(real, real / 2, spread, columns=["a", "b"])
    assert not narrow.loc["std of level", "inside"].any()
    assert list(table.columns) == ["real", "generated", "spread", "inside"]


def test_undefined_facts_count_only_where_reality_has_them():
    real = sliding_windows(paths(5, rows=400), TIME)
    spread = evaluation.real_spread(real, block=20, repeats=10)
    flat = np.array(real)
    flat[..., 1] = 0.0
    correlation = ("correlation of levels", "feature 1 × feature 2")
    assert not evaluation.within_spread(real, flat, spread).loc[correlation, "inside"]
    of_flat = evaluation.real_spread(flat, block=20, repeats=10)
    assert correlation not in evaluation.within_spread(flat, real, of_flat).index


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"block": 0}, "block is 0"),
        ({"repeats": 0}, "repeats is 0"),
        ({"share": 1.0}, "share is 1.0"),
        ({"block": 30}, "3 blocks of 30; expected at least 4"),
    ],
)
def test_spread_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        evaluation.real_spread(np.random.default_rng(0).normal(size=(100, TIME, 1)), **options)


def test_within_spread_refuses_the_spread_of_other_facts():
    real = sliding_windows(paths(6, rows=400), TIME)
    spread = evaluation.real_spread(real, block=20, repeats=5, columns=["a", "b"])
    with pytest.raises(ValueError, match="expected that of real_spread"):
        evaluation.within_spread(real, real, spread)
    with pytest.raises(ValueError, match="expected the same"):
        evaluation.within_spread(real, real[..., :1], spread)
    assert isinstance(spread, pd.Series)
