"""Batches of real samples: what draws them, what models read of them, and whether both fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

# A batch: samples (batch, …), or these and what each of them was asked to be (batch, …).
Batch: TypeAlias = tf.Tensor | tuple[tf.Tensor, tf.Tensor]
Draw: TypeAlias = Callable[[int, tf.Tensor], Batch]


def from_arrays(real: np.ndarray | tuple[np.ndarray, np.ndarray]) -> tuple[tf.Tensor, Draw]:
    """Return the samples as a tensor, and what draws batches of them, with replacement.

    Raises:
        ValueError: for samples that are not (samples, …), are not finite, or do not match their
            conditions.
    """
    samples, condition = split_batch(real)
    samples = np.asarray(samples, np.float32)
    if samples.ndim < 2 or not len(samples):
        raise ValueError(f"The real samples have shape {samples.shape}; expected (samples, …).")
    if not np.isfinite(samples).all():
        raise ValueError("The real samples hold NaN or infinity; expected finite values.")
    if condition is not None and len(condition) != len(samples):
        raise ValueError(
            f"There are {len(condition)} conditions for {len(samples)} samples; expected one "
            "for each."
        )
    everything = tf.constant(samples)
    asked = None if condition is None else tf.convert_to_tensor(condition)

    def draw(count: int, seed: tf.Tensor) -> Batch:
        chosen = tf.random.stateless_uniform((count,), seed, maxval=len(samples), dtype=tf.int32)
        drawn = tf.gather(everything, chosen)
        return drawn if asked is None else (drawn, tf.gather(asked, chosen))

    return everything, draw


def check_shapes(
    draw_real: Draw,
    draw_latents: Callable[[int, tf.Tensor], tf.Tensor],
    generator: keras.Model,
    discriminator: keras.Model,
) -> None:
    """Refuse models that do not read what is drawn, or that do not fit each other.

    Raises:
        ValueError: with the shapes that differ.
    """
    seed = tf.constant([0, 0], tf.int64)  # as in the training step
    real, condition = split_batch(draw_real(1, seed))
    if real.shape[1:] != generator.output_shape[1:]:
        raise ValueError(
            f"A real sample has shape {tuple(real.shape[1:])}; "
            f"expected what the generator makes, {generator.output_shape[1:]}."
        )
    latents = draw_latents(1, seed)
    for model, drawn in ((generator, latents), (discriminator, real)):
        read = model.input_shape if isinstance(model.input_shape, list) else [model.input_shape]
        given = [drawn.shape[1:]] + ([] if condition is None else [condition.shape[1:]])
        if [tuple(shape[1:]) for shape in read] != [tuple(shape) for shape in given]:
            raise ValueError(
                f"The {model.name} reads {_words(shape[1:] for shape in read)} of a sample; "
                f"it is given {_words(given)} (latents come from config.static and "
                "config.dynamic, or from the function latents; conditions come beside the samples)."
            )


def check_condition(generator: keras.Model, condition: Any, count: int) -> None:
    """Refuse a condition that the generator does not read, or that is not one for each sample.

    Raises:
        ValueError: with what is expected.
    """
    read = generator.input_shape
    if not isinstance(read, list):
        if condition is not None:
            raise ValueError("The generator reads no condition; expected latents alone.")
        return
    expected = (count, *read[1][1:])
    if condition is None:
        raise ValueError(f"The generator reads a condition too; expected one of shape {expected}.")
    shape = np.shape(condition)
    if not tf.TensorShape(shape).is_compatible_with(expected):
        raise ValueError(f"The condition has shape {shape}; expected {expected}.")


def split_batch(batch: Any) -> tuple[Any, Any]:
    """Return samples and conditions of a batch, None where there are none."""
    return batch if isinstance(batch, tuple) else (batch, None)


def model_inputs(values: tf.Tensor, condition: tf.Tensor | None) -> tf.Tensor | list[tf.Tensor]:
    """Return what a model reads: values alone, or values and conditions."""
    return values if condition is None else [values, condition]


def _words(shapes: Iterable[Sequence[int | None]]) -> str:
    return " and ".join(str(tuple(shape)) for shape in shapes)
