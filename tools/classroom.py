"""The assignments as a class uses them: makes the students' release, grades what they hand in.

    python tools/classroom.py release                      dist/assignments: the students' notebooks
    python tools/classroom.py grade FOLDER [--out grades]  marks, reasons and feedback

Submissions are ``*.ipynb`` files anywhere in the folder, with the assignment's name in their own:
``ada/a1_rnn.ipynb`` (the student is the first folder) or ``ada_a1_rnn.ipynb``, as learning
platforms name them. nbgrader keeps the marks (``OUT/gradebook.db``); each submission is run in a
process and a box of its own (tools/sandbox.py), so that none can stop the batch.
"""

from __future__ import annotations

import argparse
import csv
import html
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = dict.fromkeys([str(ROOT), *sys.path])  # also when this file is run by its path
SOURCE = ROOT / "assignments" / "source"
SETTINGS = ROOT / "assignments" / "nbgrader_config.py"
RELEASE = ROOT / "dist" / "assignments"
LARGEST = 20_000_000  # bytes of a notebook, or of the files beside it
FIELDS = ("student", "assignment", "score", "max_score", "by_hand", "notes")
CELL_FIELDS = ("student", "assignment", "cell", "score", "max_score", "reason")


class SubmissionError(ValueError):
    """A submission cannot be graded; the message is for its author."""


@dataclass
class Submission:
    """What one student handed in for one assignment."""

    student: str
    assignment: str
    path: Path
    notes: list[str] = field(default_factory=list)


def assignments() -> list[str]:
    """Return the names of the assignments."""
    return sorted(path.parent.name for path in SOURCE.glob("*/*.ipynb"))


def course(folder: Path, config: dict[str, Any] | None = None) -> Any:
    """Return nbgrader's interface to the course in ``folder``."""
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config, PyFileConfigLoader

    # nbgrader calls alembic by name, also where .venv is not activated.
    os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    settings = PyFileConfigLoader(SETTINGS.name, str(SETTINGS.parent)).load_config()
    settings.merge(Config(config or {}))
    settings.CourseDirectory.root = str(folder)
    return NbGraderAPI(config=settings)


def done(result: dict[str, Any], what: str) -> None:
    """Raise ``RuntimeError`` if nbgrader says that it failed."""
    if not result["success"]:
        log = (result.get("log") or "") + (result.get("error") or "")
        raise RuntimeError(f"nbgrader could not {what}:\n{log.strip()}")


# ── The release ───────────────────────────────────────────────────────────────────────────────


def release(folder: Path, names: Sequence[str]) -> None:
    """Put the students' versions into ``folder/release``, their points into its gradebook."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(SETTINGS, folder)  # so that nbgrader's own tools, started there, know the course
    for name in names:
        shutil.copytree(SOURCE / name, folder / "source" / name, dirs_exist_ok=True)
        done(course(folder).generate_assignment(name, force=True), f"release {name}")


# ── Collecting ────────────────────────────────────────────────────────────────────────────────


def collect(folder: Path, names: Sequence[str]) -> tuple[list[Submission], list[Path]]:
    """Return the submissions in a folder, and the notebooks that name no assignment."""
    found: dict[tuple[str, str], Submission] = {}
    unknown = []
    for path in sorted(folder.rglob("*.ipynb"), key=lambda p: (p.stat().st_mtime, p.name)):
        inside = path.relative_to(folder)
        if ".ipynb_checkpoints" in inside.parts:
            continue
        named = [name for name in names if name in path.stem]
        if len(named) != 1:
            unknown.append(path)
            continue
        before = path.stem.partition(named[0])[0]
        student = inside.parts[0] if len(inside.parts) > 1 else before
        student = re.sub(r"[^\w.-]+", "_", student).strip("_.-")
        if not student:
            unknown.append(path)
            continue
        submission = Submission(student, named[0], path)
        if (student, named[0]) in found:
            submission.notes.append("Several files: the newest was graded.")
        found[student, named[0]] = submission
    return sorted(found.values(), key=lambda s: (s.assignment, s.student)), unknown


def read(path: Path) -> NotebookNode:
    """Return a submitted notebook.

    Raises:
        SubmissionError: it is too large, or no notebook.
    """
    if path.stat().st_size > LARGEST:
        raise SubmissionError(f"The file is larger than {LARGEST // 10**6} MB.")
    try:
        notebook = nbformat.read(path, as_version=4)
        cells = [cell for cell in notebook.cells if isinstance(cell.source, str)]
    except Exception as error:
        raise SubmissionError(
            f"The file is not a valid notebook ({type(error).__name__})."
        ) from None
    if not cells:
        raise SubmissionError("The notebook has no cells.")
    notebook.cells = cells
    return notebook


def rebuilt(submitted: NotebookNode, released: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """Return the released notebook with a student's solutions and own cells, and what was mended.

    Locked cells are the released ones, in the released order, whatever the submission made of
    them. A cell that the student added comes after the released cell that it followed.
    """
    kept = {_id(cell): cell for cell in released.cells if _id(cell)}
    answers: dict[str, NotebookNode] = {}
    added: dict[str, list[NotebookNode]] = {}
    notes, edited, last = [], [], ""
    for cell in submitted.cells:
        name = _id(cell)
        if name not in kept:
            if cell.cell_type == "code" and not _given(cell, released):
                cell.metadata = NotebookNode()
                added.setdefault(last, []).append(cell)
            continue
        last = name
        if name in answers:
            continue
        answers[name] = cell
        if _locked(kept[name]) and cell.source.strip() != kept[name].source.strip():
            edited.append(name)
    missing = [name for name in kept if name not in answers]
    if missing:
        notes.append(f"Cells that were deleted came back as released: {', '.join(missing)}.")
    if edited:
        notes.append(f"Locked cells that were edited came back as released: {', '.join(edited)}.")
    whole = released.copy()
    whole.cells = list(added.get("", []))
    for cell in released.cells:
        name = _id(cell)
        cell = NotebookNode(cell)
        if name in answers and not _locked(cell):
            cell.source = answers[name].source
        whole.cells += [cell, *added.get(name, [])] if name else [cell]
    for cell in whole.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return whole, notes


def _id(cell: NotebookNode) -> str:
    marks = cell.metadata.get("nbgrader")
    return str(marks.get("grade_id", "")) if isinstance(marks, dict) else ""


def _locked(cell: NotebookNode) -> bool:
    return bool(cell.metadata["nbgrader"].get("locked"))


def _given(cell: NotebookNode, released: NotebookNode) -> bool:
    """Say whether a cell without marks is one of the released ones."""
    return any(cell.source == other.source and not _id(other) for other in released.cells)


# ── Grading ───────────────────────────────────────────────────────────────────────────────────


def autograde(folder: Path, submission: Submission, limits: dict[str, Any]) -> None:
    """Grade one submission in this process."""
    from nbconvert.preprocessors import ClearMetadataPreprocessor
    from nbgrader import preprocessors as steps

    from tools.sandbox import BoxedExecute

    order = [BoxedExecute, steps.IgnorePattern, ClearMetadataPreprocessor, steps.LimitOutput]
    order += [steps.SaveAutoGrades, steps.CheckCellMetadata]
    config = {"Autograde": {"autograde_preprocessors": order}, "BoxedExecute": limits}
    name = submission.assignment
    done(course(folder, config).autograde(name, submission.student), f"grade {name}")


def grade(folder: Path, submission: Submission, limits: dict[str, Any], patience: float) -> None:
    """Prepare a submission and grade it in a process of its own.

    Raises:
        SubmissionError: it could not be graded; the message says why.
    """
    name = submission.assignment
    released = nbformat.read(folder / "release" / name / f"{name}.ipynb", as_version=4)
    notebook, mended = rebuilt(read(submission.path), released)
    submission.notes += mended
    place = folder / "submitted" / submission.student / name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    submission.notes += _copy_others(submission, place)
    nbformat.write(notebook, place / f"{name}.ipynb")
    order = {"folder": str(folder), "student": submission.student, "assignment": name}
    command = [sys.executable, __file__, "one", json.dumps(order | {"limits": limits})]
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=patience, check=False
        )
    except subprocess.TimeoutExpired:
        raise SubmissionError(f"Grading did not end within {patience:.0f} s.") from None
    if result.returncode:
        last = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise SubmissionError(f"The notebook could not be run: {last[:300]}")


def _copy_others(submission: Submission, place: Path) -> list[str]:
    """Copy the files beside a submission that has a folder of its own."""
    beside = submission.path.parent
    if len(list(beside.glob("*.ipynb"))) > 1 and beside.name != submission.assignment:
        return []
    files = [path for path in beside.iterdir() if path.is_file() and path.suffix != ".ipynb"]
    files = [path for path in files if not path.is_symlink()]
    if sum(path.stat().st_size for path in files) > LARGEST:
        return [f"The files beside it, more than {LARGEST // 10**6} MB, were left out."]
    for path in files:
        shutil.copy(path, place)
    return []


def results(folder: Path, submission: Submission) -> Iterator[dict[str, Any]]:
    """Yield the marks of a graded submission, a row a cell."""
    from nbgrader.api import Gradebook

    name, student = submission.assignment, submission.student
    path = folder / "autograded" / student / name / f"{name}.ipynb"
    outputs = {_id(c): c.get("outputs", []) for c in nbformat.read(path, as_version=4).cells}
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}", "lstm-gan") as book:
        for mark in book.find_submission_notebook(name, name, student).grades:
            errors = [o for o in outputs.get(mark.name, []) if o.output_type == "error"]
            written = [o for o in outputs.get(mark.name, []) if o.get("name") == "stderr"]
            reason = ""
            if errors:
                reason = f"{errors[0].ename}: {errors[0].evalue}".strip(": ").splitlines()[0]
            elif written and mark.score < mark.max_score:
                reason = f"The cell wrote a warning: {written[0].text.strip().splitlines()[-1]}"
            elif mark.needs_manual_grade:
                reason = "by hand"
            yield {
                "student": student,
                "assignment": name,
                "cell": mark.name,
                "score": mark.score,
                "max_score": mark.max_score,
                "reason": reason,
            }


def feedback(folder: Path, submission: Submission) -> None:
    """Write the submission's feedback as HTML, without the hidden tests."""
    from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
    from nbgrader.preprocessors import ClearHiddenTests, GetGrades

    from tools.sandbox import ShortErrors

    order = [GetGrades, ShortErrors, ClearHiddenTests, CSSHTMLHeaderPreprocessor]
    api = course(folder, {"GenerateFeedback": {"preprocessors": order}})
    name = submission.assignment
    done(api.generate_feedback(name, submission.student), f"write the feedback of {name}")


def refused(folder: Path, submission: Submission, reason: str) -> None:
    """Write the feedback of a submission that could not be graded."""
    path = folder / "feedback" / submission.student / submission.assignment
    path.mkdir(parents=True, exist_ok=True)
    title = html.escape(f"{submission.assignment}, {submission.student}: 0 points")
    text = f"<!doctype html><meta charset='utf-8'><title>{title}</title><h1>{title}</h1>"
    name = f"{submission.assignment}.html"
    (path / name).write_text(f"{text}<p>{html.escape(reason)}</p>\n", encoding="utf-8")


def write_csv(path: Path, fields: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Write rows of marks, under a temporary name first."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, fields)
        table.writeheader()
        table.writerows(_harmless(row) for row in rows)
    os.replace(temporary, path)


def _harmless(row: dict[str, Any]) -> dict[str, Any]:
    """Keep a spreadsheet from taking a student's text for a formula."""
    texts = {k: f"'{v}" for k, v in row.items() if isinstance(v, str) and v[:1] in "=+-@"}
    return row | {k: v for k, v in texts.items() if v[1:]}


def grade_all(options: argparse.Namespace) -> int:
    """Grade every submission of a folder; write marks, reasons and feedback."""
    from tools.sandbox import bubblewrap

    names = assignments()
    submissions, unknown = collect(options.submissions, names)
    if not submissions:
        raise FileNotFoundError(
            f"{options.submissions} holds no notebook with one of these in its name: "
            f"{', '.join(names)}."
        )
    if bubblewrap() is None:
        print(
            "bubblewrap is not to be had here: students' code runs with your rights, with network "
            "and with sight of your files. Grade only what you would run yourself, or install it.",
            file=sys.stderr,
        )
    folder = options.out.resolve()
    release(folder, sorted({submission.assignment for submission in submissions}))
    limits = {"timeout": options.seconds, "total": options.total, "memory": options.memory * 10**9}
    rows, cells = [], []
    for submission in submissions:
        row = {"student": submission.student, "assignment": submission.assignment}
        try:
            grade(folder, submission, limits, patience=2 * options.total + 60)
            own = list(results(folder, submission))
            feedback(folder, submission)
            stopped = _not_run(folder, submission)
            row["score"] = sum(cell["score"] for cell in own)
            row["max_score"] = sum(cell["max_score"] for cell in own)
            row["by_hand"] = sum(cell["max_score"] for cell in own if cell["reason"] == "by hand")
            cells += own
        except SubmissionError as error:
            stopped = str(error)
            row |= {"score": 0, "max_score": 100, "by_hand": 0}
            refused(folder, submission, stopped)
        row["notes"] = " ".join([*([stopped] if stopped else []), *submission.notes])
        rows.append(row)
        text = f"{row['student']}, {row['assignment']}: {row['score']:g} of {row['max_score']:g}"
        print(
            text + (f", {row['by_hand']:g} by hand" if row["by_hand"] else "") + f". {row['notes']}"
        )
        write_csv(folder / "grades.csv", FIELDS, rows)
        write_csv(folder / "cells.csv", CELL_FIELDS, cells)
    for path in unknown:
        print(f"Not graded: {path}: its name is not a student and one of {', '.join(names)}.")
    print(f"{folder / 'grades.csv'}, cells.csv, and feedback/STUDENT/ASSIGNMENT/ASSIGNMENT.html")
    return 0


def _not_run(folder: Path, submission: Submission) -> str:
    name = submission.assignment
    path = folder / "autograded" / submission.student / name / f"{name}.ipynb"
    return str(nbformat.read(path, as_version=4).metadata.get("not_run", ""))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("release", help="make the students' notebooks")
    making.add_argument("--out", type=Path, default=RELEASE, help="folder (dist/assignments)")
    grading = commands.add_parser("grade", help="grade a folder of submissions")
    grading.add_argument("submissions", type=Path, help="folder of submitted notebooks")
    grading.add_argument("--out", type=Path, default=ROOT / "grades", help="folder (grades)")
    grading.add_argument("--seconds", type=int, default=120, help="that a cell may take (120)")
    grading.add_argument("--total", type=float, default=900, help="seconds for a notebook (900)")
    grading.add_argument("--memory", type=int, default=6, help="GB that a notebook may take (6)")
    one = commands.add_parser("one", help=argparse.SUPPRESS)
    one.add_argument("order")
    options = parser.parse_args(arguments)
    if options.command == "one":
        order = json.loads(options.order)
        submission = Submission(order["student"], order["assignment"], Path())
        autograde(Path(order["folder"]), submission, order["limits"])
        return 0
    if options.command == "grade":
        if not options.submissions.is_dir():
            print(f"{options.submissions} is not a folder.", file=sys.stderr)
            return 2
        if min(options.seconds, options.total, options.memory) < 1:
            grading.error("--seconds, --total and --memory must be at least 1.")
        try:
            return grade_all(options)
        except FileNotFoundError as error:
            print(error, file=sys.stderr)
            return 2
    names = assignments()
    release(options.out.resolve(), names)
    for name in names:
        print(options.out / "release" / name / f"{name}.ipynb")
    return 0


if __name__ == "__main__":
    sys.exit(main())
