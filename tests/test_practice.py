"""Fidelity, utility and privacy in the report, and the sentence on what the windows are fit for."""

import re

import numpy as np
import pytest

from utils.datasets import Series
from utils.datasets.sequences import windows_of
from utils.lstm_gan import practice
from utils.lstm_gan.findings import Finding
from utils.lstm_gan.fitness import fit_for
from utils.lstm_gan.markdown import Column
from utils.lstm_gan.practice import Measured, measure, sections

WINDOW = 8


@pytest.fixture(autouse=True)
def full(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "full")


def rows(count, seed=0, features=2):
    rng = np.random.default_rng(seed)
    made = np.zeros((count, features))
    for t in range(1, count):
        made[t] = 0.8 * made[t - 1] + rng.normal(size=features)
    return made


def of(values, **more):
    columns = tuple(f"c{k}" for k in range(values.shape[1]))
    return Series(values, columns, None, "mine", ("",) * len(columns), "here", **more)


def measured_of(series, samples=None, holdout=None):
    real = windows_of(series.sequences(), WINDOW)
    columns = [Column(name, places=2) for name in series.columns]
    samples = real if samples is None else samples
    found = measure(series, real, samples, columns, holdout)
    return found, "\n".join(sections(found, columns))


@pytest.fixture(scope="module")
def series():
    return of(rows(700))


@pytest.fixture(scope="module")
def fresh():
    return windows_of([rows(700, seed=1)], WINDOW)


def test_windows_like_the_data(series, fresh):
    found, text = measured_of(series, fresh)
    assert re.search(r"\d+ of \d+ facts are inside the band", text)
    assert "| forecast of | rule of thumb | TRTR | TSTR |" in text
    assert "The LSTM-GAN saw all rows" in text
    assert "No more generated windows than chance explains are near copies" in text
    assert "--holdout 0.2" in text
    assert found.attack is None
    assert found.why == {}
    table = practice.facts_table(found)
    assert list(table)[:3] == ["group", "fact", "of"]
    assert max(len(line) for line in text.splitlines() if line.startswith("|")) <= 90
    said = fit_for(found, "near", [])
    assert said.startswith(
        "Fit for trying out programs, examples that look like the data, training"
    )
    assert "not fit for estimating a risk and showing to whoever" in said


def test_rows_held_out_are_attacked(series, fresh):
    holdout = of(rows(200, seed=2))
    found, text = measured_of(series, fresh, holdout)
    assert found.held_out
    assert not found.attack.flagged
    assert "The LSTM-GAN never saw the rows on which the forecasters are tested" in text
    assert "The attack is no better than chance explains." in text
    assert "--holdout" not in text


def test_a_memoriser_is_named(series):
    found, text = measured_of(series, holdout=of(rows(200, seed=2)))
    assert found.copies.flagged
    assert found.attack.flagged
    assert "**More generated windows than chance explains are near copies" in text
    assert "**The attack finds out who was trained on.**" in text
    assert "who may not see" not in fit_for(found, "near", []).split("not fit for")[0]
    assert "(they copy some)" in fit_for(found, "near", [])


def test_damaged_windows(series, fresh):
    shuffled = np.random.default_rng(0).permuted(fresh, axis=1)
    shuffled[..., 1] *= 0.4
    found, text = measured_of(series, shuffled)
    assert "the windows differ by more than chance" in text
    assert "| beyond |" in text
    failed = practice.failed_columns(found, [Column("c0", places=2), Column("c1", places=2)])
    assert failed[0].wrong
    assert [row[0] for row in failed[0].rows] == ["c1"]
    broken = Finding("Relations that hold in every real row", True, "")
    said = fit_for(found, "told apart", [broken, *failed])
    bad = said.split("not fit for")[1]
    for expected in ("relations between columns", "passing for the data", "next row", "changes"):
        assert expected in bad


@pytest.mark.parametrize(
    "data",
    [
        of(rows(30)),
        of(rows(WINDOW + 1)),
        of(rows(200, features=1)),
        of(np.ones((200, 2))),
        of(np.column_stack([rows(200)[:, 0], np.ones(200)])),
        of(rows(120), starts=(0, 50, 100, 110), groups=("a", "b", "c", "d")),
        of(np.round(rows(200)).clip(0, 1)),
    ],
)
def test_little_or_odd_data_say_so_and_stop_nothing(data):
    for holdout in (None, data):
        found, text = measured_of(data, holdout=holdout)
        assert text.count("\n## ") == 2
        assert fit_for(found, "too few windows", []).endswith(".")
        assert "nan" not in text
    if len(data.values) <= 30:
        assert "too short for a band" in text
        assert "Not measured. " in text
        assert "the data are too few for more" in fit_for(found, "too few windows", [])


def test_a_part_that_fails_leaves_a_reason(series, fresh, monkeypatch):
    def broken(*arguments, **options):
        raise ValueError("No such luck.")

    for name in ("forecast_utility", "copies"):
        monkeypatch.setattr(practice, name, broken)
    monkeypatch.setattr(practice.facts, "real_bands", broken)
    found, text = measured_of(series, fresh)
    assert text.count("No such luck.") == 3
    assert practice.facts_table(found) is None
    assert practice.failed_columns(found, []) == []


def test_the_quick_profile_means_nothing(series, fresh, monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    found, text = measured_of(series, fresh)
    assert text.count(practice.QUICK) == 3
    assert fit_for(found, "means nothing", []).startswith("Fit for seeing that the program runs")


def test_a_cycle_longer_than_a_window_is_named():
    wave = 3 * np.sin(2 * np.pi * np.arange(400) / 20)[:, np.newaxis]
    _, text = measured_of(of(rows(400, features=1) + wave))
    assert "A cycle of 20 rows is longer than a window of 8" in text


def test_nothing_measured_is_said_too():
    assert fit_for(Measured(), "too few windows", []) == (
        "Fit for trying out programs; not fit for estimating a risk and showing to whoever may not "
        "see the data; the data are too few for more."
    )
