"""The preconditioner that presents a series to the LSTM-GAN."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Self

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import boxcox, inv_boxcox

from utils.checks import positive_integer
from utils.datasets.scaling import Scaler
from utils.lstm_gan.transforms import NormalScores, Tails

# The arrays of the state that are stored under their own names.
PLAIN = (
    "whole",
    "varying",
    "power",
    "offset",
    "moments",
    "bounds",
    "basis",
    "intercept",
    "transition",
    "innovation_root",
    "starts",
)
CHUNK = 2**22  # values transformed at a time, so that float64 copies stay small (32 MiB each)


class Preconditioner:
    """The invertible map between windows of data and *normal scores* that a small LSTM can imitate.

    1. Each column is scaled to [0, 1], moved off zero (a positive column back to where its own
       zero lies), and bent by the power transform of Box and Cox (1964),
       doi:10.1111/j.2517-6161.1964.tb00553.x, with the power that makes its news alike at every
       height. Before that, heavy tails are drawn in (``Tails``). A column of which a quarter or
       more is one value, such as rainfall, keeps its shape.
    2. Principal components of unit variance: the *level*. Directions with next to no variance
       (a column that is a multiple of another) are dropped.
    3. A vector autoregression, level_t = c + A·level_{t−1} + e_t (Sims 1980,
       doi:10.2307/1912017), takes out what the row before predicts linearly; the innovations
       e_t are scaled to unit covariance, each near to the news of one column (ZCA-cor, Kessy,
       Lewin and Strimmer 2018, doi:10.1080/00031305.2016.1277159), or, where directions were
       dropped, rotated to their principal axes. With fewer than five rows for each
       coefficient of an equation, every component is predicted from its own past alone.
    4. The level of a window's first row and the innovations of its later rows are mapped, each
       component apart, to normal scores.

    The normal scores of a window have shape (time, components): the first row says where the
    window starts, every later row what is new. ``inverse_transform`` runs the four steps backwards
    and clips each column to the range of the data fitted to, so generated values never leave that
    range; in columns that held whole numbers only, it rounds to whole numbers. Constant columns
    are carried through.

    Args:
        window: rows in a window, at least 2.

    Attributes:
        whole: which columns hold whole numbers only, (features,).
        tails: draws in heavy tails.
        scaler: onto [0, 1].
        varying: which columns are not constant, (features,).
        power: exponents of the power transform, (varying,).
        offset: what is added to the scaled columns before it, (varying,).
        moments: of what the power transform reads: mean, standard deviation, and that of changes
            from row to row, (3, varying).
        standard: scaler of the power-transformed columns.
        bounds: smallest and largest standardised value, (2, varying).
        basis: principal directions, scaled, (varying, components): z = level @ basis.T.
        intercept: c, (components,).
        transition: A, (components, components).
        innovation_root: (components, components): e = white @ innovation_root.
        starts: normal scores of rows at which windows start, float32 (rows, components).
        margins: the maps of step 4.
    """

    OFFSET: ClassVar[float] = 1e-3  # the power transform is singular at zero
    LARGEST_OFFSET: ClassVar[float] = 100.0  # of a column that varies by less than a hundredth
    LARGEST_POWER: ClassVar[float] = 3.0  # keeps the inverse tame where a column has few values
    LARGEST_SHARE: ClassVar[float] = 0.25  # of one value, in a column that a power may reshape
    LARGEST_GROWTH: ClassVar[float] = 100.0  # of a deviation over a window: rounding grows with it
    WANDERS: ClassVar[float] = 0.5  # of a deviation that is left after a window
    ROWS_A_COEFFICIENT: ClassVar[int] = 5  # that a full vector autoregression needs
    MOST_STARTS: ClassVar[int] = 20_000  # rows that are kept for generated windows to start near
    SMALLEST_VARIANCE: ClassVar[float] = 1e-7  # of a principal component that is kept

    whole: np.ndarray
    tails: Tails
    scaler: Scaler
    varying: np.ndarray
    power: np.ndarray
    offset: np.ndarray
    moments: np.ndarray
    standard: Scaler
    bounds: np.ndarray
    basis: np.ndarray
    intercept: np.ndarray
    transition: np.ndarray
    innovation_root: np.ndarray
    starts: np.ndarray
    margins: NormalScores

    def __init__(self, window: int = 24) -> None:
        self.window = window

    def fit(self, sequences: np.ndarray | Sequence[np.ndarray]) -> Self:
        """Fit to a series (time, features), to several, (sequences, time, features), or to a list.

        The series of a list may differ in length; each must be as long as a window. Every row at
        which a window can start counts as a first row.

        Raises:
            ValueError: if the shape is wrong, a value is not finite, the window is shorter than 2
                rows or longer than the sequences, there are too few rows, a column spans more
                than double precision can hold, or every column is constant.
        """
        window = self.window
        parts = _parts(sequences)
        shortest = min(len(part) for part in parts)
        if not 2 <= window <= shortest:
            raise ValueError(f"The window is {window}; expected 2 to {shortest}.")
        if sum(len(part) - 1 for part in parts) < 2:
            raise ValueError("There is a single pair of consecutive rows; expected at least two.")
        rows = np.concatenate(parts)
        if not np.isfinite(rows).all():
            raise ValueError("The sequences hold NaN or infinity; expected finite values.")
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
        tails = Tails().fit(rows)
        drawn = tails.transform(rows)
        scaler = Scaler.min_max(drawn)

        ends = np.cumsum([len(part) for part in parts])[:-1]
        # A positive column keeps its own zero: a price that doubles is one that doubles.
        low = np.where(tails.heavy, 0.0, drawn.min(axis=0))[varying]
        offset = np.clip(low / np.ptp(drawn, axis=0)[varying], self.OFFSET, self.LARGEST_OFFSET)
        positive = scaler.transform(drawn)[:, varying] + offset
        power = np.array([self._box_cox_exponent(np.split(c, ends), window) for c in positive.T])
        powered = boxcox(positive, power)
        changes = np.concatenate([np.diff(part, axis=0) for part in np.split(positive, ends)])
        moments = np.stack([positive.mean(axis=0), positive.std(axis=0), changes.std(axis=0)])
        standard = Scaler.standard(powered)
        z = standard.transform(powered)

        variances, directions = np.linalg.eigh(np.atleast_2d(np.cov(z.T)))
        kept = variances > self.SMALLEST_VARIANCE
        basis = directions[:, kept] * np.sqrt(variances[kept])
        levels = np.split(z @ np.linalg.pinv(basis).T, ends)

        before = np.concatenate([level[:-1] for level in levels])
        after = np.concatenate([level[1:] for level in levels])
        intercept, transition = self._autoregression(before, after, window)
        regressors = np.column_stack([np.ones(len(before)), before])
        innovations = after - regressors @ np.vstack([intercept, transition])
        root = self._innovation_root(innovations, basis)
        white = innovations @ np.linalg.inv(root)

        starts = np.concatenate([level[: len(level) - window + 1] for level in levels])
        self.whole = (rows == np.round(rows)).all(axis=0)
        self.tails, self.scaler, self.varying = tails, scaler, varying
        self.power, self.offset, self.standard = power, offset, standard
        self.moments = np.maximum(moments, 1e-12)
        self.bounds, self.basis = np.stack([z.min(axis=0), z.max(axis=0)]), basis
        self.intercept, self.transition, self.innovation_root = intercept, transition, root
        self.margins = NormalScores().fit_rows(starts, white)
        # Of many rows every second, third, …
        starts = starts[:: -(-len(starts) // self.MOST_STARTS)]
        self.starts = self.margins.transform(starts[:, None])[:, 0].astype(np.float32)
        return self

    @staticmethod
    def _innovation_root(innovations: np.ndarray, basis: np.ndarray) -> np.ndarray:
        """Return R, (components, components), such that innovations @ R⁻¹ have unit covariance.

        A direction without news (a straight trend) keeps a tiny spread, so that R inverts.
        """
        if basis.shape[0] != basis.shape[1]:
            spreads, axes = np.linalg.eigh(np.atleast_2d(np.cov(innovations.T)))
            return (axes * np.sqrt(np.maximum(spreads, 1e-12))).T
        covariance = np.atleast_2d(np.cov(basis @ innovations.T))
        size = np.sqrt(np.maximum(np.diag(covariance), 1e-12))
        spreads, axes = np.linalg.eigh(covariance / np.outer(size, size))
        root = (axes * np.sqrt(np.maximum(spreads, 1e-12))) @ axes.T * size
        return root @ np.linalg.pinv(basis).T

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
        """The number of components of the normal scores."""
        return self.basis.shape[1]

    @property
    def data_range(self) -> tuple[np.ndarray, np.ndarray]:
        """The smallest and the largest value of each column: generated values stay between."""
        low = self.scaler.shift
        high = np.where(self.varying, low + self.scaler.scale, low)
        return self.tails.inverse_transform(low), self.tails.inverse_transform(high)

    def transform(self, windows: np.ndarray) -> np.ndarray:
        """Return the normal scores of windows, float32 (windows, time, components).

        Raises:
            ValueError: if ``windows``, in the data's units, is not (windows, time, features).
        """
        windows = self._checked(windows, self.features, "windows", "features")
        return _in_chunks(self._transform, windows, self.components, np.float32)

    def inverse_transform(self, normal_scores: np.ndarray) -> np.ndarray:
        """Return the windows, float64 (windows, time, features), of these normal scores.

        Raises:
            ValueError: if ``normal_scores`` is not (windows, time, components).
        """
        normal_scores = self._checked(normal_scores, self.components, "normal scores", "components")
        return _in_chunks(self._inverse, normal_scores, self.features, np.float64)

    def level_map(self, window: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the linear map from normal scores to levels, as a kernel and a bias.

        ``normal_scores.reshape(count, -1) @ kernel + bias`` are the flattened levels of windows:
        step 3 run backwards, level_t = c + A·level_{t−1} + e_t, written as one matrix product. The
        maps of step 4 are taken as they are, so the levels are near the true ones, not equal.

        Args:
            window: time steps, at least 1.

        Returns:
            float32 arrays (window·components, window·components) and (window·components,).
        """
        positive_integer(window=window)
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
            "window": np.array(self.window),
            "tails": self.tails.array(),
            "scaler": np.stack([self.scaler.shift, self.scaler.scale]),
            "standard": np.stack([self.standard.shift, self.standard.scale]),
        }
        return state | {name: getattr(self, name) for name in PLAIN} | self.margins.arrays()

    @classmethod
    def from_arrays(cls, state: Mapping[str, np.ndarray]) -> Self:
        """Rebuild a preconditioner from what ``arrays`` returned."""
        preconditioner = cls(int(state["window"]) if "window" in state else 24)
        for name in PLAIN:
            setattr(preconditioner, name, state[name])
        preconditioner.tails = Tails.from_array(state["tails"])
        preconditioner.scaler = Scaler(*state["scaler"])
        preconditioner.standard = Scaler(*state["standard"])
        preconditioner.margins = NormalScores.from_arrays(state)
        return preconditioner

    def _transform(self, windows: np.ndarray) -> np.ndarray:
        scaled = self.scaler.transform(self.tails.transform(windows))[..., self.varying]
        z = self.standard.transform(boxcox(np.clip(scaled, 0, 1) + self.offset, self.power))
        level = z @ np.linalg.pinv(self.basis).T
        expected = self.intercept + level[:, :-1] @ self.transition
        white = (level[:, 1:] - expected) @ np.linalg.inv(self.innovation_root)
        return self.margins.transform(np.concatenate([level[:, :1], white], axis=1))

    def _inverse(self, normal_scores: np.ndarray) -> np.ndarray:
        white = self.margins.inverse_transform(normal_scores)
        level = np.empty_like(white)
        level[:, 0] = white[:, 0]
        for t in range(1, white.shape[1]):
            innovation = white[:, t] @ self.innovation_root
            level[:, t] = self.intercept + level[:, t - 1] @ self.transition + innovation
        z = np.clip(level @ self.basis.T, *self.bounds)
        positive = inv_boxcox(self.standard.inverse_transform(z), self.power)
        windows = np.zeros((*level.shape[:2], self.features))
        scaled = np.clip(positive - self.offset, 0.0, 1.0)
        windows[..., self.varying] = np.where(scaled < 1e-12, 0.0, scaled)  # the minimum, exactly
        windows = self.tails.inverse_transform(self.scaler.inverse_transform(windows))
        windows[..., self.whole] = np.round(windows[..., self.whole])
        return windows

    @classmethod
    def _box_cox_exponent(cls, parts: Sequence[np.ndarray], window: int) -> float:
        """Return the exponent that makes a column normal, or its news where it wanders.

        The first is that of Box and Cox: the largest likelihood of normal heights. A column that
        still holds half of a deviation after a window, as prices do, has no heights to be normal.
        There it is the largest likelihood of an autoregression of order 1 with normal news of one
        variance: a shock is then as large at every height.
        """
        column = np.concatenate(parts)
        if np.unique(column, return_counts=True)[1].max() >= cls.LARGEST_SHARE * len(column):
            return 1.0
        before = np.concatenate([part[:-1] for part in parts])
        after = np.concatenate([part[1:] for part in parts])
        wanders = max(_slope(before, after), 0.0) ** window > cls.WANDERS
        jacobian = np.log(after).mean()

        def loss(power: float) -> float:
            x, y = boxcox(before, power), boxcox(after, power)
            news = y - y.mean()
            if wanders:
                news = news - _slope(x, y) * (x - x.mean())
            return 0.5 * np.log(max((news**2).mean(), 1e-300)) - (power - 1) * jacobian

        bounds = (0.0, cls.LARGEST_POWER)  # a negative power has an end, where values pile up
        return float(minimize_scalar(loss, bounds=bounds, method="bounded").x)

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


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    """Return the slope of the straight line from x to y."""
    centred = x - x.mean()
    return float(centred @ y / max(centred @ centred, 1e-300))


def _parts(sequences: np.ndarray | Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return each series as float64 (time, features)."""
    if isinstance(sequences, np.ndarray) and sequences.ndim == 2:
        sequences = [sequences]
    parts = [np.asarray(part, np.float64) for part in sequences]
    shapes = [part.shape for part in parts]
    if not parts or any(len(shape) != 2 or shape[1] != shapes[0][-1] for shape in shapes):
        shape = np.shape(sequences) if isinstance(sequences, np.ndarray) else shapes
        raise ValueError(f"The sequences have shape {shape}; expected (sequences, time, features).")
    return parts


def _in_chunks(
    function: Callable[[np.ndarray], np.ndarray], windows: np.ndarray, last: int, dtype: type
) -> np.ndarray:
    """Apply ``function`` to some windows at a time; the result is (windows, time, ``last``)."""
    result: np.ndarray = np.empty((*windows.shape[:2], last), dtype)
    chunk = max(1, CHUNK // (windows.shape[1] * max(windows.shape[2], last)))
    for start in range(0, len(windows), chunk):
        result[start : start + chunk] = function(windows[start : start + chunk])
    return result
