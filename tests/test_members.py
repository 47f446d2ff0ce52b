"""Members: each reads, and learns from, rows of its own, and is drawn from in turn."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from utils import LstmGan, TrainingConfig, lstm_gan
from utils.lstm_gan import estimator
from utils.lstm_gan.members import members_of, together
from utils.lstm_gan.training import GanTrainer

WINDOW, FEATURES = 5, 2


def generators(count):
    return [
        lstm_gan.window_generator(WINDOW, 2, 2, FEATURES, units=3, seed=seed, name=f"g_{seed}")
        for seed in range(count)
    ]


def critics(count):
    def critic(seed):
        keras.utils.set_random_seed(seed)
        inputs = keras.Input((WINDOW, FEATURES))
        hidden = keras.layers.GRU(3, unroll=True)(inputs)
        return keras.Model(inputs, keras.layers.Dense(1)(hidden), name=f"d_{seed}")

    return [critic(seed) for seed in range(count)]


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_row_i_is_made_by_member_i_modulo_their_number(rows):
    members = generators(3)
    inputs = np.random.default_rng(0).normal(size=(rows, WINDOW, 6)).astype("f")
    made = together(members, "all")(inputs).numpy()
    alone = [member(inputs).numpy() for member in members]
    assert made.shape == (rows, WINDOW, FEATURES)
    for row in range(rows):
        np.testing.assert_allclose(made[row], alone[row % 3][row], rtol=1e-5, atol=1e-6)


def test_a_single_member_is_itself():
    (member,) = generators(1)
    assert together([member], "all") is member
    assert members_of(member) == [member]
    several = generators(2)
    assert members_of(together(several, "all")) == several


def config(members):
    sizes = {"static": 2, "dynamic": 2, "batch_size": 8, "gp_fraction": 0.5}
    return TrainingConfig(steps=4, members=members, seed=1, **sizes)


def trainer(members, real=None, strategy=None):
    shapes = (WINDOW, FEATURES)
    if real is None:
        real = np.random.default_rng(1).normal(size=(50, *shapes)).astype("f")

    def inputs(count, seed):
        return tf.random.stateless_normal((count, WINDOW, 4 + FEATURES), seed)

    return GanTrainer(
        together(generators(members), "generator"),
        together(critics(members), "discriminator"),
        real,
        config(members),
        strategy,
        latents=inputs,
    )


def plain_steps(trainer):
    """Give both networks plain gradient descent, whose step shows the gradient's size."""
    for name in ("generator", "discriminator"):
        optimizer = keras.optimizers.SGD(1.0)
        optimizer.build(getattr(trainer, name).trainable_variables)
        setattr(trainer, f"{name}_optimizer", optimizer)
    return trainer


def moved(model, train):
    before = model.get_weights()
    train()
    return [new - old for new, old in zip(model.get_weights(), before, strict=True)]


@pytest.mark.parametrize("member", [0, 1])
def test_members_learn_what_they_learn_alone(member):
    """A step of two members is that of each on its own rows; a mean over all rows halves it."""
    both = plain_steps(trainer(2))
    real, latents = both._draw_real, both._draw_latents
    alone = plain_steps(
        GanTrainer(
            generators(2)[member],
            critics(2)[member],
            lambda count, seed: real(2 * count, seed)[member::2],
            config(1),
            latents=lambda count, seed: latents(2 * count, seed)[member::2],
        )
    )
    one = moved(alone.generator, lambda: alone.train(1))
    of_two = moved(members_of(both.generator)[member], lambda: both.train(1))
    for weight, mine, its in zip(alone.generator.weights, one, of_two, strict=True):
        share = 1 if "moving" in weight.path else 2
        np.testing.assert_allclose(share * its, mine, atol=1e-6, err_msg=weight.path)
    assert any(np.abs(change).max() > 1e-4 for change in one)


def test_batches_hold_rows_for_every_member():
    settings = config(3)
    assert settings.batch_rows == 24
    assert settings.gp_rows == 12
    with pytest.raises(ValueError, match="members is 0; expected a positive integer"):
        config(0)


def test_replicas_share_out_whole_groups_of_members():
    rows = tf.range(24)
    of_two = trainer(3)
    of_two.replicas = 2

    class Context:
        replica_id_in_sync_group = 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tf.distribute, "get_replica_context", Context)
        share = of_two._share(rows).numpy()
    assert (share % 3 == np.arange(12) % 3).all()
    assert (share[:3] == [3, 4, 5]).all()


def test_the_average_and_a_stored_model_keep_their_members(tmp_path):
    both = trainer(2)
    both.train(2)
    assert len(members_of(both.ema_generator)) == 2
    path = tmp_path / "generator.weights.h5"
    both.ema_generator.save_weights(path)
    again = together(generators(2), "generator")
    again.load_weights(path)
    latents = both.latents(5)
    np.testing.assert_array_equal(again(latents).numpy(), both.generate(latents))


def test_window_i_is_of_member_i_modulo_their_number_however_many_are_drawn(monkeypatch):
    gan = LstmGan.from_pretrained("goog")
    at_once = gan.sample_normal_scores(14, seed=3)
    monkeypatch.setattr(estimator, "BATCH", 10)  # ten would leave member 2 at the fourth window
    np.testing.assert_allclose(gan.sample_normal_scores(14, seed=3), at_once, atol=1e-5)
