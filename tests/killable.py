"""A small training run that kills itself, once at each of some moments.

    python -m tests.killable FOLDER

Each run is a fork of one process that has imported TensorFlow, and leaves its checkpoints in
FOLDER/MOMENT. Printed is, as JSON, how each has ended: the negative number of the signal.
"""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
from tensorflow.python.checkpoint import checkpoint_management
from tensorflow.python.ops import gen_io_ops

from utils import lstm_gan, runtime
from utils.lstm_gan import Callback, GanTrainer, TrainingConfig

STEPS, CHECKPOINT_EVERY = 24, 5
MOMENTS = ("first steps", "between checkpoints", "halfway through a write", "write not yet listed")


def new_trainer(**changes) -> GanTrainer:
    """Return the untrained run: always the same data, models and seeds."""
    runtime.reproducible(0)
    config = TrainingConfig(
        **{"steps": STEPS, "batch_size": 8, "static": 1, "dynamic": 2} | changes
    )
    windows = np.random.default_rng(0).normal(size=(50, 5, 2))
    generator = lstm_gan.lstm_generator(5, config.latent, 2, units=4, layers=1, seed=1)
    discriminator = lstm_gan.lstm_discriminator(5, 2, units=4, layers=1, seed=2)
    return GanTrainer(generator, discriminator, windows, config)


def kill() -> None:
    """Leave as a power cut does: nothing is flushed, no handler runs."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_when_called(module: object, name: str, about: str) -> None:
    """Kill the process when ``module.name`` is called with an argument that mentions ``about``."""
    original = getattr(module, name)

    def replacement(*args, **kwargs):
        if about in str((args, kwargs)):
            kill()
        return original(*args, **kwargs)

    setattr(module, name, replacement)


def train(folder: Path, moment: str) -> None:
    """Train with checkpoints in ``folder``, up to the moment."""
    callbacks = []
    if moment == "first steps":
        callbacks.append(Callback(3, lambda trainer: kill()))
    elif moment == "between checkpoints":
        callbacks.append(Callback(13, lambda trainer: kill()))
    elif moment == "halfway through a write":
        # TensorFlow writes the tensors under temporary names and then merges them.
        kill_when_called(gen_io_ops, "merge_v2_checkpoints", "ckpt-10")
    elif moment == "write not yet listed":
        kill_when_called(checkpoint_management, "update_checkpoint_state_internal", "ckpt-10")
    new_trainer().train(folder=folder, checkpoint_every=CHECKPOINT_EVERY, callbacks=callbacks)


def main(folder: Path) -> None:
    """Let one run after the other begin and be killed."""
    ends = {}
    for moment in MOMENTS:
        child = os.fork()
        if child == 0:
            try:
                train(folder / moment, moment)
            finally:
                os._exit(0)
        ends[moment] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(json.dumps(ends))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
