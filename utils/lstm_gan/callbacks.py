"""What is done now and then while a GAN trains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from utils.lstm_gan.training import GanTrainer


@dataclass(frozen=True)
class Callback:
    """Something to do each time training has gone on for so many steps."""

    steps: int
    action: Callable[[GanTrainer], None]


@dataclass
class Monitor:
    """An action for ``Callback``: windows generated from the same latents, as training goes on.

    Attributes:
        condition: what a conditional generator is asked for, (count, …).
        taken: pairs of a step and its windows, (count, time, features).
    """

    count: int
    seed: int = 0
    condition: np.ndarray | None = None
    taken: list[tuple[int, np.ndarray]] = field(default_factory=list)

    def __call__(self, trainer: GanTrainer) -> None:
        """Take one."""
        samples = trainer.sample(self.count, self.seed, condition=self.condition)
        self.taken.append((trainer.step, samples))
