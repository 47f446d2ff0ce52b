"""The shared module of the course: everything a notebook imports.

Its public names are those of the product: ``from utils import LstmGan``. They are loaded when they
are asked for, so that ``from utils import cells`` waits for no network.

Importing it sets two environment variables, which count only if they are set before
TensorFlow is loaded: Keras runs on TensorFlow, and TensorFlow's C++ log stays quiet
(Jupyter would show each of its lines as an error).
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

if TYPE_CHECKING:
    from utils.datasets.csv_file import read_csv
    from utils.datasets.series import Series
    from utils.datasets.time_series import load_stock
    from utils.lstm_gan.config import TrainingConfig
    from utils.lstm_gan.estimator import LstmGan

__all__ = ["LstmGan", "Series", "TrainingConfig", "load_stock", "read_csv"]

_HOMES = {
    "LstmGan": "utils.lstm_gan.estimator",
    "Series": "utils.datasets.series",
    "TrainingConfig": "utils.lstm_gan.config",
    "load_stock": "utils.datasets.time_series",
    "read_csv": "utils.datasets.csv_file",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
