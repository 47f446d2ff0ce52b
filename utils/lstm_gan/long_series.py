"""One long series out of generated windows: each window takes over where the one before ended.

A generator of windows says how some rows follow each other. To go on, look among many generated
windows for one that *begins* as the series *ends*, and take over the rest of it; then again. This
is the nearest-neighbour bootstrap of Lall and Sharma (1996), doi:10.1029/95WR02966, with generated
windows in the place of the past. Three things make it work:

- "As the series ends" is measured by the level at the last row and by what the last rows foretell:
  the directions in which a linear regression, fitted to the windows themselves, predicts their
  later innovations and the sizes of these (wild days stay wild, a daily cycle goes on).
- What is left of a difference at the seam fades out over the rows that are taken over. So there is
  no jump, and no difference adds up: the series wanders as windows do, and does not drift away.
- The mean rise (or fall) of a window is taken out: data with a trend would climb to the bound of
  what the generator knows, and stay there. A long series has no trend; totals alone go on.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from utils.checks import positive_integer
from utils.datasets.frames import Layout
from utils.lstm_gan.preconditioner import Preconditioner
from utils.lstm_gan.structure import Structure

if TYPE_CHECKING:
    from utils.lstm_gan.estimator import LstmGan

POOL = 20_000  # windows among which the next one is looked for
POOL_NUMBERS = 2**25  # at most so many numbers in a pool
SHARE_USED = 0.05  # of a pool, then a new one is drawn: no window comes twice
NEIGHBOURS = 4  # of these nearest ones the next is drawn, the k-th with a weight of 1/k
MOST_NUMBERS = 2**27  # in a series: 1 GiB
REGRESSORS = 400  # innovations of the past that foretell; of wide data fewer rows
RIDGE = 0.01  # of the regression, as a share of the regressors' variance
REGRESSED = 50_000  # rows from which the size of the news is taken
SMALLEST_NEWS = 1e-6  # variance, as a share of the level's
DIRECTIONS = 12  # that are foretold
JOINS = ("fade", "carry", "none")

Draw = Callable[[int, int], np.ndarray]  # (count, seed) → normal scores of windows


def long_series(
    draw: Draw,
    preconditioner: Preconditioner,
    structure: Structure,
    length: int,
    *,
    count: int = 1,
    seed: int = 0,
    pool: int = POOL,
    **joining: Any,
) -> np.ndarray:
    """Return long series, (count, length, features), in the data's units.

    The same arguments give the same series. A shorter first series is the beginning of a longer
    one of the same seed, unless totals or clocks are put back (``Structure``), which look at the
    whole series.

    Args:
        draw: returns normal scores of generated windows, (count, window, components), for a count
            and a seed: ``LstmGan.sample_normal_scores``.
        preconditioner: between windows and normal scores.
        structure: what holds in every row. Totals go on beyond the range of the data.
        length: rows of each series.
        count: how many series.
        seed: of everything random.
        pool: windows among which the next one is looked for.
        **joining: other ways to join, to compare with: see ``Pool``.

    Raises:
        ValueError: for a length or a count below 1, or more numbers than fit into memory.
    """
    positive_integer(length=length, count=count)
    features = len(structure.columns)
    if length * count * features > MOST_NUMBERS:
        raise ValueError(
            f"{count:,} series of {length:,} rows and {features} columns do not fit into memory; "
            f"expected at most {MOST_NUMBERS // (count * features):,} rows."
        )
    window, components = preconditioner.window, preconditioner.components
    pool = max(min(pool, POOL_NUMBERS // (window * components)), min(pool, 1000))
    opened, totals = open_ended(structure)
    pools = _pools(draw, preconditioner, totals, pool, seed, joining)
    current = next(pools)
    series = []
    for number in range(count):
        rng = np.random.default_rng([seed % 2**32, number])
        if current.exhausted:
            current = next(pools)
        parts = [current.start(rng)]
        rows = window
        while rows < length:
            if current.exhausted:
                current = next(pools).continuing(current)
            parts.append(current.follow(rng))
            rows += len(parts[-1])
        series.append(np.concatenate(parts)[:length])
    return opened.decode(np.stack(series))


def array(
    gan: LstmGan, length: int, *, count: int = 1, seed: int = 0, **joining: Any
) -> np.ndarray:
    """Return long series of a trained LSTM-GAN, (count, length, features), in the data's units.

    Raises:
        ValueError: as ``long_series``.
    """
    draw, maps = gan.sample_normal_scores, (gan.preconditioner_, gan.structure_)
    return long_series(draw, *maps, length, count=count, seed=seed, **joining)


def table(
    gan: LstmGan, length: int, *, count: int = 1, seed: int = 0, start: Any = None
) -> pd.DataFrame:
    """Return long series of a trained LSTM-GAN with their dates, as ``series_frame`` does.

    Raises:
        ValueError: as ``long_series`` and ``series_frame``.
    """
    series_frame(gan.layout_, np.zeros((1, 1, len(gan.layout_.columns))), start)  # a date at all?
    return series_frame(gan.layout_, array(gan, length, count=count, seed=seed), start)


def series_frame(layout: Layout, series: np.ndarray, start: Any = None) -> pd.DataFrame:
    """Return series as a table: date or step, then the columns of the data.

    Several series stand below each other, and a first column "series" numbers them.

    Args:
        layout: names, types, decimals and dates of the data.
        series: (count, length, features), in the data's units.
        start: the first date; by default the series go on where the data end.

    Raises:
        ValueError: as ``Layout.frame``.
    """
    table = layout.frame(series, start)
    if len(series) == 1:
        return table.drop(columns="window")
    name = "series"
    while name in table.columns:
        name += "_"
    return table.rename(columns={"window": name})


def series_notes(structure: Structure) -> list[str]:
    """Return what a reader of a long series should know, a sentence each."""
    names = [structure.columns[total.column] for total in structure.totals if total.start is None]
    return [
        f"'{name}' adds up over the whole series, beyond the range of the data if need be."
        for name in names
    ]


def open_ended(structure: Structure) -> tuple[Structure, list[int]]:
    """Return a structure whose totals may leave the data's range, and where they are encoded.

    Returns:
        A copy of the structure, or itself where there is no total; and the encoded columns of
        its totals, of those that never start again.
    """
    ending = [total for total in structure.totals if total.start is None]
    if not ending:
        return structure, []
    opened = Structure.from_state(structure.state())
    bounds = opened.bounds
    summed = {total.column for total in ending}
    for relation in opened.derived.linear:
        if summed & set(relation.indices):
            summed.add(relation.indices[-1])
    for i in sorted(summed):
        bounds.high[i] = np.inf
        # A grid is counted from the lowest value.
        bounds.low[i] = bounds.low[i] - bounds.steps[i] * 2.0**30 if bounds.steps[i] else -np.inf
    places = []
    for total in opened.totals:
        if total.start is None:
            total.low, total.high = -np.inf, np.inf
            places.append(total.at.start)
    return opened, places


# --- Within -------------------------------------------------------------------------------------


class _Identity:
    """The margins of a preconditioner that has none."""

    def inverse_transform(self, values: np.ndarray) -> np.ndarray:
        return values


def _of_standardised(preconditioner: Preconditioner) -> Preconditioner:
    """Return the preconditioner of step 1 alone: standardised values back to the data's units."""
    first = copy.copy(preconditioner)
    size = first.basis.shape[0]
    first.basis, first.innovation_root = np.eye(size), np.eye(size)
    first.intercept, first.transition = np.zeros(size), np.zeros((size, size))
    first.margins = _Identity()  # type: ignore[assignment]
    return first


def _standardised(preconditioner: Preconditioner, normal_scores: np.ndarray) -> np.ndarray:
    """Return the standardised values of windows, (windows, time, varying), within their bounds."""
    white = preconditioner.margins.inverse_transform(normal_scores)
    level = white.copy()
    for t in range(1, white.shape[1]):
        expected = preconditioner.intercept + level[:, t - 1] @ preconditioner.transition
        level[:, t] = expected + white[:, t] @ preconditioner.innovation_root
    return np.clip(level @ preconditioner.basis.T, *preconditioner.bounds)


def _pools(
    draw: Draw,
    preconditioner: Preconditioner,
    totals: list[int],
    size: int,
    seed: int,
    joining: dict[str, Any],
) -> Iterator[Pool]:
    """Yield pools of windows without end."""
    words = np.random.SeedSequence(seed % 2**32)
    while True:
        (child,) = words.spawn(1)
        number = int(child.generate_state(1)[0] >> 1)
        yield Pool(draw(size, number), preconditioner, totals, **joining)


class Pool:
    """Generated windows, to begin a series and to go on with it.

    Args:
        normal_scores: of the windows, (windows, time, components).
        preconditioner: between windows and normal scores.
        totals: encoded columns that add up: of these the changes are taken over, not the level.
        overlap: rows that are compared at a seam; by default half of a window.
        join: what becomes of the difference at the seam: "fade", "carry" (it stays), or "none":
            the series jumps.
        foretell: whether what the rows foretell is compared, or the level alone.
        neighbours: of how many nearest windows the next is drawn.
        level_out: whether a trend is taken out.
    """

    def __init__(
        self,
        normal_scores: np.ndarray,
        preconditioner: Preconditioner,
        totals: list[int],
        *,
        overlap: int | None = None,
        join: str = "fade",
        foretell: bool = True,
        neighbours: int = NEIGHBOURS,
        level_out: bool = True,
    ) -> None:
        count, window, _ = normal_scores.shape
        if join not in JOINS:
            raise ValueError(f"There is no join {join!r}; expected one of {', '.join(JOINS)}.")
        self.overlap = window // 2 if overlap is None else overlap
        self.neighbours, self.totals, self.join = min(neighbours, count), totals, join
        self.level_out = level_out
        self.back = _of_standardised(preconditioner)
        self.z = _standardised(preconditioner, normal_scores)
        self.units = preconditioner.inverse_transform(normal_scores)[..., totals]
        varying = np.flatnonzero(preconditioner.varying)
        self.kept = ~np.isin(varying, totals)
        self._compare(normal_scores, preconditioner.basis, foretell)
        self.used = np.zeros(count, bool)
        self.most_used = max(1, int(SHARE_USED * count))

    def _compare(self, normal_scores: np.ndarray, basis: np.ndarray, foretell: bool) -> None:
        """Prepare the comparison: what windows begin with and end with."""
        k = self.overlap
        self.to_level = np.linalg.pinv(basis[self.kept]).T
        level = self.z[..., self.kept] @ self.to_level
        spread = level.std(axis=(0, 1))
        self.to_level = self.to_level / np.where(spread > 1e-9, spread, 1.0)
        level = self.z[..., self.kept] @ self.to_level
        # A difference goes back as a vector autoregression lets it, and is faded out besides; only
        # the fading adds to the news of the rows taken over. It weighs as much as these additions
        # are unlikely: their sum of squares in units of the news.
        rows = normal_scores.shape[1] - k
        transition, to_news = _autoregression(level)
        self.paths = np.empty((rows, len(transition), len(transition)))
        cost, path = np.zeros_like(transition), np.eye(len(transition))
        for t in range(rows):
            added = path @ to_news / (rows + 1)
            cost += added @ added.T
            path = path @ transition
            self.paths[t] = path * (1 - (t + 1) / (rows + 1))
        self.fading, self.from_level = self.to_level, np.linalg.pinv(self.to_level)
        sizes, axes = np.linalg.eigh(cost)
        root = axes * np.sqrt(np.maximum(sizes, 0))
        self.to_level = np.concatenate([self.to_level, self.to_level @ root], axis=1)
        self.begins = self.z[:, k - 1][:, self.kept] @ self.to_level
        # Windows of data with a trend end higher than they begin. Left alone, the series would
        # climb to the bound and stay there; so the mean move of the rows taken over is taken out.
        self.trend = (self.z[:, -1] - self.z[:, k - 1]).mean(axis=0) if self.level_out else 0.0
        self.begins_foretold = self.ends_foretold = np.zeros((len(level), 0))
        if not foretell:
            return
        past, end = _past(normal_scores[:, :k], level[:, :k]), level[:, -k:]
        maps = _regression(past, _future(normal_scores[:, k:], level[:, k - 1 :]))
        self.begins_foretold = maps(past)
        self.ends_foretold = maps(_past(normal_scores[:, -k:], end))

    @property
    def exhausted(self) -> bool:
        """Whether so many windows are used that the choice would suffer."""
        return bool(self.used.sum() >= self.most_used)

    def start(self, rng: np.random.Generator) -> np.ndarray:
        """Begin a series with a random window; return its rows, (window, encoded features)."""
        at = int(rng.choice(np.flatnonzero(~self.used)))
        self.used[at] = True
        self.at_z, self.at_units = self.z[at, -1], self.units[at, -1]
        self.foretold = self.ends_foretold[at]
        return self._rows(self.z[at], self.units[at])

    def continuing(self, former: Pool) -> Pool:
        """Take over the series of a former pool; return this one."""
        self.at_z, self.at_units = former.at_z, former.at_units
        # The directions of another pool are others: begin with the window that is nearest there.
        level = self.at_z[self.kept] @ self.to_level
        ends = self.z[:, -1][:, self.kept] @ self.to_level
        self.foretold = self.ends_foretold[((ends - level) ** 2).sum(axis=1).argmin()]
        return self

    def follow(self, rng: np.random.Generator) -> np.ndarray:
        """Go on with the series; return the new rows, (window − overlap, encoded features)."""
        level = (self.at_z - self.trend)[self.kept] @ self.to_level
        distance = ((self.begins - level) ** 2).sum(axis=1)
        distance += ((self.begins_foretold - self.foretold) ** 2).sum(axis=1)
        distance[self.used] = np.inf
        nearest = np.argpartition(distance, self.neighbours - 1)[: self.neighbours]
        nearest = nearest[np.argsort(distance[nearest], kind="stable")]
        weights = 1 / np.arange(1, len(nearest) + 1)
        at = int(rng.choice(nearest, p=weights / weights.sum()))
        self.used[at] = True
        z, seam = self.z[at, self.overlap :].copy(), self.z[at, self.overlap - 1]
        difference = self.at_z - seam
        if self.join == "carry":
            z += difference
        elif self.join == "fade":
            z[:, self.kept] += difference[self.kept] @ self.fading @ self.paths @ self.from_level
        units = self.units[at, self.overlap :] - self.units[at, self.overlap - 1] + self.at_units
        self.at_z, self.at_units = z[-1], units[-1]
        self.foretold = self.ends_foretold[at]
        return self._rows(z, units)

    def _rows(self, z: np.ndarray, units: np.ndarray) -> np.ndarray:
        rows = self.back.inverse_transform(z[None])[0]
        rows[:, self.totals] = units
        return rows


def _autoregression(level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how levels, (windows, time, size), go back, and what gives their news unit covariance.

    Both are matrices to multiply rows by, (size, size).
    """
    size = level.shape[-1]
    windows = level[: max(1, REGRESSED // level.shape[1])]
    before, after = windows[:, :-1].reshape(-1, size), windows[:, 1:].reshape(-1, size)
    before = np.column_stack([np.ones(len(before)), before])
    weights = np.linalg.lstsq(before, after, rcond=None)[0]
    spreads, axes = np.linalg.eigh(np.atleast_2d(np.cov((after - before @ weights).T)))
    growth = np.abs(np.linalg.eigvals(weights[1:])).max()
    return weights[1:] / max(1.0, growth), axes / np.sqrt(np.maximum(spreads, SMALLEST_NEWS))


def _past(normal_scores: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Return what may foretell the rows after these, (windows, regressors)."""
    count, time, components = normal_scores.shape
    parts = [level[:, -1], level[:, -1] ** 2]
    if time > 1:  # the first row of a window has no innovation
        news = normal_scores[:, 1:]
        sizes = np.abs(news)
        rows = min(time - 1, max(1, REGRESSORS // components))
        parts += [news[:, -rows:].reshape(count, -1), sizes[:, -1], sizes[:, -3:].mean(axis=1)]
        parts += [sizes[:, -8:].mean(axis=1), sizes.mean(axis=1), news.mean(axis=1)]
    return np.concatenate(parts, axis=1)


def _future(normal_scores: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Return what is foretold, (windows, values): news, their sizes, and moves of the level."""
    hop = normal_scores.shape[1]
    parts = []
    for rows in sorted({min(rows, hop) for rows in (1, 3, 6, hop)}):
        parts += [normal_scores[:, :rows].mean(axis=1), level[:, rows] - level[:, 0]]
        parts.append(np.abs(normal_scores[:, :rows]).mean(axis=1))
    quarter = max(1, hop // 4)
    for begin in range(quarter, hop - quarter + 1, quarter):
        parts.append(normal_scores[:, begin : begin + quarter].mean(axis=1))
    return np.concatenate(parts, axis=1)


def _regression(past: np.ndarray, future: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return a map from the past to the main directions of the predicted future, by ridge.

    The values to predict have unit variance, so a direction weighs as much as it can be foretold.
    """
    centre, spread = past.mean(axis=0), np.maximum(past.std(axis=0), 1e-9)
    x = (past - centre) / spread
    y = (future - future.mean(axis=0)) / np.maximum(future.std(axis=0), 1e-9)
    gram = x.T @ x
    penalty = RIDGE * len(x) + x.shape[1]
    weights = np.linalg.solve(gram + penalty * np.eye(len(gram)), x.T @ y)
    _, axes = np.linalg.eigh(weights.T @ gram @ weights)
    weights = weights @ axes[:, ::-1][:, :DIRECTIONS]
    return lambda rows: ((rows - centre) / spread) @ weights
