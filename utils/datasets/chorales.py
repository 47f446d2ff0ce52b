"""The shipped music: Bach's chorales."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from utils.datasets.files import verified


class Chorale(NamedTuple):
    """A four-voice chorale by J. S. Bach on a grid of sixteenths, repeats not written out.

    Attributes:
        bwv: its number in Bach's catalogue, and what tells apart several of one number.
        pitches: MIDI numbers (60 is middle C), 0 where a voice is silent; soprano, alto, tenor,
            bass; int16, shape ``(steps, 4)``.
        onsets: where a note begins, bool, ``(steps, 4)``; a note sounds until the next one or
            a silence.
        sharps: of the key signature at the beginning; flats are negative.
        tune: a number that chorales on (nearly) the same tune share.
    """

    bwv: str
    pitches: np.ndarray
    onsets: np.ndarray
    sharps: int
    tune: int


def load_chorales(split: str = "train") -> list[Chorale]:
    """Return Bach's four-voice chorales: 364, in the order of their numbers, split by tune.

    Bach harmonised many tunes several times. Every fifth tune is held out with all its chorales:
    two chorales count as one tune if their sopranos share three in ten of their runs of eight
    intervals. (A tune that returns in another guise, such as a psalm tone, may slip through.)

    Args:
        split: ``"train"``, 284 chorales, or ``"test"``, 80.

    Raises:
        ValueError: for another split, or if the file was altered.
        FileNotFoundError: if the file is missing.
    """
    if split not in ("train", "test"):
        raise ValueError(f"There is no split {split!r} of the chorales; expected train or test.")
    with np.load(verified("chorales.npz"), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    hold, rest = 0, 1  # tokens that are no pitch
    pieces = np.split(arrays["tokens"].T, np.cumsum(arrays["lengths"])[:-1])
    chorales = []
    for number in np.flatnonzero(arrays["held_out"] == (split == "test")):
        tokens = pieces[number].astype(np.int16)
        # Each step takes the token of the last step that has one; the first step always does.
        steps = np.arange(len(tokens))[:, None]
        last = np.maximum.accumulate(np.where(tokens == hold, 0, steps), axis=0)
        sounding = np.take_along_axis(tokens, last, axis=0)
        pitches = np.where(sounding == rest, 0, sounding).astype(np.int16)
        chorales.append(
            Chorale(
                str(arrays["bwv"][number]),
                pitches,
                tokens > rest,
                int(arrays["fifths"][number]),
                int(arrays["tunes"][number]),
            )
        )
    return chorales
