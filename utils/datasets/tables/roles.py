"""What each column is: something to generate, or a counter, a clock, an id, a constant, a text.

Only what the rows do decides, with the help of the name where the rows alone do not say it. Each
column that is left out is named in the notes, with the reason; ``--columns`` overrules.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from utils.datasets.tables.clocks import Clock
from utils.datasets.tables.columns import (
    LARGEST,
    Choices,
    Column,
    Table,
    bad_numbers,
    listed,
)
from utils.datasets.tables.counters import wraps
from utils.datasets.tables.dates import Dates
from utils.datasets.tables.flags import consider_flags, refuse_doubled_rows
from utils.datasets.tables.hours import times_of_day
from utils.datasets.tables.numerals import is_missing
from utils.datasets.tables.panels import calendar_words
from utils.datasets.tables.stamps import stamps

_INDEX = re.compile(
    r"unnamed: ?\d+|index|idx|level_\d+|id|nr|no|num|number|row|row ?(id|nr|no|num|number|index)|"
    r"rownum(ber)?|#|n|seq|sequence|counter|count|step|t|record|obs|observation|sample|frame|tick",
    re.IGNORECASE,
)
_ID = re.compile(r"(.*(^|[^a-z]))?(id|nr|no|number|index|key|code|uuid|#)", re.IGNORECASE)
_ELAPSED = re.compile(
    r"\W*(t|time|times|elapsed.*|time ?\(?(s|ms|us|sec|min|h)\)?.*|time[ _].*|seconds?|sec|ms|"
    r"millis\w*|timestamp.*|zeit.*)\W*",
    re.IGNORECASE,
)
_DURATION = re.compile(r"[-+]?\d{1,4}:[0-5]\d(:[0-5]\d)?([.,]\d+)?")
_PLACE = re.compile(r"(gps[ _]?)?(lat|lon|lng|long|latitude|longitude)", re.IGNORECASE)


def features(
    table: Table, clock: Clock | None, rows: Sequence[np.ndarray], choices: Choices
) -> list[Column]:
    """Return the columns to generate; the notes say why the others are not.

    Args:
        table: with its columns judged by themselves.
        clock: when the rows were observed, if that is known.
        rows: the rows of each sequence, in time order.
        choices: the reader's.

    Raises:
        ValueError: for a column that is nearly numeric, for one without a name, or if nothing is
            left.
    """
    if choices.columns is not None:
        chosen = [_chosen(table, name) for name in choices.columns]
        _say_conversions(table, chosen)
        return chosen
    taken: list[Column] = []
    left: list[tuple[Column, str]] = []
    used = set() if clock is None else clock.used
    for column in table.columns:
        if column.position in used or (choices.group and column.name == choices.group):
            continue
        if column.kind == "empty" and not column.name:
            continue  # what a comma at the end of each line makes
        if column.kind == "refused":
            seconds = times_of_day(column.cells)
            if seconds is None:
                raise bad_numbers(table, column)
        why = "the index" if column.is_index else _no_feature(column, clock, rows)
        if why:
            left.append((column, why))
            continue
        if not column.name:
            raise ValueError(
                f"Column {column.position + 1} of {table.source} has no name in the header, but "
                f"holds numbers ({column.example()!r}, …): name it there (or, if a number holds a "
                "comma, put it in quotation marks)."
            )
        taken.append(column)
    if not taken:
        taken = _kept_after_all(table, left, clock)
    _say_conversions(table, taken)
    if left:
        said = ", ".join(f"{column.label} ({why})" for column, why in left[:20])
        more = f" and {len(left) - 20} more" if len(left) > 20 else ""
        table.notes.append(f"Left out: {said}{more}.")
    consider_flags(table, [column for column, _ in left], taken)
    if clock is None and len(rows) == 1:
        refuse_doubled_rows(table, taken)
    return taken


def _chosen(table: Table, name: str) -> Column:
    """Return a column that the reader named."""
    column = table.find(name)
    if column.kind == "refused":
        raise bad_numbers(table, column)
    if column.kind != "numbers":
        numeric = [other.name for other in table.columns if other.kind == "numbers"]
        holds = "nothing" if column.kind == "empty" else column.kind
        raise ValueError(
            f"Column {name!r} of {table.source} holds {holds}, not numbers; the numeric columns "
            f"are {listed(numeric)}."
        )
    return column


def _say_conversions(table: Table, columns: Sequence[Column]) -> None:
    """Add to the notes what was converted, once for all columns of which it is the same."""
    said: dict[str, list[str]] = {}
    for column in columns:
        if (np.abs(column.numbers) > LARGEST).any() and column.example().isdigit():
            table.notes.append(
                f"{column.label} holds whole numbers beyond 2^53: they are rounded to the nearest "
                "that a float64 holds."
            )
        if column.said:
            said.setdefault(column.said, []).append(column.label)
    for what, labels in said.items():
        verb = "is" if len(labels) == 1 else "are"
        table.notes.append(f"{', '.join(labels)} {verb} read as numbers: {what}.")


def _kept_after_all(
    table: Table, left: list[tuple[Column, str]], clock: Clock | None
) -> list[Column]:
    """Return a counter that is all there is to generate: then it is the data.

    Raises:
        ValueError: if there is no such column.
    """
    numeric = [(column, why) for column, why in left if column.kind == "numbers"]
    if numeric and all(why.startswith("constant") for _, why in numeric):
        raise ValueError(
            f"Every column of numbers of {table.source} is constant "
            f"({listed(column.name for column, _ in numeric)}): there is nothing to learn."
        )
    counts = [
        (column, why)
        for column, why in numeric
        if why.startswith(("counts", "a clock", "a straight"))
        and not _INDEX.fullmatch(column.name)
        and column.name
    ]
    if len(counts) == 1 and clock is not None:
        column, why = counts[0]
        left.remove(counts[0])
        table.notes.append(
            f"{column.label} {why if why.startswith('counts') else 'is ' + why}, but is all that "
            "there is to generate: it is taken."
        )
        return [column]
    names = ", ".join(f"{column.label} ({why})" for column, why in left[:20])
    raise ValueError(
        f"{table.subject} has no column of numbers to generate; left out: {names or 'nothing'}"
        + (f". To take one all the same, say {table.option('columns', '…')}." if numeric else ".")
    )


def _no_feature(column: Column, clock: Clock | None, rows: Sequence[np.ndarray]) -> str:
    """Return why a column is nothing to generate, or nothing."""
    shown = repr(column.example()[:20])
    if column.kind == "empty":
        return "empty"
    if column.kind == "booleans":
        return f"true or false, such as {shown}"
    if column.kind == "dates":
        return "dates" if isinstance(column.dates, Dates) else f"dates, such as {shown}"
    there = [cell for cell in column.cells if not is_missing(cell)]
    if column.kind == "text" and all(_DURATION.fullmatch(cell) for cell in there):
        return f"times or durations, such as {shown}: to take them write them as numbers"
    if column.kind in ("text", "refused"):
        return f"text, such as {shown}"
    values = column.numbers
    if not np.isfinite(values).all() or len(values) < 3:
        return ""
    if (values == values[0]).all():
        return f"constant, always {column.cells[0]}"
    if _is_code(column):
        return f"a code, such as {shown}: it has zeros in front"
    parts = [values[part] for part in rows if len(part) > 1]
    if len(parts) > 1 and all((part == part[0]).all() for part in parts):
        return "constant within each sequence"
    steps = np.concatenate([np.diff(part) for part in parts]) if parts else np.zeros(0)
    return _counts(column, steps) or _calendar(column, clock) or _another_clock(column, values)


def _is_code(column: Column) -> bool:
    """Return whether a column holds codes: digits of one length, some with zeros in front."""
    lengths = {len(cell) for cell in column.cells}
    return (
        len(lengths) == 1
        and lengths.pop() > 1
        and any(cell.startswith("0") for cell in column.cells)
        and all(cell.isdigit() for cell in column.cells)
    )


def _counts(column: Column, steps: np.ndarray) -> str:
    """Return why a column is a counter or a clock."""
    if not len(steps) or steps[0] == 0:
        return ""
    if wraps(column):
        return "counts the rows, and starts again at its largest number"
    rounding = 4 * float(np.spacing(np.abs(column.numbers).max()))
    even = np.allclose(steps, steps[0], rtol=1e-6, atol=rounding)
    if even and abs(steps[0]) == 1:
        return "counts the rows"
    if even and (len(steps) >= 5 or _ELAPSED.fullmatch(column.name)):
        if _PLACE.fullmatch(column.name):
            return ""
        timed = _ELAPSED.fullmatch(column.name) or "time" in column.name.lower()
        line = "a clock" if timed else "a straight line"
        return f"{line}: {steps[0]:+g} in each row"
    one_way = (steps > 0).all() or (steps < 0).all()
    whole = np.array_equal(column.numbers, np.round(column.numbers))
    if one_way and whole and _INDEX.fullmatch(column.name):
        return "counts the rows"
    if one_way and _ELAPSED.fullmatch(column.name):
        return "a clock: it only runs on"
    unique = len(np.unique(column.numbers)) == len(column.numbers)
    if whole and unique and _ID.fullmatch(column.name):
        return "an id: another number in every row"
    return ""


def _calendar(column: Column, clock: Clock | None) -> str:
    """Return why a column only repeats the calendar."""
    values = column.numbers
    if clock is not None:
        for times in (clock.local, clock.times):
            for what, part in _parts_of(times).items():
                if np.array_equal(values, part):
                    return f"the {what} of {clock.column.label}"
    what = calendar_words(column)
    return f"the {what}, by its name and its steps" if what else ""


def _parts_of(times: np.ndarray) -> dict[str, np.ndarray]:
    """Return the parts of the calendar, float64 (rows,) each, under their names."""
    stamps = pd.DatetimeIndex(times)
    seconds = stamps.hour * 3600 + stamps.minute * 60 + stamps.second
    parts = {
        "hour": stamps.hour,
        "hour from 1": stamps.hour + 1,
        "minute": stamps.minute,
        "weekday": stamps.dayofweek,
        "weekday from 1": stamps.dayofweek + 1,
        "weekday from Sunday": (stamps.dayofweek + 1) % 7,
        "weekday from Sunday, 1": (stamps.dayofweek + 1) % 7 + 1,
        "day of the month": stamps.day,
        "month": stamps.month,
        "year": stamps.year,
        "day of the year": stamps.dayofyear,
        "week of the year": stamps.isocalendar().week,
        "quarter": stamps.quarter,
        "weekend": stamps.dayofweek >= 5,
        "hour with its minutes": seconds / 3600,
    }
    return {name: np.asarray(part, np.float64) for name, part in parts.items()}


def _another_clock(column: Column, values: np.ndarray) -> str:
    """Return why a column is a second clock, such as the end of an interval."""
    found = stamps(column)
    steps = np.diff(values)
    if found is not None and found[1] != "years" and ((steps >= 0).all() or (steps <= 0).all()):
        return f"another clock, {found[1]}"
    return ""
