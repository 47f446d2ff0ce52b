"""The form of a lesson and of a companion: one idea, one hour, as rules that a test applies.

As in tools/notebook_rules.py, a rule takes a notebook and yields a sentence for each problem.
The limits are those of the course's design; `measures` gives the numbers that they are held to.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode

from tools.notebooks import SETUP_SOURCE, code_cells, translated

Rule = Callable[[NotebookNode], Iterator[str]]

MOST_CODE_CELLS, MOST_WORDS, MOST_MINUTES = 45, 2500, 60
WORDS_A_MINUTE, LINES_A_MINUTE, MINUTES_A_PICTURE = 120, 12, 1 / 1.5
HEADER_MAY_ERR = 0.2  # of the minutes that the header gives
LONGEST_LINE = 79
LARGEST_SILENT_SHARE = 0.25
MOST_REBOUND = 5
FEWEST_DETAILS = 3
GOAL_BY = 12  # the code cell by which the reader has seen the thing work
LEARNT = 3
EXERCISES = 3
SECTIONS = ("Try it", "Recap", "Exercises", "What came after", "References", "Solutions")
ASIDE = ("Exercises", "Solutions")  # not counted in a lesson's length
PASSING = {"_", "ax", "axes", "fig", "i"}  # names that every cell may bind for itself

FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$\n]+\$", re.DOTALL)
INLINE = re.compile(r"(?<![\\$])\$(?!\$)([^$\n]+?)(?<!\\)\$(?!\$)")
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
TIME = re.compile(r"\*\*Time\*\*: about (\d+) minutes, of which the computer needs (\d+)\b")
NOT_TIMED = re.compile(r" *Not (?:yet )?timed on a T4\b[^.]*\.")
TIMED = re.compile(r" *Under the \w+ profile, an? [^.]*? needs? [^.]*?(?:seconds|minutes)\.")
ATTEMPT = ast.dump(ast.Constant(...))


# --- Looking at a notebook ----------------------------------------------------------------------


def tags(cell: NotebookNode) -> set[str]:
    """Return the cell's tags."""
    return set(cell.metadata.get("tags", []))


def where(cell: NotebookNode) -> str:
    """Return words that let a reader find the cell: its kind, id and first line."""
    first = next((line for line in cell.source.splitlines() if line.strip()), "(empty)")
    return f"{cell.cell_type} cell {cell.get('id', '?')} «{first[:50]}»"


def tree(cell: NotebookNode) -> ast.Module:
    """Return the code cell's syntax tree, IPython's magics translated."""
    return ast.parse(translated(cell.source))


def sections(notebook: NotebookNode) -> list[tuple[str, list[NotebookNode]]]:
    """Return the headings of second level and the cells that follow each; "" is before them all."""
    found: list[tuple[str, list[NotebookNode]]] = [("", [])]
    for cell in notebook.cells:
        heading = re.search(r"^## +(.+)$", cell.source, re.MULTILINE)
        if cell.cell_type == "markdown" and heading:
            found.append((heading.group(1).strip(), []))
        found[-1][1].append(cell)
    return found


def body(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the cells of the lesson itself: without exercises and solutions."""
    parts = sections(notebook)
    return [cell for heading, cells in parts if not heading.startswith(ASIDE) for cell in cells]


def body_code(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the code cells of the lesson itself."""
    return [cell for cell in body(notebook) if cell.cell_type == "code"]


def words(text: str) -> int:
    """Return how many words a Markdown text has; a formula is read as one."""
    text = re.sub(r"<!--.*?-->|</?\w+[^>]*>", " ", text, flags=re.DOTALL)
    text = FENCE.sub(" ", text)
    text = re.sub(r"\]\([^)]*\)", "] ", text)
    text = FORMULA.sub(" formula ", text)
    return len(re.findall(r"\w[\w'’.-]*", text))


def lines(cell: NotebookNode) -> int:
    """Return how many lines of a cell are not empty."""
    return sum(1 for line in cell.source.splitlines() if line.strip())


def pictures(cell: NotebookNode) -> int:
    """Return how many pictures a cell shows."""
    if cell.cell_type == "markdown":
        return len(re.findall(r"!\[[^\]]*\]\(", cell.source))
    return sum("image/png" in output.get("data", {}) for output in cell.outputs)


@dataclass(frozen=True)
class Measures:
    """How long a lesson is, exercises and solutions aside."""

    code_cells: int
    words: int
    code_lines: int
    pictures: int
    silent: int  # code cells that print, draw and return nothing, without the set-up

    @property
    def minutes(self) -> float:
        """Reading time in minutes."""
        return (
            self.words / WORDS_A_MINUTE
            + self.code_lines / LINES_A_MINUTE
            + self.pictures * MINUTES_A_PICTURE
        )

    @property
    def silent_share(self) -> float:
        """The share of code cells that show nothing."""
        return self.silent / max(self.code_cells - 1, 1)


def measures(notebook: NotebookNode) -> Measures:
    """Return how long the lesson is."""
    cells = body(notebook)
    code = [cell for cell in body_code(notebook) if cell.source.strip()]
    rest = [cell for cell in code if cell.get("id") != "setup"]
    return Measures(
        code_cells=len(code),
        words=sum(words(cell.source) for cell in cells if cell.cell_type == "markdown"),
        code_lines=sum(map(lines, rest)),
        pictures=sum(map(pictures, cells)),
        silent=sum(not cell.outputs for cell in rest),
    )


# --- The anatomy --------------------------------------------------------------------------------


def header(notebook: NotebookNode) -> str:
    """Return the text of the first cell."""
    return notebook.cells[0].source if notebook.cells else ""


def has_header(notebook: NotebookNode) -> Iterator[str]:
    """It begins with a title, a promise, what is learnt and needed, and a student's minutes."""
    text = header(notebook)
    if not re.match(r"# \S", text):
        yield "the first cell does not begin with a title, `# …`"
    if "<!-- colab-badge -->" not in text:
        yield "the header has no place for the Colab badge, <!-- colab-badge -->"
    learn = re.search(r"\*\*You will learn\*\*(.*?)(?=\n\*\*|\Z)", text, re.DOTALL)
    if not learn:
        yield "the header does not say '**You will learn**'"
    elif (count := len(re.findall(r"^- \S", learn.group(1), re.MULTILINE))) != LEARNT:
        yield f"the header lists {count} things to learn; expected {LEARNT}, each after '- '"
    if "**You need**" not in text:
        yield "the header does not say '**You need**'"
    if not TIME.search(text):
        yield "the header has no '**Time**: about N minutes, of which the computer needs M …'"


def timed(text: str, device: str, seconds: float, profile: str) -> str:
    """Return a header that says how long the lesson takes on a device, in place of an older word.

    Both forms of header are known: "**Time**: about N minutes, of which …" and "**Time** N minutes
    …". What the header says of a student's minutes and of a CPU stays.

    Raises:
        ValueError: if no line begins with "**Time**".
    """
    lines = text.splitlines()
    at = [i for i, line in enumerate(lines) if line.startswith("**Time**")]
    if not at:
        raise ValueError("The header has no line that begins with '**Time**'; expected one.")
    took = f"{seconds:.0f} seconds" if seconds < 100 else f"{seconds / 60:.0f} minutes"
    article = "an" if device[:1].lower() in "aeio" else "a"
    name = device.replace(".", "")  # a full stop would end the sentence
    line = TIMED.sub("", NOT_TIMED.sub("", lines[at[0]])).rstrip()
    lines[at[0]] = f"{line} Under the {profile} profile, {article} {name} needs {took}."
    return "\n".join(lines)


def has_setup(notebook: NotebookNode) -> Iterator[str]:
    """The second cell is the set-up, the same in every lesson, folded."""
    second = notebook.cells[1] if len(notebook.cells) > 1 else nbformat.v4.new_markdown_cell("")
    if second.cell_type != "code" or second.get("id") != "setup":
        yield "the second cell is not a code cell with the id 'setup'"
    elif second.source != SETUP_SOURCE:
        yield "the setup cell differs from tools/setup_cell.py: run tools/notebooks.py --sync-setup"
    elif not second.metadata.get("jupyter", {}).get("source_hidden"):
        yield "the setup cell is not folded, jupyter.source_hidden: true"


def in_order(notebook: NotebookNode, expected: tuple[str, ...]) -> Iterator[str]:
    found = [heading for heading, _ in sections(notebook)]
    places = []
    for section in expected:
        at = [i for i, text in enumerate(found) if text.lower().startswith(section.lower())]
        if not at:
            yield f"no heading of second level says {section!r}"
        places += at[:1]
    if places != sorted(places):
        yield f"its last sections are not in the order {', '.join(expected)}"


def has_sections(notebook: NotebookNode) -> Iterator[str]:
    """It ends as every lesson does; the solutions come last, where nobody meets them unasked."""
    yield from in_order(notebook, SECTIONS)
    last, cells = sections(notebook)[-1]
    if last.startswith("Solutions"):
        if not cells[0].metadata.get("jp-MarkdownHeadingCollapsed"):
            yield "the heading 'Solutions' is not folded, jp-MarkdownHeadingCollapsed: true"
    elif any(heading.startswith("Solutions") for heading, _ in sections(notebook)):
        yield "the solutions are not the last section"


def has_exercises(notebook: NotebookNode) -> Iterator[str]:
    """Three exercises: a cell for the attempt, a cell that tests it, and a folded solution."""
    code = code_cells(notebook)
    kinds: dict[str, list[NotebookNode]] = {
        tag: [cell for cell in code if tag in tags(cell)] for tag in ("attempt", "test", "solution")
    }
    for tag, cells in kinds.items():
        if len(cells) != EXERCISES:
            yield f"{len(cells)} code cells have the tag {tag!r}; expected {EXERCISES}"
    for cell in kinds["attempt"]:
        if not any(ast.dump(node) == ATTEMPT for node in ast.walk(tree(cell))):
            yield f"{where(cell)}: an attempt cell leaves '...' for the reader"
        after = code.index(cell) + 1
        if after == len(code) or "test" not in tags(code[after]):
            yield f"{where(cell)}: no cell with the tag 'test' follows the attempt"
    for cell in kinds["test"]:
        if "attempt(" not in cell.source:
            yield f"{where(cell)}: it does not call notebook.attempt"
    inside = [c.id for heading, part in sections(notebook) if heading == "Solutions" for c in part]
    for number, cell in enumerate(kinds["solution"], start=1):
        folded = cell.metadata.get("jupyter", {})
        if not (folded.get("source_hidden") and folded.get("outputs_hidden")):
            yield f"{where(cell)}: a solution is folded, source_hidden and outputs_hidden: true"
        if not re.match(rf"# @title Solution {number}\b", cell.source):
            yield f"{where(cell)}: it does not begin with '# @title Solution {number} …'"
        if cell.id not in inside:
            yield f"{where(cell)}: a solution stands in the section 'Solutions'"


def has_ways_on(notebook: NotebookNode) -> Iterator[str]:
    """From it a link leads to the start and another one to what comes next."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    if not header(notebook).startswith("# Start") and "](00_start_here.ipynb)" not in text:
        yield "no link leads to 00_start_here.ipynb"
    if not re.search(r"\*\*Next\*\*: \[[^\]]+\]\([^)]+\.ipynb\)", text):
        yield "no line says **Next**: [title](file.ipynb)"


def has_questions(notebook: NotebookNode) -> Iterator[str]:
    """Questions on the way, each with its answer folded."""
    count = sum(
        cell.source.count("<details>") for cell in body(notebook) if cell.cell_type == "markdown"
    )
    if count < FEWEST_DETAILS:
        yield f"{count} questions have a folded answer, <details>; at least {FEWEST_DETAILS}"


def has_widget(notebook: NotebookNode) -> Iterator[str]:
    """Something to turn."""
    if not any(
        re.search(r"\binteract(ive)?\b|\bwidgets\.", cell.source) for cell in body_code(notebook)
    ):
        yield "there is no widget to turn"


def shows_its_goal_early(notebook: NotebookNode) -> Iterator[str]:
    """Soon the reader has seen or heard the thing work."""
    early = code_cells(notebook)[:GOAL_BY]
    if not any("goal" in tags(cell) and cell.outputs for cell in early):
        yield f"none of the first {GOAL_BY} code cells has the tag 'goal' and shows something"


def has_checks(notebook: NotebookNode) -> Iterator[str]:
    """What it says, it checks where the reader sees it; a bare assert has a reason."""
    calls = [
        node.func.id
        for cell in body_code(notebook)
        for node in ast.walk(tree(cell))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    if "check" not in calls and "claim" not in calls:
        yield "no cell calls check or claim"
    for cell in code_cells(notebook):
        if any(isinstance(node, ast.Assert) and node.msg is None for node in ast.walk(tree(cell))):
            yield f"{where(cell)}: an assert without a reason: use check, which shows itself"


def is_optional(notebook: NotebookNode) -> Iterator[str]:
    """A companion says to which lesson it belongs, and that one may skip it."""
    if not re.search(r"\]\(\.\./\d\d_\w+\.ipynb\)", header(notebook)):
        yield "the header has no link to its lesson, ../NN_name.ipynb"
    if "companion" not in header(notebook).lower():
        yield "the header does not say that it is a companion"
    yield from in_order(notebook, ("Recap", "References"))


# --- The limits ---------------------------------------------------------------------------------


def is_short(notebook: NotebookNode) -> Iterator[str]:
    """An hour at the most, and the header says how long."""
    size = measures(notebook)
    if size.code_cells > MOST_CODE_CELLS:
        yield f"{size.code_cells} code cells; at most {MOST_CODE_CELLS}"
    if size.words > MOST_WORDS:
        yield f"{size.words} words; at most {MOST_WORDS}"
    if size.minutes > MOST_MINUTES:
        yield f"{size.minutes:.0f} minutes to read; at most {MOST_MINUTES}"
    stated = TIME.search(header(notebook))
    if stated and abs(int(stated.group(1)) - size.minutes) > HEADER_MAY_ERR * size.minutes:
        yield f"the header says {stated.group(1)} minutes; reading takes {size.minutes:.0f}"


def is_narrow(notebook: NotebookNode) -> Iterator[str]:
    """No line of code is cut off in a narrow window."""
    for cell in code_cells(notebook):
        longest = max(map(len, cell.source.splitlines()), default=0)
        if cell.get("id") != "setup" and longest > LONGEST_LINE:
            yield f"{where(cell)}: a line of {longest} characters; at most {LONGEST_LINE}"


def answers_the_reader(notebook: NotebookNode) -> Iterator[str]:
    """Who runs a cell sees something, and nothing stored says that a claim failed."""
    share = measures(notebook).silent_share
    if share > LARGEST_SILENT_SHARE:
        yield f"{share:.0%} of the code cells show nothing; at most {LARGEST_SILENT_SHARE:.0%}"
    for cell in code_cells(notebook):
        if any(re.search(r"^✗ ", o.get("text", ""), re.MULTILINE) for o in cell.outputs):
            yield f"{where(cell)}: its stored output says ✗"


def bound(cell: NotebookNode) -> set[str]:
    """Return the names that a cell binds at the top level; imports and passing names aside."""
    names: set[str] = set()
    waiting: list[ast.AST] = [tree(cell)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif not isinstance(
            node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
        ):
            waiting += ast.iter_child_nodes(node)
    return names - PASSING


def rebound(notebook: NotebookNode) -> list[str]:
    """Return the names that two or more cells of the lesson bind."""
    cells = [cell for cell in body_code(notebook) if cell.get("id") != "setup"]
    counts = Counter(name for cell in cells for name in bound(cell))
    return sorted(name for name, count in counts.items() if count > 1)


def binds_once(notebook: NotebookNode) -> Iterator[str]:
    """A name means one thing, so that cells may be run again and out of order."""
    names = rebound(notebook)
    if len(names) > MOST_REBOUND:
        yield f"{len(names)} names are bound in two cells ({', '.join(names)}); at most 5"


def reads_its_arguments(notebook: NotebookNode) -> Iterator[str]:
    """No function reads a name that another cell binds anew: data goes in as arguments."""
    several = set(rebound(notebook))
    for cell in body_code(notebook):
        for node in ast.walk(tree(cell)):
            if not isinstance(node, ast.FunctionDef):
                continue
            inside = [part for part in ast.walk(node) if isinstance(part, ast.Name)]
            own = {part.id for part in inside if isinstance(part.ctx, ast.Store)}
            own |= {part.arg for part in ast.walk(node) if isinstance(part, ast.arg)}
            own |= {part.name for part in ast.walk(node) if isinstance(part, ast.FunctionDef)}
            for name in sorted({part.id for part in inside} & several - own):
                yield f"{where(cell)}: {node.name} reads {name!r}, which several cells bind"


# --- What viewers cannot show ---------------------------------------------------------------------


def renders_everywhere(notebook: NotebookNode) -> Iterator[str]:
    """No formula that some viewer breaks, and each picture is explained where all can read it."""
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        text = FENCE.sub("", cell.source)
        for row in re.findall(r"^\s*\|.*\$.*$", text, re.MULTILINE):
            yield f"{where(cell)}: a formula in a table, which nbconvert breaks: {row.strip()[:40]}"
        if re.search(r"\\texttt\{[^}]*\\", text):
            yield f"{where(cell)}: a backslash within \\texttt"
        for span in INLINE.finditer(text):
            before, after = text[span.start() - 1 : span.start()], text[span.end() : span.end() + 1]
            if before.isalpha() or after.isalpha():
                yield f"{where(cell)}: a letter beside a formula: {before}{span.group()}{after}"
    cells = body(notebook)
    for cell, after_it in zip(cells, [*cells[1:], None], strict=True):
        if (
            cell.cell_type == "code"
            and pictures(cell)
            and not (after_it and after_it.cell_type == "markdown")
        ):
            yield f"{where(cell)}: no Markdown cell after the picture says what to see in it"


EVERY: tuple[Rule, ...] = (
    has_header,
    has_setup,
    has_questions,
    has_widget,
    shows_its_goal_early,
    has_checks,
    is_short,
    is_narrow,
    answers_the_reader,
    binds_once,
    reads_its_arguments,
    renders_everywhere,
)
LESSON: tuple[Rule, ...] = (*EVERY, has_sections, has_exercises, has_ways_on)
COMPANION: tuple[Rule, ...] = (*EVERY, is_optional)
