"""How good is the LSTM-GAN? Scores, floors, baselines, ablations: written to quality.json and .md.

    .venv/bin/python -m benchmarks.quality    all rows that are missing; --fresh: all rows

Every row is a job of its own, on one core; rows that are in the file already are kept, so that a
stopped run goes on. All of them take about an hour and a half on two cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
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

from utils import datasets, evaluation, files, lstm_gan, runtime
from utils.datasets import Scaler, sliding_windows
from utils.lessons import remedies
from utils.lstm_gan import NormalScores, Preconditioner

HERE = Path(__file__).resolve().parent
SETS = ("Sines", "GOOG", "IBM", "GOOG, 64 days")
JUDGES = {"discriminative": 10, "strong": 4, "predictive": 5}
LAST_SHARE = 0.2  # of the rows, held out at the end of time for the memorisation ratio
BLOCK = 8  # rows that the block bootstraps keep together

Row = dict[str, Any]
Generated = tuple[np.ndarray, float | None]  # windows in the data's units, seconds of training


@dataclasses.dataclass(frozen=True)
class Task:
    """A data set as the models get it: its rows, its windows (windows, time, features)."""

    sequences: np.ndarray  # (sequences, time, features)
    real: np.ndarray
    columns: tuple[str, ...]
    prices: bool


@functools.cache
def load(name: str) -> Task:
    """Return a data set of ``SETS``."""
    if name == "Sines":
        waves = datasets.load_sines()
        return Task(waves, waves, tuple(f"wave {k + 1}" for k in range(waves.shape[2])), False)
    symbol, _, length = name.partition(", ")
    series = datasets.load_stock(symbol)
    real = sliding_windows(series.values, int(length.split()[0]) if length else 24)
    return Task(series.values[np.newaxis], real, series.columns, True)


# ── Models ────────────────────────────────────────────────────────────────────────────────────


def our_gan(task: Task, seed: int, **changes: Any) -> Generated:
    """Return windows of the recipe; ``changes`` are settings of ``TrainingConfig``."""
    start = time.perf_counter()
    preconditioner = Preconditioner(task.real.shape[1]).fit(task.sequences)
    config = lstm_gan.TrainingConfig(seed=seed, **changes)
    trainer = lstm_gan.build(preconditioner, preconditioner.transform(task.real), config)
    trainer.train()
    _, samples = lstm_gan.generate(trainer, preconditioner, len(task.real))
    return samples, time.perf_counter() - start


def rcgan_style(task: Task, seed: int) -> Generated:
    """Return windows of a plain LSTM-GAN, in the manner of RCGAN (Esteban et al. 2017).

    Windows scaled to [0, 1] by column, fresh latents at every time step, cross-entropy, a sigmoid
    at the output; as many layers, units and steps as ours.
    """
    start = time.perf_counter()
    scaler = Scaler.min_max(task.real)
    config = lstm_gan.TrainingConfig(
        seed=seed,
        learning_rate=1e-3,
        cosine_alpha=1.0,
        beta_1=0.5,
        beta_2=0.999,
        loss="non_saturating",
        gp_weight=0.0,
        ema_decay=0.0,
        static=0,
        dynamic=16,
    )
    window, features = task.real.shape[1:]
    generator = lstm_gan.lstm_generator(
        window, config.latent, features, skip=False, activation="sigmoid", seed=seed
    )
    discriminator = lstm_gan.lstm_discriminator(
        window, features, running_sum=False, seed=seed + 5000
    )
    windows = scaler.transform(task.real).astype(np.float32)
    trainer = lstm_gan.GanTrainer(generator, discriminator, windows, config)
    trainer.train()
    samples = scaler.inverse_transform(trainer.sample(len(task.real), seed=2).astype(np.float64))
    return samples, time.perf_counter() - start


def var_bootstrap(task: Task, seed: int, block: int = 1) -> Generated:
    """Return windows of the vector autoregression with resampled innovations."""
    preconditioner = Preconditioner(task.real.shape[1]).fit(task.sequences)
    normal_scores = preconditioner.transform(task.real)
    drawn = evaluation.bootstrap_innovations(normal_scores, len(normal_scores), seed, block=block)
    return preconditioner.inverse_transform(drawn), None


def block_bootstrap(task: Task, seed: int) -> Generated:
    """Return windows glued from blocks of real rows."""
    sequences = task.sequences if len(task.sequences) > 1 else task.sequences[0]
    window, count = task.real.shape[1], len(task.real)
    return evaluation.block_bootstrap(sequences, window, count, block=BLOCK, seed=seed), None


MODELS: dict[str, Callable[[Task, int], Generated]] = {
    "LSTM-GAN": our_gan,
    "RCGAN style": rcgan_style,
    "VAR bootstrap": var_bootstrap,
    "VAR block bootstrap": functools.partial(var_bootstrap, block=BLOCK),
    "block bootstrap": block_bootstrap,
}

# ── Ablation: the recipe with one ingredient taken away, or one put in its place ───────────────

SETTINGS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "static latents": {"static": 0, "dynamic": 16},
    "relativistic loss (non-saturating instead)": {"loss": "non_saturating"},
    "penalty": {"gp_weight": 0.0},
    "penalty on a quarter only (on all instead)": {"gp_fraction": 1.0},
    "averaged weights": {"ema_decay": 0.0},
    "falling learning rate": {"cosine_alpha": 1.0},
}
PARTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # of the generator, of the discriminator
    "skip": ({"skip": False}, {}),
    "scaled noise": ({"scaled_noise": 0}, {}),
    "standardised output": ({"batch_normalised": False}, {}),
    "view of the level": ({}, {"level": None}),
    "view of the running sum": ({}, {"running_sum": False}),
    "view of sizes": ({}, {"sizes": False}),
    "no minibatch statistics (with them instead)": ({}, {"minibatch": True}),
}
STEPS_OF_THE_DATA = ("margin calibration", "preconditioner")


def ablated(task: Task, seed: int, removed: str) -> Generated:
    """Return windows of the recipe without one of its ingredients."""
    if removed in SETTINGS:
        return our_gan(task, seed, **SETTINGS[removed])
    start = time.perf_counter()
    window, count = task.real.shape[1], len(task.real)
    of_generator, of_discriminator = PARTS.get(removed, ({}, {}))
    config = lstm_gan.TrainingConfig(seed=seed)
    if removed == "preconditioner":  # standardised columns, their margins as normal scores
        margins = NormalScores().fit(task.real)
        normal_scores, level = margins.transform(task.real).astype(np.float32), None
        of_discriminator = {"level": None}
    else:
        preconditioner = Preconditioner(window).fit(task.sequences)
        normal_scores, level = preconditioner.transform(task.real), preconditioner.level_map(window)
    components = normal_scores.shape[2]
    options = {
        "scaled_noise": config.dynamic,
        "batch_normalised": True,
        "seed": seed,
    } | of_generator
    generator = lstm_gan.lstm_generator(window, config.latent, components, **options)
    views = {"sizes": True, "level": level, "seed": seed + 5000} | of_discriminator
    minibatch = views.pop("minibatch", False)
    discriminator = lstm_gan.lstm_discriminator(window, components, **views)
    if minibatch:
        discriminator = _with_minibatch_std(discriminator)
    trainer = lstm_gan.GanTrainer(generator, discriminator, normal_scores, config)
    trainer.train()
    if removed == "preconditioner":
        calibration = NormalScores().fit(trainer.sample(20_000, seed=1))
        samples = margins.inverse_transform(calibration.transform(trainer.sample(count, seed=2)))
    elif removed == "margin calibration":
        samples = preconditioner.inverse_transform(trainer.sample(count, seed=2))
    else:
        _, samples = lstm_gan.generate(trainer, preconditioner, count)
    return samples, time.perf_counter() - start


def _with_minibatch_std(discriminator: keras.Model) -> keras.Model:
    summary = discriminator.get_layer("summary").output
    pooled = keras.layers.Lambda(remedies.minibatch_std, name="minibatch_std")(summary)
    logits = keras.layers.Dense(
        1, kernel_initializer=keras.initializers.GlorotUniform(seed=9000), name="logit_of_batch"
    )(pooled)
    return keras.Model(discriminator.input, logits)


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
    row["predictive"] = evaluation.predictive_score(
        real, fake, repeats=judges["predictive"], seed=seed
    ).values
    return {name: [round(float(value), 5) for value in values] for name, values in row.items()}


@functools.cache
def _spread(name: str) -> pd.Series:
    task = load(name)
    options = {"columns": task.columns, "logarithms": task.prices}
    return evaluation.real_spread(task.real, block=None if task.prices else 1, **options)


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
    return row | {"seconds": seconds and round(seconds, 1), "memorisation": None}


def memorisation_job(job: Row) -> Row:
    """Return the nearest-neighbour ratio of a model that never saw the last part of the rows."""
    whole, seed = load(job["data"]), job["seed"]
    window = whole.real.shape[1]
    if len(whole.sequences) > 1:
        cut = int(len(whole.sequences) * (1 - LAST_SHARE))
        past, future = whole.sequences[:cut], whole.sequences[cut:]
        task, held_out = Task(past, past, whole.columns, whole.prices), future
    else:
        rows = whole.sequences[0]
        cut = int(len(rows) * (1 - LAST_SHARE))
        past = sliding_windows(rows[:cut], window)
        task = Task(rows[np.newaxis, :cut], past, whole.columns, whole.prices)
        held_out = sliding_windows(rows[cut:], window)
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
    fake, seconds = ablated(task, job["seed"], job["removed"])
    row = job | scores(task.real, fake, job["judges"], job["seed"])
    return row | {"seconds": round(seconds, 1)}


def time_job(job: Row) -> Row:
    """Return the discriminative score as training goes on, against the seconds spent training."""
    task = load(job["data"])
    start = time.perf_counter()
    preconditioner = Preconditioner(task.real.shape[1]).fit(task.sequences)
    config = lstm_gan.TrainingConfig(seed=job["seed"])
    trainer = lstm_gan.build(preconditioner, preconditioner.transform(task.real), config)
    spent, seconds, values = time.perf_counter() - start, [], []
    steps = [*range(50, 500, 50), *range(500, config.steps + 1, 250)]
    for step in steps:
        start = time.perf_counter()
        trainer.train(step)
        spent += time.perf_counter() - start
        _, fake = lstm_gan.generate(trainer, preconditioner, len(task.real))
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
}


def jobs(kinds: Sequence[str], sets: Sequence[str], seeds: int) -> list[tuple[str, Row]]:
    """Return every job, the most important first."""
    planned: list[tuple[str, Row]] = []
    few = {"discriminative": 10, "strong": 2, "predictive": 3}

    def plan(model: str, name: str, count: int, judges: dict[str, int]) -> None:
        for seed in range(1, count + 1):
            row = {"data": name, "model": model, "seed": seed, "judges": judges}
            planned.append(("scores", row))

    short = [name for name in sets if "64" not in name]
    long = [name for name in sets if "64" in name]
    for name in short:
        plan("LSTM-GAN", name, seeds, JUDGES)
        plan("VAR bootstrap", name, 1, JUDGES)
        plan("real against real", name, 3, few)
    planned += [
        ("memorisation", {"data": name, "model": model, "seed": 1})
        for name in short
        for model in ("LSTM-GAN", "VAR bootstrap")
    ]
    for removed in [*SETTINGS, *PARTS, *STEPS_OF_THE_DATA]:
        planned.append(("ablation", {"removed": removed, "data": "GOOG", "seed": 1, "judges": few}))
    for name in short:
        for model in ("RCGAN style", "VAR block bootstrap", "block bootstrap"):
            plan(model, name, 1, few)
    planned.append(("time_to_quality", {"data": "GOOG", "seed": 1}))
    for name in long:
        for model in ("LSTM-GAN", "VAR bootstrap", "real against real"):
            plan(model, name, 2 if model == "LSTM-GAN" else 1, few)
    return [(kind, job) for kind, job in planned if kind in kinds and job["data"] in sets]


def run_job(kind: str, job: Row) -> tuple[str, Row]:
    """Run one job in its own process, on one core."""
    runtime.reproducible(job["seed"])
    return kind, KINDS[kind](job)


def _one_core() -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


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
    lines += ["## Ablation", "", "GOOG; one ingredient removed at a time.", ""]
    lines += [
        "| removed | seeds | discriminative | strong judge | predictive |",
        "|---|---|---|---|---|",
    ]
    for removed in dict.fromkeys(row["removed"] for row in results["ablation"]):
        own = [row for row in results["ablation"] if row["removed"] == removed]
        lines.append(f"| {removed} | {len(own)} | {' | '.join(_mean(own, w) for w in JUDGES)} |")
    timed = results["time_to_quality"]
    if timed:
        first = timed["first_under_0.1"]
        when = f"after {first:.0f} s of training" if first else "not in this run"
        lines += ["", "## Time to quality", "", f"GOOG, one core: first under .10 {when}."]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the jobs that are missing and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--seeds", type=int, default=5, help="of the generator (default: 5)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="jobs at a time")
    parser.add_argument("--fresh", action="store_true", help="forget the rows in the file")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the results")
    options = parser.parse_args(arguments)
    if min(options.seeds, options.workers) < 1:
        parser.error("--seeds and --workers must be at least 1.")
    path = options.out / "quality.json"
    results: Row = {"scores": [], "memorisation": [], "ablation": [], "time_to_quality": {}}
    if path.exists() and not options.fresh:
        results |= json.loads(path.read_text(encoding="utf-8"))
    results["machine"] = f"{os.cpu_count()} CPU cores ({platform.machine()}), one job a core"
    config = dataclasses.asdict(lstm_gan.TrainingConfig())
    results["protocol"] = {"judges": JUDGES, "strong_judge": evaluation.STRONG_JUDGE, "gan": config}
    results["data"] = {name: described(name) for name in SETS}
    done = {_key(kind, row) for kind in KINDS if kind != "time_to_quality" for row in results[kind]}
    todo = [(k, job) for k, job in jobs(options.kinds, options.sets, options.seeds)]
    todo = [(k, job) for k, job in todo if _key(k, job) not in done]
    if results["time_to_quality"]:
        todo = [(k, job) for k, job in todo if k != "time_to_quality"]
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
            files.write_text(path, json.dumps(results, indent=1, ensure_ascii=False) + "\n")
            files.write_text(options.out / "quality.md", markdown(results))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
