"""Moving digits: a simulator, convolutional LSTMs that learn it, judges of frame and of motion.

A clip is an array (frames, 16, 16) of brightness from −1 (black) to 1 (white), as the images of
notebook 08. Many clips are (clips, frames, 16, 16). A frame's shift or a digit's place is
(rows down, columns right), in pixels. For a ``GanTrainer``, a clip is a series with 256 features
a time step: (clips, frames, 256), which the two networks here take and give.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np
from keras import ops
from PIL import Image
from sklearn.datasets import load_digits

SIDE, DIGIT = 16, 8  # pixels: of a frame, of a digit in it
ROOM = SIDE - DIGIT  # pixels between a digit's first and last place along an axis
STEP = 2  # pixels a frame, along an axis where a digit moves
CELLS = ROOM // STEP + 1  # places along an axis: 0, 2, 4, 6, 8
ROUND = 2 * ROOM // STEP  # frames there and back, after which the motion repeats
SPEEDS = ((0, STEP), (STEP, 0), (STEP, STEP))  # pixels a frame down and across
SHARPNESS = 3.0  # of the generator's softmax over places and of its pictures' sigmoid


class Digits(NamedTuple):
    """Handwritten digits: ``images`` (count, 8, 8) from −1 to 1, ``labels`` (count,)."""

    images: np.ndarray
    labels: np.ndarray


class Clips(NamedTuple):
    """Simulated clips and the truth about them.

    Attributes:
        frames: (clips, frames, 16, 16), from −1 (black) to 1.
        labels: (clips,), each clip's digit, as the digits' labels have it.
        places: (clips, frames, 2), the row and column of the digit's upper left corner.
        speeds: (clips, 2), pixels a frame down and across, without direction.
    """

    frames: np.ndarray
    labels: np.ndarray
    places: np.ndarray
    speeds: np.ndarray


def load_moving_digits(
    classes: Sequence[int] = (0, 1, 7), *, test: float = 0.3, seed: int = 0
) -> tuple[Digits, Digits]:
    """Return the 8 × 8 digits of these classes that come with scikit-learn, to train and to test.

    A label is the digit's position in ``classes``: 0, 1, 2, …

    Args:
        classes: digits, each from 0 to 9 and at most once.
        test: share of each class that is kept for the test.
        seed: of the split.

    Raises:
        ValueError: for no classes, one that is no digit or comes twice, or a share outside 0–1.

    Source: Alpaydin, Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning
    Repository, 1998, doi 10.24432/C50P49, CC BY 4.0; the part that scikit-learn ships.
    """
    classes = list(classes)
    if not classes or len(set(classes)) < len(classes) or not set(classes) <= set(range(10)):
        raise ValueError(f"The classes are {classes}; expected different digits from 0 to 9.")
    if not 0 < test < 1:
        raise ValueError(f"The test's share is {test}; expected a number between 0 and 1.")
    raw = load_digits()
    images = (raw.images / 8 - 1).astype("float32")
    parts: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for digit in classes:
        rng = np.random.default_rng([seed, digit])  # the same part, whatever the other classes
        rows = rng.permutation(np.flatnonzero(raw.target == digit))
        kept = round(test * len(rows))
        parts[0].append(rows[kept:])
        parts[1].append(rows[:kept])
    chosen = [np.concatenate(rows) for rows in parts]
    train, held_out = (
        Digits(images[rows], np.array([classes.index(d) for d in raw.target[rows]], "int32"))
        for rows in chosen
    )
    return train, held_out


def bounce(path: np.ndarray, room: float = ROOM) -> np.ndarray:
    """Return the place between two walls, 0 and ``room``, after a path: a triangle wave.

    A ball that flies on behind a mirror is seen, in the mirror, flying back. So where it would
    be at x without walls, it is at ``room − |x mod 2·room − room|`` with them.

    Raises:
        ValueError: unless ``room`` is above 0.
    """
    if not room > 0:
        raise ValueError(f"The room between the walls is {room}; expected above 0.")
    return room - np.abs(np.mod(path, 2 * room) - room)


def simulate(digits: Digits, count: int, frames: int = 8, *, seed: int = 0) -> Clips:
    """Return clips of one digit each that flies straight on and bounces off the frame's sides.

    It moves 2 pixels a frame: across, down, or along both axes, equally likely. Where on its round
    trip along each axis it is at first (for an axis along which it stands: where it stands) is
    one of eight times, equally likely. So it is always an even number of pixels from the walls,
    meets every wall in a frame and keeps its speed; and each single frame has the same chances,
    whatever the motion.

    Args:
        digits: the images to choose from, all equally likely.
        count: number of clips.
        frames: frames a clip.
        seed: of everything that is drawn: same seed, same frames.

    Raises:
        ValueError: for no digits, images that are not 8 × 8, or sizes below 1.
    """
    images, labels = np.asarray(digits.images), np.asarray(digits.labels)
    if images.ndim != 3 or images.shape[1:] != (DIGIT, DIGIT) or not len(images):
        raise ValueError(f"The digits have the shape {images.shape}; expected (count, 8, 8).")
    if count < 1 or frames < 1:
        raise ValueError(f"There are {count} clips of {frames} frames; expected at least 1 each.")
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(images), size=count)
    speeds = np.array(SPEEDS)[rng.integers(len(SPEEDS), size=count)]
    start = STEP * rng.integers(ROUND, size=(count, 2))
    time = np.arange(frames)[:, None]
    places = bounce(start[:, None] + time * speeds[:, None]).astype(int)
    return Clips(draw(images[chosen], places), labels[chosen], places, speeds)


def draw(images: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return black frames, (clips, frames, 16, 16), with each clip's image at its places.

    Args:
        images: (clips, 8, 8).
        places: (clips, frames, 2), row and column of the upper left corner, 0 to 8.

    Raises:
        ValueError: for shapes that do not fit, or a place where the digit would leave the frame.
    """
    images, places = np.asarray(images, "float32"), np.asarray(places)
    if images.shape[1:] != (DIGIT, DIGIT) or places.shape[::2] != (len(images), 2):
        raise ValueError(
            f"Images {images.shape} and places {places.shape} do not fit; "
            "expected (clips, 8, 8) and (clips, frames, 2)."
        )
    if places.min() < 0 or places.max() > ROOM:
        raise ValueError(f"Places reach from {places.min()} to {places.max()}; expected 0 to 8.")
    clips = np.full((*places.shape[:2], SIDE, SIDE), -1, "float32")
    rows, columns = np.moveaxis(places[..., None] + np.arange(DIGIT), 2, 0)
    clip, frame = np.indices(places.shape[:2])
    where = (clip[..., None, None], frame[..., None, None], rows[..., None], columns[..., None, :])
    clips[where] = images[:, None]
    return clips


# ── The two networks ──────────────────────────────────────────────────────────────────────────


@keras.saving.register_keras_serializable("course")
class Stamp(keras.layers.Layer):
    """Prints a picture at the places of a map, as strongly as the map says.

    ``[pictures (batch, 8, 8), maps (batch, frames, 5, 5)]`` → frames (batch, frames, 16, 16). The
    map's cells are 2 pixels apart: this is a transposed convolution of stride 2, with no padding,
    whose kernel is the clip's own picture. Where a map is 1 at one place and 0 elsewhere, it moves
    the picture as ``draw`` does.
    """

    def build(self, input_shape):
        """Prepare which pixel of a picture goes where: a matrix (64, 25 · 256), nothing learnt."""
        rows, columns, down, right = np.indices((DIGIT, DIGIT, CELLS, CELLS)).reshape(4, -1)
        stamps = np.zeros((DIGIT, DIGIT, CELLS, CELLS, SIDE, SIDE), "float32")
        stamps[rows, columns, down, right, STEP * down + rows, STEP * right + columns] = 1
        self.stamps = stamps.reshape(DIGIT**2, -1)
        self.built = True

    def call(self, inputs):
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
    _check_sizes(frames=frames, content=content, push=push, filters=filters)
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
    _check_sizes(frames=frames, filters=filters)
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


def _dense(units: int, seed: int, name: str, **options) -> keras.layers.Layer:
    return keras.layers.Dense(units, kernel_initializer=_start(seed), name=name, **options)


def _conv(filters: int, size: int, seed: int, name: str, **options) -> keras.layers.Layer:
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


# ── Judges ────────────────────────────────────────────────────────────────────────────────────


class Shifts(NamedTuple):
    """What phase correlation finds: ``pixels`` (…, 2), down and across, and ``heights`` (…)."""

    pixels: np.ndarray
    heights: np.ndarray


def phase_correlation(before: np.ndarray, after: np.ndarray) -> Shifts:
    """Return the shift that best turns one picture into the next, and how well it does.

    With F the discrete Fourier transforms, F_after · conj(F_before) has the phase of the shift
    alone where ``after`` is ``before`` shifted round the frame. Scaled to size 1, its inverse
    transform is then 1 at the shift and 0 elsewhere. Brightness and contrast do not matter.

    Args:
        before: (…, height, width).
        after: of the same shape.

    Returns:
        The whole pixels, from minus half the side to below half the side (of two places equally
        high the first), and the height of the peak, at most 1: 1 for a mere shift.

    Raises:
        ValueError: for shapes that differ or have no height and width, or values not finite.

    Source: Kuglin, Hines, "The phase correlation image alignment method", Proceedings of the IEEE
    International Conference on Cybernetics and Society, 1975.
    """
    before, after = np.asarray(before, "float64"), np.asarray(after, "float64")
    if before.shape != after.shape or before.ndim < 2 or 0 in before.shape:
        raise ValueError(
            f"The pictures have the shapes {before.shape} and {after.shape}; "
            "expected equal ones, (…, height, width)."
        )
    if not (np.isfinite(before).all() and np.isfinite(after).all()):
        raise ValueError("The pictures hold NaN or infinity; expected finite values.")
    cross = np.fft.fft2(after) * np.conj(np.fft.fft2(before))
    size = np.abs(cross)
    # What is nought but for rounding has no phase.
    heard = size > 1e-12 * np.maximum(size.max(axis=(-2, -1), keepdims=True), 1e-300)
    surface = np.fft.ifft2(np.where(heard, cross / np.where(heard, size, 1), 0)).real
    shape = np.array(surface.shape[-2:])
    flat = surface.reshape(*surface.shape[:-2], -1)
    peak = np.stack(np.unravel_index(flat.argmax(axis=-1), surface.shape[-2:]), axis=-1)
    return Shifts((peak + shape // 2) % shape - shape // 2, flat.max(axis=-1))


def velocities(clips: np.ndarray) -> Shifts:
    """Return the shifts from each frame to the next: pixels (clips, frames − 1, 2), and heights.

    Raises:
        ValueError: unless the clips are (clips, frames, height, width) of two frames or more.
    """
    clips = _check_clips(clips, fewest=2)
    return phase_correlation(clips[:, :-1], clips[:, 1:])


@dataclass(frozen=True)
class Motion:
    """How clips move; of true clips these are 1, 1, near 0, and near ``expected_bounces``.

    Attributes:
        lawful: share of the steps that are 2 pixels long along one axis or both, and 0 else.
        steady: share of pairs of steps in a row that are lawful and equally fast along each axis.
        speed_gap: total variation between the speeds (down, across) and the law's, each of
            (0, 2), (2, 0) and (2, 2) a third of the time; from 0 to 1.
        bounces: reversals a clip, both axes together.
    """

    lawful: float
    steady: float
    speed_gap: float
    bounces: float


def motion(shifts: np.ndarray) -> Motion:
    """Judge the motion of clips by the shifts, (clips, frames − 1, 2), between their frames.

    Raises:
        ValueError: for another shape, or fewer than two shifts a clip.
    """
    shifts = np.asarray(shifts)
    if shifts.ndim != 3 or shifts.shape[2] != 2 or shifts.shape[1] < 2 or not len(shifts):
        raise ValueError(
            f"The shifts have the shape {shifts.shape}; expected (clips, at least 2, 2)."
        )
    fast = np.abs(shifts)
    kinds = np.stack([(fast == speed).all(axis=-1) for speed in SPEEDS])
    lawful = kinds.any(axis=0)
    steady = (kinds[:, :, 1:] & kinds[:, :, :-1]).any(axis=0)
    shares = kinds.mean(axis=(1, 2))
    gap = (np.abs(shares - 1 / len(SPEEDS)).sum() + 1 - lawful.mean()) / 2
    return Motion(
        float(lawful.mean()), float(steady.mean()), float(gap), float(bounces(shifts).mean())
    )


def bounces(shifts: np.ndarray) -> np.ndarray:
    """Return how often each clip turns round: (clips,), both axes together.

    A turn is a step back right after a step forth, along the same axis.
    """
    shifts = np.asarray(shifts)
    return (shifts[:, 1:] * shifts[:, :-1] < 0).sum(axis=(1, 2))


def expected_bounces(frames: int) -> float:
    """Return the mean number of reversals of a simulated clip, both axes together.

    Along an axis where it moves, a digit turns at each frame, neither first nor last, where it is
    at a wall: at two of the eight times of its round trip, with a chance of 1/4. It moves along
    4/3 axes on average, which gives (frames − 2) / 3.

    Raises:
        ValueError: for fewer than 2 frames.
    """
    if frames < 2:
        raise ValueError(f"A clip has {frames} frames; expected at least 2.")
    return 2 / ROUND * (frames - 2) * float(np.count_nonzero(SPEEDS)) / len(SPEEDS)


def digit_classifier(classes: int = 3, *, seed: int = 0) -> keras.Model:
    """Return a small classifier of frames: (batch, 16, 16, 1) → logits (batch, classes).

    Its layer named "features", 32 numbers a frame, is what the Fréchet distance compares.

    Raises:
        ValueError: for fewer than 2 classes.
    """
    if classes < 2:
        raise ValueError(f"There are {classes} classes; expected at least 2.")
    start = [keras.initializers.GlorotUniform(seed=seed + i) for i in range(4)]
    frames = keras.Input((SIDE, SIDE, 1), name="frames")
    hidden = keras.layers.Conv2D(
        16, 3, 2, "same", activation="relu", kernel_initializer=start[0], name="edges"
    )(frames)
    hidden = keras.layers.Conv2D(
        32, 3, 2, "same", activation="relu", kernel_initializer=start[1], name="parts"
    )(hidden)
    hidden = keras.layers.Dense(
        32, activation="relu", kernel_initializer=start[2], name="features"
    )(keras.layers.Flatten(name="flat")(hidden))
    logits = keras.layers.Dense(classes, kernel_initializer=start[3], name="logits")(hidden)
    return keras.Model(frames, logits, name="digit_classifier")


# ── Pictures ──────────────────────────────────────────────────────────────────────────────────


def animation(
    rows: Sequence[np.ndarray],
    colors: Sequence[tuple[float, float, float]],
    *,
    zoom: int = 4,
    milliseconds: int = 150,
) -> bytes:
    """Return an animated PNG of clips side by side, which any browser plays; the last frame rests.

    Args:
        rows: each (clips, frames, height, width), from −1 to 1; all of the same shape.
        colors: of the frame round each row's clips: red, green and blue, from 0 to 1.
        zoom: width of a pixel.
        milliseconds: that a frame is shown; the last one four times as long.

    Raises:
        ValueError: for no rows, shapes that differ, a number of colours that does not fit, or a
            zoom or time below 1.
    """
    clips = [_check_clips(row) for row in rows]
    if len({row.shape for row in clips}) != 1 or len(colors) != len(clips):
        raise ValueError(
            f"There are rows {[row.shape for row in clips]} and {len(colors)} colours; expected "
            "rows of one shape, and a colour each."
        )
    if zoom < 1 or milliseconds < 1:
        raise ValueError(f"zoom is {zoom}, milliseconds {milliseconds}; expected at least 1 each.")
    _, _, height, width = clips[0].shape
    bands = []
    for row, color in zip(clips, colors, strict=True):
        grey = np.clip((row + 1) / 2, 0, 1).repeat(zoom, axis=2).repeat(zoom, axis=3)
        tile = np.ones((*grey.shape[:2], zoom * height + 4, zoom * width + 4, 3)) * color
        tile[:, :, 2:-2, 2:-2] = grey[..., None]
        bands.append(np.concatenate(list(tile), axis=2))
    film = (255 * np.concatenate(bands, axis=1)).round().astype("uint8")
    pages = [Image.fromarray(page) for page in film]
    times = [milliseconds] * (len(pages) - 1) + [4 * milliseconds]
    file = io.BytesIO()
    pages[0].save(
        file, "PNG", save_all=True, append_images=pages[1:], duration=times, loop=0, optimize=True
    )
    return file.getvalue()


# ── Helpers ───────────────────────────────────────────────────────────────────────────────────


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"The model's {name} is {size}; expected at least 1.")


def _check_clips(clips: np.ndarray, fewest: int = 1) -> np.ndarray:
    clips = np.asarray(clips)
    if clips.ndim != 4 or 0 in clips.shape or clips.shape[1] < fewest:
        raise ValueError(
            f"The clips have the shape {clips.shape}; "
            f"expected (clips, frames, height, width) with at least {fewest} frames."
        )
    if not np.isfinite(clips).all():
        raise ValueError("The clips hold NaN or infinity; expected finite values.")
    return clips
