"""A small training run that a test starts as a process of its own and kills.

python tests/killable.py FOLDER MOMENT — trains to the end, or sends itself SIGKILL at MOMENT.
"""

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


def main(folder: Path, moment: str) -> None:
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


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
