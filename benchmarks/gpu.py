"""Does the course run on this GPU, by cuDNN, with the CPU's results? Writes gpu.md and gpu.json.

    python -m benchmarks.gpu                   all checks, then all lessons under the quick profile
    python -m benchmarks.gpu --no-lessons      the checks alone
    python -m benchmarks.gpu --write-headers   …, and say in each lesson's header how long it took
    python -m benchmarks.gpu --cpu             a rehearsal without a GPU: gpu_rehearsal_on_cpu.md

- *Kernel*: is there one cuDNN kernel in the graph for each LSTM layer?
- *Same bits*: do two processes train to the same weights? If not, do they with
  CUBLAS_WORKSPACE_CONFIG set? ``utils/lstm_gan/cudnn.py`` says what TensorFlow's source promises.
- *Same numbers*: outputs and gradients against the CPU's, where the LSTMs are unrolled.
- *Speed*: our step by cuDNN, our step unrolled, and PyTorch's step where torch is installed.
- *Lessons*: every notebook under the quick profile, its time, and whether all cells ran.

Without a GPU it says so and exits with 2. A check that fails is written down, and the exit is 1.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
MARK = "GPU-PART "  # as in gpu_parts, which imports TensorFlow
TOLERANCE = {"output": 1e-5, "gradient": 1e-4}  # of the largest number of the CPU's array
WORKSPACE = {"CUBLAS_WORKSPACE_CONFIG": ":4096:2"}
HIDDEN = {"CUDA_VISIBLE_DEVICES": "-1"}  # a process that sees no GPU
LIMIT = 600  # seconds for a part, and for a cell of a lesson
PROFILE = "quick"
NO_GPU = (
    'TensorFlow sees no GPU here; expected one (README, "Other ways to run it"), or --cpu for a '
    "rehearsal of all parts that a CPU can run."
)


# --- Parts in processes of their own ------------------------------------------------------------


def part(name: str, cpu: bool, *more: str, **variables: str) -> dict[str, Any]:
    """Run one part of ``benchmarks.gpu_parts``; return its result, or {"failed": the reason}."""
    print(f"{name} …", flush=True)
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "COURSE_PROGRESS": "off"}
    environment |= {"COURSE_PROFILE": "full", **(HIDDEN if cpu else {}), **variables}
    command = [sys.executable, "-m", "benchmarks.gpu_parts", name, *more]
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"It took more than {LIMIT} seconds."}
    for line in reversed(done.stdout.splitlines()):
        if line.startswith(MARK):
            return json.loads(line.removeprefix(MARK))
    said = done.stderr.strip().splitlines() or ["nothing was said"]
    return {"failed": f"exit status {done.returncode}: {said[-1][:300]}"}


def same_bits(cpu: bool) -> dict[str, Any]:
    """Train twice from one seed, in two processes; on a difference twice more, by ``WORKSPACE``."""
    found: dict[str, Any] = {}
    for name, variables in {"as it is": {}, "with CUBLAS_WORKSPACE_CONFIG": WORKSPACE}.items():
        runs = [part("weights", cpu, **variables) for _ in range(2)]
        failed = [run["failed"] for run in runs if "failed" in run]
        if failed:
            found[name] = {"failed": failed[0]}
        else:
            found[name] = {"same": runs[0]["sha256"] == runs[1]["sha256"], "runs": runs}
        if found[name].get("same"):
            break
    return found


def same_numbers(cpu: bool) -> dict[str, Any]:
    """Return how far outputs and gradients are from the CPU's, as shares of its largest number.

    In a rehearsal both sides are the CPU's: what is compared then is the loop with the unrolled
    form.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("here.npz", "cpu.npz")]
        form = ["--fused"] if cpu else []
        for path, more, hidden in zip(paths, (form, []), (cpu, True), strict=True):
            outcome = part("numbers", hidden, "--scratch", str(path), *more)
            if "failed" in outcome:
                return outcome
        here, there = (dict(np.load(path)) for path in paths)
    return compare(here, there)


def compare(here: Mapping[str, np.ndarray], there: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return the largest distance of each kind, where it is, and whether it is tolerated."""
    found: dict[str, Any] = {}
    for kind, tolerance in TOLERANCE.items():
        names = [name for name in there if name.startswith(kind)]
        shares = {name: share(here[name], there[name]) for name in names}
        worst = max(shares, key=lambda name: shares[name])
        found[kind] = {
            "worst": worst,
            "share": shares[worst],
            "tolerance": tolerance,
            "holds": shares[worst] <= tolerance,
        }
    return found


def share(array: np.ndarray, reference: np.ndarray) -> float:
    """Return the largest distance, as a share of the reference's largest number; ∞ for a NaN."""
    distance = float(np.abs(np.subtract(array, reference, dtype=float)).max())
    if not math.isfinite(distance):
        return math.inf
    return distance / max(float(np.abs(reference).max()), 1e-30)


def lessons(names: Sequence[str], cpu: bool) -> dict[str, dict[str, Any]]:
    """Run lessons under the quick profile, storing nothing; return seconds, or why one failed."""
    from tools import notebooks as tool

    if cpu:
        os.environ |= HIDDEN  # the kernels inherit it
    found: dict[str, dict[str, Any]] = {}
    for path in tool.find(names):
        name = path.relative_to(tool.NOTEBOOKS).with_suffix("").as_posix()
        print(f"{name} …", flush=True)
        start = time.perf_counter()
        try:
            tool.execute(tool.read(path), path.parent, LIMIT, profile=PROFILE)
            found[name] = {"seconds": round(time.perf_counter() - start, 1)}
        except tool.FAILURES as error:
            found[name] = {"failed": tool.brief(error).splitlines()[-1][:300]}
    return found


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return everything that the JSON file holds."""
    cpu = options.cpu
    results: dict[str, Any] = {"environment": part("environment", cpu)}
    if not cpu and not results["environment"].get("gpu"):
        return results
    results["kernel"] = part("kernel", cpu)
    results["same bits"] = same_bits(cpu)
    results["same numbers"] = same_numbers(cpu)
    steps = ["--steps", "5" if cpu else "100"]
    results["speed"] = {name: part(name, cpu, *steps) for name in ("ours", "unrolled", "PyTorch")}
    results["profile"] = PROFILE
    if not options.no_lessons and (ROOT / "notebooks").is_dir():
        results["lessons"] = lessons(options.lessons, cpu)
    return results


# --- Reporting ----------------------------------------------------------------------------------


def failures(results: Mapping[str, Any], cpu: bool) -> list[str]:
    """Return a sentence for each check that did not hold. A CPU has no cuDNN kernels to show."""
    found = [
        f"{name}: {results[name]['failed']}"
        for name in ("environment", "kernel", "same numbers")
        if "failed" in results[name]
    ]
    if "failed" not in results["kernel"] and not cpu:
        found += [
            f"kernel: the {model} has {its['layers']} LSTM layers, {its['kernels']} cuDNN kernels"
            for model, its in results["kernel"].items()
            if its["kernels"] != its["layers"]
        ]
    last = list(results["same bits"].values())[-1]
    if not last.get("same"):
        found.append(f"same bits: {last.get('failed', 'two runs ended with other weights')}")
    if "failed" not in results["same numbers"]:
        found += [
            f"same numbers: {its['worst']} is {its['share']:.1e} off; at most {its['tolerance']:g}"
            for its in results["same numbers"].values()
            if not its["holds"]
        ]
    for group in ("speed", "lessons"):
        pairs = results.get(group, {}).items()
        found += [f"{name}: {its['failed']}" for name, its in pairs if "failed" in its]
    return found


def markdown(results: Mapping[str, Any], cpu: bool) -> str:
    """Return the report as Markdown."""
    where = results["environment"]
    versions = ", ".join(f"{name} {number}" for name, number in where.get("versions", {}).items())
    machine = "no GPU was used" if cpu else where.get("gpu", "unknown GPU")
    more = [
        f"{label} {where[key]}"
        for label, key in {
            "compute capability": "compute_capability",
            "driver": "driver",
            "memory": "gpu_memory",
        }.items()
        if where.get(key) and not cpu
    ]
    title = "A rehearsal of the GPU's checks on a CPU" if cpu else "The course on a GPU"
    lines = [f"# {title}", ""]
    if cpu:
        lines += ["Nothing below says anything about a GPU.", ""]
    lines += [
        "Written by `python -m benchmarks.gpu`; its first lines say what is checked.",
        "",
        f"{', '.join([machine, *more])}; {where.get('system', '')}. {versions}.",
        "",
    ]
    wrong = failures(results, cpu)
    lines += ["## What did not hold", "", *(f"- {text}" for text in wrong or ["nothing"]), ""]
    lines += [*_checks(results), *_speed(results["speed"]), *_lessons(results)]
    return "\n".join(lines)


def _checks(results: Mapping[str, Any]) -> Iterator[str]:
    yield from ("## Checks", "")
    if "failed" not in results["kernel"]:
        for model, its in results["kernel"].items():
            fits = "fit" if its["eligible"] else "do not fit"
            yield (
                f"- The {model} has {its['layers']} LSTM layers, which {fits} cuDNN; in its graph "
                f"stand {its['kernels']} cuDNN kernels."
            )
    for how, its in results["same bits"].items():
        said = its.get("failed") or ("the same bits" if its["same"] else "other bits")
        yield f"- Two processes that train from one seed, {how}: {said}."
    if "failed" not in results["same numbers"]:
        for kind, its in results["same numbers"].items():
            yield (
                f"- Farthest {kind} from the CPU's: {its['share']:.1e} of the array's largest "
                f"number; at most {its['tolerance']:g} is expected."
            )
    yield ""


def _speed(speed: Mapping[str, Any]) -> Iterator[str]:
    yield from ("## Milliseconds a step", "")
    yield "| step | size | ms | range | steps a second | first call, s | peak memory, MB |"
    yield "|---|---|---:|---:|---:|---:|---:|"
    for name, its in speed.items():
        for size, taken in its.get("sizes", {}).items():
            rounds = taken["milliseconds"]
            middle = float(np.median(rounds))
            label = f"{name} ({its['device']})" if "device" in its else name
            yield (
                f"| {label} | {size} | {middle:.1f} | {min(rounds):.1f}–{max(rounds):.1f} | "
                f"{1e3 / middle:.0f} | {taken['first_call_seconds']} | {taken['peak_mb']:,} |"
            )
    yield ""
    yield from (f"{name}: {its['missing']}\n" for name, its in speed.items() if "missing" in its)
    yield (
        "Medians of rounds in a process each, not by turns. Memory is the GPU's where there is "
        "one, and that of the sizes above in the table too."
    )
    yield ""


def _lessons(results: Mapping[str, Any]) -> Iterator[str]:
    if "lessons" not in results:
        yield from ("The lessons were not run.", "")
        return
    yield from (f"## Lessons under the {results['profile']} profile", "")
    yield from ("| lesson | seconds |", "|---|---:|")
    for name, its in results["lessons"].items():
        yield f"| {name} | {its.get('seconds', 'failed')} |"
    yield ""


def write_headers(results: Mapping[str, Any]) -> int:
    """Say in each lesson's header how long it took; return how many changed."""
    from tools import lesson_form
    from tools import notebooks as tool

    changed = 0
    for name, its in results.get("lessons", {}).items():
        if "failed" in its:
            continue
        path = tool.NOTEBOOKS / f"{name}.ipynb"
        notebook = tool.read(path)
        gpu, before = results["environment"]["gpu"], notebook.cells[0].source
        notebook.cells[0].source = lesson_form.timed(
            before, gpu, its["seconds"], results["profile"]
        )
        if notebook.cells[0].source != before:
            tool.write(notebook, path)
            changed += 1
    return changed


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command's options."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description="Check the course on this machine's GPU; write benchmarks/gpu.md and .json.",
        allow_abbrev=False,
    )
    parser.add_argument("--no-lessons", action="store_true", help="run the checks alone")
    parser.add_argument("--lessons", nargs="+", default=[], metavar="NAME", help="such as 00 11")
    parser.add_argument("--write-headers", action="store_true", help="put times into the lessons")
    parser.add_argument("--cpu", action="store_true", help="rehearse without a GPU")
    options = parser.parse_args(arguments)
    if options.cpu and options.write_headers:
        parser.error("--write-headers needs a GPU's times; leave out --cpu.")
    if options.no_lessons and (options.lessons or options.write_headers):
        parser.error("--no-lessons leaves nothing for --lessons and --write-headers to do.")
    return options


def main(arguments: Sequence[str] | None = None, folder: Path | None = None) -> int:
    """Run the command; return its exit status: 0, 1 (a check failed) or 2 (no GPU)."""
    options = parse(arguments)
    folder = folder or ROOT / "benchmarks"
    if options.lessons and not (ROOT / "notebooks").is_dir():
        print("There are no lessons here; expected a copy of the whole course.", file=sys.stderr)
        return 2
    if options.lessons:
        from tools import notebooks as tool

        try:
            tool.find(options.lessons)  # now, not after minutes of checks
        except FileNotFoundError as error:
            print(error, file=sys.stderr)
            return 2
    results = measure(options)
    if "kernel" not in results:
        print(results["environment"].get("failed", NO_GPU), file=sys.stderr)
        return 2
    from utils import files  # after the parts: it imports TensorFlow

    name = "gpu_rehearsal_on_cpu" if options.cpu else "gpu"
    files.write_text(folder / f"{name}.json", json.dumps(results, indent=1) + "\n")
    text = markdown(results, options.cpu)
    files.write_text(folder / f"{name}.md", text)
    print(f"\n{text}")
    if options.write_headers:
        print(f"The headers of {write_headers(results)} lessons changed.")
    return 1 if failures(results, options.cpu) else 0


if __name__ == "__main__":
    sys.exit(main())
