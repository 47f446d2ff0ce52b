"""The losses of GANs, the penalties that smooth a discriminator, and a quantile loss for forecasts.

Everything of GANs here is written on *logits*: the discriminator's raw output ``s``, before any
sigmoid, so that ``D(x) = sigmoid(s)`` is the probability that ``x`` is real. Two identities
then turn logarithms of probabilities into one stable function,
``softplus(s) = log(1 + exp(s))``::

    −log D(x) = softplus(−s)            −log(1 − D(x)) = softplus(s)

Logits have the shape ``(batch, 1)`` or ``(batch,)``; every loss and penalty is a scalar, a mean
over the batch, to be minimised. Half-precision logits are cast to float32 first. No function
here draws a random number: noise is an argument.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import tensorflow as tf

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
Discriminator = Callable[[tf.Tensor], tf.Tensor]


@dataclass(frozen=True)
class GanLoss:
    """The two losses of a GAN, one for each player.

    Used in lesson 7.5.

    Attributes:
        name: the key in ``LOSSES``.
        discriminator: ``(real_logits, fake_logits) -> scalar``, which the discriminator minimises.
        generator: ``(real_logits, fake_logits) -> scalar``, which the generator minimises.
        description: what each player minimises, in symbols: r a real logit, f a fake one.
        source: the paper.
        generator_reads_real: whether the generator's loss depends on the real logits. Where it
            does not, a training step may pass anything for them.
    """

    name: str
    discriminator: Loss = field(repr=False)
    generator: Loss = field(repr=False)
    description: str
    source: str
    generator_reads_real: bool = False


def _full_precision(values: tf.Tensor) -> tf.Tensor:
    """Return ``values`` as a tensor of float32, or of float64 if that is what they are."""
    values = tf.convert_to_tensor(values)
    return values if values.dtype == tf.float64 else tf.cast(values, tf.float32)


def _flat(logits: tf.Tensor, what: str = "The logits") -> tf.Tensor:
    """Return logits of shape ``(batch, 1)`` or ``(batch,)`` as ``(batch,)`` in full precision."""
    logits = _full_precision(logits)
    shape = logits.shape
    if shape.rank not in (1, 2) or (shape.rank == 2 and shape[1] != 1):
        raise ValueError(f"{what} have the shape {shape}; expected (batch, 1) or (batch,).")
    return tf.reshape(logits, (-1,))


def _same_shape(a: tf.Tensor, b: tf.Tensor, what: str) -> None:
    """Raise ValueError if the shapes differ; where TensorFlow knows them only later, then."""
    if not a.shape.is_compatible_with(b.shape):
        raise ValueError(f"{what} have the shapes {a.shape} and {b.shape}; expected equal ones.")
    if not (a.shape.is_fully_defined() and b.shape.is_fully_defined()):
        tf.debugging.assert_equal(tf.shape(a), tf.shape(b), f"{what} differ in shape.")


def _at_least_zero(value: float, name: str) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name} is {value}; expected a finite number that is at least 0.")


def _zero_sum_discriminator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Return −E[log D(x)] − E[log(1 − D(G(z)))], the cross-entropy of a classifier."""
    real, fake = _flat(real_logits), _flat(fake_logits)
    return tf.reduce_mean(tf.nn.softplus(-real)) + tf.reduce_mean(tf.nn.softplus(fake))


def _minimax_generator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Return E[log(1 − D(G(z)))]: the discriminator's term with its sign turned round."""
    return -tf.reduce_mean(tf.nn.softplus(_flat(fake_logits)))


def _non_saturating_generator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Return −E[log D(G(z))]: the same fixed points, but a gradient while D is winning."""
    return tf.reduce_mean(tf.nn.softplus(-_flat(fake_logits)))


def _least_squares_discriminator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Return ½ E[(s(x) − 1)²] + ½ E[s(G(z))²]: the targets are b = 1 and a = 0."""
    real, fake = _flat(real_logits), _flat(fake_logits)
    return 0.5 * tf.reduce_mean((real - 1) ** 2) + 0.5 * tf.reduce_mean(fake**2)


def _least_squares_generator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Return ½ E[(s(G(z)) − 1)²]: the generator's target is c = 1."""
    return 0.5 * tf.reduce_mean((_flat(fake_logits) - 1) ** 2)


def _wasserstein_critic(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Return E[s(G(z))] − E[s(x)], minus the critic's estimate of the distance."""
    return tf.reduce_mean(_flat(fake_logits)) - tf.reduce_mean(_flat(real_logits))


def _wasserstein_generator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Return −E[s(G(z))]."""
    return -tf.reduce_mean(_flat(fake_logits))


def _margin(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Return each real logit minus the fake one it is paired with, shape ``(batch,)``."""
    real, fake = _flat(real_logits), _flat(fake_logits)
    _same_shape(real, fake, "The real and the fake logits, which this loss pairs,")
    return real - fake


def _relativistic_discriminator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Return −E[log σ(s(x) − s(G(z)))]: in each pair, the real one should look more real."""
    return tf.reduce_mean(tf.nn.softplus(-_margin(real_logits, fake_logits)))


def _relativistic_generator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Return −E[log σ(s(G(z)) − s(x))]: in each pair, the fake one should look more real."""
    return tf.reduce_mean(tf.nn.softplus(_margin(real_logits, fake_logits)))


minimax = GanLoss(
    "minimax",
    _zero_sum_discriminator,
    _minimax_generator,
    "D: softplus(−r) + softplus(f); G: −softplus(f)",
    "Goodfellow et al., Generative adversarial nets, NeurIPS 2014, eq. 1, arXiv 1406.2661",
)
non_saturating = GanLoss(
    "non_saturating",
    _zero_sum_discriminator,
    _non_saturating_generator,
    "D: softplus(−r) + softplus(f); G: softplus(−f)",
    "Goodfellow et al., Generative adversarial nets, NeurIPS 2014, section 3, arXiv 1406.2661",
)
least_squares = GanLoss(
    "least_squares",
    _least_squares_discriminator,
    _least_squares_generator,
    "D: ½(r − 1)² + ½f²; G: ½(f − 1)²",
    "Mao et al., Least squares generative adversarial networks, ICCV 2017, arXiv 1611.04076",
)
wasserstein = GanLoss(
    "wasserstein",
    _wasserstein_critic,
    _wasserstein_generator,
    "critic: f − r; G: −f",
    "Arjovsky et al., Wasserstein generative adversarial networks, ICML 2017, arXiv 1701.07875",
)
relativistic = GanLoss(
    "relativistic",
    _relativistic_discriminator,
    _relativistic_generator,
    "D: softplus(−(r − f)); G: softplus(−(f − r))",
    "Jolicoeur-Martineau, The relativistic discriminator, ICLR 2019, arXiv 1807.00734",
    generator_reads_real=True,
)

LOSSES: dict[str, GanLoss] = {
    loss.name: loss for loss in (minimax, non_saturating, least_squares, wasserstein, relativistic)
}


def get_loss(name: str) -> GanLoss:
    """Return the loss of that name.

    Used in lesson 7.5.

    Raises:
        ValueError: if there is none; the message lists the known names.
    """
    if name not in LOSSES:
        raise ValueError(f"There is no loss named {name!r}; expected one of {', '.join(LOSSES)}.")
    return LOSSES[name]


def _squared_gradient_norms(discriminator: Discriminator, samples: tf.Tensor) -> tf.Tensor:
    """Return ‖∇ₓD(x)‖² for each sample, shape ``(batch,)``.

    The logits are summed before the derivative is taken: a logit depends on its own sample
    only, so the gradient of the sum holds, row by row, the gradients of the logits. (Batch
    normalisation would break that, which is why penalised discriminators do without.)
    """
    samples = tf.convert_to_tensor(samples)
    with tf.GradientTape() as tape:
        tape.watch(samples)
        total = tf.reduce_sum(_flat(discriminator(samples)))
    gradient = tape.gradient(total, samples)
    if gradient is None:
        raise ValueError("The discriminator's logits do not depend on the samples it was given.")
    return tf.reduce_sum(_full_precision(gradient) ** 2, axis=list(range(1, samples.shape.rank)))


def gradient_penalty(
    discriminator: Discriminator, samples: tf.Tensor, gamma: float = 1.0
) -> tf.Tensor:
    """Return γ/2 · E[‖∇ₓD(x)‖²], exactly. On real samples this is R1, on fake ones R2.

    Used in lesson 9.7, "R1 and R2".

    To train on it is to differentiate a gradient, so every operation of the discriminator needs
    a second derivative. cuDNN's LSTM has none: there, use ``finite_difference_penalty``.

    Args:
        discriminator: maps samples to logits, each logit from its own sample only.
        samples: shape ``(batch, …)``, for series ``(batch, time, features)``.
        gamma: γ, at least 0.

    Raises:
        ValueError: for a negative γ, logits of a wrong shape, or logits that ignore the samples.

    Source: Mescheder, Geiger, Nowozin, Which training methods for GANs do actually converge?,
    ICML 2018, section 4.1, arXiv 1801.04406.
    """
    _at_least_zero(gamma, "gamma")
    return 0.5 * gamma * tf.reduce_mean(_squared_gradient_norms(discriminator, samples))


def finite_difference_from_logits(
    logits: tf.Tensor, moved_logits: tf.Tensor, gamma: float, sigma: float
) -> tf.Tensor:
    """Return γ/2 · E[((D(x + σε) − D(x)) / σ)²] from logits that are already known.

    Used in lesson 13.7.

    For a caller who evaluates x and x + σε in one batch; see ``finite_difference_penalty``.

    Args:
        logits: D(x), shape ``(batch, 1)`` or ``(batch,)``.
        moved_logits: D(x + σε), of as many samples, in the same order.
        gamma: γ, at least 0.
        sigma: σ, above 0, in the units of the samples.

    Raises:
        ValueError: for a γ, σ or shape that is not allowed.
    """
    _at_least_zero(gamma, "gamma")
    if not (math.isfinite(sigma) and sigma > 0):
        raise ValueError(f"sigma is {sigma}; expected a finite number above 0.")
    here, moved = _flat(logits), _flat(moved_logits, "The moved logits")
    _same_shape(here, moved, "The logits and the moved logits")
    return 0.5 * gamma * tf.reduce_mean(((moved - here) / sigma) ** 2)


def finite_difference_penalty(
    discriminator: Discriminator, samples: tf.Tensor, gamma: float, sigma: float, noise: tf.Tensor
) -> tf.Tensor:
    """Return γ/2 · E[((D(x + σε) − D(x)) / σ)²], the gradient penalty without its gradient.

    Used in lesson 9.9.
    It is derived in that lesson's companion, deeper/09_all_remedies.

    For small σ the quotient is the slope of D along ε, and for ε ~ N(0, I) the mean of its
    square is E[(ε · ∇D)²] = ‖∇D‖²: over ε, and as σ → 0, this is ``gradient_penalty``. It asks
    for first derivatives only, so it works with cuDNN's LSTM, which has no second one
    (tensorflow issue 37091). The logits' rounding, in float32 about 1e-7 of their size, is
    divided by σ too, so σ should stay well above it.

    Args:
        discriminator: maps samples to logits.
        samples: x, shape ``(batch, …)``.
        gamma: γ, at least 0.
        sigma: σ, above 0, in the units of the samples.
        noise: ε ~ N(0, I), of the samples' shape.

    Raises:
        ValueError: for a γ, σ or shape that is not allowed.
    """
    samples = tf.convert_to_tensor(samples)
    noise = tf.cast(noise, samples.dtype)
    _same_shape(samples, noise, "The samples and the noise")
    moved = samples + sigma * noise
    return finite_difference_from_logits(discriminator(samples), discriminator(moved), gamma, sigma)


def wgan_gp_penalty(
    critic: Discriminator, real: tf.Tensor, fake: tf.Tensor, weight: float, mix: tf.Tensor
) -> tf.Tensor:
    """Return weight · E[(‖∇D(x̂)‖₂ − 1)²] at x̂ = mix · real + (1 − mix) · fake.

    Used in lesson 9.7, "A gradient penalty for Wasserstein".

    Args:
        critic: maps samples to logits, each logit from its own sample only.
        real: shape ``(batch, …)``.
        fake: of the same shape.
        weight: λ in the paper, at least 0; its authors use 10.
        mix: uniform on [0, 1], one number a pair: shape ``(batch, 1, …)``, real's rank.

    Raises:
        ValueError: for a negative weight, or a shape that is not allowed.

    Source: Gulrajani et al., Improved training of Wasserstein GANs, NeurIPS 2017, eq. 3,
    arXiv 1704.00028.
    """
    _at_least_zero(weight, "weight")
    real = tf.convert_to_tensor(real)
    fake, mix = tf.cast(fake, real.dtype), tf.cast(mix, real.dtype)
    _same_shape(real, fake, "The real and the fake samples")
    one_a_pair = tf.TensorShape([real.shape[0]] + [1] * (real.shape.rank - 1))
    if not mix.shape.is_compatible_with(one_a_pair):
        raise ValueError(f"mix has the shape {mix.shape}; expected {one_a_pair}, one a pair.")
    squared = _squared_gradient_norms(critic, mix * real + (1 - mix) * fake)
    # The slope of √ at 0 is infinite, and infinity times 0 is no number: at 0 take the root of 1.
    safe = tf.where(squared > 0, squared, tf.ones_like(squared))
    norms = tf.where(squared > 0, tf.sqrt(safe), tf.zeros_like(squared))
    return weight * tf.reduce_mean((norms - 1) ** 2)


def smoothed_discriminator(
    real_logits: tf.Tensor, fake_logits: tf.Tensor, smoothing: float = 0.1
) -> tf.Tensor:
    """Return the discriminator's cross-entropy with the real label 1 − smoothing instead of 1.

    Used in lesson 9.9.
    It is measured in that lesson's companion, deeper/09_all_remedies.

    Only the real label is smoothed::

        −(1 − ε) E[log D(x)] − ε E[log(1 − D(x))] − E[log(1 − D(G(z)))]

    For densities p of the data and q of the generator, D = (1 − ε) p/(p + q) is optimal, which
    never exceeds 1 − ε. The generator's loss stays as it is.

    Args:
        real_logits: shape ``(batch, 1)`` or ``(batch,)``.
        fake_logits: likewise.
        smoothing: ε, from 0 to below 1.

    Raises:
        ValueError: for a smoothing or a shape that is not allowed.

    Source: Salimans et al., Improved techniques for training GANs, NeurIPS 2016, section 3.4,
    arXiv 1606.03498.
    """
    if not 0 <= smoothing < 1:
        raise ValueError(f"smoothing is {smoothing}; expected a number from 0 to below 1.")
    real, fake = _flat(real_logits), _flat(fake_logits)
    on_real = (1 - smoothing) * tf.nn.softplus(-real) + smoothing * tf.nn.softplus(real)
    return tf.reduce_mean(on_real) + tf.reduce_mean(tf.nn.softplus(fake))


def clip_weights(weights: Sequence[tf.Variable], limit: float) -> None:
    """Cut every weight off at ±limit, in place, as the first WGAN does after a critic's step.

    Used in lesson 9.9.
    It is measured in that lesson's companion, deeper/09_all_remedies.

    Raises:
        ValueError: unless the limit is finite and above 0.

    Source: Arjovsky, Chintala, Bottou, Wasserstein generative adversarial networks, ICML 2017,
    algorithm 1, arXiv 1701.07875.
    """
    if not (math.isfinite(limit) and limit > 0):
        raise ValueError(f"limit is {limit}; expected a finite number above 0.")
    for weight in weights:
        weight.assign(tf.clip_by_value(weight, -limit, limit))


def quantile_loss(quantiles: Sequence[float]) -> Loss:
    """Return the quantile (pinball) loss of a network that forecasts several quantiles at once.

    Used in lesson 4, "What came after".
    It is derived in that lesson's companion, deeper/04_intervals.

    With the error e = target − predicted, a forecast of the quantile τ costs

        max(τ·e, (τ − 1)·e),

    which is τ·e where the target is above and (1 − τ)·|e| where it is below. Its expected value
    is least where a share τ of the targets lies below the forecast: at the quantile τ.

    Args:
        quantiles: the levels τ, rising, each between 0 and 1: ``(0.05, 0.5, 0.95)``.

    Returns:
        A function ``loss(target, predicted)``, for ``model.compile`` too: target of any shape,
        say ``(batch, horizon)``; predicted of that shape with one more axis, the quantiles in
        their order, ``(batch, horizon, quantiles)``. It returns a scalar, the mean over all
        entries, and raises a ValueError for other shapes. For a single quantile the last axis
        may be missing, as Keras removes one of length 1.

    Raises:
        ValueError: if there is no quantile, one is not between 0 and 1, or they do not rise.

    Source: Koenker and Bassett, "Regression quantiles", Econometrica 46(1), 1978,
    doi:10.2307/1913643.
    """
    levels = tuple(float(quantile) for quantile in quantiles)
    inside = all(0 < level < 1 for level in levels)
    if not levels or not inside or any(a >= b for a, b in itertools.pairwise(levels)):
        raise ValueError(
            f"The quantiles are {levels}; expected at least one, rising, each between 0 and 1."
        )

    def loss(target: tf.Tensor, predicted: tf.Tensor) -> tf.Tensor:
        predicted = _full_precision(predicted)
        target = tf.cast(target, predicted.dtype)
        if len(levels) == 1 and predicted.shape.rank == target.shape.rank:
            predicted = predicted[..., tf.newaxis]
        expected = [*target.shape, len(levels)]
        if not predicted.shape.is_compatible_with(expected):
            raise ValueError(
                f"Targets of shape {target.shape} and predictions of shape {predicted.shape} do "
                f"not fit; expected predictions of shape {tuple(expected)}, a quantile each."
            )
        error = target[..., tf.newaxis] - predicted
        tau = tf.constant(levels, error.dtype)
        return tf.reduce_mean(tf.maximum(tau * error, (tau - 1) * error))

    return loss
