"""Columns of few values, and clocks, as states that follow each other.

A generator's output is continuous. ``States`` turns it into the most probable sequence of states,
``Clock`` into the position of a clock: only states, and only successions, of the data come out.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from utils.lstm_gan.margins import SCALE

TOGETHER = 4096  # windows decoded at a time
NEAR = 0.005  # of the shares of the states
CALIBRATED = 1000  # windows that states are calibrated to


class States:
    """A few-valued column, or a group such as one-hot columns, as a sequence of states.

    ``decode`` finds, for each window, the states s_1, …, s_T that maximise

        Σ_t (bias[s_t] − weight · |v_t − x[s_t]|²) + Σ_t log P(s_t | s_{t−1}),

    with v the generated values, x the values of the states, and P the frequencies of successions
    in the data (the algorithm of Viterbi 1967, doi:10.1109/TIT.1967.1054010). ``calibrate``
    chooses the weight so that states change as often as in the data, and the biases so that each
    state has its share of the rows.

    Attributes:
        columns: which columns of the data.
        values: what the columns hold in each state, (states, columns).
        spread: standard deviations of the columns, the unit of distances.
        shares: of the rows of the data in each state, (states,).
        chances: P, (states, states), from row to column.
        weight: of the distance to a state's values.
        bias: of each state, (states,).
    """

    def __init__(self, columns: list[int]) -> None:
        self.columns = list(columns)

    @property
    def width(self) -> int:
        """The number of encoded columns."""
        return len(self.columns)

    def fit(self, sequences: list[np.ndarray]) -> Self:
        """Fit to sequences of the columns, each (time, columns)."""
        rows = np.concatenate(sequences)
        self.values, code = np.unique(rows, axis=0, return_inverse=True)
        code, count = code.ravel(), len(self.values)
        self.spread = np.where((spread := rows.std(axis=0)) > 0, spread, 1.0)
        self.shares = np.bincount(code, minlength=count) / len(code)
        ends = np.cumsum([len(sequence) for sequence in sequences])[:-1]
        inside = np.ones(len(code) - 1, bool)
        inside[ends - 1] = False
        pairs = np.zeros((count, count))
        np.add.at(pairs, (code[:-1][inside], code[1:][inside]), 1)
        total = pairs.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            # A state that is seen in the last row alone has no successor: it stays.
            self.chances = np.where(total > 0, pairs / total, np.eye(count))
        self.changes = float((code[1:] != code[:-1])[inside].mean())
        self.weight, self.bias = 1e3 / self._unit(), np.zeros(count)
        return self

    def _unit(self) -> float:
        """Return the smallest squared distance between two states."""
        x = self.values / self.spread
        distances = ((x[:, None] - x[None]) ** 2).sum(axis=-1)
        return float(distances[distances > 0].min()) if len(x) > 1 else 1.0

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """Return what a GAN is trained on, (time, columns)."""
        return rows * SCALE

    def calibrate(self, encoded: np.ndarray) -> Self:
        """Choose weight and biases by generated windows, (windows, time, columns)."""
        encoded = encoded[:: max(1, len(encoded) // CALIBRATED)]
        low, high = 1e-2 / self._unit(), 1e3 / self._unit()
        self.bias = np.zeros(len(self.values))
        for _ in range(10):
            self.weight = float(np.sqrt(low * high))
            code = self._balanced(encoded, 15)
            if (code[:, 1:] != code[:, :-1]).mean() > self.changes:
                high = self.weight
            else:
                low = self.weight
        self._balanced(encoded, 50)
        return self

    def _balanced(self, encoded: np.ndarray, rounds: int) -> np.ndarray:
        """Move the biases until the states have their shares; return the states of the rows."""
        code, floor = self.code(encoded), 0.5 / (encoded.shape[0] * encoded.shape[1])
        # A state that lasts counts its bias in every row.
        rate = max(self.changes, 1.0 / encoded.shape[1])
        best, best_code, least = self.bias, code, np.inf
        for _ in range(rounds):
            shares = np.bincount(code.ravel(), minlength=len(self.values)) / code.size
            error = float(np.abs(shares - self.shares).sum())
            if error < least:
                best, best_code, least, rate = self.bias, code, error, rate * 1.3
            else:
                rate *= 0.6
            if least < NEAR:
                break
            move = np.log(self.shares + floor) - np.log(shares + floor)
            self.bias = best + rate * move if error > least else self.bias + rate * move
            code = self.code(encoded)
        self.bias = best
        return best_code

    def code(self, encoded: np.ndarray) -> np.ndarray:
        """Return the number of the state in each row, (windows, time)."""
        parts = [encoded[i : i + TOGETHER] for i in range(0, len(encoded), TOGETHER)]
        empty: np.ndarray = np.zeros(encoded.shape[:2], np.int64)
        return np.concatenate([self._path(part) for part in parts]) if parts else empty

    def _path(self, encoded: np.ndarray) -> np.ndarray:
        x, v = self.values / self.spread, encoded / (SCALE * self.spread)
        # |v − x|² without |v|², which is the same for every state.
        fit = self.bias - self.weight * ((x**2).sum(axis=-1) - 2 * v @ x.T)
        windows, time, count = fit.shape
        with np.errstate(divide="ignore"):
            successions = np.log(self.chances)  # −∞ for what never follows in the data
        best, came = fit[:, 0], np.zeros((windows, time, count), np.int16)
        for t in range(1, time):
            reached = best[:, :, None] + successions
            came[:, t] = reached.argmax(axis=1)
            best = reached.max(axis=1) + fit[:, t]
        code = np.zeros((windows, time), np.int64)
        code[:, -1] = best.argmax(axis=1)
        each = np.arange(windows)
        for t in range(time - 1, 0, -1):
            code[:, t - 1] = came[each, t, code[:, t]]
        return code

    def codes_of(self, rows: np.ndarray) -> np.ndarray:
        """Return the number of the state in each row of the data, (time,)."""
        return (rows[:, None] == self.values).all(axis=-1).argmax(axis=1)

    def decode(self, code: np.ndarray) -> np.ndarray:
        """Return the columns' values, (windows, time, columns)."""
        return self.values[code]

    def state(self) -> dict[str, Any]:
        """Return the state as JSON holds it."""
        arrays = ("values", "spread", "shares", "chances", "bias")
        kept = {name: getattr(self, name).tolist() for name in arrays}
        return {"columns": self.columns, "changes": self.changes, "weight": self.weight} | kept

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Rebuild the states from what ``state`` returned."""
        states = cls(state["columns"])
        states.changes, states.weight = state["changes"], state["weight"]
        for name in ("values", "spread", "shares", "chances", "bias"):
            setattr(states, name, np.array(state[name], np.float64))
        return states


class Clock:
    """Columns that go round together: each state has one successor.

    They are encoded as the sine and the cosine of the angle at which the clock stands, for the
    whole round and for the shorter rounds of single columns (the hour, beside the week).
    ``decode`` finds the position at the first row that fits a window best; the later rows follow.

    Attributes:
        columns: which columns of the data.
        cycle: their states in order, (states, columns).
        periods: rounds that are encoded, in rows.
    """

    def __init__(self, columns: list[int], cycle: np.ndarray) -> None:
        self.columns, self.cycle = list(columns), np.asarray(cycle, np.float64)
        size = len(self.cycle)
        periods = {size}
        for column in self.cycle.T:
            # The shortest round of one column by itself.
            periods |= {p for p in range(2, size) if not size % p and _repeats(column, p)}
        self.periods = sorted({p for p in periods if not _multiple(p, periods, size)})

    @property
    def width(self) -> int:
        """The number of encoded columns."""
        return 2 * len(self.periods)

    def _angles(self, positions: np.ndarray) -> np.ndarray:
        angles = 2 * np.pi * positions[..., None] / np.array(self.periods)
        return np.concatenate([np.cos(angles), np.sin(angles)], axis=-1)

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """Return what a GAN is trained on, (time, width)."""
        # Found once, by the first row: the others follow.
        first = (self.cycle == rows[0]).all(axis=-1).argmax()
        return self._angles((first + np.arange(len(rows))) % len(self.cycle))

    def decode(self, encoded: np.ndarray) -> np.ndarray:
        """Return the columns' values, (windows, time, columns)."""
        size, time = len(self.cycle), encoded.shape[1]
        expected = self._angles(np.arange(size)[:, None] + np.arange(time))
        fit = encoded.reshape(len(encoded), -1) @ expected.reshape(size, -1).T
        positions = fit.argmax(axis=1)[:, None] + np.arange(time)
        return self.cycle[positions % size]

    def state(self) -> dict[str, Any]:
        """Return the state as JSON holds it."""
        return {"columns": self.columns, "cycle": self.cycle.tolist()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Rebuild the clock from what ``state`` returned."""
        return cls(state["columns"], np.array(state["cycle"]))


def _repeats(column: np.ndarray, period: int) -> bool:
    return bool((column == np.roll(column, period)).all())


def _multiple(period: int, periods: set[int], size: int) -> bool:
    """Whether a round repeats a shorter one that is encoded, and is not the whole."""
    return period != size and any(period % p == 0 for p in periods if p < period)
