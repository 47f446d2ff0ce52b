"""How much memory a training will need, beside how much there is: asked before anything is built.

Measured on two CPU cores: the most that a process held (its peak resident size) until its scores
were done, above the 0.69 GB that it holds once TensorFlow is loaded, beside ``estimate``, in MB:

=======  =======  ======  =====  ========  ========
   rows  columns  window  batch  measured  estimate
=======  =======  ======  =====  ========  ========
    800        5      24    128       395       459
 20,000        8      24    128       641       610
100,000        6      24    128       644       674
    700       60      24    128       573       721
  2,000       20     100     64     1,459     1,496
  3,000        5     168    128     2,122     2,155
=======  =======  ======  =====  ========  ========
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from utils import runtime
from utils.lstm_gan.views import LARGEST_MAP

MB = 10**6
MOST_NUMBERS = 2**27  # that are trained on, as ``recipe`` thins longer data
SCORED = 10_000  # windows at most
CHUNK = 2**22  # numbers that are preconditioned at a time
LATENTS, UNITS, JUDGE = 16, 64, 32  # of a time step, of an LSTM, of the strong judge
VERSION_2 = ("memory.max", "memory.current")


@dataclass(frozen=True)
class Size:
    """What decides how much memory a training needs."""

    rows: int
    columns: int
    window: int
    batch_size: int
    sequences: int = 1
    members: int = 1

    @property
    def windows(self) -> int:
        """How many windows there are, at most."""
        return max(1, self.rows - self.sequences * (self.window - 1))

    @property
    def numbers(self) -> int:
        """Numbers in one window."""
        return self.window * self.columns


def level_map_bytes(window: int, components: int) -> tuple[int, int]:
    """Return the bytes of the discriminator's view of levels: that stay, and more to build it.

    It is a matrix of (window·components)² numbers: two copies of float32 stay; where it is made
    there are one of float64 and two more of float32. Of wide windows there is no matrix.
    """
    if window * components > LARGEST_MAP:
        return 0, 0
    numbers = (window * components) ** 2
    return 8 * numbers, 16 * numbers


def estimate(size: Size) -> int:
    """Return the bytes that training and scoring need, above what the process holds already."""
    trained = min(size.windows * size.numbers, MOST_NUMBERS)
    view, building = level_map_bytes(size.window, size.columns)
    stay = 2 * 4 * trained + size.members * view
    # Time steps are unrolled: each has its part of the graph, and its states in a batch.
    states = 4 * size.batch_size * (12 * UNITS * 8 + 40 * size.columns)
    graph = 180 * MB + size.members * size.window * (5 * MB + states)
    calibrated = runtime.budget(20_000, 1_000)  # windows, for the structure
    latents = 4 * calibrated * size.window * LATENTS
    scored = min(size.windows, SCORED)
    windows = 8 * scored * size.numbers
    widest = max(JUDGE, size.columns)
    judges = min(os.cpu_count() or 1, 10) * 4 * scored * size.window * 2 * widest
    copied = 8 * size.windows * size.numbers * (size.sequences > 1)  # of a single one: a view
    phases = (
        copied + 7 * 8 * min(size.windows * size.numbers, CHUNK),  # the data are preconditioned
        building,
        graph + view,  # trained, and weights checked before they are stored
        graph + 2 * 4 * calibrated * size.numbers + 2 * latents,  # calibrated
        graph + 5 * windows + judges,  # scored
    )
    return stay + max(phases)


def available() -> int | None:
    """Return the bytes that this process can still have; None where that cannot be found out.

    The least of what the machine has, what its control group may have, and its own limit.
    """
    found = [_machine(), *_control_groups(), _own_limit()]
    known = [max(0, number) for number in found if number is not None]
    return min(known, default=None)


def check(
    shape: tuple[int, ...], window: int, batch_size: int, sequences: int = 1, members: int = 1
) -> None:
    """Refuse a training on data (rows, columns) that needs more memory than there is.

    Args:
        shape: of the data, all sequences together.
        window: rows in a window.
        batch_size: windows in a step.
        sequences: how many there are.
        members: pairs of networks that are trained.

    Raises:
        ValueError: with the need, what there is, and what would fit.
    """
    rows, columns = shape
    size, there = Size(rows, columns, window, batch_size, sequences, members), available()
    need = estimate(size)
    if there is None or need <= there:
        return
    fitting = (
        ("--window {:,}", _most(size, "window", 2, there)),
        ("{:,} of the columns (--columns)", _most(size, "columns", 1, there)),
        ("--batch-size {:,}", _most(size, "batch_size", 1, there)),
        ("--members {:,}", _most(size, "members", 1, there) if members > 1 else None),
    )
    ways = [text.format(number) for text, number in fitting if number]
    raise ValueError(
        f"Training on {rows:,} rows of {columns:,} columns in windows of {window:,} rows, "
        f"{batch_size:,} a batch, needs about {_gigabytes(need)} of memory, and "
        f"{_gigabytes(there)} is free; "
        + (f"{', or '.join(ways)} would fit." if ways else "expected a larger machine.")
    )


def _gigabytes(number: int) -> str:
    return f"{number / 1e9:,.1f} GB"


def _most(size: Size, field: str, least: int, there: int) -> int | None:
    """Return the largest smaller value of a field with which the training fits, None if none."""
    low, high = least, getattr(size, field)

    def fits(value: int) -> bool:
        return estimate(replace(size, **{field: value})) <= there

    if not fits(low):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _machine() -> int | None:
    """Return the memory of the machine that is free, or could be freed, as far as it tells."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        status = _WindowsMemory()
        status.length = ctypes.sizeof(status)
        if ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
            return int(status.available)
        return None
    with contextlib.suppress(OSError, ValueError, AttributeError):  # macOS: all that it has
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


class _WindowsMemory(ctypes.Structure):
    """MEMORYSTATUSEX of the Windows API."""

    _fields_ = (
        ("length", ctypes.c_ulong),
        ("load", ctypes.c_ulong),
        ("total", ctypes.c_ulonglong),
        ("available", ctypes.c_ulonglong),
        ("others", ctypes.c_ulonglong * 5),
    )


def _control_groups(
    groups: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> list[int]:
    """Return what each control group of this process, and those above it, may still have."""
    left = []
    with contextlib.suppress(OSError, ValueError):
        for line in groups.read_text(encoding="utf-8").splitlines():
            _, kinds, inside = line.split(":", 2)
            if "memory" in kinds.split(","):
                base, limit, used = (
                    root / "memory",
                    "memory.limit_in_bytes",
                    "memory.usage_in_bytes",
                )
            elif not kinds:
                base, limit, used = root, *VERSION_2
            else:
                continue
            place = base / inside.strip("/")
            while True:  # within a container the path may be the one outside: the root counts too
                left += _left(place / limit, place / used, place / "memory.stat")
                if place == base or base not in place.parents:
                    break
                place = place.parent
    return left


def _left(limit: Path, used: Path, stat: Path) -> list[int]:
    """Return what a control group may still have, nothing if it has no limit."""
    with contextlib.suppress(OSError, ValueError):
        most = int(limit.read_text(encoding="ascii"))  # "max" is no number
        if most < 2**60:  # version 1 writes a number near 2⁶³ for no limit
            taken = int(used.read_text(encoding="ascii"))
            return [most - taken + _cached(stat)]
    return []


def _cached(stat: Path) -> int:
    """Return the bytes of files that a control group holds and would give back at once."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in stat.read_text(encoding="ascii").splitlines():
            if line.startswith(("total_inactive_file ", "inactive_file ")):
                return int(line.split()[1])
    return 0


def _own_limit() -> int | None:
    """Return what ``ulimit -v`` leaves to this process, None where it sets no limit."""
    if sys.platform == "win32":
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY:
        return None
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        return soft - pages * os.sysconf("SC_PAGE_SIZE")
    return soft
