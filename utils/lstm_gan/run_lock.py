"""One process at a time works in a run folder: a lock that ends with the process that holds it."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

LOCK = ".lock"  # holds the number of the process
_mine: dict[Path, int] = {}  # folders that this process holds, and how many times over

if sys.platform == "win32":
    import msvcrt

    def _lock(file: TextIO) -> None:
        file.seek(1 << 20)  # a byte behind the number, which others shall be able to read
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: TextIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def held(folder: Path | None) -> Iterator[None]:
    """Hold a run folder, which is made if need be; None holds nothing.

    A process may hold a folder several times over. At the end the lock is removed, and so is a
    folder that was made for it, if it is still empty.

    Raises:
        ValueError: if another process holds the folder, or it cannot be written.
    """
    if folder is None:
        yield
        return
    key = folder.resolve()
    made: list[Path] = []
    file: TextIO | None = None
    if key not in _mine:
        try:
            made = _make(folder)
            file = _taken(folder)
        except OSError as error:
            _remove(made)
            raise ValueError(
                f"{folder} cannot be written ({error.strerror or error}); expected a folder that "
                "can, such as --out DIR names."
            ) from error
    _mine[key] = _mine.get(key, 0) + 1
    try:
        yield
    finally:
        _mine[key] -= 1
        if not _mine[key]:
            del _mine[key]
            with contextlib.suppress(OSError):  # Windows keeps a file that is open
                (folder / LOCK).unlink()
            if file is not None:
                file.close()
            _remove(made)


def check_free(folder: Path) -> None:
    """Refuse a folder in which another process is at work.

    Raises:
        ValueError: with the number of that process.
    """
    if (folder / LOCK).is_file() and folder.resolve() not in _mine:
        with contextlib.suppress(OSError):  # not to be written: that is found out later
            _taken(folder).close()


def _make(folder: Path) -> list[Path]:
    """Make a folder and those above it; return the new ones, the innermost first."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return made


def _remove(folders: list[Path]) -> None:
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()  # only if it is empty


def _taken(folder: Path) -> TextIO:
    """Return the open file of the lock of a folder, which is there."""
    path = folder / LOCK
    while True:
        file = path.open("a+", encoding="ascii")
        try:
            _lock(file)
        except OSError as error:
            if error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
                return file  # a file system without locks: as if there were no others
            file.seek(0)
            owner = file.read().strip()
            file.close()
            if error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                raise
            raise ValueError(
                f"Another process{f' ({owner})' if owner else ''} is at work in {folder}; expected "
                "to wait for its end, or another folder."
            ) from error
        with contextlib.suppress(FileNotFoundError):
            if sys.platform == "win32" or os.path.samestat(os.fstat(file.fileno()), path.stat()):
                file.seek(0)
                file.truncate()
                file.write(str(os.getpid()))
                file.flush()
                return file
        file.close()  # its holder removed it just now
