"""Every notebook alone, as on Colab: its package versions, an empty folder, nothing but the web.

`make test-colab` makes .venv-colab from tests/colab-constraints.txt, then runs these. A copy of the
course is stamped by the tool that stamps the real one; git is told that the address which it
writes, on GitHub, is a bare clone on this disk.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

from tools import colab
from tools import notebooks as tool

ROOT = tool.ROOT
PATHS = tool.find([])
PYTHON = ROOT / ".venv-colab" / "bin" / "python"
REPO, TAG = "a-teacher/recurrent-networks-and-gans", "v1.0"
ADDRESS = f"https://github.com/{REPO}"
FROM_ZIP = ("01_rnn_from_scratch", "11_lstm_gan_stocks", "13_conditional_heartbeats")
MADE = (".git", ".venv*", "runs", "dist", "grades", "*cache*", ".hypothesis", ".ipynb_checkpoints")
GOOGLE = '''"""A stand-in for Colab's own package."""


class output:
    """What widgets need there."""

    enable_custom_widget_manager = staticmethod(lambda: None)
'''


def git(folder: Path, *words: str) -> str:
    """Run git in ``folder`` as somebody; return what it prints."""
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.org", "-C", str(folder), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a stamped copy of the course, its bare clone, and course.zip."""
    place = tmp_path_factory.mktemp("published")
    copy = place / "course"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*MADE))
    assert colab.main(["--unstamp"], copy) == 0
    shutil.copytree(copy / "notebooks", place / "unstamped")
    assert colab.main(["--repo", REPO, "--ref", TAG], copy) == 0
    git(copy, "init", "-q", "-b", "main")
    git(copy, "add", ".")
    git(copy, "commit", "-q", "-m", "Publish")
    git(copy, "tag", TAG)
    git(place, "clone", "-q", "--bare", str(copy), "bare")
    return place


def run_alone(notebook: Path, folder: Path, bare: Path | None) -> nbformat.NotebookNode:
    """Execute ``notebook`` in ``folder`` by .venv-colab; return it with its outputs."""
    assert PYTHON.exists(), "There is no .venv-colab: run make test-colab, which makes it."
    google = folder.parent / "google_stub" / "google" / "colab"
    google.mkdir(parents=True)
    (google / "__init__.py").write_text(GOOGLE)
    shutil.copy(notebook, folder)
    environment = {
        "PATH": os.pathsep.join((str(PYTHON.parent), os.environ["PATH"])),
        "HOME": str(folder.parent),
        "PYTHONPATH": str(google.parent.parent),
        "COURSE_PROFILE": "quick",
        "COLAB_RELEASE_TAG": "release-colab",
        # Nothing but the bare clone answers: no other address is reached.
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "2" if bare else "1",
        "GIT_CONFIG_KEY_0": "url.file:///nowhere/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://",
        "GIT_CONFIG_KEY_1": f"url.{bare.as_uri()}.insteadOf" if bare else "",
        "GIT_CONFIG_VALUE_1": ADDRESS,
    }
    command = [PYTHON, ROOT / "tests" / "alone_runner.py", notebook.name]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return nbformat.read(folder / notebook.name, as_version=4)


def alone(tmp_path: Path) -> Path:
    """Return an empty folder."""
    folder = tmp_path / "content"
    folder.mkdir()
    return folder


# --- On Colab -----------------------------------------------------------------------------------


@pytest.mark.colab
def test_packages_are_those_of_colab() -> None:
    constraints = (ROOT / "tests" / "colab-constraints.txt").read_text(encoding="utf-8").split()
    command = [PYTHON, "-m", "pip", "freeze", "--disable-pip-version-check"]
    frozen = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    installed = {line.lower().replace("-", "_") for line in frozen.split()}
    assert {line.lower().replace("-", "_") for line in constraints} <= installed


@pytest.mark.colab
@pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])
def test_notebook_runs_from_its_badge(path: Path, published: Path, tmp_path: Path) -> None:
    folder = alone(tmp_path)
    stamped = published / "course" / path.relative_to(ROOT)
    notebook = run_alone(stamped, folder, published / "bare")
    assert "quick profile" in notebook.cells[1].outputs[0].text
    assert git(folder / "course", "describe", "--tags").strip() == TAG


@pytest.mark.colab
@pytest.mark.parametrize("name", FROM_ZIP)
def test_notebook_runs_from_an_uploaded_zip(name: str, published: Path, tmp_path: Path) -> None:
    folder = alone(tmp_path)
    shutil.copy(published / "course" / "dist" / "course.zip", folder)
    run_alone(published / "unstamped" / f"{name}.ipynb", folder, bare=None)
    assert not (folder / "course" / ".git").exists()


# --- The stamp and the zip (fast: part of `make test`) --------------------------------------------


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """Return a small copy of the course: one notebook, one assignment, what the zip takes."""
    folder = tmp_path / "course"
    assignment = Path("assignments", "source", "a2_memory", "a2_memory.ipynb")
    for name in (Path("pyproject.toml"), Path("LICENSE"), assignment):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "notebooks").mkdir()
    shutil.copy(PATHS[0], folder / "notebooks")
    for part in ("utils", "data", "benchmarks"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    assert colab.main(["--unstamp"], folder) == 0
    return folder


def texts(course: Path) -> list[str]:
    """Return the text of all files that carry the address."""
    paths = [course / "pyproject.toml", *colab.stamped(course)]
    return [path.read_text(encoding="utf-8") for path in paths]


def test_stamp_writes_the_address_everywhere_and_takes_it_out(course: Path) -> None:
    before = texts(course)
    assert not any(ADDRESS in text for text in before)
    assert colab.main(["--repo", REPO, "--ref", TAG], course) == 0
    assert tool.published(course) == (ADDRESS, TAG)
    project, lesson, assignment = texts(course)
    assert all(ADDRESS in text for text in (project, lesson, assignment))
    page = f"https://colab.research.google.com/github/{REPO}/blob/{TAG}/notebooks/{PATHS[0].name}"
    assert f"]({page})" in lesson
    assert colab.main([], course) == 0  # what is stamped stays
    assert texts(course) == [project, lesson, assignment]
    assert colab.main(["--unstamp"], course) == 0
    assert texts(course) == before


def test_stamped_notebook_is_fresh_and_in_style(course: Path) -> None:
    assert colab.main(["--repo", REPO, "--ref", TAG], course) == 0
    path = course / "notebooks" / PATHS[0].name
    notebook = tool.read(path)
    assert notebook.metadata["course"]["code_sha256"] == tool.code_hash(notebook)
    for words in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *words, "--no-cache", str(path)]
        done = subprocess.run(command, cwd=course, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_zip_is_small_and_the_same_each_time(course: Path) -> None:
    path = course / "dist" / "course.zip"
    assert colab.main([], course) == 0
    first = path.read_bytes()
    assert len(first) < 12_000_000
    (course / "utils" / "runtime.py").touch()
    assert colab.main([], course) == 0
    assert path.read_bytes() == first
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    assert {"course/utils/runtime.py", "course/data/GOOG.csv"} <= set(names)
    assert all(name.startswith("course/") for name in names)
    # A lesson that runs from the zip alone, or from its badge, needs no companion.
    assert not any(name.endswith(".ipynb") for name in names)


def test_zip_that_is_too_large_is_refused(
    course: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (course / "dist" / "course.zip").read_bytes()
    monkeypatch.setattr(colab, "LARGEST", 1000)
    assert colab.main(["--repo", REPO], course) == 2
    assert "at most 12 MB" in capsys.readouterr().err
    assert (course / "dist" / "course.zip").read_bytes() == before
    assert tool.published(course) == ("", "main")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--repo", "nobody"], "expected owner/name"),
        (["--repo", "a/b; rm -r x"], "expected owner/name"),
        (["--repo", "a/b", "--ref", "--upload-pack=x"], "expected one argument"),
        (["--repo", "a/b", "--ref", "v 1"], "the name of a tag or a branch"),
        (["--ref", "v1"], "give REPO=owner/name too"),
    ],
)
def test_bad_addresses_are_refused(
    course: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = texts(course)
    with pytest.raises(SystemExit) as stopped:
        colab.main(words, course)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err
    assert texts(course) == before
