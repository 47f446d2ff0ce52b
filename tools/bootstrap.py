"""Make .venv, or bring it up to the pinned packages; do nothing when it is as they say.

    python3 tools/bootstrap.py [--requirements requirements-gpu.txt] [--folder .venv]

.venv/.pins names the requirements files that went in, each with the hash of its contents, or with
"unfinished" until all packages are in. What went in once is kept up to date by every later call.
Only the standard library, and syntax of Python 3.6: an old Python has to say that it is old.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST, NEWEST = (3, 11), (3, 13)
# .venv takes 2.8 GB, 3.6 GB while pip unpacks; the rest is pip's cache. CUDA's is an estimate.
GIGABYTES, CUDA = 5, {"requirements-gpu.txt": 12, "requirements-bench.txt": 12}


def run(*command):
    """Run a command; return its exit status and what it printed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def serves(python, modules):
    """Say whether this Python runs, is of a version that the course supports, and has modules."""
    check = f"import sys, {modules}; assert {OLDEST} <= sys.version_info[:2] <= {NEWEST}"
    return run(str(python), "-c", check)[0] == 0


def choose_python():
    """Return the Python that runs this file, or else the first on PATH that can make .venv."""
    for name in (sys.executable, "python3.13", "python3.12", "python3.11"):
        if shutil.which(name) and serves(name, "ensurepip, venv"):
            return name
    version = "{}.{}".format(*sys.version_info[:2])
    advice = f"on Debian and Ubuntu, run sudo apt install python3-venv (or python{version}-venv)."
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        sys.exit(f"Python {version} cannot make virtual environments: {advice}")
    advice = "install one of them, then name it, as in make PYTHON=python3.12."
    sys.exit(f"This course needs Python 3.11 to 3.13, and this is {version}: {advice}")


def check_disk(needed):
    """Stop if the course's folder is read-only or has less than ``needed`` gigabytes free."""
    free = shutil.disk_usage(".").free / 1e9
    if not os.access(".", os.W_OK):
        sys.exit(f"The folder {ROOT} is read-only, and .venv is made in it.")
    if free < needed:
        sys.exit(f"The packages need {needed:.0f} GB of disk space, and {ROOT} has {free:.1f} GB.")


def must(*command):
    """Run a command that changes .venv; stop with the reason that it gives if it fails."""
    status, printed = run(*command)
    if status != 0:
        why = [line for line in printed.splitlines() if line.startswith(("ERROR", "Error"))][-1:]
        why = ["is there a network?"] * ("connection broken by" in printed) + why
        sys.exit(f"Not all packages are in (the same command continues): {' '.join(why)}")


def build(folder, requirements=None):
    """Bring ``folder`` up to the files that went into it before, and to ``requirements``."""
    stamp, python = folder / ".pins", folder / "bin" / "python"
    before = stamp.read_text() if stamp.is_file() else ""
    if requirements and not os.path.isfile(requirements):
        sys.exit(f"There is no requirements file {requirements}.")
    names = {line.split()[1] for line in before.splitlines()} | {requirements or ""}
    names = sorted(filter(os.path.isfile, names)) or ["requirements.txt"]
    hashes = {name: hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in names}
    after = "".join(f"{hashes[name]} {name}\n" for name in names)
    if before == after and python.exists():
        return
    if not (python.exists() and serves(python, "pip")):
        check_disk(max(CUDA.get(name, GIGABYTES) for name in names))
        must(choose_python(), "-m", "venv", "--clear", str(folder))
    print(f"Installing {', '.join(names)}: two to four minutes at first ...", flush=True)
    stamp.write_text("".join(f"unfinished {name}\n" for name in names))
    pip = (str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    must(*pip, *[f"--requirement={name}" for name in names])
    if str(folder) == ".venv":  # in any other, such as .venv-colab, a notebook is on its own
        must(*pip, "--no-deps", "--no-build-isolation", "--editable=.")
    stamp.write_text(after)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make .venv, or bring it up to date.")
    parser.add_argument("--requirements", help="add these pins to those that went in before")
    parser.add_argument("--folder", type=Path, default=Path(".venv"), help="default: .venv")
    os.chdir(str(ROOT))
    try:
        build(**vars(parser.parse_args()))
    except KeyboardInterrupt:
        sys.exit("Interrupted: the same command continues where this one stopped.")
