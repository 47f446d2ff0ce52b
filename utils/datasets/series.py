"""A multivariate time series with the meaning of its numbers."""

from __future__ import annotations

import dataclasses

import numpy as np

from utils.checks import first_repeated


@dataclasses.dataclass(frozen=True, eq=False)
class Series:
    """A multivariate time series, with what its numbers mean.

    Attributes:
        values: the numbers, float64, shape ``(time, features)``, in time order.
        columns: the name of each feature.
        times: when each row was observed: datetime64 of unit D for dates (finer for times of
            day, in UTC), shape ``(time,)``; or None where that is not known.
        name: a short name for titles and messages.
        units: the unit of each feature, ``""`` where it is not known.
        source: where the numbers come from.
        dtypes: the type of each feature where it came from, as NumPy names it; None: not known.
        time_name: what the times are called where they came from.
        zone: the time zone that the times were given in; None: none.
        notes: what was left out or assumed on the way here, a sentence each.
        starts: the first row of each sequence, increasing from 0. A single series has one; of
            several entities, or between gaps, each part is a sequence, and no window crosses
            from one to the next. Times are in order within a sequence.
        groups: the name of each sequence, or nothing.

    Raises:
        ValueError: if a shape, a length or a type is not as stated above.
    """

    values: np.ndarray
    columns: tuple[str, ...]
    times: np.ndarray | None
    name: str
    units: tuple[str, ...]
    source: str
    dtypes: tuple[str, ...] | None = None
    time_name: str = "date"
    zone: str | None = None
    notes: tuple[str, ...] = ()
    starts: tuple[int, ...] = (0,)
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        values, times = self.values, self.times
        if not isinstance(values, np.ndarray) or values.dtype != np.float64 or values.ndim != 2:
            what = f"shape {np.shape(values)}, type {getattr(values, 'dtype', type(values))}"
            raise ValueError(f"The values have {what}; expected float64 of (time, features).")
        for field in ("columns", "units"):
            names = getattr(self, field)
            if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
                raise ValueError(f"The {field} are {names!r}; expected a tuple of strings.")
            if len(names) != values.shape[1]:
                raise ValueError(
                    f"There are {len(names)} {field} for {values.shape[1]} features; "
                    "expected one for each."
                )
        if repeated := first_repeated(self.columns):
            raise ValueError(f"The column {repeated!r} is named twice; expected different names.")
        starts = self.starts
        ends = (*starts[1:], len(values))
        if starts[:1] != (0,) or any(
            b <= a for a, b in zip(starts, ends, strict=True) if len(values)
        ):
            raise ValueError(
                f"The sequences start at the rows {starts}; expected 0 first, then increasing rows "
                f"of the {len(values)}."
            )
        if self.groups and len(self.groups) != len(starts):
            raise ValueError(
                f"There are {len(self.groups)} names of {len(starts)} sequences; expected one "
                "for each, or none."
            )
        if times is None:
            return
        if not isinstance(times, np.ndarray) or times.dtype.kind != "M" or times.ndim != 1:
            what = f"shape {np.shape(times)}, type {getattr(times, 'dtype', type(times))}"
            raise ValueError(f"The times have {what}; expected datetime64 of shape (time,).")
        if len(times) != len(values):
            raise ValueError(
                f"There are {len(times)} times for {len(values)} rows; expected one for each."
            )

    def sequences(self) -> list[np.ndarray]:
        """Return the values of each sequence, (time, features), without copying."""
        return np.split(self.values, self.starts[1:])
