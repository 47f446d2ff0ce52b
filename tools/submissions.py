"""What students hand in, before it is graded: which file is whose, and what is in it."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

LARGEST = 20_000_000  # bytes of a notebook, or of the files beside it


class SubmissionError(ValueError):
    """A submission cannot be graded; the message is for its author."""


@dataclass
class Submission:
    """What one student handed in for one assignment."""

    student: str
    assignment: str
    path: Path
    notes: list[str] = field(default_factory=list)


# ── Whose file it is ──────────────────────────────────────────────────────────────────────────


def collect(folder: Path, names: Sequence[str]) -> tuple[list[Submission], list[Path]]:
    """Return the submissions in a folder, and the notebooks that name no assignment.

    Two spellings of a student's name that clean to one word are two students: each keeps a name
    of its own, which depends on the spelling alone, so that it is the same the next time.
    """
    files: dict[tuple[str, str], list[Path]] = {}
    unknown = []
    for path in sorted(folder.rglob("*.ipynb"), key=lambda p: (p.stat().st_mtime, p.name)):
        inside = path.relative_to(folder)
        if ".ipynb_checkpoints" in inside.parts:
            continue
        named = [name for name in names if name.casefold() in path.stem.casefold()]
        before = path.stem[: path.stem.casefold().find(named[0].casefold())] if named else ""
        # An archive from a Mac writes ü as u and two dots.
        spelling = unicodedata.normalize(
            "NFC", inside.parts[0] if len(inside.parts) > 1 else before
        )
        spelling = spelling.strip(" _.-")
        if len(named) != 1 or not _word(spelling):
            unknown.append(path)
            continue
        files.setdefault((spelling, named[0]), []).append(path)
    students = _students({spelling for spelling, _ in files})
    found = []
    for (spelling, name), paths in files.items():
        student, others = students[spelling]
        submission = Submission(student, name, paths[-1])
        if others:
            both = " and ".join(f"“{each}”" for each in sorted([spelling, *others]))
            submission.notes.append(f"{both} are two students here: this is “{spelling}”.")
        if len(paths) > 1:
            submission.notes.append("Several files: the newest was graded.")
        found.append(submission)
    return sorted(found, key=lambda s: (s.assignment, s.student)), unknown


def _word(spelling: str) -> str:
    """Return a student's name as a folder and the gradebook take it."""
    return re.sub(r"[^\w.-]+", "_", spelling).strip("_.-")


def _students(spellings: set[str]) -> dict[str, tuple[str, list[str]]]:
    """Return each student's name by its spelling, with the other spellings of the same word."""
    alike: dict[str, list[str]] = {}
    for spelling in sorted(spellings):
        # Some file systems do not tell Ada from ada.
        alike.setdefault(_word(spelling).casefold(), []).append(spelling)
    names = {}
    for group in alike.values():
        for spelling in group:
            others = [other for other in group if other != spelling]
            mark = hashlib.sha256(spelling.encode()).hexdigest()[:4]
            names[spelling] = (_word(spelling) + (f"_{mark}" if others else ""), others)
    return names


# ── What is in it ─────────────────────────────────────────────────────────────────────────────


def read(path: Path) -> tuple[NotebookNode, list[str]]:
    """Return a submitted notebook, and a sentence if it is not in plain UTF-8.

    Raises:
        SubmissionError: it is too large, or no notebook.
    """
    if path.stat().st_size > LARGEST:
        raise SubmissionError(f"The file is larger than {LARGEST // 10**6} MB.")
    written = path.read_bytes()
    coding = json.detect_encoding(written)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            notebook = nbformat.reads(written.decode(coding), as_version=4)
        cells = [cell for cell in notebook.cells if isinstance(cell.source, str)]
    except Exception as error:
        raise SubmissionError(
            f"The file is not a valid notebook ({type(error).__name__})."
        ) from None
    if not cells:
        raise SubmissionError("The notebook has no cells.")
    notebook.cells = cells
    if coding == "utf-8":
        return notebook, []
    what = "with a byte order mark" if coding == "utf-8-sig" else f"as {coding.upper()}"
    return notebook, [f"The file was saved {what}, not as plain UTF-8, and was read all the same."]
