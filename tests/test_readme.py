"""The README lists what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import lesson_form
from tools import notebook_rules as rules
from tools import notebooks as tool

README = (tool.ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", tool.find([]), ids=lambda path: path.stem)
def test_every_notebook_is_listed(path: Path) -> None:
    assert f"]({path.relative_to(tool.ROOT).as_posix()})" in README


@pytest.mark.parametrize(
    "path",
    [path for path in tool.find([]) if rules.form_of(path) == "lesson"],
    ids=lambda path: path.stem,
)
def test_minutes_are_those_of_the_header(path: Path) -> None:
    stated = lesson_form.TIME.search(lesson_form.header(rules.read_as_is(path)))
    assert stated
    row = re.search(rf"\[{path.stem}\].*\| (\d+) \|$", README, re.MULTILINE)
    assert row
    assert row.group(1) == stated.group(1)


CLASS = (tool.ROOT / "assignments" / "README.md").read_text(encoding="utf-8")
PLANS = re.findall(r"^\| \d \| (\d\d(?:, \d\d)*)(, and one of Part IV)? \| (\d+) \|", CLASS, re.M)


def test_minutes_of_a_plan_are_the_sum_of_its_lessons() -> None:
    """Of one lesson of Part IV, an hour is counted."""
    assert len(PLANS) == 6 + 5
    minutes = dict(
        re.findall(r"\[(\d\d)_\w+\]\(notebooks/\d\d_\w+\.ipynb\).*\| (\d+) \|$", README, re.M)
    )
    for lessons, one_more, stated in PLANS:
        total = sum(int(minutes[lesson]) for lesson in lessons.split(", "))
        assert total + 60 * bool(one_more) == int(stated), lessons
