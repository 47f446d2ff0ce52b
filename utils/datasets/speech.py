"""The shipped speech: Japanese vowels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from utils.datasets.files import verified


class Utterances(NamedTuple):
    """Spoken sounds of different lengths, and who spoke each.

    Attributes:
        frames: for each utterance its frames in time order, float32, shape ``(time, 12)``.
        speakers: the number of each utterance's speaker, from 0, int32, shape ``(count,)``.
    """

    frames: list[np.ndarray]
    speakers: np.ndarray


def load_vowels(split: str = "train") -> Utterances:
    """Return the utterances of Japanese Vowels: nine men say the vowels /ae/ in one breath.

    A frame holds the 12 coefficients of the cepstrum of a linear prediction (LPC), without a
    unit; there are 7 to 29 frames in an utterance. The split is the one of Kudo, Toyama and
    Shimbo, "Multidimensional curve classification using passing-through regions", Pattern
    Recognition Letters 20 (1999).

    Args:
        split: ``"train"``, 270 utterances, 30 of each speaker; or ``"test"``, 370, from 24 to 88
            of each.

    Raises:
        ValueError: for another split, or if the file was altered.
        FileNotFoundError: if the file is missing.
    """
    if split not in ("train", "test"):
        raise ValueError(f"There is no split {split!r} of the vowels; expected train or test.")
    with np.load(verified("japanese_vowels.npz"), allow_pickle=False) as file:
        ends = np.cumsum(file[f"{split}_lengths"])
        return Utterances(np.split(file[f"{split}_frames"], ends[:-1]), file[f"{split}_speakers"])
