"""Properties that must hold for any series: windows, scalers, normal scores, the preconditioner.

Hypothesis looks for series that break them: ties, constants, one outlier, 1e-300, 1e300, columns
that repeat each other. The search is derandomised: it tries the same series on every machine.
"""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from utils.datasets import Scaler, forecast_windows, sliding_windows
from utils.lstm_gan import NormalScores, Preconditioner, QuantileMap, Tails

settings.register_profile(
    "course",
    max_examples=30,
    deadline=None,  # the machine may be busy
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("course")

WHOLE = st.integers(-1000, 1000).map(float)
NUMBERS = (
    WHOLE,
    st.floats(-1, 1),
    st.floats(1e9, 1e9 + 1),
    st.floats(-1e-300, 1e-300),
    st.floats(-1e300, 1e300),
    st.floats(-40, 40).map(lambda value: float(np.sinh(value))),  # tails over many decades
)


@st.composite
def series(draw, numbers=NUMBERS, rows=(3, 60), columns=(1, 4)):
    """A series (time, features): noise or a walk, with many equal values or few."""
    shape = (draw(st.integers(*rows)), draw(st.integers(*columns)))
    fill = draw(st.sampled_from([None, st.nothing()]))
    values = draw(hnp.arrays(np.float64, shape, elements=draw(st.sampled_from(numbers)), fill=fill))
    if draw(st.booleans()):
        values = np.cumsum(values, axis=0) if numbers != NUMBERS else np.cumsum(values / 60, axis=0)
    if draw(st.booleans()) and shape[1] > 1:
        # A copy of another column in another unit, or all but a copy.
        values[:, 1] = 64 * values[:, 0] + draw(st.sampled_from([0, 1])) * values[:, 1]
    return values


@st.composite
def series_and_window(draw, **options):
    """A series of which at least one column varies, and the length of a window that fits it."""
    values = draw(series(**options).filter(lambda values: np.ptp(values, axis=0).any()))
    return values, draw(st.integers(2, len(values) - 1))


def span(values):
    """Return each column's range, 1 where it is constant; halved, so that it cannot overflow."""
    spans = np.ptp(values / 2, axis=0)
    return np.where(spans > 0, spans, 1.0)


def fit(values, window):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no division by zero, no overflow on the way
        return Preconditioner(window).fit(values)


# --- windows ------------------------------------------------------------------------------------


@given(series(), st.integers(1, 12), st.integers(1, 5))
def test_sliding_windows_are_those_of_a_loop(values, length, stride):
    if length > len(values):
        with pytest.raises(ValueError, match="does not fit"):
            sliding_windows(values, length, stride)
        return
    expected = []
    start = 0
    while start + length <= len(values):
        expected.append(values[start : start + length])
        start += stride
    windows = sliding_windows(values, length, stride)
    np.testing.assert_array_equal(windows, np.stack(expected))
    assert np.shares_memory(windows, values)


@given(series(), st.integers(1, 8), st.integers(1, 8), st.integers(1, 5))
def test_forecast_windows_are_those_of_a_loop(values, history, horizon, stride):
    if history + horizon > len(values):
        with pytest.raises(ValueError, match="does not fit"):
            forecast_windows(values, history, horizon, stride)
        return
    reads, targets = [], []
    start = 0
    while start + history + horizon <= len(values):
        middle = start + history
        reads.append(values[start:middle])
        targets.append(values[middle : middle + horizon])
        start += stride
    got = forecast_windows(values, history, horizon, stride)
    np.testing.assert_array_equal(got[0], np.stack(reads))
    np.testing.assert_array_equal(got[1], np.stack(targets))
    assert np.shares_memory(got[0], values)
    assert np.shares_memory(got[1], values)


# --- scalers and normal scores ------------------------------------------------------------------


@given(series(), st.sampled_from([Scaler.min_max, lambda values: Tails().fit(values)]))
def test_a_scaler_s_inverse_gives_the_data_back(values, fit_scaler):
    scaler = fit_scaler(values)
    again = scaler.inverse_transform(scaler.transform(values))
    assert (np.abs(again / 2 - values / 2) <= 1e-11 * span(values)).all()


@given(series(columns=(1, 1)))
def test_drawing_in_tails_keeps_the_order(values):
    column = np.sort(values, axis=0)
    assert (np.diff(Tails().fit(values).transform(column), axis=0) >= 0).all()


@given(series(columns=(1, 1)))
def test_the_inverse_of_a_quantile_map_gives_the_sample_back(values):
    sample = values[:, 0]
    map_ = QuantileMap().fit(sample)
    # Twice the rounding of the interpolation, far below the smallest gap that matters.
    np.testing.assert_allclose(
        map_.inverse_transform(map_.transform(sample)) / 2,
        sample / 2,
        rtol=1e-12,
        atol=1e-12 * span(sample),
    )


@given(
    # The preconditioner maps levels and innovations, numbers of order 1: none is 1e-310.
    series(numbers=(*NUMBERS[:3], NUMBERS[5]), rows=(2, 60), columns=(1, 1)).map(
        lambda values: np.round(values * 2**40) / 2**40
    ),
    hnp.arrays(np.float64, 20, elements=st.floats(-9, 9)),
    st.sampled_from([3, 3000]),
)
def test_a_quantile_map_is_monotone_and_stays_in_range(values, normal_scores, knots):
    sample = values[:, 0]
    map_ = QuantileMap(knots=knots, extremes=2).fit(sample)
    mapped = map_.transform(np.sort(np.concatenate([sample, sample / 2])))
    assert (np.diff(mapped) >= -1e-12).all()  # np.interp rounds
    assert np.abs(mapped).max() <= np.abs(map_.normal_scores).max() + 1e-12
    tolerance = 1e-12 * span(sample)
    back = map_.inverse_transform(np.sort(normal_scores)) / 2
    assert (np.diff(back) >= -tolerance).all()
    assert back.min() >= sample.min() / 2 - tolerance
    assert back.max() <= sample.max() / 2 + tolerance
    # The smallest and the largest are always knots: they come back, however few are kept.
    ends = np.array([sample.min(), sample.max()])
    assert (np.abs(map_.inverse_transform(map_.transform(ends)) / 2 - ends / 2) <= tolerance).all()


@given(
    hnp.arrays(np.float64, (9, 4, 2), elements=st.sampled_from(NUMBERS[:3]).flatmap(lambda n: n))
)
def test_normal_scores_keep_the_order_of_each_margin(windows):
    normal_scores = NormalScores().fit(windows).transform(windows)
    for part in (np.s_[:, :1], np.s_[:, 1:]):
        for component in range(2):
            before = windows[part][..., component].ravel()
            after = normal_scores[part][..., component].ravel()
            order = np.argsort(before, kind="stable")
            rises, scores_rise = np.diff(before[order]) > 0, np.diff(after[order])
            assert (scores_rise[rises] > 0).all()
            assert (scores_rise[~rises] == 0).all()
            assert abs(np.median(after)) < 1.3  # centred, whatever the unit


# --- the preconditioner -------------------------------------------------------------------------


@given(series_and_window())
def test_the_preconditioner_s_inverse_gives_the_windows_back(case):
    values, window = case
    preconditioner = fit(values, window)
    windows = sliding_windows(values, window)
    normal_scores = preconditioner.transform(windows)
    assert np.isfinite(normal_scores).all()
    error = np.abs(preconditioner.inverse_transform(normal_scores) / 2 - windows / 2) / span(values)
    # A direction with next to no variance is dropped: then a little more is lost.
    dropped = preconditioner.components < preconditioner.varying.sum()
    assert error.max() < (1e-3 if dropped else 3e-5)


@given(series_and_window(), st.floats(0.1, 30))
def test_generated_values_stay_in_the_data_s_range(case, spread):
    values, window = case
    preconditioner = fit(values, window)
    shape = (20, window, preconditioner.components)
    generated = preconditioner.inverse_transform(
        spread * np.random.default_rng(0).normal(size=shape)
    )
    assert np.isfinite(generated).all()
    low, high = values.min(axis=0), values.max(axis=0)
    tolerance = 1e-12 * np.maximum(np.abs(low), np.abs(high))
    assert (generated >= low - tolerance).all()
    assert (generated <= high + tolerance).all()
    constant = low == high
    assert (generated[..., constant] == low[constant]).all()
    whole = (values == np.round(values)).all(axis=0)
    assert (generated[..., whole] == np.round(generated[..., whole])).all()


@given(series_and_window(numbers=(WHOLE, st.floats(-1000, 1000, width=32))), st.integers(-60, 60))
def test_another_unit_changes_the_scores_in_no_bit(case, exponent):
    """In units 2ᵏ times as large the data have the same scores, and the inverse is 2ᵏ times."""
    values, window = case
    values = np.round(values * 2**20) / 2**20  # no number so small that a unit could round it
    if not np.ptp(values, axis=0).any():
        return
    scaled = np.ldexp(values, exponent)
    here, there = fit(values, window), fit(scaled, window)
    normal_scores = here.transform(sliding_windows(values, window))
    np.testing.assert_array_equal(there.transform(sliding_windows(scaled, window)), normal_scores)
    rounded = here.whole | there.whole  # what is whole in one unit may not be so in the other
    expected = np.ldexp(here.inverse_transform(normal_scores), exponent)
    error = np.abs(there.inverse_transform(normal_scores) - expected) / span(scaled)
    assert (error[..., ~rounded] < 1e-14).all()
    assert (error[..., rounded] * span(scaled)[rounded] <= max(1, 2.0**exponent)).all()


@given(series_and_window(numbers=(WHOLE,)), st.integers(-(10**9), 0))
def test_another_zero_changes_the_scores_in_no_bit(case, offset):
    """Whole numbers: their differences are exact, so that a shift loses nothing.

    Of columns that are not positive: a positive one keeps its own zero, which a shift moves.
    """
    values, window = case
    values = values - values.max(axis=0)
    here, there = fit(values, window), fit(values + offset, window)
    normal_scores = here.transform(sliding_windows(values, window))
    np.testing.assert_array_equal(
        there.transform(sliding_windows(values + offset, window)), normal_scores
    )
    np.testing.assert_array_equal(
        there.inverse_transform(normal_scores), here.inverse_transform(normal_scores) + offset
    )


@given(series_and_window(rows=(10, 40)), st.integers(1, 7))
def test_windows_are_transformed_apart_from_each_other(case, chunk):
    """However many windows are transformed at a time, each has the same scores."""
    values, window = case
    preconditioner = fit(values, window)
    windows = sliding_windows(values, window)
    normal_scores = preconditioner.transform(windows)
    parts = [windows[i : i + chunk] for i in range(0, len(windows), chunk)]
    apart = np.concatenate([preconditioner.transform(part) for part in parts])
    np.testing.assert_allclose(apart, normal_scores, rtol=1e-6, atol=1e-6)


@given(series_and_window())
def test_state_survives_storing(case):
    values, window = case
    preconditioner = fit(values, window)
    again = Preconditioner.from_arrays(preconditioner.arrays())
    normal_scores = np.random.default_rng(0).normal(size=(3, window, preconditioner.components))
    np.testing.assert_array_equal(
        again.inverse_transform(normal_scores), preconditioner.inverse_transform(normal_scores)
    )
