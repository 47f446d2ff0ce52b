"""What ``benchmarks/gpu.py`` measures: one part a process, which ends with one line of JSON.

    python -m benchmarks.gpu_parts PART [--scratch FILE] [--fused] [--steps N]

A process of its own gives its memory back to the GPU, begins from the same state as any other, and
can fail without the others.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks import steps
from utils import lstm_gan, runtime

MARK = "GPU-PART "  # begins the line that holds the result
ROUNDS = 5
SIZES = {"batch 128": steps.Size(), "batch 512": steps.Size(batch=512)}


# --- The machine --------------------------------------------------------------------------------


def environment(_: argparse.Namespace) -> dict[str, Any]:
    """Return the machine, its GPU and driver, and the versions of what runs."""
    build = tf.sysconfig.get_build_info()
    versions = {"Python": platform.python_version()}
    for name in ("tensorflow", "keras", "numpy", "torch"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    versions |= {
        name: build[key]
        for name, key in {"CUDA": "cuda_version", "cuDNN": "cudnn_version"}.items()
        if key in build
    }
    gpus = tf.config.list_physical_devices("GPU")
    details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
    capability = ".".join(str(number) for number in details.get("compute_capability", ()))
    return {
        "gpu": details.get("device_name"),
        "compute_capability": capability or None,
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions,
        **driver(),
    }


def driver() -> dict[str, str]:
    """Return what ``nvidia-smi`` says of the first GPU: its driver and memory. {} without it."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return {}
    asked = ["--query-gpu=driver_version,memory.total", "--format=csv,noheader"]
    found = subprocess.run([program, *asked], capture_output=True, text=True, check=False)
    fields = (found.stdout.splitlines() or [""])[0].split(", ")
    return dict(zip(("driver", "gpu_memory"), fields, strict=True)) if len(fields) == 2 else {}


# --- Which kernel runs --------------------------------------------------------------------------


def kernel(_: argparse.Namespace) -> dict[str, Any]:
    """Return for both networks: their LSTM layers, and the cuDNN kernels in their graphs."""
    size = steps.Size()
    found = {}
    for model in steps.material(size, fused=True)[:2]:
        spec = tf.TensorSpec((size.batch, *model.input_shape[1:]))
        graph = tf.function(model).get_concrete_function(spec)
        layers = [layer for layer in model.layers if type(layer).__name__ == "LSTM"]
        found[model.name] = {
            "layers": len(layers),
            "eligible": lstm_gan.cudnn_eligible(model),
            "kernels": lstm_gan.cudnn_kernels(graph),
        }
    return found


# --- The same bits, and the CPU's numbers -------------------------------------------------------


def weights(options: argparse.Namespace) -> dict[str, Any]:
    """Return a checksum of all weights, and the last losses, after so many steps from one seed."""
    trainer = steps.trainer(steps.Size(), fused=runtime.on_gpu())
    history = trainer.train(options.steps)
    digest = hashlib.sha256()
    for model in (trainer.generator, trainer.discriminator, trainer.ema_generator):
        for array in model.get_weights():
            digest.update(array.tobytes())
    losses = [history[name][-1] for name in ("discriminator", "generator")]
    return {"sha256": digest.hexdigest(), "losses": losses}


def numbers(options: argparse.Namespace) -> dict[str, Any]:
    """Write outputs and gradients of both networks to ``scratch``, an npz file.

    On a GPU the LSTMs are those that cuDNN computes, elsewhere they are unrolled: the two forms
    that the course uses; ``fused`` asks for the first one anywhere. Weights, latents and windows
    come from seeds, the same everywhere.
    """
    size, fused = steps.Size(), options.fused or runtime.on_gpu()
    generator, discriminator, windows, *_ = steps.material(size, fused=fused)
    drawn = np.random.default_rng(2).normal(size=(size.batch, *generator.input_shape[1:]))
    latents, real = tf.constant(drawn, tf.float32), tf.constant(windows[: size.batch])
    with tf.GradientTape(persistent=True) as tape:
        fake = generator(latents, training=True)
        real_logits, fake_logits = discriminator(real), discriminator(fake)
        losses = {
            "discriminator": tf.reduce_mean(tf.nn.softplus(fake_logits - real_logits)),
            "generator": tf.reduce_mean(tf.nn.softplus(real_logits - fake_logits)),
        }
    arrays = {
        "output: windows": fake,
        "output: logits of real windows": real_logits,
        "output: logits of generated windows": fake_logits,
    }
    for model in (generator, discriminator):
        gradients = tape.gradient(losses[model.name], model.trainable_variables)
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
            arrays[f"gradient: {model.name}/{variable.path}"] = tf.convert_to_tensor(gradient)
    with options.scratch.open("wb") as file:
        np.savez(file, **{name: array.numpy() for name, array in arrays.items()})
    return {"arrays": len(arrays)}


# --- Speed and memory ---------------------------------------------------------------------------


def ours(options: argparse.Namespace) -> dict[str, Any]:
    """Return the milliseconds of our step in the form that the device gets, and the memory."""
    return _timed(options, lambda size: _trained(size, runtime.on_gpu()), _tensorflow_peak)


def unrolled(options: argparse.Namespace) -> dict[str, Any]:
    """Return the milliseconds of our step with the LSTMs unrolled, which cuDNN does not run."""
    return _timed(options, lambda size: _trained(size, fused=False), _tensorflow_peak)


def in_torch(options: argparse.Namespace) -> dict[str, Any]:
    """Return the milliseconds of the same step in PyTorch, by cuDNN's LSTM where there is a GPU."""
    if importlib.util.find_spec("torch") is None:
        return {"missing": "torch is not installed."}
    import torch

    from benchmarks.steps_torch import TorchGan

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(1)

    def build(size: steps.Size) -> Callable[[int], None]:
        gan = TorchGan(*steps.material(size), device=device)

        def run(count: int) -> None:
            for _ in range(count):
                losses = gan.step(*gan.draw())
            float(losses[0])  # waits for the GPU

        return run

    def peak() -> float:
        return torch.cuda.max_memory_allocated() / 1e6 if device == "cuda" else _process_peak()

    return {"device": device, **_timed(options, build, peak)}


def _trained(size: steps.Size, fused: bool) -> Callable[[int], None]:
    trainer = steps.trainer(size, fused=fused)

    def run(count: int) -> None:
        trainer.train(trainer.step + count, steps_per_call=steps.STEPS_PER_CALL)

    return run


def _timed(
    options: argparse.Namespace,
    build: Callable[[steps.Size], Callable[[int], None]],
    peak: Callable[[], float],
) -> dict[str, Any]:
    """Return for each size the milliseconds a step in each round, the first call, and the peak."""
    found: dict[str, Any] = {}
    for name, size in SIZES.items():
        start = time.perf_counter()
        run = build(size)
        run(1)
        first = time.perf_counter() - start
        run(options.steps)  # a call of this length may have to be prepared too
        rounds = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            run(options.steps)
            rounds.append(round(1e3 * (time.perf_counter() - start) / options.steps, 3))
        found[name] = {
            "milliseconds": rounds,
            "first_call_seconds": round(first, 1),
            "peak_mb": round(peak()),  # of this size and the smaller ones before it
        }
    return {"sizes": found}


def _tensorflow_peak() -> float:
    """Return the most memory in use so far, in MB: the GPU's, or without one the process's."""
    if runtime.on_gpu():
        return tf.config.experimental.get_memory_info("GPU:0")["peak"] / 1e6
    return _process_peak()


def _process_peak() -> float:
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (1e6 if sys.platform == "darwin" else 1e3)


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "environment": environment,
    "kernel": kernel,
    "weights": weights,
    "numbers": numbers,
    "ours": ours,
    "unrolled": unrolled,
    "PyTorch": in_torch,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one part; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_parts")
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--scratch", type=Path, help="where the part `numbers` writes")
    parser.add_argument("--fused", action="store_true", help="for `numbers`: no unrolled LSTMs")
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args(arguments)
    runtime.reproducible(1)
    print(MARK + json.dumps(PARTS[options.part](options)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
