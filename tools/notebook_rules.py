"""What every notebook of the course has to be, as rules that a test applies.

Each rule takes a notebook and yields one sentence for each problem it finds; none: it is kept.
`problems` applies those that need nothing but the notebook itself. What a lesson is (its parts, its
length) stands in tools/lesson_form.py; what it was in the first edition, here.
"""

from __future__ import annotations

import ast
import copy
import re
import statistics
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

import nbformat
from nbformat import NotebookNode

from tools import lesson_form
from tools.depends import MISSING
from tools.lesson_form import tags, where
from tools.notebooks import (
    FIRST_SETUP_SOURCE,
    PROFILE,
    code_cells,
    code_hash,
    differences,
    names_of,
    python_source,
    utils_hash,
)

Rule = Callable[[NotebookNode], Iterator[str]]

BADGE = "<!-- colab-badge -->"
SECTIONS = ("Try it", "Recap", "Exercises", "References")
EXERCISES = 3
SHORTEST_ALT = 5  # words; fewer are a name or a placeholder
LONGEST_CELL, LONGEST_MEDIAN = 20, 8
LARGEST_FILE = 1_500_000
TAGS = {
    "attempt",
    "goal",
    "nbval-ignore-output",
    "nbval-raises-exception",
    "raises-exception",
    "solution",
    "test",
}
# The lessons that still have their first form: the list only shrinks.
FIRST_EDITION = {
    "14_text_gan",
    "15_music_gan",
    "16_video_gan",
    "17_looking_inside",
}
RAISES = {"raises-exception", "nbval-raises-exception"}

FILE_NAME = re.compile(r"\d\d_[a-z0-9]+(_[a-z0-9]+)*")
ABSOLUTE_PATH = re.compile(r"(?<![\w./:])/(?:work|root|home|tmp)\b(?:/[\w.-]+)*")
EMBEDDED = re.compile(r"base64,[A-Za-z0-9+/=\s]+")
LINK = re.compile(r"(!?)\[([^\]]*)\]\(<?([^)\s>]+)>?[^)]*\)")


def parsed(cell: NotebookNode) -> ast.Module:
    """Return the code cell's syntax tree, IPython's magics translated."""
    return ast.parse(python_source(nbformat.v4.new_notebook(cells=[cell])))


# --- The file ------------------------------------------------------------------------------------


def is_valid(notebook: NotebookNode) -> Iterator[str]:
    """The file is a valid notebook of format 4.5 whose cells have ids of their own."""
    if (notebook.nbformat, notebook.nbformat_minor) != (4, 5):
        yield f"the format is {notebook.nbformat}.{notebook.nbformat_minor}; expected 4.5"
    ids = [cell.get("id") for cell in notebook.cells]
    if None in ids:
        yield "a cell has no id"
    for double in sorted({i for i in ids if i is not None and ids.count(i) > 1}):
        yield f"several cells have the id {double!r}"
    try:
        with warnings.catch_warnings():
            # Of ids that are missing or double: said above.
            warnings.simplefilter("ignore")
            nbformat.validate(copy.deepcopy(notebook))
    except nbformat.ValidationError as error:
        yield f"invalid notebook: {str(error).splitlines()[0]}"
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "the kernel is not python3"
    if notebook.metadata.get("language_info", {}).get("name") != "python":
        yield "language_info does not name Python"
    if "widgets" in notebook.metadata:
        yield "the state of widgets is stored in it"


def knows_its_tags(notebook: NotebookNode) -> Iterator[str]:
    """Every tag is one that means something: a misspelt one would be passed over in silence."""
    for cell in notebook.cells:
        for tag in sorted(tags(cell) - TAGS):
            yield f"{where(cell)}: unknown tag {tag!r}; expected one of {sorted(TAGS)}"


# --- The anatomy in the first edition ------------------------------------------------------------


def has_header(notebook: NotebookNode) -> Iterator[str]:
    """It begins with a title, what is learnt, what is needed, and how long it takes."""
    first = notebook.cells[0] if notebook.cells else nbformat.v4.new_markdown_cell("")
    if first.cell_type != "markdown" or not re.match(r"# \S", first.source):
        yield "the first cell is not a Markdown cell that begins with a title, `# …`"
    for part in ("you will learn", "needs", "time"):
        if not re.search(rf"\b{part}\b", first.source, re.IGNORECASE):
            yield f"the header does not say {part!r}"
    for device in ("CPU", "T4"):
        if not re.search(rf"\b{device}\b", first.source):
            yield f"the header does not give the time on a {device}"
    if BADGE not in first.source:
        yield f"the header has no place for the Colab badge, {BADGE}"


def has_setup(notebook: NotebookNode) -> Iterator[str]:
    """The second cell is the setup cell, the same in every notebook."""
    second = notebook.cells[1] if len(notebook.cells) > 1 else nbformat.v4.new_markdown_cell("")
    if second.cell_type != "code" or second.get("id") != "setup":
        yield "the second cell is not a code cell with the id 'setup'"
    elif second.source != FIRST_SETUP_SOURCE:
        yield "the setup cell differs from tools/setup_cell.py: run tools/notebooks.py --sync-setup"


def has_asserts(notebook: NotebookNode) -> Iterator[str]:
    """The lesson, not only its solutions, checks what it claims."""
    lesson = [cell for cell in code_cells(notebook) if "solution" not in tags(cell)]
    if not any(isinstance(node, ast.Assert) for cell in lesson for node in ast.walk(parsed(cell))):
        yield "no cell asserts anything"


def headings(notebook: NotebookNode) -> list[str]:
    """Return the text of every heading below the title, in order."""
    markdown = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return [text.strip() for text in re.findall(r"^#{2,4} +(.+)$", markdown, re.MULTILINE)]


def has_sections(notebook: NotebookNode) -> Iterator[str]:
    """It ends as every notebook does: a knob to turn, a recap, exercises, references."""
    found = headings(notebook)
    places = []
    for section in SECTIONS:
        at = [i for i, text in enumerate(found) if text.lower().startswith(section.lower())]
        if not at:
            yield f"no heading says {section!r}"
        places += at[:1]
    if places != sorted(places):
        yield f"its last sections are not in the order {', '.join(SECTIONS)}"


def has_exercises(notebook: NotebookNode) -> Iterator[str]:
    """Three exercises, each followed by its solution in a collapsed code cell."""
    solutions = [i for i, cell in enumerate(notebook.cells) if "solution" in tags(cell)]
    if len(solutions) != EXERCISES:
        yield f"{len(solutions)} cells have the tag 'solution'; expected {EXERCISES}"
    for number, i in enumerate(solutions, start=1):
        cell = notebook.cells[i]
        if cell.cell_type != "code":
            yield f"{where(cell)}: a solution is a code cell"
            continue
        if not cell.metadata.get("jupyter", {}).get("source_hidden"):
            yield f"{where(cell)}: a solution is collapsed, jupyter.source_hidden: true"
        if not re.match(rf"# @title Solution {number}\b", cell.source):
            yield f"{where(cell)}: it does not begin with '# @title Solution {number} …'"
        if i == 0 or notebook.cells[i - 1].cell_type != "markdown":
            yield f"{where(cell)}: no Markdown cell with the exercise stands before it"


# --- Pictures and code ---------------------------------------------------------------------------


def has_alt_text(notebook: NotebookNode) -> Iterator[str]:
    """Every picture is described for those who do not see it."""
    for cell in code_cells(notebook):
        alt = cell.metadata.get("alt")
        if any("image/png" in output.get("data", {}) for output in cell.outputs) and not (
            isinstance(alt, str) and len(alt.split()) >= SHORTEST_ALT
        ):
            yield f"{where(cell)}: it shows a picture and its 'alt' text is no sentence"
        elif any(
            output.metadata.get("image/png", {}).get("alt") != alt
            for output in cell.outputs
            if "image/png" in output.get("data", {})
        ):
            yield f"{where(cell)}: a picture not with its 'alt': run tools/notebooks.py --tidy"
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for mark, text, target in LINK.findall(cell.source):
                if mark and not text.strip():
                    yield f"{where(cell)}: the picture {target} has no alt text"


def has_short_cells(notebook: NotebookNode) -> Iterator[str]:
    """One idea a cell."""
    lengths = []
    for cell in code_cells(notebook):
        lengths.append(sum(1 for line in cell.source.splitlines() if line.strip()))
        if lengths[-1] > LONGEST_CELL:
            yield f"{where(cell)}: {lengths[-1]} lines; at most {LONGEST_CELL}"
    if lengths and statistics.median(lengths) > LONGEST_MEDIAN:
        yield f"the median code cell has {statistics.median(lengths)} lines; at most 8"


def can_fail(notebook: NotebookNode) -> Iterator[str]:
    """No cell hides a failure from the tests, or shows them what a reader does not see."""
    for cell in code_cells(notebook):
        if re.search(r"^\s*(!|%%(bash|sh|script|capture)|%system|%sx)", cell.source, re.MULTILINE):
            yield f"{where(cell)}: a shell command may fail unseen: use subprocess.run(check=True)"
        if cell.source.rstrip().endswith(";"):
            yield f"{where(cell)}: nbval shows the value in spite of the `;`: write `_ = …`"


def imports_public_names(notebook: NotebookNode) -> Iterator[str]:
    """What a notebook uses of ``utils`` is public."""
    modules: set[str] = set()
    for cell in code_cells(notebook):
        for node in ast.walk(parsed(cell)):
            if isinstance(node, ast.Import):
                used = [alias.name for alias in node.names if alias.name.split(".")[0] == "utils"]
                if used:
                    modules |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "utils":
                used = [f"{node.module}.{alias.name}" for alias in node.names]
                modules |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, ast.Attribute):
                used = [ast.unparse(node)] if ast.unparse(node).split(".")[0] in modules else []
            else:
                continue
            for name in used:
                if any(p.startswith("_") and not p.startswith("__") for p in name.split(".")):
                    yield f"{where(cell)}: it uses the private name {name}"


def texts_of(output: NotebookNode) -> Iterator[str]:
    """Yield the texts that a stored output holds, whatever their kind."""
    yield output.get("text", "")
    yield from output.get("traceback", [])
    for kind, value in output.get("data", {}).items():
        if kind.startswith("text/"):
            yield str(value)


def names_no_absolute_path(notebook: NotebookNode) -> Iterator[str]:
    """Nothing in it, stored outputs included, comes from one machine's folders."""
    for cell in notebook.cells:
        stored = [text for output in cell.get("outputs", []) for text in texts_of(output)]
        for text in [cell.source, *stored]:
            for match in ABSOLUTE_PATH.finditer(EMBEDDED.sub("", text)):
                yield f"{where(cell)}: absolute path {match.group()}"


# --- The stored outputs --------------------------------------------------------------------------


def has_run(notebook: NotebookNode) -> Iterator[str]:
    """Every cell was run, once, from top to bottom, and nothing went wrong."""
    cells = [cell for cell in code_cells(notebook) if cell.source.strip()]
    counts = [cell.execution_count for cell in cells]
    if counts != list(range(1, len(cells) + 1)):
        yield f"its cells were not run in order, from 1 to {len(cells)}: {counts}"
    for cell in cells:
        for output in cell.outputs:
            if output.output_type == "error" and not tags(cell) & RAISES:
                yield f"{where(cell)}: a stored error, {output.ename}: {output.evalue}"
            if output.get("name") == "stderr":
                yield f"{where(cell)}: stored on stderr: {output.text.strip()[:100]}"


def has_fresh_outputs(notebook: NotebookNode) -> Iterator[str]:
    """The stored outputs are those of this code, under the full profile."""
    course = notebook.metadata.get("course", {})
    if not course:
        yield "no outputs were stored by make notebooks"
        return
    if course.get("code_sha256") != code_hash(notebook):
        yield "its own code changed and its outputs did not: run make notebooks"
    if course.get("profile") != PROFILE:
        yield f"its outputs are of the {course.get('profile')} profile; expected {PROFILE}"
    for cell in code_cells(notebook):
        # What an editor stored, whatever the stamp says. The words stand in runtime.py.
        if any("quick profile" in text for output in cell.outputs for text in texts_of(output)):
            yield f"{where(cell)}: its stored output is of the quick profile: run make notebooks"


def agrees_with_utils(notebook: NotebookNode) -> Iterator[str]:
    """What it uses of ``utils`` and of the data is there, and is as it was when it ran."""
    now = utils_hash(notebook)
    for name in [name for name, value in now.items() if value == MISSING]:
        # Or a variable has the module's name: then what uses the module later, fails.
        yield f"it uses {name}, which is not there (or is a variable named as the module is)"
    course = notebook.metadata.get("course", {})
    moved = differences(course.get("utils_sha256", {}), now)
    if course and moved:
        yield f"{names_of(moved)} changed and its outputs did not: run make notebooks"


EVERY: tuple[Rule, ...] = (
    is_valid,
    knows_its_tags,
    has_alt_text,
    has_short_cells,
    can_fail,
    imports_public_names,
    names_no_absolute_path,
    has_run,
    has_fresh_outputs,
    agrees_with_utils,
)
FORMS: dict[str, tuple[Rule, ...]] = {
    "first": (*EVERY, has_header, has_setup, has_asserts, has_sections, has_exercises),
    "lesson": (*EVERY, *lesson_form.LESSON),
    "companion": (*EVERY, *lesson_form.COMPANION),
}


def form_of(path: Path) -> str:
    """Return the form that the notebook at ``path`` has to have."""
    if path.parent.name == "deeper":
        return "companion"
    return "first" if path.stem in FIRST_EDITION else "lesson"


def problems(notebook: NotebookNode, form: str) -> list[str]:
    """Return what is wrong with the notebook, a sentence each."""
    return [problem for rule in FORMS[form] for problem in rule(notebook)]


# --- The file and its neighbours -----------------------------------------------------------------


def read_as_is(path: Path) -> NotebookNode:
    """Read a notebook without nbformat's repairs, which would hide missing or double ids."""
    return nbformat.v4.reads(path.read_text(encoding="utf-8"))


def file_problems(path: Path) -> list[str]:
    """Return what is wrong with the file's name and size."""
    found = []
    if not FILE_NAME.fullmatch(path.stem):
        found.append(f"the file name {path.name} is not like 01_rnn_from_scratch.ipynb")
    if (size := path.stat().st_size) > LARGEST_FILE:
        found.append(f"{size:,} bytes; at most {LARGEST_FILE:,}")
    return found


def broken_links(notebook: NotebookNode, folder: Path) -> list[str]:
    """Return the relative links of Markdown cells that lead to no file from ``folder``."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        for _, _, target in LINK.findall(cell.source):
            path = unquote(target.split("#")[0])
            if path and not re.match(r"[a-z][a-z0-9+.-]*:", path) and not (folder / path).exists():
                found.append(f"{where(cell)}: the link {target} leads nowhere")
    return found
