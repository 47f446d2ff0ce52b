"""What utils holds for a lesson says which lesson defines or uses it, and there is such a place.

A reader who finds a function in utils can then go to where it is derived.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
UTILS = ROOT / "utils"
# Code of the lessons, and what a lesson defines and other parts of the course use too.
SHARED = ("cells.py", "losses.py", "lstm_gan/conditional.py", "datasets/windows.py")
FILES = sorted([*(UTILS / "lessons").rglob("*.py"), *(UTILS / name for name in SHARED)])
# "Defined in lesson 3.4.", "Used in lesson 14, "Try it"." or with both a number and a title.
WHERE = re.compile(r'^(?:Defined|Used) in lesson (\d+)(?:\.(\d+))?(?:, "([^"]+)")?\.$', re.M)


def headings(lesson: int, folder: Path = ROOT / "notebooks") -> list[str]:
    """Return a lesson's headings without their marks; empty where there is no such lesson."""
    found = []
    for path in folder.glob(f"{lesson:02d}_*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                found += re.findall(r"^#+ (.+)$", "".join(cell["source"]), re.MULTILINE)
    return found


def complaint(docstring: str) -> str | None:
    """Return what is wrong with a docstring's sentence on its lesson, or None."""
    place = WHERE.search(docstring)
    if place is None:
        return "does not say 'Defined in lesson N.M.' or 'Used in lesson N.M.'"
    lesson, section, title = place.groups()
    there = headings(int(lesson))
    if not there:
        return f"names lesson {lesson}, which does not exist"
    if section is None and title is None:
        return f"names lesson {lesson} without a section"
    if section is not None and not any(h.startswith(f"{lesson}.{section} ") for h in there):
        return f"names section {lesson}.{section}, which lesson {lesson} does not have"
    if title is not None and title not in there:
        return f"names {title!r}, which is no heading of lesson {lesson}"
    return None


def public(path: Path) -> list[ast.FunctionDef | ast.ClassDef]:
    """Return the functions and classes of a file that others may use."""
    nodes = ast.parse(path.read_text(encoding="utf-8")).body
    kinds = (ast.FunctionDef, ast.ClassDef)
    return [node for node in nodes if isinstance(node, kinds) and not node.name.startswith("_")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(UTILS)))
def test_every_public_name_says_which_lesson_it_is_from(path: Path) -> None:
    found = {node.name: complaint(ast.get_docstring(node) or "") for node in public(path)}
    assert not {name: wrong for name, wrong in found.items() if wrong}


@pytest.mark.parametrize(
    ("sentence", "wrong"),
    [
        ("Defined in lesson 3.3.", None),
        ('Used in lesson 14, "Try it".', None),
        ('Used in lesson 9.7, "R1 and R2".', None),
        ("", "does not say"),
        ("Defined somewhere in lesson 3.3.", "does not say"),
        ("Defined in lesson 3.", "without a section"),
        ("Defined in lesson 3.33.", "section 3.33, which lesson 3 does not have"),
        ("Defined in lesson 77.1.", "lesson 77, which does not exist"),
        ('Used in lesson 14, "Try that".', "no heading of lesson 14"),
        ('Used in lesson 14.99, "Try it".', "section 14.99"),
    ],
)
def test_a_sentence_that_leads_nowhere_is_found(sentence: str, wrong: str | None) -> None:
    found = complaint(f"Return a number.\n\n{sentence}\n\nMore words.")
    assert found == wrong or (wrong is not None and found is not None and wrong in found)
