"""How long one training step of the LSTM-GAN takes, beside other ways of computing the same step.

    .venv/bin/python -m benchmarks.speed                       everything: about ten minutes
    .venv/bin/python -m benchmarks.speed --only "Keras fit"    that beside ours: 1½ minutes
    .venv/bin/python -m benchmarks.speed --quick               a few steps, to see that it runs

A step updates the discriminator and the generator once. The forms of it:

- ``ours``: ``training.GanTrainer``, many steps in a call of the compiled graph;
- ``PyTorch``: the same algorithm with ``nn.LSTM``, eager (left out if torch is not installed);
- ``naive Keras``: an eager loop of Keras' layers as they come, a loss and a tape for each player;
- ``compiled Keras``: that step in a ``tf.function``, one step a call;
- ``Keras fit``: that step as ``train_step`` of a ``keras.Model``, by ``fit``, many steps in a call;
- ``products alone``: the matrix products of our step's LSTM layers and nothing else, the floor.

That they are one algorithm is tested: from the same weights and noise they compute the same losses.
Each form runs in a process of its own, which waits while another is timed; rounds take turns, so
that a change in the machine's load meets all forms. Results go to ``speed.json``, ``speed.md`` and
``speed.png`` beside this file. ``--only`` leaves the other results as they are: its form stands
beside ours of the same run, and the report says so.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib.util
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import tensorflow as tf

from benchmarks.steps import FORMS, NAIVE, OURS, PRODUCTS, STEPS_PER_CALL, TORCH, Size
from utils import files, runtime

FOLDER = Path(__file__).resolve().parent
GOALS = {TORCH: 1.5, NAIVE: 15.0, PRODUCTS: 1 / 2.5}  # a form's time over ours, at least
GROWTH = {
    "length": (24, 64, 128),
    "batch": (32, 64, 128, 256, 512),
    "units": (16, 32, 64, 128),
}


# --- Workers: one form in a process of its own --------------------------------------------------


@dataclass(frozen=True)
class Order:
    """What a worker is to run, and how.

    Attributes:
        form: a name in ``steps.FORMS``.
        size: what a step works on.
        threads: within an operation, and operations at a time; 0 leaves it to the libraries.
            PyTorch has one operation at a time.
        cores: those that the process may use; none given: all.
    """

    form: str
    size: Size
    threads: tuple[int, int] = (0, 0)
    cores: tuple[int, ...] = ()


def peak_memory() -> float:
    """Return the most memory that this process has held, in MB."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (1e6 if sys.platform == "darwin" else 1e3)


def serve(order: Order, questions: TextIO, answers: TextIO) -> None:
    """Build the ordered form; then, for each line with a number of steps, time them.

    Answers are JSON, a line each: first the seconds of the first step with all that has to be
    built for it, then the seconds for each question, last the peak memory.
    """
    if order.cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, order.cores)
    within, at_a_time = order.threads
    if within:
        tf.config.threading.set_intra_op_parallelism_threads(within)
        tf.config.threading.set_inter_op_parallelism_threads(at_a_time)
    runtime.reproducible(1)
    if order.form == TORCH:
        import torch

        torch.manual_seed(1)
        if within:
            torch.set_num_threads(within)
    libraries = peak_memory()

    def answer(**values: float) -> None:
        answers.write(json.dumps(values) + "\n")
        answers.flush()

    start = time.perf_counter()
    run = FORMS[order.form](order.size)
    run(1)
    answer(seconds=time.perf_counter() - start)
    for line in questions:
        start = time.perf_counter()
        run(int(line))
        answer(seconds=time.perf_counter() - start)
    answer(peak=peak_memory(), libraries=libraries)


class Worker:
    """A form in a process of its own, timed when asked."""

    def __init__(self, order: Order) -> None:
        """Start the process; its first step is under way until ``ready``."""
        text = json.dumps(dataclasses.asdict(order))
        command = [sys.executable, "-m", "benchmarks.speed", "--worker", text]
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "COURSE_PROGRESS": "off", "COURSE_PROFILE": "full"}
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=FOLDER.parent,
            env=os.environ | quiet,
        )
        self.first: float | None = None

    def ready(self) -> None:
        """Wait for the first step, and note how long it took."""
        if self.first is None:
            self.first = self._answer()["seconds"]

    def ask(self, steps: int) -> None:
        """Let it run so many steps; ``time`` waits for them."""
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()

    def time(self, steps: int, asked: bool = False) -> float:
        """Return the milliseconds that each of so many steps takes."""
        if not asked:
            self.ask(steps)
        return 1e3 * self._answer()["seconds"] / steps

    def memory(self) -> dict[str, float]:
        """End the process; return its "peak" and what the "libraries" alone took, in MB."""
        self.process.stdin.close()
        return self._answer()

    def _answer(self) -> dict[str, float]:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"A worker ended with exit status {self.process.wait()}.")
        return json.loads(line)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_) -> None:
        with contextlib.suppress(OSError):  # an end that the worker itself has come to
            self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


# --- Measuring ----------------------------------------------------------------------------------


@dataclass
class Clock:
    """Times workers by turns.

    Attributes:
        rounds: turns that each worker has.
        seconds: about how long a turn takes.
        loads: the load average (1 minute) before each round.
    """

    rounds: int
    seconds: float
    loads: list[float] = dataclasses.field(default_factory=list)

    def race(self, orders: dict[str, Order]) -> dict[str, dict]:
        """Return, by the orders' names, a step's milliseconds in each round, and the memory."""
        with contextlib.ExitStack() as stack:
            workers, steps = {}, {}
            for name, order in orders.items():  # one after the other: cores are shared
                worker = workers[name] = stack.enter_context(Worker(order))
                worker.ready()
                once = worker.time(1)  # the first call may have left something to be built
                steps[name] = self._steps(worker.time(max(1, round(300 / once))))
            taken: dict[str, list[float]] = {name: [] for name in orders}
            for _ in range(self.rounds):
                self._note_load()
                for name, worker in workers.items():
                    taken[name].append(round(worker.time(steps[name]), 3))
            return {
                name: {
                    "milliseconds": taken[name],
                    "first_call_seconds": round(worker.first, 1),
                    **{f"{what}_mb": round(value) for what, value in worker.memory().items()},
                }
                for name, worker in workers.items()
            }

    def side_by_side(self, orders: Sequence[Order]) -> list[list[float]]:
        """Return the milliseconds of a step of runs that go on at once, each in all rounds."""
        with contextlib.ExitStack() as stack:
            workers = [stack.enter_context(Worker(order)) for order in orders]
            for worker in workers:
                worker.ready()
            steps = self._steps(max(worker.time(5) for worker in workers))
            taken: list[list[float]] = [[] for _ in workers]
            for _ in range(self.rounds):
                self._note_load()
                for worker in workers:
                    worker.ask(steps)
                for worker, times in zip(workers, taken, strict=True):
                    times.append(round(worker.time(steps, asked=True), 3))
        return taken

    def _steps(self, milliseconds: float) -> int:
        """Return how many steps fill a turn: whole calls of ours, where one fits."""
        steps = max(1, round(1e3 * self.seconds / milliseconds))
        return steps if steps < STEPS_PER_CALL else steps - steps % STEPS_PER_CALL

    def _note_load(self) -> None:
        self.loads.append(round(os.getloadavg()[0], 2))


def available_cores() -> list[int]:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def machine() -> str:
    """Return the processor and the number of cores, in words."""
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        found = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        name = found[0] if found else name
    return f"{name}, {len(available_cores())} cores"


def step_clock(quick: bool) -> Clock:
    """Return the clock for a step at one size."""
    return Clock(rounds=1, seconds=0.1) if quick else Clock(rounds=7, seconds=1.5)


def environment(has_torch: bool) -> dict[str, Any]:
    """Return on what a run is measured."""
    packages = ("tensorflow", "keras", "numpy", *(["torch"] if has_torch else []))
    versions = {"Python": platform.python_version(), **{name: version(name) for name in packages}}
    return {"machine": machine(), "versions": versions}


def race(forms: Sequence[str], size: Size, clock: Clock) -> dict[str, dict[str, dict]]:
    """Return the forms' times on one core, and on all."""
    times = {}
    for name, how in {"one core": one_core(), "all cores": {}}.items():
        print(f"A step, {name} …", flush=True)
        times[name] = clock.race({form: Order(form, size, **how) for form in forms})
    return times


def one_core() -> dict[str, tuple[int, ...]]:
    """Return how an ``Order`` asks for one core."""
    return {"threads": (1, 1), "cores": tuple(available_cores()[-1:])}


def extremes(loads: Sequence[float]) -> dict[str, float]:
    """Return the least and the most of the load averages."""
    return {"least": min(loads), "most": max(loads)}


def measure_apart(form: str, quick: bool) -> dict[str, Any]:
    """Return what ``speed.json`` holds of a form that was measured later than the others."""
    timer = step_clock(quick)
    step = race([OURS, form], Size(), timer)
    return {
        **environment(form == TORCH),
        "size": dataclasses.asdict(Size()),
        "rounds": timer.rounds,
        "step": step,
        "load": extremes(timer.loads),
    }


def measure(quick: bool) -> dict[str, Any]:
    """Return everything that ``speed.json`` holds, but for forms measured apart."""
    timer = step_clock(quick)
    short = dataclasses.replace(timer, rounds=min(5, timer.rounds), seconds=timer.seconds / 2)
    has_torch = importlib.util.find_spec("torch") is not None
    forms = [form for form in FORMS if form != TORCH or has_torch]
    if not has_torch:
        print("torch is not installed (requirements-bench.txt has it): PyTorch is left out.")
    cores, size = available_cores(), Size()
    results: dict[str, Any] = {
        **environment(has_torch),
        "size": dataclasses.asdict(size),
        "rounds": timer.rounds,
        "step": race(forms, size, timer),
        "growth": {},
        "threads": {},
        "side_by_side": [],
    }
    if len(cores) > 1:
        print("Threads …", flush=True)
        settings = (0, 0), (1, 1), (1, len(cores)), (len(cores), 1), (len(cores), len(cores))
        orders = {f"{a} × {b}": Order(OURS, size, threads=(a, b)) for a, b in settings}
        results["threads"] = timer.race(orders)
        print("Two runs side by side …", flush=True)
        pair = [Order(OURS, size, threads=(1, 1), cores=(core,)) for core in cores[:2]]
        results["side_by_side"] = timer.side_by_side(pair)
    grow = [form for form in (OURS, TORCH, PRODUCTS) if form in forms]
    for name, values in {} if quick else GROWTH.items():
        results["growth"][name] = {}
        for value in values:
            other = dataclasses.replace(size, **{name: value})
            if other == size:
                times = {form: results["step"]["one core"][form] for form in grow}
            else:
                print(f"{name.capitalize()} {value} …", flush=True)
                times = short.race({form: Order(form, other, **one_core()) for form in grow})
            results["growth"][name][str(value)] = times
    # Both clocks note the loads in one list.
    results["load"] = extremes(timer.loads)
    return results


# --- Reporting ----------------------------------------------------------------------------------


def ratio(form: dict, ours: dict) -> float:
    """Return how many times longer a form takes: the median over the rounds."""
    return float(np.median(np.divide(form["milliseconds"], ours["milliseconds"])))


def beside_ours(results: dict[str, Any], cores: str) -> dict[str, tuple[dict, dict]]:
    """Return each form's times and ours of the same run, in the order of ``FORMS``."""
    step = results["step"][cores]
    pairs = {form: (taken, step[OURS]) for form, taken in step.items()}
    for form, run in results.get("apart", {}).items():
        pairs[form] = (run["step"][cores][form], run["step"][cores][OURS])
    return {form: pairs[form] for form in FORMS if form in pairs}


def markdown(results: dict[str, Any]) -> str:
    """Return the results as the text of ``speed.md``."""
    size = Size(**results["size"])
    lines = [
        "# How long a training step takes",
        "",
        f"One update of the discriminator and one of the generator: batch {size.batch}, length "
        f"{size.length}, {size.units} units, {size.layers} LSTM layers each. Written by "
        "`python -m benchmarks.speed`; what the forms are, its first lines say.",
        "",
        f"{_environment(results)} Medians of {results['rounds']} rounds by turns, "
        f"of five where a size grows; {_load(results)}. Ratios are medians of "
        "the rounds' ratios.",
        "",
    ]
    apart = results.get("apart", {})
    for name in results["step"]:
        rows = [
            [
                f"{form} †" if form in apart else form,
                f"{np.median(taken['milliseconds']):.1f}",
                f"{min(taken['milliseconds']):.1f}–{max(taken['milliseconds']):.1f}",
                f"{ratio(taken, ours):.2f}",
                f"{taken['first_call_seconds']:.1f}",
                f"{taken['peak_mb']:,} ({taken['libraries_mb']:,})",
            ]
            for form, (taken, ours) in beside_ours(results, name).items()
        ]
        header = [name, "ms a step", "range", "× ours", "first step, s", "peak memory, MB"]
        lines += [*_table(header, rows), ""]
    lines += ["In brackets: what the imported libraries take before anything is built.", ""]
    lines += _apart(apart)
    lines += _goals(results)
    if results["threads"]:
        lines += _threads(results)
    for name, sizes in results["growth"].items():
        forms = list(next(iter(sizes.values())))
        rows = []
        for value, race in sizes.items():
            medians = [f"{np.median(race[form]['milliseconds']):.1f}" for form in forms]
            memory = f"{race[OURS]['peak_mb']:,}"
            first = f"{race[OURS]['first_call_seconds']:.0f}"
            rows.append([value, *medians, first, memory])
        header = [name, *forms, "first step of ours, s", "peak memory of ours, MB"]
        lines += [f"## {name.capitalize()}: milliseconds a step, one core", ""]
        lines += [*_table(header, rows), ""]
    if results["growth"]:
        alt = "milliseconds a step against length, batch and units, on logarithmic axes"
        lines += [f"![{alt}](speed.png)", ""]
    return "\n".join(lines)


def _environment(run: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in run["versions"].items())
    return f"{run['machine']}. {versions}."


def _load(run: dict[str, Any]) -> str:
    return f"load average {run['load']['least']} to {run['load']['most']}"


def _apart(apart: dict[str, dict]) -> Iterator[str]:
    for form, run in apart.items():
        medians = " and ".join(
            f"{np.median(times[OURS]['milliseconds']):.1f} ms ({name})"
            for name, times in run["step"].items()
        )
        yield (
            f"† {form} is from a later run, {run['rounds']} rounds by turns with ours alone. "
            f"There a step of ours took {medians}; the row's ratio is to those. "
            f"{_environment(run)} {_load(run).capitalize()}."
        )
        yield ""


def _goals(results: dict[str, Any]) -> Iterator[str]:
    yield from ("## Goals", "")
    for name in results["step"]:
        forms = beside_ours(results, name)
        for form, least in GOALS.items():
            if form not in forms:
                continue
            found = ratio(*forms[form])
            reached = "reached" if found >= least else "not reached"
            if form == PRODUCTS:
                text = f"ours takes {1 / found:.2f} times the products alone (at most 2.5)"
            else:
                text = f"{form} takes {found:.2f} times as long as ours (at least {least:g})"
            yield f"- {name}: {text}: {reached}."
    yield ""


def _threads(results: dict[str, Any]) -> Iterator[str]:
    yield from ("## Threads", "")
    default = results["threads"]["0 × 0"]
    rows = [
        [
            "TensorFlow's own choice" if name == "0 × 0" else name,
            f"{np.median(taken['milliseconds']):.1f}",
            f"{ratio(taken, default):.2f}",
        ]
        for name, taken in results["threads"].items()
    ]
    header = ["threads within an operation × operations at a time", "ms a step", "× its choice"]
    yield from (*_table(header, rows), "")
    one, every = (
        1e3 / np.median(results["step"][name][OURS]["milliseconds"])
        for name in ("one core", "all cores")
    )
    both = sum(1e3 / np.median(run) for run in results["side_by_side"])
    yield (
        f"Steps a second: {one:.1f} for one run on one core, {every:.1f} for one run on all, "
        f"{both:.1f} for two runs at once, a core each."
    )
    yield ""


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|---|{'---:|' * (len(header) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def draw(growth: dict[str, dict], path: Path) -> None:
    """Draw how the cost grows, one panel a size, into a PNG at ``path``."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    runtime.plotting_style()
    figure, axes = plt.subplots(1, len(growth), figsize=(9, 3.2), sharey=True)
    for ax, (name, sizes) in zip(axes, growth.items(), strict=True):
        values = [int(value) for value in sizes]
        for form in next(iter(sizes.values())):
            taken = [np.median(race[form]["milliseconds"]) for race in sizes.values()]
            ax.loglog(values, taken, "o-", label=form)
        ax.set_xticks(values, [str(value) for value in values])
        ax.minorticks_off()
        ax.set_xlabel(name)
    axes[0].set_ylabel("milliseconds a step")
    axes[0].legend()
    figure.suptitle("What a training step costs as it grows, on one core")
    with files.replacing(path) as temporary:
        figure.savefig(temporary)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description="Measure how long a training step takes; write speed.json, .md and .png.",
    )
    parser.add_argument(
        "--quick", action="store_true", help="a few steps of each form; print, write nothing"
    )
    parser.add_argument(
        "--only",
        choices=[form for form in FORMS if form != OURS],
        help="measure this form beside ours, and add it to the stored results",
    )
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        order = json.loads(options.worker)
        order["size"] = Size(**order["size"])
        serve(Order(**order), sys.stdin, sys.stdout)
        return 0
    stored = FOLDER / "speed.json"
    if options.only:
        if not stored.exists():
            parser.error(f"there is no {stored} to add to; measure everything first")
        results = json.loads(stored.read_text(encoding="utf-8"))
        found = measure_apart(options.only, options.quick)
        results["apart"] = results.get("apart", {}) | {options.only: found}
    else:
        results = measure(options.quick)
    text = markdown(results)
    print(f"\n{text}")
    if not options.quick:
        if not options.only:
            draw(results["growth"], FOLDER / "speed.png")
        files.write_text(stored, json.dumps(results, indent=1) + "\n")
        files.write_text(FOLDER / "speed.md", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
