"""A planted memoriser is flagged each time, an honest generator never."""

import numpy as np
import pytest

from utils.datasets import load_stock, sliding_windows
from utils.evaluation import membership
from utils.evaluation.blocks import positions
from utils.evaluation.membership import copies, membership_attack

WINDOW, SEEDS = 16, range(10)


@pytest.fixture(scope="module", autouse=True)
def fewer():
    """Look at fewer windows, so that the tests take seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(membership, "MOST_QUERIES", 1000)
        yield


@pytest.fixture(scope="module")
def prices():
    """Closes and volumes of GOOG: the earlier rows, and the last fifth."""
    values = load_stock("GOOG").values[:, [3, 5]]
    cut = int(0.8 * len(values))
    return values[:cut], values[cut:]


def bootstrapped(rows, seed, near):
    """Windows that begin at a real row and go on by changes of rows nearby: no copies."""
    rng = np.random.default_rng(seed)
    logs = np.log(rows)
    changes = np.diff(logs, axis=0)
    count = len(rows) - WINDOW + 1
    start = rng.integers(0, count, size=(count, 1))
    if near is None:
        days = rng.integers(0, len(changes), size=(count, WINDOW - 1))
    else:
        days = start + np.arange(WINDOW - 1) + rng.integers(-near, near + 1, (count, WINDOW - 1))
    path = changes[days.clip(0, len(changes) - 1)].cumsum(axis=1)
    return np.exp(np.concatenate([logs[start], logs[start] + path], axis=1))


def planted(rows, seed, share, noise=0.002):
    """A share of the windows are training windows with a little noise."""
    rng = np.random.default_rng([seed, 1])
    made, train = bootstrapped(rows, seed, 60), sliding_windows(rows, WINDOW)
    count = round(share * len(made))
    copied = train[rng.integers(len(train), size=count)]
    made[:count] = copied * np.exp(noise * rng.normal(size=copied.shape))
    return made


def copied(fake, rows):
    return copies(fake, sliding_windows(rows, WINDOW)).flagged


def attacked(fake, rows, later):
    train, never = (sliding_windows(each, WINDOW) for each in (rows, later))
    return membership_attack(fake, train, never).flagged


@pytest.mark.parametrize("share", [1.0, 0.2, 0.05])
def test_a_memoriser_is_flagged_ten_times_in_ten(prices, share):
    made = [planted(prices[0], seed, share) for seed in SEEDS]
    assert all(copied(fake, prices[0]) for fake in made)
    if share == 1:  # the attack needs no knowledge of the training windows, and sees less
        assert all(attacked(fake, *prices) for fake in made)


@pytest.mark.parametrize("near", [60, None])
def test_an_honest_generator_is_flagged_never(prices, near):
    made = [bootstrapped(prices[0], seed, near) for seed in SEEDS]
    assert not any(copied(fake, prices[0]) for fake in made)
    assert not any(attacked(fake, *prices) for fake in made)


def test_another_stretch_of_the_same_series_is_no_copy(prices):
    rows, half = prices[0], len(prices[0]) // 2
    for one, other in ((rows[:half], rows[half:]), (rows[half:], rows[:half])):
        for shift in range(0, 250, 50):
            fake, train = sliding_windows(one[shift:], WINDOW), sliding_windows(other, WINDOW)
            assert not copies(fake, train, fake_rows=np.arange(len(fake))).flagged


def test_independent_sequences():
    rng = np.random.default_rng(0)
    phase = rng.uniform(0, 6, (900, 1, 2))
    waves = np.sin(0.3 * np.arange(WINDOW)[:, None] + phase) + 0.1 * rng.normal(
        size=(900, WINDOW, 2)
    )
    train, never, fresh = waves[:400], waves[400:500], waves[500:]
    rows, later = positions([WINDOW] * 400, WINDOW), positions([WINDOW] * 100, WINDOW)
    honest = copies(fresh, train, rows=rows)
    assert not honest.flagged
    assert honest.ratio == pytest.approx(1, abs=0.1)
    assert not membership_attack(fresh, train, never, rows=rows, holdout_rows=later).flagged
    assert copies(train, train, rows=rows).ratio == 0
    attack = membership_attack(train, train, never, rows=rows, holdout_rows=later)
    assert attack.flagged
    assert attack.auc > 0.8
    assert attack.low <= attack.auc <= attack.high
    assert attack.caught > 3 * attack.false_positives


def test_too_little_says_nothing(prices):
    train = sliding_windows(prices[0][:40], WINDOW)
    assert copies(train, train) is None
    assert membership_attack(train, train, train) is None
    flat = np.ones((500, WINDOW, 2))
    assert copies(flat, flat) is None
    with pytest.raises(ValueError, match="expected the same"):
        copies(flat[:, :5], flat)
