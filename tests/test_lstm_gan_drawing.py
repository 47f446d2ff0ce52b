"""The drawing of the LSTM-GAN: on the axes given, all of it, with the gradient's way back."""

from __future__ import annotations

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyArrowPatch

from tests.test_machines import outside, overlaps, texts
from utils.plots.lstm_gan import COLUMNS, lstm_gan
from utils.plots.machines import RED


@pytest.fixture(autouse=True)
def _closed():
    """Close every figure at the end."""
    yield
    plt.close("all")


def test_it_draws_both_networks_on_the_axes_given() -> None:
    _, ax = plt.subplots()
    assert lstm_gan(ax, title="A title") is ax
    assert ax.get_title() == "A title"
    written = texts(ax)
    assert written.count("LSTM") == 2 * len(COLUMNS)
    assert {"$z_{1}$", "$x_{24}$", "$s$", "mean of the states", "real window"} <= set(written)


@pytest.mark.parametrize("width", [7.0, 8.0])
def test_it_fits_in_a_figure_of_its_own(width: float) -> None:
    ax = lstm_gan()
    natural, height = ax.figure.get_size_inches()
    assert natural == 7.5
    ax.figure.set_size_inches(width, height * width / natural)
    assert outside(ax) == []
    assert overlaps(ax) == []
    assert min(text.get_fontsize() for text in ax.texts) >= 9


def test_the_gradient_comes_down_to_the_generator_at_every_step_and_not_to_the_latents() -> None:
    ax = lstm_gan()
    ends = [
        patch.get_path().vertices[-1]
        for patch in ax.patches
        if isinstance(patch, FancyArrowPatch) and to_rgb(patch.get_edgecolor()) == to_rgb(RED)
    ]
    for x in COLUMNS.values():
        heights = [y for at, y in ends if abs(at - x) < 0.2]
        assert any(1.5 < y < 1.7 for y in heights)  # the top of the generator's LSTM
        assert not any(y < 1.2 for y in heights)
