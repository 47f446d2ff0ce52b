"""The report of a run: scores, ranges and pictures."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from utils import runtime
from utils.datasets.series import Series
from utils.datasets.windows import windows_of
from utils.evaluation.baselines import bootstrap_innovations
from utils.evaluation.scores import (
    MINIMUM_WINDOWS,
    STRONG_JUDGE,
    chance_mean,
    discriminative_score,
    predictive_score,
    real_versus_real,
)
from utils.files import replacing, write_text
from utils.plots.series import autocorrelations, embedding, losses, marginals, real_beside_generated

if TYPE_CHECKING:
    from utils.lstm_gan.estimator import LstmGan

MOST_PANELS = 12  # columns in a picture
# What lies beside the report, and how to go on.
FILES = (
    "- `samples.npz`: the generated windows, key `samples`, (windows, time, features).",
    "- `samples.csv`: the same, one row a time step, with dates where the data had them.",
    "- More windows: `python -m utils.sample FOLDER --windows 5000 --out synthetic.csv`, or in "
    'Python `LstmGan.load("FOLDER").sample_frame(5000, seed=7)`.',
    "",
)
FEWEST_WINDOWS = 2 * MINIMUM_WINDOWS  # scored; the floor needs two halves


def bootstrap(gan: LstmGan, series: Series, count: int) -> np.ndarray:
    """Return ``count`` windows of the VAR bootstrap, in the data's units: the baseline.

    It keeps by construction what the LSTM-GAN keeps.
    """
    encoded = windows_of(gan.structure_.encode(series.sequences()), gan.preconditioner_.window)
    scores = gan.preconditioner_.transform(encoded)
    resampled = bootstrap_innovations(scores, count, seed=3)
    made = gan.preconditioner_.inverse_transform(resampled)
    return copy.deepcopy(gan.structure_).calibrate(made).decode(made)


def score_table(
    real: np.ndarray, samples: np.ndarray, resampled: np.ndarray, seconds: float
) -> pd.DataFrame:
    """Score the samples, the VAR bootstrap, and real windows against real ones.

    All windows are (windows, time, features) in the data's units; ``seconds`` is what training
    took, not a number where that is not known. Under the quick profile the judges are trained
    for a few steps only: the numbers then mean nothing. With too few windows to split,
    the scores are left out.
    """
    sets = {"LSTM-GAN": samples, "VAR bootstrap": resampled, "real vs real (floor)": None}
    table = pd.DataFrame(columns=["discriminative", "strong judge", "predictive", "seconds"])
    for name, windows in runtime.progress(sets.items(), desc="scoring", unit="set"):
        took = f"{seconds:.0f}" if windows is samples and np.isfinite(seconds) else "–"
        table.loc[name] = [*_scores(real, windows), took]
    return table


def _scores(real: np.ndarray, windows: np.ndarray | None) -> list[str]:
    """Return the three scores of ``windows``, or of real windows against real ones if None."""
    if len(real) < FEWEST_WINDOWS:
        return ["–"] * 3
    short = runtime.budget(full={}, quick={"steps": 20, "repeats": 1})
    strong = STRONG_JUDGE | {"repeats": 2} | short
    if windows is None:
        return [
            str(real_versus_real(real, **short)),
            str(real_versus_real(real, **strong)),
            str(predictive_score(real, real, **short)),
        ]
    return [
        str(discriminative_score(real, windows, **short)),
        str(discriminative_score(real, windows, **strong)),
        str(predictive_score(real, windows, **short)),
    ]


def write_samples(folder: Path, samples: np.ndarray, table: pd.DataFrame) -> None:
    """Write samples.npz, an array (windows, time, features), and samples.csv, a long table."""
    with replacing(folder / "samples.npz") as path:
        np.savez_compressed(path, samples=samples)
    write_csv(folder / "samples.csv", table)


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, the same bytes for the same table."""
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def write_report(
    folder: Path,
    gan: LstmGan,
    series: Series,
    table: pd.DataFrame,
    real: np.ndarray,
    samples: np.ndarray,
) -> Path:
    """Write report.md and its pictures; return its path.

    Args:
        folder: where to.
        gan: a trained LSTM-GAN.
        series: the data.
        table: the scores.
        real: windows of the data that are scored, (windows, time, features).
        samples: as many generated windows.
    """
    columns = series.columns[:MOST_PANELS]
    shown = real[..., :MOST_PANELS], samples[..., :MOST_PANELS], columns
    pictures: dict[str, tuple[str, Callable[..., Any], tuple[Any, ...]]] = {
        "losses": ("The two losses", losses, (gan.history_,)),
        "paths": ("Real beside generated windows", real_beside_generated, shown),
        "marginals": ("Distribution of each column", marginals, shown),
        "autocorrelation": ("Autocorrelation within a window", autocorrelations, shown),
    }
    if not gan.history_["step"]:
        del pictures["losses"]  # of weights that were shipped, no history is
    if len(real) >= FEWEST_WINDOWS:
        pictures |= {
            "pca": ("Windows in their principal plane", embedding, (real, samples, "pca")),
            "tsne": ("Windows arranged by t-SNE", embedding, (real, samples, "tsne")),
        }
    held_out = 2 * (len(real) - int(0.8 * len(real)))  # real and generated, a fifth of each
    by_chance = chance_mean(held_out)
    lines = [
        f"# LSTM-GAN on {series.name}",
        "",
        f"{runtime.report()}.",
        f"{gan.config_.steps} training steps, seed {gan.config_.seed}, "
        f"windows of {gan.preconditioner_.window} rows. Data: {series.source}.",
        "",
        "## What the data hold",
        "",
        *(f"- {sentence}" for sentence in gan.notes_),
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
    lines += ["## Files", "", *(line.replace("FOLDER", str(folder)) for line in FILES)]
    write_text(folder / "report.md", "\n".join(lines))
    return folder / "report.md"


def _ranges(series: Series, samples: np.ndarray) -> pd.DataFrame:
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
    table.index = pd.Index([name.replace("|", "\\|") for name in series.columns])
    return table


def _markdown(table: pd.DataFrame) -> str:
    header = ["", *table.columns]
    rows = [
        header,
        ["---"] * len(header),
        *([name, *row] for name, row in zip(table.index, table.to_numpy(), strict=True)),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
