"""Invertible maps of features: heavy tails and normal scores.

Each follows scikit-learn: ``fit`` returns the map itself, and ``inverse_transform`` after
``transform`` gives the data back. Their state is plain NumPy arrays: ``arrays`` returns it, and
``from_arrays`` builds the map again, without pickle.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
from scipy.stats import norm

from utils.datasets.scaling import as_rows


class Tails:
    """An invertible map that draws in the heavy tails of some columns and leaves the others alone.

    A column in which some value lies more than ``HEAVY`` times as far from the median as half of
    the values do becomes ``asinh((x − centre) / width)``: nearly linear in the middle half, a
    logarithm far out (Burbidge, Magee and Robb 1988, doi:10.1080/01621459.1988.10478575).
    Otherwise one outlier would squeeze everything else into a sliver of its range.

    Attributes:
        centre: medians, (features,).
        width: median distances from the median, (features,); infinite: left alone.
    """

    HEAVY: ClassVar[float] = 100.0

    centre: np.ndarray
    width: np.ndarray

    def fit(self, values: np.ndarray) -> Self:
        """Fit to each feature (last axis) of ``values``."""
        self.centre, width, ratio = tail_ratio(values)
        self.width = np.where(ratio > self.HEAVY, width, np.inf)
        return self

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

    def inverse_transform(self, drawn: np.ndarray) -> np.ndarray:
        """Undo ``transform``."""
        result = np.array(drawn, np.float64)
        for i in np.flatnonzero(self.heavy):
            result[..., i] = self.centre[i] + self.width[i] * np.sinh(result[..., i])
        return result

    def array(self) -> np.ndarray:
        """Return the state, (2, features)."""
        return np.stack([self.centre, self.width])

    @classmethod
    def from_array(cls, state: np.ndarray) -> Self:
        """Rebuild the map from what ``array`` returned."""
        tails = cls()
        tails.centre, tails.width = state
        return tails


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
            # Far below the furthest, differences drown in the rounding of the normal scores.
            width[i] = max(np.median(distances), 1e-12 * furthest[i])
    return centre, width, furthest / width


class QuantileMap:
    """A monotone map of one variable onto standard normal scores, and back.

    The value whose share of smaller values is p maps to Φ⁻¹(p); between the knots the map is
    linear, beyond the outermost ones it is constant, so that ``inverse_transform`` never leaves
    the range of the data it was fitted to.

    Args:
        knots: at most so many values are kept, spread evenly over the ranks.
        extremes: so many of the smallest and of the largest are kept besides, where the quantiles
            lie far apart.

    Attributes:
        values: the knots' values, (knots,), increasing.
        normal_scores: where they map to, (knots,).
    """

    values: np.ndarray
    normal_scores: np.ndarray

    def __init__(self, knots: int = 3000, extremes: int = 50) -> None:
        self.knots, self.extremes = knots, extremes

    def fit(self, sample: np.ndarray) -> Self:
        """Fit the map to ``sample``, of shape (count,)."""
        values, counts = np.unique(np.asarray(sample, np.float64), return_counts=True)
        # Tied values share the middle of their ranks, which keeps the map one-to-one.
        share = (np.cumsum(counts) - counts / 2) / counts.sum()
        normal_scores = norm.ppf(share)
        count, extremes = len(values), self.extremes
        if count > self.knots + 2 * extremes:
            spread = np.linspace(0, count - 1, self.knots).round().astype(int)
            keep = np.unique(np.r_[:extremes, spread, count - extremes : count])
            values, normal_scores = values[keep], normal_scores[keep]
        self.values, self.normal_scores = values, normal_scores
        return self

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Return the normal scores of ``values``."""
        return np.interp(values, self.values, self.normal_scores)

    def inverse_transform(self, normal_scores: np.ndarray) -> np.ndarray:
        """Return the values with these normal scores."""
        return np.interp(normal_scores, self.normal_scores, self.values)

    def array(self) -> np.ndarray:
        """Return the state, (2, knots)."""
        return np.stack([self.values, self.normal_scores])

    @classmethod
    def from_array(cls, state: np.ndarray) -> Self:
        """Rebuild the map from what ``array`` returned."""
        quantiles = cls()
        quantiles.values, quantiles.normal_scores = state
        return quantiles


class NormalScores:
    """The ``QuantileMap`` of every component, apart for the first time step and the later ones.

    Fitted to data, it makes each margin standard normal. Fitted to a generator's output, the same
    map is *margin calibration*: it puts right the spread and shape of each component and leaves
    their order, hence their dependence on each other and over time, as the generator made it.

    Attributes:
        first: a map for each component at the first time step.
        later: a map for each component at the later ones.
    """

    first: tuple[QuantileMap, ...]
    later: tuple[QuantileMap, ...]

    def fit(self, windows: np.ndarray) -> Self:
        """Fit to windows of shape (windows, time, components)."""
        return self.fit_rows(windows[:, 0], windows[:, 1:].reshape(-1, windows.shape[-1]))

    def fit_rows(self, first: np.ndarray, later: np.ndarray) -> Self:
        """Fit to ``first``, (count, components), and ``later``, (other count, components)."""
        self.first = tuple(QuantileMap().fit(column) for column in first.T)
        self.later = tuple(QuantileMap().fit(column) for column in later.T)
        return self

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Map ``values`` of shape (windows, time, components) to normal scores."""
        return self._apply(values, "transform")

    def inverse_transform(self, normal_scores: np.ndarray) -> np.ndarray:
        """Undo ``transform``, inside the range of the values fitted to."""
        return self._apply(normal_scores, "inverse_transform")

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the maps as named arrays."""
        return {
            f"{part}_{component}": quantiles.array()
            for part in ("first", "later")
            for component, quantiles in enumerate(getattr(self, part))
        }

    @classmethod
    def from_arrays(cls, state: Mapping[str, np.ndarray]) -> Self:
        """Rebuild the maps from what ``arrays`` returned."""
        count = sum(name.startswith("first_") for name in state)
        scores = cls()
        scores.first, scores.later = (
            tuple(QuantileMap.from_array(state[f"{part}_{i}"]) for i in range(count))
            for part in ("first", "later")
        )
        return scores

    def _apply(self, array: np.ndarray, direction: str) -> np.ndarray:
        result = np.empty(array.shape, np.float64)
        for component, (first, later) in enumerate(zip(self.first, self.later, strict=True)):
            result[:, 0, component] = getattr(first, direction)(array[:, 0, component])
            result[:, 1:, component] = getattr(later, direction)(array[:, 1:, component])
        return result
