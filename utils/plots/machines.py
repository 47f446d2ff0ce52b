"""Diagrams of the machines: recurrent cells, encoder and decoder, attention, windows, a GAN.

One unit of the axes is one inch of a figure of its natural size: at 7 to 8 inches, text fits. An
arrow ends where its value is used; a dot is where a line forks; a line hops over one it crosses.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Polygon, Rectangle
from matplotlib.path import Path

from utils.plots.style import GENERATED, HIDDEN, INK, PALETTE, REAL, Color, _axes, _grid

Point = tuple[float, float]
FAINT, GREY, WHITE = "0.82", "0.55", "white"
BLUE, RED, PINK = PALETTE[0], PALETTE[3], PALETTE[4]
LAYER = (0.72, 0.38)
STEPS = ("forget", "write", "update", "output")  # of an LSTM's cell: what may be highlighted


def _canvas(ax: Axes | None, title: str, width: float, height: float) -> Axes:
    """Return empty axes of that size in inches, or those given with the same limits."""
    ax = _axes(ax, (width, height + 0.3))
    ax.set(xlim=(0, width), ylim=(0, height), title=title, aspect="equal")
    ax.axis("off")
    return ax


def _light(color: Color) -> list[float]:
    """Return the colour mixed with white: opaque, so that no line shines through."""
    return [0.82 + 0.18 * part for part in to_rgb(color)]


def _write(ax: Axes, texts: str, font: float = 11, **look: Any) -> None:
    """Write texts, such as ``"0,1 left; 2,1 right"``, centred on their places or as asked for."""
    style: dict[str, Any] = {"ha": "center", "va": "center", "color": INK} | look
    for text in texts.split("; "):
        place, words = text.split(" ", 1)
        x, y = map(float, place.split(","))
        ax.text(x, y, words, fontsize=font, zorder=6, **style)


def _box(
    ax: Axes, x: float, y: float, text: str, color: Color = INK, size: Point = LAYER, **look: Any
) -> None:
    """Draw a rounded box around its centre."""
    rounding, font = look.pop("rounding", 0.08), look.pop("font", 11.5)
    shape = f"round,pad=0,rounding_size={min(rounding, *(side / 2 for side in size))}"
    style = {
        "fc": _light(color),
        "ec": color,
        "lw": 1.3,
        "zorder": 4 - 2 * (color == FAINT),
    } | look
    corner = (x - size[0] / 2, y - size[1] / 2)
    ax.add_patch(FancyBboxPatch(corner, *size, boxstyle=shape, **style))
    if text:
        _write(ax, f"{x},{y} {text}", font, color=GREY if color == FAINT else INK)


def _circles(ax: Axes, signs: str, color: Color = INK, radius: float = 0.15, **look: Any) -> None:
    """Draw circles with signs; by default those of operations element by element."""
    font = look.pop("font", 11.5)
    style = {"fc": WHITE, "ec": color, "lw": 1.3, "zorder": 4 - 2 * (color == FAINT)} | look
    for sign in signs.split("; "):
        x, y = map(float, sign.split(" ", 1)[0].split(","))
        ax.add_patch(Circle((x, y), radius, **style))
    _write(ax, signs, font, color=GREY if color == FAINT else INK)


def _dots(ax: Axes, places: str, color: Color = INK) -> None:
    """Draw the dots at which lines fork, such as those at ``"2.2,1 3.1,1"``."""
    for place in places.split():
        x, y = map(float, place.split(","))
        ax.add_patch(Circle((x, y), 0.04, color=color, lw=0, zorder=4 - 2 * (color == FAINT)))


def _lines(
    ax: Axes, routes: str, color: Color = INK, width: float = 1.3, kind: str = "-|>"
) -> None:
    """Draw lines with rounded corners and an arrow's head at their last points.

    Args:
        routes: such as ``"0,0 2,0 2,1; 3,0 ~3,1 3,2"``: the points of each line; over one that is
            marked by "~" the line hops, bending to its left.
        kind: "-|>", or "-" without a head, or "--|>" dashed.
    """
    style: dict[str, Any] = {"color": color, "lw": width, "zorder": 3 - 2 * (color == FAINT)}
    style |= {"mutation_scale": 7.5 + 2.2 * width, "joinstyle": "miter", "capstyle": "butt"}
    for route in routes.split(";"):
        points: list[np.ndarray] = []
        for token in route.split():
            at = np.array([float(part) for part in token.strip("~").split(",")])
            if token.startswith("~"):
                way = (at - points[-1]) / np.hypot(*(at - points[-1]))
                left, bend = way[::-1] * (-1, 1), np.linspace(0, np.pi, 13)
                points += [at - 0.1 * (np.cos(a) * way - np.sin(a) * left) for a in bend]
            else:
                points.append(at)
        vertices, codes = [points[0]], [Path.MOVETO]
        for before, corner, after in zip(points, points[1:], points[2:], strict=False):
            back, on = before - corner, after - corner
            radius = min(0.1, np.hypot(*back) / 2, np.hypot(*on) / 2)
            first, last = (corner + radius * way / np.hypot(*way) for way in (back, on))
            vertices += [first, corner, last]
            codes += [Path.LINETO, Path.CURVE3, Path.CURVE3]
        path = Path(np.array([*vertices, points[-1]]), [*codes, Path.LINETO])
        if kind == "--|>":  # the line, but not its head
            ax.add_patch(FancyArrowPatch(path=path, arrowstyle="-", ls=(0, (4, 2)), **style))
            path = Path(np.array([0.99 * points[-1] + 0.01 * points[-2], points[-1]]))
        ax.add_patch(FancyArrowPatch(path=path, arrowstyle=kind.replace("--", "-"), **style))


def _square(ax: Axes, x: float, y: float, side: float = 0.4, **look: Any) -> None:
    """Draw a square, or another rectangle, from its lower left corner."""
    style: dict[str, Any] = {"height": side, "fc": WHITE, "ec": INK, "lw": 1} | look
    ax.add_patch(Rectangle((x, y), side, **style))


def _cell(ax: Axes, low: float, high: float, keys: bool = True) -> None:
    """Draw the border of a cell, and below it what boxes and circles stand for."""
    size, y = (5.6, high - low), low - 0.3
    _box(ax, 3.75, (low + high) / 2, "", FAINT, size, rounding=0.15, fc="0.975", zorder=0)
    if keys:
        _box(ax, 2.55, y, "", GREY, (0.36, 0.22))
        _circles(ax, f"4.6,{y} ", GREY, 0.11)
        _write(ax, f"2.82,{y} layer with weights; 4.8,{y} element by element", 9.5, ha="left")


def rnn(ax: Axes | None = None, *, title: str = "A recurrent layer, folded and unrolled") -> Axes:
    """Draw a recurrent layer with its loop, and the same layer over four steps."""
    ax = _canvas(ax, title, 7.5, 2.9)
    for x, step in ((0.75, "t"), (3.2, "1"), (4.4, "2"), (5.6, "3"), (6.8, "4")):
        _box(ax, x, 1.55, f"$h_{step}$", HIDDEN, (0.6, 0.5), font=13)
        _write(ax, f"{x},0.48 $x_{step}$; {x},2.64 $y_{step}$", 13)
        _lines(ax, f"{x},0.64 {x},1.3", BLUE, 1.8)
        _lines(ax, f"{x},1.8 {x},2.48", PINK, 1.8)
        _write(ax, f"{x + 0.1},0.96 $W$; {x + 0.1},2.12 $V$", ha="left")
        if step != "t":
            _lines(ax, f"{x - 0.9},1.55 {x - 0.3},1.55", RED, 1.8)
            _write(ax, f"{x - 0.62},1.7 $U$")
    _lines(ax, "1.05,1.67 1.45,1.67 1.45,1.43 1.05,1.43", RED, 1.8)
    _write(ax, "1.6,1.55 $U$; 2.14,1.55 $h_0$", 12)
    ax.plot([1.84, 1.84], [0.4, 2.75], color=FAINT, lw=1.3, ls=":")
    _write(ax, "0.75,0.12 folded; 5,0.12 unrolled: the same $W$, $U$ and $V$ at every step", 9.5)
    return ax


def neuron(ax: Axes | None = None, *, title: str = "A neuron") -> Axes:
    """Draw inputs, their weights, the sum with its bias, the activation and the output."""
    ax = _canvas(ax, title, 7.5, 2.7)
    centre = np.array([3.1, 1.35])
    for height, name in ((2.4, "1"), (1.75, "2"), (0.3, "n")):
        source = np.array([0.6, height])
        way = (centre - source) / np.hypot(*(centre - source))
        first, last = source + 0.24 * way, centre - 0.36 * way
        _lines(ax, f"{first[0]},{first[1]} {last[0]},{last[1]}", BLUE, 1.8)
        _circles(ax, f"0.6,{height} $x_{name}$", radius=0.24, font=13)
        x, y = 0.58 * first + 0.42 * last + 0.17 * np.array([-way[1], way[0]])
        _write(ax, f"{x},{y} $w_{name}$", 12)
    _circles(ax, "3.1,1.35 $\\Sigma$", HIDDEN, 0.36, font=17, fc=_light(HIDDEN))
    _lines(ax, "3.1,0.47 3.1,0.99", RED, 1.8)
    _lines(ax, "3.46,1.35 4.75,1.35; 5.65,1.35 6.55,1.35")
    _box(ax, 5.2, 1.35, "", PINK, (0.9, 0.9))
    ax.plot([[4.85, 5.2], [5.55, 5.2]], [[1.35, 1], [1.35, 1.7]], color=GREY, lw=0.8, zorder=5)
    curve = np.linspace(-1, 1, 60)
    ax.plot(5.2 + 0.35 * curve, 1.35 + 0.3 * np.tanh(3 * curve), color=PINK, lw=2, zorder=5)
    _write(ax, "3.1,1.89 sum; 3.1,0.3 bias $b$; 4.08,1.54 $w \\cdot x + b$; 5.2,0.72 activation φ")
    _write(ax, "0.6,1.02 $\\vdots$; 6.66,1.35 $y$; 6.1,2.4 $y = \\varphi(w \\cdot x + b)$", 13)
    return ax


def _lstm(ax: Axes, highlight: str | None, font: float) -> None:
    """Draw an LSTM's cell, all of it or one of its steps in colour."""
    if highlight not in (None, *STEPS):
        names = ", ".join(map(repr, STEPS))
        raise ValueError(f"The highlight is {highlight!r}; expected None or one of {names}.")

    def tone(parts: str, color: Color = INK) -> Color:
        return color if highlight is None or highlight in parts.split() else FAINT

    def label(texts: str, color: Color, side: str = "left") -> None:
        _write(ax, texts, font + 1, ha=side, color=GREY if color == FAINT else INK)

    read, write, output = tone("forget write output"), tone("write output"), tone("output")
    forgotten, written, memory = tone("forget update"), tone("write update"), tone("update")
    _cell(ax, 0.55, 3.45, keys=highlight is None)
    for x, part in ((2.2, "forget"), (3.1, "write"), (4.05, "write"), (5.0, "output")):
        function, color = ("tanh", PINK) if x == 4.05 else ("$\\sigma$", BLUE)
        _box(ax, x, 1.6, function, tone(part, color), font=font)
        _lines(ax, f"{x},1.05 {x},1.41" if x < 5 else "4.05,1.05 5,1.05 5,1.41", tone(part))
    if highlight is None:
        names = "2.2,0.78 forget gate; 3.1,0.78 input gate; 4.05,0.78 candidate; 5,0.78 output gate"
        _write(ax, f"{names}; 1.78,1.23 $[h_{{t-1}}, x_t]$", 9.5)
    # What is read, the old state and the input one behind the other; on the right, what leaves.
    _lines(ax, "0.55,1.05 1.23,1.05; 1.3,0.36 1.3,0.85", read)
    _box(ax, 1.3, 1.05, "", read, (0.14, 0.4))
    _lines(ax, "1.37,1.05 2.2,1.05", read, kind="-")
    _lines(ax, "2.2,1.05 4.05,1.05", write, kind="-")
    _lines(ax, "5.95,1.85 5.95,1.05 6.95,1.05", output)
    _dots(ax, "2.2,1.05", read)
    _dots(ax, "3.1,1.05 4.05,1.05", write)
    # The memory, from left to right along the top.
    _lines(ax, "0.55,3.05 2.05,3.05; 2.35,3.05 3.9,3.05", tone("update", HIDDEN), 3.2)
    _lines(ax, "4.2,3.05 6.95,3.05", tone("update output", HIDDEN), 3.2)
    # What the layers do to it, and what it shows.
    _lines(ax, "2.2,1.79 2.2,2.9", forgotten)
    _lines(ax, "3.1,1.79 3.1,2.4 3.9,2.4; 4.05,1.79 4.05,2.25", written)
    _lines(ax, "4.05,2.55 4.05,2.9", memory)
    _lines(ax, "5,1.79 5,2 5.8,2; 5.95,3.05 5.95,2.76; 5.95,2.44 5.95,2.15", output)
    _dots(ax, "5.95,3.05", output)
    _box(ax, 5.95, 2.6, "tanh", output, (0.84, 0.32), font=font, rounding=1, fc=WHITE)
    _circles(ax, "2.2,3.05 $\\times$; 4.05,3.05 $+$; 4.05,2.4 $\\times$", memory, font=font)
    _circles(ax, "5.95,2 $\\times$", output, font=font)
    label("2.3,2.35 $f_t$", forgotten)
    label("3.38,2.58 $i_t$; 4.15,2.02 $\\tilde{c}_t$", written)
    label("5.3,2.18 $o_t$; 7,1.05 $h_t$", output)
    label("7,3.05 $c_t$", tone("update output"))
    label("0.5,3.05 $c_{t-1}$", memory, "right")
    label("0.5,1.05 $h_{t-1}$", read, "right")
    label("1.3,0.2 $x_t$", read, "center")


def lstm_cell(
    ax: Axes | None = None, *, highlight: str | None = None, title: str = "An LSTM's cell"
) -> Axes:
    """Draw an LSTM's cell: its memory along the top, the layers that guard it below.

    With a ``highlight`` ("forget", "write", "update" or "output") that step alone is in colour, the
    rest in light grey; another name raises a ValueError.
    """
    ax = _canvas(ax, title, 7.5, 3.5)
    _lstm(ax, highlight, 11.5)
    return ax


def lstm_step_by_step(
    axes: np.ndarray | None = None, *, title: str = "One step of an LSTM, part by part"
) -> np.ndarray:
    """Draw an LSTM's cell four times: what forgets, what writes, the memory, the output."""
    f, i, o = (f"${g}_t = \\sigma(W_{g} x_t + U_{g} h_{{t-1}} + b_{g})$" for g in "fio")
    equations = {
        "1  Forget": f,
        "2  Write": i + "\n$\\tilde{c}_t = \\tanh(W_c x_t + U_c h_{t-1} + b_c)$",
        "3  Update the memory": "$c_t = f_t \\odot c_{t-1} + i_t \\odot \\tilde{c}_t$",
        "4  Output": o + "\n$h_t = o_t \\odot \\tanh(c_t)$",
    }
    axes = _grid(axes, 4, 2, title, size=(3.75, 2.25))
    for ax, step, (name, equation) in zip(axes, STEPS, equations.items(), strict=True):
        _canvas(ax, name, 7.5, 3.5).set(xlim=(-0.22, 7.6), ylim=(-0.65, 3.5))
        _lstm(ax, step, 9)
        _write(ax, "4.1,-0.05 " + equation, 9.5, linespacing=1.5)
    return axes


def gru_cell(ax: Axes | None = None, *, title: str = "A GRU's cell") -> Axes:
    """Draw a GRU's cell, whose update gate z keeps the old state and 1 - z lets in the new."""
    ax = _canvas(ax, title, 7.5, 3.7)
    _cell(ax, 0.5, 3.65)
    _box(ax, 2.3, 1.7, "$\\sigma$", BLUE)
    _box(ax, 3.55, 1.7, "$\\sigma$", BLUE)
    _box(ax, 5.1, 1.7, "tanh", PINK)
    _lines(ax, "0.55,3.25 3.4,3.25; 3.7,3.25 4.95,3.25; 5.25,3.25 6.95,3.25", HIDDEN, 3.2)
    # What the gates read, and what the candidate reads.
    _lines(ax, "1.3,3.25 1.3,1.35; 1.3,0.36 1.3,0.95; 1.37,1.15 3.55,1.15 3.55,1.51")
    _lines(ax, "2.3,1.15 2.3,1.51; 2.3,1.89 2.3,2.15; 2.3,3.25 2.3,2.45")
    _lines(ax, "2.45,2.3 ~3.55,2.3 4.3,2.3 4.3,1.15 5.03,1.15; 1.3,0.7 5.1,0.7 5.1,0.95")
    for x in (1.3, 5.1):
        _box(ax, x, 1.15, "", INK, (0.14, 0.4))
    # What is kept, and what is added.
    _lines(ax, "3.55,1.89 3.55,3.1; 3.55,2.7 4.11,2.7; 4.49,2.7 4.95,2.7")
    _lines(ax, "5.1,1.35 5.1,1.51; 5.1,1.89 5.1,2.55; 5.1,2.85 5.1,3.1")
    _dots(ax, "1.3,3.25 2.3,3.25 1.3,0.7 2.3,1.15 3.55,2.7")
    _circles(ax, "2.3,2.3 $\\times$; 3.55,3.25 $\\times$; 5.1,2.7 $\\times$; 5.1,3.25 $+$")
    _circles(ax, "4.3,2.7 $1-$", radius=0.19, font=10)
    _write(ax, "2.4,2.02 $r_t$; 3.65,2.05 $z_t$; 5.2,2.25 $\\tilde{h}_t$", 12.5, ha="left")
    _write(ax, "0.28,3.25 $h_{t-1}$; 7.12,3.25 $h_t$; 1.3,0.2 $x_t$", 12.5)
    _write(ax, "2.3,0.92 reset gate; 3.55,0.92 update gate; 5.88,1.7 candidate", 9.5)
    _write(ax, "1.81,1.33 $[h_{t-1}, x_t]$; 2.98,2.47 $r_t \\odot h_{t-1}$; 4.72,2.87 $1-z_t$", 9.5)
    return ax


def encoder_decoder(ax: Axes | None = None, *, title: str = "An encoder and a decoder") -> Axes:
    """Draw an encoder that reads a date, its last state, and the decoder that writes from it."""
    ax = _canvas(ax, title, 7.5, 2.75)
    neck = [(3.1, 1.7), (3.7, 1.57), (4.3, 1.7), (4.3, 1.3), (3.7, 1.43), (3.1, 1.3)]
    ax.add_patch(Polygon(neck, fc=_light(RED), ec=RED, lw=1.3))
    _lines(ax, "3.23,1.5 4.17,1.5", RED, 1.8)
    for step in range(4):
        for x, name, color in ((0.45, "h", BLUE), (4.4, "s", PINK)):
            x += 0.85 * step
            _box(ax, x, 1.5, f"${name}_{step + 1}$", color, (0.46, 0.5), font=12)
            _lines(ax, f"{x},0.8 {x},1.25")
            if step:
                _lines(ax, f"{x - 0.62},1.5 {x - 0.23},1.5")
        _lines(ax, f"{x},1.75 {x},2.25")
        if step < 3:
            back = f"{x + 0.12},2.42 {x + 0.38},2.42 ~{x + 0.38},1.5 {x + 0.38},0.62"
            _lines(ax, f"{back} {x + 0.73},0.62", GREY)
    _write(ax, "0.45,0.62 M; 1.3,0.62 a; 2.15,0.62 y; 3,0.62 5", 12)
    _write(ax, "5.25,0.62 5; 6.1,0.62 /; 6.95,0.62 5; 4.4,2.42 5; 5.25,2.42 /; 6.1,2.42 5", 12)
    _write(ax, "4.4,0.62 <start>; 6.95,2.42 <end>; 3.68,2.02 bottleneck:\nonly $h_4$ passes", 10)
    _write(ax, "1.72,0.15 encoder: reads in order; 5.68,0.15 decoder: reads what it wrote", 9.5)
    return ax


def attention(ax: Axes | None = None, *, title: str = "Attention over five states") -> Axes:
    """Draw a query that weighs the encoder's states, their weighted sum, and the output."""
    ax = _canvas(ax, title, 7.5, 4.35)
    _box(ax, 2.75, 0.65, "", FAINT, (4.5, 0.62), rounding=0.1, fc="0.975", zorder=0)
    for step, weight in enumerate((0.06, 0.16, 0.5, 0.22, 0.06), start=1):
        x = 0.05 + 0.9 * step
        _box(ax, x, 0.65, f"$h_{step}$", BLUE, (0.5, 0.4))
        _lines(ax, f"{x},0.85 {x},1.21; {x},1.59 {x},1.81; {x},2.19 {x},2.45")
        _lines(ax, f"{x},{2.72 + weight} {x},3.51")
        _square(ax, x - 0.17, 2.45, 0.34, height=weight, fc=_light(RED), ec=RED, lw=1.3)
        _write(ax, f"{x},{2.58 + weight} $\\alpha_{step}$")
    _box(ax, 2.75, 1.4, "scores", GREY, (4.5, 0.38))
    _box(ax, 2.75, 2, "softmax", GREY, (4.5, 0.38))
    _box(ax, 2.75, 3.7, "weighted sum  $\\Sigma\\, \\alpha_i h_i$", GREY, (4.5, 0.38))
    _box(ax, 6.45, 1.4, "$s_t$", PINK, (0.6, 0.4), font=13)
    _box(ax, 6.45, 3.7, "output layer", GREY, (1.2, 0.38), font=11)
    _lines(ax, "0.5,0.65 0.2,0.65 0.2,3.7 0.5,3.7; 6.15,1.4 5,1.4; 6.45,1.6 6.45,3.51")
    _lines(ax, "5,3.7 5.85,3.7", RED, 1.8)
    _lines(ax, "6.45,3.89 6.45,4.12")
    _write(ax, "5.4,3.86 $c_t$; 6.45,4.23 $y_t$", 12)
    _write(ax, "5.55,1.54 query; 5.42,3.5 context; 6.45,1.05 decoder's state", 9.5)
    _write(ax, "2.75,0.17 the encoder's states: a memory; 5.6,2.6 weights, sum 1", 9.5)
    return ax


def windows_of_series(ax: Axes | None = None, *, title: str = "Windows cross no border") -> Axes:
    """Draw a series, its three parts, and the windows of past, gap and future that fit in one."""
    ax = _canvas(ax, title, 7.5, 3.0)
    side, past, gap, future = 0.235, PALETTE[9], WHITE, HIDDEN
    edges = 0.22 + side * np.arange(31)
    for x in edges[:-1]:
        _square(ax, x, 2.35, side, fc="0.93")
    for first, last, name in ((0, 14, "train"), (14, 22, "validation"), (22, 30, "test")):
        left, right = edges[first] + 0.03, edges[last] - 0.03
        _lines(ax, f"{left},2.64 {left},2.7 {right},2.7 {right},2.64", kind="-")
        _write(ax, f"{(left + right) / 2},2.86 {name}")
        if first:
            ax.plot([edges[first]] * 2, [0.5, 2.6], color=RED, lw=1.6, ls=(0, (4, 2)), zorder=5)
    for y, starts in ((1.9, (0, 14, 22)), (1.5, (1, 15, 23)), (1.1, (2,)), (0.65, (10, 18))):
        for start in starts:
            for x, fill in zip(edges[start:], [past] * 4 + [gap] + [future] * 2, strict=False):
                _square(ax, x, y, side, **({"fc": fill} if y > 1 else {"ec": GREY}))
            if y < 1:
                left, right = edges[start], edges[start + 7]
                cross = f"{left},{y} {right},{y + side}; {left},{y + side} {right},{y}"
                _lines(ax, cross, RED, 1.6, "-")
    _write(ax, "2.55,1.21 $\\cdots$; 6.78,0.77 crosses a border:\nleft out", 9.5)
    for x, name, fill in ((1.87, "past", past), (3.04, "gap", gap), (4.22, "future", future)):
        _square(ax, x, 0.1, side, fc=fill)
        _write(ax, f"{x + 0.33},0.215 {name}", 10, ha="left")
    return ax


def gan(ax: Axes | None = None, *, title: str = "A GAN: forwards and, dashed, backwards") -> Axes:
    """Draw generator and discriminator, and the gradient that comes back through both."""
    ax = _canvas(ax, title, 7.5, 2.95)
    _circles(ax, "0.4,1.95 $z$", INK, 0.25, font=13)
    _box(ax, 1.75, 1.95, "$G$", PINK, (0.9, 0.8), font=15)
    _box(ax, 3.45, 1.95, "fake", GENERATED, (0.9, 0.8))
    _box(ax, 3.45, 0.65, "real", REAL, (0.9, 0.8))
    _box(ax, 5.3, 1.3, "$D$", HIDDEN, (0.9, 2.1), font=15)
    _box(ax, 6.95, 1.3, "logit", GREY, (0.8, 0.6))
    _lines(ax, "0.65,1.95 1.3,1.95; 2.2,1.8 3,1.8; 3.9,1.8 4.85,1.8; 3.9,0.65 4.85,0.65")
    _lines(ax, "5.75,1.2 6.55,1.2")
    _lines(ax, "6.55,1.42 5.75,1.42; 4.85,2.1 3.9,2.1; 3,2.1 2.2,2.1", RED, 1.6, "--|>")
    _write(ax, "0.4,1.53 noise; 1.75,1.4 generator; 5.3,0.1 discriminator", 10)
    _write(ax, "3.9,2.65 gradient of $G$'s loss, through $D$", 10)
    return ax


def masking(ax: Axes | None = None, *, title: str = "A padded batch and its mask") -> Axes:
    """Draw sequences of different lengths as one grid, their mask, and each row's last step."""
    ax = _canvas(ax, title, 7.5, 2.75)
    last: dict[str, Any] = {"fill": False, "ec": RED, "lw": 2.6, "zorder": 5}
    for y, word in ((2.0, "summer"), (1.6, "sun"), (1.2, "light"), (0.8, "go")):
        for left, texts in ((0.75, word.ljust(6)), (4.4, ("1" * len(word)).ljust(6, "0"))):
            for step, text in enumerate(texts):
                x, fill = left + 0.4 * step, _light(BLUE) if step < len(word) else "0.93"
                _square(ax, x, y, fc=fill, ec=GREY)
                _write(ax, f"{x + 0.2},{y + 0.2} {text}", 12)
            _square(ax, left + 0.4 * (len(word) - 1), y, **last)
    _lines(ax, "0.75,0.65 3.15,0.65; 4.4,0.65 6.8,0.65", GREY)
    _write(ax, "1.95,0.5 time; 5.6,0.5 time", 9.5)
    _write(ax, "1.95,2.58 batch: one sequence a row; 5.6,2.58 mask: 1 where there is a step")
    _square(ax, 1.2, 0.04, 0.22, **last)
    _square(ax, 5.0, 0.04, 0.22, fc="0.93", ec=GREY)
    _write(ax, "1.55,0.15 the last real step, whose state counts; 5.35,0.15 padding", 10, ha="left")
    return ax


def _sheets(ax: Axes, x: float, y: float, side: int, count: int, color: Color) -> None:
    """Draw feature maps around a centre as sheets, one for eight, and write what they are."""
    size, sheets = 0.042 * side, max(count // 8, 1)
    for sheet in reversed(range(sheets)):
        shift = 0.055 * (sheet - (sheets - 1) / 2)
        corner = x + shift - size / 2, y + shift - size / 2
        _square(ax, *corner, size, fc=_light(color), ec=color, zorder=4)
    maps = f"{count} maps" if count > 1 else "1 map"
    _write(ax, f"{x},{y - 0.86} {side} × {side}, {maps}", 10)


def dcgan(ax: Axes | None = None, *, title: str = "The two networks of a DCGAN") -> Axes:
    """Draw the feature maps of generator and discriminator, and the layers between them."""
    ax = _canvas(ax, title, 7.5, 4.3)
    _circles(ax, "0.6,3.3 $z$", INK, 0.25, font=13)
    _write(ax, "0.6,2.44 50 numbers", 10)
    for y, places in ((3.3, (2.2, 4.2, 6.4)), (1.1, (5.0, 3.0, 0.8))):
        for x, side, count in zip(places, (7, 14, 28), (64, 32, 1), strict=True):
            color = {1: GENERATED if y > 2 else INK}.get(count, PINK if y > 2 else HIDDEN)
            _sheets(ax, x, y, side, count, color)
    _box(ax, 6.9, 1.1, "logit", GREY, (0.8, 0.5))
    _lines(ax, "0.9,3.3 1.8,3.3; 2.65,3.3 3.75,3.3; 4.65,3.3 5.75,3.3")
    _lines(ax, "1.45,1.1 2.55,1.1; 3.45,1.1 4.55,1.1; 5.45,1.1 6.45,1.1")
    _write(ax, "1.35,3.5 dense; 3.2,3.6 transposed\nconvolution", 9.5)
    _write(ax, "5.2,3.6 transposed\nconvolution; 2,1.3 convolution; 4,1.3 convolution", 9.5)
    _write(ax, "5.95,1.3 dense", 9.5)
    _write(ax, "0.1,4.15 generator; 0.1,1.98 discriminator", 11, ha="left", color=GREY)
    return ax
