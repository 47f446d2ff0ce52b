"""A lesson's checks are seen, stop nothing in a reader's kernel, and raise under the tests."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest

from utils import notebook
from utils.notebook import attempt, check, claim


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run as in a reader's kernel: the full profile, and nobody asks for strictness."""
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.delenv("COURSE_CHECKS", raising=False)


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_CHECKS", "strict")


@pytest.fixture
def style() -> Iterator[None]:
    with plt.rc_context():
        yield


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_check_shows_itself(reader: None, capsys: pytest.CaptureFixture[str]) -> None:
    check("the sum is 2", np.all(np.ones(2) + 1 == 2))
    check("the sum is 3", False)
    assert said(capsys) == "✓ the sum is 2\n✗ the sum is 3\n"


def test_claim_reports_on_a_reader_s_machine(
    reader: None, capsys: pytest.CaptureFixture[str]
) -> None:
    claim("it learns", True)
    claim("it wins", False)
    assert said(capsys) == "✓ seen: it learns\n✗ not on this machine: it wins\n"


def test_both_raise_when_the_course_tests_itself(strict: None) -> None:
    with pytest.raises(AssertionError, match="the sum is 3"):
        check("the sum is 3", False)
    with pytest.raises(AssertionError, match="after full training: it wins"):
        claim("it wins", False)


def test_under_quick_a_check_raises_and_a_claim_waits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    claim("it wins", False)
    assert said(capsys) == "not checked under the quick profile: it wins\n"
    with pytest.raises(AssertionError):
        check("the sum is 3", False)


def test_attempt_says_what_is_wrong(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    def doubles(double: object) -> None:
        assert callable(double)
        check("the double of 2 is 4", double(2) == 4)
        check("the double of 3 is 6", double(3) == 6)

    for profile in ("reader", "strict"):
        request.getfixturevalue(profile)
        attempt(doubles, ...)
        assert said(capsys).startswith("Your turn: write your answer in the cell above")
        attempt(doubles, lambda x: x + 2)
        assert said(capsys) == "✓ the double of 2 is 4\n✗ not yet: the double of 3 is 6\n"
        attempt(doubles, lambda x: x.nothing)
        assert "your answer stops with AttributeError: 'int' object has no" in said(capsys)
        attempt(doubles, lambda x: 2 * x)
        assert said(capsys).endswith("✓ the double of 3 is 6\nAll is right.\n")


def test_after_an_attempt_checks_are_as_before(
    reader: None, capsys: pytest.CaptureFixture[str]
) -> None:
    attempt(lambda value: check("it is 1", value == 1), 2)
    check("it is 1", False)
    assert said(capsys) == "✗ not yet: it is 1\n✗ it is 1\n"


def test_setup_seeds_and_says_where_it_runs(
    style: None, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook.setup(seed=3)
    first = keras.random.normal((2,), seed=None)
    notebook.setup(seed=3)
    assert np.array_equal(first, keras.random.normal((2,), seed=None))
    assert "TensorFlow" in said(capsys)
