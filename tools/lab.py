"""Open JupyterLab on your own copy of the lessons, in ``my/``, which git ignores.

    python tools/lab.py                # copy the lessons that my/ has not had yet; open the first
    python tools/lab.py --refresh      # before that, replace old lessons by their newer versions
    python tools/lab.py --port 9000    # what it does not know goes on to JupyterLab

A lesson that you changed is never overwritten: its newer version is put beside it. *Changed* means
that a cell was edited, added, removed or moved. The rest changes without you: JupyterLab renames
the kernel and notes Python's version when it opens a file, and outputs differ with every run.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = Path(__file__).with_name("jupyter")  # no news, no nbgrader, widgets kept in the file
FOLDERS = ("", "deeper", "solutions")  # of notebooks/ and, at the same depth, of my/: links hold
FIRST = "00_start_here.ipynb"
MANIFEST = ".lessons.json"

Manifest = dict[str, dict[str, str]]  # lesson → {"cells": as copied, "file": the course's, whole}


# --- The copy -----------------------------------------------------------------------------------


def hash_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def cells_of(path: Path) -> str:
    """Return a hash of the cells' kinds and sources, in order; of no notebook, that of the file."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = json.dumps([[cell["cell_type"], "".join(cell["source"])] for cell in cells])
    except (ValueError, TypeError, KeyError):
        return hash_of(path)
    return hashlib.sha256(text.encode()).hexdigest()


def replace(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, then rename it: it is never half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_manifest(path: Path) -> Manifest:
    """Return what was copied; nothing if that is not known.

    Then every lesson counts as changed, unless its cells are those of the course.
    """
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        known = json.loads(path.read_text(encoding="utf-8")).items()
        return {name: {"cells": str(of["cells"]), "file": str(of["file"])} for name, of in known}
    return {}


class Copy:
    """The reader's copy of the lessons of the course at ``root``."""

    def __init__(self, root: Path) -> None:
        self.lessons, self.folder = root / "notebooks", root / "my"
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError("There is a file named my where your copy of the lessons belongs.")
        self.manifest = read_manifest(self.folder / MANIFEST)
        self.copied: list[str] = []
        self.newer: list[str] = []
        self.said: list[str] = []

    def update(self, refresh: bool = False) -> list[str]:
        """Copy lessons that are not there; if asked to, renew old ones. Return what to say."""
        is_first = not self.folder.exists()
        for folder in FOLDERS:
            for path in sorted((self.lessons / folder).glob("*.ipynb")):
                self._lesson(path.relative_to(self.lessons).as_posix(), refresh)
        text = json.dumps(self.manifest, indent=1, sort_keys=True)
        replace(self.folder / MANIFEST, text.encode())
        if is_first:
            self.said.append("The lessons are copied into my/: change there what you like.")
        elif self.copied:
            self.said.append(f"Copied into my/: {', '.join(self.copied)}.")
        if self.newer:
            names = ", ".join(self.newer)
            self.said.append(f"There is a newer version of {names}: make lab REFRESH=1 fetches it.")
        return self.said

    def _take(self, name: str, under: str) -> None:
        """Copy a lesson of the course under a name of ``my/``, and note what was copied."""
        replace(self.folder / under, (self.lessons / name).read_bytes())
        self._note(name, under)
        self.copied.append(under)

    def _note(self, name: str, under: str) -> None:
        source = self.lessons / name
        self.manifest[under] = {"cells": cells_of(source), "file": hash_of(source)}

    def _is_changed(self, under: str) -> bool:
        mine = self.folder / under
        return mine.exists() and cells_of(mine) != self.manifest.get(under, {}).get("cells")

    def _is_current(self, name: str, under: str) -> bool:
        noted = self.manifest.get(under, {}).get("file")
        return (self.folder / under).exists() and noted == hash_of(self.lessons / name)

    def _lesson(self, name: str, refresh: bool) -> None:
        mine = self.folder / name
        if not mine.exists():
            # What the reader deleted comes back on request only.
            if refresh or name not in self.manifest:
                self._take(name, name)
            return
        if self._is_current(name, name):
            return
        beside = name.removesuffix(".ipynb") + ".new.ipynb"
        if cells_of(mine) == cells_of(self.lessons / name) and name not in self.manifest:
            self._note(name, name)
        elif not self._is_changed(name):
            if refresh:
                self._take(name, name)
            else:
                self.newer.append(name)
        elif cells_of(mine) == cells_of(self.lessons / name):
            self._note(name, name)  # the reader took the newer version over
        elif self._is_current(name, beside):
            pass
        elif not refresh:
            self.newer.append(name)
        elif self._is_changed(beside):
            self.said.append(f"my/{beside} has changes of yours too: rename it, then ask again.")
        else:
            self._take(name, beside)
            self.said.append(f"my/{name} has changes of yours and stays; see my/{beside}.")


# --- JupyterLab ---------------------------------------------------------------------------------


def chosen_port(arguments: Sequence[str]) -> int | None:
    """Return the port that JupyterLab's arguments ask for, None if they ask for none.

    Raises:
        ValueError: if that is no port, or is in use.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--port", "--ServerApp.port", default=None)
    text = parser.parse_known_args(arguments)[0].port
    if text is None:
        return None
    if not text.isdecimal() or int(text) > 65535:
        raise ValueError(f"The port is {text!r}; expected a number up to 65535.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(text)))
        except OSError as error:
            reason = error.strerror.lower()
            raise ValueError(f"Port {text} is not free ({reason}): choose another.") from None
    return int(text)


def command(arguments: Sequence[str], root: Path = ROOT) -> list[str]:
    """Return the command that starts JupyterLab in the course's folder, at the first lesson.

    The address that it prints, with the token that it draws, leads to that lesson too.

    Raises:
        ValueError: if it could not start.
    """
    if os.geteuid() == 0 and "--allow-root" not in arguments:
        raise ValueError(
            "You are root, for whom JupyterLab would guard nothing: be another user, or, in a "
            "container, say make lab ARGS=--allow-root."
        )
    options = [
        f"--ServerApp.root_dir={root}",
        f"--LabApp.default_url=/lab/tree/my/{FIRST}",
        "--LabApp.log_level=ERROR",
        "--ServerApp.log_level=ERROR",
    ]
    if chosen_port(arguments):
        options.append("--ServerApp.port_retries=0")
    return [sys.executable, "-m", "jupyterlab", *options, *arguments]


def environment(settings: Path = SETTINGS) -> dict[str, str]:
    """Return the environment in which JupyterLab finds the course's settings, and then others."""
    paths: list[Any] = [settings, os.environ.get("JUPYTER_CONFIG_PATH")]
    return {**os.environ, "JUPYTER_CONFIG_PATH": os.pathsep.join(str(p) for p in paths if p)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command: it becomes JupyterLab, or returns 2 after one sentence."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--refresh", action="store_true")
    options, others = parser.parse_known_args(arguments)
    try:
        words = command(others)
        for line in Copy(ROOT).update(options.refresh):
            print(line)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print("Ctrl-C, twice, ends JupyterLab.", flush=True)
    os.execve(words[0], words, environment())
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
