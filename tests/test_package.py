"""The package: what a wheel carries, and that it works away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an unpacked wheel, built without a network."""
    place = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(place), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = place.glob("*.whl")
    assert wheel.stat().st_size < 8e6
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place / "unpacked")
    return place / "unpacked"


def python(unpacked: Path, folder: Path, code: str) -> str:
    """Return what ``code`` prints in ``folder``, where only the unpacked wheel is importable."""
    # .venv knows the checkout too: it is taken out of the path.
    code = f"import sys; sys.path = [p for p in sys.path if p != {str(ROOT)!r}]\n" + code
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_wheel_carries_utils_and_its_data_and_nothing_else(unpacked: Path) -> None:
    files = {path.relative_to(unpacked) for path in unpacked.rglob("*") if path.is_file()}
    names = {file.as_posix() for file in files if file.parts[0] == "utils"}
    assert {file.parts[0] for file in files} == {"utils", "lstm_gan_course-0.1.0.dist-info"}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "utils").rglob("*.py")}
    listed = (ROOT / "data" / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    needed = {f"utils/_data/{line.split()[1]}" for line in listed}
    documents = {"utils/_data/SHA256SUMS", "utils/_data/README.md", "utils/py.typed"}
    assert names == modules | needed | documents


def test_wheel_works_in_another_folder_with_its_own_data(unpacked: Path, tmp_path: Path) -> None:
    code = "from utils import datasets, runtime; "
    code += "print(runtime.__file__, datasets.verified('GOOG.csv'), sep='\\n')"
    module, data = python(unpacked, tmp_path, code).splitlines()
    assert module == str(unpacked / "utils" / "runtime.py")
    assert data == str(unpacked / "utils" / "_data" / "GOOG.csv")


@pytest.mark.skipif(sys.prefix != str(ROOT / ".venv"), reason="only make environment does this")
def test_checkout_is_importable_from_any_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import utils; print(utils.__file__)"],
        cwd=tmp_path,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == str(ROOT / "utils" / "__init__.py"), done.stderr


def test_pins_and_colab_are_within_what_the_package_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = {r.name: r.specifier for r in map(Requirement, project["dependencies"])}
    for name in ("requirements.txt", "tests/colab-constraints.txt"):
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        pins = [Requirement(line.split("#")[0]) for line in lines if line[0] not in "#-"]
        for pin in pins:
            version = next(iter(pin.specifier)).version
            assert version in asked.get(pin.name, pin.specifier), f"{pin} in {name}"
        absent = {pin.name for pin in pins}.symmetric_difference(asked) & set(asked)
        assert absent <= {"threadpoolctl"}  # scikit-learn brings it to Colab
