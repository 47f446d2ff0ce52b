"""The report of a run: what the scores say, what is wrong, the data, pictures, and how to go on."""

from __future__ import annotations

import json
import platform
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from utils import runtime
from utils.datasets.relations import find_relations
from utils.datasets.series import Series
from utils.files import replacing, write_text
from utils.lstm_gan import practice, run_folder
from utils.lstm_gan.captions import pictures_of
from utils.lstm_gan.findings import Compared, Finding, find
from utils.lstm_gan.fitness import fit_for
from utils.lstm_gan.markdown import escape, sentence, table, wrapped, written
from utils.lstm_gan.pictures import Labels, draw_pictures
from utils.lstm_gan.scores import (
    FEWEST_WINDOWS,
    LOWER,
    bootstrap,
    bound_by_chance,
    score_table,
    verdict,
    write_scores,
)

if TYPE_CHECKING:
    from utils.lstm_gan.estimator import LstmGan

__all__ = [
    "bootstrap",
    "on_screen",
    "score_table",
    "write_csv",
    "write_report",
    "write_samples",
    "write_scores",
]

MOST_PANELS = 12  # columns in a picture
MOST_COLUMNS = 12  # in the table of quantiles
QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)
FILES = (
    "`report.md`: this report. The pictures beside it belong to it.",
    "`scores.csv`: the scores with all their digits.",
    "`facts.csv`: facts of the series, real and generated, with the band of the real ones.",
    "`samples.csv`: the generated windows as a long table: window, date or step, the columns.",
    "`samples.npz`: the same as an array (windows, time, features), key `samples`.",
    "`config.json`: what was trained on what. `history.csv`: the losses, step by step.",
    "`generator.weights.h5`, `discriminator.weights.h5`, `preconditioner.npz`, "
    "`structure.json`: the trained LSTM-GAN, which `LstmGan.load` reads.",
)
LIMITS = (
    "No forecast: dates only label the rows. A window is one that could have been, not one that "
    "will be (lesson 04 forecasts).",
    "Not for risk: the largest changes, losses or loads of the windows are not those of reality. "
    "See above by how much they differ, and lesson 00.",
    "Not private: every window starts near a row of the data, by construction, and a generator may "
    "repeat what it was trained on; that can be found out (lesson 17). Whoever may not see the "
    "data may not see the windows either.",
    "Nothing beyond the data: values stay between the smallest and the largest of the data, and "
    "what never happened there does not happen here.",
    "A good score means that these judges saw no difference. Another question may need another "
    "test (lesson 12).",
)


def write_samples(folder: Path, samples: np.ndarray, table: pd.DataFrame) -> None:
    """Write samples.npz, an array (windows, time, features), and samples.csv, a long table."""
    with replacing(folder / "samples.npz") as path:
        np.savez_compressed(path, samples=samples)
    write_csv(folder / "samples.csv", table)


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, the same bytes for the same table."""
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def on_screen(scores: pd.DataFrame, count: int) -> str:
    """Return the scores of ``count`` windows as the terminal shows them, with the verdict."""
    said = verdict(scores, count)
    return f"\nScores ({LOWER}):\n{scores.to_string()}\n\n{wrapped(said.sentence)}\n"


def write_report(
    folder: Path,
    gan: LstmGan,
    series: Series,
    scores: pd.DataFrame,
    real: np.ndarray,
    samples: np.ndarray,
    holdout: Series | None = None,
) -> Path:
    """Write report.md, its pictures and facts.csv; return its path.

    The report is written before the first picture is drawn, and again with the pictures.

    Args:
        folder: where to.
        gan: a trained LSTM-GAN.
        series: the data.
        scores: of ``score_table``.
        real: windows of the data that are scored, (windows, time, features).
        samples: as many generated windows.
        holdout: rows of a later time that the training never saw; they are tested on.
    """
    decimals = gan.layout_.decimals
    columns = written(series.columns, series.units, series.values, decimals)
    sequences = series.sequences()
    compared = Compared(sequences, samples, columns, decimals)  # as in samples.csv
    relations = [
        relation
        for relation in find_relations(sequences, series.columns, decimals)
        if relation.share == 1
    ]
    measured = practice.measure(series, real, samples, columns, holdout)
    found = [*practice.failed_columns(measured, columns), *find(compared, relations)]
    fit = fit_for(measured, verdict(scores, len(real)).word, found)
    if (facts := practice.facts_table(measured)) is not None:
        write_csv(folder / "facts.csv", facts)
    before = [
        f"# LSTM-GAN on {escape(series.name)}",
        "",
        *_verdict(scores, len(real), found, fit),
        *_scores(scores, len(real)),
        *_findings(found),
        *practice.sections(measured, columns),
        "## What the data hold, and what was left out or assumed",
        "",
        *(f"- {sentence(note)}" for note in gan.notes_ or _notes(series)),
        "",
        *_ranges(compared),
    ]
    after = [
        *_again(folder),
        "## Files",
        "",
        *(f"- {line}" for line in FILES),
        "",
        "## Limits",
        "",
        *(f"- {line}" for line in LIMITS),
        "",
        *_made(gan, series),
    ]
    path = folder / "report.md"
    write_text(path, "\n".join([*before, *after]))
    say = (lambda text: print(wrapped(text))) if gan.verbose else (lambda text: None)
    say(f"{fit}\n")
    if wrong := _wrong(found):
        say(f"{wrong}\n")
    labels = Labels.of(series.columns)
    drawn = draw_pictures(
        folder,
        pictures_of(
            gan.history_,
            real,
            samples,
            series.columns,
            labels.names,
            MOST_PANELS,
            len(real) >= FEWEST_WINDOWS,
        ),
        labels,
        say=say,
    )
    heading = ["## Pictures", ""]
    if len(columns) > MOST_PANELS:
        heading += [
            f"The pictures of single columns show the first {MOST_PANELS} of {len(columns)}.",
            "",
        ]
    drawn = [f"#{line}" if line.startswith("## ") else line for line in drawn]
    write_text(path, "\n".join([*before, *heading, *drawn, *after]))
    return path


def _verdict(scores: pd.DataFrame, count: int, found: list[Finding], fit: str) -> list[str]:
    said = verdict(scores, count)
    lines = [f"**{said.sentence}**", "", f"**{sentence(fit)}**", ""]
    lines += [f"- {detail}" for detail in said.details]
    if wrong := _wrong(found):
        lines.append(f"- **{wrong}** See below.")
    return [*lines, ""] if lines[-1] else lines


def _wrong(found: list[Finding]) -> str:
    """Return a sentence about what is wrong; "" if nothing is."""
    subjects = [_small(finding.subject) for finding in found if finding.wrong]
    return f"Wrong, whatever the judges say: {'; '.join(subjects)}." if subjects else ""


def _small(subject: str) -> str:
    return subject[0].lower() + subject[1:]


def _scores(scores: pd.DataFrame, count: int) -> list[str]:
    names = [escape(str(name)) for name in scores.index]
    rows = [[name, *map(str, row)] for name, row in zip(names, scores.to_numpy(), strict=True)]
    lines = ["## Scores", "", f"{LOWER[0].upper()}{LOWER[1:]}.", ""]
    lines += table(["", *scores.columns], rows)
    if count < FEWEST_WINDOWS:
        return [*lines, f"There are {count} windows, too few to score.", ""]
    return [
        *lines,
        "The discriminative score is |accuracy − ½| of a small GRU that tells real from generated "
        "windows: 0 is guessing, 0.5 is always right. The strong judge is a larger GRU. The "
        "predictive score is the error, on real windows, of a predictor that was trained on "
        "generated ones. The VAR bootstrap is a linear model. By chance alone a perfect generator "
        f"scores up to {bound_by_chance(count, 10):.3f} with ten judges and "
        f"{bound_by_chance(count, 2):.3f} with two (39 times in 40). The last row sets one half of "
        f"the real windows against the other, so chance gives more there: up to "
        f"{bound_by_chance(count // 2, 10):.3f} and {bound_by_chance(count // 2, 2):.3f}.",
        "",
    ]


def _findings(found: list[Finding]) -> list[str]:
    lines = ["## What is wrong, and what to know", ""]
    for finding in found:
        subject = f"Wrong: {_small(finding.subject)}" if finding.wrong else finding.subject
        lines += [f"**{subject}.** {finding.sentence}", ""]
        if finding.rows:
            lines += table(finding.header, finding.rows)
    return lines


def _notes(series: Series) -> list[str]:
    """Return what is known of data that were given to a loaded LSTM-GAN."""
    rows, count = series.values.shape
    said = f"{series.name}: {rows:,} rows of {count} column{'s' * (count > 1)}."
    return [said, *series.notes]


def _ranges(compared: Compared) -> list[str]:
    """Return the quantiles of each column, real above generated; the most different if many."""
    columns, apart, rows = compared.columns, [], []
    for i, column in enumerate(columns):
        real, generated = (
            np.quantile(values, QUANTILES, method="inverted_cdf") for values in compared.pairs(i)
        )
        width = np.abs(real).max() if real[-1] == real[0] else real[-1] - real[0]
        apart.append(np.abs(generated - real).max() / width if width else 0.0)
        unit = f" ({escape(column.unit)})" if column.unit else ""
        rows.append(
            [
                [f"{escape(column.name)}{unit}", "real", *map(column.write, real)],
                ["", "generated", *map(column.write, generated)],
            ]
        )
    chosen = list(range(len(columns)))
    cut = ""
    if len(chosen) > MOST_COLUMNS:
        chosen = sorted(np.argsort(-np.array(apart), kind="stable")[:MOST_COLUMNS].tolist())
        cut = f" Of {len(columns)} columns these are the {MOST_COLUMNS} that differ most."
    names = ("1%", "25%", "median", "75%", "99%")
    return [
        "## Ranges",
        "",
        f"Quantiles in the data's units.{cut} Generated values never leave the range of the data, "
        "so that its smallest and largest value tell nothing.",
        "",
        *table(["", "", *names], [row for i in chosen for row in rows[i]], left=2),
    ]


def _again(folder: Path) -> list[str]:
    name = shlex.quote(str(folder))
    return [
        "## Load it, and sample again",
        "",
        "More windows, and one long series with dates that go on, from the command line:",
        "",
        "```sh",
        f"python -m utils.sample {name} --windows 5000 --out windows.csv",
        f"python -m utils.sample {name} --length 2000 --out series.csv",
        "```",
        "",
        "In Python:",
        "",
        "```python",
        "from utils import LstmGan",
        "",
        f"gan = LstmGan.load({json.dumps(folder.as_posix(), ensure_ascii=False)})",
        "windows = gan.sample(5000, seed=7)  # (windows, time, features)",
        "table = gan.sample_frame(5000, seed=7)  # the same, as a long table with dates",
        "series = gan.sample_series(2000, seed=7)  # one long series, a table",
        "```",
        "",
    ]


def _made(gan: LstmGan, series: Series) -> list[str]:
    run = run_folder.identity(series, gan.preconditioner_.window, gan.config_)
    took = f", {gan.seconds_:.0f} seconds" if np.isfinite(gan.seconds_) else ""
    rate = gan.config_.learning_rate
    lines = [
        f"Data: {sentence(series.source)}; {len(series.values):,} rows of {len(series.columns)} "
        f"columns, SHA-256 of the numbers `{run['data']['sha256']}`.",
        f"Training: {gan.config_.steps:,} steps of {gan.config_.batch_size} windows of "
        f"{gan.preconditioner_.window} rows, seed {gan.config_.seed}{took}. Learning rate: "
        f"{rate:g}, by a cosine down to {rate * gan.config_.cosine_alpha:g}.",
        f"Versions: {runtime.report()} · NumPy {np.__version__} · Python "
        f"{platform.python_version()}.",
        "Generated windows: seed 2. The same data, settings and versions on the same machine give "
        "the same numbers.",
    ]
    # Of a run that was resumed for more steps.
    schedule = getattr(gan, "_run", {}).get("schedule", ())
    if len(schedule) > 1:
        parts = "; ".join(
            f"from step {part['from_step']:,} as a run of {part['steps']:,} steps"
            for part in schedule
        )
        lines.insert(2, f"Schedules of the learning rate: {parts}.")
    return ["## How it was made", "", *(f"- {line}" for line in lines), ""]
