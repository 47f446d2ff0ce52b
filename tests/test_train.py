"""The command line: what a run leaves, how it resumes, and one clear sentence for bad input."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from utils import datasets, lstm_gan, train
from utils.lstm_gan import Preconditioner, estimator, recipe, report, run_folder

ROOT = Path(__file__).parent.parent
WINDOW, STEPS = 6, 4
DATES = pd.date_range("2020-01-01", periods=30).strftime("%d.%m.%Y").tolist()


def write_csv(path, rows=60, **columns):
    """Write a CSV of a random walk, a cycle, and what ``columns`` adds or replaces."""
    rng = np.random.default_rng(0)
    frame = {
        "date": pd.date_range("2020-01-01", periods=rows).strftime("%Y-%m-%d"),
        "level": 100 + rng.normal(size=rows).cumsum(),
        "cycle": np.sin(np.arange(rows) / 5) + 0.1 * rng.normal(size=rows),
    }
    pd.DataFrame(frame | columns).to_csv(path, index=False)
    return path


def arguments(csv, out, *more):
    return [
        *("--csv", str(csv), "--out", str(out), "--window", str(WINDOW)),
        *("--steps", str(STEPS), "--profile", "quick", *more),
    ]


def command(options):
    """Run the command as a reader would type it, in a process of its own; return what it said."""
    typed = [sys.executable, "-m", "utils.train", *options]
    run = subprocess.run(typed, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return run


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    return write_csv(tmp_path_factory.mktemp("data") / "mine.csv", fixed=[7.0] * 60)


@pytest.fixture(scope="module")
def finished(csv, tmp_path_factory):
    """A finished run, made by the command as a reader would type it."""
    out = tmp_path_factory.mktemp("run") / "out"
    return out, command(arguments(csv, out))


@pytest.fixture
def refused(capsys):
    """Run the command line, expect it to refuse, and return its one sentence."""

    def run(*options):
        try:
            status = train.main([str(option) for option in options])
        except SystemExit as exit_:
            status = exit_.code
        error = capsys.readouterr().err
        assert status == 2, error
        assert "Traceback" not in error
        message = error.strip().splitlines()[-1]
        assert "error: " in message
        return message

    return run


# --- a run --------------------------------------------------------------------------------------


def test_what_it_prints(finished):
    out, run = finished
    assert run.stderr == ""
    lines = run.stdout.splitlines()
    assert lines[0].startswith("TensorFlow 2.")
    assert lines[0].endswith("quick profile")
    assert "Left out: 'fixed' (constant, always 7.0)." in run.stdout
    for name in ("LSTM-GAN", "VAR bootstrap", "real vs real", "strong judge", "lower is better"):
        assert name in run.stdout
    assert str(out) in lines[-1]


def test_samples_are_in_the_data_s_units(finished, csv):
    with np.load(finished[0] / "samples.npz", allow_pickle=False) as file:
        samples = file["samples"]
    data = pd.read_csv(csv)[["level", "cycle"]].to_numpy()
    assert samples.shape == (60 - WINDOW + 1, WINDOW, 2)
    low, high = data.min(axis=0), data.max(axis=0)
    tolerance = 1e-6 * (1 + np.abs(high))
    assert (samples >= low - tolerance).all()
    assert (samples <= high + tolerance).all()
    assert samples[..., 0].std() > 0.1 * data[:, 0].std()


def test_history_and_config(finished, csv):
    out, _ = finished
    history = pd.read_csv(out / "history.csv")
    assert list(history) == ["step", "discriminator", "generator"]
    assert history["step"].tolist() == list(range(1, STEPS + 1))
    config = json.loads((out / "config.json").read_text())
    assert config["data"]["columns"] == ["level", "cycle"]
    assert config["window"] == WINDOW
    assert config["training"]["steps"] == STEPS
    assert config["schedule"] == [{"from_step": 0, "steps": STEPS}]


def test_report_shows_its_pictures(finished):
    out, _ = finished
    report = (out / "report.md").read_text(encoding="utf-8")
    for name in ("losses", "paths", "marginals", "autocorrelation", "changes", "pca", "tsne"):
        assert f"({name}.png)" in report
        assert (out / f"{name}.png").stat().st_size > 2000
    assert "| LSTM-GAN |" in report
    assert not [path.name for path in out.iterdir() if path.name.startswith(".writing")]


def test_stored_parts_make_the_stored_samples(finished):
    """Preconditioner and weights, read back, generate what samples.npz holds."""
    out, _ = finished
    with np.load(out / "preconditioner.npz", allow_pickle=False) as state:
        preconditioner = Preconditioner.from_arrays(state)
    config = lstm_gan.TrainingConfig(seed=1)
    generator = lstm_gan.build_generator(WINDOW, preconditioner.components, config)
    generator.load_weights(out / "generator.weights.h5")
    scores = np.zeros((60, WINDOW, preconditioner.components))
    trainer = lstm_gan.build(preconditioner, scores, config)
    inputs = trainer.latents(60 - WINDOW + 1, seed=2)
    windows = preconditioner.inverse_transform(generator(inputs).numpy())
    with np.load(out / "samples.npz", allow_pickle=False) as file:
        np.testing.assert_allclose(windows, file["samples"], rtol=1e-4, atol=1e-4)
    assert not (out / "calibration.npz").exists()


def test_same_command_same_bits(finished, csv, tmp_path):
    out, again = finished[0], tmp_path / "again"
    shutil.copytree(out, again)
    (again / "samples.npz").unlink()
    said = command(arguments(csv, again, "--overwrite")).stdout
    assert f"Starting anew: the checkpoints of the run before, of step {STEPS}, are deleted" in said
    assert sorted(p.name for p in again.iterdir()) == sorted(p.name for p in out.iterdir())
    for name in ("history.csv", "config.json"):
        assert (again / name).read_bytes() == (out / name).read_bytes()
    first, second = (np.load(folder / "samples.npz")["samples"] for folder in (out, again))
    np.testing.assert_array_equal(first, second)


def test_resume_goes_on_for_more_steps(finished, csv, tmp_path, capsys):
    out = tmp_path / "copy"
    shutil.copytree(finished[0], out)
    more = arguments(csv, out, "--resume")
    more[more.index("--steps") + 1] = str(STEPS + 2)
    assert train.main(more) == 0
    assert f"Resuming at step {STEPS}." in capsys.readouterr().out
    config = json.loads((out / "config.json").read_text())
    assert config["schedule"] == [
        {"from_step": 0, "steps": STEPS},
        {"from_step": STEPS, "steps": STEPS + 2},
    ]
    report = (out / "report.md").read_text(encoding="utf-8")
    assert "Trained to step 4 as a run of 4, then to step 6 as a run of 6 steps." in report
    history = pd.read_csv(out / "history.csv", float_precision="round_trip")
    before = pd.read_csv(finished[0] / "history.csv", float_precision="round_trip")
    assert len(history) == STEPS + 2
    pd.testing.assert_frame_equal(history[:STEPS], before)


def test_one_column_without_dates(tmp_path):
    path = tmp_path / "one.csv"
    pd.DataFrame({"x": np.random.default_rng(0).normal(size=80).cumsum()}).to_csv(path, index=False)
    assert train.main(arguments(path, tmp_path / "out")) == 0
    with np.load(tmp_path / "out" / "samples.npz", allow_pickle=False) as file:
        assert file["samples"].shape == (80 - WINDOW + 1, WINDOW, 1)


def test_rows_held_out(csv, tmp_path):
    """They are not trained on, and the report attacks with them."""
    assert train.main(arguments(csv, tmp_path / "out", "--holdout", "0.2")) == 0
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["data"]["rows"] == 48
    report = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "Held out: the last 12 of 60 rows, from 2020-02-18." in report
    assert "All rows were trained on" not in report


def test_groups_of_one_window_each_are_enough(tmp_path, refused):
    rows = 2 * WINDOW
    shop = {"shop": ["a"] * WINDOW + ["b"] * WINDOW}
    csv = write_csv(tmp_path / "two.csv", rows=rows, date=DATES[:WINDOW] * 2, **shop)
    assert train.main(arguments(csv, tmp_path / "out", "--group", "shop")) == 0
    with np.load(tmp_path / "out" / "samples.npz", allow_pickle=False) as file:
        assert file["samples"].shape == (2, WINDOW, 2)
    message = refused(*arguments(csv, tmp_path / "more", "--group", "shop", "--window", WINDOW + 1))
    assert f"{WINDOW} rows; at least {WINDOW + 1} are needed (a window)" in message


@pytest.mark.parametrize("share", ["1.5", "-0.1", "0.01"])
def test_a_share_that_cannot_be_held_out(csv, tmp_path, refused, share):
    message = refused(*arguments(csv, tmp_path / "out", f"--holdout={share}"))
    assert "held out" in message or "hold out" in message


def test_the_shortest_series_that_is_allowed(tmp_path, capsys):
    csv = write_csv(tmp_path / "short.csv", rows=WINDOW + 1)
    assert train.main(arguments(csv, tmp_path / "out")) == 0
    with np.load(tmp_path / "out" / "samples.npz", allow_pickle=False) as file:
        assert file["samples"].shape == (2, WINDOW, 2)
    report = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "There are 2 windows, too few to score." in report
    assert "tsne" not in report


# --- ugly but legal data ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ugly(tmp_path_factory):
    """A run on 70 irregular days of 15 columns, each awkward in its own way; its data.

    Memory and pictures are cut, so that the run meets the limits that long and wide data meet.
    """
    rng = np.random.default_rng(0)
    rows, folder = 70, tmp_path_factory.mktemp("ugly")
    days = np.sort(rng.choice(200, rows, replace=False))
    table = {
        "date": (pd.Timestamp("2020-01-01") + pd.to_timedelta(days, "D")).strftime("%Y-%m-%d"),
        "huge": 1e9 * rng.normal(size=rows),
        "tiny": 1e-9 * rng.normal(size=rows),
        "far": 1e9 + 0.01 * rng.normal(size=rows),
        "cauchy": np.tan(np.pi * (np.linspace(0.002, 0.998, rows) - 0.5))[rng.permutation(rows)],
        "trend": np.arange(rows) + rng.normal(size=rows),
        "count": rng.poisson(3, rows),
        "rain|mm": np.where(rng.random(rows) < 0.6, 0, rng.exponential(size=rows)),
        "fixed": [1e9 + 0.5] * rows,
    } | {f"walk {i}": rng.normal(size=rows).cumsum() for i in range(6)}
    table["twice"] = 2 * table["walk 0"]
    table = pd.DataFrame(table)
    table.to_csv(folder / "ugly.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "MOST_NUMBERS", 3000)  # 65 windows × 6 rows × 13 components are more
        patch.setattr(report, "MOST_PANELS", 2)
        build, trained_on = lstm_gan.build, []
        patch.setattr(estimator, "build", lambda *a: (trained_on.append(a[1].shape), build(*a))[1])
        asked = ("--columns", ",".join(table.columns[1:]))  # the constant one too
        assert train.main(arguments(folder / "ugly.csv", folder / "out", *asked)) == 0
    assert trained_on == [(33, WINDOW, 13)]  # every second window
    return folder / "out", table.drop(columns="date")


def test_ugly_data_come_back_in_their_units(ugly):
    out, table = ugly
    with np.load(out / "samples.npz", allow_pickle=False) as file:
        samples = file["samples"]
    assert samples.shape == (65, WINDOW, 15)
    real = table.to_numpy()
    low, high = real.min(axis=0), real.max(axis=0)
    slack = 1e-9 * (high - low)  # of the range: a 32-bit number could not tell "far" apart
    assert (samples >= low - slack).all()
    assert (samples <= high + slack).all()
    generated = dict(zip(table, samples.reshape(-1, 15).T, strict=True))
    assert (generated.pop("fixed") == 1e9 + 0.5).all()
    for name, values in generated.items():
        assert len(np.unique(values)) > (5 if name == "count" else 30), name
        middle = np.percentile(table[name], (75, 25))
        if name != "rain|mm":  # most of it is one value
            assert np.std(values) > 0.1 * (middle[0] - middle[1]), name
    assert (generated["count"] == np.round(generated["count"])).all()
    np.testing.assert_allclose(generated["twice"], 2 * generated["walk 0"], rtol=1e-2, atol=1e-2)


def test_the_report_says_what_it_saw(ugly):
    report = (ugly[0] / "report.md").read_text(encoding="utf-8")
    for expected in (
        "ugly: 70 rows of 15 columns",
        r"Gaps in time, from 2020-01-\d\d to 2020-0\d-\d\d: the rows are most often 1 day apart "
        r"\(\d\d% of the steps\), \d+ steps are longer, the longest \d+ days \(after 2020-",
        "column 'fixed' is constant",
        "Whole numbers only: 'count'; generated values are rounded",
        r"Trend: .*'trend' \((99|100)%\)",
        r"Heavy tail: 'cauchy' \(half lies within 1.* of the median .*, the furthest value \d\d\d ",
        r"One value repeated: .*'rain\|mm' \(\d\d% are 0\)",
        "The 14 columns that vary hold 13 independent components",
        "Few rows: 69 steps for 13 components",
        "Much data: windows start 2 rows apart",
        "The pictures of single columns show the first 2 of 15",
    ):
        assert re.search(expected, report), (expected, report)
    lines = report[report.index("## Ranges") :].splitlines()
    far = next(i for i, line in enumerate(lines) if line.startswith("| far | real |"))
    least, generated = (
        float(line.split(" | ")[2].replace(",", "")) for line in lines[far : far + 2]
    )
    assert least == pytest.approx(ugly[1]["far"].min(), rel=1e-12)  # 1% of 70 rows: the smallest
    assert 1e9 - 1 < generated < 1e9 + 1
    # A name's own stroke must not end a cell, in whichever table the column stands.
    assert any(line.startswith(r"| rain\|mm | ") for line in report.splitlines())


def described(times=None, **columns):
    values = np.column_stack([np.asarray(column, np.float64) for column in columns.values()])
    series = datasets.Series(values, tuple(columns), times, "mine", ("",) * len(columns), "here")
    return "\n".join(lstm_gan.observations(series, Preconditioner(WINDOW).fit(values), WINDOW))


def test_nothing_is_said_about_unremarkable_data():
    rng = np.random.default_rng(0)
    times = np.arange("2020-01-01", "2020-07-19", dtype="datetime64[D]")
    said = described(times, x=rng.normal(size=200), y=rng.exponential(size=200))
    assert said.splitlines() == [
        "mine: 200 rows of 2 columns.",
        "Evenly spaced in time, 1 day apart, from 2020-01-01 to 2020-07-18.",
        "Generated dates go on in steps of 1 day.",
    ]
    said = described(x=rng.normal(size=200))
    assert said.splitlines()[1].startswith("There is no column of dates")


def test_units_do_not_decide_what_is_said():
    rng = np.random.default_rng(0)
    columns = {"trend": np.arange(200) + rng.normal(size=200), "tail": rng.standard_cauchy(200)}
    said = described(**columns)
    assert "Trend: " in said
    assert "Heavy tail: " in said
    for unit in (1e-9, 1e9, 1e300, 1e-300):
        other = described(**{name: unit * column for name, column in columns.items()})
        assert re.search(r"'trend' \(\d+%\)", other)[0] == re.search(r"'trend' \(\d+%\)", said)[0]
        times = r"the furthest value [\d,]+ times"
        assert re.search(times, other)[0] == re.search(times, said)[0]


@pytest.mark.parametrize(
    ("step", "expected"),
    [("15 m", "15 minutes"), ("1 s", "1 second"), ("2 h", "2 hours"), ("36 h", "1.5 days")],
)
def test_spacing_is_said_in_a_unit_that_fits(step, expected):
    count, unit = step.split()
    start = np.datetime64("2020-01-01T00:00", "ns")
    times = start + np.arange(40) * np.timedelta64(int(count), unit)
    said = described(times, x=np.random.default_rng(0).normal(size=40))
    assert f"Evenly spaced in time, {expected} apart, from 2020-01-01 to " in said.replace(
        "T00:00 ", " "
    )


def test_a_long_list_of_columns_is_cut():
    rng = np.random.default_rng(0)
    said = described(**{f"c{i}": rng.integers(0, 50, 200) for i in range(9)})
    assert "Whole numbers only: 'c0', 'c1', 'c2', 'c3', 'c4', 'c5' and 3 more;" in said


def test_long_data_are_thinned_to_the_memory_there_is():
    assert lstm_gan.training_stride(99_977, 24, 40) == 1  # a hundred thousand rows of 40 columns
    for size in ((10**6, 24, 40), (99_001, 1000, 40), (5 * 10**6, 24, 6)):
        stride = lstm_gan.training_stride(*size)
        assert stride > 1
        assert (
            len(range(0, size[0], stride)) * size[1] * size[2] <= recipe.MOST_NUMBERS + size[1] * 40
        )
        assert len(range(0, size[0], stride - 1)) * size[1] * size[2] > recipe.MOST_NUMBERS


def test_help_has_an_example():
    run = subprocess.run(
        [sys.executable, "-m", "utils.train", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0
    assert "python -m utils.train --csv prices.csv" in run.stdout
    options = (
        "--csv",
        "--columns",
        "--group",
        "--missing",
        "--date-format",
        "--window",
        "--steps",
        "--seed",
        "--out",
        "--resume",
    )
    assert all(option in run.stdout for option in options)


# --- bad input: one sentence, exit status 2, nothing written ------------------------------------


def nan_at(row, value):
    column = [float(i) for i in range(60)]
    return [*column[:row], value, *column[row + 1 :]]


def empty_file(path):
    path.write_text("")
    return path


@pytest.mark.parametrize(
    ("make", "more", "expected"),
    [
        (lambda p: p, (), "no such file|does not exist|There is no"),
        (empty_file, (), "empty"),
        (write_csv, ("--columns", "level,price"), "'price'.*level.*cycle"),
        (
            lambda p: write_csv(p, name=["a"] * 60),
            ("--columns", "level,name"),
            "'name'.*numeric columns.*level.*cycle",
        ),
        (lambda p: write_csv(p, bad=nan_at(9, None)), (), "[Ll]ine 11.*'bad'"),
        (lambda p: write_csv(p, bad=nan_at(9, np.inf)), (), "[Ll]ine 11.*'bad'"),
        (lambda p: write_csv(p, rows=WINDOW), (), f"{WINDOW} rows.*{WINDOW + 1}"),
        (
            lambda p: write_csv(p, level=[1.0] * 60, cycle=[2.0] * 60),
            (),
            "Every column of numbers of .* is constant",
        ),
        (
            lambda p: write_csv(p, rows=60, shop=["a"] * 30 + ["b"] * 30, date=DATES * 2),
            (),
            "say --group shop",
        ),
        (lambda p: write_csv(p, far=[-200.0, 5.5, 6.5, 9.25] * 15), (), "say --missing-value -200"),
        (write_csv, ("--columns", "[level"), "is no JSON"),
        (write_csv, ("--missing", "ignore"), "invalid choice: 'ignore'"),
        (write_csv, ("--window", "1"), "window is 1"),
        (write_csv, ("--steps", "0"), "steps is 0"),
        (write_csv, ("--seed", "-1"), "seed is -1"),
        (write_csv, ("--window", "two"), "invalid int"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_bad_input_is_refused(tmp_path, refused, make, more, expected):
    path = make(tmp_path / "bad.csv")
    out = tmp_path / "out"
    message = refused(*arguments(path, out, *more))
    assert re.search(expected, message), message
    assert not out.exists()


def test_a_column_that_the_shipped_series_lacks(refused, tmp_path):
    message = refused("--columns", "Open,Clothes", "--out", tmp_path / "out")
    assert "no column 'Clothes'" in message
    assert "Open, High, Low, Close" in message


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (("--seed", "2"), "holds another run.*training.seed 1, not 2"),
        (("--steps", "9"), "holds another run.*training.steps 4, not 9"),
        (("--window", "7"), "holds another run.*window 6, not 7"),
        (("--columns", "level"), "holds another run"),
        (("--resume", "--window", "7"), "belongs to another run.*window 6, not 7"),
        (("--resume", "--seed", "2"), "belongs to another run"),
        (("--resume", "--steps", "2"), "at step 4, beyond the 2 steps asked for"),
        ((), "holds this run, finished after 4 steps; --resume .*, --overwrite"),
        (("--overwrite", "--seed", "2"), "holds another run"),
        (("--overwrite", "--resume"), "exclude each other"),
    ],
)
def test_another_run_is_not_overwritten(finished, csv, refused, more, expected):
    out, _ = finished
    before = contents(out)
    message = refused(*arguments(csv, out, *more))
    assert re.search(expected, message), message
    assert contents(out) == before


def test_a_checkpoint_of_another_shape_is_refused(finished, csv, refused, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(finished[0], out)
    other = keras.Sequential([keras.Input((WINDOW, 16)), keras.layers.LSTM(5)])
    shutil.rmtree(out / "checkpoint")
    tf.train.CheckpointManager(
        tf.train.Checkpoint(generator=other), str(out / "checkpoint"), 1
    ).save()
    before = contents(out)
    assert "models of another shape" in refused(*arguments(csv, out, "--resume"))
    assert contents(out) == before


def test_a_folder_of_something_else_is_left_alone(csv, refused, tmp_path):
    (tmp_path / "thesis.tex").write_text("my thesis")
    assert "not empty and holds no run" in refused(*arguments(csv, tmp_path))
    assert "is a file" in refused(*arguments(csv, tmp_path / "thesis.tex"))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_that_cannot_be_made(csv, refused, tmp_path):
    (tmp_path / "file").write_text("")
    assert "file" in refused(*arguments(csv, tmp_path / "file" / "out"))


def test_a_run_killed_at_its_very_start_is_no_obstacle(csv, tmp_path):
    (tmp_path / ".writing-config.json").write_text("{")
    run_folder.check_folder(tmp_path, {"window": 6})


def test_a_broken_config_is_refused(csv, refused, tmp_path):
    (tmp_path / "config.json").write_text("{")
    assert "config.json cannot be read" in refused(*arguments(csv, tmp_path))


def test_an_unknown_profile_in_the_environment(csv, refused, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "fast")
    command = [option for option in arguments(csv, tmp_path / "out") if option != "--profile"]
    command.remove("quick")
    assert "'fast'; expected 'full' or 'quick'" in refused(*command)
    assert os.environ["COURSE_PROFILE"] == "fast"
