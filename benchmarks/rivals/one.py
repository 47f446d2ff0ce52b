"""One rival, one data set, one seed: in this process, and nothing else in it.

    python -m benchmarks.rivals.one JOB

JOB is a folder with ``job.json`` (module, settings, seed, budget_seconds) and ``data.npz``
(windows, sequences). The windows made go to ``made.npz``, time and memory to ``measured.json``.
Nothing here needs the course's packages: a rival may run in an environment of its own.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path

import numpy as np


def peak_memory() -> float:
    """Return the most memory that this process has held so far, in MiB."""
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 2**20 if sys.platform == "darwin" else most / 2**10


def run(folder: Path) -> None:
    """Run the job of a folder.

    Raises:
        ValueError: if the rival returns other windows than it was asked for.
    """
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    with np.load(folder / "data.npz") as data:
        windows, sequences = data["windows"], data["sequences"]
    module = importlib.import_module(f"benchmarks.rivals.{job['module']}")
    imported = peak_memory()
    start, processor = time.perf_counter(), time.process_time()
    made = module.fit_and_sample(
        windows, sequences, job["seed"], job["budget_seconds"], **job["settings"]
    )
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    made = np.asarray(made, np.float64)
    if made.shape != windows.shape or not np.isfinite(made).all():
        raise ValueError(
            f"{job['module']} returned windows of shape {made.shape}, "
            f"{np.isfinite(made).mean():.0%} finite; expected {windows.shape}, all finite."
        )
    np.savez(folder / "made.npz", windows=made)
    measured = {
        "seconds": round(seconds, 1),
        "processor_seconds": round(processor, 1),
        "memory_mib": round(peak_memory()),
        "memory_of_imports_mib": round(imported),
    }
    (folder / "measured.json").write_text(json.dumps(measured), encoding="utf-8")


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    run(Path(sys.argv[1]))
