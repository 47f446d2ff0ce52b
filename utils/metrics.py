"""How good are generated series? Scores against real windows, their floors, and baselines.

The discriminative and the predictive score follow the protocol of TimeGAN (Yoon, Jarrett and
van der Schaar, "Time-series Generative Adversarial Networks", NeurIPS 2019): small recurrent
networks, the *judges*, are trained from scratch on real and generated windows. A score repeats
this with several judges, each with its own weights, split and batches.

Windows are NumPy arrays `(windows, time, features)` in the data's units; a score scales both
sets with the minimum and maximum of each feature over the *real* windows.

Inside, the judges are stacked, and the windows come last: a hidden state has the shape
`(judges, units, windows)`. The gates are then contiguous slices, and on a GPU all judges train
as one batched model. On a CPU one judge at a time a core is faster (plain matrix products).

The Fréchet distance and the coverage need no judge: they compare features `(samples, features)`,
what some trained network makes of samples of any kind, images for one.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import tensorflow as tf
from scipy.spatial.distance import cdist

from utils import runtime
from utils.preprocessing import Scaler

# The stronger judge: two GRU layers of 32 units; pass it on as **STRONG_JUDGE.
STRONG_JUDGE: dict[str, int] = {"layers": 2, "units": 32}

TRAIN_FRACTION = 0.8
MINIMUM_WINDOWS = 10
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # Adam's defaults in TensorFlow 1

Weights = list[tf.Tensor]


@dataclass(frozen=True)
class Score:
    """The values of a score over its repeats (judges)."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over the repeats."""
        return float(np.mean(self.values))

    @property
    def std(self) -> float:
        """The sample standard deviation over the repeats; not a number for a single repeat."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else math.nan

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.std:.3f}" if len(self.values) > 1 else f"{self.mean:.3f}"


def discriminative_score(
    real: np.ndarray,
    fake: np.ndarray,
    *,
    repeats: int = 10,
    layers: int = 1,
    units: int | None = None,
    steps: int = 2000,
    batch: int = 128,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> Score:
    """Return how well a judge tells real from generated windows: |accuracy − 0.5|, 0 to 0.5.

    A GRU reads a window; a dense logit on its last state says "real" when it is above 0. Each
    judge learns by Adam on 80 % of the real and 80 % of the generated windows, with `batch` of
    each a step, and is tested on the other 20 %. Lower is better; chance alone gives
    `chance_mean` on average.

    The cell is TimeGAN's: tanh, and the reset gate applied to the state *before* the matrix
    product (`reset_after=False` in Keras). The weights start as Keras starts them (Glorot
    uniform, orthogonal, zeros); TensorFlow 1's cell started the bias of the gates at one.

    Args:
        real: `(windows, time, features)`, in the data's units.
        fake: `(windows, time, features)`, of the same time and features.
        repeats: how many judges, each with its own weights, split and batches.
        layers: GRU layers.
        units: units of each layer; by default half the features, rounded down, at least 1.
        steps: training steps.
        batch: real windows, and generated windows, a step.
        learning_rate: of Adam.
        seed: the same seed gives the same score on the same machine; judge k depends on
            `(seed, k)` only, so that more repeats keep the earlier ones.

    Raises:
        ValueError: for windows of the wrong rank, of different time or features, not finite, or
            fewer than 10; for a number of repeats, layers, units, steps or windows below 1.
    """
    _check_counts(repeats=repeats, layers=layers, units=units, steps=steps, batch=batch)
    real, fake = _scaled_pair(real, fake)
    units = units or max(1, real.shape[2] // 2)
    windows = np.concatenate([real, fake])
    splits, batches, weights = [], [], []
    for judge in range(repeats):
        rng = np.random.default_rng([seed, judge])
        real_train, real_test = _split(len(real), rng)
        fake_train, fake_test = (part + len(real) for part in _split(len(fake), rng))
        splits.append(np.concatenate([real_test, fake_test]))
        batches.append(_draw(rng, steps, batch, real_train, fake_train))
        weights.append(_initial_weights(rng, windows.shape[2], layers, units))
    # One batch holds the real windows first: the targets are the same at every step.
    real_count, fake_count = min(batch, len(real_train)), min(batch, len(fake_train))
    target = np.r_[np.ones(real_count), np.zeros(fake_count)].astype("float32")

    def values(judges: slice) -> list[float]:
        trained = _train_classifier(
            _stack(weights[judges]),
            tf.constant(windows),
            tf.constant(target),
            tf.constant(np.stack(batches[judges], axis=1)),
            tf.constant(learning_rate, tf.float32),
        )
        chosen = np.stack(splits[judges])
        logits = _logits(trained, tf.constant(windows), tf.constant(chosen)).numpy()
        return list(np.abs(_accuracy(logits, chosen < len(real)) - 0.5))

    return _score(values, repeats)


def predictive_score(
    real: np.ndarray,
    fake: np.ndarray,
    *,
    repeats: int = 10,
    layers: int = 1,
    units: int | None = None,
    steps: int = 5000,
    batch: int = 128,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> Score:
    """Return the error on real windows of a one-step forecaster trained on generated ones.

    A GRU reads all features but the last at the times 0 … T − 2 and forecasts the last feature
    one step ahead, at 1 … T − 1, through a sigmoid; it learns by Adam on the mean absolute error
    over the generated windows ("train on synthetic, test on real"). The score is the mean
    absolute error over all real windows, of the scaled feature. Lower is better, and the score
    of the real windows against themselves is the floor.

    A series of one feature is forecast from its own past. For the cell, the weights and the
    other arguments see `discriminative_score`; by default a layer has half as many units as the
    windows have features, rounded down, at least 1.

    Raises:
        ValueError: as `discriminative_score`, and for windows of a single time step.
    """
    _check_counts(repeats=repeats, layers=layers, units=units, steps=steps, batch=batch)
    real, fake = _scaled_pair(real, fake)
    if real.shape[1] < 2:
        raise ValueError("The windows have 1 time step; expected at least 2 to forecast one.")
    units = units or max(1, real.shape[2] // 2)
    inputs = max(1, real.shape[2] - 1)
    batches, weights = [], []
    for judge in range(repeats):
        rng = np.random.default_rng([seed, judge])
        batches.append(_draw(rng, steps, batch, np.arange(len(fake))))
        weights.append(_initial_weights(rng, inputs, layers, units))

    def values(judges: slice) -> list[float]:
        trained = _train_forecaster(
            _stack(weights[judges]),
            tf.constant(fake),
            tf.constant(np.stack(batches[judges], axis=1)),
            tf.constant(learning_rate, tf.float32),
        )
        everything = np.tile(np.arange(len(real), dtype="int32"), (len(batches[judges]), 1))
        return list(_absolute_error(trained, tf.constant(real), tf.constant(everything)).numpy())

    return _score(values, repeats)


def split_real(windows: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two disjoint random halves of `(windows, time, features)`.

    Raises:
        ValueError: if there are fewer than two windows or the rank is wrong.
    """
    windows = check_windows(windows, "real", minimum=2)
    order = np.random.default_rng(seed).permutation(len(windows))
    half = len(windows) // 2
    return windows[order[:half]], windows[order[half:]]


def real_versus_real(real: np.ndarray, *, seed: int = 0, **judge: float) -> Score:
    """Return the floor of the discriminative score: one half of the real windows as "fake".

    Args:
        real: `(windows, time, features)`.
        seed: of the halves and of the judges.
        **judge: passed to `discriminative_score`.

    Raises:
        ValueError: as `discriminative_score`.
    """
    return discriminative_score(*split_real(real, seed), seed=seed, **judge)


def chance_bound(test_size: int) -> float:
    """Return what a perfect generator's score stays under 95 % of the time, one judge at a time.

    A judge that can only guess is right on each held-out window with probability one half, so
    that its accuracy is about normal with the standard deviation 0.5/√n.

    Args:
        test_size: n, the number of held-out windows, real and generated together.

    Raises:
        ValueError: if `test_size` is below 1.
    """
    _check_counts(test_size=test_size)
    return 1.96 * 0.5 / math.sqrt(test_size)


def chance_mean(test_size: int) -> float:
    """Return a perfect generator's mean score, √(2/π)·0.5/√n; see `chance_bound`."""
    _check_counts(test_size=test_size)
    return math.sqrt(2 / math.pi) * 0.5 / math.sqrt(test_size)


def bootstrap_innovations(
    scores: np.ndarray, count: int, seed: int, *, block: int = 1
) -> np.ndarray:
    """Return innovations drawn anew, independently over time: the VAR bootstrap.

    The preconditioner turns a window into the level of its first row, followed by the
    innovations of a VAR(1). Here the first step is drawn from the first steps, and every later
    step from all later steps of all windows, with replacement; the components of one moment
    stay together. What is left after the preconditioner's inverse is a linear model with the
    data's own shocks, but without memory in their size: a baseline that a GAN has to beat
    (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 8).

    With a `block` above 1, so many consecutive innovations of one window are drawn together, and
    the memory inside a block is kept: a *block* bootstrap of the innovations. The VAR joins the
    levels, so that nothing jumps where blocks meet; see `block_bootstrap` for the drawn rows
    themselves. The longer the block, the more is copied: with time − 1 a window is made of two
    pieces of the past, begun from another level.

    Args:
        scores: `(windows, time, components)`, time at least 2.
        count: how many windows to draw.
        seed: of the draws.
        block: consecutive innovations drawn together, 1 to time − 1.

    Returns:
        `(count, time, components)`.

    Raises:
        ValueError: for scores of the wrong shape or not finite, a count below 1, or a block that
            is out of range.
    """
    scores = check_windows(scores, "scores")
    _check_counts(count=count)
    time, components = scores.shape[1:]
    if time < 2:
        raise ValueError("The scores have 1 time step; expected a level and at least 1 innovation.")
    rng = np.random.default_rng(seed)
    level = scores[rng.integers(len(scores), size=count), :1]
    if block == 1:
        pool = scores[:, 1:].reshape(-1, components)
        innovations = pool[rng.integers(len(pool), size=(count, time - 1))]
    else:
        innovations = _glued_blocks(scores[:, 1:], time - 1, count, block, rng)
    return np.concatenate([level, innovations], axis=1)


def block_bootstrap(
    series: np.ndarray, window: int, count: int, *, block: int, seed: int
) -> np.ndarray:
    """Return windows glued from blocks of the real rows: the moving block bootstrap.

    Blocks of `block` consecutive rows are drawn from all places of the series, with replacement,
    set one after the other, and windows are cut from that, the first block at a random place. So
    the dependence inside a block is kept and that between blocks is not. The rows are taken as
    they are: where two blocks meet, a series that wanders *jumps*. With blocks as long as a window
    or longer, many windows are plain copies.

    Args:
        series: `(rows, features)`, or several of them, `(series, rows, features)`: then a block
            lies within one of them.
        window: rows in a window.
        count: how many windows to draw.
        block: rows in a block, 1 to the rows of the series.
        seed: of the draws.

    Returns:
        `(count, window, features)`.

    Raises:
        ValueError: for a series of the wrong rank or not finite, a window or a count below 1, or
            a block that is out of range.

    Source: Künsch, "The jackknife and the bootstrap for general stationary observations", The
    Annals of Statistics 17(3), 1989, doi:10.1214/aos/1176347265.
    """
    _check_counts(window=window, count=count)
    series = np.asarray(series, dtype="float64")
    if series.ndim == 2:
        series = series[np.newaxis]
    series = check_windows(series, "series")
    return _glued_blocks(series, window, count, block, np.random.default_rng(seed))


def _glued_blocks(
    sequences: np.ndarray, time: int, count: int, block: int, rng: np.random.Generator
) -> np.ndarray:
    """Return `(count, time, features)` of blocks out of `(sequences, rows, features)`."""
    rows = sequences.shape[1]
    if not 1 <= block <= rows:
        raise ValueError(f"A block has {block} rows; expected 1 to {rows}.")
    blocks = -(-(time + block - 1) // block)  # enough wherever the window begins
    sequence = rng.integers(len(sequences), size=(count, blocks, 1))
    start = rng.integers(rows - block + 1, size=(count, blocks, 1))
    glued = sequences[sequence, start + np.arange(block)]
    glued = glued.reshape(count, blocks * block, -1)
    begin = rng.integers(block, size=(count, 1))
    return glued[np.arange(count)[:, np.newaxis], begin + np.arange(time)]


def nearest_distances(
    queries: np.ndarray, reference: np.ndarray, *, chunk: int = 1000, apart: int = 0
) -> np.ndarray:
    """Return each query's Euclidean distance to its nearest reference window.

    The windows are flattened and taken as they are: scale them first where features differ in
    size, as `memorisation_ratio` does. The memory needed is `chunk` × reference windows.

    How far a window of a series is from the nearest *other* one, with which it shares no row:
    give the windows, cut at every row, as queries and as reference, and their length as `apart`.

    Args:
        queries: `(queries, time, features)`.
        reference: `(windows, time, features)`.
        chunk: queries compared at a time.
        apart: query i is not compared with the reference windows at less than so many places
            from i; 0 compares it with all.

    Returns:
        `(queries,)`.

    Raises:
        ValueError: for windows of the wrong rank, not finite, or of different time or features;
            or where `apart` leaves a query nothing to be compared with.
    """
    _check_counts(chunk=chunk)
    queries, reference = check_windows(queries, "queries"), check_windows(reference, "reference")
    check_same_shape(reference, "reference", queries, "queries")
    place = np.arange(len(reference))
    far = np.maximum(np.arange(len(queries)), abs(np.arange(len(queries)) - place[-1]))
    if apart < 0 or far.min() < apart:
        raise ValueError(
            f"apart is {apart}; with {len(queries)} queries and {len(reference)} reference windows "
            f"expected 0 to {far.min()}."
        )
    flat = reference.reshape(len(reference), -1)
    squares = np.sum(flat**2, axis=1)
    distances = []
    for start in range(0, len(queries), chunk):
        part = queries[start : start + chunk].reshape(-1, flat.shape[1])
        # |q − r|² = |q|² − 2 q·r + |r|²; it cancels badly, so it only chooses the nearest.
        order = squares - 2 * part @ flat.T
        if apart:
            at = np.arange(start, start + len(part))
            order[np.abs(at[:, np.newaxis] - place) < apart] = np.inf
        nearest = np.argmin(order, axis=1)
        distances.append(np.linalg.norm(part - flat[nearest], axis=1))
    return np.concatenate(distances)


def memorisation_ratio(fake: np.ndarray, train: np.ndarray, holdout: np.ndarray) -> float:
    """Return the median nearest distance fake → train over that of holdout → train.

    Near 1 or above: the generated windows are no closer to the training windows than fresh real
    ones. Near 0: they are copies. All sets are scaled with the training windows' minimum and
    maximum. Overlapping windows are near-copies of each other: the hold-out must be later in
    time than the training windows, with no row in common.

    Raises:
        ValueError: for windows of the wrong rank, not finite, of different time or features; or
            if half the hold-out is itself in the training windows, so that the ratio has no
            denominator.
    """
    fake, train = check_windows(fake, "fake"), check_windows(train, "train")
    holdout = check_windows(holdout, "holdout")
    check_same_shape(train, "train", fake, "fake")
    check_same_shape(train, "train", holdout, "holdout")
    scale = Scaler.min_max(train).transform
    fake, train, holdout = scale(fake), scale(train), scale(holdout)
    usual = np.median(nearest_distances(holdout, train))
    if usual == 0:
        raise ValueError(
            "At least half of the holdout windows are also in train; expected windows held out."
        )
    return float(np.median(nearest_distances(fake, train)) / usual)


def autocorrelation(windows: np.ndarray, lags: int) -> np.ndarray:
    """Return the mean autocorrelation within windows, for each lag 0 … `lags` and feature.

    With m the mean of one window's feature, its autocorrelation at lag k is
    Σ (x_t − m)(x_{t+k} − m) / Σ (x_t − m)², the sums over the times that the window holds. This
    estimator is biased towards zero and below in short windows, alike for real and generated
    ones. A window in which the feature does not vary is left out.

    Args:
        windows: `(windows, time, features)`.
        lags: the greatest lag, from 0 to time − 1.

    Returns:
        `(lags + 1, features)`; not a number for a feature that varies in no window.

    Raises:
        ValueError: for windows of the wrong rank or not finite, or a lag out of range.
    """
    windows = check_windows(windows, "given")
    time = windows.shape[1]
    if not 0 <= lags < time:
        raise ValueError(f"The greatest lag is {lags}; expected 0 to {time - 1} (time − 1).")
    # Rounding leaves a constant feature's variance a little above zero: compare the values.
    varies = np.any(windows != windows[:, :1], axis=1)
    centred = windows - windows.mean(axis=1, keepdims=True)
    variance = np.where(varies, np.sum(centred**2, axis=1), np.nan)
    rows = []
    for lag in range(lags + 1):
        products = np.sum(centred[:, : time - lag] * centred[:, lag:], axis=1) / variance
        used = np.maximum(varies.sum(axis=0), 1)
        rows.append(np.where(varies.any(axis=0), np.nansum(products, axis=0) / used, np.nan))
    return np.stack(rows)


def maximum_mean_discrepancy(
    real: np.ndarray,
    fake: np.ndarray,
    *,
    bandwidths: Sequence[float] | None = None,
    limit: int = 1000,
    seed: int = 0,
) -> float:
    """Return the unbiased estimate of the squared maximum mean discrepancy, RBF kernel.

    Mean k(x, x') + mean k(y, y') − 2 mean k(x, y) over distinct pairs of flattened scaled windows,
    with k = exp(−d²/(2σ²)) averaged over the bandwidths σ (Gretton et al., "A Kernel Two-Sample
    Test", JMLR 2012, equation 3). It is zero on average, and may be negative, where both sets
    come from one distribution.

    Args:
        real: `(windows, time, features)`.
        fake: `(windows, time, features)`.
        bandwidths: σ, in the unit of the scaled distance; by default a half, one and two times
            the median distance between the windows of both sets.
        limit: at most so many windows of each set, chosen at random.
        seed: of that choice.

    Raises:
        ValueError: for windows of the wrong rank, not finite, or of different time or features;
            a bandwidth or a limit that is not positive.
    """
    kernel, count = _kernel(real, fake, bandwidths, limit, seed)
    return float(_discrepancies(kernel, np.arange(len(kernel))[np.newaxis] < count)[0])


class TwoSampleTest(NamedTuple):
    """A statistic and how often chance alone makes it as large."""

    statistic: float
    p_value: float


def permutation_test(
    real: np.ndarray,
    fake: np.ndarray,
    *,
    permutations: int = 999,
    bandwidths: Sequence[float] | None = None,
    limit: int = 1000,
    seed: int = 0,
) -> TwoSampleTest:
    """Return the squared maximum mean discrepancy and its p-value under permuted labels.

    If both sets come from one distribution, and every window is independent of the others, the
    labels "real" and "generated" might as well have been dealt at random. The p-value is the share
    of deals, the actual one among them, with a discrepancy at least as large:
    (1 + as large)/(1 + permutations).

    **Overlapping windows are not independent**: then the p-value is far too small. Give it
    windows without a row in common.

    Args:
        real: `(windows, time, features)`, independent of each other.
        fake: `(windows, time, features)`, independent of each other.
        permutations: how many deals; the smallest p-value is 1/(1 + permutations).
        bandwidths: see `maximum_mean_discrepancy`.
        limit: at most so many windows of each set, chosen at random.
        seed: of that choice and of the deals.

    Raises:
        ValueError: as `maximum_mean_discrepancy`, and for permutations below 1.

    Source: Gretton, Borgwardt, Rasch, Schölkopf, Smola, "A Kernel Two-Sample Test", JMLR 13,
    2012; the count of the actual deal: Phipson and Smyth, "Permutation P-values should never be
    zero", 2010, doi:10.2202/1544-6115.1585.
    """
    _check_counts(permutations=permutations)
    kernel, count = _kernel(real, fake, bandwidths, limit, seed)
    is_real = np.arange(len(kernel)) < count
    rng = np.random.default_rng([seed, 1])
    deals = np.stack([is_real, *(rng.permutation(is_real) for _ in range(permutations))])
    actual, *dealt = _discrepancies(kernel, deals)
    # Sums in another order differ by rounding: what is equal must count as large.
    as_large = np.count_nonzero(np.array(dealt) >= actual - 1e-12)
    return TwoSampleTest(float(actual), (1 + as_large) / (1 + permutations))


def _kernel(
    real: np.ndarray,
    fake: np.ndarray,
    bandwidths: Sequence[float] | None,
    limit: int,
    seed: int,
) -> tuple[np.ndarray, int]:
    """Return the kernel between all windows, the real ones first, and how many are real."""
    if limit < 2:
        raise ValueError(f"The limit is {limit}; expected at least 2 windows.")
    real, fake = _scaled_pair(real, fake, minimum=2)
    rng = np.random.default_rng(seed)
    x, y = (
        rng.permutation(windows)[:limit].reshape(min(limit, len(windows)), -1).astype(float)
        for windows in (real, fake)
    )
    both = np.concatenate([x, y])
    squares = np.sum(both**2, axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * both @ both.T, 0)  # squared
    if bandwidths is None:
        median = math.sqrt(np.median(distances[np.triu_indices(len(both), 1)])) or 1.0
        bandwidths = (median / 2, median, median * 2)
    if not len(bandwidths) or min(bandwidths) <= 0:
        raise ValueError(f"The bandwidths are {bandwidths!r}; expected positive numbers.")
    kernel = np.mean([np.exp(-distances / (2 * sigma**2)) for sigma in bandwidths], axis=0)
    np.fill_diagonal(kernel, 0)  # only distinct pairs count
    return kernel, len(x)


def _discrepancies(kernel: np.ndarray, is_real: np.ndarray) -> np.ndarray:
    """Return the squared discrepancy of each deal of labels `(deals, windows)`."""
    x = is_real.astype(float)
    n, m = x[0].sum(), (1 - x[0]).sum()
    of_x = x @ kernel
    xx = np.sum(of_x * x, axis=1)
    xy = np.sum(of_x, axis=1) - xx
    yy = kernel.sum() - xx - 2 * xy
    return xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m)


# ── Stylised facts ────────────────────────────────────────────────────────────────────────────

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
FACT_LAGS = (1, 5)


def stylised_facts(
    windows: np.ndarray, *, columns: Sequence[str] | None = None, logarithms: bool = False
) -> pd.Series:
    """Return what an analyst would first look up in the windows, fact by fact.

    Of every feature: the standard deviation and the quantiles of the level; of its *returns*, the
    changes from one row to the next, the standard deviation, the excess kurtosis, the ratio of the
    range from 1 % to 99 % to that from 25 % to 75 % (3.45 for a normal one), and the
    autocorrelation, 1 and 5 rows apart, of the returns, of their absolute values and of their
    squares. Of every pair of features: the correlation of the levels and of the returns.

    All are taken over all windows together: an autocorrelation is that of deviations from the
    mean of *all* windows, so that calm and wild windows count as well as calm and wild rows.
    (`autocorrelation` takes out the mean of each window.)

    Args:
        windows: `(windows, time, features)`, time at least 3, in the data's units.
        columns: the features' names; by default feature 1, feature 2 …
        logarithms: returns as changes of the logarithm, for values that are all positive:
            relative changes, the same at high and low levels.

    Returns:
        A series with the index (fact, of), such as ("std of level", "Close") or
        ("correlation of returns", "Open × High"). Not a number where a fact is not defined, as
        the correlation of a constant. An autocorrelation at a lag that the windows are too short
        for is left out.

    Raises:
        ValueError: for windows of the wrong rank or not finite, fewer than 3 rows, names that do
            not fit, or logarithms of values that are not positive.

    Source: Cont, "Empirical properties of asset returns: stylized facts and statistical issues",
    Quantitative Finance 1(2), 2001, doi:10.1080/713665670.
    """
    windows = check_windows(windows, "given")
    time, features = windows.shape[1:]
    if time < 3:
        raise ValueError(f"The windows have {time} rows; expected at least 3.")
    names = [f"feature {k + 1}" for k in range(features)] if columns is None else list(columns)
    if len(names) != features:
        raise ValueError(f"There are {len(names)} names for {features} features.")
    if logarithms and windows.min() <= 0:
        raise ValueError(f"The windows hold {windows.min():g}; logarithms need positive values.")
    returns = np.diff(np.log(windows) if logarithms else windows, axis=1)
    facts: dict[str, np.ndarray] = {}
    rows, changes = windows.reshape(-1, features), returns.reshape(-1, features)
    with np.errstate(divide="ignore", invalid="ignore"):
        facts["std of level"] = rows.std(axis=0)
        for share, values in zip(QUANTILES, np.quantile(rows, QUANTILES, axis=0), strict=True):
            facts[f"{share:.0%} quantile of level"] = values
        facts["std of returns"] = changes.std(axis=0)
        centred = changes - changes.mean(axis=0)
        facts["kurtosis of returns"] = (
            np.mean(centred**4, axis=0) / np.mean(centred**2, axis=0) ** 2 - 3
        )
        tails = np.quantile(changes, (0.01, 0.25, 0.75, 0.99), axis=0)
        facts["tail ratio of returns"] = (tails[3] - tails[0]) / (tails[2] - tails[1])
        sizes = {"returns": returns, "|returns|": np.abs(returns), "squared returns": returns**2}
        for what, values in sizes.items():
            for lag in FACT_LAGS:
                if lag < time - 1:
                    of_lag = _pooled_autocorrelation(values, lag)
                    facts[f"autocorrelation of {what}, lag {lag}"] = of_lag
        table = {
            (fact, name): value
            for fact, values in facts.items()
            for name, value in zip(names, values, strict=True)
        }
        for what, values in (("levels", rows), ("returns", changes)):
            matrix = np.atleast_2d(np.corrcoef(values, rowvar=False))
            for i, j in zip(*np.triu_indices(features, 1), strict=True):
                table[f"correlation of {what}", f"{names[i]} × {names[j]}"] = matrix[i, j]
    return pd.Series(table, dtype=float).rename_axis(["fact", "of"])


def _pooled_autocorrelation(values: np.ndarray, lag: int) -> np.ndarray:
    """Return the autocorrelation of `(windows, time, features)` about the mean of all windows."""
    centred = values - values.mean(axis=(0, 1))
    products = np.mean(centred[:, :-lag] * centred[:, lag:], axis=(0, 1))
    return products / np.mean(centred**2, axis=(0, 1))


def real_spread(
    real: np.ndarray,
    *,
    block: int | None = None,
    repeats: int = 200,
    share: float = 0.9,
    seed: int = 0,
    columns: Sequence[str] | None = None,
    logarithms: bool = False,
) -> pd.Series:
    """Return how far the facts of two equally large sets of *real* windows lie apart.

    The windows are cut into blocks of `block` consecutive ones, half of the blocks are chosen at
    random, and the facts of that half are compared with those of the other. This is repeated; the
    spread of a fact is what its absolute difference stays under in `share` of the repeats, divided
    by √2, since sets twice as large as the halves lie closer by that factor. A second stretch of
    reality, as long as the first, would then differ by less than the spread in `share` of all
    cases, if the series is stationary and blocks are many and longer than its memory. (Tried with
    an AR(1) of 1,500 rows: in 0.85 to 0.88 of all cases instead of 0.9.)

    Overlapping windows are near-copies of their neighbours: with random halves, block 1, the two
    halves would show the same days, and the spread would be far too small. So the blocks are long.

    Args:
        real: `(windows, time, features)` in the order of time.
        block: windows in a block; by default four times as many as a window has rows. Give 1 for
            windows that are independent of each other.
        repeats: how many random choices of half the blocks.
        share: between 0 and 1.
        seed: of the choices.
        columns: see `stylised_facts`.
        logarithms: see `stylised_facts`.

    Returns:
        The spread of every fact, in the fact's unit, indexed as `stylised_facts`.

    Raises:
        ValueError: as `stylised_facts`; for a count below 1, a share out of range, or fewer than
            4 blocks.

    Source: halves of blocks as pseudo-replications: McCarthy, "Pseudo-replication: half
    samples", Review of the International Statistical Institute 37(3), 1969; blocks of time:
    Künsch, 1989, see `block_bootstrap`.
    """
    real = check_windows(real, "real")
    block = 4 * real.shape[1] if block is None else block
    _check_counts(block=block, repeats=repeats)
    if not 0 < share < 1:
        raise ValueError(f"share is {share}; expected a number between 0 and 1.")
    blocks = np.arange(len(real)) // block
    count = len(real) // block  # the few windows left over join the last block
    if count < 4:
        raise ValueError(
            f"{len(real)} windows make {count} blocks of {block}; expected at least 4 blocks."
        )
    blocks = np.minimum(blocks, count - 1)
    rng = np.random.default_rng(seed)
    differences = []
    for _ in range(repeats):
        chosen = np.isin(blocks, rng.permutation(count)[: count // 2])
        one, other = (
            stylised_facts(real[half], columns=columns, logarithms=logarithms)
            for half in (chosen, ~chosen)
        )
        differences.append((one - other).abs())
    return pd.DataFrame(differences).quantile(share) / math.sqrt(2)


def within_spread(
    real: np.ndarray,
    fake: np.ndarray,
    spread: pd.Series,
    *,
    columns: Sequence[str] | None = None,
    logarithms: bool = False,
) -> pd.DataFrame:
    """Return the facts of real and generated windows, and whether they agree within the spread.

    Args:
        real: `(windows, time, features)`.
        fake: `(windows, time, features)`, of the same time and features, about as many.
        spread: what `real_spread` returned for `real`, with the same columns and logarithms.
        columns: see `stylised_facts`.
        logarithms: see `stylised_facts`; then generated values must be positive too.

    Returns:
        A table with the index (fact, of) and the columns "real", "generated", "spread" and
        "inside". Facts that are not defined for the real windows are left out; one that is not
        defined for the generated windows alone is not inside.

    Raises:
        ValueError: as `stylised_facts`, or if the spread is not of these facts.
    """
    real, fake = check_windows(real, "real"), check_windows(fake, "fake")
    check_same_shape(real, "real", fake, "fake")
    options = {"columns": columns, "logarithms": logarithms}
    table = pd.DataFrame(
        {"real": stylised_facts(real, **options), "generated": stylised_facts(fake, **options)}
    )
    if not table.index.equals(spread.index):
        raise ValueError(
            f"The spread is of {len(spread)} facts, not of these windows' {len(table)}; "
            "expected that of real_spread with the same columns."
        )
    table["spread"] = spread
    # Where the real halves agree to the last digit, rounding must not count as a difference.
    slack = 1e-9 * table["real"].abs()
    table["inside"] = (table["generated"] - table["real"]).abs() <= table["spread"] + slack
    return table[table["real"].notna()]


def frechet_distance(real_features: np.ndarray, fake_features: np.ndarray) -> float:
    """Return the Fréchet distance between two Gaussians with the features' means and covariances.

        ‖m_r − m_f‖² + tr(C_r + C_f − 2 (C_r C_f)^½)

    It is 0 where both agree. With few samples it is too large, on average; so compare only
    distances of equally many samples, and give that between two sets of real ones beside them.

    Args:
        real_features: `(samples, features)`, what a network makes of real samples.
        fake_features: `(samples, features)`, of as many features.

    Returns:
        The distance, in the features' unit squared, at least 0.

    Raises:
        ValueError: for features of the wrong rank or not finite, fewer than 2 samples, or
            different numbers of features.

    Source: Dowson, Landau, "The Fréchet distance between multivariate normal distributions",
    Journal of Multivariate Analysis 12(3), 1982; with a classifier's features: Heusel et al.,
    "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", NeurIPS
    2017, equation 6, arXiv 1706.08500.
    """
    real, fake = _feature_pair(real_features, fake_features, minimum=2)
    difference = real.mean(axis=0) - fake.mean(axis=0)
    real_cov, fake_cov = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (real, fake))
    # C_r C_f has the eigenvalues of A C_f A, which is symmetric, where A² = C_r.
    values, vectors = np.linalg.eigh(real_cov)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    eigenvalues = np.linalg.eigvalsh(root @ fake_cov @ root)
    overlap = np.sum(np.sqrt(np.maximum(eigenvalues, 0)))
    distance = difference @ difference + np.trace(real_cov) + np.trace(fake_cov) - 2 * overlap
    return float(max(distance, 0.0))


def coverage(
    real_features: np.ndarray, fake_features: np.ndarray, k: int = 5, *, chunk: int = 1000
) -> float:
    """Return the share of real samples that have a generated one in their neighbourhood.

    A real sample's neighbourhood is the ball around it that reaches to its `k`-th nearest other
    real sample. Where both sets are equally large and of one distribution, each neighbourhood is
    met with a probability of nearly 1 − 2⁻ᵏ, whatever the distribution. The memory needed is
    `chunk` × samples.

    Args:
        real_features: `(samples, features)`.
        fake_features: `(samples, features)`, of as many features.
        k: which neighbour, from 1 to the number of real samples − 1.
        chunk: real samples compared at a time.

    Raises:
        ValueError: for features of the wrong rank or not finite, different numbers of features,
            or a `k` that is out of range.

    Source: Naeem, Oh, Uh, Choi, Yoo, "Reliable fidelity and diversity metrics for generative
    models", ICML 2020, arXiv 2002.09797.
    """
    _check_counts(chunk=chunk)
    real, fake = _feature_pair(real_features, fake_features)
    if not 1 <= k < len(real):
        raise ValueError(f"k is {k}; expected 1 to {len(real) - 1} (real samples − 1).")
    covered = 0
    for start in range(0, len(real), chunk):
        part = real[start : start + chunk]
        # The sample itself, at distance 0, comes first: the k-th other one stands at place k.
        radius = np.partition(cdist(part, real), k, axis=1)[:, k]
        covered += np.count_nonzero(cdist(part, fake).min(axis=1) <= radius)
    return covered / len(real)


class ModeCoverage(NamedTuple):
    """How many modes of a known mixture are covered, and how many samples are any good."""

    modes: int
    quality: float


def mode_coverage(
    samples: np.ndarray, centres: np.ndarray, sigma: float, *, share: float = 0.25
) -> ModeCoverage:
    """Return the covered modes and the high-quality share of samples of a Gaussian mixture.

    The mixture has equal weights and the covariance σ²I around each centre. A sample is of *high
    quality* if it lies within 3σ of its nearest centre. A mode counts as *covered* if it gets at
    least `share` of what a perfect sampler would give it, `samples / modes`, in high-quality
    samples. In two dimensions a perfect sampler has the high-quality share 1 − exp(−4.5) = 0.989.

    Args:
        samples: `(samples, dimensions)`.
        centres: `(modes, dimensions)`.
        sigma: σ, the standard deviation of each mode, above 0, in the samples' unit.
        share: how much of its fair part a mode must get, above 0 and at most 1.

    Returns:
        `ModeCoverage(modes, quality)`: a count from 0 to the number of centres, and a share.

    Raises:
        ValueError: for arrays of the wrong rank, empty or not finite, different dimensions, or a
            σ or share that is out of range.

    Source: the 3σ of Srivastava et al., "VEEGAN", NeurIPS 2017, arXiv 1705.07761,
    who count a mode from its first high-quality sample on; `share` is this course's, stricter.
    """
    points = _rows(samples, "samples", "(samples, dimensions)")
    modes = _rows(centres, "centres", "(centres, dimensions)")
    if points.shape[1] != modes.shape[1]:
        raise ValueError(
            f"The samples have {points.shape[1]} dimensions, the centres {modes.shape[1]}; "
            "expected the same."
        )
    if not (math.isfinite(sigma) and sigma > 0):
        raise ValueError(f"sigma is {sigma}; expected a finite number above 0.")
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}; expected a number above 0, at most 1.")
    distances = cdist(points, modes)
    good = distances.min(axis=1) <= 3 * sigma
    counts = np.bincount(distances.argmin(axis=1)[good], minlength=len(modes))
    covered = counts >= share * len(points) / len(modes)
    return ModeCoverage(int(covered.sum()), float(good.mean()))


# ── The judges ────────────────────────────────────────────────────────────────────────────────
# A judge's weights, in order: for each layer the kernel (3·units, inputs), the recurrent kernel
# (3·units, units) and the bias (3·units, 1), with the gates in Keras' order: update z, reset r,
# candidate c; then the dense kernel (1, units) and its bias (1, 1). `_stack` adds the judge axis.


def _initial_weights(
    rng: np.random.Generator, inputs: int, layers: int, units: int
) -> list[np.ndarray]:
    """Return one judge's weights as Keras would draw them."""

    def glorot(rows: int, columns: int) -> np.ndarray:
        limit = math.sqrt(6 / (rows + columns))
        return rng.uniform(-limit, limit, (rows, columns))

    weights = []
    for _ in range(layers):
        q, r = np.linalg.qr(rng.normal(size=(3 * units, units)))
        orthogonal = q * np.sign(np.diag(r))  # the sign makes it uniform over rotations
        weights += [glorot(3 * units, inputs), orthogonal, np.zeros((3 * units, 1))]
        inputs = units
    weights += [glorot(1, units), np.zeros((1, 1))]
    return [weight.astype("float32") for weight in weights]


def _stack(judges: list[list[np.ndarray]]) -> Weights:
    """Return the weights of several judges with a leading judge axis."""
    return [tf.constant(np.stack(weight)) for weight in zip(*judges, strict=True)]


@tf.custom_gradient
def _recurrence(projected: tf.Tensor, recurrent: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """Return the states of a GRU layer and their gradient, backpropagation through time.

    z, r = σ(x_zr + R_zr h),  c = tanh(x_c + R_c (r ∘ h)),  h ← z ∘ h + (1 − z) ∘ c

    The gradient is written out: a third faster than TensorFlow's own here, since the recurrent
    kernel's gradient becomes one product over all times instead of a sum of one a time.

    Args:
        projected: K x + b for all times, `(time, judges, 3·units, windows)`.
        recurrent: R, `(judges, 3·units, units)`.

    Returns:
        h for all times, `(time, judges, units, windows)`, and the function of the gradient.
    """
    time, judges, rows, windows = projected.shape
    units = rows // 3
    of_gates, of_candidate = recurrent[:, : 2 * units], recurrent[:, 2 * units :]
    start = tf.zeros((judges, units, windows))

    def array(height: int) -> tf.TensorArray:
        return tf.TensorArray(tf.float32, time, element_shape=(judges, height, windows))

    def forward(t, h, *history):
        x = projected[t]
        gates = tf.sigmoid(x[:, : 2 * units] + of_gates @ h)
        z, r = gates[:, :units], gates[:, units:]
        c = tf.tanh(x[:, 2 * units :] + of_candidate @ (r * h))
        h = c + z * (h - c)
        kept = zip(history, (z, r, c, h), strict=True)
        return t + 1, h, *(values.write(t, value) for values, value in kept)

    history = [array(units) for _ in range(4)]
    _, _, *history = tf.while_loop(
        lambda t, *_: t < time, forward, (0, start, *history), maximum_iterations=time
    )
    zs, rs, cs, hs = (values.stack() for values in history)

    def gradient(from_above):
        before = tf.concat([start[None], hs[:-1]], axis=0)  # h one step earlier

        def backward(t, dh, dx):
            z, r, c, h = zs[t], rs[t], cs[t], before[t]
            dh = dh + from_above[t]
            dc = dh * (1 - z) * (1 - c * c)
            drh = tf.matmul(of_candidate, dc, transpose_a=True)
            dz = dh * (h - c) * z * (1 - z)
            dr = drh * h * r * (1 - r)
            dgates = tf.concat([dz, dr], axis=1)
            dh = dh * z + drh * r + tf.matmul(of_gates, dgates, transpose_a=True)
            return t - 1, dh, dx.write(t, tf.concat([dgates, dc], axis=1))

        _, _, dx = tf.while_loop(
            lambda t, *_: t >= 0, backward, (time - 1, start, array(rows)), maximum_iterations=time
        )
        dx = dx.stack()
        product = "tjaw,tjbw->jab"  # summed over times and windows
        dgates = tf.einsum(product, dx[:, :, : 2 * units], before)
        dcandidate = tf.einsum(product, dx[:, :, 2 * units :], rs * before)
        return dx, tf.concat([dgates, dcandidate], axis=1)

    return hs, gradient


def _states(weights: Weights, x: tf.Tensor) -> tf.Tensor:
    """Return the last layer's states `(time, judges, units, windows)` for x of such a shape."""
    *layers, _, _ = weights
    for kernel, recurrent, bias in zip(layers[::3], layers[1::3], layers[2::3], strict=True):
        x = _recurrence(tf.einsum("tjfw,jaf->tjaw", x, kernel) + bias, recurrent)
    return x


def _dense(weights: Weights, states: tf.Tensor) -> tf.Tensor:
    """Return the dense layer's output on states `(…, judges, units, windows)`, without the units.

    Written as a sum: with one output it is faster than a batched matrix product.
    """
    kernel, bias = weights[-2:]
    return tf.reduce_sum(states * tf.linalg.matrix_transpose(kernel), axis=-2) + bias[..., 0]


def _take(windows: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """Return the chosen windows of each judge, `(time, judges, features, windows)`."""
    return tf.transpose(tf.gather(windows, chosen), [2, 0, 3, 1])


def _inputs_and_future(windows: tf.Tensor, chosen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return what a forecaster reads and what it is to forecast, the last feature."""
    x = _take(windows, chosen)
    read = x if x.shape[2] == 1 else x[:, :, :-1]
    return read[:-1], x[1:, :, -1]


def _adam(
    weights: Weights,
    loss_of: Callable[[Weights, tf.Tensor], tf.Tensor],
    batches: tf.Tensor,
    learning_rate: tf.Tensor,
) -> Weights:
    """Return the weights after a step of Adam on each batch `(steps, judges, windows)`.

    `loss_of(weights, chosen)` is the loss summed over the judges: a judge's gradient is then its
    own, and since Adam works element by element, so is all of its training (Kingma and Ba,
    "Adam", ICLR 2015, the efficient order of section 2; ε as TensorFlow 1 has it).
    """
    m = [tf.zeros_like(weight) for weight in weights]
    v = [tf.zeros_like(weight) for weight in weights]
    for step in tf.range(tf.shape(batches)[0]):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            loss = loss_of(weights, batches[step])
        gradients = tape.gradient(loss, weights)
        t = tf.cast(step + 1, tf.float32)
        rate = learning_rate * tf.sqrt(1 - BETA_2**t) / (1 - BETA_1**t)
        m = [BETA_1 * a + (1 - BETA_1) * g for a, g in zip(m, gradients, strict=True)]
        v = [BETA_2 * a + (1 - BETA_2) * g * g for a, g in zip(v, gradients, strict=True)]
        weights = [
            w - rate * a / (tf.sqrt(b) + EPSILON) for w, a, b in zip(weights, m, v, strict=True)
        ]
    return weights


# Compiled with XLA: one compilation of about two seconds, then no time is lost between the
# thousands of small operations of a step.


@tf.function(jit_compile=True)
def _train_classifier(
    weights: Weights,
    windows: tf.Tensor,
    target: tf.Tensor,
    batches: tf.Tensor,
    learning_rate: tf.Tensor,
) -> Weights:
    """Return the judges' weights after training; target 1 is real, 0 generated."""
    real = target  # `(windows,)`, of every batch and judge

    def loss_of(weights: Weights, chosen: tf.Tensor) -> tf.Tensor:
        logits = _dense(weights, _states(weights, _take(windows, chosen))[-1])
        losses = tf.nn.softplus(logits) - real * logits  # cross-entropy
        of_real = tf.reduce_sum(losses * real, axis=1) / tf.reduce_sum(real)
        of_fake = tf.reduce_sum(losses * (1 - real), axis=1) / tf.reduce_sum(1 - real)
        return tf.reduce_sum(of_real + of_fake)

    return _adam(weights, loss_of, batches, learning_rate)


@tf.function(jit_compile=True)
def _train_forecaster(
    weights: Weights, windows: tf.Tensor, batches: tf.Tensor, learning_rate: tf.Tensor
) -> Weights:
    """Return the forecasters' weights after training on the windows."""

    def loss_of(weights: Weights, chosen: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(_forecast_error(weights, windows, chosen))

    return _adam(weights, loss_of, batches, learning_rate)


def _forecast_error(weights: Weights, windows: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """Return each judge's mean absolute error over the chosen windows and their times."""
    x, future = _inputs_and_future(windows, chosen)
    forecast = tf.sigmoid(_dense(weights, _states(weights, x)))
    return tf.reduce_mean(tf.abs(forecast - future), axis=[0, 2])


@tf.function(jit_compile=True)
def _logits(weights: Weights, windows: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """Return each judge's logits on its chosen windows, `(judges, windows)`."""
    return _dense(weights, _states(weights, _take(windows, chosen))[-1])


_absolute_error = tf.function(_forecast_error, jit_compile=True)


def _accuracy(logits: np.ndarray, is_real: np.ndarray) -> np.ndarray:
    """Return the share of right answers a judge, both `(judges, windows)`; above 0 says real."""
    return np.mean((logits > 0) == is_real, axis=1)


def _score(values: Callable[[slice], list[float]], repeats: int) -> Score:
    """Return the score of `values(judges)` over groups of judges, as the device likes them."""
    _silence_first_compilation()
    if runtime.on_gpu():
        return Score(tuple(float(value) for value in values(slice(0, repeats))))
    one_by_one = [slice(judge, judge + 1) for judge in range(repeats)]
    with ThreadPoolExecutor(min(repeats, os.cpu_count() or 1)) as pool:
        groups = list(pool.map(values, one_by_one))
    return Score(tuple(float(value) for group in groups for value in group))


@functools.cache
def _silence_first_compilation() -> None:
    """Compile something small while standard error is closed.

    XLA announces the first compilation of a process there, past TensorFlow's log level, and
    Jupyter would show it as an error.
    """
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        tf.function(tf.negative, jit_compile=True)(tf.constant(0.0))
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _split(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of a random training part (80 %) and of the held-out rest."""
    order = rng.permutation(count)
    cut = int(count * TRAIN_FRACTION)
    return order[:cut], order[cut:]


def _draw(rng: np.random.Generator, steps: int, batch: int, *pools: np.ndarray) -> np.ndarray:
    """Return the indices of each step's batch: `batch` distinct windows of every pool."""
    parts = []
    for pool in pools:
        size = min(batch, len(pool))
        parts.append(
            np.stack([rng.choice(pool, size, replace=False, shuffle=False) for _ in range(steps)])
        )
    return np.concatenate(parts, axis=1).astype("int32")


# ── Checks and scaling ────────────────────────────────────────────────────────────────────────


def _check_counts(**counts: int | None) -> None:
    """Raise a ValueError for a count below 1; None stands for a default."""
    for name, count in counts.items():
        if count is not None and count < 1:
            raise ValueError(f"{name} is {count}; expected at least 1.")


def _rows(values: np.ndarray, what: str, shape: str) -> np.ndarray:
    """Return an array of two axes as float64, checked."""
    array = np.asarray(values, dtype="float64")
    if array.ndim != 2 or not array.size:
        raise ValueError(f"The {what} have the shape {array.shape}; expected {shape}, not empty.")
    if not np.isfinite(array).all():
        raise ValueError(f"The {what} are not all finite numbers.")
    return array


def _feature_pair(
    real_features: np.ndarray, fake_features: np.ndarray, minimum: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Return both sets of features as float64 `(samples, features)`, checked."""
    pair = []
    for name, values in (("real", real_features), ("fake", fake_features)):
        features = _rows(values, f"{name} features", "(samples, features)")
        if len(features) < minimum:
            raise ValueError(
                f"There are features of {len(features)} {name} samples; "
                f"expected at least {minimum}."
            )
        pair.append(features)
    if pair[0].shape[1] != pair[1].shape[1]:
        raise ValueError(
            f"There are {pair[1].shape[1]} fake features and {pair[0].shape[1]} real ones; "
            "expected the same, from the same network."
        )
    return pair[0], pair[1]


def check_windows(values: np.ndarray, name: str, minimum: int = 1) -> np.ndarray:
    """Return `(windows, time, features)` as float64, checked.

    Raises:
        ValueError: for another rank, no time or features, fewer than `minimum` windows, or values
            that are not finite; it names the windows by `name`.
    """
    windows = np.asarray(values, dtype="float64")
    if windows.ndim != 3 or 0 in windows.shape[1:]:
        raise ValueError(
            f"The {name} windows have the shape {windows.shape}; "
            "expected (windows, time, features)."
        )
    if len(windows) < minimum:
        raise ValueError(f"There are {len(windows)} {name} windows; expected at least {minimum}.")
    finite = np.isfinite(windows)
    if not finite.all():
        window, time, feature = np.argwhere(~finite)[0]
        raise ValueError(
            f"The {name} windows hold {windows[window, time, feature]} at window {window}, "
            f"time {time}, feature {feature}; expected finite numbers."
        )
    return windows


def check_same_shape(one: np.ndarray, its_name: str, other: np.ndarray, name: str) -> None:
    """Raise a ValueError unless both sets of windows have the same time and features."""
    if one.shape[1:] != other.shape[1:]:
        raise ValueError(
            f"The {name} windows have (time, features) {other.shape[1:]}, "
            f"the {its_name} windows {one.shape[1:]}; expected the same."
        )


def _scaled_pair(
    real: np.ndarray, fake: np.ndarray, minimum: int = MINIMUM_WINDOWS
) -> tuple[np.ndarray, np.ndarray]:
    """Return both sets checked and scaled by the real windows' minimum and maximum, float32."""
    real, fake = check_windows(real, "real", minimum), check_windows(fake, "fake", minimum)
    check_same_shape(real, "real", fake, "fake")
    scale = Scaler.min_max(real).transform
    return scale(real).astype("float32"), scale(fake).astype("float32")
