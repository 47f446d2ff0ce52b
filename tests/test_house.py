"""The order of ``utils``: imports run one way, a file holds one subject and stays readable."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UTILS = ROOT / "utils"
FILES = sorted(path.relative_to(UTILS).as_posix() for path in UTILS.rglob("*.py"))
LONGEST = 460  # lines
# What each part may import of the others; its own files it always may.
GROUND = {"checks", "files", "runtime"}
MAY_IMPORT = {
    "checks": set(),
    "command": set(),
    "files": set(),
    "runtime": set(),
    "notebook": {"runtime"},
    "cells": {"checks"},
    "losses": {"checks"},
    "datasets": {"checks", "files"},
    "lstm_gan": {*GROUND, "losses", "datasets"},
    "evaluation": {*GROUND, "datasets"},
    "plots": {*GROUND, "datasets", "evaluation"},
    "lessons": {*GROUND, "cells", "losses", "datasets", "lstm_gan", "evaluation", "plots"},
    "train": {*GROUND, "command", "datasets", "lstm_gan"},
    "__init__": {"datasets", "lstm_gan"},
    "sample": {*GROUND, "command", "datasets", "lstm_gan"},
}
EXCEPTIONS = {
    "lstm_gan/scores.py": {"evaluation"},
    "lstm_gan/collapse.py": {"evaluation"},
    "lstm_gan/second_try.py": {"evaluation"},
    "lstm_gan/fitness.py": {"evaluation"},
    "lstm_gan/practice.py": {"evaluation"},
    "lstm_gan/captions.py": {"evaluation", "plots"},  # of the pictures in the report
    "plots/style.py": None,  # nothing of ours
    "runtime.py": None,
}


def imported(path: Path) -> Iterator[str]:
    """Yield the parts of ``utils`` that a file imports, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "utils":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("utils."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("utils."):
                    yield alias.name.split(".")[1]


def refused(file: str, found: set[str]) -> set[str]:
    """Return what a file imports and should not."""
    part = file.split("/")[0].removesuffix(".py")
    more = EXCEPTIONS.get(file, set())
    allowed = set() if more is None else MAY_IMPORT[part] | more | {part}
    return found - allowed


def test_imports_run_one_way() -> None:
    found = {file: refused(file, set(imported(UTILS / file))) for file in FILES}
    assert {file: names for file, names in found.items() if names} == {}


def test_the_rule_of_imports_can_fail() -> None:
    assert refused("lstm_gan/training.py", {"plots"}) == {"plots"}
    assert refused("lstm_gan/captions.py", {"plots"}) == set()
    assert refused("plots/style.py", {"checks"}) == {"checks"}
    assert refused("datasets/files.py", {"lessons"}) == {"lessons"}


def test_files_stay_readable() -> None:
    """One subject a file."""
    lines = {file: (UTILS / file).read_text(encoding="utf-8").count("\n") for file in FILES}
    assert {file: count for file, count in lines.items() if count > LONGEST} == {}
