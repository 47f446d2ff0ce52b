"""Windows without their height: what is compared where the last rows are higher than all before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

WIDE = 3.0  # largest over smallest value, from which a positive column lives in ratios


def logarithmic(real: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """Return of which features logarithms are taken, booleans ``(features,)``.

    Those of prices, volumes and the like: all values are positive, in the other windows too, and
    the largest real one is at least ``WIDE`` times the smallest.

    Args:
        real: ``(windows, time, features)``.
        others: windows of the same features.
    """
    low, high = real.min(axis=(0, 1)), real.max(axis=(0, 1))
    positive = low > 0
    for windows in others:
        positive &= windows.min(axis=(0, 1)) > 0
    return positive & (high / WIDE >= low)


def logarithms(windows: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return windows as float64, with the logarithms of the chosen features."""
    made = np.array(windows, dtype="float64")
    made[..., chosen] = np.log(made[..., chosen])
    return made


@dataclass(frozen=True)
class Shapes:
    """How windows are brought to shapes: less their mean, in units of the real deviations from it.

    Attributes:
        logs: features of which logarithms are taken.
        scale: of each feature, the standard deviation within a real window.
    """

    logs: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, real: np.ndarray, *others: np.ndarray) -> Self:
        """Return the map that fits real windows; ``others`` will be mapped too."""
        logs = logarithmic(real, *others)
        values = logarithms(real, logs)
        scale = np.sqrt(np.mean(values.var(axis=1), axis=0))
        # Of a constant, rounding leaves a little.
        largest = np.abs(values).max(axis=(0, 1))
        return cls(logs, np.where(scale > 1e-12 * largest, scale, np.inf))

    def of_windows(self, windows: np.ndarray) -> np.ndarray:
        """Return the shapes of ``(windows, time, features)``, flat: ``(windows, numbers)``."""
        values = logarithms(windows, self.logs)
        values -= values.mean(axis=1, keepdims=True)
        return (values / self.scale).reshape(len(values), -1)
