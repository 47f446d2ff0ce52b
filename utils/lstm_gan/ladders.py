"""Ordered columns as one height and the gaps between them: the order then holds by construction.

The prices of a day are Low ≤ Open, Close ≤ High. A ladder of them is encoded as the Close, the Open
beside it, the High above both and the Low below both. A gap is never negative, so no generated day
is impossible. Where the columns are positive and vary widely, as prices do, logarithms make their
changes alike: a shock is then so many per cent, and not so many dollars. What shape a column by
itself needs is the preconditioner's matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from utils.lstm_gan.margins import SCALE

SPAN = 2.0  # largest value over smallest, from which positive columns become logarithms


class Ladder:
    """Columns of an order that are encoded as a height and gaps.

    Attributes:
        columns: which columns of the data.
        pairs: the order, (lower, higher) numbers of columns.
        beside: columns outside the order that go with the height, such as an adjusted close.
        twins: of columns that are the height times a constant, that constant. Nothing of them is
            encoded.
        logarithms: whether heights are logarithms, and gaps ratios.
        rungs: the columns that are encoded side by side; the first is the height.
        above: the columns above, each after those that it lies above.
        below: the columns below, each after those that it lies below.
    """

    at: slice  # its encoded columns

    def __init__(self, columns: Sequence[int], pairs: Sequence[tuple[int, int]] = ()) -> None:
        self.pairs = [(int(low), int(high)) for low, high in pairs]
        self.logarithms = False
        self.beside: list[int] = []
        self.twins: dict[int, float] = {}
        self._arrange(list(columns))

    @property
    def columns(self) -> list[int]:
        """Which columns of the data, those with an encoded column of their own first."""
        return [*self.rungs, *self.beside, *self.above, *self.below, *self.twins]

    @property
    def width(self) -> int:
        """The number of encoded columns."""
        return len(self.columns) - len(self.twins)

    @property
    def orderly(self) -> bool:
        """Whether each column above depends on columns that come before it, and so below."""
        known = set(self.rungs)
        for column, beside in [*self._lower.items(), *self._upper.items()]:
            if not set(beside) <= known | (
                set(self.above) if column in self._lower else set(self.below)
            ):
                return False
        return True

    def _arrange(self, columns: list[int]) -> None:
        """Choose the rungs: the most columns that are as many steps above the lowest."""
        step = dict.fromkeys(columns, 0)
        for _ in columns:
            for low, high in self.pairs:
                step[high] = max(step[high], step[low] + 1)
        counts = [sum(s == k for s in step.values()) for k in range(max(step.values()) + 1)]
        middle = int(np.argmax(counts))
        self.rungs = [i for i in columns if step[i] == middle][::-1]
        by_step = sorted(columns, key=lambda i: step[i])
        self.above = [i for i in by_step if step[i] > middle]
        self.below = [i for i in by_step[::-1] if step[i] < middle]
        self._lower = {i: [low for low, high in self.pairs if high == i] for i in self.above}
        self._upper = {i: [high for low, high in self.pairs if low == i] for i in self.below}

    def fit(self, sequences: Sequence[np.ndarray]) -> Self:
        """Decide on logarithms by sequences of the data, each (time, features).

        Positive columns become logarithms where they reach twice their smallest value, as prices
        do.
        """
        columns = [*self.rungs, *self.above, *self.below]
        values = np.concatenate([sequence[:, columns] for sequence in sequences])
        self.logarithms = bool(values.min() > 0 and values.max() >= SPAN * values.min())
        return self

    def take_in(self, candidates: Sequence[int], sequences: Sequence[np.ndarray]) -> list[int]:
        """Take in columns that go with the height, of ``candidates``; return which.

        Their ratio to the height moves by less than the root of what the height moves by.
        """
        taken: list[int] = []
        if not self.logarithms:
            return taken
        rows = np.concatenate(list(sequences))
        height = rows[:, self.rungs[0]]
        span = height.max() / height.min()
        for i in candidates:
            if rows[:, i].min() <= 0:
                continue
            ratio = rows[:, i] / height
            if ratio.max() - ratio.min() <= 1e-9 * ratio.max():
                self.twins[i] = float(np.median(ratio))
            elif ratio.max() / ratio.min() < np.sqrt(span):
                self.beside.append(i)
            else:
                continue
            taken.append(i)
        return taken

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """Return what a GAN is trained on, (time, width), of the columns, (time, columns)."""
        values = dict(zip(self.columns, rows[:, : self.width].T, strict=False))
        if self.logarithms:
            values = {i: np.log(column) for i, column in values.items()}
        height = values[self.rungs[0]]
        parts = [height, *(values[i] - height for i in (*self.rungs[1:], *self.beside))]
        for i in self.above:
            parts.append(values[i] - np.max([values[j] for j in self._lower[i]], axis=0))
        for i in self.below:
            parts.append(np.min([values[j] for j in self._upper[i]], axis=0) - values[i])
        return np.stack(parts, axis=-1) * SCALE

    def decode(self, encoded: np.ndarray) -> np.ndarray:
        """Return the columns in the data's units, (windows, time, columns), in their order."""
        parts = list(np.moveaxis(encoded / SCALE, -1, 0))
        height = parts.pop(0)
        values = {self.rungs[0]: height}
        values |= {i: height + parts.pop(0) for i in (*self.rungs[1:], *self.beside)}
        for i in self.above:
            values[i] = np.max([values[j] for j in self._lower[i]], axis=0)
            values[i] = values[i] + np.maximum(parts.pop(0), 0)
        for i in self.below:
            values[i] = np.min([values[j] for j in self._upper[i]], axis=0)
            values[i] = values[i] - np.maximum(parts.pop(0), 0)
        if self.logarithms:
            values = {i: np.exp(column) for i, column in values.items()}
        values |= {i: ratio * values[self.rungs[0]] for i, ratio in self.twins.items()}
        return np.stack([values[i] for i in self.columns], axis=-1)

    def state(self) -> dict[str, Any]:
        """Return the state as JSON holds it."""
        return {
            "columns": sorted([*self.rungs, *self.above, *self.below]),
            "pairs": self.pairs,
            "beside": self.beside,
            "twins": [[i, ratio] for i, ratio in self.twins.items()],
            "logarithms": self.logarithms,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Rebuild the ladder from what ``state`` returned."""
        ladder = cls(state["columns"], state["pairs"])
        ladder.beside = list(state["beside"])
        ladder.twins = {int(i): float(ratio) for i, ratio in state["twins"]}
        ladder.logarithms = bool(state["logarithms"])
        return ladder
