"""The environments and the processes of the rivals."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rivals.registry import Rival

ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENTS = ROOT / ".venv-rivals"
GRACE = 10  # times the budget, after which a rival is stopped: loading, compiling, sampling


class RivalFailed(RuntimeError):
    """A rival that could not be installed, stopped with an error, or went on for too long."""


def environment(rival: Rival) -> Path:
    """Return the Python that a rival runs on; make its environment where it is missing.

    The environment of a rival that is not ``alone`` sees the course's packages too: its own come
    first, and what they share is not installed twice.

    Raises:
        RivalFailed: if its packages cannot be installed.
    """
    if rival.packages is None:
        return Path(sys.executable)
    folder = ENVIRONMENTS / rival.packages
    python, stamp = folder / "bin" / "python", folder / ".pins"
    pins = rival.requirements.read_text(encoding="utf-8")
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == pins:
        return python
    _must(sys.executable, "-m", "venv", "--clear", str(folder))
    if not rival.alone:
        inside = _printed(python, "import sysconfig; print(sysconfig.get_paths()['purelib'])")
        course = sysconfig.get_paths()["purelib"]
        (Path(inside) / "course.pth").write_text(f"{course}\n", encoding="utf-8")
    _must(str(python), "-m", "pip", "install", "--quiet", "-r", str(rival.requirements))
    stamp.write_text(pins, encoding="utf-8")
    return python


def pinned(rival: Rival) -> list[str]:
    """Return the packages that a rival is made of, with versions: the first ones in its file."""
    if rival.packages is None:
        return []
    lines = rival.requirements.read_text(encoding="utf-8").splitlines()[1:]
    return list(itertools.takewhile(lambda line: not line.startswith("#"), lines))


def run(
    rival: Rival,
    windows: np.ndarray,
    sequences: np.ndarray,
    seed: int,
    budget_seconds: float,
    settings: dict[str, Any],
) -> tuple[np.ndarray, dict[str, Any]]:
    """Run a rival in a process of its own; return its windows and what was measured.

    Raises:
        RivalFailed: with the last line that the process printed.
    """
    python = environment(rival)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savez(folder / "data.npz", windows=windows, sequences=sequences)
        job = {
            "module": rival.module,
            "settings": settings,
            "seed": seed,
            "budget_seconds": budget_seconds,
        }
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        command = [str(python), "-m", "benchmarks.rivals.one", str(folder)]
        variables = os.environ | {"PYTHONPATH": str(ROOT), "COURSE_PROGRESS": "off"}
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=variables,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=GRACE * budget_seconds,
                encoding="utf-8",
                errors="replace",
            )
        except subprocess.TimeoutExpired as error:
            raise RivalFailed(f"It was stopped after {error.timeout:.0f} seconds.") from error
        if done.returncode:
            lines = done.stdout.strip().splitlines() or ["nothing was printed"]
            raise RivalFailed(f"It ended with status {done.returncode}: {lines[-1][:300]}")
        notes = [line for line in done.stdout.splitlines() if line.startswith("Stopped after")]
        measured = json.loads((folder / "measured.json").read_text(encoding="utf-8"))
        with np.load(folder / "made.npz") as made:
            return made["windows"], measured | ({"note": notes[-1]} if notes else {})


def _must(*command: str) -> None:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    if done.returncode:
        errors = [line for line in done.stdout.splitlines() if "rror" in line] or [
            "no reason given"
        ]
        raise RivalFailed(f"Its packages cannot be installed: {errors[-1][:300]}")


def _printed(python: Path, code: str) -> str:
    command = [str(python), "-c", code]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
