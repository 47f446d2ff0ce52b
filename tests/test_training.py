"""The training loop: what a step does, resume after a kill, and what stops a run."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

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
    again = new_trainer()
    again.train(steps_per_call=7)
    assert same(weights(again), weights(uninterrupted))
    assert again.history == uninterrupted.history
    of_another_seed = new_trainer(seed=1).train_step(tf.constant(0, tf.int64))
    for name, loss in zip(("discriminator", "generator"), of_another_seed, strict=True):
        assert float(loss) != pytest.approx(again.history[name][0], rel=1e-3)


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A folder of the runs that were killed, each at its moment."""
    folder = tmp_path_factory.mktemp("killed")
    run = subprocess.run(
        [sys.executable, "-m", "tests.killable", str(folder)],
        cwd=Path(__file__).parent.parent,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    ends = json.loads(run.stdout.splitlines()[-1])
    assert ends == dict.fromkeys(MOMENTS, -signal.SIGKILL), run.stderr[-2000:]
    return folder


@pytest.fixture(scope="module")
def compiled():
    """A trainer that is compiled once for several tests: each overwrites what it holds."""
    return new_trainer()


def spoil(trainer):
    """Overwrite every variable that a checkpoint has to bring back, but the step and the seed."""
    for part in (
        trainer.generator,
        trainer.discriminator,
        trainer.ema_generator,
        trainer.generator_optimizer,
        trainer.discriminator_optimizer,
    ):
        for variable in part.variables:
            variable.assign(keras.ops.full_like(variable, 7))


def test_a_run_killed_before_its_first_checkpoint_leaves_nothing(killed):
    folder = killed / "first steps"
    assert new_trainer().resume(folder) == 0
    assert not list(folder.iterdir())


@pytest.mark.parametrize("moment", MOMENTS[1:])
def test_a_killed_run_resumes_as_if_it_had_never_stopped(moment, killed, compiled, uninterrupted):
    folder = killed / moment
    last = 10 if moment == "between checkpoints" else CHECKPOINT_EVERY
    if moment == "halfway through a write":
        assert any(path.name.startswith("ckpt-10_temp") for path in folder.iterdir())
    if moment == "write not yet listed":
        assert (folder / "ckpt-10.index").exists()

    spoil(compiled)
    assert compiled.resume(folder) == last
    compiled.train(folder=folder, checkpoint_every=CHECKPOINT_EVERY)
    assert same(weights(compiled), weights(uninterrupted))
    assert compiled.history == uninterrupted.history
    np.testing.assert_array_equal(compiled.sample(3), uninterrupted.sample(3))
    stored = pd.read_csv(folder / lstm_gan.HISTORY, float_precision="round_trip")
    assert stored.to_dict("list") == uninterrupted.history
    assert not list(folder.glob("*.tmp"))


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


@pytest.mark.parametrize("loss", sorted(set(LOSSES) - {TrainingConfig().loss}))
def test_every_other_loss_trains(loss):
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


def test_the_learning_rate_ends_where_it_should(uninterrupted):
    config = uninterrupted.config
    assert (config.learning_rate, config.cosine_alpha) == (2e-3, 0.05)
    for trainer, rate in ((new_trainer(), 2e-3), (uninterrupted, 0.1e-3)):
        for optimizer in (trainer.generator_optimizer, trainer.discriminator_optimizer):
            assert float(optimizer.learning_rate) == pytest.approx(rate)


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


# --- conditional --------------------------------------------------------------------------------

OF_KIND = np.array([-1.0, 1.0, 3.0], np.float32)  # what a sample of each kind is, on the average


def pairs(count=60):
    """Samples near their kind's constant, and their kinds."""
    rng = np.random.default_rng(0)
    kinds = rng.integers(3, size=count).astype("int32")
    return OF_KIND[kinds, None] + 0.1 * rng.normal(size=(count, 2)).astype("float32"), kinds


def draw_pairs(count, seed):
    """Draw kinds, each equally likely, and a sample of each."""
    seeds = tf.unstack(tf.random.split(seed))
    kinds = tf.random.stateless_uniform((count,), seeds[0], maxval=3, dtype=tf.int32)
    noise = tf.random.stateless_normal((count, 2), seeds[1])
    return tf.gather(tf.constant(OF_KIND), kinds)[:, None] + 0.1 * noise, kinds


def conditional_trainer(real=None, **changes):
    """A conditional GAN of dense networks, whose discriminator projects on the label."""
    settings = {"steps": 12, "batch_size": 8, "gp_weight": 1.0, "gp_fraction": 0.5}
    config = TrainingConfig(**settings | changes)

    def dense(units, seed):
        initial = keras.initializers.GlorotUniform(seed=seed)
        return keras.layers.Dense(units, "tanh" if units > 2 else None, kernel_initializer=initial)

    def row(size, seed):
        initial = keras.initializers.RandomNormal(stddev=0.5, seed=seed)
        return keras.layers.Embedding(3, size, embeddings_initializer=initial)

    latents, kind = keras.Input((2,)), keras.Input((), dtype="int32")
    hidden = dense(16, 2)(keras.layers.Concatenate()([latents, row(4, 1)(kind)]))
    generator = keras.Model([latents, kind], dense(2, 3)(hidden), name="generator")
    sample = keras.Input((2,))
    hidden = dense(16, 4)(sample)
    projection = keras.layers.Dot(axes=1)([hidden, row(16, 5)(kind)])
    logit = keras.layers.Add()([dense(1, 6)(hidden), projection])
    discriminator = keras.Model([sample, kind], logit, name="discriminator")

    def flat_latents(count, seed):
        return tf.random.stateless_normal((count, 2), seed)

    real = pairs() if real is None else real
    return GanTrainer(generator, discriminator, real, config, latents=flat_latents)


@pytest.mark.parametrize("real", [pairs(), draw_pairs], ids=["a pair", "a function"])
def test_samples_are_of_the_kind_they_were_asked_for(real):
    trainer = conditional_trainer(
        real, steps=400, batch_size=64, learning_rate=1e-2, gp_weight=0.3, ema_decay=0.98
    )
    kinds = np.repeat([0, 1, 2], 100)
    trainer.train(steps_per_call=100)
    of_kind = trainer.sample(300, seed=1, condition=kinds).reshape(3, 200)
    np.testing.assert_allclose(of_kind.mean(axis=1), OF_KIND, atol=0.3)
    # The same latents, asked to be something else.
    latents = trainer.latents(50)
    low, high = (trainer.generate(latents, condition=np.full(50, k)) for k in (0, 2))
    assert (high > low + 2).all()


@pytest.fixture(scope="module")
def conditional():
    trainer = conditional_trainer(draw_pairs)
    trainer.train()
    return trainer


def test_same_seed_same_bits_of_a_conditional_gan(conditional):
    again = conditional_trainer(draw_pairs)
    again.train(steps_per_call=5)
    assert same(weights(again), weights(conditional))
    kinds = np.array([2, 0, 1])
    np.testing.assert_array_equal(
        again.sample(3, condition=kinds), conditional.sample(3, condition=kinds)
    )


def test_a_conditional_run_resumes_as_if_it_had_never_stopped(conditional, tmp_path):
    conditional_trainer(draw_pairs).train(7, folder=tmp_path)
    resumed = conditional_trainer(draw_pairs)
    assert resumed.resume(tmp_path) == 7
    resumed.train()
    assert same(weights(resumed), weights(conditional))
    assert resumed.history == conditional.history


def test_what_two_replicas_do_adds_up_to_what_one_does(monkeypatch):
    """The gradients of every other pair, and of the pairs between, sum to those of all."""
    trainer = conditional_trainer(draw_pairs)
    first, seen = tf.constant(0, tf.int64), []
    for player in ("discriminator_optimizer", "generator_optimizer"):
        recorder = SimpleNamespace(apply=lambda slopes, weights: seen.extend(slopes))
        monkeypatch.setattr(trainer, player, recorder)
    losses = trainer._update(first)
    of_one, of_two, shares = list(seen), [], []
    monkeypatch.setattr(trainer, "replicas", 2)
    for replica in range(2):
        seen.clear()
        monkeypatch.setattr(trainer, "_share", lambda rows, at=replica: rows[at::2])
        shares.append(trainer._update(first))
        of_two.append(list(seen))
    np.testing.assert_allclose(np.sum(shares, axis=0), losses, atol=1e-6)
    for one, *parts in zip(of_one, *of_two, strict=True):
        np.testing.assert_allclose(sum(parts), one, atol=1e-5)


def test_a_conditional_step_against_one_by_hand():
    """The first step's losses and, in Adam's memory, both players' slopes."""
    trainer = conditional_trainer(draw_pairs)
    key = tf.constant([0, lstm_gan.TRAINING], tf.int64)
    seeds = tf.unstack(tf.random.split(tf.random.fold_in(key, tf.constant(0, tf.int64)), 3))
    real, kinds = draw_pairs(8, seeds[0])
    latents = tf.random.stateless_normal((8, 2), seeds[1])
    with tf.GradientTape(persistent=True) as tape:
        fake = trainer.generator([latents, kinds])
        real_logits, fake_logits = (trainer.discriminator([x, kinds]) for x in (real, fake))
        noise = tf.random.stateless_normal((8, 2), seeds[2])  # half of 8 real, half of 8 fake
        penalty = 0.0
        for x, logits, by in ((real, real_logits, noise[:4]), (fake, fake_logits, noise[4:])):
            moved = tf.stop_gradient(x[:4]) + 0.1 * by
            slope = (trainer.discriminator([moved, kinds[:4]]) - logits[:4]) / 0.1
            penalty += tf.reduce_mean(slope**2) / 2
        losses = [tf.reduce_mean(tf.nn.softplus(s * (fake_logits - real_logits))) for s in (1, -1)]
        objective = losses[0] + penalty
    players = (
        (trainer.discriminator, trainer.discriminator_optimizer, objective),
        (trainer.generator, trainer.generator_optimizer, losses[1]),
    )
    slopes = [tape.gradient(loss, model.trainable_variables) for model, _, loss in players]

    trainer.train(1)

    assert trainer.history["discriminator"] == pytest.approx([float(losses[0])], rel=1e-5)
    assert trainer.history["generator"] == pytest.approx([float(losses[1])], rel=1e-5)
    for (_, optimizer, _), of_player in zip(players, slopes, strict=True):
        memory = [v for v in optimizer.variables if "velocity" in v.path]
        for slope, kept in zip(of_player, memory, strict=True):
            # 1 - beta_2 of the square of a sum: of an embedding's row, over all that ask for it.
            expected = 0.01 * tf.convert_to_tensor(slope) ** 2
            np.testing.assert_allclose(kept, expected, rtol=1e-2, atol=1e-8)


def test_a_monitor_asks_for_its_condition(conditional):
    kinds = np.array([0, 2])
    monitor = Monitor(count=2, condition=kinds)
    monitor(conditional)
    np.testing.assert_array_equal(monitor.taken[0][1], conditional.sample(2, condition=kinds))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, kinds: x, r"generator reads \(2,\) and \(\) of a sample; it is given \(2,\) "),
        (lambda x, kinds: (x, kinds[:, None]), r"it is given \(2,\) and \(1,\)"),
        (lambda x, kinds: (x, kinds[1:]), "59 conditions for 60 samples"),
    ],
)
def test_conditions_of_a_wrong_shape_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        conditional_trainer(change(*pairs()))


def test_a_wrong_condition_of_samples_is_refused(conditional):
    for condition, message in (
        (None, r"reads a condition too; expected one of shape \(3,\)"),
        (np.zeros(5, "int32"), r"The condition has shape \(5,\); expected \(3,\)"),
        (np.zeros((3, 1), "int32"), r"The condition has shape \(3, 1\); expected \(3,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            conditional.sample(3, condition=condition)
    with pytest.raises(ValueError, match="reads no condition"):
        new_trainer().sample(3, condition=np.zeros(3, "int32"))


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
