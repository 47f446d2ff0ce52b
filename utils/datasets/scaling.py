"""An invertible scaling of features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scaler:
    """An invertible linear map of each feature: ``(x − shift) / scale``.

    A constant feature has scale 1: it maps to a constant, and back.
    """

    shift: np.ndarray
    scale: np.ndarray

    @classmethod
    def min_max(cls, values: np.ndarray) -> Scaler:
        """Fit a map of each feature (last axis) of ``values`` onto [0, 1]."""
        rows = as_rows(values)
        low, high = rows.min(axis=0), rows.max(axis=0)
        return cls(low, np.where(high > low, high - low, 1.0))

    @classmethod
    def standard(cls, values: np.ndarray) -> Scaler:
        """Fit a map of each feature (last axis) of ``values`` to mean 0, standard deviation 1."""
        rows = as_rows(values)
        varies = rows.max(axis=0) > rows.min(axis=0)
        return cls(rows.mean(axis=0), np.where(varies, rows.std(axis=0), 1.0))

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Scale ``values`` of shape (…, features)."""
        return (values - self.shift) / self.scale

    def inverse_transform(self, scaled: np.ndarray) -> np.ndarray:
        """Undo ``transform``."""
        return scaled * self.scale + self.shift


def as_rows(values: np.ndarray) -> np.ndarray:
    """Return ``values`` of shape (…, features) as (rows, features)."""
    return np.asarray(values, np.float64).reshape(-1, values.shape[-1])
