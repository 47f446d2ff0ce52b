"""What several test files share."""

import importlib.util
import signal
import sys
from types import ModuleType

import pytest

from utils import datasets

# A shell starts what runs in its background deaf to Ctrl-C, and so would be all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def build() -> ModuleType:
    """The script data/build.py as a module, fresh for each test."""
    spec = importlib.util.spec_from_file_location("data_build", datasets.DATA_FOLDER / "build.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look a class's module up there
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]
