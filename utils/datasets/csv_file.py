"""The reader of a user's own file: CSV, Excel, parquet, compressed or not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from utils.checks import positive_integer
from utils.datasets.series import Series
from utils.datasets.tables.columns import Choices
from utils.datasets.tables.reading import read_table, series_of


def read_csv(
    path: str | os.PathLike[str],
    columns: Sequence[str] | None = None,
    min_rows: int = 25,
    *,
    group: str | None = None,
    missing: str = "refuse",
    missing_values: Sequence[float | str] = (),
    keep_extremes: bool = False,
    date_format: str | None = None,
    decimal: str | None = None,
) -> Series:
    """Read a series from a file with a header and rows in time order.

    The file is text in any common form (commas, semicolons, tabs or spaces between cells; UTF-8,
    UTF-16 or Windows-1252; compressed by gzip, bzip2, xz or zip), or an Excel or parquet file.
    Numbers and dates are read in the one style that a whole column follows. Rows that stand newest
    first are turned round. Without ``columns``, every column of numbers is taken that is no
    counter, clock, id or constant. What was converted, assumed or left out stands in the series'
    ``notes``, a sentence each.

    Args:
        path: the file.
        columns: the columns to take, in this order; None: see above.
        min_rows: how many rows a sequence needs: the length of a window, and one.
        group: the column that names the series, where several stand in one file. Each becomes a
            sequence of its own; those shorter than ``min_rows`` are left out.
        missing: what to do about missing values: "refuse"; "drop" their rows, so that each complete
            stretch of at least ``min_rows`` becomes a sequence; or "interpolate" along straight
            lines, in time where there are dates.
        missing_values: numbers and words that stand for a missing value, such as -200.
        keep_extremes: take values far outside of all others, and repeated, as measured.
        date_format: "DMY", "MDY" or "YMD", or a format of strptime such as "%d.%m.%Y".
        decimal: "." or ",", where the file does not decide it.

    Returns:
        A Series of finite values, shape ``(time, features)``; its times are in UTC where a zone is
        given, its units are ``""`` (unknown), its name is the file's without the ending.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file cannot be read rightly; the one sentence says what is wrong, on
            which line (the header is on line 1) and in which column, and what would do.
    """
    path = Path(path)
    positive_integer(min_rows=min_rows)
    choices = Choices(
        columns,
        group,
        missing,
        missing_values,
        keep_extremes,
        date_format,
        decimal,
        min_rows,
    )
    return series_of(read_table(path, choices), choices, path.stem, str(path))
