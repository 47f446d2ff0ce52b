"""The rivals' benchmark: its interface, rows, tuning, and what can be tested without packages."""

from __future__ import annotations

import importlib.util
import json
import sys
import types

import numpy as np
import pytest

from benchmarks import quality
from benchmarks.rivals import __main__ as command
from benchmarks.rivals import bootstraps, garch, one, processes, registry, rows, tuning
from benchmarks.rivals.rcgan import SPACE, Rcgan, sensible


@pytest.fixture(scope="module")
def walk() -> np.ndarray:
    """Return one sequence of two columns that wander about, calm first and wild later."""
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(400, 2)) * np.repeat([0.2, 1.0], 200)[:, np.newaxis]
    level = np.zeros((400, 2))
    for t in range(1, 400):
        level[t] = 0.9 * level[t - 1] + steps[t]
    return 100 + level[np.newaxis]


def windows_of(sequences: np.ndarray, window: int = 8) -> np.ndarray:
    return tuning._windows(sequences, window)


# ── Interface ─────────────────────────────────────────────────────────────────────────────────


def test_every_rival_has_a_module_and_pinned_packages():
    for name, rival in registry.RIVALS.items():
        assert (registry.HERE / f"{rival.module}.py").is_file(), name
        assert rival.chosen, name
        if rival.packages:
            lines = rival.requirements.read_text(encoding="utf-8").splitlines()
            pins = [line for line in lines if line and not line.startswith(("#", "--"))]
            assert pins, name
            assert all("==" in pin for pin in pins), name
            own = processes.pinned(rival)
            assert own == pins[: len(own)] != []
    assert set(registry.TUNED) <= set(registry.RIVALS)


@pytest.mark.parametrize("reach", [None, 20])
def test_a_bootstrap_returns_windows_in_the_datas_units(walk, reach):
    real = windows_of(walk)
    made = bootstraps.fit_and_sample(real, walk, 1, 10.0, reach=reach)
    assert made.shape == real.shape
    assert np.isfinite(made).all()
    assert abs(made.mean() - real.mean()) < 1
    assert real.min() <= made.min()
    assert made.max() <= real.max()


def job_of(folder, made):
    """Run a job of a rival that returns ``made``; return what was measured."""
    fake = types.ModuleType("benchmarks.rivals.stub")
    fake.fit_and_sample = lambda windows, sequences, seed, budget_seconds, scale: scale * made
    sys.modules["benchmarks.rivals.stub"] = fake
    try:
        job = {"module": "stub", "settings": {"scale": 2}, "seed": 1, "budget_seconds": 5.0}
        (folder / "job.json").write_text(json.dumps(job))
        np.savez(folder / "data.npz", windows=np.ones((4, 3, 2)), sequences=np.ones((1, 6, 2)))
        one.run(folder)
    finally:
        del sys.modules["benchmarks.rivals.stub"]
    return json.loads((folder / "measured.json").read_text())


def test_a_job_is_measured_and_its_windows_kept(tmp_path):
    measured = job_of(tmp_path, np.full((4, 3, 2), 3.0))
    assert np.all(np.load(tmp_path / "made.npz")["windows"] == 6)
    assert measured["memory_mib"] >= measured["memory_of_imports_mib"] > 10
    assert measured["seconds"] >= 0


@pytest.mark.parametrize("made", [np.ones((3, 3, 2)), np.full((4, 3, 2), np.nan)])
def test_other_windows_than_asked_for_are_refused(tmp_path, made):
    with pytest.raises(ValueError, match=r"expected \(4, 3, 2\), all finite"):
        job_of(tmp_path, made)


def test_a_rival_whose_package_is_missing_says_so():
    rival = registry.Rival("par_sdv", "")  # in this Python, which has no such package
    real = np.ones((4, 3, 2))
    with pytest.raises(processes.RivalFailed, match=r"status 1: .*No module named"):
        processes.run(rival, real, real, 1, 60.0, {})


def test_a_rival_that_goes_on_for_too_long_is_stopped():
    rival = registry.Rival("par_sdv", "")
    real = np.ones((4, 3, 2))
    with pytest.raises(processes.RivalFailed, match="stopped after 0 seconds"):
        processes.run(rival, real, real, 1, 1e-4, {})


# ── Rows ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def scored(monkeypatch, tmp_path):
    """Return a function that runs the command with a rival and judges that take no time."""
    task = quality.load("GOOG")
    calls = []

    def run(spec, windows, sequences, seed, budget, settings):
        calls.append((spec.module, seed, settings))
        if seed == 3:
            raise processes.RivalFailed("It did not work.")
        return windows, {"seconds": 2.0, "processor_seconds": 2.0, "memory_mib": 1234}

    def scores(real, fake, judges, seed):
        assert fake is task.real or np.array_equal(fake, task.real)
        return {name: [0.1 * seed] * count for name, count in judges.items()}

    monkeypatch.setattr(processes, "run", run)
    monkeypatch.setattr(quality, "scores", scores)
    inside = {"facts_inside": 3, "facts": 4, "outside": ["one"]}
    monkeypatch.setattr(quality, "facts", lambda name, fake: inside)

    def main(*arguments):
        calls.clear()
        fixed = ["--sets", "GOOG", "--rivals", "local bootstrap ±20", "--out", str(tmp_path)]
        assert command.main([*fixed, *arguments]) == 0
        return list(calls)

    main.folder = tmp_path
    return main


def test_rows_are_kept_and_what_is_missing_is_run(scored):
    assert [call[1] for call in scored("--seeds", "1", "2", "3")] == [1, 2, 3]
    found = rows.read(scored.folder / "rivals.json")
    assert [row["seed"] for row in found] == [1, 2, 3]
    assert len(found[0]["discriminative"]) == 10
    assert len(found[0]["strong"]) == 4
    assert found[0]["settings"] == {"reach": 20}
    text = (scored.folder / "rivals.md").read_text(encoding="utf-8")
    assert "| local bootstrap ±20 | 2 | 0.150 ± 0.071 | 0.150 ± 0.071 |" in text
    assert "| 75% | 2 | 1,234 |" in text
    assert "- local bootstrap ±20, seed 3: It did not work." in text
    assert [call[1] for call in scored("--seeds", "1", "2", "3")] == [3]  # it failed: once more
    assert [call[1] for call in scored("--seeds", "1", "4")] == [4]
    assert len(rows.read(scored.folder / "rivals.json")) == 4


def test_rows_of_other_data_are_run_again_and_ours_stand_beside(scored):
    scored("--seeds", "1")
    path = scored.folder / "rivals.json"
    changed = json.loads(path.read_text())
    changed["rows"][0]["identity"] = "of other windows"
    path.write_text(json.dumps(changed))
    ours = {"data": "GOOG", "model": "LSTM-GAN", "seed": 1, "strong": [0.25], "seconds": 80.0}
    scores = [ours, ours | {"model": "VAR bootstrap"}, ours | {"data": "IBM"}]
    (scored.folder / "quality.json").write_text(json.dumps({"scores": scores}))
    assert len(scored("--seeds", "1")) == 1
    text = (scored.folder / "rivals.md").read_text(encoding="utf-8")
    assert "| LSTM-GAN | 1 | – | 0.250 | – | – | 80 | – | `quality.md` |" in text
    assert "VAR bootstrap" not in text
    assert "IBM" not in text
    assert scored("--seeds", "1") == []


def test_a_row_takes_the_place_of_an_older_one(tmp_path):
    path = tmp_path / "rivals.json"
    row = {"data": "A", "rival": "B", "seed": 1}
    rows.add(path, row | {"strong": [1.0]})
    rows.add(path, row | {"seed": 2})
    assert rows.add(path, row | {"strong": [2.0]})[0]["strong"] == [2.0]
    assert len(rows.read(path)) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["rivals.json"]


def test_a_lock_that_was_left_behind_does_not_stop_others(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "LONGEST_WAIT", 0.2)
    (tmp_path / "rivals.json.lock").touch()
    rows.add(tmp_path / "rivals.json", {"data": "A", "rival": "B", "seed": 1})
    assert len(rows.read(tmp_path / "rivals.json")) == 1


# ── Tuning ────────────────────────────────────────────────────────────────────────────────────


def test_what_selects_is_held_out_in_time(walk):
    past, fitted, held_out = tuning.split(walk, 8)
    assert past.shape == (1, 320, 2)
    assert len(fitted) == 313
    assert np.array_equal(held_out[0], walk[0, 320:328])
    many = np.arange(10.0)[:, np.newaxis, np.newaxis] * np.ones((10, 8, 1))
    past, fitted, held_out = tuning.split(many, 8)
    assert np.array_equal(past, fitted)
    assert set(held_out.ravel()) == {8, 9}


def test_moves_do_not_depend_on_the_level():
    windows = np.array([[[2.0], [3.0], [1.0]]])
    assert np.allclose(tuning.moves(windows, True)[0, :, 0], [0.5, -0.5])
    assert np.allclose(tuning.moves(7 * windows, True), tuning.moves(windows, True))
    assert np.allclose(tuning.moves(windows + 5, False), tuning.moves(windows, False))


def test_the_best_settings_are_chosen(tmp_path):
    def tried(data, units, *scores):
        row = {"data": data, "rival": "RCGAN tuned", "settings": {"units": units}}
        return row | ({"scores": scores} if scores else {"failed": "NaN"})

    path = tmp_path / "tuning.json"
    assert tuning.chosen("RCGAN tuned", "GOOG", path) == {}
    table = [
        tried("GOOG", 64, 0.4, 0.2),
        tried("GOOG", 100, 0.1, 0.3),
        tried("GOOG", 32),
        tried("Sines", 64, 0.1, 0.1),
        tried("Sines", 100, 0.1, 0.5),
    ]
    path.write_text(json.dumps(table))
    assert tuning.chosen("RCGAN tuned", "GOOG", path) == {"units": 100}
    assert tuning.chosen("RCGAN tuned", "GOOG, 64 days", path) == {"units": 100}
    assert tuning.chosen("RCGAN tuned", "Sines", path) == {"units": 64}
    assert tuning.chosen("RCGAN tuned", "IBM", path) == {"units": 64}  # .20 against .25 over both
    assert tuning.chosen("GARCH", "GOOG", path) == {}
    text = tuning.markdown(table)
    assert text.index("| 0.100 | 0.300 | 0 | units 100 |") < text.index("| 0.400 | 0.200 |")
    assert "| failed | – | 0 | units 32 |" in text


def test_candidates_begin_with_the_published_settings_and_differ():
    drawn = tuning.candidates(types.SimpleNamespace(SPACE=SPACE, sensible=sensible), 8)
    assert drawn[0] == {}
    assert all(sensible(settings) for settings in drawn[1:])
    assert len({json.dumps(settings, sort_keys=True) for settings in drawn}) == 8
    again = tuning.candidates(types.SimpleNamespace(SPACE=SPACE, sensible=sensible), 4)
    assert again == drawn[:4]


# ── Models ────────────────────────────────────────────────────────────────────────────────────


def component(**changes):
    values = {"mean": 0.0, "memory": 0.0, "base": 0.1, "impact": 0.2, "extra": 0.0}
    values |= {"persistence": 0.7} | changes
    errors = np.r_[np.nan, np.tile([1.0, -1.0], 50)]
    return garch.Component(**values, errors=errors, variances=np.r_[np.nan, np.ones(100)])


def test_garch_goes_on_from_the_state_of_a_real_row():
    rng = np.random.default_rng(1)
    wild = component()
    wild.errors[10], wild.variances[10] = 6.0, 36.0
    innovations = np.nan_to_num(wild.errors)[:, np.newaxis]
    calm_starts, wild_starts = np.full(500, 20), np.full(500, 10)
    calm = garch.simulate([wild], innovations, calm_starts, 30, rng)
    after = garch.simulate([wild], innovations, wild_starts, 30, rng)
    assert np.allclose(np.abs(calm[:, 0]), 1)  # σ² = 0.1 + 0.2·1 + 0.7·1 = 1, shocks of ±1
    expected = np.sqrt(0.1 + 0.2 * 36 + 0.7 * 36)
    assert np.allclose(np.abs(after[:, 0]), expected)
    assert np.allclose(np.abs(after[:, 1]), np.sqrt(0.1 + 0.9 * expected**2))


def test_garch_keeps_the_shocks_of_a_day_together_and_hears_bad_news():
    rng = np.random.default_rng(2)
    first, second = component(), component(extra=0.2)
    second.errors[:] = -first.errors
    innovations = np.nan_to_num(np.stack([first.errors, second.errors], axis=1))
    drawn = garch.simulate([first, second], innovations, np.full(300, 3), 2, rng)
    assert np.array_equal(np.sign(drawn[:, 0, 0]), -np.sign(drawn[:, 0, 1]))
    assert len(np.unique(np.abs(drawn[:, 1, 1]).round(6))) == 2
    fell = drawn[:, 0, 1] < 0
    assert np.abs(drawn[fell, 1, 1]).min() > np.abs(drawn[~fell, 1, 1]).max()


@pytest.mark.skipif(importlib.util.find_spec("arch") is None, reason="arch is not installed")
def test_garch_finds_the_memory_of_the_variance(walk):
    rng = np.random.default_rng(3)
    x, variance = np.zeros(3000), 1.0
    for t in range(1, 3000):
        variance = 0.05 + 0.15 * x[t - 1] ** 2 + 0.8 * variance
        x[t] = np.sqrt(variance) * rng.normal()
    found = garch.fit_component(x)
    assert 0.7 < found.persistence < 0.9
    assert found.base == pytest.approx(0.05, abs=0.04)
    real = windows_of(walk)
    assert garch.fit_and_sample(real, walk, 1, 60.0).shape == real.shape


def test_rcgan_trains_and_repeats_itself():
    real = np.tanh(np.random.default_rng(0).normal(size=(40, 3, 1)))
    small = {"units": 4, "steps": 3, "rounds": 2, "batch_size": 8, "latent": 2, "smoothing": 0.1}
    made = []
    for _ in range(2):
        gan = Rcgan(real, 1, **small)
        before = gan.sample(5)
        assert gan.train() == 3
        made.append(gan.sample(5))
        assert not np.allclose(before, made[-1])
    assert np.allclose(*made, atol=1e-6)
    assert made[0].shape == (5, 3, 1)
    assert np.abs(made[0]).max() <= 1


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(ValueError, match="expected 'sgd' or 'adam'"):
        Rcgan(np.zeros((4, 3, 1)), 1, discriminator="rmsprop")
