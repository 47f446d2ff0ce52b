"""REINFORCE for texts: the loss, its baseline, and the worth of single tokens by roll-outs."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from utils.checks import positive_integer
from utils.lessons.text_gan.sampling import Seed, _table, complete

Reward = Callable[[tf.Tensor], tf.Tensor]


def leave_one_out(values: tf.Tensor) -> tf.Tensor:
    """Return the values minus a baseline: at each step, the mean of the *other* texts' values.

    Defined in lesson 14.3.

    The baseline of a text does not depend on its own tokens, so that the policy gradient stays
    unbiased.

    Args:
        values: shape ``(batch, ...)``, at least two rows.

    Raises:
        ValueError: for a single row.
    """
    values = tf.convert_to_tensor(values)
    if values.shape[0] is not None and values.shape[0] < 2:
        raise ValueError("There is one text; expected at least two, to compare it with.")
    count = tf.cast(tf.shape(values)[0], values.dtype)
    return (values - tf.reduce_mean(values, axis=0)) * count / (count - 1)


def policy_loss(log_chances: tf.Tensor, advantages: tf.Tensor) -> tf.Tensor:
    """Return a scalar whose gradient is minus the REINFORCE estimate of the reward's gradient.

    Used in lesson 14.3.

    −mean over texts of Σ_t A_t log π(a_t | s_t), with A held constant.

    Args:
        log_chances: of the tokens that were drawn, ``(batch, time)``.
        advantages: A, ``(batch, time)``, or ``(batch, 1)`` for one value a text.

    Raises:
        ValueError: if the shapes do not fit.

    Source: Williams, Simple statistical gradient-following algorithms for connectionist
    reinforcement learning, Machine Learning 8, 1992, DOI 10.1007/BF00992696.
    """
    log_chances, advantages = map(tf.convert_to_tensor, (log_chances, advantages))
    one, other = log_chances.shape, advantages.shape
    fits = one.rank == other.rank == 2 and one[:1].is_compatible_with(other[:1])
    if not fits or other[1] not in (1, None, one[1]):
        raise ValueError(
            f"Log-probabilities of shape {one} and advantages of shape {other} do not fit; "
            f"expected (batch, time) and (batch, time) or (batch, 1)."
        )
    weighted = tf.stop_gradient(advantages) * log_chances
    return -tf.reduce_mean(tf.reduce_sum(weighted, axis=1))


def rollout_values(
    network: keras.Model,
    reward: Reward,
    texts: tf.Tensor,
    count: int,
    seed: Seed,
    *,
    end: int | None = None,
) -> tf.Tensor:
    """Estimate Q(s_t, a_t), the reward to expect once token t is written, by finishing the text.

    Used in lesson 14.4.

    Each beginning of each text is completed ``count`` times by the network itself, and the
    rewards averaged. After the last token nothing is left to chance: there Q is the reward.

    Args:
        network: a step network, the policy.
        reward: of finished texts, one-hot, ``(rows, time, tokens)`` to ``(rows,)``.
        texts: shape ``(batch, time)``.
        count: roll-outs of each beginning.
        seed: see the module's docstring.
        end: the token that stops a text, if there is one.

    Returns:
        Shape ``(batch, time)``, float32.

    Raises:
        ValueError: for a count below 1, or texts that are not a table of known length.

    Source: Yu et al., SeqGAN, AAAI 2017, arXiv 1609.05473, equation 4.
    """
    positive_integer(count=count)
    texts = _table(texts)
    tokens, time, batch = network.output_shape[0][-1], texts.shape[1], tf.shape(texts)[0]
    final = tf.reshape(reward(tf.one_hot(texts, tokens)), (-1, 1))
    if time == 1:
        return final
    beginnings = tf.tile(texts, ((time - 1) * count, 1))  # (beginning, roll-out, text) in rows
    known = tf.repeat(tf.range(1, time), count * batch)
    finished = complete(network, beginnings, known, seed, end=end)
    rewards = tf.reshape(reward(tf.one_hot(finished, tokens)), (time - 1, count, batch))
    return tf.concat([tf.transpose(tf.reduce_mean(rewards, axis=1)), final], axis=1)
