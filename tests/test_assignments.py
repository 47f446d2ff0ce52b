"""The assignments: what their tests let pass, and what they do not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode

from tests.assignment_runner import edited, is_test, marks
from tools.notebooks import FIRST_SETUP_SOURCE

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "assignments" / "source").glob("*/*.ipynb"))
NAMES = [path.stem for path in SOURCES]
# The others take half a minute or more: `make test-classroom`, which CI runs too.
FAST = ("a1_rnn",)
BY_SPEED = [n if n in FAST else pytest.param(n, marks=pytest.mark.classroom) for n in NAMES]
BEGIN, END = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"


def cells_of(name: str) -> list[NotebookNode]:
    path = ROOT / "assignments" / "source" / name / f"{name}.ipynb"
    return nbformat.read(path, as_version=4).cells


def wrong_submissions(name: str) -> list[dict[str, Any]]:
    path = ROOT / "tests" / "submissions" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def losses(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the versions of an assignment lose, in one run for all of them."""
    name = request.param
    command = [sys.executable, str(ROOT / "tests" / "assignment_runner.py")]
    command += [f"{ROOT}/assignments/source/{name}/{name}.ipynb"]
    command += [f"{ROOT}/tests/submissions/{name}.json"]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "COURSE_PROFILE": "quick", "COURSE_PROGRESS": "off"}
    quiet |= {"MPLBACKEND": "agg", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, env=os.environ | quiet, capture_output=True, text=True, timeout=1800, check=False
    )
    assert done.returncode == 0, done.stderr
    return name, json.loads(done.stdout.splitlines()[-1])


def test_there_are_five() -> None:
    assert [name[:3] for name in NAMES] == ["a1_", "a2_", "a3_", "a4_", "a5_"]
    assert sorted(p.stem for p in (ROOT / "tests" / "submissions").glob("*.json")) == NAMES


@pytest.mark.parametrize("losses", BY_SPEED, indirect=True)
def test_source_keeps_all_release_none_and_wrong_ones_lose_their_own(losses: Any) -> None:
    name, found = losses
    tests = [marks(cell)["grade_id"] for cell in cells_of(name) if is_test(cell)]
    assert found["source"] == {}
    assert list(found["release"]) == tests
    expected = {wrong["name"]: wrong["loses"] for wrong in wrong_submissions(name)}
    assert {wrong: list(lost) for wrong, lost in found["wrong"].items()} == expected


@pytest.mark.parametrize("name", NAMES)
def test_every_test_cell_is_lost_by_a_wrong_submission(name: str) -> None:
    wrong = wrong_submissions(name)
    assert len(wrong) >= 8
    assert len({each["name"] for each in wrong}) == len(wrong)
    tests = {marks(cell)["grade_id"] for cell in cells_of(name) if is_test(cell)}
    assert {test for each in wrong for test in each["loses"]} == tests


@pytest.mark.parametrize("name", NAMES)
def test_points_sum_to_100_and_cells_are_marked(name: str) -> None:
    cells = cells_of(name)
    graded = [cell for cell in cells if marks(cell).get("grade")]
    assert sum(marks(cell)["points"] for cell in graded) == 100
    ids = [marks(cell)["grade_id"] for cell in cells if marks(cell)]
    assert len(ids) == len(set(ids))
    for cell in cells:
        if cell.cell_type == "code":
            assert marks(cell), f"a code cell without marks: {cell.source[:60]}"
            assert cell.outputs == []
            assert cell.execution_count is None
        if is_test(cell):
            assert marks(cell)["locked"]
            shown, _, hidden = cell.source.partition(BEGIN)
            assert "assert" in shown
            assert "assert" in hidden.partition(END)[0]
        elif marks(cell).get("solution") and cell.cell_type == "code":
            assert not marks(cell)["locked"]
            assert cell.source.count("### BEGIN SOLUTION") == 1
            assert cell.source.count("### END SOLUTION") == 1


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("a1_")])
def test_setup_cell_is_the_course_s(name: str) -> None:
    code = [cell for cell in cells_of(name) if cell.cell_type == "code"]
    assert code[0].source == FIRST_SETUP_SOURCE


def test_an_edit_that_fits_nowhere_is_refused() -> None:
    marked = {"nbgrader": {"solution": True, "grade_id": "step"}}
    cell = nbformat.v4.new_code_cell("return a + b", metadata=marked)
    assert edited([cell], [["step", "+", "-"]]) == {"step": "return a - b"}
    with pytest.raises(ValueError, match="occurs 0 times"):
        edited([cell], [["step", "*", "-"]])
    with pytest.raises(ValueError, match="occurs 2 times"):
        edited([cell], [["step", "r", "-"]])
