"""Drawings of the preconditioner, of other generators and of a judge: on the axes given, whole."""

from __future__ import annotations

from collections.abc import Callable

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyArrowPatch

from tests.test_machines import outside, overlaps, texts
from utils.plots import generators
from utils.plots.judge import judge_protocol
from utils.plots.machines import FAINT

LABELS = {
    generators.there_and_back: [
        *generators.STAGES,
        *generators.FORWARDS,
        *generators.BACKWARDS,
    ],
    generators.timegan: ["embedder", "recovery", "generator", "discriminator", "supervisor", "$z$"],
    generators.quantgan: ["noise", "reach 1", "reach 4", "$D$"],
    generators.diffusion: ["$x_{0}$", "$x_{K}$", "pure noise", "+ noise"],
    judge_protocol: ["$s$", "real\nwindows", "generated\nwindows"],
}


@pytest.fixture(autouse=True)
def _closed():
    """Close every figure at the end."""
    yield
    plt.close("all")


@pytest.mark.parametrize("draw", LABELS)
def test_a_drawing_is_on_the_axes_given_with_its_labels(draw: Callable[..., Axes]) -> None:
    _, ax = plt.subplots()
    assert draw(ax, title="A title") is ax
    assert ax.get_title() == "A title"
    assert set(LABELS[draw]) <= set(texts(ax))


@pytest.mark.parametrize("width", [7.0, 7.5, 8.0])
@pytest.mark.parametrize("draw", LABELS)
def test_a_drawing_fits_in_a_figure_of_its_own(draw: Callable[..., Axes], width: float) -> None:
    ax = draw()
    natural, height = ax.figure.get_size_inches()
    assert natural == 7.5
    ax.figure.set_size_inches(width, height * width / natural)
    assert outside(ax) == []
    assert overlaps(ax) == []
    assert min(text.get_fontsize() for text in ax.texts) >= 9


def test_the_convolutions_of_quantgan_reach_all_eight_noises() -> None:
    ax = generators.quantgan()
    lowest = [
        patch.get_path().vertices[0]
        for patch in ax.patches
        if isinstance(patch, FancyArrowPatch) and to_rgb(patch.get_edgecolor()) != to_rgb(FAINT)
    ]
    starts = {round(float(x), 2) for x, y in lowest if y < 0.6}
    assert len(starts) == 8


def test_a_judge_is_trained_and_tested_on_both_sets() -> None:
    written = texts(judge_protocol())
    for text in ("80 %", "20 %", "train", "test"):
        assert written.count(text) == 2
