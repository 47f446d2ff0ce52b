"""The shipped images: Fashion-MNIST."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from utils.datasets.files import verified

FASHION_CLASSES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


class Images(NamedTuple):
    """Grey images, and what each one shows.

    Attributes:
        images: 0 (black) to 255 (white), uint8, shape ``(count, height, width)``.
        labels: the number of each image's class, from 0, uint8, shape ``(count,)``.
    """

    images: np.ndarray
    labels: np.ndarray


def load_fashion(split: str = "train", *, full: bool = False) -> Images:
    """Return images of Fashion-MNIST: clothes on black, 28 × 28; ``FASHION_CLASSES`` names them.

    The course ships the first images of each class of the two files, in the files' order: 500
    of 6,000 to train, 100 of 1,000 to test.

    Args:
        split: ``"train"`` or ``"test"``.
        full: all of them, 60,000 or 10,000, which Keras downloads once (30 MB).

    Raises:
        ValueError: for another split, or if the file was altered.
        FileNotFoundError: if the file is missing.
        ConnectionError: if ``full`` is asked for and Keras cannot download the images.

    Source: Xiao, Rasul, Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
    learning algorithms", 2017, arXiv 1708.07747.
    """
    if split not in ("train", "test"):
        raise ValueError(f"There is no split {split!r} of the clothes; expected train or test.")
    if full:
        return _all_fashion()[split]
    with np.load(verified("fashion_mnist.npz"), allow_pickle=False) as file:
        return Images(file[f"{split}_images"], file[f"{split}_labels"])


def _all_fashion() -> dict[str, Images]:
    import keras  # no other loader needs it, and it takes seconds

    try:
        train, test = keras.datasets.fashion_mnist.load_data()
    except Exception as error:  # Keras raises a bare Exception where a download fails
        raise ConnectionError(
            "Keras could not download the whole of Fashion-MNIST; without full=True, the images "
            f"that the course ships are taken ({' '.join(str(error).split())[:100]})."
        ) from error
    return {"train": Images(*train), "test": Images(*test)}
