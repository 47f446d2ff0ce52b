"""Every notebook keeps the course's rules, and every rule catches a notebook that does not."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode, v4
from nbval.plugin import get_sanitize_patterns

from tools import notebook_rules as rules
from tools import notebooks as tool

PATHS = tool.find([])
SANITIZE = Path(__file__).with_name("nbval_sanitize.cfg")

each_notebook = pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])


# --- The notebooks of the course ----------------------------------------------------------------


def test_there_are_notebooks() -> None:
    assert PATHS


@each_notebook
def test_notebook_keeps_every_rule(path: Path) -> None:
    """One test a notebook, which lists whatever is wrong with it: it is read once."""
    notebook = rules.read_as_is(path)
    found = [
        *rules.file_problems(path),
        *rules.broken_links(notebook, path.parent),
        *rules.problems(notebook, rules.form_of(path)),
    ]
    assert not found, f"{path.stem}:\n" + "\n".join(f"- {problem}" for problem in found)


@each_notebook
def test_no_code_reads_a_companion(path: Path) -> None:
    """A reader may skip them, or have a copy of the course without them."""
    code = tool.python_source(rules.read_as_is(path))
    assert "deeper" not in code.lower()


# --- A notebook that keeps every rule, and the ways to break it ----------------------------------

HEADER = """# A title

One promise.

<!-- colab-badge -->

**You will learn** to add.
**Needs**: nothing. **Time**: 1 min on a 2-core CPU, 1 min on a T4."""


def code(source: str, identifier: str, **metadata: object) -> NotebookNode:
    """Return a code cell."""
    return v4.new_code_cell(source, id=identifier, metadata=metadata)


def solution(number: int) -> NotebookNode:
    """Return a collapsed solution cell."""
    source = f"# @title Solution {number}: add\nassert 1 + {number} > {number}"
    hidden = {"source_hidden": True}
    return code(source, f"solution-{number}", tags=["solution"], jupyter=hidden)


@pytest.fixture
def good() -> NotebookNode:
    """Return a small notebook that keeps every rule, with outputs as they would be stored."""
    text = v4.new_markdown_cell
    cells = [
        text(HEADER, id="header"),
        code(tool.FIRST_SETUP_SOURCE, "setup"),
        text("## Sums\n\n[The first notebook](01_first.ipynb)", id="sums"),
        code("from utils import runtime\n\nprofile = runtime.profile", "import"),
        code("total = 1 + 1\nassert total == 2", "add"),
        code("draw(total)", "draw", alt="A line that rises from zero."),
        text("## Try it", id="try"),
        text("## Recap", id="recap"),
        text("## Exercises\n\n### 1. Warm up", id="exercise-1"),
        solution(1),
        text("### 2. Apply", id="exercise-2"),
        solution(2),
        text("### 3. Stretch", id="exercise-3"),
        solution(3),
        text("## References", id="references"),
    ]
    notebook = v4.new_notebook(cells=cells)
    notebook.nbformat_minor = 5
    for count, cell in enumerate(tool.code_cells(notebook), start=1):
        cell.execution_count = count
    picture = {"image/png": "iVBORw0KGgo/tmp/x=", "text/plain": "<Figure size 630x288 with 1 Axes>"}
    cell_of(notebook, "draw").outputs = [v4.new_output("display_data", picture)]
    cell_of(notebook, "add").outputs = [v4.new_output("stream", text="2\n")]
    notebook.metadata["course"] = {
        "code_sha256": tool.code_hash(notebook),
        "profile": "full",
        "utils_sha256": tool.utils_hash(notebook),
    }
    tool.tidy(notebook)
    return notebook


def cell_of(notebook: NotebookNode, identifier: str) -> NotebookNode:
    """Return the cell with this id."""
    return next(cell for cell in notebook.cells if cell.id == identifier)


def test_good_notebook_has_no_problems(good: NotebookNode) -> None:
    assert rules.problems(good, "first") == []


def replace(identifier: str, old: str, new: str) -> Callable[[NotebookNode], None]:
    """Return a change that puts ``new`` for ``old`` in one cell."""

    def change(notebook: NotebookNode) -> None:
        cell = cell_of(notebook, identifier)
        assert old in cell.source
        cell.source = cell.source.replace(old, new)

    return change


def tag(identifier: str, *names: str) -> Callable[[NotebookNode], None]:
    """Return a change that gives one cell these tags."""

    def change(notebook: NotebookNode) -> None:
        cell_of(notebook, identifier).metadata["tags"] = list(names)

    return change


def output(identifier: str, kind: str, **fields: object) -> Callable[[NotebookNode], None]:
    """Return a change that stores one more output in a cell."""

    def change(notebook: NotebookNode) -> None:
        cell_of(notebook, identifier).outputs.append(v4.new_output(kind, **fields))

    return change


def remove(identifier: str) -> Callable[[NotebookNode], None]:
    """Return a change that removes one cell."""

    def change(notebook: NotebookNode) -> None:
        notebook.cells.remove(cell_of(notebook, identifier))

    return change


def set_ids(notebook: NotebookNode) -> None:
    cell_of(notebook, "sums").id = "recap"


def remove_id(notebook: NotebookNode) -> None:
    del cell_of(notebook, "sums")["id"]


def set_minor(notebook: NotebookNode) -> None:
    notebook.nbformat_minor = 4


def set_unknown_field(notebook: NotebookNode) -> None:
    cell_of(notebook, "sums")["outputs"] = []


def set_kernel(notebook: NotebookNode) -> None:
    notebook.metadata.kernelspec.name = "mine"


def set_language(notebook: NotebookNode) -> None:
    notebook.metadata.language_info.name = "julia"


def set_widgets(notebook: NotebookNode) -> None:
    notebook.metadata["widgets"] = {}


def show_solution(notebook: NotebookNode) -> None:
    del cell_of(notebook, "solution-2").metadata["jupyter"]


def make_solution_text(notebook: NotebookNode) -> None:
    i = notebook.cells.index(cell_of(notebook, "solution-2"))
    notebook.cells[i] = v4.new_markdown_cell("It is 3.", id="s", metadata={"tags": ["solution"]})


def swap_sections(notebook: NotebookNode) -> None:
    replace("try", "Try it", "Recap")(notebook)
    replace("recap", "Recap", "Try it")(notebook)


def set_alt(text: str) -> Callable[[NotebookNode], None]:
    def change(notebook: NotebookNode) -> None:
        cell_of(notebook, "draw").metadata["alt"] = text

    return change


def long_cells(notebook: NotebookNode) -> None:
    for cell in tool.code_cells(notebook):
        cell.source += "\nx = 1" * 8


def forget_run(notebook: NotebookNode) -> None:
    cell_of(notebook, "add").execution_count = None


def run_twice(notebook: NotebookNode) -> None:
    cell_of(notebook, "add").execution_count = 17


def forget_course(notebook: NotebookNode) -> None:
    del notebook.metadata["course"]


def forget_a_definition(notebook: NotebookNode) -> None:
    del notebook.metadata["course"]["utils_sha256"]["utils.runtime.setup"]


def change_a_definition(notebook: NotebookNode) -> None:
    notebook.metadata["course"]["utils_sha256"]["utils.runtime.setup"] = "0" * 16


def drop_output_alt(notebook: NotebookNode) -> None:
    cell_of(notebook, "draw").outputs[0].metadata = {}


def quick_profile(notebook: NotebookNode) -> None:
    notebook.metadata["course"]["profile"] = "quick"


BREAKS = [
    (set_minor, "format is 4.4"),
    (set_ids, "several cells have the id 'recap'"),
    (remove_id, "a cell has no id"),
    (set_unknown_field, "invalid notebook"),
    (set_kernel, "kernel"),
    (set_language, "language_info"),
    (set_widgets, "state of widgets"),
    (tag("add", "nbval-ignore-outputs"), "unknown tag 'nbval-ignore-outputs'"),
    (tag("add", "nbval-skip"), "unknown tag 'nbval-skip'"),
    (replace("header", "# A title", "A title"), "begins with a title"),
    (replace("header", "You will learn", "See"), "'you will learn'"),
    (replace("header", "Needs", "See"), "'needs'"),
    (replace("header", "**Time**", "See"), "'time'"),
    (replace("header", "CPU", "laptop"), "time on a CPU"),
    (replace("header", "T4", "GPU"), "time on a T4"),
    (replace("header", rules.BADGE, ""), "Colab badge"),
    (remove("header"), "first cell is not a Markdown cell"),
    (remove("setup"), "second cell is not a code cell with the id 'setup'"),
    (replace("setup", "seed=1", "seed=2"), "differs from tools/setup_cell.py"),
    (replace("add", "assert total == 2", "total"), "no cell asserts"),
    (remove("try"), "'Try it'"),
    (remove("recap"), "'Recap'"),
    (replace("exercise-1", "Exercises", "Tasks"), "'Exercises'"),
    (replace("references", "## References", "References"), "'References'"),
    (swap_sections, "not in the order"),
    (remove("solution-3"), "2 cells have the tag 'solution'"),
    (remove("exercise-3"), "no Markdown cell with the exercise"),
    (show_solution, "is collapsed"),
    (make_solution_text, "a solution is a code cell"),
    (replace("solution-2", "Solution 2", "Solution 3"), "begin with '# @title Solution 2"),
    (set_alt(" "), "'alt' text is no sentence"),
    (set_alt("TABLEALT"), "'alt' text is no sentence"),
    (replace("sums", "[The first", "![](x.png) [The first"), "picture x.png has no alt text"),
    (replace("add", "total = 1 + 1", "x = 1\n" * 20), "21 lines; at most 20"),
    (long_cells, "median code cell"),
    (replace("add", "assert total", "!ls\nassert total"), "shell command"),
    (replace("draw", "draw(total)", "draw(total);"), "in spite of the `;`"),
    (replace("import", "import runtime", "import _secret"), "private name utils._secret"),
    (replace("import", "import runtime", "import runtime as r"), None),
    (replace("import", "runtime.profile", "runtime._cache"), "private name runtime._cache"),
    (replace("import", "from utils import runtime", "import utils"), None),
    (
        replace(
            "import", "from utils import runtime", "import utils.runtime as runtime\nruntime._x"
        ),
        "private name runtime._x",
    ),
    (replace("import", "runtime.profile", "runtime.gone"), "it uses utils.runtime.gone, which is"),
    (replace("add", "1 + 1", "len('/home/me/x') + 1"), "absolute path /home/me/x"),
    (replace("add", "1 + 1", "len('https://a.org/home') + 1"), None),
    (output("add", "stream", text="saved /tmp/run"), "absolute path /tmp/run"),
    (output("add", "stream", name="stderr", text="careful"), "stored on stderr: careful"),
    (output("add", "error", ename="ValueError", evalue="bad"), "a stored error, ValueError"),
    (forget_run, "not run in order"),
    (run_twice, "not run in order"),
    (forget_course, "no outputs were stored"),
    (quick_profile, "quick profile"),
    (output("add", "stream", text="… · quick profile\n"), "output is of the quick profile"),
    (
        output("add", "stream", text="not checked under the quick profile: it learns"),
        "output is of the quick profile",
    ),
    (
        output("add", "execute_result", data={"text/plain": "'quick profile'"}),
        "output is of the quick profile",
    ),
    (forget_a_definition, "utils.runtime.setup changed and its outputs did not"),
    (change_a_definition, "utils.runtime.setup changed and its outputs did not"),
    (drop_output_alt, "not with its 'alt': run tools/notebooks.py --tidy"),
    (replace("add", "1 + 1", "2"), "its own code changed and its outputs did not"),
]


@pytest.mark.parametrize(("change", "expected"), BREAKS)
def test_rules_catch(
    good: NotebookNode, change: Callable[[NotebookNode], None], expected: str | None
) -> None:
    change(good)
    found = rules.problems(good, "first")
    if expected is None:
        assert [text for text in found if "its outputs did not" not in text] == []
    else:
        assert any(expected in text for text in found), found


def test_raised_error_is_kept_where_it_is_announced(good: NotebookNode) -> None:
    tag("add", "raises-exception")(good)
    output("add", "error", ename="ValueError", evalue="bad")(good)
    assert rules.problems(good, "first") == []


def test_file_problems(good: NotebookNode, tmp_path: Path) -> None:
    fine = tmp_path / "01_first.ipynb"
    nbformat.write(good, fine)
    assert rules.file_problems(fine) == []
    assert rules.problems(rules.read_as_is(fine), "first") == []
    assert "not like" in rules.file_problems(fine.rename(tmp_path / "First.ipynb"))[0]
    large = tmp_path / "02_large.ipynb"
    large.write_bytes(b" " * 1_500_001)
    assert rules.file_problems(large) == ["1,500,001 bytes; at most 1,500,000"]


def test_broken_links(good: NotebookNode, tmp_path: Path) -> None:
    assert "01_first.ipynb leads nowhere" in rules.broken_links(good, tmp_path)[0]
    (tmp_path / "01_first.ipynb").touch()
    assert rules.broken_links(good, tmp_path) == []
    cell_of(good, "sums").source = "[a](https://a.org/x) [b](#sums) [c](mailto:a@b.org)"
    assert rules.broken_links(good, tmp_path) == []


# --- What nbval does not compare ----------------------------------------------------------------


def sanitized(text: str) -> str:
    """Return the text as nbval compares it."""
    for pattern, replacement in get_sanitize_patterns(SANITIZE.read_text(encoding="utf-8")):
        text = re.sub(pattern, replacement, text)
    return text


@pytest.mark.parametrize(
    ("stored", "tested"),
    [
        (
            "TensorFlow 2.20.0 · Keras 3.13.2 · CPU (2 cores) · full profile\n",
            "TensorFlow 2.20.0 · Keras 3.13.2 · CPU (16 cores) · quick profile\n",
        ),
        (
            "TensorFlow 2.20.0 · Keras 3.13.2 · CPU (2 cores) · full profile\n",
            "TensorFlow 2.20.0 · Keras 3.13.2 · GPU (Tesla T4) · quick profile\n",
        ),
        (
            "x\nchecked: the loss halves\n",
            "x\nnot checked under the quick profile: the loss halves\n",
        ),
        (
            "x\n✓ seen: the loss halves\n",
            "x\nnot checked under the quick profile: the loss halves\n",
        ),
        ("<Figure size 630x288 with 1 Axes>", "<Figure size 1400x600 with 12 Axes>"),
        ("<object object at 0x7f29c8c0a4d0>", "<object object at 0x10c0a4d0>"),
        (tool.WIDGET_TEXT, "interactive(children=(IntSlider(value=1), Output()), _dom_cl…"),
        (tool.WIDGET_TEXT, "FloatSlider(value=0.5)"),
        ('<table id="T_0a1b2">', '<table id="T_99f0c">'),
    ],
)
def test_sanitizing_hides_what_may_differ(stored: str, tested: str) -> None:
    assert sanitized(stored) == sanitized(tested)


@pytest.mark.parametrize(
    ("stored", "tested"),
    [
        ("TensorFlow 2.20.0 · Keras 3.13.2", "TensorFlow 2.19.0 · Keras 3.13.2"),
        ("checked: the loss halves", "checked: the loss doubles"),
        ("✓ seen: the loss halves", "✗ not on this machine: the loss halves"),
        ("✓ the sum is 2", "✗ the sum is 2"),
        ("loss 0.123", "loss 0.124"),
        ("shape (24, 6)", "shape (24, 5)"),
        ("Output(3)\nx", "Outputs(3)\nx"),
        ("0x1f", "0x2f"),
    ],
)
def test_sanitizing_hides_nothing_else(stored: str, tested: str) -> None:
    assert sanitized(stored) != sanitized(tested)


def test_good_notebook_is_not_shared(good: NotebookNode) -> None:
    """The rules only look: they leave the notebook as it was."""
    before = copy.deepcopy(good)
    rules.problems(good, "first")
    assert good == before
