"""What a generator keeps by construction: orders, sums, states, totals, clocks, grids and gaps.

A GAN imitates what is likely; what holds in every row of the data it breaks now and then.
``Structure`` takes such relations out of the data before the GAN sees them, and puts them back
into what it generates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from utils.datasets.frames import decimals as decimals_of
from utils.datasets.relation import Relation
from utils.datasets.relations import find_relations
from utils.lstm_gan.ladders import Ladder
from utils.lstm_gan.margins import Margin, Total
from utils.lstm_gan.repairs import Bounds, Derived, turned
from utils.lstm_gan.states import Clock, States

EXPLAINED = 0.25  # share of a column's variance between states, from which it depends on them
FEWEST = 20  # rows in a state, for a margin of its own
LISTED = 12  # relations that the sentences name


class Structure:
    """The relations of some data, kept by construction.

    - Columns that others give (sums, differences, a flag that a state gives) are computed
      afterwards; what a sum is off by is first shared out among its columns.
    - Few-valued columns and one-hot groups become sequences of states (``States``); columns that
      go round like a clock become an angle (``Clock``).
    - Columns with exact zeros or gaps, and columns that depend on a state, get the margins of the
      data back (``Margin``); columns that never fall add up the changes of the data (``Total``).
    - Orders between columns become a height and gaps that are never negative (``Ladder``). Other
      orders are restored by the smallest symmetric change.

    Where none of this applies, ``encode`` and ``decode`` return what they are given.

    Attributes:
        relations: what holds in every row of the data.
        columns: names of the features.
        bounds: ranges, decimals and grids of the columns.
        features: how many columns the data have when they are encoded.
    """

    def fit(
        self,
        sequences: Sequence[np.ndarray],
        columns: Sequence[str] = (),
        decimals: Sequence[int | None] | None = None,
    ) -> Self:
        """Find what holds in every row.

        Args:
            sequences: series of the same columns, each (time, features), in time order.
            columns: their names; by default their numbers.
            decimals: how many decimals each column has; by default they are counted.
        """
        sequences = [np.asarray(sequence, np.float64) for sequence in sequences]
        rows = np.concatenate(sequences)
        self.columns = tuple(columns) or tuple(f"{i + 1}" for i in range(rows.shape[1]))
        places = [decimals_of(c) for c in rows.T] if decimals is None else list(decimals)
        self.relations = find_relations(sequences, self.columns, places)
        self.bounds = Bounds.of(rows, places, self.relations)
        self._arrange(rows, sequences)
        self._fit_parts(sequences, rows)
        return self

    # --- Which column is kept by what -----------------------------------------------------------

    def _of(self, *kinds: str) -> list[Relation]:
        return [relation for relation in self.relations if relation.kind in kinds]

    def _arrange(self, rows: np.ndarray, sequences: list[np.ndarray]) -> None:
        """Decide by which part each column is kept."""
        linear = self._linear()
        clocks = [Clock(list(r.indices), np.array(r.details["cycle"])) for r in self._of("clock")]
        totals = [
            Total(r.indices[0], r.details.get("start")) for r in self._of("total", "resetting")
        ]
        elsewhere = {i for clock in clocks for i in clock.columns}
        elsewhere |= {total.column for total in totals} | {r.indices[-1] for r in linear}
        states = [list(r.indices) for r in self._of("one-hot", "together")]
        joined = {i for group in states for i in group}
        states += [[i] for r in self._of("values") if (i := r.indices[0]) not in joined]
        functions, given = self._functions(states, elsewhere)
        computed = {r.indices[1] for r in functions if r.indices[0] not in given}
        states = [group for group in states if not set(group) <= computed]
        self.derived = Derived(self.relations, linear, functions, rows, self.bounds)
        shaped = {r.indices[0] for r in self._of("atom", "gap")}
        taken = shaped | {i for clock in clocks for i in clock.columns}
        taken |= {total.column for total in totals}
        stated = {i for group in states for i in group} | {i for r in functions for i in r.indices}
        self.ladders = self._ladders(sequences, linear, taken | stated | set(given))
        taken |= {i for ladder in self.ladders for i in ladder.columns}
        # Where nothing else shapes a column and some of those that give it, all stay in sight, and
        # what is generated is brought together afterwards: measured better than to leave one out.
        seen = {r.indices[-1] for r in linear if not taken.issuperset(r.indices[:-1])} - taken
        dropped = computed | {r.indices[-1] for r in linear} - seen
        self.clocks = clocks
        self.totals = [total for total in totals if total.column not in dropped]
        self.states = [States(group) for group in states]
        self.margins = []
        taken = {i for part in self._parts for i in part.columns}
        free = [i for i in range(rows.shape[1]) if i not in taken | dropped]
        varying = self.bounds.high > self.bounds.low
        for i in free:
            if not varying[i] or i in seen:
                continue
            state = self._state_of(rows, i, given.get(i))
            if state is not None or i in shaped:
                self.margins.append(Margin(i, state))
        marginal = {margin.column for margin in self.margins}
        self.as_is = [i for i in free if i not in marginal]
        self.derived.share_out(set(self.as_is), rows)
        self._place()

    def _linear(self) -> list[Relation]:
        """Return the linear relations, each with a column to compute that nothing else shapes."""
        found = self._of("sum", "linear")
        kinds = ("total", "resetting", "gap", "atom", "step")
        avoided = {r.indices[0] for r in self._of(*kinds)}
        counts = Counter(i for r in found for i in r.indices)
        avoided |= {i for i in counts if counts[i] > 1}
        return [turned(r, avoided) if counts[r.indices[-1]] == 1 else r for r in found]

    def _ladders(
        self, sequences: list[np.ndarray], linear: list[Relation], taken: set[int]
    ) -> list[Ladder]:
        """Return the orders that are encoded as heights and gaps.

        ``taken`` are columns that something else shapes. A column of a sum stays as it is.
        """
        summed = {i for r in linear for i in r.indices if len(r.indices) > 2}
        summed |= {r.indices[-1] for r in linear}
        fixed = taken | summed | set(np.flatnonzero(self.bounds.high <= self.bounds.low))
        free = [i for i in range(len(self.columns)) if i not in fixed]
        ladders: list[Ladder] = []
        for relation in self._of("order"):
            if not fixed & set(relation.indices):
                ladder = Ladder(relation.indices, relation.details["pairs"]).fit(sequences)
                if ladder.orderly:
                    free = [i for i in free if i not in relation.indices]
                    ladders.append(ladder)
        ordered = {i for relation in self._of("order") for i in relation.indices}
        free = [i for i in free if i not in ordered]
        for ladder in ladders:
            taken = set(ladder.take_in(free, sequences))
            free = [i for i in free if i not in taken]
        return ladders

    def _functions(
        self, states: list[list[int]], elsewhere: set[int]
    ) -> tuple[list[Relation], dict[int, list[int]]]:
        """Return the columns to compute from others, and the states that a column's values give.

        ``states`` are the groups of columns that are states; those that a column of many values
        gives are added. ``elsewhere`` are columns whose values cannot follow a state.
        """
        found = self._of("function")
        targets = {r.indices[1] for r in found if r.details["few"]}
        # A one-hot group is computed where all of it is given, and a state where not.
        hot = {i: set(r.indices) for r in self._of("one-hot") for i in r.indices}
        functions: list[Relation] = []
        given: dict[int, list[int]] = {}
        self.broken: list[Relation] = []
        for relation in found:
            source, target = relation.indices
            group = hot.get(target, {target})
            if relation.details["few"]:
                (functions if group <= targets else self.broken).append(relation)
            elif len(group) > 1:
                same = next(columns for columns in states if target in columns)
                kept = source not in elsewhere and not group <= targets
                if not kept or given.setdefault(source, same) is not same:
                    self.broken.append(relation)
            elif source in elsewhere or source in given:
                functions.append(relation)
            else:
                given[source] = [target]
                states.append([target])
                functions.append(relation)  # once more at the end: a repair may move its source
        return functions, given

    def _state_of(self, rows: np.ndarray, i: int, given: list[int] | None) -> int | None:
        """Return the number of the states that a column depends on most, or None."""
        if given is not None:
            return next(k for k, states in enumerate(self.states) if states.columns == given)
        best, most = None, EXPLAINED
        column = rows[:, i] - rows[:, i].mean()
        for k, states in enumerate(self.states):
            code = np.unique(rows[:, states.columns], axis=0, return_inverse=True)[1]
            counts = np.bincount(code.ravel())
            if counts.min() < FEWEST:
                continue
            means = np.bincount(code.ravel(), weights=column) / counts
            explained = float((counts * means**2).sum() / (column**2).sum())
            if explained >= most:
                best, most = k, explained
        return best

    @property
    def _parts(self) -> list[Any]:
        return [*self.clocks, *self.states, *self.margins, *self.totals, *self.ladders]

    def _place(self) -> None:
        """Give each part its encoded columns, in the order of the data's columns."""
        starts: list[tuple[int, Any]] = [(min(part.columns), part) for part in self._parts]
        starts += [(i, None) for i in self.as_is]
        at, self._as_is_at = 0, []
        for _, part in sorted(starts, key=lambda pair: pair[0]):
            width = 1 if part is None else part.width
            if part is None:
                self._as_is_at.append(at)
            else:
                part.at = slice(at, at + width)
            at += width
        self.features = at

    def _fit_parts(self, sequences: list[np.ndarray], rows: np.ndarray) -> None:
        for states in self.states:
            states.fit([sequence[:, states.columns] for sequence in sequences])
        for total in self.totals:
            total.fit([sequence[:, total.column] for sequence in sequences])
        for margin in self.margins:
            code: np.ndarray | None = None
            if margin.given is not None:
                states = self.states[margin.given]
                code = states.codes_of(rows[:, states.columns])
            margin.fit(rows[:, margin.column], code)

    # --- There and back -------------------------------------------------------------------------

    @property
    def needs_calibration(self) -> bool:
        """Whether ``decode`` needs ``calibrate`` first: where values are put back by their rank."""
        return bool(self.states or self.margins or self.totals)

    def encode(self, sequences: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return what a GAN is trained on, each sequence (time, encoded features)."""
        return [self._encoded(np.asarray(sequence, np.float64)) for sequence in sequences]

    def _encoded(self, sequence: np.ndarray) -> np.ndarray:
        if not self._parts and len(self.as_is) == sequence.shape[1]:
            return sequence
        result = np.empty((len(sequence), self.features))
        result[:, self._as_is_at] = sequence[:, self.as_is]
        for part in self._parts:
            result[:, part.at] = part.encode(sequence[:, part.columns])
        return result

    def _split(self, encoded: np.ndarray, part: Any) -> np.ndarray:
        return encoded[..., part.at]

    def calibrate(self, encoded: np.ndarray) -> Self:
        """Fit states and margins to generated windows, (windows, time, encoded features)."""
        for states in self.states:
            states.calibrate(self._split(encoded, states))
        codes = self._codes(encoded)
        for margin in self.margins:
            code: np.ndarray | None = None if margin.given is None else codes[margin.given]
            margin.calibrate(self._split(encoded, margin), code)
        for total in self.totals:
            total.calibrate(self._split(encoded, total))
        return self

    def _codes(self, encoded: np.ndarray) -> list[np.ndarray]:
        return [states.code(self._split(encoded, states)) for states in self.states]

    def decode(self, encoded: np.ndarray) -> np.ndarray:
        """Return windows in the data's units, (windows, time, features), in which all holds.

        Args:
            encoded: generated windows, (windows, time, encoded features).

        Raises:
            ValueError: for another shape.
        """
        encoded = np.asarray(encoded, np.float64)
        if encoded.ndim != 3 or encoded.shape[-1] != self.features:
            raise ValueError(
                f"The windows have shape {encoded.shape}; "
                f"expected (windows, time, {self.features})."
            )
        if not self.relations:
            return encoded
        result = np.zeros((*encoded.shape[:2], len(self.columns)))
        result[..., self.as_is] = encoded[..., self._as_is_at]
        for clock in self.clocks:
            result[..., clock.columns] = clock.decode(self._split(encoded, clock))
        codes = self._codes(encoded)
        for states, each in zip(self.states, codes, strict=True):
            result[..., states.columns] = states.decode(each)
        for margin in self.margins:
            code = None if margin.given is None else codes[margin.given]
            result[..., margin.column] = margin.decode(self._split(encoded, margin), code)
        for total in self.totals:
            result[..., total.column] = total.decode(self._split(encoded, total))
        for ladder in self.ladders:
            result[..., ladder.columns] = ladder.decode(self._split(encoded, ladder))
        result = self.derived.complete(result)
        for ladder in self.ladders:  # once more, of heights that are rounded now
            for twin, ratio in ladder.twins.items():
                result[..., twin] = ratio * result[..., ladder.rungs[0]]
        return result

    # --- In words, and stored -------------------------------------------------------------------

    def sentences(self) -> list[str]:
        """Return what is kept by construction, and what is not, a sentence or two each."""
        kept = [relation for relation in self.relations if relation not in self.broken]
        said = [f"Kept in what is generated: {relation.text}" for relation in kept[:LISTED]]
        if len(kept) > LISTED:
            said.append(f"Kept in what is generated, besides: {len(kept) - LISTED} more relations.")
        dependent = [self.columns[m.column] for m in self.margins if m.given is not None]
        if dependent:
            names = ", ".join(f"'{name}'" for name in dependent[:LISTED])
            said.append(f"Values that depend on a state get the data's values of it: {names}.")
        said += [f"Not kept, and learnt like the rest: {relation.text}" for relation in self.broken]
        return said

    def state(self) -> dict[str, Any]:
        """Return the structure as JSON holds it."""
        parts = {
            name: [part.state() for part in getattr(self, name)]
            for name in ("clocks", "states", "margins", "totals", "ladders")
        }
        return {
            "columns": list(self.columns),
            "relations": [relation.state() for relation in self.relations],
            "broken": [self.relations.index(relation) for relation in self.broken],
            "as_is": self.as_is,
            "bounds": self.bounds.state(),
            "derived": self.derived.state(),
            **parts,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Rebuild a structure from what ``state`` returned."""
        structure = cls()
        structure.columns = tuple(state["columns"])
        structure.relations = [Relation.from_state(each) for each in state["relations"]]
        structure.broken = [structure.relations[i] for i in state["broken"]]
        structure.as_is = list(state["as_is"])
        structure.bounds = Bounds.from_state(state["bounds"])
        structure.derived = Derived.from_state(
            state["derived"], structure.relations, structure.bounds
        )
        structure.clocks = [Clock.from_state(each) for each in state["clocks"]]
        structure.states = [States.from_state(each) for each in state["states"]]
        structure.margins = [Margin.from_state(each) for each in state["margins"]]
        structure.totals = [Total.from_state(each) for each in state["totals"]]
        structure.ladders = [Ladder.from_state(each) for each in state["ladders"]]
        structure._place()
        return structure
