"""Generators and discriminators: shapes, the two forms of the LSTM, latents, seeds."""

import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from utils import lstm_gan, runtime

# Keras' own decision; its package exports a function of the same name over the module.
keras_rnn = sys.modules["keras.src.backend.tensorflow.rnn"]
WINDOW, LATENT, FEATURES = 7, 5, 3


def small_generator(**options):
    return lstm_gan.lstm_generator(WINDOW, LATENT, FEATURES, units=6, **options)


def small_discriminator(**options):
    return lstm_gan.lstm_discriminator(WINDOW, FEATURES, units=6, **options)


@pytest.mark.parametrize("layers", [1, 3])
def test_shapes_and_depth(layers):
    generator = small_generator(layers=layers)
    discriminator = small_discriminator(layers=layers)
    assert generator.output_shape == (None, WINDOW, FEATURES)
    assert discriminator.output_shape == (None, 1)
    for model in (generator, discriminator):
        assert sum(isinstance(layer, keras.layers.LSTM) for layer in model.layers) == layers


@pytest.mark.parametrize("build", [small_generator, small_discriminator])
def test_both_forms_compute_the_same(build):
    unrolled, loop = build(fused=False), build(fused=True)
    loop.set_weights(unrolled.get_weights())
    inputs = np.random.default_rng(0).normal(size=(4, *unrolled.input_shape[1:]))
    np.testing.assert_allclose(unrolled(inputs), loop(inputs), atol=1e-6)


@pytest.mark.parametrize("build", [small_generator, small_discriminator])
def test_eligibility_for_cudnn_agrees_with_keras(build, monkeypatch):
    # Keras asks for a GPU as well; with that answered, only the layers decide.
    monkeypatch.setattr(keras_rnn, "_is_gpu_available", lambda: True)
    for fused in (True, False):
        model = build(fused=fused)
        by_keras = [
            keras_rnn.cudnn_ok(
                layer.activation, layer.recurrent_activation, layer.unroll, layer.use_bias
            )
            for layer in model.layers
            if isinstance(layer, keras.layers.LSTM)
        ]
        assert by_keras
        assert set(by_keras) == {fused}
        assert lstm_gan.cudnn_eligible(model) == fused


def test_other_activations_are_not_eligible():
    inputs = keras.Input((WINDOW, 2))
    relu = keras.Model(inputs, keras.layers.LSTM(3, activation="relu")(inputs))
    dropout = keras.Model(inputs, keras.layers.LSTM(3, recurrent_dropout=0.5)(inputs))
    dense = keras.Model(inputs, keras.layers.Dense(3)(inputs))
    assert not any(lstm_gan.cudnn_eligible(model) for model in (relu, dropout, dense))


@pytest.mark.parametrize(("fused", "kernels"), [(True, 2), (False, 0)])
def test_cudnn_kernel_stands_in_the_graph_that_a_gpu_would_run(monkeypatch, fused, kernels):
    # The graph can be traced anywhere, though only a GPU can run it.
    monkeypatch.setattr(keras_rnn, "_is_gpu_available", lambda: True)
    model = small_generator(fused=fused)
    spec = tf.TensorSpec((4, WINDOW, LATENT))
    assert lstm_gan.cudnn_kernels(tf.function(model).get_concrete_function(spec)) == kernels


def test_the_form_follows_the_device(monkeypatch):
    for gpu in (True, False):
        monkeypatch.setattr(runtime, "on_gpu", lambda gpu=gpu: gpu)
        assert lstm_gan.cudnn_eligible(small_generator()) == gpu


def test_the_seed_decides_the_weights():
    first, again, other = (small_generator(seed=seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_skip_carries_noise_past_the_recurrence():
    latents = np.random.default_rng(0).normal(size=(2, WINDOW, LATENT)).astype(np.float32)
    moved = latents.copy()
    moved[:, -1] += 1
    for skip in (True, False):
        model = small_generator(skip=skip)
        output = model.get_layer("output")
        assert output.kernel.shape[0] == 6 + LATENT * skip
        change = np.abs(model(moved).numpy() - model(latents).numpy()).max(axis=(0, 2))
        assert (change[:-1] == 0).all(), "a later latent must not change an earlier output"
        assert change[-1] > 0


def test_scaled_noise_against_numpy():
    model = small_generator(scaled_noise=2)
    rng = np.random.default_rng(0)
    model.get_layer("log_scale").set_weights([rng.normal(size=(6, FEATURES)), np.ones(FEATURES)])
    latents = rng.normal(size=(4, WINDOW, LATENT)).astype(np.float32)
    names = ("lstm_2", "output")
    parts = keras.Model(model.input, [model.get_layer(name).output for name in names])
    state, mean = (part.numpy() for part in parts(latents))
    log_scale = state @ model.get_layer("log_scale").kernel.numpy() + 1
    noise = latents[..., LATENT - 2 :] @ model.get_layer("noise").kernel.numpy()
    np.testing.assert_allclose(model(latents), mean + np.exp(log_scale) * noise, atol=1e-5)


def test_a_standardised_output_has_mean_zero_and_variance_one_in_training():
    model = small_generator(batch_normalised=True)
    model.get_layer("output").bias.assign([5.0, -3.0, 0.1])
    latents = 3 * np.random.default_rng(0).normal(size=(300, WINDOW, LATENT)).astype(np.float32)
    output = model(latents, training=True).numpy()
    for part in (output[:, 0], output[:, 1:].reshape(-1, FEATURES)):
        np.testing.assert_allclose(part.mean(axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(part.std(axis=0), 1, atol=1e-2)
    train = tf.function(lambda: model(latents, training=True))
    for _ in range(400):  # the moving averages settle: the same map without the batch
        train()
    np.testing.assert_allclose(model(latents[:2]), output[:2], atol=2e-2)


def test_what_the_discriminator_reads():
    rng = np.random.default_rng(0)
    size = WINDOW * FEATURES
    kernel, bias = rng.normal(size=(size, size)), rng.normal(size=size)
    model = small_discriminator(level=(kernel, bias), sizes=True)
    views = keras.Model(model.input, model.get_layer("views").output)
    windows = rng.normal(size=(3, WINDOW, FEATURES)).astype(np.float32)
    seen = views(windows).numpy()
    level = (windows.reshape(3, size) @ kernel + bias).reshape(windows.shape)
    np.testing.assert_allclose(seen[..., 2 * FEATURES : 3 * FEATURES], level, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(seen[..., 3 * FEATURES :], np.abs(windows))
    assert not model.get_layer("level").trainable_weights


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="scaled_noise is 6; expected 0 to the 5 latents"):
        small_generator(scaled_noise=6)
    with pytest.raises(ValueError, match=r"shapes \(4, 4\) and \(4,\); expected \(21, 21\)"):
        small_discriminator(level=(np.eye(4), np.zeros(4)))


def test_running_sum_against_numpy():
    windows = np.random.default_rng(0).normal(size=(3, WINDOW, FEATURES)).astype(np.float32)
    summed = lstm_gan.RunningSum()(windows).numpy()
    root = np.sqrt(np.arange(1, WINDOW + 1))[:, None]
    np.testing.assert_array_equal(summed[..., :FEATURES], windows)
    np.testing.assert_allclose(summed[..., FEATURES:], windows.cumsum(axis=1) / root, rtol=1e-5)


def test_models_survive_a_file(tmp_path):
    model = small_discriminator(sizes=True, level=(np.eye(21), np.zeros(21)))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    windows = np.random.default_rng(0).normal(size=(3, WINDOW, FEATURES))
    np.testing.assert_array_equal(model(windows), again(windows))


def test_latents_are_static_where_they_should_be():
    latents = lstm_gan.draw_latents(2000, WINDOW, 2, 3, tf.constant([1, 2], tf.int64)).numpy()
    assert latents.shape == (2000, WINDOW, 5)
    assert (latents[..., :2] == latents[:, :1, :2]).all()
    assert (np.diff(latents[..., 2:], axis=1) != 0).all()
    first = latents[:, 0]
    np.testing.assert_allclose(first.mean(axis=0), 0, atol=0.1)
    np.testing.assert_allclose(np.cov(first.T), np.eye(5), atol=0.12)


def test_latents_depend_on_the_seed_alone():
    draws = [
        lstm_gan.draw_latents(2, WINDOW, 1, 1, tf.constant(s)) for s in ([1, 2], [1, 2], [1, 3])
    ]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


@pytest.mark.parametrize("name", ["window", "latent", "features", "units", "layers"])
def test_bad_sizes_are_refused(name):
    sizes = {"window": 4, "latent": 2, "features": 3, "units": 5, "layers": 1} | {name: 0}
    with pytest.raises(ValueError, match=f"{name} is 0; expected a positive integer"):
        lstm_gan.lstm_generator(**sizes)
