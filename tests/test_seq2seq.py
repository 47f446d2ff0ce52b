"""utils.lessons.seq2seq: attention as in its equation, decoding against all possible texts."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from utils.datasets.texts import DatePair
from utils.lessons.seq2seq import (
    AdditiveAttention,
    arrays,
    beam_search,
    build_translator,
    greedy_decode,
    pad_texts,
    train_translator,
    write,
)
from utils.lessons.text import Vocabulary

END, START = 0, 9  # of the toy models: tokens 0, 1, 2, and a start that is none of them


# Texts as rows ------------------------------------------------------------------------------------


def test_texts_are_padded_after_their_last_character() -> None:
    vocabulary = Vocabulary.of(["abc"])
    a, b, c = vocabulary.encode("abc")
    rows = pad_texts(["ab", "c"], vocabulary, length=3)
    assert rows.dtype == np.int32
    assert rows.tolist() == [[a, b, 0], [c, 0, 0]]
    assert pad_texts(["ab", "c"], vocabulary).shape == (2, 2)
    assert pad_texts(["abc"], vocabulary, length=3).shape == (1, 3)


def test_padding_is_the_vocabularys_own_number() -> None:
    vocabulary = Vocabulary.of(["a"], specials=("<start>", "<pad>"))
    assert pad_texts(["a"], vocabulary, length=2).tolist() == [[2, 1]]


@pytest.mark.parametrize(
    ("texts", "length", "message"),
    [
        ([], None, r"The texts are \[\]; expected a list of at least one"),
        ("abc", None, r"The texts are 'abc'; expected a list"),
        (["a", ""], None, r"Text 1: The text is empty"),
        (["a", "aω"], None, r"Text 1: The character 'ω' at position 1 is not in the vocabulary"),
        (["a", "abc"], 2, r"Text 1 has 3 characters; expected at most 2"),
    ],
)
def test_bad_texts_are_refused(texts: list[str], length: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pad_texts(texts, Vocabulary.of(["abc"]), length)


def test_a_vocabulary_without_padding_is_refused() -> None:
    with pytest.raises(ValueError, match="no token '<pad>'"):
        pad_texts(["a"], Vocabulary.of(["a"], specials=()))


# Translators of dates -----------------------------------------------------------------------------

PAIRS = [DatePair("24 août 2019", "2019-08-24", "fr"), DatePair("1 mai 2040", "2040-05-01", "fr")]
READING = Vocabulary.of(pair.text for pair in PAIRS)
WRITING = Vocabulary.of(["0123456789-"])


@pytest.fixture
def translator() -> keras.Model:
    """An untrained translator with attention."""
    keras.utils.set_random_seed(2)
    return build_translator(READING, WRITING, 8)


def test_dates_stand_between_start_and_end() -> None:
    source, target = arrays(PAIRS, READING, WRITING)
    assert source.shape == (2, 35)
    assert [READING.decode(row) for row in source] == [pair.text for pair in PAIRS]
    assert WRITING.decode(target[0], specials=True) == "<start>2019-08-24<end>"
    assert target.shape == (2, 12)
    assert source.dtype == target.dtype == np.int32


def test_a_prediction_does_not_read_its_own_answer(translator: keras.Model) -> None:
    source, target = arrays(PAIRS, READING, WRITING)
    given = target[:, :-1]
    other = given.copy()
    other[:, 5:] = WRITING.number("7")
    logits, changed = translator([source, given]), translator([source, other])
    np.testing.assert_allclose(logits[:, :5], changed[:, :5], atol=1e-6)
    assert np.abs(logits[:, 5] - changed[:, 5]).max() > 1e-4


def test_padding_of_a_text_gets_no_weight(translator: keras.Model) -> None:
    source, target = arrays(PAIRS, READING, WRITING)
    layer = translator.get_layer("attention")
    weights = keras.Model(translator.inputs, layer.output[1])([source, target[:, :-1]])
    np.testing.assert_allclose(np.sum(weights, axis=-1), 1, rtol=1e-5)
    for row, pair in zip(np.array(weights), PAIRS, strict=True):
        assert not row[:, len(pair.text) :].any()


def test_attention_adds_weights_to_the_output_layer_only(translator: keras.Model) -> None:
    plain = build_translator(READING, WRITING, 8, attention=False)
    assert translator.count_params() - plain.count_params() == 8 * len(WRITING)


def test_write_is_greedy_and_keeps_its_prefix(translator: keras.Model) -> None:
    source, target = arrays(PAIRS, READING, WRITING)
    for length in (1, 6):
        written = write(translator, source, target[:, :length])
        np.testing.assert_array_equal(written[:, :length], target[:, :length])
        best = np.argmax(translator([source, written[:, :-1]]), axis=-1)
        np.testing.assert_array_equal(written[:, length:], best[:, length - 1 :])


def test_training_lowers_the_loss_and_its_rate_ends_at_zero(translator: keras.Model) -> None:
    data = arrays(PAIRS * 64, READING, WRITING)
    history = train_translator(translator, data, data, epochs=6)
    assert history["loss"][-1] < history["loss"][0] - 0.1
    assert len(history["val_accuracy"]) == 6
    assert float(translator.optimizer.learning_rate) == pytest.approx(0, abs=1e-6)


# Attention ----------------------------------------------------------------------------------------


@pytest.fixture
def example() -> tuple[AdditiveAttention, np.ndarray, np.ndarray, np.ndarray]:
    """A layer with biases that are not 0, a query, a memory and a mask."""
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    query = rng.normal(size=(4, 3)).astype(np.float32)
    memory = rng.normal(size=(4, 6, 5)).astype(np.float32)
    mask = np.arange(6) < np.array([[6], [3], [1], [5]])
    attention = AdditiveAttention(7)
    attention(query, memory)
    attention.U.bias.assign(rng.normal(size=7))
    return attention, query, memory, mask


def by_hand(attention: AdditiveAttention, s: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Return the weights of one row, entry by entry."""
    W, U, b, v = (np.asarray(w, np.float64) for w in attention.get_weights())
    e = np.array([v[:, 0] @ np.tanh(W.T @ s + U.T @ h_j + b) for h_j in h])
    return np.exp(e) / np.exp(e).sum()


def test_attention_is_its_equation(example: tuple) -> None:
    attention, query, memory, mask = example
    context, weights = attention(query, memory, mask=mask)
    for row, length in enumerate(mask.sum(axis=1)):
        expected = by_hand(attention, query[row], memory[row, :length])
        np.testing.assert_allclose(weights[row, :length], expected, rtol=1e-5)
        np.testing.assert_allclose(context[row], expected @ memory[row, :length], atol=1e-6)


def test_attention_equals_keras_layer(example: tuple) -> None:
    attention, query, memory, mask = example
    theirs = keras.layers.AdditiveAttention(use_scale=True)
    parts = [attention.W(query)[:, None], memory, attention.U(memory)]
    theirs(parts)
    theirs.set_weights([np.asarray(attention.v.kernel)[:, 0]])
    context, weights = theirs(parts, mask=[None, mask], return_attention_scores=True)
    ours = attention(query, memory, mask=mask)
    np.testing.assert_allclose(ours[0], context[:, 0], atol=1e-6)
    np.testing.assert_allclose(ours[1], weights[:, 0], atol=1e-6)


def test_given_keys_are_used(example: tuple) -> None:
    attention, query, memory, mask = example
    keys = attention.U(memory)
    for given, computed in zip(
        attention(query, memory, keys, mask), attention(query, memory, mask=mask), strict=True
    ):
        np.testing.assert_array_equal(given, computed)
    _, weights = attention(query, memory, np.zeros_like(keys), mask)
    np.testing.assert_allclose(weights[1, :3], 1 / 3, rtol=1e-6)


def test_padding_gets_exactly_no_weight(example: tuple) -> None:
    attention, query, memory, mask = example
    context, weights = attention(query, memory, mask=mask)
    assert np.all(np.asarray(weights)[~mask] == 0)
    np.testing.assert_allclose(np.sum(weights, axis=1), 1, rtol=1e-6)
    filled = np.where(mask[..., None], memory, 1e3).astype(np.float32)
    np.testing.assert_array_equal(attention(query, filled, mask=mask)[0], context)


def test_attention_takes_different_query_and_memory_sizes_and_learns(example: tuple) -> None:
    attention, query, memory, mask = example
    with tf.GradientTape() as tape:
        context, _ = attention(query, memory, mask=mask)
        loss = tf.reduce_sum(context**2)
    gradients = tape.gradient(loss, attention.trainable_variables)
    assert context.shape == (4, 5)
    assert len(gradients) == 4
    assert all(np.any(gradient) for gradient in gradients)


def test_attention_is_saved_and_loaded(example: tuple) -> None:
    attention, query, memory, _ = example
    again = keras.layers.deserialize(keras.layers.serialize(attention))
    again(query, memory)
    again.set_weights(attention.get_weights())
    np.testing.assert_array_equal(again(query, memory)[1], attention(query, memory)[1])


@pytest.mark.parametrize("units", [0, -1, 2.0, True])
def test_bad_units_are_refused(units: object) -> None:
    with pytest.raises(ValueError, match=r"units is .*; expected a positive integer"):
        AdditiveAttention(units)


# Decoding -----------------------------------------------------------------------------------------


def table_model(tables: list[Callable[[tuple], np.ndarray]]) -> tuple[Callable, tuple]:
    """Return ``step`` and the state of a model that looks up each row's beginning in its table.

    The state holds the row's number, and all that the row has written: had a decoder mixed up
    the rows, or forgotten to let the state follow its text, the check inside would fail.
    """

    def step(tokens: np.ndarray, state: tuple) -> tuple:
        row, written = np.asarray(state[0]), np.asarray(state[1]["written"])
        written = np.concatenate([written, np.asarray(tokens)[:, None]], axis=1)
        logits = [tables[i](tuple(w[1:])) for i, w in zip(row, written, strict=True)]
        return np.stack(logits).astype(np.float32), (row, {"written": written})

    rows = len(tables)
    return step, (np.arange(rows), {"written": np.zeros((rows, 0), int)})


def random_table(seed: int) -> Callable[[tuple], np.ndarray]:
    """Return the log-probabilities of three tokens after any beginning, drawn at random."""

    def table(beginning: tuple) -> np.ndarray:
        rng = np.random.default_rng([seed, len(beginning), *beginning])
        return np.log(rng.dirichlet(np.full(3, 0.5)) + 1e-6)

    return table


def trap(beginning: tuple) -> np.ndarray:
    """Return the log-probabilities of a model on which a beam of width 2 does worse than greedy."""
    probabilities = {
        (): (0.0, 0.55, 0.45),
        (1,): (0.3, 0.4, 0.3),
        (2,): (0.0, 0.5, 0.5),
        (1, 1): (1.0, 0.0, 0.0),
        (2, 1): (0.34, 0.33, 0.33),
        (2, 2): (0.34, 0.33, 0.33),
    }
    return np.log(np.maximum(probabilities.get(beginning, (1.0, 0.0, 0.0)), 1e-30))


def every_text(table: Callable[[tuple], np.ndarray], length: int) -> list[tuple[float, tuple]]:
    """Return score and tokens of every text, the best first: what a search can find at best."""
    found = {}
    for tokens in itertools.product(range(3), repeat=length):
        stop = tokens.index(END) + 1 if END in tokens else length
        score = 0.0
        for t in range(stop):
            logits = table(tokens[:t])
            score += logits[tokens[t]] - np.log(np.sum(np.exp(logits)))
        found[tokens[:stop] + (END,) * (length - stop)] = score
    return sorted(((score, tokens) for tokens, score in found.items()), reverse=True)


def test_greedy_takes_the_most_probable_token_of_each_step() -> None:
    step, state = table_model([trap])
    tokens, scores = greedy_decode(step, state, START, END, length=4)
    assert tokens.tolist() == [[1, 1, END, END]]
    np.testing.assert_allclose(scores, [np.log(0.55 * 0.4)], rtol=1e-6)


def test_a_wider_beam_can_do_worse_than_greedy() -> None:
    step, state = table_model([trap])
    tokens, scores = beam_search(step, state, 2, START, END, length=3)
    np.testing.assert_allclose(scores[0, 0], np.log(0.45 * 0.5 * 0.34), rtol=1e-6)
    assert tokens[0, 0].tolist() in ([2, 1, END], [2, 2, END])
    tokens, scores = beam_search(step, state, 3, START, END, length=3)
    assert tokens[0, 0].tolist() == [1, 1, END]


def test_width_one_is_greedy() -> None:
    step, state = table_model([random_table(seed) for seed in range(40)])
    tokens, scores = greedy_decode(step, state, START, END, length=5)
    beams, beam_scores = beam_search(step, state, 1, START, END, length=5)
    np.testing.assert_array_equal(beams[:, 0], tokens)
    np.testing.assert_allclose(beam_scores[:, 0], scores)
    lengths = (tokens != END).sum(axis=1)
    assert len(set(lengths)) > 2  # the rows end at different steps


def test_the_widest_beam_finds_every_text_in_order() -> None:
    tables = [random_table(seed) for seed in range(10)]
    step, state = table_model(tables)
    tokens, scores = beam_search(step, state, 31, START, END, length=4)
    for row, table in enumerate(tables):
        expected = every_text(table, 4)
        assert len(expected) == 31
        assert [tuple(t) for t in tokens[row]] == [text for _, text in expected]
        np.testing.assert_allclose(scores[row], [score for score, _ in expected], atol=1e-5)


def test_every_text_of_a_narrow_beam_has_its_own_score() -> None:
    tables = [random_table(seed) for seed in range(10)]
    step, state = table_model(tables)
    tokens, scores = beam_search(step, state, 3, START, END, length=5)
    assert np.all(np.diff(scores, axis=1) <= 0)
    for row, table in enumerate(tables):
        known = {text: score for score, text in every_text(table, 5)}
        assert len({tuple(t) for t in tokens[row]}) == 3
        np.testing.assert_allclose(scores[row], [known[tuple(t)] for t in tokens[row]], atol=1e-5)


def test_where_there_are_fewer_texts_than_width_the_rest_have_no_probability() -> None:
    step, state = table_model([random_table(1)])
    _, scores = beam_search(step, state, 5, START, END, length=1)
    assert np.isfinite(scores[0, :3]).all()
    assert np.all(scores[0, 3:] == -np.inf)


@pytest.mark.parametrize("width", [0, -3, 1.5, True, None])
def test_a_bad_width_is_refused(width: object) -> None:
    step, state = table_model([trap])
    with pytest.raises(ValueError, match=r"width is .*; expected a positive integer"):
        beam_search(step, state, width, START, END, length=3)


@pytest.mark.parametrize("length", [0, -1, 2.0, False])
def test_a_bad_length_is_refused(length: object) -> None:
    step, state = table_model([trap])
    with pytest.raises(ValueError, match=r"length is .*; expected a positive integer"):
        greedy_decode(step, state, START, END, length)
    with pytest.raises(ValueError, match="length is"):
        beam_search(step, state, 2, START, END, length)


@pytest.mark.parametrize("state", [(), (np.zeros(2), np.zeros(3)), (np.zeros(2), np.float32(1))])
def test_a_state_without_rows_is_refused(state: tuple) -> None:
    with pytest.raises(ValueError, match="The state's arrays have the shapes"):
        greedy_decode(lambda token, state: (token, state), state, START, END, length=3)
    with pytest.raises(ValueError, match="expected the same number of rows"):
        beam_search(lambda token, state: (token, state), state, 2, START, END, length=3)
