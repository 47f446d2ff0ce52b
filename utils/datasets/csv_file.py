"""The reader of a user's own CSV file."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from utils.checks import first_repeated, positive_integer
from utils.datasets.series import Series

# What spreadsheets and programs write where a number is missing, in lower case.
_MISSING = frozenset({"", "nan", "na", "n/a", "#n/a", "<na>", "nat", "null", "none"})
# An ISO 8601 date, perhaps with a time of day: 2004-08, 2004-08-19, 2004-08-19T16:00:00.
_ISO_DATE = r"\d{4}-\d{2}(-\d{2}([T ].*)?)?$"
# A number that float() does not read: thousands separated, a decimal comma, a currency, a per cent.
_DRESSED_NUMBER = r"[-+]?[$€£¥]?\s?(\d{1,3}([,'_\s]\d{3})+|\d+)([.,]\d+)?\s?[%$€£¥]?$"


def read_csv(
    path: str | os.PathLike[str], columns: Sequence[str] | None = None, min_rows: int = 25
) -> Series:
    """Read a series from a CSV file: a header, then rows in time order, cells split by commas.

    The first column that holds ISO 8601 dates (2004-08-19, or with a time of day, which is taken
    to be UTC where no zone is given) becomes ``times``. Without ``columns``, every numeric
    column is taken; columns of text are left out, but a single bad cell in a column of numbers
    is refused, so that a slip of the pen does not drop a column, and so are numbers written
    as "1,000", "12,5", "$5" or "5%". Booleans count as text.

    Args:
        path: the file, UTF-8 text.
        columns: the columns to take, in this order; all numeric ones if None.
        min_rows: how many rows are needed: the length of a window, and one.

    Returns:
        A Series of finite values, shape ``(time, features)``; its units are ``""`` (unknown),
        its name is the file's without the ending.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file cannot be read as described; the one sentence says what is
            wrong, on which line (the header is on line 1) and in which column.
    """
    path = Path(path)
    positive_integer(min_rows=min_rows)
    wanted = None if columns is None else _wanted(columns)
    table = _read_table(path)
    if wanted is not None and (absent := [name for name in wanted if name not in table.header]):
        raise ValueError(
            f"{path} has no column {absent[0]!r}; its columns are {_listed(table.header)}."
        )
    rows = len(table.cells)
    if rows == 0:
        raise ValueError(f"{path} has a header but no rows.")
    if rows < min_rows:
        raise ValueError(
            f"{path} has {rows} rows; at least {min_rows} are needed (the window and one more)."
        )

    kinds = [_kind(table.cells[position]) for position in table.cells]
    time_column, times = _times(table, kinds)
    if wanted is None:
        taken = [
            position
            for position, kind in enumerate(kinds)
            # A column without a name and without contents is what a comma at the end makes.
            if kind in ("numbers", "mixed") or (kind == "empty" and table.header[position])
        ]
        if not taken:
            raise ValueError(
                f"{path} has no numeric column; its columns are {_listed(table.header)} "
                "(cells are split by commas, decimals written with a point)."
            )
    else:
        taken = [table.header.index(name) for name in wanted]

    for position in taken:
        name = table.header[position]
        if not name:
            raise ValueError(
                f"Column {position + 1} of {path} has no name in the header; name it there, or "
                "say which columns to take."
            )
        if kinds[position] == "text":
            numeric = [
                name
                for name, kind in zip(table.header, kinds, strict=True)
                if name and kind == "numbers"
            ]
            holds = "dates" if position == time_column else "text"
            raise ValueError(
                f"Column {name!r} of {path} holds {holds}, not numbers; the numeric columns "
                f"are {_listed(numeric)}."
            )
    left = [
        repr(name)
        for position, (name, kind) in enumerate(zip(table.header, kinds, strict=True))
        if wanted is None and name and kind == "text" and position != time_column
    ]
    return Series(
        values=np.stack([_numbers(table, position) for position in taken], axis=1),
        columns=tuple(table.header[position] for position in taken),
        times=times,
        name=path.stem,
        units=("",) * len(taken),
        source=str(path),
        dtypes=tuple(
            "int64" if table.cells[position].dtype.kind == "i" else "float64" for position in taken
        ),
        time_name=table.header[time_column] if time_column is not None else "date",
        notes=(f"Left out, since they hold text: {', '.join(left)}.",) if left else (),
    )


@dataclasses.dataclass(frozen=True)
class _Table:
    """A CSV file as it was read: its cells are numbers where a whole column is, else strings."""

    path: Path
    header: list[str]
    header_lines: int
    cells: pd.DataFrame  # its columns are 0, 1, …: names may repeat or be missing

    def line(self, row: int) -> int:
        """Return the line of the file on which a row of ``cells`` starts; the first is 1."""
        before = self.cells.iloc[:row].select_dtypes(object)
        # A cell in quotation marks may itself hold line ends.
        inside = sum(before[column].str.count("\n").sum() for column in before)
        return self.header_lines + 1 + row + int(inside)


def _read_table(path: Path) -> _Table:
    text = _read_text(path)
    if not text:
        raise ValueError(f"{path} is empty; expected a header and rows of numbers.")
    stream = io.StringIO(text)
    reader = csv.reader(stream, skipinitialspace=True)
    try:
        header = [name.strip() for name in next(reader)]
    except csv.Error as error:
        raise ValueError(f"The header of {path} cannot be read: {error}.") from None
    if not any(header):
        raise ValueError(f"The first line of {path} is empty; expected the header.")
    if repeated := first_repeated([name for name in header if name]):
        raise ValueError(f"The header of {path} names the column {repeated!r} twice.")
    if _looks_like_data(header):
        raise ValueError(
            f"The first line of {path} holds data ({header[0]!r}, …); expected a header with the "
            "name of each column."
        )
    try:
        # The header has been read from the stream: pandas goes on behind it. "round_trip" reads
        # each number as Python does; pandas' own faster way is often off in the last digit.
        cells = pd.read_csv(
            stream,
            header=None,
            names=range(len(header)),
            na_filter=False,
            skip_blank_lines=False,
            skipinitialspace=True,
            low_memory=False,
            float_precision="round_trip",
        )
    except pd.errors.ParserError:
        cells = None
    # Where the first row is longer than the header, pandas makes its first cells the index.
    if cells is None or not isinstance(cells.index, pd.RangeIndex):
        raise ValueError(_long_row(path, text, len(header)))
    return _Table(path, header, reader.line_num, _without_empty_end(cells))


def _read_text(path: Path) -> str:
    """Return the file's text without the white space at its end; line ends are ``\\n``."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder; expected a CSV file.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no file {path}.") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text; expected a CSV file saved as UTF-8.") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from None
    if "\0" in text:
        raise ValueError(f"{path} is not text (it holds zero bytes); expected a CSV file.")
    return text.rstrip()


def _long_row(path: Path, text: str, width: int) -> str:
    """Return the sentence about the row for which the file could not be split into columns."""
    reader = csv.reader(io.StringIO(text), skipinitialspace=True)
    try:
        line = 1
        for cells in reader:
            if len(cells) > width:
                return (
                    f"Line {line} of {path} has {len(cells)} cells, the header {width}; expected "
                    "one cell a column, split by commas, decimals written with a point."
                )
            line = reader.line_num + 1
    except csv.Error:
        pass
    return f"{path} holds a quotation mark that is never closed."


def _without_empty_end(cells: pd.DataFrame) -> pd.DataFrame:
    """Drop the rows at the end that hold commas only, as spreadsheets write them."""
    rows = len(cells)
    while rows and all(cell == "" for cell in cells.iloc[rows - 1]):
        rows -= 1
    return cells.iloc[:rows]


def _looks_like_data(header: list[str]) -> bool:
    """Return whether a first line is a row of numbers and dates instead of a header.

    Whole numbers alone may be names: years, or the numbers that pandas gives.
    """
    names = [name for name in header if name]
    numbers = pd.to_numeric(pd.Series(names, dtype=object), errors="coerce").notna()
    data = [
        number or re.match(_ISO_DATE, name) for name, number in zip(names, numbers, strict=True)
    ]
    return all(data) and not all(name.isdigit() for name in names)


def _kind(cells: pd.Series) -> str:
    """Return what a column holds: "numbers", "text", both ("mixed"), or nothing ("empty")."""
    if cells.dtype == bool:
        return "text"
    if cells.dtype != object:
        return "numbers"
    bad = pd.to_numeric(cells, errors="coerce").isna()
    if not bad.any():
        return "numbers"
    if not bad.all():
        return "mixed"
    cells = cells.str.strip()
    if cells.str.lower().isin(_MISSING).all():
        return "empty"
    return "mixed" if cells.str.match(_DRESSED_NUMBER).mean() > 0.5 else "text"


def _times(table: _Table, kinds: list[str]) -> tuple[int | None, np.ndarray | None]:
    """Return the position of the first column of ISO dates and its times, or None and None."""
    for position, kind in enumerate(kinds):
        cells = table.cells[position]
        if kind not in ("text", "mixed") or cells.dtype == bool:
            continue
        cells = cells.str.strip()
        if cells.str.match(_ISO_DATE).mean() <= 0.5:
            continue
        name = table.header[position]
        where = f"column {repr(name) if name else position + 1} of {table.path}"
        # utc: dates with different zones are comparable only in one.
        times = pd.to_datetime(cells, format="ISO8601", errors="coerce", utc=True)
        array = times.dt.tz_localize(None).to_numpy(dtype="datetime64[ns]")
        if np.isnat(array).any():  # a slip, or a year before 1678 or after 2261
            array = np.array([_far_time(cell) for cell in cells])
        # pandas also takes 2004 and 20040819, which may as well be numbers.
        bad = np.isnat(array) | ~cells.str.match(_ISO_DATE).to_numpy()
        if bad.any():
            row = int(bad.argmax())
            raise ValueError(
                f"Line {table.line(row)}, {where}: {cells.iloc[row][:40]!r} is not an ISO date "
                "such as 2004-08-19."
            )
        if len(array) and (back := np.diff(array) < np.timedelta64(0)).any():
            row = int(back.argmax()) + 1
            raise ValueError(
                f"Line {table.line(row)}, {where}: {cells.iloc[row]} comes after "
                f"{cells.iloc[row - 1]}; expected rows in time order, the oldest first."
            )
        days = array.astype("datetime64[D]")
        return position, days if (days == array).all() else array
    return None, None


def _far_time(cell: str) -> np.datetime64:
    """Read a time in microseconds, which reach further than pandas' nanoseconds; NaT if none."""
    try:
        if re.search(r"[Tt ].*(Z|[-+]\d\d(:?\d\d)?)$", cell):
            return np.datetime64(pd.Timestamp(cell).tz_convert(None), "us")
        return np.datetime64(cell, "us")
    except ValueError:
        return np.datetime64("NaT", "us")


def _numbers(table: _Table, position: int) -> np.ndarray:
    """Return a column as finite float64 of shape ``(time,)``."""
    cells = table.cells[position]
    numbers = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64)
    bad = ~np.isfinite(numbers)
    if bad.any():
        row = int(bad.argmax())
        cell = str(cells.iloc[row]).strip()
        where = f"Line {table.line(row)}, column {table.header[position]!r} of {table.path}"
        if cell.lower() in _MISSING:
            raise ValueError(f"{where}: the value is missing; expected a number in every row.")
        if np.isinf(numbers[row]):
            raise ValueError(f"{where}: the value is infinite; expected a finite number.")
        raise ValueError(
            f"{where}: {cell[:40]!r} is not a number; expected digits and a decimal point only."
        )
    # to_numeric may be off in the last digit of a number read from a string; astype is not.
    return cells.to_numpy().astype(np.float64)


def _wanted(columns: Sequence[str]) -> list[str]:
    if isinstance(columns, str) or not all(isinstance(name, str) for name in columns):
        raise ValueError(f"The columns are {columns!r}; expected a list of names.")
    if not columns:
        raise ValueError("No column is named; expected at least one, or None for all numeric ones.")
    if repeated := first_repeated(columns):
        raise ValueError(f"The column {repeated!r} is asked for twice; expected each once.")
    return list(columns)


def _listed(names: Sequence[str]) -> str:
    """Return names for a message, at most twenty."""
    names = [repr(name) for name in names if name]
    more = f", … ({len(names)} in all)" if len(names) > 20 else ""
    return ", ".join(names[:20]) + more or "none"
