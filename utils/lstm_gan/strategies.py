"""More than one device: strategies by name, and what TF_CONFIG says.

TensorFlow's workers speak without password or encryption, and listen on every network interface,
also where they are told to meet at 127.0.0.1: run them only in a network that you trust.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import tensorflow as tf

from utils import runtime

STRATEGIES = ("default", "mirrored", "multiworker")
VARIABLE = "TF_CONFIG"
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


def get_strategy(name: str) -> tf.distribute.Strategy | None:
    """Return a strategy by name, ``None`` for "default": one device, as if there were no others.

    "mirrored" takes all GPUs of this machine or, where there is none, two halves of the CPU.
    "multiworker" waits until all workers that TF_CONFIG names have been started. Call this before
    TensorFlow computes anything.

    Raises:
        ValueError: for an unknown name, a TF_CONFIG that does not do, or devices in use.
    """
    if name not in STRATEGIES:
        raise ValueError(f"There is no strategy {name!r}; expected one of {', '.join(STRATEGIES)}.")
    if name == "default":
        return None
    if name == "mirrored":
        return tf.distribute.MirroredStrategy(None if runtime.on_gpu() else split_cpu())
    read_tf_config(os.environ.get(VARIABLE))
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise ValueError(f"The workers could not be connected: {error}") from error


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
