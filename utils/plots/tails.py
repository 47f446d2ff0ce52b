"""A picture of how often values, such as changes from row to row, are how large."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.checks import check_same_shape, check_windows
from utils.plots.style import GENERATED, REAL, _grid

MOST_POINTS = 500  # of a line; as many lie between two of them as the eye can tell


def sizes_reached(
    real: np.ndarray,
    fake: np.ndarray,
    columns: Sequence[str],
    axes: np.ndarray | None = None,
    *,
    title: str = "Share of the values that are at least so large",
) -> np.ndarray:
    """Draw for each feature which share of its absolute values reach a size, real and generated.

    Both axes are logarithmic, so that one value in a thousand is to be seen beside usual ones.

    Args:
        real: ``(windows, time, features)``, such as changes from row to row.
        fake: ``(windows, time, features)``.
        columns: the features' names.
        axes: an array of as many axes as features.
        title: of the whole picture.

    Returns:
        The axes, ``(features,)``.

    Raises:
        ValueError: for windows that cannot be drawn or compared, or names that do not fit them.
    """
    real, fake = check_windows(real, "real"), check_windows(fake, "fake")
    check_same_shape(real, "real", fake, "fake")
    if len(columns) != real.shape[2]:
        raise ValueError(
            f"There are {len(columns)} names for {real.shape[2]} features; expected one each."
        )
    axes = _grid(axes, len(columns), 3, title, size=(2.6, 2.0), sharey=True)
    for feature, (ax, name) in enumerate(zip(axes, columns, strict=True)):
        ends = []
        for windows, colour, label, style in (
            (real, REAL, "real", "-"),
            (fake, GENERATED, "generated", "--"),
        ):
            sizes = np.sort(np.abs(windows[..., feature]).ravel())
            # Points at equal distances on the logarithmic axis of shares.
            last = len(sizes) - np.geomspace(len(sizes), 1, MOST_POINTS).round().astype(int)
            ax.plot(sizes[last], 1 - last / len(sizes), style, color=colour, label=label)
            ends.append(sizes[-1])
        if max(ends) > 0:
            ax.set_xscale("log")
            ax.set_xlim(max(ends) / 1000, 1.3 * max(ends))
        ax.set_yscale("log")
        ax.set(xlabel=name, ylabel="share" if feature % 3 == 0 else "")
    axes[0].legend(loc="lower left")
    return axes
