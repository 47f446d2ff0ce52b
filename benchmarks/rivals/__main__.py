"""Run the rivals that are missing in rivals.json; write rivals.md.

    python -m benchmarks.rivals --rivals "local bootstrap ±20" --sets GOOG --seeds 1 2 3

A row is a rival, a data set and a seed. Several of these commands may run at a time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import quality
from benchmarks.rivals import processes, rows, tuning
from benchmarks.rivals.registry import RIVALS
from utils import files, runtime

HERE = Path(__file__).resolve().parent.parent  # benchmarks/
SETS = ("GOOG", "IBM", "GOOG, 64 days", "Sines")
BUDGET = 300.0  # seconds of fitting, about the LSTM-GAN's
OURS = ("LSTM-GAN", "real against real")  # models of quality.json
JUDGES = {"discriminative": 10, "strong": 4, "predictive": 5}


def identity(windows: np.ndarray) -> str:
    """Return a short hash of a data set's windows: a row of other data is run again."""
    values = np.ascontiguousarray(windows)
    head = f"{values.shape} {values.dtype.str}".encode()
    return hashlib.sha256(head + values.tobytes()).hexdigest()[:16]


def of_quality(folder: Path, sets: set[str]) -> list[rows.Row]:
    """Return the LSTM-GAN's rows, and those of real windows against real ones, by set.

    They are in quality.json, scored by the same judges.
    """
    path = folder / "quality.json"
    found = json.loads(path.read_text(encoding="utf-8"))["scores"] if path.exists() else []
    ours = [row for row in found if row["model"] in OURS and row["data"] in sets]
    return [row | {"rival": row["model"], "chosen": "`quality.md`"} for row in ours]


def write_tables(folder: Path, found: list[rows.Row]) -> None:
    """Write rivals.md beside rivals.json."""
    machine = f"{os.cpu_count()} CPU cores ({platform.machine()})"
    everything = found + of_quality(folder, {row["data"] for row in found})
    order = [OURS[0], *RIVALS, OURS[1]]
    files.write_text(folder / "rivals.md", rows.markdown(everything, order, machine))


def one_row(rival: str, name: str, seed: int, budget: float, judges: dict[str, int]) -> rows.Row:
    """Run and score a rival; return its row."""
    task, spec = quality.load(name), RIVALS[rival]
    settings: dict[str, Any] = spec.settings | tuning.chosen(rival, name)
    row: rows.Row = {"data": name, "rival": rival, "seed": seed, "judges": judges}
    row |= {"settings": settings, "chosen": spec.chosen, "budget_seconds": budget}
    row |= {"packages": processes.pinned(spec), "identity": identity(task.real)}
    try:
        made, measured = processes.run(spec, task.real, task.sequences, seed, budget, settings)
        scored = quality.scores(task.real, made, judges, seed) | quality.facts(name, made)
    except (processes.RivalFailed, ValueError) as error:
        return row | {"failed": str(error)}
    return row | scored | measured


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--rivals", nargs="+", choices=RIVALS, default=list(RIVALS))
    parser.add_argument("--sets", nargs="+", choices=quality.SETS, default=list(SETS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--budget", type=float, default=BUDGET, help="seconds of fitting")
    parser.add_argument("--strong", type=int, default=JUDGES["strong"], help="strong judges")
    parser.add_argument("--fresh", action="store_true", help="run also what is in the file")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the results")
    options = parser.parse_args(arguments)
    if options.budget <= 0 or options.strong < 1 or min(options.seeds) < 0:
        parser.error("--budget and --strong must be positive, --seeds not negative.")
    path = options.out / "rivals.json"
    judges = JUDGES | {"strong": options.strong}
    wanted = [
        (name, rival, seed)
        for name in options.sets
        for rival in options.rivals
        for seed in options.seeds
    ]
    same = {name: identity(quality.load(name).real) for name in options.sets}
    kept = {
        rows.key(row)
        for row in rows.read(path)
        if "failed" not in row and row["identity"] == same.get(row["data"])
    }
    todo = [job for job in wanted if options.fresh or job not in kept]
    for name, rival, seed in runtime.progress(todo, unit="run"):
        runtime.reproducible(seed)
        row = one_row(rival, name, seed, options.budget, judges)
        write_tables(options.out, rows.add(path, row))
        print(_said(row), flush=True)
    if not todo:
        write_tables(options.out, rows.read(path))
    return 0


def _said(row: rows.Row) -> str:
    """Return a row in one line."""
    start = f"{row['data']}, {row['rival']}, seed {row['seed']}: "
    if "failed" in row:
        return start + row["failed"]
    means = (f"{what} {sum(row[what]) / len(row[what]):.3f}" for what in rows.JUDGED if row[what])
    facts = f"facts {row['facts_inside']}/{row['facts']}"
    return start + ", ".join([*means, facts, f"{row['seconds']} s, {row['memory_mib']} MiB"])


if __name__ == "__main__":
    raise SystemExit(main())
