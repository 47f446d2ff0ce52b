"""Files of every carrier and shape: the table in them is found, and what is left out is said."""

from __future__ import annotations

import bz2
import gzip
import importlib.util
import io
import lzma
import zipfile

import numpy as np
import pandas as pd
import pytest

from tests.tables import DAYS, OPEN, PLAIN, ROWS, VALUES, VOLUME, days, quoted, text, write
from utils.datasets import load_hourly_weather, load_stock, load_weather, read_csv
from utils.datasets.files import verified
from utils.datasets.tables import carriers

TABLE = text()


def refusal(path, **choices) -> str:
    """Return the sentence with which a file is refused, without its path."""
    with pytest.raises(ValueError, match=r"\.$") as error:
        read_csv(path, **choices)
    return str(error.value).replace(str(path), "FILE")


def zipped(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, TABLE)
    return stream.getvalue()


def check(path, note: str = "") -> None:
    """Check that a file gives the table's values and times, and says what it should."""
    series = read_csv(path)
    np.testing.assert_array_equal(series.values, VALUES)
    np.testing.assert_array_equal(series.times, DAYS.to_numpy("datetime64[D]"))
    assert series.columns[1] == "Volume"
    said = " ".join(series.notes)
    assert note in said
    assert bool(note) == bool(said), said


# --- Carriers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (TABLE, ""),
        (text(end="\r\n"), ""),
        (text(end="\r"), ""),
        (text(end="\r\r\n"), ""),
        ("\ufeff" + TABLE, ""),
        (TABLE.encode("utf-16"), ""),
        (TABLE.encode("utf-16-le"), "UTF-16 without a mark"),
        (text(head="Date,Öffnung,Volume").encode("cp1252"), "read as Windows-1252"),
        (gzip.compress(TABLE.encode()), ""),
        (bz2.compress(TABLE.encode()), ""),
        (lzma.compress(TABLE.encode()), ""),
        (zipped("a.csv"), "Read 'a.csv' out of the zip file."),
        (text(sep=";"), "separated by semicolons"),
        (text(sep="\t"), "separated by tabs"),
        (text(sep="|"), "separated by bars"),
        (text(sep="  "), "separated by spaces"),
        ("sep=;\n" + text(sep=";"), "separated by semicolons"),
        ("sep=,\n" + TABLE, ""),
    ],
    ids=range(18),
)
def test_carriers(tmp_path, content, note):
    check(write(tmp_path, content), note)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (gzip.compress(TABLE.encode())[:-30], "FILE is a damaged compressed file"),
        (zipped("a.csv", "b.csv"), "FILE is a zip of 2 files; expected one table"),
        (zipped("a.csv")[:-30], "FILE is a damaged or locked zip file"),
        (b"\xd0\xcf\x11\xe0" + bytes(900), "old kind (.xls); save it as .xlsx or CSV."),
        (b"%PDF-1.4", "FILE is a PDF document"),
        ("<!DOCTYPE html><table>", "FILE is a web page or XML; save the table in it as CSV."),
        ('[{"a": 1}, {"a": 2}]', "FILE is JSON; save its table as CSV"),
        (TABLE.encode("utf-32"), "FILE is not text"),
        (bytes(range(256)) * 9, "FILE is not text"),
        (b"\x81\x8d\x8f" + TABLE.encode(), "Line 1 of FILE is not UTF-8 text"),
    ],
    ids=range(10),
)
def test_what_is_no_table_is_named(tmp_path, content, sentence):
    assert sentence in refusal(write(tmp_path, content))


def test_an_address_is_no_file():
    with pytest.raises(FileNotFoundError, match="is an address, not a file; download it first"):
        read_csv("https://example.org/prices.csv")


@pytest.mark.parametrize(
    ("start", "sentence"),
    [
        (zipped("[Content_Types].xml"), "an Excel file, which needs the package openpyxl"),
        (b"PAR1", "a parquet file, which needs the package pyarrow"),
    ],
)
def test_a_missing_package_is_named(tmp_path, monkeypatch, start, sentence):
    def missing(*_, **__):
        raise ImportError

    monkeypatch.setattr(carriers.pd, "ExcelFile", missing)
    monkeypatch.setattr(carriers.pd, "read_parquet", missing)
    assert sentence in refusal(write(tmp_path, start, "book"))


FRAME = pd.DataFrame({"Date": DAYS, "Open": OPEN, "Volume": VOLUME})


@pytest.mark.skipif(importlib.util.find_spec("openpyxl") is None, reason="openpyxl is not there")
def test_an_excel_file(tmp_path):
    path = tmp_path / "book.xlsx"
    with pd.ExcelWriter(path, engine="openpyxl") as book:
        FRAME.to_excel(book, sheet_name="Prices", index=False, startrow=2)
        FRAME.to_excel(book, sheet_name="Copy", index=False)
    check(path, "Of the sheets only 'Prices' is read, not 'Copy'.")


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None, reason="pyarrow is not there")
@pytest.mark.parametrize("frame", [FRAME, FRAME.set_index("Date")])
def test_a_parquet_file(tmp_path, frame):
    path = tmp_path / "table.parquet"
    frame.to_parquet(path, engine="pyarrow")
    check(path)


def test_shipped_files_are_read_as_the_reader_reads_them():
    for series, file in (
        (load_stock("GOOG"), "GOOG.csv"),
        (load_stock("IBM"), "IBM.csv"),
        (load_weather("Seattle"), "seattle_weather.csv"),
        (load_weather("New York"), "new_york_weather.csv"),
        (load_hourly_weather(), "nyc_hourly.csv"),
    ):
        again = read_csv(verified(file))
        np.testing.assert_array_equal(again.values, series.values)
        np.testing.assert_array_equal(again.times, series.times)
        assert again.times.dtype == series.times.dtype
        for field in ("columns", "dtypes", "time_name", "zone", "starts", "groups"):
            assert getattr(again, field) == getattr(series, field)


# --- The table in a file ------------------------------------------------------------------------

INDEX = [f"{i},{day}" for i, day in enumerate(days("%Y-%m-%d"))]
LAST = DAYS[-1] + pd.Timedelta("1D")


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (text(end="\n\n"), f"{ROWS} blank lines left out, the first is line 2."),
        (TABLE.replace("\n", ",\n"), ""),
        (TABLE + ",,\n,,\n", ""),
        (TABLE + "\n\n", ""),
        ("My report\n\n" + TABLE, "1 title line above the header left out: 'My report'"),
        ("Report,,\nStation: 5,,\n" + TABLE, "2 title lines above the header left out"),
        ("# made by hand\n# a, b, c\n" + TABLE, "2 comment lines left out, from line 1."),
        (TABLE + "# the end\n", "1 comment line left out"),
        ("#" + TABLE, ""),
        (TABLE + "Total,100,200\n", f"The last line ({ROWS + 2}) is no row of data"),
        (TABLE + "Mean,100,200\n", "is no row of data and is left out: 'Mean'"),
        (TABLE + "\nSource: somebody,,\n", "is left out: 'Source: somebody'"),
        (text(head="Date,Open,Volume\n-,USD,shares"), "There are 2 header lines"),
        (text(head="Date,Open,Volume\n,[USD],[1]"), "[USD], [1]"),
        (text(head="Price,Open,Volume\nTicker,ABC,ABC\nDate,,"), "There are 3 header lines"),
        (text(head="Date,Prices,Prices\n,Open,Volume"), "the names are 'Date', 'Open', 'Volume'"),
        (text(head="Date,Open,Volume\nDate,Open,Volume"), "There are 2 header lines"),
        (text(INDEX, head=",Date,Open,Volume"), "Left out: column 1 (counts the rows)."),
        (text(INDEX, head="Unnamed: 0,Date,Open,Volume"), "'Unnamed: 0' (counts the rows)"),
        (text(INDEX, head="No.,Date,Open,Volume", newest_first=True), "'No.' (counts the rows)"),
        (text([f'"{i + 1}",{d}' for i, d in enumerate(days("%Y-%m-%d"))]), "the header leaves out"),
        (text(quoted(days("%Y-%m-%d")), quoted(PLAIN[0]), head='"Date","Open","Volume"'), ""),
        (text([f" {day} " for day in days("%Y-%m-%d")], head=" Date ,Open , Volume"), ""),
        (text(opens=[f"{v:.6e}" for v in OPEN]), ""),
    ],
    ids=range(24),
)
def test_what_is_no_row_of_data_is_left_out_and_said(tmp_path, content, note):
    check(write(tmp_path, content), note)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (TABLE.split("\n", 1)[1], "The first line of FILE holds data ('2020-01-02', …)"),
        ("1.5,2.5\n" + "1.7,2.4\n" * 30, "The first line of FILE holds data ('1.5', …)"),
        ("5,2\n" + "4,8\n3,1\n" * 30, "The first line of FILE holds data ('5', …)"),
        ("Date,Open,Open\n" + "2020,1,2\n" * 30, "names the column 'Open' twice"),
        (
            text(opens=[f"1,{v:03d}" for v in range(ROWS)]),
            "Line 2 of FILE has 4 cells, the header 3",
        ),
        (
            text(opens=[f"1,{v:03d}" for v in range(ROWS)], head="Date,Open,Volume,"),
            "Column 4 of FILE has no name in the header, but holds numbers",
        ),
        (TABLE + TABLE, "were two exports joined"),
        (TABLE + "\n".join(TABLE.split("\n")[40:]), "21 rows repeat the time of another"),
        (TABLE + f"{DAYS[-1]:%Y-%m-%d},1.00,2\n", "1 row repeats the time of another"),
        (TABLE.replace("2020-01-10", "2002-01-10"), "2002-01-10 comes after 2020-01-09"),
        (TABLE[:-10], f"Line {ROWS + 1}, column 'Volume' of FILE: the value is missing"),
    ],
    ids=range(11),
)
def test_what_cannot_be_read_rightly_is_refused(tmp_path, content, sentence):
    assert sentence in refusal(write(tmp_path, content))


def test_whole_numbers_may_be_names(tmp_path):
    numbers = np.random.default_rng(0).normal(size=(30, 4))
    path = tmp_path / "mine.csv"
    pd.DataFrame(numbers).to_csv(path, index=False)
    np.testing.assert_array_equal(read_csv(path).values, numbers)
    pd.DataFrame(np.round(9 * numbers).astype(int)).to_csv(path, index=False)
    assert read_csv(path).columns == ("0", "1", "2", "3")


def test_columns_are_named_by_what_the_header_says(tmp_path):
    content = text(head='"When","GDP, current US$","終値"')
    series = read_csv(write(tmp_path, content), ["終値", "GDP, current US$"])
    np.testing.assert_array_equal(series.values, VALUES[:, ::-1])
    assert series.time_name == "When"


@pytest.mark.parametrize(
    ("encoding", "head", "day", "said"),
    [
        ("cp932", "日付,始値,出来高", "%Y年%m月%d日", "Shift-JIS"),
        ("cp932", "日付,始値,出来高", "%Y/%m/%d", "Shift-JIS"),
        ("gb18030", "日期,开盘,成交量", "%Y-%m-%d", "GB 18030"),
        ("cp949", "날짜,가격,거래량", "%Y-%m-%d", "CP 949"),
        ("cp1251", "Дата,Открытие,Объём", "%d.%m.%Y", "Windows-1251"),
        ("cp1252", "Größe,Öffnung,Vol", "%d.%m.%Y", "Windows-1252"),
        ("cp1252", "Año,Öäü é,ÀÉ", "%d.%m.%Y", "Windows-1252"),
    ],
)
def test_encodings_of_other_scripts(tmp_path, encoding, head, day, said):
    path = tmp_path / "mine.csv"
    path.write_bytes(text(days(day), head=head).encode(encoding))
    series = read_csv(path)
    assert series.columns == tuple(head.split(",")[1:])
    assert f"not UTF-8: read as {said}" in series.notes[0]
    np.testing.assert_array_equal(series.values, VALUES)
