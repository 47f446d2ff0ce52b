"""How a judge scores a generator: what it is trained on, what it is tested on, the score.

One unit of the axes is one inch of a figure of its natural size, as in ``machines``.
"""

from __future__ import annotations

from matplotlib.axes import Axes

from utils.plots.machines import GREY, _box, _canvas, _circles, _lines, _write
from utils.plots.style import GENERATED, HIDDEN, INK, REAL

SETS = {"real": (REAL, 2.5, 1.9), "generated": (GENERATED, 1.1, 0.5)}  # heights of the two parts


def judge_protocol(
    ax: Axes | None = None, *, title: str = "A judge: trained on four fifths, tested on the rest"
) -> Axes:
    """Draw two sets of windows, each cut in two, the judge, its logit, and the score.

    Used in lesson 12.
    """
    ax = _canvas(ax, title, 7.5, 2.9)
    for name, (color, above, below) in SETS.items():
        middle = (above + below) / 2
        _box(ax, 0.75, middle, f"{name}\nwindows", color, (1.2, 0.62), font=10.5)
        for y, share, use in ((above, "80 %", "train"), (below, "20 %", "test")):
            _box(ax, 2.55, y, share, color, (0.8, 0.4), font=10.5)
            _lines(ax, f"1.35,{middle} 1.75,{middle} 1.75,{y} 2.15,{y}; 2.95,{y} 4.05,{y}")
            _write(ax, f"3.45,{y + 0.16} {use}", 10)
    _box(ax, 4.5, 1.5, "judge\n(GRU)", HIDDEN, (0.9, 2.5), font=11)
    _circles(ax, "5.5,1.5 $s$", INK, 0.23, font=12)
    _box(ax, 6.75, 1.5, "accuracy\non the 20 %", GREY, (1.2, 0.62), font=10.5)
    _lines(ax, "4.95,1.5 5.27,1.5; 5.73,1.5 6.15,1.5")
    _write(ax, "5.5,1.08 logit; 6.3,0.55 score = |accuracy − ½|", 10)
    return ax
