"""What the platform reads: workflows, forms for issues, hooks, the changelog."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[0-9]-*.yml"))


def read(path: Path) -> dict[Any, Any]:
    """Return a YAML file's contents."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def made(job: dict[str, Any]) -> list[str]:
    """Return the targets of make that a job calls, the matrix' values put in."""
    matrix = job.get("strategy", {}).get("matrix", {})
    targets = []
    for step in job["steps"]:
        for target in re.findall(r"\bmake (\$\{\{ matrix\.\w+ \}\}|\S+)", step.get("run", "")):
            axis = re.search(r"matrix\.(\w+)", target)
            targets += matrix[axis.group(1)] if axis else [target]
    return targets


def problems(workflow: dict[Any, Any]) -> list[str]:
    """Return where a workflow breaks the course's rules."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    found = []
    if workflow.get("permissions") != {"contents": "read"}:
        found.append("permissions")
    for name, job in workflow["jobs"].items():
        found += [f"{name}: no target {target}" for target in made(job) if target not in targets]
        if not 0 < job.get("timeout-minutes", 0) <= 120:
            found.append(f"{name}: timeout-minutes")
        for step in job["steps"]:
            if "uses" in step and not re.fullmatch(r"actions/[\w-]+@v\d+\.\d+\.\d+", step["uses"]):
                found.append(f"{name}: {step['uses']}")
            if "${{ github." in step.get("run", ""):
                found.append(f"{name}: what a contributor can choose stands in a command")
    return found


@pytest.mark.parametrize("path", WORKFLOWS, ids=[path.stem for path in WORKFLOWS])
def test_workflow_keeps_the_rules(path: Path) -> None:
    assert problems(read(path)) == []


def test_workflow_that_breaks_the_rules_is_seen() -> None:
    steps = [{"uses": "actions/checkout@main"}, {"run": "make coffee && echo ${{ github.ref }}"}]
    assert problems({"jobs": {"x": {"steps": steps}}}) == [
        "permissions",
        "x: no target coffee",
        "x: timeout-minutes",
        "x: actions/checkout@main",
        "x: what a contributor can choose stands in a command",
    ]


def test_nightly_runs_what_continuous_integration_runs() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (job,) = read(ROOT / ".github" / "workflows" / "nightly.yml")["jobs"].values()
    assert made(job) == re.findall(r"^(?:exec )?make (\S+)", script, re.MULTILINE)


def test_pull_requests_are_tried_on_the_oldest_and_the_newest_python() -> None:
    jobs = read(ROOT / ".github" / "workflows" / "pull-request.yml")["jobs"]
    assert jobs["units"]["strategy"]["matrix"]["python"] == ["3.11", "3.13"]
    assert made(jobs["units"]) == ["lint", "test-units"]
    assert made(jobs["notebooks"]) == ["test-changed"]


@pytest.mark.parametrize("path", FORMS, ids=[path.stem for path in FORMS])
def test_form_for_issues_is_complete(path: Path) -> None:
    form = read(path)
    assert {"name", "description", "labels", "body"} <= set(form)
    questions = [part for part in form["body"] if part["type"] != "markdown"]
    assert all(part["attributes"]["label"] for part in questions)
    assert len({part["id"] for part in questions}) == len(questions)
    assert any(part.get("validations", {}).get("required") for part in questions)


def test_hooks_are_the_pinned_ruff_and_leave_outputs_alone() -> None:
    hooks = [
        hook for repo in read(ROOT / ".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]
    ]
    assert [hook["id"] for hook in hooks] == ["ruff", "ruff-format"]
    for hook in hooks:
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/python -m ruff ")


def test_changelog_has_this_version_and_what_comes_next() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", text, re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert versions[0] == ("Unreleased", "")
    assert all(date for _, date in versions[1:])
    assert versions[1][0] == project["version"]
    kinds = set(re.findall(r"^### (\w+)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
