"""Checks of arguments that every part of the course shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np


def positive_integer(**values: object) -> None:
    """Refuse values that are no whole numbers of at least 1.

    ``positive_integer(count=count, length=length)`` names the argument in its message.

    Raises:
        ValueError: for anything else, True and 2.0 too.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name} is {value!r}; expected a positive integer.")


def first_repeated(names: Iterable[str]) -> str | None:
    """Return the first name that occurs more than once, or None."""
    return next((name for name, times in Counter(names).items() if times > 1), None)


def check_windows(values: np.ndarray, name: str, minimum: int = 1) -> np.ndarray:
    """Return ``(windows, time, features)`` as float64, checked.

    Raises:
        ValueError: for another rank, no time or features, fewer than ``minimum`` windows, or values
            that are not finite; it names the windows by ``name``.
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
