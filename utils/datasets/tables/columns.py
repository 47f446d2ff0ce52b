"""The columns of a table and what is known of each, wherever the table comes from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from utils.checks import first_repeated
from utils.datasets.tables.dates import BadDates, Dates, read_dates
from utils.datasets.tables.dress import Part
from utils.datasets.tables.numerals import (
    Numbers,
    Refused,
    is_missing,
    other_notation,
    read_numbers,
)

_BOOLEANS = frozenset(
    {"true", "false", "yes", "no", "ja", "nein", "oui", "non", "sí", "wahr", "falsch", "vrai"}
    | {"faux", "y", "n", "t", "f", "on", "off"}
)
LARGEST = 2.0**53  # up to here float64 holds every whole number


@dataclasses.dataclass
class Column:
    """A column and what is known of it.

    Attributes:
        name: as the header says it; "" where it says nothing.
        position: its place among the columns, from 0.
        kind: "numbers", "dates", "text", "booleans", "empty" or "refused".
        cells: as they stand in the table.
        values: of numbers: float64 (rows,), NaN where one is missing.
        dates: of dates: the times, or why they are none.
        refused: of a refused column: why.
        said: what was converted, in words.
        mark: the decimal mark that it proves.
        dtype: of numbers: the type, as NumPy names it.
        zone: of dates in a data frame: their time zone.
        is_index: whether it is the index of a data frame: never something to generate.
    """

    name: str
    position: int
    kind: str
    cells: Sequence[str]
    values: np.ndarray | None = None
    dates: Dates | BadDates | None = None
    refused: Refused | None = None
    said: str = ""
    mark: str = ""
    dtype: str = "float64"
    zone: str | None = None
    is_index: bool = False

    @property
    def label(self) -> str:
        """The name in quotation marks, or the place for want of one."""
        return repr(self.name) if self.name else f"column {self.position + 1}"

    @property
    def numbers(self) -> np.ndarray:
        """The values of a column of numbers."""
        assert self.values is not None
        return self.values

    def example(self) -> str:
        """Return a cell that shows what the column holds."""
        return next((cell for cell in self.cells if cell), "")


@dataclasses.dataclass(frozen=True)
class Choices:
    """What the reader decided; the same for files and data frames.

    Attributes:
        columns: the columns to take, in this order; None: all that hold numbers to generate.
        group: the column that names the sequences; None: one series.
        missing: "refuse", "drop" or "interpolate".
        missing_values: numbers or words that stand for a missing value.
        keep_extremes: whether values that look like a placeholder are data.
        date_format: "DMY", "MDY", "YMD" or a format of strptime.
        decimal: "." or ",".
        min_rows: how many rows a sequence needs.

    Raises:
        ValueError: for a choice that does not exist.
    """

    columns: Sequence[str] | None = None
    group: str | None = None
    missing: str = "refuse"
    missing_values: Sequence[float | str] = ()
    keep_extremes: bool = False
    date_format: str | None = None
    decimal: str | None = None
    min_rows: int = 1

    def __post_init__(self) -> None:
        if self.columns is not None:
            _check_names(self.columns)
        if self.missing not in ("refuse", "drop", "interpolate"):
            raise ValueError(
                f"missing is {self.missing!r}; expected 'refuse', 'drop' or 'interpolate'."
            )
        if self.decimal not in (None, ".", ","):
            raise ValueError(f"The decimal mark is {self.decimal!r}; expected '.' or ','.")
        form = self.date_format
        if form is not None and "%" not in form and form not in ("DMY", "MDY", "YMD"):
            raise ValueError(
                f"The date format is {form!r}; expected DMY, MDY, YMD, or one such as %d.%m.%Y."
            )
        if isinstance(self.missing_values, str):
            raise ValueError(f"missing_values is {self.missing_values!r}; expected a list.")

    def words(self) -> frozenset[str]:
        """Return the words that stand for a missing value, in lower case."""
        return frozenset(str(value).strip().lower() for value in self.missing_values)


def _check_names(columns: Sequence[str]) -> None:
    if isinstance(columns, str) or not all(isinstance(name, str) for name in columns):
        raise ValueError(f"The columns are {columns!r}; expected a list of names.")
    if not columns:
        raise ValueError("No column is named; expected at least one, or None for all numeric ones.")
    if repeated := first_repeated(columns):
        raise ValueError(f"The column {repeated!r} is asked for twice; expected each once.")


@dataclasses.dataclass
class Table:
    """Columns, and how to speak about their rows.

    Attributes:
        source: what the table is called in a message: a path, or "the data frame".
        columns: all of them.
        rows: how many rows there are.
        place: from a row's number, counted from 0, to words such as "Line 3".
        option: from a choice and its value to how the reader would type it.
        notes: what was left out, converted or assumed, a sentence each.
        of: what follows a place in a message: " of prices.csv", or nothing.
    """

    source: str
    columns: list[Column]
    rows: int
    place: Callable[[int], str]
    option: Callable[[str, object], str]
    notes: list[str]
    of: str = ""

    def where(self, row: int, column: Column) -> str:
        """Return the words for a cell's place."""
        name = repr(column.name) if column.name else str(column.position + 1)
        return f"{self.place(row)}, column {name}{self.of}"

    @property
    def subject(self) -> str:
        """What the table is called at the beginning of a sentence."""
        return self.source if self.of else self.source.capitalize()

    def find(self, name: str) -> Column:
        """Return the column of a name.

        Raises:
            ValueError: if there is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise ValueError(
            f"{self.subject} has no column {name!r}; its columns are "
            f"{listed(column.name for column in self.columns)}."
        )


def read_column(
    name: str, position: int, cells: Sequence[str], choices: Choices, mark: str = ""
) -> Column:
    """Judge what a column of text holds.

    Args:
        name: of the column.
        position: among the columns.
        cells: as they stand in the table.
        choices: the reader's.
        mark: the decimal mark, where something else proves it.
    """
    mark, words = choices.decimal or mark, choices.words()
    numbers = read_numbers(cells, mark, words)
    if isinstance(numbers, Numbers):
        return Column(
            name,
            position,
            "numbers",
            cells,
            numbers.values,
            said=numbers.converted,
            mark=numbers.mark,
            dtype="int64" if numbers.whole and _exact(numbers.values) else "float64",
        )
    there = [cell for cell in cells if not is_missing(cell, words)]
    if not there:
        return Column(name, position, "empty", cells)
    if numbers is None and all(cell.lower() in _BOOLEANS for cell in there):
        return Column(name, position, "booleans", cells)
    if numbers is None or numbers.share < 1 or numbers.why != "two readings":
        dates = read_dates(cells, choices.date_format or "")
        # 2015.1 may be a pressure and no month: one bad cell is then no bad date.
        slip = numbers is not None and numbers.share > 0.5 and isinstance(dates, BadDates)
        if dates is not None and not slip:
            return Column(name, position, "dates", cells, dates=dates)
    if isinstance(numbers, Refused):
        return Column(name, position, "refused", cells, refused=numbers)
    return Column(name, position, "text", cells)


def _exact(values: np.ndarray) -> bool:
    """Return whether whole numbers are all there and small enough that float64 holds each."""
    return bool((np.abs(values) <= LARGEST).all())


def settle_marks(columns: list[Column], choices: Choices) -> list[Column]:
    """Read columns that can be read in two ways by the decimal mark that the others prove."""
    marks = {column.mark for column in columns if column.mark}
    if len(marks) != 1 or choices.decimal:
        return columns
    mark = next(iter(marks))
    settled = []
    for column in columns:
        if column.refused is not None and column.refused.why == "two readings":
            column = read_column(column.name, column.position, column.cells, choices, mark)
            if column.kind == "numbers":
                also = f"{mark!r} is the decimal mark, as in the other columns"
                column.said = "; ".join(text for text in (column.said, also) if text)
        settled.append(column)
    return settled


def listed(names: Iterable[Any], most: int = 20) -> str:
    """Return names for a message, at most twenty."""
    shown = [repr(name) for name in names if name]
    more = f", … ({len(shown)} in all)" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more or "none"


def rows_of(count: int) -> str:
    """Return "1 row" or "2,000 rows"."""
    return f"{count:,} row" if count == 1 else f"{count:,} rows"


def bad_numbers(table: Table, column: Column) -> ValueError:
    """Return the error about a column that is nearly numeric."""
    bad = column.refused
    assert bad is not None
    where, cell = table.where(bad.row, column), bad.cell[:40]
    if bad.why == "infinite":
        return ValueError(f"{where}: the value is infinite; expected a finite number.")
    if bad.why == "two readings":
        ways = f"{table.option('decimal', '.')} or {table.option('decimal', ',')}"
        return ValueError(
            f"{where}: {cell!r} can be read with a decimal mark or with separated thousands, and "
            f"no other cell decides; say {ways}."
        )
    columns = f"choose columns by {table.option('columns', '…')}"
    cells = f"{bad.count} such cell{'s' * (bad.count > 1)}"
    if bad.why == "a bound":
        number = "the half of it" if bad.cell[0] in "<≤" else "the bound itself"
        some = f"say {table.option('missing_values', bad.cell)} if such rows are to be missing, or "
        return ValueError(
            f"{where}: {cell!r} is a bound and no measured number ({cells}); write a number in its "
            f"place, such as {number}, {some if bad.share > 0.5 else 'or '}"
            f"{columns}."
        )
    if bad.why == "a code and a flag":
        return ValueError(
            f"{where}: {cell!r} seems to be a whole number and a flag, as weather services write "
            f"them; split it into two columns, say {table.option('decimal', ',')} if the comma is "
            f"a decimal mark, or {columns}."
        )
    if bad.why == "a mark or a multiplier":
        return ValueError(
            f"{where}: {cell!r} may be a number with a mark behind it or a far larger number "
            f"({cells}, the others are far smaller); delete the mark, write the number in full, or "
            f"{columns}."
        )
    count = f" ({bad.count} cells are not)" if bad.count > 1 else ""
    if bad.why == "not a number" and (part := other_notation(bad.cell)) is not None:
        return ValueError(
            f"{where}: {cell!r} is a number in another notation than most of the column's cells "
            f"({cells}{_apart(part)}); write all in one notation, without flags, or {columns}."
        )
    return ValueError(
        f"{where}: {cell!r} is {bad.why}, while {bad.share:.0%} of the column's cells are "
        f"numbers{count}; correct it, say {table.option('missing_values', bad.cell)} if it "
        f"stands for a missing value, or choose columns by {table.option('columns', '…')}."
    )


def _apart(part: Part) -> str:
    """Return what a number wears, as words for a message."""
    worn = [text for text in (part.before, part.scale, part.unit) if text]
    return f", with {' and '.join(repr(text) for text in worn)}" if worn else ""


def bad_dates(table: Table, column: Column) -> ValueError:
    """Return the error about a column that is nearly one of dates."""
    bad = column.dates
    assert isinstance(bad, BadDates)
    where = f"{table.where(bad.row, column)}: {bad.cell[:40]!r}"
    if bad.why == "two readings":
        ways = f"{table.option('date_format', 'DMY')} or {table.option('date_format', 'MDY')}"
        return ValueError(
            f"{where} can be read in two ways, day or month or year first, and neither the other "
            f"rows nor their order decide; say {ways}."
        )
    count = f" ({bad.count} such cells)" if bad.count > 1 else ""
    return ValueError(f"{where} is {bad.why}; expected one in every row, in one style{count}.")
