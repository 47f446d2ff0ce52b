"""The last steps in the data's units: ranges, decimals, orders, and columns that others give."""

from __future__ import annotations

import dataclasses
from typing import Any, Self

import numpy as np

from utils.datasets.relation import Relation, apply_function

# Measured on the prices of GOOG: with 0 one high in nine equals the open or the close, in the data
# one in fifty; with 1 the distances are wider than the data's.
BEYOND = 0.5


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
    (up + down) / 2 is in order, symmetric, and the same where the order held. By itself it would
    leave equal values wherever the order was broken, so each value goes on by ``BEYOND`` of its
    way: two values that were in the wrong order come out in the right one, half as far apart.

    Args:
        values: (…, features) in the data's units, within the ranges of the data.
        pairs: the order, in which a pair stands after all pairs that lie below it.
        bounds: onto whose grids the result is rounded.
    """
    if not pairs:
        return values
    columns = sorted({i for pair in pairs for i in pair})
    middle = _projected(values, pairs)
    changed = (middle != values).any(axis=-1)
    beyond = _projected(middle + BEYOND * (middle - values), pairs)
    result = values.copy()
    result[..., columns] = np.where(changed[..., None], beyond, values)[..., columns]
    result = bounds.round(result, columns)
    for low, high in pairs:  # columns of other decimals are rounded apart
        result[..., high] = bounds.at_least(result[..., high], result[..., low], high)
    return result


def _projected(values: np.ndarray, pairs: list[tuple[int, int]]) -> np.ndarray:
    up, down = values.copy(), values.copy()
    for low, high in pairs:
        up[..., high] = np.maximum(up[..., high], up[..., low])
    for low, high in reversed(pairs):
        down[..., low] = np.minimum(down[..., low], down[..., high])
    return np.where(up == down, values, up / 2 + down / 2)


class Derived:
    """The columns that others give, and the order of all the others.

    A sum of generated values can lie beyond the range of the data, and a repaired order within a
    gap. Such a row is drawn towards a row of the data, on a straight line, until all is well: what
    is linear, or an order, holds all along that line.

    Attributes:
        linear: relations of which the last column is computed from the others.
        functions: relations of which the second column is computed from the first.
        pairs: orders between columns that are not computed, lower ones first.
        free: columns that are not computed.
        moved: of these, the ones that are drawn.
        shares: for each linear relation, the part of what it is off by that each of its columns
            takes, (columns of the relation,).
        checks: what else must hold of a column that is drawn: gaps, totals.
        whole: whether a window is drawn as a whole, so that totals stay totals.
        anchor: a middle row of the data.
    """

    def __init__(
        self,
        relations: list[Relation],
        linear: list[Relation],
        functions: list[Relation],
        rows: np.ndarray,
        bounds: Bounds,
    ) -> None:
        self.linear, self.functions, self.bounds = linear, _in_turn(functions), bounds
        spread = np.where(bounds.high > bounds.low, bounds.high - bounds.low, 1.0)
        far = (np.abs(rows - np.median(rows, axis=0)) / spread).max(axis=1)
        self.anchor = rows[far.argmin()].copy()
        self.shares = [np.zeros(len(relation.indices)) for relation in linear]
        self._arrange(relations)

    def share_out(self, plain: set[int], rows: np.ndarray) -> None:
        """Let ``plain`` columns take what a linear relation is off by, each by its variance."""
        for k, relation in enumerate(self.linear):
            weights = np.append(relation.details["weights"], -1.0)
            sizes = np.where([i in plain for i in relation.indices], weights, 0.0)
            moves = sizes * rows[:, list(relation.indices)].var(axis=0)
            total = float(moves @ weights)
            self.shares[k] = moves / total if total else moves

    def _arrange(self, relations: list[Relation]) -> None:
        computed = {r.indices[-1] for r in (*self.linear, *self.functions)}
        self.free = [i for i in range(len(self.anchor)) if i not in computed]
        orders = [r for r in relations if r.kind == "order"]
        pairs = [(low, high) for r in orders for low, high in r.details["pairs"]]
        self.pairs = _sorted([pair for pair in pairs if computed.isdisjoint(pair)])
        involved = {i for r in self.linear for i in r.indices} | {i for p in self.pairs for i in p}
        self.moved = [i for i in self.free if i in involved]
        checked = ("gap", "total", "resetting")
        self.checks = [r for r in relations if r.kind in checked and r.indices[0] in involved]
        self.whole = any(r.kind != "gap" for r in self.checks)

    def complete(self, values: np.ndarray) -> np.ndarray:
        """Return (windows, time, features) in order and with the computed columns filled in."""
        count, time, features = values.shape
        values = values.copy()
        for relation, share in zip(self.linear, self.shares, strict=True):
            *used, target = relation.indices
            off = values[..., used] @ np.array(relation.details["weights"])
            off = off + relation.details["constant"] - values[..., target]
            values[..., list(relation.indices)] -= off[..., None] * share
        # Each row is drawn by itself, or all rows of a window alike.
        parts = self._put_right(values.reshape(-1, time if self.whole else 1, features))
        if self.linear or self.checks:
            wrong = np.flatnonzero(self._is_wrong(parts))
            original, centre = parts[wrong], self.anchor[self.moved]
            for share in np.linspace(0.95, 0, 20):
                if not len(wrong):
                    break
                drawn = original.copy()
                drawn[..., self.moved] = centre + share * (original[..., self.moved] - centre)
                parts[wrong] = drawn = self._put_right(drawn)
                left = self._is_wrong(drawn)
                wrong, original = wrong[left], original[left]
        for relation in self.functions:
            source, target = relation.indices
            parts[..., target] = apply_function(relation, parts[..., source])
        return parts.reshape(count, time, features)

    def _put_right(self, rows: np.ndarray) -> np.ndarray:
        """Return rows on their grids, in order, and with the linear columns computed."""
        rows = ordered(self.bounds.round(rows, self.free), self.pairs, self.bounds)
        for relation in self.linear:
            *used, target = relation.indices
            value = rows[..., used] @ np.array(relation.details["weights"])
            value = value + relation.details["constant"]
            places = self.bounds.places[target]
            rows[..., target] = value if places is None else np.round(value, places)
            # What rounding alone puts outside is inside.
            low, high = self.bounds.low[target], self.bounds.high[target]
            within = relation.details["tolerance"] + 1e-9 * max(abs(low), abs(high))
            clipped = np.clip(rows[..., target], low, high)
            near = np.abs(clipped - rows[..., target]) <= within
            rows[..., target] = np.where(near, clipped, rows[..., target])
        return rows

    def _is_wrong(self, parts: np.ndarray) -> np.ndarray:
        wrong: np.ndarray = np.zeros(parts.shape[:2], bool)
        for relation in self.linear:
            target = relation.indices[-1]
            wrong |= parts[..., target] < self.bounds.low[target]
            wrong |= parts[..., target] > self.bounds.high[target]
        for relation in self.checks:
            wrong |= ~relation.holds(parts)
        return wrong.any(axis=1)

    def state(self) -> dict[str, Any]:
        """Return the state as JSON holds it; the relations are stored beside it."""
        found = {
            name: [relation.state() for relation in getattr(self, name)]
            for name in ("linear", "functions")
        }
        shares = [share.tolist() for share in self.shares]
        return {**found, "shares": shares, "anchor": self.anchor.tolist()}

    @classmethod
    def from_state(cls, state: dict[str, Any], relations: list[Relation], bounds: Bounds) -> Self:
        """Rebuild it from what ``state`` returned."""
        derived = cls.__new__(cls)
        derived.linear = [Relation.from_state(each) for each in state["linear"]]
        derived.functions = [Relation.from_state(each) for each in state["functions"]]
        derived.shares = [np.array(share, np.float64) for share in state["shares"]]
        derived.bounds, derived.anchor = bounds, np.array(state["anchor"])
        derived._arrange(relations)
        return derived


def turned(relation: Relation, avoided: set[int]) -> Relation:
    """Return a linear relation with another column as the computed one, if it is to be avoided.

    Only a column of weight 1 or −1 can take its place: what is rounded stays as exact.
    """
    *used, target = relation.indices
    details = relation.details
    if target not in avoided:
        return relation
    for k, column in enumerate(used):
        weight = details["weights"][k]
        if column not in avoided and abs(weight) == 1:
            rest = [i for i in range(len(used)) if i != k]
            weights = [-details["weights"][i] * weight for i in rest] + [weight]
            return dataclasses.replace(
                relation,
                indices=(*(used[i] for i in rest), target, column),
                details={
                    "weights": weights,
                    "constant": -details["constant"] * weight,
                    "tolerance": details["tolerance"],
                },
            )
    return relation


def _in_turn(functions: list[Relation]) -> list[Relation]:
    """Return functions so that each stands after the one that gives its source."""
    result: list[Relation] = []
    left = list(functions)
    while left:
        targets = {relation.indices[1] for relation in left}
        result += [relation for relation in left if relation.indices[0] not in targets]
        left = [relation for relation in left if relation.indices[0] in targets]
    return result


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
