"""Whether generated windows are copies of the training data."""

from __future__ import annotations

import numpy as np

from utils.checks import check_same_shape, check_windows, positive_integer
from utils.datasets.scaling import Scaler


def nearest_distances(
    queries: np.ndarray, reference: np.ndarray, *, chunk: int = 1000, apart: int = 0
) -> np.ndarray:
    """Return each query's Euclidean distance to its nearest reference window.

    The windows are flattened and taken as they are: scale them first where features differ in
    size, as ``memorisation_ratio`` does. The memory needed is ``chunk`` × reference windows.

    How far a window of a series is from the nearest *other* one, with which it shares no row:
    give the windows, cut at every row, as queries and as reference, and their length as ``apart``.

    Args:
        queries: ``(queries, time, features)``.
        reference: ``(windows, time, features)``.
        chunk: queries compared at a time.
        apart: query i is not compared with the reference windows at less than so many places
            from i; 0 compares it with all.

    Returns:
        ``(queries,)``.

    Raises:
        ValueError: for windows of the wrong rank, not finite, or of different time or features;
            or where ``apart`` leaves a query nothing to be compared with.
    """
    positive_integer(chunk=chunk)
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
