"""The vocabulary and the sampler, on models whose probabilities are known."""

import numpy as np
import pytest

from utils.lessons import text
from utils.lessons.text import Vocabulary

ABC = Vocabulary.of(["abc"])  # <pad> <start> <end> a b c
PAD, START, END, A, B, C = range(6)


class Fixed:
    """A model that gives the same logits whatever it read, and remembers what it read."""

    def __init__(self, logits):
        self.logits = np.asarray(logits, np.float32)
        self.read = []

    def step(self, numbers, state):
        self.read.append(numbers.tolist())
        return np.tile(self.logits, (len(numbers), 1)), state


class Parrot:
    """A model whose state is all it read: it repeats the first letter, up to four, then ends."""

    def step(self, numbers, state):
        state = np.stack([numbers]) if state is None else np.vstack([state, [numbers]])
        logits = np.full((len(numbers), len(ABC)), -50.0)
        for row, past in enumerate(state.T):
            kept = [n for n in past if n >= A]
            logits[row, kept[0] if len(kept) < 4 and kept else END] = 50.0
        return logits, state


# --- The vocabulary -----------------------------------------------------------------------------


def test_a_vocabulary_has_the_special_tokens_first_then_the_characters_in_order():
    assert Vocabulary.of(["ca", "b"]).tokens == ("<pad>", "<start>", "<end>", "a", "b", "c")
    assert Vocabulary.of(["ca"], specials=()).tokens == ("a", "c")
    assert len(ABC) == 6


def test_encode_and_decode_are_inverse_for_text():
    numbers = ABC.encode("cab")
    assert numbers.dtype == np.int32
    assert numbers.tolist() == [C, A, B]
    assert ABC.decode(numbers) == "cab"


def test_decode_leaves_special_tokens_out_unless_asked():
    assert ABC.decode([START, A, END]) == "a"
    assert ABC.decode([START, A, END], specials=True) == "<start>a<end>"
    assert ABC.decode([]) == ""


def test_a_capped_vocabulary_keeps_the_most_frequent_and_reads_the_rest_as_unknown():
    capped = Vocabulary.of(["aaabbbccd"], size=6)
    assert capped.tokens == ("<pad>", "<start>", "<end>", "<unk>", "a", "b")
    assert capped.encode("abcd").tolist() == [4, 5, 3, 3]
    assert capped.decode([4, 3, 5]) == "ab"


def test_of_two_characters_as_frequent_the_cap_keeps_the_first_in_unicode_order():
    assert Vocabulary.of(["ba"], size=5).tokens[-1] == "a"
    assert Vocabulary.of(["ab"], size=5).tokens[-1] == "a"


def test_number_knows_every_token_and_no_other():
    assert [ABC.number(token) for token in ABC.tokens] == list(range(6))
    with pytest.raises(ValueError, match="no token '<unk>'"):
        ABC.number("<unk>")


def test_an_unknown_character_is_named_with_its_position():
    with pytest.raises(ValueError, match="'x' at position 2 is not in the vocabulary of 6 tokens"):
        ABC.encode("abxc")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ABC.encode(""), "The text is empty"),
        (lambda: Vocabulary.of([]), "The texts are empty"),
        (lambda: Vocabulary.of(["", ""]), "The texts are empty"),
        (lambda: Vocabulary.of(["a"], size=4), "The size is 4; expected more than the 4 special"),
        (lambda: Vocabulary(["a", "b", "a"]), "stands in the vocabulary twice"),
        (lambda: ABC.decode([6]), "The number 6 is not from 0 to 5"),
        (lambda: ABC.decode([-1]), "The number -1 is not from 0 to 5"),
    ],
)
def test_bad_input_to_the_vocabulary_is_refused_in_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- Probabilities and draws --------------------------------------------------------------------


def test_probabilities_are_the_softmax_by_hand():
    p = text.probabilities(np.log([[1.0, 2.0, 5.0]]))
    np.testing.assert_allclose(p, [[1 / 8, 2 / 8, 5 / 8]], rtol=1e-12)


def test_a_temperature_raises_the_probabilities_to_its_inverse_power():
    p = text.probabilities(np.log([1.0, 2.0, 5.0]), temperature=0.5)
    np.testing.assert_allclose(p, np.array([1, 4, 25]) / 30, rtol=1e-12)


def test_cold_is_the_largest_and_hot_is_equal_chances():
    logits = [2.0, 1.0, -1.0]
    np.testing.assert_allclose(text.probabilities(logits, 1e-3), [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(text.probabilities(logits, 1e6), 1 / 3, atol=1e-5)


def test_large_logits_do_not_overflow_and_minus_infinity_is_never():
    np.testing.assert_allclose(text.probabilities([1e4, 1e4, -np.inf]), [0.5, 0.5, 0])


@pytest.mark.parametrize("temperature", [0, -1.0, np.nan, np.inf])
def test_a_temperature_that_is_not_positive_and_finite_is_refused(temperature):
    with pytest.raises(ValueError, match="The temperature is"):
        text.probabilities([1.0, 2.0], temperature)
    with pytest.raises(ValueError, match="The temperature is"):
        text.sample_text(Fixed(np.zeros(6)), ABC, temperature=temperature)


@pytest.mark.parametrize("logits", [[np.nan, 1.0], [np.inf, 1.0], [-np.inf, -np.inf]])
def test_logits_that_give_no_probabilities_are_refused(logits):
    with pytest.raises(ValueError, match="logits are not finite"):
        text.probabilities(logits)


def test_draws_have_the_frequencies_asked_for():
    chances = np.tile([0.0, 0.2, 0.0, 0.7, 0.1], (20000, 1))
    share = np.bincount(text.sample_tokens(chances, np.random.default_rng(1)), minlength=5) / 20000
    assert share[0] == share[2] == 0
    # Five standard errors of the most variable share, 0.5 / √20000, are 0.018.
    np.testing.assert_allclose(share, chances[0], atol=0.018)


class Ends:
    """A stand-in for a generator that returns the ends of its range."""

    def __init__(self, value):
        self.value = value

    def random(self, shape):
        return np.full(shape, self.value)


@pytest.mark.parametrize(("value", "token"), [(0.0, 1), (np.nextafter(1, 0), 2)])
def test_a_token_without_probability_is_not_drawn_at_the_ends_either(value, token):
    assert text.sample_tokens(np.array([[0.0, 0.3, 0.7, 0.0]]), Ends(value)).tolist() == [token]


# --- The sampler --------------------------------------------------------------------------------


def test_the_sampler_reads_start_and_the_prompt_then_what_it_drew():
    model = Fixed([0, 0, -50, -50, -50, 50])
    assert text.sample_text(model, ABC, prompt="ab", length=3, count=2) == ["abccc", "abccc"]
    assert model.read == [[START] * 2, [A] * 2, [B] * 2, [C] * 2, [C] * 2]


def test_the_sampler_carries_the_state():
    assert text.sample_text(Parrot(), ABC, prompt="b", length=10) == ["bbbb"]


def test_a_text_stops_at_its_end_while_others_go_on():
    written = text.sample_text(Fixed([9, 9, 0, 0, 0, 0]), ABC, length=30, seed=2, count=200)
    lengths = np.array([len(one) for one in written])
    assert lengths.min() == 0  # an end at once is an empty text
    assert lengths.max() > 5
    # P(end) = 1/4 at each step: a mean of 3 letters, and a standard deviation of √12.
    assert abs(lengths.mean() - 3) < 5 * np.sqrt(12 / 200)


def test_pad_start_and_unknown_are_never_drawn():
    capped = Vocabulary.of(["aab"], size=6)
    model = Fixed([60, 60, -60, 60, 0, 0])  # <pad>, <start> and <unk> by far the likeliest
    written = "".join(text.sample_text(model, capped, length=50, seed=3, count=20))
    assert len(written) == 1000
    assert abs(written.count("a") - 500) < 5 * np.sqrt(250)


def test_a_capped_vocabulary_reads_a_rare_character_of_the_prompt_as_unknown():
    capped = Vocabulary.of(["aab"], size=6)
    model = Fixed([0, 0, -50, 0, 50, 0])
    assert text.sample_text(model, capped, prompt="z", length=2) == ["zaa"]
    assert model.read[:2] == [[1], [capped.number("<unk>")]]


def test_without_special_tokens_the_prompt_alone_is_read():
    plain = Vocabulary.of(["ab"], specials=())
    model = Fixed([50, -50])
    assert text.sample_text(model, plain, prompt="b", length=4) == ["baaaa"]
    assert model.read == [[1], [0], [0], [0]]


def test_the_same_seed_writes_the_same_and_another_seed_another_text():
    def write(seed):
        return text.sample_text(Fixed(np.zeros(6)), ABC, length=20, seed=seed, count=5)

    assert write(4) == write(4)
    assert write(4) != write(5)


def test_a_low_temperature_writes_the_likeliest_character():
    model = Fixed([0, 0, 0, 1.0, 1.1, 0])
    assert text.sample_text(model, ABC, length=5, temperature=0.001) == ["bbbbb"]


def test_it_writes_with_a_keras_model_as_with_any_other():
    import keras

    table = keras.layers.Embedding(6, 6)
    table.build()
    table.set_weights([50 * np.eye(6)[[A, A, END, B, C, END]]])  # start→a→b→c→end

    class Chain:
        def step(self, numbers, state):
            return table(numbers), None

    assert text.sample_text(Chain(), ABC, count=2) == ["abc", "abc"]


@pytest.mark.parametrize("kinds", [("SimpleRNN",), ("LSTM",), ("GRU", "SimpleRNN")])
@pytest.mark.parametrize("masked", [False, True])
def test_one_step_at_a_time_is_the_whole_pass(kinds, masked):
    import keras

    keras.utils.set_random_seed(1)
    recurrent = [getattr(keras.layers, kind)(5, return_sequences=True) for kind in kinds]
    model = keras.Sequential(
        [
            keras.Input((None,)),
            keras.layers.Embedding(6, 3, mask_zero=masked),
            *recurrent,
            keras.layers.Dropout(0.5),
            keras.layers.Dense(6),
        ]
    )
    read = np.random.default_rng(2).integers(1, 6, size=(4, 7))
    state, stepped = None, []
    for numbers in read.T:
        logits, state = text.OneStep(model).step(numbers, state)
        stepped.append(logits)
    np.testing.assert_allclose(np.stack(stepped, axis=1), model(read), atol=1e-6)
    assert len(text.sample_text(text.OneStep(model), ABC, length=5, count=2)) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prompt": "ax"}, "'x' at position 1"),
        ({"length": 0}, "length is 0; expected a positive integer"),
        ({"length": 2.5}, "length is 2.5; expected a positive integer"),
        ({"count": 0}, "count is 0; expected a positive integer"),
        ({"count": True}, "count is True; expected a positive integer"),
    ],
)
def test_bad_input_to_the_sampler_is_refused_in_a_sentence(options, message):
    with pytest.raises(ValueError, match=message):
        text.sample_text(Fixed(np.zeros(6)), ABC, **options)


def test_no_prompt_and_no_start_is_refused():
    plain = Vocabulary.of(["ab"], specials=())
    with pytest.raises(ValueError, match="The prompt is empty, and this vocabulary has no <start>"):
        text.sample_text(Fixed(np.zeros(2)), plain)


def test_a_model_of_another_vocabulary_is_refused():
    with pytest.raises(ValueError, match=r"logits of shape \(1, 7\); expected \(1, 6\)"):
        text.sample_text(Fixed(np.zeros(7)), ABC)


def test_a_model_that_has_diverged_is_refused():
    with pytest.raises(ValueError, match="has the training diverged"):
        text.sample_text(Fixed(np.full(6, np.nan)), ABC)
