"""Several small GANs trained side by side on points in the plane: the same game, other seeds.

One training proves little, and a small network leaves a computer mostly idle. So each weight gets
one more axis in front, the *member*: its networks are computed together and share nothing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from utils import evaluation, losses, runtime
from utils.checks import positive_integer
from utils.lessons.remedies import minibatch_std, spectral_norm

LATENT = 8  # normal random numbers that a generator turns into a point
BATCH = 128  # real points, and generated ones, in a training step
BETAS, EPSILON = (0.5, 0.99), 1e-7  # of Adam
PARTS = 20  # of a training: after each one samples are taken
SAMPLES = 2000  # points of a member in a snapshot, always from the same latents
CROSS_ENTROPY = ("minimax", "non_saturating")  # games whose discriminator is a classifier


@dataclass(frozen=True)
class Runs:
    """What training leaves of all members: ``targets`` × ``members`` GANs.

    Used in lesson 9.3.

    Attributes:
        targets: the centres of each target's modes, each ``(modes, 2)``.
        sigma: the standard deviation of every mode.
        steps: the training steps at which snapshots were taken, ``(moments,)``, the first one 0.
        history: the discriminator's and the generator's loss, ``(steps, 2)``, a mean over all
            members of all targets; the discriminator's with its penalty.
        snapshots: generated points, ``(targets, members, moments, points, 2)``.
        logit_of: flat samples ``(all members · points, 2)`` to logits, for ``logits``.
    """

    targets: tuple[np.ndarray, ...]
    sigma: float
    steps: np.ndarray
    history: np.ndarray
    snapshots: np.ndarray
    logit_of: Callable[[np.ndarray], np.ndarray] = field(repr=False)

    def scores(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the modes covered and the high-quality shares, each (targets, members, moments).

        See ``evaluation.mode_coverage``.
        """
        shape = self.snapshots.shape[:3]
        modes, quality = np.zeros(shape, int), np.zeros(shape)
        for place in np.ndindex(shape):
            centres = self.targets[place[0]]
            found = evaluation.mode_coverage(self.snapshots[place], centres, self.sigma)
            modes[place], quality[place] = found
        return modes, quality

    def logits(self, points: np.ndarray) -> np.ndarray:
        """Return every discriminator's logits of the points (n, 2), (targets, members, n).

        They are those of the end of training.
        """
        targets, members = self.snapshots.shape[:2]
        tiled = np.tile(np.asarray(points, "float32"), (targets * members, 1))
        return self.logit_of(tiled).reshape(targets, members, len(points))


def train_seeds(
    targets: Sequence[np.ndarray],
    *,
    game: losses.GanLoss = losses.non_saturating,
    r1: float = 0.0,
    r2: float = 0.0,
    finite_difference: float | None = None,
    wgan_gp: float = 0.0,
    clip: float | None = None,
    spectral: bool = False,
    spectral_in_place: bool = False,
    logit_scale: float = 1.0,
    minibatch_deviation: bool = False,
    pack: int = 1,
    smoothing: float = 0.0,
    ema_decay: float = 0.0,
    g_rate: float = 5e-3,
    d_rate: float = 5e-3,
    rate_decay: float = 1.0,
    units: int = 64,
    hidden: int = 2,
    members: int = 5,
    steps: int = 4000,
    seed: int = 1,
    sigma: float = 0.08,
) -> Runs:
    """Train ``members`` GANs on each target; every remedy is an option, off unless given.

    Used in lesson 9.3.

    Generator and discriminator are perceptrons with leaky ReLUs; Adam trains both with the betas
    0.5 and 0.99. Member k of a target starts from the weights of the seed ``seed + k``, whatever
    the target, the options and the number of members. A step is that of ``gan.Gan``.

    Args:
        targets: centres of the modes, one ``(modes, 2)`` a target: ``[ring]``, ``[ring, grid]``.
            The data are Gaussians of equal weight around them.
        game: the pair of losses.
        r1: γ of the gradient penalty on real points.
        r2: γ of the gradient penalty on generated points.
        finite_difference: σ of ``losses.finite_difference_penalty``; with it, r1 and r2 are
            estimated instead of differentiated.
        wgan_gp: λ of the gradient penalty between real and generated points; for
            ``losses.wasserstein``.
        clip: limit of the discriminator's weights, cut off after each of its steps.
        spectral: whether each kernel of the discriminator is divided by its spectral norm where
            it is used, as in the paper and in ``remedies.SpectralDense``.
        spectral_in_place: with ``spectral``, whether the divided kernel replaces the kernel, as in
            ``keras.layers.SpectralNormalization``.
        logit_scale: the discriminator's last output times this is the logit.
        minibatch_deviation: whether the discriminator's last layer also reads how much the batch
            varies.
        pack: how many points the discriminator sees at once, all real or all generated.
        smoothing: the real label is 1 minus this; for a game whose discriminator classifies.
        ema_decay: β of the average of the generator's weights, from which snapshots are taken;
            0 takes the last weights.
        g_rate: the generator's learning rate.
        d_rate: the discriminator's.
        rate_decay: both rates fall to this share of themselves, by the same factor in each step.
        units: units of a hidden layer.
        hidden: hidden layers of each network.
        members: GANs on each target.
        steps: training steps; each is one step of the discriminator and one of the generator.
        seed: the first member's; it also decides the points and the latents.
        sigma: the standard deviation of every mode.

    Raises:
        ValueError: for a number out of range, targets that are not centres in the plane, or a
            smoothing with a game that does not classify.

    Source: the remedies' papers stand in ``losses`` and ``remedies``. ``pack``: Lin, Khetan,
    Fanti, Oh, PacGAN, NeurIPS 2018, arXiv 1712.04086. The average: Yazıcı et al., The unusual
    effectiveness of averaging in GAN training, ICLR 2019, arXiv 1806.04498.
    """
    options = {name: value for name, value in locals().items() if name != "targets"}
    gans = _Gans(_centres(targets), **options)
    moments = np.unique(np.linspace(0, steps, PARTS + 1).round().astype("int32"))
    history, snapshots = [], [gans.snapshot()]
    for first, after in runtime.progress(list(itertools.pairwise(moments))):
        history.append(gans.advance(tf.constant(first), tf.constant(after - first)).numpy())
        snapshots.append(gans.snapshot())
    points = np.stack(snapshots, axis=1)  # (all members, moments, points, 2)
    return Runs(
        targets=gans.targets,
        sigma=sigma,
        steps=moments,
        history=np.concatenate(history),
        snapshots=points.reshape(len(gans.targets), members, *points.shape[1:]),
        logit_of=lambda samples: gans.logits(samples, training=False).numpy(),
    )


def sample_mixture(centres: tf.Tensor, count: int, sigma: float, seed: tf.Tensor) -> tf.Tensor:
    """Return points of a mixture of equal Gaussians around the centres, (count, 2).

    Used in lesson 9.3.

    Args:
        centres: ``(modes, 2)``.
        count: how many points.
        sigma: each Gaussian's standard deviation.
        seed: two whole numbers; the same seed gives the same points.
    """
    which, where = tf.unstack(tf.random.split(seed, 2))
    modes = tf.shape(centres)[0]
    chosen = tf.random.stateless_uniform((count,), which, maxval=modes, dtype=tf.int32)
    return tf.gather(centres, chosen) + sigma * tf.random.stateless_normal((count, 2), where)


def _centres(targets: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Return the targets as a tuple of ``(modes, 2)`` float32 arrays, checked."""
    found = tuple(np.asarray(centres, "float32") for centres in targets)
    for centres in found:
        if centres.ndim != 2 or centres.shape[1] != 2 or not centres.size:
            raise ValueError(
                f"A target has the shape {centres.shape}; expected a list of (modes, 2) arrays."
            )
    if not found:
        raise ValueError("There is no target; expected a list of (modes, 2) arrays.")
    return found


def _weights(shapes: Sequence[tuple[int, int]], seeds: Sequence[int], player: int) -> list[Any]:
    """Return kernel and bias of each layer in turn, with a leading axis for the member.

    Kernels are normal with the variance 2/inputs (He et al., 2015), biases 0.
    """
    weights = []
    for layer, (inputs, outputs) in enumerate(shapes):
        kernels = [
            tf.random.stateless_normal((inputs, outputs), (seed, 2 * layer + player))
            for seed in seeds
        ]
        weights.append(tf.Variable(math.sqrt(2 / inputs) * tf.stack(kernels)))
        weights.append(tf.Variable(tf.zeros((len(seeds), 1, outputs))))
    return weights


def _forward(
    weights: Sequence[Any], inputs: Any, before_last: Callable[[Any], Any] = tf.identity
) -> Any:
    """Run the members' networks: ``(all members · batch, in)`` → ``(all members · batch, out)``."""
    x = tf.reshape(inputs, (weights[0].shape[0], -1, inputs.shape[-1]))
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        x = tf.nn.leaky_relu(x @ kernel + bias)
    x = before_last(x) @ weights[-2] + weights[-1]
    return tf.reshape(x, (-1, x.shape[-1]))


class _Adam:
    """Adam, as Keras computes it; each weight by itself, so that members do not meet."""

    def __init__(self, weights: Sequence[Any], rate: float, decay: float, steps: int) -> None:
        self.weights, self.rate, self.decay, self.steps = weights, rate, decay, steps
        self.m = [tf.Variable(tf.zeros_like(weight)) for weight in weights]
        self.v = [tf.Variable(tf.zeros_like(weight)) for weight in weights]

    def apply(self, gradients: Sequence[Any], done: Any) -> None:
        """Take a step; ``done`` steps, a float tensor, were taken before."""
        b1, b2 = BETAS
        rate = self.rate * self.decay ** (done / self.steps)
        rate = rate * tf.sqrt(1 - b2 ** (done + 1)) / (1 - b1 ** (done + 1))
        for w, m, v, g in zip(self.weights, self.m, self.v, gradients, strict=True):
            m.assign(b1 * m + (1 - b1) * g)
            v.assign(b2 * v + (1 - b2) * g**2)
            w.assign_sub(rate * m / (tf.sqrt(v) + EPSILON))


class _Gans:
    """The members' weights and optimizers, and a training step of all of them.

    Samples of all members lie in one long batch, ``(all members · batch, 2)``, so that the losses
    of ``utils.losses`` work as they are. Such a loss is a mean; times the number of members it is
    the sum of the members' own losses. No member's loss reads another's weights: the gradient of
    the sum holds each member's own gradient.
    """

    def __init__(self, targets: tuple[np.ndarray, ...], **options: Any) -> None:
        counts = ("pack", "units", "hidden", "members", "steps")
        positive_integer(**{name: options[name] for name in counts})
        for name in ("logit_scale", "g_rate", "d_rate", "rate_decay", "sigma"):
            if not (math.isfinite(options[name]) and options[name] > 0):
                raise ValueError(f"{name} is {options[name]}; expected a finite number above 0.")
        if not 0 <= options["ema_decay"] < 1:
            raise ValueError(
                f"ema_decay is {options['ema_decay']}; expected a number from 0 to below 1."
            )
        if options["smoothing"] and options["game"].name not in CROSS_ENTROPY:
            raise ValueError(f"smoothing is for {' and '.join(CROSS_ENTROPY)} only.")
        if BATCH % options["pack"]:
            raise ValueError(f"pack is {options['pack']}; expected a divisor of {BATCH}.")
        self.targets, self.options = targets, options
        self.game: losses.GanLoss = options["game"]
        seeds = [options["seed"] + k for k in range(options["members"])] * len(targets)
        self.count = len(seeds)  # members of all targets
        inside = [(options["units"], options["units"])] * (options["hidden"] - 1)
        first, last = 2 * options["pack"], options["units"] + options["minibatch_deviation"]
        self.g = _weights([(LATENT, options["units"]), *inside, (options["units"], 2)], seeds, 0)
        self.d = _weights([(first, options["units"]), *inside, (last, 1)], seeds, 1)
        falling = options["rate_decay"], options["steps"]
        self.g_adam = _Adam(self.g, options["g_rate"], *falling)
        self.d_adam = _Adam(self.d, options["d_rate"], *falling)
        self.average = [tf.Variable(weight) for weight in self.g]
        self.directions = [
            tf.Variable(tf.fill((self.count, kernel.shape[-1], 1), kernel.shape[-1] ** -0.5))
            for kernel in self.d[::2]
        ]
        # To trace a graph takes longer than ten steps without one.
        self.advance = tf.function(self._advance) if options["steps"] > 10 else self._advance

    def logits(self, samples: Any, training: bool = True) -> Any:
        """Return the logits ``(all members · batch / pack, 1)`` of the long batch."""
        weights, in_place = list(self.d), self.options["spectral_in_place"]
        if self.options["spectral"]:
            for layer, direction in enumerate(self.directions):
                norm, better = spectral_norm(weights[2 * layer], direction)
                if training:
                    direction.assign(better)
                if in_place and training:
                    self.d[2 * layer].assign(self.d[2 * layer] / norm)
                elif not in_place:
                    weights[2 * layer] = weights[2 * layer] / norm
        before_last = minibatch_std if self.options["minibatch_deviation"] else tf.identity
        samples = tf.reshape(samples, (-1, 2 * self.options["pack"]))
        return self.options["logit_scale"] * _forward(weights, samples, before_last)

    def real(self, seed: Any) -> Any:
        """Return a batch of real points for every member, target after target."""
        seeds = tf.unstack(tf.random.split(seed, len(self.targets)))
        points = self.options["members"] * BATCH
        return tf.concat(
            [
                sample_mixture(tf.constant(centres), points, self.options["sigma"], own)
                for centres, own in zip(self.targets, seeds, strict=True)
            ],
            axis=0,
        )

    def latents(self, seed: Any, batch: int = BATCH) -> Any:
        """Return latents for every member, ``(all members · batch, latent)``."""
        return tf.random.stateless_normal((self.count * batch, LATENT), seed)

    def draws(self, step: Any) -> tuple[Any, Any, Any, Any]:
        """Return a step's real points, latents for either half step, and a seed for the rest."""
        seeds = tf.random.split(tf.random.fold_in((self.options["seed"], 7), step), 4)
        points, d_latents, g_latents, rest = tf.unstack(seeds)
        return self.real(points), self.latents(d_latents), self.latents(g_latents), rest

    def penalty(self, real: Any, fake: Any, seed: Any) -> Any:
        """Return the sum of the penalties that are switched on."""
        options = self.options
        total = tf.constant(0.0)
        noise = tf.random.stateless_normal(tf.shape(real), seed)
        for gamma, points in ((options["r1"], real), (options["r2"], fake)):
            if gamma and options["finite_difference"] is None:
                total += losses.gradient_penalty(self.logits, points, gamma)
            elif gamma:
                width = options["finite_difference"]
                total += losses.finite_difference_penalty(self.logits, points, gamma, width, noise)
        if options["wgan_gp"]:
            mix = tf.random.stateless_uniform((len(real), 1), seed)
            total += losses.wgan_gp_penalty(self.logits, real, fake, options["wgan_gp"], mix)
        return total

    def discriminator_step(self, real: Any, latents: Any, seed: Any, done: Any) -> Any:
        """Train all discriminators by one step; return the mean of their losses."""
        fake = _forward(self.g, latents)
        with tf.GradientTape() as tape:
            pair = self.logits(real), self.logits(fake)
            if self.options["smoothing"]:
                loss = losses.smoothed_discriminator(*pair, self.options["smoothing"])
            else:
                loss = self.game.discriminator(*pair)
            loss = loss + self.penalty(real, fake, seed)
            total = self.count * loss
        self.d_adam.apply(tape.gradient(total, self.d), done)
        if self.options["clip"] is not None:
            losses.clip_weights(self.d, self.options["clip"])
        return loss

    def generator_step(self, real: Any, latents: Any, done: Any) -> Any:
        """Train all generators by one step; return the mean of their losses."""
        with tf.GradientTape() as tape:
            fake = self.logits(_forward(self.g, latents))
            loss = self.game.generator(
                self.logits(real) if self.game.generator_reads_real else fake, fake
            )
            total = self.count * loss
        self.g_adam.apply(tape.gradient(total, self.g), done)
        if self.options["ema_decay"]:  # as Keras: the average begins with the first step's weights
            decay = self.options["ema_decay"] * tf.cast(done > 0, tf.float32)
            for average, weight in zip(self.average, self.g, strict=True):
                average.assign(decay * average + (1 - decay) * weight)
        return loss

    def step(self, number: Any) -> Any:
        """Do both half steps; return the two losses, ``(2,)``."""
        real, d_latents, g_latents, rest = self.draws(number)
        done = tf.cast(number, tf.float32)
        d_loss = self.discriminator_step(real, d_latents, rest, done)
        return tf.stack([d_loss, self.generator_step(real, g_latents, done)])

    def _advance(self, first: Any, count: Any) -> Any:
        """Do ``count`` steps from step ``first`` on; return their losses, ``(count, 2)``."""
        history = tf.TensorArray(tf.float32, count)
        for k in tf.range(count):
            history = history.write(k, self.step(first + k))
        return history.stack()

    def snapshot(self) -> np.ndarray:
        """Return samples of every member, ``(all members, SAMPLES, 2)``."""
        weights = self.average if self.options["ema_decay"] else self.g
        points = _forward(weights, self.latents((9, 9), SAMPLES))
        return tf.reshape(points, (self.count, SAMPLES, 2)).numpy()
