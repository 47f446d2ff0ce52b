"""What holds between and within the columns of a series in every row: orders, sums, states, totals.

``find_relations`` reads them off the data. Each ``Relation`` says in plain English what holds, and
tells row by row whether it holds in other data: in generated windows, say.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.datasets.frames import decimals as decimals_of
from utils.datasets.relation import Relation
from utils.datasets.relation_columns import FEWEST_CASES, Columns, listed, number

FEWEST_ROWS = 50  # in fewer, what holds in every row may hold by accident
MOST_COMBINATIONS = 40  # of few-valued columns that are kept together
NAMED = 4  # chains of columns that a sentence lists


def find_relations(
    sequences: Sequence[np.ndarray],
    columns: Sequence[str],
    decimals: Sequence[int | None] | None = None,
) -> list[Relation]:
    """Return what holds in every row of the data and is unlikely to do so by accident.

    Args:
        sequences: series of the same columns, each (time, features), in time order.
        columns: the names of the features.
        decimals: how many decimals each column has, None where that is not known; by default
            they are counted.

    Raises:
        ValueError: if a sequence is not (time, features) with a name for each feature.
    """
    for sequence in sequences:
        if np.ndim(sequence) != 2 or np.shape(sequence)[1] != len(columns):
            raise ValueError(
                f"A sequence has shape {np.shape(sequence)}; expected (time, {len(columns)})."
            )
    rows = np.concatenate([np.asarray(sequence, np.float64) for sequence in sequences])
    if len(rows) < FEWEST_ROWS:
        return []
    lengths = np.array([len(sequence) for sequence in sequences if len(sequence)])
    places = [decimals_of(c) for c in rows.T] if decimals is None else list(decimals)
    return _Between(rows, np.cumsum(lengths)[:-1], tuple(columns), places).all()


class _Between(Columns):
    """The search for relations between columns, and of all relations."""

    def all(self) -> list[Relation]:
        """Return all relations."""
        clocks = self.clocks()
        clocked = {i for clock in clocks for i in clock.indices}
        totals = self.totals(clocked)
        one_hot = self.one_hot()
        grouped = [set(group.indices) for group in one_hot]
        numbers = [i for i in self.varying if i not in self.few and i not in clocked]
        linear = self.linear(numbers)
        functions = self.functions(grouped, clocked)
        orders = self.orders(numbers, linear)
        given = {relation.indices[-1] for relation in functions}
        given |= {relation.indices[0] for relation in totals}
        bound = clocked | given.union(*grouped)
        together = self.together([i for i in self.few if i not in bound])
        single = [
            relation
            for i in self.varying
            if i not in clocked and i not in given and not any(i in group for group in grouped)
            for relation in self.single(i)
        ]
        return [*orders, *linear, *one_hot, *functions, *together, *clocks, *totals, *single]

    # --- Between columns ---------------------------------------------------------------------

    def one_hot(self) -> list[Relation]:
        """Return the groups of columns of which exactly one is 1 and the others are 0."""
        flags = [i for i in self.few if np.array_equal(self.levels[i][0], [0.0, 1.0])]
        found, left = [], list(flags)
        while len(left) > 1:
            first = left.pop(0)
            group, total = [first], self.rows[:, first].copy()
            for i in left:
                if (total + self.rows[:, i]).max() <= 1:
                    group.append(i)
                    total += self.rows[:, i]
            if len(group) > 1 and total.min() == 1:
                names = listed([self.columns[i] for i in group])
                text = f"Exactly one of {names} is 1 in every row, the others are 0."
                found.append(self.relation("one-hot", group, text))
                left = [i for i in left if i not in group]
        return found

    def linear(self, candidates: list[int]) -> list[Relation]:
        """Return the columns that are a constant sum, or a combination, of the ones before."""
        rows, found = self.rows, []
        spread = rows.std(axis=0)
        candidates = [i for i in candidates if np.isfinite(spread[i]) and spread[i] > 0]
        if len(candidates) < 2:
            return []
        sample = rows[:: max(1, len(rows) // max(4000, 6 * len(candidates)))]
        scaled = (sample - sample.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        # Orthonormal directions of the independent columns found so far.
        basis = np.zeros((len(candidates), len(sample)))
        independent: list[int] = []
        for j in candidates:
            unit = _unit(self.places[j], np.abs(rows[:, j]).max())
            residual = scaled[:, j].copy()
            directions = basis[: len(independent)]
            for _ in range(2):  # twice is enough against rounding
                residual -= directions.T @ (directions @ residual)
            left = np.sqrt(np.mean(residual**2)) * spread[j]
            enough = len(rows) >= 5 * (len(independent) + 2)
            relation = None
            small = max(2 * unit * np.sqrt(len(independent)), 1e-6 * spread[j])
            if independent and enough and left <= small:
                relation = self._combination(j, independent, spread)
            if relation is not None:
                found.append(relation)
            elif (norm := np.linalg.norm(residual)) > 1e-9 * np.sqrt(len(sample)):
                basis[len(independent)] = residual / norm
                independent.append(j)
        return found

    def _combination(self, j: int, others: list[int], spread: np.ndarray) -> Relation | None:
        """Return column j as a sparse combination of ``others`` with plain coefficients."""
        every = self.rows[:: max(1, len(self.rows) // 20_000)]
        used = list(others)
        weights = np.zeros(0)
        for _ in range(2):
            design = np.column_stack([every[:, used] / spread[used], np.ones(len(every))])
            weights = np.linalg.lstsq(design, every[:, j], rcond=None)[0][:-1] / spread[used]
            sizes = np.abs(weights) * spread[used]
            used = [i for i, size in zip(used, sizes, strict=True) if size > 0.02 * sizes.max()]
            weights = weights[sizes > 0.02 * sizes.max()]
        if not used:
            return None
        weights = np.array([_plain(weight) for weight in weights])
        if len(used) > 4 and len(set(np.abs(weights))) > 1:
            return None
        residual = self.rows[:, j] - self.rows[:, used] @ weights
        constant = _plain_constant(float(np.median(residual)), self.places[j])
        units = [_unit(self.places[i], np.abs(self.rows[:, i]).max()) for i in [j, *used]]
        tolerance = 0.5 * float(np.r_[1.0, np.abs(weights)] @ units) * 1.01
        worst = float(np.abs(residual - constant).max())
        # A rounding unit that is coarse beside the column's spread proves nothing.
        if worst > tolerance or worst > 0.1 * spread[j]:
            return None
        exact = worst <= 1e-9 * max(1.0, float(np.abs(self.rows[:, j]).max()))
        close = "" if exact else ", but for rounding"
        details = {"weights": weights.tolist(), "constant": constant, "tolerance": tolerance}
        if (weights == -1).all() and abs(constant) > tolerance:
            names = " + ".join(self.columns[i] for i in sorted([*used, j]))
            text = f"{names} = {number(constant)} in every row{close}."
            return self.relation("sum", [*used, j], text, **details)
        text = f"{self.columns[j]} = {self._formula(used, weights, constant)} in every row{close}."
        return self.relation("linear", [*used, j], text, **details)

    def _formula(self, used: list[int], weights: np.ndarray, constant: float) -> str:
        parts = []
        for i, weight in zip(used, weights, strict=True):
            size = "" if abs(weight) == 1 else f"{number(abs(weight))} × "
            parts.append(("− " if weight < 0 else "+ ") + size + self.columns[i])
        if constant:
            parts.append(f"{'−' if constant < 0 else '+'} {number(abs(constant))}")
        return " ".join(parts).removeprefix("+ ")

    def functions(self, one_hot: list[set[int]], clocked: set[int]) -> list[Relation]:
        """Return the few-valued columns that another column gives, at most one source for each."""
        found: list[Relation] = []
        targets = [
            i for i in self.few if i not in clocked and self.levels[i][1].min() >= FEWEST_CASES
        ]
        sources = sorted(self.varying, key=lambda i: (i not in self.few, i in clocked, i))
        given: dict[int, int] = {}
        sample = self.rows[:: max(1, len(self.rows) // 300)]
        for source in sources:
            likely = [
                target
                for target in targets
                if target != source
                and target not in given
                and _root(given, source) != target  # of two that give each other, the first does
                and not any(source in group and target in group for group in one_hot)
                and self._is_given(sample[:, source], sample[:, target])
            ]
            if not likely:
                continue
            order = np.argsort(self.rows[:, source], kind="stable")
            values = self.rows[order, source]
            new = np.diff(values) > 0
            for target in likely:
                outputs = self.rows[order, target]
                change = np.diff(outputs) != 0
                if (change & ~new).any():
                    continue
                cuts = np.flatnonzero(change)
                intervals = np.diff(np.r_[0, cuts + 1, len(values)])
                discrete = source in self.levels and len(self.levels[source][0]) <= 40
                if not discrete and (len(cuts) > 3 or intervals.min() < FEWEST_CASES):
                    continue
                if discrete and self.levels[source][1].min() < 3:
                    continue
                given[target] = source
                found.append(self._function(source, target, values, outputs, cuts))
        return found

    @staticmethod
    def _is_given(source: np.ndarray, target: np.ndarray) -> bool:
        """Return whether equal values of ``source`` go with equal ones of ``target``."""
        order = np.argsort(source, kind="stable")
        change = np.diff(target[order]) != 0
        return bool(change.sum() <= 40 and not (change & (np.diff(source[order]) == 0)).any())

    def _function(
        self, source: int, target: int, values: np.ndarray, outputs: np.ndarray, cuts: np.ndarray
    ) -> Relation:
        low, high = values[cuts], values[cuts + 1]
        thresholds = (low + high) / 2
        steps = outputs[np.r_[0, cuts + 1]]
        names = self.columns[source], self.columns[target]
        if len(cuts) == 1 and np.array_equal(self.levels[target][0], [0, 1]):
            side = ("more", high[0]) if steps[1] == 1 else ("less", low[0])
            text = (
                f"'{names[1]}' is 1 exactly where '{names[0]}' is {number(side[1])} or {side[0]}."
            )
        else:
            text = f"'{names[1]}' follows from '{names[0]}'."
        return self.relation(
            "function",
            [source, target],
            text,
            thresholds=thresholds.tolist(),
            outputs=steps.tolist(),
            few=source in self.few,
        )

    def together(self, candidates: list[int]) -> list[Relation]:
        """Return groups of few-valued columns of which some combinations never occur."""
        groups = [[i] for i in candidates]
        for a, i in enumerate(candidates):
            for j in candidates[a + 1 :]:
                one, other = (next(g for g in groups if k in g) for k in (i, j))
                if one is other or len(one) + len(other) > 4 or not self._excludes(i, j):
                    continue
                joint = sorted([*one, *other])
                if len(np.unique(self.rows[:, joint], axis=0)) <= MOST_COMBINATIONS:
                    groups = [g for g in groups if g is not one and g is not other] + [joint]
        found = []
        for group in sorted(g for g in groups if len(g) > 1):
            values = np.unique(self.rows[:, group], axis=0)
            possible = int(np.prod([len(self.levels[i][0]) for i in group]))
            names = listed([self.columns[i] for i in group])
            text = f"{names} take {len(values)} of their {possible} combinations only."
            combinations = values.tolist()
            found.append(self.relation("together", group, text, combinations=combinations))
        return found

    def _excludes(self, i: int, j: int) -> bool:
        """Return whether two columns shun a combination that chance would have made often."""
        counts = self.levels[i][1], self.levels[j][1]
        codes = [np.searchsorted(self.levels[k][0], self.rows[:, k]) for k in (i, j)]
        seen: np.ndarray = np.zeros((len(counts[0]), len(counts[1])))
        np.add.at(seen, tuple(codes), 1)
        changes = 1 + sum(int((np.diff(code) != 0).sum()) for code in codes)
        expected = np.outer(counts[0], counts[1]) / len(self.rows)
        # Rows that repeat the row before are no evidence of their own.
        return bool((expected[seen == 0] * changes / len(self.rows) >= FEWEST_CASES).any())

    def orders(self, numbers: list[int], linear: list[Relation]) -> list[Relation]:
        """Return the orders between columns, reduced: not a ≤ c where a ≤ b and b ≤ c."""
        rows = self.rows
        low, high = np.quantile(rows[:: max(1, len(rows) // 5000)], [0.01, 0.99], axis=0)
        sample = rows[:: max(1, len(rows) // 500)]
        below = np.zeros((rows.shape[1],) * 2, bool)
        # Two free columns that came so near would have crossed so often, but for one pair in 100.
        crossings = np.log(100.0 * max(len(numbers), 2) ** 2)
        for i in numbers:
            overlap = np.minimum(high[i], high) - np.maximum(low[i], low)
            likely = overlap >= 0.5 * np.minimum(high[i] - low[i], high - low)
            likely &= (sample[:, [i]] <= sample).all(axis=0)
            for j in numbers:
                if j == i or not likely[j]:
                    continue
                distance = rows[:, j] - rows[:, i]
                if distance.min() < 0:
                    continue
                steps = np.sort(np.diff(distance)[self.inside])
                falls = np.searchsorted(steps, -distance) / len(steps)
                below[i, j] = falls.sum() >= crossings
        below &= ~below.T  # two equal columns are no order
        for k in numbers:  # equal columns stand where the first of them stands
            for copy in (r.indices[-1] for r in linear if self._is_copy(r) and r.indices[0] == k):
                below[copy], below[:, copy] = False, False
        reduced = below & ~((below.astype(np.int64) @ below.astype(np.int64)) > 0)
        return [self._order(group, reduced) for group in _components(reduced)]

    @staticmethod
    def _is_copy(relation: Relation) -> bool:
        details = relation.details
        return details["weights"] == [1.0] and not details["constant"] and not details["tolerance"]

    def _order(self, group: list[int], reduced: np.ndarray) -> Relation:
        pairs = [(i, j) for i in group for j in group if reduced[i, j]]
        chains = _chains(group, reduced)
        # Chains of the same ends are told as one: Low ≤ Open, Close ≤ High.
        told: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
        for chain in chains:
            told.setdefault((chain[0], chain[-1]), []).append(chain[1:-1])
        parts = []
        for (start, end), middles in told.items():
            names = self.columns[start], self.columns[end]
            if all(len(middle) == 1 for middle in middles):
                between = ", ".join(self.columns[middle[0]] for middle in middles)
                parts.append(f"{names[0]} ≤ {between} ≤ {names[1]}")
            else:
                for middle in middles:
                    parts.append(
                        " ≤ ".join([names[0], *(self.columns[i] for i in middle), names[1]])
                    )
        more = f" and {len(parts) - NAMED} more" if len(parts) > NAMED else ""
        text = f"{'; '.join(parts[:NAMED])}{more} in every row."
        return self.relation("order", group, text, pairs=[[int(i), int(j)] for i, j in pairs])


def _unit(places: int | None, largest: float) -> float:
    """Return by how much a written number may differ from the true one, twice over."""
    return 10.0**-places if places else 1e-9 * largest  # whole numbers are counts: exact


def _plain(weight: float) -> float:
    """Return the plain number near a weight: a whole number, 1/n or few digits; or itself."""
    for plain in (round(weight), 1 / (round(1 / weight) or 1), float(f"{weight:.3g}")):
        if abs(plain - weight) <= 2e-3 * abs(weight):
            return float(plain)
    return float(weight)


def _plain_constant(constant: float, places: int | None) -> float:
    """Return a constant with one digit more than its column has."""
    near = float(round(constant))
    within = 10.0 ** -(places or 0) if places else 1e-9 * abs(constant)
    return near if abs(near - constant) <= within else constant


def _root(given: dict[int, int], source: int) -> int:
    while source in given:
        source = given[source]
    return source


def _components(reduced: np.ndarray) -> list[list[int]]:
    """Return the connected groups of an order."""
    joined, groups = reduced | reduced.T, []
    left = {int(i) for i in np.flatnonzero(joined.any(axis=0))}
    while left:
        group, edge = set(), {min(left)}
        while edge:
            group |= edge
            edge = {int(j) for i in edge for j in np.flatnonzero(joined[i])} - group
        groups.append(sorted(group))
        left -= group
    return groups


def _chains(group: list[int], reduced: np.ndarray, most: int = 50) -> list[tuple[int, ...]]:
    """Return the longest chains of an order, at most ``most``."""
    chains: list[tuple[int, ...]] = []
    started: list[tuple[int, ...]] = [(i,) for i in reversed(group) if not reduced[:, i].any()]
    while started and len(chains) < most:
        chain = started.pop()
        above = np.flatnonzero(reduced[chain[-1]])
        if len(above):
            started += [(*chain, int(j)) for j in above[::-1]]
        else:
            chains.append(chain)
    return chains
