"""The quality benchmark: its plan of jobs, its rows, its tables."""

import dataclasses
import functools
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from benchmarks import ablation, models, quality, sets, variants
from utils import evaluation, lstm_gan


def test_the_plan_names_every_row_once():
    planned = quality.jobs(list(quality.KINDS), quality.SETS, seeds=5)
    keys = [quality._key(kind, job) for kind, job in planned]
    assert len(set(keys)) == len(keys)
    gans = [job for kind, job in planned if kind == "scores" and job["model"] == "LSTM-GAN"]
    for name in quality.SETS:
        own = [job for job in gans if job["data"] == name]
        assert [job["seed"] for job in own] == [1, 2, 3, 4, 5]
        assert {job["judges"]["strong"] for job in own} == {4}
        more = [job["seed"] for k, job in planned if k == "failures" and job["data"] == name]
        assert more == [6, 7, 8, 9, 10]
    removed = {job["removed"] for kind, job in planned if kind == "ablation"}
    assert removed == set(ablation.CHANGES)


def test_the_plan_is_narrowed_down_by_kind_set_and_model():
    planned = quality.jobs(["scores"], ["IBM"], 5, ["VAR bootstrap", "real against real"])
    assert {kind for kind, _ in planned} == {"scores"}
    assert {(job["data"], job["model"]) for _, job in planned} == {
        ("IBM", "VAR bootstrap"),
        ("IBM", "real against real"),
    }


def test_the_settings_of_the_ablation_are_the_recipes_with_one_change():
    recipe = lstm_gan.TrainingConfig()
    for removed, change in ablation.CHANGES.items():
        changed = lstm_gan.TrainingConfig(**change.settings)
        assert (changed == recipe) == (not change.settings)
        assert (change == ablation.Change()) == (removed == ablation.NOTHING)
        assert changed.latent == recipe.latent


def walks(rows=300):
    """Return a height, and two columns above and below it: an order."""
    rng = np.random.default_rng(0)
    height = 100 * np.exp(rng.normal(size=rows).cumsum() / 20)
    gaps = np.exp(rng.normal(size=(2, rows)))
    return np.column_stack([height - gaps[0], height, height + gaps[1]])


@pytest.fixture(scope="module")
def preconditioner():
    return lstm_gan.Preconditioner(5).fit(walks())


CONFIG = lstm_gan.TrainingConfig(seed=1)


def networks(preconditioner):
    recipe = lstm_gan.recipe
    generator = recipe.build_generator(5, preconditioner.components, CONFIG)
    return generator, recipe.build_discriminator(preconditioner, 5, CONFIG)


def test_with_nothing_left_out_the_variants_are_the_recipes_networks(preconditioner):
    usual = networks(preconditioner)
    other = (
        variants.window_generator(5, 8, 8, preconditioner.components, seed=1),
        variants.window_discriminator(preconditioner, 5, seed=5001),
    )
    for mine, its in zip(other, usual, strict=True):
        inputs = np.random.default_rng(0).normal(size=(4, *its.input_shape[1:]))
        for one, another in zip(mine.get_weights(), its.get_weights(), strict=True):
            np.testing.assert_array_equal(one, another)
        np.testing.assert_array_equal(mine(inputs), its(inputs))


CHANGED = [name for name, c in ablation.CHANGES.items() if c.generator or c.discriminator]


@pytest.mark.parametrize("removed", CHANGED)
def test_a_change_of_the_ablation_reaches_the_networks_and_is_undone(preconditioner, removed):
    def layers(model):
        return [(type(layer).__name__, layer.output.shape) for layer in model.layers]

    change = ablation.CHANGES[removed]
    usual = [layers(model) for model in networks(preconditioner)]
    with ablation.altered(change):
        models = networks(preconditioner)
    changed = [layers(model) for model in models]
    both = (change.generator, change.discriminator)
    for options, one, other in zip(both, changed, usual, strict=True):
        assert (one != other) == bool(options)
    for model in models:
        inputs = np.random.default_rng(0).normal(size=(4, *model.input_shape[1:]))
        assert np.isfinite(model(inputs)).all()
    assert [layers(model) for model in networks(preconditioner)] == usual


@pytest.mark.parametrize("removed", [n for n, c in ablation.CHANGES.items() if c.left_out])
def test_a_step_that_is_left_out_is_left_out(removed):
    rows, left_out = walks(), ablation.CHANGES[removed].left_out

    def prepared():
        structure = lstm_gan.structure.Structure().fit([rows], ["low", "middle", "high"])
        (encoded,) = structure.encode([rows])
        return structure.ladders, lstm_gan.Preconditioner(5).fit(encoded)

    with ablation.altered(ablation.Change(left_out=left_out)):
        ladders, fitted = prepared()
    assert ("ladders" in left_out) == (ladders == [])
    assert ("powers" in left_out) == (fitted.power == 1).all()
    assert ("autoregression" in left_out) == (fitted.transition == 0).all()
    ladders, fitted = prepared()
    assert ladders
    assert (fitted.power != 1).any()
    assert fitted.transition.any()


def test_a_change_that_did_nothing_is_refused():
    nothing = pytest.raises(ValueError, match="change of window_discriminator did nothing")
    with nothing, ablation.altered(ablation.Change(discriminator={"sums": False})):
        lstm_gan.recipe.build_generator(5, 2, CONFIG)
    noise = np.random.default_rng(0).normal(size=(200, 2))
    nothing = pytest.raises(ValueError, match="change of ladders did nothing")
    with nothing, ablation.altered(ablation.Change(left_out=("ladders",))):
        lstm_gan.structure.Structure().fit([noise], ["a", "b"])


def test_the_gan_of_the_benchmark_is_the_product(monkeypatch):
    class Fake:
        seconds_ = 12.0

        def __init__(self, window, **settings):
            self.settings = {"window": window} | settings

        def fit(self, series):
            self.fitted = series
            return self

        def sample(self, count, seed):
            return self.fitted, self.settings, count, seed

    monkeypatch.setattr(models, "LstmGan", Fake)
    task = sets.load("hourly weather")
    (fitted, settings, count, _), seconds = quality.our_gan(task, 3, steps=7)
    assert fitted is task.series
    assert settings == {"window": 24, "seed": 3, "verbose": False, "steps": 7}
    assert (count, seconds) == (len(task.real), 12.0)


def test_rows_of_other_data_judges_or_settings_are_not_kept(monkeypatch):
    (kind, job), *_ = quality.jobs(["scores"], ["GOOG"], 1)
    (_, change), *_ = quality.jobs(["ablation"], ["GOOG"], 1)
    (_, timed), *_ = quality.jobs(["time_to_quality"], ["GOOG"], 1)
    results = {kind: [job], "ablation": [change], "time_to_quality": timed, "machine": "a test"}
    kept = quality.current(json.loads(json.dumps(results)))
    assert (kept[kind], kept["ablation"], kept["time_to_quality"]) == ([job], [change], timed)
    for stale in (
        job | {"identity": "of other data"},
        {name: value for name, value in job.items() if name != "identity"},
        job | {"judges": quality.FEW},
        job | {"data": "a set that is no more"},
    ):
        assert quality.current(results | {kind: [stale]})[kind] == []
    monkeypatch.setattr(quality, "identity", lambda name: "other windows")
    kept = quality.current(results)
    assert (kept[kind], kept["ablation"], kept["time_to_quality"]) == ([], [], {})


def test_a_run_that_failed_is_named():
    good = {
        "data": "IBM",
        "model": "LSTM-GAN",
        "seed": 1,
        "discriminative": [0.01, 0.02],
        "strong": [0.04],
        "spreads": [0.9, 1.1],
    }
    runs = [good | {"seed": 2, "discriminative": [0.2, 0.1]}, good | {"seed": 7, "spreads": [0.6]}]
    assert not quality.failed(good)
    assert all(quality.failed(run) for run in runs)
    text = "\n".join(quality._failures({"scores": [good, runs[0]], "failures": [runs[1]]}))
    assert "| IBM | 3 | 2 (seeds 2, 7) | 0.040 | 0.040 | 0.60 to 1.10 |" in text


def test_a_column_that_loses_its_spread_is_seen():
    real = np.random.default_rng(0).normal(size=(500, 8, 2))
    assert quality.spreads(real, real * [1, 0.5] + 3) == [1, 0.5]


def test_missing_rows_are_run_stale_ones_replaced_and_all_written(monkeypatch, tmp_path):
    """The pool runs in this process, so that no process has to load TensorFlow."""
    done = []

    def run_job(kind, job):
        done.append((kind, job["model"], job["seed"]))
        scored = {"discriminative": [0.1], "strong": [0.2], "predictive": [0.3], "spreads": [1.0]}
        return kind, job | scored | {"versions": "a test"}

    monkeypatch.setattr(quality, "run_job", run_job)
    monkeypatch.setattr(quality, "ProcessPoolExecutor", lambda *_, **__: ThreadPoolExecutor(1))
    options = ["--out", str(tmp_path), "--sets", "IBM", "--kinds", "scores"]
    options += ["--models", "LSTM-GAN", "VAR bootstrap"]
    assert quality.main([*options, "--seeds", "2"]) == 0
    rows = [("scores", "LSTM-GAN", 1), ("scores", "LSTM-GAN", 2), ("scores", "VAR bootstrap", 1)]
    assert done == rows
    quality.main([*options, "--seeds", "2"])
    assert done == rows
    path = tmp_path / "quality.json"
    written = json.loads(path.read_text())
    assert set(written["data"]) == {"IBM"}
    written["scores"][0]["identity"] = "of other data"
    path.write_text(json.dumps(written))
    quality.main([*options, "--seeds", "3"])
    assert done[3:] == [rows[0], ("scores", "LSTM-GAN", 3)]
    quality.main([*options, "--seeds", "1", "--fresh"])
    assert done[5:] == [rows[0], rows[2]]
    assert len(json.loads(path.read_text())["scores"]) == 4
    assert "| LSTM-GAN | 3 | 0.100 ± 0.000 |" in (tmp_path / "quality.md").read_text()
    with pytest.raises(SystemExit):
        quality.main(["--seeds", "0"])


def test_chance_is_computed_from_the_test_size():
    about = quality.described("GOOG")
    assert (about["windows"], about["length"], about["features"]) == (2125, 24, 6)
    assert about["test_size"] == 850
    assert about["chance_bound"] == pytest.approx(0.98 / np.sqrt(850), abs=1e-5)


def test_sets_are_series_for_the_product_and_windows_for_the_judges():
    for name, windows, length in (("hourly weather", 8707, 24), ("GOOG, 128 days", 2021, 128)):
        task = sets.load(name)
        assert task.real.shape == (windows, length, 6)
        np.testing.assert_array_equal(task.series.values, task.sequences[0])
        assert task.series.columns == task.columns
    with pytest.raises(ValueError, match="There is no data set 'x'; expected one of Sines, "):
        sets.load("x")


@pytest.mark.parametrize("name", sets.SINES)
def test_sines_are_independent_examples_and_the_first_goes_on_for_a_step(name):
    task = sets.load(name)
    assert task.real.shape == (10_000, 24, 5)
    sequences = task.series.sequences()
    assert [len(rows) for rows in sequences] == [25] + [24] * 9999
    np.testing.assert_array_equal(sequences[0][:24], task.real[0])
    np.testing.assert_array_equal(sequences[9999], task.real[9999])
    x = sequences[0] if name != "Sines" else 2 * sequences[0] - 1
    turn = (x[1] + x[3]) / x[2]  # 2 cos(2πη), at any time
    np.testing.assert_allclose(x[24], turn * x[23] - x[22], atol=1e-3)


def test_the_last_part_is_taken_from_windows_and_series_alike():
    past, held_out = sets.without_the_last(sets.load("IBM"), 0.2)
    assert len(past.series.values) == len(past.series.times) == 2616
    np.testing.assert_array_equal(past.real[-1], past.series.values[-24:])
    np.testing.assert_array_equal(held_out[0], sets.load("IBM").series.values[2616:2640])
    past, held_out = sets.without_the_last(sets.load("Sines"), 0.2)
    assert (len(past.real), len(held_out), len(past.series.starts)) == (8000, 2000, 8000)
    np.testing.assert_array_equal(past.series.sequences()[-1], past.real[-1])


def test_identity_is_of_the_data(monkeypatch):
    assert sets.identity("GOOG") == sets.identity.__wrapped__("GOOG")
    before = sets.identity("GOOG")
    task = sets.load("GOOG")
    monkeypatch.setattr(sets, "load", lambda name: dataclasses.replace(task, real=task.real + 1))
    assert sets.identity.__wrapped__("GOOG") != before


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
        "failures": [],
        "data": {"GOOG": quality.described("GOOG")},
        "scores": [row | {"versions": "Keras 0"}],
        "memorisation": [job | {"memorisation": 0.5}],
        "ablation": [{"removed": "nothing", "versions": "Keras 0"} | row],
        "time_to_quality": {"first_under_0.1": 12.0},
    }
    text = quality.markdown(json.loads(json.dumps(results)))
    assert "| VAR bootstrap | 1 | 0.200 | 0.200 | 0.200 |" in text
    assert "first under .10 after 12 s" in text
    assert "Made with Keras 0." in text


def _three(*_, repeats, **__):
    assert repeats == 3
    return evaluation.Score((0.1, 0.2, 0.3))
