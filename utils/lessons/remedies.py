"""Remedies for a GAN that fails: hinge loss, spectral normalisation, minibatch deviation."""

from __future__ import annotations

import keras
import tensorflow as tf

from utils.checks import positive_integer
from utils.losses import GanLoss


def _hinge_discriminator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Return E[max(0, 1 − r)] + E[max(0, 1 + f)]: beyond a margin of 1 nothing is gained."""
    real, fake = tf.nn.relu(1 - real_logits), tf.nn.relu(1 + fake_logits)
    return tf.reduce_mean(real) + tf.reduce_mean(fake)


def _hinge_generator(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Return −E[f]."""
    return -tf.reduce_mean(fake_logits)


# Used in lesson 9.7. It stands beside spectral normalisation, with which it is usually paired.
hinge = GanLoss(
    "hinge",
    _hinge_discriminator,
    _hinge_generator,
    "D: max(0, 1 − r) + max(0, 1 + f); G: −f",
    "Lim and Ye, Geometric GAN, 2017, arXiv 1705.02894; with spectral normalisation: Miyato et "
    "al., ICLR 2018, arXiv 1802.05957",
)


def spectral_norm(
    kernel: tf.Tensor, direction: tf.Tensor, iterations: int = 1
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return a kernel's largest singular value, by power iteration, and the better direction.

    Used in lesson 9.7, "Spectral normalisation, and the constant that it needs".

    Start from any direction, keep the one returned and pass it in again at the next training
    step: a kernel changes little in a step, so one iteration each time is enough. Divided by the
    value, once the direction has settled, the kernel lengthens no vector. The gradient flows
    through the kernel and not through the directions, as at the exact singular vectors it should.

    Args:
        kernel: ``(…, inputs, outputs)``; leading axes are kernels side by side.
        direction: a unit vector for each, ``(…, outputs, 1)``.
        iterations: at least 1.

    Returns:
        The singular value, ``(…, 1, 1)``, never above the true one, and the new direction.

    Raises:
        ValueError: for shapes that do not fit, or fewer than one iteration.

    Source: Miyato, Kataoka, Koyama, Yoshida, "Spectral normalization for generative adversarial
    networks", ICLR 2018, algorithm 1, arXiv 1802.05957.
    """
    kernel, direction = tf.convert_to_tensor(kernel), tf.convert_to_tensor(direction)
    if kernel.shape.rank is None or kernel.shape.rank < 2:
        raise ValueError(f"The kernel has the shape {kernel.shape}; expected (…, inputs, outputs).")
    expected = [*kernel.shape[:-2], kernel.shape[-1], 1]
    if direction.shape.as_list() != expected:
        raise ValueError(
            f"The direction has the shape {direction.shape}; expected {tuple(expected)}."
        )
    positive_integer(iterations=iterations)
    fixed = tf.stop_gradient(kernel)
    for _ in range(iterations):
        left = tf.math.l2_normalize(fixed @ direction, axis=-2)
        direction = tf.math.l2_normalize(tf.linalg.matrix_transpose(fixed) @ left, axis=-2)
    return tf.linalg.matrix_transpose(left) @ kernel @ direction, direction


class SpectralDense(keras.layers.Dense):
    """A dense layer that divides its kernel by the kernel's spectral norm where it is used.

    Defined in lesson 9.7.

    So the layer lengthens no difference of two inputs. Each call in training improves the estimate
    of the norm by one power iteration. The kernel itself stays as the optimizer left it, as in the
    paper; ``keras.layers.SpectralNormalization`` writes the divided kernel back.

    Source: Miyato, Kataoka, Koyama, Yoshida, "Spectral normalization for generative adversarial
    networks", ICLR 2018, algorithm 1, arXiv 1802.05957.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the kernel, the bias and the direction that the power iteration keeps."""
        super().build(input_shape)
        start = keras.initializers.Constant(self.units**-0.5)  # a vector of length 1
        self.direction = self.add_weight((self.units, 1), start, trainable=False)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the layer's outputs, (…, inputs) → (…, units)."""
        norm, better = spectral_norm(self.kernel, self.direction)
        if training:
            self.direction.assign(better)
        return self.activation(inputs @ (self.kernel / norm) + self.bias)


def minibatch_std(features: tf.Tensor) -> tf.Tensor:
    """Append to each sample's features how much the batch varies, the same number for all.

    Used in lesson 9.9.
    It is measured in that lesson's companion, deeper/09_all_remedies.

    The number is the standard deviation over the batch, averaged over the features. A batch of
    near-copies has 0 there, which tells a discriminator what no single sample can. A sample's
    logit then depends on the others: gradient penalties do not go with it.

    Args:
        features: ``(…, batch, features)``; leading axes are batches side by side.

    Returns:
        ``(…, batch, features + 1)``.

    Raises:
        ValueError: for fewer than two axes.

    Source: Karras, Aila, Laine, Lehtinen, "Progressive growing of GANs for improved quality,
    stability, and variation", ICLR 2018, section 3, arXiv 1710.10196.
    """
    features = tf.convert_to_tensor(features)
    if features.shape.rank is None or features.shape.rank < 2:
        raise ValueError(
            f"The features have the shape {features.shape}; expected (…, batch, features)."
        )
    variance = tf.math.reduce_variance(features, axis=-2, keepdims=True)
    # The slope of √ at 0 is infinite: a small number keeps the gradient of equal samples finite.
    spread = tf.reduce_mean(tf.sqrt(variance + 1e-8), axis=-1, keepdims=True)
    return tf.concat([features, tf.ones_like(features[..., :1]) * spread], axis=-1)
