"""What generated windows get wrong in ways that judges of whole windows weigh too little.

Relations that hold in every row, values that repeat, the largest change from row to row, the size
of the changes along a window, spread, tails and bounds: each beside the data, as a ``Finding``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from utils.lstm_gan.markdown import Column, escape, percent

MOST_ROWS = 10  # of a table; the worst come first
OFTEN = 0.05  # share of rows that hold one value, to be looked at; and so many rows
FEWEST_REPEATS = 10
TWO, FEW = 2, 12  # values of a column of which changes, or bounds, say nothing
FEWEST_ROWS = 100  # of which the largest change and the 1 % quantiles say something
SHARP = 1.5  # times the largest real change, to be called larger
UNEVEN = 1.25  # ratio of spreads or of mean changes, either way, to be mentioned
THIN, THICK = 1 / 3, 3.0  # times the 1 % that lie beyond a quantile of the data, to be mentioned
AT_BOUNDS = 0.01  # share of values at the data's own bounds, above the real share, to be mentioned


class Relation(Protocol):
    """What holds in every row of the data; see ``utils.datasets.relations``."""

    @property
    def text(self) -> str:
        """Return the relation as a sentence."""

    def holds(self, windows: np.ndarray) -> np.ndarray:
        """Return in which rows of windows (windows, time, features) it holds, (windows, time)."""


@dataclass(frozen=True)
class Finding:
    """One thing to know of the generated windows.

    Attributes:
        subject: in a few words.
        wrong: whether it is a fault, and not only worth knowing.
        sentence: what was found.
        header: of a table; the first column holds words.
        rows: of the table, the worst first.
    """

    subject: str
    wrong: bool
    sentence: str
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Compared:
    """Data and generated windows, as they are written to a file.

    Attributes:
        sequences: the data, each (time, features).
        samples: generated windows, (windows, time, features).
        columns: how each column is written.
        decimals: to which each column is rounded in the file; None, and by default: not at all.
    """

    sequences: Sequence[np.ndarray]
    samples: np.ndarray
    columns: Sequence[Column]
    decimals: Sequence[int | None] = ()

    def generated(self, feature: int, chosen: slice = slice(None)) -> np.ndarray:
        """Return a feature of the generated windows, (windows, time)."""
        values = self.samples[chosen, :, feature]
        places = self.decimals[feature] if self.decimals else None
        return values if places is None else np.round(values, places)

    def chunks(self) -> Iterator[np.ndarray]:
        """Yield the generated windows a thousand at a time: all at once would cost memory."""
        for start in range(0, len(self.samples), 1000):
            chosen = slice(start, start + 1000)
            features = range(self.samples.shape[-1])
            yield np.stack([self.generated(feature, chosen) for feature in features], axis=-1)

    def pairs(self, feature: int) -> tuple[np.ndarray, np.ndarray]:
        """Return all real values of a feature, and all generated ones."""
        real = np.concatenate([sequence[:, feature] for sequence in self.sequences])
        return real, self.generated(feature).ravel()

    def steps(self, feature: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return real values and their changes a row later, and generated (windows, time − 1)."""
        runs = [sequence[:, feature] for sequence in self.sequences]
        before = np.concatenate([run[:-1] for run in runs])
        change = np.concatenate([np.diff(run) for run in runs])
        windows = self.generated(feature)
        return before, change, windows[:, :-1], np.diff(windows, axis=1)

    def values(self, feature: int) -> int:
        """Return how many different values a feature of the data takes."""
        return len(np.unique(np.concatenate([part[:, feature] for part in self.sequences])))


def find(compared: Compared, relations: Sequence[Relation]) -> list[Finding]:
    """Return all findings, what is wrong first."""
    found = [
        kept_relations(compared, relations),
        repeated_values(compared),
        largest_changes(compared),
        first_steps(compared),
        spread_and_tails(compared),
        bounds(compared),
    ]
    return sorted((each for each in found if each is not None), key=lambda each: not each.wrong)


def kept_relations(compared: Compared, relations: Sequence[Relation]) -> Finding:
    """Return in which share of the generated rows, and windows, the data's relations hold."""
    subject = "Relations that hold in every real row"
    if not relations:
        return Finding(subject, False, "None was found between the columns of these data.")
    holds = [[relation.holds(chunk) for relation in relations] for chunk in compared.chunks()]
    kept = []
    for i, relation in enumerate(relations):
        rows = np.concatenate([chunk[i] for chunk in holds])
        text = escape(relation.text.removesuffix(".").removesuffix(" in every row"))
        kept.append((rows.mean(), rows.all(axis=1).mean(), text))
    kept.sort(key=lambda each: each[:2])
    broken = sum(1 for _, windows, _ in kept if windows < 1)
    if not broken:
        said = (
            "All of them hold in every generated row." if len(kept) > 1 else "It holds there too."
        )
    elif len(kept) > 1:
        said = f"{broken} of {len(kept)} {'is' if broken == 1 else 'are'} broken in generated rows."
    else:
        said = "The one that was found is broken in generated rows."
    return Finding(
        subject,
        broken > 0,
        f"{said}{_cut(len(kept))}",
        ("holds in every real row", "generated rows", "whole windows"),
        tuple((text, percent(rows), percent(windows)) for rows, windows, text in kept[:MOST_ROWS]),
    )


def repeated_values(compared: Compared) -> Finding | None:
    """Return the share of values that come again and again, such as exact zeros, in both."""
    rows: list[tuple[float, tuple[str, ...]]] = []
    for feature, column in enumerate(compared.columns):
        real, generated = compared.pairs(feature)
        values, counts = np.unique(real, return_counts=True)
        value, share = values[counts.argmax()], counts.max() / len(real)
        if len(values) > 1 and share >= OFTEN and counts.max() >= FEWEST_REPEATS:
            made = float((generated == value).mean())
            cells = (escape(column.name), column.write(value), percent(share), percent(made))
            rows.append((abs(made - share), cells))
    if not rows:
        return None
    rows.sort(key=lambda row: -row[0])
    wrong = rows[0][0] > OFTEN
    return Finding(
        "Values that repeat exactly",
        wrong,
        f"Share of the rows that hold a column's most frequent value.{_cut(len(rows))}",
        ("column", "value", "real", "generated"),
        tuple(cells for _, cells in rows[:MOST_ROWS]),
    )


def largest_changes(compared: Compared) -> Finding | None:
    """Return the largest change from one row to the next, in units and of the level."""
    rows: list[tuple[float, float, tuple[str, ...]]] = []
    for feature, column in enumerate(compared.columns):
        level, change, levels, changes = compared.steps(feature)
        real, made = np.abs(change), np.abs(changes)
        most = real.max(initial=0)
        if most == 0 or made.size == 0 or compared.values(feature) <= TWO:
            continue
        cells: list[str] = [column.write(most), column.write(made.max())]
        ratio = made.max() / most
        beyond = (made > most).any(axis=1).mean()
        if level.min() > 0 and levels.min() > 0:
            # Of a level that grows, a share tells more than units do.
            relative, others = real / level, made / levels
            cells = [
                f"{cell} ({percent(share)})"
                for cell, share in zip(cells, (relative.max(), others.max()), strict=True)
            ]
            if others.max() / relative.max() > ratio:
                ratio = others.max() / relative.max()
                beyond = (others > relative.max()).any(axis=1).mean()
        rows.append((ratio, beyond, (escape(column.name), *cells, f"{ratio:.1f}", percent(beyond))))
    if not rows:
        return None
    rows.sort(key=lambda row: -row[0])
    worst, beyond, (name, *_) = rows[0]
    wrong = worst > SHARP and sum(map(len, compared.sequences)) >= FEWEST_ROWS
    sentence = (
        f"The largest change of {name} is {worst:.1f} times the largest real one; "
        f"{percent(beyond)} of the windows hold a change beyond the real ones."
        if worst > SHARP
        else "No generated change is much larger than the largest real one."
    )
    return Finding(
        "Largest change from one row to the next",
        wrong,
        f"{sentence} Changes are in units of the column; in brackets, where all values are "
        "positive, as a share of the row before. The times are the larger of the two ratios. The "
        f"largest of many windows is larger than that of few.{_cut(len(rows))}",
        ("column", "real", "generated", "times", "windows beyond"),
        tuple(cells for _, _, cells in rows[:MOST_ROWS]),
    )


def first_steps(compared: Compared) -> Finding | None:
    """Return where in a window the mean size of the changes differs from the real one."""
    rows: list[tuple[float, tuple[str, ...]]] = []
    for feature, column in enumerate(compared.columns):
        _, change, _, changes = compared.steps(feature)
        usual = np.abs(change).mean() if len(change) else 0
        # So few windows, or values so far out, that a mean says nothing, are passed over.
        if usual == 0 or len(changes) < 200:
            continue
        ratio = np.abs(changes).mean(axis=0) / usual
        error = np.abs(changes).std(axis=0) / np.sqrt(len(changes)) / usual
        clear = np.abs(ratio - 1) > 4 * error
        if not (clear & ((ratio > UNEVEN) | (ratio < 1 / UNEVEN))).any():
            continue
        size = np.where(clear, np.abs(np.log(np.maximum(ratio, 1e-6))), 0)
        worst = int(size.argmax())
        cells = (escape(column.name), f"{worst + 1}", f"{ratio[worst]:.2f}", f"{ratio.mean():.2f}")
        rows.append((size[worst], cells))
    if not rows:
        return None
    rows.sort(key=lambda row: -row[0])
    return Finding(
        "Size of the changes along a window",
        False,
        "Mean size of a change, as a multiple of the real one: where in the window it differs "
        f"most, and over all steps.{_cut(len(rows))}",
        ("column", "step", "there", "all steps"),
        tuple(cells for _, cells in rows[:MOST_ROWS]),
    )


def spread_and_tails(compared: Compared) -> Finding:
    """Return the ratio of the standard deviations, and what lies beyond the data's 1 % and 99 %."""
    rows: list[tuple[float, tuple[str, ...]]] = []
    for feature, column in enumerate(compared.columns):
        real, generated = compared.pairs(feature)
        if compared.values(feature) <= TWO:
            continue
        width = real.max() / 2 - real.min() / 2  # halves, and no squares of large or tiny values
        ratio = (generated / width - real[0] / width).std() / (real / width - real[0] / width).std()
        low, high = np.quantile(real, (0.01, 0.99))
        below, above = (generated < low).mean(), (generated > high).mean()
        # As many as there are in the data: exactly 1 % of a column of few values is rare.
        tails = [
            (below + 1e-4) / ((real < low).mean() + 1e-4),
            (above + 1e-4) / ((real > high).mean() + 1e-4),
        ]
        far = len(real) >= FEWEST_ROWS and any(tail < THIN or tail > THICK for tail in tails)
        if far or ratio > UNEVEN or ratio < 1 / UNEVEN:
            size = max(abs(np.log(max(each, 1e-6))) for each in (ratio**3, *tails))
            cells = (
                escape(column.name),
                f"{ratio:.2f}",
                f"{percent((real < low).mean())} → {percent(below)}",
                f"{percent((real > high).mean())} → {percent(above)}",
            )
            rows.append((size, cells))
    count = len(compared.columns)
    if not rows:
        return Finding(
            "Spread and tails",
            False,
            f"In {'the' if count == 1 else f'all {count}'} column{'s' * (count > 1)} the spread is "
            "near the real one, and about as many values lie beyond the data's 1% and 99% "
            "quantiles as in the data.",
        )
    rows.sort(key=lambda row: -row[0])
    return Finding(
        "Spread and tails",
        False,
        f"{len(rows)} of {count} columns differ: the standard deviation as a multiple of the real "
        "one, and the share of values beyond the data's 1% and 99% quantiles, real → generated."
        f"{_cut(len(rows))}",
        ("column", "spread", "below 1%", "above 99%"),
        tuple(cells for _, cells in rows[:MOST_ROWS]),
    )


def bounds(compared: Compared) -> Finding | None:
    """Return the columns of which more values lie at the data's bounds than in the data."""
    rows: list[tuple[float, tuple[str, ...]]] = []
    for feature, column in enumerate(compared.columns):
        real, generated = compared.pairs(feature)
        near = 1e-9 * (real.max() / 2 - real.min() / 2)
        shares = [
            tuple((np.abs(values - edge) <= near).mean() for values in (real, generated))
            for edge in (real.min(), real.max())
        ]
        more = max(made - share for share, made in shares)
        if compared.values(feature) > FEW and more > max(AT_BOUNDS, 2 / len(real)):
            cells = (f"{percent(share)} → {percent(made)}" for share, made in shares)
            rows.append((more, (escape(column.name), *cells)))
    if not rows:
        return None
    rows.sort(key=lambda row: -row[0])
    return Finding(
        "Values at the bounds of the data",
        False,
        "Generated values stop at the smallest and at the largest value of the data; here many "
        f"do. Real → generated.{_cut(len(rows))}",
        ("column", "at the smallest", "at the largest"),
        tuple(cells for _, cells in rows[:MOST_ROWS]),
    )


def _cut(count: int) -> str:
    return f" The worst {MOST_ROWS} of {count} are shown." if count > MOST_ROWS else ""
