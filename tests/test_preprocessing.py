"""Windows, scalers, normal scores and the preconditioner, on real prices and on awkward columns."""

import tracemalloc

import numpy as np
import pytest
from scipy.stats import norm

from utils.datasets import (
    Scaler,
    forecast_windows,
    load_sines,
    load_stock,
    load_weather,
    sliding_windows,
)
from utils.lstm_gan import NormalScores, Preconditioner, QuantileMap, Tails, tail_ratio
from utils.lstm_gan import preconditioner as preconditioner_module

WINDOW = 24


def random_walk(rows=400, features=3, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, features)).cumsum(axis=0)


@pytest.fixture(scope="module", params=["GOOG", "IBM"])
def prices(request):
    return load_stock(request.param).values


# --- windows ------------------------------------------------------------------------------------


@pytest.mark.parametrize("stride", [1, 3])
def test_windows_hold_the_rows_they_should(stride):
    series = np.arange(20.0).reshape(10, 2)
    windows = sliding_windows(series, 4, stride)
    assert windows.shape == (len(range(0, 7, stride)), 4, 2)
    for i, start in enumerate(range(0, 7, stride)):
        np.testing.assert_array_equal(windows[i], series[start : start + 4])


def test_windows_are_a_view():
    series = np.zeros((100_000, 40), np.float32)
    assert np.shares_memory(sliding_windows(series, WINDOW), series)


@pytest.mark.parametrize(
    ("shape", "length", "stride", "message"),
    [
        ((10,), 4, 1, r"shape \(10,\); expected \(time, features\)"),
        ((10, 2), 11, 1, "window of 11 rows does not fit a series of 10 rows"),
        ((10, 2), 0, 1, "length is 0; expected a positive integer"),
        ((10, 2), 4, 0, "stride is 0; expected a positive integer"),
    ],
)
def test_bad_windows_are_refused(shape, length, stride, message):
    with pytest.raises(ValueError, match=message):
        sliding_windows(np.zeros(shape), length, stride)


@pytest.mark.parametrize(("stride", "starts"), [(1, [0, 1, 2, 3]), (2, [0, 2]), (3, [0, 3])])
def test_forecast_windows_hold_the_rows_they_should(stride, starts):
    series = np.arange(20.0).reshape(10, 2)
    inputs, targets = forecast_windows(series, history=4, horizon=3, stride=stride)
    assert inputs.shape == (len(starts), 4, 2)
    assert targets.shape == (len(starts), 3, 2)
    for i, start in enumerate(starts):
        np.testing.assert_array_equal(inputs[i], series[start : start + 4])
        np.testing.assert_array_equal(targets[i], series[start + 4 : start + 7])


def test_a_forecast_window_may_fill_the_series_and_is_a_view():
    series = np.arange(7.0)[:, None]
    inputs, targets = forecast_windows(series, history=5, horizon=2)
    np.testing.assert_array_equal(inputs[0, :, 0], [0, 1, 2, 3, 4])
    np.testing.assert_array_equal(targets[0, :, 0], [5, 6])
    assert np.shares_memory(inputs, series)
    assert not targets.flags.writeable


@pytest.mark.parametrize(
    ("shape", "sizes", "message"),
    [
        ((10,), (4, 2, 1), r"shape \(10,\); expected \(time, features\)"),
        ((10, 2), (8, 3, 1), "8 rows of history and 3 to forecast does not fit a series of 10"),
        ((10, 2), (0, 3, 1), "history is 0; expected a positive integer"),
        ((10, 2), (4, 0, 1), "horizon is 0"),
        ((10, 2), (4, 3, 0), "stride is 0"),
    ],
)
def test_bad_forecast_windows_are_refused(shape, sizes, message):
    with pytest.raises(ValueError, match=message):
        forecast_windows(np.zeros(shape), *sizes)


# --- scalers ------------------------------------------------------------------------------------


def test_min_max_scaler():
    values = np.array([[1.0, 5.0], [3.0, 5.0], [2.0, 5.0]])
    scaler = Scaler.min_max(values)
    np.testing.assert_allclose(scaler.transform(values), [[0, 0], [1, 0], [0.5, 0]])
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(values)), values)


def test_standard_scaler():
    values = np.column_stack([random_walk(), np.full(400, 7.0)])
    scaled = Scaler.standard(values).transform(values)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=0), [1, 1, 1, 0], atol=1e-12)
    np.testing.assert_allclose(Scaler.standard(values).inverse_transform(scaled), values)


# --- heavy tails --------------------------------------------------------------------------------


def test_tail_ratio_of_known_columns():
    values = np.array([[0.0, 5.0, 0.0], [1.0, 5.0, 0.0], [2.0, 5.0, 0.0], [3.0, 5.0, 4.0]])
    values = np.concatenate([values, [[1004.0, 5.0, 10.0]]])
    centre, width, ratio = tail_ratio(values)
    # Column 0: median 2, distances 2, 1, 1, 1002 besides the median itself: half within 1.5.
    np.testing.assert_allclose(centre, [2, 5, 0])
    np.testing.assert_allclose(width, [1.5, 1, 7])
    np.testing.assert_allclose(ratio, [1002 / 1.5, 0, 10 / 7])


def test_tails_are_drawn_in_where_they_are_heavy_and_nowhere_else(prices):
    rng = np.random.default_rng(0)
    columns = [rng.normal(size=5000), rng.exponential(size=5000), 9 + rng.standard_cauchy(5000)]
    values = np.column_stack(columns)
    tails = Tails().fit(values)
    assert tails.heavy.tolist() == [False, False, True]
    drawn = tails.transform(values)
    np.testing.assert_array_equal(drawn[:, :2], values[:, :2])
    apart = values[:, 2] - np.median(values[:, 2])
    np.testing.assert_allclose(drawn[:, 2], np.arcsinh(apart / np.median(np.abs(apart))), rtol=1e-3)
    np.testing.assert_allclose(np.percentile(drawn[:, 2], (25, 75)), (-0.88, 0.88), atol=0.05)
    assert not Tails().fit(prices).heavy.any()  # a stock's volume is no heavier than Box–Cox copes


def test_tails_over_all_the_decades_there_are_do_not_overflow():
    values = np.concatenate([[-1e307, 1e307], np.linspace(-1e-300, 1e-300, 99)])[:, np.newaxis]
    tails = Tails().fit(values)
    drawn = tails.transform(values)
    assert np.abs(drawn).max() == pytest.approx(np.arcsinh(1e12))
    np.testing.assert_allclose(tails.inverse_transform(drawn[:2]), values[:2], rtol=1e-12)


@pytest.mark.parametrize("columns", [1, 3])
def test_half_of_a_heavy_tailed_column_survives_its_outliers(columns):
    """The middle half comes back to 1e-1 of its own width, though the range is thousands of it.

    And so does its distribution, when the innovations are drawn anew.
    """
    rng = np.random.default_rng(0)
    series = rng.standard_cauchy((2000, columns))
    preconditioner = Preconditioner(WINDOW).fit(series)
    windows = sliding_windows(series, WINDOW)
    normal_scores = preconditioner.transform(windows)
    width = tail_ratio(series)[1]
    assert (np.ptp(series, axis=0) > 900 * width).all()
    assert np.abs((preconditioner.inverse_transform(normal_scores) - windows) / width).max() < 0.1
    shuffled = normal_scores[:, 1:].reshape(-1, columns)
    shuffled = shuffled[rng.integers(len(shuffled), size=(2000, WINDOW))]
    quartiles = np.percentile(preconditioner.inverse_transform(shuffled), (25, 50, 75), axis=(0, 1))
    np.testing.assert_allclose(quartiles, np.percentile(series, (25, 50, 75), axis=0), atol=0.15)


# --- normal scores ------------------------------------------------------------------------------


def test_quantile_map_gives_the_normal_quantile_of_the_rank():
    sample = np.array([3.0, -1.0, 10.0, 4.0, 0.0])
    map_ = QuantileMap().fit(sample)
    expected = norm.ppf((np.array([3, 1, 5, 4, 2]) - 0.5) / 5)
    np.testing.assert_allclose(map_.transform(sample), expected)
    np.testing.assert_allclose(map_.inverse_transform(expected), sample)


def test_tied_values_share_the_middle_of_their_ranks():
    map_ = QuantileMap().fit(np.array([0.0, 0.0, 0.0, 1.0]))
    np.testing.assert_allclose(map_.transform(np.array([0.0, 1.0])), norm.ppf([1.5 / 4, 3.5 / 4]))


def test_quantile_map_never_leaves_the_range_of_its_sample():
    map_ = QuantileMap().fit(np.random.default_rng(0).normal(size=1000))
    assert map_.inverse_transform(np.array([-50.0, 50.0])).tolist() == [
        map_.values[0],
        map_.values[-1],
    ]


def test_thinned_quantile_map_keeps_the_extremes_and_stays_close():
    sample = np.random.default_rng(0).standard_t(3, size=50_000)
    map_ = QuantileMap().fit(sample)
    assert len(map_.values) <= 3100
    full = QuantileMap(knots=10**6).fit(sample)
    values = np.sort(sample)
    # Both maps rise through the same knots, so between two of them they differ by less than a gap.
    after = np.clip(np.searchsorted(map_.values, values), 1, len(map_.values) - 1)
    gap = map_.normal_scores[after] - map_.normal_scores[after - 1]
    assert (np.abs(map_.transform(values) - full.transform(values)) <= gap).all()
    assert gap.max() < 0.5
    middle = slice(len(values) // 20, -len(values) // 20)
    np.testing.assert_allclose(
        map_.transform(values[middle]), full.transform(values[middle]), atol=5e-3
    )
    extremes = np.sort(sample)[:50]
    np.testing.assert_allclose(map_.transform(extremes), full.transform(extremes))


def test_calibration_makes_margins_normal_and_keeps_the_order():
    rng = np.random.default_rng(0)
    shrunk = 0.6 * rng.normal(size=(4000, 6, 2)) ** 3 + 1
    calibrated = NormalScores().fit(shrunk).transform(shrunk)
    for part in (calibrated[:, 0], calibrated[:, 1:].reshape(-1, 2)):
        np.testing.assert_allclose(part.mean(axis=0), 0, atol=0.01)
        np.testing.assert_allclose(part.std(axis=0), 1, atol=0.01)
    order = np.argsort(shrunk[:, 0, 0])
    assert (np.diff(calibrated[order, 0, 0]) > 0).mean() > 0.99
    assert (np.diff(calibrated[order, 0, 0]) >= 0).all()


# --- preconditioner -----------------------------------------------------------------------------


def test_round_trip_on_real_prices(prices):
    windows = sliding_windows(prices, WINDOW)
    preconditioner = Preconditioner(WINDOW).fit(prices)
    normal_scores = preconditioner.transform(windows)
    assert normal_scores.dtype == np.float32
    assert normal_scores.shape == (len(windows), WINDOW, preconditioner.components)
    error = np.abs(preconditioner.inverse_transform(normal_scores) - windows) / np.ptp(
        prices, axis=0
    )
    assert error.max() < 1e-5


def test_scores_of_real_prices_are_standard_normal(prices):
    normal_scores = Preconditioner(WINDOW).fit(prices).transform(sliding_windows(prices, WINDOW))
    np.testing.assert_allclose(normal_scores.mean(axis=(0, 1)), 0, atol=0.05)
    np.testing.assert_allclose(normal_scores.std(axis=(0, 1)), 1, atol=0.05)


def test_scores_of_a_vector_autoregression_are_its_innovations():
    rng = np.random.default_rng(0)
    transition = np.array([[0.9, 0.1], [0.0, 0.8]])
    noise = rng.normal(size=(20_000, 2))
    series = np.zeros_like(noise)
    for t in range(1, len(series)):
        series[t] = transition @ series[t - 1] + noise[t]
    normal_scores = Preconditioner(12).fit(series).transform(sliding_windows(series, 12))
    later = normal_scores[:, 1:].reshape(-1, 2).astype(np.float64)
    # They are the noise up to a rotation, hence new at every step and linear in the true noise.
    true = sliding_windows(noise, 12)[:, 1:].reshape(-1, 2)
    rotation, residual = np.linalg.lstsq(true, later, rcond=None)[:2]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(2), atol=0.05)
    assert (residual / len(later) < 0.02).all()


def test_a_redundant_column_is_dropped_and_comes_back():
    series = load_stock("GOOG").values
    preconditioner = Preconditioner(WINDOW).fit(series)
    assert preconditioner.components == series.shape[1] - 1
    noise = np.random.default_rng(0).normal(size=(50, WINDOW, preconditioner.components))
    generated = preconditioner.inverse_transform(noise)
    close, adjusted = generated[..., 3], generated[..., 4]
    ratio = series[0, 4] / series[0, 3]
    np.testing.assert_allclose(adjusted, ratio * close, rtol=1e-6)


def test_generated_values_stay_inside_the_stated_range(prices):
    preconditioner = Preconditioner(WINDOW).fit(prices)
    wild = 5 * np.random.default_rng(0).normal(size=(200, WINDOW, preconditioner.components))
    generated = preconditioner.inverse_transform(wild)
    low, high = preconditioner.data_range
    np.testing.assert_array_equal(low, prices.min(axis=0))
    np.testing.assert_allclose(high, prices.max(axis=0))
    assert (generated >= low - 1e-9).all()
    assert (generated <= high * (1 + 1e-12)).all()


@pytest.mark.parametrize(
    "series",
    [
        pytest.param(-np.abs(random_walk()) - 5, id="negative"),
        pytest.param(random_walk(features=1), id="one column"),
        pytest.param(1e9 * random_walk(), id="huge"),
        pytest.param(1e-9 * random_walk(), id="tiny"),
        pytest.param(np.round(3 * random_walk()), id="integers"),
        pytest.param(np.arange(400.0)[:, None], id="straight line"),
        pytest.param(np.exp(2 * np.random.default_rng(0).normal(size=(400, 2))), id="heavy tail"),
        pytest.param(np.exp(3 * np.random.default_rng(0).normal(size=(400, 2))), id="wild tail"),
        pytest.param(np.tile([[0.0, 1.0], [1.0, 0.0]], (200, 1)), id="two values"),
    ],
)
def test_round_trip_on_awkward_series(series, request):
    windows = sliding_windows(series, 12)
    preconditioner = Preconditioner(12).fit(series)

    def error(normal_scores):
        recovered = preconditioner.inverse_transform(normal_scores)
        return (np.abs(recovered - windows) / np.ptp(series, axis=0)).max()

    # The map itself loses nothing; what is lost is the rounding of the scores to float32, which
    # the steep end of a tail over four decades magnifies.
    assert error(preconditioner._transform(windows)) < 1e-9
    bound = 2e-5 if "wild tail" in request.node.name else 1e-5
    assert error(preconditioner.transform(windows)) < bound


def factors(rows, columns=40, seed=0):
    """Columns that follow five walks, with a little noise of their own."""
    rng = np.random.default_rng(seed)
    walks = random_walk(rows, 5, seed)
    return walks @ rng.normal(size=(5, columns)) + 0.1 * rng.normal(size=(rows, columns))


def test_forty_columns_are_well_conditioned():
    series = factors(2000)
    preconditioner = Preconditioner(WINDOW).fit(series)
    windows = sliding_windows(series, WINDOW)
    normal_scores = preconditioner.transform(windows)
    assert preconditioner.components == 40
    np.testing.assert_allclose(normal_scores.std(axis=(0, 1)), 1, atol=0.05)
    assert np.linalg.cond(preconditioner.innovation_root) < 100
    assert np.abs(np.linalg.eigvals(preconditioner.transition)).max() < 1.01
    error = np.abs(preconditioner.inverse_transform(normal_scores) - windows) / np.ptp(
        series, axis=0
    )
    assert error.max() < 1e-5


def test_with_few_rows_each_component_is_predicted_from_its_own_past():
    few, many = factors(60), factors(60, columns=3)
    preconditioner = Preconditioner(WINDOW).fit(few)
    assert preconditioner.rows_needed(preconditioner.components) > 59
    diagonal = np.diag(np.diag(preconditioner.transition))
    np.testing.assert_array_equal(preconditioner.transition, diagonal)
    # Forty own pasts would explain 59 steps all but wholly, and leave no innovations to learn.
    assert np.linalg.cond(preconditioner.innovation_root) < 1000
    windows = sliding_windows(few, WINDOW)
    error = preconditioner.inverse_transform(preconditioner.transform(windows)) - windows
    assert (np.abs(error) / np.ptp(few, axis=0)).max() < 1e-5
    full = Preconditioner(WINDOW).fit(many).transition
    assert np.abs(full - np.diag(np.diag(full))).max() > 0.01


def test_an_autoregression_that_explodes_is_held_back():
    series = np.zeros((40, 1))
    series[-3:, 0] = 1, 10, 100  # tenfold a row: 10²² over a window
    preconditioner = Preconditioner(WINDOW).fit(series)
    growth = float(preconditioner.transition[0, 0])
    assert growth ** (WINDOW - 1) == pytest.approx(preconditioner.LARGEST_GROWTH)
    windows = sliding_windows(series, WINDOW)
    error = preconditioner.inverse_transform(preconditioner.transform(windows) + 1e-7) - windows
    assert np.abs(error).max() < 0.01


def test_whole_numbers_stay_whole_and_others_do_not():
    rng = np.random.default_rng(0)
    series = np.column_stack([rng.poisson(3.0, 500), np.round(random_walk(500)[:, 0], 1)])
    preconditioner = Preconditioner(12).fit(series)
    assert preconditioner.whole.tolist() == [True, False]
    generated = preconditioner.inverse_transform(rng.normal(size=(200, 12, 2)))
    np.testing.assert_array_equal(generated[..., 0], np.round(generated[..., 0]))
    assert (generated[..., 1] != np.round(generated[..., 1])).mean() > 0.9
    np.testing.assert_allclose(generated[..., 0].mean(), series[:, 0].mean(), atol=0.15)


def test_rainfall_keeps_its_amounts():
    """A power would stretch the few wet days away from the many dry ones, past all bounds."""
    series = load_weather("Seattle").values
    preconditioner = Preconditioner(WINDOW).fit(series)
    assert preconditioner.power[0] == 1
    assert (preconditioner.power[1:] != 1).all()
    normal_scores = preconditioner.transform(sliding_windows(series, WINDOW))
    generated = preconditioner.inverse_transform(
        drawn_anew(normal_scores, 2000, np.random.default_rng(0))
    )
    heavy = (90, 95, 99)
    np.testing.assert_allclose(
        np.percentile(generated[..., 0], heavy), np.percentile(series[:, 0], heavy), rtol=0.1
    )
    np.testing.assert_allclose(generated[..., 0].std(), series[:, 0].std(), rtol=0.1)


def drawn_anew(normal_scores, count, rng):
    """Draw levels and innovations anew, components of one moment together."""
    later = normal_scores[:, 1:].reshape(-1, normal_scores.shape[-1])
    start = normal_scores[rng.integers(len(normal_scores), size=count), :1]
    steps = later[rng.integers(len(later), size=(count, normal_scores.shape[1] - 1))]
    return np.concatenate([start, steps], axis=1)


def test_transforming_copies_no_more_than_some_windows(monkeypatch):
    """A hundred thousand windows take the memory of their float32 scores, and little besides."""
    monkeypatch.setattr(preconditioner_module, "CHUNK", 2**16)
    series = random_walk(100_000, 2)
    preconditioner = Preconditioner(WINDOW).fit(series)
    windows = sliding_windows(series, WINDOW)
    tracemalloc.start()
    normal_scores = preconditioner.transform(windows)
    peak = tracemalloc.get_traced_memory()[1] - normal_scores.nbytes
    tracemalloc.reset_peak()
    recovered = preconditioner.inverse_transform(normal_scores[:20_000])
    more = tracemalloc.get_traced_memory()[1] - normal_scores.nbytes - recovered.nbytes
    tracemalloc.stop()
    assert normal_scores.nbytes == 4 * windows.size
    assert max(peak, more) < 20 * 8 * 2**16  # a few arrays of a chunk, in float64
    assert max(peak, more) < recovered.nbytes < 8 * windows.size


def test_constant_columns_are_carried_through():
    series = np.column_stack([random_walk(features=2), np.full(400, -3.5)])
    preconditioner = Preconditioner(12).fit(series)
    assert preconditioner.components == 2
    generated = preconditioner.inverse_transform(np.zeros((4, 12, 2)))
    assert (generated[..., 2] == -3.5).all()
    assert [side[2] for side in preconditioner.data_range] == [-3.5, -3.5]


def test_separate_sequences_are_not_joined():
    sines = load_sines(2000, WINDOW)
    preconditioner = Preconditioner(WINDOW).fit(sines)
    normal_scores = preconditioner.transform(sines)
    assert np.abs(preconditioner.inverse_transform(normal_scores) - sines).max() < 1e-5


def test_state_survives_a_file(tmp_path, prices):
    preconditioner = Preconditioner(WINDOW).fit(prices)
    np.savez(tmp_path / "state.npz", **preconditioner.arrays())
    with np.load(tmp_path / "state.npz", allow_pickle=False) as state:
        again = Preconditioner.from_arrays(state)
    normal_scores = np.random.default_rng(0).normal(size=(5, WINDOW, preconditioner.components))
    np.testing.assert_array_equal(
        again.inverse_transform(normal_scores), preconditioner.inverse_transform(normal_scores)
    )


@pytest.mark.parametrize(
    ("sequences", "window", "message"),
    [
        (np.zeros(10), 4, r"expected \(sequences, time, features\)"),
        (np.zeros((1, 10, 2)), 11, "expected 2 to 10"),
        (np.zeros((1, 10, 2)), 1, "expected 2 to 10"),
        (np.full((1, 10, 2), np.nan), 4, "NaN or infinity"),
        (np.ones((1, 10, 2)), 4, "Every column is constant"),
        (np.array([[[0.0], [1.0]]]), 2, "single pair of consecutive rows; expected at least two"),
        (
            np.tile([[0.0, 1e308], [1.0, -1e308]], (5, 1))[np.newaxis],
            4,
            "Column 2 spans more than .* 1.8e308; expected another unit",
        ),
    ],
)
def test_bad_input_is_refused(sequences, window, message):
    with pytest.raises(ValueError, match=message):
        Preconditioner(window).fit(sequences)


def test_wrong_number_of_columns_is_refused():
    preconditioner = Preconditioner(12).fit(random_walk())
    with pytest.raises(ValueError, match=r"expected \(windows, time, 3 features\)"):
        preconditioner.transform(np.zeros((5, 12, 2)))
    with pytest.raises(ValueError, match=r"expected \(normal scores, time, 3 components\)"):
        preconditioner.inverse_transform(np.zeros((5, 12, 4)))


def test_level_map_runs_the_autoregression_backwards():
    rng = np.random.default_rng(0)
    series = np.cumsum(rng.normal(size=(400, 3)), axis=0)
    preconditioner = Preconditioner(6).fit(series)
    kernel, bias = preconditioner.level_map(6)
    white = rng.normal(size=(5, 6, preconditioner.components))
    level = white[:, 0]
    expected = [level]
    for t in range(1, 6):
        news = white[:, t] @ preconditioner.innovation_root
        level = preconditioner.intercept + level @ preconditioner.transition + news
        expected.append(level)
    mapped = (white.reshape(5, -1) @ kernel + bias).reshape(white.shape)
    np.testing.assert_allclose(mapped, np.stack(expected, axis=1), atol=1e-4)
    with pytest.raises(ValueError, match="window is 0"):
        preconditioner.level_map(0)


def test_sequences_of_different_length_are_fitted_to_together() -> None:
    rng = np.random.default_rng(4)
    long, short = rng.normal(size=(200, 2)).cumsum(axis=0), rng.normal(size=(60, 2)).cumsum(axis=0)
    fitted = Preconditioner(10).fit([long, short])
    windows = np.concatenate([sliding_windows(part, 10) for part in (long, short)])
    assert len(fitted.margins.first[0].array()) > 0
    np.testing.assert_allclose(
        fitted.inverse_transform(fitted.transform(windows)), windows, atol=1e-3
    )
    # The row where the second begins follows no row: a jump there is no innovation.
    ramps = [np.arange(80.0)[:, None] + rng.normal(size=(80, 1)) for _ in range(2)]
    apart, glued = (Preconditioner(10).fit(given) for given in (ramps, np.concatenate(ramps)))
    assert np.abs(glued.innovation_root).max() > 2 * np.abs(apart.innovation_root).max()
    as_one = Preconditioner(10).fit([long])
    np.testing.assert_array_equal(as_one.transition, Preconditioner(10).fit(long).transition)
    with pytest.raises(ValueError, match="window is 61; expected 2 to 60"):
        Preconditioner(61).fit([long, short])
    with pytest.raises(ValueError, match=r"expected \(sequences, time, features\)"):
        Preconditioner(10).fit([long, short[:, :1]])
