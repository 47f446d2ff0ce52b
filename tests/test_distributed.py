"""More than one device: the same weights as with one, what a lost worker costs, what is refused."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from utils import lstm_gan, train
from utils.lessons import workers
from utils.lessons.workers import free_addresses, launch, sines_trainer
from utils.lstm_gan import LOST, GanTrainer, read_tf_config, strategies, tf_config
from utils.lstm_gan.rendezvous import check_same_run, meet
from utils.lstm_gan.strategies import slurm_cluster

SIZE = {"steps": 8, "batch_size": 16, "units": 8, "window": 6}
WORKER = [
    "-m",
    "utils.lessons.workers",
    *(f"--{key.replace('_', '-')}={value}" for key, value in SIZE.items()),
]
WORKER += ["--every=4"]
# Starting a process and tracing a step take most of the time: two workers do all that they can.
TRAIN_THEN_GO_ON = """
import sys
import tensorflow as tf
from utils.lessons import workers
tf.config.threading.set_intra_op_parallelism_threads(1)  # as the killed run's: the same bits
tf.config.threading.set_inter_op_parallelism_threads(1)
*command, killed = sys.argv[1:]
new, made = workers.sines_trainer, []
workers.sines_trainer = lambda *args, **options: made.append(new(*args, **options)) or made[-1]
if workers.main(command):
    sys.exit("it failed")
print("going on from step", made[0].resume(killed))
made[0].train(folder=killed, checkpoint_every=4)
"""
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


def trained_alone(plain=False):
    trainer = sines_trainer(**SIZE, plain=plain)
    untrained = trainer.generator.get_weights()
    trainer.train()
    moved = max(
        np.abs(a - b).max() for a, b in zip(untrained, trainer.generator.get_weights(), strict=True)
    )
    assert moved > 1e-3  # a hundred times what the comparisons below allow
    return trainer


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The folder of two workers of which one died after step 6."""
    folder = tmp_path_factory.mktemp("killed")
    ended = launch([*WORKER, "--kill=6", str(folder)])
    assert ended[1].status == -signal.SIGKILL, ended
    assert ended[0].status in (LOST, -signal.SIGKILL), ended  # it noticed, or waited in vain
    if ended[0].status == LOST:
        assert "Another worker is gone" in ended[0].output.splitlines()[-1]
        assert "Traceback" not in ended[0].output
    assert restored(folder).step == 4
    return folder


@pytest.fixture(scope="module")
def together(tmp_path_factory, killed):
    """The folder of two workers who trained to the end, and then went on with the killed run."""
    folder = tmp_path_factory.mktemp("together")
    ended = launch(["-c", TRAIN_THEN_GO_ON, *WORKER[2:], str(folder), str(killed)])
    assert [worker.status for worker in ended] == [0, 0], ended
    assert "worker 1: 2 replicas, step 8" in ended[1].output
    assert "going on from step 4" in ended[1].output
    return folder


# --- the same weights ---------------------------------------------------------------------------


def test_two_replicas_give_every_weight_of_one(tmp_path):
    """Of a GAN without idle weights."""
    command = [sys.executable, *WORKER, "--plain", "--strategy=mirrored", str(tmp_path)]
    run = subprocess.run(command, cwd=workers.ROOT, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert "2 replicas, step 8" in run.stdout
    alone, two = trained_alone(plain=True), sines_trainer(**SIZE, plain=True)
    two.resume(tmp_path)
    assert two.step == alone.step == 8
    assert furthest(alone, two, idle=True) < 1e-5
    np.testing.assert_allclose(two.sample(5), alone.sample(5), atol=1e-5)
    np.testing.assert_allclose(two.history["generator"], alone.history["generator"], atol=1e-5)


def test_two_workers_give_the_weights_of_one(together):
    alone, two = trained_alone(), restored(together)
    assert two.step == 8
    assert furthest(alone, two) < 1e-5
    np.testing.assert_allclose(two.sample(5), alone.sample(5), atol=1e-3)
    for key in ("discriminator", "generator"):
        np.testing.assert_allclose(two.history[key], alone.history[key], atol=1e-5)
    for index in range(2):
        times = json.loads((together / f"worker-{index}.json").read_text())
        assert len(times["step"]) == 8


def test_a_killed_worker_and_a_resumed_run_end_at_the_same_bits(together, killed):
    resumed, whole = restored(killed), restored(together)
    assert resumed.step == 8
    assert furthest(resumed, whole, idle=True) == 0
    assert resumed.history == whole.history


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
    first, again = (
        json.loads((folder / "config.json").read_text()) for folder in (alone, together)
    )
    # The weights are equal up to rounding, and their hashes are not.
    for config in (first, again):
        assert len(config.pop("weights_sha256")) == 64
    assert first == again


# --- meeting before TensorFlow starts -----------------------------------------------------------


def meet_all(places, wait=5.0):
    """Let workers of one process meet; return what each was refused with, "" where it was not.

    ``places`` holds (workers, index, identity) of each.
    """
    said = {}

    def one(number):
        try:
            meet(*places[number], wait)
            said[number] = ""
        except ValueError as error:
            said[number] = str(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(len(places))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [said[number] for number in range(len(places))]


def test_workers_meet_and_leave_their_ports_free():
    addresses = free_addresses(5)
    same = {"training": {"seed": 1, "layers": (2, 3)}, "data": {"columns": ["ä", "b"]}}
    places = [(addresses, index, same) for index in range(5)]
    assert meet_all(places) == [""] * 5
    assert meet_all(places) == [""] * 5  # again, so the ports were free


def test_all_workers_are_told_who_differs_and_where():
    addresses = free_addresses(3)
    places = [(addresses, index, {"training": {"seed": 1 + index // 2}}) for index in range(3)]
    said = meet_all(places)
    assert len(set(said)) == 1
    assert said[0] == (
        "Worker 2 differs from worker 0 in training.seed: 2, not 1; all workers must be started "
        "with the same command and versions."
    )


@pytest.mark.parametrize(
    ("one", "other", "field"),
    [
        ({"data": {"rows": 3}}, {"data": {"rows": 4}}, "data.rows: 4, not 3"),
        ({"a": 1}, {}, "a: None, not 1"),
        ({}, {"a": {"b": 1}}, "a.b: 1, not None"),
        ({"a": {"b": "x" * 999}}, {"a": {"b": "y" * 999}}, "a.b: 'yyy"),
    ],
)
def test_the_field_that_differs_is_named(one, other, field):
    with pytest.raises(ValueError, match=f"Worker 1 differs from worker 0 in {field}") as error:
        check_same_run([one, other])
    assert len(str(error.value)) < 400
    check_same_run([one, one])


def test_a_worker_with_another_place_or_list_is_refused():
    addresses = free_addresses(3)
    # The second machine was told the first one's place, so that it listens at its own address.
    said = meet_all([(addresses[:2], 0, {}), (addresses[1:], 0, {})], wait=2)
    assert said[0] == (
        f"{addresses[1]} says that it is worker 0, not worker 1; expected each worker to be told "
        "its own place in the same list."
    )
    said = meet_all([(addresses[:2], 0, {}), (addresses, 1, {})])
    assert all("has another list of workers" in each for each in said)


def test_a_missing_worker_is_named_at_once_and_in_the_end(capsys):
    addresses = free_addresses(2)
    assert meet_all([(addresses, 0, {})], wait=0.6) == [
        f"After 0.6 s there is no answer from {addresses[1]} (worker 1); expected it started with "
        "the same command, at this address and port, and no firewall between."
    ]
    assert capsys.readouterr().out == f"worker 0 of 2: waiting for {addresses[1]} (worker 1) …\n"


def test_strangers_and_ports_in_use_do_no_harm():
    addresses = free_addresses(2)
    with socket.create_server(("127.0.0.1", int(addresses[1].rpartition(":")[2]))) as other:
        assert "This worker cannot listen" in meet_all([(addresses, 1, {})])[0]

        def babble():  # as a TensorFlow of another run would
            with contextlib.suppress(OSError):
                while True:
                    other.accept()[0].sendall(b"[" * 100_000 + b"\n")

        threading.Thread(target=babble, daemon=True).start()
        assert "no answer" in meet_all([(addresses, 0, {})], wait=0.6)[0]
        other.shutdown(socket.SHUT_RDWR)
    addresses = free_addresses(2)
    places = [(addresses, index, {}) for index in range(2)]
    speaking = threading.Thread(target=lambda: said.extend(meet_all(places[:1])))
    said = []
    speaking.start()
    time.sleep(0.3)
    for words in (b"GET / HTTP/1.1\n", b'{"index": 7}\n', b""):
        with socket.create_connection(("127.0.0.1", int(addresses[0].rpartition(":")[2]))) as line:
            line.sendall(words)
    assert meet_all(places[1:]) == [""]
    speaking.join()
    assert said == [""]


def test_workers_with_other_options_end_before_anything_is_written(tmp_path):
    start = (
        "import json, os, sys; from utils.lessons import workers; "
        "seed = json.loads(os.environ['TF_CONFIG'])['task']['index'] + 1; "
        f"sys.exit(workers.main([f'--seed={{seed}}', {str(tmp_path / 'new')!r}]))"
    )
    ended = launch(["-c", start])
    assert [worker.status for worker in ended] == [2, 2], ended
    for worker in ended:
        assert "error: Worker 1 differs from worker 0 in options.seed: 2, not 1;" in worker.output
        assert "Traceback" not in worker.output
    assert list(tmp_path.iterdir()) == []


def test_a_worker_alone_ends_by_ctrl_c_and_by_term(tmp_path):
    start = (  # where the tests run in the background, a child would ignore Ctrl-C
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        f"from utils.lessons import workers; sys.exit(workers.main([{str(tmp_path / 'new')!r}]))"
    )
    waiting = []
    for _ in range(2):
        addresses = free_addresses(2)
        waiting.append(
            subprocess.Popen(
                [sys.executable, "-c", start],
                cwd=workers.ROOT,
                env=os.environ | {"TF_CONFIG": tf_config(addresses, 0)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    try:
        for process, kind in zip(waiting, (signal.SIGINT, signal.SIGTERM), strict=True):
            assert process.stdout.readline().startswith("worker 0 of 2: waiting for 127.0.0.1:")
            process.send_signal(kind)
        assert [process.wait(30) for process in waiting] == [130, -signal.SIGTERM]
        assert [process.stdout.read() for process in waiting] == ["", ""]
    finally:
        for process in waiting:
            process.kill()
            process.wait()
            process.stdout.close()
    assert list(tmp_path.iterdir()) == []


def test_missing_workers_give_status_2(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(strategies, "_check_unused", lambda: None)  # it is, in this process
    monkeypatch.setenv("TF_CONFIG", tf_config(free_addresses(2), 0))
    assert workers.main(["--wait=0.5", str(tmp_path / "new")]) == 2
    assert capsys.readouterr().err.startswith("error: After 0.5 s there is no answer from")
    for wait in ("0", "-1", "nan", "inf"):
        assert workers.main([f"--wait={wait}", str(tmp_path / "new")]) == 2
        assert "expected a positive number" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


# --- Slurm --------------------------------------------------------------------------------------


def step(nodes, tasks, rank):
    return {
        "SLURM_STEP_NODELIST": nodes,
        "SLURM_STEP_TASKS_PER_NODE": tasks,
        "SLURM_PROCID": str(rank),
    }


def test_slurms_tasks_are_the_workers():
    cluster = slurm_cluster(step("node[01-03,07],big", "1(x5)", 4))
    assert cluster.workers == tuple(
        f"{name}:2222" for name in ("node01", "node02", "node03", "node07", "big")
    )
    assert cluster.index == 4
    # Slurm's order, which is not that of the names as text.
    cluster = slurm_cluster(step("node[9-10]", "2(x2)", 1))
    assert cluster.workers == ("node9:2222", "node9:2223", "node10:2222", "node10:2223")
    assert read_tf_config(tf_config(cluster.workers, cluster.index)) == cluster


def test_slurms_variables_are_all_needed_and_have_to_fit():
    whole = step("node[1-2]", "1(x2)", 0)
    for missing in whole:
        assert slurm_cluster({name: whole[name] for name in whole if name != missing}) is None
    for wrong in (step("node[1-2]", "1", 0), step("a,b", "1(x2)", 2), step("a", "1", "x")):
        with pytest.raises(ValueError, match="do not fit together: SLURM_STEP_NODELIST="):
            slurm_cluster(wrong)
    with pytest.raises(ValueError, match="Invalid hostlist"):
        slurm_cluster(step("node[1-", "1", 0))


def test_a_slurm_step_needs_no_tf_config(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(strategies, "PORT", int(free_addresses(1)[0].rpartition(":")[2]))
    monkeypatch.setattr(strategies, "_check_unused", lambda: None)
    monkeypatch.setenv("TF_CONFIG", "")
    for name, value in step("localhost,127.0.0.2", "1(x2)", 0).items():
        monkeypatch.setenv(name, value)
    assert workers.main(["--wait=0.5", str(tmp_path)]) == 2
    assert f"from 127.0.0.2:{strategies.PORT} (worker 1)" in capsys.readouterr().err


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
