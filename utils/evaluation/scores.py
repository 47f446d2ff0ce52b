"""Scores of generated series by judges, and their floors.

The discriminative and the predictive score follow the protocol of TimeGAN (Yoon, Jarrett and
van der Schaar, "Time-series Generative Adversarial Networks", NeurIPS 2019): small recurrent
networks, the *judges*, are trained from scratch on real and generated windows. A score repeats
this with several judges, each with its own weights, split and batches.

Windows are NumPy arrays ``(windows, time, features)`` in the data's units; a score scales both
sets with the minimum and maximum of each feature over the *real* windows.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from utils import runtime
from utils.checks import check_same_shape, check_windows, positive_integer
from utils.datasets.scaling import Scaler
from utils.evaluation.judges import (
    absolute_error,
    initial_weights,
    judge_logits,
    stack,
    train_classifier,
    train_forecaster,
)

# The stronger judge: two GRU layers of 32 units; pass it on as **STRONG_JUDGE.
STRONG_JUDGE: dict[str, int] = {"layers": 2, "units": 32}
TRAIN_FRACTION = 0.8
MINIMUM_WINDOWS = 10


@dataclass(frozen=True)
class Score:
    """The values of a score over its repeats (judges)."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over the repeats."""
        return float(np.mean(self.values))

    @property
    def std(self) -> float:
        """The sample standard deviation over the repeats; not a number for a single repeat."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else math.nan

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.std:.3f}" if len(self.values) > 1 else f"{self.mean:.3f}"


def discriminative_score(
    real: np.ndarray,
    fake: np.ndarray,
    *,
    repeats: int = 10,
    layers: int = 1,
    units: int | None = None,
    steps: int = 2000,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> Score:
    """Return how well a judge tells real from generated windows: |accuracy − 0.5|, 0 to 0.5.

    A GRU reads a window; a dense logit on its last state says "real" when it is above 0. Each
    judge learns by Adam on 80 % of the real and 80 % of the generated windows, with ``batch_size``
    of each a step, and is tested on the other 20 %. Lower is better; chance alone gives
    ``chance_mean`` on average.

    The cell is TimeGAN's: tanh, and the reset gate applied to the state *before* the matrix
    product (``reset_after=False`` in Keras). The weights start as Keras starts them (Glorot
    uniform, orthogonal, zeros); TensorFlow 1's cell started the bias of the gates at one.

    Args:
        real: ``(windows, time, features)``, in the data's units.
        fake: ``(windows, time, features)``, of the same time and features.
        repeats: how many judges, each with its own weights, split and batches.
        layers: GRU layers.
        units: units of each layer; by default half the features, rounded down, at least 1.
        steps: training steps.
        batch_size: real windows, and generated windows, a step.
        learning_rate: of Adam.
        seed: the same seed gives the same score on the same machine; judge k depends on
            ``(seed, k)`` only, so that more repeats keep the earlier ones.

    Raises:
        ValueError: for windows of the wrong rank, of different time or features, not finite, or
            fewer than 10; for a number of repeats, layers, units, steps or windows below 1.
    """
    real, fake = _scaled_pair(real, fake)
    units = max(1, real.shape[2] // 2) if units is None else units
    positive_integer(
        repeats=repeats, layers=layers, units=units, steps=steps, batch_size=batch_size
    )
    windows = np.concatenate([real, fake])
    splits, batches, weights = [], [], []
    for judge in range(repeats):
        rng = np.random.default_rng([seed, judge])
        real_train, real_test = _split(len(real), rng)
        fake_train, fake_test = (part + len(real) for part in _split(len(fake), rng))
        splits.append(np.concatenate([real_test, fake_test]))
        batches.append(_draw_batches(rng, steps, batch_size, real_train, fake_train))
        weights.append(initial_weights(rng, windows.shape[2], layers, units))
    # One batch holds the real windows first: the targets are the same at every step.
    real_count, fake_count = min(batch_size, len(real_train)), min(batch_size, len(fake_train))
    target = np.r_[np.ones(real_count), np.zeros(fake_count)].astype("float32")

    def values(judges: slice) -> list[float]:
        trained = train_classifier(
            stack(weights[judges]),
            tf.constant(windows),
            tf.constant(target),
            tf.constant(np.stack(batches[judges], axis=1)),
            tf.constant(learning_rate, tf.float32),
        )
        chosen = np.stack(splits[judges])
        logits = judge_logits(trained, tf.constant(windows), tf.constant(chosen)).numpy()
        return list(np.abs(_accuracy(logits, chosen < len(real)) - 0.5))

    return _score(values, repeats)


def predictive_score(
    real: np.ndarray,
    fake: np.ndarray,
    *,
    repeats: int = 10,
    layers: int = 1,
    units: int | None = None,
    steps: int = 5000,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> Score:
    """Return the error on real windows of a one-step forecaster trained on generated ones.

    A GRU reads all features but the last at the times 0 … T − 2 and forecasts the last feature
    one step ahead, at 1 … T − 1, through a sigmoid; it learns by Adam on the mean absolute error
    over the generated windows ("train on synthetic, test on real"). The score is the mean
    absolute error over all real windows, of the scaled feature. Lower is better, and the score
    of the real windows against themselves is the floor.

    A series of one feature is forecast from its own past. For the cell, the weights and the
    other arguments see ``discriminative_score``; by default a layer has half as many units as the
    windows have features, rounded down, at least 1.

    Raises:
        ValueError: as ``discriminative_score``, and for windows of a single time step.
    """
    real, fake = _scaled_pair(real, fake)
    if real.shape[1] < 2:
        raise ValueError("The windows have 1 time step; expected at least 2 to forecast one.")
    units = max(1, real.shape[2] // 2) if units is None else units
    positive_integer(
        repeats=repeats, layers=layers, units=units, steps=steps, batch_size=batch_size
    )
    inputs = max(1, real.shape[2] - 1)
    batches, weights = [], []
    for judge in range(repeats):
        rng = np.random.default_rng([seed, judge])
        batches.append(_draw_batches(rng, steps, batch_size, np.arange(len(fake))))
        weights.append(initial_weights(rng, inputs, layers, units))

    def values(judges: slice) -> list[float]:
        trained = train_forecaster(
            stack(weights[judges]),
            tf.constant(fake),
            tf.constant(np.stack(batches[judges], axis=1)),
            tf.constant(learning_rate, tf.float32),
        )
        everything = np.tile(np.arange(len(real), dtype="int32"), (len(batches[judges]), 1))
        return list(absolute_error(trained, tf.constant(real), tf.constant(everything)).numpy())

    return _score(values, repeats)


def split_real(windows: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two disjoint random halves of ``(windows, time, features)``.

    Raises:
        ValueError: if there are fewer than two windows or the rank is wrong.
    """
    windows = check_windows(windows, "real", minimum=2)
    order = np.random.default_rng(seed).permutation(len(windows))
    half = len(windows) // 2
    return windows[order[:half]], windows[order[half:]]


def real_versus_real(real: np.ndarray, *, seed: int = 0, **judge: Any) -> Score:
    """Return the floor of the discriminative score: one half of the real windows as "fake".

    Args:
        real: ``(windows, time, features)``.
        seed: of the halves and of the judges.
        **judge: passed to ``discriminative_score``.

    Raises:
        ValueError: as ``discriminative_score``.
    """
    return discriminative_score(*split_real(real, seed), seed=seed, **judge)


def chance_bound(test_size: int) -> float:
    """Return what a perfect generator's score stays under 95 % of the time, one judge at a time.

    A judge that can only guess is right on each held-out window with probability one half, so
    that its accuracy is about normal with the standard deviation 0.5/√n.

    Args:
        test_size: n, the number of held-out windows, real and generated together.

    Raises:
        ValueError: if ``test_size`` is below 1.
    """
    positive_integer(test_size=test_size)
    return 1.96 * 0.5 / math.sqrt(test_size)


def chance_mean(test_size: int) -> float:
    """Return a perfect generator's mean score, √(2/π)·0.5/√n; see ``chance_bound``."""
    positive_integer(test_size=test_size)
    return math.sqrt(2 / math.pi) * 0.5 / math.sqrt(test_size)


def _accuracy(logits: np.ndarray, is_real: np.ndarray) -> np.ndarray:
    """Return the share of right answers a judge, both ``(judges, windows)``; above 0 says real."""
    return np.mean((logits > 0) == is_real, axis=1)


def _score(values: Callable[[slice], list[float]], repeats: int) -> Score:
    """Return the score of ``values(judges)`` over groups of judges, as the device likes them."""
    _silence_first_compilation()
    if runtime.on_gpu():
        return Score(tuple(float(value) for value in values(slice(0, repeats))))
    one_by_one = [slice(judge, judge + 1) for judge in range(repeats)]
    with ThreadPoolExecutor(min(repeats, os.cpu_count() or 1)) as pool:
        groups = list(pool.map(values, one_by_one))
    return Score(tuple(float(value) for group in groups for value in group))


@functools.cache
def _silence_first_compilation() -> None:
    """Compile something small while standard error is closed.

    XLA announces the first compilation of a process there, past TensorFlow's log level, and
    Jupyter would show it as an error.
    """
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        tf.function(tf.negative, jit_compile=True)(tf.constant(0.0))
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _split(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of a random training part (80 %) and of the held-out rest."""
    order = rng.permutation(count)
    cut = int(count * TRAIN_FRACTION)
    return order[:cut], order[cut:]


def _draw_batches(
    rng: np.random.Generator, steps: int, batch_size: int, *pools: np.ndarray
) -> np.ndarray:
    """Return the indices of each step's batch: ``batch_size`` distinct windows of every pool."""
    parts = []
    for pool in pools:
        size = min(batch_size, len(pool))
        parts.append(
            np.stack([rng.choice(pool, size, replace=False, shuffle=False) for _ in range(steps)])
        )
    return np.concatenate(parts, axis=1).astype("int32")


def _scaled_pair(
    real: np.ndarray, fake: np.ndarray, minimum: int = MINIMUM_WINDOWS
) -> tuple[np.ndarray, np.ndarray]:
    """Return both sets checked and scaled by the real windows' minimum and maximum, float32."""
    real, fake = check_windows(real, "real", minimum), check_windows(fake, "fake", minimum)
    check_same_shape(real, "real", fake, "fake")
    scale = Scaler.min_max(real).transform
    return scale(real).astype("float32"), scale(fake).astype("float32")
