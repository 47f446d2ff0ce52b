"""More than one device: strategies by name, and what TF_CONFIG or Slurm say.

TensorFlow's workers speak without password or encryption, and listen on every network interface,
also where they are told to meet at 127.0.0.1: run them only in a network that you trust.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import math
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow.python.distribute.cluster_resolver.slurm_cluster_resolver import (
    expand_hostlist,
    expand_tasks_per_node,
)

from utils import runtime
from utils.lstm_gan.rendezvous import meet, versions

STRATEGIES = ("default", "mirrored", "multiworker")
VARIABLE = "TF_CONFIG"
PORT = 2222  # of the first worker on each of Slurm's machines
WAIT = 300.0  # seconds for all workers to be started
LOST = 3  # exit status of a worker that lost another one


@dataclass(frozen=True)
class Cluster:
    """All workers of a run, and which of them this process is.

    Attributes:
        workers: addresses, "host:port" each, in the same order for everyone.
        index: this process's place among them. Worker 0 is the *chief*: it alone writes files.
    """

    workers: tuple[str, ...]
    index: int


def tf_config(workers: Sequence[str], index: int) -> str:
    """Return the TF_CONFIG of worker ``index``, JSON as TensorFlow reads it."""
    task = {"type": "worker", "index": index}
    return json.dumps({"cluster": {"worker": list(workers)}, "task": task})


def read_tf_config(text: str | None) -> Cluster:
    """Return the cluster that a TF_CONFIG describes; ``None`` stands for a variable not set.

    Raises:
        ValueError: in one sentence, if it is missing, is no JSON, or describes no workers.
    """
    if not text:
        raise ValueError(
            f"{VARIABLE} is not set; expected the cluster and this worker's place in it, such as "
            f"{tf_config(['10.0.0.1:2222', '10.0.0.2:2222'], 0)}."
        )
    try:
        given = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{VARIABLE} is no JSON ({error}): {text[:60]!r}.") from None
    given = given if isinstance(given, dict) else {}
    cluster, task = given.get("cluster"), given.get("task")
    workers = cluster.get("worker") if isinstance(cluster, dict) else None
    if not (isinstance(workers, list) and workers and set(cluster) == {"worker"}):
        raise ValueError(
            f"{VARIABLE} names no cluster of workers; expected "
            '{"cluster": {"worker": ["host:port", …]}, "task": …}, and no other jobs.'
        )
    for address in workers:
        host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
        if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
            raise ValueError(f"{VARIABLE} has the address {address!r}; expected 'host:port'.")
    if len(set(workers)) < len(workers):
        raise ValueError(f"{VARIABLE} has an address twice; expected one for each worker.")
    task = task if isinstance(task, dict) else {}
    index = task.get("index")
    whole = isinstance(index, int) and not isinstance(index, bool)
    if task.get("type") != "worker" or not whole or not 0 <= index < len(workers):
        raise ValueError(
            f"{VARIABLE} has the task {given.get('task')!r}; expected the type 'worker' and an "
            f"index from 0 to {len(workers) - 1}."
        )
    return Cluster(tuple(workers), index)


def slurm_cluster(variables: Mapping[str, str]) -> Cluster | None:
    """Return the cluster of the Slurm step (``srun``) that these variables describe, or None.

    Every task is a worker, in Slurm's order. The first on each machine listens at port 2222, the
    next at 2223. (TensorFlow's ``SlurmClusterResolver`` sorts the machines by name, node10 before
    node9, while Slurm does not: then workers are told another's address. It also needs a GPU.)

    Raises:
        ValueError: in one sentence, if the variables do not fit together.
    """
    names = ("SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE", "SLURM_PROCID")
    if not all(variables.get(name) for name in names):
        return None
    hosts = expand_hostlist(variables[names[0]])
    tasks = expand_tasks_per_node(variables[names[1]])
    workers = tuple(
        f"{host}:{PORT + task}"
        for host, count in zip(hosts, tasks, strict=False)
        for task in range(count)
    )
    index = variables[names[2]]
    if len(hosts) != len(tasks) or not index.isdecimal() or int(index) >= len(workers):
        said = ", ".join(f"{name}={variables[name]}" for name in names)
        raise ValueError(f"Slurm's variables do not fit together: {said}.")
    return Cluster(workers, int(index))


def split_cpu(parts: int = 2) -> list[str]:
    """Split the CPU into logical devices, to try a strategy without GPUs; return their names.

    They share the same cores: nothing gets faster.

    Raises:
        ValueError: if TensorFlow is in use already with another number of them.
    """
    cpu = tf.config.list_physical_devices("CPU")[0]
    # In use already: then it stays as it is, and the count below tells.
    with contextlib.suppress(RuntimeError):
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration() for _ in range(parts)]
        )
    names = [device.name for device in tf.config.list_logical_devices("CPU")]
    if len(names) != parts:
        raise ValueError(
            f"The CPU is in use as {len(names)} device(s); expected to split it in {parts} before "
            "TensorFlow computes anything."
        )
    return names


def get_strategy(
    name: str, *, identity: Mapping[str, Any] | None = None, wait: float = WAIT
) -> tf.distribute.Strategy | None:
    """Return a strategy by name, ``None`` for "default": one device, as if there were no others.

    "mirrored" takes all GPUs of this machine or, where there is none, two halves of the CPU.
    "multiworker" takes the workers that TF_CONFIG names or, where that is not set, the tasks of the
    Slurm step; it waits for all of them, says so, and refuses those that are about to run something
    else. Call this before TensorFlow computes anything.

    Args:
        name: one of ``STRATEGIES``.
        identity: what has to be the same for all workers, nested as a run's config.json; the
            versions and the number of GPUs are compared in any case.
        wait: seconds for all workers to be started.

    Raises:
        ValueError: for an unknown name, a TF_CONFIG that does not do, devices in use, workers that
            are missing or differ.
    """
    if name not in STRATEGIES:
        raise ValueError(f"There is no strategy {name!r}; expected one of {', '.join(STRATEGIES)}.")
    if name == "default":
        return None
    if name == "mirrored":
        return tf.distribute.MirroredStrategy(None if runtime.on_gpu() else split_cpu())
    if not 0 < wait < math.inf:
        raise ValueError(f"The seconds to wait are {wait:g}; expected a positive number.")
    cluster = None if os.environ.get(VARIABLE) else slurm_cluster(os.environ)
    if cluster is None:
        cluster = read_tf_config(os.environ.get(VARIABLE))
    else:
        os.environ[VARIABLE] = tf_config(cluster.workers, cluster.index)  # TensorFlow reads it
    _check_unused()
    gpus = len(tf.config.list_physical_devices("GPU"))
    meet(
        cluster.workers,
        cluster.index,
        {"versions": versions(), "gpus": gpus, **(identity or {})},
        wait,
    )
    try:
        with _mortal(wait):
            return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise ValueError(f"The workers could not be connected: {error}") from error


def _check_unused() -> None:
    """Refuse to connect workers once TensorFlow is in use, before waiting for the others."""
    threads = tf.config.threading.get_inter_op_parallelism_threads()
    try:
        tf.config.threading.set_inter_op_parallelism_threads(threads + 1)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError as error:
        raise ValueError(
            "The workers could not be connected: TensorFlow is in use already; expected this "
            "before it computes anything."
        ) from error


@contextlib.contextmanager
def _mortal(seconds: float) -> Iterator[None]:
    """Let the process end while TensorFlow connects the workers, which have all been met.

    It keeps Python's lock meanwhile, so that a worker lost just now would hold the others for ever.
    Ctrl-C ends the process at once, ``seconds`` do too (with the place where it was), and a TERM is
    heard at the end, when TensorFlow's own handler, which swallows it, has been taken out again.
    """
    faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__)
    main = threading.current_thread() is threading.main_thread()
    masks = main and hasattr(signal, "pthread_sigmask")
    handlers = {
        kind: signal.getsignal(kind) or signal.SIG_DFL for kind in (signal.SIGINT, signal.SIGTERM)
    }
    if main and handlers[signal.SIGINT] is not signal.SIG_IGN:  # ignored in the background
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if masks:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        if main:
            for kind, handler in handlers.items():
                signal.signal(kind, handler)
        if masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        faulthandler.cancel_dump_traceback_later()


def is_chief(strategy: tf.distribute.Strategy | None) -> bool:
    """Return whether this process writes files: the only one, or worker 0 of several."""
    resolver = None if strategy is None else strategy.cluster_resolver
    return resolver is None or not resolver.task_id


class LostWorkerError(RuntimeError):
    """Another worker was lost, so that this one cannot go on."""


@contextlib.contextmanager
def noticing_lost_workers() -> Iterator[None]:
    """Raise ``LostWorkerError`` where an operation fails for want of another worker."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError) as error:
        raise LostWorkerError(
            f"Another worker is gone, or cannot be reached ({type(error).__name__}); "
            "start all of them again with --resume."
        ) from error
