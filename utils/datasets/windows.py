"""Windows cut from a series: to be imitated, or to forecast from."""

from __future__ import annotations

import numpy as np

from utils.checks import positive_integer


def sliding_windows(series: np.ndarray, length: int, stride: int = 1) -> np.ndarray:
    """Return the windows of ``series`` as a read-only view, without copying.

    Used in lesson 0.1.

    Args:
        series: values of shape (time, features).
        length: rows in a window.
        stride: rows between the starts of two windows.

    Returns:
        An array of shape (windows, length, features).

    Raises:
        ValueError: if the series is not (time, features), if length or stride is not positive, or
            if the window is longer than the series.
    """
    series = np.asarray(series)
    if series.ndim != 2:
        raise ValueError(f"The series has shape {series.shape}; expected (time, features).")
    positive_integer(length=length, stride=stride)
    if length > len(series):
        raise ValueError(f"A window of {length} rows does not fit a series of {len(series)} rows.")
    view = np.lib.stride_tricks.sliding_window_view(series, length, axis=0)
    return view[::stride].transpose(0, 2, 1)


def forecast_windows(
    values: np.ndarray, history: int, horizon: int, stride: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a series into what a forecaster reads and what it is to forecast.

    Used in lesson 4.8.

    Window i reads the ``history`` rows from row i·stride on; its targets are the ``horizon`` rows
    after them. Both are read-only views of ``values``, without copying. Cut each part of a split
    by itself: then no window crosses from one part into the next.

    Args:
        values: the series, of shape (time, features).
        history: rows read.
        horizon: rows to forecast.
        stride: rows between the starts of two windows.

    Returns:
        Inputs of shape (windows, history, features) and targets of shape
        (windows, horizon, features); the last window ends at or before the last row, so
        windows = ⌊(time − history − horizon) / stride⌋ + 1.

    Raises:
        ValueError: if the series is not (time, features), if history, horizon or stride is not
            positive, or if history and horizon together are longer than the series.
    """
    values = np.asarray(values)
    if values.ndim != 2:
        raise ValueError(f"The series has shape {values.shape}; expected (time, features).")
    positive_integer(history=history, horizon=horizon, stride=stride)
    if history + horizon > len(values):
        raise ValueError(
            f"A window of {history} rows of history and {horizon} to forecast does not fit a "
            f"series of {len(values)} rows."
        )
    windows = sliding_windows(values, history + horizon, stride)
    return windows[:, :history], windows[:, history:]
