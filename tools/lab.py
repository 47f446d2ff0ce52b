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

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = Path(__file__).with_name("jupyter")  # no news, no nbgrader, widgets kept in the file
FOLDERS = ("", "deeper")  # of notebooks/ and, at the same depth, of my/: links hold
LINKED = "sounds/*.wav"  # what lessons link: copied as it is
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
    """Return what was copied; if that is not known nothing: what differs counts as changed."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
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
        self.copied, self.newer, self.said = [], [], []

    def update(self, refresh: bool = False) -> list[str]:
        """Copy lessons that are not there; if asked to, renew old ones. Return what to say."""
        is_first = not self.folder.exists()
        for folder in FOLDERS:
            for path in sorted((self.lessons / folder).glob("*.ipynb")):
                self._lesson(path.relative_to(self.lessons).as_posix(), refresh)
        for path in sorted(self.lessons.glob(LINKED)):
            mine = self.folder / path.relative_to(self.lessons)
            if not mine.exists() or mine.read_bytes() != path.read_bytes():
                replace(mine, path.read_bytes())
        replace(self.folder / MANIFEST, json.dumps(self.manifest, indent=1).encode())
        if is_first:
            self.said.append("The lessons are copied into my/: change there what you like.")
        elif self.copied:
            self.said.append(f"Copied into my/: {', '.join(self.copied)}.")
        if self.newer:
            self.said.append(f"make lab REFRESH=1 fetches what is newer: {', '.join(self.newer)}.")
        return self.said

    def _take(self, name: str, under: str) -> None:
        """Copy a lesson of the course under a name of ``my/``, and note what was copied."""
        replace(self.folder / under, (self.lessons / name).read_bytes())
        self.copied.append(under)
        self._note(name, under)

    def _note(self, name: str, under: str) -> None:
        lesson = self.lessons / name
        self.manifest[under] = {"cells": cells_of(lesson), "file": hash_of(lesson)}

    def _is_changed(self, under: str) -> bool:
        mine = self.folder / under
        return mine.exists() and cells_of(mine) != self.manifest.get(under, {}).get("cells")

    def _is_current(self, name: str, under: str) -> bool:
        noted = self.manifest.get(under, {}).get("file")
        return (self.folder / under).exists() and noted == hash_of(self.lessons / name)

    def _lesson(self, name: str, refresh: bool) -> None:
        lesson, beside = self.lessons / name, name.removesuffix(".ipynb") + ".new.ipynb"
        if not (self.folder / name).exists():
            # What the reader deleted comes back on request only.
            if refresh or name not in self.manifest:
                self._take(name, name)
        elif self._is_current(name, name) or (
            self._is_changed(name) and self._is_current(name, beside)
        ):
            return
        elif self._is_changed(name) and cells_of(self.folder / name) == cells_of(lesson):
            self._note(name, name)  # the reader took the newer version over
        elif not refresh:
            self.newer.append(name)
        elif not self._is_changed(name):
            self._take(name, name)
        elif self._is_changed(beside):
            self.said.append(f"my/{beside} has changes of yours too: rename it, then ask again.")
        else:
            self._take(name, beside)
            self.said.append(f"my/{name} has changes of yours and stays; see my/{beside}.")


# --- JupyterLab ---------------------------------------------------------------------------------


def check_port(text: str) -> None:
    """Check the port that the reader chose.

    Raises:
        ValueError: if it is no port, or is in use.
    """
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ValueError(f"The port is {text!r}; expected a number from 1 to 65535.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(text)))
        except OSError as error:
            reason = (error.strerror or "it cannot be used").lower()
            raise ValueError(f"Port {text} is not free ({reason}): choose another.") from None


def command(arguments: Sequence[str], port: str | None = None) -> list[str]:
    """Return the command that starts JupyterLab in the course's folder, at the first lesson.

    The address that it prints, with the token that it draws, leads to that lesson too.

    Raises:
        ValueError: if it could not start.
    """
    if os.geteuid() == 0 and "--allow-root" not in arguments:
        raise ValueError(
            "You are root: be another user or, in a container, say make lab ARGS=--allow-root."
        )
    options = [
        f"--ServerApp.root_dir={ROOT}",
        "--LabApp.default_url=/lab/tree/my/00_start_here.ipynb",
        "--LabApp.log_level=ERROR",
        "--ServerApp.log_level=ERROR",
    ]
    if port:
        check_port(port)
        options += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    return [sys.executable, "-m", "jupyterlab", *options, *arguments]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command: it becomes JupyterLab, or returns 2 after one sentence."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--refresh", action="store_true")
    parser.add_argument("--port")
    options, others = parser.parse_known_args(arguments)
    try:
        words = command(others, options.port)
        for line in Copy(ROOT).update(options.refresh):
            print(line)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print("Ctrl-C, twice, ends JupyterLab.", flush=True)
    settings = [str(SETTINGS), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    paths = os.pathsep.join(filter(None, settings))
    os.execve(words[0], words, {**os.environ, "JUPYTER_CONFIG_PATH": paths})


if __name__ == "__main__":
    raise SystemExit(main())
