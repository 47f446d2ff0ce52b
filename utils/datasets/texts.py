"""The shipped texts: names, a play, poems; and dates as people write them."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from babel import Locale, UnknownLocaleError
from babel.dates import format_date

from utils.checks import positive_integer
from utils.datasets.files import _lines, verified

NAME_KINDS = ("first", "female", "male", "last")
DATE_STYLES = ("full", "long", "medium")
FIRST_DATE, LAST_DATE = datetime.date(1950, 1, 1), datetime.date(2049, 12, 31)


def load_names(kind: str = "first") -> list[str]:
    """Return names of the United States' Census of 1990, in the lower-case letters a to z.

    Args:
        kind: ``"first"``, all 5,163 first names, in the order of the alphabet; ``"female"``
            (4,275) or ``"male"`` (1,219), the most frequent first; ``"last"``, the 20,000 most
            frequent last names, the most frequent first.

    Returns:
        The names, each once.

    Raises:
        ValueError: for another kind, or if the file was altered.
        FileNotFoundError: if the file is missing.
    """
    if kind not in NAME_KINDS:
        raise ValueError(f"There are no {kind!r} names; expected one of {', '.join(NAME_KINDS)}.")
    if kind == "last":
        return _lines("last_names.txt")
    rows = [line.split(",") for line in _lines("first_names.csv")[1:]]
    if kind == "first":
        return sorted({name for name, _ in rows})
    return [name for name, sex in rows if sex == kind]


def load_play() -> str:
    """Return Shakespeare's *Hamlet* as plain ASCII text, 169,497 characters.

    Who speaks stands in capitals on a line of its own, then the speech, then an empty line.

    Raises:
        ValueError: if the file was altered.
        FileNotFoundError: if the file is missing.
    """
    return verified("hamlet.txt").read_text(encoding="utf-8")


def load_quatrains() -> list[str]:
    """Return 9,891 seven-character quatrains (七言絕句) of the Complete Tang Poems.

    Each has 32 characters: four lines of seven traditional characters, the first and the third
    followed by ``，``, the second and the fourth by ``。``. No poem
    repeats two lines of those before it.

    Raises:
        ValueError: if the file was altered.
        FileNotFoundError: if the file is missing.
    """
    return _lines("quatrains.txt")


class DatePair(NamedTuple):
    """A date as people write it in a language, the same date in ISO 8601, and the language."""

    text: str
    iso: str
    language: str


def load_dates(
    languages: Sequence[str],
    count: int,
    seed: int,
    styles: Sequence[str] = DATE_STYLES,
) -> list[DatePair]:
    """Return dates as Babel writes them: ``("samedi 24 août 2019", "2019-08-24", "fr")``.

    For each pair a language, a style and a day from 1950-01-01 to 2049-12-31 are drawn, each
    uniformly and independently: a pair may come up twice.

    Args:
        languages: Babel's codes of its locales: ``"fr"``, ``"de"``, ``"zh"``, ``"pt_BR"``, …
        count: how many pairs.
        seed: of the draw.
        styles: of ``"full"`` (with the day of the week), ``"long"``, ``"medium"`` (the month often
            abbreviated). Babel's ``"short"`` is refused: it has no century.

    Raises:
        ValueError: if Babel does not know a language, for an unknown style, for none at all,
            or if ``count`` is not a positive integer.
    """
    positive_integer(count=count)
    for field, names in (("languages", languages), ("styles", styles)):
        if isinstance(names, str) or not len(names):
            raise ValueError(f"The {field} are {names!r}; expected a list with at least one name.")
    for style in styles:
        if style not in DATE_STYLES:
            raise ValueError(f"There is no style {style!r}; expected {', '.join(DATE_STYLES)}.")
    locales = [_locale(language) for language in languages]
    rng = np.random.default_rng(seed)
    days = rng.integers(FIRST_DATE.toordinal(), LAST_DATE.toordinal(), count, endpoint=True)
    which, how = rng.integers(len(locales), size=count), rng.integers(len(styles), size=count)
    pairs = []
    for day, i, j in zip(days, which, how, strict=True):
        date = datetime.date.fromordinal(int(day))
        text = format_date(date, styles[j], locale=locales[i])
        pairs.append(DatePair(text, date.isoformat(), languages[i]))
    return pairs


def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language)
    except (UnknownLocaleError, ValueError, TypeError):
        raise ValueError(
            f"Babel does not know the language {language!r}; expected a code such as fr or pt_BR."
        ) from None
