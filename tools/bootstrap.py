"""Make .venv, or bring it up to the pinned packages; do nothing when it is as they say.

    python3 tools/bootstrap.py [--requirements requirements-gpu.txt] [--folder .venv]

Whether there is something to do is decided by the contents of the pins, recorded in
.venv/.requirements when every package is in: a fresh clone, whose files all look new, is not
taken for a change, and a build that was interrupted is.

Only the standard library, and syntax that Python 3.6 reads: an old Python must get as far as
telling that it is old.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from typing import Callable, List, NamedTuple, Optional, Tuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OLDEST, TOO_NEW = (3, 11), (3, 14)
RANGE = "3.11 to 3.13"
NAMES = ("python3.13", "python3.12", "python3.11")
STAMP = ".requirements"
# A finished .venv takes 2.9 GB, 3.6 GB while pip unpacks; the rest is for pip's cache of packages.
# With CUDA's libraries it is an estimate.
GIGABYTES, GIGABYTES_GPU = 5.0, 12.0

# Runs a command; returns its exit status and what it printed.
Runner = Callable[[List[str]], Tuple[int, str]]


class CannotBuild(Exception):
    """Why .venv cannot be made, in one sentence."""


class Python(NamedTuple):
    """What a Python interpreter can do."""

    path: str
    version: Tuple[int, ...]
    has_venv: bool


def run(command: List[str]) -> Tuple[int, str]:
    """Run ``command``; return its exit status and what it printed on both streams."""
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        return 127, str(error)
    printed = process.communicate()[0]
    return process.returncode, printed.decode("utf-8", "replace")


# --- The Python to build with -------------------------------------------------------------------


def inspect(path: str, runner: Runner = run) -> Optional[Python]:
    """Return what the interpreter at ``path`` can do, or None if it does not run."""
    probe = (
        "import sys, importlib.util as u\n"
        "parts = [u.find_spec(name) is not None for name in ('venv', 'ensurepip')]\n"
        "print('course', sys.version_info[0], sys.version_info[1], sys.version_info[2], *parts)"
    )
    status, printed = runner([path, "-c", probe])
    words = printed.split()
    if status != 0 or len(words) != 6 or words[0] != "course":
        return None
    return Python(path, tuple(int(word) for word in words[1:4]), words[4:] == ["True", "True"])


def supported(version: Tuple[int, ...]) -> bool:
    """Return whether the course runs on this Python version."""
    return OLDEST <= tuple(version[:2]) < TOO_NEW


def check_python(python: Python) -> None:
    """Refuse an interpreter that is too old, too new, or cannot make virtual environments.

    Raises:
        CannotBuild: with the sentence for the reader.
    """
    name = os.path.basename(python.path)
    number = ".".join(str(part) for part in python.version)
    if not supported(python.version):
        raise CannotBuild(
            "This course needs Python {}; {} is {}: install one of them, then name it, as in "
            "make PYTHON=python3.12.".format(RANGE, name, number)
        )
    if not python.has_venv:
        raise CannotBuild(
            "{} ({}) cannot make virtual environments, its modules venv and ensurepip are "
            "missing: on Debian and Ubuntu, run sudo apt install python3-venv (or "
            "python{}.{}-venv).".format(name, number, *python.version[:2])
        )


def choose_python(invoked: Python, others: List[Python]) -> Python:
    """Return the first interpreter that will do: the invoked one, else one found on PATH.

    Raises:
        CannotBuild: about the invoked one, when none will do.
    """
    for python in [invoked, *others]:
        if supported(python.version) and python.has_venv:
            return python
    check_python(invoked)
    raise AssertionError("check_python refuses what is not chosen")


def pythons_on_path() -> List[Python]:
    """Return the interpreters named python3.13, python3.12 and python3.11 that run."""
    paths = [shutil.which(name) for name in NAMES]
    found = [inspect(path) for path in paths if path]
    return [python for python in found if python]


# --- The folder to build in ---------------------------------------------------------------------


def check_folder(root: str, needed: float, free: Optional[float] = None) -> None:
    """Refuse a folder that cannot be written to, or with less than ``needed`` gigabytes free.

    ``free`` is measured if it is not given.

    Raises:
        CannotBuild: with the sentence for the reader.
    """
    if not os.access(root, os.W_OK):
        raise CannotBuild("The folder {} is read-only: .venv is made in it.".format(root))
    if free is None:
        free = shutil.disk_usage(root).free / 1e9
    if free < needed:
        raise CannotBuild(
            "The packages need {:.0f} GB of disk space and {} has {:.1f} GB free: make room, or "
            "move the course to another disk.".format(needed, root, free)
        )


# --- The pins and the stamp ---------------------------------------------------------------------


def pins(path: str) -> str:
    """Return the SHA-256 of a requirements file and of those that it includes by ``-r``.

    Comments and blank lines do not count.

    Raises:
        CannotBuild: if there is no such file.
    """
    digest = hashlib.sha256()
    waiting = [path]
    while waiting:
        name = waiting.pop()
        if not os.path.isfile(name):
            raise CannotBuild("There is no requirements file {}.".format(name))
        with open(name, encoding="utf-8") as file:
            lines = [line.split("#")[0].strip() for line in file]
        for line in filter(None, lines):
            digest.update(line.encode("utf-8") + b"\n")
            if line.startswith("-r "):
                waiting.append(os.path.join(os.path.dirname(name), line[3:].strip()))
    return digest.hexdigest()


def read_stamp(venv: str) -> Tuple[str, str]:
    """Return which requirements file .venv was last completed from, and its hash, or ("", "")."""
    try:
        with open(os.path.join(venv, STAMP), encoding="utf-8") as file:
            name, _, digest = file.read().strip().rpartition(" ")
    except OSError:
        return "", ""
    return name, digest


def write_stamp(venv: str, requirements: str, digest: str) -> None:
    """Record that .venv is complete: written to a temporary name, then renamed."""
    handle, temporary = tempfile.mkstemp(dir=venv)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("{} {}\n".format(requirements, digest))
    os.replace(temporary, os.path.join(venv, STAMP))


# --- Building -----------------------------------------------------------------------------------


def reason(printed: str) -> str:
    """Return the line of pip's output that says why it failed."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    answer = (errors or lines or ["it said nothing"])[-1]
    if "connection broken by" in printed:
        return "the package index does not answer, is there a network? " + answer
    return answer


def build(
    root: str,
    requirements: str,
    python: Callable[[], Python],
    runner: Runner = run,
    needed: float = GIGABYTES,
    folder: str = ".venv",
) -> bool:
    """Bring ``root``/``folder`` up to ``requirements``; return whether there was anything to do.

    The folder is called .venv below. ``python`` is called for the interpreter only when .venv has
    to be made. An interpreter in .venv that no longer runs, or that the course does not support, is
    replaced.

    Raises:
        CannotBuild: with the sentence for the reader; .venv then counts as unfinished.
    """
    venv = os.path.join(root, folder)
    inside = os.path.join(venv, "bin", "python")
    digest = pins(os.path.join(root, requirements))
    if read_stamp(venv) == (requirements, digest) and os.path.exists(inside):
        return False

    current = inspect(inside, runner) if os.path.exists(inside) else None
    pip = [inside, "-m", "pip", "--disable-pip-version-check"]
    usable = current and supported(current.version) and runner([*pip, "--version"])[0] == 0
    stamp = os.path.join(venv, STAMP)
    if usable:
        check_folder(root, 0.0)
        print("Updating {} to the pins of {} …".format(folder, requirements), flush=True)
    else:
        chosen = python()
        check_folder(root, needed)
        print(
            "Making {} with Python {}.{} from {}: this takes two to four minutes, once …".format(
                folder, chosen.version[0], chosen.version[1], requirements
            ),
            flush=True,
        )
        status, printed = runner([chosen.path, "-m", "venv", "--clear", venv])
        if status != 0:
            raise CannotBuild("python -m venv failed: {}".format(reason(printed)))
    # Until it is written again, .venv counts as unfinished.
    if os.path.exists(stamp):
        os.remove(stamp)
    status, printed = runner(
        [*pip, "install", "--quiet", "--requirement", os.path.join(root, requirements)]
    )
    if status != 0:
        raise CannotBuild(
            "pip could not install {} (the same command continues): {}".format(
                requirements, reason(printed)
            )
        )
    write_stamp(venv, requirements, digest)
    return True


def main(arguments: Optional[List[str]] = None) -> int:
    """Run the command; return its exit status: 0, or 1 with one sentence on stderr."""
    parser = argparse.ArgumentParser(description="Make .venv, or bring it up to the pins.")
    parser.add_argument(
        "--requirements",
        default="",
        help="the pins' file (default: the one .venv was made from, else requirements.txt)",
    )
    parser.add_argument("--folder", default=".venv", help="the environment (default: .venv)")
    options = parser.parse_args(arguments)
    requirements = options.requirements or read_stamp(os.path.join(ROOT, options.folder))[0]
    if not os.path.isfile(os.path.join(ROOT, requirements)):
        requirements = options.requirements or "requirements.txt"

    def python() -> Python:
        invoked = inspect(sys.executable)
        if invoked is None:
            raise CannotBuild("The Python at {} does not run.".format(sys.executable))
        return choose_python(invoked, pythons_on_path())

    try:
        gpu = "gpu" in requirements
        needed = GIGABYTES_GPU if gpu else GIGABYTES
        build(ROOT, requirements, python, needed=needed, folder=options.folder)
    except CannotBuild as error:
        sys.stderr.write("{}\n".format(error))
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted: the same command continues where this one stopped.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
