"""The quality benchmark: its plan of jobs, its rows, its tables."""

import functools
import json

import numpy as np
import pytest

from benchmarks import quality
from utils import evaluation, lstm_gan


def test_the_plan_names_every_row_once():
    planned = quality.jobs(list(quality.KINDS), quality.SETS, seeds=5)
    keys = [quality._key(kind, job) for kind, job in planned]
    assert len(set(keys)) == len(keys)
    gans = [job for kind, job in planned if kind == "scores" and job["model"] == "LSTM-GAN"]
    for name in ("Sines", "GOOG", "IBM"):
        assert [job["seed"] for job in gans if job["data"] == name] == [1, 2, 3, 4, 5]
    removed = {job["removed"] for kind, job in planned if kind == "ablation"}
    assert {"nothing", "preconditioner", "margin calibration", "penalty"} <= removed


def test_the_settings_of_the_ablation_are_the_recipes_with_one_change():
    recipe = lstm_gan.TrainingConfig()
    for removed, changes in quality.SETTINGS.items():
        changed = lstm_gan.TrainingConfig(**changes)
        assert (changed == recipe) == (removed == "nothing")
        assert changed.latent == recipe.latent


def test_chance_is_computed_from_the_test_size():
    about = quality.described("GOOG")
    assert (about["windows"], about["length"], about["features"]) == (2125, 24, 6)
    assert about["test_size"] == 850
    assert about["chance_bound"] == pytest.approx(0.98 / np.sqrt(850), abs=1e-5)


def test_a_memoriser_is_caught(monkeypatch):
    monkeypatch.setitem(quality.MODELS, "thief", lambda task, seed: (task.real, None))
    job = {"data": "GOOG", "model": "thief", "seed": 1}
    assert quality.memorisation_job(job)["memorisation"] == 0
    job["model"] = "VAR bootstrap"
    assert quality.memorisation_job(job)["memorisation"] > 0.9


def test_a_row_of_scores(monkeypatch):
    monkeypatch.setattr(evaluation, "discriminative_score", _three)
    monkeypatch.setattr(evaluation, "predictive_score", _three)
    spread = functools.partial(evaluation.real_spread, repeats=5)  # 200 take half a minute
    monkeypatch.setattr(evaluation, "real_spread", spread)
    quality._spread.cache_clear()
    judges = {"discriminative": 3, "strong": 3, "predictive": 3}
    job = {"data": "GOOG", "model": "VAR bootstrap", "seed": 1, "judges": judges}
    row = quality.score_job(job)
    assert row["discriminative"] == [0.1, 0.2, 0.3]
    assert 0 < row["facts_inside"] < row["facts"]
    assert len(row["outside"]) == row["facts"] - row["facts_inside"]
    results = {
        "machine": "a test",
        "data": {"GOOG": quality.described("GOOG")},
        "scores": [row],
        "memorisation": [job | {"memorisation": 0.5}],
        "ablation": [{"removed": "nothing"} | row],
        "time_to_quality": {"first_under_0.1": 12.0},
    }
    text = quality.markdown(json.loads(json.dumps(results)))
    assert "| VAR bootstrap | 1 | 0.200 | 0.200 | 0.200 |" in text
    assert "first under .10 after 12 s" in text


def _three(*_, repeats, **__):
    assert repeats == 3
    return evaluation.Score((0.1, 0.2, 0.3))
