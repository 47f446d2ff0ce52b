"""Draw the animated picture of README and of the site: real windows beside generated ones.

    .venv/bin/python tools/animation.py    # writes site/_static/real_and_generated.png

Real windows are Google's closing prices; the others come from the network that the course ships.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = dict.fromkeys([str(ROOT), *sys.path])  # also when this file is run by its path

from utils import LstmGan, load_stock  # noqa: E402
from utils.datasets import sliding_windows  # noqa: E402
from utils.lessons.film import film  # noqa: E402
from utils.plots import GENERATED, REAL  # noqa: E402

TARGET = ROOT / "site" / "_static" / "real_and_generated.png"
COUNT, DAYS, CLOSE, SEED = 12, 24, 3, 7
MILLISECONDS = 130


def relative(windows: np.ndarray) -> np.ndarray:
    """Return closing prices, (windows, days), in per cent of the first day's."""
    close = windows[:, :, CLOSE]
    return 100 * (close / close[:, :1] - 1)


def frames(real: np.ndarray, generated: np.ndarray) -> Iterator[Figure]:
    """Yield one figure a day; each shows both kinds up to that day."""
    highest = 1.05 * max(np.abs(real).max(), np.abs(generated).max())
    panels = (("Real: Google's share", real, REAL), ("From the LSTM-GAN", generated, GENERATED))
    for day in range(1, DAYS + 1):
        fig, axes = plt.subplots(1, 2, figsize=(8.4, 2.9), sharey=True, dpi=96)
        for ax, (title, lines, colour) in zip(axes, panels, strict=True):
            ax.plot(np.arange(1, day + 1), lines[:, :day].T, color=colour, lw=1.2, alpha=0.8)
            ax.set(xlim=(1, DAYS), ylim=(-highest, highest), title=title, xlabel="trading day")
        axes[0].set_ylabel("since the first day (%)")
        fig.tight_layout()
        yield fig


def main() -> int:
    """Write the picture; return the exit status."""
    windows = sliding_windows(load_stock("GOOG").values, DAYS)
    rows = np.random.default_rng(SEED).integers(len(windows), size=COUNT)
    made = LstmGan.from_pretrained("goog").sample(COUNT, seed=SEED)
    picture = film(frames(relative(windows[rows]), relative(made)), milliseconds=MILLISECONDS)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    temporary = TARGET.with_suffix(".tmp")
    temporary.write_bytes(picture)
    os.replace(temporary, TARGET)
    print(f"{TARGET.relative_to(ROOT)}: {len(picture) / 1e3:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
