"""The ablation as a table: the product with one ingredient taken away, or one put in its place.

``CHANGES`` is all that has to be edited when the recipe changes. A change reaches the product
through the arguments of ``LstmGan``, through the options of ``benchmarks/variants.py``, which
stand in for the recipe's networks, and through the steps of the preconditioner and the structure.
What is ablated is a single pair of networks: with several members a step takes so much longer.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from unittest import mock

import keras
import numpy as np

from benchmarks import variants
from benchmarks.sets import Task
from utils.lstm_gan import LstmGan, Preconditioner, recipe
from utils.lstm_gan.structure import Structure


@dataclasses.dataclass(frozen=True)
class Change:
    """What is other than in the recipe.

    Attributes:
        settings: arguments of ``LstmGan``.
        generator: options of ``variants.window_generator``.
        discriminator: options of ``variants.window_discriminator``.
        left_out: steps before the networks, of ``STEPS``.
    """

    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    generator: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    discriminator: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    left_out: tuple[str, ...] = ()


NOTHING = "nothing"
CHANGES: dict[str, Change] = {
    NOTHING: Change(),
    "start near a row of the data (generated instead)": Change(generator={"start": False}),
    "views of the data and their changes": Change(discriminator={"data": False, "changes": False}),
    "view of the data": Change(discriminator={"data": False}),
    "view of their changes": Change(discriminator={"changes": False}),
    "view of the running sum": Change(discriminator={"sums": False}),
    "view of sizes": Change(discriminator={"sizes": False}),
    "no minibatch statistics (with them instead)": Change(discriminator={"batch": True}),
    "scaled noise": Change(generator={"scaled_noise": False}),
    "static latents": Change({"static": 0, "dynamic": 16}),
    "hidden layer before the output": Change(generator={"mixed": False}),
    "skip": Change(generator={"skip": False}),
    "standardised output": Change(generator={"standardised": False}),
    "relativistic loss (non-saturating instead)": Change({"loss": "non_saturating"}),
    "relativistic loss (least squares instead)": Change({"loss": "least_squares"}),
    "one pair of networks (three instead)": Change({"members": 3}),
    "penalty": Change({"gp_weight": 0.0}),
    "penalty on a quarter only (on all instead)": Change({"gp_fraction": 1.0}),
    "averaged weights": Change({"ema_decay": 0.0}),
    "falling learning rate": Change({"cosine_alpha": 1.0}),
    "powers of columns": Change(left_out=("powers",)),
    "autoregression": Change(left_out=("autoregression",)),
    "powers and autoregression": Change(left_out=("powers", "autoregression")),
    "ladders": Change(left_out=("ladders",)),
}


def ablated(task: Task, seed: int, change: Change) -> tuple[np.ndarray, float]:
    """Return windows in the data's units, (windows, time, features), and the seconds of training.

    A training that fails is not repeated with another seed: that is part of what is measured.

    Raises:
        ValueError: for a change that did nothing on these data.
    """
    with altered(change):
        settings = {"members": 1, "retry": False, "verbose": False} | dict(change.settings)
        gan = LstmGan(task.real.shape[1], seed=seed, **settings)
        gan.fit(task.series)
        return gan.sample(len(task.real), seed=2), gan.seconds_


def _no_power(usual: Callable[..., float], *arguments: Any) -> tuple[float, bool]:
    return 1.0, usual(*arguments) != 1.0


def _no_prediction(
    usual: Callable[..., tuple[np.ndarray, np.ndarray]], *arguments: Any
) -> tuple[tuple[np.ndarray, np.ndarray], bool]:
    _, transition = usual(*arguments)
    after = arguments[1]
    return (after.mean(axis=0), np.zeros_like(transition)), bool(transition.any())


def _no_ladder(usual: Callable[..., list], *arguments: Any) -> tuple[list, bool]:
    return [], bool(usual(*arguments))


# What can be left out before the networks: where it is, and what stands in its place. The latter
# takes the usual function and its arguments, and returns its own result and whether it is another.
STEPS: dict[str, tuple[type, str, Callable[..., tuple[Any, bool]]]] = {
    "powers": (Preconditioner, "_box_cox_exponent", _no_power),
    "autoregression": (Preconditioner, "_autoregression", _no_prediction),
    "ladders": (Structure, "_ladders", _no_ladder),
}


@contextlib.contextmanager
def altered(change: Change) -> Iterator[None]:
    """Have the product trained with a change, as long as the context lasts.

    Raises:
        ValueError: if what is to be changed was not called, or gave what it always gives.
    """
    did: dict[str, bool] = {}

    def network(name: str, options: Mapping[str, Any]) -> Callable[..., keras.Model]:
        usual, variant = getattr(recipe, name), getattr(variants, name)

        def changed(*arguments: Any, **given: Any) -> keras.Model:
            model = variant(*arguments, **given, **options)
            did[name] = _layers(model) != _layers(usual(*arguments, **given))
            return model

        return changed

    def step(name: str) -> tuple[type, str, Any]:
        owner, attribute, other = STEPS[name]
        usual = getattr(owner, attribute)
        in_class = isinstance(vars(owner)[attribute], classmethod)

        def changed(*arguments: Any) -> Any:
            result, is_other = other(usual, *arguments)
            did[name] = did.get(name, False) or is_other
            return result

        # Of a class method, ``usual`` is bound already.
        return owner, attribute, staticmethod(changed) if in_class else changed

    networks = {
        "window_generator": change.generator,
        "window_discriminator": change.discriminator,
    }
    networks = {name: options for name, options in networks.items() if options}
    with contextlib.ExitStack() as stack:
        for name, options in networks.items():
            stack.enter_context(mock.patch.object(recipe, name, network(name, options)))
        for name in change.left_out:
            stack.enter_context(mock.patch.object(*step(name)))
        yield
    if missed := [name for name in (*networks, *change.left_out) if not did.get(name)]:
        raise ValueError(f"The change of {', '.join(missed)} did nothing.")


def _layers(model: keras.Model) -> list[tuple[str, Any]]:
    """Return what tells two networks apart: the kinds of their layers, and what these give."""
    return [(type(layer).__name__, layer.output.shape) for layer in model.layers]
