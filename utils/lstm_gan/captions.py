"""The pictures of a report, each with what is to be seen in words, and how to read it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from utils.datasets.scaling import Scaler
from utils.evaluation.facts import autocorrelation
from utils.lstm_gan.markdown import escape, percent
from utils.lstm_gan.pictures import Picture
from utils.plots.series import autocorrelations, embedding, losses, marginals, real_beside_generated
from utils.plots.tails import sizes_reached

POINTS = 500  # windows of each set in the plane, as ``embedding`` draws them
BINS = 40


def pictures_of(
    history: Mapping[str, Sequence[float]],
    real: np.ndarray,
    samples: np.ndarray,
    names: Sequence[str],
    labels: Sequence[str],
    most: int,
    embedded: bool,
) -> list[Picture]:
    """Return the pictures of a run.

    Args:
        history: of the losses; empty for weights that were shipped.
        real: windows of the data, (windows, time, features).
        samples: as many generated windows.
        names: of the columns.
        labels: what the columns are called in pictures.
        most: columns that are drawn, the first ones.
        embedded: whether there are windows enough to be points in a plane.
    """
    shown = real[..., :most], samples[..., :most], list(labels[:most])
    changes = np.diff(shown[0], axis=1), np.diff(shown[1], axis=1), shown[2]
    told = [escape(name) for name in names[:most]]
    names_of_all = _some(told)
    pictures = [_losses(history)] if len(history["step"]) else []
    pictures += [
        _picture(
            "paths",
            "Real beside generated windows",
            (real_beside_generated, shown),
            f"Up to 40 real windows on the left, as many generated ones on the right, of "
            f"{_some(told[:6])}.",
            _heights(*shown[:2], told),
            "The two sides have the same vertical axis. They should fill the same heights, and "
            "their lines should look alike: as rough, as calm, as rarely wild.",
        ),
        _picture(
            "marginals",
            "Distribution of each column",
            (marginals, shown),
            f"Histograms of {names_of_all}, real and generated overlaid.",
            _overlap(*shown[:2], told),
            "The more of the two areas lies on top of each other, the better.",
        ),
        _picture(
            "autocorrelation",
            "Autocorrelation within a window",
            (autocorrelations, shown),
            f"Autocorrelation of {names_of_all}, lag by lag.",
            _apart(*shown[:2], told),
            "The two lines should lie on top of each other. They say how long a column remembers "
            "where it was.",
        ),
    ]
    if real.shape[1] > 2:
        sizes = np.abs(changes[0]), np.abs(changes[1]), changes[2]
        of_sizes = functools.partial(
            autocorrelations, title="Autocorrelation of the size of the changes"
        )
        reached = functools.partial(
            sizes_reached, title="Share of the changes from row to row that are at least so large"
        )
        relative = _relative(*shown)
        pictures += [
            _picture(
                "changes",
                "How large the changes from row to row are",
                (reached, relative),
                f"For {names_of_all} the share of changes that are at least so large, both axes "
                "logarithmic.",
                _rare(*relative[:2], told),
                "Of columns that are always positive, changes are in per cent of the row before. "
                "At a height of 0.01 lies what one change in a hundred reaches. A generated line "
                "further to the right means jumps that the data do not have.",
            ),
            _picture(
                "clustering",
                "Autocorrelation of the size of the changes",
                (of_sizes, sizes),
                f"Autocorrelation of the absolute changes of {names_of_all}, lag by lag.",
                _apart(*sizes[:2], told),
                "Above zero means that large changes follow large ones, as in calm and wild times "
                "of prices. The two lines should lie on top of each other.",
            ),
        ]
    if embedded:
        mixed = _neighbours(real, samples)
        pictures += [
            _picture(
                "pca",
                "Windows in their principal plane",
                (embedding, (real, samples, "pca")),
                "Real and generated windows as points in the plane in which the real ones vary "
                "most.",
                mixed,
                "A point is a window. Generated points should lie where real ones lie. Real ones "
                "alone were not learned, generated ones alone were invented.",
            ),
            _picture(
                "tsne",
                "Windows arranged by t-SNE",
                (embedding, (real, samples, "tsne")),
                "Real and generated windows as points, similar ones near each other.",
                mixed,
                "Only neighbourhoods have a meaning here, distances and sizes have none. Real and "
                "generated points should be mixed everywhere.",
            ),
        ]
    return pictures


def _picture(
    name: str, title: str, drawn: tuple[Any, tuple[Any, ...]], shows: str, seen: str, reading: str
) -> Picture:
    """Return a picture; what it shows and what is seen are its alternative text."""
    caption = f"{seen} *How to read it:* {reading}"
    return Picture(name, title, *drawn, caption, f"{shows} {seen}")


def _losses(history: Mapping[str, Sequence[float]]) -> Picture:
    last = max(1, len(history["step"]) // 10)
    ends = [float(np.mean(history[name][-last:])) for name in ("discriminator", "generator")]
    return _picture(
        "losses",
        "The two losses",
        (losses, (history,)),
        f"The losses of discriminator and generator over {len(history['step']):,} steps.",
        f"In the last tenth of the steps the discriminator's loss is {ends[0]:.3f} on average, the "
        f"generator's {ends[1]:.3f}.",
        "Neither loss goes to zero in a game of two. They should settle; one that runs away means "
        "a training that failed.",
    )


def _some(names: Sequence[str]) -> str:
    """Return names as a phrase."""
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else names[0]


def _worst(values: Sequence[float], names: Sequence[str]) -> tuple[float, str]:
    place = int(np.nanargmax(values))
    return float(values[place]), names[place]


def _heights(real: np.ndarray, fake: np.ndarray, names: Sequence[str]) -> str:
    """Say how the middle halves of the two sets lie to each other."""
    apart = []
    for feature in range(real.shape[2]):
        low, middle, high = np.quantile(real[..., feature], (0.25, 0.5, 0.75))
        moved = abs(float(np.median(fake[..., feature])) - middle)
        apart.append(moved / (high - low) if high > low else 0.0)
    worst, name = _worst(apart, names)
    return (
        f"The medians of real and generated values are furthest apart in {name}: by "
        f"{percent(worst)} of the width of its middle half."
    )


def _overlap(real: np.ndarray, fake: np.ndarray, names: Sequence[str]) -> str:
    """Say how much of the histograms lies on top of each other."""
    missing = []
    for feature in range(real.shape[2]):
        one, other = real[..., feature].ravel(), fake[..., feature].ravel()
        edges = np.histogram_bin_edges(np.concatenate([one, other]), BINS)
        counts = [np.histogram(values, edges)[0] / len(values) for values in (one, other)]
        missing.append(1 - np.minimum(*counts).sum())
    worst, name = _worst(missing, names)
    if len(names) == 1:
        return f"The two share {percent(1 - worst)} of their area."
    return (
        f"The real and the generated histogram of a column share "
        f"{percent(1 - float(np.mean(missing)))} of their area on average; the least is "
        f"{percent(1 - worst)}, in {name}."
    )


def _relative(
    real: np.ndarray, fake: np.ndarray, labels: list[str]
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return changes from row to row, in per cent of the row before where all is positive."""
    changes, names = [np.diff(windows, axis=1) for windows in (real, fake)], list(labels)
    for feature, name in enumerate(labels):
        if min(real[..., feature].min(), fake[..., feature].min()) > 0:
            names[feature] = f"{name} (%)"
            for made, windows in zip(changes, (real, fake), strict=True):
                made[..., feature] *= 100 / windows[:, :-1, feature]
    return changes[0], changes[1], names


def _rare(real: np.ndarray, fake: np.ndarray, names: Sequence[str]) -> str:
    """Say what one change in a thousand reaches, where the two sets differ most."""
    sizes = [
        np.quantile(np.abs(changes), 0.999, axis=(0, 1), method="inverted_cdf")
        for changes in (real, fake)
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = sizes[1] / sizes[0]
    apart = np.where(np.isfinite(ratios) & (ratios > 0), np.abs(np.log(ratios)), 0)
    worst, name = _worst(list(apart), names)
    if not worst:
        return "One change in a thousand reaches as far in both."
    ratio = float(ratios[int(apart.argmax())])
    return (
        f"One change in a thousand reaches {ratio:.2f} times as far in generated windows as in "
        f"real ones in {name}, where the two differ most."
    )


def _apart(real: np.ndarray, fake: np.ndarray, names: Sequence[str]) -> str:
    """Say where two autocorrelations differ most."""
    lags = real.shape[1] - 1
    apart = np.abs(autocorrelation(real, lags) - autocorrelation(fake, lags))
    if np.isnan(apart).all():
        return "Nothing varies here."
    lag, feature = np.unravel_index(np.nanargmax(apart), apart.shape)
    return (
        f"Real and generated differ most in {names[int(feature)]} at lag {lag}, by "
        f"{apart[lag, feature]:.2f}."
    )


def _neighbours(real: np.ndarray, fake: np.ndarray) -> str:
    """Say which share of the windows' nearest neighbours is of their own kind."""
    rng = np.random.default_rng(0)
    scale = Scaler.min_max(real).transform
    sets = [
        scale(windows[rng.permutation(len(windows))[:POINTS]]).reshape(
            min(POINTS, len(windows)), -1
        )
        for windows in (real, fake)
    ]
    search = NearestNeighbors(n_neighbors=1).fit(np.concatenate(sets))
    kind = np.repeat([0, 1], [len(each) for each in sets])
    nearest = search.kneighbors(return_distance=False)[:, 0]
    share = float((kind[nearest[kind == 1]] == 1).mean())
    return (
        f"The nearest neighbour of {percent(share)} of the generated windows is another generated "
        "one; where the two are mixed it is half of them."
    )
