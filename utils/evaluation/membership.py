"""Whether generated windows give away which windows a generator was trained on."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

from utils.checks import check_same_shape, check_windows
from utils.evaluation.blocks import blocks_of, draws, sums_by_block
from utils.evaluation.shapes import Shapes

MOST_QUERIES = 2_000  # windows whose nearest ones are looked for
MOST_REFERENCE = 40_000  # among so many
MOST_NUMBERS = 20_000_000  # in these, for the memory
CHUNK = 500
REPEATS = 400
LEVELS = (0.002, 0.01, 0.05)  # shares of the real windows that lie closest: what is a near copy
FEW_ERRORS = 3  # standard errors by which the real share may be higher
FALSE_ALARM = 1e-4  # probability with which a test flags an honest generator
NEIGHBOURS = 5  # generated windows that say how dense they lie around a real one
FEWEST_WINDOWS = 50
FALSE_POSITIVES = 0.1  # real windows never seen, that the attack may name


class Copies(NamedTuple):
    """How close generated windows come to single windows of the data.

    Attributes:
        ratio: median nearest-neighbour ratio of generated windows over that of real ones; 1 is as
            reality, 0 is copies.
        distance: median distance to the nearest real window, over that of real windows to others.
        share: of generated windows that are nearer to one window than ``limit``.
        real_share: of real windows, by the same limit.
        bound: which share chance explains at most.
        limit: of the nearest-neighbour ratio, at the level where the difference is clearest.
        flagged: whether the share is above the bound.
    """

    ratio: float
    distance: float
    share: float
    real_share: float
    bound: float
    limit: float
    flagged: bool


def copies(
    fake: np.ndarray,
    train: np.ndarray,
    *,
    rows: np.ndarray | None = None,
    fake_rows: np.ndarray | None = None,
    seed: int = 0,
) -> Copies | None:
    """Return whether generated windows copy windows of the data; None: too few windows to say.

    The *nearest-neighbour ratio* of a window is the distance to its nearest training window over
    the distance to the next one that shares no row with that. It does not depend on how calm or
    wild a time is. A copy has a ratio near 0. A real window, compared with all those that share no
    row with it, shows which ratios chance alone gives. The share of generated windows under a low
    quantile of the real ratios is compared with the share of real windows, at the ``LEVELS``; the
    error of the real share is that of blocks of time, since windows overlap.

    Distances are between shapes (``utils.evaluation.shapes``): less the window's mean, and
    logarithms of what is positive and varies widely, since the heights of later years are new.

    Args:
        fake: ``(windows, time, features)``, independent of each other, or with ``fake_rows``.
        train: ``(windows, time, features)``, what the generator was trained on, in time order.
        rows: at which row each training window starts; by default one row apart.
        fake_rows: at which row each window of ``fake`` starts, if these were cut from one series
            and overlap.
        seed: of the resampling, and of the windows that are looked at where there are many.

    Raises:
        ValueError: for windows of the wrong rank, not finite, or of different time or features.

    Source: the ratio is Lowe's, "Distinctive Image Features from Scale-Invariant Keypoints",
    International Journal of Computer Vision 60(2), 2004; for synthetic data see Platzer and
    Reutterer, "Holdout-Based Empirical Assessment of Mixed-Type Synthetic Data", Frontiers in Big
    Data 4, 2021, doi:10.3389/fdata.2021.679939.
    """
    fake, train = check_windows(fake, "fake"), check_windows(train, "train")
    check_same_shape(train, "train", fake, "fake")
    window = train.shape[1]
    rows = np.arange(len(train)) if rows is None else rows
    kept = _spread_out(len(train), _most_reference(train))
    shapes = Shapes.of(train[kept], fake)
    reference, at = shapes.of_windows(train[kept]), rows[kept]
    asked = _spread_out(len(at), MOST_QUERIES)
    blocks = blocks_of(at[asked], window)
    if blocks is None or not reference.any() or len(fake) < FEWEST_WINDOWS:
        return None
    chosen = _spread_out(len(fake), MOST_QUERIES)
    alone = np.arange(len(chosen)) * window if fake_rows is None else fake_rows[chosen]
    fake_blocks = blocks_of(alone, window, long=1)
    if fake_blocks is None:
        return None
    of_fake = _two_nearest(shapes.of_windows(fake[chosen]), reference, at, window)
    of_real = _two_nearest(reference[asked], reference, at, window, own=at[asked])
    if not np.isfinite(of_real[:, 1]).all():
        return None
    fake_ratio, real_ratio = _ratio(of_fake), _ratio(of_real)
    # Windows that overlap count as one a block.
    count = len(chosen) if fake_rows is None else int(fake_blocks[-1]) + 1
    found = []
    for level in LEVELS:
        limit = float(np.quantile(real_ratio, level))
        share, real_share = float((fake_ratio < limit).mean()), float((real_ratio < limit).mean())
        expected = real_share + FEW_ERRORS * _error(real_ratio < limit, blocks, seed)
        expected = max(expected, level)
        bound = stats.binom.isf(FALSE_ALARM / len(LEVELS), count, min(expected, 1.0)) / count
        unlikely = stats.binom.logsf(round(share * count) - 1, count, min(expected, 1.0))
        found.append((unlikely, share, real_share, float(bound), limit))
    _, share, real_share, bound, limit = min(found)
    return Copies(
        _over(np.median(fake_ratio), np.median(real_ratio)),
        _over(np.median(of_fake[:, 0]), np.median(of_real[:, 0])),
        share,
        real_share,
        bound,
        limit,
        share > bound,
    )


def _error(hit: np.ndarray, blocks: np.ndarray, seed: int) -> float:
    """Return the standard error of a share of windows, from blocks of time."""
    weights = draws(int(blocks[-1]) + 1, REPEATS, np.random.default_rng(seed))
    of_blocks, sizes = (
        sums_by_block(values.astype("float64"), blocks) for values in (hit, np.ones(len(hit)))
    )
    return float((weights @ of_blocks / (weights @ sizes)).std())


def _two_nearest(
    queries: np.ndarray,
    reference: np.ndarray,
    at: np.ndarray,
    window: int,
    own: np.ndarray | None = None,
) -> np.ndarray:
    """Return distances to the nearest window and to the next that shares no row with it.

    ``(queries, 2)``; not finite where there is none. With ``own``, the rows at which the queries
    start, windows that share a row with the query are passed over.
    """
    made = np.empty((len(queries), 2))
    small = reference.astype("float32")
    squares = np.sum(small**2, axis=1)
    for start in range(0, len(queries), CHUNK):
        part = queries[start : start + CHUNK]
        order = squares - 2 * part.astype("float32") @ small.T
        if own is not None:
            order[np.abs(own[start : start + CHUNK, np.newaxis] - at) < window] = np.inf
        for k in range(2):
            nearest = np.argmin(order, axis=1)
            none = ~np.isfinite(order[np.arange(len(part)), nearest])
            distance = np.linalg.norm(part - reference[nearest], axis=1)
            made[start : start + CHUNK, k] = np.where(none, np.inf, distance)
            order[np.abs(at[nearest, np.newaxis] - at) < window] = np.inf
    # Rounding chooses the nearest: the second may be a little nearer.
    return np.sort(made, axis=1)


def _ratio(nearest: np.ndarray) -> np.ndarray:
    """Return the nearest-neighbour ratios; 1 where two windows are at no distance at all."""
    first, second = nearest.T
    return np.where(second > 0, first / np.where(second > 0, second, 1), 1.0)


class Attack(NamedTuple):
    """A membership attack: which of the real windows were trained on?

    Attributes:
        auc: probability that a training window looks more like one than a window never seen; ½ is
            guessing.
        low: of the auc, with ``high`` a 95 % interval from blocks of time.
        high: see ``low``.
        caught: share of the training windows that are named at ``false_positives``.
        caught_low: of that share, as ``low``.
        caught_high: see ``caught_low``.
        false_positives: share of the windows never seen that are named too.
        blocks: of time, of training windows and of windows never seen.
        flagged: whether the auc is above ½ by more than chance explains.
    """

    auc: float
    low: float
    high: float
    caught: float
    caught_low: float
    caught_high: float
    false_positives: float
    blocks: tuple[int, int]
    flagged: bool


def membership_attack(
    fake: np.ndarray,
    train: np.ndarray,
    holdout: np.ndarray,
    *,
    rows: np.ndarray | None = None,
    holdout_rows: np.ndarray | None = None,
    seed: int = 0,
) -> Attack | None:
    """Attack a generator: tell its training windows from real windows it never saw.

    The attacker holds generated windows and one real window, and says "trained on" where one
    generated window lies closer than the others around it: by the distance to the nearest one over
    that to the ``NEIGHBOURS``-th after it. The distance alone would not do. Years differ, and a
    calm window is close to many: the attack would tell early years from late ones.

    Args:
        fake: ``(windows, time, features)``, independent of each other.
        train: ``(windows, time, features)``, what the generator was trained on, in time order.
        holdout: ``(windows, time, features)``, real and never seen, no row in ``train``.
        rows: at which row each training window starts; by default one row apart.
        holdout_rows: of the held-out windows.
        seed: of the resampling.

    Returns:
        None where there are too few windows to say.

    Raises:
        ValueError: for windows of the wrong rank, not finite, or of different time or features.

    Source: attacks by distance: Hilprecht, Härterich and Bernau, "Monte Carlo and Reconstruction
    Membership Inference Attacks against Generative Models", PETS 2019; that a distance means
    nothing without the density around it: van Breugel, Sun, Qian and van der Schaar, "Membership
    Inference Attacks against Synthetic Data through Overfitting Detection" (DOMIAS), AISTATS 2023;
    the share caught at few false positives: Carlini et al., "Membership Inference Attacks From
    First Principles", IEEE S&P 2022.
    """
    fake, train = check_windows(fake, "fake"), check_windows(train, "train")
    holdout = check_windows(holdout, "holdout")
    for windows, name in ((fake, "fake"), (holdout, "holdout")):
        check_same_shape(train, "train", windows, name)
    window = train.shape[1]
    rows = np.arange(len(train)) if rows is None else rows
    holdout_rows = np.arange(len(holdout)) if holdout_rows is None else holdout_rows
    seen, never = (_spread_out(len(each), MOST_QUERIES) for each in (train, holdout))
    shapes = Shapes.of(train[seen], fake, holdout[never])
    blocks = [blocks_of(each, window, long=1) for each in (rows[seen], holdout_rows[never])]
    if blocks[0] is None or blocks[1] is None or len(fake) < FEWEST_WINDOWS:
        return None
    made = shapes.of_windows(fake[_spread_out(len(fake), _most_reference(fake))])
    near = [_nearest(shapes.of_windows(each), made) for each in (train[seen], holdout[never])]
    tiny = 1e-6 * float(np.median(np.concatenate(near)[:, 1])) or 1.0
    members, others = (np.log(each[:, 0] + tiny) - np.log(each[:, 1] + tiny) for each in near)
    return _attack(members, others, blocks[0], blocks[1], seed)


def _nearest(queries: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return distances to the nearest and to the ``NEIGHBOURS``-th after it, ``(queries, 2)``."""
    made = np.empty((len(queries), 2))
    small = reference.astype("float32")
    squares = np.sum(small**2, axis=1)
    for start in range(0, len(queries), CHUNK):
        part = queries[start : start + CHUNK]
        order = squares - 2 * part.astype("float32") @ small.T
        places = np.argpartition(order, NEIGHBOURS, axis=1)[:, : NEIGHBOURS + 1]
        distances = np.linalg.norm(part[:, np.newaxis] - reference[places], axis=2)
        made[start : start + CHUNK] = np.sort(distances, axis=1)[:, [0, NEIGHBOURS]]
    return made


def _attack(
    members: np.ndarray, others: np.ndarray, blocks: np.ndarray, other_blocks: np.ndarray, seed: int
) -> Attack:
    """Return how well low scores name members, with intervals from blocks of time."""
    order = np.argsort(others, kind="stable")
    ordered, counts = others[order], (int(blocks[-1]) + 1, int(other_blocks[-1]) + 1)
    # wins[b, c]: pairs of a member of block b and another of block c in which the member is lower.
    beaten = np.zeros((len(ordered) + 1, counts[1]))
    beaten[:-1] = np.eye(counts[1])[other_blocks[order]][::-1].cumsum(axis=0)[::-1]
    after = beaten[np.searchsorted(ordered, members, side="right")]
    with_ties = beaten[np.searchsorted(ordered, members, side="left")]
    wins = sums_by_block((after + with_ties) / 2, blocks)
    sizes = [np.bincount(each).astype("float64") for each in (blocks, other_blocks)]
    rng = np.random.default_rng(seed)
    times = [np.ones((1, count)) for count in counts]
    times = [
        np.concatenate([one, draws(count, REPEATS, rng)])
        for one, count in zip(times, counts, strict=True)
    ]
    pairs = (times[0] @ sizes[0]) * (times[1] @ sizes[1])
    auc = np.einsum("rb,bc,rc->r", times[0], wins, times[1]) / pairs
    allowed = max(FALSE_POSITIVES, 1 / counts[1])
    caught = np.empty(REPEATS + 1)
    for k in range(REPEATS + 1):
        weight = times[1][k][other_blocks[order]].cumsum()
        threshold = ordered[np.searchsorted(weight, allowed * weight[-1])]
        named = sums_by_block((members < threshold).astype("float64"), blocks)
        caught[k] = times[0][k] @ named / (times[0][k] @ sizes[0])
    low, high = np.quantile(auc[1:], (0.025, 0.975))
    # Few blocks: their own spread is uncertain, as Student's t allows for.
    needed = float(stats.t.isf(FALSE_ALARM, min(counts) - 1))
    flagged = bool(auc[0] - 0.5 > needed * auc[1:].std())
    ends = np.quantile(caught[1:], (0.025, 0.975))
    return Attack(
        float(auc[0]),
        float(low),
        float(high),
        float(caught[0]),
        float(ends[0]),
        float(ends[1]),
        allowed,
        counts,
        flagged,
    )


def _spread_out(count: int, most: int) -> np.ndarray:
    """Return the places of at most so many of ``count`` windows, evenly over time."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def _most_reference(windows: np.ndarray) -> int:
    """Return how many windows are looked among: of long ones, fewer."""
    return max(1, min(MOST_REFERENCE, MOST_NUMBERS // int(np.prod(windows.shape[1:]))))


def _over(one: float, other: float) -> float:
    return float(one / other) if other else math.nan
