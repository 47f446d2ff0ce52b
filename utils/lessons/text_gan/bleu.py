"""BLEU and self-BLEU of texts, by counting n-grams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from utils.checks import positive_integer


def bleu(
    candidates: Sequence[Sequence[int]],
    references: Sequence[Sequence[int]] | None = None,
    order: int = 3,
) -> np.ndarray:
    """Return each candidate's BLEU: how far its n-grams are found in the references.

    Defined in lesson 14.7.

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
    positive_integer(order=order)
    rows = [tuple(np.asarray(row).tolist()) for row in candidates]
    among_themselves = references is None
    others = rows if references is None else [tuple(np.asarray(r).tolist()) for r in references]
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

    Defined in lesson 14.7.

    It grows with the number of texts, so compare it between samples of one size only.

    Source: Zhu et al., Texygen, SIGIR 2018, arXiv 1802.01886.

    Raises:
        ValueError: for fewer than two texts, or an order below 1.
    """
    return float(np.mean(bleu(texts, order=order)))


def without_end(texts: np.ndarray, end: int) -> list[list[int]]:
    """Return each text's tokens before its first ``end``.

    Used in lesson 14.14.
    """
    rows = np.asarray(texts).tolist()
    return [row[: row.index(end)] if end in row else row for row in rows]


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
