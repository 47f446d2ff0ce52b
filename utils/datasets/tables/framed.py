"""A data frame as a table, so that it is judged as a file is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from utils.checks import first_repeated
from utils.datasets.tables.carriers import as_text
from utils.datasets.tables.columns import Choices, Column, Table, read_column, settle_marks
from utils.datasets.tables.dates import Dates


def frame_table(frame: pd.DataFrame, choices: Choices) -> Table:
    """Return a data frame's columns, each judged by itself; an index with names or dates is one.

    Columns of numbers and dates are what they are. Text is judged as in a file.

    Raises:
        ValueError: if a name comes twice, a date is missing, or a number is infinite.
    """
    index = frame.index

    def place(row: int) -> str:
        return f"Row {row} (index {index[row]})"

    names = [str(name) for name in frame.columns]
    if repeated := first_repeated(names):
        raise ValueError(f"The column {repeated!r} is there twice; expected different names.")
    columns: list[Column] = []
    for name, part in _of_index(index, names):
        column = _column(name, len(columns), part, choices)
        column.is_index = True
        if column.kind == "dates" and not name and "date" not in names:
            column.name = "date"
        # An index that is neither dates nor named only says where rows once stood.
        if column.name or column.kind == "dates":
            columns.append(column)
    for i, name in enumerate(names):
        columns.append(_column(name, len(columns), frame.iloc[:, i], choices))
    table = Table("the data frame", settle_marks(columns, choices), len(frame), place, _option, [])
    _check(table)
    return table


def _option(choice: str, value: object) -> str:
    """Return a choice as it is written in Python."""
    if choice == "missing_values":
        number = str(value).replace(".", "").replace("-", "").isdigit()
        return f"as_series(…, missing_values=[{value if number else repr(value)}])"
    if choice == "columns":
        return "as_series(…, columns=[…])"
    return f"as_series(…, {choice}={value!r})"


def _of_index(index: pd.Index, names: Sequence[str]) -> list[tuple[str, pd.Series]]:
    """Return the levels of an index that is more than row numbers, under their names.

    A level that is a column too, by its name, is that column.
    """
    if index.nlevels == 1 and index.name is None and pd.api.types.is_numeric_dtype(index.dtype):
        return []
    found: list[tuple[str, pd.Series]] = []
    for i in range(index.nlevels):
        level = index.get_level_values(i)
        name = "" if level.name is None else str(level.name)
        if not name and index.nlevels > 1 and not isinstance(level, pd.DatetimeIndex):
            name = f"level_{i}"  # as pandas calls it
        if not name or name not in names:
            found.append((name, pd.Series(level.array)))
    return found


def _column(name: str, position: int, part: pd.Series, choices: Choices) -> Column:
    """Judge a column of a data frame."""
    dtype = part.dtype
    if isinstance(dtype, pd.PeriodDtype):
        part = pd.Series(pd.PeriodIndex(part).to_timestamp())
    if pd.api.types.is_datetime64_any_dtype(part.dtype):
        return _dates(name, position, part)
    if pd.api.types.is_bool_dtype(dtype):
        return Column(name, position, "booleans", _texts(part))
    numeric = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype)
    if numeric and not isinstance(dtype, pd.CategoricalDtype):
        values = part.to_numpy(dtype=np.float64, na_value=np.nan)
        kind = "empty" if np.isnan(values).all() and len(values) else "numbers"
        return Column(name, position, kind, _texts(part), values, dtype=str(dtype))
    # Strings, objects and categories: text, as in a file.
    if (
        isinstance(dtype, pd.CategoricalDtype)
        or pd.api.types.is_object_dtype(dtype)
        or pd.api.types.is_string_dtype(dtype)
    ):
        return read_column(name, position, _texts(part), choices)
    return Column(name, position, "text", _texts(part))


def _texts(part: pd.Series) -> Sequence[str]:
    return [as_text(value) for value in part.tolist()]


def _dates(name: str, position: int, part: pd.Series) -> Column:
    """Return a column of dates, in UTC and by its own clocks."""
    zone = None if part.dt.tz is None else str(part.dt.tz)
    stamps = pd.DatetimeIndex(part)
    local = stamps.tz_localize(None).to_numpy().astype("datetime64[us]")
    times = (stamps.tz_convert(None) if zone else stamps).to_numpy().astype("datetime64[us]")
    dates = Dates(times, local=local)
    return Column(name, position, "dates", _texts(part), dates=dates, zone=zone)


def _check(table: Table) -> None:
    """Refuse dates that are missing and numbers without end."""
    for column in table.columns:
        if column.kind == "dates" and isinstance(column.dates, Dates):
            if (missing := np.isnat(column.dates.times)).any():
                row = int(missing.argmax())
                raise ValueError(
                    f"Row {row}: the {column.name or 'date'} is missing; expected one in every row."
                )
        elif column.kind == "numbers" and (endless := np.isinf(column.numbers)).any():
            raise ValueError(
                f"{table.where(int(endless.argmax()), column)}: the value is infinite; expected a "
                "finite number in every row."
            )
