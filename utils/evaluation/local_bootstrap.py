"""A rival without a network that knows calm from wild times: the local bootstrap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.checks import check_windows, positive_integer

ROUNDING = 1e-3  # by which the same row may differ between two windows that share it


def local_bootstrap(
    normal_scores: Sequence[np.ndarray], count: int, seed: int, *, reach: int = 20
) -> np.ndarray:
    """Return normal scores whose innovations come from nearby rows of the series.

    A window begins at the first row of a real window. Each later row takes the innovation of a row
    that lies at most ``reach`` rows before or after it, drawn afresh with replacement; all
    components of that innovation stay together. So a window that begins in wild times stays wild,
    which ``bootstrap_innovations`` cannot do: that one draws from all rows at once. Nothing is
    fitted but the preconditioner. The order of the innovations within the reach is lost.

    At the ends of a series, and of short series, fewer rows lie within the reach.

    Args:
        normal_scores: the windows of each series, ``(windows, time, components)``, time at least
            2; window i of a series begins at its row i.
        count: how many windows to draw.
        seed: of the draws.
        reach: rows to either side, at least 1.

    Returns:
        ``(count, time, components)``.

    Raises:
        ValueError: for no series, windows of the wrong shape or not finite, windows of one series
            that do not begin one row apart, or a count or a reach below 1.

    Source: a local form of the bootstrap of residuals, as in Paparoditis and Politis, "Local block
    bootstrap", Comptes Rendus Mathématique 335(11), 2002, with
    blocks of one row.
    """
    positive_integer(count=count, reach=reach)
    series = [_checked(windows) for windows in normal_scores]
    if not series:
        raise ValueError("There is no series; expected the windows of at least one.")
    time, components = series[0].shape[1:]
    for windows in series:
        if windows.shape[1:] != (time, components):
            raise ValueError(
                f"The windows of one series have (time, components) {windows.shape[1:]}, of "
                f"another {(time, components)}; expected the same."
            )
    # Innovations by row: those of the first window, then the last one of each window after it.
    innovations = [np.concatenate([windows[0, 1:], windows[1:, -1]]) for windows in series]
    lengths = np.array([len(rows) for rows in innovations])
    starts = np.cumsum(lengths) - lengths
    windows_of = np.array([len(windows) for windows in series])
    first = np.concatenate(
        [begin + np.arange(n) for begin, n in zip(starts, windows_of, strict=True)]
    )
    low, high = np.repeat(starts, windows_of), np.repeat(starts + lengths - 1, windows_of)

    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(first), size=count)
    level = np.concatenate([windows[:, :1] for windows in series])[chosen]
    row = first[chosen, np.newaxis] + np.arange(time - 1)
    lowest = np.maximum(row - reach, low[chosen, np.newaxis])
    highest = np.minimum(row + reach, high[chosen, np.newaxis])
    drawn = rng.integers(lowest, highest + 1)
    return np.concatenate([level, np.concatenate(innovations)[drawn]], axis=1)


def _checked(windows: np.ndarray) -> np.ndarray:
    """Return one series' windows, checked to begin one row apart."""
    windows = check_windows(windows, "normal-score")
    if windows.shape[1] < 2:
        raise ValueError(
            "The normal scores have 1 time step; expected a level and at least 1 innovation."
        )
    gap = np.abs(windows[1:, 1:-1] - windows[:-1, 2:]).max(initial=0.0)
    if gap > ROUNDING:
        raise ValueError(
            f"Windows that follow each other differ by {gap:.3g} in a row that they share; "
            "expected windows of one series that begin one row apart."
        )
    return windows
