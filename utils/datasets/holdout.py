"""The last rows of a series, held out: what a model never saw."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np

from utils.datasets.series import Series


def split_last(series: Series, share: float, window: int) -> tuple[Series, Series]:
    """Return the earlier rows and the last ``share`` of them: no row is in both.

    Of several sequences, each is cut; those of which a part would be shorter than a window stay
    whole, and the last of them, as many as make up the share, are held out. Where there are only
    such, as of many short examples, the last share of them is held out.

    Args:
        series: the data.
        share: between 0 and 1, such as 0.2.
        window: rows in a window; each part has room for one.

    Raises:
        ValueError: for a share out of range, or a series that is too short.
    """
    if not 0 < share < 1:
        raise ValueError(f"The share held out is {share:g}; expected a number between 0 and 1.")
    edges = [*series.starts, len(series.values)]
    past: list[tuple[int, int, int]] = []  # sequence, first row, end
    later: list[tuple[int, int, int]] = []
    short = []
    for k, (start, end) in enumerate(itertools.pairwise(edges)):
        cut = end - math.ceil(share * (end - start))
        if cut - start >= window and end - cut >= window:
            past.append((k, start, cut))
            later.append((k, cut, end))
        elif end - start >= window:
            short.append((k, start, end))
    kept = len(short) - math.ceil(share * len(short)) if len(short) > 1 or past else 0
    past += short[:kept]
    later += short[kept:]
    if sum(end - start - window + 1 for _, start, end in past) < 2 or not later:
        longest = max(np.diff(edges))
        raise ValueError(
            f"{series.name} has {longest:,} rows{' in its longest sequence' * (len(edges) > 2)}, "
            f"too few to hold out {share:.0%} of them: both parts need a window of {window} rows, "
            "the earlier one a row more."
        )
    first, last = (_of(series, sorted(parts)) for parts in (past, later))
    when = ""
    if series.times is not None and len(edges) == 2:
        when = f", from {np.datetime_as_string(last.times[0])[:10]}"  # type: ignore[index]
    what = (
        f"the last {len(last.values):,} of {len(series.values):,} rows{when}"
        if len(edges) == 2
        else f"{len(last.values):,} of {len(series.values):,} rows, the last ones of the sequences"
    )
    note = f"Held out: {what}. The LSTM-GAN never saw them."
    return dataclasses.replace(first, notes=(*series.notes, note)), last


def _of(series: Series, parts: list[tuple[int, int, int]]) -> Series:
    """Return some rows of a series, each part a sequence."""
    chosen = np.concatenate([np.arange(start, end) for _, start, end in parts])
    starts = np.cumsum([0, *(end - start for _, start, end in parts[:-1])])
    return dataclasses.replace(
        series,
        values=series.values[chosen],
        times=None if series.times is None else series.times[chosen],
        starts=tuple(int(start) for start in starts),
        groups=tuple(series.groups[k] for k, _, _ in parts) if series.groups else (),
    )
