"""Judging without a judge: the Fréchet distance and the coverage of features or of modes.

Both compare features ``(samples, features)``: what some trained network makes of samples of any
kind, images for one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from utils.checks import positive_integer


def frechet_distance(real_features: np.ndarray, fake_features: np.ndarray) -> float:
    """Return the Fréchet distance between two Gaussians with the features' means and covariances.

        ‖m_r − m_f‖² + tr(C_r + C_f − 2 (C_r C_f)^½)

    It is 0 where both agree. With few samples it is too large, on average; so compare only
    distances of equally many samples, and give that between two sets of real ones beside them.
    With the features of the network Inception v3 it is called FID, the Fréchet inception distance;
    ``notebooks/deeper/08_judging_images.ipynb`` derives it with a classifier of clothes.

    Args:
        real_features: ``(samples, features)``, what a network makes of real samples.
        fake_features: ``(samples, features)``, of as many features.

    Returns:
        The distance, in the features' unit squared, at least 0.

    Raises:
        ValueError: for features of the wrong rank or not finite, fewer than 2 samples, or
            different numbers of features.

    Source: Dowson, Landau, "The Fréchet distance between multivariate normal distributions",
    Journal of Multivariate Analysis 12(3), 1982; with a classifier's features: Heusel et al.,
    "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", NeurIPS
    2017, equation 6, arXiv 1706.08500.
    """
    real, fake = _feature_pair(real_features, fake_features, minimum=2)
    difference = real.mean(axis=0) - fake.mean(axis=0)
    real_cov, fake_cov = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (real, fake))
    # C_r C_f has the eigenvalues of A C_f A, which is symmetric, where A² = C_r.
    values, vectors = np.linalg.eigh(real_cov)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    eigenvalues = np.linalg.eigvalsh(root @ fake_cov @ root)
    overlap = np.sum(np.sqrt(np.maximum(eigenvalues, 0)))
    distance = difference @ difference + np.trace(real_cov) + np.trace(fake_cov) - 2 * overlap
    return float(max(distance, 0.0))


def coverage(
    real_features: np.ndarray, fake_features: np.ndarray, k: int = 5, *, chunk: int = 1000
) -> float:
    """Return the share of real samples that have a generated one in their neighbourhood.

    A real sample's neighbourhood is the ball around it that reaches to its ``k``-th nearest other
    real sample. Where both sets are equally large and of one distribution, each neighbourhood is
    met with a probability of nearly 1 − 2⁻ᵏ, whatever the distribution. The memory needed is
    ``chunk`` × samples.

    Args:
        real_features: ``(samples, features)``.
        fake_features: ``(samples, features)``, of as many features.
        k: which neighbour, from 1 to the number of real samples − 1.
        chunk: real samples compared at a time.

    Raises:
        ValueError: for features of the wrong rank or not finite, different numbers of features,
            or a ``k`` that is out of range.

    Source: Naeem, Oh, Uh, Choi, Yoo, "Reliable fidelity and diversity metrics for generative
    models", ICML 2020, arXiv 2002.09797.
    """
    positive_integer(chunk=chunk)
    real, fake = _feature_pair(real_features, fake_features)
    if not 1 <= k < len(real):
        raise ValueError(f"k is {k}; expected 1 to {len(real) - 1} (real samples − 1).")
    covered = 0
    for start in range(0, len(real), chunk):
        part = real[start : start + chunk]
        # The sample itself, at distance 0, comes first: the k-th other one stands at place k.
        radius = np.partition(cdist(part, real), k, axis=1)[:, k]
        covered += np.count_nonzero(cdist(part, fake).min(axis=1) <= radius)
    return covered / len(real)


class ModeCoverage(NamedTuple):
    """How many modes of a known mixture are covered, and how many samples are any good."""

    modes: int
    quality: float


def mode_coverage(
    samples: np.ndarray, centres: np.ndarray, sigma: float, *, share: float = 0.25
) -> ModeCoverage:
    """Return the covered modes and the high-quality share of samples of a Gaussian mixture.

    The mixture has equal weights and the covariance σ²I around each centre. A sample is of *high
    quality* if it lies within 3σ of its nearest centre. A mode counts as *covered* if it gets at
    least ``share`` of what a perfect sampler would give it, ``samples / modes``, in high-quality
    samples. In two dimensions a perfect sampler has the high-quality share 1 − exp(−4.5) = 0.989.

    Args:
        samples: ``(samples, dimensions)``.
        centres: ``(modes, dimensions)``.
        sigma: σ, the standard deviation of each mode, above 0, in the samples' unit.
        share: how much of its fair part a mode must get, above 0 and at most 1.

    Returns:
        ``ModeCoverage(modes, quality)``: a count from 0 to the number of centres, and a share.

    Raises:
        ValueError: for arrays of the wrong rank, empty or not finite, different dimensions, or a
            σ or share that is out of range.

    Source: the 3σ of Srivastava et al., "VEEGAN", NeurIPS 2017, arXiv 1705.07761,
    who count a mode from its first high-quality sample on; ``share`` is this course's, stricter.
    """
    points = _rows(samples, "samples", "(samples, dimensions)")
    modes = _rows(centres, "centres", "(centres, dimensions)")
    if points.shape[1] != modes.shape[1]:
        raise ValueError(
            f"The samples have {points.shape[1]} dimensions, the centres {modes.shape[1]}; "
            "expected the same."
        )
    if not (math.isfinite(sigma) and sigma > 0):
        raise ValueError(f"sigma is {sigma}; expected a finite number above 0.")
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}; expected a number above 0, at most 1.")
    distances = cdist(points, modes)
    good = distances.min(axis=1) <= 3 * sigma
    counts = np.bincount(distances.argmin(axis=1)[good], minlength=len(modes))
    covered = counts >= share * len(points) / len(modes)
    return ModeCoverage(int(covered.sum()), float(good.mean()))


def _rows(values: np.ndarray, what: str, shape: str) -> np.ndarray:
    """Return an array of two axes as float64, checked."""
    array = np.asarray(values, dtype="float64")
    if array.ndim != 2 or not array.size:
        raise ValueError(f"The {what} have the shape {array.shape}; expected {shape}, not empty.")
    if not np.isfinite(array).all():
        raise ValueError(f"The {what} are not all finite numbers.")
    return array


def _feature_pair(
    real_features: np.ndarray, fake_features: np.ndarray, minimum: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Return both sets of features as float64 ``(samples, features)``, checked."""
    pair = []
    for name, values in (("real", real_features), ("fake", fake_features)):
        features = _rows(values, f"{name} features", "(samples, features)")
        if len(features) < minimum:
            raise ValueError(
                f"There are features of {len(features)} {name} samples; "
                f"expected at least {minimum}."
            )
        pair.append(features)
    if pair[0].shape[1] != pair[1].shape[1]:
        raise ValueError(
            f"There are {pair[1].shape[1]} fake features and {pair[0].shape[1]} real ones; "
            "expected the same, from the same network."
        )
    return pair[0], pair[1]
