"""What every lesson uses: its set-up, visible checks, and exercises that say what is still wrong.

A failed check stops nothing in a reader's kernel: it says so and the lesson goes on. Where the
course tests itself (the quick profile, ``make notebooks``, pytest) the same check raises.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from utils import runtime

CHECKS_VARIABLE = "COURSE_CHECKS"  # "strict": a failed check raises under the full profile too

_raising: ContextVar[bool] = ContextVar("raising", default=False)


def setup(seed: int = 1) -> None:
    """Prepare a lesson: seeds, determinism, the look of pictures; print where and what runs.

    Pictures are stored with two pixels for each one of the page, as sharp screens show them.

    Raises:
        ValueError: for a seed or a profile that is not allowed.
    """
    runtime.reproducible(seed)
    runtime.plotting_style()
    with contextlib.suppress(ImportError):  # where there is no Jupyter
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        if get_ipython() is not None:
            set_matplotlib_formats("retina")
    print(runtime.report())


def _strict() -> bool:
    return (
        _raising.get()
        or runtime.profile() == "quick"
        or os.environ.get(CHECKS_VARIABLE) == "strict"
    )


def check(text: str, holds: object) -> None:
    """Print ``✓ text`` if it holds, ``✗ text`` if not: what must be so on every machine.

    Args:
        text: the fact, as a statement: "the loop equals Keras' layer".
        holds: whether it is so; anything that has a truth value.

    Raises:
        AssertionError: under the tests, if it does not hold.
    """
    if not holds and _strict():
        raise AssertionError(text)
    print(f"✓ {text}" if holds else f"✗ {text}")


def claim(text: str, holds: object) -> None:
    """Print ``✓ seen: text``, or ``✗ not on this machine: text``: what a training decides.

    Another machine rounds otherwise, and a network that is trained there is another one. Under the
    quick profile nothing is decided: the training was cut short.

    Raises:
        AssertionError: where the course tests itself in full, if it does not hold.
    """
    if runtime.profile() == "quick":
        print(f"not checked under the quick profile: {text}")
        return
    if not holds and _strict():
        raise AssertionError(f"This should hold after full training: {text}")
    print(f"✓ seen: {text}" if holds else f"✗ not on this machine: {text}")


@contextlib.contextmanager
def _strictly() -> Iterator[None]:
    """Let checks raise within the block, whoever runs it."""
    token = _raising.set(True)
    try:
        yield
    finally:
        _raising.reset(token)


def attempt(test: Callable[..., None], *answers: object) -> None:
    """Run an exercise's test on the reader's answers; say in one sentence what is still wrong.

    Args:
        test: a function that calls `check` on what it is given.
        answers: what the reader wrote: functions, models or values, in the order of ``test``'s
            arguments. One that is still ``...`` is no answer yet.

    Nothing that a reader writes stops the lesson: an error becomes a sentence.
    """
    if any(answer is ... for answer in answers):
        print("Your turn: write your answer in the cell above, run it, then run this one again.")
        return
    try:
        with _strictly():
            test(*answers)
    except AssertionError as wrong:
        print(f"✗ not yet: {wrong}")
    except Exception as error:
        print(f"✗ not yet: your answer stops with {type(error).__name__}: {error}")
    else:
        print("All is right.")
