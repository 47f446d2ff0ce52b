"""The maps between data and normal scores that the rivals with our preconditioner share."""

from __future__ import annotations

import numpy as np

from utils.datasets.sequences import windows_of
from utils.lstm_gan import Preconditioner
from utils.lstm_gan.structure import Structure


class Maps:
    """What the LSTM-GAN gets, and gives back: the structure and the preconditioner of a data set.

    Attributes:
        structure: what holds in every row by construction.
        preconditioner: between encoded windows and normal scores.
        normal_scores: those of each sequence, a list of (windows, time, components).
    """

    def __init__(self, sequences: np.ndarray, window: int) -> None:
        """Fit to ``sequences``, (sequences, time, features)."""
        self.structure = Structure().fit(list(sequences))
        encoded = self.structure.encode(list(sequences))
        self.preconditioner = Preconditioner(window).fit(encoded)
        parts = [windows_of([part], window) for part in encoded]
        scores = self.preconditioner.transform(np.concatenate(parts))
        ends = np.cumsum([len(part) for part in parts])[:-1]
        self.normal_scores = np.split(scores, ends)

    @property
    def all(self) -> np.ndarray:
        """The normal scores of all windows, (windows, time, components)."""
        return np.concatenate(self.normal_scores)

    def inverse(self, normal_scores: np.ndarray) -> np.ndarray:
        """Return windows (windows, time, features) in the data's units."""
        made = self.preconditioner.inverse_transform(normal_scores)
        structure = Structure.from_state(self.structure.state())  # its margins are these windows'
        return structure.calibrate(made).decode(made)
