"""The DCGAN's two networks: shapes, ranges, what is normalised, initial weights, seeds."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from utils import datasets
from utils.lessons import dcgan

NOISE = np.random.default_rng(0).normal(size=(8, 50)).astype("float32")
IMAGES = np.random.default_rng(1).uniform(-1, 1, size=(8, 28, 28, 1)).astype("float32")


def kinds(model, kind) -> list[keras.layers.Layer]:
    """Return the model's layers of that kind, in order."""
    return [layer for layer in model.layers if isinstance(layer, kind)]


def test_generator_doubles_seven_twice():
    model = dcgan.dcgan_generator(50, seed=0)
    assert model.input_shape == (None, 50)
    sides = [layer.output.shape[1:] for layer in kinds(model, keras.layers.Conv2DTranspose)]
    assert sides == [(14, 14, 32), (28, 28, 1)]
    images = model(NOISE, training=False)
    assert images.shape == (8, 28, 28, 1)
    assert np.all(np.abs(images) < 1)
    loud = model(1e6 * NOISE, training=False)
    assert np.max(np.abs(loud)) > 0.999  # tanh, no narrower range
    assert np.max(np.abs(loud)) <= 1


def test_discriminator_halves_twenty_eight_twice():
    model = dcgan.dcgan_discriminator(seed=0)
    sides = [layer.output.shape[1:] for layer in kinds(model, keras.layers.Conv2D)]
    assert sides == [(14, 14, 32), (7, 7, 64)]
    assert model(IMAGES).shape == (8, 1)
    assert np.min(model(100 * IMAGES)) < 0 < np.max(model(100 * IMAGES))  # logits, no sigmoid


def test_numbers_of_weights():
    generator, discriminator = dcgan.dcgan_generator(50), dcgan.dcgan_discriminator()
    dense, up, image = 50 * 7 * 7 * 64, 4 * 4 * 64 * 32, 4 * 4 * 32 + 1
    assert generator.count_params() == dense + 4 * 64 + up + 4 * 32 + image
    down, again, logit = 4 * 4 * 32 + 32, 4 * 4 * 32 * 64, 7 * 7 * 64 + 1
    assert discriminator.count_params() == down + again + 4 * 64 + logit


@pytest.mark.parametrize(
    ("model", "inputs"),
    [(dcgan.dcgan_generator(50), NOISE), (dcgan.dcgan_discriminator(), IMAGES)],
)
def test_an_output_depends_on_its_batch_in_training_only(model, inputs):
    alone, among = model(inputs[:2], training=False), model(inputs, training=False)[:2]
    np.testing.assert_allclose(alone, among, atol=1e-6)
    alone, among = model(inputs[:2], training=True), model(inputs, training=True)[:2]
    assert np.max(np.abs(alone - among)) > 1e-3


def test_neither_the_images_nor_their_first_reader_are_normalised():
    discriminator = dcgan.dcgan_discriminator()
    (normalise,) = kinds(discriminator, keras.layers.BatchNormalization)
    assert normalise.output.shape[1:] == (7, 7, 64)
    generator = dcgan.dcgan_generator()
    assert [
        layer.output.shape[1:] for layer in kinds(generator, keras.layers.BatchNormalization)
    ] == [
        (7, 7, 64),
        (14, 14, 32),
    ]
    assert generator.layers[-1].activation is keras.activations.tanh


def test_leaky_in_the_discriminator_and_not_in_the_generator():
    leaky = kinds(dcgan.dcgan_discriminator(), keras.layers.LeakyReLU)
    assert [layer.negative_slope for layer in leaky] == [pytest.approx(0.2)] * 2
    assert not kinds(dcgan.dcgan_generator(), keras.layers.LeakyReLU)
    assert len(kinds(dcgan.dcgan_generator(), keras.layers.ReLU)) == 2


def test_initial_weights_are_the_papers():
    for model in (dcgan.dcgan_generator(), dcgan.dcgan_discriminator()):
        kernels = [w.numpy() for w in model.trainable_weights if w.name == "kernel"]
        assert len(kernels) == 3
        for kernel in kernels:
            assert kernel.std() == pytest.approx(0.02, rel=0.1)
            assert abs(kernel.mean()) < 0.002


def test_keras_usual_epsilon_would_be_larger_than_the_first_variance():
    """As the table of lesson 8.4 says."""
    pixels = datasets.load_fashion("test").images[:256, ..., None] / 127.5 - 1
    model = dcgan.dcgan_discriminator(seed=2)
    variance = np.var(keras.Model(model.input, model.get_layer("down_again").output)(pixels))
    (normalise,) = kinds(model, keras.layers.BatchNormalization)
    assert 10 * normalise.epsilon < variance < keras.layers.BatchNormalization().epsilon


@pytest.mark.parametrize("build", [dcgan.dcgan_generator, dcgan.dcgan_discriminator])
def test_a_seed_decides_the_weights(build):
    first, again, other = (build(seed=seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_the_generator_has_a_gradient_through_the_discriminator():
    generator, discriminator = dcgan.dcgan_generator(), dcgan.dcgan_discriminator()
    with tf.GradientTape() as tape:
        logits = discriminator(generator(NOISE, training=True), training=True)
        loss = tf.reduce_mean(tf.nn.softplus(-logits))
    gradients = tape.gradient(loss, generator.trainable_variables)
    assert all(gradient is not None for gradient in gradients)
    assert all(np.any(gradient != 0) for gradient in gradients)


@pytest.mark.parametrize(
    "call",
    [
        lambda: dcgan.dcgan_generator(0),
        lambda: dcgan.dcgan_generator(channels=0),
        lambda: dcgan.dcgan_discriminator(channels=-1),
    ],
)
def test_bad_sizes_are_refused(call):
    with pytest.raises(ValueError, match="expected a positive integer"):
        call()
