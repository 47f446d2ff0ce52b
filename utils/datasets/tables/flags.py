"""Columns beside the data that say how to take them: quality flags, debit and credit, currencies.

What such a column says cannot be left out in silence: a bad reading would be learnt as a good one,
and an expense as an income.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from utils.datasets.tables.columns import Column, Table
from utils.datasets.tables.numerals import is_missing

_MANY = 12  # different values: a column with more is no flag
_QUALITY = re.compile(
    r"(.*[^a-z])?(q\d*|qc|qa|quality|qual|flags?|flagged|valid|validity|qualit[äé]t?|güte|calidad|品質.*)"
    r"([^a-z].*)?",
    re.IGNORECASE,
)
_BAD = frozenset(
    {"bad", "uncertain", "questionable", "suspect", "doubtful", "invalid", "error", "fault"}
    | {"estimated", "provisional", "missing", "unreliable", "rejected", "outlier", "schlecht"}
)
_UNIT = re.compile(r".*(currency|währung|devise|moneda|unit|units|uom|einheit)", re.IGNORECASE)
_CURRENCIES = frozenset(
    {"usd", "eur", "gbp", "jpy", "chf", "cny", "inr", "krw", "sek", "nok", "dkk"}
    | {"pln", "czk", "aud", "cad", "brl", "hkd", "sgd", "mxn", "zar", "try", "rub"}
)
# The two sides of an account, by their words; single letters count with a name that says so.
_SIDES = (
    {"debit", "credit"},
    {"soll", "haben"},
    {"débit", "crédit"},
    {"dr", "cr"},
    {"db", "cr"},
    {"debe", "haber"},
    {"in", "out"},
    {"income", "expense"},
    {"einnahme", "ausgabe"},
    {"deposit", "withdrawal"},
    {"+", "-"},
)
_LETTERS = ({"s", "h"}, {"d", "c"}, {"d", "h"})
_SIDE_NAME = re.compile(
    r".*(s/h|d/c|c/d|dr|cr|soll|haben|debit|credit|sign|sens|kennz|indicator|vorz).*", re.IGNORECASE
)


def consider_flags(table: Table, left: Sequence[Column], taken: Sequence[Column]) -> None:
    """Say what columns of flags and units hold, and refuse amounts whose sign stands beside them.

    Args:
        table: for messages and notes.
        left: the columns that are left out.
        taken: those to generate.

    Raises:
        ValueError: for a column of debit and credit beside amounts without a sign.
    """
    for column in left:
        if column.kind not in ("text", "booleans"):
            continue
        counts = Counter(cell.strip() for cell in column.cells if not is_missing(cell))
        if not 1 <= len(counts) <= _MANY:
            continue
        words = {value.lower() for value in counts}
        if _is_side(column.name, words) and all(_no_minus(other) for other in taken):
            raise ValueError(
                f"{column.label} of {table.source} holds {_said(counts)}, and no amount has a "
                "minus: write the sign into the amounts (one side of the account is negative), or "
                f"choose columns by {table.option('columns', '…')}."
            )
        some = len(counts) > 1 or sum(counts.values()) < len(column.cells)
        if some and (words & _BAD or _QUALITY.fullmatch(column.name)):
            table.notes.append(
                f"{column.label} flags rows ({_said(counts)}): none is left out for it; delete the "
                "values that are not to be learnt, and say how to treat missing values."
            )
        elif len(counts) > 1 and (_UNIT.fullmatch(column.name) or words <= _CURRENCIES):
            table.notes.append(
                f"{column.label} differs from row to row ({_said(counts)}): the numbers beside it "
                "are taken as if they had one unit."
            )
    for column in taken:
        if _QUALITY.fullmatch(column.name) and 2 <= len(values := _levels(column)) <= _MANY / 2:
            table.notes.append(
                f"{column.label} seems to flag rows ({_said(values)}): it is generated as any "
                "other column, and no row is left out for it."
            )


def refuse_doubled_rows(table: Table, taken: Sequence[Column]) -> None:
    """Refuse a table without times in which every row stands twice.

    Raises:
        ValueError: if each row follows its copy, or the whole table its own.
    """
    values = np.stack([column.numbers for column in taken], axis=1)
    half = len(values) // 2
    if len(values) % 2 or half < 8 or not np.isfinite(values).all():
        return
    for one, other, how in (
        (values[::2], values[1::2], "each row right after its copy"),
        (values[:half], values[half:], "the second half of the rows is a copy of the first"),
    ):
        # Data that are periodic repeat themselves within the half, too.
        if np.array_equal(one, other) and len(np.unique(one, axis=0)) > 0.9 * half:
            raise ValueError(
                f"Every row of {table.source} stands twice ({how}): delete the copies, or choose "
                f"columns by {table.option('columns', '…')}."
            )


def _is_side(name: str, words: set[str]) -> bool:
    """Return whether a column says on which side of an account an amount stands."""
    return words in _SIDES or (words in _LETTERS and _SIDE_NAME.fullmatch(name) is not None)


def _no_minus(column: Column) -> bool:
    return not (column.numbers < 0).any()


def _levels(column: Column) -> Counter[str]:
    """Return how often each whole number comes, if there are few."""
    values, counts = np.unique(column.numbers, return_counts=True)
    if len(values) > _MANY or not np.array_equal(values, np.round(values)):
        return Counter()
    return Counter({f"{value:g}": int(n) for value, n in zip(values, counts, strict=True)})


def _said(counts: Counter[str]) -> str:
    shown = ", ".join(f"{value[:20]!r} {count:,}" for value, count in counts.most_common(6))
    return shown + (", …" if len(counts) > 6 else "")
