"""The training step in PyTorch, for ``benchmarks/speed.py``."""

from __future__ import annotations

import keras
import numpy as np
import torch
from torch import nn

from benchmarks.steps import penalised
from utils.lstm_gan import TrainingConfig


class TorchGan:
    """Our step in PyTorch, with the same passes through the same layers, from the same weights."""

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        windows: np.ndarray,
        config: TrainingConfig,
        device: str = "cpu",
    ) -> None:
        """Copy two Keras models of ``utils.lstm_gan`` to a device, and prepare Adam for both."""
        self.config, self.windows = config, torch.from_numpy(windows).to(device)
        self.generator = Generator(generator).to(device)
        self.discriminator = Discriminator(discriminator).to(device)
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
        """Return real windows, latents, and the noise of the penalty, for one step."""
        config, (_, length, features) = self.config, self.windows.shape
        batch, at = config.batch_size, {"device": self.windows.device}
        chosen = torch.randint(len(self.windows), (batch,), **at)
        fixed = torch.randn(batch, 1, config.static, **at).expand(-1, length, -1)
        latents = torch.cat([fixed, torch.randn(batch, length, config.dynamic, **at)], dim=-1)
        noise = torch.randn(2 * penalised(config), length, features, **at)
        return self.windows[chosen], latents, noise

    def step(
        self, real: torch.Tensor, latents: torch.Tensor, noise: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Update both models once; return the two losses."""
        config, some = self.config, penalised(self.config)
        fake = self.generator(latents)
        fake_logits = self.discriminator(fake)
        moved = torch.cat([real[:some], fake[:some].detach()]) + config.gp_sigma * noise
        logits = self.discriminator(torch.cat([real, moved]))
        real_logits, moved_logits = logits[: config.batch_size], logits[config.batch_size :]
        logits = torch.cat([real_logits[:some], fake_logits[:some]])
        penalty = config.gp_weight * (((moved_logits - logits) / config.gp_sigma) ** 2).mean()
        margin = real_logits - fake_logits  # the relativistic loss, TrainingConfig's default
        discriminator_loss = nn.functional.softplus(-margin).mean()
        generator_loss = nn.functional.softplus(real_logits.detach() - fake_logits).mean()

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


class Generator(nn.Module):
    """``models.lstm_generator`` as ``steps.material`` builds it, with its weights."""

    def __init__(self, model: keras.Model) -> None:
        """Copy the Keras ``model``."""
        super().__init__()
        self.lstm = _lstm(model)
        self.output, self.log_scale, self.noise = (
            _linear(model.get_layer(name)) for name in ("output", "log_scale", "noise")
        )
        features = self.output.out_features
        self.first, self.later = (
            nn.BatchNorm1d(features, eps=1e-5, momentum=0.02, affine=False) for _ in range(2)
        )

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Return windows, (batch, time, features)."""
        states = self.lstm(latents)[0]
        output = self.output(torch.cat([states, latents], dim=-1))
        dynamic = latents[:, :, -self.noise.in_features :]
        output = output + self.log_scale(states).exp() * self.noise(dynamic)
        output = output.transpose(1, 2)  # PyTorch's batch normalisation has time last
        parts = [self.first(output[:, :, :1]), self.later(output[:, :, 1:])]
        return torch.cat(parts, dim=-1).transpose(1, 2)


class Discriminator(nn.Module):
    """``models.lstm_discriminator`` as ``steps.material`` builds it, with its weights."""

    def __init__(self, model: keras.Model) -> None:
        """Copy the Keras ``model``."""
        super().__init__()
        self.lstm = _lstm(model)
        self.level, self.logit = (_linear(model.get_layer(name)) for name in ("level", "logit"))
        self.level.requires_grad_(False)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Return logits, (batch, 1)."""
        time = torch.arange(1, windows.shape[1] + 1, device=windows.device)[:, None]
        sums = windows.cumsum(dim=1) / time.sqrt()
        levels = self.level(windows.flatten(1)).reshape(windows.shape)
        states = self.lstm(torch.cat([windows, sums, levels, windows.abs()], dim=-1))[0]
        return self.logit(torch.cat([states.mean(dim=1), states[:, -1]], dim=-1))


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
