"""Pictures of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from utils.checks import positive_integer
from utils.plots.style import INK, Color, _axes


def images(
    pictures: np.ndarray,
    ax: Axes | None = None,
    *,
    columns: int = 10,
    color: Color = INK,
    row_names: Sequence[str] = (),
    column_names: Sequence[str] = (),
    separated: bool = False,
    title: str = "",
) -> Axes:
    """Draw grey images side by side, row after row, as one image in a coloured frame.

    Args:
        pictures: ``(count, height, width)`` or ``(count, height, width, 1)``, from −1 (black) to
            1 (white); values beyond are drawn as these.
        ax: where to draw.
        columns: images a row; the last row may be shorter.
        color: of the frame: ``REAL``, ``GENERATED``, or grey for both together.
        row_names: a name for each row, or none.
        column_names: a name for each column, or none.
        separated: whether a thin line stands between neighbours, as between a film's frames.
        title: of the picture.

    Raises:
        ValueError: for images of the wrong shape, none, fewer than 1 column, or a number of
            names that does not fit.
    """
    pictures = np.asarray(pictures)
    if pictures.ndim == 4 and pictures.shape[-1] == 1:
        pictures = pictures[..., 0]
    if pictures.ndim != 3 or 0 in pictures.shape:
        raise ValueError(
            f"The images have the shape {pictures.shape}; expected (count, height, width), "
            "each at least 1, or the same with one channel."
        )
    positive_integer(columns=columns)
    count, height, width = pictures.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    for names, lines, what in ((row_names, rows, "rows"), (column_names, columns, "columns")):
        if len(names) not in (0, lines):
            raise ValueError(f"There are {len(names)} names for {lines} {what}; expected one each.")
    spare = np.ones((rows * columns - count, height, width))
    grid = np.concatenate([pictures, spare]).reshape(rows, columns, height, width)
    tiled = grid.swapaxes(1, 2).reshape(rows * height, columns * width)
    ax = _axes(ax, (0.55 * columns + 0.3, 0.55 * rows + 0.5))
    ax.imshow(tiled, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
    if separated:
        line: dict[str, Any] = {"color": INK, "linewidth": 0.8}
        ax.vlines(width * np.arange(1, columns) - 0.5, -0.5, rows * height - 0.5, **line)
        ax.hlines(height * np.arange(1, rows) - 0.5, -0.5, columns * width - 0.5, **line)
    ax.set_xticks([(i + 0.5) * width - 0.5 for i in range(len(column_names))], column_names)
    ax.set_yticks([(i + 0.5) * height - 0.5 for i in range(len(row_names))], row_names)
    ax.tick_params(length=0)
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set(visible=True, color=color, linewidth=3)
    ax.set_title(title)
    return ax
