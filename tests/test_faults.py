"""What the machine, a signal or a second command can do to a run, and what is left of it then."""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from utils import LstmGan, command, sample, train
from utils.lstm_gan import checkpoints, faults, memory, restart, run_folder, run_lock
from utils.lstm_gan.memory import Size

ROOT = Path(__file__).parent.parent
HISTORY = "step,discriminator,generator\n"


# --- Memory -------------------------------------------------------------------------------------


@pytest.fixture
def full(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "full")


@pytest.mark.parametrize(
    ("size", "measured"),
    [
        (Size(800, 5, 24, 128), 395),
        (Size(700, 60, 24, 128), 573),
        (Size(20_000, 8, 24, 128), 641),
        (Size(3_000, 5, 168, 128), 2122),
        (Size(2_000, 20, 100, 64), 1459),
    ],
)
def test_the_estimate_is_near_what_was_measured(full, size, measured):
    assert 0.9 * measured < memory.estimate(size) / 1e6 < 1.3 * measured


def test_what_needs_too_much_memory_is_refused_with_what_fits(full, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 5 * 10**9)
    memory.check((700, 150), 24, 128)
    with pytest.raises(
        ValueError, match=r"needs about [\d.]+ GB of memory, and 5\.0 GB is free"
    ) as told:
        memory.check((700, 150), 168, 128)
    words = str(told.value).split()
    window = int(words[words.index("--window") + 1].strip(","))
    columns = int(words[words.index("columns", 15) - 3])
    memory.check((700, 150), window, 128)
    memory.check((700, columns), 168, 128)
    for shape, rows in (((700, 150), window + 1), ((700, columns + 1), 168)):
        with pytest.raises(ValueError, match="needs about"):
            memory.check(shape, rows, 128)
    monkeypatch.setattr(memory, "available", lambda: 10**6)
    with pytest.raises(ValueError, match="expected a larger machine"):
        memory.check((700, 150), 168, 128)
    monkeypatch.setattr(memory, "available", lambda: None)  # not to be found out
    memory.check((700, 150), 168, 128)


def test_memory_is_asked_before_anything_is_written(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "available", lambda: 10**8)
    with pytest.raises(ValueError, match="of memory"):
        LstmGan(4, verbose=False).fit(np.ones((9, 1)).cumsum(axis=0), folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_limits_of_control_groups(tmp_path):
    inner = tmp_path / "memory" / "jobs" / "mine"
    inner.mkdir(parents=True)
    (inner / "memory.limit_in_bytes").write_text("9223372036854771712\n")  # none
    (inner.parent / "memory.limit_in_bytes").write_text("1000\n")
    (inner.parent / "memory.usage_in_bytes").write_text("900\n")
    (inner.parent / "memory.stat").write_text("cache 5\ntotal_inactive_file 300\n")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "memory.max").write_text("700\n")
    (tmp_path / "new" / "memory.current").write_text("300\n")
    (tmp_path / "memory.max").write_text("max\n")
    groups = tmp_path / "groups"
    groups.write_text("9:name=systemd:/\n4:memory:/jobs/mine\n0::/new\n")
    assert sorted(memory._control_groups(groups, tmp_path)) == [400, 400]
    assert memory._control_groups(tmp_path / "none", tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there is no ulimit")
def test_the_least_of_all_limits_counts(monkeypatch):
    import resource

    plenty = memory.available()
    assert plenty is None or plenty > 0
    monkeypatch.setattr(memory, "_machine", lambda: 10**9)
    monkeypatch.setattr(memory, "_control_groups", lambda: [2 * 10**9])
    assert memory.available() == 10**9
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1, 1))  # less than is in use
    assert memory.available() in (0, 1)


# --- Failures in a sentence ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "is full"),
        (tf.errors.ResourceExhaustedError(None, None, "x; No space left on device"), "is full"),
        (RuntimeError("Unable to flush (errno = 28)"), "is full"),
        (
            tf.errors.ResourceExhaustedError(None, None, "OOM when allocating [9,9]"),
            "not enough mem",
        ),
        (MemoryError(), "not enough memory"),
        (OSError(errno.EROFS, "Read-only file system", "a/b"), "cannot be written.*a/b: Read-only"),
        (tf.errors.InternalError(None, None, "what\never"), "TensorFlow failed .*what ever"),
    ],
)
def test_a_failure_of_the_machine_is_one_sentence_and_what_is_kept(tmp_path, error, said):
    folder = tmp_path / "checkpoint"
    (folder / "ckpt-4_temp").mkdir(parents=True)
    with (
        pytest.raises(faults.MachineError, match=f"{said}.* no checkpoint yet"),
        faults.explained(tmp_path),
    ):
        raise error
    assert list(folder.iterdir()) == []  # what the write left is gone
    (folder / "ckpt-1200.index").touch()
    with (
        pytest.raises(faults.MachineError, match=r"step 1,200 is kept: .* --resume") as told,
        faults.explained(tmp_path),
    ):
        raise error
    assert "\n" not in str(told.value)


def test_other_errors_pass(tmp_path):
    for error in (ValueError("a"), faults.LostWorkerError("b"), RuntimeError("c"), KeyError("d")):
        with pytest.raises(type(error)), faults.explained(tmp_path):
            raise error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (faults.MachineError("The disk is full."), 4),
        (MemoryError(), 4),
        (command.Stopped(signal.SIGTERM), 143),
        (KeyboardInterrupt(), 130),
        (ValueError("bad"), 2),
    ],
)
def test_exit_statuses(monkeypatch, capsys, tmp_path, error, status):
    def fail(options):
        raise error

    monkeypatch.setattr(train, "run", fail)
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "ckpt-400.index").touch()
    assert train.main(["--out", str(tmp_path)]) == status
    said = capsys.readouterr()
    assert len((said.out + said.err).strip().splitlines()) == 1
    if status == 143:
        assert said.out == (
            "\nStopped by SIGTERM. The checkpoint of step 400 is kept: "
            "the same command with --resume goes on.\n"
        )


def test_a_full_disk_while_samples_are_written(monkeypatch, capsys):
    def fail(options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sample, "run", fail)
    assert sample.main(["goog", "--out", "x.csv"]) == 4
    assert "disk that holds x.csv is full" in capsys.readouterr().err


# --- Checkpoints --------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    """Checkpoints of steps 5 and 10, with the losses so far."""
    number = tf.Variable(np.zeros(500, np.float32))
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(number=number), str(tmp_path), 2)
    for step in (5, 10):
        number.assign_add(np.ones(500, np.float32))
        manager.save(checkpoint_number=step)
    rows = "".join(f"{step},0.1,0.2\n" for step in range(1, 11))
    (tmp_path / "history.csv").write_text(HISTORY + rows)
    return tmp_path


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def latest(folder):
    return Path(tf.train.latest_checkpoint(str(folder))).name


def test_good_checkpoints_are_left_alone(saved):
    before = contents(saved)
    assert checkpoints.settle(saved) == []
    assert contents(saved) == before
    assert checkpoints.settle(saved / "none") == []


@pytest.mark.parametrize("part", ["index", "data-00000-of-00001"])
@pytest.mark.parametrize("left", [0, 60])
def test_a_damaged_last_checkpoint_gives_way_to_the_one_before(saved, part, left):
    path = saved / f"ckpt-10.{part}"
    path.write_bytes(path.read_bytes()[:left])
    (said,) = checkpoints.settle(saved)
    assert said.startswith("The last checkpoint, of step 10, is damaged (")
    assert said.endswith("the one of step 5 is used.")
    assert latest(saved) == "ckpt-5"
    assert checkpoints.steps(saved) == [5]
    number = tf.Variable(np.zeros(500, np.float32))
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(number=number), str(saved), 2)
    tf.train.Checkpoint(number=number).restore(str(saved / "ckpt-5"))
    assert number.numpy().tolist() == [1.0] * 500
    for step in (10, 15):
        manager.save(checkpoint_number=step)
    assert checkpoints.steps(saved) == [10, 15]  # the older ones are still counted, and deleted


def test_a_changed_byte_is_found(saved):
    path = saved / "ckpt-10.data-00000-of-00001"
    bytes_ = bytearray(path.read_bytes())
    bytes_[1000] ^= 1
    path.write_bytes(bytes_)
    assert "of step 10, is damaged" in checkpoints.settle(saved)[0]


def test_no_good_checkpoint_is_refused(saved):
    for step in (5, 10):
        (saved / f"ckpt-{step}.index").write_bytes(b"")
    before = contents(saved)
    with pytest.raises(ValueError, match=r"No checkpoint in .* \(step 10: .*; step 5: .*overwrite"):
        checkpoints.settle(saved)
    assert contents(saved) == before


def test_damaged_lists_and_losses(saved):
    (saved / "checkpoint").write_bytes(b"\0" * 50)
    (saved / "history.csv").write_bytes(b"")
    (said,) = checkpoints.settle(saved)
    assert "the losses so far are lost" in said
    assert latest(saved) == "ckpt-10"
    assert (saved / "history.csv").read_text() == HISTORY


def test_a_checkpoint_that_is_ahead_of_the_losses_is_not_of_this_run(saved):
    (saved / "history.csv").write_text(HISTORY + "5,0.1,0.2\n")
    assert "history.csv ends at step 5" in checkpoints.settle(saved)[0]
    assert latest(saved) == "ckpt-5"


def test_leftovers_of_a_write_are_removed(saved):
    before = contents(saved)
    (saved / "ckpt-15_temp").mkdir()
    for name in ("ckpt-15.data-00000-of-00001", "history.tmp", "checkpoint.tmp12ab"):
        (saved / name).write_text("half")
    checkpoints.settle(saved)
    assert contents(saved) == before


# --- The same command again ---------------------------------------------------------------------

RUN = {"data": {"rows": 9}, "window": 4, "training": {"steps": 2500}}


def stored(folder, done, **more):
    """Write what a run of ``RUN`` leaves: config.json, and a checkpoint at step ``done``."""
    (folder / "checkpoint").mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"format": 3, **RUN, **more}))
    if done:
        (folder / "checkpoint" / f"ckpt-{done}.index").write_text("old")
    return folder


def test_a_run_is_not_started_over_unasked(tmp_path):
    folder = stored(tmp_path / "run", 1800)
    with pytest.raises(ValueError, match=r"at step 1,800 of 2,500; --resume .* --overwrite"):
        restart.check(folder, RUN)
    restart.check(folder, RUN, resume=True)
    restart.check(folder, RUN, overwrite=True)
    restart.check(folder, RUN, chief=False)
    with pytest.raises(ValueError, match="exclude each other"):
        restart.check(folder, RUN, resume=True, overwrite=True)
    with pytest.raises(ValueError, match="holds another run"):
        restart.check(folder, RUN | {"window": 5}, overwrite=True)
    restart.check(stored(tmp_path / "begun", 0), RUN)  # nothing would be lost
    with pytest.raises(ValueError, match="finished after 2,500 steps"):
        restart.check(stored(tmp_path / "done", 2500, weights_sha256="00"), RUN)


def test_the_former_run_comes_back_if_the_new_one_gets_nowhere(tmp_path):
    folder = stored(tmp_path / "run", 1800, schedule="old")
    before = (folder / "config.json").read_text()
    for error in (KeyboardInterrupt, OSError):
        with contextlib.suppress(error), restart.former_run_aside(folder, True) as said:
            assert "of step 1,800, are deleted" in said[0]
            assert not (folder / "checkpoint").exists()
            (folder / "config.json").write_text("new")
            raise error
        assert checkpoints.steps(folder / "checkpoint") == [1800]
        assert (folder / "config.json").read_text() == before
        assert not (folder / restart.FORMER).exists()


def test_the_former_run_goes_once_the_new_one_has_a_checkpoint(tmp_path):
    folder = stored(tmp_path / "run", 1800)
    with contextlib.suppress(OSError), restart.former_run_aside(folder, True):
        (folder / "checkpoint").mkdir()
        (folder / "checkpoint" / "ckpt-200.index").write_text("new")
        raise OSError
    assert checkpoints.steps(folder / "checkpoint") == [200]
    assert not (folder / restart.FORMER).exists()


def test_a_power_cut_while_the_former_run_is_aside(tmp_path):
    folder = stored(tmp_path / "run", 1800)
    held = restart.former_run_aside(folder, True)
    held.__enter__()  # and never left: as a power cut has it
    with pytest.raises(ValueError, match="at step 1,800 of 2,500"):
        restart.check(folder, RUN)
    with restart.former_run_aside(folder, False):
        assert checkpoints.steps(folder / "checkpoint") == [1800]
    with contextlib.suppress(OSError):
        held.__exit__(None, None, None)


def test_schedules_are_recorded(tmp_path):
    assert restart.schedule_from(None, 0, 8) == [{"from_step": 0, "steps": 8}]
    assert restart.sentences(restart.schedule_from(None, 0, 8)) == []
    folder = stored(tmp_path / "run", 2500)  # an older config.json, without schedules
    same = restart.schedule_from(folder, 400, 2500)
    assert same == [{"from_step": 0, "steps": 2500}]
    longer = restart.schedule_from(folder, 2500, 3000)
    assert longer == [*same, {"from_step": 2500, "steps": 3000}]
    (said,) = restart.sentences(longer)
    assert "to step 2,500 as a run of 2,500, then to step 3,000 as a run of 3,000 steps" in said
    again = stored(tmp_path / "again", 2500, schedule=longer)
    assert restart.schedule_from(again, 2500, 4000) == [*same, {"from_step": 2500, "steps": 4000}]
    assert restart.schedule_from(again, 0, 8) == [{"from_step": 0, "steps": 8}]


def test_other_schedules_are_another_run(tmp_path):
    folder = stored(tmp_path / "run", 0)
    one = [{"from_step": 0, "steps": 2500}]
    run_folder.check_folder(folder, RUN | {"schedule": one})  # an older config.json names none
    with pytest.raises(ValueError, match=r"holds another run .*schedule"):
        run_folder.check_folder(folder, RUN | {"schedule": [*one, {"from_step": 9, "steps": 9}]})


# --- Two processes ------------------------------------------------------------------------------


@pytest.fixture
def other(tmp_path):
    """Another process that holds the folder ``run``, as ``run_lock`` does."""
    folder = tmp_path / "run"
    folder.mkdir()
    path = folder / run_lock.LOCK
    code = "import fcntl, os, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX);"
    code += "f.write(str(os.getpid())); f.flush(); print('held', flush=True); time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process, folder
    process.kill()
    process.wait()


@pytest.mark.skipif(sys.platform == "win32", reason="the other process locks as POSIX does")
def test_a_folder_of_another_process_is_refused_until_that_ends(other):
    process, folder = other
    before = contents(folder)
    for attempt in (lambda: run_lock.check_free(folder), lambda: restart.check(folder, RUN)):
        with pytest.raises(ValueError, match=rf"process \({process.pid}\) is at work in .*run"):
            attempt()
    with pytest.raises(ValueError, match="is at work"), run_lock.held(folder):
        pass
    assert contents(folder) == before
    process.kill()  # as power cuts and kill -9 do: nothing is tidied up
    process.wait()
    run_lock.check_free(folder)
    with run_lock.held(folder):
        assert (folder / run_lock.LOCK).read_text() == str(os.getpid())
    assert contents(folder) == {}


def test_a_lock_is_held_several_times_over_and_leaves_nothing(tmp_path):
    folder = tmp_path / "runs" / "mine"
    with run_lock.held(folder):
        with run_lock.held(folder):
            run_lock.check_free(folder)
        assert (folder / run_lock.LOCK).exists()
    assert list(tmp_path.iterdir()) == []
    with run_lock.held(folder):
        (folder / "result").touch()
    assert [path.name for path in folder.iterdir()] == ["result"]
    with run_lock.held(None):
        pass


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    def refuse(folder):
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    monkeypatch.setattr(run_lock, "_taken", refuse)
    folder = tmp_path / "run"
    expected = r"run cannot be written \(Permission denied\); expected"
    with pytest.raises(ValueError, match=expected), run_lock.held(folder):
        pass
    assert not folder.exists()


# --- Signals and terminals ----------------------------------------------------------------------


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        timeout=60,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")
def test_signals_before_and_after_the_start():
    kill = "import os, signal; from utils import command as c; {}; os.kill(os.getpid(), signal.{})"
    run = python(kill.format("c.starting()", "SIGTERM"))
    assert (run.returncode, run.stderr) == (143, b"")
    assert run.stdout == b"\nStopped by SIGTERM before anything was done.\n"
    run = python(kill.format("c.starting()", "SIGINT"))
    assert (run.returncode, run.stderr) == (130, b"")
    code = f"""
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup would have it ignored
try:
    {kill.format("c.starting(); c.started()", "SIGHUP")}
except KeyboardInterrupt as stop:
    sys.exit(c.stopped(stop, "Go on."))
"""
    run = python(code)
    assert (run.returncode, run.stderr) == (129, b"")
    assert run.stdout == b"\nStopped by SIGHUP. Go on.\n"
    ignored = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); "  # as nohup does
    run = python(ignored + kill.format("c.starting(); c.started()", "SIGHUP") + "; print('on')")
    assert (run.returncode, run.stdout) == (0, b"on\n")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize("module", ["utils.train", "utils.sample"])
def test_ctrl_c_during_the_imports_is_one_sentence(module):
    process = subprocess.Popen(
        [sys.executable, "-m", module, "--help"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    term = 1 << (signal.SIGTERM - 1)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        if int(status.split("SigCgt:")[1].split()[0], 16) & term:
            break  # the command listens to signals
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"")
    assert out.decode().split() == ["Stopped", "before", "anything", "was", "done."]


def test_a_terminal_without_our_characters_is_written_in_ascii():
    code = "from utils import command; command.any_terminal(); print('0.1 ± 0.2 · 价')"
    assert python(code, PYTHONIOENCODING="ascii").stdout == b"0.1 +- 0.2 - ?\n"
    assert python(code, PYTHONIOENCODING="latin-1").stdout == b"0.1 \xb1 0.2 \xb7 ?\n"
    assert python(code, PYTHONIOENCODING="utf-8").stdout.decode() == "0.1 ± 0.2 · 价\n"


def test_the_commands_give_an_operation_one_thread():
    threads = "tf.config.threading.{}_intra_op_parallelism_threads"
    lines = ["import contextlib, tensorflow as tf; from utils import command, sample, train"]
    for name in ("train", "sample"):
        # No tensor has been made by the imports: then it would be too late.
        lines.append(f"{threads.format('set')}(0)")
        lines.append(f"with contextlib.suppress(SystemExit): {name}.main(['--help'])")
        lines.append(f"print({threads.format('get')}())")
    lines.append(f"{threads.format('set')}(0); tf.constant(1) + 1  # now it is too late")
    lines.append(f"command.one_thread_an_operation(); print({threads.format('get')}())")
    printed = python("\n".join(lines)).stdout.decode().split("\n")
    assert [line for line in printed if line in ("0", "1")] == ["1", "1", "0"]
