"""Pin every package that gets installed: write requirements*.txt from requirements*.in.

    python tools/lock.py             # keep what is pinned, change only what has to change
    python tools/lock.py --upgrade   # take the newest versions that requirements*.in allow

One file serves Python 3.11 to 3.13 on Linux and macOS. uv, which can resolve for machines that it
does not run on, comes into an environment of its own and is thrown away with it.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = "uv==0.13.9"
# requirements.txt comes first: the others hold to its versions.
NAMES = (
    "requirements",
    "requirements-instructor",
    "requirements-bench",
    "requirements-gpu",
    "requirements-files",
    "requirements-site",
    "requirements-browser",
)
# What holds for every machine that pyproject.toml's [tool.uv] names need not stand at each pin.
ALWAYS = ("python_full_version < '3.14'", "(sys_platform == 'darwin' or sys_platform == 'linux')")


def plain(locked: str) -> str:
    """Return a lock without the conditions that always hold."""
    lines = []
    for line in locked.splitlines():
        pin, semicolon, rest = line.partition(" ; ")
        marker, hash_sign, origin = rest.partition("  # ")
        kept = " and ".join(part for part in marker.split(" and ") if part not in ALWAYS)
        lines.append(pin + (semicolon + kept if kept else "") + hash_sign + origin)
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description="Write requirements*.txt from requirements*.in.")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions allowed")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "bin", "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", UV], check=True)
        command = [str(python.with_name("uv")), "pip", "compile", "--quiet", "--universal"]
        command += ["--python-version=3.11", "--fork-strategy=fewest", "--no-emit-index-url"]
        command += ["--annotation-style=line", "--custom-compile-command=make lock"]
        command += ["--upgrade"] * options.upgrade
        for name in NAMES:
            held = ["--constraints=requirements.txt"] * (name != NAMES[0])
            path = ROOT / f"{name}.txt"
            command_here = [*command, *held, f"{name}.in", f"--output-file={path.name}"]
            subprocess.run(command_here, cwd=ROOT, check=True)
            path.write_text(plain(path.read_text(encoding="utf-8")), encoding="utf-8")
            pins = len(re.findall(r"^\S+==", path.read_text(encoding="utf-8"), re.MULTILINE))
            print(f"{path.name}: {pins} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
