"""AR–GARCH with filtered historical simulation, by the package ``arch``.

The windows go through the same maps as the LSTM-GAN's: a vector autoregression of the components'
levels leaves innovations. Each component of these follows an AR(1) with a GJR-GARCH(1, 1) variance
and Student-t shocks (Glosten, Jagannathan and Runkle 1993), fitted by maximum likelihood to the
whole series. A window begins at a real row, in that row's state: level, last innovation, variance.
Its shocks are standardised residuals of whole days, all components of a day together, so that the
components stay dependent: filtered historical simulation (Barone-Adesi, Giannopoulos and Vosper
1999).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.rivals.maps import Maps
from utils.lstm_gan import Preconditioner

LARGEST = 50.0  # of an innovation whose spread is 1: an explosive variance is stopped there


@dataclass(frozen=True)
class Component:
    """An AR(1)–GJR-GARCH(1, 1) of one component and what it makes of the data, by row.

    e_t = x_t − mean − memory·x_{t−1} = σ_t z_t,
    σ²_{t+1} = base + (impact + extra·[e_t < 0])·e_t² + persistence·σ²_t
    """

    mean: float
    memory: float
    base: float
    impact: float
    extra: float
    persistence: float
    errors: np.ndarray  # e_t, NaN at the first row
    variances: np.ndarray  # σ²_t, NaN at the first row


def fit_component(innovations: np.ndarray) -> Component:
    """Fit one component, (rows,), of about unit variance."""
    from arch import arch_model

    scale = 10.0  # the optimiser of arch wants a spread of 1 to 1,000
    model: Any = arch_model(
        scale * innovations, mean="AR", lags=1, vol="GARCH", p=1, o=1, q=1, dist="t", rescale=False
    )
    with warnings.catch_warnings(action="ignore"):
        found = model.fit(disp="off", show_warning=False)
    mean, memory, base, impact, extra, persistence = found.params.to_numpy()[:6]
    return Component(
        mean / scale,
        memory,
        base / scale**2,
        impact,
        extra,
        persistence,
        np.asarray(found.resid) / scale,
        (np.asarray(found.conditional_volatility) / scale) ** 2,
    )


def simulate(
    components: list[Component],
    innovations: np.ndarray,
    starts: np.ndarray,
    steps: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return innovations (starts, steps, components) that follow the rows ``starts``.

    Args:
        components: the fitted models.
        innovations: of the data, (rows, components).
        starts: a row for each window; its innovation and its state are the last ones known.
        steps: rows to draw.
        rng: of the draws.
    """
    names = ("mean", "memory", "base", "impact", "extra", "persistence")
    mean, memory, base, impact, extra, persistence = (
        np.array([getattr(component, name) for component in components]) for name in names
    )
    errors = np.stack([component.errors for component in components], axis=1)
    variances = np.stack([component.variances for component in components], axis=1)
    known = np.isfinite(errors).all(axis=1) & np.isfinite(variances).all(axis=1)
    shocks = errors[known] / np.sqrt(variances[known])
    error = np.where(known[starts, np.newaxis], errors[starts], 0.0)
    variance = np.where(known[starts, np.newaxis], variances[starts], 1.0)
    last = innovations[starts]
    drawn = np.empty((len(starts), steps, len(components)))
    for step in range(steps):
        variance = base + (impact + extra * (error < 0)) * error**2 + persistence * variance
        error = np.sqrt(variance) * shocks[rng.integers(len(shocks), size=len(starts))]
        last = np.clip(mean + memory * last + error, -LARGEST, LARGEST)
        error = np.clip(error, -LARGEST, LARGEST)
        drawn[:, step] = last
    return drawn


def fit_and_sample(
    windows: np.ndarray, sequences: np.ndarray, seed: int, budget_seconds: float
) -> np.ndarray:
    """Return windows of the simulation."""
    maps = Maps(sequences, windows.shape[1])
    white = [_white(maps.preconditioner, scores) for scores in maps.normal_scores]
    rows = [np.concatenate([part[0, 1:], part[1:, -1]]) for part in white]
    innovations = np.concatenate(rows)
    components = [fit_component(column) for column in innovations.T]
    # The innovation at a window's first row is row − 1 of its sequence's; row 0 has none, and
    # takes that of row 1.
    lengths = np.array([len(part) for part in rows])
    begins = np.cumsum(lengths) - lengths
    state = [
        begin + np.maximum(np.arange(len(part)) - 1, 0)
        for begin, part in zip(begins, white, strict=True)
    ]
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(windows), size=len(windows))
    level = np.concatenate(white)[chosen, :1]
    starts = np.concatenate(state)[chosen]
    drawn = simulate(components, innovations, starts, windows.shape[1] - 1, rng)
    margins = maps.preconditioner.margins
    return maps.inverse(margins.transform(np.concatenate([level, drawn], axis=1)))


def _white(preconditioner: Preconditioner, normal_scores: np.ndarray) -> np.ndarray:
    """Return level and white innovations, (windows, time, components), of normal scores."""
    return preconditioner.margins.inverse_transform(normal_scores.astype(np.float64))
