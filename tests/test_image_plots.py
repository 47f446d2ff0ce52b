"""The grid of images: which pixel stands where, the frame, the names; bad input."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import same_color

from utils import plots

PICTURES = np.random.default_rng(0).uniform(-1, 1, size=(7, 4, 3))


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def drawn(ax) -> np.ndarray:
    """Return the pixels of the only image in the axes."""
    (image,) = ax.images
    return image.get_array()


def test_every_image_stands_in_its_place_and_the_rest_is_white():
    pixels = drawn(plots.images(PICTURES, columns=3))
    assert pixels.shape == (3 * 4, 3 * 3)
    for i, picture in enumerate(PICTURES):
        row, column = divmod(i, 3)
        place = pixels[4 * row : 4 * (row + 1), 3 * column : 3 * (column + 1)]
        np.testing.assert_array_equal(place, picture)
    assert np.all(pixels[8:, 3:] == 1)


def test_one_channel_is_the_same_and_columns_are_at_most_the_images():
    expected = drawn(plots.images(PICTURES, columns=7))
    np.testing.assert_array_equal(drawn(plots.images(PICTURES[..., None], columns=50)), expected)


def test_lines_stand_between_neighbours_and_nowhere_else():
    assert not plots.images(PICTURES[:6], columns=3).collections
    down, across = plots.images(PICTURES[:6], columns=3, separated=True).collections
    assert [line[0, 0] for line in down.get_segments()] == [2.5, 5.5]
    assert [line[0, 1] for line in across.get_segments()] == [3.5]


def test_black_is_minus_one_and_white_is_one():
    (image,) = plots.images(PICTURES * 0.1).images
    assert image.get_clim() == (-1, 1)
    assert image.cmap.name == "gray"


def test_frame_names_and_title_on_the_axes_given():
    _, given = plt.subplots()
    ax = plots.images(
        PICTURES[:6],
        given,
        columns=3,
        color=plots.GENERATED,
        row_names=["a", "b"],
        column_names=["x", "y", "z"],
        title="Mine",
    )
    assert ax is given
    assert ax.get_title() == "Mine"
    assert all(same_color(spine.get_edgecolor(), plots.GENERATED) for spine in ax.spines.values())
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["x", "y", "z"]
    np.testing.assert_allclose(ax.get_xticks(), [1, 4, 7])  # the middle pixel of each image
    ax.figure.canvas.draw()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.images(PICTURES[0]), r"shape \(4, 3\); expected \(count, height, width\)"),
        (lambda: plots.images(PICTURES[:0]), "each at least 1"),
        (lambda: plots.images(np.zeros((2, 4, 4, 3))), r"shape \(2, 4, 4, 3\)"),
        (lambda: plots.images(PICTURES, columns=0), "columns is 0"),
        (lambda: plots.images(PICTURES, columns=7, row_names="ab"), "2 names for 1 rows"),
        (lambda: plots.images(PICTURES, columns=7, column_names="a"), "1 names for 7 columns"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
