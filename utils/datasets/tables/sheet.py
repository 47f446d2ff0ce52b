"""Rows of cells as a table: the header is found, and what is no row of data is left out.

What was left out on the way (title lines, comments, blank lines, a row of totals) is said in the
notes. Nothing is understood of the columns: see ``columns``.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections import Counter
from pathlib import Path

from utils.datasets.tables.carriers import Raw, read_raw
from utils.datasets.tables.dates import Dates, read_dates
from utils.datasets.tables.numerals import MISSING, Numbers, Refused, read_numbers

_TOTALS = re.compile(
    r"(grand |sub)?-?total\w*|sum|mean|average|avg|median|summe|gesamt|mittel(wert)?|somme|moyenne"
    r"|suma|media|max(imum)?|min(imum)?|count|std|stdev|合计|总计|合計",
    re.IGNORECASE,
)
_REMARK = re.compile(r"[^\W\d][^\d:]{2,}\s?:|.*(\(c\)|©)|\*", re.IGNORECASE)
_COMMENT = re.compile(r"(#(?!#*$|n/a|div/0!|ref!|value!|name\?|num!|null!)|//)", re.IGNORECASE)


@dataclasses.dataclass
class Sheet:
    """A table of text.

    Attributes:
        path: where it comes from.
        header: the name of each column; "" where there is none.
        rows: the cells, a list a row, all as long as the header.
        lines: the line of the file (or the row of the sheet) on which each row starts.
        notes: what was left out or assumed, a sentence each.
    """

    path: Path
    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    notes: list[str]


def read_sheet(path: Path) -> Sheet:
    """Read a file as a table of text.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no table; one sentence, with the line.
    """
    return sheet_of(read_raw(path))


def sheet_of(raw: Raw) -> Sheet:
    """Find the header in rows of cells, and leave out what is no row of data.

    Raises:
        ValueError: if there is no header, no row, or a row that does not fit.
    """
    path, notes = raw.path, raw.notes
    rows, lines = _without_comments(_without_hash(raw.rows), raw.lines, notes)
    rows, lines = _without_blank(rows, lines, notes)
    rows = [row or [""] for row in rows]
    if not rows:
        raise ValueError(f"{path} is empty; expected a header and rows of numbers.")
    rows, lines = _without_title(rows, lines, notes)
    width = Counter(len(row) for row in rows).most_common(1)[0][0]
    rows = [_cut(row, width) for row in rows]
    rows, lines = _without_totals(rows, lines, notes)
    if len(rows) == 1:
        raise ValueError(f"{path} has a header but no rows.")
    body = _body(rows)
    if body is None:
        names = ", ".join(repr(name) for name in rows[0][:20] if name)
        raise ValueError(
            f"{path} has no numeric column; its columns are {names} (no row below them is of "
            "numbers or dates)."
        )
    if body == 0:
        raise ValueError(
            f"The first line of {path} holds data ({rows[0][0]!r}, …); expected a header with the "
            f"name of each column: put a line above it, such as {_example(rows[0], raw.delimiter)}."
        )
    header = _header(rows[:body], notes)
    above = rows[:body]
    rows, lines = rows[body:], lines[body:]
    again = [i for i, row in enumerate(rows) if row in above or _same_names(row, header)]
    if again:
        notes.append(
            f"The header comes again on line {lines[again[0]]} and is left out there: were files "
            "joined?"
        )
        kept = [i for i in range(len(rows)) if i not in set(again)]
        rows, lines = [rows[i] for i in kept], [lines[i] for i in kept]
    header = _with_index(header, rows, notes)
    return Sheet(path, header, _filled(raw, header, rows, lines), lines, notes)


def _filled(
    raw: Raw, header: list[str], rows: list[list[str]], lines: list[int]
) -> list[list[str]]:
    """Return rows of the header's length: cells that are missing at the end are empty."""
    width = len(header)
    longest = max(len(row) for row in rows) if rows else width
    if longest < width and all(header) and raw.delimiter:
        raise ValueError(
            f"The header of {raw.path} has {width} names, but no row more than {longest} cells; "
            "expected a name for each column."
        )
    for row, line in zip(rows, lines, strict=True):
        if any(row[width:]):
            why = "one cell a column"
            if raw.delimiter == ",":
                why += " (a number with a comma in it has to stand in quotation marks)"
            raise ValueError(
                f"Line {line} of {raw.path} has {len(row)} cells, the header {width}; "
                f"expected {why}."
            )
    return [row[:width] + [""] * (width - len(row)) for row in rows]


def _without_hash(rows: list[list[str]]) -> list[list[str]]:
    """Drop the # that NumPy writes before a header where spaces separate the cells."""
    if len(rows) > 1 and rows[0][:1] == ["#"] and len(rows[0]) == len(rows[1]) + 1:
        return [rows[0][1:], *rows[1:]]
    return rows


def _without_comments(
    rows: list[list[str]], lines: list[int], notes: list[str]
) -> tuple[list[list[str]], list[int]]:
    """Drop lines that start with #; one that is as wide as the table is its header."""
    marked = [i for i, row in enumerate(rows) if row and _COMMENT.match(row[0])]
    below = [i for i in range(len(rows)) if i not in set(marked)]
    above = [i for i in marked if below and i < below[0]]
    for line in above:  # the first that is as wide as the table; units may stand in the next
        names = [rows[line][0].lstrip("#/ "), *rows[line][1:]]
        data = any(_kind(cell) for cell in rows[below[0]])
        if len(names) == len(rows[below[0]]) > 1 and data and not any(map(_kind, names)):
            marked = [other for other in marked if other != line]
            rows = [*rows[:line], names, *rows[line + 1 :]]  # "# time, value": the header itself
            break
    if not marked:
        return rows, lines
    notes.append(f"{_counted(len(marked), 'comment line')} left out, from line {lines[marked[0]]}.")
    dropped = set(marked)
    kept = [i for i in range(len(rows)) if i not in dropped]
    return [rows[i] for i in kept], [lines[i] for i in kept]


def _without_blank(
    rows: list[list[str]], lines: list[int], notes: list[str]
) -> tuple[list[list[str]], list[int]]:
    """Drop rows without any cell; those between the others are said.

    In a table of one column such a row is a missing value, unless every second one is empty.
    """
    full = [i for i, row in enumerate(rows) if any(row)]
    inside = [i for i in range(len(rows)) if full and full[0] < i < full[-1] and not any(rows[i])]
    if inside and max(map(len, rows)) == 1 and len(inside) < 0.4 * len(full):
        return rows[full[0] : full[-1] + 1], lines[full[0] : full[-1] + 1]
    if inside:
        notes.append(
            f"{_counted(len(inside), 'blank line')} left out, the first is line {lines[inside[0]]}."
        )
    return [rows[i] for i in full], [lines[i] for i in full]


def _without_title(
    rows: list[list[str]], lines: list[int], notes: list[str]
) -> tuple[list[list[str]], list[int]]:
    """Drop the lines above the header that hold fewer cells than the table."""
    widths = [sum(bool(cell) for cell in row) for row in rows]
    width = Counter(widths).most_common(1)[0][0]
    if width < 2:
        return rows, lines
    first = next((i for i, cells in enumerate(widths) if cells >= max(2, width - 1)), 0)
    narrow = [i for i in range(first) if widths[i] < max(2, width / 2) and rows[i][0]]
    if not narrow or narrow != list(range(first)) or _is_group_row(rows, first):
        return rows, lines
    notes.append(
        f"{_counted(first, 'title line')} above the header left out: {rows[0][0][:40]!r} …"
    )
    return rows[first:], lines[first:]


def _is_group_row(rows: list[list[str]], first: int) -> bool:
    """Return whether the lines above the first full row are header lines: that row is of data."""
    last = next(cell for cell in rows[first][::-1] if cell)
    return _kind(last) != "" and not re.fullmatch(r"(18|19|20)\d\d", last)


def _cut(row: list[str], width: int) -> list[str]:
    """Drop empty cells at the end that only a comma too many made."""
    while len(row) > width and not row[-1]:
        row = row[:-1]
    return row


def _kind(cell: str) -> str:
    """Return "number", "date" or "" of a cell by itself: good enough to find the header."""
    if re.search(r"[^\W\d_]", cell) and isinstance(read_dates([cell]), Dates):
        return "date"  # 2010-Q1 is no number of a unit Q1
    numbers = read_numbers([cell])
    if isinstance(numbers, Numbers) or (
        isinstance(numbers, Refused)
        and numbers.why not in ("not a number", "a spreadsheet's error")
    ):
        return "number"
    return "" if read_dates([cell]) is None else "date"


def _body(rows: list[list[str]]) -> int | None:
    """Return the first row of data: what it holds is of the kind that the rows below hold."""
    sample = rows[1:][-50:] if len(rows) > 1 else rows
    width = Counter(len(row) for row in sample).most_common(1)[0][0]
    typical: dict[int, str] = {}
    for position in range(width):
        cells = [row[position] for row in sample if len(row) > position]
        there = [cell for cell in cells if cell.lower() not in MISSING]
        if not there:
            continue
        kind, count = Counter(_kind(cell) for cell in there).most_common(1)[0]
        if kind and count > len(there) / 2:
            typical[position] = kind
    if not typical:
        return None
    for i, row in enumerate(rows):
        known = [k for k in typical if k < len(row) and row[k].lower() not in MISSING]
        if i and any(typical[k] == _kind(row[k]) == "date" for k in known):
            return i  # a line with a date is one of data, whatever else it holds
        found = [k for k in known if _kind(row[k]) == typical[k]]
        if i == 0 and found and _may_be_names(rows, found):
            continue
        if known and len(found) > len(known) / 2:
            return i
    return None


def _example(row: list[str], delimiter: str) -> str:
    """Return a header for a row of data, to be copied and corrected."""
    names = []
    for place, cell in enumerate(row, 1):
        date = isinstance(read_dates([cell]), Dates) or re.fullmatch(r"1\d{9}(\d{3}){0,2}", cell)
        if date and "date" not in names:
            names.append("date")
        elif re.fullmatch(r"\d{1,2}:\d\d(:\d\d)?", cell) and "time" not in names:
            names.append("time")
        else:
            names.append(f"column{place}")
    return (delimiter or ",").join(names)


def _may_be_names(rows: list[list[str]], found: list[int]) -> bool:
    """Return whether numbers or dates in the first row are the names of the columns.

    They are where they count up, as pandas' own names and years do, or where the row below is
    written differently: names are whole numbers, the data have decimals; names are dates, the data
    are numbers.
    """
    first, second = rows[0], rows[1]
    names = [first[k] for k in found]
    if len(set(first)) < len(first):
        return False
    if not all(name.isdigit() for name in names):
        kinds = [(_kind(first[k]), _kind(second[k])) for k in found if k < len(second)]
        return all(one == "date" and other == "number" for one, other in kinds)
    steps = {int(b) - int(a) for a, b in itertools.pairwise(names)}
    below = [second[k] for k in found if k < len(second)]
    counts = steps == {1} and (len(names) < len(first) or not _counts_on(rows, found))
    return counts or not all(cell.lstrip("+-").isdigit() for cell in below)


def _counts_on(rows: list[list[str]], found: list[int]) -> bool:
    """Return whether every row counts up from left to right as the first one does."""
    for row in rows[1:5]:
        cells = [row[k] for k in found if k < len(row)]
        if not all(cell.isdigit() for cell in cells) or len(cells) < 2:
            return False
        if {int(b) - int(a) for a, b in itertools.pairwise(cells)} != {1}:
            return False
    return len(rows) > 1


def _header(above: list[list[str]], notes: list[str]) -> list[str]:
    """Return the names from the lines above the data: a header, perhaps with more lines."""
    width = max(len(row) for row in above)
    above = [row + [""] * (width - len(row)) for row in above]
    names = list(above[0])
    full = [name for name in names if name]
    for row in above[1:]:
        filled = [cell for cell in row if cell]
        if filled == [row[0]] and len(row) > 1:
            names[0] = row[0]  # the index' name, as pandas writes it
        elif row == above[0]:
            continue
        elif _better(row, full):
            names = [new or old for new, old in zip(row, names, strict=False)]
            full = [name for name in names if name]
    if len(above) > 1:
        said = " / ".join(", ".join(cell for cell in row[:4]) for row in above[1:])
        shown = ", ".join(repr(name) for name in names[:4])
        notes.append(
            f"There are {len(above)} header lines: the names are {shown} …; besides: {said!r}."
        )
    return names


def _better(row: list[str], full: list[str]) -> bool:
    """Return whether a second header line names the columns and the first only grouped them."""
    filled = [cell for cell in row if cell]
    grouped = len(set(full)) < len(full) or len(full) < len(filled) - 1
    return grouped and len(set(filled)) == len(filled)


def _same_names(row: list[str], header: list[str]) -> bool:
    return [cell for cell in row if cell] == [name for name in header if name]


def _with_index(header: list[str], rows: list[list[str]], notes: list[str]) -> list[str]:
    """Return the header with a nameless first column where R left its row numbers unnamed."""
    if not all(len(row) == len(header) + 1 for row in rows):
        return header
    first = [row[0] for row in rows]
    if first not in ([str(i + k) for i in range(len(rows))] for k in (0, 1)):
        return header
    notes.append("The rows are numbered in a first column that the header leaves out.")
    return ["", *header]


def _without_totals(
    rows: list[list[str]], lines: list[int], notes: list[str]
) -> tuple[list[list[str]], list[int]]:
    """Drop last rows of totals, and footnotes, of however many cells and lines."""
    sample = rows[-150:][: min(100, len(rows) // 2)] if len(rows) > 9 else []
    kinds = Counter(_kind(row[0]) for row in sample if row)
    usual_kind = max(kinds, key=lambda kind: kinds[kind], default="")
    dropped: list[tuple[int, str]] = []
    while len(rows) > 2:
        last = rows[-1]
        texts = [cell for cell in last if cell and not _kind(cell)]
        alone = len([cell for cell in last if cell]) == 1 and max(map(len, rows[:50])) > 1
        usual = [cell for cell in rows[-2] if cell] if not dropped else [""] * 2
        footnote = alone and texts and len(usual) > 1 and len(texts[0]) > 3
        total = any(_TOTALS.fullmatch(cell.rstrip(": ")) for cell in texts)
        # A whole line of data about a city called Max, or of which others bear the same word.
        dated = usual_kind == "date" and _kind(last[0]) == "date" and all(last)
        if total and (dated or _comes_often(rows, texts)):
            total = False
        # Words where the other rows begin with a date or a number, and no number behind them.
        strange = (
            usual_kind != ""
            and last[0] != ""
            and not _kind(last[0])
            and last[0].lower() not in MISSING
            and 2 * len(texts) >= len([cell for cell in last if cell])
            and len(last[0]) > 3
            and (not all(map(_kind, last[1:])) or len(last) == 1 or _REMARK.match(last[0]))
        )
        if not (total or footnote or strange):
            break
        dropped.append((lines[-1], (texts or last)[0][:40]))
        rows, lines = rows[:-1], lines[:-1]
    if len(dropped) == 1:
        line, said = dropped[0]
        notes.append(f"The last line ({line}) is no row of data and is left out: {said!r}.")
    elif dropped:
        notes.append(
            f"The last {len(dropped)} lines (from {dropped[-1][0]}) are no rows of data and are "
            f"left out: {dropped[-1][1]!r} …"
        )
    return rows, lines


def _comes_often(rows: list[list[str]], texts: list[str]) -> bool:
    """Return whether a word of the last row stands in the same place of several others."""
    words = [(place, cell) for place, cell in enumerate(rows[-1]) if cell in texts]
    return any(
        sum(len(row) > place and row[place] == cell for row in rows[:-1]) > 1
        for place, cell in words
        if _TOTALS.fullmatch(cell.rstrip(": "))
    )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count > 1)}"
