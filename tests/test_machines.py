"""Diagrams of machines: on the axes given, with their labels, inside of their limits."""

from __future__ import annotations

import matplotlib

matplotlib.use("Agg")

import inspect

import matplotlib.pyplot as plt
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from utils.plots import machines

LABELS = {
    "rnn": ["$x_1$", "$x_4$", "$h_0$", "$h_4$", "$y_4$", "$x_t$", "$h_t$", "$y_t$"],
    "neuron": ["$x_1$", "$x_n$", "$w_1$", "$w_n$", "$\\Sigma$", "bias $b$", "$y$"],
    "lstm_cell": [
        *("$c_{t-1}$", "$c_t$", "$h_{t-1}$", "$h_t$", "$x_t$", "$f_t$", "$i_t$", "$o_t$"),
        *("$\\tilde{c}_t$", "$[h_{t-1}, x_t]$", "forget gate", "input gate", "output gate"),
    ],
    "gru_cell": ["$h_{t-1}$", "$h_t$", "$x_t$", "$r_t$", "$z_t$", "$\\tilde{h}_t$", "$1-z_t$"],
    "encoder_decoder": ["$h_4$", "$s_1$", "<start>", "<end>", "bottleneck:\nonly $h_4$ passes"],
    "attention": ["$h_1$", "$h_5$", "$s_t$", "$c_t$", "$y_t$", "query", "softmax", "$\\alpha_3$"],
    "windows_of_series": ["train", "validation", "test", "past", "gap", "future"],
    "gan": ["$z$", "$G$", "$D$", "real", "fake", "logit"],
    "dcgan": ["$z$", "7 × 7, 64 maps", "28 × 28, 1 map", "logit", "generator", "discriminator"],
    "masking": ["padding", "1", "0", "the last real step, whose state counts"],
}
PLACES = ("forget", "write", "update", "output")


@pytest.fixture(autouse=True)
def _closed():
    """Close every figure at the end."""
    yield
    plt.close("all")


def texts(ax: Axes) -> list[str]:
    """Return the texts written inside the axes."""
    return [text.get_text() for text in ax.texts]


def outside(ax: Axes) -> list[str]:
    """Return what is drawn, in a figure of its natural size, outside of the axes' limits."""
    ax.figure.canvas.draw()
    frame = ax.get_window_extent().padded(1.5)  # pixels: half of a line's width
    found = []
    for artist in (*ax.texts, *ax.patches, *ax.lines):
        if not getattr(artist, "get_text", lambda: "drawn")().strip():  # an empty text
            continue
        extent = artist.get_window_extent()
        corners = (extent.x0, extent.y0), (extent.x1, extent.y1)
        if not all(frame.contains(*corner) for corner in corners):
            found.append(f"{artist}: {extent}")
    return found


def overlaps(ax: Axes) -> list[str]:
    """Return the pairs of texts that cover one another."""
    ax.figure.canvas.draw()
    drawn = [(text.get_text(), text.get_window_extent()) for text in ax.texts]
    drawn = [(name, extent) for name, extent in drawn if name.strip()]
    pairs = [(a, b) for i, a in enumerate(drawn) for b in drawn[i + 1 :]]
    return [f"{a[0]!r} and {b[0]!r}" for a, b in pairs if a[1].overlaps(b[1])]


def test_every_public_function_is_tested_here() -> None:
    public = {
        name
        for name, function in inspect.getmembers(machines, inspect.isfunction)
        if not name.startswith("_") and function.__module__ == machines.__name__
    }
    assert public == {*LABELS, "lstm_step_by_step"}


@pytest.mark.parametrize("name", LABELS)
def test_it_draws_its_labels_on_the_axes_given_and_returns_them(name: str) -> None:
    figure, ax = plt.subplots()
    returned = getattr(machines, name)(ax, title="A title")
    assert returned is ax
    assert figure.axes == [ax]
    assert ax.get_title() == "A title"
    assert not ax.axison
    assert ax.get_aspect() == 1
    assert set(LABELS[name]) <= set(texts(ax))


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("width", [7.0, 8.0])
def test_it_fits_in_a_figure_of_its_own(name: str, width: float) -> None:
    ax = getattr(machines, name)()
    assert ax.get_title()
    natural, height = ax.figure.get_size_inches()
    assert natural == 7.5
    ax.figure.set_size_inches(width, height * width / natural)
    assert outside(ax) == []
    assert overlaps(ax) == []


@pytest.mark.parametrize("name", LABELS)
def test_texts_are_at_least_nine_points_high(name: str) -> None:
    assert min(text.get_fontsize() for text in getattr(machines, name)().texts) >= 9


def test_the_same_weights_have_the_same_label_at_every_step() -> None:
    written = texts(machines.rnn())
    assert [written.count(f"${name}$") for name in "WUV"] == [5, 5, 5]


def test_windows_that_cross_a_border_are_crossed_out() -> None:
    ax = machines.windows_of_series()
    drawn = [patch for patch in ax.patches if isinstance(patch, matplotlib.patches.FancyArrowPatch)]
    red = [patch for patch in drawn if to_rgb(patch.get_edgecolor()) == to_rgb(machines.RED)]
    assert len(red) == 2 * 2  # two strokes each


def test_the_mask_is_one_at_every_step_that_is_there() -> None:
    written = texts(machines.masking())
    assert written.count("1") == len("summer") + len("sun") + len("light") + len("go")
    assert written.count("0") == 4 * 6 - written.count("1")


def test_the_steps_are_four_panels() -> None:
    _, axes = plt.subplots(2, 2)
    returned = machines.lstm_step_by_step(axes, title="A title")
    assert list(returned) == list(axes.ravel())
    assert returned[0].figure.get_suptitle() == "A title"
    for ax in machines.lstm_step_by_step():
        assert {"$c_t$", "$h_t$", "$f_t$", "$i_t$", "$o_t$"} <= set(texts(ax))
        assert min(text.get_fontsize() for text in ax.texts) >= 9
    for ax in machines.lstm_step_by_step():
        for width in (7.0, 8.0):
            ax.figure.set_size_inches(width, width * 4.9 / 7.5)
            assert outside(ax) == []
            assert overlaps(ax) == []


def test_the_steps_need_four_axes() -> None:
    with pytest.raises(ValueError, match=r"There are 2 axes; expected 4, one a panel\."):
        machines.lstm_step_by_step(plt.subplots(1, 2)[1])


@pytest.mark.parametrize(
    ("highlight", "bright"),
    [
        ("forget", {"$f_t$", "$h_{t-1}$", "$x_t$"}),
        ("write", {"$i_t$", "$\\tilde{c}_t$", "$h_{t-1}$", "$x_t$"}),
        ("update", {"$c_{t-1}$", "$f_t$", "$i_t$", "$\\tilde{c}_t$", "$c_t$"}),
        ("output", {"$o_t$", "$c_t$", "$h_t$", "$h_{t-1}$", "$x_t$"}),
    ],
)
def test_a_highlight_leaves_the_rest_grey(highlight: str, bright: set[str]) -> None:
    ax = machines.lstm_cell(highlight=highlight)
    names = {text.get_text() for text in ax.texts if "_" in text.get_text()}
    grey = {text.get_text() for text in ax.texts if text.get_color() == machines.GREY}
    assert names - grey == bright


def test_an_unknown_highlight_is_refused() -> None:
    message = r"The highlight is 'sell'; expected None or one of 'forget', 'write', 'update', 'out"
    with pytest.raises(ValueError, match=message):
        machines.lstm_cell(highlight="sell")
    assert machines.STEPS == PLACES
