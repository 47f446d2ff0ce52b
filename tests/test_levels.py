"""The level view of large windows: the same numbers as the matrix gives, without the matrix."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from utils.lstm_gan import levels
from utils.lstm_gan.config import TrainingConfig
from utils.lstm_gan.preconditioner import Preconditioner
from utils.lstm_gan.recipe import build_discriminator


@pytest.fixture(scope="module")
def preconditioner() -> Preconditioner:
    rng = np.random.default_rng(0)
    return Preconditioner(12).fit(rng.normal(size=(300, 3)).cumsum(axis=0))


def test_the_recurrence_gives_the_levels_of_the_matrix(preconditioner: Preconditioner) -> None:
    windows = np.random.default_rng(1).normal(size=(5, 12, 3)).astype(np.float32)
    kernel, bias = preconditioner.level_map(12)
    by_matrix = (windows.reshape(5, -1) @ kernel + bias).reshape(windows.shape)
    layer = levels.level_recurrence(preconditioner)
    later = keras.ops.convert_to_numpy(layer(windows[:, 1:], initial_state=[windows[:, 0]]))
    np.testing.assert_allclose(windows[:, 0], by_matrix[:, 0], atol=1e-6)
    np.testing.assert_allclose(later, by_matrix[:, 1:], atol=1e-4)


def test_a_wide_window_is_judged_as_a_small_one_is(
    preconditioner: Preconditioner, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = np.random.default_rng(2).normal(size=(4, 12, 3)).astype(np.float32)
    config = TrainingConfig()
    small = build_discriminator(preconditioner, 12, config)
    monkeypatch.setattr(levels, "LARGEST_MAP", 35)
    wide = build_discriminator(preconditioner, 12, config)
    assert "level" in {layer.name for layer in wide.layers if isinstance(layer, keras.layers.RNN)}
    assert len(wide.trainable_variables) == len(small.trainable_variables)
    # The same seeds: the same initial weights, so the same logits.
    np.testing.assert_allclose(wide(windows), small(windows), atol=1e-4)
