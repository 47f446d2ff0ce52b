"""LstmGan: scikit-learn's conventions, samples, frames, save and load, and what is refused."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from utils import LstmGan, Series, TrainingConfig, sample
from utils.datasets import load_stock
from utils.lstm_gan import Callback, Preconditioner, recipe

ROOT = Path(__file__).parent.parent
SMALL = {"window": 6, "steps": 4, "members": 1, "seed": 3, "verbose": False}


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"price": (50 + rng.normal(size=60).cumsum()).round(2), "sold": rng.poisson(4, 60)},
        index=pd.bdate_range("2024-01-01", periods=60, name="day"),
    )


@pytest.fixture(scope="module")
def fitted(frame):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_PROFILE", "quick")
        return LstmGan(**SMALL).fit(frame)


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    return fitted.save(tmp_path_factory.mktemp("saved") / "run")


@pytest.fixture(scope="module")
def panel(frame):
    """Two shops over the same days, and one that opened for too short a time."""
    values, days = frame.to_numpy(), frame.index.to_numpy().astype("datetime64[D]")
    return Series(
        np.concatenate([values[:30], values[30:50], values[50:54]]),
        ("price", "sold"),
        np.concatenate([days[:30], days[:20], days[:4]]),
        "shops",
        ("", ""),
        "made up",
        starts=(0, 30, 50),
        groups=("north", "south", "new"),
    )


# --- scikit-learn's conventions -----------------------------------------------------------------


def test_every_setting_of_a_training_is_an_argument():
    own = LstmGan().get_params()
    usual = vars(TrainingConfig(seed=1, members=recipe.MEMBERS))
    assert {name: own[name] for name in vars(TrainingConfig())} == usual


def test_parameters_are_kept_set_and_cloned(fitted):
    assert fitted.get_params()["window"] == 6
    twin = clone(fitted)
    assert twin.get_params() == fitted.get_params()
    assert twin.set_params(steps=9).steps == 9
    assert fitted.steps == 4
    with pytest.raises(NotFittedError, match="not trained yet"):
        twin.sample(1)


@pytest.mark.parametrize("ask", ["sample", "sample_frame", "evaluate", "save", "report"])
def test_errors_before_fitting_say_so(ask, tmp_path):
    arguments = [tmp_path / "x"] if ask in ("save", "report") else []
    with pytest.raises(NotFittedError, match="expected fit or load first"):
        getattr(LstmGan(), ask)(*arguments)


def test_fit_returns_itself_and_the_same_seed_gives_the_same_weights(frame, fitted):
    again = LstmGan(**SMALL)
    assert again.fit(frame.reset_index()) is again  # dates in a column, this time
    for one, other in zip(
        again.generator_.get_weights(), fitted.generator_.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert again.history_ == fitted.history_
    np.testing.assert_array_equal(again.sample(7, seed=5), fitted.sample(7, seed=5))


@pytest.mark.parametrize(
    ("options", "data", "message"),
    [
        ({"window": 1}, np.ones((9, 1)), "window is 1 rows; expected at least 2"),
        ({"window": 2.5}, np.ones((9, 1)), "window is 2.5 rows"),
        ({"window": 9}, np.ones((9, 1)), "data has 9 rows; expected at least window"),
        ({"steps": 0}, np.ones((9, 1)), "steps is 0"),
        ({"loss": "hinge"}, np.ones((9, 1)), "no loss named 'hinge'"),
        ({}, np.ones((9, 1)), "Every column is constant"),
        ({}, np.full((9, 1), np.nan), "the value is missing"),
    ],
)
def test_bad_settings_and_data_are_refused(options, data, message):
    with pytest.raises(ValueError, match=message):
        LstmGan(**{"window": 4} | options).fit(data)


def test_it_says_what_it_saw_unless_told_not_to(frame, fitted, capsys):
    assert any("Whole numbers only: 'sold'" in note for note in fitted.notes_)
    assert any("business days" in note for note in fitted.notes_)
    loud = LstmGan(**SMALL | {"verbose": True, "steps": 1})
    loud.fit(frame.assign(shop="a"))
    said = capsys.readouterr().out
    assert "Left out: 'shop' (text, such as 'a')." in said
    assert "Whole numbers only: 'sold'" in said


def test_windows_never_cross_from_one_sequence_to_the_next(panel, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    gan = LstmGan(**SMALL).fit(panel, folder=tmp_path / "run")
    real, samples = gan._real_and_samples(None)
    assert real.shape == samples.shape == (25 + 15, 6, 2)
    np.testing.assert_array_equal(real[24], panel.values[24:30])
    np.testing.assert_array_equal(real[25], panel.values[30:36])
    said = " ".join(gan.notes_)
    assert "3 sequences of 4 to 30 rows ('north', 'south', 'new'); 1 of them, 4 rows" in said
    assert str(gan.sample_frame(1)["date"][0])[:10] == "2024-02-12"  # after the last of all
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["data"]["starts"] == [0, 30, 50]
    with pytest.raises(ValueError, match="30 rows in its longest sequence; expected at least"):
        LstmGan(30, steps=4).fit(panel)


def test_sequences_of_one_window_each_are_enough(panel, monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    pairs = dataclasses.replace(
        panel, values=panel.values[:12], times=None, starts=(0, 6), groups=()
    )
    gan = LstmGan(**SMALL).fit(pairs)
    assert len(gan.preconditioner_.starts) == 2
    assert gan.sample(3).shape == (3, 6, 2)
    single = dataclasses.replace(pairs, values=pairs.values[:11])
    message = r"6 rows in its longest .* window \+ 1 = 7, or two sequences of 6\."
    with pytest.raises(ValueError, match=message):
        LstmGan(**SMALL).fit(single)


@pytest.mark.parametrize("starts", [(), (1,), (0, 0), (0, 40, 30), (0, 54)])
def test_sequences_start_where_there_are_rows(panel, starts):
    with pytest.raises(ValueError, match="expected 0 first, then increasing rows"):
        dataclasses.replace(panel, starts=starts, groups=())


def test_callbacks_see_the_trainer(frame):
    seen = []
    gan = LstmGan(**SMALL)
    gan.fit(frame, callbacks=[Callback(2, lambda trainer: seen.append(trainer.step))])
    assert seen == [2, 4]


# --- Samples ------------------------------------------------------------------------------------


def test_samples_are_in_the_data_s_units_and_follow_their_seed(frame, fitted):
    windows = fitted.sample(200, seed=7)
    assert windows.shape == (200, 6, 2)
    assert windows.dtype == np.float64
    low, high = frame.min().to_numpy(), frame.max().to_numpy()
    assert (windows >= low - 1e-6).all()
    assert (windows <= high + 1e-6).all()
    np.testing.assert_array_equal(windows, fitted.sample(200, seed=7))
    assert not np.array_equal(windows, fitted.sample(200, seed=8))
    with pytest.raises(ValueError, match="count is 0"):
        fitted.sample(0)


def test_a_frame_of_samples_has_the_data_s_names_types_decimals_and_dates(frame, fitted):
    table = fitted.sample_frame(3, seed=7)
    assert list(table) == ["window", "day", "price", "sold"]
    assert table["sold"].dtype == frame["sold"].dtype
    assert table["day"].dtype == frame.index.dtype
    np.testing.assert_array_equal(table["price"], table["price"].round(2))
    after = pd.bdate_range(frame.index[-1], periods=7)[1:]
    assert table["day"].tolist() == 3 * after.tolist()
    at_a_start = fitted.sample_frame(3, seed=7, start="2030-01-01")
    assert str(at_a_start["day"].iloc[0].date()) == "2030-01-01"
    np.testing.assert_allclose(
        table["price"], fitted.sample(3, seed=7)[..., 0].ravel(), atol=0.005 + 1e-9
    )


def test_nothing_is_traced_twice(fitted):
    fitted.sample(1)
    traces = fitted._forward.experimental_get_tracing_count()
    for count in (1, 2, 1, 5):
        fitted.sample(count)
    assert fitted._forward.experimental_get_tracing_count() <= traces + 1  # of another batch size


# --- Save and load ------------------------------------------------------------------------------


def test_what_was_saved_loads_and_makes_the_same_samples(frame, fitted, saved):
    loaded = LstmGan.load(saved)
    np.testing.assert_array_equal(loaded.sample(9, seed=2), fitted.sample(9, seed=2))
    pd.testing.assert_frame_equal(loaded.sample_frame(4, seed=1), fitted.sample_frame(4, seed=1))
    assert loaded.history_ == fitted.history_
    assert loaded.get_params() == fitted.get_params() | {"verbose": True}
    for one, other in zip(
        loaded.discriminator_.get_weights(), fitted.discriminator_.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="its data are not stored with it"):
        loaded.evaluate()
    assert loaded.evaluate(frame).index[0] == "LSTM-GAN"
    with pytest.raises(ValueError, match="expected those it was trained on: price, sold"):
        loaded.evaluate(frame[["price"]])


def test_saving_again_changes_nothing_and_spares_what_is_not_its_own(fitted, saved, tmp_path):
    before = (saved / "config.json").read_bytes()
    fitted.save(saved)
    assert (saved / "config.json").read_bytes() == before
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(ValueError, match="not empty and holds no run"):
        fitted.save(tmp_path)
    other = shutil.copytree(saved, tmp_path / "other")
    config = json.loads((other / "config.json").read_text())
    config["training"]["seed"] = 99
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"holds another run \(training\.seed 99, not 3"):
        fitted.save(other)


def damaged(folder, name, change):
    path = folder / name
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("config.json", lambda b: b[:50], "config.json cannot be read"),
        ("config.json", lambda b: b"[]", "holds no settings"),
        (
            "config.json",
            lambda b: b.replace(b'"format": 3', b'"format": 4'),
            r"written by a later version of the course \(format 4\); this one reads format 3",
        ),
        ("config.json", lambda b: b.replace(b'"columns"', b'"names"'), "not as a run writes it"),
        ("config.json", lambda b: b.replace(b'"window": 6', b'"window": 7'), "of another network"),
        ("preconditioner.npz", lambda b: b[:200], "preconditioner.npz is damaged"),
        ("generator.weights.h5", lambda b: b[:3000], "generator.weights.h5 is damaged"),
        ("history.csv", lambda b: b"", "history.csv cannot be read"),
    ],
)
def test_a_damaged_folder_is_refused_in_a_sentence(saved, tmp_path, name, change, message):
    copy = shutil.copytree(saved, tmp_path / "run")
    damaged(copy, name, change)
    with pytest.raises(ValueError, match=message):
        LstmGan.load(copy)


def test_a_flipped_weight_is_noticed(saved, tmp_path):
    import h5py

    copy = shutil.copytree(saved, tmp_path / "run")
    with h5py.File(copy / "generator.weights.h5", "r+") as file:
        found = []
        file.visititems(lambda _, item: found.append(item) if hasattr(item, "shape") else None)
        found[0][...] = found[0][...] + 1e-3
    with pytest.raises(ValueError, match=r"its weights are not those that config\.json names"):
        LstmGan.load(copy)


def test_a_folder_that_is_no_run_is_refused(saved, tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        LstmGan.load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"holds no run: it has no config\.json"):
        LstmGan.load(tmp_path)
    for name in ("generator.weights.h5", "structure.json"):
        copy = shutil.copytree(saved, tmp_path / name)
        (copy / name).unlink()
        with pytest.raises(ValueError, match=rf"has no {name}: the run was not finished"):
            LstmGan.load(copy)


@pytest.mark.parametrize("form", [None, 1, 2])
def test_a_folder_of_an_earlier_version_is_refused(saved, tmp_path, form):
    """Its networks were others: the weights would not fit."""
    copy = shutil.copytree(saved, tmp_path / "run")
    config = json.loads((copy / "config.json").read_text())
    del config["format"]  # the first version wrote none
    config |= {} if form is None else {"format": form}
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        ValueError, match=r"an earlier version .* reads format 3: expected a run that"
    ):
        LstmGan.load(copy)
    with pytest.raises(ValueError, match="checkpoints cannot be resumed; expected another folder"):
        LstmGan(**SMALL).fit(np.ones((9, 1)).cumsum(axis=0), folder=copy, resume=True)


def test_a_report_has_its_files(fitted, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    there = []  # what no picture can spoil

    def draw(folder, pictures, labels, *, say):
        there.extend(sorted(path.name for path in folder.iterdir()))
        return [f"## {picture.title}" for picture in pictures]

    monkeypatch.setattr("utils.lstm_gan.report.draw_pictures", draw)
    report = fitted.report(tmp_path / "out")
    assert there == ["facts.csv", "report.md", "samples.csv", "samples.npz", "scores.csv"]
    assert report.read_text(encoding="utf-8").startswith("# LSTM-GAN on data")
    assert len(pd.read_csv(tmp_path / "out" / "scores.csv")) == 9
    table = pd.read_csv(tmp_path / "out" / "samples.csv")
    with np.load(tmp_path / "out" / "samples.npz", allow_pickle=False) as file:
        samples = file["samples"]
    np.testing.assert_array_equal(samples, fitted.sample(55, seed=2))
    assert len(table) == 55 * 6
    np.testing.assert_allclose(table["price"], samples[..., 0].ravel(), atol=0.005 + 1e-9)
    np.testing.assert_array_equal(table["sold"], samples[..., 1].ravel())


def test_the_shipped_weights():
    gan, real = LstmGan.from_pretrained("GOOG"), load_stock("GOOG").values
    windows = gan.sample(300, seed=2)
    assert windows.shape == (300, 24, 6)
    assert (windows >= real.min(axis=0) * (1 - 1e-9)).all()
    assert (windows <= real.max(axis=0) * (1 + 1e-9)).all()
    assert gan.sample_normal_scores(300, seed=2)[:, 1:].std() == pytest.approx(1, abs=0.1)
    table = gan.sample_frame(2)
    assert table["Date"].iloc[0] == pd.Timestamp("2013-03-04")
    assert table["Volume"].dtype == "int64"
    with pytest.raises(ValueError, match="no weights for 'IBM'; expected one of goog"):
        LstmGan.from_pretrained("IBM")


# --- The command that samples -------------------------------------------------------------------


def drawn(*arguments):
    return sample.main([str(argument) for argument in arguments])


def test_sampling_in_a_new_process_gives_the_same_bytes(saved, tmp_path):
    command = [sys.executable, "-m", "utils.sample", str(saved), "--windows", "20", "--seed", "7"]
    out = tmp_path / "new.csv"
    run = subprocess.run(
        [*command, "--out", str(out)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert "20 windows of 6 rows and 2 columns, seed 7" in run.stdout
    assert drawn(saved, "--windows", 20, "--seed", 7, "--out", tmp_path / "here.csv") == 0
    assert (tmp_path / "here.csv").read_bytes() == out.read_bytes()
    expected = LstmGan.load(saved).sample_frame(20, seed=7)
    pd.testing.assert_frame_equal(pd.read_csv(out, parse_dates=["day"]), expected)


def test_sampling_to_an_array_and_from_a_start(saved, tmp_path):
    assert drawn(saved, "--windows", 3, "--out", tmp_path / "a.npz") == 0
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["samples"], LstmGan.load(saved).sample(3))
    assert drawn(saved, "--windows", 3, "--out", tmp_path / "b.csv", "--start", "2030-01-01") == 0
    assert pd.read_csv(tmp_path / "b.csv")["day"].iloc[0] == "2030-01-01"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--windows", 0, "--out", "a.csv"), "windows is 0"),
        (("--out", "a.txt"), "ends with .csv or .npz"),
        (("--out", "nowhere/a.csv"), "in a folder that is there"),
        (("--out", "a.npz", "--start", "2024-01-01"), "An array has no dates"),
        (("--out", "a.csv", "--start", "soon"), "is no date"),
    ],
)
def test_bad_requests_are_refused_and_write_nothing(saved, tmp_path, capsys, arguments, message):
    arguments = [tmp_path / a if str(a).endswith(("csv", "npz", "txt")) else a for a in arguments]
    assert drawn(saved, *arguments) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_no_run_no_samples(tmp_path, capsys):
    assert drawn(tmp_path / "nowhere", "--out", tmp_path / "a.csv") == 2
    assert "There is no folder" in capsys.readouterr().err


def test_killed_while_writing_it_leaves_the_old_file_whole(saved, tmp_path):
    out = tmp_path / "a.csv"
    out.write_text("what was here")
    command = [sys.executable, "-m", "utils.sample", str(saved), "--windows", "300000"]
    with subprocess.Popen([*command, "--out", str(out)], cwd=ROOT, env=os.environ) as process:
        while not list(tmp_path.glob(".writing-*")) and process.poll() is None:
            time.sleep(0.02)
        process.kill()
    assert out.read_text() == "what was here"


def test_the_window_travels_with_the_preconditioner():
    state = Preconditioner(5).fit(np.random.default_rng(0).normal(size=(40, 2))).arrays()
    assert Preconditioner.from_arrays(state).window == 5
