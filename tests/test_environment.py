"""The environment: pins, conda file, and the tool that makes .venv with what it refuses."""

from __future__ import annotations

import ast
import os
import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tools import bootstrap
from tools.bootstrap import CannotBuild, Python

ROOT = Path(__file__).resolve().parent.parent
# What decides numbers and file formats: as on Colab, whose runtime has these versions.
NUMERICS = [
    "tensorflow",
    "keras",
    "numpy",
    "scipy",
    "pandas",
    "matplotlib",
    "seaborn",
    "scikit-learn",
    "tqdm",
    "h5py",
    "ml_dtypes",
    "optree",
    "pillow",
    "protobuf",
]
GOOD = Python("/usr/bin/python3.12", (3, 12, 1), True)


def requirements(path: Path) -> dict[str, Requirement]:
    """Return the requirements of a file, by name."""
    lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    parsed = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return {requirement.name: requirement for requirement in parsed}


# --- The pins -----------------------------------------------------------------------------------


def test_every_requirement_is_pinned_exactly() -> None:
    pinned = requirements(ROOT / "requirements.txt")
    assert pinned
    for requirement in pinned.values():
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), requirement


def test_numerics_are_those_of_colab() -> None:
    here = requirements(ROOT / "requirements.txt")
    there = requirements(ROOT / "tests" / "colab-constraints.txt")
    assert {name: str(here[name].specifier) for name in NUMERICS} == {
        name: str(there[name].specifier) for name in NUMERICS
    }


def test_gpu_requirements_add_cuda_to_the_same_tensorflow() -> None:
    path = ROOT / "requirements-gpu.txt"
    assert "-r requirements.txt" in path.read_text(encoding="utf-8").splitlines()
    added = requirements(path)
    assert list(added) == ["tensorflow"]
    same = requirements(ROOT / "requirements.txt")["tensorflow"].specifier
    assert added["tensorflow"].specifier == same
    assert added["tensorflow"].extras == {"and-cuda"}


def conda_problems(text: str, supported: str) -> list[str]:
    """Return where a conda environment disagrees with the project."""
    environment = yaml.safe_load(text)
    found = []
    if environment.get("name") != "lstm-gan-course":
        found.append("name")
    plain = [item for item in environment["dependencies"] if isinstance(item, str)]
    python = next((item.split("=")[1] for item in plain if item.startswith("python=")), "0")
    if f"{python}.0" not in SpecifierSet(supported):
        found.append(f"python {python} is not {supported}")
    if sorted(item.split("=")[0] for item in plain) != ["pip", "python"]:
        found.append("more than python and pip")
    nested = [item for item in environment["dependencies"] if isinstance(item, dict)]
    if nested != [{"pip": ["-r requirements.txt"]}]:
        found.append("pip does not install requirements.txt alone")
    return found


def requires_python() -> str:
    """Return the Python versions that pyproject.toml names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["requires-python"]


def test_conda_environment_agrees_with_the_project() -> None:
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert conda_problems(text, requires_python()) == []
    old = text.replace("python=3.11", "python=3.10")
    assert conda_problems(old, requires_python()) == ["python 3.10 is not >=3.11,<3.14"]
    more = text.replace("  - pip\n", "  - pip\n  - numpy=1\n", 1)
    assert conda_problems(more, requires_python()) == ["more than python and pip"]
    other = text.replace("requirements.txt", "other.txt")
    assert conda_problems(other, requires_python()) == [
        "pip does not install requirements.txt alone"
    ]


def test_bootstrap_supports_what_the_project_requires() -> None:
    specifiers = SpecifierSet(requires_python())
    for minor in range(6, 20):
        assert bootstrap.supported((3, minor, 4)) == (f"3.{minor}.4" in specifiers)
    first, last = bootstrap.RANGE.split(" to ")
    assert first in specifiers
    assert last in specifiers


# --- The Python that .venv is made with ---------------------------------------------------------


def test_an_old_python_can_read_bootstrap() -> None:
    source = (ROOT / "tools" / "bootstrap.py").read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 6))
    for node in ast.walk(tree):
        # Neither is syntax, and an old Python fails on both when it defines a function.
        assert not (isinstance(node, ast.ImportFrom) and node.module == "__future__")
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            assert node.value.id not in {"list", "dict", "tuple", "set", "type"}


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 9, 2), (3, 10, 13), (3, 14, 0), (4, 0, 0)])
def test_other_versions_are_refused_in_one_sentence(version: tuple[int, ...]) -> None:
    with pytest.raises(CannotBuild) as refusal:
        bootstrap.check_python(Python("/usr/bin/python3", version, True))
    number = ".".join(map(str, version))
    assert str(refusal.value) == (
        f"This course needs Python 3.11 to 3.13; python3 is {number}: install one of them, then "
        "name it, as in make PYTHON=python3.12."
    )


def test_missing_venv_names_the_package() -> None:
    with pytest.raises(CannotBuild, match=r"python3-venv \(or python3\.11-venv\)\.$"):
        bootstrap.check_python(Python("/usr/bin/python3", (3, 11, 2), False))


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 1), (3, 13, 9)])
def test_supported_versions_pass(version: tuple[int, ...]) -> None:
    bootstrap.check_python(Python("/usr/bin/python3", version, True))


def test_another_python_on_path_stands_in() -> None:
    old = Python("/usr/bin/python3", (3, 9, 2), True)
    bare = Python("/usr/bin/python3.13", (3, 13, 0), False)
    assert bootstrap.choose_python(old, [bare, GOOD]) is GOOD
    assert bootstrap.choose_python(GOOD, [bare]) is GOOD
    with pytest.raises(CannotBuild, match=r"python3 is 3\.9\.2"):
        bootstrap.choose_python(old, [bare])


def test_inspect_sees_this_python_and_passes_over_what_does_not_run(tmp_path: Path) -> None:
    found = bootstrap.inspect(sys.executable)
    assert found is not None
    assert found.version == tuple(sys.version_info[:3])
    assert found.has_venv
    assert bootstrap.inspect(str(tmp_path / "python3.12")) is None
    # As pyenv's stand-ins for versions that are not chosen do.
    shim = tmp_path / "python3.13"
    shim.write_text("#!/bin/sh\necho 'command not found' >&2\nexit 127\n")
    shim.chmod(shim.stat().st_mode | stat.S_IXUSR)
    assert bootstrap.inspect(str(shim)) is None


# --- The folder ---------------------------------------------------------------------------------


def test_little_disk_space_is_refused(tmp_path: Path) -> None:
    bootstrap.check_folder(str(tmp_path), needed=4.0, free=4.0)
    with pytest.raises(CannotBuild) as refusal:
        bootstrap.check_folder(str(tmp_path), needed=4.0, free=3.26)
    assert str(refusal.value) == (
        f"The packages need 4 GB of disk space and {tmp_path} has 3.3 GB free: make room, or move "
        "the course to another disk."
    )
    with pytest.raises(CannotBuild, match="GB free"):
        bootstrap.check_folder(str(tmp_path), needed=1e9)


def test_read_only_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with pytest.raises(CannotBuild, match="is read-only"):
        bootstrap.check_folder(str(tmp_path), needed=0.0)


# --- When .venv is made, updated, or left alone -------------------------------------------------


class FakeRunner:
    """Stands in for Python and pip: keeps the commands, makes .venv's Python, installs nothing."""

    def __init__(self, root: Path) -> None:
        self.python = root / ".venv" / "bin" / "python"
        self.commands: list[str] = []
        self.failing = ""
        self.version = "3 12 1"

    def __call__(self, command: list[str]) -> tuple[int, str]:
        line = " ".join(command[1:])
        words = "probe" if "ensurepip" in line else " ".join(line.split()[:2])
        self.commands.append(words.replace("-m pip", "pip" if " install " in line else "pip check"))
        if self.failing and self.failing in line:
            return 1, "Collecting x\nERROR: No matching distribution found for x\n\nhint: try y\n"
        if words == "-m venv":
            self.python.parent.mkdir(parents=True, exist_ok=True)
            self.python.touch()
        return 0, f"course {self.version} True True"

    def take(self) -> list[str]:
        """Return the commands since the last call."""
        commands, self.commands = self.commands, []
        return commands


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "requirements.txt").write_text("numpy==2.1.3\n")
    (tmp_path / "requirements-gpu.txt").write_text("-r requirements.txt\ntensorflow==2.20.0\n")
    return tmp_path


@pytest.fixture
def runner(root: Path) -> FakeRunner:
    return FakeRunner(root)


def build(root: Path, runner: FakeRunner, file: str = "requirements.txt") -> bool:
    """Build with the fake runner and no demand on the disk."""
    return bootstrap.build(str(root), file, lambda: GOOD, runner, needed=0.0)


def test_first_build_then_nothing_to_do(root: Path, runner: FakeRunner) -> None:
    assert build(root, runner)
    assert runner.take() == ["-m venv", "pip"]
    assert not build(root, runner)
    assert runner.take() == []


def test_new_times_are_not_new_pins(root: Path, runner: FakeRunner) -> None:
    build(root, runner)
    os.utime(root / "requirements.txt", (4e9, 4e9))
    (root / "requirements.txt").write_text("# A comment.\n\nnumpy==2.1.3  # why\n")
    assert not build(root, runner)


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-gpu.txt"])
def test_new_pins_update_and_keep_the_environment(
    root: Path, runner: FakeRunner, file: str
) -> None:
    build(root, runner, file)
    runner.take()
    (root / "requirements.txt").write_text("numpy==2.1.4\n")
    assert build(root, runner, file)
    assert runner.take() == ["probe", "pip check", "pip"]
    assert not build(root, runner, file)


def test_failed_install_is_one_sentence_and_is_taken_up_again(
    root: Path, runner: FakeRunner
) -> None:
    runner.failing = " install "
    with pytest.raises(CannotBuild) as failure:
        build(root, runner)
    assert str(failure.value) == (
        "pip could not install requirements.txt (the same command continues): "
        "ERROR: No matching distribution found for x"
    )
    runner.take()
    runner.failing = ""
    assert build(root, runner)
    assert runner.take() == ["probe", "pip check", "pip"]


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        ("", "it said nothing"),
        ("Collecting x\nno such option\n", "no such option"),
        ("ERROR: first\nERROR: No space left on device\nhint", "ERROR: No space left on device"),
        (
            "WARNING: Retrying after connection broken by 'NewConnectionError'\nERROR: none",
            "the package index does not answer, is there a network? ERROR: none",
        ),
    ],
)
def test_reason_is_the_last_error(printed: str, words: str) -> None:
    assert bootstrap.reason(printed) == words


def test_failed_update_leaves_no_stamp(root: Path, runner: FakeRunner) -> None:
    build(root, runner)
    (root / "requirements.txt").write_text("numpy==0\n")
    runner.failing = " install "
    with pytest.raises(CannotBuild):
        build(root, runner)
    (root / "requirements.txt").write_text("numpy==2.1.3\n")
    runner.failing = ""
    assert build(root, runner)


def test_half_made_environment_is_made_anew(root: Path, runner: FakeRunner) -> None:
    build(root, runner)
    (root / ".venv" / bootstrap.STAMP).unlink()
    runner.take()
    runner.failing = "--version"
    assert build(root, runner)
    assert runner.take() == ["probe", "pip check", "-m venv", "pip"]


def test_environment_of_an_unsupported_python_is_made_anew(root: Path, runner: FakeRunner) -> None:
    build(root, runner)
    (root / ".venv" / bootstrap.STAMP).unlink()
    runner.take()
    runner.version = "3 10 2"
    assert build(root, runner)
    assert "-m venv" in runner.take()


def test_environment_whose_python_is_gone_is_made_anew(root: Path, runner: FakeRunner) -> None:
    build(root, runner)
    runner.take()
    runner.python.unlink()
    runner.python.symlink_to(root / "gone")
    with pytest.raises(CannotBuild, match=r"python3 is 3\.9\.2"):
        bootstrap.build(
            str(root),
            "requirements.txt",
            lambda: bootstrap.choose_python(Python("python3", (3, 9, 2), True), []),
            runner,
            needed=0.0,
        )
    runner.python.unlink()
    assert build(root, runner)
    assert runner.take() == ["-m venv", "pip"]


def test_no_disk_space_stops_before_anything_is_made(root: Path, runner: FakeRunner) -> None:
    with pytest.raises(CannotBuild, match="GB free"):
        bootstrap.build(str(root), "requirements.txt", lambda: GOOD, runner, needed=1e9)
    assert runner.take() == []
    assert not (root / ".venv").exists()


def test_missing_requirements_file_is_named(root: Path, runner: FakeRunner) -> None:
    with pytest.raises(CannotBuild, match=r"no requirements file .*other\.txt"):
        build(root, runner, "other.txt")


def test_choice_of_requirements_is_remembered(
    root: Path,
    runner: FakeRunner,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(bootstrap, "ROOT", str(root))
    build(root, runner, "requirements-gpu.txt")
    asked: list[tuple[str, float, str]] = []

    def note(_: str, file: str, python: object, needed: float, folder: str) -> None:
        asked.append((file, needed, folder))

    monkeypatch.setattr(bootstrap, "build", note)
    assert bootstrap.main([]) == 0
    assert bootstrap.main(["--requirements", "requirements.txt"]) == 0
    assert bootstrap.main(["--requirements", "requirements.txt", "--folder", ".venv-colab"]) == 0
    assert asked == [
        ("requirements-gpu.txt", bootstrap.GIGABYTES_GPU, ".venv"),
        ("requirements.txt", bootstrap.GIGABYTES, ".venv"),
        ("requirements.txt", bootstrap.GIGABYTES, ".venv-colab"),
    ]


def test_command_fails_with_one_sentence(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "ROOT", str(root))
    assert bootstrap.main(["--requirements", "other.txt"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


# --- The commands -------------------------------------------------------------------------------


def make(*arguments: str) -> str:
    """Return what make prints."""
    done = subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={key: value for key, value in os.environ.items() if not key.startswith("MAKE")},
    )
    return done.stdout


def test_help_lists_every_target_and_is_the_default() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):", text, re.MULTILINE)
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", text, re.MULTILINE)
    assert phony is not None
    assert sorted(targets) == sorted(phony.group(1).replace("\\\n", " ").split())
    listed = re.findall(r"^make ([a-z-]+) +\S", make("help"), re.MULTILINE)
    assert listed == targets
    assert make() == make("help")
    assert {"train", "test", "lab", "notebooks", "help"} <= set(targets)


def test_make_test_runs_style_units_and_notebooks() -> None:
    commands = make("-n", "test")
    parallel = "pytest -q -n logical --maxprocesses 4 --dist loadfile"
    parts = f"{parallel} tests", f"{parallel} --nbval notebooks"
    for part in ("ruff check", "ruff format --check", *parts):
        assert part in commands
    assert commands.count("COURSE_PROFILE=quick") == 2


def test_make_train_passes_arguments_on() -> None:
    assert "-m utils.train --profile full --csv my.csv" in make("-n", "train", "ARGS=--csv my.csv")


def test_missing_python_is_one_sentence() -> None:
    done = subprocess.run(
        ["make", "environment", "PYTHON=python0.9"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert done.stderr.splitlines()[0].startswith("There is no python0.9 here: install Python 3.11")


def test_continuous_integration_calls_make_test() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in text
    commands = [line for line in text.splitlines() if re.match(r"(exec )?make\b", line)]
    assert commands == ["make test", "make test-classroom", "exec make test-colab"]


# --- The front page -----------------------------------------------------------------------------


def test_readme_leads_to_what_there_is() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#:]+)\)", text)
    assert [target for target in targets if not (ROOT / target).exists()] == []
    notebooks = {f"notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert notebooks <= set(targets)
    commands = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)\b", text)) - {"is"} <= commands
