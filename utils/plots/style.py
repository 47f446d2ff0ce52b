"""Colours, axes and the finish of every picture.

Real data is always drawn in one colour (``REAL``) and generated data in another (``GENERATED``),
both from seaborn's colour-blind palette.
"""

from __future__ import annotations

from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes

PALETTE = sns.color_palette("colorblind")
REAL, GENERATED, HIDDEN = PALETTE[0], PALETTE[1], PALETTE[2]
INK = "0.25"
Color = str | tuple[float, float, float]
Share = bool | Literal["none", "all", "row", "col"]  # of an axis, between the panels of a figure


def finish(ax: Axes, title: str, xlabel: str, ylabel: str) -> None:
    """Name a picture and its axes, add a legend where lines have labels, and show it.

    Used in every lesson.

    Args:
        ax: the picture's axes; a legend that it has already is left as it is.
        title: what the picture shows, as a statement.
        xlabel: what runs along the horizontal axis, with its unit.
        ylabel: what runs along the vertical axis, with its unit.
    """
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    if ax.get_legend_handles_labels()[1] and not ax.get_legend():
        ax.legend()
    plt.show()


def _axes(ax: Axes | None, size: tuple[float, float] | None = None) -> Axes:
    """Return the axes given, or those of a new figure of that size in inches."""
    return plt.subplots(figsize=size, layout="constrained")[1] if ax is None else ax


def _grid(
    axes: np.ndarray | None,
    panels: int,
    columns: int,
    title: str,
    *,
    size: tuple[float, float],
    sharex: Share = False,
    sharey: Share = False,
) -> np.ndarray:
    """Return ``(panels,)`` axes: those given, or a new figure's with the title above all.

    Args:
        size: of a panel, in inches.
    """
    if axes is not None:
        flat = np.asarray(axes, dtype=object).ravel()
        if len(flat) != panels:
            raise ValueError(f"There are {len(flat)} axes; expected {panels}, one a panel.")
        flat[0].figure.suptitle(title, fontsize="medium", fontweight="bold")
        return flat
    columns = min(columns, panels)
    rows = -(-panels // columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(size[0] * columns, size[1] * rows + 0.4),
        sharex=sharex,
        sharey=sharey,
        squeeze=False,
        layout="constrained",
    )
    figure.suptitle(title, fontsize="medium", fontweight="bold")
    for spare in axes.ravel()[panels:]:
        spare.remove()
    flat = axes.ravel()[:panels]
    if sharex:  # the lowest panel of each column shows the times, whatever is beneath it
        for ax in flat[-columns:]:
            ax.tick_params(labelbottom=True)
    return flat


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw an arrow between two points of the data's coordinates."""
    style = {"arrowstyle": "-|>", "color": INK, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", xy=end, xytext=start, arrowprops=style)
