"""How good is the LSTM-GAN? Scores, floors, baselines, ablations: written to quality.json and .md.

    .venv/bin/python -m benchmarks.quality               all rows that are missing
    .venv/bin/python -m benchmarks.quality --fresh       all rows anew, whatever the file has
    .venv/bin/python -m benchmarks.quality --failures    ten seeds of the LSTM-GAN on every set

Every row is a job of its own, on one core; a row that the file has already is kept if it is of the
same data, judges and settings, so that a stopped run goes on. What the settings do not show, such
as a change in the networks, is for --fresh, which --kinds, --sets and --models narrow down. All of
it takes several hours on two cores. The LSTM-GAN is ``LstmGan.fit`` and ``sample``, as users get
it. Data sets are in benchmarks/sets.py, the table of the ablation in benchmarks/ablation.py.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import hashlib
import json
import multiprocessing
import os
import platform
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from benchmarks import ablation
from benchmarks.models import MODELS, our_gan
from benchmarks.sets import LONG, SETS, identity, load, without_the_last
from utils import evaluation, files, lstm_gan, runtime
from utils.lstm_gan import LstmGan
from utils.lstm_gan.preparation import prepare

HERE = Path(__file__).resolve().parent
JUDGES = {"discriminative": 10, "strong": 4, "predictive": 5}
FEW = {"discriminative": 3, "strong": 2, "predictive": 0}  # of the check for failures
SEEDS, FAILURE_SEEDS = 5, 10
LAST_SHARE = 0.2  # of the rows, held out at the end of time for the memorisation ratio
# A run has failed if the standard judge is right on six of ten, or a column lost a third of its
# standard deviation or gained half.
FAILED_SCORE, SPREADS = 0.1, (2 / 3, 1.5)

Row = dict[str, Any]


# ── Jobs ──────────────────────────────────────────────────────────────────────────────────────


def scores(real: np.ndarray, fake: np.ndarray, judges: dict[str, int], seed: int) -> Row:
    """Return the three scores, one value a judge."""
    strong = evaluation.STRONG_JUDGE | {"repeats": judges["strong"]}
    row: Row = {"discriminative": (), "strong": (), "predictive": ()}
    row["discriminative"] = evaluation.discriminative_score(
        real, fake, repeats=judges["discriminative"], seed=seed
    ).values
    if judges["strong"]:
        row["strong"] = evaluation.discriminative_score(real, fake, seed=seed, **strong).values
    if judges["predictive"]:
        row["predictive"] = evaluation.predictive_score(
            real, fake, repeats=judges["predictive"], seed=seed
        ).values
    return {name: [round(float(value), 5) for value in values] for name, values in row.items()}


@functools.cache
def _spread(name: str) -> pd.Series:
    task = load(name)
    options = {"columns": task.columns, "logarithms": task.prices}
    block = None if len(task.sequences) == 1 else 1  # windows of one series overlap
    return evaluation.real_spread(task.real, block=block, **options)


def facts(name: str, fake: np.ndarray) -> Row:
    """Return how many stylised facts lie within the real-versus-real spread, and which do not."""
    task = load(name)
    options = {"columns": task.columns, "logarithms": task.prices}
    table = evaluation.within_spread(task.real, fake, _spread(name), **options)
    outside = [" of ".join(index) for index in table.index[~table["inside"]]]
    return {"facts_inside": int(table["inside"].sum()), "facts": len(table), "outside": outside}


def score_job(job: Row) -> Row:
    """Return a row of scores of one model, one data set, one seed."""
    task = load(job["data"])
    real, seed = task.real, job["seed"]
    if job["model"] == "real against real":
        one, other = evaluation.split_real(real, seed)
        row = scores(one, other, job["judges"], seed)
        of_all = evaluation.predictive_score(real, real, repeats=JUDGES["predictive"], seed=seed)
        row["predictive"] = [round(float(value), 5) for value in of_all.values]
        return job | row | {"seconds": None, "memorisation": None}
    fake, seconds = MODELS[job["model"]](task, seed)
    row = job | scores(real, fake, job["judges"], seed) | facts(job["data"], fake)
    row |= {"spreads": spreads(real, fake)}
    return row | {"seconds": seconds and round(seconds, 1), "memorisation": None}


def spreads(real: np.ndarray, fake: np.ndarray) -> list[float]:
    """Return each column's standard deviation over all windows, generated to real."""
    ratio = fake.std(axis=(0, 1)) / real.std(axis=(0, 1))
    return [round(float(value), 3) for value in ratio]


def failure_job(job: Row) -> Row:
    """Return a row of one more seed of the LSTM-GAN, judged by few: did the run fail?"""
    task = load(job["data"])
    fake, seconds = our_gan(task, job["seed"])
    row = job | scores(task.real, fake, job["judges"], job["seed"])
    return row | {"spreads": spreads(task.real, fake), "seconds": round(seconds or 0, 1)}


def failed(row: Row) -> bool:
    """Return whether a run of the LSTM-GAN is one that no user should get."""
    low, high = SPREADS
    apart = np.mean(row["discriminative"]) > FAILED_SCORE
    return bool(apart or min(row["spreads"]) < low or max(row["spreads"]) > high)


def memorisation_job(job: Row) -> Row:
    """Return the nearest-neighbour ratio of a model that never saw the last part of the rows."""
    whole, seed = load(job["data"]), job["seed"]
    task, held_out = without_the_last(whole, LAST_SHARE)
    fake, _ = MODELS[job["model"]](task, seed)
    # Prices reach heights in the last years that they never had: compare how windows move, by
    # relative changes. A copy has the distance 0 in any representation.
    moves = _log_returns if whole.prices else np.asarray
    ratio = evaluation.memorisation_ratio(moves(fake), moves(task.real), moves(held_out))
    return job | {"memorisation": round(ratio, 4)}


def _log_returns(windows: np.ndarray) -> np.ndarray:
    """Return relative changes from row to row."""
    return np.diff(np.log(windows), axis=1)


def ablation_job(job: Row) -> Row:
    """Return a row of the ablation table."""
    task = load(job["data"])
    fake, seconds = ablation.ablated(task, job["seed"], ablation.CHANGES[job["removed"]])
    row = job | scores(task.real, fake, job["judges"], job["seed"])
    return row | {"seconds": round(seconds, 1)}


def time_job(job: Row) -> Row:
    """Return the discriminative score as training goes on, against the seconds spent training."""
    task = load(job["data"])
    start = time.perf_counter()
    prepared = prepare(task.series, task.real.shape[1])
    config = LstmGan(seed=job["seed"]).config()
    trainer = lstm_gan.build(prepared.preconditioner, prepared.normal_scores, config)
    spent, seconds, values = time.perf_counter() - start, [], []
    steps = [*range(50, 500, 50), *range(500, config.steps + 1, 250)]
    for step in steps:
        start = time.perf_counter()
        trainer.train(step)
        spent += time.perf_counter() - start
        encoded = lstm_gan.generate(trainer, prepared.preconditioner, len(task.real))
        if prepared.structure.needs_calibration:
            prepared.structure.calibrate(encoded)
        fake = prepared.structure.decode(encoded)
        score = evaluation.discriminative_score(task.real, fake, repeats=5, seed=job["seed"])
        seconds.append(round(spent, 1))
        values.append(round(score.mean, 5))
    reached = [at for at, value in zip(seconds, values, strict=True) if value < 0.1]
    first = reached[0] if reached else None
    return job | {
        "steps": steps,
        "seconds": seconds,
        "discriminative": values,
        "first_under_0.1": first,
    }


KINDS: dict[str, Callable[[Row], Row]] = {
    "scores": score_job,
    "memorisation": memorisation_job,
    "ablation": ablation_job,
    "time_to_quality": time_job,
    "failures": failure_job,
}


def jobs(
    kinds: Sequence[str], sets: Sequence[str], seeds: int, models: Sequence[str] | None = None
) -> list[tuple[str, Row]]:
    """Return every job, the most important first; ``models`` narrows down those of a model."""
    planned: list[tuple[str, Row]] = []

    def plan(model: str, names: Sequence[str], count: int) -> None:
        for name in names:
            for seed in range(1, count + 1):
                job = {"data": name, "model": model, "seed": seed, "judges": JUDGES}
                planned.append(("scores", job))

    short = [name for name in SETS if name not in LONG]
    plan("LSTM-GAN", SETS, seeds)
    plan("VAR bootstrap", SETS, 1)
    plan("real against real", SETS, 3)
    planned += [
        ("memorisation", {"data": name, "model": model, "seed": 1})
        for name in short
        for model in ("LSTM-GAN", "VAR bootstrap")
    ]
    planned += [
        ("ablation", {"removed": removed, "data": "GOOG", "seed": seed, "judges": JUDGES})
        for seed in range(1, seeds + 1)
        for removed in ablation.CHANGES
    ]
    plan("local bootstrap", SETS, 3)
    for model in ("VAR block bootstrap", "block bootstrap"):
        plan(model, short, 1)
    planned.append(("time_to_quality", {"data": "GOOG", "seed": 1}))
    planned += [
        ("failures", {"data": name, "model": "LSTM-GAN", "seed": seed, "judges": FEW})
        for name in SETS
        for seed in range(seeds + 1, FAILURE_SEEDS + 1)
    ]
    return [
        (kind, job | {"identity": identity_of(kind, job)})
        for kind, job in planned
        if kind in kinds
        and job["data"] in sets
        and (models is None or job.get("model", "LSTM-GAN") in models)
    ]


def identity_of(kind: str, job: Row) -> str:
    """Return a short SHA-256 of the data, the judges and the settings that a row depends on.

    A row in the file with another identity is stale: it is left out, and measured anew.
    """
    of = [kind, identity(job["data"]), job.get("judges"), evaluation.STRONG_JUDGE]
    if job.get("model") in (None, "LSTM-GAN"):
        of.append(dataclasses.asdict(LstmGan().config()))
    if "removed" in job:
        of.append(dataclasses.asdict(ablation.CHANGES[job["removed"]]))
    return hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()[:16]


def current(results: Row) -> Row:
    """Return the results without rows that are of other data, judges or settings than today's."""

    def good(kind: str, row: Row) -> bool:
        known = row.get("data") in SETS and row.get("removed", ablation.NOTHING) in ablation.CHANGES
        return known and row.get("identity") == identity_of(kind, row)

    kept: Row = {}
    for kind in KINDS:
        if kind == "time_to_quality":
            row = results.get(kind) or {}
            kept[kind] = row if row and good(kind, row) else {}
        else:
            kept[kind] = [row for row in results.get(kind, []) if good(kind, row)]
    return results | kept


def run_job(kind: str, job: Row) -> tuple[str, Row]:
    """Run one job in its own process, on one core."""
    runtime.reproducible(job["seed"])
    return kind, KINDS[kind](job) | {"versions": versions()}


def _one_core() -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def versions() -> str:
    """Return what a row was made with."""
    packages = (("TensorFlow", tf), ("Keras", keras), ("NumPy", np))
    named = [f"{name} {package.__version__}" for name, package in packages]
    return ", ".join([f"Python {platform.python_version()}", *named])


def machine() -> str:
    """Return what the jobs run on."""
    model = platform.machine()
    about = Path("/proc/cpuinfo")  # Linux; elsewhere the architecture has to do
    if about.exists():
        lines = about.read_text(encoding="utf-8").splitlines()
        named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = f"{named[0]}, {model}" if named else model
    return f"{os.cpu_count()} CPU cores ({model}), one job a core"


# ── Results ───────────────────────────────────────────────────────────────────────────────────


def described(name: str) -> Row:
    """Return a data set's size and what chance alone scores on it."""
    real = load(name).real
    test_size = 2 * (len(real) - int(evaluation.TRAIN_FRACTION * len(real)))
    return {
        "windows": len(real),
        "test_size": test_size,
        "chance_mean": round(evaluation.chance_mean(test_size), 5),
        "chance_bound": round(evaluation.chance_bound(test_size), 5),
        "features": real.shape[2],
        "length": real.shape[1],
        "sha256": identity(name),
    }


def _key(kind: str, row: Row) -> str:
    names = ("data", "model", "removed", "seed")
    return json.dumps([kind, *(row.get(name) for name in names)])


def _mean(rows: list[Row], what: str) -> str:
    values = [np.mean(row[what]) for row in rows if row.get(what)]
    if not values:
        return "–"
    spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}"


def markdown(results: Row) -> str:
    """Return the tables of quality.md."""
    lines = ["# Quality", "", "Written by `benchmarks/quality.py`; do not edit.", ""]
    lines += [f"Machine: {results['machine']}.", ""]
    rows = [row for kind in ("scores", "ablation") for row in results[kind]]
    for made_with in dict.fromkeys(row["versions"] for row in rows):
        lines += [f"Made with {made_with}.", ""]
    lines.append("Mean over seeds ± standard deviation over seeds, each seed the mean of its")
    lines += [
        "judges. Bound: what a perfect generator stays under 95 % of the time, by chance.",
        "",
    ]
    for name, about in results["data"].items():
        rows = [row for row in results["scores"] if row["data"] == name]
        lines += [f"## {name}", ""]
        lines.append(
            f"{about['windows']:,} windows of {about['length']} × {about['features']}; chance: "
            f"mean {about['chance_mean']:.4f}, bound {about['chance_bound']:.4f}."
        )
        lines += [
            "",
            "| model | seeds | discriminative | strong judge | predictive | facts inside |",
        ]
        lines.append("|---|---|---|---|---|---|")
        for model in [*MODELS, "real against real"]:
            own = [row for row in rows if row["model"] == model]
            if not own:
                continue
            inside = [row["facts_inside"] / row["facts"] for row in own if "facts" in row]
            share = f"{np.mean(inside):.0%}" if inside else "–"
            cells = [_mean(own, what) for what in JUDGES]
            lines.append(f"| {model} | {len(own)} | {' | '.join(cells)} | {share} |")
        for row in results["memorisation"]:
            if row["data"] == name:
                ratio = f"{row['memorisation']:.2f}"
                lines += [
                    "",
                    f"Nearest-neighbour ratio, {row['model']}, last fifth held out: {ratio}.",
                ]
        lines.append("")
    lines += _failures(results)
    lines += [
        "## Ablation",
        "",
        "GOOG, a single pair of networks; one ingredient removed at a time.",
        "",
    ]
    lines += [
        "| removed | seeds | discriminative | strong judge | predictive |",
        "|---|---|---|---|---|",
    ]
    done = {row["removed"] for row in results["ablation"]}
    for removed in [name for name in ablation.CHANGES if name in done]:
        own = [row for row in results["ablation"] if row["removed"] == removed]
        lines.append(f"| {removed} | {len(own)} | {' | '.join(_mean(own, w) for w in JUDGES)} |")
    timed = results["time_to_quality"]
    if timed:
        first = timed["first_under_0.1"]
        when = f"after {first:.0f} s of training" if first else "not in this run"
        lines += ["", "## Time to quality", "", f"GOOG, one core: first under .10 {when}."]
    return "\n".join(lines) + "\n"


def _failures(results: Row) -> list[str]:
    """Return the lines on runs that failed: of the seeds in the tables, and of more where run."""
    runs = [row for row in results["scores"] if row["model"] == "LSTM-GAN"]
    runs += results["failures"]
    if not runs:
        return []
    low, high = SPREADS
    lines = ["## Failures", ""]
    lines.append(
        f"A run of the LSTM-GAN has failed if the standard judge scores over {FAILED_SCORE}, or a "
        f"column has less than {low:.2f} or more than {high:.2f} times its standard deviation."
    )
    lines += ["", "| data | seeds | failed | worst strong judge | mean | spreads |"]
    lines.append("|---|---|---|---|---|---|")
    for name in SETS:
        own = [row for row in runs if row["data"] == name]
        if not own:
            continue
        strong = [float(np.mean(row["strong"])) for row in own]
        ratios = [ratio for row in own for ratio in row["spreads"]]
        bad = sorted(row["seed"] for row in own if failed(row))
        said = f"{len(bad)} (seeds {', '.join(map(str, bad))})" if bad else "0"
        lines.append(
            f"| {name} | {len(own)} | {said} | {max(strong):.3f} | {np.mean(strong):.3f} | "
            f"{min(ratios):.2f} to {max(ratios):.2f} |"
        )
    return [*lines, ""]


def write(folder: Path, results: Row) -> None:
    """Write quality.json and quality.md."""
    done = {row["data"] for row in results["scores"]}
    results["data"] = {name: described(name) for name in SETS if name in done}
    text = json.dumps(results, indent=1, ensure_ascii=False) + "\n"
    files.write_text(folder / "quality.json", text)
    files.write_text(folder / "quality.md", markdown(results))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the jobs that are missing and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    usual = [kind for kind in KINDS if kind != "failures"]
    models = [*MODELS, "real against real"]
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=usual)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--models", nargs="+", choices=models, help="default: all")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"default: {SEEDS}")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="jobs at a time")
    parser.add_argument(
        "--failures", action="store_true", help=f"nothing but {FAILURE_SEEDS} seeds of the LSTM-GAN"
    )
    parser.add_argument("--fresh", action="store_true", help="run what is in the file anew, too")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the results")
    options = parser.parse_args(arguments)
    if min(options.seeds, options.workers) < 1:
        parser.error("--seeds and --workers must be at least 1.")
    kinds = ["scores", "failures"] if options.failures else options.kinds
    chosen = ["LSTM-GAN"] if options.failures else options.models
    path = options.out / "quality.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    results = current(found)
    results["machine"] = machine()
    config = dataclasses.asdict(LstmGan().config())
    results["protocol"] = {"judges": JUDGES, "strong_judge": evaluation.STRONG_JUDGE, "gan": config}
    planned = jobs(kinds, options.sets, options.seeds, chosen)
    asked = {_key(kind, job) for kind, job in planned}
    if options.fresh:
        for kind in KINDS:
            if kind != "time_to_quality":
                results[kind] = [row for row in results[kind] if _key(kind, row) not in asked]
            elif any(k == kind for k, _ in planned):
                results[kind] = {}
    done = {_key(kind, row) for kind in KINDS if kind != "time_to_quality" for row in results[kind]}
    todo = [(kind, job) for kind, job in planned if _key(kind, job) not in done]
    if results["time_to_quality"]:
        todo = [(kind, job) for kind, job in todo if kind != "time_to_quality"]
    write(options.out, results)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        options.workers, mp_context=context, initializer=_one_core, max_tasks_per_child=1
    ) as pool:
        futures = [pool.submit(run_job, kind, job) for kind, job in todo]
        for future in runtime.progress(as_completed(futures), total=len(futures), unit="job"):
            kind, row = future.result()
            if kind == "time_to_quality":
                results[kind] = row
            else:
                results[kind] = sorted([*results[kind], row], key=lambda r: _key(kind, r))
            write(options.out, results)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
