"""Run the course's notebooks under the full profile and store their outputs.

    python tools/notebooks.py                 # those whose code changed, or what they use of utils
    python tools/notebooks.py 01 11           # the named ones, whether they need it or not
    python tools/notebooks.py --all --jobs 2  # all, two at a time
    python tools/notebooks.py --check         # only say which need it, and why; exit 1 if any does
    python tools/notebooks.py --tidy 01       # repair what an editor left; run nothing
    python tools/notebooks.py --marks         # for each file of utils: whom a change of it marks
    python tools/notebooks.py --changed main  # the notebooks that a branch changed, one a line
    python tools/notebooks.py --sync-setup    # write tools/setup_cell.py into every notebook

A notebook is written only when all of its cells ran: the new file is renamed onto the old one.
"""

from __future__ import annotations

import argparse
import ast
import base64
import functools
import hashlib
import io
import multiprocessing
import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from concurrent import futures
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from ipykernel import kernelspec
from IPython.core.inputtransformer2 import TransformerManager
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbclient.output_widget import OutputWidget
from nbformat import NotebookNode
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
# As a script, it has its own folder on the path, not the course's.
sys.path[:0] = [] if str(ROOT) in sys.path else [str(ROOT)]

from tools import depends  # noqa: E402

NOTEBOOKS = ROOT / "notebooks"
PARTS = ("", "deeper")  # the folders below it that hold lessons
UTILS = ROOT / "utils"
FAILURES = (CellExecutionError, CellTimeoutError, DeadKernelError, ValueError, SyntaxError)
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
BAR = re.compile(r"\[(\d+:)?\d\d:\d\d[<,]")  # of tqdm: "[00:05<00:12, 3.1it/s]"
LESSON_LINE, LONGEST_LINE = 79, 100  # of a lesson; of any file
VISIBLE = 1.5  # root mean square of what 256 colours change, of 255
NAMED = 4  # of the definitions that changed, how many a reason names
# How the setup cell comes to `utils` says nothing about the outputs: no reason to run anew.
FETCHING = re.compile(r"\A.*?(?=^from utils )", re.DOTALL | re.MULTILINE)


class CurrentPython(KernelSpecManager):
    """A kernel manager's list that always answers with the Python this tool runs on."""

    def get_kernel_spec(self, kernel_name: str) -> Any:
        return self.kernel_spec_class(
            resource_dir=kernelspec.RESOURCES, **kernelspec.get_kernel_dict()
        )


class OneWayOutput(OutputWidget):
    """A widget's output that is not sent back to the kernel.

    nbclient would send it on the channel on which it waits for the cell's reply, and may then wait
    for ever. Nothing reads it: the widget ends with the kernel.
    """

    def sync_state(self) -> None:
        """Send nothing."""


# --- The setup cell -----------------------------------------------------------------------------


def published(root: Path = ROOT) -> tuple[str, str]:
    """Return the course's public address, "" before it has one, and the version to fetch.

    Both stand in pyproject.toml, under ``tool.course``.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return project["tool"]["course"]["repository"], project["tool"]["course"]["version"]


def setup_source(address: str, version: str, module: str = "notebook") -> str:
    """Return the setup cell's text for a public address, "" for none, and a version (tag).

    Lessons call ``notebook.setup``; those of the first edition, and the assignments, whose pictures
    are smaller and whose checks raise, call ``runtime.setup``: that is ``module``.
    """
    head, line, rest = re.split(r"^(ADDRESS, .*)$", SETUP_TEMPLATE, flags=re.MULTILINE)
    line = line.replace('"", "main"', f'"{address}", "{version}"', 1)
    if len(line) > LONGEST_LINE:
        line += "  # noqa: E501"
    if len(line) > LESSON_LINE:
        line += "  # fmt: skip"
    rest = rest.replace("import notebook", f"import {module}")
    return head + line + rest.replace("notebook.setup", f"{module}.setup")


SETUP_SOURCE = setup_source(*published())
FIRST_SETUP_SOURCE = setup_source(*published(), module="runtime")


def setup_module(source: str) -> str:
    """Return the module whose ``setup`` a setup cell calls: "notebook" or "runtime"."""
    return "runtime" if "runtime.setup(" in source else "notebook"


# --- What a notebook's outputs depend on --------------------------------------------------------


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the notebook's code cells, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def code_hash(notebook: NotebookNode) -> str:
    """Return the SHA-256 of what the code cells mean in full, in order.

    Comments and layout do not count, nor does the part of the setup cell that finds or fetches the
    course, nor what only the quick profile reads.

    Raises:
        SyntaxError: if a cell is not Python.
    """
    digest = hashlib.sha256()
    for cell in code_cells(notebook):
        source = cell.source
        if cell.get("id") == "setup":
            source = FETCHING.sub("", source)
        digest.update(meaning_of(source).encode() + b"\0")
    return digest.hexdigest()


@functools.lru_cache(maxsize=4096)
def meaning_of(source: str) -> str:
    """Return a text that is the same for two cells if they do the same under the full profile."""
    return depends.meaning(_Full().visit(ast.parse(translated(source))))


class _Full(ast.NodeTransformer):
    """Put in place of a budget what the full profile reads of it."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if ast.unparse(node.func) not in ("budget", "runtime.budget"):
            return node
        full = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "full")]
        return full[0] if full else node


def python_source(notebook: NotebookNode) -> str:
    """Return the code cells as one Python program, IPython's magics translated."""
    return "\n".join(translated(cell.source) for cell in code_cells(notebook))


@functools.lru_cache(maxsize=4096)
def translated(source: str) -> str:
    """Return a cell's source as Python, IPython's magics translated."""
    return TransformerManager().transform_cell(source)


def utils_hash(notebook: NotebookNode, folder: Path = UTILS) -> dict[str, str]:
    """Return a short hash of each definition of ``utils``, and of each data file, that it uses.

    Directly or through others; by full name, as in "utils.plots.finish". See tools/depends.py.
    """
    return depends.from_folder(folder).closure(python_source(notebook))


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the names whose hashes differ, or that only one of the two has."""
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def moved_utils(notebook: NotebookNode, folder: Path = UTILS) -> list[str]:
    """Return the definitions and data that changed since the outputs were stored."""
    stored = notebook.metadata.get("course", {}).get("utils_sha256", {})
    return differences(stored, utils_hash(notebook, folder))


def names_of(moved: Sequence[str]) -> str:
    """Return the first few names, and how many more there are."""
    more = f" and {len(moved) - NAMED} more" if len(moved) > NAMED else ""
    return ", ".join(moved[:NAMED]) + more


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
        return f"{names_of(moved)} changed"
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
    """Leave in an executed notebook what its code decides, and nothing of when or where it ran.

    Widgets live no longer than their kernel: a progress bar goes, any other becomes a sentence.
    """
    notebook.metadata.pop("widgets", None)
    notebook.metadata.kernelspec = dict(KERNELSPEC)
    notebook.metadata.language_info = dict(LANGUAGE_INFO)
    for cell in code_cells(notebook):
        cell.metadata.pop("execution", None)
        cell.outputs = [output for output in cell.outputs if not is_dead_bar(output)]
        for output in cell.outputs:
            data = output.get("data", {})
            if WIDGET_VIEW in data:
                output.data = {"text/plain": WIDGET_TEXT}
            if "image/png" in data:
                data["image/png"] = smaller(data["image/png"])
            if "image/png" in data and cell.metadata.get("alt"):
                # Where nbconvert's classic template and screen readers look for it. The cell's own
                # metadata is the source: JupyterLab drops an output's whenever a cell is run.
                output.metadata["image/png"] = {
                    **output.metadata.get("image/png", {}),
                    "alt": cell.metadata["alt"],
                }


def smaller(picture: str) -> str:
    """Return a PNG, in base64, with at most 256 colours, if that changes nothing to be seen.

    A picture of lines and areas then takes a third of the bytes.
    """
    try:
        original = Image.open(io.BytesIO(base64.b64decode(picture)))
        original.load()
    except (OSError, ValueError):
        return picture  # none that could be read, or drawn by something else
    if original.mode == "P" or getattr(original, "n_frames", 1) > 1:
        return picture
    if original.mode == "RGBA" and original.getextrema()[3][0] < 255:
        return picture  # something shines through
    colours = original.convert("RGB")
    few = colours.quantize(256, dither=Image.Dither.NONE)
    off = np.asarray(few.convert("RGB"), float) - np.asarray(colours, float)
    stored = io.BytesIO()
    few.save(stored, "PNG", optimize=True)
    if np.sqrt(np.mean(off**2)) > VISIBLE or len(stored.getvalue()) > 0.75 * len(picture):
        return picture
    return base64.b64encode(stored.getvalue()).decode()


def is_dead_bar(output: NotebookNode) -> bool:
    """Return whether an output is a progress bar's widget, or one that was closed."""
    data = output.get("data", {})
    if WIDGET_VIEW not in data:
        return False
    return not data[WIDGET_VIEW].get("model_id") or bool(BAR.search(data.get("text/plain", "")))


def tidy_file(path: Path) -> bool:
    """Tidy the notebook at ``path`` without running it; return whether that changed it."""
    notebook = read(path)
    before = nbformat.writes(notebook)
    tidy(notebook)
    if nbformat.writes(notebook) == before:
        return False
    write(notebook, path)
    return True


def execute(
    notebook: NotebookNode, folder: Path, timeout: int | None = None, profile: str = PROFILE
) -> None:
    """Run every cell in ``folder`` under a profile; store outputs and hashes in place.

    Progress bars are off: they are for whoever waits, not for the stored outputs.

    Raises:
        CellExecutionError: if a cell fails (and is not tagged ``raises-exception``).
        CellTimeoutError: if a cell takes more than ``timeout`` seconds (None: no limit).
    """
    environment = {**os.environ, "COURSE_PROFILE": profile, "COURSE_PROGRESS": "off"}
    environment["COURSE_CHECKS"] = "strict"  # a check that fails is a run that fails
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
    client.widget_registry["@jupyter-widgets/output"]["OutputModel"] = OneWayOutput
    # The hashes are of the code that is about to run: a file saved meanwhile counts as newer.
    course = {
        "code_sha256": code_hash(notebook),
        "profile": profile,
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
    text = setup_source(*published(), module=setup_module(cells[0].source))
    if cells[0].source == text:
        return False
    cells[0].source = text
    write(notebook, path)
    return True


# --- What a change marks ------------------------------------------------------------------------


def marks(paths: Sequence[Path], folder: Path = UTILS) -> list[tuple[str, list[str], int]]:
    """Return for each file of ``utils`` whom a change of it can mark.

    As (file, the notebooks that use a definition of it, the most that use one definition).
    """
    library = depends.from_folder(folder)
    users: dict[str, set[str]] = {}
    for path in paths:
        for key in library.closure(python_source(read(path))):
            users.setdefault(key, set()).add(path.stem)
    rows = []
    for file in sorted(library.files.values()):
        here = [stems for key, stems in users.items() if library.file_of(key) == file]
        rows.append((file, sorted(set().union(*here)), max(map(len, here), default=0)))
    return rows


def print_marks(paths: Sequence[Path]) -> None:
    """Print `marks` as a table."""
    rows = marks(paths)
    width = max(len(file) for file, _, _ in rows)
    print(f"{'file':{width}}  lessons  most by one definition  which")
    for file, stems, most in rows:
        which = " ".join(dict.fromkeys(stem.split("_")[0] for stem in stems))
        print(f"{file:{width}}  {len(stems):7}  {most:22}  {which}".rstrip())


def changed(base: str, paths: Sequence[Path], root: Path = ROOT) -> list[str]:
    """Return the names of the notebooks whose code, or what it uses, differs from commit ``base``.

    Raises:
        ValueError: if git knows no such commit.
    """
    files = depends.files_at(base, root)
    before, now = depends.from_files(files), depends.from_folder(root / "utils")
    found = []
    for path in paths:
        notebook = read(path)
        text = files.get(path.relative_to(root).as_posix())
        old = nbformat.reads(text, as_version=4) if text else None
        if (
            old is None
            or code_hash(old) != code_hash(notebook)
            or before.closure(python_source(old)) != now.closure(python_source(notebook))
        ):
            found.append(path.stem)
    return found


# --- The command --------------------------------------------------------------------------------


def find(names: Sequence[str], folder: Path = NOTEBOOKS) -> list[Path]:
    """Return the notebooks that ``names`` mean: "01", "01_rnn_from_scratch" or a path; [] is all.

    Raises:
        FileNotFoundError: if a name fits no notebook.
    """
    every = [path for part in PARTS for path in sorted((folder / part).glob("*.ipynb"))]
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


def attempt(path: Path, timeout: int | None = None) -> tuple[bool, str]:
    """Run one notebook; return whether it worked, and what to print."""
    try:
        return True, f"{path.stem}: {run(path, timeout):.0f} s"
    except FAILURES as error:
        return False, f"{path.stem}: failed, the file is as it was\n{brief(error)}"


def run_all(paths: Sequence[Path], timeout: int | None, jobs: int) -> bool:
    """Run notebooks, ``jobs`` at a time, each in a process that writes its file only."""
    good = True

    def tell(outcome: tuple[bool, str]) -> None:
        nonlocal good
        good &= outcome[0]
        print(outcome[1], file=sys.stdout if outcome[0] else sys.stderr, flush=True)

    if jobs == 1 or len(paths) < 2:
        for path in paths:
            print(f"{path.stem}: running …", flush=True)
            tell(attempt(path, timeout))
        return good
    print(f"running {len(paths)} notebooks, {jobs} at a time …", flush=True)
    fresh = multiprocessing.get_context("spawn")
    with futures.ProcessPoolExecutor(min(jobs, len(paths)), mp_context=fresh) as pool:
        for done in futures.as_completed(pool.submit(attempt, path, timeout) for path in paths):
            tell(done.result())
    return good


def at_least_one(text: str) -> int:
    """Return the number of jobs that ``text`` says."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")
    return int(text)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command's options."""
    parser = argparse.ArgumentParser(
        description="Run notebooks under the full profile and store their outputs."
    )
    parser.add_argument("names", nargs="*", help="such as 01 or 01_rnn_from_scratch; none: all")
    parser.add_argument("--all", action="store_true", help="run also those that do not need it")
    parser.add_argument("--check", action="store_true", help="only say which need it; exit 1")
    parser.add_argument("--tidy", action="store_true", help="repair what an editor left in them")
    parser.add_argument("--marks", action="store_true", help="say what a change of utils marks")
    parser.add_argument("--changed", metavar="BASE", help="name those that differ from a commit")
    parser.add_argument("--sync-setup", action="store_true", help="update every setup cell")
    parser.add_argument("--timeout", type=int, metavar="SECONDS", help="limit for one cell")
    parser.add_argument(
        "--jobs",
        type=at_least_one,
        default=1,
        metavar="N",
        help="run N at a time (default 1); what they time is then of a busy machine",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0, 1 (a failure) or 2 (a wrong argument)."""
    options = parse(arguments)
    try:
        paths = find(options.names)
        if options.changed:
            print("".join(f"{name}\n" for name in changed(options.changed, paths)), end="")
            return 0
        if options.marks:
            print_marks(paths)
            return 0
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    status = 0
    waiting = []
    for path in paths:
        try:
            if options.sync_setup:
                print(f"{path.stem}: setup cell {'updated' if sync_setup(path) else 'as it is'}")
                continue
            if options.tidy:
                print(f"{path.stem}: {'tidied' if tidy_file(path) else 'as it is'}")
                continue
            reason = needs_run(read(path))
        except (ValueError, SyntaxError) as error:
            print(f"{path.stem}: {brief(error)}", file=sys.stderr)
            status = 1
            continue
        if options.check:
            if reason:
                print(f"{path.stem} needs to run: {reason}")
                status = 1
        elif reason or options.all or options.names:
            waiting.append(path)
        else:
            print(f"{path.stem}: up to date")
    return status if run_all(waiting, options.timeout, options.jobs) else 1


if __name__ == "__main__":
    raise SystemExit(main())
