"""The drawings of the preconditioner and of other generators: on the axes given, all of it."""

from __future__ import annotations

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyArrowPatch

from tests.test_machines import outside, overlaps, texts
from utils.plots import generators
from utils.plots.machines import FAINT

LABELS = {
    "there_and_back": [*generators.STAGES, *generators.FORWARDS, *generators.BACKWARDS],
    "timegan": ["embedder", "recovery", "generator", "discriminator", "supervisor", "$z$"],
    "quantgan": ["noise", "reach 1", "reach 4", "$D$"],
    "diffusion": ["$x_{0}$", "$x_{K}$", "pure noise", "+ noise"],
}


@pytest.fixture(autouse=True)
def _closed():
    """Close every figure at the end."""
    yield
    plt.close("all")


@pytest.mark.parametrize("name", LABELS)
def test_a_drawing_is_on_the_axes_given_with_its_labels(name: str) -> None:
    _, ax = plt.subplots()
    assert getattr(generators, name)(ax, title="A title") is ax
    assert ax.get_title() == "A title"
    assert set(LABELS[name]) <= set(texts(ax))


@pytest.mark.parametrize("name", LABELS)
def test_a_drawing_fits_in_a_figure_of_its_own(name: str) -> None:
    ax = getattr(generators, name)()
    assert ax.figure.get_size_inches()[0] == 7.5
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
