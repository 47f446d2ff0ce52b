"""Where the code runs and how much of it: device, seeds, plotting style, profile and budget."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from typing import Any, TypeVar

import keras
import matplotlib.pyplot as plt
import seaborn as sns
import tensorflow as tf
from tqdm.auto import tqdm

T = TypeVar("T")

# The Python side of TensorFlow's log; the C++ side is set in utils/__init__.py.
tf.get_logger().setLevel("ERROR")

PROFILES = ("full", "quick")
PROFILE_VARIABLE = "COURSE_PROFILE"


def profile() -> str:
    """Return the profile in force, ``"full"`` (the default) or ``"quick"`` (for the tests).

    Raises:
        ValueError: if the environment variable COURSE_PROFILE holds anything else.
    """
    name = os.environ.get(PROFILE_VARIABLE) or "full"
    if name not in PROFILES:
        raise ValueError(
            f"The environment variable {PROFILE_VARIABLE} is {name!r}; expected 'full' or 'quick'."
        )
    return name


def budget(full: T, quick: T) -> T:
    """Return ``full`` under the full profile and ``quick`` under the quick one."""
    return full if profile() == "full" else quick


def claim(text: str, holds: bool) -> None:
    """Assert a claim that holds only after full training, and print the outcome.

    Under the quick profile the claim is printed as not checked, whatever ``holds`` is: the
    training that it speaks of has been cut short.

    Raises:
        AssertionError: under the full profile, if ``holds`` is false.
    """
    if profile() == "quick":
        print(f"not checked under the quick profile: {text}")
        return
    assert holds, f"This should hold after full training: {text}"
    print(f"checked: {text}")


def progress(iterable: Iterable[T] | None = None, **options: Any) -> tqdm:
    """Return a tqdm progress bar over ``iterable``.

    It is silent under the quick profile, and where the environment variable COURSE_PROGRESS is
    ``off``: so ``make notebooks`` keeps progress bars out of the stored outputs. A bar that is done
    stays in a terminal only: in a notebook it is a widget, dead once the kernel has ended.
    """
    options.setdefault("leave", not any("notebook" in kind.__module__ for kind in tqdm.__mro__))
    if profile() == "quick" or os.environ.get("COURSE_PROGRESS") == "off":
        options["disable"] = True
    return tqdm(iterable, **options)


def on_gpu() -> bool:
    """Return whether TensorFlow sees a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))


def device() -> str:
    """Return the device in words: the GPU's name, or the CPU with the number of its cores."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return f"CPU ({os.cpu_count()} cores)"
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "unnamed")
    return f"GPU ({name})" if len(gpus) == 1 else f"{len(gpus)} GPUs ({name})"


def report() -> str:
    """Return one line that names TensorFlow, Keras, the device and the profile."""
    return (
        f"TensorFlow {tf.__version__} · Keras {keras.version()} · {device()} · {profile()} profile"
    )


def reproducible(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow, and ask TensorFlow for deterministic kernels.

    With the same seed on the same machine, the same code then gives the same weights, bit for
    bit. On a GPU, memory is taken as needed instead of all at once, and products keep float32's
    full precision, which TensorFloat-32 would cut to three decimal digits.

    Raises:
        ValueError: if ``seed`` is not an integer from 0 to 2³² − 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"The seed is {seed!r}; expected an integer from 0 to 4294967295.")
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    for gpu in tf.config.list_physical_devices("GPU"):
        # Once the GPU is in use this can no longer be changed: then it stays as it is.
        with contextlib.suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(gpu, True)


def plotting_style() -> None:
    """Set the look of every figure: seaborn's colour-blind palette, light grid, 90 dots an inch."""
    sns.set_theme(context="notebook", style="whitegrid", palette="colorblind", font_scale=0.9)
    plt.rcParams.update(
        {
            "figure.dpi": 90,
            "savefig.dpi": 90,
            "figure.figsize": (7.0, 3.2),
            "figure.constrained_layout.use": True,
            "axes.titlesize": "medium",
            "axes.titleweight": "bold",
            "lines.linewidth": 1.6,
        }
    )


def setup(seed: int = 1) -> None:
    """Prepare a notebook: seeds, determinism, plotting style; print where and what runs.

    Raises:
        ValueError: for a seed or a profile that is not allowed.
    """
    reproducible(seed)
    plotting_style()
    print(report())
