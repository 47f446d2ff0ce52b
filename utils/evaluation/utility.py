"""What generated windows are worth: a forecaster that learns from them, beside one of real ones."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import Ridge

from utils.checks import check_same_shape, check_windows
from utils.evaluation.blocks import blocks_of, draws, sums_by_block
from utils.evaluation.shapes import logarithmic, logarithms

MOST_LAGS = 24  # rows that the forecaster reads
MOST_WINDOWS = 10_000  # it learns from
FEWEST_TRAIN, FEWEST_TEST = 50, 20  # windows
CUT = 5.0  # changes beyond so many usual ones count as so many
PENALTIES = (1.0, 10.0, 100.0, 1_000.0, 10_000.0)
VALIDATION = 0.2  # of what is learned from, the last windows: they choose the penalty
REPEATS = 400
LEARNED_ANEW = 12  # from other blocks of the real windows: how much that alone changes


class Utility(NamedTuple):
    """The errors of forecasters on real windows of a later time, in usual changes.

    Attributes:
        task: what is forecast.
        naive: error of the rule of thumb.
        rule: that rule, in words.
        real: error of the forecaster that learned from real windows (TRTR).
        generated: error of the one that learned from generated windows (TSTR).
        more: by how much the second errs more, as a share of the first.
        low: of ``more``, with ``high`` a 95 % interval from blocks of time, both of the windows
            that are tested on and of the real ones that are learned from.
        high: see ``low``.
        gain: by how much less than the rule the forecaster of real windows errs, as a share.
        gain_low: lower end of a 95 % interval of ``gain``.
    """

    task: str
    naive: float
    rule: str
    real: float
    generated: float
    more: float
    low: float
    high: float
    gain: float
    gain_low: float


def forecast_utility(
    fake: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    *,
    train_rows: np.ndarray | None = None,
    test_rows: np.ndarray | None = None,
    seed: int = 0,
) -> list[Utility]:
    """Train on generated and test on real windows (TSTR), beside real windows to train on (TRTR).

    The forecaster is a ridge regression for every column. It reads all but a window's last row:
    the changes of the last ``MOST_LAGS`` rows, their sizes, and where the last row lies between the
    values of its column. It forecasts the last row's change, and the size of that change. Its
    penalty is chosen on the last fifth of what it learns from. Changes are in units of the
    column's usual (standard) change in the real training windows; they are relative where values
    are positive and vary widely. Of no height it asks how high: a later time may be higher than
    all before. Errors are root mean squares over windows and columns, changes cut at ``CUT``.

    Rules of thumb beside it: *tomorrow is as today* (no change), and *the next change is as large
    as those of the window so far* (their root mean square).

    Args:
        fake: ``(windows, time, features)``, generated.
        train: ``(windows, time, features)``, real windows of an earlier time.
        test: ``(windows, time, features)``, real windows of a later time, no row in ``train``.
        train_rows: at which row each training window starts; by default one row apart.
        test_rows: of the test windows.
        seed: of the resampling, and of the windows that are learned from where there are many.

    Returns:
        One for the change and, where a window has at least four rows, one for its size. Nothing
        where there are too few windows, or nothing changes.

    Raises:
        ValueError: for windows of the wrong rank, not finite, or of different time or features.

    Source: Esteban, Hyland and Rätsch, "Real-valued (Medical) Time Series Generation with Recurrent
    Conditional GANs", 2017, arXiv:1706.02633 (TSTR).
    """
    fake, train = check_windows(fake, "fake"), check_windows(train, "train")
    test = check_windows(test, "test")
    for windows, name in ((fake, "fake"), (test, "test")):
        check_same_shape(train, "train", windows, name)
    window = train.shape[1]
    rows = np.arange(len(test)) if test_rows is None else test_rows
    blocks = blocks_of(rows, window, long=1, fewest=4)
    few = min(len(train), len(fake)) < FEWEST_TRAIN
    if few or len(test) < FEWEST_TEST or window < 2 or blocks is None:
        return []
    logs = logarithmic(train, fake, test)
    rng = np.random.default_rng(seed)
    count = min(len(fake), len(train), MOST_WINDOWS)
    chosen = [np.sort(rng.permutation(len(each))[:count]) for each in (train, fake)]
    learned = [
        logarithms(each[some], logs) for each, some in zip((train, fake), chosen, strict=True)
    ]
    at = np.arange(len(train)) if train_rows is None else train_rows
    train_blocks = blocks_of(at[chosen[0]], window, long=1, fewest=4)
    if train_blocks is None:
        return []
    tested = np.unique(np.linspace(0, len(test) - 1, MOST_WINDOWS).round().astype(int))
    later, rows = logarithms(test[tested], logs), rows[tested]
    blocks = blocks_of(rows, window, long=1, fewest=4)
    assert blocks is not None  # they span the same rows as before
    usual = np.diff(learned[0], axis=1).std(axis=(0, 1))
    moving = usual > 1e-12 * np.abs(learned[0]).max(axis=(0, 1))
    if not moving.any():
        return []
    scale = usual[moving], learned[0][..., moving].mean(axis=(0, 1)), learned[0].std((0, 1))[moving]
    sets = [_parts(each[..., moving], *scale) for each in (*learned, later)]
    inputs, changes, before = zip(*sets, strict=True)
    found = [
        _compared(
            "the change to the next row",
            "tomorrow is as today",
            inputs,
            changes,
            np.zeros_like(changes[2]),
            (train_blocks, blocks),
            seed,
        )
    ]
    if window >= 4:
        found.append(
            _compared(
                "the size of that change",
                "as large as the changes before",
                inputs,
                [np.abs(each) for each in changes],
                before[2],
                (train_blocks, blocks),
                seed,
            )
        )
    return found


def _parts(
    windows: np.ndarray, usual: np.ndarray, mean: np.ndarray, spread: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what is read, the last change ``(windows, features)``, and the usual one so far."""
    changes = np.clip(np.diff(windows, axis=1) / usual, -CUT, CUT)
    past, last = changes[:, :-1], changes[:, -1]
    read = past[:, -MOST_LAGS:]
    level = np.clip((windows[:, -2] - mean) / spread, -2, 2)
    parts = [level]
    size = np.zeros_like(last)
    if read.shape[1]:
        size = np.sqrt(np.mean(past**2, axis=1))
        parts += [read.reshape(len(read), -1), np.abs(read).reshape(len(read), -1), size]
    return np.concatenate(parts, axis=1), last, size


def _luck(
    penalty: float,
    inputs: list[np.ndarray],
    targets: tuple[np.ndarray, np.ndarray],
    blocks: np.ndarray,
    rng: np.random.Generator,
) -> float:
    """Return by how much errors differ, as a share, between two sets of real windows learned from.

    That is the half-width of a 95 % interval, from blocks of time drawn anew.
    """
    errors = []
    for times in draws(int(blocks[-1]) + 1, LEARNED_ANEW, rng):
        model = Ridge(penalty).fit(inputs[0], targets[0], sample_weight=times[blocks])
        forecast = model.predict(inputs[1]).reshape(targets[1].shape)
        errors.append(math.sqrt(float(np.mean((forecast - targets[1]) ** 2))))
    return 1.96 * math.sqrt(2) * float(np.std(np.log(np.maximum(errors, 1e-9)), ddof=1))


def _ridge(x: np.ndarray, y: np.ndarray) -> Ridge:
    """Return a ridge regression, its penalty chosen on the last part."""
    cut = int((1 - VALIDATION) * len(x))
    errors = []
    for penalty in PENALTIES:
        forecast = Ridge(penalty).fit(x[:cut], y[:cut]).predict(x[cut:])
        errors.append(float(np.mean((forecast.reshape(y[cut:].shape) - y[cut:]) ** 2)))
    return Ridge(PENALTIES[int(np.argmin(errors))]).fit(x, y)


def _compared(
    task: str,
    rule: str,
    inputs: tuple[np.ndarray, ...],
    targets: tuple[np.ndarray, ...] | list[np.ndarray],
    guess: np.ndarray,
    blocks: tuple[np.ndarray, np.ndarray],
    seed: int,
) -> Utility:
    """Return the errors on the last of three sets of forecasters that learn from the first two."""
    rng = np.random.default_rng(seed)
    luck = 0.0
    wrong = [np.mean((guess - targets[2]) ** 2, axis=1)]
    for k in range(2):
        centre, spread = inputs[k].mean(axis=0), inputs[k].std(axis=0)
        spread[spread < 1e-9] = np.inf
        model = _ridge((inputs[k] - centre) / spread, targets[k])
        forecast = model.predict((inputs[2] - centre) / spread).reshape(targets[2].shape)
        wrong.append(np.mean((forecast - targets[2]) ** 2, axis=1))
        if k == 0:
            x = [(each - centre) / spread for each in (inputs[0], inputs[2])]
            luck = _luck(model.alpha, x, (targets[0], targets[2]), blocks[0], rng)
    by_block = sums_by_block(np.stack(wrong, axis=1), blocks[1])
    sizes = sums_by_block(np.ones(len(blocks[1])), blocks[1])
    weights = draws(len(sizes), REPEATS, rng)
    weights = np.concatenate([np.ones((1, len(sizes))), weights])
    errors = np.sqrt(
        weights @ by_block / (weights @ sizes)[:, np.newaxis]
    )  # naive, real, generated
    naive, real, generated = errors.T
    floor = 1e-9  # of a column that can be forecast exactly
    more = generated / np.maximum(real, floor) - 1
    gain = 1 - real / np.maximum(naive, floor)
    low, high = np.quantile(more[1:], (0.025, 0.975))
    low = more[0] - math.hypot(more[0] - low, luck)
    high = more[0] + math.hypot(high - more[0], luck)
    return Utility(
        task,
        float(naive[0]),
        rule,
        float(real[0]),
        float(generated[0]),
        float(more[0]),
        float(low),
        float(high),
        float(gain[0]),
        float(np.quantile(gain[1:], 0.025)),
    )
