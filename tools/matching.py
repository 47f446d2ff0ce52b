"""Which cell of a submission stands for which cell of the assignment.

nbgrader knows a cell by its metadata. Where an editor or a converter lost these, a cell is known by
its id, by its text, by the function that it defines, or by its place, in this order. What is not
clear is not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from tools.submissions import SubmissionError

DEFINED = re.compile(r"^(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)", re.MULTILINE)
BY_ID, BY_TEXT, BY_FUNCTION, BY_PLACE = "id", "text", "function", "place"
NAMED = (BY_FUNCTION, BY_PLACE)  # of these the notes name the cells


def grade_id(cell: NotebookNode) -> str:
    """Return the name by which nbgrader knows a cell, "" for none."""
    marks = cell.metadata.get("nbgrader")
    return str(marks.get("grade_id", "")) if isinstance(marks, dict) else ""


def rebuilt(submitted: NotebookNode, released: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """Return the released notebook with a student's solutions and own cells, and what was mended.

    Locked cells are the released ones, in the released order, whatever the submission made of
    them. A cell that the student added comes after the released cell that it followed.

    Raises:
        SubmissionError: no cell of the released notebook is in the submission.
    """
    names, notes, unclear = recognised(submitted.cells, released.cells)
    if not any(names):
        raise SubmissionError("It has no cell of this assignment: is it another notebook?")
    kept = {grade_id(cell): cell for cell in released.cells if grade_id(cell)}
    pairs = list(zip(submitted.cells, names, strict=True))
    copies = {name: [cell for cell, other in pairs if other == name] for name in kept}
    answers = {name: _last_changed(cells, kept[name]) for name, cells in copies.items() if cells}
    stubs = {_text(cell) for cell in kept.values() if not _locked(cell)}
    given = {_text(cell) for cell in released.cells if not grade_id(cell)} | stubs | {""}
    added: dict[str, list[NotebookNode]] = {}
    last = ""
    for cell, name in pairs:
        if name and cell is answers[name]:
            last = name
        elif name and _locked(kept[name]):
            continue
        elif cell.cell_type == "code" and _text(cell) not in given:
            own = new_code_cell(cell.source, id=f"own-{sum(map(len, added.values()))}")
            added.setdefault(last, []).append(own)
    open_ones = {name: cell for name, cell in answers.items() if not _locked(kept[name])}
    lost = [name for name in kept if name not in answers and not _locked(kept[name])]
    moved = {name: where for name in lost if (where := _defined_in(kept[name], open_ones))}
    notes += _mended(kept, copies, {*moved, *unclear})
    notes += [f"The solution of {name} is in the cell {where}." for name, where in moved.items()]
    whole = released.copy()
    whole.cells = list(added.get("", []))
    for cell in released.cells:
        name = grade_id(cell)
        cell = NotebookNode(cell)
        if name in answers and not _locked(cell):
            cell.source = answers[name].source
            if cell.cell_type == "markdown" and "attachments" in answers[name]:
                cell.attachments = answers[name].attachments
        elif name in moved:
            cell.source = f"# See the cell {moved[name]}."
        whole.cells += [cell, *added.get(name, [])] if name else [cell]
    for cell in whole.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return whole, notes


def _mended(
    kept: dict[str, NotebookNode], copies: dict[str, list[NotebookNode]], told: set[str]
) -> list[str]:
    """Return sentences about what is missing, edited or there more than once, if not told yet."""
    notes = []
    several = [n for n, cells in copies.items() if len(cells) > 1 and not _locked(kept[n])]
    if several:
        notes.append(
            f"There more than once: {', '.join(several)}. "
            "The last one that is not as it was handed out was graded."
        )
    missing = [name for name in kept if not copies[name] and name not in told]
    if missing:
        notes.append(f"Cells that were deleted came back as released: {', '.join(missing)}.")
    edited = [name for name, cells in copies.items() if cells and _locked(kept[name])]
    edited = [n for n in edited if _text(kept[n]) not in map(_text, copies[n])]
    if edited:
        notes.append(f"Locked cells that were edited came back as released: {', '.join(edited)}.")
    return notes


def _last_changed(cells: Sequence[NotebookNode], stub: NotebookNode) -> NotebookNode:
    """Return which of a cell's copies counts: the last that the student wrote in.

    A cell that was split in two is two copies: the one that defines the function counts.
    """
    changed = [cell for cell in cells if _text(cell) not in ("", _text(stub))]
    whole = [cell for cell in changed if _defines(stub) <= _defines(cell)]
    return (whole or changed or list(cells))[-1]


def _defined_in(stub: NotebookNode, answers: Mapping[str, NotebookNode]) -> str:
    """Return the solution cell into which the missing one was merged, "" for none."""
    wanted = _defines(stub)
    fits = [name for name, cell in answers.items() if wanted and wanted <= _defines(cell)]
    return fits[0] if len(fits) == 1 else ""


# ── Recognising ───────────────────────────────────────────────────────────────────────────────


def recognised(
    submitted: Sequence[NotebookNode], released: Sequence[NotebookNode]
) -> tuple[list[str], list[str], list[str]]:
    """Return for each submitted cell the name of the released one, "" for none; notes; the unclear.

    Several cells have one name where a cell was duplicated. A released cell that one way finds is
    not looked for in another.
    """
    known = _Known(submitted, released)
    known.take("", grade_id)
    known.take(BY_ID, _cell_id)
    known.take(BY_TEXT, _text)
    known.take_functions()
    unclear = known.take_places()
    names = [grade_id(released[at]) if at is not None else "" for at in known.places]
    notes = known.notes()
    if unclear:
        notes.append(
            "Came back as released, since no metadata say which of several cells is meant: "
            f"{', '.join(unclear)}."
        )
    return names, notes, unclear


class _Known:
    """Which submitted cells are known so far, and how."""

    def __init__(self, submitted: Sequence[NotebookNode], released: Sequence[NotebookNode]) -> None:
        self.submitted, self.released = submitted, released
        # Of each submitted cell, where it is in the released notebook; cells of text too, since
        # they say where the others are.
        self.places: list[int | None] = [None] * len(submitted)
        self.how: dict[str, list[str]] = {}

    def _missing(self) -> list[int]:
        found = set(self.places)
        return [at for at in range(len(self.released)) if at not in found]

    def _put(self, at: int, numbers: Sequence[int], how: str) -> None:
        for number in numbers:
            self.places[number] = at
        if numbers and how and grade_id(self.released[at]):
            self.how.setdefault(how, []).append(grade_id(self.released[at]))

    def take(self, how: str, key: Callable[[NotebookNode], str]) -> None:
        """Recognise the cells that have the key of one released cell, and of no other."""
        keys = [key(cell) for cell in self.released]
        theirs = [key(cell) for cell in self.submitted]
        for at in self._missing():
            if keys[at] and keys.count(keys[at]) == 1:
                fits = [n for n, other in enumerate(theirs) if other == keys[at]]
                self._put(at, [n for n in fits if self.places[n] is None], how)

    def take_functions(self) -> None:
        """Recognise solutions by what they define, if no other released cell defines it too."""
        every = [name for cell in self.released for name in _defines(cell)]
        for at in self._missing():
            wanted = {name for name in _defines(self.released[at]) if every.count(name) == 1}
            if not wanted or not self._open(at):
                continue
            fits = [n for n in self._free("code") if wanted <= _defines(self.submitted[n])]
            self._put(at, fits, BY_FUNCTION)

    def take_places(self) -> list[str]:
        """Recognise what alone can be meant between two known cells; return what is unclear."""
        unclear: list[str] = []
        missing = self._missing()
        if len(missing) == len(self.released):
            return []  # another notebook
        for at in missing:
            kind = self.released[at].cell_type
            if not self._open(at):
                continue
            before = max((p for p in self.places if p is not None and p < at), default=-1)
            after = min((p for p in self.places if p is not None and p > at), default=None)
            first = max((n for n, p in enumerate(self.places) if p == before), default=-1)
            end = len(self.places) if after is None else self.places.index(after)
            fits = [n for n in self._free(kind) if first < n < end]
            rivals = [r for r in missing if before < r and (after is None or r < after)]
            alike = [r for r in rivals if self.released[r].cell_type == kind]
            if len(fits) == 1 and not any(grade_id(self.released[r]) for r in alike if r != at):
                self._put(at, fits, BY_PLACE)
            elif fits:
                unclear.append(grade_id(self.released[at]))
        return unclear

    def _open(self, at: int) -> bool:
        cell = self.released[at]
        return bool(grade_id(cell)) and not _locked(cell)

    def _free(self, kind: str) -> list[int]:
        """Return the cells of one kind that are not known and have text."""
        cells = enumerate(self.submitted)
        free = [n for n, c in cells if c.cell_type == kind and self.places[n] is None]
        return [n for n in free if self.submitted[n].source.strip()]

    def notes(self) -> list[str]:
        """Return a sentence about how cells without metadata were recognised."""
        count = sum(map(len, self.how.values()))
        if not count:
            return []
        ways = []
        for how, names in self.how.items():
            which = f" ({', '.join(names)})" if how in NAMED else ""
            ways.append(f"{len(names)} by {how}{which}")
        return [f"Cells without nbgrader's metadata were recognised: {', '.join(ways)}."]


def _cell_id(cell: NotebookNode) -> str:
    """Return a cell's id; Colab keeps it in the metadata."""
    return str(cell.get("id") or cell.metadata.get("id") or "")


def _text(cell: NotebookNode) -> str:
    """Return a cell's text, without the white space that editors change."""
    return "\n".join(line.rstrip() for line in cell.source.strip().splitlines())


def _defines(cell: NotebookNode) -> set[str]:
    """Return the functions and classes that a code cell defines at its top level."""
    return set(DEFINED.findall(cell.source)) if cell.cell_type == "code" else set()


def _locked(cell: NotebookNode) -> bool:
    return bool(cell.metadata["nbgrader"].get("locked"))
