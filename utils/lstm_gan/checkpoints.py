"""The checkpoints in a folder: which of them can be read, and the last of these put in front."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd
import tensorflow as tf

from utils.files import replacing, write_text
from utils.lstm_gan.strategies import is_chief
from utils.lstm_gan.training import HISTORY

STATE = "checkpoint"  # TensorFlow's file with the names of the checkpoints
LOSSES = ("step", "discriminator", "generator")


def steps(folder: Path) -> list[int]:
    """Return the steps of the checkpoints in a folder, whole or damaged, in rising order."""
    found = (re.fullmatch(r"ckpt-(\d+)\.index", path.name) for path in folder.glob("ckpt-*.index"))
    return sorted(int(match[1]) for match in found if match)


def damage(prefix: Path) -> str:
    """Return what is wrong with a checkpoint, "" if every number in it can be read."""
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except Exception as error:  # TensorFlow raises an IndexError for a file that is cut off
        return " ".join(str(error).split())[:100] or type(error).__name__
    return ""


def settle(folder: Path, strategy: tf.distribute.Strategy | None = None) -> list[str]:
    """Make the last checkpoint that can be read the one to resume from; return what was done.

    Leftovers of a write that was cut off are removed. Nothing is changed where nothing is wrong. Of
    several workers the first one alone writes, and the others wait for it.

    Raises:
        ValueError: if there are checkpoints, and all of them are damaged.
    """
    said = _settle(folder) if folder.is_dir() and is_chief(strategy) else []
    if strategy is not None:  # a sum over all workers: nobody passes before the first one has
        strategy.reduce("sum", strategy.run(lambda: tf.zeros([1])), axis=None).numpy()
    return said


def remove_leftovers(folder: Path) -> None:
    """Remove what a write that was cut off has left; no other process may be at work."""
    for pattern in ("*_temp", "*.tempstate*", "*.tmp", f"{STATE}.tmp*", ".writing-*"):
        for path in folder.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    whole = {f"ckpt-{step}" for step in steps(folder)}
    for path in folder.glob("ckpt-*.data-*"):
        if path.name.split(".")[0] not in whole:
            path.unlink(missing_ok=True)


def _settle(folder: Path) -> list[str]:
    remove_leftovers(folder)
    found = steps(folder)
    if not found:
        return []
    said, last = [], _last_loss(folder)
    if last is None and (folder / HISTORY).exists():
        with replacing(folder / HISTORY) as path:
            pd.DataFrame(columns=LOSSES).to_csv(path, index=False)
        said.append(f"{folder / HISTORY} was damaged: the losses so far are lost.")
    bad: dict[int, str] = {}
    for step in reversed(found):
        reason = damage(folder / f"ckpt-{step}")
        if not reason and last is not None and last < step:
            reason = f"{HISTORY} ends at step {last}"
        if not reason:
            break
        bad[step] = reason
    else:
        listed = "; ".join(f"step {step:,}: {reason}" for step, reason in bad.items())
        raise ValueError(
            f"No checkpoint in {folder} can be used ({listed}); "
            "--overwrite (in Python overwrite=True) starts anew."
        )
    if bad:
        said.append(
            f"The last checkpoint, of step {found[-1]:,}, is damaged ({bad[found[-1]]}); "
            f"the one of step {step:,} is used."
        )
    state = tf.train.get_checkpoint_state(str(folder))
    if state is None or Path(state.model_checkpoint_path).name != f"ckpt-{step}":
        _put_in_front(folder, [other for other in found if other <= step])
    for other in bad:
        for path in folder.glob(f"ckpt-{other}.*"):
            path.unlink()
    return said


def _last_loss(folder: Path) -> int | None:
    """Return the last step whose losses were written, None if they cannot be read."""
    try:
        table = pd.read_csv(folder / HISTORY)
        if list(table) != list(LOSSES) or not len(table):
            return None
        return int(table["step"].iloc[-1])
    except (OSError, ValueError):
        return None


def _put_in_front(folder: Path, kept: list[int]) -> None:
    """Write TensorFlow's list of checkpoints; the last one is resumed from."""
    times = [(folder / f"ckpt-{step}.index").stat().st_mtime for step in kept]
    lines = [
        f'model_checkpoint_path: "ckpt-{kept[-1]}"',
        *(f'all_model_checkpoint_paths: "ckpt-{step}"' for step in kept),
        *(f"all_model_checkpoint_timestamps: {time!r}" for time in times),
        # Later ones are TensorFlow's to delete as new ones come; it keeps those of this time.
        f"last_preserved_timestamp: {min(times) - 1!r}",
    ]
    write_text(folder / STATE, "\n".join(lines) + "\n")
