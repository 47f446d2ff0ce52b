"""The speed benchmark: its forms are one algorithm, its floor is a floor, its report is fresh."""

from __future__ import annotations

import importlib.util
import io
import json
import math
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import speed, steps
from benchmarks.steps import Size
from utils import lstm_gan, runtime
from utils.lstm_gan import recipe

# The module: in its package the name stands for the function of that name.
keras_rnn = sys.modules["keras.src.backend.tensorflow.rnn"]
SMALL = Size(length=5, batch=8, units=8, layers=2, features=3)
TINY = Size(length=2, batch=4, units=2, layers=1, features=2)
STEPS = 3


class Drawn:
    """What a trainer draws at each step, by eager calls of its public ``train_step``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, trainer: lstm_gan.GanTrainer) -> None:
        draws: list[tf.Tensor] = []
        for name in ("stateless_uniform", "stateless_normal"):
            monkeypatch.setattr(tf.random, name, self.recorder(getattr(tf.random, name), draws))
        inputs: list[tf.Tensor] = []
        monkeypatch.setattr(trainer, "_draw_latents", self.recorder(trainer._draw_latents, inputs))
        self.losses, self.arrays = [], []
        for step in range(STEPS):
            draws.clear()
            losses = trainer.train_step(tf.constant(step, tf.int64))
            self.losses.append([float(loss) for loss in losses])
            chosen, noise = draws[0], draws[-1]  # between them are the generator's inputs
            self.arrays.append((tf.gather(trainer.real, chosen), inputs[-1], noise))

    @staticmethod
    def recorder(function, draws):
        def recording(*args, **options):
            draws.append(function(*args, **options))
            return draws[-1]

        return recording


@pytest.fixture
def drawn(monkeypatch) -> Drawn:
    drawn = Drawn(monkeypatch, steps.trainer(SMALL))
    first, last = drawn.losses[0], drawn.losses[-1]
    assert np.abs(np.subtract(first, last)).min() > 1e-4  # the updates can be seen in the losses
    return drawn


# --- The recipe's networks ----------------------------------------------------------------------


def layout(model: keras.Model) -> list[tuple[str, dict]]:
    """Return the layers of a model: names, kinds and settings, but for what a seed decides."""
    found = []
    for layer in model.layers:
        settings = layer.get_config()
        chosen = {name: value for name, value in settings.items() if "initializer" not in name}
        chosen.pop("build_config", None)
        found.append((type(layer).__name__, json.loads(json.dumps(chosen, default=str))))
    return found


def test_what_is_timed_are_the_recipes_networks(monkeypatch):
    # Whoever changes the recipe changes ``steps.material``, and with it the other forms.
    monkeypatch.setattr(runtime, "on_gpu", lambda: True)  # loops are built sooner
    size = Size()
    keras.backend.clear_session()
    *ours, _, config, preconditioner = steps.material(size, fused=True)
    assert preconditioner.components == size.features
    keras.backend.clear_session()
    theirs = (
        recipe.build_generator(size.length, size.features, config),
        recipe.build_discriminator(preconditioner, size.length, config),
    )
    for mine, built in zip(ours, theirs, strict=True):
        assert layout(mine) == layout(built)


# --- One algorithm ------------------------------------------------------------------------------


def test_the_naive_step_computes_our_losses(drawn):
    gan = steps.NaiveGan(*steps.material(SMALL, fused=True))
    losses = [[float(loss) for loss in gan.step(*arrays)] for arrays in drawn.arrays]
    np.testing.assert_allclose(losses, drawn.losses, rtol=2e-5)


def test_fit_computes_our_losses_and_runs_no_more_steps_than_asked(drawn, monkeypatch):
    real, latents, noise = (tf.stack(arrays) for arrays in zip(*drawn.arrays, strict=True))
    material = steps.material(SMALL, fused=True)
    generator = material.generator
    material = material._replace(windows=tf.concat(list(real), axis=0).numpy())
    monkeypatch.setattr(steps, "material", lambda size, fused: material)
    monkeypatch.setattr(tf.data.Dataset, "shuffle", lambda samples, buffer: samples)

    class Recorded(steps.LstmGanModel):
        def draw(self, _):
            return [tf.gather(of_all, self.d_optimizer.iterations) for of_all in (latents, noise)]

        def fit(self, *args, **options):
            history.update(super().fit(*args, **options).history)
            iterations.append(int(self.g_optimizer.iterations))
            means.append(self.ema_generator.get_weights())

    history, iterations, means = {}, [], []
    monkeypatch.setattr(steps, "LstmGanModel", Recorded)
    start = generator.get_weights()
    steps.fit(SMALL)(STEPS)
    assert iterations == [STEPS]
    last = [history[name][-1] for name in ("d_loss", "g_loss")]
    np.testing.assert_allclose(last, drawn.losses[-1], rtol=2e-5)
    for mean, before in zip(means[0], start, strict=True):
        assert np.abs(mean - before).max() > 0


def test_the_torch_step_computes_our_losses(drawn):
    torch = pytest.importorskip("torch", reason="requirements-bench.txt is not installed")
    from benchmarks.steps_torch import TorchGan

    gan = TorchGan(*steps.material(SMALL))
    losses = []
    for arrays in drawn.arrays:
        tensors = [torch.tensor(array.numpy()) for array in arrays]
        losses.append([float(loss) for loss in gan.step(*tensors)])
    np.testing.assert_allclose(losses, drawn.losses, rtol=2e-5)


@pytest.mark.parametrize("form", [form for form in steps.FORMS if form != steps.FIT])
def test_every_other_form_runs_many_steps(form):
    if form == steps.TORCH and importlib.util.find_spec("torch") is None:
        pytest.skip("requirements-bench.txt is not installed")
    steps.FORMS[form](SMALL if form == "products alone" else TINY)(2)


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
    trainer = steps.trainer(size)
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
    function = traced(steps.trainer(SMALL))
    graph = function.graph.as_graph_def()
    functions = [function.function_def, *graph.library.function]
    kinds = {node.op for inner in functions for node in inner.node_def}
    assert {"While", "StatelessWhile"} & kinds
    assert not {"PyFunc", "PyFuncStateless", "EagerPyFunc"} & kinds
    # XLA has no cuDNN kernel.
    assert not any("_XlaMustCompile" in inner.attr for inner in functions)


def test_a_gpu_would_run_every_pass_by_cudnn(monkeypatch):
    monkeypatch.setattr(keras_rnn, "_is_gpu_available", lambda: True)
    trainer = steps.trainer(SMALL, fused=True)
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


def test_a_form_measured_apart_stands_beside_ours_of_its_own_run(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(speed, "FOLDER", tmp_path)
    with pytest.raises(SystemExit):
        speed.main(["--only", steps.FIT])
    assert "measure everything first" in capsys.readouterr().err
    (tmp_path / "speed.json").write_text(json.dumps(made_up()), encoding="utf-8")

    def measure_apart(form: str, quick: bool) -> dict:
        # On a day when everything takes three times as long.
        step = race(**{steps.OURS: 3.0, form: 5.25})
        later = {"rounds": 7, "step": {"one core": step, "all cores": step}}
        return made_up() | later | {"load": {"least": 0.2, "most": 0.3}}

    monkeypatch.setattr(speed, "measure_apart", measure_apart)
    assert speed.main(["--only", steps.NAIVE]) == 0
    assert speed.main(["--only", steps.FIT]) == 0
    assert not (tmp_path / "speed.png").exists()
    stored = json.loads((tmp_path / "speed.json").read_text(encoding="utf-8"))
    assert {name: stored[name] for name in made_up()} == made_up()
    text = (tmp_path / "speed.md").read_text(encoding="utf-8")
    assert text.count("| Keras fit † | 105.0 | 52.5–210.0 | 1.75 |") == 2
    assert "There a step of ours took 60.0 ms (one core) and 60.0 ms (all cores)" in text
    assert "Load average 0.2 to 0.3." in text
    assert (
        "one core: naive Keras takes 1.75 times as long as ours (at least 15): not reached" in text
    )


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
    for cores in stored["step"]:
        pairs = speed.beside_ours(stored, cores)
        assert set(pairs) == set(steps.FORMS)
        assert all(len(times["milliseconds"]) >= 5 for pair in pairs.values() for times in pair)
    assert {name: tuple(map(int, sizes)) for name, sizes in stored["growth"].items()} == (
        speed.GROWTH
    )
    runs = [stored, *stored.get("apart", {}).values()]
    times = [
        value
        for run in runs
        for race in run["step"].values()
        for f in race.values()
        for value in f["milliseconds"]
    ]
    assert all(math.isfinite(value) and value > 0 for value in times)
