"""The assignments as a class uses them: makes the students' release, grades what they hand in.

    python tools/classroom.py release                      dist/assignments: the students' notebooks
    python tools/classroom.py grade FOLDER [--out grades]  marks, reasons and feedback

Submissions are ``*.ipynb`` files anywhere in the folder, with the assignment's name in their own:
``ada/a1_rnn.ipynb`` (the student is the first folder) or ``ada_a1_rnn.ipynb``, as learning
platforms name them (tools/submissions.py). A cell is recognised also where an editor lost its
metadata (tools/matching.py). nbgrader keeps the marks (``OUT/gradebook.db``); each submission is
run in a process and a box of its own (tools/sandbox.py), so that none can stop the batch.
"""

from __future__ import annotations

import argparse
import csv
import html
import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = dict.fromkeys([str(ROOT), *sys.path])  # also when this file is run by its path

from tools.matching import grade_id, rebuilt  # noqa: E402
from tools.submissions import (  # noqa: E402
    LARGEST,
    Submission,
    SubmissionError,
    collect,
    read,
)

SOURCE = ROOT / "assignments" / "source"
SETTINGS = ROOT / "assignments" / "nbgrader_config.py"
RELEASE = ROOT / "dist" / "assignments"
FIELDS = ("student", "assignment", "score", "max_score", "by_hand", "notes")
CELL_FIELDS = ("student", "assignment", "cell", "score", "max_score", "reason")


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
    notebook, said = read(submission.path)
    notebook, mended = rebuilt(notebook, released)
    submission.notes += [*said, *mended]
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
    outputs = {grade_id(c): c.get("outputs", []) for c in nbformat.read(path, as_version=4).cells}
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
    options = parse(arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries: the terminal is for the marks
        return run(options)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command's options.

    Raises:
        SystemExit: they are not valid.
    """
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
    if options.command == "grade" and min(options.seconds, options.total, options.memory) < 1:
        grading.error("--seconds, --total and --memory must be at least 1.")
    return options


def run(options: argparse.Namespace) -> int:
    """Run one command; return its exit status."""
    if options.command == "one":
        order = json.loads(options.order)
        submission = Submission(order["student"], order["assignment"], Path())
        autograde(Path(order["folder"]), submission, order["limits"])
        return 0
    if options.command == "grade":
        if not options.submissions.is_dir():
            print(f"{options.submissions} is not a folder.", file=sys.stderr)
            return 2
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
