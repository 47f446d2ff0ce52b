"""From one sequence to another: a translator of dates, attention, and decoders.

The decoders know nothing of the model but one function, ``step``: it takes the token that each
row wrote last, int array ``(rows,)``, and the rows' state, and returns the logits of the next
token, ``(rows, tokens)``, and the next state. A state is an array or any nest of tuples, lists
and dictionaries of arrays, each of which has one entry a row along its first axis: so a beam can
copy a row's state and drop another's. What the encoder read is part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from utils.checks import positive_integer
from utils.datasets.texts import DatePair
from utils.lessons.text import END, PAD, START, Vocabulary

State = Any
Step = Callable[[np.ndarray, State], tuple[Any, State]]
LONGEST_TEXT, DATE = 35, 10  # characters
_NEVER = -1e9  # a score that softmax turns into exactly 0, without the NaN of a row of -inf


def pad_texts(
    texts: Sequence[str], vocabulary: Vocabulary, length: int | None = None
) -> np.ndarray:
    """Return the texts as rows of numbers, with ``<pad>`` after their last character.

    Used in lesson 5.1.

    Args:
        texts: at least one.
        vocabulary: it has the token ``<pad>``.
        length: of the rows; that of the longest text if None.

    Returns:
        The numbers, int32, shape ``(texts, length)``.

    Raises:
        ValueError: if there is no text, if one is empty or longer than ``length``, if one holds
            a character that the vocabulary lacks, or if the vocabulary has no ``<pad>``.
    """
    if isinstance(texts, str) or not len(texts):
        raise ValueError(f"The texts are {texts!r}; expected a list of at least one text.")
    rows = []
    for number, text in enumerate(texts):
        try:
            rows.append(vocabulary.encode(text))
        except ValueError as error:
            raise ValueError(f"Text {number}: {error}") from None
    longest = max(map(len, rows))
    length = longest if length is None else length
    if longest > length:
        number = [len(row) for row in rows].index(longest)
        raise ValueError(f"Text {number} has {longest} characters; expected at most {length}.")
    padded = np.full((len(rows), length), vocabulary.number(PAD), np.int32)
    for place, row in zip(padded, rows, strict=True):
        place[: len(row)] = row
    return padded


def arrays(
    pairs: Sequence[DatePair], reading: Vocabulary, writing: Vocabulary
) -> tuple[np.ndarray, np.ndarray]:
    """Return texts and dates as numbers.

    Defined in lesson 5.1.

    Args:
        pairs: of a text of at most 35 characters and its ISO date.
        reading: the vocabulary of the texts.
        writing: the vocabulary of the dates.

    Returns:
        The texts, padded, shape ``(pairs, 35)``, and ``<start>``, the date and ``<end>``, shape
        ``(pairs, 12)``; both int32.

    Raises:
        ValueError: as `pad_texts`.
    """
    source = pad_texts([pair.text for pair in pairs], reading, length=LONGEST_TEXT)
    target = pad_texts([pair.iso for pair in pairs], writing, length=DATE + 1)
    target[:, -1] = writing.number(END)
    return source, np.insert(target, 0, writing.number(START), axis=1)


def build_translator(
    reading: Vocabulary, writing: Vocabulary, units: int, attention: bool = True
) -> keras.Model:
    """Return a network that reads a text and a date so far, and gives the next character's logits.

    Defined in lesson 5.2.

    Args:
        reading: the vocabulary of the texts.
        writing: the vocabulary of the dates.
        units: of each of the two LSTMs, the layers "encoder" and "decoder".
        attention: whether the decoder looks back at the encoder's states, by the layer
            "attention", with the dot product as its score.

    Returns:
        A model of ``[texts, given]``, int arrays of shapes ``(batch, 35)`` and ``(batch, 11)``.
        Its output, ``(batch, 11, tokens)``, has at ``t`` the logits of what follows
        ``given[:, : t + 1]``.

    Source: Luong, Pham and Manning, Effective approaches to attention-based neural machine
    translation, EMNLP 2015, arXiv 1508.04025.
    """
    layers = keras.layers
    source = keras.Input((LONGEST_TEXT,), dtype="int32", name="source")
    given = keras.Input((DATE + 1,), dtype="int32", name="given")
    characters = layers.Embedding(len(reading), 32, mask_zero=True, name="reading")
    encoder = layers.LSTM(units, return_sequences=True, return_state=True, name="encoder")
    memory, h, c = encoder(characters(source))
    so_far = layers.Embedding(len(writing), 16)(given)
    decoder = layers.LSTM(units, return_sequences=True, name="decoder")
    states = decoder(so_far, initial_state=[h, c])
    if attention:
        look = layers.Attention(name="attention")
        context, _ = look([states, memory], return_attention_scores=True)
        states = layers.Concatenate()([states, context])
    logits = layers.Dense(len(writing), name="output")(states)
    return keras.Model([source, given], logits)


def train_translator(
    network: keras.Model,
    train_set: tuple[np.ndarray, np.ndarray],
    validation_set: tuple[np.ndarray, np.ndarray],
    epochs: int,
    rate: float = 0.01,
) -> dict[str, list[float]]:
    """Train with teacher forcing: Adam, clipped gradients, a rate that falls along a cosine to 0.

    Defined in lesson 5.2.

    Args:
        network: as `build_translator` returns it.
        train_set: texts and dates, as `arrays` returns them.
        validation_set: others of the same kind; they are only looked at.
        epochs: how often all of ``train_set`` is seen.
        rate: the first learning rate.

    Returns:
        Keras' history: for each epoch the loss and the share of right characters, given the right
        ones before.
    """
    (source, target), (new_source, new_target) = train_set, validation_set
    steps = epochs * -(-len(source) // 128)
    falling = keras.optimizers.schedules.CosineDecay(rate, steps)
    network.compile(
        optimizer=keras.optimizers.Adam(falling, clipnorm=1.0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return network.fit(
        [source, target[:, :-1]],
        target[:, 1:],
        validation_data=([new_source, new_target[:, :-1]], new_target[:, 1:]),
        batch_size=128,
        epochs=epochs,
        verbose=0,
    ).history


def write(network: keras.Model, source: np.ndarray, prefix: np.ndarray) -> np.ndarray:
    """Let a translator write dates: the most probable character at each step.

    Defined in lesson 5.2.

    Args:
        network: as `build_translator` returns it.
        source: the texts, shape ``(texts, 35)``.
        prefix: how each answer begins, shape ``(texts, 1)`` or longer.

    Returns:
        The prefix and what the network wrote after it, int32, shape ``(texts, 12)``.
    """
    written = np.zeros((len(source), DATE + 2), np.int32)
    written[:, : prefix.shape[1]] = prefix
    for t in range(prefix.shape[1], DATE + 2):
        logits = network.predict_on_batch([source, written[:, :-1]])
        written[:, t] = logits[:, t - 1].argmax(axis=-1)
    return written


@keras.saving.register_keras_serializable(package="course")
class AdditiveAttention(keras.layers.Layer):
    """Look at a memory through a question: a mean of its entries, weighted by their relevance.

    Used in lesson 5, "Exercise 1 · Additive attention".

    With the question s and the memory h_1 … h_T::

        e_j = vᵀ tanh(W s + U h_j + b),   a = softmax(e),   context = Σ_j a_j h_j

    Args:
        units: the size of v.

    Raises:
        ValueError: if ``units`` is not a positive integer.

    Source: Bahdanau, Cho and Bengio, Neural machine translation by jointly learning to align and
    translate, ICLR 2015, arXiv 1409.0473, appendix A.1.2.
    """

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        positive_integer(units=units)
        self.units = int(units)
        self.W = keras.layers.Dense(units, use_bias=False, name="W")
        self.U = keras.layers.Dense(units, name="U")  # its bias is b
        self.v = keras.layers.Dense(1, use_bias=False, name="v")
        self.supports_masking = True

    def build(
        self,
        query_shape: tuple[int | None, ...],
        memory_shape: tuple[int | None, ...],
        **_: tuple[int | None, ...],
    ) -> None:
        """Make the weights, for features of these sizes."""
        self.W.build(query_shape)
        self.U.build(memory_shape)
        self.v.build((None, self.units))
        super().build(query_shape)

    def call(
        self, query: Any, memory: Any, keys: Any | None = None, mask: Any | None = None
    ) -> tuple[Any, Any]:
        """Return the context, ``(batch, features)``, and the weights, ``(batch, time)``.

        Args:
            query: s, shape ``(batch, query_features)``.
            memory: h, shape ``(batch, time, features)``.
            keys: ``self.U(memory)``, which is U h + b, shape ``(batch, time, units)``. It is the
                same for every query: given here, it is not computed again.
            mask: false where the memory is padding, which then gets the weight 0, exactly; shape
                ``(batch, time)``. In each row one entry at least is true.
        """
        keys = self.U(memory) if keys is None else keys
        scores = self.v(ops.tanh(self.W(query)[:, None] + keys))[..., 0]
        if mask is not None:
            scores = ops.where(mask, scores, ops.cast(_NEVER, scores.dtype))
        weights = ops.softmax(scores)
        return ops.einsum("bt,btf->bf", weights, memory), weights

    def compute_mask(self, *_: Any) -> None:
        """Return None: a context has no steps that could be padding."""

    def get_config(self) -> dict[str, Any]:
        """Return what makes the layer anew."""
        return {**super().get_config(), "units": self.units}


def greedy_decode(
    step: Step, state: State, start: int, end: int, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Write the most probable token, again and again, until ``end`` or ``length`` tokens.

    Used in lesson 5.8.

    Args:
        step: see the top of this file.
        state: each row's, after the source was read.
        start: the token that every row is given first.
        end: the token after which a row writes nothing more.
        length: the most tokens a row may write, ``end`` included.

    Returns:
        The tokens, int, shape ``(rows, length)``: after the first ``end``, all are ``end``.
        And the sum of the log-probabilities of those written, float64, shape ``(rows,)``.

    Raises:
        ValueError: if ``length`` is not a positive integer, or ``state`` holds no array or
            arrays of different numbers of rows.
    """
    positive_integer(length=length)
    rows = _rows(state)
    token, scores = np.full(rows, start), np.zeros(rows)
    done, tokens = np.zeros(rows, bool), []
    for _ in range(length):
        logits, state = step(token, state)
        log_p = ops.convert_to_numpy(ops.log_softmax(logits))
        token = np.where(done, end, log_p.argmax(axis=-1))
        scores += np.where(done, 0, log_p.max(axis=-1))
        done = token == end
        tokens.append(token)
    return np.stack(tokens, axis=1), scores


def beam_search(
    step: Step, state: State, width: int, start: int, end: int, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Keep the ``width`` most probable beginnings, extend each by every token, and choose again.

    Used in lesson 5.8.

    The score of a text is the sum of the log-probabilities of its tokens, ``end`` included.
    Width 1 is greedy decoding. A greater width mostly finds a better score, but need not: the
    greedy text's beginning can fall out of the beam. Only a beam as wide as there are beginnings
    is sure to find the best.

    Args:
        step: see the top of this file.
        state: each row's, after the source was read.
        width: how many beginnings are kept, at least 1.
        start: the token that every row is given first.
        end: the token after which a text is finished; it then stays in the beam as it is.
        length: the most tokens of a text, ``end`` included.

    Returns:
        The tokens, int, shape ``(rows, width, length)``, the best text first: after the first
        ``end``, all are ``end``. And their scores, float64, shape ``(rows, width)``; where there
        are fewer than ``width`` texts, the rest have -inf.

    Raises:
        ValueError: if ``width`` or ``length`` is not a positive integer, or ``state`` holds no
            array or arrays of different numbers of rows.

    Source: Sutskever, Vinyals and Le, Sequence to sequence learning with neural networks,
    NeurIPS 2014, arXiv 1409.3215, section 3.2.
    """
    positive_integer(width=width, length=length)
    rows = _rows(state)
    state = keras.tree.map_structure(lambda a: ops.repeat(a, width, axis=0), state)
    tokens = np.full((rows, width, 1), start)
    scores = np.full((rows, width), -np.inf)
    scores[:, 0] = 0.0  # at first there is one beginning, the empty one
    for _ in range(length):
        logits, state = step(tokens[:, :, -1].ravel(), state)
        log_p = np.array(ops.log_softmax(logits)).reshape(rows, width, -1)
        finished = tokens[:, :, -1] == end
        log_p[finished] = -np.inf
        log_p[finished, end] = 0.0
        totals = (scores[:, :, None] + log_p).reshape(rows, -1)
        best = np.argsort(-totals, axis=1, kind="stable")[:, :width]
        parents, token = np.divmod(best, log_p.shape[-1])
        scores = np.take_along_axis(totals, best, axis=1)
        kept = np.take_along_axis(tokens, parents[:, :, None], axis=1)
        tokens = np.concatenate([kept, token[:, :, None]], axis=2)
        source = (parents + width * np.arange(rows)[:, None]).ravel()
        state = keras.tree.map_structure(lambda a, i=source: ops.take(a, i, axis=0), state)
    return tokens[:, :, 1:], scores


def _rows(state: State) -> int:
    """Return the number of rows of the state's arrays, or raise ValueError."""
    shapes = [tuple(np.shape(array)) for array in keras.tree.flatten(state)]
    sizes = {shape[0] for shape in shapes if shape}
    if len(sizes) != 1 or () in shapes:
        raise ValueError(
            f"The state's arrays have the shapes {shapes}; expected the same number of rows in "
            "each, along the first axis."
        )
    return sizes.pop()
