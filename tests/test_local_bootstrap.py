"""The local bootstrap: whence it draws, what it keeps, and what it refuses."""

import numpy as np
import pytest

from utils.datasets import sliding_windows
from utils.evaluation.local_bootstrap import local_bootstrap


def windows_of(rows: int, time: int = 6, offset: int = 0) -> np.ndarray:
    """Return windows of a series whose innovation at row r is (r, −r), with levels of 1000 + r."""
    row = np.arange(rows) + offset
    windows = sliding_windows(np.stack([row, -row], axis=1).astype(float), time).copy()
    windows[:, 0] = 1000 + windows[:, 0]
    return windows


@pytest.mark.parametrize("reach", [1, 4])
def test_innovations_come_from_rows_within_the_reach(reach):
    drawn = local_bootstrap([windows_of(200)], 5000, seed=1, reach=reach)
    assert drawn.shape == (5000, 6, 2)
    row = drawn[:, :1, 0] - 1000 + np.arange(1, 6)
    distance = drawn[:, 1:, 0] - row
    assert set(np.unique(distance)) == set(range(-reach, reach + 1))
    inner = (row > reach) & (row < 199 - reach)
    shares = np.unique(distance[inner], return_counts=True)[1] / inner.sum()
    assert np.allclose(shares, 1 / (2 * reach + 1), atol=0.02)


def test_rows_of_the_level_are_no_innovations_and_components_stay_together():
    drawn = local_bootstrap([windows_of(30)], 3000, seed=2, reach=20)
    assert drawn[:, 1:, 0].min() == 1  # row 0 has a level alone
    assert drawn[:, 1:, 0].max() == 29
    assert np.array_equal(drawn[:, 1:, 1], -drawn[:, 1:, 0])
    assert set(drawn[:, 0, 0]) == set(range(1000, 1025))


def test_no_draw_crosses_from_one_series_to_the_next():
    series = [windows_of(20), windows_of(6, offset=500), windows_of(40, offset=900)]
    drawn = local_bootstrap(series, 4000, seed=3, reach=50)
    for low, high in ((0, 19), (500, 505), (900, 939)):
        begins = (drawn[:, 0, 0] - 1000 >= low) & (drawn[:, 0, 0] - 1000 <= high)
        assert begins.any()
        assert drawn[begins, 1:, 0].min() == low + 1
        assert drawn[begins, 1:, 0].max() == high


def test_it_keeps_wild_and_calm_times():
    rng = np.random.default_rng(0)
    size = np.repeat([1.0, 5.0, 1.0, 5.0], 500)[:, np.newaxis]
    windows = sliding_windows(rng.normal(size=(2000, 1)) * size, 10)
    spread = local_bootstrap([windows], 4000, seed=4)[:, 1:].std(axis=1)
    assert np.quantile(spread, 0.9) > 3 * np.quantile(spread, 0.1)


def test_a_seed_decides():
    one, other = (local_bootstrap([windows_of(50)], 40, seed=5) for _ in range(2))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, local_bootstrap([windows_of(50)], 40, seed=6))


@pytest.mark.parametrize(
    ("series", "options", "message"),
    [
        ([], {}, "no series"),
        ([windows_of(20)], {"reach": 0}, "reach is 0"),
        ([windows_of(20)], {"count": 0}, "count is 0"),
        ([windows_of(20)[:, :1]], {}, "1 time step"),
        ([windows_of(20)[::2]], {}, "one row apart"),
        ([windows_of(20), windows_of(20, time=5)], {}, "expected the same"),
        ([windows_of(20)[0]], {}, "expected \\(windows, time, features\\)"),
    ],
)
def test_bad_input_is_refused(series, options, message):
    with pytest.raises(ValueError, match=message):
        local_bootstrap(series, **({"count": 5, "seed": 1} | options))
