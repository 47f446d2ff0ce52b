"""Data frames and arrays as series, and windows as data frames again."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from utils.datasets.cadence import DAY, Cadence
from utils.datasets.series import Series
from utils.datasets.tables.columns import Choices
from utils.datasets.tables.framed import frame_table
from utils.datasets.tables.reading import series_of

MOST_DECIMALS = 9  # a column that needs more is written in full


def as_series(
    data: Any,
    name: str = "data",
    *,
    columns: Sequence[str] | None = None,
    group: str | None = None,
    missing: str = "refuse",
    missing_values: Sequence[float | str] = (),
    keep_extremes: bool = False,
    date_format: str | None = None,
    decimal: str | None = None,
    min_rows: int = 1,
    like: Sequence[str] = (),
) -> Series:
    """Return a data frame, an array or a series of pandas as a ``Series``.

    A data frame is judged as ``read_csv`` judges a file: its dates are its index or a column;
    rows that stand newest first are turned round; every column of numbers is taken that is no
    counter, clock, id or constant; and the ``notes`` say what was left out.

    Args:
        data: a ``Series``, which is returned as it is; a pandas DataFrame or Series; or an array
            of shape (time, features) or (time,), whose columns x0, x1, … are taken as they are.
        name: of the series, for titles and messages.
        columns: and all that follow: as for ``read_csv``; they hold for data frames.
        group: the column, or the named level of the index, that names the sequences.
        missing: "refuse", "drop" or "interpolate".
        missing_values: numbers and words that stand for a missing value.
        keep_extremes: take values far outside of all others, and repeated, as measured.
        date_format: "DMY", "MDY", "YMD" or a format of strptime, for dates that are text.
        decimal: "." or ",", for numbers that are text.
        min_rows: how many rows a sequence needs.
        like: columns of other data that these are compared with: those of them that there are, are
            taken, whatever they hold here.

    Raises:
        ValueError: if there are no numbers, a value is missing or infinite, a name comes twice,
            or rows are not in time order; it says where, and what would do.
    """
    if isinstance(data, Series):
        return data
    if isinstance(data, pd.Series):
        data = data.to_frame(name=data.name if data.name is not None else "value")
    if isinstance(data, pd.DataFrame):
        choices = Choices(
            columns or [column for column in like if column in map(str, data.columns)] or None,
            group,
            missing,
            missing_values,
            keep_extremes,
            date_format,
            decimal,
            min_rows,
        )
        return series_of(frame_table(data, choices), choices, name, "a data frame")
    if isinstance(data, str | Path):
        raise ValueError(f"The data are {str(data)!r}; expected numbers: read_csv reads a file.")
    values = np.asarray(data)
    if values.ndim == 1:
        values = values[:, np.newaxis]
    if values.ndim != 2 or values.dtype.kind not in "iuf":
        raise ValueError(
            f"The data have shape {np.shape(data)} and type {values.dtype}; expected a data frame, "
            "or numbers of shape (time, features)."
        )
    names = tuple(f"x{i}" for i in range(values.shape[1]))
    if columns or group or missing_values or missing != "refuse":
        return as_series(
            pd.DataFrame(values, columns=list(names)),
            name,
            columns=columns or [column for column in names if column != group],
            group=group,
            missing=missing,
            missing_values=missing_values,
            keep_extremes=keep_extremes,
            min_rows=min_rows,
        )
    _check_finite(values, names, np.arange(len(values)))
    return Series(
        values.astype(np.float64),
        names,
        None,
        name,
        ("",) * len(names),
        "an array",
        dtypes=(values.dtype.name,) * len(names),
    )


def _check_finite(values: np.ndarray, columns: Sequence[str], index: Any) -> None:
    bad = ~np.isfinite(values)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        what = "missing" if np.isnan(values[row, column]) else "infinite"
        raise ValueError(
            f"Row {row} (index {index[row]}), column {columns[column]!r}: the value is {what}; "
            "expected a finite number in every row."
        )


def decimals(values: np.ndarray) -> int | None:
    """Return how many decimals the values have, or None for more than ``MOST_DECIMALS``."""
    for places in range(MOST_DECIMALS + 1):
        # What a decimal number of so many places is rounded to is that number itself.
        if np.array_equal(np.round(values, places), values):
            return places
    return None


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a series' values are written: names, types, decimals, and dates that go on.

    Attributes:
        columns: the names of the features.
        units: the unit of each, ``""`` where it is not known.
        dtypes: the type of each in the data, as NumPy names it.
        decimals: how many decimals each has in the data; None: all that there are.
        time_name: the name of the column of dates.
        zone: the time zone that the dates are shown in; None: none.
        last: the last date of the data, ISO 8601, by ``local`` or by UTC; None: not known.
        cadence: how dates follow each other; None: not known.
        local: whether dates follow each other by the clocks of their zone, as days and months
            do; hours and minutes go on by UTC, whatever the clocks do.
    """

    columns: tuple[str, ...]
    units: tuple[str, ...]
    dtypes: tuple[str, ...]
    decimals: tuple[int | None, ...]
    time_name: str = "date"
    zone: str | None = None
    last: str | None = None
    cadence: Cadence | None = None
    local: bool = False

    @classmethod
    def of(cls, series: Series) -> Self:
        """Return the layout of a series."""
        times = series.times
        cadence = None if times is None else Cadence.of(times)
        local = False
        if times is not None and series.zone is not None:
            clocks = pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(series.zone)
            by_clock = Cadence.of(clocks.tz_localize(None).to_numpy())
            if by_clock is not None and (by_clock.kind != "seconds" or by_clock.count % DAY == 0):
                times, cadence, local = clocks.tz_localize(None).to_numpy(), by_clock, True
        return cls(
            series.columns,
            series.units,
            series.dtypes or ("float64",) * len(series.columns),
            tuple(decimals(column) for column in series.values.T),
            series.time_name,
            series.zone,
            None if times is None or cadence is None else str(times.max()),
            cadence,
            local,
        )

    def state(self) -> dict[str, Any]:
        """Return the layout as JSON holds it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Rebuild a layout from what ``state`` returned."""
        lists = {name: tuple(state[name]) for name in ("columns", "units", "dtypes", "decimals")}
        cadence = state["cadence"]
        cadence = None if cadence is None else Cadence(**cadence)
        return cls(**{**state, **lists, "cadence": cadence})

    def frame(
        self, windows: np.ndarray, start: str | np.datetime64 | Sequence[Any] | None = None
    ) -> pd.DataFrame:
        """Return windows as a long table: window, date or step, and the columns of the data.

        Args:
            windows: (windows, time, features), in the data's units.
            start: the first date of every window, or one for each. By default the windows go on
                where the data end: all of them, each another continuation. Without known dates,
                steps are counted from 0.

        Raises:
            ValueError: for starts that are no dates, or where the dates' cadence is not known.
        """
        count, length, _ = windows.shape
        table: dict[str, Any] = {"window": np.repeat(np.arange(count), length)}
        if self.cadence is None:
            if start is not None:
                raise ValueError(
                    "The data had no dates, so windows cannot start at one; expected no start."
                )
            table[_free("step", self.columns)] = np.tile(np.arange(length), count)
        else:
            table[_free(self.time_name, self.columns)] = self._dates(count, length, start)
        rows = windows.reshape(-1, windows.shape[-1])
        for i, (column, dtype, places) in enumerate(
            zip(self.columns, self.dtypes, self.decimals, strict=True)
        ):
            values = rows[:, i] if places is None else np.round(rows[:, i], places)
            table[column] = pd.Series(values).astype(pd.api.types.pandas_dtype(dtype)).array
        return pd.DataFrame(table)

    def _dates(self, count: int, length: int, start: Any) -> Any:
        assert self.cadence is not None
        if start is None:
            dates = np.tile(self.cadence.after(np.datetime64(self.last), length), count)
        else:
            starts = _parsed(start, self.zone, self.local)
            if len(starts) not in (1, count):
                raise ValueError(
                    f"There are {len(starts)} starts for {count} windows; expected 1, or {count}."
                )
            runs = [self.cadence.dates(each, length) for each in starts]
            dates = np.tile(runs[0], count) if len(runs) == 1 else np.concatenate(runs)
        stamps = pd.DatetimeIndex(dates.astype("datetime64[us]"))
        with contextlib.suppress(pd.errors.OutOfBoundsDatetime):
            stamps = stamps.as_unit("ns")  # as pandas reads dates
        if self.zone is None:
            return stamps
        if (
            self.local
        ):  # an hour that the clocks skip is moved on; of one that comes twice, the first
            first = np.ones(len(stamps), bool)
            return stamps.tz_localize(self.zone, ambiguous=first, nonexistent="shift_forward")
        return stamps.tz_localize("UTC").tz_convert(self.zone)


def _parsed(start: Any, zone: str | None, local: bool) -> list[np.datetime64]:
    """Return starts as datetime64, by the zone's clocks or by UTC; days where they are days."""
    given = [start] if isinstance(start, str) or np.ndim(start) == 0 else list(start)
    try:
        stamps = [pd.Timestamp(each) for each in given]
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"The start {start!r} is no date ({error}); expected 2024-01-31."
        ) from None
    found = []
    for stamp in stamps:
        if stamp is pd.NaT:
            raise ValueError(f"The start {start!r} is no date; expected one such as 2024-01-31.")
        if zone is not None:
            stamp = stamp.tz_localize(zone) if stamp.tz is None else stamp.tz_convert(zone)
        if stamp.tz is not None:
            stamp = stamp.tz_localize(None) if local else stamp.tz_convert(None)
        exact = stamp.to_datetime64()
        day = exact.astype("datetime64[D]")
        found.append(day if day == exact else exact)
    return found


def _free(name: str, columns: Sequence[str]) -> str:
    """Return a name that no column has."""
    while name in ("window", *columns):
        name += "_"
    return name
