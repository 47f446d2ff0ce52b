"""Make the notebooks open on Colab: stamp the course's address into them, pack course.zip.

    python tools/colab.py --repo owner/name --ref v1.0   # stamp this address and tag
    python tools/colab.py                                # stamp what pyproject.toml says; pack
    python tools/colab.py --unstamp                      # no address: badges are hidden

The address lives in pyproject.toml; from there it goes into every setup cell and every badge.
dist/course.zip is for notebooks without an address: uploaded beside one, it stands for the course.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = dict.fromkeys([str(ROOT), *sys.path])  # also when this file is run by its path

from tools import notebooks as tool  # noqa: E402

BADGE = "<!-- colab-badge -->"
BADGE_LINE = re.compile(rf"^{BADGE}.*$", re.MULTILINE)
GITHUB = "https://github.com/"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")
REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
PACKED = ("utils/**/*.py", "data/*", "benchmarks/*.json", "benchmarks/*.py", "LICENSE")
LARGEST = 12_000_000  # bytes of course.zip
EPOCH = (1980, 1, 1, 0, 0, 0)  # the zip depends on the files and on nothing else


# --- Stamping -----------------------------------------------------------------------------------


def badge(path: str, address: str, version: str) -> str:
    """Return the badge's line for the notebook at ``path`` in the repository, or its placeholder.

    Colab opens notebooks from GitHub only: for another address there is no badge.
    """
    if not address.startswith(GITHUB):
        return BADGE
    page = f"https://colab.research.google.com/github/{address.removeprefix(GITHUB)}/blob"
    picture = "https://colab.research.google.com/assets/colab-badge.svg"
    return f"{BADGE} [![Open this notebook in Colab]({picture})]({page}/{version}/{path})"


def write_address(root: Path, address: str, version: str) -> None:
    """Write the address and the version into pyproject.toml, leaving the rest as it is."""
    path = root / "pyproject.toml"
    text = path.read_text(encoding="utf-8")
    for key, value in (("repository", address), ("version", version)):
        pattern = rf'(^\[tool\.course\]\n(?:[^\[\n].*\n|\n)*?{key} = )".*"$'
        text, count = re.subn(pattern, rf'\g<1>"{value}"', text, flags=re.MULTILINE)
        if count != 1:
            raise ValueError(f"pyproject.toml has no line {key} = … where it is expected.")
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def stamp(path: Path, root: Path, address: str, version: str) -> bool:
    """Write address and version into one notebook's setup cell and badge; say if it changed."""
    notebook = tool.read(path)
    before = [cell.source for cell in notebook.cells]
    line = badge(path.relative_to(root).as_posix(), address, version)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = BADGE_LINE.sub(lambda _: line, cell.source)
        elif cell.get("id") == "setup":
            module = tool.setup_module(cell.source)
            cell.source = tool.setup_source(address, version, module)
    if before == [cell.source for cell in notebook.cells]:
        return False
    tool.write(notebook, path)
    return True


def stamped(root: Path) -> Iterator[Path]:
    """Yield the notebooks that carry the address: the lessons and the assignments."""
    yield from sorted(root.glob("notebooks/*.ipynb"))
    yield from sorted(root.glob("notebooks/deeper/*.ipynb"))
    yield from sorted(root.glob("assignments/source/*/*.ipynb"))


# --- Packing ------------------------------------------------------------------------------------


def pack(root: Path, path: Path) -> int:
    """Write course.zip, a folder ``course``; return its size.

    It holds what notebooks import and read, and the benchmarks, of which one checks a GPU.

    Raises:
        ValueError: it would be larger than 12 MB; nothing is written then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in sorted(file for pattern in PACKED for file in root.glob(pattern)):
            if file.is_file() and not file.name.startswith("."):
                name = f"course/{file.relative_to(root).as_posix()}"
                info = zipfile.ZipInfo(name, EPOCH)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = 0o644 << 16
                archive.writestr(info, file.read_bytes())
    size = temporary.stat().st_size
    if size > LARGEST:
        temporary.unlink()
        raise ValueError(f"course.zip would be {size / 1e6:.1f} MB; at most 12 MB are expected.")
    os.replace(temporary, path)
    return size


# --- The command --------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command; return its exit status: 0, or 2 with a sentence on stderr."""
    parser = argparse.ArgumentParser(
        description="Stamp the course's address into the notebooks; make dist/course.zip.",
        allow_abbrev=False,
    )
    parser.add_argument("--repo", default="", metavar="OWNER/NAME", help="on GitHub")
    parser.add_argument("--ref", default="", help="the tag or branch that notebooks fetch (main)")
    parser.add_argument("--unstamp", action="store_true", help="take the address out again")
    options = parser.parse_args(arguments)
    address, version = tool.published(root)
    if options.repo:
        if not NAME.fullmatch(options.repo):
            parser.error(f"REPO is {options.repo!r}; expected owner/name, as on GitHub.")
        address, version = GITHUB + options.repo.removesuffix(".git"), "main"
    if options.unstamp:
        address, version = "", "main"
    if options.ref:
        if not REF.fullmatch(options.ref) or ".." in options.ref:
            parser.error(f"REF is {options.ref!r}; expected the name of a tag or a branch.")
        if not address:
            parser.error("REF needs an address: give REPO=owner/name too.")
        version = options.ref
    try:
        size = pack(root, root / "dist" / "course.zip")
        write_address(root, address, version)
        paths = list(stamped(root))
        changed = sum(stamp(path, root, address, version) for path in paths)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    said = f"{address} at {version}" if address else "no address (badges hidden)"
    print(f"{said}: {changed} of {len(paths)} notebooks changed")
    print(f"dist/course.zip: {size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
