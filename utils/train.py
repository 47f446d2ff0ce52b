"""Train the full LSTM-GAN from the command line, on shipped prices or on a CSV of your own."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib

if __name__ == "__main__":
    matplotlib.use("Agg")  # pictures go to files: no window, no display needed

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from utils import data, metrics, models, plots, runtime, training
from utils.preprocessing import NormalScores, Preconditioner, sliding_windows

CONFIG, CHECKPOINT = "config.json", "checkpoint"
MOST_WINDOWS = 10_000  # generated, scored and stored; more would cost memory and teach nothing
FEWEST_WINDOWS = 2 * metrics.MINIMUM_WINDOWS  # scored; the floor needs two halves
EXAMPLE = """example:
  python -m utils.train --csv prices.csv --columns Open,Close --window 24 --out runs/mine

Any CSV with a header and numeric columns in time order will do. Results go to the run folder:
config.json, history.csv, samples.npz (key "samples", shape (windows, time, features), in the
data's units), report.md with its pictures, the weights and the checkpoint."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status: 0, 2 for bad input, 1 if training failed."""
    options = _parser().parse_args(arguments)
    try:
        os.environ[runtime.PROFILE_VARIABLE] = options.profile or runtime.profile()
        run(options)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except training.NonFiniteLossError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command with --resume goes on from the last checkpoint.")
        return 130
    return 0


def run(options: argparse.Namespace) -> Path:
    """Train, score and report as ``options`` (see ``--help``) say; return the run folder.

    Raises:
        ValueError, FileNotFoundError: for bad input, before anything is written.
        OSError: if the run folder cannot be written.
        NonFiniteLossError: if training diverges.
    """
    if options.window < 2:
        raise ValueError(f"The window is {options.window} rows; expected at least 2.")
    series = _load(options)
    config = training.TrainingConfig(
        steps=options.steps if options.steps is not None else runtime.budget(full=2000, quick=20),
        seed=options.seed,
    )
    runtime.reproducible(config.seed)
    runtime.plotting_style()
    name = Path(options.csv).stem if options.csv else options.series.lower()
    folder = Path(options.out or Path("runs") / name)
    identity = _identity(series, options.window, config)
    _check_folder(folder, identity, options.resume)

    print(runtime.report())
    for notice in _notices(series):
        print(notice)
    real = sliding_windows(series.values, options.window)
    preconditioner = Preconditioner.fit(series.values[np.newaxis], options.window)
    trainer = build(preconditioner, preconditioner.transform(real), config)
    checkpoint = folder / CHECKPOINT
    if options.resume:
        step = trainer.resume(checkpoint)
        if step > config.steps:
            raise ValueError(
                f"The checkpoint in {checkpoint} is at step {step}, beyond --steps {config.steps}."
            )
        print(f"Resuming at step {step}." if step else "No checkpoint yet: starting at step 0.")
    elif checkpoint.exists():
        shutil.rmtree(checkpoint)
        print("The same run was here before: starting over (--resume would go on).")
    folder.mkdir(parents=True, exist_ok=True)
    _write_text(folder / CONFIG, json.dumps(identity, indent=2) + "\n")

    start = time.perf_counter()
    trainer.train(folder=checkpoint)
    calibration, samples = generate(trainer, preconditioner, min(len(real), MOST_WINDOWS))
    seconds = time.perf_counter() - start
    real = real[np.linspace(0, len(real) - 1, len(samples)).round().astype(int)]
    table = score(real, samples, preconditioner, seconds)
    _write_results(folder, trainer, preconditioner, calibration, samples)
    _write_report(folder, series, identity, table, trainer.history, real, samples)
    print(f"\n{table.to_string()}\n")
    print(f"Everything is in {folder}: open {folder / 'report.md'} first.")
    return folder


def build(
    preconditioner: Preconditioner, scores: np.ndarray, config: training.TrainingConfig
) -> training.GanTrainer:
    """Return a trainer of an LSTM generator and discriminator on ``scores``.

    ``scores`` are the preconditioned windows, (windows, time, components).
    """
    window, components = scores.shape[1], preconditioner.components
    generator = models.lstm_generator(window, config.latent, components, seed=config.seed)
    discriminator = models.lstm_discriminator(window, components, seed=config.seed + 5000)
    return training.GanTrainer(generator, discriminator, scores, config)


def generate(
    trainer: training.GanTrainer, preconditioner: Preconditioner, count: int
) -> tuple[NormalScores, np.ndarray]:
    """Calibrate the generator's margins; return the calibration and windows in the data's units.

    The calibration is fitted to one large sample and applied to another, (count, time, features).
    """
    calibration = NormalScores.fit_windows(trainer.sample(runtime.budget(20_000, 1_000), seed=1))
    scores = calibration.transform(trainer.sample(count, seed=2))
    return calibration, preconditioner.inverse(scores).astype(np.float32)


def score(
    real: np.ndarray, samples: np.ndarray, preconditioner: Preconditioner, seconds: float
) -> pd.DataFrame:
    """Score the samples, the VAR bootstrap, and real windows against real ones.

    All windows are (windows, time, features) in the data's units; ``seconds`` is what the samples
    took to make. Under the quick profile the judges are trained for a few steps only: the numbers
    then mean nothing. With too few windows to split, the scores are left out.
    """
    resampled = metrics.bootstrap_innovations(preconditioner.transform(real), len(real), seed=3)
    bootstrap = preconditioner.inverse(resampled)
    sets = {"LSTM-GAN": samples, "VAR bootstrap": bootstrap, "real vs real (floor)": None}
    table = pd.DataFrame(columns=["discriminative", "strong judge", "predictive", "seconds"])
    for name, windows in runtime.progress(sets.items(), desc="scoring", unit="set"):
        took = f"{seconds:.0f}" if windows is samples else "–"
        table.loc[name] = [*_scores(real, windows), took]
    return table


def _scores(real: np.ndarray, windows: np.ndarray | None) -> list[str]:
    """Return the three scores of ``windows``, or of real windows against real ones if None."""
    if len(real) < FEWEST_WINDOWS:
        return ["–"] * 3
    short = runtime.budget(full={}, quick={"steps": 20, "repeats": 1})
    strong = metrics.STRONG_JUDGE | {"repeats": 2} | short
    if windows is None:
        return [
            str(metrics.real_versus_real(real, **short)),
            str(metrics.real_versus_real(real, **strong)),
            str(metrics.predictive_score(real, real, **short)),
        ]
    return [
        str(metrics.discriminative_score(real, windows, **short)),
        str(metrics.discriminative_score(real, windows, **strong)),
        str(metrics.predictive_score(real, windows, **short)),
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m utils.train",
        description="Train the full LSTM-GAN on daily GOOG prices, or on a CSV of your own.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--csv", metavar="FILE", help="a CSV with a header, rows in time order")
    parser.add_argument(
        "--series", choices=data.STOCKS, default="GOOG", help="shipped prices (default: GOOG)"
    )
    parser.add_argument("--columns", metavar="A,B", help="columns to use (default: all numeric)")
    parser.add_argument(
        "--window", type=int, default=24, metavar="ROWS", help="rows in a window (default: 24)"
    )
    parser.add_argument("--steps", type=int, metavar="N", help="training steps (default: 2000)")
    parser.add_argument("--seed", type=int, default=1, help="of everything random (default: 1)")
    parser.add_argument("--out", metavar="DIR", help="the run folder (default: runs/NAME)")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument(
        "--profile",
        choices=runtime.PROFILES,
        help=f"quick: a few steps, to see that it runs (default: {runtime.PROFILE_VARIABLE}, "
        "else full)",
    )
    return parser


def _load(options: argparse.Namespace) -> data.Series:
    columns = None
    if options.columns is not None:
        columns = [name.strip() for name in options.columns.split(",")]
    if options.csv is not None:
        return data.read_csv(options.csv, columns, min_rows=options.window + 1)
    series = data.load_stock(options.series)
    if columns is not None:
        missing = [column for column in columns if column not in series.columns]
        if missing:
            raise ValueError(
                f"{series.name} has no column {missing[0]!r}; "
                f"expected some of {', '.join(series.columns)}."
            )
        chosen = [series.columns.index(column) for column in columns]
        series = dataclasses.replace(
            series,
            values=series.values[:, chosen],
            columns=tuple(columns),
            units=tuple(series.units[i] for i in chosen),
        )
    if len(series.values) < options.window + 1:
        raise ValueError(
            f"{series.name} has {len(series.values)} rows; "
            f"expected at least window + 1 = {options.window + 1}."
        )
    return series


def _notices(series: data.Series) -> Iterator[str]:
    """Yield what is worth knowing about the data before training."""
    rows, features = series.values.shape
    yield f"{series.name}: {rows} rows of {features} column{'s' * (features > 1)}."
    for column, values in zip(series.columns, series.values.T, strict=True):
        if values.min() == values.max():
            yield f"Notice: the column {column!r} is constant; it is carried through as it is."


def _identity(series: data.Series, window: int, config: training.TrainingConfig) -> dict[str, Any]:
    """Return what makes a run this run: the same identity gives the same weights."""
    return {
        "data": {
            "name": series.name,
            "columns": list(series.columns),
            "rows": len(series.values),
            "sha256": hashlib.sha256(np.ascontiguousarray(series.values).tobytes()).hexdigest(),
        },
        "window": window,
        "training": dataclasses.asdict(config),
    }


def _check_folder(folder: Path, identity: dict[str, Any], resume: bool) -> None:
    """Refuse a run folder that holds something else than this run."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; expected a folder for the results.")
    path = folder / CONFIG
    if not path.exists():
        # A run killed at its very start leaves nothing but a temporary file, which is hidden.
        if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
            raise ValueError(f"{folder} is not empty and holds no run; expected a new folder.")
        return
    try:
        stored = _flatten(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ValueError(f"{path} cannot be read ({error}); expected a run's config.") from error
    differing = [
        f"{key} {stored.get(key)!r}, not {value!r}"
        for key, value in _flatten(identity).items()
        # To go on with a run for more steps is what --resume is for.
        if stored.get(key) != value and not (resume and key == "training.steps")
    ]
    if not differing:
        return
    if resume:
        raise ValueError(
            f"The checkpoint in {folder} belongs to another run ({differing[0]}); "
            "expected the same data, window and settings."
        )
    raise ValueError(f"{folder} holds another run ({differing[0]}); expected another --out.")


def _flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in tree.items():
        flat |= (
            _flatten(value, f"{prefix}{key}.")
            if isinstance(value, dict)
            else {f"{prefix}{key}": value}
        )
    return flat


def _write_text(path: Path, text: str) -> None:
    with _replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path with the same ending; move it to ``path`` once it is written."""
    temporary = path.with_name(f".writing-{path.name}")
    yield temporary
    os.replace(temporary, path)


def _write_results(
    folder: Path,
    trainer: training.GanTrainer,
    preconditioner: Preconditioner,
    calibration: NormalScores,
    samples: np.ndarray,
) -> None:
    with _replacing(folder / "history.csv") as path:
        pd.DataFrame(trainer.history).to_csv(path, index=False)
    with _replacing(folder / "samples.npz") as path:
        np.savez_compressed(path, samples=samples)
    with _replacing(folder / "preconditioner.npz") as path:
        np.savez_compressed(path, **preconditioner.arrays())
    with _replacing(folder / "calibration.npz") as path:
        np.savez_compressed(path, **calibration.arrays())
    with _replacing(folder / "generator.weights.h5") as path:
        trainer.averaged.save_weights(path)
    with _replacing(folder / "discriminator.weights.h5") as path:
        trainer.discriminator.save_weights(path)


def _write_report(
    folder: Path,
    series: data.Series,
    identity: dict[str, Any],
    table: pd.DataFrame,
    history: dict[str, list],
    real: np.ndarray,
    samples: np.ndarray,
) -> None:
    """Write report.md and its pictures; real and samples are (windows, time, features)."""
    columns = series.columns
    pictures = {
        "losses": ("The two losses", plots.losses, (history,)),
        "paths": (
            "Real beside generated windows",
            plots.real_beside_generated,
            (real, samples, columns),
        ),
        "marginals": ("Distribution of each column", plots.marginals, (real, samples, columns)),
        "autocorrelation": (
            "Autocorrelation within a window",
            plots.autocorrelations,
            (real, samples, columns),
        ),
    }
    if len(real) >= FEWEST_WINDOWS:
        pictures |= {
            "pca": ("Windows in their principal plane", plots.embedding, (real, samples, "pca")),
            "tsne": ("Windows arranged by t-SNE", plots.embedding, (real, samples, "tsne")),
        }
    held_out = 2 * (len(real) - int(0.8 * len(real)))  # real and generated, a fifth of each
    by_chance = metrics.chance_mean(held_out)
    lines = [
        f"# LSTM-GAN on {series.name}",
        "",
        f"{runtime.report()}.",
        f"{identity['training']['steps']} training steps, seed {identity['training']['seed']}, "
        f"windows of {identity['window']} rows. Data: {series.source}.",
        "",
        *(f"- {notice}" for notice in _notices(series)),
        "",
        "## Scores",
        "",
        _markdown(table),
        "",
        "Lower is better. The discriminative score is |accuracy − ½| of a small GRU that tells "
        "real from generated; the strong judge is a larger one; the predictive score is the "
        "error, on real windows, of a predictor trained on generated ones. Mean ± standard "
        "deviation over the judges. By chance alone a perfect generator scores about "
        f"{by_chance:.3f}, and {by_chance * 2**0.5:.3f} in the last row, which sets one half of "
        "the real windows against the other and so tests its judges on half as many.",
        "",
    ]
    if len(real) < FEWEST_WINDOWS:
        lines += [f"There are {len(real)} windows, too few to score.", ""]
    if runtime.profile() == "quick":
        lines += [
            "The quick profile cuts training and judges short: these scores mean nothing.",
            "",
        ]
    for name, (title, draw, arguments) in pictures.items():
        draw(*arguments)
        with _replacing(folder / f"{name}.png") as path:
            plt.gcf().savefig(path, dpi=100)
        plt.close("all")
        lines += [f"## {title}", "", f"![{title}]({name}.png)", ""]
    _write_text(folder / "report.md", "\n".join(lines))


def _markdown(table: pd.DataFrame) -> str:
    header = ["", *table.columns]
    rows = [
        header,
        ["---"] * len(header),
        *([name, *row] for name, row in zip(table.index, table.to_numpy(), strict=True)),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
