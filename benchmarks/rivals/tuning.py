"""Chooses a rival's settings on data and by judges that report nothing.

    python -m benchmarks.rivals.tuning --rival "RCGAN tuned" --set GOOG --tries 12

The rows are split in time order: a candidate is fitted to the first four fifths alone. Two judges
select. One compares its windows with the real ones that it was fitted to. The other compares
*moves* with those of the last fifth: a window less its own first row, relative to it where all
values are positive, since levels of other years differ by much. Of sequences that are independent,
such as the sines, the last fifth of them is held out, and the second judge compares the windows as
they are. The settings with the smallest mean of both are chosen. The judges' seeds are used nowhere
else, and the final table is of another fit, to all rows.
"""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import quality
from benchmarks.rivals import processes, rows
from benchmarks.rivals.registry import HERE, RIVALS, TUNED
from utils import evaluation, files
from utils.datasets import sliding_windows

FILE = HERE / "tuning.json"
LAST_SHARE = 0.2  # of the rows, held out at the end of time
SELECTING = 900  # seed of the selecting judges, of the fits and of the candidates
BUDGET = 300.0  # seconds


def split(sequences: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the sequences to fit to, their windows, and the windows held out."""
    if len(sequences) > 1:
        cut = int(len(sequences) * (1 - LAST_SHARE))
        past, future = sequences[:cut], sequences[cut:]
        return past, _windows(past, window), _windows(future, window)
    cut = int(sequences.shape[1] * (1 - LAST_SHARE))
    past, future = sequences[:, :cut], sequences[:, cut:]
    return past, _windows(past, window), _windows(future, window)


def _windows(sequences: np.ndarray, window: int) -> np.ndarray:
    return np.concatenate([sliding_windows(sequence, window) for sequence in sequences])


def moves(windows: np.ndarray, relative: bool) -> np.ndarray:
    """Return windows less their first row, relative to it if asked."""
    changes = windows[:, 1:] - windows[:, :1]
    return changes / windows[:, :1] if relative else changes


def selecting_score(
    fitted: np.ndarray, held_out: np.ndarray, made: np.ndarray, independent: bool
) -> list[float]:
    """Return the scores of the two selecting judges; see the top of this file."""
    strong = evaluation.STRONG_JUDGE | {"repeats": 1, "seed": SELECTING}
    first = evaluation.discriminative_score(fitted, made, **strong)
    if independent:
        second = evaluation.discriminative_score(held_out, made, **strong)
    else:
        relative = min(fitted.min(), held_out.min(), made.min()) > 0
        second = evaluation.discriminative_score(
            moves(held_out, relative), moves(made, relative), **strong
        )
    return [round(first.mean, 4), round(second.mean, 4)]


def candidates(module: Any, tries: int) -> list[dict[str, Any]]:
    """Return so many settings of a module's ``SPACE``, the defaults first, then drawn at random."""
    rng = np.random.default_rng(SELECTING)
    sensible = getattr(module, "sensible", lambda settings: True)
    found: list[dict[str, Any]] = [{}]
    while len(found) < tries:
        drawn = {name: values[rng.integers(len(values))] for name, values in module.SPACE.items()}
        if sensible(drawn) and drawn not in found:
            found.append(drawn)
    return found


def chosen(rival: str, data: str, path: Path = FILE) -> dict[str, Any]:
    """Return the best settings for a data set; of a longer window, those of the shorter one.

    Where none were tried for it, those that are best on average over all data sets tried.
    """
    if rival not in TUNED or not path.exists():
        return {}
    tried = [row for row in json.loads(path.read_text(encoding="utf-8")) if row["rival"] == rival]
    same = [row for row in tried if row["data"] == data.partition(",")[0]] or tried
    same = [row for row in same if "failed" not in row]
    if not same:
        return {}
    by: dict[str, list[float]] = {}
    for row in same:
        by.setdefault(json.dumps(row["settings"], sort_keys=True), []).append(
            np.mean(row["scores"])
        )
    most = max(len(scores) for scores in by.values())
    return json.loads(min((k for k in by if len(by[k]) == most), key=lambda k: np.mean(by[k])))


def attempt(rival: str, name: str, settings: dict[str, Any], budget: float) -> dict[str, Any]:
    """Fit one candidate; return its row."""
    task = quality.load(name)
    sequences, fitted, held_out = split(task.sequences, task.real.shape[1])
    row: dict[str, Any] = {"data": name, "rival": rival, "settings": settings}
    try:
        made, measured = processes.run(
            RIVALS[rival], fitted, sequences, SELECTING, budget, settings
        )
        scores = selecting_score(fitted, held_out, made, len(task.sequences) > 1)
    except (processes.RivalFailed, ValueError) as error:
        return row | {"failed": str(error)}
    return row | {"scores": scores} | measured


def markdown(tried: list[dict[str, Any]]) -> str:
    """Return the tables of tuning.md, the best settings first."""
    lines = ["# Tuning of the rivals", "", "Written by `benchmarks/rivals/tuning.py`; do not edit."]
    lines += ["What is in no setting has its default in the rival's module.", ""]
    for rival, data in dict.fromkeys((row["rival"], row["data"]) for row in tried):
        own = [row for row in tried if (row["rival"], row["data"]) == (rival, data)]
        own.sort(key=lambda row: np.mean(row.get("scores", [1.0])))
        lines += [f"## {rival}, {data}", ""]
        lines += ["| past | held out | seconds | settings |", "|---|---|---|---|"]
        for row in own:
            what = ", ".join(f"{name} {value}" for name, value in row["settings"].items())
            scores = [f"{score:.3f}" for score in row.get("scores", [])] or ["failed", "–"]
            cells = [*scores, f"{row.get('seconds', 0):.0f}", what or "the defaults"]
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Try candidates that were not tried yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--rival", choices=TUNED, required=True)
    parser.add_argument("--set", choices=quality.SETS, required=True)
    parser.add_argument("--tries", type=int, default=12)
    parser.add_argument("--budget", type=float, default=BUDGET, help="seconds a candidate")
    options = parser.parse_args(arguments)
    if options.tries < 1 or options.budget <= 0:
        parser.error("--tries and --budget must be positive.")
    module = importlib.import_module(f"benchmarks.rivals.{RIVALS[options.rival].module}")
    for settings in candidates(module, options.tries):
        tried = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else []
        same = {"data": options.set, "rival": options.rival, "settings": settings}
        if any(same.items() <= row.items() for row in tried):
            continue
        row = attempt(options.rival, options.set, settings, options.budget)
        print(json.dumps(row), flush=True)
        with rows.locked(FILE):
            tried = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else []
            tried.append(row)
            files.write_text(FILE, json.dumps(tried, indent=1) + "\n")
            files.write_text(FILE.with_suffix(".md"), markdown(tried))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
