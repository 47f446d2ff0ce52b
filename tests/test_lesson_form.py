"""A lesson has its form: each rule is shown a notebook that breaks it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from nbformat import NotebookNode, v4

from tools import lesson_form as form
from tools import notebooks as tool

HEADER = """# Sums

You will add.

<!-- colab-badge -->

**You will learn**

- one
- two
- three

**You need**: nothing.

**Time**: about 3 minutes, of which the computer needs 1 on a laptop's CPU."""

QUESTION = "Why? <details><summary>Answer</summary>So.</details>"
FOLDED = {"source_hidden": True, "outputs_hidden": True}
Change = Callable[[NotebookNode], None]


def text(source: str, identifier: str, **metadata: object) -> NotebookNode:
    return v4.new_markdown_cell(source, id=identifier, metadata=metadata)


def code(source: str, identifier: str, *tags: str, **metadata: object) -> NotebookNode:
    """Return a code cell that has printed something."""
    cell = v4.new_code_cell(source, id=identifier, metadata={"tags": list(tags), **metadata})
    cell.outputs = [v4.new_output("stream", text="2\n")]
    return cell


def picture(source: str, identifier: str, *tags: str) -> NotebookNode:
    cell = code(source, identifier, *tags)
    cell.outputs = [v4.new_output("display_data", {"image/png": "iVBORw0KGgo="})]
    return cell


def exercise(number: int) -> list[NotebookNode]:
    return [
        text(f"### Exercise {number}", f"exercise-{number}"),
        code(f"answer_{number} = ...", f"attempt-{number}", "attempt"),
        code(f"notebook.attempt(test_{number}, answer_{number})", f"test-{number}", "test"),
    ]


def solution(number: int) -> NotebookNode:
    source = f"# @title Solution {number}: add\nprint({number})"
    return code(source, f"solution-{number}", "solution", jupyter=dict(FOLDED))


ENDS = "[A](a.md)\n\n**Next**: [Two](02_two.ipynb) · **Start**: [Start](00_start_here.ipynb)"


@pytest.fixture
def lesson() -> NotebookNode:
    """Return a small lesson that keeps every rule of the form."""
    cells = [
        text(HEADER, "header"),
        code(tool.SETUP_SOURCE, "setup", jupyter={"source_hidden": True}),
        text("## 1.1 What is a sum?", "sums"),
        picture("draw(1 + 1)", "draw", "goal"),
        text(f"The sum $a + b$ is high. {QUESTION}", "see"),
        code('total = 1 + 1\ncheck("the sum is 2", total == 2)', "add"),
        text(f"More. {QUESTION} {QUESTION} {'word ' * 170}", "more"),
        text("## Try it", "try"),
        code("interact(show, a=(0, 3))", "knob"),
        text("## Recap", "recap"),
        text("## Exercises", "exercises"),
        *(cell for number in (1, 2, 3) for cell in exercise(number)),
        text("## What came after", "after"),
        text(f"## References\n\n{ENDS}", "references"),
        text("## Solutions", "solutions", **{"jp-MarkdownHeadingCollapsed": True}),
        *(solution(number) for number in (1, 2, 3)),
    ]
    notebook = v4.new_notebook(cells=cells)
    notebook.nbformat_minor = 5
    return notebook


@pytest.fixture
def companion(lesson: NotebookNode) -> NotebookNode:
    """Return a small companion that keeps every rule of the form."""
    gone = {"try", "exercises", "after", "solutions"}
    lesson.cells = [
        cell
        for cell in lesson.cells
        if cell.id not in gone and not cell.id.startswith(("exercise", "attempt", "test", "solu"))
    ]
    promise = "A companion of [lesson 1](../01_one.ipynb). You will add."
    replace("header", "You will add.", promise)(lesson)
    return lesson


def problems(notebook: NotebookNode, rules: tuple[form.Rule, ...] = form.LESSON) -> list[str]:
    return [problem for rule in rules for problem in rule(notebook)]


def cell_of(notebook: NotebookNode, identifier: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == identifier)


def replace(identifier: str, old: str, new: str) -> Change:
    def change(notebook: NotebookNode) -> None:
        cell = cell_of(notebook, identifier)
        assert old in cell.source
        cell.source = cell.source.replace(old, new)

    return change


def remove(identifier: str) -> Change:
    return lambda notebook: notebook.cells.remove(cell_of(notebook, identifier))


def tagged(identifier: str, *tags: str) -> Change:
    return lambda notebook: cell_of(notebook, identifier).metadata.update(tags=list(tags))


def without(identifier: str, key: str) -> Change:
    return lambda notebook: cell_of(notebook, identifier).metadata.pop(key)


def silent(identifier: str) -> Change:
    return lambda notebook: cell_of(notebook, identifier).update(outputs=[])


def more(count: int, make: Callable[[int], NotebookNode], after: str = "more") -> Change:
    """Return a change that puts ``count`` cells in the lesson."""

    def change(notebook: NotebookNode) -> None:
        at = notebook.cells.index(cell_of(notebook, after)) + 1
        notebook.cells[at:at] = [make(number) for number in range(count)]

    return change


def words(count: int) -> Change:
    return replace("more", "More.", "word " * count)


def binds(name: str = "x") -> Callable[[int], NotebookNode]:
    """Return what makes cells of which each two bind the same six names."""
    return lambda number: code("a = b = c = d = e = f = 1", f"bind-{number}")


def swap_last(notebook: NotebookNode) -> None:
    """Let the references come after the solutions."""
    cell = cell_of(notebook, "references")
    notebook.cells.remove(cell)
    notebook.cells.append(cell)


BREAKS: list[tuple[Change, str]] = [
    (replace("header", "# Sums", "Sums"), "does not begin with a title"),
    (replace("header", "<!-- colab-badge -->", ""), "Colab badge"),
    (replace("header", "**You will learn**", ""), "You will learn"),
    (replace("header", "- three\n", ""), "lists 2 things to learn"),
    (replace("header", "**You need**", ""), "You need"),
    (replace("header", "of which the computer needs 1", "in all"), "the header has no '**Time**"),
    (replace("header", "about 3 min", "about 30 min"), "says 30 minutes; reading takes"),
    (remove("setup"), "second cell is not a code cell with the id 'setup'"),
    (replace("setup", "seed=1", "seed=2"), "differs from tools/setup_cell.py"),
    (without("setup", "jupyter"), "setup cell is not folded"),
    (remove("try"), "says 'Try it'"),
    (remove("after"), "says 'What came after'"),
    (remove("solutions"), "says 'Solutions'"),
    (replace("recap", "Recap", "Rest"), "says 'Recap'"),
    (swap_last, "not in the order"),
    (swap_last, "the solutions are not the last section"),
    (without("solutions", "jp-MarkdownHeadingCollapsed"), "'Solutions' is not folded"),
    (remove("attempt-2"), "2 code cells have the tag 'attempt'"),
    (remove("test-2"), "no cell with the tag 'test' follows"),
    (remove("solution-2"), "2 code cells have the tag 'solution'"),
    (replace("attempt-1", "...", "2"), "leaves '...' for the reader"),
    (replace("test-1", "notebook.attempt", "print"), "does not call notebook.attempt"),
    (without("solution-3", "jupyter"), "a solution is folded"),
    (replace("solution-3", "Solution 3", "Solution 4"), "begin with '# @title Solution 3"),
    (more(1, lambda _: solution(4)), "stands in the section 'Solutions'"),
    (replace("references", "00_start_here", "01_rnn"), "no link leads to 00_start_here"),
    (replace("references", "**Next**", "Next"), "no line says **Next**"),
    (replace("more", QUESTION, ""), "1 questions have a folded answer"),
    (replace("knob", "interact", "show"), "no widget"),
    (tagged("draw"), "has the tag 'goal'"),
    (silent("draw"), "has the tag 'goal'"),
    (more(12, lambda n: code("print(1)", f"more-{n}"), "setup"), "none of the first 12"),
    (replace("add", "check(", "print("), "no cell calls check or claim"),
    (replace("add", "total = 1", "assert True\ntotal = 1"), "an assert without a reason"),
    (more(45, lambda n: code("print(1)", f"more-{n}")), "49 code cells; at most 45"),
    (words(2500), "words; at most 2500"),
    (more(95, lambda n: picture("draw()", f"more-{n}")), "minutes to read; at most 60"),
    (replace("add", "total == 2", "total == 2" + " " * 60), "characters; at most 79"),
    (silent("knob"), "33% of the code cells show nothing"),
    (more(2, binds()), "6 names are bound in two cells (a, b, c, d, e, f)"),
    (
        more(2, lambda n: code("def f():\n    return y\n\n\ny = f", f"more-{n}")),
        "f reads 'y', which several cells bind",
    ),
    (replace("see", "The sum", "| $a$ | b |\n\nThe sum"), "a formula in a table"),
    (replace("see", "$a + b$", r"$\texttt{a\_b}$"), r"a backslash within \texttt"),
    (replace("see", "$a + b$", "KL$(a)$"), "a letter beside a formula: L$(a)$"),
    (replace("see", "$a + b$", r"$\beta$s"), r"a letter beside a formula:  $\beta$s"),
    (remove("see"), "no Markdown cell after the picture"),
]


def test_good_lesson_has_no_problems(lesson: NotebookNode) -> None:
    assert problems(lesson) == []


@pytest.mark.parametrize(("change", "expected"), BREAKS)
def test_rules_catch(lesson: NotebookNode, change: Change, expected: str) -> None:
    change(lesson)
    found = problems(lesson)
    assert any(expected in problem for problem in found), found


def test_a_failed_check_is_not_stored(lesson: NotebookNode) -> None:
    cell_of(lesson, "add").outputs = [v4.new_output("stream", text="2\n✗ the sum is 2\n")]
    assert any("its stored output says ✗" in problem for problem in problems(lesson))


def test_good_companion_has_no_problems(companion: NotebookNode) -> None:
    assert problems(companion, form.COMPANION) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (replace("header", "](../01_one.ipynb)", "](01_one.ipynb)"), "no link to its lesson"),
        (replace("header", "A companion of", "From"), "does not say that it is a companion"),
        (remove("recap"), "says 'Recap'"),
        (silent("draw"), "has the tag 'goal'"),
    ],
)
def test_rules_catch_a_companion(companion: NotebookNode, change: Change, expected: str) -> None:
    change(companion)
    found = problems(companion, form.COMPANION)
    assert any(expected in problem for problem in found), found


def test_exercises_do_not_count(lesson: NotebookNode) -> None:
    """Nor do solutions: what a reader may leave out is not in the hour."""
    before = form.measures(lesson)
    replace("exercise-1", "Exercise 1", "Exercise 1\n\n" + "word " * 99)(lesson)
    more(3, lambda n: picture("draw()", f"more-{n}"), "solution-3")(lesson)
    assert form.measures(lesson) == before


@pytest.mark.parametrize(
    ("markdown", "count"),
    [
        ("one two, three-four", 3),
        ("the loss $L = \\sum_t x_t$ falls", 4),
        ("$$a\nb$$", 1),
        ("[a link](https://a.org/very/long)", 2),
        ("<!-- hidden words --> <b>one</b>", 1),
        ("```\ncode code\n```\none", 1),
        ("Keras' layer isn't new", 4),
    ],
)
def test_words(markdown: str, count: int) -> None:
    assert form.words(markdown) == count


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("a, (b, c) = 1, (2, 3)", {"a", "b", "c"}),
        ("for n in range(3):\n    total = n", {"n", "total"}),
        ("def f(x):\n    y = x\n    return y", {"f"}),
        ("z = [n for n in range(3)]", {"z"}),
        ("import os\nfig, ax = plt.subplots()", set()),
        ("with open(p) as file:\n    line = file", {"file", "line"}),
        ("d['k'] = 1\nd.x = 2\nk += 1", {"k"}),
    ],
)
def test_bound(source: str, names: set[str]) -> None:
    assert form.bound(code(source, "cell")) == names
