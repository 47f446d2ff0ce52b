"""A second training where a column lost its spread: when, what is kept, said, stored, resumed."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from utils import LstmGan, TrainingConfig
from utils.lstm_gan import collapse, second_try
from utils.lstm_gan.training import NonFiniteLossError

SEED, STEPS = 3, 2


def walk(rows: int = 60) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(rows, 2)).cumsum(axis=0)


def spreads(count: int) -> list[SimpleNamespace]:
    return [SimpleNamespace(column=f"c{i}", ratio=0.4) for i in range(count)]


@pytest.fixture
def fit(monkeypatch):
    """Train a few steps; ``found`` are the columns that are off after each training."""
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    monkeypatch.setattr(second_try, "FEWEST_STEPS", STEPS)

    def run(*found: int, folder=None, resume=False, overwrite=False, **settings) -> LstmGan:
        counts = iter(found)
        monkeypatch.setattr(second_try, "_failed", lambda gan: spreads(next(counts)))
        settings = {"steps": STEPS, "members": 1, "seed": SEED, "verbose": False} | settings
        ways = {"folder": folder, "resume": resume, "overwrite": overwrite}
        return LstmGan(5, **settings).fit(walk(), **ways)

    return run


def weights(gan: LstmGan) -> np.ndarray:
    return np.concatenate([array.ravel() for array in gan.generator_.get_weights()])


def test_a_training_without_a_finding_is_the_only_one(fit, tmp_path):
    gan = fit(0, folder=tmp_path / "run")
    assert gan.config_.seed == SEED
    assert not any("Trained twice" in note for note in gan.notes_)
    assert not (tmp_path / "run" / second_try.CHECKPOINT).exists()
    assert second_try.KEY not in json.loads((tmp_path / "run" / "config.json").read_text())


def test_the_second_training_is_that_of_its_seed(fit):
    """What a second try gives is what that seed gives: nothing is left over from the first."""
    second, alone = fit(1, 0), fit(0, seed=SEED + second_try.FURTHER)
    np.testing.assert_array_equal(weights(second), weights(alone))
    np.testing.assert_array_equal(second.sample(5, seed=1), alone.sample(5, seed=1))
    assert second.history_ == alone.history_
    assert second.get_params()["seed"] == SEED  # what was asked for
    assert second.config_.seed == SEED + second_try.FURTHER  # what was trained with


@pytest.mark.parametrize(("found", "kept"), [((2, 1), True), ((1, 1), False), ((1, 2), False)])
def test_the_training_with_fewer_columns_that_are_off_is_kept(fit, found, kept):
    gan, first = fit(*found), fit(0)
    assert np.array_equal(weights(gan), weights(first)) == (not kept)
    assert (gan.history_ == first.history_) == (not kept)
    same = np.array_equal(gan.sample(4, seed=1), first.sample(4, seed=1))
    assert same == (not kept)
    (note,) = [note for note in gan.notes_ if note.startswith("Trained twice")]
    assert f"with seed {SEED} 'c0' has 0.40 times the spread of the data" in note
    assert f"with seed {SEED + 1000} {found[1]} column" in note
    assert note.endswith(f"those of the {'second' if kept else 'first'} training.")


def test_a_second_training_that_diverges_leaves_the_first(fit, monkeypatch):
    first = fit(0)
    train, calls = second_try.build, []

    def diverging(*arguments):
        calls.append(arguments)
        trainer = train(*arguments)

        def fail(**_):
            raise NonFiniteLossError("not finite")

        monkeypatch.setattr(trainer, "train", fail)
        return trainer

    monkeypatch.setattr(second_try, "build", diverging)
    gan = fit(1)
    assert len(calls) == 1
    np.testing.assert_array_equal(weights(gan), weights(first))
    assert any("the losses were not finite" in note for note in gan.notes_)


def test_it_is_off_on_request_for_few_steps_and_for_several_workers(fit):
    assert fit(retry=False).config_.seed == SEED  # nothing was looked at: there are no counts
    few, many = (TrainingConfig(steps=steps) for steps in (999, 1000))
    workers = SimpleNamespace(cluster_resolver=object())
    second_try.FEWEST_STEPS = 1000
    assert second_try.allowed(many, None)
    assert second_try.allowed(many, SimpleNamespace(cluster_resolver=None))
    assert not second_try.allowed(few, None)
    assert not second_try.allowed(many, workers)


@pytest.mark.parametrize("kept", [True, False])
def test_a_run_with_two_trainings_is_saved_loaded_and_resumed(fit, tmp_path, kept):
    folder, found = tmp_path / "run", (2, 1) if kept else (1, 1)
    gan = fit(*found, folder=folder)
    gan.save(folder)
    config = json.loads((folder / "config.json").read_text())
    assert config["training"]["seed"] == SEED  # the run that was asked for
    assert config[second_try.KEY] == {"seed": SEED + 1000, "kept": kept}
    loaded = LstmGan.load(folder)
    np.testing.assert_array_equal(loaded.sample(6, seed=2), gan.sample(6, seed=2))
    assert loaded.config_.seed == gan.config_.seed
    assert loaded.save(folder) == folder  # the same run

    # Resumed, both trainings are taken up where they ended, and nothing is trained again.
    again = fit(*found, folder=folder, resume=True)
    np.testing.assert_array_equal(weights(again), weights(gan))
    assert again.history_ == gan.history_
    again.save(folder)


def test_a_run_that_is_started_anew_keeps_no_second_training_of_before(fit, tmp_path):
    folder = tmp_path / "run"
    fit(1, 1, folder=folder)
    (folder / second_try.CHECKPOINT / "leftover").write_text("old")
    fit(1, 1, folder=folder, overwrite=True)
    assert not (folder / second_try.CHECKPOINT / "leftover").exists()


def test_a_column_that_lost_its_spread_is_found_and_a_good_one_is_not():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(900, 2))
    gan = SimpleNamespace()
    real = np.lib.stride_tricks.sliding_window_view(values, 8, axis=0).swapaxes(1, 2)
    good = rng.normal(size=(500, 8, 2))
    gan._data = lambda _: SimpleNamespace(sequences=lambda: [values], columns=("a", "b"))
    gan._real_and_samples = lambda _: (real, good * [1, 1])
    assert second_try._failed(gan) == []
    gan._real_and_samples = lambda _: (real, good * [1, 0.3])
    (spread,) = second_try._failed(gan)
    assert spread.column == "b"
    assert spread.ratio == pytest.approx(0.3, rel=0.1)
    assert [row[0] for row in collapse.collapsed(real, good * [1, 0.3])[0].rows] == ["feature 2"]
    gan._real_and_samples = lambda _: (real, good[:, :4])
    assert second_try._failed(gan) == []  # what cannot be measured does not end a training
