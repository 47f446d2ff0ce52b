"""Counting as a language model: probabilities by hand, and what smoothing promises."""

import numpy as np
import pytest

from utils.lessons.ngrams import KneserNey, ngram_perplexities, ngrams, perplexity

ROWS = [[1, 2, 0], [1, 3, 0], [2, 1, 2, 0], [1, 2, 2, 0]]  # 0 ends a row
TOKENS = 5  # 4 never occurs


def test_perplexity_is_the_number_of_equal_options():
    assert perplexity(np.full(7, 1 / 27)) == pytest.approx(27)
    assert perplexity([1 / 2, 1 / 8]) == pytest.approx(4)


def test_every_token_ends_one_ngram():
    assert ngrams([[1, 2, 0], [3]], 3) == [
        (None, None, 1),
        (None, 1, 2),
        (1, 2, 0),
        (None, None, 3),
    ]
    assert ngrams([[1, 2]], 1) == [(1,), (2,)]


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "context", [(None,) * 3, (None, None, 1), (None, 1, 2), (1, 2, 2), (4,) * 3]
)
def test_after_every_context_the_probabilities_sum_to_1(order, context):
    model = KneserNey(ROWS, order, TOKENS)
    model.discounts = [0.3, 0.5, 0.7, 0.9][:order]
    before = context[len(context) + 1 - order :]
    p = model.of([(*before, token) for token in range(TOKENS)])
    assert p.sum() == pytest.approx(1)
    assert p.min() > 0


def test_a_bigram_by_hand():
    model = KneserNey(ROWS, 2, TOKENS)
    # 1 occurs four times with a successor: 2 three times, 3 once. After how many tokens come
    # 0 to 3? After 2 and 3; the start and 2; the start, 1 and 2; 1. That is 8 different pairs.
    unigram = (3 - 0.5) / 8 + 0.5 * 4 / 8 / TOKENS
    assert model.of([(1, 2)])[0] == pytest.approx((3 - 0.5) / 4 + 0.5 * 2 / 4 * unigram)


def test_at_a_beginning_plain_counts_serve_at_each_order():
    model = KneserNey(ROWS, 3, TOKENS)
    assert model.counts[1][None, 1] == 3
    assert model.counts[2][None, 1, 2] == 2
    # Two Nones tell no more than one: the trigram's answer at a beginning is the bigram's.
    bigram = KneserNey(ROWS, 2, TOKENS)
    start = KneserNey(ROWS, 3, TOKENS).of([(None, None, t) for t in range(TOKENS)])
    np.testing.assert_allclose(start, bigram.of([(None, t) for t in range(TOKENS)]))


def test_a_context_never_seen_passes_the_question_on():
    model = KneserNey(ROWS, 2, TOKENS)
    below = model.of([(4, t) for t in range(TOKENS)])
    assert below[2] > below[3] > below[4] > 0


def test_tuning_serves_the_texts_that_it_is_given():
    rng = np.random.default_rng(1)
    rows = rng.choice(4, p=[0.4, 0.3, 0.2, 0.1], size=(60, 8)).tolist()
    model = KneserNey(rows[:30], 3, 4)
    before = perplexity(model.probabilities(rows[30:]))
    assert perplexity(model.tune(rows[30:]).probabilities(rows[30:])) < before
    assert len(model.discounts) == 3


def test_a_longer_context_helps_where_it_decides():
    # 0 1 2 and 3 1 4 in turn: what follows 1 depends on what came before it.
    rng = np.random.default_rng(2)
    pieces = np.array([[0, 1, 2], [3, 1, 4]])
    rows = [pieces[rng.integers(2, size=20)].ravel().tolist() for _ in range(9)]
    result = ngram_perplexities(rows[:5], rows[5:7], rows[7:], 5, orders=(1, 2, 3))
    assert list(result) == [1, 2, 3]
    assert result[3] < result[2] < result[1]
    assert result[3] < 1.5  # 2 equal options at every third place: the cube root of 2 is 1.26


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1]], 0, 5), "order is 0"),
        (([[1]], 2, 0), "tokens is 0"),
        (([], 2, 5), "are empty"),
        (([[]], 2, 5), "are empty"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(arguments, message):
    with pytest.raises(ValueError, match=message):
        KneserNey(*arguments)
