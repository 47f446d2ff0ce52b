"""Run the course's notebooks under the full profile and store their outputs.

    python tools/notebooks.py               # those whose code, or whose utils, changed
    python tools/notebooks.py 01 11         # the named ones, whether they need it or not
    python tools/notebooks.py --all
    python tools/notebooks.py --check       # only say which need it, and why; exit 1 if any does
    python tools/notebooks.py --sync-setup  # write tools/setup_cell.py into every notebook

A notebook is written only when all of its cells ran: the new file is renamed onto the old one.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import io
import os
import re
import subprocess
import sys
import time
import tokenize
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
from ipykernel import kernelspec
from IPython.core.inputtransformer2 import TransformerManager
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
UTILS = ROOT / "utils"
SETUP_TEMPLATE = Path(__file__).with_name("setup_cell.py").read_text(encoding="utf-8").strip()
PROFILE = "full"

KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
# Without the Python version: it would differ between machines, and nothing depends on it.
LANGUAGE_INFO = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
WIDGET_TEXT = "(an interactive widget: run this cell to use it)"
LONGEST_LINE = 100
# How the setup cell comes to `utils` says nothing about the outputs: no reason to run anew.
FETCHING = re.compile(r"\A.*?(?=^from utils )", re.DOTALL | re.MULTILINE)


class CurrentPython(KernelSpecManager):
    """A kernel manager's list that always answers with the Python this tool runs on."""

    def get_kernel_spec(self, kernel_name: str) -> Any:
        return self.kernel_spec_class(
            resource_dir=kernelspec.RESOURCES, **kernelspec.get_kernel_dict()
        )


# --- The setup cell -----------------------------------------------------------------------------


def published(root: Path = ROOT) -> tuple[str, str]:
    """Return the course's public address, "" before it has one, and the version to fetch.

    Both stand in pyproject.toml, under ``tool.course``.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return project["tool"]["course"]["repository"], project["tool"]["course"]["version"]


def setup_source(address: str, version: str) -> str:
    """Return the setup cell's text for a public address, "" for none, and a version (tag)."""
    head, line, rest = re.split(r"^(ADDRESS, .*)$", SETUP_TEMPLATE, flags=re.MULTILINE)
    line = line.replace('"", "main"', f'"{address}", "{version}"', 1)
    if len(line) > LONGEST_LINE:
        line = line.replace("# fmt: skip", "# noqa: E501  # fmt: skip")
    return head + line + rest


SETUP_SOURCE = setup_source(*published())


# --- What a notebook's outputs depend on --------------------------------------------------------


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the notebook's code cells, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def code_hash(notebook: NotebookNode) -> str:
    """Return the SHA-256 of the sources of the code cells, in order.

    The part of the setup cell that finds or fetches the course is left out.
    """
    digest = hashlib.sha256()
    for cell in code_cells(notebook):
        source = cell.source
        if cell.get("id") == "setup":
            source = FETCHING.sub("", source)
        digest.update(source.encode() + b"\0")
    return digest.hexdigest()


def meaning(source: str) -> str:
    """Return Python source without its comments, docstrings and blank lines.

    What is left decides what the code does, so that a better comment makes no output stale.
    """
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
            continue
        if isinstance(node.value.value, str):
            for row in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                lines[row - 1] = ""
    return "\n".join(line.rstrip() for line in lines if line.strip())


def imports(source: str) -> Iterator[tuple[str, str]]:
    """Yield what Python ``source`` imports from ``utils``, as (module, name) pairs.

    ``import utils.data`` gives ``("data", "")``, ``from utils import data`` gives
    ``("", "data")``, ``from .data import load`` gives ``("data", "load")``.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                package, _, module = alias.name.partition(".")
                if package == "utils":
                    yield module, ""
        elif isinstance(node, ast.ImportFrom):
            package, _, module = (node.module or "").partition(".")
            if node.level:
                package, module = "utils", node.module or ""
            if package == "utils":
                for alias in node.names:
                    yield module, alias.name


def python_source(notebook: NotebookNode) -> str:
    """Return the code cells as one Python program, IPython's magics translated."""
    transform = TransformerManager().transform_cell
    return "\n".join(transform(cell.source) for cell in code_cells(notebook))


def utils_files(source: str, folder: Path = UTILS) -> list[Path]:
    """Return the files of ``utils`` that Python ``source`` imports, directly or through others."""
    found: set[Path] = set()
    waiting = [source]
    while waiting:
        for module, name in imports(waiting.pop()):
            files = [folder / "__init__.py", folder / f"{module}.py"]
            if not module and name:
                files.append(folder / f"{name}.py")
            for file in files:
                if file.is_file() and file not in found:
                    found.add(file)
                    waiting.append(file.read_text(encoding="utf-8"))
    return sorted(found)


def utils_hash(notebook: NotebookNode, folder: Path = UTILS) -> dict[str, str]:
    """Return the SHA-256 of each ``utils`` file that the notebook imports, by file name.

    Comments, docstrings and blank lines do not count.
    """
    return {
        file.name: hashlib.sha256(meaning(file.read_text(encoding="utf-8")).encode()).hexdigest()
        for file in utils_files(python_source(notebook), folder)
    }


def moved_utils(notebook: NotebookNode, folder: Path = UTILS) -> list[str]:
    """Return the names of the ``utils`` files that changed since the outputs were stored."""
    stored = notebook.metadata.get("course", {}).get("utils_sha256", {})
    now = utils_hash(notebook, folder)
    return sorted(name for name in stored.keys() | now.keys() if stored.get(name) != now.get(name))


def needs_run(notebook: NotebookNode, folder: Path = UTILS) -> str | None:
    """Return why the notebook's outputs are not those of its code, or None when they are."""
    course = notebook.metadata.get("course", {})
    if not course or any(cell.execution_count is None for cell in code_cells(notebook)):
        return "it has no stored outputs"
    if course.get("profile") != PROFILE:
        return f"its outputs are of the {course.get('profile')} profile"
    if course.get("code_sha256") != code_hash(notebook):
        return "its code changed"
    if moved := moved_utils(notebook, folder):
        return "it imports what changed in utils: " + ", ".join(moved)
    return None


# --- Reading, running, writing ------------------------------------------------------------------


def read(path: Path) -> NotebookNode:
    """Read and validate a notebook.

    Raises:
        ValueError: if the file is not a valid notebook.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise ValueError(f"{path} is not a valid notebook: {str(error).splitlines()[0]}") from None
    return notebook


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook to a temporary name, then rename it onto ``path``."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        nbformat.write(notebook, temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def tidy(notebook: NotebookNode) -> None:
    """Leave in an executed notebook what its code decides, and nothing of when or where it ran."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata.kernelspec = dict(KERNELSPEC)
    notebook.metadata.language_info = dict(LANGUAGE_INFO)
    for cell in code_cells(notebook):
        cell.metadata.pop("execution", None)
        for output in cell.outputs:
            data = output.get("data", {})
            if WIDGET_VIEW in data:
                output.data = {"text/plain": WIDGET_TEXT}
            if "image/png" in data and cell.metadata.get("alt"):
                # Where nbconvert looks for the text that describes a picture.
                output.metadata["image/png"] = {
                    **output.metadata.get("image/png", {}),
                    "alt": cell.metadata["alt"],
                }


def execute(notebook: NotebookNode, folder: Path, timeout: int | None = None) -> None:
    """Run every cell in ``folder`` under the full profile; store outputs and hashes in place.

    Progress bars are off: they are for whoever waits, not for the stored outputs.

    Raises:
        CellExecutionError: if a cell fails (and is not tagged ``raises-exception``).
        CellTimeoutError: if a cell takes more than ``timeout`` seconds (None: no limit).
    """
    environment = {**os.environ, "COURSE_PROFILE": PROFILE, "COURSE_PROGRESS": "off"}
    # Jupyter's own way to show figures, whatever the shell had chosen.
    environment.pop("MPLBACKEND", None)
    client = NotebookClient(
        notebook,
        timeout=timeout,
        km=AsyncKernelManager(kernel_name="python3", kernel_spec_manager=CurrentPython()),
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        # Without it nbclient fails where a widget holds output; `tidy` leaves it out of the file.
        store_widget_state=True,
        coalesce_streams=True,
    )
    # The hashes are of the code that is about to run: a file saved meanwhile counts as newer.
    course = {
        "code_sha256": code_hash(notebook),
        "profile": PROFILE,
        "utils_sha256": utils_hash(notebook),
    }
    # Jupyter's own log is not the notebook's; what a cell writes to stderr is still captured.
    client.execute(env=environment, stderr=subprocess.DEVNULL, cleanup_kc=True)
    notebook.metadata["course"] = course
    tidy(notebook)


def run(path: Path, timeout: int | None = None) -> float:
    """Execute the notebook at ``path`` in its own folder and store it; return the seconds.

    The file is left as it was if a cell fails, or if it was edited while it ran.

    Raises:
        ValueError: if it is not a valid notebook, or was edited while it ran.
        CellExecutionError, CellTimeoutError: as ``execute``.
    """
    before = path.read_bytes()
    notebook = read(path)
    start = time.perf_counter()
    execute(notebook, path.parent, timeout)
    if path.read_bytes() != before:
        raise ValueError(f"{path.name} was edited while it ran; it is left as edited: run again.")
    write(notebook, path)
    return time.perf_counter() - start


def sync_setup(path: Path) -> bool:
    """Write the setup cell's text into the notebook at ``path``; return whether it changed.

    Raises:
        ValueError: if the notebook has no code cell whose id is ``setup``.
    """
    notebook = read(path)
    cells = [cell for cell in code_cells(notebook) if cell.get("id") == "setup"]
    if not cells:
        raise ValueError(f"{path.name} has no code cell with the id 'setup'.")
    if cells[0].source == SETUP_SOURCE:
        return False
    cells[0].source = SETUP_SOURCE
    write(notebook, path)
    return True


# --- The command --------------------------------------------------------------------------------


def find(names: Sequence[str], folder: Path = NOTEBOOKS) -> list[Path]:
    """Return the notebooks that ``names`` mean: "01", "01_rnn_from_scratch" or a path; [] is all.

    Raises:
        FileNotFoundError: if a name fits no notebook.
    """
    every = sorted(folder.glob("*.ipynb"))
    chosen: list[Path] = []
    for name in names:
        stem = Path(name).name.removesuffix(".ipynb")
        fits = [path for path in every if path.stem == stem or path.stem.startswith(f"{stem}_")]
        if not fits:
            have = ", ".join(path.stem for path in every) or "none"
            raise FileNotFoundError(f"No notebook is named {name!r}; there are: {have}.")
        chosen += [path for path in fits if path not in chosen]
    return chosen if names else every


def brief(error: Exception) -> str:
    """Return where and why a cell failed, in a few lines."""
    if isinstance(error, CellExecutionError):
        lines = re.sub(r"\x1b\[[0-9;]*m", "", error.traceback).splitlines()
        return "\n".join([line for line in lines if line.strip()][-8:])
    return str(error).strip()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0, 1 (a failure) or 2 (a wrong argument)."""
    parser = argparse.ArgumentParser(
        description="Run notebooks under the full profile and store their outputs."
    )
    parser.add_argument("names", nargs="*", help="such as 01 or 01_rnn_from_scratch; none: all")
    parser.add_argument("--all", action="store_true", help="run also those that do not need it")
    parser.add_argument("--check", action="store_true", help="only say which need it; exit 1")
    parser.add_argument("--sync-setup", action="store_true", help="update every setup cell")
    parser.add_argument("--timeout", type=int, metavar="SECONDS", help="limit for one cell")
    options = parser.parse_args(arguments)
    try:
        paths = find(options.names)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    status = 0
    for path in paths:
        try:
            if options.sync_setup:
                print(f"{path.stem}: setup cell {'updated' if sync_setup(path) else 'as it is'}")
                continue
            reason = needs_run(read(path))
            if options.check:
                if reason:
                    print(f"{path.stem} needs to run: {reason}")
                    status = 1
                continue
            if not (reason or options.all or options.names):
                print(f"{path.stem}: up to date")
                continue
            print(f"{path.stem}: running …", flush=True)
            print(f"{path.stem}: {run(path, options.timeout):.0f} s", flush=True)
        except (CellExecutionError, CellTimeoutError, DeadKernelError, ValueError) as error:
            print(f"{path.stem}: failed, the file is as it was\n{brief(error)}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    raise SystemExit(main())
