"""The last margins, in the data's units: exact zeros, gaps, steps of totals come back.

Both maps put generated values, by their rank in one large generated sample, at the place of the
data's values of the same rank. What the data never hold, the result never holds.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

KNOTS = 2000  # values that a margin keeps
SMOOTH = 0.02  # of the range: values that lie nearer to each other are joined by a line
# Encoded columns are scaled by it, so that they are no whole numbers: these would be rounded before
# they are ranked.
SCALE = 0.7071


class RankMap:
    """The map of generated values onto the data's values of the same rank.

    Between two values of the data the map is a line where both are single values and near to each
    other. It is a step beside repeated values (exact zeros, whole numbers) and across gaps.

    Attributes:
        target: values of the data, increasing, evenly spread over the ranks.
        knots: generated values, increasing, evenly spread over the ranks; empty: not calibrated.
    """

    def __init__(self, target: np.ndarray) -> None:
        self.target = _spread(np.sort(np.asarray(target, np.float64).ravel()))
        self.knots = np.zeros(0)

    def calibrate(self, generated: np.ndarray) -> Self:
        """Fit to generated values of any shape."""
        if np.size(generated):
            self.knots = _spread(np.sort(np.asarray(generated, np.float64).ravel()))
        return self

    def transform(self, generated: np.ndarray) -> np.ndarray:
        """Return values of the data, of the shape of ``generated``."""
        target = self.target
        if not len(self.knots):
            near = np.searchsorted(target, generated).clip(0, len(target) - 1)
            below = np.maximum(near - 1, 0)
            closer = generated - target[below] < target[near] - generated
            return target[np.where(closer, below, near)]
        # Equal values share the middle of their ranks.
        left = np.searchsorted(self.knots, generated, "left")
        right = np.searchsorted(self.knots, generated, "right")
        rank = (left + right) / (2 * len(self.knots))
        place = np.clip(rank * len(target) - 0.5, 0, len(target) - 1)
        steps = np.diff(target, prepend=-np.inf, append=np.inf)
        single = (steps[:-1] > 0) & (steps[1:] > 0)
        near_next = steps[1:] <= SMOOTH * (target[-1] - target[0])
        joined = single & np.append(single[1:], False) & near_next
        # At the left end of a step the value before it, at the right end the value after it.
        below = np.floor(place).astype(int)
        share = np.where(joined[below], place - below, np.round(place - below))
        above = np.minimum(below + 1, len(target) - 1)
        return target[below] + share * (target[above] - target[below])

    def state(self) -> dict[str, Any]:
        """Return the state as JSON holds it."""
        return {"target": self.target.tolist(), "knots": self.knots.tolist()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Rebuild the map from what ``state`` returned."""
        result = cls(np.array(state["target"]))
        result.target, result.knots = np.array(state["target"]), np.array(state["knots"])
        return result


def _spread(ordered: np.ndarray) -> np.ndarray:
    if len(ordered) <= KNOTS:
        return ordered
    ranks = ((np.arange(KNOTS) + 0.5) / KNOTS * len(ordered)).astype(int)
    ranks[0], ranks[-1] = 0, len(ordered) - 1
    return ordered[ranks]


class Margin:
    """A rank map of one column, apart for each state of another where the column depends on it.

    Attributes:
        column: which column of the data.
        given: which of the states of the structure it depends on; None: on none.
        maps: one rank map, or one for each state.
    """

    width = 1
    at: slice  # its encoded columns

    def __init__(self, column: int, given: int | None = None) -> None:
        self.column, self.given = column, given
        self.maps: list[RankMap] = []

    @property
    def columns(self) -> list[int]:
        """Which columns of the data."""
        return [self.column]

    def fit(self, column: np.ndarray, code: np.ndarray | None = None) -> Self:
        """Fit to the column, (rows,), and to the state of each row."""
        groups = [column] if code is None else [column[code == s] for s in range(code.max() + 1)]
        self.maps = [RankMap(group) for group in groups]
        return self

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """Return what a GAN is trained on, (time, 1)."""
        return rows * SCALE

    def calibrate(self, encoded: np.ndarray, code: np.ndarray | None = None) -> Self:
        """Fit to generated values, (windows, time, 1), and to the state of each row."""
        generated = encoded[..., 0] / SCALE
        for s, rank_map in enumerate(self.maps):
            rank_map.calibrate(generated if code is None else generated[code == s])
        return self

    def decode(self, encoded: np.ndarray, code: np.ndarray | None = None) -> np.ndarray:
        """Return values of the data, (windows, time)."""
        generated = encoded[..., 0] / SCALE
        if code is None:
            return self.maps[0].transform(generated)
        result = np.empty(generated.shape)
        for s, rank_map in enumerate(self.maps):
            result[code == s] = rank_map.transform(generated[code == s])
        return result

    def state(self) -> dict[str, Any]:
        """Return the state as JSON holds it."""
        maps = [rank_map.state() for rank_map in self.maps]
        return {"column": self.column, "given": self.given, "maps": maps}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Rebuild the margin from what ``state`` returned."""
        margin = cls(state["column"], state["given"])
        margin.maps = [RankMap.from_state(each) for each in state["maps"]]
        return margin


class Total:
    """A column that never falls (or never rises), or that falls only to start again.

    The changes of the generated levels are put at the data's changes of the same rank, then added
    up; the sum runs at the height of the generated levels. Where the column starts again, a change
    that the data hold at a new start only is a new start.

    Attributes:
        column: which column of the data.
        start: the value at a new start; None: it never starts again.
        low: the smallest value of the data.
        high: the largest.
        changes: the rank map of the changes.
    """

    width = 1
    at: slice  # its encoded columns

    def __init__(self, column: int, start: float | None = None) -> None:
        self.column, self.start = column, start

    @property
    def columns(self) -> list[int]:
        """Which columns of the data."""
        return [self.column]

    def fit(self, sequences: list[np.ndarray]) -> Self:
        """Fit to sequences of the column, each (time,)."""
        rows = np.concatenate(sequences)
        self.low, self.high = float(rows.min()), float(rows.max())
        self.changes = RankMap(np.concatenate([np.diff(sequence) for sequence in sequences]))
        return self

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """Return what a GAN is trained on, (time, 1)."""
        return rows * SCALE

    def calibrate(self, encoded: np.ndarray) -> Self:
        """Fit to generated values, (windows, time, 1)."""
        self.changes.calibrate(np.diff(encoded[..., 0] / SCALE, axis=1))
        return self

    def decode(self, encoded: np.ndarray) -> np.ndarray:
        """Return values that add up the data's changes, (windows, time)."""
        level = encoded[..., 0] / SCALE
        changes = self.changes.transform(np.diff(level, axis=1))
        if self.start is None:
            path = np.concatenate([np.zeros_like(level[:, :1]), changes.cumsum(axis=1)], axis=1)
            # More than the data's whole range cannot be added up within it.
            reach, span = np.abs(path[:, -1:]), self.high - self.low
            with np.errstate(divide="ignore", invalid="ignore"):
                path = path * np.where(reach > span, span / reach, 1.0)
            first = (level - path).mean(axis=1, keepdims=True)
            first = np.minimum(first, self.high - path.max(axis=1, keepdims=True))
            first = np.maximum(first, self.low - path.min(axis=1, keepdims=True))
            return np.clip(first + path, self.low, self.high)
        result = np.repeat(np.clip(level[:, :1], self.low, self.high), level.shape[1], axis=1)
        for t in range(1, level.shape[1]):
            grown = result[:, t - 1] + changes[:, t - 1]
            result[:, t] = np.where(changes[:, t - 1] < 0, self.start, np.minimum(grown, self.high))
        return result

    def state(self) -> dict[str, Any]:
        """Return the state as JSON holds it."""
        kept = {name: getattr(self, name) for name in ("column", "start", "low", "high")}
        return kept | {"changes": self.changes.state()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Rebuild the total from what ``state`` returned."""
        total = cls(state["column"], state["start"])
        total.low, total.high = state["low"], state["high"]
        total.changes = RankMap.from_state(state["changes"])
        return total
