"""Several pairs of networks, trained side by side and drawn from in turn.

One training of a GAN ends near its goal, not at it, and another one ends elsewhere near it. Windows
drawn from a few of them in turn can be closer than those of any one: what one makes too often,
another makes too seldom (a mixture of generators: Arora et al. 2017, arXiv:1703.00573, section 4).
A fault that all have stays. Here the pairs share nothing but the step: rows of a batch are dealt to
them in turn, so that each trains on rows of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("course")
class Deal(keras.layers.Layer):
    """Keep the rows of one member: every ``members``-th row of a batch, from ``member`` on."""

    def __init__(self, member: int, members: int, **options: object) -> None:
        super().__init__(**options)
        self.member, self.members = member, members

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return rows ``member``, ``member`` + ``members``, … of ``inputs``, (batch, …).

        Of a batch that has none for it, it is a row of zeros: Keras' LSTM fails on no rows.
        """
        missing = tf.maximum(self.member + 1 - tf.shape(inputs)[0], 0)
        padding = [[0, missing], *[[0, 0]] * (len(inputs.shape) - 1)]
        return tf.pad(inputs, padding)[self.member :: self.members]

    def get_config(self) -> dict[str, object]:
        """Return what builds the layer again."""
        return super().get_config() | {"member": self.member, "members": self.members}


@keras.saving.register_keras_serializable("course")
class Collect(keras.layers.Layer):
    """Put what members made of the rows that ``Deal`` dealt out back in the rows' order."""

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Return the rows of all, (batch, …), of the rows dealt out and of each member's."""
        rows, *parts = inputs
        batch, members = tf.shape(rows)[0], len(parts)
        places = [tf.range(tf.minimum(member, batch), batch, members) for member in range(members)]
        made = [part[: tf.size(place)] for part, place in zip(parts, places, strict=True)]
        return tf.dynamic_stitch(places, made)

    def compute_output_shape(self, shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Return the shape of one member's rows, of an open number."""
        return (None, *shapes[1][1:])


def together(models: Sequence[keras.Model], name: str) -> keras.Model:
    """Return one model of several: row i of a batch is read by model i mod len(models).

    A loss that is a mean over the batch then trains each model on its own rows. A single model is
    returned as it is.

    Args:
        models: of the same input and output shapes, with different names.
        name: of the model returned.
    """
    if len(models) == 1:
        return models[0]
    inputs = keras.Input(models[0].input_shape[1:], name="rows")
    dealt = [
        model(Deal(member, len(models), name=f"rows_of_{model.name}")(inputs))
        for member, model in enumerate(models)
    ]
    return keras.Model(inputs, Collect(name="rows_of_all")([inputs, *dealt]), name=name)


def members_of(model: keras.Model) -> list[keras.Model]:
    """Return the models that ``together`` made one of; a single model alone."""
    inner = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    return inner or [model]
