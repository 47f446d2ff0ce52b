"""Windows, scalers, normal scores and the preconditioner, on real prices and on awkward columns."""

import numpy as np
import pytest
from scipy.stats import norm

from utils.data import load_sines, load_stock
from utils.preprocessing import (
    NormalScores,
    Preconditioner,
    QuantileMap,
    Scaler,
    forecast_windows,
    sliding_windows,
)

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
        ((10, 2), 0, 1, "at least 1"),
        ((10, 2), 4, 0, "at least 1"),
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
        ((10, 2), (0, 3, 1), "History 0, horizon 3, stride 1: each must be at least 1"),
        ((10, 2), (4, 0, 1), "horizon 0"),
        ((10, 2), (4, 3, 0), "stride 0"),
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
    np.testing.assert_allclose(scaler.inverse(scaler.transform(values)), values)


def test_standard_scaler():
    values = np.column_stack([random_walk(), np.full(400, 7.0)])
    scaled = Scaler.standard(values).transform(values)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=0), [1, 1, 1, 0], atol=1e-12)
    np.testing.assert_allclose(Scaler.standard(values).inverse(scaled), values)


# --- normal scores ------------------------------------------------------------------------------


def test_quantile_map_gives_the_normal_quantile_of_the_rank():
    sample = np.array([3.0, -1.0, 10.0, 4.0, 0.0])
    map_ = QuantileMap.fit(sample)
    expected = norm.ppf((np.array([3, 1, 5, 4, 2]) - 0.5) / 5)
    np.testing.assert_allclose(map_.transform(sample), expected)
    np.testing.assert_allclose(map_.inverse(expected), sample)


def test_tied_values_share_the_middle_of_their_ranks():
    map_ = QuantileMap.fit(np.array([0.0, 0.0, 0.0, 1.0]))
    np.testing.assert_allclose(map_.transform(np.array([0.0, 1.0])), norm.ppf([1.5 / 4, 3.5 / 4]))


def test_quantile_map_never_leaves_the_range_of_its_sample():
    map_ = QuantileMap.fit(np.random.default_rng(0).normal(size=1000))
    assert map_.inverse(np.array([-50.0, 50.0])).tolist() == [map_.values[0], map_.values[-1]]


def test_thinned_quantile_map_keeps_the_extremes_and_stays_close():
    sample = np.random.default_rng(0).standard_t(3, size=50_000)
    map_ = QuantileMap.fit(sample)
    assert len(map_.values) <= 3100
    full = QuantileMap.fit(sample, knots=10**6)
    values = np.sort(sample)
    # Both maps rise through the same knots, so between two of them they differ by less than a gap.
    after = np.clip(np.searchsorted(map_.values, values), 1, len(map_.values) - 1)
    gap = map_.scores[after] - map_.scores[after - 1]
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
    calibrated = NormalScores.fit_windows(shrunk).transform(shrunk)
    for part in (calibrated[:, 0], calibrated[:, 1:].reshape(-1, 2)):
        np.testing.assert_allclose(part.mean(axis=0), 0, atol=0.01)
        np.testing.assert_allclose(part.std(axis=0), 1, atol=0.01)
    order = np.argsort(shrunk[:, 0, 0])
    assert (np.diff(calibrated[order, 0, 0]) > 0).mean() > 0.99
    assert (np.diff(calibrated[order, 0, 0]) >= 0).all()


# --- preconditioner -----------------------------------------------------------------------------


def test_round_trip_on_real_prices(prices):
    windows = sliding_windows(prices, WINDOW)
    preconditioner = Preconditioner.fit(prices[np.newaxis], WINDOW)
    scores = preconditioner.transform(windows)
    assert scores.dtype == np.float32
    assert scores.shape == (len(windows), WINDOW, preconditioner.components)
    error = np.abs(preconditioner.inverse(scores) - windows) / np.ptp(prices, axis=0)
    assert error.max() < 1e-5


def test_scores_of_real_prices_are_standard_normal(prices):
    scores = Preconditioner.fit(prices[np.newaxis], WINDOW).transform(
        sliding_windows(prices, WINDOW)
    )
    np.testing.assert_allclose(scores.mean(axis=(0, 1)), 0, atol=0.05)
    np.testing.assert_allclose(scores.std(axis=(0, 1)), 1, atol=0.05)


def test_scores_of_a_vector_autoregression_are_its_innovations():
    rng = np.random.default_rng(0)
    transition = np.array([[0.9, 0.1], [0.0, 0.8]])
    noise = rng.normal(size=(20_000, 2))
    series = np.zeros_like(noise)
    for t in range(1, len(series)):
        series[t] = transition @ series[t - 1] + noise[t]
    scores = Preconditioner.fit(series[np.newaxis], 12).transform(sliding_windows(series, 12))
    later = scores[:, 1:].reshape(-1, 2).astype(np.float64)
    # They are the noise up to a rotation, hence new at every step and linear in the true noise.
    true = sliding_windows(noise, 12)[:, 1:].reshape(-1, 2)
    rotation, residual = np.linalg.lstsq(true, later, rcond=None)[:2]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(2), atol=0.05)
    assert (residual / len(later) < 0.02).all()


def test_a_redundant_column_is_dropped_and_comes_back():
    series = load_stock("GOOG").values
    preconditioner = Preconditioner.fit(series[np.newaxis], WINDOW)
    assert preconditioner.components == series.shape[1] - 1
    noise = np.random.default_rng(0).normal(size=(50, WINDOW, preconditioner.components))
    generated = preconditioner.inverse(noise)
    close, adjusted = generated[..., 3], generated[..., 4]
    ratio = series[0, 4] / series[0, 3]
    np.testing.assert_allclose(adjusted, ratio * close, rtol=1e-6)


def test_generated_values_stay_inside_the_stated_range(prices):
    preconditioner = Preconditioner.fit(prices[np.newaxis], WINDOW)
    wild = 5 * np.random.default_rng(0).normal(size=(200, WINDOW, preconditioner.components))
    generated = preconditioner.inverse(wild)
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
    preconditioner = Preconditioner.fit(series[np.newaxis], 12)

    def error(scores):
        recovered = preconditioner.inverse(scores)
        return (np.abs(recovered - windows) / np.ptp(series, axis=0)).max()

    # The map itself loses nothing; what is lost is the rounding of the scores to float32, which
    # the steep end of a tail over four decades magnifies.
    assert error(preconditioner._transform(windows)) < 1e-9
    bound = 2e-5 if "wild tail" in request.node.name else 1e-5
    assert error(preconditioner.transform(windows)) < bound


def test_constant_columns_are_carried_through():
    series = np.column_stack([random_walk(features=2), np.full(400, -3.5)])
    preconditioner = Preconditioner.fit(series[np.newaxis], 12)
    assert preconditioner.components == 2
    generated = preconditioner.inverse(np.zeros((4, 12, 2)))
    assert (generated[..., 2] == -3.5).all()


def test_separate_sequences_are_not_joined():
    sines = load_sines(2000, WINDOW)
    preconditioner = Preconditioner.fit(sines, WINDOW)
    scores = preconditioner.transform(sines)
    assert np.abs(preconditioner.inverse(scores) - sines).max() < 1e-5


def test_state_survives_a_file(tmp_path, prices):
    preconditioner = Preconditioner.fit(prices[np.newaxis], WINDOW)
    np.savez(tmp_path / "state.npz", **preconditioner.arrays())
    with np.load(tmp_path / "state.npz", allow_pickle=False) as state:
        again = Preconditioner.from_arrays(state)
    scores = np.random.default_rng(0).normal(size=(5, WINDOW, preconditioner.components))
    np.testing.assert_array_equal(again.inverse(scores), preconditioner.inverse(scores))


@pytest.mark.parametrize(
    ("sequences", "window", "message"),
    [
        (np.zeros((10, 2)), 4, r"expected \(sequences, time, features\)"),
        (np.zeros((1, 10, 2)), 11, "expected 2 to 10"),
        (np.zeros((1, 10, 2)), 1, "expected 2 to 10"),
        (np.full((1, 10, 2), np.nan), 4, "NaN or infinity"),
        (np.ones((1, 10, 2)), 4, "Every column is constant"),
    ],
)
def test_bad_input_is_refused(sequences, window, message):
    with pytest.raises(ValueError, match=message):
        Preconditioner.fit(sequences, window)


def test_wrong_number_of_columns_is_refused():
    preconditioner = Preconditioner.fit(random_walk()[np.newaxis], 12)
    with pytest.raises(ValueError, match=r"expected \(windows, time, 3 features\)"):
        preconditioner.transform(np.zeros((5, 12, 2)))
    with pytest.raises(ValueError, match=r"expected \(scores, time, 3 components\)"):
        preconditioner.inverse(np.zeros((5, 12, 4)))
