"""The files in ``data/``, checked before they are read.

Every loader checks a file's SHA-256 against ``data/SHA256SUMS`` first, once per process: results
that cannot be reproduced are often results on other data. ``data/README.md`` has the sources and
the licences.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
# A wheel carries the files inside the package; in a checkout they lie beside it.
DATA_FOLDER = _PACKAGE / "_data" if (_PACKAGE / "_data").is_dir() else _PACKAGE.parent / "data"
CHECKSUMS = "SHA256SUMS"
WEIGHTS = (
    ".weights.h5"  # trained in a notebook: `data/build.py` checks them, but cannot rebuild them
)


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


def _lines(name: str) -> list[str]:
    return verified(name).read_text(encoding="utf-8").splitlines()
