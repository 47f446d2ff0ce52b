"""How prices become noise and come back, and how three other generators of series work.

One unit of the axes is one inch of a figure of its natural size, as in ``machines``.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from utils.plots.machines import (
    BLUE,
    FAINT,
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

STAGES = (
    "prices,\nvolume",
    "height,\ngaps",
    "bent columns,\nvariance 1",
    "innovations:\nthe news",
    "normal\nscores",
)
FORWARDS = ("logarithms,\ndifferences", "powers,\nscale", "minus what\nis expected", "ranks")
BACKWARDS = ("add up,\nexponential", "scale,\nunbend", "add, day\nafter day", "quantiles")


def there_and_back(
    ax: Axes | None = None, *, title: str = "From prices to noise, and, dashed, back"
) -> Axes:
    """Draw the steps that turn a window of prices into normal scores, and their inverses.

    Used in lesson 11.
    """
    ax = _canvas(ax, title, 7.5, 1.75)
    places = 0.6 + 1.575 * np.arange(5)
    colors = (REAL, BLUE, HIDDEN, PINK, GENERATED)
    for x, stage, color in zip(places, STAGES, colors, strict=True):
        _box(ax, x, 0.88, stage, color, (1.12, 0.6), font=9.5)
    for left, right, there, back in zip(places, places[1:], FORWARDS, BACKWARDS, strict=False):
        _lines(ax, f"{left + 0.56},0.98 {right - 0.56},0.98")
        _lines(ax, f"{right - 0.56},0.78 {left + 0.56},0.78", RED, 1.3, "--|>")
        _write(ax, f"{(left + right) / 2},1.42 {there}", 9)
        _write(ax, f"{(left + right) / 2},0.32 {back}", 9)
    return ax


def timegan(
    ax: Axes | None = None, *, title: str = "TimeGAN: a GAN among the codes of an autoencoder"
) -> Axes:
    """Draw TimeGAN's embedder, recovery, generator, supervisor and discriminator.

    Source: Yoon, Jarrett and van der Schaar, "Time-series Generative Adversarial Networks",
    NeurIPS 2019. Used in lesson 11.
    """
    ax = _canvas(ax, title, 7.5, 2.0)
    for y, name, network, code, color in (
        (1.55, "x", "embedder", "h", BLUE),
        (0.5, "z", "generator", "\\hat{h}", PINK),
    ):
        _circles(ax, f"0.4,{y} ${name}$", REAL if name == "x" else INK, 0.22, font=12)
        _box(ax, 1.6, y, network, color, (1.2, 0.44), font=11)
        _circles(ax, f"2.85,{y} ${code}$", color, 0.22, font=12)
        _lines(ax, f"0.62,{y} 1,{y}; 2.2,{y} 2.63,{y}")
    _box(ax, 4.55, 1.55, "recovery", BLUE, (1.2, 0.44), font=11)
    _box(ax, 4.55, 0.5, "discriminator", HIDDEN, (1.3, 0.44), font=11)
    _box(ax, 6.55, 0.5, "supervisor", RED, (1.2, 0.44), font=11)
    _circles(ax, "5.9,1.55 $\\tilde{x}$", REAL, 0.22, font=12)
    _lines(ax, "3.07,1.55 3.95,1.55; 5.15,1.55 5.68,1.55; 3.07,0.5 3.9,0.5")
    _lines(ax, "3.45,1.55 3.45,1.02 4.55,1.02 4.55,0.72; 4.55,1.02 6.55,1.02 6.55,0.72")
    _dots(ax, "3.45,1.55 4.55,1.02")
    _write(ax, "6.2,1.55 should equal $x$", 9.5, ha="left")
    _write(ax, "4.55,0.13 $h$ or $\\hat{h}$?; 6.55,0.13 the next $h$", 9.5)
    _write(ax, "1.6,0.13 samples: $\\hat{h}$, then recovery", 9.5)
    return ax


def quantgan(
    ax: Axes | None = None, *, title: str = "QuantGAN: dilated convolutions look far back"
) -> Axes:
    """Draw the causal convolutions, dilated by 1, 2 and 4, from noise to one return.

    Source: Wiese, Knobloch, Korn and Kretschmer, "Quant GANs: deep generation of financial time
    series", Quantitative Finance 20(9), 2020, doi:10.1080/14697688.2020.1730426. Used in
    lesson 11.
    """
    ax = _canvas(ax, title, 7.5, 2.0)
    columns, rows = 1.3 + 0.36 * np.arange(8), (0.4, 0.85, 1.3, 1.75)
    used = {7}
    for level in (3, 2, 1):
        reach = 2 ** (level - 1)
        for step in range(reach, 8):
            color = INK if step in used else FAINT
            for source in (step, step - reach):
                start, end = f"{columns[source]},{rows[level - 1] + 0.09}", rows[level] - 0.09
                _lines(ax, f"{start} {columns[step]},{end}", color, 1.0)
        used |= {step - reach for step in used}
    for level, y in enumerate(rows):
        color = (GREY, PINK, PINK, GENERATED)[level]
        _circles(ax, "; ".join(f"{x},{y} " for x in columns), color, 0.09, zorder=5)
    _lines(ax, f"{columns[-1] + 0.1},1.75 4.55,1.75 4.55,1.5")
    _box(ax, 5.05, 1.28, "$r_t = \\sigma_t\\, \\varepsilon_t + \\mu_t$", GENERATED, (1.6, 0.42))
    _lines(ax, "5.85,1.28 6.3,1.28")
    _box(ax, 6.75, 1.28, "$D$", HIDDEN, (0.8, 0.42), font=13)
    _write(ax, "0.55,0.4 noise; 0.55,0.85 reach 1; 0.55,1.3 reach 2; 0.55,1.75 reach 4", 9.5)
    _write(ax, "2.55,0.12 time", 9.5)
    _write(ax, "5.6,0.72 the return of day $t$; 5.6,0.45 $D$: the same convolutions", 9.5)
    return ax


def diffusion(
    ax: Axes | None = None, *, title: str = "A diffusion model: noise in, and, dashed, out again"
) -> Axes:
    """Draw a window that drowns in noise in three steps, and the network's way back.

    Source: Ho, Jain and Abbeel, "Denoising diffusion probabilistic models", NeurIPS 2020,
    arXiv:2006.11239. Used in lesson 11.
    """
    ax = _canvas(ax, title, 7.5, 2.0)
    rng = np.random.default_rng(3)
    time = np.linspace(-0.52, 0.52, 40)
    curve, noise = 0.26 * np.sin(5 * time) + 0.1 * np.sin(17 * time), rng.normal(size=40)
    stages = ((0.75, 1, "0"), (2.75, 0.97, "1"), (4.75, 0.8, "2"), (6.75, 0, "K"))
    for x, kept, name in stages:
        _box(ax, x, 1.05, "", REAL if kept == 1 else GREY, (1.24, 0.86), fc="white")
        shown = kept * curve + 0.17 * np.sqrt(1 - kept**2) * noise
        ax.plot(x + time, 1.05 + np.clip(shown, -0.38, 0.38), color=INK, lw=1, zorder=5)
        _write(ax, f"{x},0.4 $x_{{{name}}}$", 11)
    for left in (1.37, 3.37, 5.37):
        _lines(ax, f"{left},1.2 {left + 0.76},1.2")
        _lines(ax, f"{left + 0.76},0.9 {left},0.9", RED, 1.3, "--|>")
        middle = left + 0.38
        _write(ax, f"{middle},1.36 + noise" if left < 5 else f"{middle},1.36 …", 9)
        _write(ax, f"{middle},0.74 network" if left < 5 else f"{middle},0.74 …", 9)
    _write(ax, "0.75,0.12 data; 6.75,0.12 pure noise", 9.5)
    return ax
