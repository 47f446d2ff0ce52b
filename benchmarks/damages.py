"""Which measure notices which damage? Real windows, damaged more and more: damages.json and .md.

    .venv/bin/python -m benchmarks.damages              all rows that are missing; --fresh: all
    .venv/bin/python -m benchmarks.damages --no-judges  without the two judges, a minute in all

Windows are damaged in a known way, at four strengths, and every measure of the report is asked. It
should notice, and notice nothing in what is undamaged. Facts, forecasters and judges get the real
windows themselves, damaged. Copies and the attack would complain of these: they get windows that
resemble them and are no copies, damaged in the same way. Those of GOOG have their days drawn from
the days around them; those of Sines are others of the same law.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from utils import datasets, evaluation, files, runtime
from utils.datasets import sliding_windows
from utils.evaluation.bands import Bands, real_bands
from utils.evaluation.blocks import positions
from utils.evaluation.membership import copies, membership_attack
from utils.evaluation.shapes import logarithmic, logarithms
from utils.evaluation.utility import forecast_utility
from utils.evaluation.window_facts import GROUPS

HERE = Path(__file__).resolve().parent
WINDOW = 24
STRENGTHS = (0.05, 0.2, 0.5, 1.0)
MEASURES = (*GROUPS, "TSTR, change", "TSTR, size", "copies", "attack", "judge", "strong judge")
Row = dict[str, Any]


class Task:
    """A data set: what a generator would be trained on, a fair copy, and rows never seen.

    Attributes:
        train: real windows, (windows, time, features), in time order; ``rows`` is where they start.
        fair: as many windows that are like them and no copies.
        holdout: real windows never seen; ``holdout_rows`` is where they start.
        logs: features that live in ratios.
    """

    def __init__(self, name: str, count: int | None = None, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        if name == "Sines":
            count = count or 2000
            waves = datasets.load_sines().astype(np.float64)
            self.train, self.fair = waves[:count], waves[count : 2 * count]
            self.holdout = waves[2 * count : 2 * count + count // 4]
            self.rows = positions([WINDOW] * count, WINDOW)
            self.holdout_rows = positions([WINDOW] * len(self.holdout), WINDOW)
            self.columns = [f"wave {k + 1}" for k in range(5)]
        else:
            series = datasets.load_stock(name)
            values = series.values[: count and count + WINDOW - 1]
            cut = int(0.8 * len(values))
            self.train = sliding_windows(values[:cut], WINDOW)
            self.holdout = sliding_windows(values[cut:], WINDOW)
            self.rows, self.holdout_rows = np.arange(len(self.train)), np.arange(len(self.holdout))
            self.columns = list(series.columns)
            self.fair = _fair(values[:cut], len(self.train), rng)
        self.logs = logarithmic(self.train, self.fair)


def _fair(values: np.ndarray, count: int, rng: np.random.Generator, near: int = 20) -> np.ndarray:
    """Return windows whose days are a real day or one of the days near it, prices in ratios.

    A window starts at a real row. Each later row has the shape of a row at most ``near`` rows away,
    drawn in pairs of neighbours, so that order within a day and most facts are kept: closing prices
    follow each other by real relative changes, and the rest of a day is relative to its close.
    """
    logs = np.log(values)
    close = logs[:, 3:4]
    rest = logs - close  # within a day
    step = np.diff(close, axis=0, prepend=close[:1])
    start = rng.integers(1, len(values) - WINDOW + 1, size=count)
    shift = np.repeat(rng.integers(-near, near + 1, size=(count, WINDOW // 2)), 2, axis=1)
    shift[:, 0] = 0
    days = np.clip(start[:, None] + np.arange(WINDOW) + shift, 1, len(values) - 1)
    moved = step[days]
    moved[:, 0] = close[start]
    path = np.cumsum(moved, axis=1)
    made = rest[days] + path
    made[..., -1] = logs[days][..., -1]  # the volume is no price
    return np.exp(made)


# ── Damages: of windows, at a strength from 0 to 1 ────────────────────────────────────────────


def _scaled(task: Task, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = logarithms(windows, task.logs)
    return values, np.sqrt(values.var(axis=1).mean(axis=0))


def _back(task: Task, values: np.ndarray) -> np.ndarray:
    made = values.copy()
    made[..., task.logs] = np.exp(made[..., task.logs])
    return made


def noise(task: Task, windows: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Add white noise, up to half of what a window spreads."""
    values, spread = _scaled(task, windows)
    return _back(task, values + 0.5 * strength * spread * rng.normal(size=values.shape))


def shuffled(
    task: Task, windows: np.ndarray, strength: float, rng: np.random.Generator
) -> np.ndarray:
    """Shuffle the rows of a share of the windows."""
    return _some(windows, strength, rng, lambda some: rng.permuted(some, axis=1))


def tails(task: Task, windows: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Cut the largest changes: at their 99 % quantile, down to the 60 % quantile."""
    values, _ = _scaled(task, windows)
    change = np.diff(values, axis=1)
    limit = np.quantile(np.abs(change), 1 - 0.4 * strength, axis=(0, 1))
    change = np.clip(change, -limit, limit)
    made = np.concatenate([values[:, :1], change], axis=1).cumsum(axis=1)
    return _back(task, made)


def dropped(
    task: Task, windows: np.ndarray, strength: float, rng: np.random.Generator
) -> np.ndarray:
    """Drop a mode: replace a share of the windows that lie highest by others."""
    height = windows[..., 0].mean(axis=1)
    highest = np.argsort(-height)[: int(0.5 * strength * len(windows))]
    rest = np.setdiff1d(np.arange(len(windows)), highest)
    made = windows.copy()
    made[highest] = windows[rng.choice(rest, len(highest))]
    return made


def copied(
    task: Task, windows: np.ndarray, strength: float, rng: np.random.Generator
) -> np.ndarray:
    """Replace a share of the windows by windows of the training data."""
    made = windows.copy()
    chosen = rng.permutation(len(windows))[: int(strength * len(windows))]
    made[chosen] = task.train[rng.integers(len(task.train), size=len(chosen))]
    return made


def lagged(
    task: Task, windows: np.ndarray, strength: float, rng: np.random.Generator
) -> np.ndarray:
    """Let the first column come a row late, in a share of the windows."""

    def late(some: np.ndarray) -> np.ndarray:
        made = some.copy()
        made[:, 1:, 0] = some[:, :-1, 0]
        return made

    return _some(windows, strength, rng, late)


def clipped(
    task: Task, windows: np.ndarray, strength: float, rng: np.random.Generator
) -> np.ndarray:
    """Clip each column at quantiles, 1 % and 99 % up to 20 % and 80 %."""
    ends = np.quantile(windows, (0.2 * strength, 1 - 0.2 * strength), axis=(0, 1))
    return np.clip(windows, *ends)


def smoothed(
    task: Task, windows: np.ndarray, strength: float, rng: np.random.Generator
) -> np.ndarray:
    """Mix each row with the mean of its neighbours."""
    values, _ = _scaled(task, windows)
    padded = np.pad(values, ((0, 0), (1, 1), (0, 0)), mode="edge")
    mean = (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3
    return _back(task, (1 - strength) * values + strength * mean)


def shifted(
    task: Task, windows: np.ndarray, strength: float, rng: np.random.Generator
) -> np.ndarray:
    """Move the mean of every column by up to a standard deviation."""
    return windows + strength * windows.std(axis=(0, 1))


def narrowed(
    task: Task, windows: np.ndarray, strength: float, rng: np.random.Generator
) -> np.ndarray:
    """Take up to half of the spread from the first column."""
    made = windows.copy()
    centre = made[..., 0].mean()
    made[..., 0] = centre + (1 - 0.5 * strength) * (made[..., 0] - centre)
    return made


def unrelated(
    task: Task, windows: np.ndarray, strength: float, rng: np.random.Generator
) -> np.ndarray:
    """Take the last column from another window, in a share of the windows."""

    def other(some: np.ndarray) -> np.ndarray:
        made = some.copy()
        made[..., -1] = some[rng.permutation(len(some)), :, -1]
        return made

    return _some(windows, strength, rng, other)


def backwards(
    task: Task, windows: np.ndarray, strength: float, rng: np.random.Generator
) -> np.ndarray:
    """Reverse the time of a share of the windows."""
    return _some(windows, strength, rng, lambda some: some[:, ::-1])


def _some(
    windows: np.ndarray,
    share: float,
    rng: np.random.Generator,
    change: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    made = windows.copy()
    chosen = np.sort(rng.permutation(len(windows))[: int(share * len(windows))])
    made[chosen] = change(windows[chosen])
    return made


DAMAGES: dict[str, Callable[..., np.ndarray]] = {
    "noise": noise,
    "shuffled time": shuffled,
    "lost tails": tails,
    "mode dropped": dropped,
    "copies": copied,
    "lagged column": lagged,
    "clipped at bounds": clipped,
    "smoothed": smoothed,
    "mean shift": shifted,
    "narrowed column": narrowed,
    "unrelated column": unrelated,
    "reversed time": backwards,
}

# ── Measures ──────────────────────────────────────────────────────────────────────────────────


def noticed(
    task: Task, windows: np.ndarray, fair: np.ndarray, *, judges: bool = False, repeats: int = 200
) -> Row:
    """Return for each measure whether it notices something, and the number it goes by.

    ``windows`` are the real ones, damaged; ``fair`` those that are no copies, damaged.
    """
    bands: Bands = real_bands(
        task.train, windows, rows=task.rows, columns=task.columns, repeats=repeats
    )
    found: Row = {}
    for group in GROUPS:
        outside, count = bands.outside(group)
        found[group] = [bool(bands.beyond_chance(group)), f"{outside} of {count}"]
    told = forecast_utility(
        windows, task.train, task.holdout, train_rows=task.rows, test_rows=task.holdout_rows
    )
    for name, each in zip(("TSTR, change", "TSTR, size"), told, strict=False):
        found[name] = [each.low > 0, round(each.more, 4)]
    copy = copies(fair, task.train, rows=task.rows)
    if copy is not None:
        found["copies"] = [copy.flagged, round(copy.share, 4)]
    attack = membership_attack(
        fair, task.train, task.holdout, rows=task.rows, holdout_rows=task.holdout_rows
    )
    if attack is not None:
        found["attack"] = [attack.flagged, round(attack.auc, 4)]
    if judges:
        for name, options in (("judge", {}), ("strong judge", evaluation.STRONG_JUDGE)):
            few = {"repeats": 2, **options}
            score = evaluation.discriminative_score(task.train, windows, **few)
            tested = len(task.train) - int(evaluation.TRAIN_FRACTION * len(task.train))
            bound = 2 * evaluation.chance_mean(2 * tested)
            found[name] = [score.mean > bound, round(score.mean, 4)]
    return found


def damaged(
    task: Task, damage: str, strength: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the real and the fair windows with a damage; strength 0 is none."""
    if strength == 0:
        return task.train, task.fair
    real, fair = (
        DAMAGES[damage](task, windows, strength, np.random.default_rng(seed))
        for windows in (task.train, task.fair)
    )
    return real, fair


# ── Table ─────────────────────────────────────────────────────────────────────────────────────


def first_noticed(rows: list[Row], name: str, damage: str, measure: str) -> str:
    """Return the least strength from which on a measure notices a damage, "–" for never."""
    least = "–"
    for strength in sorted(STRENGTHS, reverse=True):
        row = next(
            (
                r
                for r in rows
                if (r["data"], r["damage"], r["strength"]) == (name, damage, strength)
            ),
            None,
        )
        if row is None or measure not in row["found"] or not row["found"][measure][0]:
            break
        least = f"{strength:g}"
    return least


def markdown(rows: list[Row]) -> str:
    """Return the tables: from which strength on which measure notices which damage."""
    lines = [
        "# Which measure notices which damage",
        "",
        f"Windows, damaged at the strengths {', '.join(f'{s:g}' for s in STRENGTHS)}. A number is "
        "the least strength from which on a measure notices the damage, – is never. What each "
        "strength means says `benchmarks/damages.py`. Facts notice where more of them are "
        "outside the real band than in another stretch of reality; TSTR where a forecaster errs "
        "more, by a 95% interval; copies and the attack where chance does not explain it; a judge "
        "where its mean over two is above twice the mean by chance. Facts, TSTR and judges are "
        "asked about the real windows, damaged; copies and the attack about others, that are no "
        "copies, damaged. Written by `python -m benchmarks.damages`.",
        "",
    ]
    for name in dict.fromkeys(row["data"] for row in rows):
        measures = [m for m in MEASURES if any(m in r["found"] for r in rows if r["data"] == name)]
        lines += [f"## {name}", "", f"| damage | {' | '.join(measures)} |"]
        lines += [f"| --- |{' ---: |' * len(measures)}"]
        fair = next((r for r in rows if r["data"] == name and r["strength"] == 0), None)
        if fair:
            cells = ["yes" if fair["found"].get(m, [False])[0] else "–" for m in measures]
            lines += [f"| none | {' | '.join(cells)} |"]
        for damage in DAMAGES:
            cells = [first_noticed(rows, name, damage, measure) for measure in measures]
            lines += [f"| {damage} | {' | '.join(cells)} |"]
        lines += [""]
    return "\n".join(lines)


def main() -> int:
    """Measure the rows that are missing, store each, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--fresh", action="store_true", help="all rows anew")
    parser.add_argument("--no-judges", action="store_true", help="without the two judges")
    parser.add_argument("--out", type=Path, default=HERE, metavar="DIR")
    options = parser.parse_args()
    path = options.out / "damages.json"
    rows: list[Row] = []
    if path.exists() and not options.fresh:
        rows = json.loads(path.read_text(encoding="utf-8"))
    todo = [("none", 0.0), *((damage, s) for damage in DAMAGES for s in STRENGTHS)]
    jobs = [(name, *each) for name in ("GOOG", "Sines") for each in todo]
    tasks = {name: Task(name) for name in ("GOOG", "Sines")}
    for name, damage, strength in runtime.progress(jobs, unit="job"):
        former = [
            r for r in rows if (r["data"], r["damage"], r["strength"]) == (name, damage, strength)
        ]
        if former and (options.no_judges or "judge" in former[0]["found"]):
            continue
        windows = damaged(tasks[name], damage, strength)
        found = noticed(tasks[name], *windows, judges=not options.no_judges)
        rows = [r for r in rows if r not in former]
        rows.append({"data": name, "damage": damage, "strength": strength, "found": found})
        order = {job: place for place, job in enumerate(jobs)}
        rows.sort(key=lambda r: order[r["data"], r["damage"], r["strength"]])
        files.write_text(path, json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
        files.write_text(options.out / "damages.md", markdown(rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
