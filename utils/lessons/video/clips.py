"""The world of the moving digits: the images, the law of their flight, clips that show it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits

from utils.checks import positive_integer

SIDE, DIGIT = 16, 8  # pixels: of a frame, of a digit in it
ROOM = SIDE - DIGIT  # pixels between a digit's first and last place along an axis
STEP = 2  # pixels a frame, along an axis where a digit moves
CELLS = ROOM // STEP + 1  # places along an axis: 0, 2, 4, 6, 8
ROUND = 2 * ROOM // STEP  # frames there and back, after which the motion repeats
SPEEDS = ((0, STEP), (STEP, 0), (STEP, STEP))  # pixels a frame down and across


class Digits(NamedTuple):
    """Handwritten digits: ``images`` (count, 8, 8) from −1 to 1, ``labels`` (count,).

    Used in lesson 16.1.
    """

    images: np.ndarray
    labels: np.ndarray


class Clips(NamedTuple):
    """Simulated clips and the truth about them.

    Used in lesson 16.1.

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

    Used in lesson 16.1.

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

    Defined in lesson 16.1.

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

    Used in lesson 16.1.

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
    positive_integer(count=count, frames=frames)
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(images), size=count)
    speeds = np.array(SPEEDS)[rng.integers(len(SPEEDS), size=count)]
    start = STEP * rng.integers(ROUND, size=(count, 2))
    time = np.arange(frames)[:, None]
    places = bounce(start[:, None] + time * speeds[:, None]).astype(int)
    return Clips(render(images[chosen], places), labels[chosen], places, speeds)


def render(images: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return black frames, (clips, frames, 16, 16), with each clip's image at its places.

    Used in lesson 16.5.

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
