"""Baselines that a generator has to beat: bootstraps of rows and of innovations."""

from __future__ import annotations

import numpy as np

from utils.checks import check_windows, positive_integer


def bootstrap_innovations(
    normal_scores: np.ndarray, count: int, seed: int, *, block: int = 1
) -> np.ndarray:
    """Return innovations drawn anew, independently over time: the VAR bootstrap.

    The preconditioner turns a window into the level of its first row, followed by the
    innovations of a VAR(1). Here the first step is drawn from the first steps, and every later
    step from all later steps of all windows, with replacement; the components of one moment
    stay together. What is left after the preconditioner's inverse is a linear model with the
    data's own shocks, but without memory in their size: a baseline that a GAN has to beat
    (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 8).

    With a ``block`` above 1, so many consecutive innovations of one window are drawn together, and
    the memory inside a block is kept: a *block* bootstrap of the innovations. The VAR joins the
    levels, so that nothing jumps where blocks meet; see ``block_bootstrap`` for the drawn rows
    themselves. The longer the block, the more is copied: with time − 1 a window is made of two
    pieces of the past, begun from another level.

    Args:
        normal_scores: ``(windows, time, components)``, time at least 2.
        count: how many windows to draw.
        seed: of the draws.
        block: consecutive innovations drawn together, 1 to time − 1.

    Returns:
        ``(count, time, components)``.

    Raises:
        ValueError: for normal scores of the wrong shape or not finite, a count below 1, or a
            block that is out of range.
    """
    normal_scores = check_windows(normal_scores, "normal scores")
    positive_integer(count=count)
    time, components = normal_scores.shape[1:]
    if time < 2:
        raise ValueError(
            "The normal scores have 1 time step; expected a level and at least 1 innovation."
        )
    rng = np.random.default_rng(seed)
    level = normal_scores[rng.integers(len(normal_scores), size=count), :1]
    if block == 1:
        pool = normal_scores[:, 1:].reshape(-1, components)
        innovations = pool[rng.integers(len(pool), size=(count, time - 1))]
    else:
        innovations = _glued_blocks(normal_scores[:, 1:], time - 1, count, block, rng)
    return np.concatenate([level, innovations], axis=1)


def block_bootstrap(
    series: np.ndarray, window: int, count: int, *, block: int, seed: int
) -> np.ndarray:
    """Return windows glued from blocks of the real rows: the moving block bootstrap.

    Blocks of ``block`` consecutive rows are drawn from all places of the series, with replacement,
    set one after the other, and windows are cut from that, the first block at a random place. So
    the dependence inside a block is kept and that between blocks is not. The rows are taken as
    they are: where two blocks meet, a series that wanders *jumps*. With blocks as long as a window
    or longer, many windows are plain copies.

    Args:
        series: ``(rows, features)``, or several of them, ``(series, rows, features)``: then a block
            lies within one of them.
        window: rows in a window.
        count: how many windows to draw.
        block: rows in a block, 1 to the rows of the series.
        seed: of the draws.

    Returns:
        ``(count, window, features)``.

    Raises:
        ValueError: for a series of the wrong rank or not finite, a window or a count below 1, or
            a block that is out of range.

    Source: Künsch, "The jackknife and the bootstrap for general stationary observations", The
    Annals of Statistics 17(3), 1989, doi:10.1214/aos/1176347265.
    """
    positive_integer(window=window, count=count)
    series = np.asarray(series, dtype="float64")
    if series.ndim == 2:
        series = series[np.newaxis]
    series = check_windows(series, "series")
    return _glued_blocks(series, window, count, block, np.random.default_rng(seed))


def _glued_blocks(
    sequences: np.ndarray, time: int, count: int, block: int, rng: np.random.Generator
) -> np.ndarray:
    """Return ``(count, time, features)`` of blocks out of ``(sequences, rows, features)``."""
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
