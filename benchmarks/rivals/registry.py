"""Which rivals there are: module, packages, settings and how these were chosen."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


@dataclasses.dataclass(frozen=True)
class Rival:
    """A rival.

    Attributes:
        module: in this folder, with the function ``fit_and_sample``.
        chosen: how its settings were chosen, for the table.
        settings: keyword arguments of ``fit_and_sample``.
        packages: a name NAME says that ``requirements-NAME.txt`` is installed in an environment of
            its own; None is the course's own environment.
        alone: whether that environment sees none of the course's packages.
        seeds: how many seeds in the table.
    """

    module: str
    chosen: str
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    packages: str | None = None
    alone: bool = False
    seeds: int = 3

    @property
    def requirements(self) -> Path:
        """The file of its packages, all pinned."""
        return HERE / f"requirements-{self.packages}.txt"


FIXED = "nothing to choose"
PUBLISHED = "as the package or its paper sets them; not tuned"
# DGAN of gretel-synthetics 0.22.20 is missing: it needs rdt 1.2, which no Python from 3.11 on can
# install.
RIVALS: dict[str, Rival] = {
    "VAR bootstrap": Rival("bootstraps", FIXED, {"reach": None}),
    "local bootstrap ±20": Rival("bootstraps", FIXED, {"reach": 20}),
    "local bootstrap ±60": Rival("bootstraps", FIXED, {"reach": 60}),
    "GARCH": Rival("garch", "maximum likelihood, by component", packages="arch"),
    "flow matching": Rival("flow", "the tuning below, on the selecting judges"),
    "RCGAN as published": Rival("rcgan", "the settings in the authors' code"),
    "RCGAN tuned": Rival("rcgan", "the tuning below, on the selecting judges"),
    "TimeGAN (tsgm)": Rival("timegan_tsgm", PUBLISHED, packages="tsgm"),
    "LSTM GAN (tsgm)": Rival("lstm_gan_tsgm", PUBLISHED, packages="tsgm"),
    "PAR (SDV)": Rival("par_sdv", PUBLISHED, packages="sdv", alone=True),
}
TUNED = ("flow matching", "RCGAN tuned")  # those whose settings tuning.py chooses
