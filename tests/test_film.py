"""Films: every frame in its order, once, small, and a still for those who see nothing move."""

from __future__ import annotations

import matplotlib

matplotlib.use("Agg")

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from utils.lessons.film import film


def plain(*levels: int) -> list[np.ndarray]:
    """Return a frame of 20 × 30 pixels for each level: black, with a band of that red on top."""
    frames = [np.zeros((20, 30, 3), np.uint8) for _ in levels]
    for frame, level in zip(frames, levels, strict=True):
        frame[:5, :, 0] = level
    return frames


def pages(data: bytes) -> list[np.ndarray]:
    """Return what a film shows, the still first."""
    image = Image.open(io.BytesIO(data))
    shown = []
    for page in range(image.n_frames):
        image.seek(page)
        shown.append(np.asarray(image.convert("RGB")).astype(int))
    return shown


def test_a_film_plays_its_frames_in_order_after_a_still_of_the_last() -> None:
    frames = plain(50, 100, 150, 200)
    still, *played = pages(film(frames))
    assert len(played) == 4
    for shown, frame in zip(played, frames, strict=True):
        np.testing.assert_allclose(shown, frame, atol=2)
    np.testing.assert_allclose(still, frames[-1], atol=2)


def test_it_plays_once_at_its_speed() -> None:
    image = Image.open(io.BytesIO(film(plain(50, 100, 150), milliseconds=80)))
    assert image.format == "PNG"
    assert image.info["loop"] == 1
    assert image.info["default_image"]
    for page in (1, 2, 3):
        image.seek(page)
        assert image.info["duration"] == 80


def test_a_figure_is_drawn_at_its_own_size_and_closed() -> None:
    def figures():
        for height in (0.2, 0.9):
            figure, ax = plt.subplots(figsize=(3, 2), dpi=50)
            ax.axhspan(0, height, color="black")
            ax.set(ylim=(0, 1))
            ax.axis("off")
            yield figure

    before = plt.get_fignums()
    _, low, high = pages(film(figures()))
    assert low.shape == (100, 150, 3)
    assert high.mean() < low.mean() - 50  # more of it is black
    assert plt.get_fignums() == before


def test_a_film_of_curves_stays_small_and_sharp() -> None:
    x = np.linspace(0, 6, 200)
    figures = []
    for shift in np.linspace(0, 1, 10):
        figure, ax = plt.subplots(figsize=(6, 4), dpi=100)
        ax.plot(x, np.sin(x + shift), color="tab:orange")
        figures.append(figure)
    data = film(figures)
    assert len(data) < 100_000
    assert (np.abs(pages(data)[-1] - (255, 127, 14)).max(axis=2) < 6).any()  # the line's colour


@pytest.mark.parametrize(
    ("frames", "options", "words"),
    [
        ([], {}, "expected frames of one size"),
        ([*plain(1), np.zeros((20, 31, 3), np.uint8)], {}, r"\(20, 30\), \(20, 31\)"),
        ([np.zeros((20, 30, 3))], {}, "float64"),
        ([np.zeros((20, 30), np.uint8)], {}, r"\(20, 30\)"),
        (plain(1), {"milliseconds": 0}, "milliseconds is 0"),
        (plain(*range(51)), {"milliseconds": 100}, "lasts 5100 milliseconds"),
    ],
)
def test_what_is_no_film_is_refused(frames, options, words) -> None:
    with pytest.raises(ValueError, match=words):
        film(frames, **options)
