"""A relation that holds in every row of some data, and whether it holds in others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Relation:
    """Something that holds in every row of some data.

    Attributes:
        kind: "order", "sum" (of some columns, constant), "linear" (a column that others give),
            "one-hot", "function" (a few-valued column that another gives), "values" (few),
            "step" (a fixed grid), "gap" (values that never occur), "atom" (one value in many
            rows), "total" (never falls, or never rises), "resetting" (a total that starts again)
            "clock" (each state has one successor) or "together" (few-valued columns of which
            some combinations never occur).
        columns: the names of the columns it is about.
        indices: where they stand in the data.
        text: the relation as a sentence.
        share: of the rows of the data in which ``holds`` is true: 1, but for an atom.
        details: the numbers of the relation, as JSON holds them.
    """

    kind: str
    columns: tuple[str, ...]
    indices: tuple[int, ...]
    text: str
    share: float = 1.0
    details: dict[str, Any] = dataclasses.field(default_factory=dict)

    def holds(self, windows: np.ndarray) -> np.ndarray:
        """Return in which rows the relation holds.

        Args:
            windows: (windows, time, features) in the data's units, or one series
                (time, features).

        Returns:
            bool of shape (windows, time), or (time,). A relation between a row and the row before
            (a total, a clock) is true in the first row of every window.
        """
        windows = np.asarray(windows, np.float64)
        if windows.ndim == 2:
            return self.holds(windows[np.newaxis])[0]
        if windows.ndim != 3 or windows.shape[-1] <= max(self.indices):
            raise ValueError(
                f"The windows have shape {windows.shape}; expected (windows, time, features) with "
                f"at least {max(self.indices) + 1} features."
            )
        return HOLDS[self.kind](self, windows)

    def state(self) -> dict[str, Any]:
        """Return the relation as JSON holds it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Relation:
        """Rebuild a relation from what ``state`` returned."""
        return cls(**{**state, **{key: tuple(state[key]) for key in ("columns", "indices")}})


# --- Whether a relation holds ------------------------------------------------------------------


def _order_holds(relation: Relation, windows: np.ndarray) -> np.ndarray:
    pairs = np.array(relation.details["pairs"])
    return (windows[..., pairs[:, 0]] <= windows[..., pairs[:, 1]]).all(axis=-1)


def _linear_holds(relation: Relation, windows: np.ndarray) -> np.ndarray:
    *used, j = relation.indices
    details = relation.details
    expected = windows[..., used] @ np.array(details["weights"]) + details["constant"]
    rounding = 1e-9 * (1.0 + np.abs(windows[..., [*used, j]]).max(axis=-1))
    return np.abs(windows[..., j] - expected) <= details["tolerance"] + rounding


def _one_hot_holds(relation: Relation, windows: np.ndarray) -> np.ndarray:
    group = windows[..., list(relation.indices)]
    return ((group == 0) | (group == 1)).all(axis=-1) & (group.sum(axis=-1) == 1)


def _function_holds(relation: Relation, windows: np.ndarray) -> np.ndarray:
    source, target = relation.indices
    return windows[..., target] == apply_function(relation, windows[..., source])


def apply_function(relation: Relation, source: np.ndarray) -> np.ndarray:
    """Return what a relation of kind "function" gives for values of its first column."""
    at = np.searchsorted(relation.details["thresholds"], source)
    return np.asarray(relation.details["outputs"], np.float64)[at]


def _values_hold(relation: Relation, windows: np.ndarray) -> np.ndarray:
    return np.isin(windows[..., relation.indices[0]], relation.details["values"])


def _step_holds(relation: Relation, windows: np.ndarray) -> np.ndarray:
    steps = (windows[..., relation.indices[0]] - relation.details["offset"]) / relation.details[
        "step"
    ]
    return np.abs(steps - np.round(steps)) <= 1e-6


def _atom_holds(relation: Relation, windows: np.ndarray) -> np.ndarray:
    return windows[..., relation.indices[0]] == relation.details["value"]


def _gap_holds(relation: Relation, windows: np.ndarray) -> np.ndarray:
    column, details = windows[..., relation.indices[0]], relation.details
    return (column <= details["low"]) | (column >= details["high"])


def _total_holds(relation: Relation, windows: np.ndarray) -> np.ndarray:
    column = windows[..., relation.indices[0]] * relation.details["sign"]
    return np.diff(column, axis=1, prepend=column[:, :1]) >= 0


def _resetting_holds(relation: Relation, windows: np.ndarray) -> np.ndarray:
    column = windows[..., relation.indices[0]]
    rises = np.diff(column, axis=1, prepend=column[:, :1]) >= 0
    return rises | (column == relation.details["start"])


def _clock_holds(relation: Relation, windows: np.ndarray) -> np.ndarray:
    cycle = np.array(relation.details["cycle"])
    rows = windows[..., list(relation.indices)]
    at: np.ndarray = np.full(rows.shape[:2], -1)
    for place, state in enumerate(cycle):
        at[(rows == state).all(axis=-1)] = place
    known = at >= 0
    known[:, 1:] &= at[:, 1:] == (at[:, :-1] + 1) % len(cycle)
    return known


def _together_holds(relation: Relation, windows: np.ndarray) -> np.ndarray:
    rows = windows[..., list(relation.indices)]
    found: np.ndarray = np.zeros(rows.shape[:2], bool)
    for combination in relation.details["combinations"]:
        found |= (rows == combination).all(axis=-1)
    return found


HOLDS: dict[str, Callable[[Relation, np.ndarray], np.ndarray]] = {
    "order": _order_holds,
    "sum": _linear_holds,
    "linear": _linear_holds,
    "one-hot": _one_hot_holds,
    "function": _function_holds,
    "values": _values_hold,
    "step": _step_holds,
    "atom": _atom_holds,
    "gap": _gap_holds,
    "total": _total_holds,
    "resetting": _resetting_holds,
    "clock": _clock_holds,
    "together": _together_holds,
}
