"""Numbers as people's programs write them: which convention a whole column follows.

No cell is read by itself. A column is read by the one convention that every cell follows. Where
two conventions fit and give different numbers, the other columns of the file decide, or the reader
is asked. What had to be converted is said in words.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np

# What programs and people write where a number is missing, in lower case.
MISSING = frozenset(
    {"", "nan", "na", "n/a", "#n/a", "<na>", "nat", "null", "none", "nil", "-", "–", "—", "--"}
    | {"---", "?", ".", "..", "...", "missing", "n.a.", "n.d.", "#null!", "(null)", "(blank)"}
    | {"-nan", "\\n"}
)
# A spreadsheet's errors: no number, and no honest "missing" either.
ERRORS = frozenset({"#div/0!", "#ref!", "#value!", "#name?", "#num!", "#spill!", "#calc!"})
INFINITE = re.compile(r"[-+]?inf(inity)?|[-+]?∞", re.IGNORECASE)
# Where this share of the cells are numbers, the others are slips, and no column of text.
NEARLY = 0.2

_SAME = str.maketrans(
    {"−": "-", "–": "-", "‒": "-", "﹣": "-", "－": "-", "’": "'", "ʼ": "'"}
    | {"\u00a0": " ", "\u2007": " ", "\u2009": " ", "\u202f": " ", "\u3000": " "}
    | {"．": ".", "，": ","}
)
_PLAIN = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_PLAIN_CHARACTERS = re.compile(r"[-+.0-9eE\n]*")


def _grouped(mark: str, decimal: str) -> re.Pattern[str]:
    mark, decimal = re.escape(mark), re.escape(decimal)
    return re.compile(rf"(\d{{1,3}}({mark}\d{{3}})+|\d+)({decimal}\d*)?")


# How the digits are grouped and where the decimals begin: the pattern, what is deleted, the mark.
_CONVENTIONS: dict[str, tuple[re.Pattern[str], str, str]] = {
    "1234.5": (re.compile(r"\d+\.?\d*|\.\d+"), "", "."),
    "1234,5": (re.compile(r"\d+,?\d*|,\d+"), "", ","),
    "1,234.5": (_grouped(",", "."), ",", "."),
    "12,34,567.8": (re.compile(r"(\d{1,2}(,\d{2})*,\d{3}|\d{1,3})(\.\d*)?"), ",", "."),
    "1.234,5": (_grouped(".", ","), ".", ","),
    "1 234.5": (_grouped(" ", "."), " ", "."),
    "1 234,5": (_grouped(" ", ","), " ", ","),
    "1'234.5": (_grouped("'", "."), "'", "."),
    "1'234,5": (_grouped("'", ","), "'", ","),
    "1_234.5": (_grouped("_", "."), "_", "."),
}
_SCALES = {
    "k": 3,
    "m": 6,
    "mn": 6,
    "mio": 6,
    "mln": 6,
    "b": 9,
    "bn": 9,
    "mrd": 9,
    "t": 12,
    "tn": 12,
}
# What letters may stand before a number: anything else makes a name of it.
_CURRENCIES = frozenset(
    {"r$", "us$", "a$", "c$", "hk$", "nt$", "s$", "usd", "eur", "gbp", "jpy", "chf", "cny", "inr"}
    | {"krw", "sek", "nok", "dkk", "pln", "czk", "aud", "cad", "brl", "rs", "kr", "fr", "zł", "kč"}
    | {"rmb", "sfr", "rp", "rm"}
)
_AROUND = r"[^\d\s+\-.,'_(]{0,4}"
# sign, something before, sign, digits, exponent, something behind
_DRESSED = re.compile(
    rf"(?P<sign1>[-+]?)\s*(?P<before>{_AROUND}\.?)\s*(?P<sign>[-+]?)\s*"
    r"(?P<digits>[\d.,](?:[\d.,'_ ]*[\d.,])?)(?P<exponent>[eE][-+]?\d+)?"
    r"(?P<space>\s*)(?P<after>[^\d].{0,11}?)?"
)
_UNIT = re.compile(r"[^\d\s(),;:'\"]+(\s?[^\d\s(),;:'\"]+)?\d?")


@dataclasses.dataclass(frozen=True)
class Numbers:
    """A column read as numbers.

    Attributes:
        values: float64 (rows,), NaN where a number is missing.
        converted: what was done to get them, in words; "" where they were plain.
        mark: the decimal mark that this column proves: "", "." or ",".
        whole: whether every number was written without decimals.
    """

    values: np.ndarray
    converted: str = ""
    mark: str = ""
    whole: bool = False


@dataclasses.dataclass(frozen=True)
class Refused:
    """A column that is nearly numeric, or that can be read in two ways.

    Attributes:
        row: of the first offender, counted from 0.
        cell: what stands there.
        count: how many cells offend.
        why: "not a number", "a spreadsheet's error", "infinite" or "two readings".
        share: which part of the cells that are there could be read.
    """

    row: int
    cell: str
    count: int
    why: str
    share: float


@dataclasses.dataclass(frozen=True)
class _Part:
    """A cell taken apart."""

    negative: bool
    before: str
    digits: str
    exponent: str
    scale: str
    unit: str
    bracket: bool
    behind: bool
    spaced: bool


def is_missing(cell: str, more: Collection[str] = ()) -> bool:
    """Return whether a cell says that a number is missing; ``more`` are other words for it."""
    cell = cell.strip().lower()
    return cell in MISSING or cell in more


def read_numbers(
    cells: Sequence[str], mark: str = "", missing: Collection[str] = ()
) -> Numbers | Refused | None:
    """Read a column of cells.

    Args:
        cells: the cells as they stand in the file.
        mark: the decimal mark, where something else proves it or the reader named it.
        missing: other words for a missing number, in lower case.

    Returns:
        The numbers; None for a column of text, or without any cell; or why it is refused.
    """
    if mark != "," and (quick := _quick(cells, mark)) is not None:
        return quick
    texts = [cell.strip().translate(_SAME) for cell in cells]
    there = [i for i, text in enumerate(texts) if not is_missing(text, missing)]
    if not there:
        return None
    values = np.full(len(texts), np.nan)
    endless = [i for i in there if INFINITE.fullmatch(texts[i])]
    if mark != "," and all(_PLAIN.fullmatch(texts[i]) for i in there):
        values[there] = [float(texts[i]) for i in there]
        return _finished(values, [texts[i] for i in there], there, mark)
    parts = {i: part for i in there if (part := _split(texts[i])) is not None}
    # What most of the readable cells wear, all have to wear.
    dress = Counter((part.before, part.unit) for part in parts.values())
    usual = dress.most_common(1)[0][0] if dress else ("", "")
    good = {i: part for i, part in parts.items() if (part.before, part.unit) == usual}
    fits = {
        name: {i for i, part in good.items() if pattern.fullmatch(part.digits)}
        for name, (pattern, _, its_mark) in _CONVENTIONS.items()
        if not mark or its_mark == mark
    }
    most = max((len(rows) for rows in fits.values()), default=0)
    share = (most + len(endless)) / len(there)
    if share <= NEARLY:
        return None  # text, perhaps with some numbers in it
    if most < len(there):
        keep = next(rows for rows in fits.values() if len(rows) == most)
        bad = [i for i in there if i not in keep]
        why = "not a number"
        if texts[bad[0]].lower() in ERRORS or set(texts[bad[0]]) == {"#"}:
            why = "a spreadsheet's error"
        elif bad[0] in endless:
            why = "infinite"
        return Refused(bad[0], cells[bad[0]].strip(), len(bad), why, share)
    good, unit = _scaled(good)
    readings = {
        name: np.array([_value(good[i], name) for i in there])
        for name, rows in fits.items()
        if len(rows) == most
    }
    first = next(iter(readings))
    for other in readings.values():
        if not np.array_equal(other, readings[first]):
            if (proven := _by_missing_point(good, readings)) is not None:
                first = proven
                break
            k = int((other != readings[first]).argmax())
            return Refused(there[k], cells[there[k]].strip(), len(there), "two readings", 1.0)
    values[there] = readings[first]
    if np.isinf(values).any():
        i = int(np.isinf(values).argmax())
        return Refused(i, cells[i].strip(), int(np.isinf(values).sum()), "infinite", 1.0)
    digits = [part.digits for part in good.values()]
    decimals = any(_CONVENTIONS[first][2] in text for text in digits)
    worn = (usual[0], unit or usual[1])
    whole = not decimals and not any(part.scale or part.exponent for part in good.values())
    proof = _CONVENTIONS[first][2] if decimals else ""
    return Numbers(values, _words(first, worn, good), proof, whole)


def _quick(cells: Sequence[str], mark: str) -> Numbers | Refused | None:
    """Read a column of plain numbers without gaps; None if it is something else."""
    if not _PLAIN_CHARACTERS.fullmatch("\n".join(cells[:50])):
        return None
    if not _PLAIN_CHARACTERS.fullmatch("\n".join(cells)):
        return None
    try:
        values = np.array([float(cell) for cell in cells])
    except ValueError:
        return None
    return _finished(values, cells, range(len(cells)), mark) if len(values) else None


def _finished(
    values: np.ndarray, texts: Sequence[str], there: Sequence[int], mark: str
) -> Numbers | Refused:
    """Return plain numbers, unless one is infinite or every point may separate thousands."""
    if np.isinf(values).any():
        i = int(np.isinf(values).argmax())
        return Refused(i, texts[list(there).index(i)], int(np.isinf(values).sum()), "infinite", 1.0)
    pointed = [k for k, text in enumerate(texts) if "." in text]
    proven = any(_needs_point(texts[k]) for k in pointed)
    whole = not pointed and not any("e" in text or "E" in text for text in texts)
    if pointed and not proven and not mark:
        k = pointed[0]
        return Refused(there[k], texts[k], len(pointed), "two readings", 1.0)
    return Numbers(values, mark="." if proven else "", whole=whole)


def _needs_point(text: str) -> bool:
    """Return whether the point in a number cannot separate thousands."""
    whole, _, rest = text.lstrip("+-").partition(".")
    grouped = len(rest) == 3 and rest.isdigit() and 1 <= len(whole) <= 3
    return not grouped or whole.startswith("0")


def _by_missing_point(parts: dict[int, _Part], readings: dict[str, np.ndarray]) -> str | None:
    """Return the convention that wrote thousands, where a cell without a mark proves it.

    A program that writes 2731 as "2,731" writes 999 as "999". One that writes decimals to three
    places writes "999.000"; one that leaves zeros away at the end writes nine in ten to three.
    """
    digits = [part.digits for part in parts.values()]
    marked = sum(not text.isdigit() for text in digits)
    if marked == len(digits) or marked < 40:
        return None
    separated = [name for name in readings if _CONVENTIONS[name][1]]
    return separated[0] if len(separated) == 1 else None


def _split(text: str) -> _Part | None:
    """Take a cell apart: sign, currency, digits, exponent, scale, unit; None for other text."""
    if found := re.fullmatch(r"([^\w\s(.,+-]{1,2})\s*\((.*)\)", text):
        text = f"({found[1]}{found[2]})"  # $(5.00)
    bracket = text.startswith("(") and text.endswith(")")
    if bracket:
        text = text[1:-1].strip()
    behind = text.endswith("-") and len(text) > 1
    if behind:
        text = text[:-1].strip()
    found = _DRESSED.fullmatch(text)
    if found is None or (found["sign1"] and found["sign"]):
        return None
    before = found["before"].strip()
    if bracket is False and "(" in before:
        return None
    if re.search(r"\w", before) and before.lower().rstrip(".") not in _CURRENCIES:
        return None  # Q1, AB12: names, no numbers
    sign = found["sign1"] or found["sign"]
    if (bracket or behind) and sign:
        return None
    after = (found["after"] or "").strip()
    scale = after if after.lower().rstrip(".") in _SCALES else ""
    unit = "" if scale else after
    if unit and not _UNIT.fullmatch(unit):
        # A scale and a unit: 5M USD.
        first, _, rest = unit.partition(" ")
        if first.lower() not in _SCALES or not _UNIT.fullmatch(rest):
            return None  # 4:53, 12 of 30, a sentence
    return _Part(
        bracket or behind or sign == "-",
        before,
        found["digits"],
        found["exponent"] or "",
        scale,
        unit,
        bracket,
        behind,
        bool(found["space"]),
    )


def _scaled(parts: dict[int, _Part]) -> tuple[dict[int, _Part], str]:
    """Return the parts, and the unit if what looks like one scale for all is a unit: 5 m, 300 K.

    Only letters that differ from cell to cell, or a capital M, B, T right behind the digits, are
    thousands and millions.
    """
    scales = {part.scale for part in parts.values()}
    if len(scales) > 1 or scales == {""}:
        return parts, ""
    scale = next(iter(scales))
    spaced = any(part.spaced for part in parts.values())
    if (scale.isupper() and not spaced) or len(scale) > 1:
        return parts, ""
    return {i: dataclasses.replace(part, scale="") for i, part in parts.items()}, scale


def _value(part: _Part, convention: str) -> float:
    _, deleted, mark = _CONVENTIONS[convention]
    digits = part.digits.replace(deleted, "") if deleted else part.digits
    # As Python reads "2.34e6": a product would be off in the last digit.
    exponent = part.exponent or (f"e{_power(part.scale)}" if part.scale else "")
    number = float(digits.replace(mark, ".") + exponent)
    return -number if part.negative else number


def _power(scale: str) -> int:
    return _SCALES[scale.lower().rstrip(".")]


def _words(convention: str, dress: tuple[str, str], parts: dict[int, _Part]) -> str:
    """Say what was converted."""
    said = []
    _, deleted, mark = _CONVENTIONS[convention]
    if deleted and any(deleted in part.digits for part in parts.values()):
        said.append(f"{'a space' if deleted == ' ' else repr(deleted)} separates thousands")
    if mark == "," and any("," in part.digits for part in parts.values()):
        said.append("',' is the decimal mark")
    if scales := sorted({part.scale for part in parts.values() if part.scale}):
        said.append(", ".join(f"{scale} is 10^{_power(scale)}" for scale in scales))
    if any(part.bracket for part in parts.values()):
        said.append("(5) is -5")
    if any(part.behind for part in parts.values()):
        said.append("5- is -5")
    said += [f"{text!r} is left out" for text in dress if text]
    return "; ".join(said)
