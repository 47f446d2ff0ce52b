"""The drawing of a judge: on the axes given, both sets, both parts, the score."""

from __future__ import annotations

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pytest

from tests.test_machines import outside, overlaps, texts
from utils.plots.judge import judge_protocol


@pytest.fixture(autouse=True)
def _closed():
    """Close every figure at the end."""
    yield
    plt.close("all")


def test_it_draws_what_is_trained_and_tested_on_upon_the_axes_given() -> None:
    _, ax = plt.subplots()
    assert judge_protocol(ax, title="A title") is ax
    assert ax.get_title() == "A title"
    written = texts(ax)
    for text in ("80 %", "20 %", "train", "test"):
        assert written.count(text) == 2
    assert {"$s$", "real\nwindows", "generated\nwindows"} <= set(written)


@pytest.mark.parametrize("width", [7.0, 8.0])
def test_it_fits_in_a_figure_of_its_own(width: float) -> None:
    ax = judge_protocol()
    natural, height = ax.figure.get_size_inches()
    assert natural == 7.5
    ax.figure.set_size_inches(width, height * width / natural)
    assert outside(ax) == []
    assert overlaps(ax) == []
    assert min(text.get_fontsize() for text in ax.texts) >= 9
