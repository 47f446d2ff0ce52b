"""Text as numbers: the vocabulary of characters that the language models read and write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

PAD, START, END, UNKNOWN = "<pad>", "<start>", "<end>", "<unk>"


class Vocabulary:
    """The characters a model knows, each with a number: its place in ``tokens``.

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
