"""Which facts of generated windows lie inside the band in which reality itself varies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from utils.checks import check_same_shape, check_windows, positive_integer
from utils.evaluation.blocks import blocks_of, draws
from utils.evaluation.window_facts import GROUPS, LEVEL, ORDER, SPREAD, TAILS, Means, Reading

SLACK = 1e-3  # a difference that means nothing to anybody, see _slack
# Blocks drawn anew vary less than reality does, most in what is rare. Pairs of simulated series
# (autoregressions of 700 and 1,500 rows, a GARCH of 1,500) showed by how much.
WIDER = 1.25  # times the width that resampling gives
FURTHER, RARE = 1.75, 3.0  # times the furthest that resampling gives; the second for tails
SHARE = 0.95  # of the cases in which another stretch of reality lies within a band


class Bands(NamedTuple):
    """Facts beside the real band.

    Attributes:
        table: by ``(group, fact, of)`` the columns "real", "low", "high", "generated", "inside" and
            "distance", that from the real value in half-widths of the band: above 1 is outside.
            Without a band, "low", "high" and "distance" are not numbers, and "inside" is None.
        by_chance: under "all", how many facts another stretch of reality as long as the real one
            has outside at most, and by group. Empty without a band.
        furthest: how far the furthest of them is at most, in half-widths of the band. Such a
            stretch stays below both bounds of "all" in about 9 of 10 cases, and so below all
            bounds of groups.
        blocks: of time that were resampled; 0: too few for a band.
    """

    table: pd.DataFrame
    by_chance: dict[str, int]
    furthest: dict[str, float]
    blocks: int

    def outside(self, group: str | None = None) -> tuple[int, int]:
        """Return how many facts of a group, by default of all, are outside, and how many it has."""
        chosen = self.table if group is None else self.table.loc[self._of(group)]
        return int((~chosen["inside"]).sum()), len(chosen)

    def distance(self, group: str | None = None) -> float:
        """Return how far the furthest fact of a group, by default of all, lies; 0 without one."""
        chosen = self.table if group is None else self.table.loc[self._of(group)]
        return float(chosen["distance"].max()) if len(chosen) else 0.0

    def beyond_chance(self, group: str | None = None) -> bool:
        """Return whether more facts are outside, or one further, than chance explains."""
        if not self.by_chance:
            return False
        many = self.outside(group)[0] > self.by_chance[group or "all"]
        return many or self.distance(group) > self.furthest[group or "all"]

    def _of(self, group: str) -> np.ndarray:
        return np.asarray(self.table.index.get_level_values("group") == group)


def real_bands(
    real: np.ndarray,
    fake: np.ndarray,
    *,
    rows: np.ndarray | None = None,
    columns: Sequence[str] | None = None,
    periods: Sequence[int] = (),
    repeats: int = 300,
    share: float = SHARE,
    seed: int = 0,
) -> Bands:
    """Return the facts of real and of generated windows, and which are inside the real band.

    Blocks of consecutive real windows are drawn with replacement, as many as there are, twice over:
    a pair of sets. Half as wide as the band is what the absolute difference of a fact within a pair
    stays under in ``share`` of the pairs, times ``WIDER``. So a second stretch of reality as long
    as the first would mostly be inside, if the series is stationary and blocks are longer than its
    memory. (Tried with pairs of simulated series: of the facts, 95 % were inside for an AR(1) of
    700 rows, 91 % for a GARCH of 1,500, which has rare and wild times. See also ``real_spread`` in
    ``utils.evaluation.facts``, which takes halves of the blocks.)

    The facts are those of ``utils.evaluation.window_facts``: level, spread, changes, sizes of
    changes, tails, cycles, and what is between columns. The changes of columns that are always
    positive and vary by a factor of three are relative ones.

    Args:
        real: ``(windows, time, features)`` in the order of time, in the data's units.
        fake: ``(windows, time, features)``, of the same time and features.
        rows: at which row each real window starts, see ``utils.evaluation.blocks.positions``; by
            default they start one row apart.
        columns: the features' names; by default feature 1, feature 2 …
        periods: of cycles to be measured, in rows; those longer than a window are left out.
        repeats: pairs of resampled sets.
        share: between 0 and 1.
        seed: of the resampling.

    Raises:
        ValueError: for windows of the wrong rank, not finite, of different time or features, or of
            fewer than 2 rows; for names that do not fit, a count below 1, or a share out of range.
    """
    real, fake = check_windows(real, "real"), check_windows(fake, "fake")
    check_same_shape(real, "real", fake, "fake")
    positive_integer(repeats=repeats)
    if not 0 < share < 1:
        raise ValueError(f"share is {share}; expected a number between 0 and 1.")
    if real.shape[1] < 2:
        raise ValueError("The windows have 1 row; expected at least 2.")
    if columns is not None and len(columns) != real.shape[2]:
        raise ValueError(f"There are {len(columns)} names for {real.shape[2]} features.")
    reading = Reading.of(real, fake, columns, periods)
    table = pd.DataFrame(
        {
            name: _table(reading, reading.means(each))
            for name, each in (("real", real), ("generated", fake))
        }
    )
    table = table[table["real"].notna()]
    rows = np.arange(len(real)) if rows is None else rows
    blocks = blocks_of(rows, real.shape[1])
    if blocks is None:
        table["low"] = table["high"] = table["distance"] = math.nan
        table["inside"] = pd.Series(pd.NA, table.index, dtype="boolean")
        return Bands(table[_COLUMNS], {}, {}, 0)
    one, other = _resampled(reading, real, blocks, repeats, seed, table.index)
    apart = np.abs(one - other)  # (facts, repeats)
    with np.errstate(invalid="ignore"):
        width = np.nanquantile(np.where(np.isfinite(apart), apart, np.nan), share, axis=1)
    inner = np.maximum(np.nan_to_num(width), _slack(reading, table))
    width = WIDER * inner
    known = np.isfinite(apart).mean(axis=1) > 0.5
    difference = np.abs((table["generated"] - table["real"]).to_numpy())
    table["low"], table["high"] = table["real"] - width, table["real"] + width
    table["inside"] = pd.Series(difference <= width, table.index, dtype="boolean")
    table["distance"] = np.where(np.isnan(difference), np.inf, difference / width)
    groups = np.asarray(table.index.get_level_values("group"))[known]
    far = np.nan_to_num(apart[known] / inner[known, np.newaxis])
    by_chance, furthest = {}, {}
    for group in ("all", *GROUPS):
        # Two bounds, and as many groups: all of them together hold in that share of the pairs.
        each = 1 - (1 - share) / 2 / (1 if group == "all" else len(GROUPS))
        of_group = far if group == "all" else far[groups == group]
        by_chance[group] = int(_chance((of_group > 1).sum(axis=0), each))
        times = RARE if group in ("all", TAILS) else FURTHER
        furthest[group] = times * _chance(of_group.max(axis=0, initial=0), each)
    return Bands(table.loc[known, _COLUMNS], by_chance, furthest, int(blocks[-1]) + 1)


_COLUMNS = ["real", "low", "high", "generated", "inside", "distance"]


class Spread(NamedTuple):
    """The spread of a column, real and generated, and the band of the real one."""

    column: str
    fact: str
    real: float
    low: float
    high: float
    generated: float

    @property
    def ratio(self) -> float:
        """The generated spread as a multiple of the real one."""
        return self.generated / self.real if self.real else math.inf


def spreads_outside(bands: Bands, ratio: float) -> list[Spread]:
    """Return the columns whose spread is not that of the data, and off by a factor.

    The band here is narrower than that of ``real_bands``, by √2 and ``WIDER``. That one is where a
    second stretch of reality would be; this one is the 95 % interval of the spread by blocks of
    time. A generator imitates the data it saw, not another stretch.

    Only the facts of a column's spread are looked at: the standard deviation, the range from 5 % to
    95 %, the standard deviation within a window. The worst fact of a column is returned, the worst
    column first.

    Args:
        bands: of ``real_bands``; of bands that are not known nothing is returned.
        ratio: how many times larger or smaller a spread has to be, above 1.
    """
    worst: dict[str, Spread] = {}
    for row in bands.table.reset_index().to_dict("records"):
        real, made = row["real"], row["generated"]
        width = (row["high"] - real) / (math.sqrt(2) * WIDER)
        if row["group"] != SPREAD or not bands.blocks or abs(made - real) <= width:
            continue
        found = Spread(row["of"], row["fact"], real, real - width, real + width, made)
        former = worst.get(found.column)
        if _size(found) > max(math.log(ratio), _size(former) if former else 0):
            worst[found.column] = found
    return sorted(worst.values(), key=lambda each: -_size(each))


def _size(spread: Spread) -> float:
    """Return by how much a spread is off, as the absolute logarithm of the ratio."""
    if not np.isfinite(spread.ratio) or spread.ratio <= 0:
        return math.inf
    return abs(math.log(spread.ratio))


def _table(reading: Reading, means: Means) -> pd.Series:
    facts = list(reading.facts(means))
    index = pd.MultiIndex.from_tuples([fact[:3] for fact in facts], names=["group", "fact", "of"])
    return pd.Series([float(fact[3]) for fact in facts], index=index)


def _resampled(
    reading: Reading,
    real: np.ndarray,
    blocks: np.ndarray,
    repeats: int,
    seed: int,
    index: pd.Index,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the facts of pairs of resampled sets, twice ``(facts, repeats)``."""
    sums = reading.sums(real, blocks)
    count = sums.pop("windows")
    rng, wanted = np.random.default_rng(seed), set(index)
    made = []
    for _ in range(2):
        times = draws(len(count), repeats, rng)
        total = times @ count
        means = {
            name: np.tensordot(times, values, 1) / total.reshape(-1, *[1] * (values.ndim - 1))
            for name, values in sums.items()
        }
        made.append(
            np.stack([values for *key, values in reading.facts(means) if tuple(key) in wanted])
        )
    return made[0], made[1]


def _slack(reading: Reading, table: pd.DataFrame) -> np.ndarray:
    """Return the least half-width of each band: differences below it mean nothing to anybody.

    That is ``SLACK``, of heights and spreads in standard deviations of the column. Where columns
    are in order in every row, one row that breaks it counts.
    """
    scale = dict(zip(reading.columns, reading.scale, strict=True))
    made = []
    for (group, _, of), real in zip(table.index, table["real"], strict=True):
        least = 1e-12 if group == ORDER else SLACK * scale.get(of, 1.0)
        if group not in (LEVEL, SPREAD, ORDER):
            least = SLACK
        made.append(least + 1e-9 * abs(real))
    return np.array(made)


def _chance(values: np.ndarray, share: float) -> float:
    """Return what a number, one for each pair, reaches at most in a share of the pairs."""
    return float(np.quantile(values, share, method="inverted_cdf"))
