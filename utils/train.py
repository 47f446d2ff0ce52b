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

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tensorflow as tf

from utils import data, distributed, metrics, models, plots, runtime, training
from utils.preprocessing import NormalScores, Preconditioner, sliding_windows, tail_ratio

CONFIG, CHECKPOINT = "config.json", "checkpoint"
MOST_WINDOWS = 10_000  # generated, scored and stored; more would cost memory and teach nothing
MOST_SCORES = 2**27  # numbers to train on, 512 MiB; of longer data every second, third, … window
MOST_PANELS = 12  # columns in a picture
TREND = 0.5  # share of a column's variance that a straight line explains, to be called a trend
REPEATED = 0.25  # share of a column's rows that hold one value, to be mentioned
FEWEST_WINDOWS = 2 * metrics.MINIMUM_WINDOWS  # scored; the floor needs two halves
EXAMPLE = """example:
  python -m utils.train --csv prices.csv --columns Open,Close --window 24 --out runs/mine

Any CSV with a header and numeric columns in time order will do, in any unit; rows are taken as
they follow each other, whatever the time between them. Results go to the run folder: config.json,
history.csv, samples.npz (key "samples", shape (windows, time, features), in the data's units;
whole numbers where the data are), report.md with its pictures and what was seen in the data,
the weights and the checkpoint."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status: 0, 2 for bad input, 1 if training failed.

    It is 3 if another worker was lost.
    """
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
    except distributed.LostWorkerError as error:
        print(f"error: {error}", file=sys.stderr)
        return distributed.LOST
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
        steps=options.steps if options.steps is not None else runtime.budget(full=2500, quick=20),
        batch=options.batch,
        seed=options.seed,
    )
    runtime.reproducible(config.seed)
    runtime.plotting_style()
    name = Path(options.csv).stem if options.csv else options.series.lower()
    folder = Path(options.out or Path("runs") / name)
    identity = _identity(series, options.window, config)
    _check_folder(folder, identity, options.resume)
    strategy = distributed.strategy(options.strategy)  # all workers have started after this
    chief = training.chief(strategy)

    print(runtime.report())
    real = sliding_windows(series.values, options.window)
    preconditioner = Preconditioner.fit(series.values[np.newaxis], options.window)
    stride = training_stride(len(real), options.window, preconditioner.components)
    seen = observations(series, preconditioner)
    if stride > 1:
        seen.append(f"Much data: windows start {stride} rows apart, so that memory suffices.")
    print(*seen, sep="\n")
    trainer = build(preconditioner, preconditioner.transform(real[::stride]), config, strategy)
    if strategy is not None:
        print(f"Strategy {options.strategy}: {trainer.replicas} replicas.")
    checkpoint = folder / CHECKPOINT
    if options.resume:
        step = trainer.resume(checkpoint)
        if step > config.steps:
            raise ValueError(
                f"The checkpoint in {checkpoint} is at step {step}, beyond --steps {config.steps}."
            )
        print(f"Resuming at step {step}." if step else "No checkpoint yet: starting at step 0.")
    elif chief and checkpoint.exists():
        shutil.rmtree(checkpoint)
        print("The same run was here before: starting over (--resume would go on).")
    if chief:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / CONFIG, json.dumps(identity, indent=2) + "\n")

    start = time.perf_counter()
    with distributed.noticing_lost_workers():
        trainer.train(folder=checkpoint)
    if not chief:
        print(f"Trained. Worker 0 scores, and writes to {folder}.")
        return folder
    calibration, samples = generate(trainer, preconditioner, min(len(real), MOST_WINDOWS))
    seconds = time.perf_counter() - start
    real = real[np.linspace(0, len(real) - 1, len(samples)).round().astype(int)]
    table = score(real, samples, preconditioner, seconds)
    _write_results(folder, trainer, preconditioner, calibration, samples)
    _write_report(folder, series, seen, identity, table, trainer.history, real, samples)
    print(f"\n{table.to_string()}\n")
    print(f"Everything is in {folder}: open {folder / 'report.md'} first.")
    return folder


def training_stride(windows: int, window: int, components: int) -> int:
    """Return how many rows apart windows must start for their scores to be ``MOST_SCORES``."""
    return -(-windows * window * components // MOST_SCORES)


def build(
    preconditioner: Preconditioner,
    scores: np.ndarray,
    config: training.TrainingConfig,
    strategy: tf.distribute.Strategy | None = None,
) -> training.GanTrainer:
    """Return a trainer of an LSTM generator and discriminator on ``scores``.

    ``scores`` are the preconditioned windows, (windows, time, components).
    """
    window, components = scores.shape[1], preconditioner.components
    with contextlib.nullcontext() if strategy is None else strategy.scope():
        discriminator = models.lstm_discriminator(
            window,
            components,
            sizes=True,
            level=preconditioner.level_map(window),
            seed=config.seed + 5000,
        )
        generator = build_generator(window, components, config, strategy is not None)
    return training.GanTrainer(generator, discriminator, scores, config, strategy)


def build_generator(
    window: int, components: int, config: training.TrainingConfig, synchronised: bool = False
) -> keras.Model:
    """Return the generator of ``build``, untrained."""
    return models.lstm_generator(
        window,
        config.latent,
        components,
        scaled_noise=config.dynamic,
        standardised=True,
        synchronised=synchronised,
        seed=config.seed,
    )


@dataclasses.dataclass(frozen=True)
class Pretrained:
    """A trained generator with what turns its scores into the data's units.

    Attributes:
        generator: latents (batch, time, latent) → scores (batch, time, components).
        preconditioner: between scores and windows.
        calibration: of the generator's margins.
        config: what it was trained with.
    """

    generator: keras.Model
    preconditioner: Preconditioner
    calibration: NormalScores
    config: training.TrainingConfig

    def sample(self, count: int, seed: int = 0) -> np.ndarray:
        """Return windows, float64 (count, time, features), in the data's units."""
        return self.preconditioner.inverse(self.scores(count, seed))

    def scores(self, count: int, seed: int = 0) -> np.ndarray:
        """Return calibrated scores, (count, time, components)."""
        return self.calibration.transform(_raw_scores(self.generator, self.config, count, seed))


def load_pretrained(symbol: str = "GOOG") -> Pretrained:
    """Return the LSTM-GAN that comes with the course: 24 days of the prices of GOOG.

    The weights are those of ``make train``: ``sample(2125, seed=2)`` gives the windows it stores.

    Raises:
        ValueError: for prices of which no weights are shipped.
        FileNotFoundError: if the file of the weights is missing.
    """
    if symbol != "GOOG":
        raise ValueError(f"There are no weights for {symbol!r}; expected 'GOOG'.")
    weights = data.verified("lstm_gan_goog.weights.h5")
    config = training.TrainingConfig(seed=1)
    preconditioner = Preconditioner.fit(data.load_stock(symbol).values[np.newaxis], window=24)
    generator = build_generator(24, preconditioner.components, config)
    generator.load_weights(weights)
    calibration = NormalScores.fit_windows(_raw_scores(generator, config, 20_000, seed=1))
    return Pretrained(generator, preconditioner, calibration, config)


def _raw_scores(
    generator: keras.Model, config: training.TrainingConfig, count: int, seed: int
) -> np.ndarray:
    stream = tf.constant([config.seed, training.SAMPLING], tf.int64)
    seeds = tf.random.fold_in(stream, seed)
    window = generator.input_shape[1]
    latents = models.draw_latents(count, window, config.static, config.dynamic, seeds)
    generate = tf.function(generator, reduce_retracing=True)
    return np.concatenate([generate(part).numpy() for part in tf.split(latents, _parts(count))])


def _parts(count: int, batch: int = 1024) -> list[int]:
    """Return the sizes of the batches that ``count`` windows are generated in."""
    if count < 1:
        raise ValueError(f"The number of windows is {count}; expected at least 1.")
    return [min(batch, count - start) for start in range(0, count, batch)]


def generate(
    trainer: training.GanTrainer, preconditioner: Preconditioner, count: int
) -> tuple[NormalScores, np.ndarray]:
    """Calibrate the generator's margins; return the calibration and windows in the data's units.

    The calibration is fitted to one large sample and applied to another, float64
    (count, time, features): float32 could not tell 1e9 from 1e9 + 1.
    """
    calibration = NormalScores.fit_windows(trainer.sample(runtime.budget(20_000, 1_000), seed=1))
    scores = calibration.transform(trainer.sample(count, seed=2))
    return calibration, preconditioner.inverse(scores)


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
    parser.add_argument("--steps", type=int, metavar="N", help="training steps (default: 2500)")
    parser.add_argument(
        "--batch",
        type=int,
        default=training.TrainingConfig.batch,
        metavar="WINDOWS",
        help="windows in a training step, of all replicas together (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of everything random (default: 1)")
    parser.add_argument("--out", metavar="DIR", help="the run folder (default: runs/NAME)")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument(
        "--strategy",
        choices=distributed.STRATEGIES,
        default="default",
        help="mirrored: share each batch among all GPUs of this machine (without one: two halves "
        "of the CPU, to try it); multiworker: among the machines that TF_CONFIG names, started "
        "with this same command (default: one device)",
    )
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


def observations(series: data.Series, preconditioner: Preconditioner) -> list[str]:
    """Return what is worth knowing about the data before training, a sentence or two each.

    ``preconditioner`` is the one fitted to ``series``. A trend is a straight line that explains
    half of a column's variance or more: a random walk often has one by chance (Granger and
    Newbold 1974, doi:10.1016/0304-4076(74)90034-7), so this describes, and tests nothing.
    """
    rows, features = series.values.shape
    seen = [f"{series.name}: {rows:,} rows of {features} column{'s' * (features > 1)}."]
    seen.append(_time_axis(series.times))
    named = dict(zip(series.columns, series.values.T, strict=True))
    varying = {name: column for name, column in named.items() if column.min() != column.max()}
    seen += [
        f"Notice: the column {name!r} is constant; it is carried through as it is."
        for name in named
        if name not in varying
    ]
    if whole := [name for name in varying if (varying[name] == np.round(varying[name])).all()]:
        seen.append(
            f"Whole numbers only: {_listed(whole)}; generated values are rounded to whole numbers."
        )
    line = np.arange(rows) - (rows - 1) / 2
    trends = []
    for name, column in varying.items():
        scaled = (column - column.min()) / np.ptp(column)  # no overflow, whatever the unit
        explained = np.corrcoef(line, scaled)[0, 1] ** 2
        if explained >= TREND:
            trends.append(f"{name!r} ({explained:.0%})")
    if trends:
        seen.append(
            f"Trend: a straight line explains much of the variance of {_cut(trends)}. A generated "
            "window may start at any height the data reached, and goes nowhere beyond."
        )
    heavy = [
        f"{name!r} (half lies within {width:.3g} of the median {centre:.3g}, the furthest value "
        f"{ratio:,.0f} times as far)"
        for name, centre, width, ratio, drawn in zip(
            named, *tail_ratio(series.values), preconditioner.tails.heavy, strict=True
        )
        if drawn
    ]
    if heavy:
        seen.append(
            f"Heavy tail: {_cut(heavy)}. It is drawn in for training (asinh) and stretched back."
        )
    repeated = []
    for name, column in varying.items():
        values, counts = np.unique(column, return_counts=True)
        if counts.max() >= REPEATED * rows:
            share = f"{counts.max() / rows:.0%} are {values[counts.argmax()]:.6g}"
            repeated.append(f"{name!r} ({share})")
    if repeated:
        seen.append(
            f"One value repeated: {_cut(repeated)}. Unless they are rounded, generated values come "
            "close to it rather than equal it."
        )
    if preconditioner.components < len(varying):
        seen.append(
            f"The {len(varying)} columns that vary hold {preconditioner.components} independent "
            "components: the others follow from these, and are generated so."
        )
    if rows - 1 < preconditioner.rows_needed(preconditioner.components):
        seen.append(
            f"Few rows: {rows - 1} steps for {preconditioner.components} components. How one "
            "component follows another is left to the GAN; expect it to repeat the data."
        )
    return seen


def _time_axis(times: np.ndarray | None) -> str:
    """Describe the spacing of the rows in time."""
    if times is None:
        return "There is no column of dates; the rows are taken as evenly spaced."
    first, last = np.datetime_as_string(times[[0, -1]], unit="auto")
    steps = np.diff(times) / np.timedelta64(1, "s")
    values, counts = np.unique(steps, return_counts=True)
    usual = values[counts.argmax()]
    if len(values) == 1:
        return f"Evenly spaced in time, {_duration(usual)} apart, from {first} to {last}."
    after = np.datetime_as_string(times[steps.argmax()], unit="auto")
    parts = [
        f"Gaps in time, from {first} to {last}: the rows are most often {_duration(usual)} apart "
        f"({counts.max() / len(steps):.0%} of the steps), {int((steps > usual).sum()):,} steps are "
        f"longer, the longest {_duration(steps.max())} (after {after})"
    ]
    if same := int((steps == 0).sum()):
        parts.append(
            f"{same:,} {'row has' if same == 1 else 'rows have'} the time of the row before"
        )
    return "; ".join(parts) + ". A window takes the rows as they follow each other."


def _duration(seconds: float) -> str:
    """Return a length of time in the largest unit that gives at least 1."""
    units = {"day": 86_400, "hour": 3600, "minute": 60, "second": 1}
    unit = next((unit for unit, length in units.items() if seconds >= length), "second")
    count = seconds / units[unit]
    number = f"{count:.3g}" if count < 1000 else f"{count:,.0f}"
    return f"{number} {unit}{'s' * (number != '1')}"


def _listed(names: Sequence[str]) -> str:
    return _cut([repr(name) for name in names])


def _cut(parts: Sequence[str], most: int = 6) -> str:
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    return ", ".join(parts[:most]) + more


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


def write_text(path: Path, text: str) -> None:
    """Write a text file under a temporary name, then move it to ``path``."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
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
    with replacing(folder / "history.csv") as path:
        pd.DataFrame(trainer.history).to_csv(path, index=False)
    with replacing(folder / "samples.npz") as path:
        np.savez_compressed(path, samples=samples)
    with replacing(folder / "preconditioner.npz") as path:
        np.savez_compressed(path, **preconditioner.arrays())
    with replacing(folder / "calibration.npz") as path:
        np.savez_compressed(path, **calibration.arrays())
    with replacing(folder / "generator.weights.h5") as path:
        trainer.averaged.save_weights(path)
    with replacing(folder / "discriminator.weights.h5") as path:
        trainer.discriminator.save_weights(path)


def _write_report(
    folder: Path,
    series: data.Series,
    seen: Sequence[str],
    identity: dict[str, Any],
    table: pd.DataFrame,
    history: dict[str, list],
    real: np.ndarray,
    samples: np.ndarray,
) -> None:
    """Write report.md and its pictures; real and samples are (windows, time, features)."""
    columns = series.columns[:MOST_PANELS]
    shown = real[..., :MOST_PANELS], samples[..., :MOST_PANELS], columns
    pictures = {
        "losses": ("The two losses", plots.losses, (history,)),
        "paths": ("Real beside generated windows", plots.real_beside_generated, shown),
        "marginals": ("Distribution of each column", plots.marginals, shown),
        "autocorrelation": ("Autocorrelation within a window", plots.autocorrelations, shown),
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
        "## What the data hold",
        "",
        *(f"- {sentence}" for sentence in seen),
        "",
        "## Ranges",
        "",
        _markdown(_ranges(series, samples)),
        "",
        "In the data's units. Generated values never leave the range of the data.",
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
    if len(series.columns) > MOST_PANELS:
        lines += [
            f"The pictures of single columns show the first {MOST_PANELS} of "
            f"{len(series.columns)}.",
            "",
        ]
    for name, (title, draw, arguments) in pictures.items():
        draw(*arguments)
        with replacing(folder / f"{name}.png") as path:
            plt.gcf().savefig(path, dpi=100)
        plt.close("all")
        lines += [f"## {title}", "", f"![{title}]({name}.png)", ""]
    write_text(folder / "report.md", "\n".join(lines))


def _ranges(series: data.Series, samples: np.ndarray) -> pd.DataFrame:
    """Return the smallest, the median and the largest value of each column, real and generated."""
    # As many digits as it takes to tell values apart where they are large and vary little.
    low, high = series.values.min(axis=0), series.values.max(axis=0)
    size = np.maximum(np.abs(low), np.abs(high))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log10(size / (high / 2 - low / 2))
    digits = np.where(high > low, np.clip(5 + ratio, 6, 17), 17).astype(int)
    table = pd.DataFrame({"unit": [unit or "–" for unit in series.units]})
    parts = (("real", series.values), ("generated", samples.reshape(-1, samples.shape[-1])))
    for what, summary in (("smallest", np.min), ("median", np.median), ("largest", np.max)):
        for name, rows in parts:
            values = zip(summary(rows, axis=0), digits, strict=True)
            table[f"{what}, {name}"] = [f"{value:.{count}g}" for value, count in values]
    table.index = [name.replace("|", "\\|") for name in series.columns]
    return table


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
