"""Small files for the tests of the reader, in the styles in which people's programs write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

ROWS = 60
DAYS = pd.bdate_range("2020-01-02", periods=ROWS)
_RNG = np.random.default_rng(0)
OPEN = (100 + _RNG.normal(size=ROWS).cumsum()).round(2)
VOLUME = _RNG.integers(2_000_000, 9_000_000, ROWS)
VALUES = np.column_stack([OPEN, VOLUME])
PLAIN = ([f"{value:.2f}" for value in OPEN], [str(value) for value in VOLUME])


def days(form: str) -> list[str]:
    """Return the days in a format of strptime."""
    return DAYS.strftime(form).tolist()


def text(
    dates: list[str] | None = None,
    opens: list[str] | None = None,
    volumes: list[str] | None = None,
    *,
    head: str = "Date,Open,Volume",
    sep: str = ",",
    newest_first: bool = False,
    end: str = "\n",
) -> str:
    """Return a table of prices, of which some columns are written differently."""
    columns = (dates or days("%Y-%m-%d"), opens or PLAIN[0], volumes or PLAIN[1])
    rows = [sep.join(row) for row in zip(*columns, strict=True)]
    if newest_first:
        rows.reverse()
    return end.join([head.replace(",", sep), *rows, ""])


def write(folder: Path, content: str | bytes, name: str = "mine.csv") -> Path:
    """Write a file; return its path."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def grouped(value: float, thousands: str, decimal: str, decimals: int = 2) -> str:
    """Return a number with its thousands separated."""
    plain = f"{value:,.{decimals}f}"
    return plain.replace(",", "\0").replace(".", decimal).replace("\0", thousands)


def quoted(cells: list[str]) -> list[str]:
    """Return cells in quotation marks."""
    return [f'"{cell}"' for cell in cells]
