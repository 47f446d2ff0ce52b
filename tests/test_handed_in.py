"""What students hand in: whose file it is, what is in it, which of its cells is which."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from tests.assignment_runner import marks, released
from tools import matching, submissions
from tools.matching import grade_id

ROOT = Path(__file__).resolve().parent.parent
FIRST = "a1_rnn"
NAMES = [FIRST, "a2_memory"]
SOLUTION = "def rnn_step(x_t, h_previous, weights):\n    return h_previous"


def source(name: str = FIRST) -> NotebookNode:
    """Return an assignment as the course has it."""
    path = ROOT / "assignments" / "source" / name / f"{name}.ipynb"
    return nbformat.read(path, as_version=4)


def handed_out(name: str = FIRST) -> NotebookNode:
    """Return an assignment as the students get it."""
    notebook = source(name)
    for cell in notebook.cells:
        by_hand = marks(cell).get("solution") and cell.cell_type == "markdown"
        cell.source = "YOUR ANSWER HERE" if by_hand else released(cell)
    return notebook


def handed_in(name: str = FIRST) -> NotebookNode:
    """Return an assignment solved, with a cell of the student's own after the first test."""
    notebook, answers = handed_out(name), {grade_id(c): c.source for c in source(name).cells}
    for cell in notebook.cells:
        if marks(cell).get("solution"):
            cell.source = answers[grade_id(cell)]
    notebook.cells.insert(at(notebook, "test_rnn_step") + 1, new_code_cell("print('mine')"))
    return notebook


def at(notebook: NotebookNode, name: str) -> int:
    """Return the place of the cell that nbgrader knows by this name."""
    return [grade_id(cell) for cell in notebook.cells].index(name)


def without_metadata(notebook: NotebookNode, ids: bool) -> NotebookNode:
    """Lose the metadata of every cell, as some editors do; the ids too if ``ids`` is false."""
    for number, cell in enumerate(notebook.cells):
        cell.metadata = NotebookNode()
        if not ids:
            cell.id = f"other-{number}"
    return notebook


def texts(notebook: NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells]


def answer(notebook: NotebookNode, name: str) -> str:
    return notebook.cells[at(notebook, name)].source


# ── Which cell is which ───────────────────────────────────────────────────────────────────────


def test_a_whole_submission_is_taken_as_it_is() -> None:
    whole, notes = matching.rebuilt(handed_in(), handed_out())
    assert texts(whole) == texts(handed_in())
    assert notes == []


@pytest.mark.parametrize("name", [path.name for path in (ROOT / "assignments/source").iterdir()])
def test_lost_metadata_cost_nothing(name: str) -> None:
    """The ids are the names, or look like them: a2's are read-series for read_series."""
    answers = handed_out(name)
    for number, cell in enumerate(c for c in answers.cells if marks(c).get("solution")):
        cell.source = f"{cell.source}\n# {number}"
    wanted, _ = matching.rebuilt(copy.deepcopy(answers), handed_out(name))
    whole, notes = matching.rebuilt(without_metadata(answers, ids=True), handed_out(name))
    assert texts(whole) == texts(wanted)
    count = sum(bool(grade_id(cell)) for cell in handed_out(name).cells)
    assert notes == [f"Cells without nbgrader's metadata were recognised: {count} by id."]


def test_lost_ids_too_cost_nothing_where_text_function_or_place_are_clear() -> None:
    whole, notes = matching.rebuilt(without_metadata(handed_in(), ids=False), handed_out())
    assert texts(whole) == texts(handed_in())
    (note,) = notes
    assert "18 by text" in note
    assert "9 by function (rnn_step, rnn_forward, " in note
    assert note.endswith("1 by place (question_step_size).")


def test_colab_keeps_the_ids_in_the_metadata() -> None:
    notebook = handed_in()
    for cell in notebook.cells:
        cell.metadata = NotebookNode(id=cell.pop("id"))
    whole, notes = matching.rebuilt(notebook, handed_out())
    assert texts(whole) == texts(handed_in())
    assert "28 by id" in notes[0]


def test_what_may_be_one_of_several_cells_is_not_guessed() -> None:
    notebook = handed_in()
    place = at(notebook, "question_step_size")
    notebook.cells.insert(place + 1, new_markdown_cell("And more of my answer."))
    whole, notes = matching.rebuilt(without_metadata(notebook, ids=False), handed_out())
    assert answer(whole, "question_step_size") == "YOUR ANSWER HERE"
    assert notes[-1] == (
        "Came back as released, since no metadata say which of several cells is meant: "
        "question_step_size."
    )


def test_a_solution_in_a_new_cell_is_found_by_its_function() -> None:
    notebook = handed_in()
    del notebook.cells[at(notebook, "rnn_step")]
    notebook.cells.insert(9, new_code_cell(SOLUTION))
    whole, notes = matching.rebuilt(notebook, handed_out())
    assert answer(whole, "rnn_step") == SOLUTION
    assert texts(whole).count(SOLUTION) == 1
    assert "1 by function (rnn_step)" in notes[0]


def test_another_notebook_is_refused() -> None:
    cells = [new_markdown_cell("# Mine"), new_code_cell("print(1)")]
    other = nbformat.v4.new_notebook(cells=cells)
    with pytest.raises(submissions.SubmissionError, match="no cell of this assignment"):
        matching.rebuilt(other, handed_out())


# ── Cells that are there twice, merged or split ───────────────────────────────────────────────


def duplicated(*sources: str) -> NotebookNode:
    """Return a submission that has the cell rnn_step so many times."""
    notebook = handed_in()
    place = at(notebook, "rnn_step")
    cell = notebook.cells.pop(place)
    stub = answer(handed_out(), "rnn_step")
    for text in reversed(sources):
        notebook.cells.insert(place, NotebookNode(cell, source=text or stub))
    return notebook


@pytest.mark.parametrize(
    "sources", [(SOLUTION, ""), ("", SOLUTION), ("x = 1", SOLUTION, ""), (SOLUTION, "x = 1")]
)
def test_of_a_duplicated_solution_the_last_that_solves_counts(sources: tuple[str, ...]) -> None:
    whole, notes = matching.rebuilt(duplicated(*sources), handed_out())
    assert answer(whole, "rnn_step") == SOLUTION
    assert answer(handed_out(), "rnn_step") not in texts(whole)
    assert notes == [
        "There more than once: rnn_step. The last one that is not as it was handed out was graded."
    ]
    nbformat.validate(whole)
    if "x = 1" in sources:  # a cell that was split in two runs in its order
        own, solution = texts(whole).index("x = 1"), texts(whole).index(SOLUTION)
        assert (own < solution) == (sources[0] == "x = 1")


def test_of_two_whole_solutions_the_last_counts_and_the_first_runs_before_it() -> None:
    first = SOLUTION.replace("h_previous", "x_t")
    whole, _ = matching.rebuilt(duplicated(first, SOLUTION), handed_out())
    assert texts(whole).index(first) < texts(whole).index(SOLUTION) == at(whole, "rnn_step")


def test_of_a_duplicated_solution_none_of_which_is_solved_the_stub_is_graded() -> None:
    whole, _ = matching.rebuilt(duplicated("", ""), handed_out())
    assert answer(whole, "rnn_step") == answer(handed_out(), "rnn_step")


def test_solutions_merged_into_one_cell_both_count() -> None:
    notebook = handed_in()
    second = notebook.cells.pop(at(notebook, "rnn_forward"))
    notebook.cells[at(notebook, "rnn_step")].source += "\n\n\n" + second.source
    whole, notes = matching.rebuilt(notebook, handed_out())
    assert second.source in answer(whole, "rnn_step")
    assert answer(whole, "rnn_forward") == "# See the cell rnn_step."
    assert notes == ["The solution of rnn_forward is in the cell rnn_step."]


def test_a_knob_that_a_student_turned_stays_turned() -> None:
    """The project's settings are the student's to change, and are no answer."""
    notebook = handed_out("a5_project")
    knob = notebook.cells[at(notebook, "project_settings")]
    knob.source = knob.source.replace("CSV = None", 'CSV = "own.csv"')
    whole, notes = matching.rebuilt(notebook, handed_out("a5_project"))
    assert texts(whole) == texts(notebook)
    assert 'CSV = "own.csv"' in answer(whole, "project_settings")
    assert notes == []


def test_a_picture_in_an_answer_is_kept() -> None:
    notebook = handed_in()
    cell = notebook.cells[at(notebook, "question_step_size")]
    cell.attachments = {"v.png": {"image/png": "aGk="}}
    whole, _ = matching.rebuilt(notebook, handed_out())
    assert whole.cells[at(whole, "question_step_size")].attachments == cell.attachments


# ── What is in a file ─────────────────────────────────────────────────────────────────────────


def written(folder: Path, text: str, coding: str) -> Path:
    path = folder / f"{FIRST}.ipynb"
    path.write_bytes(text.encode(coding))
    return path


@pytest.mark.parametrize(
    ("coding", "said"),
    [
        ("utf-8", None),
        ("utf-8-sig", "with a byte order mark"),
        ("utf-16", "as UTF-16"),
        ("utf-16-le", "as UTF-16-LE"),
    ],
)
def test_a_notebook_is_read_in_any_unicode(tmp_path: Path, coding: str, said: str | None) -> None:
    path = written(tmp_path, nbformat.writes(handed_in()), coding)
    notebook, notes = submissions.read(path)
    assert texts(notebook) == texts(handed_in())
    assert (said in notes[0]) if said else notes == []


@pytest.mark.parametrize(
    ("text", "coding", "reason"),
    [
        ("<!DOCTYPE html>", "utf-8", "NotJSONError"),
        ("{ü", "latin-1", "UnicodeDecodeError"),
        ("", "utf-8", "NotJSONError"),
    ],
)
def test_no_notebook_is_refused(tmp_path: Path, text: str, coding: str, reason: str) -> None:
    with pytest.raises(submissions.SubmissionError, match=f"not a valid notebook .{reason}"):
        submissions.read(written(tmp_path, text, coding))


def no_ids(notebook: dict) -> None:
    for cell in notebook["cells"]:
        del cell["id"]


def same_ids(notebook: dict) -> None:
    for cell in notebook["cells"]:
        cell["id"] = "same"


def no_text(notebook: dict) -> None:
    notebook["cells"][5]["source"] = None


@pytest.mark.parametrize("spoil", [no_ids, same_ids, no_text])
def test_odd_notebooks_leave_the_terminal_free(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], spoil: Callable[[dict], None]
) -> None:
    content = json.loads(nbformat.writes(handed_in()))
    spoil(content)
    path = written(tmp_path, json.dumps(content), "utf-8")
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        whole, _ = matching.rebuilt(submissions.read(path)[0], handed_out())
        nbformat.write(whole, tmp_path / "whole.ipynb")
    assert [str(warning.message) for warning in heard] == []
    assert capfd.readouterr() == ("", "")


# ── Whose file it is ──────────────────────────────────────────────────────────────────────────


def collected(folder: Path, *files: str) -> tuple[dict[str, str], list[str], list[list[str]]]:
    """Return the students with their files, the files of nobody, and the notes."""
    for file in files:
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text("{}", encoding="utf-8")
    found, unknown = submissions.collect(folder, NAMES)
    whose = {s.student: s.path.relative_to(folder).as_posix() for s in found}
    return whose, [path.name for path in unknown], [s.notes for s in found]


def test_names_of_files_say_who_handed_in_what(tmp_path: Path) -> None:
    files = (f"ada/{FIRST}.ipynb", f"Ben B_12_{FIRST} (1).ipynb", "Cem_A1_RNN.ipynb")
    whose, unknown, notes = collected(tmp_path, *files, "x/y.ipynb", f"{FIRST}.ipynb")
    assert whose == {"ada": files[0], "Ben_B_12": files[1], "Cem": files[2]}
    assert sorted(unknown) == [f"{FIRST}.ipynb", "y.ipynb"]
    assert notes == [[], [], []]


def test_two_students_of_one_word_are_both_graded(tmp_path: Path) -> None:
    files = [f"Lee, Kim_{FIRST}.ipynb", f"Lee Kim_{FIRST}.ipynb"]
    whose, _, notes = collected(tmp_path, *files)
    assert sorted(whose.values()) == sorted(files)
    assert all(student.startswith("Lee_Kim_") for student in whose)
    both = "“Lee Kim” and “Lee, Kim” are two students here: this is"
    assert sorted(notes) == [[f"{both} “Lee Kim”."], [f"{both} “Lee, Kim”."]]
    # A third one changes nobody's name: the gradebook keeps marks by name.
    again, _, _ = collected(tmp_path, f"Lee; Kim_{FIRST}.ipynb")
    assert whose.items() <= again.items()


def test_one_student_has_one_name(tmp_path: Path) -> None:
    """Whether by folder or file, and however the archive wrote the ü."""
    files = (f"Zoë Lee/{FIRST}.ipynb", f"Zoe\u0308 Lee_{FIRST}.ipynb", "Zoë Lee_a2_memory.ipynb")
    collected(tmp_path, *files)
    found, _ = submissions.collect(tmp_path, NAMES)
    assert [(s.student, s.assignment) for s in found] == [("Zoë_Lee", n) for n in NAMES]
    assert found[0].notes == ["Several files: the newest was graded."]
