"""Windows, invertible scalers, and the preconditioner that presents a series to the LSTM-GAN.

Every class here keeps its state in plain NumPy arrays and can undo what it did: ``inverse`` after
``transform`` gives the data back.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import boxcox, inv_boxcox
from scipy.stats import boxcox_normmax, norm

CHUNK = 2**22  # values transformed at a time, so that float64 copies stay small (32 MiB each)


def sliding_windows(series: np.ndarray, length: int, stride: int = 1) -> np.ndarray:
    """Return the windows of ``series`` as a read-only view, without copying.

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
    if length < 1 or stride < 1:
        raise ValueError(f"Window {length} and stride {stride}: both must be at least 1.")
    if length > len(series):
        raise ValueError(f"A window of {length} rows does not fit a series of {len(series)} rows.")
    view = np.lib.stride_tricks.sliding_window_view(series, length, axis=0)
    return view[::stride].transpose(0, 2, 1)


def forecast_windows(
    values: np.ndarray, history: int, horizon: int, stride: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a series into what a forecaster reads and what it is to forecast.

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
    if min(history, horizon, stride) < 1:
        raise ValueError(
            f"History {history}, horizon {horizon}, stride {stride}: each must be at least 1."
        )
    if history + horizon > len(values):
        raise ValueError(
            f"A window of {history} rows of history and {horizon} to forecast does not fit a "
            f"series of {len(values)} rows."
        )
    windows = sliding_windows(values, history + horizon, stride)
    return windows[:, :history], windows[:, history:]


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
        rows = _rows(values)
        low, high = rows.min(axis=0), rows.max(axis=0)
        return cls(low, np.where(high > low, high - low, 1.0))

    @classmethod
    def standard(cls, values: np.ndarray) -> Scaler:
        """Fit a map of each feature (last axis) of ``values`` to mean 0, standard deviation 1."""
        rows = _rows(values)
        varies = rows.max(axis=0) > rows.min(axis=0)
        return cls(rows.mean(axis=0), np.where(varies, rows.std(axis=0), 1.0))

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Scale ``values`` of shape (…, features)."""
        return (values - self.shift) / self.scale

    def inverse(self, scaled: np.ndarray) -> np.ndarray:
        """Undo ``transform``."""
        return scaled * self.scale + self.shift


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
    rows = _rows(values)
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


@dataclass(frozen=True)
class Preconditioner:
    """The invertible map between windows of data and *scores* that a small LSTM can imitate.

    1. Each column is scaled to [0, 1], moved off zero, and made roughly normal by the power
       transform of Box and Cox (1964), doi:10.1111/j.2517-6161.1964.tb00553.x. Before that,
       heavy tails are drawn in (``Tails``). A column of which a quarter or more is one value,
       such as rainfall, keeps its shape: no power makes it normal.
    2. Principal components of unit variance: the *level*. Directions with next to no variance
       (a column that is a multiple of another) are dropped.
    3. A vector autoregression, level_t = c + A·level_{t−1} + e_t (Sims 1980,
       doi:10.2307/1912017), takes out what the row before predicts linearly; the innovations
       e_t are rotated and scaled to unit covariance. With fewer than five rows for each
       coefficient of an equation, every component is predicted from its own past alone.
    4. The level of a window's first row and the innovations of its later rows are mapped, each
       component apart, to normal scores.

    The scores of a window have shape (time, components): the first row says where the window
    starts, every later row what is new. ``inverse`` runs the four steps backwards and clips each
    column to the range of the data fitted to, so generated values never leave that range; in
    columns that held whole numbers only, it rounds to whole numbers. Constant columns are carried
    through. Build one with ``fit`` or ``from_arrays``.
    """

    whole: np.ndarray  # (features,) which columns hold whole numbers only
    tails: Tails
    scaler: Scaler
    varying: np.ndarray  # (features,) which columns are not constant
    power: np.ndarray  # (varying,) exponents of the power transform
    standard: Scaler  # of the power-transformed columns
    bounds: np.ndarray  # (2, varying) smallest and largest standardised value
    basis: np.ndarray  # (varying, components) principal directions, scaled: z = level @ basis.T
    intercept: np.ndarray  # (components,)
    transition: np.ndarray  # (components, components)
    innovation_root: np.ndarray  # (components, components): e = white @ innovation_root
    margins: NormalScores

    OFFSET: ClassVar[float] = 1e-3  # the power transform is singular at zero
    LARGEST_POWER: ClassVar[float] = 3.0  # keeps the inverse tame where a column has few values
    LARGEST_SHARE: ClassVar[float] = 0.25  # of one value, in a column that a power may reshape
    LARGEST_GROWTH: ClassVar[float] = 100.0  # of a deviation over a window: rounding grows with it
    ROWS_A_COEFFICIENT: ClassVar[int] = 5  # that a full vector autoregression needs
    SMALLEST_VARIANCE: ClassVar[float] = 1e-7  # of a principal component that is kept

    @classmethod
    def fit(cls, sequences: np.ndarray, window: int) -> Preconditioner:
        """Fit to ``sequences`` of shape (sequences, time, features), time ≥ ``window``.

        A single long series is ``series[np.newaxis]``. Every row at which a window can start
        counts as a first row.

        Raises:
            ValueError: if the shape is wrong, a value is not finite, the window is shorter than 2
                rows or longer than the sequences, there are too few rows, a column spans more
                than double precision can hold, or every column is constant.
        """
        sequences = np.asarray(sequences, np.float64)
        if sequences.ndim != 3:
            raise ValueError(
                f"The sequences have shape {sequences.shape}; expected (sequences, time, features)."
            )
        if not 2 <= window <= sequences.shape[1]:
            raise ValueError(f"The window is {window}; expected 2 to {sequences.shape[1]}.")
        if len(sequences) * (sequences.shape[1] - 1) < 2:
            raise ValueError("There is a single pair of consecutive rows; expected at least two.")
        if not np.isfinite(sequences).all():
            raise ValueError("The sequences hold NaN or infinity; expected finite values.")
        rows = _rows(sequences)
        varying = rows.max(axis=0) > rows.min(axis=0)
        if not varying.any():
            raise ValueError("Every column is constant; expected at least one that varies.")
        with np.errstate(over="ignore"):
            spans = np.ptp(rows, axis=0)
        if not np.isfinite(spans).all():
            raise ValueError(
                f"Column {np.argmin(np.isfinite(spans)) + 1} spans more than the largest number of "
                "double precision, 1.8e308; expected another unit."
            )
        tails = Tails.fit(rows)
        drawn = tails.transform(rows)
        scaler = Scaler.min_max(drawn)

        positive = scaler.transform(drawn)[:, varying] + cls.OFFSET
        power = np.array([cls._box_cox_exponent(column) for column in positive.T])
        powered = boxcox(positive, power)
        standard = Scaler.standard(powered)
        z = standard.transform(powered)

        variances, directions = np.linalg.eigh(np.atleast_2d(np.cov(z.T)))
        kept = variances > cls.SMALLEST_VARIANCE
        basis = directions[:, kept] * np.sqrt(variances[kept])
        level = (z @ np.linalg.pinv(basis).T).reshape(*sequences.shape[:2], -1)

        before, after = _rows(level[:, :-1]), _rows(level[:, 1:])
        intercept, transition = cls._autoregression(before, after, window)
        regressors = np.column_stack([np.ones(len(before)), before])
        innovations = after - regressors @ np.vstack([intercept, transition])
        spreads, axes = np.linalg.eigh(np.atleast_2d(np.cov(innovations.T)))
        # A direction without news (a straight trend) keeps a tiny spread, so that it inverts.
        root = (axes * np.sqrt(np.maximum(spreads, 1e-12))).T
        white = innovations @ np.linalg.inv(root)

        starts = _rows(level[:, : sequences.shape[1] - window + 1])
        return cls(
            whole=(rows == np.round(rows)).all(axis=0),
            tails=tails,
            scaler=scaler,
            varying=varying,
            power=power,
            standard=standard,
            bounds=np.stack([z.min(axis=0), z.max(axis=0)]),
            basis=basis,
            intercept=intercept,
            transition=transition,
            innovation_root=root,
            margins=NormalScores.fit(starts, white),
        )

    @classmethod
    def rows_needed(cls, components: int) -> int:
        """Return how many pairs of consecutive rows a full vector autoregression needs."""
        return cls.ROWS_A_COEFFICIENT * (components + 1)

    @property
    def features(self) -> int:
        """The number of columns of the data."""
        return len(self.varying)

    @property
    def components(self) -> int:
        """The number of components of the scores."""
        return self.basis.shape[1]

    @property
    def data_range(self) -> tuple[np.ndarray, np.ndarray]:
        """The smallest and the largest value of each column: generated values stay between."""
        low = self.scaler.shift
        high = np.where(self.varying, low + self.scaler.scale, low)
        return self.tails.inverse(low), self.tails.inverse(high)

    def transform(self, windows: np.ndarray) -> np.ndarray:
        """Return the scores, float32 (windows, time, components), of windows in the data's units.

        Raises:
            ValueError: if ``windows`` is not (windows, time, features).
        """
        windows = self._checked(windows, self.features, "windows", "features")
        return _in_chunks(self._transform, windows, self.components, np.float32)

    def inverse(self, scores: np.ndarray) -> np.ndarray:
        """Return the windows, float64 (windows, time, features), of these scores.

        Raises:
            ValueError: if ``scores`` is not (windows, time, components).
        """
        scores = self._checked(scores, self.components, "scores", "components")
        return _in_chunks(self._inverse, scores, self.features, np.float64)

    def level_map(self, window: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the linear map from scores to levels, as a kernel and a bias.

        ``scores.reshape(count, -1) @ kernel + bias`` are the flattened levels of windows: step 3
        run backwards, level_t = c + A·level_{t−1} + e_t, written as one matrix product. The normal
        scores of step 4 are taken as they are, so the levels are near the true ones, not equal.

        Args:
            window: time steps, at least 1.

        Returns:
            float32 arrays (window·components, window·components) and (window·components,).
        """
        if window < 1:
            raise ValueError(f"The window is {window}; expected at least 1 row.")
        size = self.components
        kernel = np.zeros((window, size, window, size))
        bias = np.zeros((window, size))
        for start in range(window):
            response = np.eye(size) if start == 0 else self.innovation_root
            for time in range(start, window):
                kernel[start, :, time] = response
                response = response @ self.transition
        for time in range(1, window):
            bias[time] = self.intercept + bias[time - 1] @ self.transition
        flat = window * size
        return kernel.reshape(flat, flat).astype(np.float32), bias.ravel().astype(np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the state as named arrays, to be stored with ``np.savez``."""
        state = {
            "whole": self.whole,
            "tails": np.stack([self.tails.centre, self.tails.width]),
            "scaler": np.stack([self.scaler.shift, self.scaler.scale]),
            "standard": np.stack([self.standard.shift, self.standard.scale]),
        }
        for name in ("varying", "power", "bounds", "basis"):
            state[name] = getattr(self, name)
        for name in ("intercept", "transition", "innovation_root"):
            state[name] = getattr(self, name)
        return state | self.margins.arrays()

    @classmethod
    def from_arrays(cls, state: Mapping[str, np.ndarray]) -> Preconditioner:
        """Rebuild a preconditioner from what ``arrays`` returned."""
        plain = ("varying", "power", "bounds", "basis", "intercept", "transition")
        return cls(
            whole=state["whole"],
            tails=Tails(*state["tails"]),
            scaler=Scaler(*state["scaler"]),
            standard=Scaler(*state["standard"]),
            innovation_root=state["innovation_root"],
            margins=NormalScores.from_arrays(state),
            **{name: state[name] for name in plain},
        )

    def _transform(self, windows: np.ndarray) -> np.ndarray:
        scaled = self.scaler.transform(self.tails.transform(windows))[..., self.varying]
        z = self.standard.transform(boxcox(np.clip(scaled, 0, 1) + self.OFFSET, self.power))
        level = z @ np.linalg.pinv(self.basis).T
        expected = self.intercept + level[:, :-1] @ self.transition
        white = (level[:, 1:] - expected) @ np.linalg.inv(self.innovation_root)
        return self.margins.transform(np.concatenate([level[:, :1], white], axis=1))

    def _inverse(self, scores: np.ndarray) -> np.ndarray:
        white = self.margins.inverse(scores)
        level = np.empty_like(white)
        level[:, 0] = white[:, 0]
        for t in range(1, white.shape[1]):
            innovation = white[:, t] @ self.innovation_root
            level[:, t] = self.intercept + level[:, t - 1] @ self.transition + innovation
        z = np.clip(level @ self.basis.T, *self.bounds)
        positive = inv_boxcox(self.standard.inverse(z), self.power)
        windows = np.zeros((*level.shape[:2], self.features))
        scaled = np.clip(positive - self.OFFSET, 0.0, 1.0)
        windows[..., self.varying] = np.where(scaled < 1e-12, 0.0, scaled)  # the minimum, exactly
        windows = self.tails.inverse(self.scaler.inverse(windows))
        windows[..., self.whole] = np.round(windows[..., self.whole])
        return windows

    @classmethod
    def _box_cox_exponent(cls, column: np.ndarray) -> float:
        if np.unique(column, return_counts=True)[1].max() >= cls.LARGEST_SHARE * len(column):
            return 1.0
        with warnings.catch_warnings(action="ignore"):  # of powers beyond the largest allowed
            power = boxcox_normmax(column, method="mle")
        return float(np.clip(power, -cls.LARGEST_POWER, cls.LARGEST_POWER))

    @classmethod
    def _autoregression(
        cls, before: np.ndarray, after: np.ndarray, window: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return intercept and transition: ``after`` ≈ intercept + ``before`` @ transition."""
        rows, components = before.shape
        mean_before, mean_after = before.mean(axis=0), after.mean(axis=0)
        if rows >= cls.rows_needed(components):
            regressors = np.column_stack([np.ones(rows), before])
            coefficients = np.linalg.lstsq(regressors, after, rcond=None)[0]
            intercept, transition = coefficients[0], coefficients[1:]
        else:
            centred = before - mean_before
            squares = np.maximum((centred**2).sum(axis=0), 1e-12)
            transition = np.diag((centred * after).sum(axis=0) / squares)
            intercept = mean_after - mean_before @ transition
        growth = np.abs(np.linalg.eigvals(transition)).max()
        if growth > (largest := cls.LARGEST_GROWTH ** (1 / (window - 1))):
            transition = transition * (largest / growth)
            intercept = mean_after - mean_before @ transition
        return intercept, transition

    @staticmethod
    def _checked(array: np.ndarray, last: int, name: str, unit: str) -> np.ndarray:
        array = np.asarray(array)
        if array.ndim != 3 or array.shape[-1] != last:
            raise ValueError(
                f"The {name} have shape {array.shape}; expected ({name}, time, {last} {unit})."
            )
        return array


def _rows(values: np.ndarray) -> np.ndarray:
    """Return ``values`` of shape (…, features) as (rows, features)."""
    return np.asarray(values, np.float64).reshape(-1, values.shape[-1])


def _in_chunks(
    function: Callable[[np.ndarray], np.ndarray], windows: np.ndarray, last: int, dtype: type
) -> np.ndarray:
    """Apply ``function`` to some windows at a time; the result is (windows, time, ``last``)."""
    result = np.empty((*windows.shape[:2], last), dtype)
    chunk = max(1, CHUNK // (windows.shape[1] * max(windows.shape[2], last)))
    for start in range(0, len(windows), chunk):
        result[start : start + chunk] = function(windows[start : start + chunk])
    return result
