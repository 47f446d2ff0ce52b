"""What decides a training run."""

from __future__ import annotations

from dataclasses import dataclass

from utils.checks import positive_integer
from utils.losses import get_loss


@dataclass(frozen=True)
class TrainingConfig:
    """What decides a training run, besides the data and the two models.

    Attributes:
        steps: training steps in all; each updates the discriminator once, then the generator once.
        batch_size: real windows in a step, and as many generated ones.
        learning_rate: of both Adam optimizers at the start.
        cosine_alpha: what ``CosineDecay`` leaves of the learning rate at the end, as a share of it;
            1 keeps it constant.
        beta_1: Adam's memory of the gradient.
        beta_2: Adam's memory of the squared gradient.
        loss: a name in ``losses.LOSSES``.
        gp_weight: γ of the finite-difference penalty on real and generated windows; 0 is none.
        gp_fraction: share of a batch on which the penalty is measured: a quarter steers as well as
            the whole, and the discriminator reads half as many windows.
        gp_sigma: standard deviation of the noise whose effect on the logit is penalised.
        ema_decay: of the exponential moving average of the generator's weights; 0 is none.
        static: latents that stay the same over a window.
        dynamic: latents that are fresh at every time step.
        members: pairs of networks that are trained side by side, each on its own batches of
            ``batch_size``; generated windows come from all of them in turn.
        seed: of batches, latents and noise. Each is a function of seed and step alone, which is
            why a run that is stopped and resumed goes on as if it had never stopped.
    """

    steps: int = 2500
    batch_size: int = 128
    learning_rate: float = 2e-3
    cosine_alpha: float = 0.05
    beta_1: float = 0.0
    beta_2: float = 0.99
    loss: str = "relativistic"
    gp_weight: float = 3.0
    gp_fraction: float = 0.25
    gp_sigma: float = 0.1
    ema_decay: float = 0.998
    static: int = 8
    dynamic: int = 8
    members: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        get_loss(self.loss)
        if not 0 < self.gp_fraction <= 1:
            raise ValueError(f"gp_fraction is {self.gp_fraction}; expected above 0, at most 1.")
        for name in ("steps", "batch_size", "learning_rate", "gp_sigma"):
            if not getattr(self, name) > 0:
                raise ValueError(f"The training's {name} is {getattr(self, name)}; expected > 0.")
        for name in ("beta_1", "beta_2", "ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"The training's {name} is {getattr(self, name)}; expected 0 ≤ {name} < 1."
                )
        if not 0 <= self.cosine_alpha <= 1:
            raise ValueError(f"cosine_alpha is {self.cosine_alpha}; expected 0 to 1.")
        if self.gp_weight < 0 or min(self.static, self.dynamic) < 0:
            raise ValueError("gp_weight and the numbers of latents must not be negative.")
        positive_integer(members=self.members)
        if self.static + self.dynamic < 1:
            raise ValueError("There are no latents; expected static + dynamic of at least 1.")

    @property
    def latent(self) -> int:
        """Latents at each time step."""
        return self.static + self.dynamic

    @property
    def gp_rows(self) -> int:
        """Rows of a batch, the first ones, on which the penalty is measured."""
        return self.members * max(1, round(self.gp_fraction * self.batch_size))

    @property
    def batch_rows(self) -> int:
        """Real windows that a step reads, those of all members."""
        return self.members * self.batch_size
