"""The training loop: what a step does, resume after a kill, and what stops a run."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.killable import CHECKPOINT_EVERY, MOMENTS, STEPS, new_trainer
from utils import lstm_gan
from utils.losses import LOSSES
from utils.lstm_gan import Callback, GanTrainer, Monitor, NonFiniteLossError, TrainingConfig


def weights(trainer):
    everything = (
        *trainer.generator.weights,
        *trainer.discriminator.weights,
        *trainer.ema_generator.weights,
        *trainer.generator_optimizer.variables,
        *trainer.discriminator_optimizer.variables,
    )
    return [keras.ops.convert_to_numpy(variable) for variable in everything]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.fixture(scope="module")
def uninterrupted():
    trainer = new_trainer()
    trainer.train()
    return trainer


# --- reproducible, resumable --------------------------------------------------------------------


def test_same_seed_same_weights_whatever_the_steps_per_call(uninterrupted):
    again, other = new_trainer(), new_trainer(seed=1)
    again.train(steps_per_call=7)
    other.train()
    assert same(weights(again), weights(uninterrupted))
    assert again.history == uninterrupted.history
    assert not same(weights(other), weights(uninterrupted))


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_run_resumes_as_if_it_had_never_stopped(moment, tmp_path, uninterrupted):
    root = Path(__file__).parent.parent
    run = subprocess.run(
        [sys.executable, "-m", "tests.killable", str(tmp_path), moment],
        cwd=root,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        timeout=300,
    )
    assert run.returncode == -signal.SIGKILL, run.stderr.decode()[-2000:]
    last = {"first steps": 0, "between checkpoints": 10}.get(moment, CHECKPOINT_EVERY)
    if moment == "halfway through a write":
        assert any(path.name.startswith("ckpt-10_temp") for path in tmp_path.iterdir())
    if moment == "write not yet listed":
        assert (tmp_path / "ckpt-10.index").exists()

    resumed = new_trainer()
    assert resumed.resume(tmp_path) == last
    resumed.train(folder=tmp_path, checkpoint_every=CHECKPOINT_EVERY)
    assert same(weights(resumed), weights(uninterrupted))
    assert resumed.history == uninterrupted.history
    np.testing.assert_array_equal(resumed.sample(3), uninterrupted.sample(3))
    stored = pd.read_csv(tmp_path / lstm_gan.HISTORY, float_precision="round_trip")
    assert stored.to_dict("list") == uninterrupted.history
    assert not list(tmp_path.glob("*.tmp"))


def test_resume_without_a_checkpoint_changes_nothing(tmp_path):
    trainer = new_trainer()
    before = weights(trainer)
    assert trainer.resume(tmp_path) == 0
    assert same(weights(trainer), before)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    new_trainer().train(2, folder=folder)
    return folder


def test_a_checkpoint_of_another_shape_is_refused(checkpoint):
    with pytest.raises(ValueError, match="written by models of another shape"):
        new_trainer(static=2).resume(checkpoint)


def test_a_checkpoint_of_another_depth_is_refused(checkpoint):
    trainer = new_trainer()
    deeper = lstm_gan.lstm_generator(5, 3, 2, units=4, layers=2)
    trainer = GanTrainer(deeper, trainer.discriminator, np.zeros((9, 5, 2)), trainer.config)
    with pytest.raises(ValueError, match="written by models of another shape"):
        trainer.resume(checkpoint)


def test_a_checkpoint_of_another_seed_is_refused(checkpoint):
    with pytest.raises(ValueError, match="written with seed 0; expected 9"):
        new_trainer(seed=9).resume(checkpoint)


def test_a_damaged_checkpoint_is_refused(checkpoint, tmp_path):
    for path in checkpoint.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    data = next(tmp_path.glob("*.data-*"))
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(ValueError, match="or is damaged"):
        new_trainer().resume(tmp_path)


# --- what a step does ---------------------------------------------------------------------------


def test_a_step_against_the_textbook():
    """One step of gradient descent, recomputed from probabilities instead of logits."""
    trainer = new_trainer(loss="non_saturating", gp_weight=0.0, ema_decay=0.0)
    trainer.generator_optimizer = keras.optimizers.SGD(0.1)
    trainer.discriminator_optimizer = keras.optimizers.SGD(0.1)
    trainer.generator_optimizer.build(trainer.generator.trainable_variables)
    trainer.discriminator_optimizer.build(trainer.discriminator.trainable_variables)
    copies = [keras.models.clone_model(m) for m in (trainer.generator, trainer.discriminator)]
    for copy, model in zip(copies, (trainer.generator, trainer.discriminator), strict=True):
        copy.set_weights(model.get_weights())
    generator, discriminator = copies
    stream = tf.random.fold_in(
        tf.constant([0, lstm_gan.TRAINING], tf.int64), tf.constant(0, tf.int64)
    )
    seeds = tf.unstack(tf.random.split(stream, 3))
    chosen = tf.random.stateless_uniform((8,), seeds[0], maxval=50, dtype=tf.int32)
    real = tf.gather(trainer.real, chosen)
    latents = lstm_gan.draw_latents(8, 5, 1, 2, seeds[1])

    trainer.train(1)

    def descend(model, gradients):
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
            variable.assign_sub(0.1 * gradient)

    with tf.GradientTape() as tape:
        p_real = tf.sigmoid(discriminator(real))
        p_fake = tf.sigmoid(discriminator(generator(latents)))
        loss = -tf.reduce_mean(tf.math.log(p_real)) - tf.reduce_mean(tf.math.log(1 - p_fake))
    of_discriminator = tape.gradient(loss, discriminator.trainable_variables)
    assert trainer.history["discriminator"][0] == pytest.approx(float(loss), rel=1e-5)
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(tf.math.log(tf.sigmoid(discriminator(generator(latents)))))
    descend(generator, tape.gradient(loss, generator.trainable_variables))
    # Both gradients are taken before either player moves.
    descend(discriminator, of_discriminator)
    assert trainer.history["generator"][0] == pytest.approx(float(loss), rel=1e-5)
    for mine, model in ((generator, trainer.generator), (discriminator, trainer.discriminator)):
        for a, b in zip(mine.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_trains(loss):
    trainer = new_trainer(loss=loss)
    before = trainer.generator.get_weights()
    history = trainer.train(3)
    assert history["step"] == [1, 2, 3]
    assert not same(before, trainer.generator.get_weights())


def test_the_generator_moves_towards_the_data():
    """Data far from zero: with the sign of either loss turned round, this goes the other way."""
    config = TrainingConfig(steps=150, batch_size=32, static=0, dynamic=2, learning_rate=5e-3)
    windows = 2 + 0.1 * np.random.default_rng(0).normal(size=(200, 4, 1))
    generator = lstm_gan.lstm_generator(4, 2, 1, units=8, layers=1, seed=1)
    discriminator = lstm_gan.lstm_discriminator(4, 1, units=8, layers=1, seed=2)
    trainer = GanTrainer(generator, discriminator, windows, config)
    assert abs(trainer.sample(200).mean()) < 0.5
    trainer.train()
    assert trainer.sample(200).mean() == pytest.approx(2, abs=0.4)


@pytest.mark.parametrize(("penalised", "rows"), [(1.0, 8), (0.5, 4), (0.01, 1)])
def test_the_penalty_is_the_sum_over_real_and_fake(penalised, rows):
    trainer = new_trainer(gp_weight=0.3, gp_sigma=0.2, gp_fraction=penalised)
    real, fake = tf.random.stateless_normal((2, 8, 5, 2), (1, 2))
    seed = tf.constant([3, 4])
    fake_logits = trainer.discriminator(fake)
    real_logits, penalty = trainer._real_logits_and_penalty(real, fake, fake_logits, seed)
    np.testing.assert_allclose(real_logits, trainer.discriminator(real), atol=1e-6)
    noise = tf.random.stateless_normal((2 * rows, 5, 2), seed)
    expected = 0.0
    pairs = ((real, real_logits, noise[:rows]), (fake, fake_logits, noise[rows:]))
    for part, at, epsilon in pairs:
        slope = (trainer.discriminator(part[:rows] + 0.2 * epsilon) - at[:rows]) / 0.2
        expected += 0.3 / 2 * tf.reduce_mean(slope**2)
    assert float(penalty) == pytest.approx(float(expected), rel=1e-3)


def test_the_generator_does_not_learn_from_the_penalty():
    trainer = new_trainer(gp_weight=0.3, gp_fraction=1.0)
    real, fake = tf.random.stateless_normal((2, 8, 5, 2), (1, 2))
    with tf.GradientTape() as tape:
        tape.watch(fake)
        _, penalty = trainer._real_logits_and_penalty(
            real, fake, tf.zeros((8, 1)), tf.constant([3, 4])
        )
    assert tape.gradient(penalty, fake) is None


def test_the_average_follows_its_recursion():
    trainer = new_trainer(ema_decay=0.25)
    mean = trainer.generator.get_weights()
    for step in range(4):
        trainer.train(step + 1)
        memory = min(0.25, (1 + step) / (10 + step))
        new = trainer.generator.get_weights()
        mean = [memory * m + (1 - memory) * w for m, w in zip(mean, new, strict=True)]
    for m, w in zip(mean, trainer.ema_generator.get_weights(), strict=True):
        np.testing.assert_allclose(m, w, atol=1e-6)


def test_the_learning_rate_ends_where_it_should():
    trainer = new_trainer(cosine_alpha=0.05)
    assert float(trainer.generator_optimizer.learning_rate) == pytest.approx(2e-3)
    trainer.train()
    assert float(trainer.generator_optimizer.learning_rate) == pytest.approx(0.1e-3)


# --- samples and callbacks ----------------------------------------------------------------------


def test_samples_depend_on_their_seed_alone(uninterrupted):
    first = uninterrupted.sample(1500, seed=4)
    assert first.shape == (1500, 5, 2)
    uninterrupted.sample(3, seed=5)
    np.testing.assert_array_equal(uninterrupted.sample(1500, seed=4), first)
    assert not np.array_equal(uninterrupted.sample(1500, seed=5), first)


def test_callbacks_come_at_their_steps():
    seen, snapshots = [], Monitor(count=2)
    trainer = new_trainer()
    trainer.train(callbacks=[Callback(9, lambda t: seen.append(t.step)), Callback(12, snapshots)])
    assert seen == [9, 18]
    assert [step for step, _ in snapshots.taken] == [12, STEPS]
    assert snapshots.taken[0][1].shape == (2, 5, 2)
    assert not np.array_equal(snapshots.taken[0][1], snapshots.taken[1][1])


# --- what stops a run ---------------------------------------------------------------------------


def test_a_non_finite_loss_names_the_step_and_keeps_the_checkpoint(tmp_path):
    trainer = new_trainer()

    def break_it(trainer):
        variable = trainer.discriminator.trainable_variables[-1]
        variable.assign(variable * np.nan)

    with pytest.raises(NonFiniteLossError, match=r"stopped at step 8: .*nan.*ckpt-5;") as error:
        trainer.train(folder=tmp_path, checkpoint_every=5, callbacks=[Callback(7, break_it)])
    assert "\n" not in str(error.value)
    again = new_trainer()
    assert again.resume(tmp_path) == 5


def test_weights_that_are_not_finite_are_never_stored(tmp_path):
    trainer = new_trainer()

    def break_it(trainer):
        variable = trainer.ema_generator.weights[0]
        variable.assign(variable * np.inf)

    with pytest.raises(NonFiniteLossError, match="step 10: a weight"):
        trainer.train(folder=tmp_path, checkpoint_every=5, callbacks=[Callback(10, break_it)])
    assert new_trainer().resume(tmp_path) == 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps is 0; expected > 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0"),
        ({"ema_decay": 1.0}, "ema_decay is 1.0; expected 0 ≤ ema_decay < 1"),
        ({"loss": "wassersteen"}, "no loss named 'wassersteen'"),
        ({"gp_weight": -1.0}, "must not be negative"),
        ({"cosine_alpha": 2.0}, "cosine_alpha is 2.0"),
        ({"gp_fraction": 0.0}, "gp_fraction is 0.0; expected above 0, at most 1"),
        ({"static": 0, "dynamic": 0}, "no latents"),
    ],
)
def test_a_bad_config_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**changes)


@pytest.mark.parametrize(
    ("windows", "message"),
    [
        (np.zeros((9, 5)), r"expected what the generator makes, \(5, 2\)"),
        (np.zeros((9, 5, 3)), r"expected what the generator makes, \(5, 2\)"),
        (np.zeros((0, 5, 2)), r"expected \(samples, …\)"),
        (np.zeros(9), r"expected \(samples, …\)"),
        ((np.zeros((9, 5, 2)), np.zeros(8)), "8 conditions for 9 samples"),
        (np.full((9, 5, 2), np.nan), "NaN or infinity"),
    ],
)
def test_bad_windows_are_refused(windows, message):
    trainer = new_trainer()
    with pytest.raises(ValueError, match=message):
        GanTrainer(trainer.generator, trainer.discriminator, windows, trainer.config)


def test_models_that_do_not_fit_are_refused():
    trainer = new_trainer()
    windows = np.zeros((9, 5, 2))
    wider = lstm_gan.lstm_discriminator(5, 3, units=4)
    with pytest.raises(ValueError, match="The discriminator reads"):
        GanTrainer(trainer.generator, wider, windows, trainer.config)
    with pytest.raises(ValueError, match=r"it is given \(5, 4\) .latents come from config.static"):
        GanTrainer(
            trainer.generator, trainer.discriminator, windows, TrainingConfig(dynamic=3, static=1)
        )
    with pytest.raises(ValueError, match="is 0; expected a positive integer"):
        trainer.sample(0)
