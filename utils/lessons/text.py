"""Text as numbers: the vocabulary that the language models read, and how they write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import keras
import numpy as np

from utils.checks import positive_integer

PAD, START, END, UNKNOWN = "<pad>", "<start>", "<end>", "<unk>"


class Vocabulary:
    """The characters a model knows, each with a number: its place in ``tokens``.

    Used in lesson 2.1.

    Attributes:
        tokens: the special tokens first, then the characters.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = tuple(tokens)
        self._number = {token: number for number, token in enumerate(self.tokens)}
        if len(self._number) < len(self.tokens):
            raise ValueError("A token stands in the vocabulary twice; expected different tokens.")

    @classmethod
    def of(
        cls,
        texts: Iterable[str],
        size: int | None = None,
        specials: Sequence[str] = (PAD, START, END),
    ) -> Vocabulary:
        """Return the vocabulary of all characters of ``texts``, or of the most frequent ones.

        Args:
            texts: the training texts; at least one character in all.
            size: how many tokens at most, ``specials`` and ``<unk>`` included; all characters
                if None. A capped vocabulary reads every other character as ``<unk>``.
            specials: the tokens that are no characters; they come first.

        Raises:
            ValueError: if there is no character, or if ``size`` leaves no room for one.
        """
        counts = Counter(character for text in texts for character in text)
        if not counts:
            raise ValueError("The texts are empty; expected at least one character.")
        if size is None:
            return cls((*specials, *sorted(counts)))
        room = size - len(specials) - 1
        if room < 1:
            raise ValueError(
                f"The size is {size}; expected more than the {len(specials) + 1} special tokens."
            )
        # Of two characters that are as frequent, the first in Unicode's order: no chance in it.
        frequent = sorted(counts, key=lambda character: (-counts[character], character))[:room]
        return cls((*specials, UNKNOWN, *frequent))

    def __len__(self) -> int:
        return len(self.tokens)

    def number(self, token: str) -> int:
        """Return the number of a token, special ones included.

        Raises:
            ValueError: if the vocabulary has no such token.
        """
        if token not in self._number:
            raise ValueError(f"The vocabulary has no token {token!r}.")
        return self._number[token]

    def encode(self, text: str) -> np.ndarray:
        """Return the numbers of the text's characters, int32, shape ``(time,)``.

        Raises:
            ValueError: if the text is empty, or holds a character that the vocabulary lacks
                (a capped vocabulary reads it as ``<unk>`` instead).
        """
        if not text:
            raise ValueError("The text is empty; expected at least one character.")
        unknown = self._number.get(UNKNOWN)
        numbers = [self._number.get(character, unknown) for character in text]
        if None in numbers:
            position = numbers.index(None)
            raise ValueError(
                f"The character {text[position]!r} at position {position} is not in the "
                f"vocabulary of {len(self)} tokens; expected characters of the training text."
            )
        return np.array(numbers, np.int32)

    def decode(self, numbers: Iterable[int], specials: bool = False) -> str:
        """Return the text of these numbers; special tokens are left out unless asked for.

        Raises:
            ValueError: if a number is not from 0 to ``len(self) - 1``.
        """
        tokens = []
        for number in np.asarray(list(numbers), int):
            if not 0 <= number < len(self):
                raise ValueError(f"The number {number} is not from 0 to {len(self) - 1}.")
            token = self.tokens[number]
            if len(token) == 1 or specials:
                tokens.append(token)
        return "".join(tokens)


class StepModel(Protocol):
    """A language model that reads one token of each text at a time.

    Used in lesson 2.5.
    """

    def step(self, numbers: np.ndarray, state: Any) -> tuple[Any, Any]:
        """Read the next token and return what may follow it.

        Args:
            numbers: the token of each text, int32, shape ``(batch,)``.
            state: what the last step returned, None at the first.

        Returns:
            The logits of the token after it, shape ``(batch, tokens)``, and the new state.
        """


class OneStep:
    """Lets a trained Sequential read one token of each text at a time; see `StepModel`.

    Defined in lesson 2.5.

    The model's layers are used one after the other. Of a recurrent layer (SimpleRNN, LSTM, GRU)
    one step is taken, and its state kept.

    Args:
        model: for example an Embedding, recurrent layers that return sequences, Dropout and Dense.
    """

    def __init__(self, model: keras.Sequential) -> None:
        self.model = model

    def step(self, numbers: np.ndarray, state: Any = None) -> tuple[Any, Any]:
        """Read the next token and return the logits of the one after it, and the new state."""
        x, after = numbers, {}
        for layer in self.model.layers:
            if isinstance(layer, keras.layers.RNN):
                before = state[layer.name] if state else layer.get_initial_state(len(numbers))
                # As an array, x has no mask, of which a cell would complain.
                x, after[layer.name] = layer.cell(np.asarray(x), before)
            else:
                x = layer(x)
        return x, after


def probabilities(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Return the softmax of ``logits / temperature`` along the last axis, float64.

    Defined in lesson 2.5.

    A temperature below 1 sharpens the distribution (towards the largest logit), one above 1
    flattens it (towards equal chances). A logit of minus infinity has the probability 0.

    Args:
        logits: shape ``(..., tokens)``.
        temperature: positive and finite.

    Raises:
        ValueError: for another temperature, a logit that is NaN or plus infinity, or logits
            that are all minus infinity.
    """
    if not 0 < temperature < np.inf:
        raise ValueError(f"The temperature is {temperature}; expected a positive, finite number.")
    logits = np.asarray(logits, np.float64)
    largest = logits.max(axis=-1, keepdims=True)
    if not np.isfinite(largest).all():  # the largest is NaN wherever a logit is
        raise ValueError("The logits are not finite; expected numbers (has the training diverged?)")
    # Minus the largest, which changes nothing in the ratio and keeps exp from overflowing.
    weights = np.exp((logits - largest) / temperature)
    return weights / weights.sum(axis=-1, keepdims=True)


def sample_tokens(chances: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw one token from each row of probabilities, by inverting their cumulative sum.

    Used in lesson 2.5.

    Args:
        chances: shape ``(batch, tokens)``, each row at least 0 and with a positive sum.
        rng: where the random numbers come from; one is used for each row.

    Returns:
        The tokens' numbers, int32, shape ``(batch,)``.
    """
    cumulative = np.cumsum(chances, axis=1)
    heights = rng.random((len(chances), 1)) * cumulative[:, -1:]
    return np.sum(heights >= cumulative, axis=1).astype(np.int32)


def sample_text(
    model: StepModel,
    vocabulary: Vocabulary,
    prompt: str = "",
    length: int = 100,
    temperature: float = 1.0,
    seed: int = 0,
    count: int = 1,
) -> list[str]:
    """Let a model write: draw a character, feed it back, and so on.

    Defined in lesson 2.5.

    The model reads ``<start>``, if the vocabulary has it, then the prompt. A text ends where
    ``<end>`` is drawn. ``<pad>``, ``<start>`` and ``<unk>`` are never drawn: the others share
    their probability in proportion.

    Args:
        model: its ``step`` reads one token of each text; see ``StepModel``.
        vocabulary: the one that the model was trained with.
        prompt: how every text begins; it may be empty if the vocabulary has ``<start>``.
        length: how many characters are drawn after the prompt, at most.
        temperature: positive; see ``probabilities``.
        seed: the same seed gives the same texts.
        count: how many texts.

    Returns:
        ``count`` texts, each with the prompt at its beginning.

    Raises:
        ValueError: for a length or count below 1, a temperature that is not positive, a prompt
            with a character that the vocabulary lacks, no prompt where there is no ``<start>``
            either, or a model whose logits do not fit the vocabulary or are not finite.
    """
    positive_integer(length=length, count=count)
    if not 0 < temperature < np.inf:
        raise ValueError(f"The temperature is {temperature}; expected a positive, finite number.")
    to_read = [vocabulary.number(START)] if START in vocabulary.tokens else []
    to_read += vocabulary.encode(prompt).tolist() if prompt else []
    if not to_read:
        raise ValueError("The prompt is empty, and this vocabulary has no <start>; expected one.")

    barred = [n for n, token in enumerate(vocabulary.tokens) if token in (PAD, START, UNKNOWN)]
    end = vocabulary.number(END) if END in vocabulary.tokens else None
    rng = np.random.default_rng(seed)
    state = None
    for number in to_read:
        logits, state = model.step(np.full(count, number, np.int32), state)
    drawn: list[np.ndarray] = []
    for _ in range(length):
        if drawn:
            logits, state = model.step(drawn[-1], state)
        scores = np.array(logits, np.float64)  # a copy, to write into
        if scores.shape != (count, len(vocabulary)):
            raise ValueError(
                f"The model gave logits of shape {scores.shape}; expected "
                f"{(count, len(vocabulary))}: texts, tokens of the vocabulary."
            )
        scores[:, barred] = -np.inf
        drawn.append(sample_tokens(probabilities(scores, temperature), rng))
        if end is not None and (np.stack(drawn) == end).any(axis=0).all():
            break
    texts = []
    for numbers in np.stack(drawn, axis=1).tolist():
        stop = numbers.index(end) if end in numbers else len(numbers)
        texts.append(prompt + vocabulary.decode(numbers[:stop]))
    return texts
