"""What generated windows keep by construction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np


class Structure:
    """The step between the data and the preconditioner: what it takes out, it puts back exactly."""

    def fit(self, sequences: Sequence[np.ndarray], columns: Sequence[str]) -> Self:
        """Find out what holds in every row of the data, (time, features) each."""
        self.features = len(columns)
        return self

    features: int  # encoded columns, as the preconditioner is fitted to them

    @classmethod
    def plain(cls, columns: Sequence[str]) -> Self:
        """Return what keeps nothing: as in a run of an earlier version."""
        structure = cls()
        structure.features = len(columns)
        return structure

    @property
    def needs_calibration(self) -> bool:
        """Whether ``decode`` needs ``calibrate`` first: where values are put back by their rank."""
        return False

    def encode(self, sequences: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return what is to be generated, (time, encoded features) each."""
        return list(sequences)

    def calibrate(self, encoded: np.ndarray) -> Self:
        """Fit the final margins to a sample of generated windows, (windows, time, encoded)."""
        return self

    def decode(self, encoded: np.ndarray) -> np.ndarray:
        """Return generated windows in the data's columns, (windows, time, features)."""
        return encoded

    def sentences(self) -> list[str]:
        """Return what is kept by construction and what is not, a sentence each."""
        return []

    def state(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {"features": self.features}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Rebuild it from what ``state`` returned."""
        structure = cls()
        structure.features = int(state["features"])
        return structure
