"""The speed benchmark: its forms are one algorithm, its floor is a floor, its report is fresh."""

from __future__ import annotations

import importlib.util
import io
import json
import math
import sys

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import speed, steps
from benchmarks.steps import Size
from utils import lstm_gan

# The module: in its package the name stands for the function of that name.
keras_rnn = sys.modules["keras.src.backend.tensorflow.rnn"]
SMALL = Size(length=5, batch=8, units=8, layers=2, features=3)
STEPS = 3


class Drawn:
    """What a trainer draws at each step, by eager calls of its public ``train_step``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, trainer: lstm_gan.GanTrainer) -> None:
        draws: list[tf.Tensor] = []
        for name in ("stateless_uniform", "stateless_normal"):
            monkeypatch.setattr(tf.random, name, self.recorder(getattr(tf.random, name), draws))
        self.losses, self.arrays = [], []
        for step in range(STEPS):
            draws.clear()
            losses = trainer.train_step(tf.constant(step, tf.int64))
            self.losses.append([float(loss) for loss in losses])
            chosen, fixed, fresh, noise = draws
            latents = tf.concat([tf.repeat(fixed, fresh.shape[1], axis=1), fresh], axis=-1)
            self.arrays.append((tf.gather(trainer.real, chosen), latents, noise))

    @staticmethod
    def recorder(function, draws):
        def recording(*args, **options):
            draws.append(function(*args, **options))
            return draws[-1]

        return recording


@pytest.fixture
def drawn(monkeypatch) -> Drawn:
    drawn = Drawn(monkeypatch, lstm_gan.GanTrainer(*steps.material(SMALL)))
    first, last = drawn.losses[0], drawn.losses[-1]
    assert np.abs(np.subtract(first, last)).min() > 1e-4  # the updates can be seen in the losses
    return drawn


# --- One algorithm ------------------------------------------------------------------------------


@pytest.mark.parametrize("fused", [False, True])
def test_the_naive_step_computes_our_losses(drawn, fused):
    gan = steps.NaiveGan(*steps.material(SMALL, fused=fused))
    losses = [[float(loss) for loss in gan.step(*arrays)] for arrays in drawn.arrays]
    np.testing.assert_allclose(losses, drawn.losses, rtol=2e-5)


def test_the_torch_step_computes_our_losses(drawn):
    torch = pytest.importorskip("torch", reason="requirements-bench.txt is not installed")
    from benchmarks.steps_torch import TorchGan

    gan = TorchGan(*steps.material(SMALL))
    losses = []
    for arrays in drawn.arrays:
        tensors = [torch.tensor(array.numpy()) for array in arrays]
        losses.append([float(loss) for loss in gan.step(*tensors)])
    np.testing.assert_allclose(losses, drawn.losses, rtol=2e-5)


@pytest.mark.parametrize("form", steps.FORMS)
def test_every_form_runs_many_steps(form):
    if form == steps.TORCH and importlib.util.find_spec("torch") is None:
        pytest.skip("requirements-bench.txt is not installed")
    steps.FORMS[form](SMALL)(2)


# --- The floor ----------------------------------------------------------------------------------


def multiplications(function: tf.types.experimental.ConcreteFunction) -> int:
    """Return the multiplications in the matrix products of a traced function.

    Operations whose result nobody needs are not counted: TensorFlow removes them before it runs.
    """
    graph = function.graph
    waiting = [output.op for output in graph.outputs] + list(graph.control_outputs)
    needed = set()
    while waiting:
        operation = waiting.pop()
        if operation not in needed:
            needed.add(operation)
            waiting += [tensor.op for tensor in operation.inputs] + operation.control_inputs
    found = 0
    for operation in needed:
        if operation.type == "MatMul":
            height, width = operation.outputs[0].shape
            inner = operation.inputs[0].shape[0 if operation.get_attr("transpose_a") else 1]
            found += height * inner * width
    return found


def test_the_floor_multiplies_no_more_than_our_step_and_hardly_less():
    size = Size(length=12)
    trainer = lstm_gan.GanTrainer(*steps.material(size))
    step = tf.function(trainer.train_step).get_concrete_function(tf.constant(0, tf.int64))
    states, weights = steps.operands(size)
    floor = tf.function(lambda: steps.multiply(states, weights, size.length))
    share = multiplications(floor.get_concrete_function()) / multiplications(step)
    # Ours sends the generated windows' gradient back through the discriminator once for each loss.
    assert 0.85 < share <= 1


def test_the_floors_numbers_neither_grow_nor_vanish():
    states, weights = steps.operands(SMALL)
    last, gradients = steps.multiply(states, weights, SMALL.length)
    for state, end in zip(states, last, strict=True):
        np.testing.assert_allclose(end, state, atol=1e-4)
    assert all(np.abs(gradient).max() > 0.1 for gradient in gradients)


# --- On a GPU, by construction ------------------------------------------------------------------


def traced(trainer: lstm_gan.GanTrainer) -> tf.types.experimental.ConcreteFunction:
    """Return the trainer's loop over many steps, as it is compiled."""
    return trainer._run.get_concrete_function(tf.constant(1))


def test_many_steps_are_one_call_without_a_way_back_to_python():
    function = traced(lstm_gan.GanTrainer(*steps.material(SMALL)))
    graph = function.graph.as_graph_def()
    functions = [function.function_def, *graph.library.function]
    kinds = {node.op for inner in functions for node in inner.node_def}
    assert {"While", "StatelessWhile"} & kinds
    assert not {"PyFunc", "PyFuncStateless", "EagerPyFunc"} & kinds
    # XLA has no cuDNN kernel.
    assert not any("_XlaMustCompile" in inner.attr for inner in functions)


def test_a_gpu_would_run_every_pass_by_cudnn(monkeypatch):
    monkeypatch.setattr(keras_rnn, "_is_gpu_available", lambda: True)
    trainer = lstm_gan.GanTrainer(*steps.material(SMALL, fused=True))
    assert lstm_gan.cudnn_eligible(trainer.generator)
    assert lstm_gan.cudnn_eligible(trainer.discriminator)
    assert lstm_gan.cudnn_kernels(traced(trainer)) == SMALL.layers * len(
        steps.passes(trainer.config)
    )


# --- Workers and report -------------------------------------------------------------------------


def test_a_worker_answers_each_question_then_its_memory():
    answers = io.StringIO()
    speed.serve(speed.Order(steps.PRODUCTS, SMALL), io.StringIO("1\n3\n"), answers)
    *times, memory = [json.loads(line) for line in answers.getvalue().splitlines()]
    assert len(times) == 3
    assert all(answer["seconds"] > 0 for answer in times)
    assert memory["peak"] >= memory["libraries"] > 50


def test_a_worker_that_dies_is_reported(monkeypatch):
    monkeypatch.setattr(speed.sys, "executable", "false")
    with (
        speed.Worker(speed.Order(steps.OURS, SMALL)) as worker,
        pytest.raises(RuntimeError, match="exit status 1"),
    ):
        worker.ready()


def race(**factors: float) -> dict:
    """Return made-up results: each form's time over ours, in three rounds of unequal speed."""
    return {
        form: {
            "milliseconds": [10.0 * factor, 40.0 * factor, 20.0 * factor],
            "first_call_seconds": 2.0,
            "peak_mb": 1234,
            "libraries_mb": 456,
        }
        for form, factor in factors.items()
    }


def made_up(torch: float = 2.0) -> dict:
    """Return results as ``measure`` does."""
    forms = {steps.OURS: 1.0, steps.TORCH: torch, steps.NAIVE: 20.0, steps.PRODUCTS: 0.5}
    return {
        "machine": "a processor, 2 cores",
        "versions": {"Python": "3.11.7"},
        "size": vars(Size()),
        "rounds": 3,
        "step": {"one core": race(**forms), "all cores": race(**forms)},
        "threads": race(**{"0 × 0": 1.0, "1 × 1": 1.5}),
        "side_by_side": [[25.0, 25.0, 25.0], [50.0, 50.0, 50.0]],
        "growth": {
            name: {str(value): race(**forms) for value in values}
            for name, values in speed.GROWTH.items()
        },
        "load": {"least": 0.1, "most": 0.9},
    }


def test_the_report_states_each_goal_and_whether_it_is_reached():
    text = speed.markdown(made_up())
    assert "- one core: PyTorch takes 2.00 times as long as ours (at least 1.5): reached." in text
    assert "ours takes 2.00 times the products alone (at most 2.5): reached." in text
    assert "60.0 for two runs at once, a core each" in text
    slow = speed.markdown(made_up(torch=1.4))
    assert "PyTorch takes 1.40 times as long as ours (at least 1.5): not reached." in slow


def test_a_run_writes_three_files_and_quick_none(monkeypatch, tmp_path):
    monkeypatch.setattr(speed, "FOLDER", tmp_path)
    monkeypatch.setattr(speed, "measure", lambda quick: made_up())
    assert speed.main(["--quick"]) == 0
    assert not list(tmp_path.iterdir())
    assert speed.main([]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"speed.json", "speed.md", "speed.png"}
    assert json.loads((tmp_path / "speed.json").read_text(encoding="utf-8")) == made_up()


def test_the_stored_report_is_of_the_stored_results():
    if not (speed.FOLDER / "speed.json").exists():
        pytest.skip("make bench has not been run")
    stored = json.loads((speed.FOLDER / "speed.json").read_text(encoding="utf-8"))
    assert (speed.FOLDER / "speed.md").read_text(encoding="utf-8") == speed.markdown(stored)
    for forms in stored["step"].values():
        assert set(forms) == set(steps.FORMS)
        assert all(len(form["milliseconds"]) >= 5 for form in forms.values())
    assert {name: tuple(map(int, sizes)) for name, sizes in stored["growth"].items()} == (
        speed.GROWTH
    )
    times = [
        value
        for race in stored["step"].values()
        for f in race.values()
        for value in f["milliseconds"]
    ]
    assert all(math.isfinite(value) and value > 0 for value in times)
