"""The networks of the video GAN: a stamp, and convolutional LSTMs that make and read clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from utils.checks import positive_integer
from utils.lessons.video.clips import CELLS, DIGIT, SIDE, STEP

SHARPNESS = 3.0  # of the generator's softmax over places and of its pictures' sigmoid


@keras.saving.register_keras_serializable("course")
class Stamp(keras.layers.Layer):
    """Prints a picture at the places of a map, as strongly as the map says.

    Used in lesson 16.6.

    ``[pictures (batch, 8, 8), maps (batch, frames, 5, 5)]`` → frames (batch, frames, 16, 16). The
    map's cells are 2 pixels apart: this is a transposed convolution of stride 2, with no padding,
    whose kernel is the clip's own picture. Where a map is 1 at one place and 0 elsewhere, it moves
    the picture as ``render`` does.
    """

    def build(self, input_shape: Sequence[tuple[int | None, ...]]) -> None:
        """Prepare which pixel of a picture goes where: a matrix (64, 25 · 256), nothing learnt."""
        rows, columns, down, right = np.indices((DIGIT, DIGIT, CELLS, CELLS)).reshape(4, -1)
        stamps = np.zeros((DIGIT, DIGIT, CELLS, CELLS, SIDE, SIDE), "float32")
        stamps[rows, columns, down, right, STEP * down + rows, STEP * right + columns] = 1
        self.stamps = stamps.reshape(DIGIT**2, -1)
        self.built = True

    def call(self, inputs: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
        """Return the frames."""
        pictures, maps = inputs
        everywhere = ops.matmul(ops.reshape(pictures, (-1, DIGIT**2)), self.stamps)
        everywhere = ops.reshape(everywhere, (-1, CELLS**2, SIDE**2))
        frames = ops.matmul(ops.reshape(maps, (-1, maps.shape[1], CELLS**2)), everywhere)
        return ops.reshape(frames, (-1, maps.shape[1], SIDE, SIDE))


def conv_lstm_generator(
    frames: int, *, content: int = 8, push: int = 6, filters: int = 24, seed: int = 0
) -> keras.Model:
    """Return the generator: latents (batch, frames, content + 25 + push) → (batch, frames, 256).

    Used in lesson 16.6.

    It reads the latents of the first frame. Their first ``content`` numbers say what is shown: two
    dense layers turn them into a picture of 8 × 8. The others say how it is launched: the largest
    of 25 numbers says from which of the 5 × 5 places, and ``push`` numbers, which stand there
    on a board of zeros, how. A ConvLSTM reads that board at the first frame, and nothing later;
    a convolution and a softmax turn its state into a chance for each place at each frame; the
    picture is stamped there.

    Args:
        frames: frames a clip. The weights do not depend on it.
        content: latents of the content.
        push: latents of the push.
        filters: channels of the ConvLSTM's state.
        seed: of the initial weights.

    Raises:
        ValueError: for a size below 1.

    Source: ConvLSTM: Shi et al., "Convolutional LSTM network", NeurIPS 2015, arXiv 1506.04214;
    content and motion apart: Tulyakov et al., "MoCoGAN", CVPR 2018, arXiv 1707.04993; a softmax
    over places that moves a picture: Finn, Goodfellow, Levine, "Unsupervised learning for
    physical interaction through video prediction", NeurIPS 2016, arXiv 1605.07157.
    """
    positive_integer(frames=frames, content=content, push=push, filters=filters)
    places = CELLS**2
    latents = keras.Input((frames, content + places + push), name="latents")
    first = latents[:, 0]
    what = _leaky(_dense(128, seed, "style")(first[:, :content]))
    what = ops.sigmoid(SHARPNESS * _dense(DIGIT**2, seed + 10, "ink", bias_initializer=_DARK)(what))
    what = keras.layers.Reshape((DIGIT, DIGIT), name="what")(what)
    start = ops.one_hot(ops.argmax(first[:, content : content + places], axis=-1), places)
    pushes = ops.concatenate([ops.ones_like(first[:, :1]), first[:, content + places :]], axis=-1)
    launch = keras.layers.Reshape((1, CELLS, CELLS, push + 1), name="launch")(
        2 * start[:, :, None] * pushes[:, None]
    )
    launch = ops.pad(launch, ((0, 0), (0, frames - 1), (0, 0), (0, 0), (0, 0)))
    state = _fold(_conv_lstm(filters, seed + 30)(launch))
    scores = _conv(1, 3, seed + 40, "place_scores")(state)
    where = ops.softmax(SHARPNESS * ops.reshape(scores, (-1, frames, places)))
    where = keras.layers.Reshape((frames, CELLS, CELLS), name="where")(where)
    clips = 2 * Stamp(name="stamp")([what, where]) - 1
    return keras.Model(latents, ops.reshape(clips, (-1, frames, SIDE**2)), name="generator")


def conv_lstm_discriminator(
    frames: int, *, filters: int = 16, recurrent: bool = True, seed: int = 0
) -> keras.Model:
    """Return the discriminator: clips (batch, frames, 256) → logits (batch, 1).

    Used in lesson 16.7.

    The stamp's mirror image: a convolution of size 8 and stride 2 looks, at each of the 5 × 5
    places, at what a picture there would cover, and one of size 1 combines what it finds. A
    ConvLSTM reads these boards in order. Two dense layers give each frame a logit; the clip's is
    their mean.

    Args:
        frames: frames a clip.
        filters: channels of the ConvLSTM's state.
        recurrent: if not, a convolution of as many channels stands for the ConvLSTM. Then every
            frame is judged by itself, and the clip's logit is the same in any order of its frames.
        seed: of the initial weights.

    Raises:
        ValueError: for a size below 1.
    """
    positive_integer(frames=frames, filters=filters)
    clips = keras.Input((frames, SIDE * SIDE), name="clips")
    pixels = ops.reshape(clips, (-1, SIDE, SIDE, 1))
    board = _leaky(_conv(32, DIGIT, seed, "look", strides=STEP, padding="valid")(pixels))
    board = _leaky(_conv(32, 1, seed + 10, "combine")(board))
    if recurrent:
        board = ops.reshape(board, (-1, frames, *board.shape[1:]))
        board = _fold(_conv_lstm(filters, seed + 20)(board))
    else:
        board = _leaky(_conv(filters, 3, seed + 20, "frame_by_frame")(board))
    hidden = keras.layers.Flatten(name="flat")(board)
    hidden = _leaky(_dense(32, seed + 30, "weigh")(hidden))
    logits = _dense(1, seed + 40, "frame_logit")(hidden)
    mean = ops.mean(ops.reshape(logits, (-1, frames, 1)), axis=1)
    return keras.Model(clips, mean, name="discriminator")


_DARK = keras.initializers.Constant(-0.3)


def _start(seed: int) -> keras.initializers.Initializer:
    return keras.initializers.GlorotUniform(seed=seed)


def _dense(units: int, seed: int, name: str, **options: Any) -> keras.layers.Layer:
    return keras.layers.Dense(units, kernel_initializer=_start(seed), name=name, **options)


def _conv(filters: int, size: int, seed: int, name: str, **options: Any) -> keras.layers.Layer:
    options = {"padding": "same"} | options
    return keras.layers.Conv2D(filters, size, kernel_initializer=_start(seed), name=name, **options)


def _conv_lstm(filters: int, seed: int) -> keras.layers.Layer:
    """Return a ConvLSTM with its time steps unrolled, which runs faster than a loop."""
    return keras.layers.ConvLSTM2D(
        filters,
        3,
        padding="same",
        return_sequences=True,
        unroll=True,
        kernel_initializer=_start(seed),
        recurrent_initializer=keras.initializers.Orthogonal(seed=seed + 1),
        name="conv_lstm",
    )


def _leaky(x: keras.KerasTensor) -> keras.KerasTensor:
    """Return the leaky ReLU, as a maximum: TensorFlow fails to fuse its own one, and complains."""
    return ops.maximum(x, 0.2 * x)


def _fold(x: keras.KerasTensor) -> keras.KerasTensor:
    """Put the frames of all clips into one batch: (batch, frames, …) → (batch·frames, …)."""
    return ops.reshape(x, (-1, *x.shape[2:]))
