"""Does a long series show its seams? Ways of joining windows, measured: long_series.json and .md.

    .venv/bin/python -m benchmarks.long_series             all rows that are missing
    .venv/bin/python -m benchmarks.long_series --fresh     all rows

Two generators of windows: the one of daily prices that comes with the course, and one that is
trained here on an hourly series with a daily cycle (``--hourly-run FOLDER`` takes one that was
trained before). It takes about half an hour on two cores, most of it the judges'.

- *Seams*: windows that are cut across seams, against generated windows, by the strong judge.
- *Memory*: autocorrelations of a series of 2,000 rows, against the 95 % band of block bootstraps of
  the real series.
- *Range*: where ten such series go: at the bounds, their drift, their largest change.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from utils import LstmGan, evaluation, files
from utils.lstm_gan import long_series
from utils.lstm_gan.generator import draw_inputs, window_generator
from utils.lstm_gan.structure import Structure

HERE = Path(__file__).resolve().parent
WINDOWS = 2000  # on each side, for the judges
JUDGES = 3
LENGTH, SERIES = 2000, 10
LAGS = 20
BLOCKS = (250, 1000)  # rows that a bootstrap keeps together
RESAMPLES = 1000
METHODS = (
    "inside",
    "foretold, fading",
    "glued",
    "nearest level, fading",
    "innovations appended",
    "states run on",
    "foretold, carried",
    "nearest level",
)


def hourly(rows: int = 6000, seed: int = 0) -> pd.DataFrame:
    """Return an hourly series: a temperature, a load that follows it and the day, and an oil."""
    rng = np.random.default_rng(seed)
    t = np.arange(rows)

    def autoregression(memory: float, spread: float) -> np.ndarray:
        values, news = np.zeros(rows), rng.normal(size=rows) * spread
        for i in range(1, rows):
            values[i] = memory * values[i - 1] + news[i]
        return values

    wild = np.exp(autoregression(0.97, 0.12))
    outdoor = 10 - 8 * np.cos(2 * np.pi * t / 6000) + 5 * np.sin(2 * np.pi * (t - 9) / 24)
    outdoor = outdoor + autoregression(0.985, 0.5)
    day = 15 * np.clip(np.sin(2 * np.pi * (t - 7) / 24), 0, None)
    load = 60 - 1.2 * outdoor + day + autoregression(0.8, 1.5) * wild
    oil = 30 + 0.35 * load - 0.2 * outdoor + autoregression(0.95, 0.4)
    return pd.DataFrame(
        {"outdoor": outdoor.round(1), "load": load.round(1), "oil": oil.round(1)},
        index=pd.date_range("2016-07-01", periods=rows, freq="h"),
    )


def glued(gan: LstmGan, count: int, length: int, seed: int) -> np.ndarray:
    """Return generated windows, one after the other."""
    pieces = -(-length // gan.preconditioner_.window)
    windows = gan.sample(count * pieces, seed)
    return windows.reshape(count, -1, windows.shape[-1])[:, :length]


def appended(gan: LstmGan, count: int, length: int, seed: int) -> np.ndarray:
    """Return series of the innovations of one window after the other; the VAR runs on."""
    window = gan.preconditioner_.window
    pieces = -(-length // (window - 1))
    scores = gan.sample_normal_scores(count * pieces, seed)
    news = scores[:, 1:].reshape(count, pieces * (window - 1), -1)
    first = scores[::pieces, :1]
    scores = np.concatenate([first, news], axis=1)[:, :length]
    return decoded(gan, scores)


def running_on(gan: LstmGan, count: int, length: int, seed: int) -> np.ndarray:
    """Return what the generator makes of more time steps than it was trained on."""
    config, preconditioner = gan.config_, gan.preconditioner_
    generator = window_generator(
        length,
        config.static,
        config.dynamic,
        preconditioner.components,
        fused=True,  # a loop: not unrolled
    )
    generator.set_weights(gan.generator_.get_weights())
    key = np.array([seed, 77])
    inputs = draw_inputs(count, length, config.static, config.dynamic, preconditioner.starts, key)
    return decoded(gan, generator.predict(inputs, verbose=0))


def decoded(gan: LstmGan, scores: np.ndarray) -> np.ndarray:
    """Return normal scores in the data's units."""
    structure: Structure = gan.structure_
    return structure.decode(gan.preconditioner_.inverse_transform(scores))


def make(method: str) -> Callable[[LstmGan, int, int, int], np.ndarray]:
    """Return the function (gan, count, length, seed) → series of a method."""
    plain = {"glued": glued, "states run on": running_on, "innovations appended": appended}
    if method in plain:
        return plain[method]
    every: dict[str, dict[str, Any]] = {
        "nearest level": {"join": "none", "foretell": False},
        "nearest level, fading": {"foretell": False},
        "foretold, carried": {"join": "carry"},
        "foretold, fading": {},
    }
    options = every[method]
    return lambda gan, count, length, seed: long_series.array(
        gan, length, count=count, seed=seed, **options
    )


def seams(gan: LstmGan, method: str) -> list[float]:
    """Return the judges' scores of windows across seams against generated windows.

    Two windows of each series, at random places behind its first window: whatever the place, a
    seam lies in it.
    """
    window = gan.preconditioner_.window
    if method == "inside":
        across = gan.sample(WINDOWS, seed=123)
    else:
        series = make(method)(gan, WINDOWS // 2, 4 * window, 5)
        rng = np.random.default_rng(3)
        begin = window // 2 + 1 + rng.integers(window, size=len(series))
        pairs = [each[b : b + 2 * window] for each, b in zip(series, begin, strict=True)]
        across = np.concatenate([(pair[:window], pair[window:]) for pair in pairs])
    score = evaluation.discriminative_score(
        gan.sample(WINDOWS, seed=99), across, repeats=JUDGES, seed=1, **evaluation.STRONG_JUDGE
    )
    return list(score.values)


def changes(column: np.ndarray, prices: bool) -> np.ndarray:
    """Return log returns of prices, or differences."""
    return np.diff(np.log(column) if prices else column)


def memory(column: np.ndarray, prices: bool) -> np.ndarray:
    """Return autocorrelations at the lags 1 … LAGS, of the absolute changes and of the level."""
    sizes = np.abs(changes(column, prices))
    both = [evaluation.autocorrelation(each[None, :, None], LAGS) for each in (sizes, column)]
    return np.stack([each[1:, 0] for each in both])


def bands(column: np.ndarray, prices: bool, block: int) -> np.ndarray:
    """Return the 95 % band of block bootstraps, (2 limits, 2 kinds, lags)."""
    rows = np.column_stack([np.abs(changes(column, prices)), column[1:]])
    found = []
    for seed in range(RESAMPLES):
        resample = evaluation.block_bootstrap(rows, LENGTH, 1, block=block, seed=seed)
        found.append(evaluation.autocorrelation(resample, LAGS)[1:].T)
    return np.quantile(found, (0.025, 0.975), axis=0)


def facts(gan: LstmGan, real: np.ndarray, column: int, prices: bool, method: str) -> dict[str, Any]:
    """Return where long series go, and what they remember."""
    series = make(method)(gan, SERIES, LENGTH, 11)
    own, truth = series[..., column], real[:, column]
    low, high = truth.min(), truth.max()
    at_bound = ((own <= low) | (own >= high)).mean()
    quarter = LENGTH // 4
    drift = (own[:, -quarter:].mean(axis=1) - own[:, :quarter].mean(axis=1)) / truth.std()
    largest = [float(np.abs(changes(each, prices)).max()) for each in own]
    found = np.stack([memory(each, prices) for each in own])
    inside, real_inside = {}, {}
    for block in BLOCKS:
        limits = bands(truth, prices, block)
        within = (found >= limits[0]) & (found <= limits[1])
        mean = found.mean(axis=0)
        own_band = (memory(truth, prices) >= limits[0]) & (memory(truth, prices) <= limits[1])
        real_inside[str(block)] = own_band.sum(axis=1).tolist()
        inside[str(block)] = {
            kind: {
                "share": float(within[:, i].mean()),
                "lags of the mean": int(((mean >= limits[0]) & (mean <= limits[1]))[i].sum()),
            }
            for i, kind in enumerate(("sizes", "level"))
        }
    return {
        "data": [float(low), float(high)],
        "lowest": own.min(axis=1).round(2).tolist(),
        "highest": own.max(axis=1).round(2).tolist(),
        "at the bounds": float(at_bound),
        "real at the bounds": float(((truth <= low) | (truth >= high)).mean()),
        "drift": [float(drift.mean()), float(drift.std(ddof=1) / np.sqrt(SERIES))],
        "largest change": [float(np.median(largest)), max(largest)],
        "largest real change": float(np.abs(changes(truth, prices)).max()),
        "inside": inside,
        "real inside": real_inside,
        "lag 1, 10, 20": found.mean(axis=0)[:, [0, 9, 19]].round(3).tolist(),
        "real lag 1, 10, 20": memory(truth, prices)[:, [0, 9, 19]].round(3).tolist(),
    }


def load(name: str, run: Path | None) -> tuple[LstmGan, np.ndarray, int, bool]:
    """Return a generator, its data, the column that is looked at, and whether it is a price."""
    if name == "GOOG":
        gan = LstmGan.from_pretrained("goog")
        assert gan._series is not None
        return gan, gan._series.values, 3, True
    if run is not None:
        return LstmGan.load(run), hourly().to_numpy(), 1, False
    gan = LstmGan(48, steps=1000, seed=1).fit(hourly())
    with tempfile.TemporaryDirectory() as folder:
        gan.save(Path(folder) / "run")
    return gan, hourly().to_numpy(), 1, False


def write(results: dict[str, Any]) -> None:
    """Write long_series.json and long_series.md, beside what another process wrote meanwhile."""
    stored = HERE / "long_series.json"
    if stored.exists():
        others = json.loads(stored.read_text(encoding="utf-8"))
        results = {
            **{name: rows for name, rows in others.items() if name not in results},
            **results,
        }
    with files.replacing(HERE / "long_series.json") as path:
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    with files.replacing(HERE / "long_series.md") as path:
        path.write_text(page(results), encoding="utf-8")


def page(results: dict[str, Any]) -> str:
    """Return the results in Markdown."""
    tested = 2 * (WINDOWS - int(WINDOWS * evaluation.TRAIN_FRACTION))
    lines = ["# Long series", "", "Written by `benchmarks/long_series.py`; do not edit.", ""]
    lines += [
        f"Seams: {WINDOWS:,} windows cut across seams against as many generated ones, the strong",
        f"judge's score, mean ± standard deviation over {JUDGES} judges. Chance: mean "
        f"{evaluation.chance_mean(tested):.3f}, and a",
        f"perfect seam stays under {evaluation.chance_bound(tested):.3f} 95 % of the time, one "
        "judge at a time.",
        "",
        f"Memory: the share of {SERIES} series × {LAGS} lags whose autocorrelation lies inside",
        f"the 95 % band of {RESAMPLES:,} block bootstraps of the real rows, of the same length; in",
        f"brackets at how many of the {LAGS} lags the mean over the series does.",
        "",
    ]
    for name, rows in results.items():
        seams = []
        for method in METHODS:
            if (scores := rows.get(method, {}).get("seams")) is not None:
                spread = np.std(scores, ddof=1)
                seams.append(f"| {method} | {np.mean(scores):.3f} ± {spread:.3f} |")
        lines += [f"## {name}", ""]
        if seams:
            lines += ["| method | seams, strong judge |", "|---|---|", *seams, ""]
        else:
            lines += ["The seams were not judged.", ""]
        lines += ["| method | sizes, blocks of 250 | of 1,000 | level, 250 | 1,000 |"]
        lines += ["|---|---|---|---|---|"]
        ranges = ["", "| method | lowest to highest | at the bounds | drift, sd | largest change |"]
        ranges += ["|---|---|---|---|---|"]
        truth = real_line = ""
        for method in METHODS:
            if (row := rows.get(method, {}).get("facts")) is None:
                continue
            cells = [
                f"{row['inside'][str(block)][kind]['share']:.0%} "
                f"({row['inside'][str(block)][kind]['lags of the mean']})"
                for kind in ("sizes", "level")
                for block in BLOCKS
            ]
            lines.append(f"| {method} | {' | '.join(cells)} |")
            own = [row["real inside"][str(b)][kind] for kind in (0, 1) for b in BLOCKS]
            real_line = f"| the real series itself | {' | '.join(f'({n})' for n in own)} |"
            drift, error = row["drift"]
            ranges.append(
                f"| {method} | {min(row['lowest']):g} to {max(row['highest']):g} | "
                f"{row['at the bounds']:.2%} | {drift:+.2f} ± {error:.2f} | "
                f"{row['largest change'][0]:.3g}, at most {row['largest change'][1]:.3g} |"
            )
            low, high = row["data"]
            truth = (
                f"The data: {low:g} to {high:g}, largest change {row['largest real change']:.3g}."
            )
        if truth:
            lines += [real_line, *ranges, "", truth, ""]
    return "\n".join(lines)


def main() -> None:
    """Fill in the missing rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fresh", action="store_true", help="all rows anew")
    parser.add_argument("--hourly-run", type=Path, help="an hourly run that was trained before")
    parser.add_argument("--only", nargs="*", help="some methods")
    parser.add_argument("--data", nargs="*", default=["GOOG", "hourly"], help="some data")
    parser.add_argument("--no-judges", action="store_true", help="memory and range alone")
    options = parser.parse_args()
    stored = HERE / "long_series.json"
    results: dict[str, Any] = {}
    if stored.exists() and not options.fresh:
        results = json.loads(stored.read_text(encoding="utf-8"))
    results = {name: results.get(name, {}) for name in options.data}
    for name in options.data:
        gan, real, column, prices = load(name, options.hourly_run)
        rows = results.setdefault(name, {})
        for method in options.only or METHODS:
            row = rows.setdefault(method, {})
            if "facts" not in row and method != "inside":
                row["facts"] = facts(gan, real, column, prices, method)
                print(name, method, row["facts"], flush=True)
                write(results)
            if "seams" not in row and not options.no_judges:
                row["seams"] = seams(gan, method)
                print(name, method, "seams", np.round(row["seams"], 3), flush=True)
                write(results)


if __name__ == "__main__":
    main()
