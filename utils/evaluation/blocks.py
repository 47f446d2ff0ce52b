"""Blocks of time: windows that overlap, or follow each other closely, are resampled together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.checks import positive_integer

MOST_BLOCKS = 100  # more tell nothing more, and cost memory
FEWEST_BLOCKS = 8  # fewer say nothing of how far reality spreads
LONG = 4  # windows' lengths in a block, where there are rows enough


def positions(lengths: Sequence[int], window: int) -> np.ndarray:
    """Return at which row each window starts, of all windows of sequences, one after the other.

    Between two sequences lies a gap of a window's length: two windows share a row exactly where
    their positions differ by less than ``window``.

    Args:
        lengths: the rows of each sequence; those shorter than a window have no windows.
        window: rows in a window.

    Returns:
        Whole numbers, ``(windows,)``, in the order of ``utils.datasets.sequences.windows_of``.
    """
    positive_integer(window=window)
    parts, start = [np.zeros(0, dtype=np.int64)], 0
    for length in lengths:
        if length >= window:
            parts.append(start + np.arange(length - window + 1))
            start += length + window
    return np.concatenate(parts)


def blocks_of(
    rows: np.ndarray, window: int, *, long: int = LONG, fewest: int = FEWEST_BLOCKS
) -> np.ndarray | None:
    """Return the block of each window, whole numbers from 0, increasing; None: too few.

    A block is ``long`` times as long as a window: longer than the memory that a window shows. Where
    that makes fewer than ``fewest`` blocks, blocks are shorter, down to the length of a window.
    Where it makes more than ``MOST_BLOCKS``, they are longer.

    Args:
        rows: where each window starts, increasing; see ``positions``.
        window: rows in a window.
        long: windows' lengths in a block.
        fewest: blocks that are needed.

    Source: Künsch, "The jackknife and the bootstrap for general stationary observations", The
    Annals of Statistics 17(3), 1989, doi:10.1214/aos/1176347265.
    """
    positive_integer(window=window, long=long, fewest=fewest)
    if not len(rows):
        return None
    span = int(rows[-1] - rows[0]) + window
    size = max(window, min(long * window, span // fewest), -(-span // MOST_BLOCKS))
    _, blocks = np.unique((rows - rows[0]) // size, return_inverse=True)
    # What is left over at the end joins the block before it.
    counts = np.bincount(blocks)
    if len(counts) > 1 and counts[-1] < counts[0] / 2:
        blocks = np.minimum(blocks, len(counts) - 2)
    return blocks if blocks[-1] + 1 >= fewest else None


def sums_by_block(values: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    """Return the sums of ``(windows, …)`` over the windows of each block, ``(blocks, …)``."""
    starts = np.flatnonzero(np.diff(blocks, prepend=-1))
    return np.add.reduceat(values, starts, axis=0)


def draws(count: int, repeats: int, rng: np.random.Generator) -> np.ndarray:
    """Return how often each of ``count`` blocks is drawn, with replacement, ``(repeats, count)``.

    As many blocks are drawn as there are.
    """
    return rng.multinomial(count, np.full(count, 1 / count), size=repeats).astype("float64")
