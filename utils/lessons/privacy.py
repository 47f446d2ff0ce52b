"""What a model gives away about its training data, and the Gaussian mechanism that bounds it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from scipy.special import log_ndtr, ndtr
from scipy.stats import rankdata


class Attack(NamedTuple):
    """How well a score tells members of the training data from outsiders.

    Used in lesson 17.7.

    Attributes:
        auc: the chance that a member scores higher than an outsider; 0.5 is guessing.
        chance: standard deviation of ``auc`` where the scores know nothing.
    """

    auc: float
    chance: float

    def __str__(self) -> str:
        """Return AUC and its chance, as in ``0.71 (chance 0.50 ± 0.05)``."""
        return f"{self.auc:.2f} (chance 0.50 ± {self.chance:.2f})"


def membership_attack(members: np.ndarray, outsiders: np.ndarray) -> Attack:
    """Return how well a score, high for suspected members, tells them from outsiders.

    Used in lesson 17.7.

    With m members and n outsiders whose scores are exchangeable, the AUC (the Mann–Whitney
    statistic over m·n, ties counted half) has mean 1/2 and, without ties, variance
    (m + n + 1) / (12 m n).

    Args:
        members: scores of records that were in the training data, ``(m,)``.
        outsiders: scores of records that were not, ``(n,)``.

    Raises:
        ValueError: if either is empty, not one-dimensional, or holds NaN.

    Source: Mann and Whitney, Annals of Mathematical Statistics 18(1), 1947; membership inference:
    Shokri et al., IEEE S&P 2017, arXiv 1610.05820.
    """
    members, outsiders = np.asarray(members, np.float64), np.asarray(outsiders, np.float64)
    for scores, name in ((members, "members"), (outsiders, "outsiders")):
        if scores.ndim != 1 or not len(scores) or np.isnan(scores).any():
            raise ValueError(f"The scores of the {name} are not a list of at least one number.")
    m, n = len(members), len(outsiders)
    ranks = rankdata(np.concatenate([members, outsiders]))[:m]
    auc = (ranks.sum() - m * (m + 1) / 2) / (m * n)
    return Attack(float(auc), math.sqrt((m + n + 1) / (12 * m * n)))


def gaussian_mu(sensitivity: float, noise: float, releases: int = 1) -> float:
    """Return μ: how far apart, in standard deviations, one record can move what is released.

    Used in lesson 17.8.

    Each of ``releases`` numbers or vectors is moved by a distance of at most ``sensitivity`` when
    one record is changed, and gets normal noise of standard deviation ``noise`` in every entry.
    Even if each may depend on those before, they tell no more together than one with
    μ = √releases · sensitivity / noise.

    Raises:
        ValueError: for a sensitivity below 0, a noise that is not above 0, or fewer than 1 release.

    Source: Dong, Roth, Su, Gaussian differential privacy, JRSS B 84(1), 2022, arXiv 1905.02383,
    theorem 2.7 and corollary 3.3.
    """
    if not (sensitivity >= 0 and noise > 0 and releases >= 1):
        raise ValueError(
            f"Sensitivity {sensitivity}, noise {noise} and {releases} releases are given; expected "
            "at least 0, above 0, and at least 1."
        )
    return math.sqrt(releases) * sensitivity / noise


def gaussian_delta(mu: float, epsilon: float) -> float:
    """Return the smallest δ for which the Gaussian mechanism is (ε, δ)-differentially private.

    Used in lesson 17.8.

        δ(ε) = Φ(μ/2 − ε/μ) − e^ε Φ(−μ/2 − ε/μ)

    Args:
        mu: from ``gaussian_mu``.
        epsilon: ε, at least 0.

    Raises:
        ValueError: for a negative μ or ε.

    Source: Balle and Wang, Improving the Gaussian mechanism for differential privacy, ICML 2018,
    theorem 8, arXiv 1805.06530; the definition: Dwork and Roth 2014, definition 2.4.
    """
    if not (mu >= 0 and epsilon >= 0):
        raise ValueError(f"μ is {mu} and ε is {epsilon}; expected both at least 0.")
    if mu == 0:
        return 0.0
    # e^ε overflows where Φ underflows; their product does neither.
    lost = math.exp(min(epsilon + float(log_ndtr(-mu / 2 - epsilon / mu)), 0.0))
    return max(float(ndtr(mu / 2 - epsilon / mu)) - lost, 0.0)


def gaussian_epsilon(mu: float, delta: float) -> float:
    """Return the smallest ε for which the Gaussian mechanism is (ε, δ)-differentially private.

    Used in lesson 17.8.

    Raises:
        ValueError: for a negative μ, or a δ that is not between 0 and 1.
    """
    if not 0 < delta < 1:
        raise ValueError(f"δ is {delta}; expected a number between 0 and 1.")
    if gaussian_delta(mu, 0.0) <= delta:
        return 0.0
    low, high = 0.0, 1.0
    while gaussian_delta(mu, high) > delta:
        low, high = high, 2 * high
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if gaussian_delta(mu, middle) > delta else (low, middle)
    return high


def attack_bound(mu: float) -> float:
    """Return a bound on the expected AUC of any attack on what a mechanism with this μ releases.

    Used in lesson 17.8.

    No attack tells two data sets that differ in one record better than N(0, 1) is told from
    N(μ, 1), where a draw of the second exceeds one of the first with the probability Φ(μ/√2). A
    single run scatters about its mean, and may lie above.

    Raises:
        ValueError: for a negative μ.
    """
    if not mu >= 0:
        raise ValueError(f"μ is {mu}; expected at least 0.")
    return float(ndtr(mu / math.sqrt(2)))


def clipped_noisy_sum(
    gradients: Sequence[tf.Tensor],
    clip: float | tf.Tensor,
    noise: float | tf.Tensor,
    seed: tf.Tensor,
) -> list[tf.Tensor]:
    """Return the sum over records of clipped gradients, plus normal noise.

    Used in lesson 17.7.

    Each record's gradient, all weights together, is shortened to a length of at most ``clip``;
    the noise in every entry of the sum has the standard deviation ``noise · clip``. One record
    replaced by another moves the sum by at most 2·clip, one added or left out by clip.

    Args:
        gradients: one tensor for each weight, ``(records, …)``.
        clip: C, above 0; where it is a tensor, that is not checked.
        noise: σ in units of C, at least 0; likewise.
        seed: two integers, as TensorFlow's stateless random functions take them.

    Raises:
        ValueError: for a clip or a noise that is not allowed, or no gradients.

    Source: Abadi et al., Deep learning with differential privacy, CCS 2016, algorithm 1,
    arXiv 1607.00133.
    """
    known = not (tf.is_tensor(clip) or tf.is_tensor(noise))
    if not gradients or (known and not (clip > 0 and noise >= 0)):
        raise ValueError(
            f"Clip {clip}, noise {noise} and {len(gradients)} gradients are given; expected above "
            "0, at least 0, and at least one."
        )
    flat = [tf.reshape(g, (tf.shape(g)[0], -1)) for g in gradients]
    squares = tf.add_n([tf.reduce_sum(g**2, axis=1) for g in flat])
    share = clip / tf.maximum(tf.sqrt(squares), clip)  # 1 where it is short enough
    seeds = tf.unstack(tf.random.split(seed, len(gradients)))
    sums = []
    for g, one, own in zip(gradients, flat, seeds, strict=True):
        total = tf.linalg.matvec(one, share, transpose_a=True)
        total += noise * clip * tf.random.stateless_normal(tf.shape(total), own)
        sums.append(tf.reshape(total, g.shape[1:]))
    return sums


def per_record_gradients(
    model: keras.Model, loss: Callable[[tf.Tensor], tf.Tensor], records: tf.Tensor
) -> list[tf.Tensor]:
    """Return ∇ loss(model(record)) for every record, one tensor ``(records, …)`` a weight.

    Used in lesson 17.7.

    Args:
        model: reads ``(batch, …)``, each row on its own; an LSTM in it must be unrolled.
        loss: the model's output for one record, a batch of 1 or more rows → a number.
        records: ``(records, …)`` or, where a record has several rows, ``(records, rows, …)``.

    Raises:
        ValueError: if the records have neither of these shapes.
    """
    rank = len(model.input_shape)
    if records.shape.rank not in (rank, rank + 1):
        raise ValueError(
            f"The records have the shape {records.shape}; expected (records, …) as the model "
            f"reads them, {model.input_shape}, or (records, rows, …)."
        )
    if records.shape.rank == rank:
        records = records[:, tf.newaxis]
    weights = model.trainable_variables

    def of_one(rows: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            value = tf.reshape(loss(model(rows)), ())
        return tape.gradient(value, weights)

    return tf.vectorized_map(of_one, records)
