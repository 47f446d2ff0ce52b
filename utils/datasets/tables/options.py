"""The reader's choices about a file, as options of a command."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--columns`` and what else decides how a file is read."""
    parser.add_argument(
        "--columns",
        action="append",
        metavar="A,B",
        help="columns to use, also those that would be left out; may be repeated; names with a "
        """comma as JSON: '["GDP, current US$"]' (default: all that hold numbers to generate)""",
    )
    parser.add_argument(
        "--group",
        metavar="COLUMN",
        help="the column that names the series, where several stand in one file: trains on all",
    )
    parser.add_argument(
        "--missing",
        choices=("refuse", "drop", "interpolate"),
        default="refuse",
        help="rows with missing values: drop them and train on the complete stretches, or fill in "
        "straight lines (default: refuse the file, and say how many there are)",
    )
    parser.add_argument(
        "--missing-value",
        action="append",
        default=[],
        metavar="VALUE",
        help="a number or word that stands for a missing value, such as -200; may be repeated",
    )
    parser.add_argument(
        "--keep-extremes",
        action="store_true",
        help="values far outside of all others, and repeated, were measured",
    )
    parser.add_argument(
        "--date-format",
        metavar="FORMAT",
        help="DMY, MDY or YMD, where the file does not decide it, or one such as %%d.%%m.%%Y",
    )
    parser.add_argument(
        "--decimal", choices=(".", ","), help="the decimal mark, where the file does not decide it"
    )


def column_names(given: Sequence[str] | None) -> list[str] | None:
    """Return the names that ``--columns`` gave: lists with commas, or JSON; None for none.

    Raises:
        ValueError: for JSON that is no list of names.
    """
    if given is None:
        return None
    names: list[str] = []
    for text in given:
        if not text.strip().startswith("["):
            names += [name.strip() for name in text.split(",")]
            continue
        try:
            found = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(
                f"--columns {text!r} is no JSON ({error}); expected names, such as "
                """'["GDP, current US$", "Price"]'."""
            ) from None
        if not all(isinstance(name, str) for name in found):
            raise ValueError(f"--columns {text!r} holds more than names; expected strings.")
        names += found
    return names


def reading_choices(options: argparse.Namespace) -> dict[str, Any]:
    """Return the choices as keywords of ``read_csv``."""
    return {
        "group": options.group,
        "missing": options.missing,
        "missing_values": options.missing_value,
        "keep_extremes": options.keep_extremes,
        "date_format": options.date_format,
        "decimal": options.decimal,
    }


def refuse_reading_choices(options: argparse.Namespace) -> None:
    """Refuse choices about a file where there is none.

    Raises:
        ValueError: it names the first one.
    """
    for name, value in reading_choices(options).items():
        if value and value != "refuse":
            option = "--" + name.removesuffix("s" if name == "missing_values" else "")
            raise ValueError(
                f"{option.replace('_', '-')} is about a file of your own; expected --csv FILE."
            )
