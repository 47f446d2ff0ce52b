"""Text GANs: gradients against enumeration, a likelihood by hand, counts in closed form."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from utils import cells
from utils.lessons import text_gan
from utils.lessons.text_gan import TextGan, TextGanConfig

TOKENS, LENGTH = 3, 3
TEXTS = text_gan.all_texts(TOKENS, LENGTH)


@pytest.fixture(scope="module")
def tiny() -> keras.Model:
    """A policy over three tokens that is far from uniform."""
    network = text_gan.step_network(TOKENS, 4, 3, seed=1)
    rng = np.random.default_rng(2)
    network.set_weights([rng.normal(size=w.shape) for w in network.get_weights()])
    return network


def reward_table(texts: np.ndarray) -> np.ndarray:
    """A reward that depends on all tokens and their order."""
    return np.sin(texts @ [1.0, 3.0, 9.0]).astype(np.float32)


def reward(one_hot: tf.Tensor) -> tf.Tensor:
    numbers = tf.cast(tf.argmax(one_hot, axis=-1), tf.float32)
    return tf.sin(tf.linalg.matvec(numbers, [1.0, 3.0, 9.0]))


def flat(gradients: list) -> np.ndarray:
    return np.concatenate([np.ravel(g) for g in gradients])


def enumerated(network: keras.Model) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The probability of each text, ∇ log p of each, and the gradient of the expected reward."""
    weights = network.trainable_variables
    with tf.GradientTape(persistent=True) as tape:
        logs = tf.reduce_sum(text_gan.log_probabilities(network, TEXTS), axis=1)
        expected = tf.reduce_sum(tf.exp(logs) * reward_table(TEXTS))
    scores = [np.reshape(j, (len(TEXTS), -1)) for j in tape.jacobian(logs, weights)]
    return np.exp(logs), np.concatenate(scores, axis=1), flat(tape.gradient(expected, weights))


# --- The networks, and what they write ----------------------------------------------------------


def test_oracle_nll_equals_a_sum_by_hand():
    oracle = text_gan.random_oracle(5, 4, 3, seed=3)
    embedding, kernel, recurrent, bias, dense, dense_bias = oracle.get_weights()
    texts = np.array([[4, 0, 2], [1, 1, 3]])
    total = 0.0
    for text in texts:
        x, state = np.zeros((1, 5)), (np.zeros((1, 4)), np.zeros((1, 4)))
        for token in text:
            state = cells.lstm_step(x @ embedding, state, kernel, recurrent, bias)
            logits = (state[0] @ dense + dense_bias)[0]
            total -= logits[token] - np.log(np.sum(np.exp(logits)))
            x = np.eye(5)[[token]]
    found = text_gan.negative_log_likelihood(oracle, texts)
    np.testing.assert_allclose(found, total / 2, rtol=1e-5)


def test_oracle_weights_are_standard_normal_and_fixed():
    oracle = text_gan.random_oracle(32, 32, 32, seed=0)
    weights = flat(oracle.get_weights())
    assert abs(weights.mean()) < 0.05
    assert abs(weights.std() - 1) < 0.05
    assert oracle.trainable_variables == []
    again = text_gan.random_oracle(32, 32, 32, seed=0)
    np.testing.assert_array_equal(weights, flat(again.get_weights()))
    other = text_gan.random_oracle(32, 32, 32, seed=1)
    assert not np.array_equal(weights, flat(other.get_weights()))


def test_probabilities_of_all_texts_sum_to_one(tiny):
    logs = text_gan.log_probabilities(tiny, TEXTS)
    assert np.isclose(np.sum(np.exp(np.sum(logs, axis=1))), 1, atol=1e-5)


def test_with_an_end_the_different_texts_sum_to_one(tiny):
    after_end = [
        len(row) > 1 and 0 in row[:-1] and any(row[row.index(0) :]) for row in TEXTS.tolist()
    ]
    logs = text_gan.log_probabilities(tiny, TEXTS[~np.array(after_end)], end=0).numpy()
    assert np.isclose(np.sum(np.exp(logs.sum(axis=1))), 1, atol=1e-5)
    rows = text_gan.log_probabilities(tiny, [[1, 0, 0]], end=0).numpy()
    assert rows[0, 1] < 0
    assert rows[0, 2] == 0


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_samples_have_the_frequencies_of_the_probabilities(tiny, temperature):
    drawn = text_gan.sample(tiny, 20_000, LENGTH, (1, 2), temperature=temperature).numpy()
    numbers = np.bincount(drawn @ [9, 3, 1], minlength=27) / 20_000
    logs = text_gan.log_probabilities(tiny, TEXTS, temperature=temperature)
    p = np.exp(np.sum(logs, axis=1))
    assert np.all(np.abs(numbers - p) < 5 * np.sqrt(p * (1 - p) / 20_000) + 1e-4)


def test_the_same_seed_writes_the_same_texts(tiny):
    one, same, other = (
        text_gan.sample(tiny, 50, 6, seed).numpy() for seed in [(1, 2)] * 2 + [(1, 3)]
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_complete_keeps_what_is_known_and_reads_it(tiny):
    texts = np.tile([[2, 0, 1]], (4000, 1))
    known = np.arange(4000) % 4
    finished = text_gan.complete(tiny, texts, known, (1, 2)).numpy()
    for count in range(4):
        np.testing.assert_array_equal(
            finished[known == count, :count], texts[known == count, :count]
        )
    p = np.exp(text_gan.log_probabilities(tiny, [[2, 0, k] for k in range(3)])[:, 2])
    third = finished[known == 2, 2]
    found = np.bincount(third, minlength=3) / len(third)
    assert np.all(np.abs(found - p) < 5 * np.sqrt(p * (1 - p) / len(third)) + 1e-3)


def test_after_the_end_comes_the_end(tiny):
    texts = text_gan.sample(tiny, 200, 8, (1, 2), end=0).numpy()
    for row in texts.tolist():
        if 0 in row:
            assert not any(row[row.index(0) :])
    assert (texts == 0).any()
    assert (texts[:, 0] != 0).any()
    assert text_gan.without_end(np.array([[1, 0, 0], [1, 2, 1]]), 0) == [[1], [1, 2, 1]]
    kept = text_gan.complete(tiny, [[1, 0, 2]], 3, (1, 2), end=0).numpy()
    np.testing.assert_array_equal(kept, [[1, 0, 0]])


# --- Gumbel-softmax -----------------------------------------------------------------------------


def test_gumbel_noise_has_its_mean_and_variance():
    noise = text_gan.gumbel((200_000,), (1, 2)).numpy()
    assert np.isfinite(noise).all()
    assert abs(noise.mean() - 0.5772) < 0.015
    assert abs(noise.var() - np.pi**2 / 6) < 0.04


def test_gumbel_softmax_draws_from_the_softmax_at_any_temperature():
    logits = np.log([0.5, 0.3, 0.2]).astype("float32")
    noise = text_gan.gumbel((50_000, 3), (3, 4))
    for temperature in (0.1, 1.0, 5.0):
        soft = text_gan.gumbel_softmax(logits, noise, temperature).numpy()
        share = np.bincount(soft.argmax(axis=1), minlength=3) / 50_000
        np.testing.assert_allclose(share, [0.5, 0.3, 0.2], atol=0.01)
        np.testing.assert_allclose(soft.sum(axis=1), 1, atol=1e-5)


def test_gumbel_softmax_limits():
    logits, noise = tf.constant([[1.0, 0.0, -1.0]]), tf.constant([[-0.5, 2.0, 0.3]])
    cold = text_gan.gumbel_softmax(logits, noise, 1e-3).numpy()
    np.testing.assert_allclose(cold, [[0, 1, 0]], atol=1e-6)
    hot = text_gan.gumbel_softmax(logits, noise, 1e6).numpy()
    np.testing.assert_allclose(hot, 1 / 3, atol=1e-5)


def test_straight_through_is_hard_forwards_and_soft_backwards():
    noise, weights = text_gan.gumbel((40, 3), (1, 2)), tf.constant([1.0, -2.0, 0.5])
    logits, slopes = tf.random.stateless_normal((40, 3), (5, 6)), []
    for hard in (True, False):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            token = text_gan.gumbel_softmax(logits, noise, 0.7, hard=hard)
            loss = tf.reduce_sum(token * weights)
        slopes.append(tape.gradient(loss, logits))
        if hard:
            assert np.all(np.isclose(token, 0, atol=1e-6) | np.isclose(token, 1, atol=1e-6))
    np.testing.assert_allclose(*slopes, atol=1e-6)
    assert np.abs(slopes[0]).max() > 0.01


@pytest.mark.parametrize("end", [None, 0])
def test_hard_soft_samples_are_the_samples_and_carry_a_gradient(tiny, end):
    with tf.GradientTape() as tape:
        soft = text_gan.soft_sample(tiny, 30, 5, (1, 2), end=end)
        loss = tf.reduce_sum(soft[..., 1])
    numbers = text_gan.sample(tiny, 30, 5, (1, 2), end=end)
    np.testing.assert_allclose(soft, tf.one_hot(numbers, TOKENS), atol=1e-5)
    gradients = tape.gradient(loss, tiny.trainable_variables)
    assert all(g is not None for g in gradients)
    assert np.abs(flat(gradients)).max() > 0


# --- The policy gradient ------------------------------------------------------------------------


def test_reinforce_equals_the_enumerated_gradient(tiny):
    """Each text once, weighted by its probability: the estimate's expectation, term by term."""
    p, scores, exact = enumerated(tiny)
    np.testing.assert_allclose((p * reward_table(TEXTS)) @ scores, exact, atol=1e-5)
    with tf.GradientTape() as tape:
        logs = text_gan.log_probabilities(tiny, TEXTS)
        weighted = (len(TEXTS) * p * reward_table(TEXTS))[:, None]  # policy_loss takes the mean
        loss = text_gan.policy_loss(logs, weighted.astype("float32"))
    found = flat(tape.gradient(loss, tiny.trainable_variables))
    np.testing.assert_allclose(-found, exact, atol=1e-5)
    assert np.abs(exact).max() > 0.01


def test_a_baseline_leaves_the_expectation(tiny):
    p, scores, exact = enumerated(tiny)
    np.testing.assert_allclose(p @ scores, 0, atol=1e-5)
    np.testing.assert_allclose((p * (reward_table(TEXTS) - 0.7)) @ scores, exact, atol=1e-5)


def test_the_sampled_policy_gradient_comes_near_the_enumerated_one(tiny):
    """With roll-outs and the leave-one-out baseline, within five standard errors."""
    exact = enumerated(tiny)[2]

    @tf.function
    def estimate(seed):
        one, other = tf.unstack(tf.random.split(seed, 2))
        texts = text_gan.sample(tiny, 500, LENGTH, one)
        values = text_gan.rollout_values(tiny, reward, texts, 2, other)
        with tf.GradientTape() as tape:
            logs = text_gan.log_probabilities(tiny, texts)
            loss = text_gan.policy_loss(logs, text_gan.leave_one_out(values))
        return tape.gradient(loss, tiny.trainable_variables)

    found = np.stack([-flat(estimate(tf.constant([i, 7]))) for i in range(60)])
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    assert np.all(np.abs(found.mean(axis=0) - exact) < 5 * error + 1e-5)
    assert error.max() < 0.1 * np.abs(exact).max()  # else anything would be near


def test_roll_outs_estimate_the_enumerated_values(tiny):
    text = np.array([[1, 2, 0]])
    values = text_gan.rollout_values(tiny, reward, text, 20_000, (1, 2)).numpy()[0]
    p, table = enumerated(tiny)[0], reward_table(TEXTS)
    for t in (1, 2):
        same = (TEXTS[:, :t] == text[0, :t]).all(axis=1)
        exact = np.sum(p[same] * table[same]) / p[same].sum()
        assert abs(values[t - 1] - exact) < 5 / np.sqrt(20_000)
    assert np.isclose(values[2], reward_table(text)[0], atol=1e-6)


def test_leave_one_out_subtracts_the_mean_of_the_others():
    values = np.array([[1.0, 5.0], [2.0, 5.0], [6.0, 8.0]])
    expected = [[1 - 4, 5 - 6.5], [2 - 3.5, 5 - 6.5], [6 - 1.5, 8 - 5]]
    np.testing.assert_allclose(text_gan.leave_one_out(values), expected)


# --- BLEU ---------------------------------------------------------------------------------------


def test_self_bleu_of_equal_texts_is_one_and_of_disjoint_ones_only_the_smoothing():
    assert np.isclose(text_gan.self_bleu([[1, 2, 3, 4]] * 3, 4), 1)
    disjoint = text_gan.self_bleu([[1, 2, 3], [4, 5, 6]], 2)
    assert np.isclose(disjoint, np.sqrt(0.1 / 3 * 0.1 / 2))


def test_self_bleu_by_hand():
    # 1 2 3 | 1 2 4: two of three tokens, one of two pairs. 5 6 7 has nothing.
    scores = text_gan.bleu([[1, 2, 3], [1, 2, 4], [5, 6, 7]], order=2)
    shared = np.sqrt(2 / 3 * 1 / 2)
    np.testing.assert_allclose(scores, [shared, shared, np.sqrt(0.1 / 3 * 0.1 / 2)])


def test_bleu_clips_counts_and_does_not_count_a_text_for_itself():
    assert np.isclose(text_gan.bleu([[1, 1, 1, 1]], [[1, 1, 2, 3]], order=1)[0], 2 / 4)
    own = text_gan.bleu([[1, 1, 1], [1, 2, 3]], order=1)  # the other holds 1 once
    np.testing.assert_allclose(own, [1 / 3, 1 / 3])
    tie = text_gan.bleu([[1, 1, 2], [1, 1, 3]], order=1)  # another one holds it as often
    np.testing.assert_allclose(tie, [2 / 3, 2 / 3])


def test_bleu_punishes_what_is_shorter_than_the_nearest_reference():
    assert np.isclose(
        text_gan.bleu([[1, 2]], [[1, 2, 3], [1, 2, 3, 4, 5]], 1)[0], np.exp(1 - 3 / 2)
    )
    assert np.isclose(text_gan.bleu([[1, 2]], [[2, 1, 3], [1]], 1)[0], 1)  # 1 and 3 are as near
    assert np.isclose(text_gan.bleu([[1, 2], [1, 2, 3]], order=1)[0], np.exp(1 - 3 / 2))


def test_bleu_judges_a_short_text_on_the_n_grams_it_has():
    assert np.isclose(text_gan.bleu([[1, 2]], [[1, 2]], order=4)[0], 1)
    assert text_gan.bleu([[]], [[1]], order=2)[0] == 0


def test_self_bleu_grows_with_the_number_of_texts():
    texts = np.random.default_rng(0).integers(0, 8, (400, 10))
    assert text_gan.self_bleu(texts, 3) > text_gan.self_bleu(texts[:50], 3) + 0.05


# --- Training -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def game() -> tuple[TextGan, list, list]:
    oracle = text_gan.random_oracle(6, 6, 4, seed=1)
    texts = text_gan.sample(oracle, 500, 5, (1, 2)).numpy()
    generator = text_gan.step_network(6, 8, 4, seed=1)
    discriminator = text_gan.text_discriminator(5, 6, filters=8, dropout=0.25, seed=1)
    config = TextGanConfig(batch_size=16, rollouts=2, discriminator_steps=2)
    made = TextGan(generator, discriminator, texts, config)
    return made, generator.get_weights(), discriminator.get_weights()


@pytest.mark.parametrize("method", TextGan.METHODS)
def test_training_is_reproduced_by_its_seed(game, method):
    gan, generator, discriminator = game
    runs = []
    for seed in (1, 1, 2):
        gan.restart(generator, discriminator)
        for steps in (3, 2):
            gan.train(method, steps, seed)
        runs.append(flat(gan.generator.get_weights() + gan.discriminator.get_weights()))
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])
    assert int(gan.step) == 5


def test_each_method_moves_what_it_should(game):
    gan, generator, discriminator = game
    moves = {"likelihood": (1, 0), "discriminator": (0, 1), "policy": (1, 1), "gumbel": (1, 1)}
    for method, expected in moves.items():
        gan.restart(generator, discriminator)
        gan.train(method, 1)
        moved = (
            not np.array_equal(flat(gan.generator.get_weights()), flat(generator)),
            not np.array_equal(flat(gan.discriminator.get_weights()), flat(discriminator)),
        )
        assert moved == expected, method


def test_what_every_text_earns_moves_nothing(game):
    """The trainer's baseline takes it out: without one, it would swamp the gradient."""
    gan, generator, discriminator = game
    gan.restart(generator, discriminator)
    seed = tf.constant([1, 2], tf.int64)

    def gradient(earned):
        def reward(texts):
            return texts[:, 0, 0] + earned

        trainer = text_gan.TextGan(
            gan.generator,
            gan.discriminator,
            np.zeros((2, 5), int),
            TextGanConfig(batch_size=8, rollouts=1),
            reward=reward,
        )
        with tf.GradientTape() as tape:
            loss = trainer.policy_loss(seed)
        parts = tape.gradient(loss, trainer.generator.trainable_variables)
        return np.concatenate([np.ravel(part) for part in parts])

    without = gradient(0.0)
    assert np.abs(without).max() > 1e-3
    np.testing.assert_allclose(gradient(100.0), without, atol=1e-3)


def test_likelihood_and_policy_training_reach_what_they_aim_at(game):
    gan, generator, discriminator = game
    wanted = TextGan(
        gan.generator,
        gan.discriminator,
        np.zeros((2, 5), int),
        TextGanConfig(batch_size=32, rollouts=1, policy_rate=0.02),
        reward=lambda one_hot: tf.reduce_mean(one_hot[..., 3], axis=1),
    )
    gan.restart(generator, discriminator)
    before = gan.train("likelihood", 1)
    assert gan.train("likelihood", 150) < before - 1
    share = [np.mean(text_gan.sample(gan.generator, 500, 5, (1, 1)) == 3)]
    wanted.train("policy", 60)
    share.append(np.mean(text_gan.sample(gan.generator, 500, 5, (1, 1)) == 3))
    assert share[1] > share[0] + 0.3
    np.testing.assert_array_equal(flat(wanted.discriminator.get_weights()), flat(discriminator))


# --- What is refused ----------------------------------------------------------------------------


def test_wrong_arguments_are_refused(tiny, game):
    gan = game[0]
    cases = [
        (lambda: text_gan.step_network(0, 4, 3), "tokens is 0"),
        (lambda: text_gan.text_discriminator(3, 4, widths=(4,)), "expected numbers from 1 to 3"),
        (lambda: text_gan.gumbel_softmax(tf.zeros(3), tf.zeros(3), 0), "The temperature is 0"),
        (lambda: text_gan.sample(tiny, 0, 3, (1, 2)), "count is 0"),
        (lambda: text_gan.complete(tiny, [1, 2], 0, (1, 2)), "expected \\(batch, time\\)"),
        (lambda: text_gan.rollout_values(tiny, reward, TEXTS, 0, (1, 2)), "count is 0"),
        (lambda: text_gan.all_texts(10, 7), "expected at most 1,000,000"),
        (lambda: text_gan.leave_one_out(tf.zeros((1, 3))), "There is one text"),
        (lambda: text_gan.policy_loss(tf.zeros((2, 3)), tf.zeros((3, 3))), "do not fit"),
        (lambda: text_gan.policy_loss(tf.zeros((2, 3)), tf.zeros(2)), "do not fit"),
        (lambda: text_gan.bleu([[1]]), "nothing to compare with"),
        (lambda: text_gan.bleu([[1]], []), "nothing to compare with"),
        (lambda: text_gan.self_bleu([[1], [1]], 0), "order is 0"),
        (lambda: TextGanConfig(clip=0), "clip is 0; expected > 0"),
        (lambda: TextGanConfig(batch_size=1), "batch_size is too small"),
        (lambda: gan.train("luck", 1), "No method 'luck'"),
        (lambda: gan.train("discriminator", 0), "steps is 0"),
        (lambda: TextGan(tiny, gan.discriminator, TEXTS), "the discriminator reads"),
        (
            lambda: TextGan(gan.generator, gan.discriminator, np.full((2, 5), 6)),
            "not from 0 to 5",
        ),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()
