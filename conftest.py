"""Settings of every test run: the quick profile, and notebooks compared as the course means it.

`pytest` runs the unit tests; `pytest notebooks/01_rnn_from_scratch.ipynb` runs one notebook and
compares what it prints with its stored outputs. COURSE_PROFILE=full in front of it runs it whole.
"""

import os
from pathlib import Path

import pytest

os.environ.setdefault("COURSE_PROFILE", "quick")
os.environ.setdefault("COURSE_CHECKS", "strict")  # a check that fails is a test that fails

import utils  # noqa: F401  (keeps TensorFlow's log quiet: before TensorFlow is imported)


def pytest_configure(config: pytest.Config) -> None:
    """Switch nbval on, with this Python, ten minutes a cell and the course's own patterns.

    Here and not in pytest's ``addopts``: without nbval, pytest would reject the flags before it
    could say why. The patterns' path is absolute, since nbval looks in the current folder.
    """
    if not config.pluginmanager.hasplugin("nbval"):
        raise pytest.UsageError(
            "The notebooks are tested by nbval, which is missing or switched off: run `make "
            "environment`, and leave out `-p no:nbval`."
        )
    config.option.nbval = True
    config.option.nbval_current_env = True
    config.option.nbval_cell_timeout = min(config.option.nbval_cell_timeout, 600)
    if not config.option.nbval_sanitize_with:
        config.option.nbval_sanitize_with = str(
            Path(__file__).parent / "tests" / "nbval_sanitize.cfg"
        )
