"""The last steps in the data's units: ranges, decimals, orders, and columns that others give."""

from __future__ import annotations

import dataclasses
from typing import Any, Self

import numpy as np

from utils.datasets.relation import Relation, apply_function


@dataclasses.dataclass
class Bounds:
    """Ranges, decimals and grids of the columns.

    Attributes:
        low: smallest values, (features,).
        high: largest values, (features,).
        places: decimals of each column; None: all that there are.
        steps: the step of each column's grid; 0: none.
    """

    low: np.ndarray
    high: np.ndarray
    places: list[int | None]
    steps: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray, places: list[int | None], relations: list[Relation]) -> Self:
        """Return the bounds of the data's rows, (rows, features)."""
        steps = np.zeros(rows.shape[1])
        for relation in relations:
            if relation.kind == "step":
                steps[relation.indices[0]] = relation.details["step"]
        return cls(rows.min(axis=0), rows.max(axis=0), places, steps)

    def round(self, values: np.ndarray, columns: list[int]) -> np.ndarray:
        """Put columns of ``values``, (…, features), on their grids and into their ranges."""
        result = values.copy()
        for i in columns:
            result[..., i] = self._on_grid(values[..., i], i)
        return result

    def _on_grid(self, values: np.ndarray, i: int, *, up: bool = False) -> np.ndarray:
        step, places = self.steps[i], self.places[i]
        low, high = self.low[i], self.high[i]
        if not step and places is None:
            return np.clip(values, low, high)
        size, offset = (step, low) if step else (10.0 ** -(places or 0), 0.0)
        # A hair's breadth of rounding is no reason to go up a whole step.
        counted = (values - offset) / size
        counted = np.ceil(counted - 1e-6) if up else np.round(counted)
        on_grid = counted * size + offset
        if places is not None:
            on_grid = np.round(on_grid, places)
        return np.clip(on_grid, low, high)

    def at_least(self, values: np.ndarray, least: np.ndarray, i: int) -> np.ndarray:
        """Return ``values`` of column ``i``, raised to the grid at or above ``least``."""
        raised = np.maximum(self._on_grid(least, i, up=True), least)
        return np.where(values < least, raised, values)

    def state(self) -> dict[str, Any]:
        """Return the bounds as JSON holds them."""
        arrays = {name: getattr(self, name).tolist() for name in ("low", "high", "steps")}
        return {**arrays, "places": list(self.places)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Rebuild bounds from what ``state`` returned."""
        arrays = {name: np.array(state[name], np.float64) for name in ("low", "high", "steps")}
        return cls(places=list(state["places"]), **arrays)


def ordered(values: np.ndarray, pairs: list[tuple[int, int]], bounds: Bounds) -> np.ndarray:
    """Return the values with a ≤ b for each pair (a, b) of columns, changed little.

    With up(b) the largest of b and all below it, and down(a) the smallest of a and all above it,
    each column becomes (up + down) / 2: in order, symmetric, and the same where the order held.

    Args:
        values: (…, features) in the data's units, within the ranges of the data.
        pairs: the order, in which a pair stands after all pairs that lie below it.
        bounds: onto whose grids the result is rounded.
    """
    if not pairs:
        return values
    up, down, result = values.copy(), values.copy(), values.copy()
    for low, high in pairs:
        up[..., high] = np.maximum(up[..., high], up[..., low])
    for low, high in reversed(pairs):
        down[..., low] = np.minimum(down[..., low], down[..., high])
    columns = sorted({i for pair in pairs for i in pair})
    middle = up[..., columns] / 2 + down[..., columns] / 2
    changed = (up[..., columns] != down[..., columns]).any(axis=-1)
    result[..., columns] = np.where(changed[..., None], middle, values[..., columns])
    result = bounds.round(result, columns)
    for low, high in pairs:  # columns of other decimals are rounded apart
        result[..., high] = bounds.at_least(result[..., high], result[..., low], high)
    return result


class Derived:
    """The columns that others give, and the order of all the others.

    A sum of generated values can lie beyond the range of the data. Such a row is drawn towards a
    row of the data, on a straight line, until it is inside: what is linear, or an order, holds
    all along that line.

    Attributes:
        linear: relations of which the last column is computed from the others.
        functions: relations of which the second column is computed from the first.
        dropped: columns that the GAN does not see.
        free: columns that are not computed.
        pairs: orders between columns that are not computed, lower ones first.
        anchor: a middle row of the data.
    """

    def __init__(
        self,
        linear: list[Relation],
        functions: list[Relation],
        rows: np.ndarray,
        bounds: Bounds,
        orders: list[Relation],
    ) -> None:
        self.linear, self.functions, self.bounds = linear, functions, bounds
        spread = np.where(bounds.high > bounds.low, bounds.high - bounds.low, 1.0)
        far = (np.abs(rows - np.median(rows, axis=0)) / spread).max(axis=1)
        self.anchor = rows[far.argmin()].copy()
        self._arrange([tuple(pair) for r in orders for pair in r.details["pairs"]])

    def _arrange(self, pairs: list[Any]) -> None:
        computed = {r.indices[-1] for r in (*self.linear, *self.functions)}
        # A multiple of one other column stays in sight: the principal components drop it.
        copies = {r.indices[-1] for r in self.linear if len(r.indices) == 2}
        self.dropped = sorted(computed - copies)
        self.free = [i for i in range(len(self.anchor)) if i not in computed]
        free = set(self.free)
        self.pairs = _sorted([(a, b) for a, b in pairs if a in free and b in free])

    def complete(self, values: np.ndarray) -> np.ndarray:
        """Return the values, (…, features), with the computed columns filled in."""
        flat = values.reshape(-1, values.shape[-1]).copy()
        if self.linear:
            self._compute(flat)
            used = sorted({i for r in self.linear for i in r.indices})
            free = [i for i in used if i in set(self.free)]
            targets = [r.indices[-1] for r in self.linear]
            out = np.flatnonzero(self._outside(flat, targets))
            original = flat[out]
            for share in np.linspace(0.95, 0, 20):
                if not len(out):
                    break
                drawn = flat[out].copy()
                drawn[:, free] = self.anchor[free] + share * (original[:, free] - self.anchor[free])
                drawn = ordered(self.bounds.round(drawn, free), self.pairs, self.bounds)
                self._compute(drawn)
                flat[out] = drawn
                left = self._outside(drawn, targets)
                out, original = out[left], original[left]
        for relation in self.functions:
            source, target = relation.indices
            flat[:, target] = apply_function(relation, flat[:, source])
        return flat.reshape(values.shape)

    def _outside(self, rows: np.ndarray, targets: list[int]) -> np.ndarray:
        low, high = self.bounds.low[targets], self.bounds.high[targets]
        return ((rows[:, targets] < low) | (rows[:, targets] > high)).any(axis=1)

    def _compute(self, rows: np.ndarray) -> None:
        for relation in self.linear:
            *used, target = relation.indices
            value = rows[:, used] @ np.array(relation.details["weights"])
            value = value + relation.details["constant"]
            places = self.bounds.places[target]
            rows[:, target] = value if places is None else np.round(value, places)
            # What rounding alone puts outside is inside.
            low, high = self.bounds.low[target], self.bounds.high[target]
            within = relation.details["tolerance"] + 1e-9 * max(abs(low), abs(high))
            near = (rows[:, target] < low) & (rows[:, target] >= low - within)
            rows[near, target] = low
            near = (rows[:, target] > high) & (rows[:, target] <= high + within)
            rows[near, target] = high

    def state(self) -> dict[str, Any]:
        """Return the state as JSON holds it."""
        return {
            "linear": [relation.state() for relation in self.linear],
            "functions": [relation.state() for relation in self.functions],
            "anchor": self.anchor.tolist(),
            "pairs": [list(pair) for pair in self.pairs],
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], bounds: Bounds) -> Self:
        """Rebuild it from what ``state`` returned."""
        derived = cls.__new__(cls)
        derived.linear = [Relation.from_state(each) for each in state["linear"]]
        derived.functions = [Relation.from_state(each) for each in state["functions"]]
        derived.bounds, derived.anchor = bounds, np.array(state["anchor"])
        derived._arrange([tuple(pair) for pair in state["pairs"]])
        return derived


def _sorted(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return pairs so that each stands after all that end where it starts."""
    result: list[tuple[int, int]] = []
    left = sorted(pairs)
    while left:
        ends = {high for _, high in left}
        ready = [pair for pair in left if pair[0] not in ends]
        result += ready
        left = [pair for pair in left if pair[0] in ends]
    return result
