"""Judges of clips: of the motion by phase correlation, of the frames by a classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np

from utils.lessons.video.clips import ROUND, SIDE, SPEEDS


class Shifts(NamedTuple):
    """What phase correlation finds: ``pixels`` (…, 2), down and across, and ``heights`` (…).

    Used in lesson 16.3.
    """

    pixels: np.ndarray
    heights: np.ndarray


def phase_correlation(before: np.ndarray, after: np.ndarray) -> Shifts:
    """Return the shift that best turns one picture into the next, and how well it does.

    Defined in lesson 16.3.

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

    Used in lesson 16.3.

    Raises:
        ValueError: unless the clips are (clips, frames, height, width) of two frames or more.
    """
    clips = _check_clips(clips, fewest=2)
    return phase_correlation(clips[:, :-1], clips[:, 1:])


@dataclass(frozen=True)
class Motion:
    """How clips move; of true clips these are 1, 1, near 0, and near ``expected_bounces``.

    Used in lesson 16.3.

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

    Used in lesson 16.3.

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

    Used in lesson 16.3.

    A turn is a step back right after a step forth, along the same axis.
    """
    shifts = np.asarray(shifts)
    return (shifts[:, 1:] * shifts[:, :-1] < 0).sum(axis=(1, 2))


def expected_bounces(frames: int) -> float:
    """Return the mean number of reversals of a simulated clip, both axes together.

    Used in lesson 16.1.

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

    Used in lesson 16.4.

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
