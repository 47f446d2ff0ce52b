"""Counters of few bits, which start again at their largest number: 0 to 255, again and again."""

from __future__ import annotations

import re

import numpy as np

from utils.datasets.tables.columns import Column

_WRAPS = re.compile(
    r".*(seq(uence)?|counter|count|sample|packet|frame|index|idx|tick|msg|pkt)([ _]?(nr|no|id|"
    r"number|index|counter))?\W*",
    re.IGNORECASE,
)


def wraps(column: Column) -> bool:
    """Return whether a column is a counter of few bits, such as 0 to 255 again and again.

    Its name says that it counts, and it starts again at 0 after a power of two.
    """
    values = column.numbers
    if not _WRAPS.fullmatch(column.name) or not np.isfinite(values).all() or len(values) < 2:
        return False
    size = values.max() + 1
    bits = np.log2(size) if size > 8 else 0.5
    falls = int((np.diff(values) < 0).sum())
    whole = bits == np.round(bits) and values.min() >= 0 and falls > 0
    return bool(whole and np.array_equal(values, (values[0] + np.arange(len(values))) % size))
