"""Numbers, names and tables as a report in Markdown writes them."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

import numpy as np

LONGEST_NAME = 22  # characters of a column's name in a table
MOST_CHARACTERS = 16  # of a number that is written with all its digits


def escape(text: str) -> str:
    r"""Return text that Markdown shows as it is, in a table too: ``rain|mm`` as ``rain\|mm``.

    A ``_`` within a word is left alone: there it has no meaning.
    """
    text = "".join(c if c.isprintable() else " " for c in text)
    text = re.sub(r"([\\`*|<>$~\[\]])", r"\\\1", text)
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)


def sentence(text: str) -> str:
    """Return a sentence that Markdown shows as it is, outside tables."""
    return escape(text).replace("\\|", "|")


def percent(share: float) -> str:
    """Return a share as a percentage; 0% and 100% mean exactly that."""
    if not np.isfinite(share):
        return "–"
    if 0 < share < 0.0005:
        return "< 0.1%"
    if 0.9995 <= share < 1:
        return "> 99.9%"
    if share in (0, 1) or 0.095 <= share < 0.945 or share > 1.5:
        return f"{share:,.0%}"
    return f"{share:.1%}"


def number(value: float, places: int | None) -> str:
    """Return a number with so many decimals; None: with six significant digits."""
    if places is not None:
        text = f"{value:,.{places}f}"
        if len(text) <= MOST_CHARACTERS + places:
            return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text
    return f"{value:.6g}"


@dataclass(frozen=True)
class Column:
    """How a column is written: its name, its unit, and how many decimals tell its values apart."""

    name: str
    unit: str = ""
    places: int | None = None

    def write(self, value: float) -> str:
        """Return one of its values."""
        return number(value, self.places)


def written(
    names: Sequence[str],
    units: Sequence[str],
    values: np.ndarray,
    decimals: Sequence[int | None],
) -> list[Column]:
    """Return how columns are written: with the data's own digits, at most five of their spread.

    Args:
        names: of the columns; long ones are cut, and stay different from each other.
        units: of the columns.
        values: the data, (time, features).
        decimals: that each column has in the data; None: more than can be counted.
    """
    short = [
        name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…" for name in names
    ]
    columns = []
    for i, (name, unit, most) in enumerate(zip(short, units, decimals, strict=True)):
        if short.count(name) > 1:
            end = f"… ({i + 1})"
            name = names[i][: LONGEST_NAME - len(end)] + end
        spread = float(values[:, i].max() / 2 - values[:, i].min() / 2)  # halves: no overflow
        places: int | None = most
        if spread > 0:
            needed = int(np.ceil(4 - np.log10(spread)))
            places = max(0, needed) if most is None else min(most, max(0, needed))
        if places is not None and places > 12:
            places = None
        columns.append(Column(name, unit, places))
    return columns


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Return the lines of a table, and an empty one; the first ``left`` columns hold words."""
    line = ["---"] * left + ["---:"] * (len(header) - left)
    return [f"| {' | '.join(row)} |" for row in (header, line, *rows)] + [""]


def wrapped(text: str, stream: TextIO | None = None) -> str:
    """Return text with its lines broken at word ends, where a terminal would break within words.

    Where nothing is known of the width, as in a file or a notebook, lines stay whole. ``stream`` is
    where the text goes, by default the standard output.
    """
    if not (stream or sys.stdout).isatty():
        return text
    width = max(20, shutil.get_terminal_size().columns - 1)
    broken = [
        textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)
        for line in text.split("\n")
    ]
    return "\n".join(broken)
