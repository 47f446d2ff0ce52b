"""The scores of a run: measured, as a table, and in words.

What chance alone gives a perfect generator is known (``utils.evaluation.scores.chance_mean``): the
verdict compares with that, so that it needs no threshold of taste to say "within chance". Beyond
chance, it goes by the share of windows on which a judge is right.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from utils import runtime
from utils.datasets.sequences import windows_of
from utils.datasets.series import Series
from utils.evaluation.baselines import bootstrap_innovations
from utils.evaluation.scores import (
    MINIMUM_WINDOWS,
    STRONG_JUDGE,
    TRAIN_FRACTION,
    Score,
    chance_mean,
    discriminative_score,
    predictive_score,
    real_versus_real,
)
from utils.files import replacing
from utils.lstm_gan.structure import Structure

if TYPE_CHECKING:
    from utils.lstm_gan.estimator import LstmGan

FEWEST_WINDOWS = 2 * MINIMUM_WINDOWS  # scored; the floor needs two halves
OURS, BASELINE, FLOOR = "LSTM-GAN", "VAR bootstrap", "real vs real (floor)"
SMALL, STRONG, PREDICTIVE = "discriminative", "strong judge", "predictive"
NEAR = 0.05  # a judge is right on 55 % of the windows
EASY = 0.25  # on 75 %: half of the way from guessing to certainty
UNCLEAR = 0.1  # what chance alone may not give, or the windows are too few to judge by
# By chance a judge's score is |N(0, 0.5/√n)|: its standard deviation is so many times its mean.
SPREAD_OF_CHANCE = math.sqrt(math.pi / 2 - 1)
LOWER = "lower is better; ± is the standard deviation over judges"


def bootstrap(gan: LstmGan, series: Series, count: int) -> np.ndarray:
    """Return ``count`` windows of the VAR bootstrap, in the data's units: the baseline.

    It keeps by construction what the LSTM-GAN keeps.
    """
    encoded = windows_of(gan.structure_.encode(series.sequences()), gan.preconditioner_.window)
    scores = gan.preconditioner_.transform(encoded)
    resampled = bootstrap_innovations(scores, count, seed=3)
    made = gan.preconditioner_.inverse_transform(resampled)
    # One of its own: its final margins are those of these windows.
    structure = Structure.from_state(gan.structure_.state())
    return structure.calibrate(made).decode(made)


def score_table(
    real: np.ndarray, samples: np.ndarray, resampled: np.ndarray, seconds: float
) -> pd.DataFrame:
    """Score the samples, the VAR bootstrap, and real windows against real ones.

    All windows are (windows, time, features) in the data's units, ``resampled`` those of
    ``bootstrap``; ``seconds`` is what training took, not a number where that is not known. Under
    the quick profile the judges are trained for a few steps only: the numbers then mean nothing.
    With too few windows to split, the scores are left out: the table then holds "–", elsewhere a
    ``Score``.
    """
    sets = {OURS: samples, BASELINE: resampled, FLOOR: None}
    table = pd.DataFrame(columns=[SMALL, STRONG, PREDICTIVE, "seconds"], dtype=object)
    with runtime.progress(total=3 * len(sets), desc="scoring", unit="score") as bar:
        for name, windows in sets.items():
            row: list[Score | str] = []
            for score in (SMALL, STRONG, PREDICTIVE):
                bar.set_description(f"scoring {name}, {score}")
                row.append(_score(score, real, windows))
                bar.update()
            took = f"{seconds:.0f}" if windows is samples and np.isfinite(seconds) else "–"
            table.loc[name] = [*row, took]
        bar.set_description("scoring")
    return table


def _score(score: str, real: np.ndarray, windows: np.ndarray | None) -> Score | str:
    """Return a score of ``windows``, or of real windows against real ones if None."""
    if len(real) < FEWEST_WINDOWS:
        return "–"
    short = runtime.budget(full={}, quick={"steps": 20, "repeats": 1})
    if score == PREDICTIVE:
        return predictive_score(real, real if windows is None else windows, **short)
    judge = short if score == SMALL else STRONG_JUDGE | {"repeats": 2} | short
    if windows is None:
        return real_versus_real(real, **judge)
    return discriminative_score(real, windows, **judge)


def write_scores(path: Path, table: pd.DataFrame) -> None:
    """Write the scores as a CSV: a row for each, its mean, its standard deviation, its judges."""
    rows = [
        {"of": of, "score": name, "mean": score.mean, "sd": score.std, "judges": len(score.values)}
        for name in (SMALL, STRONG, PREDICTIVE)
        for of, score in table[name].items()
        if isinstance(score, Score)
    ]
    with replacing(path) as temporary:
        pd.DataFrame(rows, columns=["of", "score", "mean", "sd", "judges"]).to_csv(
            temporary, index=False, lineterminator="\n"
        )


class Verdict(NamedTuple):
    """What the scores say.

    Attributes:
        word: "means nothing", "too few windows", "within chance", "near", "told apart" or
            "easily told apart".
        sentence: the same as a sentence.
        details: sentences with the numbers behind it.
    """

    word: str
    sentence: str
    details: tuple[str, ...] = ()


def held_out(count: int) -> int:
    """Return on how many windows a judge is tested, real and generated, of ``count`` of each."""
    return 2 * (count - int(TRAIN_FRACTION * count))


def bound_by_chance(count: int, judges: int) -> float:
    """Return what the mean score of so many judges exceeds by chance once in forty times.

    That is the mean by chance and two standard deviations of the mean over judges; ``count`` is
    the number of windows of each set.
    """
    return chance_mean(held_out(count)) * (1 + 2 * SPREAD_OF_CHANCE / math.sqrt(judges))


def verdict(table: pd.DataFrame, count: int) -> Verdict:
    """Say in words what a table of scores means.

    The judge that sees more decides. *Within chance*: a perfect generator's mean score may be as
    high. Where real windows are told from real ones by more than chance, their score is the bound:
    the judge then hears something that is no difference. *Near*: beyond the bound, but right on at
    most 55 % of the windows. *Easily told apart*: on more than 75 %. Where chance alone may reach
    60 % and nothing is beyond it, there are too few windows to say.

    Args:
        table: of ``score_table``.
        count: windows of each set.
    """
    if runtime.profile() == "quick":
        return Verdict(
            "means nothing",
            "This run shows that the program works, no more: the quick profile cuts training and "
            "judges short, and its scores mean nothing.",
        )
    small, strong = (_at(table, OURS, name) for name in (SMALL, STRONG))
    if not isinstance(small, Score) or not isinstance(strong, Score):
        return Verdict(
            "too few windows",
            f"There are {count} windows, too few to score: nothing is known of how good the "
            "generated ones are.",
        )
    bounds = [_bound(table, name, count) for name in (SMALL, STRONG)]
    details = [
        _heard(name, score, bound)
        for name, score, bound in zip(
            ("small judge", "strong judge"), (small, strong), bounds, strict=True
        )
    ]
    details += _beside(table)
    beyond = [s.mean for s, bound in zip((small, strong), bounds, strict=True) if s.mean > bound]
    if not beyond and max(bounds) > UNCLEAR:
        return Verdict(
            "too few windows",
            f"There are {count} windows, too few to judge by: chance alone may give a score of "
            f"{max(bounds):.2f}.",
            tuple(details),
        )
    if not beyond:
        return Verdict(
            "within chance",
            "Neither judge can tell generated windows from real ones: the scores are within "
            "chance.",
            tuple(details),
        )
    right = f"a judge is right on {0.5 + max(beyond):.0%} of them, where guessing is right on 50%"
    word = "near" if max(beyond) <= NEAR else "told apart"
    word = "easily told apart" if max(beyond) > EASY else word
    said = "near the real ones" if word == "near" else f"{word} from the real ones"
    return Verdict(word, f"The generated windows are {said}: {right}.", tuple(details))


def _at(table: pd.DataFrame, of: str, name: str) -> Any:
    """Return a score of the table, or "–"."""
    return table.at[of, name]


def _bound(table: pd.DataFrame, name: str, count: int) -> float:
    """Return up to which score a judge's answers are within chance."""
    bound = bound_by_chance(count, len(_at(table, OURS, name).values))
    floor = _at(table, FLOOR, name)
    return max(bound, floor.mean) if _floor_is_high(floor, count) else bound


def _floor_is_high(floor: Score, count: int) -> bool:
    """Return whether real windows are told from real ones, half as many, by more than chance."""
    return floor.mean > bound_by_chance(count // 2, len(floor.values))


def _heard(judge: str, score: Score, bound: float) -> str:
    if score.mean <= bound:
        return (
            f"The {judge} scores {score.mean:.3f}: within chance, which may give up to {bound:.3f}."
        )
    return f"The {judge} scores {score.mean:.3f}: beyond chance, which may give up to {bound:.3f}."


def _beside(table: pd.DataFrame) -> list[str]:
    """Return a sentence about the linear baseline, and one about the predictive score."""
    ours, linear = _at(table, OURS, STRONG), _at(table, BASELINE, STRONG)
    slack = math.hypot(_error(ours), _error(linear))
    how = (
        "better than"
        if ours.mean < linear.mean - slack
        else "worse than"
        if ours.mean > linear.mean + slack
        else "no better than"
    )
    sentences = [
        f"By the strong judge the LSTM-GAN ({ours.mean:.3f}) is {how} the VAR bootstrap, a linear "
        f"model without a network ({linear.mean:.3f})."
    ]
    ours, floor = _at(table, OURS, PREDICTIVE), _at(table, FLOOR, PREDICTIVE)
    if floor.mean > 0:
        more = ours.mean / floor.mean - 1
        slack = 2 * math.hypot(_error(ours), _error(floor))
        how = (
            "no more than"
            if ours.mean - floor.mean <= max(slack, 0.005 * floor.mean)
            else f"{more:.0%} more than"
        )
        sentences.append(
            f"A predictor that learns from generated windows errs {how} one that learns from real "
            "ones."
        )
    return sentences


def _error(score: Score) -> float:
    """Return the standard error of a score's mean; 0 of a single judge."""
    return 0.0 if len(score.values) < 2 else score.std / math.sqrt(len(score.values))
