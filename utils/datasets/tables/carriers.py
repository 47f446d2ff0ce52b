"""What carries a table: text in any encoding, compressed files, Excel sheets, parquet files.

Nothing is understood here. A file comes out as rows of cells, each with the line it starts on.
"""

from __future__ import annotations

import bz2
import csv
import dataclasses
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections import Counter
from pathlib import Path

import pandas as pd

from utils.datasets.tables.encodings import other_script

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
# Files that are no table of text, by how they begin.
_OTHERS = {
    b"\xd0\xcf\x11\xe0": "an Excel file of the old kind (.xls); save it as .xlsx or CSV",
    b"ARROW1": "a feather file; save it as parquet or CSV",
    b"\x93NUMPY": "a NumPy array; give it to LstmGan.fit, or save it as CSV",
    b"%PDF": "a PDF document; expected a table such as a CSV",
    b"\x89HDF": "an HDF5 file; save its table as CSV",
    b"\x28\xb5\x2f\xfd": "compressed by zstd; unpack it first",
    b"SQLite format": "a database; export its table as CSV",
}


@dataclasses.dataclass
class Raw:
    """The rows of a file, as they stand there.

    Attributes:
        path: where they come from.
        rows: the cells of each row, without the space around them.
        lines: the line of the file, or the row of the sheet, on which each row starts.
        delimiter: what separated the cells; "" where they were cells already.
        notes: what was assumed, a sentence each.
    """

    path: Path
    rows: list[list[str]]
    lines: list[int]
    delimiter: str
    notes: list[str]


def read_raw(path: Path) -> Raw:
    """Read the rows of a file of any of the carriers that people have.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no table; one sentence.
    """
    notes: list[str] = []
    if path.is_dir():
        raise ValueError(f"{path} is a folder; expected a file, such as a CSV.")
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        if re.match(r"(https?|ftp|s3|gs):/", str(path)):
            raise FileNotFoundError(
                f"{path} is an address, not a file; download it first."
            ) from None
        raise FileNotFoundError(f"There is no file {path}.") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from None
    raw = _unpacked(path, raw)
    for start, what in _OTHERS.items():
        if raw.startswith(start):
            raise ValueError(f"{path} is {what}.")
    if raw.startswith(b"PK\x03\x04"):
        return _from_zip(path, raw, notes)
    if raw.startswith(b"PAR1"):
        return _from_parquet(path, raw, notes)
    return from_text(path, _decoded(path, raw, notes), notes)


def _unpacked(path: Path, raw: bytes) -> bytes:
    """Return what a compressed file holds."""
    try:
        if raw.startswith(b"\x1f\x8b"):
            return gzip.decompress(raw)
        if raw.startswith(b"BZh"):
            return bz2.decompress(raw)
        if raw.startswith(b"\xfd7zXZ"):
            return lzma.decompress(raw)
    except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
        raise ValueError(f"{path} is a damaged compressed file ({error}).") from None
    return raw


def _decoded(path: Path, raw: bytes, notes: list[str]) -> str:
    """Return the text of a file; say which encoding had to be assumed."""
    try:
        for mark, encoding in _MARKS.items():
            if raw.startswith(mark):
                return raw.decode(encoding)
        even, odd = raw[0:2000:2].count(0), raw[1:2000:2].count(0)
        if max(even, odd) > 0.3 * len(raw[:2000]) / 2 and min(even, odd) == 0:
            notes.append("The file is UTF-16 without a mark that says so.")
            return raw.decode("utf-16-le" if odd else "utf-16-be")
        if b"\0" in raw:
            raise ValueError(
                f"{path} is not text (it holds zero bytes); expected a table such as a CSV."
            )
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if (found := other_script(raw)) is not None:
        notes.append(
            f"The file is not UTF-8: read as {found[1]}; if names look wrong, save it as UTF-8."
        )
        return found[0]
    try:
        text = raw.decode("cp1252")
    except UnicodeDecodeError:
        line = _first_undecodable(raw)
        raise ValueError(
            f"Line {line} of {path} is not UTF-8 text; save the file as UTF-8 (it may be "
            "Shift-JIS, which is cp932, or GBK)."
        ) from None
    # Words of nothing but accented letters are those of another alphabet.
    if re.search(r"[\u00c0-\u00ff]{4}", text[:4000]) or "\u201a" in text[:4000]:
        notes.append(
            "The file is not UTF-8: read as Windows-1252 (Western Europe), but the names look like "
            "those of another encoding, such as Windows-1251 (Cyrillic), GBK or Shift-JIS; save it "
            "as UTF-8."
        )
        return text
    notes.append(
        "The file is not UTF-8: read as Windows-1252 (Western Europe); if names look wrong, save "
        "it as UTF-8."
    )
    return text


def _first_undecodable(raw: bytes) -> int:
    """Return the line on which text stops to be UTF-8."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return raw[: error.start].count(b"\n") + 1
    return 1


def from_text(path: Path, text: str, notes: list[str]) -> Raw:
    """Split text into rows of cells; the delimiter is the one that splits most lines alike."""
    text = text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n").rstrip()
    if not text:
        raise ValueError(f"{path} is empty; expected a header and rows of numbers.")
    if "\0" in text:
        raise ValueError(
            f"{path} is not text (it holds zero bytes); expected a table such as a CSV."
        )
    start = text[:500].lstrip().lower()
    if start.startswith(("<!doctype", "<html", "<?xml", "<table")):
        raise ValueError(f"{path} is a web page or XML; save the table in it as CSV.")
    if re.match(r"[\[{]\s*[\[{\"]", start):
        raise ValueError(f"{path} is JSON; save its table as CSV (pandas: read_json, to_csv).")
    delimiter, skip = "", 0
    if found := re.match(r'"?sep=(.)"?[^\n]*\n', text, re.IGNORECASE):
        delimiter, skip = found[1], 1
        text = text[found.end() :]
    delimiter = delimiter or _delimiter(text)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True, strict=False)
    rows, lines, line = [], [], 1
    try:
        for row in reader:
            rows.append([cell.strip() for cell in row])
            lines.append(line + skip)
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"Line {line + skip} of {path} cannot be read: {error}.") from None
    _refuse_open_quotation(path, text, rows, lines)
    if delimiter != ",":
        notes.append(f"Cells are separated by {_DELIMITERS.get(delimiter, repr(delimiter))}.")
    return Raw(path, rows, lines, delimiter, notes)


def _refuse_open_quotation(path: Path, text: str, rows: list[list[str]], lines: list[int]) -> None:
    """Refuse a quotation mark that swallowed the rest of the file."""
    if rows and rows[-1] and "\n" in rows[-1][-1] and text.count('"') % 2:
        raise ValueError(
            f"{path} holds a quotation mark that is never closed (on line {lines[-1]} or before)."
        )


def _delimiter(text: str) -> str:
    """Return what separates the cells: what gives most lines the same number of cells."""
    lines = text.split("\n", 400)[:400]
    sample = [line for line in lines if line.strip() and not line.startswith("#")]
    best, score = ",", (0.0, False, 0)
    for delimiter in _DELIMITERS:
        if delimiter == " " and score[2] > 1:
            break  # spaces stand inside of dates and names; they separate if nothing else does
        try:
            widths = [
                len([cell for cell in row if cell] if delimiter == " " else row)
                for row in csv.reader(sample, delimiter=delimiter, skipinitialspace=True)
            ]
        except csv.Error:
            continue
        width, count = Counter(widths).most_common(1)[0]
        share = round(count / len(widths), 1)
        # R leaves the numbers of the rows without a name in the header.
        if delimiter == " " and (share < 1 or widths[0] not in (width, width - 1)):
            continue
        # A decimal comma splits the rows, but hardly the header.
        if width > 1 and (share, widths[0] == width, width) > score:
            best, score = delimiter, (share, widths[0] == width, width)
    return best


def _from_zip(path: Path, raw: bytes, notes: list[str]) -> Raw:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            names = archive.namelist()
            if "[Content_Types].xml" in names:
                return _from_excel(path, raw, notes)
            inside = [name for name in names if not name.endswith("/") and "__MACOSX" not in name]
            if len(inside) != 1:
                raise ValueError(
                    f"{path} is a zip of {len(inside)} files; expected one table, or unpack it."
                )
            content = archive.read(inside[0])
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error) as error:
        raise ValueError(f"{path} is a damaged or locked zip file ({error}).") from None
    notes.append(f"Read {inside[0]!r} out of the zip file.")
    return from_text(path, _decoded(path, content, notes), notes)


def _needs(path: Path, kind: str, package: str) -> ValueError:
    return ValueError(
        f"{path} is {kind} file, which needs the package {package}: pip install {package}, or make "
        "environment REQUIREMENTS=requirements-files.txt; or save the table as CSV."
    )


def _from_excel(path: Path, raw: bytes, notes: list[str]) -> Raw:
    """Read the first sheet of an Excel file that holds anything."""
    try:
        book = pd.ExcelFile(io.BytesIO(raw), engine="openpyxl")
    except ImportError:
        raise _needs(path, "an Excel", "openpyxl") from None
    except Exception as error:  # openpyxl raises what it meets: KeyError, BadZipFile, XML errors
        raise ValueError(f"{path} is a damaged Excel file ({error}).") from None
    sheets = {str(name): book.parse(name, header=None, dtype=object) for name in book.sheet_names}
    full = [name for name, frame in sheets.items() if not frame.empty]
    if not full:
        raise ValueError(f"{path} is empty; expected a header and rows of numbers.")
    if len(full) > 1:
        others = ", ".join(repr(name) for name in full[1:6])
        notes.append(f"Of the sheets only {full[0]!r} is read, not {others}.")
    rows = [[as_text(value) for value in row] for row in sheets[full[0]].itertuples(index=False)]
    return Raw(path, rows, list(range(1, len(rows) + 1)), "", notes)


def _from_parquet(path: Path, raw: bytes, notes: list[str]) -> Raw:
    try:
        frame = pd.read_parquet(io.BytesIO(raw), engine="pyarrow")
    except ImportError:
        raise _needs(path, "a parquet", "pyarrow") from None
    except (ValueError, KeyError, OSError) as error:
        raise ValueError(f"{path} is a damaged parquet file ({error}).") from None
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    rows = [[str(name) for name in frame.columns]]
    rows += [[as_text(value) for value in row] for row in frame.itertuples(index=False)]
    return Raw(path, rows, list(range(1, len(rows) + 1)), "", notes)


def as_text(value: object) -> str:
    """Return a cell of a typed table as the text that says it exactly."""
    if value is None or value is pd.NaT or value is pd.NA:
        return ""
    if isinstance(value, float):
        return "" if value != value else repr(float(value))
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return str(value).strip()
