"""The benchmark of TimeGAN's two sines and two judges: its simulations, its rows, its tables."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from benchmarks import sines_of_the_paper as bench
from utils import evaluation

STOCKS = 1466


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_guessing_averages_what_the_formula_says(rng):
    for size, expected in ((4000, 0.0063), (STOCKS, 0.0104)):
        mean = bench.guesses(rng, size, (50_000,)).mean()
        assert mean == pytest.approx(expected, abs=1e-4)
        assert mean == pytest.approx(evaluation.chance_mean(size), rel=0.02)


def test_a_judge_of_one_answer_scores_exactly_zero(rng):
    assert (bench.one_class_scores(rng, STOCKS, 1.0, 1000) == 0).all()
    means = [bench.one_class_scores(rng, STOCKS, share, 50_000).mean() for share in (0, 0.5)]
    assert means[0] == pytest.approx(0.0104, abs=1e-4)
    assert means[1] == pytest.approx(means[0] / 2, rel=0.03)


def test_the_best_of_more_checkpoints_is_lower_and_of_more_judges_less_so(rng):
    alone = [bench.chosen_scores(rng, STOCKS, k, 1, 20_000).mean() for k in (1, 2, 5)]
    assert alone[0] == pytest.approx(0.0104, abs=2e-4)
    # The least of two |N(0, σ)| averages 2σ(√2 − 1)/√π, one alone σ√(2/π).
    assert alone[1] == pytest.approx(alone[0] * 2 * (np.sqrt(2) - 1) / np.sqrt(2), rel=0.03)
    assert alone[2] < alone[1]
    ten = bench.chosen_scores(rng, STOCKS, 5, 10, 5000).mean()
    assert alone[2] < ten < alone[0]


def test_the_plan_has_every_row_once_and_its_identity():
    rows = bench.jobs(bench.SINES)
    keys = [bench._key(row) for row in rows]
    assert len(set(keys)) == len(keys) == 2 * (5 + 5 + 3)
    assert all(row["model"] != "LSTM-GAN" for row in bench.jobs(bench.SINES, gan=False))
    assert len({row["identity"] for row in rows}) == 6


@pytest.mark.parametrize("name", bench.SINES)
def test_a_perfect_generator_is_a_fresh_draw_of_the_same_formula(name):
    real, fake = bench.generated(name, "the formula, drawn anew", 1)
    assert real.shape == fake.shape == (10_000, 24, 5)
    assert not np.isin(fake[:, 0, 0], real[:, 0, 0]).all()
    levels = np.linspace(0.05, 0.95, 10)
    np.testing.assert_allclose(
        np.quantile(fake[:, 5], levels), np.quantile(real[:, 5], levels), atol=0.05
    )
    one, other = bench.generated(name, "real against real", 1)
    assert len(one) == len(other) == 5000


def test_rows_are_run_once_stale_ones_anew_and_all_written(monkeypatch, tmp_path):
    """The pool runs in this process, and judges guess."""
    done = []

    def run_job(job):
        done.append(bench._key(job))
        scores = {judge: [0.01, 0.02] for judge in bench.JUDGES}
        return job | {"scores": scores, "test_size": 4000, "versions": "a test"}

    monkeypatch.setattr(bench, "run_job", run_job)
    monkeypatch.setattr(bench, "ProcessPoolExecutor", lambda *_, **__: ThreadPoolExecutor(1))
    monkeypatch.setattr(bench, "TIMES", 2000)
    monkeypatch.setattr(bench.simulated, "__defaults__", (2000,))
    options = ["--out", str(tmp_path), "--sets", "Sines", "--without-gan"]
    assert bench.main([*options, "--simulate"]) == 0
    assert done == []
    path = tmp_path / "sines_of_the_paper.json"
    assert json.loads(path.read_text())["rows"] == []
    bench.main(options)
    assert len(done) == 10
    bench.main(options)
    assert len(done) == 10
    written = json.loads(path.read_text())
    written["rows"][3]["identity"] = "of other data"
    path.write_text(json.dumps(written))
    bench.main(options)
    assert len(done) == 11
    bench.main([*options, "--simulate", "--fresh"])
    assert len(json.loads(path.read_text())["rows"]) == 10
    bench.main([*options, "--fresh"])
    assert len(done) == 21
    text = (tmp_path / "sines_of_the_paper.md").read_text()
    row = (
        "| of the code | the formula, drawn anew | 5 | 0.0150 ± 0.0000 | 0.0150 ± 0.0000 | 0.0063 |"
    )
    assert row in text
    assert "| 100% | 0.0000 |" in text


def test_a_row_has_a_score_of_each_judge(monkeypatch):
    def score(real, fake, *, repeats, seed):
        assert (len(real), len(fake), seed) == (5000, 5000, 2)
        return evaluation.Score((0.1,) * repeats)

    monkeypatch.setattr(bench, "JUDGES", {"one": score, "other": score})
    job = next(job for job in bench.jobs(["Sines"]) if job["seed"] == 2)
    row = bench.run_job(job)
    assert row["scores"] == {"one": [0.1] * 4, "other": [0.1] * 4}
    assert row["test_size"] == 2000
