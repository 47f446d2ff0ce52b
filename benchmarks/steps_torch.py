"""The training step in PyTorch, for ``benchmarks/speed.py``."""

from __future__ import annotations

import keras
import numpy as np
import torch
from torch import nn

from benchmarks.steps import penalised
from utils.lstm_gan import Preconditioner, TrainingConfig
from utils.lstm_gan.generator import NEAR


class TorchGan:
    """Our step in PyTorch, with the same passes through the same layers, from the same weights."""

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        windows: np.ndarray,
        config: TrainingConfig,
        preconditioner: Preconditioner,
        device: str = "cpu",
    ) -> None:
        """Copy two Keras models of ``utils.lstm_gan`` to a device, and prepare Adam for both.

        Raises:
            ValueError: for a loss that is not written here.
        """
        if config.loss not in LOSSES:
            raise ValueError(f"The loss is {config.loss!r}; expected one of {', '.join(LOSSES)}.")
        self.loss = LOSSES[config.loss]
        self.starts = torch.from_numpy(preconditioner.starts).to(device)
        self.config, self.windows = config, torch.from_numpy(windows).to(device)
        self.generator = Generator(generator).to(device)
        self.discriminator = Discriminator(discriminator, preconditioner).to(device)
        self.ema_generator = Generator(generator).to(device)
        self.optimizers = [
            torch.optim.Adam(
                [weight for weight in model.parameters() if weight.requires_grad],
                lr=config.learning_rate,
                betas=(config.beta_1, config.beta_2),
                eps=1e-7,  # Keras'
            )
            for model in (self.generator, self.discriminator)
        ]
        self.rates = [
            torch.optim.lr_scheduler.CosineAnnealingLR(
                adam, config.steps, eta_min=config.cosine_alpha * config.learning_rate
            )
            for adam in self.optimizers
        ]

    def draw(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return real windows, the generator's inputs, and the penalty's noise, for one step."""
        config, (_, length, features) = self.config, self.windows.shape
        batch, at = config.batch_size, {"device": self.windows.device}
        chosen = torch.randint(len(self.windows), (batch,), **at)
        fixed = torch.randn(batch, 1, config.static, **at).expand(-1, length, -1)
        fresh = torch.randn(batch, length, config.dynamic, **at)
        rows = self.starts[torch.randint(len(self.starts), (batch,), **at)]
        near = (rows + NEAR * torch.randn(batch, features, **at)) / (1 + NEAR**2) ** 0.5
        inputs = torch.cat([fixed, fresh, near[:, None].expand(-1, length, -1)], dim=-1)
        noise = torch.randn(2 * penalised(config), length, features, **at)
        return self.windows[chosen], inputs, noise

    def step(
        self, real: torch.Tensor, inputs: torch.Tensor, noise: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Update both models once; return the two losses."""
        config, some = self.config, penalised(self.config)
        fake = self.generator(inputs)
        fake_logits = self.discriminator(fake)
        moved = torch.cat([real[:some], fake[:some].detach()]) + config.gp_sigma * noise
        logits = self.discriminator(torch.cat([real, moved]))
        real_logits, moved_logits = logits[: config.batch_size], logits[config.batch_size :]
        logits = torch.cat([real_logits[:some], fake_logits[:some]])
        penalty = config.gp_weight * (((moved_logits - logits) / config.gp_sigma) ** 2).mean()
        discriminator_loss, generator_loss = self.loss(real_logits, fake_logits)

        for_generator, for_discriminator = self.optimizers
        self._gradient(generator_loss, for_generator, keep=True)
        self._gradient(discriminator_loss + penalty, for_discriminator, keep=False)
        for adam, rate in zip(self.optimizers, self.rates, strict=True):
            adam.step()
            rate.step()
        with torch.no_grad():
            pairs = zip(self.ema_generator.parameters(), self.generator.parameters(), strict=True)
            for mean, new in pairs:
                mean.lerp_(new, 1 - config.ema_decay)
        return discriminator_loss.detach(), generator_loss.detach()

    @staticmethod
    def _gradient(loss: torch.Tensor, optimizer: torch.optim.Optimizer, keep: bool) -> None:
        """Write the loss's gradient where the optimizer reads it."""
        weights = optimizer.param_groups[0]["params"]
        gradients = torch.autograd.grad(loss, weights, retain_graph=keep)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient


def relativistic(real: torch.Tensor, fake: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the losses of ``utils.losses.relativistic``: the generator's reads fixed logits."""
    discriminator = nn.functional.softplus(fake - real).mean()
    return discriminator, nn.functional.softplus(real.detach() - fake).mean()


def non_saturating(real: torch.Tensor, fake: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the two losses of ``utils.losses.non_saturating``."""
    softplus = nn.functional.softplus
    return softplus(-real).mean() + softplus(fake).mean(), softplus(-fake).mean()


LOSSES = {"relativistic": relativistic, "non_saturating": non_saturating}


class Generator(nn.Module):
    """``window_generator`` with its weights."""

    def __init__(self, model: keras.Model) -> None:
        """Copy the Keras ``model``."""
        super().__init__()
        self.lstm = _lstm(model)
        self.mixed, self.output, self.log_scale, self.noise = (
            _linear(model.get_layer(name)) for name in ("mixed", "output", "log_scale", "noise")
        )
        features = self.output.out_features
        self.later = nn.BatchNorm1d(features, eps=1e-5, momentum=0.02, affine=False)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return windows, (batch, time, features)."""
        states = self.lstm(inputs)[0]
        known = torch.cat([states, inputs], dim=-1)
        mixed = nn.functional.leaky_relu(self.mixed(known), 0.2)
        output = self.output(torch.cat([mixed, known], dim=-1))
        latents, start = inputs.split([inputs.shape[-1] - output.shape[-1], output.shape[-1]], -1)
        dynamic = latents[:, :, -self.noise.in_features :]
        output = output + self.log_scale(states).exp() * self.noise(dynamic)
        later = output[:, 1:].transpose(1, 2)  # PyTorch's batch normalisation has time last
        return torch.cat([start[:, :1], self.later(later).transpose(1, 2)], dim=1)


class Discriminator(nn.Module):
    """``window_discriminator`` with its weights, and what it sees of the data."""

    def __init__(self, model: keras.Model, preconditioner: Preconditioner) -> None:
        """Copy the Keras ``model``, which reads the data by ``preconditioner``."""
        super().__init__()
        self.lstm = _lstm(model)
        self.level, self.logit = (_linear(model.get_layer(name)) for name in ("level", "logit"))
        self.level.requires_grad_(False)
        self.margins, self.data = (Curves(model.get_layer(name)) for name in ("margins", "data"))
        _, spread, of_changes = preconditioner.moments
        for name, array in (("basis", preconditioner.basis), ("ratio", spread / of_changes)):
            self.register_buffer(name, torch.tensor(array, dtype=torch.float32))

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Return logits, (batch, 1)."""
        time = torch.arange(1, windows.shape[1] + 1, device=windows.device)[:, None]
        sums = windows.cumsum(dim=1) / time.sqrt()
        levels = self.level(self.margins(windows).flatten(1)).reshape(windows.shape)
        data = self.data(levels @ self.basis.T)
        changes = nn.functional.pad((data[:, 1:] - data[:, :-1]) * self.ratio, (0, 0, 1, 0))
        states = self.lstm(torch.cat([windows, sums, windows.abs(), data, changes], dim=-1))[0]
        return self.logit(torch.cat([states.mean(dim=1), states[:, -1]], dim=-1))


class Curves(nn.Module):
    """``views.Curves``: a piecewise linear function of each component."""

    def __init__(self, layer: keras.layers.Layer) -> None:
        """Copy the Keras ``layer``."""
        super().__init__()
        for name in ("low", "high", "values"):
            self.register_buffer(name, torch.tensor(getattr(layer, name)))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the functions of ``inputs``, (batch, time, components)."""
        kinds, components, points = self.values.shape
        place = (inputs - self.low) / (self.high - self.low) * (points - 1)
        below = place.detach().floor().clamp(0, points - 2)
        kind = (torch.arange(inputs.shape[1], device=inputs.device) > 0).long().clamp(max=kinds - 1)
        component = torch.arange(components, device=inputs.device)
        index = (kind[:, None] * components + component) * points + below.long()
        table = self.values.flatten()
        left, right = table[index], table[index + 1]
        return left + (place - below) * (right - left)


def _lstm(model: keras.Model) -> nn.LSTM:
    """Return the model's LSTM layers as one of PyTorch's: its gates have the same order."""
    stack = [layer for layer in model.layers if isinstance(layer, keras.layers.LSTM)]
    inputs = stack[0].cell.kernel.shape[0]
    lstm = nn.LSTM(inputs, stack[0].units, len(stack), batch_first=True)
    for i, layer in enumerate(stack):
        kernel, recurrent_kernel, bias = layer.get_weights()
        _set(getattr(lstm, f"weight_ih_l{i}"), kernel.T)
        _set(getattr(lstm, f"weight_hh_l{i}"), recurrent_kernel.T)
        _set(getattr(lstm, f"bias_ih_l{i}"), bias)
        # PyTorch adds a second bias. Learning both would move their sum twice as fast.
        second = getattr(lstm, f"bias_hh_l{i}")
        _set(second, np.zeros_like(bias))
        second.requires_grad_(False)
    return lstm


def _linear(layer: keras.layers.Dense) -> nn.Linear:
    """Return a dense layer without activation."""
    kernel, *bias = layer.get_weights()
    linear = nn.Linear(*kernel.shape, bias=layer.use_bias)
    _set(linear.weight, kernel.T)
    if layer.use_bias:
        _set(linear.bias, *bias)
    return linear


def _set(weight: nn.Parameter, array: np.ndarray) -> None:
    """Copy an array of the same shape into a weight."""
    with torch.no_grad():
        weight.copy_(torch.tensor(array))
