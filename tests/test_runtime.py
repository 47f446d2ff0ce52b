"""Where the code runs and how much of it: profile, budget, claims, seeds, style."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow as tf
import tqdm

from utils import runtime

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def profile(monkeypatch: pytest.MonkeyPatch) -> object:
    """Return a function that sets the profile for one test."""

    def choose(name: str) -> None:
        monkeypatch.setenv(runtime.PROFILE_VARIABLE, name)
        monkeypatch.delenv("COURSE_PROGRESS", raising=False)

    return choose


# --- Profile, budget, claims, progress ----------------------------------------------------------


def test_profile_is_full_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(runtime.PROFILE_VARIABLE, raising=False)
    assert runtime.profile() == "full"
    monkeypatch.setenv(runtime.PROFILE_VARIABLE, "")
    assert runtime.profile() == "full"
    monkeypatch.setenv(runtime.PROFILE_VARIABLE, "quick")
    assert runtime.profile() == "quick"


@pytest.mark.parametrize("name", ["Quick", "fast", " full"])
def test_unknown_profile_is_refused(profile, name: str) -> None:
    profile(name)
    with pytest.raises(ValueError, match=r"COURSE_PROFILE is '.*'; expected 'full' or 'quick'"):
        runtime.budget(full=1, quick=2)


def test_budget_follows_the_profile(profile) -> None:
    profile("full")
    assert runtime.budget(full=3000, quick=60) == 3000
    profile("quick")
    assert runtime.budget(full=3000, quick=60) == 60


def test_claim_is_asserted_in_full_and_left_open_in_quick(
    profile, capsys: pytest.CaptureFixture[str]
) -> None:
    profile("full")
    runtime.claim("the loss halves", True)
    assert capsys.readouterr().out == "checked: the loss halves\n"
    with pytest.raises(AssertionError, match="should hold after full training: the loss halves"):
        runtime.claim("the loss halves", False)
    profile("quick")
    runtime.claim("the loss halves", False)
    assert capsys.readouterr().out == "not checked under the quick profile: the loss halves\n"


def test_progress_shows_in_full_only(
    profile, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    profile("full")
    assert list(runtime.progress(range(3), desc="steps")) == [0, 1, 2]
    assert "steps" in capsys.readouterr().err
    list(runtime.progress(range(3), disable=True))
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    assert list(runtime.progress(range(3))) == [0, 1, 2]
    assert capsys.readouterr().err == ""
    profile("quick")
    with runtime.progress(total=3) as bar:
        bar.update(2)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("module", "stays"), [("tqdm.std", True), ("tqdm.notebook", False)])
def test_finished_bar_stays_in_a_terminal_only(
    profile, monkeypatch: pytest.MonkeyPatch, module: str, stays: bool
) -> None:
    profile("full")
    monkeypatch.setattr(runtime, "tqdm", type("Bar", (tqdm.std.tqdm,), {"__module__": module}))
    assert runtime.progress(range(3)).leave is stays
    assert runtime.progress(range(3), leave=True).leave


# --- The device ---------------------------------------------------------------------------------


class FakeGPU:
    name, device_type = "/physical_device:GPU:0", "GPU"


@pytest.mark.parametrize(
    ("count", "words"), [(1, "GPU (Tesla T4)"), (2, "2 GPUs (Tesla T4)"), (8, "8 GPUs (Tesla T4)")]
)
def test_device_names_gpus(monkeypatch: pytest.MonkeyPatch, count: int, words: str) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [FakeGPU()] * count)
    monkeypatch.setattr(
        tf.config.experimental, "get_device_details", lambda gpu: {"device_name": "Tesla T4"}
    )
    assert runtime.on_gpu()
    assert runtime.device() == words


def test_device_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert not runtime.on_gpu()
    assert runtime.device() == "CPU (2 cores)"


def test_report_is_one_line(profile) -> None:
    profile("quick")
    assert runtime.report() == (
        f"TensorFlow {tf.__version__} · Keras {keras.__version__} · {runtime.device()} · "
        "quick profile"
    )


# --- Seeds and style ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, "1", None, True])
def test_bad_seed_is_refused(seed: object) -> None:
    with pytest.raises(ValueError, match="expected an integer from 0 to 4294967295"):
        runtime.reproducible(seed)


def draws() -> tuple[float, float, float, np.ndarray]:
    """Return one draw of each source of randomness, and the weights of a new layer."""
    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    return (
        random.random(),
        float(np.random.rand()),  # noqa: NPY002  (NumPy's global state is what is seeded)
        float(tf.random.normal(())),
        np.asarray(layer.kernel),
    )


def test_same_seed_same_numbers() -> None:
    runtime.reproducible(7)
    first = draws()
    runtime.reproducible(7)
    again = draws()
    runtime.reproducible(8)
    other = draws()
    for a, b, c in zip(first, again, other, strict=True):
        assert np.array_equal(a, b)
        assert not np.array_equal(a, c)


def test_training_twice_gives_the_same_weights() -> None:
    def train() -> np.ndarray:
        runtime.reproducible(3)
        model = keras.Sequential([keras.Input((6, 2)), keras.layers.LSTM(4), keras.layers.Dense(1)])
        model.compile("adam", "mse")
        values = np.linspace(-1, 1, 8 * 12, dtype="float32").reshape(8, 6, 2)
        model.fit(values, values[:, -1, :1], epochs=2, batch_size=4, verbose=0)
        return np.concatenate([np.ravel(weight) for weight in model.get_weights()])

    assert np.array_equal(train(), train())


def test_setup_prints_the_report_and_sets_the_style(
    profile, capsys: pytest.CaptureFixture[str]
) -> None:
    profile("quick")
    with plt.rc_context():
        plt.rcdefaults()
        runtime.setup(seed=1)
        assert capsys.readouterr().out == runtime.report() + "\n"
        assert plt.rcParams["figure.dpi"] == 90
        first = plt.rcParams["axes.prop_cycle"].by_key()["color"][0]
        # The first colour of seaborn's colour-blind palette.
        assert [round(part * 255) for part in first] == [1, 115, 178]


def test_new_python_is_quiet_and_deterministic() -> None:
    """In a Python of its own: what other tests have imported and set must not count."""
    program = (
        "import utils.runtime as r; r.setup(1)\n"
        "from tensorflow.python.framework import config\n"
        "print(config.is_op_determinism_enabled())\n"
        "print(config.tensor_float_32_execution_enabled())"
    )
    ours = {"TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND"}
    variables = {key: value for key, value in os.environ.items() if key not in ours}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**variables, "COURSE_PROFILE": "quick"},
    )
    assert done.returncode == 0
    assert done.stderr == ""
    report, determinism, short_floats = done.stdout.splitlines()
    assert report.startswith("TensorFlow ")
    assert determinism == "True"
    assert short_floats == "False"
