"""Before TensorFlow connects its workers: meet all of them, and compare what each is about to run.

TensorFlow itself waits for the others in C++, for ever, and keeps Python's lock meanwhile: nothing
can be printed, Ctrl-C does nothing, and its own handler swallows TERM. It also trains happily with
workers that have other data or another seed. So the workers first meet in plain Python, by sockets
at the very addresses that TensorFlow will use:

- Each listens at its own address, and tries to reach each of the others at theirs. On every
  connection both sides say who they are and what they are about to run, one line of JSON each.
- A worker goes on only when it has reached all others *and* all others have told it that they have
  read its line. From then on nobody needs its port any more, so that it can close it and leave it
  to TensorFlow, while others may still be busy with each other.
- By then each has everybody's line, so that all come to the same verdict.

That way every address, port and firewall is tried in both directions before TensorFlow needs them.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

MOST_BYTES = 1_000_000  # of a line that another worker may send
PATIENCE = 5.0  # seconds for each answer
PAUSE = 0.25  # seconds between two attempts to reach a worker
LINGER = 4 * PAUSE  # a worker that refuses another stays, so that the other hears why
READ = b"read\n"  # "I have your line"
MOST_NAMED = 4  # missing workers in a message


def meet(
    workers: Sequence[str], index: int, identity: Mapping[str, Any], wait: float = 300.0
) -> None:
    """Return when all workers are there and about to run the same; say whom it waits for.

    Args:
        workers: addresses, "host:port" each, in the same order for everyone.
        index: this worker's place among them.
        identity: what has to be the same for all: nested, of what JSON can hold.
        wait: seconds.

    Raises:
        ValueError: in one sentence, if a worker is missing after ``wait`` seconds, is about to run
            something else or has another place, or if this worker's port is in use.
    """
    meeting = _Meeting(workers, index, identity)
    listener = _listen(workers[index])
    answering = threading.Thread(target=meeting.answer, args=(listener,), daemon=True)
    answering.start()
    for other in range(len(workers)):
        if other != index:
            threading.Thread(target=meeting.reach, args=(other,), daemon=True).start()
    try:
        meeting.wait(wait)
    finally:
        meeting.over.set()
        answering.join()  # now the port is free


def check_same_run(identities: Sequence[Mapping[str, Any]]) -> None:
    """Refuse workers whose identities, one for each in the order of workers, are not all the same.

    Raises:
        ValueError: naming the first field that differs, and both values.
    """
    first, *others = (flatten(identity) for identity in identities)
    for worker, identity in enumerate(others, start=1):
        for key in first | identity:
            if identity.get(key) != first.get(key):
                raise ValueError(
                    f"Worker {worker} differs from worker 0 in {key}: "
                    f"{_short(identity.get(key))}, not {_short(first.get(key))}; "
                    "all workers must be started with the same command and versions."
                )


def versions() -> dict[str, str]:
    """Return the versions that decide a run's numbers; the course's is a digest of its sources."""
    digest = hashlib.sha256()
    sources = Path(__file__).resolve().parents[1]
    for path in sorted(sources.rglob("*.py")):
        digest.update(path.relative_to(sources).as_posix().encode())
        digest.update(path.read_text(encoding="utf-8").encode())  # whatever the line endings
    return {
        "course": digest.hexdigest()[:12],
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
    }


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a nested mapping as a flat one, with keys such as "training.seed"."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= (
            flatten(value, f"{prefix}{key}.")
            if isinstance(value, Mapping)
            else {f"{prefix}{key}": value}
        )
    return flat


class _Meeting:
    """What one worker knows of the others; its threads and the waiting one share it."""

    def __init__(self, workers: Sequence[str], index: int, identity: Mapping[str, Any]) -> None:
        self.workers, self.index = list(workers), index
        hello = {"cluster": self.workers, "index": index, "identity": identity}
        self.line = json.dumps(hello).encode() + b"\n"
        # Read again, for what JSON changes: a tuple becomes a list.
        self.identities = {index: _parse(self.line)["identity"]}
        self.reached, self.reached_by = {index}, {index}
        self.refusal: str | None = None
        self.change = threading.Condition()
        self.over = threading.Event()

    def answer(self, listener: socket.socket) -> None:
        """Answer whoever connects, each in a thread of its own, until it is over."""
        listener.settimeout(0.1)
        with listener:
            while not self.over.is_set():
                with contextlib.suppress(OSError):  # nobody within 0.1 s
                    connection, _ = listener.accept()
                    threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        # A stranger, or a worker that gave up: not our concern.
        with connection, contextlib.suppress(OSError, ValueError):
            connection.settimeout(PATIENCE)
            with connection.makefile("rwb") as stream:
                hello = _parse(stream.readline(MOST_BYTES))
                self._send(stream, self.line)
                if stream.readline(len(READ)) == READ and hello["index"] != self.index:
                    self._note(hello, self.reached_by)

    def reach(self, other: int) -> None:
        """Try to reach a worker, until it is reached or all is over."""
        while not self.over.is_set():
            with contextlib.suppress(OSError, ValueError):
                address = _split(self.workers[other])
                with socket.create_connection(address, timeout=PATIENCE) as connection:
                    # On one machine a connection may meet itself, where nobody listens yet.
                    if connection.getsockname() != connection.getpeername():
                        self._reach(connection, other)
                        return
            self.over.wait(PAUSE)

    def _reach(self, connection: socket.socket, other: int) -> None:
        with connection.makefile("rwb") as stream:
            self._send(stream, self.line)
            hello = _parse(stream.readline(MOST_BYTES))
            self._send(stream, READ)
        if hello["index"] != other:
            with self.change:
                self.refusal = (
                    f"{self.workers[other]} says that it is worker {hello['index']}, not worker "
                    f"{other}; expected each worker to be told its own place in the same list."
                )
                self.change.notify()
        else:
            self._note(hello, self.reached)

    @staticmethod
    def _send(stream: io.BufferedRWPair, line: bytes) -> None:
        stream.write(line)
        stream.flush()

    def _note(self, hello: dict[str, Any], known: set[int]) -> None:
        with self.change:
            if hello["cluster"] != self.workers:
                self.refusal = (
                    f"Worker {hello['index']} has another list of workers: "
                    f"{_short(hello['cluster'])}, not {_short(self.workers)}; expected the same "
                    "for all."
                )
            else:
                # The last that it said counts: it may have been started again.
                self.identities[hello["index"]] = hello["identity"]
                known.add(hello["index"])
            self.change.notify()

    def wait(self, seconds: float) -> None:
        """Wait for all workers, and compare them; the main thread does so, and hears signals."""
        everyone = set(range(len(self.workers)))

        def settled() -> bool:
            return self.refusal is not None or self.reached == self.reached_by == everyone

        end = time.monotonic() + seconds
        said = ""
        with self.change:
            while not self.change.wait_for(settled, min(PAUSE, end - time.monotonic())):
                missing, deaf = everyone - self.reached, everyone - self.reached_by
                if missing and (waiting := self._name(missing)) != said:
                    said = waiting
                    place = f"worker {self.index} of {len(self.workers)}"
                    print(f"{place}: waiting for {waiting} …", flush=True)
                if time.monotonic() < end:
                    continue
                if missing:
                    raise ValueError(
                        f"After {seconds:g} s there is no answer from {self._name(missing)}; "
                        "expected it started with the same command, at this address and port, "
                        "and no firewall between."
                    )
                raise ValueError(
                    f"After {seconds:g} s this worker has not been reached at "
                    f"{self.workers[self.index]} by {self._name(deaf)}; expected an address and "
                    "port that the others can reach, and no firewall between."
                )
            refusal = self.refusal
        if refusal is not None:
            time.sleep(LINGER)
            raise ValueError(refusal)
        check_same_run([self.identities[worker] for worker in sorted(everyone)])

    def _name(self, workers: set[int]) -> str:
        first, rest = sorted(workers)[:MOST_NAMED], len(workers) - MOST_NAMED
        named = ", ".join(f"{self.workers[worker]} (worker {worker})" for worker in first)
        return named + (f" and {rest} more" if rest > 0 else "")


def _parse(line: bytes) -> dict[str, Any]:
    """Return what another worker said.

    Raises:
        ValueError: if no worker says such a thing.
    """
    try:
        hello = json.loads(line)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not (
        isinstance(hello, dict)
        and isinstance(hello.get("cluster"), list)
        and isinstance(hello.get("identity"), dict)
        and isinstance(hello.get("index"), int)
        and 0 <= hello["index"] < len(hello["cluster"])
    ):
        raise ValueError("not from a worker that is about to start")
    return hello


def _listen(address: str) -> socket.socket:
    """Listen as TensorFlow will: on all interfaces, but for a loopback address on that one only."""
    host, port = _split(address)
    try:
        if host in ("localhost", "::1") or host.startswith("127."):
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            return socket.create_server((host, port), family=family)
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        return socket.create_server(("", port), family=family, dualstack_ipv6=both)
    except OSError as error:
        raise ValueError(
            f"This worker cannot listen at {address} ({error.strerror}); expected a port that no "
            "other program holds."
        ) from error


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _short(value: object, most: int = 100) -> str:
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}…"
