"""What the recipe's discriminator reads beside the normal scores: the window as its user sees it.

A judge reads the data and not their normal scores. What a small error of the scores does to the
data can be large: they are added up over the window, and bent back by powers. So the discriminator
reads the data too, computed from the scores by the preconditioner's own steps, written as layers
through which the generator's gradient passes.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from scipy.special import inv_boxcox

from utils.lstm_gan.preconditioner import Preconditioner

REACH = 4.2  # normal scores up to which margins are tabled: beyond are 3 of 100,000
POINTS = 513  # of a table
LARGEST_MAP = 4096  # numbers in a window, to and from which a matrix maps: 64 MiB of float32


@keras.saving.register_keras_serializable("course")
class Curves(keras.layers.Layer):
    """A piecewise linear function of each component, tabled at evenly spaced points.

    Beyond the first and the last point the functions go on as straight lines, so that the
    gradient of what lies too far out leads back.

    Args:
        low: the first point of each component, (components,).
        high: the last point.
        values: at the points, (1, components, points), or (2, components, points): then those of
            the first time step, and those of the later ones.
    """

    def __init__(self, low: Any, high: Any, values: Any, **options: Any) -> None:
        super().__init__(**({"trainable": False} | options))
        self.low, self.high = np.asarray(low, np.float32), np.asarray(high, np.float32)
        self.values = np.asarray(values, np.float32)

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Return the functions of ``inputs``, (batch, time, components)."""
        kinds, components, points = self.values.shape
        time = inputs.shape[1]
        place = (inputs - self.low) / (self.high - self.low) * (points - 1)
        below = ops.stop_gradient(ops.clip(ops.floor(place), 0, points - 2))
        # Where the table of each time step and component begins.
        kind = np.minimum(np.arange(time) > 0, kinds - 1).astype(np.int32)
        begins = (kind[:, None] * components + np.arange(components, dtype=np.int32)) * points
        index = ops.cast(below, "int32") + begins
        table = ops.reshape(ops.convert_to_tensor(self.values), (-1,))
        left, right = ops.take(table, index), ops.take(table, index + 1)
        return left + (place - below) * (right - left)

    def get_config(self) -> dict[str, Any]:
        """Return what builds the layer again."""
        arrays = {name: getattr(self, name).tolist() for name in ("low", "high", "values")}
        return super().get_config() | arrays


def levels(preconditioner: Preconditioner, innovations: keras.KerasTensor) -> keras.KerasTensor:
    """Return level_t = c + A·level_{t−1} + e_t of a first level and later innovations e.

    Both are (batch, time, components). Of a window of moderate size it is one matrix product, of a
    larger one an untrained recurrent layer, whose memory does not grow with the window's square.
    """
    window, components = innovations.shape[1:]
    if window * components <= LARGEST_MAP:
        size = window * components
        dense = keras.layers.Dense(size, trainable=False, name="level")
        dense.build((None, size))
        dense.set_weights(preconditioner.level_map(window))
        flat = keras.layers.Flatten(name="flat")(innovations)
        return keras.layers.Reshape((window, components), name="levels")(dense(flat))
    layer = keras.layers.SimpleRNN(
        components, activation="linear", return_sequences=True, trainable=False, name="level"
    )
    layer.build((None, None, components))
    layer.set_weights(
        [preconditioner.innovation_root, preconditioner.transition, preconditioner.intercept]
    )
    first = innovations[:, 0]
    later = layer(innovations[:, 1:], initial_state=[first])
    return ops.concatenate([first[:, None], later], axis=1)


def data_views(
    preconditioner: Preconditioner, normal_scores: keras.KerasTensor
) -> list[keras.KerasTensor]:
    """Return the data that normal scores stand for, and their changes from row to row.

    Both are (batch, time, varying columns), of mean 0 and variance 1 over the data. The columns are
    those that the preconditioner was fitted to, before heavy tails are spread out again; the first
    change is 0. A normal score beyond all of the data's counts as their outermost one, as in the
    preconditioner's inverse. A column that leaves the range of the data is seen, and not clipped.
    """
    points = np.linspace(-REACH, REACH, POINTS)
    margins = [
        [component.inverse_transform(points) for component in part]
        for part in (preconditioner.margins.first, preconditioner.margins.later)
    ]
    components = preconditioner.components
    reach = np.full(components, REACH)
    innovations = Curves(-reach, reach, margins, name="margins")(normal_scores)
    z = ops.matmul(levels(preconditioner, innovations), preconditioner.basis.T.astype(np.float32))
    low, high = preconditioner.bounds
    tables = np.linspace(low, high, POINTS)
    positive = inv_boxcox(preconditioner.standard.inverse_transform(tables), preconditioner.power)
    mean, spread, of_changes = preconditioner.moments
    data = Curves(low, high, ((positive - mean) / spread).T[None], name="data")(z)
    changes = (data[:, 1:] - data[:, :-1]) * (spread / of_changes).astype(np.float32)
    return [data, ops.pad(changes, [[0, 0], [1, 0], [0, 0]])]
