"""Grading as an instructor does it: through nbgrader, with submissions that misbehave."""

from __future__ import annotations

import copy
import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from tests.assignment_runner import edited, marks, released

# `make test-classroom` installs it first; learners do without.
pytest.importorskip("nbgrader", reason="requirements-instructor.txt is not installed")

from nbgrader.api import Gradebook

from tools import classroom, sandbox

pytestmark = pytest.mark.classroom
misbehaving = pytest.mark.xdist_group("misbehaving")  # they share one batch of marks

NAMES = classroom.assignments()
FIRST = NAMES[0]
HIDDEN = re.compile(r"^[ \t]*### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS[^\n]*\n?", re.S | re.M)
SEEN = """import pathlib, socket
seen = [str(p) for p in pathlib.Path("/").rglob("gradebook.db") if "packages" not in str(p)]
try:
    socket.create_connection(("192.0.2.1", 80), timeout=1)
except OSError as error:
    print("network:", error.errno)
print("seen:", seen, [p.name for p in pathlib.Path(".").iterdir() if p.name[0] != "."])
print("secret:", "HID" + "DEN" in str(globals()))
"""


def solved(name: str) -> NotebookNode:
    """Return the source as a student would hand it in: without the hidden tests."""
    path = classroom.SOURCE / name / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.source = HIDDEN.sub("", cell.source).rstrip("\n")
    return notebook


def first_test(notebook: NotebookNode) -> int:
    """Return the place of the first test cell."""
    return next(i for i, cell in enumerate(notebook.cells) if marks(cell).get("points"))


def with_cell(code: str, at_end: bool = False) -> NotebookNode:
    """Return a solved notebook with a cell of the student's own before the first test."""
    notebook = solved(FIRST)
    place = len(notebook.cells) if at_end else first_test(notebook)
    notebook.cells.insert(place, new_code_cell(code))
    return notebook


def without_tests() -> NotebookNode:
    notebook = solved(FIRST)
    notebook.cells = [cell for cell in notebook.cells if not marks(cell).get("points")]
    return notebook


def with_easy_tests() -> NotebookNode:
    """A wrong solution, and tests that would let it pass."""
    notebook = wrong(FIRST)
    for cell in notebook.cells:
        if marks(cell).get("points"):
            cell.source = "assert True"
    return notebook


def wrong(name: str) -> NotebookNode:
    notebook = solved(name)
    path = Path(__file__).parent / "submissions" / f"{name}.json"
    changed = edited(notebook.cells, json.loads(path.read_text(encoding="utf-8"))[0]["edits"])
    for cell in notebook.cells:
        cell.source = changed.get(marks(cell).get("grade_id", ""), cell.source)
    return notebook


def without_metadata(ids: bool) -> NotebookNode:
    """Return a solved notebook as an editor leaves it that knows nothing of nbgrader."""
    notebook = solved(FIRST)
    for number, cell in enumerate(notebook.cells):
        cell.metadata = NotebookNode()
        if not ids:
            cell.id = f"other-{number}"
    return notebook


def with_a_cell_twice() -> NotebookNode:
    """Return a solved notebook in which one solution follows an unsolved copy, another a solved."""
    notebook = solved(FIRST)
    places = [i for i, cell in enumerate(notebook.cells) if marks(cell).get("solution")][:2]
    for place, behind in reversed(list(zip(places, (0, 1), strict=True))):
        unsolved = copy.deepcopy(notebook.cells[place])
        unsolved.source = released(unsolved)
        notebook.cells.insert(place + behind, unsolved)
    return notebook


BAD = {
    "no_metadata": lambda: without_metadata(ids=True),
    "no_ids": lambda: without_metadata(ids=False),
    "twice": with_a_cell_twice,
    "loops": lambda: with_cell("while True:\n    pass"),
    "clings": lambda: with_cell(
        "while True:\n    try:\n        while True:\n            pass\n"
        "    except KeyboardInterrupt:\n        pass"
    ),
    "eats": lambda: with_cell("x = [bytearray(10**8) for _ in range(1000)]"),
    "exits": lambda: with_cell("import os\nos._exit(0)"),
    "quits": lambda: with_cell("import sys\nsys.exit(1)"),
    "prints": lambda: with_cell("for _ in range(400):\n    print('x' * 10**5)"),
    "deletes": without_tests,
    "edits": with_easy_tests,
    "looks": lambda: with_cell(SEEN),
    "tampers": lambda: with_cell(
        "import ast\nfrom IPython import get_ipython\n"
        "class Blind(ast.NodeTransformer):\n"
        "    def visit_Assert(self, node):\n        return ast.Pass()\n"
        "get_ipython().ast_transformers.append(Blind())"
    ),
    "right": lambda: solved(FIRST),
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Marks of all misbehaving submissions, by student; where they lie; the terminal's text."""
    folder, out = tmp_path_factory.mktemp("handed_in"), tmp_path_factory.mktemp("grades")
    for student, make in BAD.items():
        (folder / student).mkdir()
        nbformat.write(copy.deepcopy(make()), folder / student / f"{FIRST}.ipynb")
    (folder / f"flat_{FIRST}.ipynb").write_text("{ no notebook", encoding="utf-8")
    text = nbformat.writes(solved(FIRST))
    (folder / f"marked_{FIRST}.ipynb").write_text(text, encoding="utf-8-sig")
    for student, cell in (("Lee, Kim", "x = 1"), ("Lee Kim", "import os\nos._exit(0)")):
        nbformat.write(with_cell(cell), folder / f"{student}_{FIRST}.ipynb")
    (folder / "notes.ipynb").write_text("{}", encoding="utf-8")
    limits = ["--seconds", "15", "--total", "150", "--memory", "2"]
    command = [sys.executable, classroom.__file__, "grade", str(folder), "--out", str(out), *limits]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    with (out / "grades.csv").open(encoding="utf-8") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    with (out / "cells.csv").open(encoding="utf-8") as file:
        cells = list(csv.DictReader(file))
    return rows, cells, out, done


def by_machine() -> float:
    """Return the points of the first assignment that tests give."""
    graded = [marks(c) for c in solved(FIRST).cells if marks(c).get("grade")]
    return float(sum(mark["points"] for mark in graded if not mark["solution"]))


@misbehaving
def test_none_stops_the_batch(graded: Any) -> None:
    rows, _, out, _ = graded
    two = {student for student in rows if student.startswith("Lee_Kim_")}
    assert len(two) == 2
    assert set(rows) == {*BAD, *two, "flat", "marked"}
    for student in rows:
        assert (out / "feedback" / student / FIRST / f"{FIRST}.html").is_file()


@misbehaving
def test_the_terminal_is_for_the_marks(graded: Any) -> None:
    rows, _, _, done = graded
    assert [line for line in done.stderr.splitlines() if "bubblewrap" not in line] == []
    assert len(done.stdout.splitlines()) == len(rows) + 2  # the file of nobody, and where all is


@misbehaving
@pytest.mark.parametrize(
    ("student", "note"),
    [
        ("no_metadata", "without nbgrader's metadata were recognised: 28 by id."),
        ("no_ids", "without nbgrader's metadata were recognised: 18 by text"),
        ("twice", "There more than once: rnn_step, rnn_forward."),
        ("marked", "saved with a byte order mark"),
    ],
)
def test_what_was_mended_is_said(graded: Any, student: str, note: str) -> None:
    rows, _, _, _ = graded
    assert note in rows[student]["notes"]


@misbehaving
def test_two_students_of_one_word_have_a_mark_each(graded: Any) -> None:
    rows, _, _, _ = graded
    scores = {
        re.search("this is “(.*)”", row["notes"])[1]: float(row["score"])
        for student, row in rows.items()
        if student.startswith("Lee_Kim_")
    }
    assert scores == {"Lee, Kim": by_machine(), "Lee Kim": 0}


WHOLE = ["right", "loops", "eats", "quits", "deletes", "looks"]
MENDED = ["no_metadata", "no_ids", "twice", "marked"]


@misbehaving
@pytest.mark.parametrize("student", WHOLE + MENDED)
def test_who_solves_all_keeps_all(graded: Any, student: str) -> None:
    """A cell of the student's own that fails costs nothing, if the kernel lives on."""
    rows, _, _, _ = graded
    assert float(rows[student]["score"]) == by_machine()
    assert float(rows[student]["max_score"]) == 100


@misbehaving
@pytest.mark.parametrize(
    ("student", "reason"),
    [
        ("clings", "could not be interrupted"),
        ("exits", "The kernel ended in this cell"),
        ("prints", "printed more than 20 million characters"),
        ("tampers", "its tests prove nothing"),
        ("flat", "not a valid notebook (NotJSONError)"),
    ],
)
def test_who_breaks_the_run_gets_nothing_and_the_reason(
    graded: Any, student: str, reason: str
) -> None:
    rows, _, _, _ = graded
    assert float(rows[student]["score"]) == 0
    assert reason in rows[student]["notes"]


@misbehaving
def test_deleted_and_edited_tests_come_back(graded: Any) -> None:
    rows, cells, _, _ = graded
    assert "Cells that were deleted came back" in rows["deletes"]["notes"]
    assert "Locked cells that were edited came back" in rows["edits"]["notes"]
    loses = json.loads(
        (Path(__file__).parent / "submissions" / f"{FIRST}.json").read_text(encoding="utf-8")
    )[0]["loses"]
    zero = [c["cell"] for c in cells if c["student"] == "edits" and c["score"] == "0.0"]
    assert [cell for cell in zero if cell.startswith("test_")] == loses


@misbehaving
@pytest.mark.skipif(sandbox.bubblewrap() is None, reason="no bubblewrap here")
def test_the_box_hides_gradebook_network_and_others(graded: Any) -> None:
    _, _, out, _ = graded
    path = out / "autograded" / "looks" / FIRST / f"{FIRST}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    printed = "".join(
        o.text for c in notebook.cells for o in c.get("outputs", ()) if o.get("name") == "stdout"
    )
    assert "network: 101" in printed  # unreachable
    assert "seen: [] []" in printed
    assert "secret: False" in printed


@misbehaving
def test_feedback_does_not_show_hidden_tests(graded: Any) -> None:
    _, _, out, _ = graded
    page = (out / "feedback" / "edits" / FIRST / f"{FIRST}.html").read_text(encoding="utf-8")
    source = (classroom.SOURCE / FIRST / f"{FIRST}.ipynb").read_text(encoding="utf-8")
    assert "HIDDEN TESTS" in source
    assert "HIDDEN TESTS" not in page


def test_a_mark_by_hand_is_kept_when_graded_again(tmp_path: Path) -> None:
    folder, out = tmp_path / "in" / "ada", tmp_path / "out"
    folder.mkdir(parents=True)
    nbformat.write(solved(FIRST), folder / f"{FIRST}.ipynb")
    scores = []
    for _ in range(2):
        assert classroom.main(["grade", str(folder.parent), "--out", str(out)]) == 0
        with (out / "grades.csv").open(encoding="utf-8") as file:
            scores.append(float(next(csv.DictReader(file))["score"]))
        with Gradebook(f"sqlite:///{out / 'gradebook.db'}", "lstm-gan") as book:
            marked = book.find_submission_notebook(FIRST, FIRST, "ada").grades
            next(mark for mark in marked if mark.needs_manual_grade).manual_score = 5
            book.db.commit()
    assert scores == [by_machine(), by_machine() + 5]


@pytest.mark.parametrize("name", NAMES)
def test_nbgrader_gives_the_source_all_and_the_release_none(name: str, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    classroom.release(out, [name])
    released = out / "release" / name / f"{name}.ipynb"
    nbformat.write(solved(name), folder / f"ada_{name}.ipynb")
    shutil.copy(released, folder / f"ben_{name}.ipynb")
    nbformat.write(wrong(name), folder / f"cem_{name}.ipynb")
    assert classroom.main(["grade", str(folder), "--out", str(out)]) == 0
    with (out / "cells.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["reason"] != "by hand"]
    full = {row["cell"] for row in rows if row["score"] == row["max_score"]}
    assert full  # of somebody
    for row in rows:
        if row["student"] == "ada":
            assert row["score"] == row["max_score"], row
        if row["student"] == "ben":
            assert float(row["score"]) == 0, row
    path = Path(__file__).parent / "submissions" / f"{name}.json"
    loses = json.loads(path.read_text(encoding="utf-8"))[0]["loses"]
    zero = [r["cell"] for r in rows if r["student"] == "cem" and r["score"] != r["max_score"]]
    assert zero == loses


def test_nbgrader_alone_makes_the_same_release(tmp_path: Path) -> None:
    """As on a hub: the folder assignments/ is a course of its own."""
    shutil.copytree(classroom.SOURCE.parent, tmp_path / "course")
    nbgrader = str(Path(sys.executable).with_name("nbgrader"))
    environment = os.environ | {"PATH": f"{Path(nbgrader).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [nbgrader, "generate_assignment", FIRST, "--log-level=ERROR"]
    subprocess.run(command, cwd=tmp_path / "course", env=environment, check=True)
    classroom.release(tmp_path / "out", [FIRST])
    inside = Path("release", FIRST, f"{FIRST}.ipynb")
    theirs, ours = (
        [cell.source for cell in nbformat.read(tmp_path / folder / inside, as_version=4).cells]
        for folder in ("course", "out")
    )
    assert theirs == ours
    assert "HIDDEN TESTS" not in "".join(theirs)
    assert "BEGIN SOLUTION" not in "".join(theirs)


def test_bad_calls_end_with_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert classroom.main(["grade", str(tmp_path / "none")]) == 2
    assert "is not a folder" in capsys.readouterr().err
    assert classroom.main(["grade", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "holds no notebook with one of these in its name" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
