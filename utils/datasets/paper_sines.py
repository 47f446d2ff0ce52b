"""The simulated sines of TimeGAN twice: as the paper's text defines them, and as its code does.

Yoon, Jarrett and van der Schaar, "Time-series Generative Adversarial Networks", NeurIPS 2019.
"""

from __future__ import annotations

import numpy as np

from utils.checks import positive_integer


def paper_sines(count: int, seed: int, time: int = 24, features: int = 5) -> np.ndarray:
    """Return sines as the paper's *text* defines them (section 5.2), freshly drawn.

    Feature k of window i is ``sin(2πηt + θ)`` at t = 0, …, time − 1, with η from U[0, 1] and θ from
    U[−π, π], all drawn independently. At whole t, η and 1 − η trace the same curves, so that
    every frequency up to the fastest that whole steps can show, half a turn a step, is as likely.
    Each feature is a wave of its own: nothing ties one to another.

    Published with the paper is code that draws something else: see ``code_sines``.

    Args:
        count: how many windows.
        seed: the same seed gives the same windows; fewer windows are *not* the first ones of more.
        time: steps of a window.
        features: waves of a window.

    Returns:
        float32 in [−1, 1], without a unit, shape ``(count, time, features)``.

    Raises:
        ValueError: if ``count``, ``time`` or ``features`` is not a positive integer.
    """
    positive_integer(count=count, time=time, features=features)
    rng = np.random.default_rng(seed)
    turns = rng.uniform(0, 1, (count, 1, features))  # a step
    phase = rng.uniform(-np.pi, np.pi, (count, 1, features))
    return np.sin(2 * np.pi * turns * _steps(time) + phase).astype(np.float32)


def code_sines(count: int, seed: int, time: int = 24, features: int = 5) -> np.ndarray:
    """Return sines as the paper's *code* draws them, freshly drawn.

    The function ``sine_data_generation`` of the authors' repository: ``(sin(f·j + p) + 1) / 2`` at
    the steps j = 0, …, time − 1, with f and p both from U(0, 0.1). ``load_sines`` returns 10,000
    such windows that are the same for everyone.

    Args:
        count: how many windows.
        seed: the same seed gives the same windows; fewer windows are *not* the first ones of more.
        time: steps of a window.
        features: waves of a window.

    Returns:
        float32 in [0, 1], without a unit, shape ``(count, time, features)``.

    Raises:
        ValueError: if ``count``, ``time`` or ``features`` is not a positive integer.
    """
    positive_integer(count=count, time=time, features=features)
    rng = np.random.default_rng(seed)
    frequency = rng.uniform(0, 0.1, (count, 1, features))
    phase = rng.uniform(0, 0.1, (count, 1, features))
    return ((np.sin(frequency * _steps(time) + phase) + 1) / 2).astype(np.float32)


def _steps(time: int) -> np.ndarray:
    return np.arange(time, dtype=np.float64)[None, :, None]
