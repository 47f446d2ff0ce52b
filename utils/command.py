"""What the commands share: signals heard from the first moment, output that any terminal shows.

Light on purpose: a command imports it before anything that takes seconds.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import signal
import sys
from types import FrameType

# Signals that ask a process to end: Ctrl-C, `kill` or a scheduler, a terminal that is closed.
SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
# How characters of our sentences are written where a terminal's encoding lacks them.
PLAIN = {
    **dict.fromkeys("·–—−‐", "-"),
    **{"±": "+-", "×": "x", "…": "...", "≤": "<=", "≥": ">=", "½": "1/2", "→": "->", "√": "sqrt"},
    **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("“”", '"'),
}


class Stopped(KeyboardInterrupt):
    """A signal asked the process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number


def starting() -> None:
    """Let a signal end the process at once with one sentence: nothing has been written yet.

    For the seconds of the imports, in which an exception would end as a page of text. A signal
    that is ignored, as ``nohup`` has it, stays so.
    """
    _handle(_leave)


def started() -> None:
    """Let a signal raise ``Stopped`` from now on, once; the same again ends the process at once."""
    _handle(_raise)


def stopped(interrupt: KeyboardInterrupt, advice: str) -> int:
    """Say that the command was stopped, and what to do; return the exit status, 128 + signal."""
    number = interrupt.number if isinstance(interrupt, Stopped) else signal.SIGINT
    with contextlib.suppress(OSError, ValueError):  # the terminal may be gone
        print(f"\nStopped{_by(number)}. {advice}", flush=True)
    return 128 + number


def any_terminal() -> None:
    """Let characters that the terminal's encoding lacks be written in ASCII, "?" at the worst."""
    codecs.register_error("course.plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="course.plain")


def one_thread_an_operation() -> None:
    """Let TensorFlow compute each operation on one thread, and as many of them at once as cores.

    An LSTM's products are too small to share: cut in two they cost more than they gain, and the
    bits of a sum would depend on the number of cores. To be called before TensorFlow's first
    operation; after it nothing can be changed, and this does nothing.
    """
    import tensorflow as tf  # takes seconds: see the top of this module

    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)


def _handle(handler: object) -> None:
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)  # type: ignore[arg-type]


def _leave(number: int, frame: FrameType | None) -> None:
    with contextlib.suppress(OSError):
        os.write(1, f"\nStopped{_by(number)} before anything was done.\n".encode("ascii"))
    os._exit(128 + number)


def _raise(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    raise Stopped(number)


def _by(number: int) -> str:
    return "" if number == signal.SIGINT else f" by {signal.Signals(number).name}"


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(PLAIN.get(character, "?") for character in lacking), error.end
