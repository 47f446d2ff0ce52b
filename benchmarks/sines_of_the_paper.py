"""The sines of TimeGAN's text and of its code, before the judge of its text and that of its code.

    .venv/bin/python -m benchmarks.sines_of_the_paper               rows that are missing
    .venv/bin/python -m benchmarks.sines_of_the_paper --simulate    only what needs no judge

Yoon, Jarrett and van der Schaar, "Time-series Generative Adversarial Networks", NeurIPS 2019. The
text (section 5.2) has sin(2πηt + θ), η from U[0, 1], θ from U[−π, π], and a two-layer LSTM as
judge; the code has both from U(0, 0.1), and a GRU of one layer.

What a perfect generator scores is measured with windows drawn from the formula itself, and
computed. Two ways in which a published mean can lie below that are simulated: a judge that gives
one answer to all windows, and a choice of the best checkpoint by the score that is reported.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks import quality
from benchmarks.models import our_gan
from benchmarks.sets import SINES, identity, load
from utils import datasets, evaluation, files, lstm_gan, runtime

HERE = Path(__file__).resolve().parent
NAME = "sines_of_the_paper"
JUDGES: dict[str, Callable[..., evaluation.Score]] = {
    "GRU, one layer (code)": evaluation.discriminative_score,
    "LSTM, two layers (text)": evaluation.lstm_discriminative_score,
}
DRAWS: dict[str, Callable[..., np.ndarray]] = {
    "Sines": datasets.code_sines,
    "Sines of the text": datasets.paper_sines,
}
OF = {"Sines": "of the code", "Sines of the text": "of the text"}
REPEATS, SEEDS, GAN_SEEDS = 4, 5, 3
FRESH = 100_000  # added to a seed, so that no draw is one of the data's own
TEST_SIZES = {"Sines": 4000, "Stocks of the paper": 1466}  # held-out windows, real and generated
TIMES = 100_000  # a simulation is repeated
ONE_CLASS = (0.0, 0.25, 0.5, 0.75, 1.0)  # share of judges that give one answer to all windows
CHECKPOINTS = (1, 2, 3, 5, 10, 20)
JUDGES_OF_A_MEAN = (1, 5, 10)
PUBLISHED = (0.003, 0.005)  # the lowest means that are published on Stocks

Row = dict[str, Any]


# ── What needs no judge ───────────────────────────────────────────────────────────────────────


def guesses(rng: np.random.Generator, test_size: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return |accuracy − ½| of judges that guess, on ``test_size`` held-out windows."""
    return np.abs(rng.binomial(test_size, 0.5, shape) / test_size - 0.5)


def one_class_scores(
    rng: np.random.Generator, test_size: int, share: float, count: int
) -> np.ndarray:
    """Return the scores of a perfect generator where some judges call all windows real.

    Such a judge is right on every real and on no generated window: of equally many, on exactly
    half, which scores 0. The other judges guess each window.
    """
    real = generated = test_size // 2
    says_real = rng.uniform(size=count) < share
    right_on_real = np.where(says_real, real, rng.binomial(real, 0.5, count))
    right_on_generated = np.where(says_real, 0, rng.binomial(generated, 0.5, count))
    return np.abs((right_on_real + right_on_generated) / (real + generated) - 0.5)


def chosen_scores(
    rng: np.random.Generator, test_size: int, checkpoints: int, judges: int, count: int
) -> np.ndarray:
    """Return the mean scores of a perfect generator's best of some checkpoints.

    Every checkpoint is perfect, and judged by ``judges`` judges that guess; the one whose mean
    score is lowest is reported with that very score.
    """
    means = guesses(rng, test_size, (count, checkpoints, judges)).mean(axis=2)
    return means.min(axis=1)


def simulated(times: int = TIMES) -> Row:
    """Return what a perfect generator averages, and averages that are lower, by simulation."""
    rng = np.random.default_rng(21)
    chance = {
        name: {
            "test_size": size,
            "chance_mean": round(evaluation.chance_mean(size), 5),
            "simulated_mean": round(float(guesses(rng, size, (times,)).mean()), 5),
            "bound": round(evaluation.chance_bound(size), 5),
            "exactly_zero": round(float((guesses(rng, size, (times,)) == 0).mean()), 4),
        }
        for name, size in TEST_SIZES.items()
    }
    size = TEST_SIZES["Stocks of the paper"]
    one_class = [
        {
            "share": share,
            "mean": round(float(one_class_scores(rng, size, share, times).mean()), 5),
        }
        for share in ONE_CLASS
    ]
    chosen = []
    for checkpoints in CHECKPOINTS:
        for judges in JUDGES_OF_A_MEAN:
            count = max(1000, times // (checkpoints * judges))
            means = chosen_scores(rng, size, checkpoints, judges, count)
            below = {str(level): round(float(np.mean(means <= level)), 4) for level in PUBLISHED}
            mean = round(float(means.mean()), 5)
            row = {"checkpoints": checkpoints, "judges": judges, "mean": mean, "at_most": below}
            chosen.append(row)
    return {"times": times, "chance": chance, "one_class": one_class, "chosen": chosen}


# ── What judges say ───────────────────────────────────────────────────────────────────────────


def generated(name: str, model: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return real and generated windows, (windows, 24, 5) both."""
    real = load(name).real
    if model == "real against real":
        return evaluation.split_real(real, seed)
    if model == "the formula, drawn anew":
        return real, DRAWS[name](len(real), FRESH + seed)
    return real, our_gan(load(name), seed)[0]


def jobs(sets: Sequence[str], gan: bool = True) -> list[Row]:
    """Return every row that is wanted, without its scores."""
    models = {"real against real": SEEDS, "the formula, drawn anew": SEEDS}
    if gan:
        models["LSTM-GAN"] = GAN_SEEDS
    return [
        {"data": name, "model": model, "seed": seed, "identity": identity_of(name, model)}
        for model, seeds in models.items()
        for name in sets
        for seed in range(1, seeds + 1)
    ]


def identity_of(name: str, model: str) -> str:
    """Return a short SHA-256 of the data and the settings that a row depends on."""
    of: list[Any] = [identity(name), model, REPEATS, list(JUDGES)]
    if model == "LSTM-GAN":
        config = lstm_gan.TrainingConfig()
        of.append(repr(config))
    return hashlib.sha256(json.dumps(of).encode()).hexdigest()[:16]


def run_job(job: Row) -> Row:
    """Return a row with the scores of both judges, one value a judge; on one core."""
    runtime.reproducible(job["seed"])
    real, fake = generated(job["data"], job["model"], job["seed"])
    scores = {
        judge: [
            round(float(v), 5) for v in score(real, fake, repeats=REPEATS, seed=job["seed"]).values
        ]
        for judge, score in JUDGES.items()
    }
    test_size = 2 * (len(fake) - int(evaluation.TRAIN_FRACTION * len(fake)))
    return job | {"scores": scores, "test_size": test_size, "versions": quality.versions()}


def _one_core() -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


# ── Results ───────────────────────────────────────────────────────────────────────────────────


def markdown(results: Row) -> str:
    """Return the tables of sines_of_the_paper.md."""
    lines = ["# The sines and the judges of TimeGAN's text and code", ""]
    lines += [f"Written by `benchmarks/{NAME}.py`; do not edit.", ""]
    lines += _judged(results["rows"], results["machine"])
    found = results["simulated"]
    lines += ["## What a perfect generator averages", ""]
    lines.append(
        "A judge that can only guess is right on about half of the n held-out windows; the score "
        "is the distance from one half, √(2/π)·½/√n on average."
    )
    lines += [
        "",
        "| test | n | by the formula | simulated | under it 95 % of the time | exactly 0 |",
    ]
    lines.append("|---|---:|---:|---:|---:|---:|")
    for name, row in found["chance"].items():
        lines.append(
            f"| {name} | {row['test_size']:,} | {row['chance_mean']:.4f} | "
            f"{row['simulated_mean']:.4f} | {row['bound']:.4f} | {row['exactly_zero']:.1%} |"
        )
    size = TEST_SIZES["Stocks of the paper"]
    low, high = PUBLISHED
    lines += ["", f"## Two ways to a mean below that, on Stocks (n = {size:,})", ""]
    lines += [
        f"Published means go down to {low} to {high}, below what a perfect generator averages. Its "
        "mean over a few judges can be that low by luck: the row of one checkpoint says how often.",
        "",
    ]
    lines.append(
        "**A judge that answers one class.** It calls every window real, or every one generated. "
        "Where both classes are equally many it scores exactly 0, whatever it is shown. Here the "
        "other judges guess."
    )
    lines += [
        "",
        "| judges that answer one class | mean score of a perfect generator |",
        "|---:|---:|",
    ]
    lines += [f"| {row['share']:.0%} | {row['mean']:.4f} |" for row in found["one_class"]]
    lines.append("")
    lines.append(
        "**A checkpoint chosen by the score itself.** Every checkpoint is a perfect generator; the "
        "one with the lowest mean score over its judges is reported, with that mean."
    )
    head = " | ".join(f"{judges} judge{'s' * (judges > 1)}" for judges in JUDGES_OF_A_MEAN)
    lines += ["", f"| checkpoints | {head} |", "|---:" * (1 + len(JUDGES_OF_A_MEAN)) + "|"]
    for checkpoints in CHECKPOINTS:
        own = [row for row in found["chosen"] if row["checkpoints"] == checkpoints]
        cells = " | ".join(f"{row['mean']:.4f}" for row in own)
        lines.append(f"| {checkpoints} | {cells} |")
    lines += ["", f"How often such a choice reports at most {high}:", ""]
    lines += [f"| checkpoints | {head} |", "|---:" * (1 + len(JUDGES_OF_A_MEAN)) + "|"]
    for checkpoints in CHECKPOINTS:
        own = [row for row in found["chosen"] if row["checkpoints"] == checkpoints]
        cells = " | ".join(f"{row['at_most'][str(high)]:.1%}" for row in own)
        lines.append(f"| {checkpoints} | {cells} |")
    return "\n".join(lines) + "\n"


def _judged(rows: list[Row], machine: str) -> list[str]:
    if not rows:
        return []
    lines = ["## Both sines, before both judges", "", f"Machine: {machine}.", ""]
    for made_with in dict.fromkeys(row["versions"] for row in rows):
        lines += [f"Made with {made_with}.", ""]
    lines.append(
        f"Mean over seeds ± standard deviation over seeds, each the mean of {REPEATS} judges; last "
        "what chance averages, since no judge can do better than guess where both sides are of one "
        "formula."
    )
    lines += ["", f"| sines | generated | seeds | {' | '.join(JUDGES)} | chance |"]
    lines.append("|---" * (4 + len(JUDGES)) + "|")
    for name in SINES:
        for model in dict.fromkeys(row["model"] for row in rows):
            own = [row for row in rows if (row["data"], row["model"]) == (name, model)]
            if not own:
                continue
            cells = [_mean([np.mean(row["scores"][judge]) for row in own]) for judge in JUDGES]
            chance = evaluation.chance_mean(own[0]["test_size"])
            lines.append(
                f"| {OF[name]} | {model} | {len(own)} | {' | '.join(cells)} | {chance:.4f} |"
            )
    return [*lines, ""]


def _mean(values: list[Any]) -> str:
    spread = f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else ""
    return f"{np.mean(values):.4f}{spread}"


def write(folder: Path, results: Row) -> None:
    """Write the results and their tables."""
    text = json.dumps(results, indent=1, ensure_ascii=False) + "\n"
    files.write_text(folder / f"{NAME}.json", text)
    files.write_text(folder / f"{NAME}.md", markdown(results))


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, run the jobs that are missing, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--simulate", action="store_true", help="run no judge")
    parser.add_argument("--sets", nargs="+", choices=SINES, default=list(SINES))
    parser.add_argument("--without-gan", action="store_true", help="train no LSTM-GAN")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="jobs at a time")
    parser.add_argument("--fresh", action="store_true", help="run what is in the file anew, too")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the results")
    options = parser.parse_args(arguments)
    if options.workers < 1:
        parser.error("--workers must be at least 1.")
    path = options.out / f"{NAME}.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    wanted = jobs(options.sets, gan=not options.without_gan)
    # Rows of other data, judges or settings are stale; --fresh forgets those that are asked for.
    kept = [
        row
        for row in found.get("rows", [])
        if row["data"] in SINES and row["identity"] == identity_of(row["data"], row["model"])
    ]
    done = [_key(row) for row in kept]
    if options.fresh and not options.simulate:
        again = [_key(job) for job in wanted]
        kept = [row for row in kept if _key(row) not in again]
        done = []
    todo = [] if options.simulate else [job for job in wanted if _key(job) not in done]
    results = {"machine": quality.machine(), "rows": kept, "simulated": simulated()}
    write(options.out, results)
    if not todo:
        return 0
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        options.workers, mp_context=context, initializer=_one_core, max_tasks_per_child=1
    ) as pool:
        futures = [pool.submit(run_job, job) for job in todo]
        for future in runtime.progress(as_completed(futures), total=len(futures), unit="job"):
            results["rows"] = sorted([*results["rows"], future.result()], key=_key)
            write(options.out, results)
    return 0


def _key(row: Row) -> tuple[str, str, int]:
    return row["data"], row["model"], row["seed"]


if __name__ == "__main__":
    raise SystemExit(main())
