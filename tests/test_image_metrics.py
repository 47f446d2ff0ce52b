"""The Fréchet distance and the coverage, against closed forms; bad input."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from utils import evaluation


def exact(mean, covariance, count=400, seed=0):
    """Return samples whose mean and covariance are exactly these."""
    draws = np.random.default_rng(seed).normal(size=(count, len(mean)))
    draws -= draws.mean(axis=0)
    whitened = (
        draws @ np.linalg.inv(np.linalg.cholesky(np.atleast_2d(np.cov(draws, rowvar=False)))).T
    )
    return mean + whitened @ np.linalg.cholesky(np.atleast_2d(covariance)).T


# ── Fréchet distance ──────────────────────────────────────────────────────────────────────────


def test_in_one_dimension_it_is_that_of_two_numbers():
    real, fake = exact([1.0], [[4.0]]), exact([3.0], [[9.0]], seed=1)
    assert evaluation.frechet_distance(real, fake) == pytest.approx((1 - 3) ** 2 + (2 - 3) ** 2)


def test_diagonal_covariances_add_up_by_feature():
    real = exact([0.0, 1.0, 2.0], np.diag([1.0, 4.0, 9.0]))
    fake = exact([1.0, 1.0, 0.0], np.diag([16.0, 1.0, 9.0]), seed=1)
    expected = (1 + 0 + 4) + ((1 - 4) ** 2 + (2 - 1) ** 2 + 0)
    assert evaluation.frechet_distance(real, fake) == pytest.approx(expected)


def test_covariances_that_do_not_commute():
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=(2, 5, 5))
    real_cov, fake_cov = first @ first.T, second @ second.T
    real, fake = exact(np.zeros(5), real_cov), exact(np.ones(5), fake_cov, seed=1)
    expected = 5 + np.trace(real_cov + fake_cov - 2 * sqrtm(real_cov @ fake_cov).real)
    assert evaluation.frechet_distance(real, fake) == pytest.approx(expected)
    assert evaluation.frechet_distance(fake, real) == pytest.approx(expected)


def test_the_same_samples_are_at_distance_zero_even_with_a_dead_feature():
    real = np.random.default_rng(3).normal(size=(50, 4))
    real[:, 2] = 0.0  # as a ReLU that never fires
    assert evaluation.frechet_distance(real, real[::-1]) == pytest.approx(0, abs=1e-6)
    assert evaluation.frechet_distance(real, real + 1) == pytest.approx(4)


def test_moving_and_turning_both_changes_nothing():
    rng = np.random.default_rng(4)
    real, fake = rng.normal(size=(60, 3)), 2 * rng.normal(size=(70, 3)) + 1
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    before = evaluation.frechet_distance(real, fake)
    assert evaluation.frechet_distance(real @ turn + 5, fake @ turn + 5) == pytest.approx(before)


def test_few_samples_of_one_distribution_are_too_far_apart():
    rng = np.random.default_rng(5)
    few, many = (
        np.mean([evaluation.frechet_distance(*rng.normal(size=(2, n, 8))) for _ in range(20)])
        for n in (40, 400)
    )
    assert few > 5 * many > 0


# ── Coverage ──────────────────────────────────────────────────────────────────────────────────


def test_coverage_by_hand():
    real = np.array([[0.0], [1.0], [3.0], [10.0]])
    # Radii to the nearest other one: 1, 1, 2, 7; to the second: 3, 2, 3, 9.
    assert evaluation.coverage(real, [[-0.9]], k=1) == 1 / 4
    assert evaluation.coverage(real, [[0.5]], k=1) == 2 / 4
    assert evaluation.coverage(real, [[4.0]], k=1) == 2 / 4  # of 3 and of 10
    assert evaluation.coverage(real, [[-2.5]], k=2) == 1 / 4
    assert evaluation.coverage(real, [[100.0]], k=3) == 0
    assert evaluation.coverage(real, real, k=1) == 1


def test_coverage_reaches_what_theory_says():
    # Naeem et al. 2020: E = 1 − (N − 1)…(N − k) / ((2N − 1)…(2N − k)) for N and N samples.
    n, k = 100, 3
    expected = 1 - np.prod([(n - j) / (2 * n - j) for j in range(1, k + 1)])
    rng = np.random.default_rng(6)
    found = [evaluation.coverage(*rng.normal(size=(2, n, 5)), k=k) for _ in range(60)]
    assert np.mean(found) == pytest.approx(expected, abs=0.01)
    assert expected == pytest.approx(1 - 2.0**-k, abs=0.01)


def test_a_mode_that_is_missing_is_not_covered():
    rng = np.random.default_rng(7)
    left, right = rng.normal(size=(2, 100, 4)) + np.array([-20, 20])[:, None, None]
    real, only_left = np.concatenate([left, right]), rng.normal(size=(200, 4)) - 20
    assert evaluation.coverage(real, only_left) == pytest.approx(0.5, abs=0.03)


def test_coverage_does_not_depend_on_the_chunks():
    real, fake = np.random.default_rng(8).normal(size=(2, 83, 3))
    assert evaluation.coverage(real, fake, chunk=10) == evaluation.coverage(real, fake)


# ── Bad input ─────────────────────────────────────────────────────────────────────────────────

GOOD = np.zeros((9, 3))
BAD = [
    ((np.zeros((9, 3, 1)), GOOD), r"real features have the shape \(9, 3, 1\)"),
    ((GOOD, np.zeros(9)), r"fake features have the shape \(9,\)"),
    ((GOOD, np.zeros((9, 4))), "4 fake features and 3 real ones"),
    ((GOOD, np.full((9, 3), np.nan)), "fake features are not all finite"),
]


@pytest.mark.parametrize("measure", [evaluation.frechet_distance, evaluation.coverage])
@pytest.mark.parametrize(("pair", "message"), BAD)
def test_bad_features_are_refused(measure, pair, message):
    with pytest.raises(ValueError, match=message):
        measure(*pair)


def test_too_few_samples_are_refused():
    with pytest.raises(ValueError, match="1 fake samples; expected at least 2"):
        evaluation.frechet_distance(GOOD, GOOD[:1])
    with pytest.raises(ValueError, match=r"fake features have the shape .*, not empty"):
        evaluation.coverage(GOOD, GOOD[:0])


@pytest.mark.parametrize("k", [0, 9, -1])
def test_a_neighbour_that_does_not_exist_is_refused(k):
    with pytest.raises(ValueError, match=rf"k is {k}; expected 1 to 8"):
        evaluation.coverage(GOOD, GOOD, k=k)
