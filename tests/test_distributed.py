"""More than one device: the same weights as with one, what a lost worker costs, what is refused."""

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from utils import lstm_gan, train
from utils.lessons import workers
from utils.lessons.workers import launch, sines_trainer
from utils.lstm_gan import LOST, GanTrainer, read_tf_config, tf_config

SIZE = {"steps": 8, "batch_size": 16, "units": 8, "window": 6}
WORKER = [
    "-m",
    "utils.lessons.workers",
    *(f"--{key.replace('_', '-')}={value}" for key, value in SIZE.items()),
]
WORKER += ["--every=4"]
# No loss depends on these: it compares logits with logits, so that their common shift cancels, and
# standardising takes out what is added to all of a generator's outputs. Their gradients are
# rounding errors, which Adam makes as large as any other. (Samples depend on them a little: there
# a running mean, which lags behind the bias, stands in for the batch's.)
IDLE = ("logit/bias", "output/bias", "moving_mean")


def weights(trainer, idle=False):
    models = (trainer.generator, trainer.discriminator, trainer.ema_generator)
    return {
        f"{number} {weight.path}": weight.numpy()
        for number, model in enumerate(models)
        for weight in model.weights
        if idle or not weight.path.endswith(IDLE)
    }


def furthest(a, b, idle=False):
    """Return the largest difference between two trainers' weights."""
    a, b = weights(a, idle), weights(b, idle)
    assert a.keys() == b.keys()
    return max(np.abs(a[name] - b[name]).max() for name in a)


def restored(folder):
    """Return a trainer without any strategy that takes up the last checkpoint in ``folder``."""
    trainer = sines_trainer(**SIZE)
    trainer.resume(folder)
    return trainer


@pytest.fixture(scope="module")
def alone():
    trainer = sines_trainer(**SIZE)
    untrained = trainer.generator.get_weights()
    trainer.train()
    moved = max(
        np.abs(a - b).max() for a, b in zip(untrained, trainer.generator.get_weights(), strict=True)
    )
    assert moved > 1e-3  # a hundred times what the comparisons below allow
    return trainer


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """The folder of two workers who trained to the end."""
    folder = tmp_path_factory.mktemp("together")
    ended = launch([*WORKER, "--count", str(folder)])
    assert [worker.status for worker in ended] == [0, 0], ended
    assert "worker 1: 2 replicas, step 8" in ended[1].output
    return folder


# --- the same weights ---------------------------------------------------------------------------


def test_two_replicas_give_the_weights_of_one(alone, tmp_path):
    command = [sys.executable, *WORKER, "--strategy=mirrored", str(tmp_path)]
    run = subprocess.run(command, cwd=workers.ROOT, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert "2 replicas, step 8" in run.stdout
    two = restored(tmp_path)
    assert two.step == 8
    assert furthest(alone, two) < 1e-5
    np.testing.assert_allclose(two.sample(5), alone.sample(5), atol=1e-3)
    np.testing.assert_allclose(two.history["generator"], alone.history["generator"], atol=1e-5)


def test_two_workers_give_the_weights_of_one(alone, together):
    two = restored(together)
    assert two.step == 8
    assert furthest(alone, two) < 1e-5
    np.testing.assert_allclose(two.sample(5), alone.sample(5), atol=1e-3)
    for key in ("discriminator", "generator"):
        np.testing.assert_allclose(two.history[key], alone.history[key], atol=1e-5)
    for index in range(2):
        times = json.loads((together / f"worker-{index}.json").read_text())
        assert len(times["step"]) == 8
        assert min(times["reduce"]) > 0
        # Two of gradients, one of losses, seven for each of the two layers that standardise.
        assert times["reduces"] == 17


def test_of_a_gan_without_idle_weights_every_weight_is_the_same(tmp_path):
    ended = launch([*WORKER, "--plain", str(tmp_path)])
    assert [worker.status for worker in ended] == [0, 0], ended
    alone, two = (sines_trainer(**SIZE, plain=True) for _ in range(2))
    alone.train()
    two.resume(tmp_path)
    assert two.step == alone.step == 8
    assert furthest(alone, two, idle=True) < 1e-5


def test_a_killed_worker_and_a_resumed_run_end_at_the_same_bits(together, tmp_path):
    ended = launch([*WORKER, "--kill=6", str(tmp_path)])
    assert ended[1].status == -signal.SIGKILL, ended
    assert ended[0].status in (LOST, -signal.SIGKILL), ended  # it noticed, or waited in vain
    if ended[0].status == LOST:
        assert "Another worker is gone" in ended[0].output.splitlines()[-1]
        assert "Traceback" not in ended[0].output
    assert restored(tmp_path).step == 4
    ended = launch([*WORKER, "--resume", str(tmp_path)])
    assert [worker.status for worker in ended] == [0, 0], ended
    assert "worker 1: going on from step 4" in ended[1].output
    assert furthest(restored(tmp_path), restored(together), idle=True) == 0
    assert restored(tmp_path).history == restored(together).history


def test_the_command_line_trains_with_two_workers(tmp_path):
    rng = np.random.default_rng(0)
    pd.DataFrame({"x": rng.normal(size=30).cumsum(), "y": rng.normal(size=30)}).to_csv(
        tmp_path / "mine.csv", index=False
    )
    options = [f"--csv={tmp_path / 'mine.csv'}", "--window=4", "--steps=2", "--profile=quick"]
    together, alone = tmp_path / "together", tmp_path / "alone"
    ended = launch(["-m", "utils.train", *options, "--strategy=multiworker", f"--out={together}"])
    assert [worker.status for worker in ended] == [0, 0], ended
    assert "Strategy multiworker: 2 replicas." in ended[0].output
    assert "Trained. Worker 0 scores" in ended[1].output
    assert train.main([*options, f"--out={alone}"]) == 0
    first, again = (pd.read_csv(folder / "history.csv") for folder in (alone, together))
    np.testing.assert_allclose(first, again, atol=1e-5)
    first, again = (np.load(folder / "samples.npz")["samples"] for folder in (alone, together))
    np.testing.assert_allclose(first, again, atol=1e-3)
    assert (together / "config.json").read_bytes() == (alone / "config.json").read_bytes()


# --- local workers ------------------------------------------------------------------------------

PRINT_INDEX = (
    "import json, os, sys, time; "
    "index = json.loads(os.environ['TF_CONFIG'])['task']['index']; print('I am', index); "
)


def test_each_worker_learns_its_place_and_is_heard():
    ended = launch(["-c", PRINT_INDEX], workers=3)
    assert [worker.output.strip() for worker in ended] == ["I am 0", "I am 1", "I am 2"]
    assert [worker.status for worker in ended] == [0, 0, 0]


def test_one_that_fails_ends_the_others():
    start = time.monotonic()
    ended = launch(["-c", PRINT_INDEX + "sys.exit(7) if index else time.sleep(60)"], grace=0.2)
    assert [worker.status for worker in ended] == [-signal.SIGKILL, 7]
    assert ended[0].output.splitlines()[-1].endswith("it still ran after another had failed)")
    assert "killed" not in ended[1].output
    assert time.monotonic() - start < 30


def test_workers_that_take_too_long_are_ended():
    start = time.monotonic()
    ended = launch(["-c", "import time; time.sleep(60)"], timeout=0.5)
    assert [worker.status for worker in ended] == [-signal.SIGKILL] * 2
    assert all(worker.output.endswith("it still ran after 0.5 s)\n") for worker in ended)
    assert time.monotonic() - start < 30


def test_an_interrupt_leaves_no_worker_behind(monkeypatch):
    started = []
    popen = subprocess.Popen

    def noted(*args, **options):
        started.append(popen(*args, **options))
        return started[-1]

    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(workers.subprocess, "Popen", noted)
    monkeypatch.setattr(workers.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        launch(["-c", "import time; time.sleep(60)"])
    assert [process.returncode for process in started] == [-signal.SIGKILL] * 2


def test_free_addresses_differ():
    addresses = workers.free_addresses(20)
    assert len(set(addresses)) == 20
    assert read_tf_config(tf_config(addresses, 19)).index == 19


# --- what is refused ----------------------------------------------------------------------------

TWO = ["a:1", "b:2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "TF_CONFIG is not set; expected the cluster"),
        ("", "TF_CONFIG is not set"),
        ("{'cluster'", "TF_CONFIG is no JSON"),
        ("[]", "names no cluster of workers"),
        ('{"cluster": {"worker": []}}', "names no cluster of workers"),
        ('{"cluster": {"ps": ["a:1"], "worker": ["b:1"]}}', "and no other jobs"),
        (tf_config(["a:1", "b"], 0), "the address 'b'; expected 'host:port'"),
        (tf_config(["a:1", "b:70000"], 0), "the address 'b:70000'"),
        (tf_config(["a:1", 3], 0), "the address 3"),
        (tf_config(["a:1", "a:1"], 0), "an address twice"),
        (tf_config(TWO, 2), "an index from 0 to 1"),
        (tf_config(TWO, -1), "an index from 0 to 1"),
        (tf_config(TWO, True), "an index from 0 to 1"),
        (tf_config(TWO, 0).replace('"task"', '"tusk"'), "has the task None"),
        (tf_config(TWO, 0).replace('"type": "worker"', '"type": "chief"'), "the type 'worker'"),
    ],
)
def test_a_bad_tf_config_is_refused_in_one_sentence(text, message, monkeypatch, capsys, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_tf_config(text)
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    out = tmp_path / "out"
    assert train.main(["--strategy=multiworker", "--profile=quick", f"--out={out}"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: TF_CONFIG")
    assert error.count("\n") == 1
    assert not out.exists()
    assert workers.main([str(out)]) == 2


def test_a_good_tf_config_is_read():
    cluster = read_tf_config(tf_config(["10.0.0.1:2222", "[::1]:80"], 1))
    assert cluster.workers == ("10.0.0.1:2222", "[::1]:80")
    assert cluster.index == 1


def test_a_batch_that_cannot_be_shared_out_evenly_is_refused():
    trainer = sines_trainer(**SIZE)
    models = (trainer.generator, trainer.discriminator, np.zeros((9, 6, 5)), trainer.config)
    for replicas, rows in ((3, 16), (8, 4)):
        with pytest.raises(ValueError, match=f"{rows} rows .* evenly among {replicas} replicas"):
            GanTrainer(*models, SimpleNamespace(num_replicas_in_sync=replicas))


def test_a_worker_at_another_step_is_refused():
    trainer = sines_trainer(**SIZE)
    steps = (0.0, 4.0)  # worker 1 found a checkpoint, this one none
    trainer.strategy = SimpleNamespace(
        run=lambda function: function(),
        reduce=lambda operation, value, axis: tf.fill([1], sum(steps) / 2),
    )
    with pytest.raises(ValueError, match="at step 0, the mean of all is 2; expected a folder"):
        trainer.train()
    assert trainer.step == 0


def test_an_unknown_strategy_and_a_late_one_are_refused():
    with pytest.raises(ValueError, match="no strategy 'parameter'; expected one of default"):
        lstm_gan.get_strategy("parameter")
    assert lstm_gan.get_strategy("default") is None
    tf.constant(1.0) + 1  # now TensorFlow is in use
    with pytest.raises(ValueError, match="before TensorFlow computes anything"):
        lstm_gan.split_cpu(5)
    os.environ["TF_CONFIG"] = tf_config(workers.free_addresses(2), 0)
    try:
        with pytest.raises(ValueError, match="could not be connected"):
            lstm_gan.get_strategy("multiworker")
    finally:
        del os.environ["TF_CONFIG"]
