"""Windows of several series, such as those of many shops."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.datasets.windows import sliding_windows


def windows_of(sequences: Sequence[np.ndarray], length: int) -> np.ndarray:
    """Return the windows of several series; none crosses from one to the next.

    Args:
        sequences: each of shape (time, features); those shorter than a window have none.
        length: rows in a window.

    Returns:
        An array of shape (windows, length, features): of a single series a read-only view.

    Raises:
        ValueError: if no series is as long as a window.
    """
    long = [series for series in sequences if len(series) >= length]
    if not long:
        longest = max((len(series) for series in sequences), default=0)
        raise ValueError(f"A window of {length} rows does not fit a series of {longest} rows.")
    parts = [sliding_windows(series, length) for series in long]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
