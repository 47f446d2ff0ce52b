"""What holds of single columns: few values, grids, gaps, totals, clocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from utils.datasets.relation import Relation

FEW_VALUES = 12  # a column of at most so many different values is few-valued
MOST_STATES = 400  # of a clock
FEWEST_CASES = 20  # rows that must speak for one side of a rule


class Columns:
    """The columns of some data; ``breaks`` are the rows at which a new sequence starts.

    Attributes:
        rows: all rows, (rows, features).
        columns: the names of the features.
        places: how many decimals each has; None: not known.
        inside: which steps from a row to the next lie within a sequence, (rows − 1,).
        low: the smallest value of each feature.
        high: the largest.
        varying: the features that are not constant.
        levels: the values, and the count of each, of features that have few enough.
        few: the few-valued features.
    """

    def __init__(
        self,
        rows: np.ndarray,
        breaks: np.ndarray,
        columns: tuple[str, ...],
        places: list[int | None],
    ) -> None:
        self.rows, self.columns, self.places = rows, columns, places
        self.inside = np.ones(len(rows) - 1, bool)  # steps within a sequence
        self.inside[breaks - 1] = False
        self.low, self.high = rows.min(axis=0), rows.max(axis=0)
        self.varying = [int(i) for i in np.flatnonzero(self.high > self.low)]
        self.levels: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # values and counts
        for i in self.varying:
            # Half of a column with few values is seen in its first thousand rows.
            if len(np.unique(rows[:1000, i])) <= MOST_STATES:
                values, counts = np.unique(rows[:, i], return_counts=True)
                if len(values) <= max(MOST_STATES, len(rows) // 4):
                    self.levels[i] = values, counts
        self.few = [i for i in self.varying if i in self.levels and self._is_few(i)]

    def _is_few(self, i: int) -> bool:
        values, counts = self.levels[i]
        if len(values) > FEW_VALUES or len(self.rows) < 4 * len(values):
            return False
        # Small counts, 0, 1, 2, …, whose large values are rare, are numbers rather than states.
        even = np.ptp(np.diff(values)) == 0
        return not (even and len(values) > 6 and counts.min() < 0.01 * counts.sum())

    def relation(self, kind: str, indices: Sequence[int], text: str, **more: Any) -> Relation:
        """Return a relation between the columns at ``indices``."""
        share = more.pop("share", 1.0)
        names = tuple(self.columns[i] for i in indices)
        return Relation(kind, names, tuple(int(i) for i in indices), text, share, more)

    # --- One column --------------------------------------------------------------------------

    def single(self, i: int) -> list[Relation]:
        """Return what holds of one column: few values, a step, an atom, gaps."""
        name, total = self.columns[i], len(self.rows)
        if i in self.few:
            values, counts = self.levels[i]
            listed = ", ".join(number(value) for value in values)
            text = f"'{name}' takes {len(values)} values only: {listed}."
            return [self.relation("values", [i], text, values=values.tolist())]
        found = []
        if step := self._step(i):
            text = f"'{name}' moves on a fixed grid: steps of {number(step)}."
            offset = float(self.low[i])
            found.append(self.relation("step", [i], text, step=step, offset=offset))
        ordered = np.sort(self.rows[:, i])
        starts = np.flatnonzero(np.r_[True, np.diff(ordered) > 0])
        values, counts = ordered[starts], np.diff(np.r_[starts, total])
        most = counts.argmax()
        neighbours = counts[[j for j in (most - 1, most + 1) if 0 <= j < len(counts)]]
        if counts[most] >= 0.05 * total and counts[most] >= 4 * neighbours.max():
            share, value = counts[most] / total, float(values[most])
            text = f"'{name}' is exactly {number(value)} in {share:.0%} of the rows."
            found.append(self.relation("atom", [i], text, share=float(share), value=value))
        for low, high in self._gaps(values, counts):
            text = f"'{name}' is never between {number(low)} and {number(high)}."
            found.append(self.relation("gap", [i], text, low=low, high=high))
        return found

    def _step(self, i: int) -> float | None:
        """Return the step of a grid that is coarser than the column's decimals ask for."""
        places = self.places[i]
        if places is None or i not in self.levels or len(self.levels[i][0]) < 4:
            return None
        scaled = np.round((self.levels[i][0] - self.low[i]) * 10.0**places)
        if scaled[-1] > 2**53:
            return None
        step = int(np.gcd.reduce(scaled.astype(np.int64)))
        return step / 10.0**places if step > 1 else None

    def _gaps(self, values: np.ndarray, counts: np.ndarray) -> list[tuple[float, float]]:
        total = counts.sum()
        if total < 200 or len(values) < 4:
            return []
        below = np.cumsum(counts)[:-1]
        least = max(FEWEST_CASES, 0.01 * total)
        widths = np.diff(values)
        wide = (below >= least) & (total - below >= least) & (widths >= 0.15 * np.ptp(values))
        inner = (below >= 0.005 * total) & (total - below >= 0.005 * total) & ~wide
        usual = widths[inner].max() if inner.any() else 0.0
        wide &= widths >= 5 * usual
        return [(float(values[k]), float(values[k + 1])) for k in np.flatnonzero(wide)]

    # --- Along time --------------------------------------------------------------------------

    def clocks(self) -> list[Relation]:
        """Return the sets of columns whose joint state always has the same successor."""
        own = [
            i for i in self.varying if i in self.levels and len(self.levels[i][0]) <= MOST_STATES
        ]
        found = []
        free = [i for i in own if (cycle := self._cycle([i])) is not None and len(cycle) > 2]
        if free:
            # Columns that a clock drives, such as the weekday beside the hour, belong to it.
            first, members = free[0], [free[0]]
            for i in own:
                if i != first and self._cycle([*members, i]) is not None:
                    members.append(i)
            members = sorted(members)
            cycle = self._cycle(members)
            assert cycle is not None
            names = listed([self.columns[i] for i in members])
            what = "goes on" if len(members) == 1 else "go on together"
            text = f"{names} {what} like a clock: {len(cycle)} states, each with one successor."
            found.append(self.relation("clock", members, text, cycle=cycle.tolist()))
        return found

    def _cycle(self, members: Sequence[int]) -> np.ndarray | None:
        """Return the states of some columns in their order, or None if they form no cycle."""
        code = np.zeros(len(self.rows), np.int64)
        for i in members:
            values = self.levels[i][0]
            if code.max() * len(values) > 2**40:
                return None
            code = code * len(values) + np.searchsorted(values, self.rows[:, i])
        states, first, code = np.unique(code, return_index=True, return_inverse=True)
        # Every state must have been left often, or it has its one successor by accident.
        if len(states) > min(MOST_STATES, len(self.rows) // 4):
            return None
        before, after = code[:-1][self.inside], code[1:][self.inside]
        successor = np.full(len(states), -1)
        successor[before] = after
        if (successor < 0).any() or (successor[before] != after).any():
            return None
        order, at = [0], successor[0]
        while at != 0 and len(order) <= len(states):
            order.append(int(at))
            at = successor[at]
        if len(order) != len(states):
            return None
        return self.rows[first[order]][:, list(members)]

    def totals(self, clocked: set[int]) -> list[Relation]:
        """Return the columns that never fall, never rise, or fall only to start again."""
        found = []
        for i in self.varying:
            if i in clocked or i in self.few:
                continue
            column = self.rows[:, i]
            changes = np.diff(column)[self.inside]
            up, down = int((changes > 0).sum()), int((changes < 0).sum())
            name = self.columns[i]
            if not down and up >= FEWEST_CASES:
                found.append(self.relation("total", [i], f"'{name}' never falls.", sign=1))
            elif not up and down >= FEWEST_CASES:
                found.append(self.relation("total", [i], f"'{name}' never rises.", sign=-1))
            elif 3 <= down <= 0.1 * len(changes) and up >= 5 * down:
                landed = column[1:][self.inside][changes < 0]
                if (landed == self.low[i]).all():
                    start = float(self.low[i])
                    text = f"'{name}' falls only to start again at {number(start)}."
                    found.append(self.relation("resetting", [i], text, start=start))
        return found


def number(value: float) -> str:
    return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:.6g}"


def listed(names: Sequence[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
