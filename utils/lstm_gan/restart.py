"""A folder that holds the same run already: what is kept, and by which schedules it was trained.

A *schedule* is the number of steps that a run was asked for. The learning rate falls over all of
them, so a run of 4 steps that goes on to 8 has other weights than one run of 8: config.json lists
each schedule with the step from which it was followed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from utils.datasets.frames import Layout
from utils.lstm_gan import checkpoints, run_folder, run_lock
from utils.lstm_gan.strategies import is_chief
from utils.lstm_gan.training import GanTrainer

FORMER = ".former"  # what the former run had, until the new one has a checkpoint
Schedule = list[dict[str, int]]


def check(
    folder: Path,
    run: dict[str, Any],
    *,
    resume: bool = False,
    overwrite: bool = False,
    chief: bool = True,
) -> None:
    """Refuse a folder that is in use, holds another run, or this run without a word on it.

    Args:
        folder: of the run; it need not be there.
        run: its identity.
        resume: whether it is to go on from its last checkpoint.
        overwrite: whether it is to start anew.
        chief: whether this process is the one that writes.

    Raises:
        ValueError: with what it holds and what would do; nothing is changed.
    """
    if resume and overwrite:
        raise ValueError("resume and overwrite exclude each other; expected one of them.")
    run_folder.check_folder(folder, run, resume=resume)
    if not chief:
        return
    run_lock.check_free(folder)
    if resume or overwrite:
        return
    steps = run["training"]["steps"]
    done = checkpoints.steps(folder / run_folder.CHECKPOINT)
    done = done or checkpoints.steps(folder / FORMER / run_folder.CHECKPOINT)
    ways = "--overwrite (overwrite=True) starts anew."
    if (folder / run_folder.CONFIG).is_file() and "weights_sha256" in run_folder.read_config(
        folder
    ):
        raise ValueError(
            f"{folder} holds this run, finished after {steps:,} steps; --resume (in Python "
            f"resume=True) keeps its weights and writes the results again, {ways}"
        )
    if done:
        raise ValueError(
            f"{folder} holds this run at step {done[-1]:,} of {steps:,}; --resume (in Python "
            f"resume=True) goes on from there, {ways}"
        )


def begin(
    trainer: GanTrainer, folder: Path, run: dict[str, Any], layout: Layout, *, resume: bool
) -> tuple[list[str], str]:
    """Take up the last good checkpoint if asked to, and write what the run is.

    ``run`` is the identity; its schedules are completed. Returned are notes for the report, and
    where the training goes on.

    Raises:
        ValueError: if the checkpoints are damaged, do not fit, or are beyond the steps asked for.
    """
    checkpoint, steps = folder / run_folder.CHECKPOINT, trainer.config.steps
    step, notes, said = 0, [], ""
    if resume:
        notes = checkpoints.settle(checkpoint, trainer.strategy)
        step = trainer.resume(checkpoint)
        said = f"Resuming at step {step}." if step else "No checkpoint yet: starting at step 0."
    if step > steps:
        raise ValueError(
            f"The checkpoint in {checkpoint} is at step {step}, beyond the {steps} steps asked for."
        )
    run["schedule"] = schedule_from(folder, step, steps)
    if is_chief(trainer.strategy):
        run_folder.write_config(folder, run, layout)
    return notes + sentences(run["schedule"]), said


@contextlib.contextmanager
def former_run_aside(folder: Path | None, overwrite: bool) -> Iterator[list[str]]:
    """Put the checkpoints of the run before aside while a new one begins; yield what was done.

    They come back if the new run ends, however, before it has a checkpoint. After a power cut that
    is done at the next start. ``folder`` is None where this process writes nothing.
    """
    if folder is None:
        yield []
        return
    _settle(folder)
    checkpoints.remove_leftovers(folder / run_folder.CHECKPOINT)
    done = checkpoints.steps(folder / run_folder.CHECKPOINT)
    if not (overwrite and done):
        yield []
        return
    former = folder / FORMER
    former.mkdir()
    shutil.copy2(folder / run_folder.CONFIG, former / run_folder.CONFIG)
    os.replace(folder / run_folder.CHECKPOINT, former / run_folder.CHECKPOINT)
    try:
        yield [
            f"Starting anew: the checkpoints of the run before, of step {done[-1]:,}, are deleted "
            "once this run has its own."
        ]
    finally:
        _settle(folder)


def _settle(folder: Path) -> None:
    """Delete the former run if the new one has a checkpoint; bring it back if not."""
    former, new = folder / FORMER, folder / run_folder.CHECKPOINT
    if not checkpoints.steps(new) and (former / run_folder.CHECKPOINT).is_dir():
        shutil.rmtree(new, ignore_errors=True)
        os.replace(former / run_folder.CONFIG, folder / run_folder.CONFIG)
        os.replace(former / run_folder.CHECKPOINT, new)
    shutil.rmtree(former, ignore_errors=True)


def schedule_of(config: Mapping[str, Any]) -> Schedule:
    """Return the schedules in a run's config.json; older ones name none, and had one."""
    return list(config.get("schedule") or [{"from_step": 0, "steps": config["training"]["steps"]}])


def schedule_from(folder: Path | None, step: int, steps: int) -> Schedule:
    """Return the schedules of a run that goes on from ``step`` to ``steps``.

    ``folder`` holds the config.json of the run so far; it is not read for a run that starts.
    """
    so_far: Schedule = []
    if folder is not None and step:
        stored = schedule_of(run_folder.read_config(folder))
        so_far = [part for part in stored if part["from_step"] < step]
    if not so_far or so_far[-1]["steps"] != steps:
        so_far.append({"from_step": step, "steps": steps})
    return so_far


def sentences(schedule: Schedule) -> list[str]:
    """Return what a reader is to know of schedules: nothing if there is one."""
    if len(schedule) == 1:
        return []
    ends = [part["from_step"] for part in schedule[1:]] + [schedule[-1]["steps"]]
    parts = [
        f"to step {end:,} as a run of {part['steps']:,}"
        for part, end in zip(schedule, ends, strict=True)
    ]
    return [
        f"Trained {', then '.join(parts)} steps. The learning rate falls over all steps of a run, "
        f"so these are not the weights of one run of {schedule[-1]['steps']:,} steps."
    ]
