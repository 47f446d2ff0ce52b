"""Diagrams of models."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from utils.plots.style import REAL, _arrow, _axes

Shape = Sequence[int | str | None]


def shapes(
    stages: Sequence[tuple[str, Shape]],
    ax: Axes | None = None,
    *,
    title: str = "Shapes from stage to stage",
) -> Axes:
    """Draw a model's stages as boxes joined by arrows, each with the shape that leaves it.

    Args:
        stages: pairs of a name and a shape, such as ``("LSTM", (None, 24, 64))``; None is drawn as
            "batch".
        ax: where to draw.
        title: of the picture.

    Raises:
        ValueError: if there is no stage.
    """
    if not stages:
        raise ValueError("There are no stages to draw; expected pairs of a name and a shape.")
    ax = _axes(ax, (4.6, 0.62 * len(stages) + 0.4))
    for row, (name, shape) in enumerate(stages):
        box = FancyBboxPatch(
            (0.03, row - 0.28),
            0.94,
            0.56,
            boxstyle="round,pad=0,rounding_size=0.03",
            mutation_aspect=4,
            facecolor=(*REAL, 0.12),
            edgecolor=REAL,
        )
        ax.add_patch(box)
        sizes = ", ".join("batch" if size is None else str(size) for size in shape)
        ax.text(0.07, row, name, ha="left", va="center", fontweight="bold")
        ax.text(0.93, row, f"({sizes})", ha="right", va="center", family="monospace")
        if row:
            _arrow(ax, (0.5, row - 0.72), (0.5, row - 0.28))
    ax.set(xlim=(0, 1), ylim=(len(stages) - 0.5, -0.5), title=title)
    ax.axis("off")
    return ax
