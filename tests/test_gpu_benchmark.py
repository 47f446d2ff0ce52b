"""The check of a GPU: no GPU is said, a failure is seen, a rehearsal claims nothing."""

from __future__ import annotations

import argparse
import copy
import json

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import gpu, gpu_parts, steps
from tools import lesson_form

TINY = steps.Size(length=3, batch=4, units=2, layers=1, features=2)
SECOND = "**Time**: about 28 minutes, of which the computer needs 1 on a laptop's CPU."


def run(part: str, **options) -> dict:
    return gpu_parts.PARTS[part](argparse.Namespace(**{"fused": False, "steps": 2, **options}))


def timing(milliseconds: float) -> dict:
    rounds = [milliseconds, milliseconds + 1, milliseconds + 2]
    taken = {"milliseconds": rounds, "first_call_seconds": 2.5, "peak_mb": 1234}
    return {"sizes": {"batch 128": taken}}


@pytest.fixture
def results() -> dict:
    """Return what a GPU on which all is well would give."""
    layers = {"layers": 2, "eligible": True, "kernels": 2}
    runs = [{"sha256": "a", "losses": [0.7, 0.7]}] * 2
    close = {"worst": "output: windows", "share": 2e-7, "tolerance": 1e-5, "holds": True}
    return {
        "environment": {"gpu": "Tesla T4", "driver": "550", "versions": {"Python": "3.12"}},
        "kernel": {"generator": layers, "discriminator": dict(layers)},
        "same bits": {"as it is": {"same": True, "runs": runs}},
        "same numbers": {"output": close, "gradient": dict(close)},
        "speed": {"ours": timing(7.0), "PyTorch": {"missing": "torch is not installed."}},
        "profile": "quick",
        "lessons": {"01_rnn_from_scratch": {"seconds": 21.4}},
    }


# --- What fails is seen ---------------------------------------------------------------------------


def test_where_all_is_well_nothing_failed(results):
    assert gpu.failures(results, cpu=False) == []


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        (("kernel", "generator", "kernels"), 0, "cuDNN kernels"),
        (("same bits", "as it is", "same"), False, "other weights"),
        (("same numbers", "gradient", "holds"), False, "off"),
        (("speed", "ours"), {"failed": "exit status 1: out of memory"}, "out of memory"),
        (("lessons", "01_rnn_from_scratch"), {"failed": "NameError: x"}, "NameError"),
        (("same bits",), {"as it is": {"failed": "UnimplementedError"}}, "UnimplementedError"),
    ],
)
def test_what_fails_is_named_in_the_list_and_in_the_report(results, path, value, word):
    place = results
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    (failure,) = gpu.failures(results, cpu=False)
    assert word in failure
    assert f"- {failure}" in gpu.markdown(results, cpu=False)


def test_bits_that_cublas_sets_right_do_not_fail(results):
    results["same bits"] = {"as it is": {"same": False}, "with it": {"same": True}}
    assert gpu.failures(results, cpu=False) == []
    text = gpu.markdown(results, cpu=False)
    assert "as it is: other bits" in text
    assert "with it: the same bits" in text


def test_a_rehearsal_never_claims_a_gpu(results):
    rehearsed = copy.deepcopy(results)
    for its in rehearsed["kernel"].values():
        its["kernels"] = 0
    assert gpu.failures(rehearsed, cpu=True) == []
    text = gpu.markdown(rehearsed, cpu=True)
    assert "Tesla" not in text
    assert "driver" not in text
    assert "Nothing below says anything about a GPU." in text


# --- The command ----------------------------------------------------------------------------------


def test_no_gpu_is_one_sentence_and_exit_2(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(gpu, "part", lambda *_, **__: {"gpu": None, "versions": {}})
    assert gpu.main([], tmp_path) == 2
    assert capsys.readouterr().err.strip() == gpu.NO_GPU
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "name"), [([], "gpu"), (["--cpu", "--no-lessons"], "gpu_rehearsal_on_cpu")]
)
def test_the_name_of_the_files_says_on_what(monkeypatch, results, tmp_path, arguments, name):
    monkeypatch.setattr(gpu, "measure", lambda options: results)
    assert gpu.main(arguments, tmp_path) == 0
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.json", f"{name}.md"}
    assert json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8")) == results


@pytest.mark.parametrize(
    "arguments", [["--cpu", "--write-headers"], ["--no-lessons", "--lessons", "01"]]
)
def test_options_that_contradict_each_other_are_refused(arguments):
    with pytest.raises(SystemExit) as refused:
        gpu.parse(arguments)
    assert refused.value.code == 2


def test_an_unknown_lesson_is_one_sentence_before_anything_runs(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(gpu, "measure", None)
    assert gpu.main(["--lessons", "77"], tmp_path) == 2
    assert "No notebook is named '77'" in capsys.readouterr().err


# --- The parts ------------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(gpu_parts.steps, "Size", lambda **_: TINY)
    monkeypatch.setattr(gpu_parts, "SIZES", {"tiny": TINY})
    monkeypatch.setattr(gpu_parts, "ROUNDS", 2)


def test_loop_and_unrolled_form_give_the_same_numbers(small, tmp_path):
    here, there = tmp_path / "here.npz", tmp_path / "there.npz"
    run("numbers", scratch=here, fused=True)
    run("numbers", scratch=there)
    loop, unrolled = dict(np.load(here)), dict(np.load(there))
    found = gpu.compare(loop, unrolled)
    assert all(its["holds"] for its in found.values())
    name = found["gradient"]["worst"]
    assert not gpu.compare(loop | {name: 1.01 * loop[name]}, unrolled)["gradient"]["holds"]
    assert gpu.share(np.array([np.nan]), np.array([1.0])) == np.inf


def test_the_checksum_sees_the_training(small):
    first, again = run("weights"), run("weights")
    assert first == again
    assert run("weights", steps=3)["sha256"] != first["sha256"]


def test_a_step_is_timed(small):
    taken = run("ours")["sizes"]["tiny"]
    assert len(taken["milliseconds"]) == 2
    assert min(taken["milliseconds"]) > 0
    assert taken["peak_mb"] > 1


def test_kernels_are_counted_in_both_networks(monkeypatch, small):
    here = run("kernel")
    assert {name: its["layers"] for name, its in here.items()} == {
        "generator": 1,
        "discriminator": 1,
    }
    assert all(its["eligible"] for its in here.values())
    if not tf.config.list_physical_devices("GPU"):
        assert all(its["kernels"] == 0 for its in here.values())


# --- The headers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (SECOND, SECOND),
        ("**Time** 8 minutes on a 2-core CPU. Not yet timed on a T4, where cuDNN runs.", "CPU."),
        ("**Time** about 5 minutes (full profile). Not timed on a T4.", "(full profile)."),
    ],
)
def test_a_header_says_how_long_and_says_it_once(line, kept):
    text = f"# A title\n\n{line}\n\nMore."
    once = lesson_form.timed(text, "Tesla T4", 21.4, "quick")
    assert f"{kept} Under the quick profile, a Tesla T4 needs 21 seconds.\n\nMore." in once
    assert "imed on a T4" not in once
    again = lesson_form.timed(once, "NVIDIA A100-SXM4-40GB", 340, "quick")
    assert again.count("Under the") == 1
    assert "needs 6 minutes." in again
    if line == SECOND:
        assert lesson_form.TIME.search(again)


def test_a_header_without_a_time_is_refused():
    with pytest.raises(ValueError, match="begins with"):
        lesson_form.timed("# A title", "Tesla T4", 1, "quick")
