"""GANs that write: tokens, which have no gradient, and the ways around that.

A *text* is a row of token numbers, int32, shape ``(batch, time)``. It is written by a *step
network* (``step_network``): it reads one token and its memory, and returns the logits of the next
token. A token is given to it as a vector over all tokens, one-hot for a real one, so that a
softened token can be read just as well; before the first token stands the zero vector.

Where texts may stop early, ``end`` is the number of the token that stops them: everything after
the first ``end`` is ``end`` too, and has no probability of its own (its log-probability counts
as 0). Without ``end``, all texts have the full length.

Random numbers come from a ``seed``, two integers or a tensor of them, as in ``tf.random``'s
stateless functions: the same seed gives the same texts.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from utils.losses import get_loss

Reward = Callable[[tf.Tensor], tf.Tensor]
Seed = Any  # two integers, or an integer tensor of shape (2,)
TINY = float(np.finfo(np.float32).tiny)


# --- The networks -------------------------------------------------------------------------------


def step_network(tokens: int, units: int, embedding: int, *, seed: int = 0) -> keras.Model:
    """Return one step of an LSTM language model: token, h, c → logits, h, c.

    Args:
        tokens: size of the vocabulary.
        units: size of h and of c.
        embedding: numbers that stand for a token.
        seed: of the initial weights.

    Returns:
        A functional model. It reads a token ``(batch, tokens)``, one-hot or softened, and h and c,
        each ``(batch, units)``; it returns logits ``(batch, tokens)`` and the new h and c.

    Raises:
        ValueError: for a size below 1.
    """
    for name, size in (("tokens", tokens), ("units", units), ("embedding", embedding)):
        _at_least_one(name, size)
    starts = [keras.initializers.GlorotUniform(seed=seed + i) for i in range(3)]
    orthogonal = keras.initializers.Orthogonal(seed=seed + 3)
    token = keras.Input((tokens,), name="token")
    h, c = keras.Input((units,), name="h"), keras.Input((units,), name="c")
    row = keras.layers.Dense(
        embedding, use_bias=False, kernel_initializer=starts[0], name="embedding"
    )(token)
    cell = keras.layers.LSTMCell(
        units, kernel_initializer=starts[1], recurrent_initializer=orthogonal, name="lstm"
    )
    _, (new_h, new_c) = cell(row, [h, c])
    logits = keras.layers.Dense(tokens, kernel_initializer=starts[2], name="logits")(new_h)
    return keras.Model([token, h, c], [logits, new_h, new_c], name="step")


def random_oracle(tokens: int, units: int, embedding: int, *, seed: int = 0) -> keras.Model:
    """Return a step network whose weights are all standard normal: a known, rugged distribution.

    Source: Yu, Zhang, Wang and Yu, SeqGAN, AAAI 2017, arXiv 1609.05473, section "Synthetic data".

    Raises:
        ValueError: for a size below 1.
    """
    oracle = step_network(tokens, units, embedding, seed=seed)
    rng = np.random.default_rng(seed)
    oracle.set_weights([rng.normal(size=weight.shape) for weight in oracle.get_weights()])
    oracle.trainable = False
    return oracle


def text_discriminator(
    length: int,
    tokens: int,
    *,
    embedding: int = 16,
    filters: int = 32,
    widths: Sequence[int] = (2, 3, 4),
    dropout: float = 0.0,
    seed: int = 0,
) -> keras.Model:
    """Return a discriminator of texts: does any window of a few tokens give it away?

    An embedding, convolutions of several widths over time, for each filter its largest value, a
    logit. Source: Kim, Convolutional neural networks for sentence classification, EMNLP 2014,
    arXiv 1408.5882, as used in SeqGAN.

    Args:
        length: tokens of a text.
        tokens: size of the vocabulary.
        embedding: numbers that stand for a token.
        filters: of each width.
        widths: tokens that a filter sees, each at most ``length``.
        dropout: share of the filters' values set to 0 in training.
        seed: of the initial weights.

    Returns:
        A functional model: texts ``(batch, length, tokens)``, one-hot or softened, to logits
        ``(batch, 1)``.

    Raises:
        ValueError: for a size below 1, or a width above ``length``.
    """
    sizes = {"length": length, "tokens": tokens, "embedding": embedding, "filters": filters}
    for name, size in sizes.items():
        _at_least_one(name, size)
    if not widths or not all(1 <= width <= length for width in widths):
        raise ValueError(f"The widths are {tuple(widths)}; expected numbers from 1 to {length}.")
    starts = (keras.initializers.GlorotUniform(seed=seed + i) for i in itertools.count())
    text = keras.Input((length, tokens), name="text")
    rows = keras.layers.Dense(embedding, use_bias=False, kernel_initializer=next(starts))(text)
    seen = []
    for width in widths:
        convolve = keras.layers.Conv1D(
            filters, width, activation="relu", kernel_initializer=next(starts)
        )
        seen.append(keras.layers.GlobalMaxPooling1D()(convolve(rows)))
    features = keras.layers.Concatenate()(seen) if len(seen) > 1 else seen[0]
    features = keras.layers.Dropout(dropout, seed=seed)(features)
    logit = keras.layers.Dense(1, kernel_initializer=next(starts))(features)
    return keras.Model(text, logit, name="text_discriminator")


# --- Writing and reading ------------------------------------------------------------------------


def gumbel(shape: Sequence[int], seed: Seed) -> tf.Tensor:
    """Return standard Gumbel noise, −log(−log u) with u uniform between 0 and 1, float32."""
    u = tf.random.stateless_uniform(shape, seed, minval=TINY, maxval=1.0)
    return -tf.math.log(-tf.math.log(u))


def gumbel_softmax(
    logits: tf.Tensor, noise: tf.Tensor, temperature: float = 1.0, *, hard: bool = False
) -> tf.Tensor:
    """Return a softened draw from softmax(logits): softmax((logits + noise) / temperature).

    With Gumbel noise, its largest entry is the token drawn, and its chances are exactly those of
    the softmax, at any temperature. Towards temperature 0 the vector tends to one-hot.

    Args:
        logits: shape ``(..., tokens)``.
        noise: of the same shape; see ``gumbel``.
        temperature: positive.
        hard: return the token itself, one-hot, but with the gradient of the softened vector
            (the straight-through estimator).

    Raises:
        ValueError: for a temperature that is not positive.

    Source: Jang, Gu and Poole, Categorical reparameterization with Gumbel-softmax, ICLR 2017,
    arXiv 1611.01144; Maddison, Mnih and Teh, The concrete distribution, ICLR 2017,
    arXiv 1611.00712.
    """
    if not tf.is_tensor(temperature) and not 0 < temperature < np.inf:
        raise ValueError(f"The temperature is {temperature}; expected a positive, finite number.")
    soft = tf.nn.softmax((logits + noise) / temperature)
    if not hard:
        return soft
    token = tf.one_hot(tf.argmax(soft, axis=-1), soft.shape[-1], dtype=soft.dtype)
    return token + soft - tf.stop_gradient(soft)


def complete(
    network: keras.Model,
    texts: tf.Tensor,
    known: tf.Tensor | int,
    seed: Seed,
    *,
    temperature: tf.Tensor | float = 1.0,
    end: int | None = None,
) -> tf.Tensor:
    """Keep the first ``known`` tokens of each text and let the network write the rest.

    Args:
        network: a step network.
        texts: shape ``(batch, time)``; what stands after the known tokens is not read.
        known: how many tokens are kept, one number for all or shape ``(batch,)``.
        seed: see the module's docstring.
        temperature: divides the logits; below 1 the writing is more cautious.
        end: the token that stops a text, if there is one.

    Returns:
        Texts of the same shape, int32.

    Raises:
        ValueError: if the texts are not a table of known length.
    """
    texts = _table(texts)
    tokens, time = network.output_shape[0][-1], texts.shape[1]
    noise = gumbel((time, tf.shape(texts)[0], tokens), seed)
    token, h, c = _start(network, tf.shape(texts)[0])
    alive, written = tf.fill(tf.shape(texts)[:1], True), []
    for t in range(time):
        logits, h, c = network([token, h, c])
        number = tf.argmax(logits / temperature + noise[t], axis=-1, output_type=tf.int32)
        number = tf.where(t < known, texts[:, t], number)
        if end is not None:
            number = tf.where(alive, number, end)
            alive &= number != end
        written.append(number)
        token = tf.one_hot(number, tokens)
    return tf.stack(written, axis=1)


def sample(
    network: keras.Model,
    count: int,
    length: int,
    seed: Seed,
    *,
    temperature: tf.Tensor | float = 1.0,
    end: int | None = None,
) -> tf.Tensor:
    """Let a step network write ``count`` texts of ``length`` tokens; see ``complete``.

    Raises:
        ValueError: for a count or a length below 1.
    """
    _at_least_one("count", count)
    _at_least_one("length", length)
    nothing = tf.zeros((count, length), tf.int32)
    return complete(network, nothing, 0, seed, temperature=temperature, end=end)


def soft_sample(
    network: keras.Model,
    count: int,
    length: int,
    seed: Seed,
    *,
    temperature: tf.Tensor | float = 1.0,
    hard: bool = True,
    end: int | None = None,
) -> tf.Tensor:
    """Write with Gumbel-softmax tokens, through which a gradient flows back to the weights.

    Args:
        network: a step network.
        count: texts.
        length: tokens of each.
        seed: see the module's docstring.
        temperature: of ``gumbel_softmax``; it softens tokens and does not change which are drawn.
        hard: one-hot tokens with the gradient of the softened ones; else the softened ones.
        end: the token that stops a text, if there is one: what follows it is ``end``, one-hot
            and without a gradient.

    Returns:
        Shape ``(count, length, tokens)``. With the same seed, ``hard`` gives the tokens of
        ``sample``.

    Raises:
        ValueError: for a count or a length below 1.
    """
    _at_least_one("count", count)
    _at_least_one("length", length)
    tokens = network.output_shape[0][-1]
    noise = gumbel((length, count, tokens), seed)
    token, h, c = _start(network, count)
    alive, written = tf.ones((count, 1)), []
    for t in range(length):
        logits, h, c = network([token, h, c])
        token = gumbel_softmax(logits, noise[t], temperature, hard=hard)
        if end is not None:
            token = alive * token + (1 - alive) * tf.one_hot(end, tokens)
            ended = tf.argmax(token, axis=-1, output_type=tf.int32) == end
            alive *= 1 - tf.cast(ended, tf.float32)[:, None]
        written.append(token)
    return tf.stack(written, axis=1)


def log_probabilities(
    network: keras.Model,
    texts: tf.Tensor,
    *,
    temperature: tf.Tensor | float = 1.0,
    end: int | None = None,
) -> tf.Tensor:
    """Return the log-probability of each token given those before it.

    Args:
        network: a step network.
        texts: shape ``(batch, time)``.
        temperature: divides the logits, as in ``sample``.
        end: the token that stops a text, if there is one: what follows it counts 0.

    Returns:
        Shape ``(batch, time)``; the sum over time is the text's log-probability.

    Raises:
        ValueError: if the texts are not a table of known length.
    """
    texts = _table(texts)
    one_hot = tf.one_hot(texts, network.output_shape[0][-1])
    token, h, c = _start(network, tf.shape(texts)[0])
    alive, logs = tf.ones(tf.shape(texts)[:1]), []
    for t in range(texts.shape[1]):
        logits, h, c = network([token, h, c])
        token = one_hot[:, t]
        logs.append(alive * tf.reduce_sum(token * tf.nn.log_softmax(logits / temperature), axis=-1))
        if end is not None:
            alive *= tf.cast(texts[:, t] != end, tf.float32)
    return tf.stack(logs, axis=1)


def negative_log_likelihood(
    network: keras.Model,
    texts: tf.Tensor,
    *,
    temperature: tf.Tensor | float = 1.0,
    end: int | None = None,
) -> tf.Tensor:
    """Return the mean over the texts of −log p(text), in nats a text, a scalar.

    Of a generator's texts under an oracle it is the *oracle NLL*; of an oracle's texts under a
    generator, the generator's loss on fresh data.
    """
    logs = log_probabilities(network, texts, temperature=temperature, end=end)
    return -tf.reduce_mean(tf.reduce_sum(logs, axis=1))


def all_texts(tokens: int, length: int) -> np.ndarray:
    """Return every text of ``length`` tokens, int32, shape ``(tokens ** length, length)``.

    Raises:
        ValueError: for a number below 1, or more than a million texts.
    """
    _at_least_one("tokens", tokens)
    _at_least_one("length", length)
    if tokens**length > 1_000_000:
        raise ValueError(f"There are {tokens**length:,} such texts; expected at most 1,000,000.")
    return np.array(list(itertools.product(range(tokens), repeat=length)), np.int32)


# --- The policy gradient ------------------------------------------------------------------------


def leave_one_out(values: tf.Tensor) -> tf.Tensor:
    """Return the values minus a baseline: at each step, the mean of the *other* texts' values.

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
    _at_least_one("count", count)
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


# --- Training -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class TextGanConfig:
    """What decides a training run, besides the texts and the two networks.

    Attributes:
        batch: texts in a step, real ones and, where there are any, as many generated ones.
        likelihood_rate, policy_rate, gumbel_rate: Adam's learning rate for the generator.
        judge_rate: Adam's learning rate for the discriminator.
        judge_steps: updates of the discriminator before each adversarial one of the generator.
        rollouts: completions of each beginning in the policy gradient.
        softness: temperature of the Gumbel-softmax tokens.
        clip: largest norm of the generator's gradient; a longer one is shortened to it.
    """

    batch: int = 64
    likelihood_rate: float = 5e-3
    policy_rate: float = 1e-3
    gumbel_rate: float = 3e-4
    judge_rate: float = 2e-3
    judge_steps: int = 3
    rollouts: int = 4
    softness: float = 0.5
    clip: float = 5.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"The training's {name} is {value}; expected > 0.")
        for name, least in (("batch", 2), ("judge_steps", 1), ("rollouts", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"The training's {name} is too small; expected at least {least}.")


class TextGan:
    """Trains a generator of texts: by likelihood, by policy gradient or by Gumbel-softmax.

    Attributes:
        generator: a step network, updated in place.
        discriminator: reads one-hot texts ``(batch, time, tokens)``, updated in place.
        step: steps since the last ``restart``; random numbers are a function of it and the seed.
    """

    METHODS = ("likelihood", "judge", "policy", "gumbel")

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        texts: np.ndarray,
        config: TextGanConfig | None = None,
        *,
        end: int | None = None,
        reward: Reward | None = None,
    ) -> None:
        """Prepare training on ``texts``, ``(texts, time)``.

        Args:
            generator: a step network.
            discriminator: as ``text_discriminator`` returns it.
            texts: the real ones, token numbers.
            config: the defaults if omitted.
            end: the token that stops a text, if there is one.
            reward: what the policy gradient raises, of one-hot texts; the discriminator's logit
                if omitted. With one of your own, no discriminator is trained.

        Raises:
            ValueError: if the texts, or one of their tokens, do not fit the two networks.
        """
        texts = np.asarray(texts)
        tokens = generator.output_shape[0][-1]
        if texts.ndim != 2 or discriminator.input_shape[1:] != (texts.shape[1], tokens):
            raise ValueError(
                f"The texts have the shape {texts.shape} and {tokens} tokens; the discriminator "
                f"reads {discriminator.input_shape[1:]}."
            )
        if texts.min() < 0 or texts.max() >= tokens:
            raise ValueError(f"The texts hold a token that is not from 0 to {tokens - 1}.")
        self.generator, self.discriminator = generator, discriminator
        self.config, self.end, self.own_reward = config or TextGanConfig(), end, reward
        self.step = tf.Variable(0, dtype=tf.int64)
        self._texts = tf.constant(texts, tf.int32)
        self._adam = {}
        for method in self.METHODS:
            rate = getattr(self.config, f"{method}_rate")
            self._adam[method] = keras.optimizers.Adam(
                rate, beta_1=0.5 if method in ("policy", "gumbel") else 0.9
            )
            network = discriminator if method == "judge" else generator
            self._adam[method].build(network.trainable_variables)
        # Dropout's random state is no weight, and has to be reset too.
        weights = {id(v) for v in discriminator.weights}
        chance = [v for v in discriminator.variables if id(v) not in weights]
        self._chance = [(variable, variable.numpy()) for variable in chance]
        self._functions: dict[str, Callable] = {}

    def restart(self, generator: list[np.ndarray], discriminator: list[np.ndarray]) -> None:
        """Give both networks these weights, and everything else its state before the first step."""
        self.generator.set_weights(generator)
        self.discriminator.set_weights(discriminator)
        self.step.assign(0)
        for adam in self._adam.values():
            rate = float(adam.learning_rate)
            for variable in adam.variables:
                variable.assign(tf.zeros_like(variable))
            adam.learning_rate = rate
        for variable, value in self._chance:
            variable.assign(value)

    def reward(self, texts: tf.Tensor) -> tf.Tensor:
        """Return the reward of one-hot texts ``(batch, time, tokens)``, shape ``(batch,)``."""
        return self.own_reward(texts) if self.own_reward else self.discriminator(texts)[:, 0]

    def real(self, seed: Seed) -> tf.Tensor:
        """Return a batch of the real texts, drawn with replacement, ``(batch, time)``."""
        rows = tf.random.stateless_uniform(
            (self.config.batch,), seed, maxval=len(self._texts), dtype=tf.int32
        )
        return tf.gather(self._texts, rows)

    def likelihood_loss(self, seed: Seed) -> tf.Tensor:
        """Return the mean −log p of a batch of real texts."""
        return negative_log_likelihood(self.generator, self.real(seed), end=self.end)

    def judge_loss(self, seed: Seed) -> tf.Tensor:
        """Return the discriminator's cross-entropy on a batch of real and one of generated texts.

        A sum over both, as in ``losses``: 2 log 2 for a discriminator that cannot tell.
        """
        one, other = tf.unstack(tf.random.split(seed, 2))
        fake = sample(self.generator, self.config.batch, self._length, other, end=self.end)
        texts = tf.one_hot(tf.concat([self.real(one), fake], axis=0), self._tokens)
        real_logits, fake_logits = tf.split(self.discriminator(texts, training=True), 2)
        return get_loss("minimax").discriminator(real_logits, fake_logits)

    def policy_loss(self, seed: Seed) -> tf.Tensor:
        """Return the policy gradient's loss on a batch of generated texts, with roll-outs."""
        one, other = tf.unstack(tf.random.split(seed, 2))
        texts = sample(self.generator, self.config.batch, self._length, one, end=self.end)
        values = rollout_values(
            self.generator, self.reward, texts, self.config.rollouts, other, end=self.end
        )
        logs = log_probabilities(self.generator, texts, end=self.end)
        return policy_loss(logs, leave_one_out(values))

    def gumbel_loss(self, seed: Seed) -> tf.Tensor:
        """Return the non-saturating generator loss on texts of straight-through tokens."""
        texts = soft_sample(
            self.generator,
            self.config.batch,
            self._length,
            seed,
            temperature=self.config.softness,
            end=self.end,
        )
        logits = self.discriminator(texts)
        return get_loss("non_saturating").generator(logits, logits)

    def train(self, method: str, steps: int, seed: int = 0) -> float:
        """Take ``steps`` steps and return the last loss.

        Args:
            method: ``"likelihood"``; ``"judge"``, the discriminator alone; ``"policy"`` or
                ``"gumbel"``, in each step ``judge_steps`` of the discriminator, then one of the
                generator.
            steps: at least 1.
            seed: with the step's number it decides all random numbers.

        Raises:
            ValueError: for another method, or less than one step.
            FloatingPointError: if the last loss is not finite.
        """
        if method not in self.METHODS:
            raise ValueError(f"No method {method!r}; expected one of {', '.join(self.METHODS)}.")
        _at_least_one("steps", steps)
        if method not in self._functions:
            self._functions[method] = tf.function(self._steps_of(method))
        loss = float(self._functions[method](tf.constant(steps), tf.constant([seed, 0], tf.int64)))
        if not np.isfinite(loss):
            raise FloatingPointError(f"After step {int(self.step)} the {method} loss is {loss}.")
        return loss

    @property
    def _length(self) -> int:
        return self._texts.shape[1]

    @property
    def _tokens(self) -> int:
        return self.generator.output_shape[0][-1]

    def _steps_of(self, method: str) -> Callable:
        """Return the function that takes a number of steps of this method."""
        adversarial = method in ("policy", "gumbel")
        judged = self.config.judge_steps
        if not adversarial or (method == "policy" and self.own_reward):
            judged = 0

        def steps_of(count: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
            loss = tf.constant(0.0)
            for _ in tf.range(count):
                seeds = tf.random.split(tf.random.fold_in(key, self.step), judged + 1)
                for i in range(judged):
                    self._update("judge", seeds[i])
                loss = self._update(method, seeds[judged])
                self.step.assign_add(1)
            return loss

        return steps_of

    def _update(self, method: str, seed: tf.Tensor) -> tf.Tensor:
        """Take one step of Adam against one of the losses; return the loss before it."""
        network = self.discriminator if method == "judge" else self.generator
        with tf.GradientTape() as tape:
            loss = getattr(self, f"{method}_loss")(seed)
        gradients = tape.gradient(loss, network.trainable_variables)
        if method != "judge":
            gradients, _ = tf.clip_by_global_norm(gradients, self.config.clip)
        self._adam[method].apply(gradients, network.trainable_variables)
        return loss


# --- Counting n-grams ---------------------------------------------------------------------------


def bleu(
    candidates: Sequence[Sequence[int]],
    references: Sequence[Sequence[int]] | None = None,
    order: int = 3,
) -> np.ndarray:
    """Return each candidate's BLEU: how far its n-grams are found in the references.

    The geometric mean over n = 1 … order of the share of the candidate's n-grams that a reference
    holds (each at most as often as in the one reference that holds it oftenest), times
    exp(1 − r/c) where the candidate's length c is below r, that of the reference nearest in
    length (the shorter of two). A share of 0 counts as 0.1 over the number of n-grams.

    Args:
        candidates: rows of tokens, of any lengths.
        references: rows of tokens; None takes, for each candidate, all the other candidates.
        order: the longest n-grams; a candidate shorter than that is judged on those it has.

    Returns:
        Shape ``(candidates,)``, from 0 to 1; 0 for an empty candidate.

    Raises:
        ValueError: for an order below 1, no references, or a single candidate without them.

    Source: Papineni, Roukos, Ward and Zhu, BLEU, ACL 2002, DOI 10.3115/1073083.1073135; the
    smoothing: Chen and Cherry, WMT 2014, method 1, as in Texygen.
    """
    _at_least_one("order", order)
    rows = [tuple(np.asarray(row).tolist()) for row in candidates]
    among_themselves = references is None
    others = rows if among_themselves else [tuple(np.asarray(r).tolist()) for r in references]
    if len(others) < 1 + among_themselves or not rows:
        raise ValueError("There is nothing to compare with; expected at least two texts.")
    scores = np.zeros((len(rows), order))
    counted = np.zeros((len(rows), order), bool)
    for n in range(1, order + 1):
        most, second, owner = _largest_counts(others, n)
        for i, row in enumerate(rows):
            grams = Counter(zip(*(row[k:] for k in range(n)), strict=False))
            total = sum(grams.values())
            if not total:
                continue
            matches = 0
            for gram, times in grams.items():
                own = among_themselves and owner.get(gram) == i
                matches += min(times, (second if own else most).get(gram, 0))
            scores[i, n - 1], counted[i, n - 1] = np.log((matches or 0.1) / total), True
    lengths = Counter(map(len, others))
    brevity = [_brevity(len(row), lengths, among_themselves) for row in rows]
    means = scores.sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
    return np.where(counted.any(axis=1), np.exp(means + brevity), 0.0)


def self_bleu(texts: Sequence[Sequence[int]], order: int = 3) -> float:
    """Return the mean BLEU of each text against all the others: high where all are alike.

    It grows with the number of texts, so compare it between samples of one size only.

    Source: Zhu et al., Texygen, SIGIR 2018, arXiv 1802.01886.

    Raises:
        ValueError: for fewer than two texts, or an order below 1.
    """
    return float(np.mean(bleu(texts, order=order)))


def without_end(texts: np.ndarray, end: int) -> list[list[int]]:
    """Return each text's tokens before its first ``end``."""
    rows = np.asarray(texts).tolist()
    return [row[: row.index(end)] if end in row else row for row in rows]


# --- Within -------------------------------------------------------------------------------------


def _largest_counts(rows: Sequence[tuple], n: int) -> tuple[dict, dict, dict]:
    """Return of each n-gram its largest count in one row, in another row, and the first row."""
    most: dict = {}
    second: dict = {}
    owner: dict = {}
    for i, row in enumerate(rows):
        for gram, times in Counter(zip(*(row[k:] for k in range(n)), strict=False)).items():
            if times > most.get(gram, 0):
                second[gram] = most.get(gram, 0)
                most[gram], owner[gram] = times, i
            elif times > second.get(gram, 0):
                second[gram] = times
    return most, second, owner


def _brevity(length: int, lengths: Counter, among_themselves: bool) -> float:
    """Return the logarithm of BLEU's penalty for being shorter than the nearest reference."""
    if among_themselves and lengths[length] > 1:
        return 0.0
    present = [one for one in lengths if not (among_themselves and one == length)]
    nearest = min(present, key=lambda one: (abs(one - length), one))
    return min(0.0, 1 - nearest / max(length, 1))


def _start(network: keras.Model, batch: tf.Tensor | int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return what stands before the first token, and an empty memory."""
    tokens, units = network.output_shape[0][-1], network.output_shape[1][-1]
    return tf.zeros((batch, tokens)), tf.zeros((batch, units)), tf.zeros((batch, units))


def _table(texts: tf.Tensor) -> tf.Tensor:
    texts = tf.cast(texts, tf.int32)
    if texts.shape.rank != 2 or not texts.shape[1]:
        raise ValueError(f"The texts have the shape {texts.shape}; expected (batch, time).")
    return texts


def _at_least_one(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} is {value!r}; expected a whole number that is at least 1.")
