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

from utils.datasets.tables.dress import BOUND, Part, power, take_apart, without_shared_scale

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
# So many numbers with three digits behind a mark, beside others without it, are thousands.
MANY = 40

_SAME = str.maketrans(
    {"−": "-", "–": "-", "‒": "-", "﹣": "-", "－": "-", "’": "'", "ʼ": "'"}
    | {"\u00a0": " ", "\u2007": " ", "\u2009": " ", "\u202f": " ", "\u3000": " "}
    | {"．": ".", "，": ","}
)
_PLAIN = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
# A spreadsheet's number that is kept as text: '13.02 or ="13.02".
_EXCEL_TEXT = re.compile(r"^(?:'([-+]?[\d.,]+)|=\"([^\"]*)\")$")
# Digits, a comma and one figure more: 0025,5 is a reading in tenths and its quality.
_CODED = re.compile(r"[-+]?(\d{3,6}),\d")
_CHARACTERS = {".": re.compile(r"[-+.0-9eE\n]*"), ",": re.compile(r"[-+,0-9eE\n]*")}


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
        why: "not a number", "a spreadsheet's error", "infinite", "two readings", "a bound",
            "a code and a flag" or "a mark or a multiplier".
        share: which part of the cells that are there could be read.
    """

    row: int
    cell: str
    count: int
    why: str
    share: float


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
    if (quick := _quick(cells, mark)) is not None:
        return quick
    texts = [_EXCEL_TEXT.sub(r"\1\2", cell.strip().translate(_SAME)) for cell in cells]
    there = [i for i, text in enumerate(texts) if not is_missing(text, missing)]
    if not there:
        return None
    values = np.full(len(texts), np.nan)
    endless = [i for i in there if INFINITE.fullmatch(texts[i])]
    if mark != "," and all(_PLAIN.fullmatch(texts[i]) for i in there):
        values[there] = [float(texts[i]) for i in there]
        return _finished(values, [texts[i] for i in there], there, mark)
    bounds = [i for i in there if texts[i][0] in "<>≤≥" and BOUND.fullmatch(texts[i])]
    parts = {
        i: part
        for i in there
        if i not in set(bounds) and (part := take_apart(texts[i])) is not None
    }
    # What most of the readable cells wear, all have to wear.
    dress = Counter((part.before, part.unit) for part in parts.values())
    usual = dress.most_common(1)[0][0] if dress else ("", "")
    good = {i: part for i, part in parts.items() if (part.before, part.unit) == usual}
    fits = _fitting(good, mark)
    most = max((len(rows) for rows in fits.values()), default=0)
    share = (most + len(endless)) / len(there)
    if bounds and share + len(bounds) / len(there) > NEARLY:
        return Refused(bounds[0], cells[bounds[0]].strip(), len(bounds), "a bound", share)
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
    if not mark and (flagged := _with_flags(texts, there)):
        return flagged
    good, unit = without_shared_scale(good)
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
    if (lone := _flag_as_scale(values, good)) is not None:
        count = sum(bool(part.scale) for part in good.values())
        return Refused(lone, cells[lone].strip(), count, "a mark or a multiplier", 1.0)
    if np.isinf(values).any():
        i = int(np.isinf(values).argmax())
        return Refused(i, cells[i].strip(), int(np.isinf(values).sum()), "infinite", 1.0)
    digits = [part.digits for part in good.values()]
    decimals = any(_CONVENTIONS[first][2] in text for text in digits)
    worn = (usual[0], unit or usual[1])
    whole = not decimals and not any(part.scale or part.exponent for part in good.values())
    proof = _CONVENTIONS[first][2] if decimals else ""
    return Numbers(values, _words(first, worn, good), proof, whole)


def other_notation(cell: str) -> Part | None:
    """Return a cell that is a number by itself, taken apart; None for anything else."""
    part = take_apart(cell.strip().translate(_SAME))
    if part is None or not any(one[0].fullmatch(part.digits) for one in _CONVENTIONS.values()):
        return None
    # 4o and 3l are slips of the hand, or of a program that reads images.
    # A long word makes something else of the row: 0.77 Dividend is no price.
    return None if part.unit in ("o", "O", "l", "I") or len(part.unit) > 5 else part


def _with_flags(texts: Sequence[str], there: Sequence[int]) -> Refused | None:
    """Return the refusal of cells such as +0025,5: whole numbers and a flag, as weather services
    write them, not decimals."""
    coded = [_CODED.fullmatch(texts[i]) for i in there]
    if all(coded) and len({len(one[1]) for one in coded if one}) == 1:
        padded = [i for i in there if texts[i].lstrip("+-").startswith("0")]
        if padded:
            i = padded[0]
            return Refused(i, texts[i], len(there), "a code and a flag", 1.0)
    return None


def _flag_as_scale(values: np.ndarray, parts: dict[int, Part]) -> int | None:
    """Return the row of a "59.5 b" that is no 59.5 billion: far beyond all cells without a letter.

    A program that shortens 1200 to "1.2K" writes what is smaller without a letter.
    """
    scaled = [i for i, part in parts.items() if part.scale]
    plain = [abs(values[i]) for i, part in parts.items() if not part.scale]
    if not scaled or not any(plain):
        return None
    # A lone "k" makes a thousand times as much: some hundred times the largest of the others.
    far = [i for i in scaled if abs(values[i]) > 200 * max(plain)]
    return far[0] if len(far) == len(scaled) else None


def _fitting(parts: dict[int, Part], mark: str) -> dict[str, set[int]]:
    """Return the rows that each convention reads; those that read fewest of a sample are spared."""
    allowed = {name: one[0] for name, one in _CONVENTIONS.items() if mark in ("", one[2])}
    sample = list(parts.values())[:200]
    reads = {
        name: sum(pattern.fullmatch(part.digits) is not None for part in sample)
        for name, pattern in allowed.items()
    }
    if len(sample) < len(parts) and len(sample) in reads.values():
        allowed = {name: allowed[name] for name, count in reads.items() if count == len(sample)}
    return {
        name: {i for i, part in parts.items() if pattern.fullmatch(part.digits)}
        for name, pattern in allowed.items()
    }


def _quick(cells: Sequence[str], mark: str) -> Numbers | Refused | None:
    """Read a column without gaps that holds digits, signs and one kind of mark; or None."""
    for decimal, characters in _CHARACTERS.items():
        if mark in ("", decimal) and characters.fullmatch("\n".join(cells[:50])):
            break
    else:
        return None
    if not characters.fullmatch("\n".join(cells)):
        return None
    pointed = cells if decimal == "." else [cell.replace(",", ".") for cell in cells]
    try:
        values = np.array([float(cell) for cell in pointed])
    except ValueError:
        return None
    if not len(values):
        return None
    if decimal == ".":
        return _finished(values, cells, range(len(cells)), mark)
    if not mark and _with_flags(cells, range(len(cells))):
        return None
    with_comma = [cell for cell in pointed if "." in cell]
    if np.isinf(values).any() or not (mark or any(_needs_point(cell) for cell in with_comma)):
        return None
    return Numbers(values, "',' is the decimal mark", ",", False)


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
        if MANY <= len(pointed) < len(texts) and not any("e" in text.lower() for text in texts):
            values = values.copy()
            values[list(there)] = [float(text.replace(".", "")) for text in texts]
            return Numbers(values, "'.' separates thousands", whole=True)
        k = pointed[0]
        return Refused(there[k], texts[k], len(pointed), "two readings", 1.0)
    return Numbers(values, mark="." if proven else "", whole=whole)


def _needs_point(text: str) -> bool:
    """Return whether the point in a number cannot separate thousands."""
    whole, _, rest = text.lstrip("+-").partition(".")
    grouped = len(rest) == 3 and rest.isdigit() and 1 <= len(whole) <= 3
    return not grouped or whole.startswith("0")


def _by_missing_point(parts: dict[int, Part], readings: dict[str, np.ndarray]) -> str | None:
    """Return the convention that wrote thousands, where a cell without a mark proves it.

    A program that writes 2731 as "2,731" writes 999 as "999". One that writes decimals to three
    places writes "999.000"; one that leaves zeros away at the end writes nine in ten to three.
    """
    digits = [part.digits for part in parts.values()]
    marked = sum(not text.isdigit() for text in digits)
    if marked == len(digits) or marked < MANY:
        return None
    separated = [
        name
        for name in readings
        if (mark := _CONVENTIONS[name][1]) and any(mark in text for text in digits)
    ]
    same = all(np.array_equal(readings[name], readings[separated[0]]) for name in separated)
    return separated[0] if separated and same else None


def _value(part: Part, convention: str) -> float:
    _, deleted, mark = _CONVENTIONS[convention]
    digits = part.digits.replace(deleted, "") if deleted else part.digits
    # As Python reads "2.34e6": a product would be off in the last digit.
    exponent = part.exponent or (f"e{power(part.scale)}" if part.scale else "")
    number = float(digits.replace(mark, ".") + exponent)
    return -number if part.negative else number


def _words(convention: str, dress: tuple[str, str], parts: dict[int, Part]) -> str:
    """Say what was converted."""
    said = []
    _, deleted, mark = _CONVENTIONS[convention]
    if deleted and any(deleted in part.digits for part in parts.values()):
        said.append(f"{'a space' if deleted == ' ' else repr(deleted)} separates thousands")
    if mark == "," and any("," in part.digits for part in parts.values()):
        said.append("',' is the decimal mark")
    if scales := sorted({part.scale for part in parts.values() if part.scale}):
        said.append(", ".join(f"{scale} is 10^{power(scale)}" for scale in scales))
    if any(part.bracket for part in parts.values()):
        said.append("(5) is -5")
    if any(part.behind for part in parts.values()):
        said.append("5- is -5")
    if any(part.no_cents for part in parts.values()):
        said.append("a dash behind the decimal mark is no minus")
    said += [f"{text!r} is left out" for text in dress if text]
    return "; ".join(said)
