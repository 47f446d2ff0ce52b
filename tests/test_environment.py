"""The environment: pins, conda file, and the tool that makes .venv with what it refuses."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tools import bootstrap, lock

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
    "ml-dtypes",
    "optree",
    "pillow",
    "protobuf",
]
LOCKS = [ROOT / f"{name}.txt" for name in lock.NAMES]


def requirements(path: Path) -> dict[str, Requirement]:
    """Return the requirements of a file, by name."""
    lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    parsed = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return {canonicalize_name(requirement.name): requirement for requirement in parsed}


# --- The pins -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", LOCKS, ids=[path.stem for path in LOCKS])
def test_lock_pins_exactly_and_tells_nothing_of_where_it_was_made(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.splitlines()[1] == "#    make lock"
    assert "://" not in text
    pinned = requirements(path)
    assert len(pinned) > 100
    for requirement in pinned.values():
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), requirement


@pytest.mark.parametrize("path", LOCKS, ids=[path.stem for path in LOCKS])
def test_lock_has_what_was_chosen(path: Path) -> None:
    pinned = requirements(path)
    for name, requirement in requirements(path.with_suffix(".in")).items():
        assert str(requirement.specifier) == str(pinned[name].specifier)


def test_other_locks_are_supersets_of_the_learners() -> None:
    assert sorted(LOCKS) == sorted(ROOT.glob("requirements*.txt"))
    learners = requirements(ROOT / "requirements.txt")
    for path in LOCKS:
        more = requirements(path)
        assert {name: str(more[name]) for name in learners} == {
            name: str(requirement) for name, requirement in learners.items()
        }


def test_locks_differ_in_what_their_names_say() -> None:
    learners, *others = [set(requirements(path)) for path in LOCKS]
    instructor, bench, gpu, files, pages, browser = [names - learners for names in others]
    assert "nbgrader" in instructor
    assert "torch" in bench
    assert {"nvidia-cudnn-cu12", "nvidia-cublas-cu12"} <= gpu
    assert {"openpyxl", "pyarrow"} <= files
    assert {"sphinx", "myst-nb"} <= pages
    assert {"playwright", "axe-playwright-python"} <= browser
    small = learners | instructor | files | pages | browser
    assert not any("nvidia" in name for name in small)


def test_lock_is_what_is_installed() -> None:
    """Everything in .venv is pinned, at the version that it has.

    requirements.txt was also compared with what uv resolves for each of Python 3.11, 3.12 and 3.13
    on Linux (x86-64, ARM) and macOS (ARM), from ready-made wheels alone: the same packages and
    versions, nine times.
    """
    if sys.prefix != str(ROOT / ".venv"):
        pytest.skip("this is another environment than .venv")
    pins: dict[str, set[str]] = {}
    for line in (ROOT / ".venv" / ".pins").read_text(encoding="utf-8").splitlines():
        path = ROOT / line.split()[1]
        for name, requirement in requirements(path).items():
            pins.setdefault(name, set()).add(str(requirement.specifier).removeprefix("=="))
    installed = {
        canonicalize_name(distribution.name): distribution.version
        for distribution in importlib.metadata.distributions(path=[sysconfig.get_path("purelib")])
    }
    for name in ("pip", "setuptools", "lstm-gan-course"):
        installed.pop(name, None)
    loose = {
        name: version for name, version in installed.items() if version not in pins.get(name, ())
    }
    assert loose == {}, "Add them to requirements.in and run make lock, or delete .venv."


@pytest.mark.parametrize("path", LOCKS, ids=[path.stem for path in LOCKS])
def test_lock_is_closed(path: Path) -> None:
    """What a pinned package needs is pinned in the same file (as far as it is installed here)."""
    pinned = requirements(path)
    needs = set()
    for distribution in importlib.metadata.distributions(path=[sysconfig.get_path("purelib")]):
        if canonicalize_name(distribution.name) in pinned:
            for needed in map(Requirement, distribution.requires or []):
                if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                    needs.add(canonicalize_name(needed.name))
    assert needs - set(pinned) == set()


def test_plain_leaves_only_the_conditions_that_matter() -> None:
    always = (
        "python_full_version < '3.14' and (sys_platform == 'darwin' or sys_platform == 'linux')"
    )
    assert lock.plain(f"a==1 ; {always}  # via b\n") == "a==1  # via b\n"
    other = "python_full_version < '3.14' and sys_platform == 'darwin'"
    assert lock.plain(f"a==1 ; {other}  # via b\n") == "a==1 ; sys_platform == 'darwin'  # via b\n"
    assert lock.plain("# made by x\na==1\n") == "# made by x\na==1\n"


def test_numerics_are_those_of_colab() -> None:
    here = requirements(ROOT / "requirements.txt")
    there = requirements(ROOT / "tests" / "colab-constraints.txt")
    assert {name: str(here[name].specifier) for name in NUMERICS} == {
        name: str(there[name].specifier) for name in NUMERICS
    }


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


# --- The Python that .venv is made with ---------------------------------------------------------


def test_an_old_python_can_read_bootstrap() -> None:
    source = (ROOT / "tools" / "bootstrap.py").read_text(encoding="utf-8")
    assert source.count("\n") < 100  # and so can a person, in a minute
    tree = ast.parse(source, feature_version=(3, 6))
    for node in ast.walk(tree):
        # Neither is syntax, and an old Python fails on both when it defines a function.
        assert not (isinstance(node, ast.ImportFrom) and node.module == "__future__")
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            assert node.value.id not in {"list", "dict", "tuple", "set", "type"}


def test_bootstrap_supports_what_the_project_requires() -> None:
    specifiers = SpecifierSet(requires_python())
    for minor in range(6, 20):
        supported = bootstrap.OLDEST <= (3, minor) <= bootstrap.NEWEST
        assert supported == (f"3.{minor}.4" in specifiers)


class FakeRunner:
    """Stands in for Python and pip: keeps the commands, makes .venv's Python, installs nothing.

    Attributes:
        broken: a command with this in it fails, and prints ``printed``.
    """

    def __init__(self) -> None:
        self.commands: list[str] = []
        self.broken: str | None = None
        self.printed = ""

    def __call__(self, *command: str) -> tuple[int, str]:
        line = " ".join(command)
        self.commands.append(line)
        if self.broken is not None and self.broken in line:
            return 1, self.printed
        if "-m venv" in line:
            python = Path(command[-1]) / "bin" / "python"
            python.parent.mkdir(parents=True, exist_ok=True)
            python.touch()
        return 0, ""

    def take(self) -> list[str]:
        """Return what was done since the last call: "venv", or the files that pip installed."""
        commands, self.commands = self.commands, []
        done = ["venv" for line in commands if "-m venv" in line]
        return done + re.findall(r"--requirement=(\S+)|--editable=(?:\.)", " ".join(commands))


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeRunner:
    """A course of two requirements files in the current folder, and nothing that runs for real."""
    (tmp_path / "requirements.txt").write_text("numpy==2.1.3\n")
    (tmp_path / "requirements-gpu.txt").write_text("numpy==2.1.3\nnvidia-cublas-cu12==12.9\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "GIGABYTES", 0)
    monkeypatch.setattr(bootstrap, "CUDA", {})
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: name)
    runner = FakeRunner()
    monkeypatch.setattr(bootstrap, "run", runner)
    return runner


def build(requirements: str | None = None, folder: str = ".venv") -> None:
    bootstrap.build(Path(folder), requirements)


def stops(match: str, requirements: str | None = None) -> None:
    """Check that a build stops with one sentence."""
    with pytest.raises(SystemExit, match=match) as stop:
        build(requirements)
    assert "\n" not in str(stop.value)


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 10, 13), (3, 14, 0)])
def test_old_and_new_pythons_are_told_so(
    runner: FakeRunner, monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...]
) -> None:
    runner.broken = "ensurepip"
    monkeypatch.setattr(sys, "version_info", version)
    number = f"{version[0]}.{version[1]}"
    stops(rf"^This course needs Python 3\.11 to 3\.13, and this is {number}: install one of them")
    assert not Path(".venv").exists()


def test_missing_venv_module_names_debians_package(
    runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner.broken = "ensurepip"
    monkeypatch.setattr(sys, "version_info", (3, 12, 3))
    stops(r"apt install python3-venv \(or python3\.12-venv\)\.$")


def test_another_python_on_path_stands_in(runner: FakeRunner) -> None:
    runner.broken = f"{sys.executable} -c"
    assert bootstrap.choose_python() == "python3.13"


def test_a_real_python_is_asked_what_it_can_do() -> None:
    assert bootstrap.serves(sys.executable, "ensurepip, venv")
    assert not bootstrap.serves(sys.executable, "no_such_module")


def test_full_disk_stops_before_anything_is_made(
    runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "CUDA", {"requirements-gpu.txt": 10**9})
    stops(r"need 1000000000 GB of disk space, and .* has [\d.]+ GB\.$", "requirements-gpu.txt")
    assert not Path(".venv").exists()


def test_read_only_folder_is_refused(runner: FakeRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    stops("is read-only")


# --- When .venv is made, updated, or left alone -------------------------------------------------


def test_first_build_installs_the_pins_and_the_course_and_then_rests(runner: FakeRunner) -> None:
    build()
    assert "--no-deps --no-build-isolation --editable=." in runner.commands[-1]
    assert runner.take() == ["venv", "requirements.txt", ""]
    build()
    build("requirements.txt")
    assert runner.commands == []


def test_new_pins_update_and_keep_the_environment(runner: FakeRunner) -> None:
    build()
    runner.take()
    Path("requirements.txt").write_text("numpy==2.1.4\n")
    build()
    assert runner.take() == ["requirements.txt", ""]


def test_what_went_in_once_stays_and_costs_nothing(runner: FakeRunner) -> None:
    build()
    runner.take()
    build("requirements-gpu.txt")
    assert runner.take() == ["requirements-gpu.txt", "requirements.txt", ""]
    build()
    build("requirements.txt")
    build("requirements-gpu.txt")
    assert runner.commands == []
    Path("requirements-gpu.txt").unlink()  # no longer part of the course
    build()
    assert runner.take() == ["requirements.txt", ""]


def test_other_folders_do_not_get_the_course(runner: FakeRunner) -> None:
    build("requirements.txt", folder=".venv-colab")
    assert runner.take() == ["venv", "requirements.txt"]


@pytest.mark.parametrize(
    ("printed", "sentence"),
    [
        ("Collecting x\nERROR: first\nERROR: No space left on device\nhint\n", "No space left"),
        ("Retrying after connection broken by 'x'\nERROR: none", "is there a network. ERROR: none"),
    ],
)
def test_what_pip_says_is_one_sentence_and_the_same_command_continues(
    runner: FakeRunner, printed: str, sentence: str
) -> None:
    runner.broken, runner.printed = " install ", printed
    stops(f"the same command continues.*{sentence}", "requirements-gpu.txt")
    runner.take()
    runner.broken = None
    build()
    assert runner.take() == ["requirements-gpu.txt", ""]


def test_half_made_environment_is_made_anew(runner: FakeRunner) -> None:
    build()
    Path(".venv/.pins").write_text("unfinished requirements.txt\n")
    runner.take()
    runner.broken = f"{Path('.venv/bin/python')} -c"
    build()
    assert runner.take() == ["venv", "requirements.txt", ""]


def test_environment_whose_python_is_gone_is_made_anew(runner: FakeRunner) -> None:
    build()
    runner.take()
    Path(".venv/bin/python").unlink()
    build()
    assert runner.take() == ["venv", "requirements.txt", ""]


def test_missing_requirements_file_is_named(runner: FakeRunner) -> None:
    stops(r"^There is no requirements file other\.txt\.$", "other.txt")


def test_command_fails_with_one_sentence() -> None:
    command = [sys.executable, str(ROOT / "tools" / "bootstrap.py"), "--requirements", "other.txt"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "There is no requirements file other.txt.\n")


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
    for part in ("ruff check", "ruff format --check", f"{parallel} tests notebooks\n"):
        assert part in commands
    assert commands.count("COURSE_PROFILE=quick") == 1


def test_make_train_passes_arguments_on() -> None:
    assert "-m utils.train --profile full --csv my.csv" in make("-n", "train", "ARGS=--csv my.csv")


@pytest.mark.parametrize("target", ["test-classroom", "assignments", "grade"])
def test_who_grades_gets_nbgrader_first(target: str) -> None:
    assert make("-n", target).splitlines()[0].endswith("REQUIREMENTS=requirements-instructor.txt")


def test_lint_checks_style_and_types() -> None:
    commands = make("-n", "lint")
    assert all(
        f"-m {tool}\n" in commands for tool in ("ruff check .", "ruff format --check .", "mypy")
    )


def test_without_nbval_pytest_says_so_in_one_sentence() -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:nbval", "--collect-only", "tests"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    (sentence,) = done.stderr.strip().splitlines()
    assert sentence.startswith("ERROR: The notebooks are tested by nbval, which is missing")


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
    assert "--durations=15" in text


# --- The front page -----------------------------------------------------------------------------


def test_readme_leads_to_what_there_is() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#:]+)\)", text)
    assert [target for target in targets if not (ROOT / target).exists()] == []
    notebooks = {f"notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert notebooks <= set(targets)
    commands = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)\b", text)) - {"is"} <= commands
