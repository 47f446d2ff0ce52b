"""The rows of rivals.json, several processes may add to it, and the tables of rivals.md."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from utils import files

Row = dict[str, Any]
LONGEST_WAIT = 60.0  # seconds for another process to be done with the file


def key(row: Row) -> tuple[str, str, int]:
    """Return what makes a row the only one of its kind."""
    return row["data"], row["rival"], row["seed"]


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes of this benchmark away from a file.

    They need it for a moment only: a lock that is there for a minute is of one that was stopped.
    """
    lock, start = path.with_name(path.name + ".lock"), time.monotonic()
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            break
        except FileExistsError:
            if time.monotonic() - start > LONGEST_WAIT:
                lock.unlink(missing_ok=True)
            time.sleep(0.1)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def read(path: Path) -> list[Row]:
    """Return the rows of a file; none if it is missing."""
    return json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []


def add(path: Path, row: Row) -> list[Row]:
    """Put a row into a file, in the place of an older one of its kind; return all rows."""
    with locked(path):
        rows = [old for old in read(path) if key(old) != key(row)]
        rows = sorted([*rows, row], key=key)
        files.write_text(path, json.dumps({"rows": rows}, indent=1, ensure_ascii=False) + "\n")
    return rows


def markdown(rows: list[Row], order: list[str], machine: str) -> str:
    """Return the tables of rivals.md.

    Args:
        rows: of rivals.json.
        order: names of the rivals.
        machine: in words.
    """
    lines = ["# Rivals", "", "Written by `python -m benchmarks.rivals`; do not edit.", ""]
    lines += [f"Machine: {machine}.", ""]
    lines += [
        "Mean over seeds ± standard deviation over seeds, each seed the mean of its judges. Lower",
        "is better. Seconds: fitting and sampling, compilation included. Memory: the peak of the",
        "rival's own process, packages included. Notes say where time ended a run.",
        "",
    ]
    for name in dict.fromkeys(row["data"] for row in rows):
        lines += [f"## {name}", ""]
        lines += [
            "| rival | seeds | discriminative | strong judge | predictive | facts inside "
            "| seconds | MiB | settings |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        here = [row for row in rows if row["data"] == name]
        for rival in order:
            own = [row for row in here if row["rival"] == rival]
            good = [row for row in own if "failed" not in row]
            if good:
                lines.append(_line(rival, good))
        said = [(row, row.get("failed") or row.get("note")) for row in here]
        notes = [f"- {row['rival']}, seed {row['seed']}: {what}" for row, what in said if what]
        lines += ["", *notes] if notes else []
        lines.append("")
    return "\n".join(lines)


def _line(rival: str, rows: list[Row]) -> str:
    cells = [_mean([float(np.mean(row[w])) for row in rows if row.get(w)]) for w in JUDGED]
    inside = [row["facts_inside"] / row["facts"] for row in rows if row.get("facts")]
    share = f"{np.mean(inside):.0%}" if inside else "–"
    times = [row["seconds"] for row in rows if row.get("seconds") is not None]
    seconds = f"{np.mean(times):.0f}" if times else "–"
    most = [row["memory_mib"] for row in rows if "memory_mib" in row]
    memory = f"{np.max(most):,}" if most else "–"
    values = [rival, len(rows), *cells, share, seconds, memory, rows[0]["chosen"]]
    return f"| {' | '.join(map(str, values))} |"


JUDGED = ("discriminative", "strong", "predictive")


def _mean(values: list[float]) -> str:
    if not values:
        return "–"
    spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}"
