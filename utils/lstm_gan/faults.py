"""What the machine can do to a run: a full disk, too little memory; in one sentence each."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from utils.lstm_gan import checkpoints, run_folder
from utils.lstm_gan.strategies import LostWorkerError

FAILED = 4  # exit status of a command that the machine let down
NO_SPACE = ("No space left on device", "Disk quota exceeded", "errno = 28", "errno = 122")
NO_MEMORY = ("OOM when allocating", "Out of memory", "out of memory", "bad_alloc")
LESS = "a smaller --window, fewer --columns or a smaller --batch-size needs less"


class MachineError(RuntimeError):
    """The disk, the memory or TensorFlow failed; what to do is in the sentence."""


@contextlib.contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Raise ``MachineError`` for what fails within, for reasons that lie in the machine.

    Args:
        folder: the run folder; its checkpoints are looked at, and what a write that was cut off has
            left in it is removed.
    """
    try:
        yield
    except (LostWorkerError, ValueError, FloatingPointError):
        raise
    except (OSError, MemoryError, RuntimeError, tf.errors.OpError) as error:
        if sentence := explanation(error, folder):
            with contextlib.suppress(OSError):
                checkpoints.remove_leftovers(folder / run_folder.CHECKPOINT)
            raise MachineError(f"{sentence} {kept(folder)}") from error
        raise


def explanation(error: BaseException, folder: Path) -> str:
    """Return one sentence for a failure of the machine, "" for any other."""
    text = " ".join(str(error).split())
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOSPC, errno.EDQUOT) or any(mark in text for mark in NO_SPACE):
        return f"The disk that holds {folder} is full; free some space."
    if isinstance(error, MemoryError) or any(mark in text for mark in NO_MEMORY):
        return f"There is not enough memory ({text[:100] or 'no more is given'}); {LESS}."
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{folder} cannot be written or read ({where}{error.strerror or text[:150]})."
    if isinstance(error, tf.errors.PermissionDeniedError):
        return f"{folder} cannot be written ({text[:150]})."
    if isinstance(error, tf.errors.OpError):
        return f"TensorFlow failed ({type(error).__name__}: {text[:150]})."
    return ""


def kept(folder: Path) -> str:
    """Return a sentence on where the run in a folder can go on from."""
    done = checkpoints.steps(folder / run_folder.CHECKPOINT)
    if not done:
        return "There is no checkpoint yet: the same command starts again."
    return f"The checkpoint of step {done[-1]:,} is kept: the same command with --resume goes on."
