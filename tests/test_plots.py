"""Pictures: what is drawn where, in which colour; labels and titles; bad input."""

from __future__ import annotations

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

from utils import evaluation, plots, runtime

NAMES = ("Open", "High", "Low", "Volume")
REAL = np.cumsum(np.random.default_rng(0).normal(size=(60, 8, 4)), axis=1)
FAKE = np.cumsum(np.random.default_rng(1).normal(size=(50, 8, 4)), axis=1)
HISTORY = {
    "step": list(range(10, 1010, 10)),
    "discriminator": list(np.random.default_rng(2).normal(size=100)),
    "generator": list(np.random.default_rng(3).normal(size=100)),
}
SNAPSHOTS = [(step, FAKE * step / 100) for step in (1, 50, 100)]
STAGES = [("latent", (None, 8, 16)), ("LSTM", (None, 8, 64)), ("Dense", (None, 8, 4))]

PICTURES = {
    "losses": lambda **o: plots.losses(HISTORY, **o),
    "paths": lambda **o: plots.paths(REAL, **o),
    "embedding": lambda **o: plots.embedding(REAL, FAKE, **o),
    "shapes": lambda **o: plots.shapes(STAGES, **o),
}
GRIDS = {
    "sample_evolution": (4, lambda **o: plots.sample_evolution(SNAPSHOTS, REAL, **o)),
    "real_beside_generated": (8, lambda **o: plots.real_beside_generated(REAL, FAKE, NAMES, **o)),
    "marginals": (4, lambda **o: plots.marginals(REAL, FAKE, NAMES, **o)),
    "autocorrelations": (4, lambda **o: plots.autocorrelations(REAL, FAKE, NAMES, **o)),
}
DIAGRAMS = ("shapes",)


@pytest.fixture(autouse=True)
def _style():
    """Draw in the course's style, and close every figure at the end."""
    with matplotlib.rc_context():
        runtime.plotting_style()
        yield
        plt.close("all")


def colours(artists) -> set:
    """Return the colours, without their transparency, of lines."""
    return {tuple(matplotlib.colors.to_rgb(line.get_color())) for line in artists}


def texts(ax) -> list[str]:
    """Return the texts written inside the axes."""
    return [text.get_text() for text in ax.texts if text.get_text()]


# ── What every picture does ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", PICTURES)
def test_picture_makes_one_figure_or_draws_on_the_axes_given(name):
    draw = PICTURES[name]
    ax = draw()
    assert plt.get_fignums() == [ax.figure.number]
    assert ax.get_title()
    if name not in DIAGRAMS:
        assert ax.get_xlabel()
        assert ax.get_ylabel()
    assert ax.figure.dpi == 90
    _, given = plt.subplots()
    assert draw(ax=given, title="Mine") is given
    assert given.get_title() == "Mine"
    assert len(plt.get_fignums()) == 2
    given.figure.canvas.draw()  # what cannot be drawn fails here


@pytest.mark.parametrize("name", GRIDS)
def test_grid_makes_one_figure_or_draws_on_the_axes_given(name):
    panels, draw = GRIDS[name]
    axes = draw()
    figure = axes.flat[0].figure
    assert plt.get_fignums() == [figure.number]
    assert axes.size == panels == len(figure.axes)
    assert figure.get_suptitle()
    assert any(ax.get_xlabel() for ax in axes.flat)
    assert axes.flat[0].get_ylabel()
    _, given = plt.subplots(2, panels // 2)
    assert list(draw(axes=given, title="Mine").flat) == list(given.flat)
    assert given.flat[0].figure.get_suptitle() == "Mine"
    assert len(plt.get_fignums()) == 2
    given.flat[0].figure.canvas.draw()
    with pytest.raises(ValueError, match=f"There are 3 axes; expected {panels}, one a panel"):
        draw(axes=given.ravel()[:3])


def test_real_and_generated_are_the_first_two_colour_blind_colours():
    cycle = plt.rcParams["axes.prop_cycle"].by_key()["color"]
    assert same_color(plots.REAL, cycle[0])
    assert same_color(plots.GENERATED, cycle[1])


# ── Each picture ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("history", [HISTORY, pd.DataFrame(HISTORY)], ids=["dict", "frame"])
def test_losses_draw_raw_values_and_their_running_mean(history):
    raw = plots.losses(history, smooth=1)
    assert len(raw.lines) == 2
    np.testing.assert_array_equal(raw.lines[0].get_xdata(), HISTORY["step"])
    np.testing.assert_array_equal(raw.lines[0].get_ydata(), HISTORY["discriminator"])
    np.testing.assert_array_equal(raw.lines[1].get_ydata(), HISTORY["generator"])
    assert [text.get_text() for text in raw.get_legend().texts] == ["discriminator", "generator"]
    smooth = plots.losses(history, smooth=5)
    assert len(smooth.lines) == 4
    expected = np.mean(HISTORY["discriminator"][48:53])
    assert smooth.lines[1].get_ydata()[50] == pytest.approx(expected)
    assert len(plots.losses(history).lines) == 4  # 100 values: a mean of two


def test_losses_without_steps_count_from_one():
    history = {name: HISTORY[name][:3] for name in ("discriminator", "generator")}
    ax = plots.losses(history)
    assert len(ax.lines) == 2
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [1, 2, 3])


def test_paths_draw_some_windows_of_the_feature():
    ax = plots.paths(REAL, feature=2, count=7, label="real", name="price")
    assert len(ax.lines) == 7
    windows = {tuple(window) for window in REAL[:, :, 2]}
    drawn = [tuple(line.get_ydata()) for line in ax.lines]
    assert set(drawn) <= windows
    assert len(set(drawn)) == 7
    assert [text.get_text() for text in ax.get_legend().texts] == ["real"]
    assert ax.get_ylabel() == "price"
    assert len(plots.paths(REAL[:5], count=30).lines) == 5


def test_real_beside_generated_in_their_colours_on_one_scale():
    axes = plots.real_beside_generated(REAL, FAKE * 3, NAMES, count=9, most=3)
    assert axes.shape == (3, 2)
    for row, (left, right) in enumerate(axes):
        assert left.get_ylabel() == NAMES[row]
        assert len(left.lines) == len(right.lines) == 9
        assert colours(left.lines) == {plots.REAL}
        assert colours(right.lines) == {plots.GENERATED}
        assert left.get_ylim() == right.get_ylim()
        assert {tuple(line.get_ydata()) for line in left.lines} <= {
            tuple(window) for window in REAL[:, :, row]
        }
    assert [ax.get_title() for ax in axes[0]] == ["real", "generated"]


def test_evolution_follows_the_same_latents():
    axes = plots.sample_evolution(SNAPSHOTS, REAL, feature=1, count=6)
    assert [ax.get_title() for ax in axes] == ["step 1", "step 50", "step 100", "real"]
    for ax, (_, windows) in zip(axes, SNAPSHOTS, strict=False):
        assert len(ax.lines) == 6 + 1
        for line, window in zip(ax.lines, windows[:6, :, 1], strict=False):
            np.testing.assert_array_equal(line.get_ydata(), window)
        np.testing.assert_array_equal(ax.lines[-1].get_ydata(), windows[0, :, 1])
        assert ax.lines[-1].get_linewidth() > ax.lines[0].get_linewidth()
    assert colours(axes[-1].lines) == {plots.REAL}
    assert axes[0].get_ylim() == axes[-1].get_ylim()
    assert len(plots.sample_evolution(SNAPSHOTS)) == 3


def test_marginals_share_bins_and_have_area_one():
    axes = plots.marginals(REAL, FAKE * 2, NAMES, bins=10)
    for ax, name in zip(axes, NAMES, strict=True):
        assert ax.get_xlabel() == name
        assert len(ax.patches) == 2  # one outline a set
        real, fake = (patch.get_xy() for patch in ax.patches)
        assert set(real[:, 0]) == set(fake[:, 0])
        for outline in (real, fake):
            x, y = outline.T  # the area within a closed outline
            assert abs(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) / 2 == pytest.approx(1)
    assert same_color(axes[0].patches[0].get_facecolor()[:3], plots.REAL)
    assert same_color(axes[0].patches[1].get_facecolor()[:3], plots.GENERATED)


def test_autocorrelations_are_the_metric():
    axes = plots.autocorrelations(REAL, FAKE, NAMES, lags=4)
    for feature, ax in enumerate(axes):
        assert ax.get_title() == NAMES[feature]
        expected = evaluation.autocorrelation(REAL, 4)[:, feature]
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), expected)
        expected = evaluation.autocorrelation(FAKE, 4)[:, feature]
        np.testing.assert_array_equal(ax.lines[1].get_ydata(), expected)
        assert colours(ax.lines[:1]) == {plots.REAL}
        assert colours(ax.lines[1:2]) == {plots.GENERATED}
    assert len(plots.autocorrelations(REAL, FAKE, NAMES)[0].lines[0].get_ydata()) == 8


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_embedding_draws_both_sets_and_repeats(method):
    ax = plots.embedding(REAL, FAKE, method, count=40)
    real, fake = ax.collections
    assert (len(real.get_offsets()), len(fake.get_offsets())) == (40, 40)
    assert same_color(real.get_facecolor()[0][:3], plots.REAL)
    assert same_color(fake.get_facecolor()[0][:3], plots.GENERATED)
    again = plots.embedding(REAL, FAKE, method, count=40).collections
    np.testing.assert_array_equal(fake.get_offsets(), again[1].get_offsets())
    other = plots.embedding(REAL, FAKE, method, count=40, seed=1).collections
    assert not np.array_equal(fake.get_offsets(), other[1].get_offsets())


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_embedding_shows_sets_that_lie_apart(method):
    real, fake = plots.embedding(REAL, FAKE + 300, method).collections
    a, b = np.asarray(real.get_offsets()), np.asarray(fake.get_offsets())
    between = np.linalg.norm(a[:, None] - b, axis=2).min()
    to_other = np.linalg.norm(a[:, None] - a, axis=2)
    to_other[np.diag_indices(len(a))] = np.inf
    assert between > np.median(to_other.min(axis=1))


def test_principal_components_are_those_of_the_scaled_real_windows():
    ax = plots.embedding(REAL, FAKE, count=1000)
    scaled = (REAL - REAL.min((0, 1))) / np.ptp(REAL, (0, 1))
    flat = scaled.reshape(60, -1)
    values = np.linalg.svd(flat - flat.mean(0), compute_uv=False)
    spread = np.asarray(ax.collections[0].get_offsets())
    np.testing.assert_allclose(np.linalg.norm(spread, axis=0), values[:2])
    share = values[0] ** 2 / np.sum(values**2)
    assert ax.get_xlabel() == f"component 1 ({share:.0%} of the variance)"


def test_shapes_draw_a_box_a_stage_and_arrows_between():
    ax = plots.shapes(STAGES)
    assert len(ax.patches) == 3
    assert texts(ax) == [
        *("latent", "(batch, 8, 16)", "LSTM", "(batch, 8, 64)"),
        *("Dense", "(batch, 8, 4)"),
    ]
    arrows = [text for text in ax.texts if getattr(text, "arrow_patch", None)]
    assert len(arrows) == 2
    assert all(arrow.xy[1] > arrow.xyann[1] for arrow in arrows)  # rows count downwards
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


# ── Bad input ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.losses({"generator": [1.0]}), "no column 'discriminator'; it has generator"),
        (lambda: plots.losses({**HISTORY, "generator": [1.0]}), "lengths are .*expected equal"),
        (lambda: plots.losses({"discriminator": [], "generator": []}), "above 0"),
        (lambda: plots.losses(HISTORY, smooth=0), "smooth is 0"),
        (lambda: plots.paths(REAL[0]), r"shape \(8, 4\); expected \(windows, time, features\)"),
        (lambda: plots.paths(REAL, feature=4), "no feature 4; expected 0 to 3"),
        (lambda: plots.paths(REAL, count=0), "count is 0"),
        (lambda: plots.paths(np.full((3, 8, 4), np.nan)), "hold nan at window 0"),
        (lambda: plots.sample_evolution([]), "no snapshots"),
        (lambda: plots.real_beside_generated(REAL, FAKE, NAMES[:3]), "3 names for 4 features"),
        (lambda: plots.marginals(REAL, FAKE[..., :2], NAMES), r"fake windows have .* \(8, 2\)"),
        (lambda: plots.autocorrelations(REAL, FAKE, NAMES, lags=8), "greatest lag is 8"),
        (lambda: plots.embedding(REAL, FAKE, "umap"), "'umap'; expected 'pca' or 'tsne'"),
        (lambda: plots.embedding(REAL, FAKE[:2]), "There are 2 fake windows"),
        (lambda: plots.embedding(REAL[:, :1, :1], FAKE[:, :1, :1]), "a single value"),
        (lambda: plots.shapes([]), "no stages"),
    ],
)
def test_bad_input_is_refused_and_leaves_no_figure(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert not plt.get_fignums()


def test_finish_names_the_axes_and_adds_a_legend_only_where_one_is_missing(monkeypatch):
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gcf()))
    _, (bare, labelled, own) = plt.subplots(1, 3)
    bare.plot([1, 2])
    labelled.plot([1, 2], label="line")
    own.plot([1, 2], label="line")
    kept = own.legend(title="mine")
    for ax in (bare, labelled, own):
        plots.finish(ax, "It rises", "day", "price (USD)")
        assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == (
            "It rises",
            "day",
            "price (USD)",
        )
    assert bare.get_legend() is None
    assert [text.get_text() for text in labelled.get_legend().get_texts()] == ["line"]
    assert own.get_legend() is kept
    assert len(shown) == 3
    plt.close("all")
