"""Pictures of series: training, windows, distributions, embeddings.

A picture of several panels takes and returns an array of axes. Without axes, a new figure is made;
it is the caller's to show, save or close.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from utils.checks import check_same_shape, check_windows, positive_integer
from utils.datasets.scaling import Scaler
from utils.evaluation.facts import autocorrelation
from utils.plots.style import GENERATED, INK, REAL, _axes, _grid


def losses(
    history: Mapping[str, Sequence[float]] | pd.DataFrame,
    ax: Axes | None = None,
    *,
    smooth: int | None = None,
    title: str = "Losses of the two networks",
) -> Axes:
    """Draw the discriminator's and the generator's loss at each training step.

    Args:
        history: columns "discriminator" and "generator" of equal length, and "step" where the
            values were not recorded at each step.
        ax: where to draw.
        smooth: the width, in values, of the running mean that is drawn over the pale raw curves;
            by default a fiftieth of their number; 1 draws the raw curves alone.
        title: of the picture.

    Raises:
        ValueError: for a missing or empty column, unequal lengths, or a width below 1.
    """
    missing = [name for name in ("discriminator", "generator") if name not in history]
    if missing:
        raise ValueError(
            f"The history has no column {missing[0]!r}; it has {', '.join(map(str, history))}."
        )
    names = [name for name in ("step", "discriminator", "generator") if name in history]
    lengths = {name: len(history[name]) for name in names}
    if len(set(lengths.values())) > 1 or not all(lengths.values()):
        raise ValueError(f"The history's lengths are {lengths}; expected equal ones, above 0.")
    if smooth is not None:
        positive_integer(smooth=smooth)
    count = lengths["generator"]
    width = smooth or max(1, count // 50)
    step = np.asarray(history["step"]) if "step" in history else np.arange(1, count + 1)
    ax = _axes(ax)
    for name, colour in (("discriminator", INK), ("generator", GENERATED)):
        values = pd.Series(np.asarray(history[name], dtype=float))
        if width > 1:
            ax.plot(step, values, color=colour, alpha=0.2, linewidth=0.7)
            values = values.rolling(width, center=True, min_periods=1).mean()
        ax.plot(step, values, color=colour, label=name)
    ax.set(xlabel="training step", ylabel="loss", title=title)
    ax.legend()
    return ax


def sample_evolution(
    snapshots: Sequence[tuple[int, np.ndarray]],
    real: np.ndarray | None = None,
    feature: int = 0,
    axes: np.ndarray | None = None,
    *,
    count: int = 20,
    name: str = "value",
    title: str = "The same latents as training goes on",
) -> np.ndarray:
    """Draw what becomes of the same latents during training: one panel a snapshot.

    One path is drawn thick in every panel, to follow it.

    Args:
        snapshots: pairs of a training step and its windows ``(windows, time, features)``.
        real: real windows for a last panel.
        feature: which feature to draw.
        axes: an array of as many axes as there are panels.
        count: paths a panel: the first ``count`` of a snapshot.
        name: of the feature, with its unit, for the vertical axis.
        title: of the whole picture.

    Returns:
        The panels' axes, ``(panels,)``.

    Raises:
        ValueError: if there is no snapshot, or for windows that cannot be drawn.
    """
    if not snapshots:
        raise ValueError("There are no snapshots to draw; expected at least one.")
    panels = len(snapshots) + (real is not None)
    columns = min(panels, 6)
    axes = _grid(axes, panels, columns, title, size=(1.9, 2.2), sharex=True, sharey=True)
    for ax, (step, windows) in zip(axes, snapshots, strict=False):
        paths(windows, ax, feature, count=count, color=GENERATED, title=f"step {step}", seed=None)
        first = np.asarray(windows)[0, :, feature]
        ax.plot(first, color=INK, linewidth=1.6)
    if real is not None:
        paths(real, axes[-1], feature, count=count, color=REAL, title="real")
    for index, ax in enumerate(axes):
        ax.set_ylabel(name if index % columns == 0 else "")
        if index < panels - columns:
            ax.set_xlabel("")
    return axes


def paths(
    windows: np.ndarray,
    ax: Axes | None = None,
    feature: int = 0,
    *,
    count: int = 30,
    label: str | None = None,
    color: tuple[float, float, float] | str = REAL,
    seed: int | None = 0,
    name: str = "value",
    title: str = "Windows over time",
) -> Axes:
    """Draw some windows of one feature as thin lines over time.

    Args:
        windows: ``(windows, time, features)``.
        ax: where to draw.
        feature: which feature to draw.
        count: at most so many windows.
        label: for a legend, of all lines together.
        color: of the lines.
        seed: of the random choice of windows; None draws the first ones.
        name: of the feature, with its unit, for the vertical axis.
        title: of the picture.

    Raises:
        ValueError: for windows of the wrong rank or not finite, a feature that is not there, or a
            count below 1.
    """
    windows = check_windows(windows, "given")
    if not 0 <= feature < windows.shape[2]:
        raise ValueError(f"There is no feature {feature}; expected 0 to {windows.shape[2] - 1}.")
    chosen = _some(windows, count, seed)[:, :, feature]
    ax = _axes(ax)
    lines = ax.plot(chosen.T, color=color, alpha=0.5, linewidth=0.8)
    if label is not None:
        lines[0].set_label(label)
        ax.legend()
    ax.set(xlabel="time step", ylabel=name, title=title)
    return ax


def real_beside_generated(
    real: np.ndarray,
    fake: np.ndarray,
    columns: Sequence[str],
    axes: np.ndarray | None = None,
    *,
    count: int = 40,
    most: int = 6,
    seed: int = 0,
    title: str = "Real windows (left) beside generated ones (right)",
) -> np.ndarray:
    """Draw real windows beside generated ones, a row a feature, on the same vertical axis.

    Args:
        real: ``(windows, time, features)``, in the data's units.
        fake: ``(windows, time, features)``.
        columns: the features' names.
        axes: an array of rows × 2 axes.
        count: windows a panel.
        most: draw at most so many features, the first ones.
        seed: of the random choice of windows.
        title: of the whole picture.

    Returns:
        The axes, ``(rows, 2)``.

    Raises:
        ValueError: for windows that cannot be drawn or compared, or names that do not fit them.
    """
    real, fake = _pair(real, fake, columns)
    rows = min(most, real.shape[2])
    axes = _grid(axes, 2 * rows, 2, title, size=(3.5, 1.5), sharex=True, sharey="row")
    axes = axes.reshape(rows, 2)
    for feature, (left, right) in enumerate(axes):
        name = columns[feature]
        paths(real, left, feature, count=count, color=REAL, seed=seed, name=name, title="")
        paths(fake, right, feature, count=count, color=GENERATED, seed=seed, name="", title="")
        if feature < rows - 1:
            left.set_xlabel("")
            right.set_xlabel("")
    axes[0, 0].set_title("real")
    axes[0, 1].set_title("generated")
    return axes


def marginals(
    real: np.ndarray,
    fake: np.ndarray,
    columns: Sequence[str],
    axes: np.ndarray | None = None,
    *,
    bins: int = 40,
    title: str = "Distribution of each feature",
) -> np.ndarray:
    """Draw each feature's histogram over all windows and times, real and generated overlaid.

    Both histograms have the same bins, from the least to the greatest value of both sets, and
    the area one.

    Args:
        real: ``(windows, time, features)``, in the data's units.
        fake: ``(windows, time, features)``.
        columns: the features' names.
        axes: an array of as many axes as features.
        bins: of each histogram.
        title: of the whole picture.

    Returns:
        The axes, ``(features,)``.

    Raises:
        ValueError: for windows that cannot be drawn or compared, or names that do not fit them.
    """
    real, fake = _pair(real, fake, columns)
    axes = _grid(axes, len(columns), 3, title, size=(2.6, 2.0))
    for feature, (ax, name) in enumerate(zip(axes, columns, strict=True)):
        one, other = real[..., feature].ravel(), fake[..., feature].ravel()
        edges = np.histogram_bin_edges(np.concatenate([one, other]), bins)
        for values, colour, label in ((one, REAL, "real"), (other, GENERATED, "generated")):
            style = {"histtype": "stepfilled", "linewidth": 0, "alpha": 0.5}
            ax.hist(values, edges, density=True, color=colour, label=label, **style)
        ax.set(xlabel=name, ylabel="density" if feature % 3 == 0 else "")
    axes[0].legend()
    return axes


def autocorrelations(
    real: np.ndarray,
    fake: np.ndarray,
    columns: Sequence[str],
    lags: int | None = None,
    axes: np.ndarray | None = None,
    *,
    title: str = "Autocorrelation within windows",
) -> np.ndarray:
    """Draw each feature's mean ``evaluation.autocorrelation``, real and generated.

    Args:
        real: ``(windows, time, features)``.
        fake: ``(windows, time, features)``.
        columns: the features' names.
        lags: the greatest lag; by default time − 1.
        axes: an array of as many axes as features.
        title: of the whole picture.

    Returns:
        The axes, ``(features,)``.

    Raises:
        ValueError: for windows that cannot be drawn or compared, names that do not fit them, or a
            lag out of range.
    """
    real, fake = _pair(real, fake, columns)
    lags = real.shape[1] - 1 if lags is None else lags
    curves = (
        (autocorrelation(real, lags), REAL, "real", "o-"),
        (autocorrelation(fake, lags), GENERATED, "generated", "s--"),
    )
    axes = _grid(axes, len(columns), 3, title, size=(2.6, 2.0), sharex=True, sharey=True)
    for feature, (ax, name) in enumerate(zip(axes, columns, strict=True)):
        for values, colour, label, style in curves:
            ax.plot(values[:, feature], style, color=colour, label=label, markersize=3)
        ax.axhline(0, color=INK, linewidth=0.7)
        ax.set(xlabel="lag (time steps)" if feature >= len(axes) - 3 else "", title=name)
        ax.set_ylabel("autocorrelation" if feature % 3 == 0 else "")
    axes[0].legend()
    return axes


def embedding(
    real: np.ndarray,
    fake: np.ndarray,
    method: str = "pca",
    ax: Axes | None = None,
    *,
    seed: int = 0,
    count: int = 500,
    title: str | None = None,
) -> Axes:
    """Draw windows as points in a plane: principal components, or t-SNE.

    The windows are scaled with the real ones' minimum and maximum, and flattened. The principal
    components are those of the real windows; t-SNE arranges both sets together (van der Maaten and
    Hinton, "Visualizing Data using t-SNE", JMLR 2008): only its neighbourhoods have a meaning.

    Args:
        real: ``(windows, time, features)``.
        fake: ``(windows, time, features)``.
        method: "pca" or "tsne".
        ax: where to draw.
        seed: of the choice of windows and of t-SNE.
        count: at most so many windows of each set.
        title: of the picture.

    Raises:
        ValueError: for another method, windows that cannot be drawn or compared, fewer than three
            of either, or of a single value each.
    """
    if method not in ("pca", "tsne"):
        raise ValueError(f"The method is {method!r}; expected 'pca' or 'tsne'.")
    real, fake = check_windows(real, "real", 3), check_windows(fake, "fake", 3)
    check_same_shape(real, "real", fake, "fake")
    if real.shape[1] * real.shape[2] < 2:
        raise ValueError("The windows hold a single value; expected at least 2 to fill a plane.")
    scale = Scaler.min_max(real).transform
    real, fake = (
        scale(_some(windows, count, seed)).reshape(min(count, len(windows)), -1)
        for windows in (real, fake)
    )
    if method == "pca":
        pca = PCA(2, random_state=seed).fit(real)
        share = np.nan_to_num(pca.explained_variance_ratio_)
        labels = [f"component {i + 1} ({share[i]:.0%} of the variance)" for i in range(2)]
        title = title or "Principal components of the windows"
        real, fake = pca.transform(real), pca.transform(fake)
    else:
        both = np.concatenate([real, fake])
        perplexity = min(30.0, (len(both) - 1) / 3)
        tsne = TSNE(2, perplexity=perplexity, init="pca", random_state=seed)
        with threadpool_limits(1):  # its threads wait for each other: one alone is faster
            points = tsne.fit_transform(both)
        labels = ["t-SNE 1", "t-SNE 2"]
        title = title or "Windows arranged by t-SNE"
        real, fake = points[: len(real)], points[len(real) :]
    ax = _axes(ax, (5.0, 4.0))
    for points, colour, label, marker in (
        (real, REAL, "real", "o"),
        (fake, GENERATED, "generated", "^"),
    ):
        ax.scatter(
            points[:, 0], points[:, 1], s=12, color=colour, alpha=0.5, label=label, marker=marker
        )
    ax.set(xlabel=labels[0], ylabel=labels[1], title=title)
    ax.legend()
    return ax


def _some(windows: np.ndarray, count: int, seed: int | None) -> np.ndarray:
    """Return at most ``count`` windows, chosen at random, or the first ones if the seed is None."""
    positive_integer(count=count)
    if seed is None:
        return windows[:count]
    return windows[np.random.default_rng(seed).permutation(len(windows))[:count]]


def _pair(
    real: np.ndarray, fake: np.ndarray, columns: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return real and generated windows, checked against each other and the features' names."""
    real, fake = check_windows(real, "real"), check_windows(fake, "fake")
    check_same_shape(real, "real", fake, "fake")
    if len(columns) != real.shape[2]:
        raise ValueError(
            f"There are {len(columns)} names for {real.shape[2]} features; expected one each."
        )
    return real, fake
