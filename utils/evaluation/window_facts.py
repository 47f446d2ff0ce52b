"""Facts of windows as functions of means, so that blocks of windows are resampled cheaply.

Every fact is a function of means over all windows (of values, squares, lagged products, counts
below a value …). The means are taken once for each block of time; a resampled set of blocks is then
a product of matrices, whatever the number of windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from utils.evaluation.blocks import sums_by_block
from utils.evaluation.shapes import logarithmic, logarithms

LEVEL_QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
CHANGE_QUANTILES = (0.005, 0.05, 0.95, 0.995)
LAGS = (1, 2, 5, 10, 20, 50)
GRID = 200  # values between which a quantile of a resampled set is interpolated
MOST_PAIRS = 100  # of columns, the most correlated ones
CHUNK = 1000  # windows at a time
LEVEL, SPREAD, CHANGES, SIZES = "level", "spread", "changes", "sizes of changes"
TAILS, CYCLES, BETWEEN, ORDER = "tails", "cycles", "between columns", "order of columns"
# In names: sd is the standard deviation, ACF the autocorrelation. The sd of a whole change is in
# sds of a change; "a row earlier" is a correlation of changes.
GROUPS = (LEVEL, SPREAD, CHANGES, SIZES, TAILS, CYCLES, BETWEEN, ORDER)

Means = dict[str, np.ndarray]  # by name: (…, features), (…, lags, features) and the like
Fact = tuple[str, str, str, np.ndarray]  # group, name, of which column or pair, values (…)


@dataclass(frozen=True)
class Reading:
    """How windows are read: everything that is taken from the real ones, once.

    Attributes:
        columns: names of the features.
        logs: features whose changes are taken of logarithms: relative changes.
        centre: mean of each feature.
        scale: its standard deviation, 1 where it does not vary.
        step: the standard deviation of its changes, 1 where it does not change.
        steps: changes in a window.
        lags: of autocorrelations, in rows.
        periods: of cycles, in rows.
        pairs: of features, ``(2, pairs)``.
        level_grid: increasing values of each scaled feature, ``(GRID, features)``.
        change_grid: of each scaled change.
    """

    columns: tuple[str, ...]
    logs: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    step: np.ndarray
    steps: int
    lags: tuple[int, ...]
    periods: tuple[int, ...]
    pairs: np.ndarray
    level_grid: np.ndarray
    change_grid: np.ndarray

    @classmethod
    def of(
        cls,
        real: np.ndarray,
        fake: np.ndarray,
        columns: Sequence[str] | None = None,
        periods: Sequence[int] = (),
    ) -> Self:
        """Return how to read ``real`` and ``fake``, both ``(windows, time, features)``."""
        time, features = real.shape[1:]
        names = columns or [f"feature {k + 1}" for k in range(features)]
        logs = logarithmic(real, fake)
        changes = np.diff(logarithms(real, logs), axis=1)
        rows = real.reshape(-1, features)
        centre, scale, step = rows.mean(axis=0), rows.std(axis=0), changes.std(axis=(0, 1))
        largest = np.abs(rows).max(axis=0)
        scale = np.where(scale > 1e-12 * largest, scale, 1.0)
        step = np.where(step > 1e-12 * np.where(logs, 1, largest), step, 1.0)
        shares = np.linspace(0, 1, GRID)
        with np.errstate(all="ignore"):
            matrix = np.nan_to_num(np.atleast_2d(np.corrcoef(rows, rowvar=False)))
        pairs = np.stack(np.triu_indices(features, 1))
        strongest = np.argsort(-np.abs(matrix[tuple(pairs)]), kind="stable")[:MOST_PAIRS]
        return cls(
            tuple(names),
            logs,
            centre,
            scale,
            step,
            time - 1,
            tuple(lag for lag in LAGS if lag < time - 2) or ((1,) if time > 2 else ()),
            tuple(period for period in periods if 2 <= period <= time),
            pairs[:, np.sort(strongest)],
            np.quantile((rows - centre) / scale, shares, axis=0),
            np.quantile((changes / step).reshape(-1, features), shares, axis=0),
        )

    def means(self, windows: np.ndarray) -> Means:
        """Return the means over windows, ``(windows, time, features)`` in the data's units."""
        made = {
            name: sums[0] / len(windows)
            for name, sums in self.sums(windows, np.zeros(len(windows), dtype=int)).items()
        }
        # Quantiles need no grid here.
        features = windows.shape[2]
        for name, values, shares in (
            ("level", (windows - self.centre) / self.scale, LEVEL_QUANTILES),
            ("change", self._changes(windows), CHANGE_QUANTILES),
        ):
            made[f"{name} quantiles"] = np.quantile(values.reshape(-1, features), shares, axis=0)
        return made

    def sums(self, windows: np.ndarray, blocks: np.ndarray) -> Means:
        """Return sums over the windows of each block, and under "windows" their number.

        Args:
            windows: ``(windows, time, features)``, in the data's units.
            blocks: the block of each window, from 0, increasing.
        """
        count = int(blocks[-1]) + 1
        totals: Means = {"windows": np.bincount(blocks, minlength=count).astype("float64")}
        for start in range(0, len(windows), CHUNK):
            where, part = blocks[start : start + CHUNK], windows[start : start + CHUNK]
            of_each = self._of_each(part)
            present = np.unique(where)
            for name, values in of_each.items():
                total = totals.setdefault(name, np.zeros((count, *values.shape[1:])))
                total[present] += sums_by_block(values, where)
            z = (part - self.centre) / self.scale
            for name, values, grid in (
                ("level cells", z, self.level_grid),
                ("change cells", self._changes(part), self.change_grid),
            ):
                total = totals.setdefault(name, np.zeros((count, *grid.shape)))
                total += _at_most(values, grid, where, count)
        return totals

    def _changes(self, windows: np.ndarray) -> np.ndarray:
        return np.diff(logarithms(windows, self.logs), axis=1) / self.step

    def _of_each(self, windows: np.ndarray) -> Means:
        """Return what is averaged, for each window."""
        z = (windows - self.centre) / self.scale
        d = self._changes(windows)
        inner = z - z.mean(axis=1, keepdims=True)
        size, (i, j) = np.abs(d), self.pairs
        sizes_2 = np.mean(d**2, axis=1)
        calm = np.log(np.maximum(np.sqrt(sizes_2), 1e-3))
        made = {
            "z": z.mean(axis=1),
            "z2": np.mean(z**2, axis=1),
            "inner2": np.mean(inner**2, axis=1),
            "d": d.mean(axis=1),
            "d2": sizes_2,
            "d3": np.mean(d**3, axis=1),
            "d4": np.mean(d**4, axis=1),
            "size": size.mean(axis=1),
            "calm": calm,
            "calm2": calm**2,
            "moved2": d.sum(axis=1) ** 2 / d.shape[1],
            "zz": np.mean(z[..., i] * z[..., j], axis=1),
            "dd": np.mean(d[..., i] * d[..., j], axis=1),
            "ss": np.mean(size[..., i] * size[..., j], axis=1),
            "order": np.mean(windows[..., i] <= windows[..., j], axis=1),
        }
        if self.lags:
            made |= {
                "inner lagged": _lagged(inner, inner, self.lags) / windows.shape[1],
                "d lagged": _lagged(d, d, self.lags, mean=True),
                "size lagged": _lagged(size, size, self.lags, mean=True),
                "d size": np.mean(d[:, :-1] * size[:, 1:], axis=1),
                "size d": np.mean(size[:, :-1] * d[:, 1:], axis=1),
                "i leads": np.mean(d[:, :-1][..., i] * d[:, 1:][..., j], axis=1),
                "j leads": np.mean(d[:, :-1][..., j] * d[:, 1:][..., i], axis=1),
            }
        for period in self.periods:
            angle = 2 * np.pi * np.arange(windows.shape[1]) / period
            wave, _ = np.linalg.qr(np.stack([np.cos(angle), np.sin(angle)], axis=1))
            parts = np.einsum("ntf,tw->nwf", inner, wave)
            made[f"cycle {period}"] = np.sum(parts**2, axis=1) / windows.shape[1]
        return made

    def facts(self, means: Means) -> Iterator[Fact]:
        """Yield the facts of means, which may have leading axes, in the data's units."""
        with np.errstate(divide="ignore", invalid="ignore"):
            for group, name, values in self._of_columns(means):
                for k, column in enumerate(self.columns):
                    yield group, name, column, values[..., k]
            for name, values in self._of_pairs(means):
                for k, (i, j) in enumerate(self.pairs.T):
                    pair = f"{self.columns[i]} × {self.columns[j]}"
                    yield BETWEEN, name, pair, values[..., k]
            for k, (i, j) in enumerate(self.pairs.T):
                pair = f"{self.columns[i]} ≤ {self.columns[j]}"
                yield ORDER, "share of rows", pair, means["order"][..., k]

    def _of_columns(self, m: Means) -> Iterator[tuple[str, str, np.ndarray]]:
        deviation = np.sqrt(m["z2"] - m["z"] ** 2)
        yield LEVEL, "mean", self.centre + self.scale * m["z"]
        cuts = _quantiles(m, "level", self.level_grid, LEVEL_QUANTILES)
        for share, values in zip(LEVEL_QUANTILES, cuts, strict=True):
            yield LEVEL, f"{share:.0%} quantile", self.centre + self.scale * values
        yield SPREAD, "sd", self.scale * deviation
        yield SPREAD, "range from 5% to 95%", self.scale * (cuts[5] - cuts[1])
        yield SPREAD, "sd within a window", self.scale * np.sqrt(m["inner2"])
        variance = m["d2"] - m["d"] ** 2
        yield CHANGES, "mean change", self.step * m["d"]
        yield CHANGES, "sd of changes", self.step * np.sqrt(variance)
        moved = np.sqrt((m["moved2"] - self.steps * m["d"] ** 2) / variance)
        yield CHANGES, "sd of a window's whole change", moved
        for k, lag in enumerate(self.lags):
            values = (m["d lagged"][..., k, :] - m["d"] ** 2) / variance
            yield CHANGES, f"ACF of changes, lag {lag}", values
        spread = m["d2"] - m["size"] ** 2
        yield SIZES, "mean |change|", self.step * m["size"]
        for k, lag in enumerate(self.lags):
            values = (m["size lagged"][..., k, :] - m["size"] ** 2) / spread
            yield SIZES, f"ACF of |changes|, lag {lag}", values
        yield (
            SIZES,
            "sd of windows' log sizes",
            np.sqrt(m["calm2"] - m["calm"] ** 2),
        )
        if self.lags:
            both = np.sqrt(variance * spread)
            after = (m["d size"] - m["d"] * m["size"]) / both
            yield SIZES, "change with next |change|", after
            before = (m["size d"] - m["d"] * m["size"]) / both
            yield SIZES, "|change| with next change", before
        third = m["d3"] - 3 * m["d"] * m["d2"] + 2 * m["d"] ** 3
        fourth = m["d4"] - 4 * m["d"] * m["d3"] + 6 * m["d"] ** 2 * m["d2"] - 3 * m["d"] ** 4
        yield TAILS, "skewness of changes", third / variance**1.5
        yield TAILS, "kurtosis of changes", fourth / variance**2 - 3
        ends = _quantiles(m, "change", self.change_grid, CHANGE_QUANTILES)
        for share, values in zip(CHANGE_QUANTILES, ends, strict=True):
            yield TAILS, f"{share:.1%} quantile of changes", self.step * values
        for k, lag in enumerate(self.lags):
            values = m["inner lagged"][..., k, :] / m["inner2"]
            yield CYCLES, f"ACF within a window, lag {lag}", values
        for period in self.periods:
            share = m[f"cycle {period}"] / m["inner2"]
            yield CYCLES, f"share of a cycle of {period} rows", share

    def _of_pairs(self, m: Means) -> Iterator[tuple[str, np.ndarray]]:
        i, j = self.pairs
        parts = [("levels", "z", "zz", "z2"), ("changes", "d", "dd", "d2")]
        parts.append(("|changes|", "size", "ss", "d2"))
        for what, mean, product, square in parts:
            variance = m[square] - m[mean] ** 2
            both = np.sqrt(variance[..., i] * variance[..., j])
            values = (m[product] - m[mean][..., i] * m[mean][..., j]) / both
            yield f"correlation of {what}", values
        if self.lags:
            variance, mean_of = m["d2"] - m["d"] ** 2, m["d"][..., i] * m["d"][..., j]
            both = np.sqrt(variance[..., i] * variance[..., j])
            yield "correlation, first a row earlier", (m["i leads"] - mean_of) / both
            yield (
                "correlation, second a row earlier",
                (m["j leads"] - mean_of) / both,
            )


def _lagged(
    one: np.ndarray, other: np.ndarray, lags: Sequence[int], *, mean: bool = False
) -> np.ndarray:
    """Return sums (or means) over time of products at each lag, ``(windows, lags, features)``."""
    take = np.mean if mean else np.sum
    return np.stack([take(one[:, :-lag] * other[:, lag:], axis=1) for lag in lags], axis=1)


def _at_most(values: np.ndarray, grid: np.ndarray, blocks: np.ndarray, count: int) -> np.ndarray:
    """Return which share of each window's values is at most each value of a grid, by block.

    ``(windows, time, features)`` → sums over the windows of each of ``count`` blocks,
    ``(blocks, GRID, features)``.
    """
    time, features = values.shape[1:]
    made = np.empty((count, GRID, features))
    for k in range(features):
        place = np.searchsorted(grid[:, k], values[..., k])
        flat = (blocks[:, np.newaxis] * (GRID + 1) + place).ravel()
        counts = np.bincount(flat, minlength=count * (GRID + 1)).reshape(count, GRID + 1)
        made[..., k] = counts[:, :GRID].cumsum(axis=1) / time
    return made


def _quantiles(
    means: Means, name: str, grid: np.ndarray, shares: Sequence[float]
) -> list[np.ndarray]:
    """Return quantiles: exact where they are known, or from the shares at most a grid's values."""
    if f"{name} quantiles" in means:
        return list(means[f"{name} quantiles"])
    below, features = means[f"{name} cells"], np.arange(grid.shape[1])
    made = []
    for share in shares:
        upper = np.minimum((below < share - 1e-12).sum(axis=-2), GRID - 1)  # (…, features)
        lower = np.maximum(upper - 1, 0)
        low, high = (
            np.take_along_axis(below, at[..., np.newaxis, :], -2)[..., 0, :]
            for at in (lower, upper)
        )
        width = high - low
        part = np.where(width > 0, (share - low) / np.where(width > 0, width, 1), 1.0)
        ends = grid[lower, features], grid[upper, features]
        made.append(ends[0] + np.clip(part, 0, 1) * (ends[1] - ends[0]))
    return made
