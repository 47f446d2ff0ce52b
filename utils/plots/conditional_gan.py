"""A diagram of the conditional LSTM-GAN: where the label enters each of the two networks."""

from __future__ import annotations

from matplotlib.axes import Axes

from utils.plots.machines import BLUE, PINK, _box, _canvas, _circles, _lines, _write
from utils.plots.style import GENERATED, HIDDEN, INK, REAL


def conditional_gan(
    ax: Axes | None = None, *, title: str = "A conditional GAN: the label enters both networks"
) -> Axes:
    """Draw generator and projection discriminator, each beside the label that it is told.

    Used in lesson 13.4.
    """
    ax = _canvas(ax, title, 7.8, 4.0)
    _write(ax, "0.55,3.4 latents $z$\nand clock; 0.55,2.3 label $y$; 2.5,0.35 label $y$", 10.5)
    _box(ax, 1.75, 2.3, "embed", BLUE, (0.8, 0.42), font=10.5)
    _box(ax, 2.85, 3.1, "LSTM", PINK, (0.8, 0.9))
    _box(ax, 3.95, 3.1, "dense", PINK, (0.7, 0.9), font=10.5)
    _box(ax, 5.2, 3.1, "fake beat", GENERATED, (1.0, 0.5), font=10.5)
    _lines(ax, "1.05,3.4 2.45,3.4; 0.9,2.3 1.35,2.3; 2.15,2.3 2.3,2.3 2.3,2.9 2.45,2.9")
    _lines(ax, "3.25,3.1 3.6,3.1; 4.3,3.1 4.7,3.1")
    _box(ax, 0.75, 1.35, "real beat", REAL, (1.0, 0.5), font=10.5)
    _box(ax, 2.85, 1.35, "LSTM", HIDDEN, (0.8, 0.7))
    _lines(ax, "5.2,2.85 5.2,1.95 2.1,1.95 2.1,1.5 2.45,1.5; 1.25,1.2 2.45,1.2")
    _write(ax, "4,1.35 $\\phi(x)$", 13)
    _lines(ax, "3.25,1.35 3.6,1.35; 4.4,1.35 4.85,1.35")
    _box(ax, 5.3, 1.35, "dense", HIDDEN, (0.9, 0.5), font=10.5)
    _box(ax, 3.6, 0.35, "embed", BLUE, (0.8, 0.42), font=10.5)
    _write(ax, "4.3,0.52 $e_y$", 12)
    _circles(ax, "5.3,0.35 $\\cdot$; 6.35,0.85 +", INK, 0.17)
    _lines(ax, "2.85,0.35 3.2,0.35; 4,0.35 5.13,0.35; 4.6,1.35 4.6,0.75 5.3,0.75 5.3,0.52")
    _lines(ax, "5.75,1.35 6.35,1.35 6.35,1.02; 5.47,0.35 6.35,0.35 6.35,0.68; 6.52,0.85 6.9,0.85")
    _write(ax, "7.32,0.85 logit; 6.95,1.6 is it a beat?; 7.0,0.2 of that kind?", 10.5)
    _write(ax, "0.05,3.85 generator; 0.05,1.75 discriminator", 10, ha="left", color="0.55")
    return ax
