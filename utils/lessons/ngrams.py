"""Counting as a language model: n-grams smoothed as Kneser and Ney did, tuned on other texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from utils.checks import positive_integer

Row = Sequence[int]
Gram = tuple[int | None, ...]
DISCOUNTS = np.arange(0.05, 1, 0.05)
ROUNDS = 3


def perplexity(probabilities: npt.ArrayLike) -> float:
    """Return exp of the mean of minus the logarithms.

    Defined in lesson 2.3.

    Args:
        probabilities: what a model gave to the tokens that really came, each above 0.
    """
    return float(np.exp(-np.mean(np.log(probabilities))))


def ngrams(rows: Sequence[Row], order: int) -> list[Gram]:
    """Return the n-gram that ends at each token; None stands before a row's beginning.

    Used in lesson 2.3.
    """
    found: list[Gram] = []
    for row in rows:
        padded = [None] * (order - 1) + list(row)
        found += [tuple(padded[i : i + order]) for i in range(len(row))]
    return found


class KneserNey:
    """An n-gram model with interpolated Kneser–Ney smoothing, one discount for each order.

    Used in lesson 2.3.

    The companion deeper/02_counting_as_a_rival derives it.

    Attributes:
        counts: for n = 1 … order, the count of each n-gram: plain at the top and where it begins a
            row; else the number of different tokens that it came after.
        discounts: one for each n, from 1 to order; 0.5 before `tune`.
    """

    def __init__(self, rows: Sequence[Row], order: int, tokens: int) -> None:
        """Count the n-grams of the training texts.

        Args:
            rows: the training texts, each a sequence of token numbers.
            order: n: a token is predicted from the ``order - 1`` before it.
            tokens: how many different tokens may come.

        Raises:
            ValueError: if a number is not positive, or there is no token to count.
        """
        positive_integer(order=order, tokens=tokens)
        self.tokens = tokens
        self.discounts = [0.5] * order
        self.counts = [_counts(rows, n, top=n == order) for n in range(1, order + 1)]
        if not self.counts[0]:
            raise ValueError("The training texts are empty; expected at least one token.")
        self._followers = [_followers(count) for count in self.counts]

    def tune(self, rows: Sequence[Row]) -> KneserNey:
        """Choose the discounts that give these texts the least perplexity, one after the other.

        Args:
            rows: validation texts; neither training nor test.
        """
        evidence = self._evidence(ngrams(rows, len(self.counts)))
        for n in ROUNDS * list(range(len(self.counts))):
            trials = [[*self.discounts[:n], d, *self.discounts[n + 1 :]] for d in DISCOUNTS]
            results = [perplexity(self._mix(evidence, trial)) for trial in trials]
            self.discounts = trials[int(np.argmin(results))]
        return self

    def probabilities(self, rows: Sequence[Row]) -> np.ndarray:
        """Return the probability of every token of the texts, in order, given those before it."""
        return self.of(ngrams(rows, len(self.counts)))

    def of(self, grams: Sequence[Gram]) -> np.ndarray:
        """Return the probability of each n-gram's last token, given the others.

        Args:
            grams: of ``order`` tokens each; None stands before a text's beginning.
        """
        return self._mix(self._evidence(grams), self.discounts)

    def _evidence(self, grams: Sequence[Gram]) -> list[np.ndarray]:
        """Return for each n three rows: of gram and context, the counts, and the followers."""
        found = []
        for n, (count, (together, kinds)) in enumerate(
            zip(self.counts, self._followers, strict=True), start=1
        ):
            ends = [gram[-n:] for gram in grams]
            found.append(np.array([(count[g], together[g[:-1]], kinds[g[:-1]]) for g in ends]).T)
        return found

    def _mix(self, evidence: list[np.ndarray], discounts: Sequence[float]) -> np.ndarray:
        """Return the probabilities, from equal ones upwards, order by order."""
        p: np.ndarray = np.full(evidence[0].shape[1], 1 / self.tokens)
        for (count, together, kinds), d in zip(evidence, discounts, strict=True):
            kept = np.maximum(count - d, 0)
            p = np.where(together > 0, (kept + d * kinds * p) / np.maximum(together, 1), p)
        return p


def _counts(rows: Sequence[Row], order: int, top: bool) -> Counter[Gram]:
    """Return how often each n-gram occurs, or below the top after how many different tokens.

    What begins a row has nothing different before it: there, plain counts serve everywhere. One
    None says that a row begins; an n-gram with two tells no more than the one that is shorter.
    """
    plain = Counter(gram for gram in ngrams(rows, order) if gram[:2] != (None, None))
    if top:
        return plain
    different = Counter(gram[1:] for gram in set(ngrams(rows, order + 1)))
    return Counter({gram: n if gram[0] is None else different[gram] for gram, n in plain.items()})


def _followers(count: Counter[Gram]) -> tuple[Counter[Gram], Counter[Gram]]:
    """Return for each context how often something followed it, and how many different tokens."""
    together: Counter[Gram] = Counter()
    kinds: Counter[Gram] = Counter()
    for gram, times in count.items():
        together[gram[:-1]] += times
        kinds[gram[:-1]] += 1
    return together, kinds


def ngram_perplexities(
    train: Sequence[Row],
    validation: Sequence[Row],
    test: Sequence[Row],
    tokens: int,
    orders: Sequence[int] = (1, 2, 3, 4, 5),
) -> dict[int, float]:
    """Return the test perplexity of a tuned n-gram model for each order.

    Used in lesson 2.3.

    Args:
        train: the texts that are counted, each a sequence of token numbers.
        validation: those that choose the discounts.
        test: those that are judged.
        tokens: how many different tokens may come.
        orders: of the models.
    """
    return {
        n: perplexity(KneserNey(train, n, tokens).tune(validation).probabilities(test))
        for n in orders
    }
