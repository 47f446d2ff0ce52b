"""The two networks of the DCGAN."""

from __future__ import annotations

import keras

from utils.checks import positive_integer


def dcgan_generator(latent: int = 50, *, channels: int = 32, seed: int = 0) -> keras.Model:
    """Return a small DCGAN's generator: latents (batch, latent) → images (batch, 28, 28, 1).

    Defined in lesson 8.4.

    A dense layer, shaped to 7 × 7 with 2·``channels`` channels, then two transposed convolutions
    that each double the side. Batch normalisation and ReLU follow all but the last, whose tanh
    keeps the images between −1 and 1.

    Raises:
        ValueError: for a size below 1.

    Source: Radford, Metz, Chintala, "Unsupervised representation learning with deep convolutional
    generative adversarial networks", ICLR 2016, arXiv 1511.06434. Kernels are 4 wide instead
    of 5: a multiple of the stride, so that every pixel is written equally often.
    """
    positive_integer(latent=latent, channels=channels)
    latents = keras.Input((latent,), name="latents")
    hidden = keras.layers.Dense(
        7 * 7 * 2 * channels, use_bias=False, kernel_initializer=_dcgan_start(seed), name="project"
    )(latents)
    hidden = keras.layers.Reshape((7, 7, 2 * channels), name="small_image")(hidden)
    hidden = keras.layers.ReLU()(_dcgan_normalise()(hidden))
    hidden = keras.layers.Conv2DTranspose(
        channels, 4, 2, "same", use_bias=False, kernel_initializer=_dcgan_start(seed + 1), name="up"
    )(hidden)
    hidden = keras.layers.ReLU()(_dcgan_normalise()(hidden))
    images = keras.layers.Conv2DTranspose(
        1, 4, 2, "same", activation="tanh", kernel_initializer=_dcgan_start(seed + 2), name="image"
    )(hidden)
    return keras.Model(latents, images, name="generator")


def dcgan_discriminator(*, channels: int = 32, seed: int = 0) -> keras.Model:
    """Return a small DCGAN's discriminator: images (batch, 28, 28, 1) → logits (batch, 1).

    Defined in lesson 8.4.

    Two convolutions that each halve the side, with ``channels`` and 2·``channels`` channels and
    LeakyReLU of slope 0.2 below zero; batch normalisation after the second only, for the first
    one reads the images; a dense layer gives the logit. Call it on real and on generated images
    apart: in training, an image's logit depends on its whole batch.

    Raises:
        ValueError: for a size below 1.

    Source: as ``dcgan_generator``.
    """
    positive_integer(channels=channels)
    images = keras.Input((28, 28, 1), name="images")
    hidden = keras.layers.Conv2D(
        channels, 4, 2, "same", kernel_initializer=_dcgan_start(seed), name="down"
    )(images)
    hidden = keras.layers.LeakyReLU(negative_slope=0.2)(hidden)
    hidden = keras.layers.Conv2D(
        2 * channels,
        4,
        2,
        "same",
        use_bias=False,
        kernel_initializer=_dcgan_start(seed + 1),
        name="down_again",
    )(hidden)
    hidden = keras.layers.LeakyReLU(negative_slope=0.2)(_dcgan_normalise()(hidden))
    logits = keras.layers.Dense(1, kernel_initializer=_dcgan_start(seed + 2), name="logit")(
        keras.layers.Flatten()(hidden)
    )
    return keras.Model(images, logits, name="discriminator")


def _dcgan_start(seed: int) -> keras.initializers.Initializer:
    """Return the initial weights of the paper: normal, standard deviation 0.02."""
    return keras.initializers.RandomNormal(stddev=0.02, seed=seed)


def _dcgan_normalise() -> keras.layers.Layer:
    """Return batch normalisation; weights that small need an ε far below Keras' 1e-3."""
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
