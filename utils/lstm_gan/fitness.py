"""One sentence: what the generated windows are fit for, and what not, from the numbers."""

from __future__ import annotations

from collections.abc import Sequence

from utils import runtime
from utils.evaluation.window_facts import (
    BETWEEN,
    CHANGES,
    CYCLES,
    LEVEL,
    ORDER,
    SIZES,
    SPREAD,
    TAILS,
)
from utils.lstm_gan.findings import Finding
from utils.lstm_gan.practice import Measured

PROGRAMS = "trying out programs"
STUDIES = {
    LEVEL: "heights",
    SPREAD: "spreads",
    CHANGES: "changes from row to row",
    SIZES: "calm and wild times",
    CYCLES: "memory within a window",
    BETWEEN: "what is common to columns",
}


def fit_for(measured: Measured, word: str, found: Sequence[Finding]) -> str:
    """Return a sentence: fit for …, not fit for ….

    What the numbers show decides: facts beyond chance, a forecaster that errs more, copies, the
    verdict of the judges, findings that are wrong. Estimating a risk, and showing the windows to
    those who may not see the data, are never among what they are fit for: no measure here can
    promise that.

    Args:
        measured: of ``utils.lstm_gan.practice.measure``.
        word: of the verdict on the scores.
        found: what was found wrong, or worth knowing.
    """
    if runtime.profile() == "quick":
        return "Fit for seeing that the program runs; not fit for anything else: see below."
    good, bad = [PROGRAMS], []
    if any(each.wrong and "elation" in each.subject for each in found):
        bad.append("programs that need the relations between columns to hold")
    if word in ("within chance", "near"):
        good.append("examples that look like the data")
    elif word in ("told apart", "easily told apart"):
        bad.append("passing for the data")
    _forecasts(measured, good, bad)
    _studies(measured, good, bad)
    rare = measured.bands is not None and measured.bands.beyond_chance(TAILS)
    rare |= any(each.wrong and "argest change" in each.subject for each in found)
    bad.append("estimating a risk" + (" (rare changes are not those of the data)" if rare else ""))
    bad.append(_privacy(measured))
    unknown = measured.bands is None or not measured.bands.blocks
    end = "; the data are too few for more" if unknown else ""
    return f"Fit for {_listed(good)}; not fit for {_listed(bad)}{end}."


def _forecasts(measured: Measured, good: list[str], bad: list[str]) -> None:
    """Add whether a forecaster can learn from the windows, where there is something to forecast."""
    told = [each for each in measured.utility if each.gain_low > 0]
    if not told:
        return
    worst = max(told, key=lambda each: each.more)
    if all(each.low <= 0 for each in told):
        good.append("training a forecaster of the next row")
    elif all(each.generated < each.naive for each in told):
        good.append(f"training a forecaster of the next row (its error grows by {worst.more:.1%})")
    else:
        bad.append(f"training a forecaster of the next row (its error grows by {worst.more:.0%})")


def _studies(measured: Measured, good: list[str], bad: list[str]) -> None:
    """Add of what a study may use the windows: where no more facts are outside than by chance."""
    bands = measured.bands
    if bands is None or not bands.blocks:
        return
    for good_or_bad, beyond in ((good, False), (bad, True)):
        names = [
            name
            for group, name in STUDIES.items()
            if bands.outside(group)[1] and _beyond(measured, group) == beyond
        ]
        if names:
            good_or_bad.append(f"studies of {_listed(names)}")


def _beyond(measured: Measured, group: str) -> bool:
    assert measured.bands is not None
    groups = (group, ORDER) if group == BETWEEN else (group,)
    return any(measured.bands.beyond_chance(each) for each in groups)


def _privacy(measured: Measured) -> str:
    attacked = measured.attack is not None and measured.attack.flagged
    copied = measured.copies is not None and measured.copies.flagged
    if copied or attacked:
        what = "they copy some" if copied else "an attack finds out who was trained on"
        return f"showing to whoever may not see the data ({what})"
    return "showing to whoever may not see the data"


def _listed(parts: Sequence[str]) -> str:
    return ", ".join(parts[:-1]) + f" and {parts[-1]}" if len(parts) > 1 else parts[0]
