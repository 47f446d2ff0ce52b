"""Fidelity, utility, privacy: what to know of generated windows before they are used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from utils import runtime
from utils.datasets.holdout import split_last
from utils.datasets.sequences import windows_of
from utils.datasets.series import Series
from utils.evaluation import bands as facts
from utils.evaluation.blocks import positions
from utils.evaluation.cycles import periods_of
from utils.evaluation.membership import Attack, Copies, copies, membership_attack
from utils.evaluation.utility import Utility, forecast_utility
from utils.evaluation.window_facts import GROUPS, LEVEL, SPREAD
from utils.lstm_gan.collapse import of_bands
from utils.lstm_gan.findings import Finding
from utils.lstm_gan.markdown import Column, escape, percent, table

SHARE = 0.2  # of the rows, at the end, on which forecasters are tested
MOST_FACTS = 8  # shown, at most two of a kind
LONGEST_PAIR = 23  # characters
FAR = 99.0  # half-widths of the band, beyond which only "far" is said
QUICK = "The quick profile cuts training short: these numbers mean nothing."


@dataclass
class Measured:
    """What was measured; None or nothing where there is too little to measure, with the reason.

    Attributes:
        bands: facts of the series beside the real band.
        periods: of cycles that were looked for, in rows.
        utility: of forecasters.
        copies: of single windows.
        attack: on who was trained on; only with rows held out.
        held_out: whether rows were held out of the training.
        window: rows in a window.
        why: by part, why it could not be measured.
    """

    bands: facts.Bands | None = None
    periods: tuple[int, ...] = ()
    utility: list[Utility] = field(default_factory=list)
    copies: Copies | None = None
    attack: Attack | None = None
    held_out: bool = False
    window: int = 0
    why: dict[str, str] = field(default_factory=dict)


def measure(
    series: Series,
    real: np.ndarray,
    samples: np.ndarray,
    columns: Sequence[Column],
    holdout: Series | None = None,
) -> Measured:
    """Measure facts, the use for a forecaster, copies and, with rows held out, an attack.

    A part that cannot be measured leaves a reason, and never stops the others.

    Args:
        series: what was trained on.
        real: its windows that are scored, in their order, ``(windows, time, features)``.
        samples: generated windows.
        columns: how the columns are called.
        holdout: rows of a later time that the training never saw.
    """
    window = real.shape[1]
    made = Measured(held_out=holdout is not None, window=window, periods=periods_of(series))
    at = positions([len(part) for part in series.sequences()], window)
    some = np.linspace(0, len(at) - 1, len(real)).round().astype(int)

    def attempt(part: str, function: Callable[[], Any]) -> Any:
        try:
            # Small products of matrices: several threads would wait for each other.
            with np.errstate(all="ignore"), threadpool_limits(1):
                return function()
        except (ValueError, FloatingPointError, np.linalg.LinAlgError) as error:
            made.why[part] = " ".join(str(error).split())[:200]
            return None

    def of_facts() -> facts.Bands:
        names = [column.name for column in columns]
        repeats = runtime.budget(full=300, quick=20)
        options: dict[str, Any] = {"columns": names, "repeats": repeats, "periods": made.periods}
        return facts.real_bands(real, samples, rows=at[some], **options)

    def of_utility() -> list[Utility]:
        past, later = (series, holdout) if holdout else split_last(series, SHARE, window)
        return forecast_utility(
            samples,
            windows_of(past.sequences(), window),
            windows_of(later.sequences(), window),
            train_rows=positions([len(part) for part in past.sequences()], window),
            test_rows=positions([len(part) for part in later.sequences()], window),
        )

    def of_copies() -> Copies | None:
        return copies(samples, windows_of(series.sequences(), window), rows=at)

    def of_attack() -> Attack | None:
        assert holdout is not None
        return membership_attack(
            samples,
            windows_of(series.sequences(), window),
            windows_of(holdout.sequences(), window),
            rows=at,
            holdout_rows=positions([len(part) for part in holdout.sequences()], window),
        )

    made.bands = attempt("facts", of_facts)
    made.utility = attempt("utility", of_utility) or []
    made.copies = attempt("copies", of_copies)
    if holdout is not None:
        made.attack = attempt("attack", of_attack)
    return made


def failed_columns(measured: Measured, columns: Sequence[Column]) -> list[Finding]:
    """Return what is wrong with the spread of columns; see ``utils.lstm_gan.collapse``."""
    return of_bands(measured.bands, columns) if measured.bands is not None else []


def facts_table(measured: Measured) -> pd.DataFrame | None:
    """Return all facts as a table, or None."""
    return None if measured.bands is None else measured.bands.table.reset_index()


# --- Sections -----------------------------------------------------------------------------------


def sections(measured: Measured, columns: Sequence[Column]) -> list[str]:
    """Return the sections on fidelity, utility and privacy."""
    return [
        *_fidelity(measured, columns),
        *_utility(measured),
        *_privacy(measured),
    ]


def _note() -> list[str]:
    return [QUICK, ""] if runtime.profile() == "quick" else []


def _fidelity(measured: Measured, columns: Sequence[Column]) -> list[str]:
    lines = ["## Fidelity: facts inside the real band", "", *_note()]
    bands = measured.bands
    if bands is None:
        return [*lines, f"The facts could not be measured: {measured.why.get('facts', '')}", ""]
    if not bands.blocks:
        return [
            *lines,
            "The data are too short for a band: eight stretches as long as a window are needed, to "
            "see how far reality itself varies. `facts.csv` has the real and the generated values.",
            "",
        ]
    outside, count = bands.outside()
    worse = ": the windows differ by more than chance." if bands.beyond_chance() else "."
    lines += [
        f"{count - outside} of {count} facts are inside the band, {outside} outside. Another "
        "stretch of the data, as long as this one, would have up to "
        f"{bands.by_chance['all']} outside, and none further than "
        f"{_half_widths(bands.furthest['all'])} half-widths of the band from its middle (in 9 of "
        f"10 cases or more; below the same for all kinds of facts together){worse} The band holds "
        f"9 of 10 such stretches or more; it comes from {bands.blocks} blocks of time, drawn anew. "
        "Changes of columns that are always positive and vary widely are changes of the logarithm. "
        "In names, sd is the standard deviation and ACF the autocorrelation. All facts are in "
        "`facts.csv`.",
        "",
    ]
    lines += _cycles_said(measured)
    rows = []
    for group in GROUPS:
        far, all_of = bands.outside(group)
        if all_of:
            verdict = "beyond" if bands.beyond_chance(group) else "within"
            most = bands.by_chance[group]
            furthest = [_half_widths(bands.distance(group)), _half_widths(bands.furthest[group])]
            rows.append([group, str(all_of), str(far), str(most), *furthest, verdict])
    header = ["", "facts", "outside", "by chance", "furthest", "by chance", "chance"]
    lines += table(header, rows)
    worst = _worst(bands.table)
    if not worst.empty:
        lines += ["The furthest outside, with the half-widths of the band from its middle:", ""]
        lines += table(
            ["fact", "of", "real band", "generated", "half-widths"],
            [_fact_row(row, columns) for row in worst.to_dict("records")],
            left=2,
        )
    return lines


def _cycles_said(measured: Measured) -> list[str]:
    long = [period for period in measured.periods if period > measured.window]
    if not long:
        return []
    said = " and ".join(map(str, long))
    return [
        f"A cycle of {said} rows is longer than a window of {measured.window}: it cannot be "
        "checked here.",
        "",
    ]


def _worst(all_facts: pd.DataFrame) -> pd.DataFrame:
    """Return the facts that are furthest outside, at most two of a kind."""
    outside = all_facts[~all_facts["inside"]].sort_values(
        "distance", ascending=False, kind="stable"
    )
    return outside.groupby("fact", sort=False).head(2).head(MOST_FACTS).reset_index()


def _fact_row(row: Mapping[Any, Any], columns: Sequence[Column]) -> list[str]:
    write: Callable[[float], str] = lambda value: f"{value:.3g}"  # noqa: E731
    if row["group"] in (LEVEL, SPREAD):
        write = next(column.write for column in columns if column.name == row["of"])
    if row["fact"] == "share of rows":
        write = percent
    low, high, made = (
        write(row[name]) if np.isfinite(row[name]) else "–" for name in ("low", "high", "generated")
    )
    band = f"{low} to {high}" if low != high else low
    distance = _half_widths(row["distance"])
    return [escape(row["fact"]), escape(_short(row["of"])), band, made, distance]


def _half_widths(distance: float) -> str:
    return f"{distance:.1f}" if distance < FAR else "far"


def _short(of: str) -> str:
    """Return a pair of columns with both names cut, where they are long."""
    for between in (" × ", " ≤ "):
        if between in of and len(of) > LONGEST_PAIR:
            most = (LONGEST_PAIR - len(between)) // 2
            cut = [
                part if len(part) <= most else part[: most - 1] + "…" for part in of.split(between)
            ]
            return between.join(cut)
    return of


def _utility(measured: Measured) -> list[str]:
    lines = ["## Utility: a forecaster that learns from generated windows", "", *_note()]
    if not measured.utility:
        why = measured.why.get("utility", "There are too few windows, or nothing changes.")
        return [*lines, f"Not measured. {why}", ""]
    saw = (
        "The LSTM-GAN never saw the rows on which the forecasters are tested: they were held out."
        if measured.held_out
        else "The LSTM-GAN saw all rows, those too on which the forecasters are tested: its error "
        "may look better than it is. `--holdout 0.2` trains without them."
    )
    lines += [
        "A ridge regression learns from real windows of the earlier rows (TRTR), another from as "
        "many generated windows (TSTR). Both forecast windows of the last rows, real ones. Errors "
        f"are root mean squares, in usual changes of the column, over all columns. {saw}",
        "",
    ]
    rows = [
        [
            each.task,
            f"{each.naive:.3f}",
            f"{each.real:.3f}",
            f"{each.generated:.3f}",
            f"{_signed(each.more)} ({_signed(each.low)} to {_signed(each.high)})",
        ]
        for each in measured.utility
    ]
    lines += table(["forecast of", "rule of thumb", "TRTR", "TSTR", "TSTR over TRTR"], rows)
    rules = "; ".join(f"for {each.task}, *{each.rule}*" for each in measured.utility)
    return [*lines, f"Rule of thumb: {rules}. In brackets a 95% interval, by blocks of time.", ""]


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}%".replace("-", "−")


def _privacy(measured: Measured) -> list[str]:
    lines = ["## Privacy: copies, and who was trained on", "", *_note()]
    found = measured.copies
    if found is None:
        why = measured.why.get("copies", "There are too few windows, or nothing varies.")
        lines += [f"Copies were not looked for. {why}", ""]
    else:
        said = (
            "**More generated windows than chance explains are near copies of single windows of "
            "the data.** "
            if found.flagged
            else "No more generated windows than chance explains are near copies of single windows "
            "of the data. "
        )
        lines += [
            f"{said}{percent(found.share)} of the generated windows lie closer to one real window, "
            f"as against the next, than a ratio of {found.limit:.2f}. Of the real windows it is "
            f"{percent(found.real_share)}, each compared with those that share no row with it; "
            f"chance gives up to {percent(found.bound)}. The median of this nearest-neighbour "
            f"ratio is {found.ratio:.2f} times the real one (0 would be copies), the median "
            f"distance to the nearest real window {found.distance:.2f} times that between real "
            "ones.",
            "",
        ]
    if not measured.held_out:
        return [
            *lines,
            "All rows were trained on. So nothing is said of whether somebody can find out that a "
            "window was trained on: for that, windows are needed that were not. "
            "`python -m utils.train --holdout 0.2` trains on the earlier rows, and its report then "
            "holds the attack.",
            "",
        ]
    attack = measured.attack
    if attack is None:
        why = measured.why.get("attack", "There are too few windows that were trained on, or not.")
        return [*lines, f"No attack was made. {why}", ""]
    said = (
        "**The attack finds out who was trained on.** "
        if attack.flagged
        else "The attack is no better than chance explains. "
    )
    return [
        *lines,
        f"{said}It calls a real window trained on where one generated window lies closer than its "
        f"neighbours do. Its AUC is {attack.auc:.3f} ({attack.low:.3f} to {attack.high:.3f}; ½ is "
        f"guessing). With {percent(attack.false_positives)} of the windows never seen named by "
        f"mistake, it names {percent(attack.caught)} of those trained on "
        f"({percent(attack.caught_low)} to {percent(attack.caught_high)}). The intervals are 95%, "
        f"by {attack.blocks[0]} and {attack.blocks[1]} blocks of time. Another attack may "
        "do better.",
        "",
    ]
