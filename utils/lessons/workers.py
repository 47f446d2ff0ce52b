"""Workers on this machine: start them, train a small LSTM-GAN on sines, time its steps.

``python -m utils.lessons.workers FOLDER`` trains as one worker of several. Lesson 18 and the tests
start two of them with ``launch``, which gives each its TF_CONFIG.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from utils import runtime
from utils.datasets.time_series import load_sines
from utils.lstm_gan.callbacks import Callback
from utils.lstm_gan.config import TrainingConfig
from utils.lstm_gan.networks import lstm_discriminator, lstm_generator
from utils.lstm_gan.strategies import (
    LOST,
    STRATEGIES,
    VARIABLE,
    WAIT,
    LostWorkerError,
    get_strategy,
    noticing_lost_workers,
    tf_config,
)
from utils.lstm_gan.training import GanTrainer

ROOT = Path(__file__).resolve().parents[2]
OWN = ("folder", "wait", "seconds")  # options that may differ from worker to worker


@dataclass(frozen=True)
class Finished:
    """How a worker ended: its exit status (negative: killed by that signal) and what it printed.

    The output of one that ``launch`` killed ends with a line that says so.

    Used in lesson 18.6.
    """

    status: int
    output: str


def free_addresses(count: int) -> list[str]:
    """Return ``count`` loopback addresses whose ports are free now.

    Used in lesson 18.5.
    """
    with contextlib.ExitStack() as held:  # all at once, so that no port comes twice
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]


def launch(
    arguments: Sequence[str], workers: int = 2, *, timeout: float = 600, grace: float = 15
) -> list[Finished]:
    """Run ``python ARGUMENTS`` as so many workers on this machine's CPU, and wait for all of them.

    If one fails, the others get ``grace`` seconds to notice; then, and after ``timeout`` seconds
    in all, those that still run are killed. None is left behind, whatever happens.

    Args:
        arguments: what follows ``python``, the same for every worker.
        workers: how many.
        timeout: seconds for all of it.
        grace: seconds from the first failure on.

    Used in lesson 18.6.
    """
    addresses = free_addresses(workers)
    running: list[subprocess.Popen] = []
    deadline = time.monotonic() + timeout
    with contextlib.ExitStack() as files:
        outputs = [files.enter_context(tempfile.TemporaryFile()) for _ in range(workers)]
        try:
            for index, output in enumerate(outputs):
                running.append(
                    subprocess.Popen(
                        [sys.executable, *arguments],
                        cwd=ROOT,
                        env=os.environ
                        | {VARIABLE: tf_config(addresses, index), "CUDA_VISIBLE_DEVICES": "-1"},
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=subprocess.STDOUT,
                    )
                )
            failed = False
            while None in (states := [process.poll() for process in running]):
                if any(states) and not failed:
                    failed, deadline = True, min(deadline, time.monotonic() + grace)
                if time.monotonic() > deadline:
                    break
                time.sleep(0.05)
            why = "after another had failed" if failed else f"after {timeout:g} s"
            killed = [state is None for state in states]
        finally:
            for process in running:
                process.kill()  # does nothing to one that has ended
            for process in running:
                process.wait()
        finished = []
        for process, output, late in zip(running, outputs, killed, strict=True):
            output.seek(0)
            said = output.read().decode(errors="replace")
            said += f"(killed by launch: it still ran {why})\n" if late else ""
            finished.append(Finished(process.returncode, said))
    return finished


def sines_trainer(
    strategy: tf.distribute.Strategy | None = None,
    *,
    steps: int = 20,
    batch_size: int = 32,
    units: int = 16,
    window: int = 24,
    seed: int = 1,
    plain: bool = False,
) -> GanTrainer:
    """Return an untrained LSTM-GAN on sines, all of the course's recipe in a small size.

    The same arguments give the same initial weights, whatever the strategy. ``plain`` stands
    for the non-saturating loss and an output that is not standardised. Then the losses depend on
    every weight, so that all can be compared; by the recipe they do not depend on some biases,
    which go where rounding takes them.

    Used in lesson 18.6.
    """
    config = TrainingConfig(
        steps=steps,
        batch_size=batch_size,
        loss="non_saturating" if plain else TrainingConfig.loss,
        static=4,
        dynamic=4,
        seed=seed,
    )
    windows = 4 * load_sines(1000, window) - 3  # from [0.5, 1] to [−1, 1]
    with contextlib.nullcontext() if strategy is None else strategy.scope():
        generator = lstm_generator(
            window,
            config.latent,
            windows.shape[2],
            units=units,
            layers=1,
            scaled_noise=config.dynamic,
            batch_normalised=not plain,
            synchronised=strategy is not None,
            seed=seed,
        )
        discriminator = lstm_discriminator(
            window, windows.shape[2], units=units, layers=1, sizes=True, seed=seed + 5000
        )
        return GanTrainer(generator, discriminator, windows, config, strategy)


def main(arguments: Sequence[str] | None = None) -> int:
    """Be one worker; return the exit status: 0, 2 for bad input, 3 if another worker was lost.

    Writes checkpoints to the folder, and for each worker a ``worker-0.json`` with the seconds that
    each step took ("step").

    Used in lesson 18.6.
    """
    parser = argparse.ArgumentParser(
        prog="python -m utils.lessons.workers",
        description=f"Train a small LSTM-GAN on sines; {VARIABLE} says as which worker.",
        allow_abbrev=False,
    )
    parser.add_argument("folder", type=Path, help="for the checkpoints and the times")
    parser.add_argument("--strategy", choices=STRATEGIES, default="multiworker")
    parser.add_argument("--steps", type=int, default=20, metavar="N", help="training steps")
    parser.add_argument("--batch-size", type=int, default=32, metavar="ROWS", help="of all workers")
    parser.add_argument("--units", type=int, default=16, metavar="N", help="of each LSTM")
    parser.add_argument("--window", type=int, default=24, metavar="ROWS", help="time steps")
    parser.add_argument("--plain", action="store_true", help="a GAN without idle weights")
    parser.add_argument("--every", type=int, default=5, metavar="N", help="steps a checkpoint")
    parser.add_argument("--resume", action="store_true", help="from the last checkpoint")
    parser.add_argument("--kill", type=int, metavar="STEP", help="worker 1 dies after this step")
    parser.add_argument("--seed", type=int, default=1, help="of everything random")
    parser.add_argument("--wait", type=float, default=WAIT, metavar="S", help="for the others")
    parser.add_argument("--seconds", type=int, default=600, help="then it ends by itself")
    options = parser.parse_args(arguments)
    alarm = getattr(signal, "alarm", lambda seconds: None)  # Windows: `launch` alone keeps time
    alarm(options.seconds)
    runtime.reproducible(options.seed)
    try:
        _train(options)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except LostWorkerError as error:
        print(f"error: {error}", file=sys.stderr)
        return LOST
    except KeyboardInterrupt:
        return 130
    finally:
        alarm(0)
    return 0


def _train(options: argparse.Namespace) -> None:
    same = {name: value for name, value in vars(options).items() if name not in OWN}
    parallel = get_strategy(options.strategy, identity={"options": same}, wait=options.wait)
    resolver = None if parallel is None else parallel.cluster_resolver
    index = 0 if resolver is None else resolver.task_id
    trainer = sines_trainer(
        parallel,
        steps=options.steps,
        batch_size=options.batch_size,
        units=options.units,
        window=options.window,
        seed=options.seed,
        plain=options.plain,
    )
    if options.resume:
        print(f"worker {index}: going on from step {trainer.resume(options.folder)}")
    seconds = []

    def note_time(trainer: GanTrainer) -> None:
        seconds.append(time.perf_counter())
        if index == 1 and trainer.step == options.kill:
            os.kill(os.getpid(), signal.SIGKILL)

    note_time(trainer)
    with noticing_lost_workers():
        trainer.train(
            folder=options.folder,
            checkpoint_every=options.every,
            callbacks=[Callback(1, note_time)],
        )
    times = {"step": [after - before for before, after in itertools.pairwise(seconds)]}
    (options.folder / f"worker-{index}.json").write_text(json.dumps(times), encoding="utf-8")
    print(f"worker {index}: {trainer.replicas} replicas, step {trainer.step}")


if __name__ == "__main__":
    tf.config.threading.set_intra_op_parallelism_threads(1)  # one core a worker
    tf.config.threading.set_inter_op_parallelism_threads(1)
    sys.exit(main())
