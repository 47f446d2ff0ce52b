"""What does each ingredient of lesson 10's LSTM-GAN add? Measured at equal size and equal steps.

    .venv/bin/python -m benchmarks.ladder            rows that are missing
    .venv/bin/python -m benchmarks.ladder --fresh    all rows anew

Every row is a job of its own, on one core: a training of ``utils.lessons.ladder`` on the sines of
TimeGAN's code, then the strong judge, and two truths that need no judge. A row that the file has
already is kept if its switches, sizes and judge are today's. Written to ladder.json and ladder.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import multiprocessing
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import quality
from utils import datasets, evaluation, files, runtime
from utils.lessons import ladder

HERE = Path(__file__).resolve().parent
ROWS = {**ladder.LADDER, **ladder.LEFT_OUT}
SIZE = {"windows": 10_000, "window": 24, "units": 32, "steps": 800, "judges": 1}
SEEDS = 3
COLUMNS = ("strong judge", "off a sine", "frequency gap")

Row = dict[str, Any]


def measure(name: str, seed: int, size: dict[str, int]) -> Row:
    """Return a row: one training's scores."""
    runtime.reproducible(seed)
    real = datasets.load_sines(size["windows"], size["window"])
    start = time.perf_counter()
    made = ladder.train_row(
        real,
        ROWS[name],
        steps=size["steps"],
        units=size["units"],
        count=size["windows"],
        seed=seed,
    )
    seconds = time.perf_counter() - start
    strong = evaluation.STRONG_JUDGE | {"repeats": size["judges"]}
    score = evaluation.discriminative_score(real, made, seed=seed, **strong)
    return {
        "row": name,
        "seed": seed,
        "identity": identity(name, size),
        "strong judge": round(float(np.mean(score.values)), 5),
        "off a sine": round(ladder.off_a_sine(made), 6),
        "frequency gap": round(ladder.frequency_gap(made), 5),
        "seconds": round(seconds, 1),
        "versions": quality.versions(),
    }


def identity(name: str, size: dict[str, int]) -> str:
    """Return a short SHA-256 of the switches, the sizes and the judge of a row."""
    of = [dataclasses.asdict(ROWS[name]), size, evaluation.STRONG_JUDGE]
    return hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()[:16]


def markdown(results: Row) -> str:
    """Return the tables of ladder.md."""
    size, rows = results["size"], results["rows"]
    lines = ["# What each ingredient adds", "", "Written by `benchmarks/ladder.py`; do not edit."]
    lines += ["", f"Machine: {results['machine']}.", ""]
    for made_with in dict.fromkeys(row["versions"] for row in rows):
        lines += [f"Made with {made_with}.", ""]
    lines += [
        f"{size['windows']:,} windows of the sines of TimeGAN's code; one LSTM of {size['units']} "
        f"in each network, {size['steps']} steps, whatever is switched on. Mean ± standard "
        "deviation over seeds; "
        f"strong judges a row: {size['judges']}, whose own luck is a part of that deviation.",
        "",
        f"Chance: a perfect generator stays under {results['chance_bound']:.4f} before the strong "
        "judge, 95 % of the time. Real sines: "
        f"{results['real']['off a sine']:.6f} off a sine, frequency gap "
        f"{results['real']['frequency gap']:.4f}.",
        "",
    ]
    for title, names in (("The ladder", ladder.LADDER), ("One left out", ladder.LEFT_OUT)):
        lines += [f"## {title}", "", f"| row | seeds | {' | '.join(COLUMNS)} |"]
        lines.append("|---" * (2 + len(COLUMNS)) + "|")
        for name in names:
            own = [row for row in rows if row["row"] == name]
            if own:
                cells = [_mean([row[column] for row in own]) for column in COLUMNS]
                lines.append(f"| {name} | {len(own)} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def _mean(values: list[float]) -> str:
    spread = f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else ""
    return f"{np.mean(values):.4f}{spread}"


def write(folder: Path, results: Row) -> None:
    """Write ladder.json and ladder.md."""
    text = json.dumps(results, indent=1, ensure_ascii=False) + "\n"
    files.write_text(folder / "ladder.json", text)
    files.write_text(folder / "ladder.md", markdown(results))


def main(arguments: Sequence[str] | None = None, size: dict[str, int] | None = None) -> int:
    """Run the rows that are missing and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"default: {SEEDS}")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="jobs at a time")
    parser.add_argument("--fresh", action="store_true", help="run what is in the file anew, too")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the results")
    options = parser.parse_args(arguments)
    if min(options.seeds, options.workers) < 1:
        parser.error("--seeds and --workers must be at least 1.")
    size = size or SIZE
    path = options.out / "ladder.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept = [
        row
        for row in found.get("rows", [])
        if row["row"] in ROWS and row["identity"] == identity(row["row"], size)
    ]
    if options.fresh:
        kept = [row for row in kept if row["seed"] > options.seeds]
    done = {(row["row"], row["seed"]) for row in kept}
    # Seed by seed: a run that is stopped has as many seeds of one row as of another, but for one.
    wanted = [(name, seed) for seed in range(1, options.seeds + 1) for name in ROWS]
    real = datasets.load_sines(size["windows"], size["window"])
    test_size = 2 * (len(real) - int(evaluation.TRAIN_FRACTION * len(real)))
    results = {
        "machine": quality.machine(),
        "size": size,
        "chance_bound": round(evaluation.chance_bound(test_size), 5),
        "real": {
            "off a sine": round(ladder.off_a_sine(real), 6),
            "frequency gap": round(ladder.frequency_gap(real), 5),
        },
        "rows": kept,
    }
    write(options.out, results)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        options.workers, mp_context=context, initializer=_one_core, max_tasks_per_child=1
    ) as pool:
        futures = [pool.submit(measure, *job, size) for job in wanted if job not in done]
        for future in runtime.progress(as_completed(futures), total=len(futures), unit="job"):
            rows = [*results["rows"], future.result()]
            results["rows"] = sorted(rows, key=lambda row: (row["seed"], [*ROWS].index(row["row"])))
            write(options.out, results)
    return 0


def _one_core() -> None:
    os.environ["COURSE_PROGRESS"] = "off"
    quality._one_core()


if __name__ == "__main__":
    raise SystemExit(main())
