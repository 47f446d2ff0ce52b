"""Settings of every test run: the quick profile, and notebooks compared as the course means it.

`pytest` runs the unit tests; `pytest notebooks/01_rnn_from_scratch.ipynb` runs one notebook and
compares what it prints with its stored outputs. COURSE_PROFILE=full in front of it runs it whole.
"""

import os
from pathlib import Path

import pytest

os.environ.setdefault("COURSE_PROFILE", "quick")

import utils  # noqa: F401  (keeps TensorFlow's log quiet: before TensorFlow is imported)


def pytest_configure(config: pytest.Config) -> None:
    """Give nbval its sanitising patterns by an absolute path: it looks in the current folder."""
    if not config.option.nbval_sanitize_with:
        config.option.nbval_sanitize_with = str(
            Path(__file__).parent / "tests" / "nbval_sanitize.cfg"
        )
