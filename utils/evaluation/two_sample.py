"""Two-sample tests: the maximum mean discrepancy and its permutation test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from utils.checks import positive_integer
from utils.evaluation.scores import _scaled_pair


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
        real: ``(windows, time, features)``.
        fake: ``(windows, time, features)``.
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
        real: ``(windows, time, features)``, independent of each other.
        fake: ``(windows, time, features)``, independent of each other.
        permutations: how many deals; the smallest p-value is 1/(1 + permutations).
        bandwidths: see ``maximum_mean_discrepancy``.
        limit: at most so many windows of each set, chosen at random.
        seed: of that choice and of the deals.

    Raises:
        ValueError: as ``maximum_mean_discrepancy``, and for permutations below 1.

    Source: Gretton, Borgwardt, Rasch, Schölkopf, Smola, "A Kernel Two-Sample Test", JMLR 13,
    2012; the count of the actual deal: Phipson and Smyth, "Permutation P-values should never be
    zero", 2010, doi:10.2202/1544-6115.1585.
    """
    positive_integer(permutations=permutations)
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
    """Return the squared discrepancy of each deal of labels ``(deals, windows)``."""
    x = is_real.astype(float)
    n, m = x[0].sum(), (1 - x[0]).sum()
    of_x = x @ kernel
    xx = np.sum(of_x * x, axis=1)
    xy = np.sum(of_x, axis=1) - xx
    yy = kernel.sum() - xx - 2 * xy
    return xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m)
