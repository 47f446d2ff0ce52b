"""The models of the quality benchmark: the product, and rivals that are a few lines each."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.rivals.maps import Maps
from benchmarks.sets import Task
from utils import evaluation
from utils.evaluation.local_bootstrap import local_bootstrap as innovations_nearby
from utils.lstm_gan import LstmGan

BLOCK = 8  # rows that the block bootstraps keep together

Generated = tuple[np.ndarray, float | None]  # windows in the data's units, seconds of training


def our_gan(task: Task, seed: int, **changes: Any) -> Generated:
    """Return windows of the product; ``changes`` are arguments of ``LstmGan``."""
    gan = LstmGan(task.real.shape[1], seed=seed, verbose=False, **changes).fit(task.series)
    return gan.sample(len(task.real), seed=2), gan.seconds_


def var_bootstrap(task: Task, seed: int, block: int = 1) -> Generated:
    """Return windows of the vector autoregression with resampled innovations."""
    maps = Maps(task.sequences, task.real.shape[1])
    drawn = evaluation.bootstrap_innovations(maps.all, len(task.real), seed, block=block)
    return maps.inverse(drawn), None


def local_bootstrap(task: Task, seed: int) -> Generated:
    """Return windows whose innovations come from rows at most 20 before or after."""
    maps = Maps(task.sequences, task.real.shape[1])
    drawn = innovations_nearby(maps.normal_scores, len(task.real), seed)
    return maps.inverse(drawn), None


def block_bootstrap(task: Task, seed: int) -> Generated:
    """Return windows glued from blocks of real rows."""
    sequences = task.sequences if len(task.sequences) > 1 else task.sequences[0]
    window, count = task.real.shape[1], len(task.real)
    return evaluation.block_bootstrap(sequences, window, count, block=BLOCK, seed=seed), None


MODELS: dict[str, Callable[[Task, int], Generated]] = {
    "LSTM-GAN": our_gan,
    "local bootstrap": local_bootstrap,
    "VAR bootstrap": var_bootstrap,
    "VAR block bootstrap": functools.partial(var_bootstrap, block=BLOCK),
    "block bootstrap": block_bootstrap,
}
