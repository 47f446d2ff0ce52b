"""Invertible maps of features: scaling, heavy tails, normal scores.

Every class keeps its state in plain NumPy arrays and can undo what it did:
``inverse_transform`` after ``transform`` gives the data back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.stats import norm

from utils.datasets.scaling import as_rows


@dataclass(frozen=True)
class Tails:
    """An invertible map that draws in the heavy tails of some columns and leaves the others alone.

    A column in which some value lies more than ``HEAVY`` times as far from the median as half of
    the values do becomes ``asinh((x − centre) / width)``: nearly linear in the middle half, a
    logarithm far out (Burbidge, Magee and Robb 1988, doi:10.1080/01621459.1988.10478575).
    Otherwise one outlier would squeeze everything else into a sliver of its range.
    """

    centre: np.ndarray  # (features,) medians
    width: np.ndarray  # (features,) median distance from the median; infinite: left alone

    HEAVY: ClassVar[float] = 100.0

    @classmethod
    def fit(cls, values: np.ndarray) -> Tails:
        """Fit to each feature (last axis) of ``values``."""
        centre, width, ratio = tail_ratio(values)
        return cls(centre, np.where(ratio > cls.HEAVY, width, np.inf))

    @property
    def heavy(self) -> np.ndarray:
        """Which features have heavy tails, (features,)."""
        return np.isfinite(self.width)

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Draw in the tails of ``values``, (…, features)."""
        result = np.array(values, np.float64)
        for i in np.flatnonzero(self.heavy):
            result[..., i] = np.arcsinh((result[..., i] - self.centre[i]) / self.width[i])
        return result

    def inverse(self, drawn: np.ndarray) -> np.ndarray:
        """Undo ``transform``."""
        result = np.array(drawn, np.float64)
        for i in np.flatnonzero(self.heavy):
            result[..., i] = self.centre[i] + self.width[i] * np.sinh(result[..., i])
        return result


def tail_ratio(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each feature's median, the median distance from it, and the furthest in units of that.

    Values equal to the median are left out of the median distance, so that a column that is
    mostly zero has one. The ratio is about 4.5 for 2,000 normal values, 20 for exponential ones,
    and thousands for Cauchy's; it is 0 for a constant.

    Args:
        values: of shape (…, features).

    Returns:
        Three arrays of shape (features,); the first two in the data's units.
    """
    rows = as_rows(values)
    centre = np.median(rows, axis=0)
    width, furthest = np.ones(len(centre)), np.zeros(len(centre))
    for i, column in enumerate(rows.T):
        distances = np.abs(column - centre[i])
        if len(distances := distances[distances > 0]):
            furthest[i] = distances.max()
            # Far below the furthest, differences drown in the rounding of the scores.
            width[i] = max(np.median(distances), 1e-12 * furthest[i])
    return centre, width, furthest / width


@dataclass(frozen=True)
class QuantileMap:
    """A monotone map of one variable onto standard normal scores, and back.

    The value whose share of smaller values is p maps to Φ⁻¹(p); between the knots the map is
    linear, beyond the outermost ones it is constant, so that ``inverse`` never leaves the range
    of the data it was fitted to.
    """

    values: np.ndarray
    scores: np.ndarray

    @classmethod
    def fit(cls, sample: np.ndarray, knots: int = 3000, extremes: int = 50) -> QuantileMap:
        """Fit the map to ``sample``, of shape (count,).

        At most ``knots`` values spread evenly over the ranks are kept, and besides them the
        ``extremes`` smallest and largest, where the quantiles lie far apart.
        """
        values, counts = np.unique(np.asarray(sample, np.float64), return_counts=True)
        # Tied values share the middle of their ranks, which keeps the map one-to-one.
        share = (np.cumsum(counts) - counts / 2) / counts.sum()
        scores = norm.ppf(share)
        if len(values) > knots + 2 * extremes:
            spread = np.linspace(0, len(values) - 1, knots).round().astype(int)
            keep = np.unique(np.r_[:extremes, spread, len(values) - extremes : len(values)])
            values, scores = values[keep], scores[keep]
        return cls(values, scores)

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Return the normal scores of ``values``."""
        return np.interp(values, self.values, self.scores)

    def inverse(self, scores: np.ndarray) -> np.ndarray:
        """Return the values with these normal scores."""
        return np.interp(scores, self.scores, self.values)


@dataclass(frozen=True)
class NormalScores:
    """The ``QuantileMap`` of every component, apart for the first time step and the later ones.

    Fitted to data, it makes each margin standard normal. Fitted to a generator's output, the same
    map is *margin calibration*: it puts right the spread and shape of each component and leaves
    their order, hence their dependence on each other and over time, as the generator made it.
    """

    first: tuple[QuantileMap, ...]
    later: tuple[QuantileMap, ...]

    @classmethod
    def fit(cls, first: np.ndarray, later: np.ndarray) -> NormalScores:
        """Fit to ``first``, (count, components), and ``later``, (other count, components)."""
        return cls(
            tuple(QuantileMap.fit(column) for column in first.T),
            tuple(QuantileMap.fit(column) for column in later.T),
        )

    @classmethod
    def fit_windows(cls, scores: np.ndarray) -> NormalScores:
        """Fit to ``scores`` of shape (windows, time, components)."""
        return cls.fit(scores[:, 0], scores[:, 1:].reshape(-1, scores.shape[-1]))

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Map ``values`` of shape (windows, time, components) to normal scores."""
        return self._apply(values, "transform")

    def inverse(self, scores: np.ndarray) -> np.ndarray:
        """Undo ``transform``, inside the range of the values fitted to."""
        return self._apply(scores, "inverse")

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the maps as named arrays."""
        return {
            f"{part}_{component}": np.stack([map_.values, map_.scores])
            for part in ("first", "later")
            for component, map_ in enumerate(getattr(self, part))
        }

    @classmethod
    def from_arrays(cls, state: Mapping[str, np.ndarray]) -> NormalScores:
        """Rebuild the maps from what ``arrays`` returned."""
        count = sum(name.startswith("first_") for name in state)
        first, later = (
            tuple(QuantileMap(*state[f"{part}_{component}"]) for component in range(count))
            for part in ("first", "later")
        )
        return cls(first, later)

    def _apply(self, array: np.ndarray, direction: str) -> np.ndarray:
        result = np.empty(array.shape, np.float64)
        for component, (first, later) in enumerate(zip(self.first, self.later, strict=True)):
            result[:, 0, component] = getattr(first, direction)(array[:, 0, component])
            result[:, 1:, component] = getattr(later, direction)(array[:, 1:, component])
        return result
