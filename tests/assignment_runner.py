"""Runs versions of one assignment and prints, as JSON, which test cells each of them loses.

    python tests/assignment_runner.py NOTEBOOK SUBMISSIONS.json

A test cell keeps its points if it raises nothing and writes nothing to stderr: nbgrader's rule.
Every version runs in a fork of one process that has imported the libraries, so that dozens of
versions take seconds; test_classroom.py sends some of them through nbgrader itself.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

SOLUTION = re.compile(r"^([ \t]*)### BEGIN SOLUTION.*?### END SOLUTION[^\n]*\n?", re.S | re.M)


def marks(cell: NotebookNode) -> dict[str, Any]:
    """Return nbgrader's marks of a cell."""
    return cell.metadata.get("nbgrader", {})


def is_test(cell: NotebookNode) -> bool:
    """Say whether a cell holds tests that give points."""
    return bool(marks(cell).get("grade")) and not marks(cell).get("solution")


def released(cell: NotebookNode) -> str:
    """Return what a student gets in place of a solution."""
    if not marks(cell).get("solution"):
        return cell.source
    return SOLUTION.sub(r"\1# YOUR CODE HERE\n\1raise NotImplementedError()\n", cell.source)


def edited(cells: list[NotebookNode], edits: list[list[str]]) -> dict[str, str]:
    """Return the solution cells that a wrong submission changes, by their names.

    Raises:
        ValueError: an edit's old text does not occur exactly once, or not in a solution cell.
    """
    sources = {marks(c)["grade_id"]: c.source for c in cells if marks(c).get("solution")}
    changed: dict[str, str] = {}
    for name, old, new in edits:
        source = changed.get(name, sources.get(name, ""))
        if source.count(old) != 1:
            raise ValueError(f"{old!r} occurs {source.count(old)} times in the solution {name!r}.")
        changed[name] = source.replace(old, new)
    return changed


def lost(cells: list[NotebookNode], text: Callable[[NotebookNode], str]) -> dict[str, str]:
    """Run the cells, up to the last test; return the test cells that fail, with the reasons."""
    failed, space = {}, {"__name__": "__main__"}
    last = max((number for number, cell in enumerate(cells) if is_test(cell)), default=-1)
    for cell in cells[: last + 1]:
        written, reason = io.StringIO(), ""
        with (
            contextlib.redirect_stderr(written),
            contextlib.redirect_stdout(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("default")
            try:
                exec(compile(text(cell), marks(cell).get("grade_id", "cell"), "exec"), space)
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
        if is_test(cell) and (reason or written.getvalue()):
            failed[marks(cell)["grade_id"]] = reason or f"stderr: {written.getvalue()}"
    return failed


def forked(work: Callable[[], dict[str, str]]) -> dict[str, str]:
    """Return what ``work`` returns, computed in a child process."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        status = 1
        try:
            result = work()
            with os.fdopen(writer, "w") as file:
                json.dump(result, file)
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as file:
        text = file.read()
    os.waitpid(child, 0)
    return json.loads(text)


def main(notebook: str, submissions: str) -> None:
    """Print the losses of the source, of the release and of every wrong submission."""
    cells = [c for c in nbformat.read(notebook, as_version=4).cells if c.cell_type == "code"]
    # Once, for all forks.
    import matplotlib.pyplot  # noqa: F401

    if any("from utils" in cell.source for cell in cells):
        import keras  # noqa: F401

        from utils import evaluation, lstm_gan  # noqa: F401

    os.chdir(Path(notebook).resolve().parent)
    result = {
        "source": forked(lambda: lost(cells, lambda cell: cell.source)),
        "release": forked(lambda: lost(cells, released)),
        "wrong": {},
    }
    for wrong in json.loads(Path(submissions).read_text(encoding="utf-8")):
        new = edited(cells, wrong["edits"])

        def version(cell: NotebookNode, new: dict[str, str] = new) -> str:
            return new.get(marks(cell).get("grade_id", ""), cell.source)

        result["wrong"][wrong["name"]] = forked(lambda version=version: lost(cells, version))
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
