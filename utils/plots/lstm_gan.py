"""The LSTM-GAN drawn once as a whole: both networks unrolled in time, and the gradient's way back.

One unit of the axes is one inch of a figure of its natural size, as in ``machines``.
"""

from __future__ import annotations

from matplotlib.axes import Axes

from utils.plots.machines import (
    GREY,
    PINK,
    RED,
    _box,
    _canvas,
    _circles,
    _dots,
    _lines,
    _write,
)
from utils.plots.style import GENERATED, HIDDEN, INK, REAL

COLUMNS = {"1": 1.95, "2": 2.85, "24": 4.65}  # where a time step is drawn
BETWEEN = 3.75  # the steps that are left out
LATENTS, GENERATOR, WINDOW, DISCRIMINATOR, LOGIT = 0.5, 1.4, 2.3, 3.2, 4.1  # heights of the rows
APART = 0.09  # of what goes forwards from what comes back, on either side of the middle


def lstm_gan(
    ax: Axes | None = None, *, title: str = "An LSTM-GAN: forwards and, dashed, backwards"
) -> Axes:
    """Draw latents, generator, window, discriminator and logit, and the generator's gradient.

    Used in lesson 10.
    """
    ax = _canvas(ax, title, 7.5, 4.45)
    for step, x in COLUMNS.items():
        _circles(ax, f"{x},{LATENTS} $z_{{{step}}}$", INK, 0.25, font=12)
        _box(ax, x, GENERATOR, "LSTM", PINK, (0.62, 0.42), font=10)
        _box(ax, x, WINDOW, f"$x_{{{step}}}$", GENERATED, (0.5, 0.42), font=12)
        _box(ax, x, DISCRIMINATOR, "LSTM", HIDDEN, (0.62, 0.42), font=10)
        _lines(ax, f"{x},{LATENTS + 0.25} {x},{GENERATOR - 0.21}")
        for low, high in ((GENERATOR, WINDOW), (WINDOW, DISCRIMINATOR)):
            _up_and_back(ax, x, low + 0.21, high - 0.21)
        _up_and_back(ax, x, DISCRIMINATOR + 0.21, LOGIT - 0.16)
    for y in (GENERATOR, DISCRIMINATOR):
        for left, right in ((1.95, 2.85), (2.85, BETWEEN), (BETWEEN, 4.65)):
            start = left + (0.12 if left == BETWEEN else 0.31)
            end = right - (0.12 if right == BETWEEN else 0.31)
            _lines(ax, f"{start},{y + APART} {end},{y + APART}")
            _lines(ax, f"{end},{y - APART} {start},{y - APART}", RED, 1.3, "--|>")
    for y in (LATENTS, GENERATOR, WINDOW, DISCRIMINATOR):
        _write(ax, f"{BETWEEN},{y} $\\cdots$", 12)
    # The states' mean beside the last of them, and the logit.
    _box(ax, 3.3, LOGIT, "mean of the states", GREY, (3.3, 0.32), font=10)
    _box(ax, 5.95, LOGIT, "Dense", GREY, (0.72, 0.42), font=10)
    _circles(ax, f"7.05,{LOGIT} $s$", INK, 0.23, font=12)
    for left, right in ((4.95, 5.59), (6.31, 6.82)):
        _lines(ax, f"{left},{LOGIT + APART} {right},{LOGIT + APART}")
        _lines(ax, f"{right},{LOGIT - APART} {left},{LOGIT - APART}", RED, 1.3, "--|>")
    _lines(ax, f"4.96,{DISCRIMINATOR} 5.95,{DISCRIMINATOR} 5.95,{LOGIT - 0.21}")
    # In place of the generated window, a real one.
    _box(ax, 6.2, WINDOW, "real window", REAL, (1.2, 0.42), font=10)
    _dots(ax, f"4.96,{DISCRIMINATOR}")
    names = ["latents", "generator", "window", "discriminator", "logit"]
    rows = (LATENTS, GENERATOR, WINDOW, DISCRIMINATOR, LOGIT)
    for name, y in zip(names, rows, strict=True):
        _write(ax, f"0.05,{y} {name}", 10.5, ha="left", color=GREY)
    notes = {
        DISCRIMINATOR + 0.14: "last state",
        DISCRIMINATOR - 0.2: "its weights stay",
        WINDOW: "or",
        (GENERATOR + WINDOW) / 2: "Dense at every step",
        GENERATOR: "its weights move",
        LATENTS: "new for every window",
    }
    for height, note in notes.items():
        _write(ax, f"5.1,{height} {note}", 9.5, ha="left")
    return ax


def _up_and_back(ax: Axes, x: float, low: float, high: float) -> None:
    """Draw what goes up at a time step, and beside it the gradient that comes down."""
    _lines(ax, f"{x - APART},{low} {x - APART},{high}")
    _lines(ax, f"{x + APART},{high} {x + APART},{low}", RED, 1.3, "--|>")
