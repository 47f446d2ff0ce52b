"""Facts of series: moments, quantiles and autocorrelations, and how far reality itself spreads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from utils.checks import check_same_shape, check_windows, positive_integer


def autocorrelation(windows: np.ndarray, lags: int) -> np.ndarray:
    """Return the mean autocorrelation within windows, for each lag 0 … ``lags`` and feature.

    With m the mean of one window's feature, its autocorrelation at lag k is
    Σ (x_t − m)(x_{t+k} − m) / Σ (x_t − m)², the sums over the times that the window holds. This
    estimator is biased towards zero and below in short windows, alike for real and generated
    ones. A window in which the feature does not vary is left out.

    Args:
        windows: ``(windows, time, features)``.
        lags: the greatest lag, from 0 to time − 1.

    Returns:
        ``(lags + 1, features)``; not a number for a feature that varies in no window.

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
    (``autocorrelation`` takes out the mean of each window.)

    Args:
        windows: ``(windows, time, features)``, time at least 3, in the data's units.
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
    """Return the autocorrelation of ``(windows, time, features)`` about the mean of all windows."""
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

    The windows are cut into blocks of ``block`` consecutive ones, half of the blocks are chosen at
    random, and the facts of that half are compared with those of the other. This is repeated; the
    spread of a fact is what its absolute difference stays under in ``share`` of the repeats,
    divided by √2, since sets twice as large as the halves lie closer by that factor. A second
    stretch of reality, as long as the first, would then differ by less than the spread in
    ``share`` of all cases, if the series is stationary and blocks are many and longer than its
    memory. (Tried with an AR(1) of 1,500 rows: in 0.85 to 0.88 of all cases instead of 0.9.)

    Overlapping windows are near-copies of their neighbours: with random halves, block 1, the two
    halves would show the same days, and the spread would be far too small. So the blocks are long.

    Args:
        real: ``(windows, time, features)`` in the order of time.
        block: windows in a block; by default four times as many as a window has rows. Give 1 for
            windows that are independent of each other.
        repeats: how many random choices of half the blocks.
        share: between 0 and 1.
        seed: of the choices.
        columns: see ``stylised_facts``.
        logarithms: see ``stylised_facts``.

    Returns:
        The spread of every fact, in the fact's unit, indexed as ``stylised_facts``.

    Raises:
        ValueError: as ``stylised_facts``; for a count below 1, a share out of range, or fewer than
            4 blocks.

    Source: halves of blocks as pseudo-replications: McCarthy, "Pseudo-replication: half
    samples", Review of the International Statistical Institute 37(3), 1969; blocks of time:
    Künsch, 1989, see ``block_bootstrap``.
    """
    real = check_windows(real, "real")
    block = 4 * real.shape[1] if block is None else block
    positive_integer(block=block, repeats=repeats)
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
        real: ``(windows, time, features)``.
        fake: ``(windows, time, features)``, of the same time and features, about as many.
        spread: what ``real_spread`` returned for ``real``, with the same columns and logarithms.
        columns: see ``stylised_facts``.
        logarithms: see ``stylised_facts``; then generated values must be positive too.

    Returns:
        A table with the index (fact, of) and the columns "real", "generated", "spread" and
        "inside". Facts that are not defined for the real windows are left out; one that is not
        defined for the generated windows alone is not inside.

    Raises:
        ValueError: as ``stylised_facts``, or if the spread is not of these facts.
    """
    real, fake = check_windows(real, "real"), check_windows(fake, "fake")
    check_same_shape(real, "real", fake, "fake")
    options: dict[str, Any] = {"columns": columns, "logarithms": logarithms}
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
