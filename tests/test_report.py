"""The report: what it says of the scores, what it finds wrong, and that it can be read."""

import contextlib
import itertools
import re
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from utils.datasets import Series
from utils.datasets.frames import Layout
from utils.datasets.sequences import windows_of
from utils.evaluation import Score, chance_mean
from utils.lstm_gan import (
    Preconditioner,
    TrainingConfig,
    captions,
    findings,
    markdown,
    report,
    scores,
)
from utils.lstm_gan.markdown import Column
from utils.lstm_gan.structure import Structure
from utils.plots.tails import sizes_reached

SETS = (scores.OURS, scores.BASELINE, scores.FLOOR)
MANY = 2_000  # windows of which chance gives little


def spread(mean, sd, judges):
    """A score with this mean and standard deviation."""
    signs = np.resize([1.0, -1.0], judges)
    return Score(tuple(mean + sd * signs * np.sqrt((judges - 1) / judges)))


def scored(small=0.01, strong=0.02, floor=(0.02, 0.02), linear=0.3, predictive=0.05):
    """A table of scores, ten small judges and two strong ones."""
    table = pd.DataFrame(columns=[scores.SMALL, scores.STRONG, scores.PREDICTIVE, "seconds"])
    table = table.astype(object)
    for name, (one, other, error) in zip(
        SETS, ((small, strong, predictive), (0.01, linear, 0.05), (*floor, 0.05)), strict=True
    ):
        parts = spread(one, 0.005, 10), spread(other, 0.004, 2), spread(error, 0.0002, 10)
        table.loc[name] = [*parts, "–"]
    return table


@pytest.fixture(autouse=True)
def full(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "full")


# --- The verdict --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "count", "word"),
    [
        (scored(), MANY, "within chance"),
        (scored(small=0.04), MANY, "near"),
        (scored(strong=0.049), MANY, "near"),
        (scored(strong=0.06), MANY, "told apart"),
        (scored(strong=0.24), MANY, "told apart"),
        (scored(small=0.26), MANY, "easily told apart"),
        # The judge hears as much between real windows: no difference.
        (scored(strong=0.06, floor=(0.02, 0.07)), MANY, "within chance"),
        # A floor that chance explains does not raise the bound.
        (scored(small=0.022, floor=(0.025, 0.02)), MANY, "near"),
        (scored(), 60, "too few windows"),
        (scored(strong=0.4), 60, "easily told apart"),
    ],
)
def test_the_verdict_in_words(table, count, word):
    assert scores.verdict(table, count).word == word


def test_the_verdict_says_how_often_a_judge_is_right():
    said = scores.verdict(scored(strong=0.32), MANY)
    assert "easily told apart from the real ones: a judge is right on 82% of them" in said.sentence
    details = " ".join(said.details)
    assert "The small judge scores 0.010: within chance" in details
    assert "The strong judge scores 0.320: beyond chance" in details
    assert "no better than the VAR bootstrap" not in details
    assert "errs no more than one that learns from real ones" in details


@pytest.mark.parametrize(
    ("strong", "linear", "how"),
    [(0.05, 0.3, "better than"), (0.3, 0.05, "worse than"), (0.1, 0.101, "no better than")],
)
def test_beside_the_linear_model(strong, linear, how):
    details = " ".join(scores.verdict(scored(strong=strong, linear=linear), MANY).details)
    assert f"is {how} the VAR bootstrap" in details


def test_a_predictor_that_errs_more():
    details = " ".join(scores.verdict(scored(predictive=0.06), MANY).details)
    assert "errs 20% more than one that learns from real ones" in details


def test_scores_that_mean_nothing(monkeypatch):
    table = scored()
    table.loc[:, [scores.SMALL, scores.STRONG, scores.PREDICTIVE]] = "–"
    assert scores.verdict(table, 12).sentence.startswith("There are 12 windows, too few to score")
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    assert scores.verdict(scored(), MANY).word == "means nothing"


def test_a_perfect_generator_is_within_chance_39_times_in_40():
    """Judges that guess: by the simulation, the bound is as strict as it says, or stricter."""
    rng = np.random.default_rng(0)
    for count, judges in itertools.product((100, 1000), (2, 10)):
        tested = scores.held_out(count)
        right = rng.binomial(tested, 0.5, (20_000, judges)) / tested
        means = np.abs(right - 0.5).mean(axis=1)
        assert means.mean() == pytest.approx(chance_mean(tested), rel=0.05)
        beyond = (means > scores.bound_by_chance(count, judges)).mean()
        assert 0.01 < beyond < 0.045, (count, judges, beyond)


# --- The table of scores ------------------------------------------------------------------------


@pytest.fixture
def quick_scores(monkeypatch):
    """Scores that say what was asked for, in place of judges."""
    asked = []

    def score(kind):
        def measure(*windows, **options):
            asked.append((kind, len(windows), options.get("layers", 1), options.get("repeats", 10)))
            return Score((0.1, 0.3))

        return measure

    for name in ("discriminative_score", "predictive_score", "real_versus_real"):
        monkeypatch.setattr(scores, name, score(name))
    return asked


def test_nine_scores_are_measured_and_shown(quick_scores, monkeypatch):
    moved = []
    bar = SimpleNamespace(set_description=moved.append, update=lambda: moved.append("moved"))
    monkeypatch.setattr(scores.runtime, "progress", lambda **options: contextlib.nullcontext(bar))
    windows = np.zeros((30, 4, 2))
    table = scores.score_table(windows, windows + 1, windows + 2, 61.6)
    assert tuple(table.index) == SETS
    assert moved.count("moved") == 9
    assert "scoring VAR bootstrap, strong judge" in moved
    assert table["seconds"].tolist() == ["62", "–", "–"]
    assert [kind for kind, *_ in quick_scores][-3:] == ["real_versus_real"] * 2 + [
        "predictive_score"
    ]
    assert quick_scores[1][2:] == (2, 2)  # the strong judge: two layers, two judges
    assert "0.200 ± 0.141" in table.to_string()


def test_few_windows_are_not_scored(quick_scores):
    windows = np.zeros((scores.FEWEST_WINDOWS - 1, 4, 2))
    table = scores.score_table(windows, windows, windows, float("nan"))
    assert (table.to_numpy() == "–").all()
    assert quick_scores == []


def test_scores_are_written_with_all_digits(tmp_path):
    scores.write_scores(tmp_path / "scores.csv", scored(strong=1 / 3))
    table = pd.read_csv(tmp_path / "scores.csv", float_precision="round_trip").set_index(
        ["of", "score"]
    )
    assert len(table) == 9
    assert table.loc[(scores.OURS, scores.STRONG), "mean"] == pytest.approx(1 / 3, rel=1e-12)
    assert table.loc[(scores.OURS, scores.STRONG), "judges"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["scores.csv"]


def test_the_screen_says_that_lower_is_better():
    shown = report.on_screen(scored(), MANY)
    assert shown.index("lower is better") < shown.index("LSTM-GAN") < shown.index("within chance")


def test_the_baseline_keeps_what_the_lstm_gan_keeps():
    rng = np.random.default_rng(0)
    level = rng.normal(size=400).cumsum()
    values = np.column_stack([level, level > 1.0]).astype(np.float64)
    series = Series(values, ("level", "high"), None, "mine", ("", ""), "here")
    structure = Structure().fit([values], series.columns)
    encoded = structure.encode([values])
    gan = SimpleNamespace(structure_=structure, preconditioner_=Preconditioner(6).fit(encoded))
    structure.calibrate(windows_of(encoded, 6))
    before = structure.state()
    made = scores.bootstrap(gan, series, 50)
    assert made.shape == (50, 6, 2)
    assert set(np.unique(made[..., 1])) <= {0, 1}
    assert str(structure.state()) == str(before)  # its own margins are left alone


# --- What is wrong ------------------------------------------------------------------------------


class Below:
    """A relation: the first column is at most the second."""

    text = "Low ≤ High in every row."

    def holds(self, windows):
        return windows[..., 0] <= windows[..., 1]


def compared(real, generated, *columns):
    columns = columns or tuple(Column(f"c{i}", places=2) for i in range(real.shape[-1]))
    return findings.Compared([real], generated, columns)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_relations_that_break():
    windows = np.zeros((10, 4, 2))
    windows[0, 1, 0] = windows[1, 1, 0] = windows[1, 2, 0] = 1
    found = findings.kept_relations(compared(windows[3], windows), [Below()])
    assert found.wrong
    assert found.rows == (("Low ≤ High", "92%", "80%"),)
    kept = findings.kept_relations(compared(windows[3], windows[2:]), [Below()])
    assert not kept.wrong
    assert kept.sentence == "It holds there too."
    assert kept.rows == (("Low ≤ High", "100%", "100%"),)
    assert "None was found" in findings.kept_relations(compared(windows[3], windows), []).sentence


def test_windows_are_compared_as_they_are_written():
    """Rounded, a thousand at a time."""
    real, windows = np.zeros((3, 2)), np.zeros((2100, 4, 2))
    windows[:, :, 0] = 0.004
    both = findings.Compared([real], windows, [Column("a"), Column("b")], (2, None))
    assert findings.kept_relations(both, [Below()]).wrong is False
    windows[2050, 1, 0] = 0.006
    assert findings.kept_relations(both, [Below()]).rows == (("Low ≤ High", "> 99.9%", "> 99.9%"),)


def test_many_relations_are_cut_the_worst_first():
    class Rare:
        def __init__(self, number):
            self.text, self.number = f"rule {number}.", number

        def holds(self, windows):
            return np.arange(windows.shape[0] * windows.shape[1]).reshape(windows.shape[:2]) >= (
                self.number
            )

    windows = np.zeros((10, 4, 1))
    found = findings.kept_relations(compared(windows[0], windows), [Rare(i) for i in range(15)])
    assert found.rows[0][0] == "rule 14"
    assert len(found.rows) == findings.MOST_ROWS
    assert "14 of 15 are broken" in found.sentence
    assert "The worst 10 of 15 are shown." in found.sentence


def test_the_largest_change_in_units_and_of_the_level():
    real = 100 + np.array([0.0, 10, 0, 5, 0] * 20)[:, np.newaxis]
    windows = np.full((50, 6, 1), 100.0)
    windows[0, 3] = 160
    found = findings.largest_changes(compared(real, windows))
    assert found.wrong
    assert found.rows == (("c0", "10.00 (10%)", "60.00 (60%)", "6.0", "2.0%"),)
    assert "The largest change of c0 is 6.0 times the largest real one; 2.0%" in found.sentence
    # Of a column of two values a change says nothing.
    switch = (real > 100).astype(np.float64)
    assert findings.largest_changes(compared(switch, windows)) is None
    # Below zero there is no share of the level; a change as large as a real one is no fault.
    found = findings.largest_changes(compared(real - 200, np.tile(real[:6] - 200, (50, 1, 1))))
    assert not found.wrong
    assert found.rows == (("c0", "10.00", "10.00", "1.0", "0%"),)


def test_changes_do_not_cross_from_one_sequence_to_the_next():
    one, other = np.zeros((20, 1)), np.full((20, 1), 50.0)
    one[3:5, 0] = 1, 0.5
    both = findings.Compared([one, other], np.zeros((3, 4, 1)), [Column("x", places=0)])
    assert findings.largest_changes(both).rows[0][1] == "1"


def test_a_constant_column_is_passed_over():
    same = np.ones((60, 1))
    both = compared(same, np.ones((5, 4, 1)))
    assert findings.largest_changes(both) is None
    assert findings.repeated_values(both) is None
    assert findings.bounds(both) is None
    assert findings.first_steps(both) is None
    assert [finding.wrong for finding in findings.find(both, [])] == [False, False]


def test_values_that_repeat():
    real = noise(1000, 1)
    real[::4] = 0
    windows = noise(50, 10, 1, seed=1)
    found = findings.repeated_values(compared(real, windows))
    assert found.wrong
    assert found.rows == (("c0", "0.00", "25%", "0%"),)
    windows[:, ::4] = 0
    found = findings.repeated_values(compared(real, windows))
    assert not found.wrong
    assert found.rows[0][2:] == ("25%", "30%")
    assert findings.repeated_values(compared(noise(1000, 1), windows)) is None


def test_of_nine_rows_nothing_rare_is_said():
    real, windows = noise(9, 2), noise(50, 6, 2, seed=1)
    windows = windows.clip(real.min(axis=0), real.max(axis=0)) * 1.5
    found = findings.find(compared(real, windows), [])
    assert not any(finding.wrong for finding in found)
    assert [finding.subject for finding in found] == [
        "Relations that hold in every real row",
        "Largest change from one row to the next",
        "Spread and tails",
    ]


def test_the_second_step_of_windows_that_jump():
    windows = noise(500, 8, 2, seed=1).cumsum(axis=1)
    assert findings.first_steps(compared(noise(4000, 2).cumsum(axis=0), windows)) is None
    windows[:, 2:, 1] += 3 * np.sign(noise(500, 1, seed=2))
    found = findings.first_steps(compared(noise(4000, 2).cumsum(axis=0), windows))
    assert [row[:2] for row in found.rows] == [("c1", "2")]
    assert float(found.rows[0][2]) > 2


def test_spread_and_tails():
    real, windows = noise(4000, 3), noise(400, 10, 3, seed=1)
    assert "In all 3 columns the spread is near" in (
        findings.spread_and_tails(compared(real, windows)).sentence
    )
    windows[..., 0] *= 0.5
    windows[:, 0, 1] = -4
    found = findings.spread_and_tails(compared(real, windows))
    assert [row[0] for row in found.rows] == ["c0", "c1"]
    assert 0.48 < float(found.rows[0][1]) < 0.52
    assert re.fullmatch(r"1\.0% → 1[01]%", found.rows[1][2])
    assert found.sentence.startswith("2 of 3 columns differ")


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_spread_in_any_unit(size):
    real, windows = noise(4000, 1), 0.5 * noise(400, 10, 1, seed=1)
    found = findings.spread_and_tails(compared(size * real, size * windows))
    assert 0.48 < float(found.rows[0][1]) < 0.52


def test_values_at_the_bounds():
    real = noise(2000, 2)
    windows = noise(100, 10, 2, seed=1).clip(real.min(axis=0), real.max(axis=0))
    assert findings.bounds(compared(real, windows)) is None
    windows[:20, :, 1] = real[:, 1].max()
    found = findings.bounds(compared(real, windows))
    assert [row[0] for row in found.rows] == ["c1"]
    assert found.rows[0][2].endswith("→ 20%")


def test_what_is_wrong_comes_first():
    windows = np.abs(noise(50, 6, 2, seed=1))
    windows[0, 3, 1] = 99
    found = findings.find(compared(np.sort(np.abs(noise(100, 2)), axis=1), windows), [Below()])
    assert [finding.wrong for finding in found] == sorted(
        (finding.wrong for finding in found), reverse=True
    )
    assert sum(finding.wrong for finding in found) == 2


# --- Numbers, names and tables ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "text"),
    [
        *((0, "0%"), (1, "100%"), (0.0001, "< 0.1%"), (0.9999, "> 99.9%"), (0.012, "1.2%")),
        *((0.5, "50%"), (0.993, "99.3%"), (4.43, "443%"), (float("nan"), "–")),
    ],
)
def test_percentages(share, text):
    assert markdown.percent(share) == text


def test_numbers_have_the_data_s_digits():
    values = np.array([[101.25, 8e6, 1e9 + 0.01, 0.123456789, 1e300, 7.0], [99.5] + [0] * 5])
    values[1, 1:] = [9e6, 1e9 + 0.02, 0.5, -1e300, 7.0]
    columns = markdown.written("abcdef", [""] * 6, values, (2, 0, None, None, None, 0))
    assert [column.write(value) for column, value in zip(columns, values[0], strict=True)] == [
        *("101.25", "8,000,000", "1,000,000,000.0100000", "0.12346", "1e+300", "7"),
    ]
    assert Column("x", places=2).write(-0.001) == "0.00"


def test_names_are_cut_and_stay_different():
    names = ["short", "a very long name of a column, one", "a very long name of a column, two"]
    columns = markdown.written(names, [""] * 3, np.ones((2, 3)), (0, 0, 0))
    cut = [column.name for column in columns]
    assert cut[0] == "short"
    assert len(set(cut)) == 3
    assert all(len(name) <= markdown.LONGEST_NAME for name in cut)


def test_names_do_not_break_a_table():
    assert markdown.escape("rain|mm") == r"rain\|mm"
    assert markdown.escape("a_b *c* <d> $e$\nf") == r"a_b \*c\* \<d\> \$e\$ f"
    lines = markdown.table(["", "x"], [[markdown.escape("a|b"), "1"]])
    assert lines == ["|  | x |", "| --- | ---: |", r"| a\|b | 1 |", ""]


def test_long_lines_break_at_word_ends_in_a_terminal(monkeypatch):
    text = "one two three four five\nsix"
    assert markdown.wrapped(text) == text  # not a terminal
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("shutil.get_terminal_size", lambda: SimpleNamespace(columns=21))
    assert markdown.wrapped("one two three four five\nsix") == "one two three four\nfive\nsix"


# --- The whole ----------------------------------------------------------------------------------


def run_of(columns, rows=300, window=6, notes=("mine: rows.", "Left out: 'x|y_' <b>."), **more):
    """A trained LSTM-GAN that was never trained, its data, and windows; no picture is drawn."""
    rng = np.random.default_rng(0)
    low = 50 + rng.normal(size=(rows, 1)).cumsum(axis=0)
    values = np.round(low + np.sort(rng.random((rows, len(columns))), axis=1), 2)
    series = Series(
        values, tuple(columns), None, "mine", ("",) * len(columns), "mine.csv", notes=("A note.",)
    )
    real = np.stack([values[i : i + window] for i in range(rows - window + 1)])
    gan = SimpleNamespace(
        layout_=Layout.of(series),
        notes_=list(notes),
        history_={"step": [1, 2], "discriminator": [0.7, 0.6], "generator": [0.7, 0.8]},
        config_=TrainingConfig(steps=2),
        preconditioner_=SimpleNamespace(window=window),
        seconds_=12.0,
        verbose=False,
        **more,
    )
    return gan, series, real, real + rng.normal(size=real.shape)


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Write a report without pictures; return it, and what was to be drawn."""
    drawn = []

    def draw(folder, pictures, labels, *, say):
        assert (folder / "report.md").read_text(encoding="utf-8").startswith("# LSTM-GAN on mine")
        drawn.extend(pictures)
        return [f"## {picture.title}" for picture in pictures]

    monkeypatch.setattr(report, "draw_pictures", draw)

    def write(columns, **more):
        gan, series, real, samples = run_of(columns, **more)
        path = report.write_report(tmp_path, gan, series, scored(), real, samples)
        return path.read_text(encoding="utf-8"), drawn

    return write


def test_the_sections_and_their_order(written):
    text, _ = written(["Low", "High"])
    assert re.findall("^## (.*)", text, re.MULTILINE) == [
        "Scores",
        "What is wrong, and what to know",
        "Fidelity: facts inside the real band",
        "Utility: a forecaster that learns from generated windows",
        "Privacy: copies, and who was trained on",
        "What the data hold, and what was left out or assumed",
        "Ranges",
        "Pictures",
        "Load it, and sample again",
        "Files",
        "Limits",
        "How it was made",
    ]
    lines = text.splitlines()
    assert lines[2].startswith("**The generated windows are ") or lines[2].startswith("**Neither")
    for expected in (
        "Lower is better",
        r"\*\*Wrong, whatever the judges say: .*relations that hold in every real row",
        r"\| Low ≤ High \| \d\d% \|",
        r"- Left out: 'x|y\\_' \\<b\\>.",
        "python -m utils.sample .* --windows 5000 --out",
        "python -m utils.sample .* --length 2000 --out",
        r"LstmGan.load\(\".*\"\)",
        "`scores.csv`",
        "No forecast",
        "Not for risk",
        r"lesson 17\)",
        r"2 steps of \d+ windows of 6 rows, seed \d, 12 seconds",
        "SHA-256 of the numbers `[0-9a-f]{64}`",
        "NumPy",
    ):
        assert re.search(expected, text), expected


def test_ranges_are_quantiles_in_the_data_s_digits(written):
    text, _ = written(["Low", "High"])
    ranges = text[text.index("## Ranges") : text.index("## Pictures")]
    _, series, _, _ = run_of(["Low", "High"])
    real = next(line for line in ranges.splitlines() if line.startswith("| Low"))
    quantiles = np.quantile(series.values[:, 0], report.QUANTILES, method="inverted_cdf")
    assert real == f"| Low | real | {' | '.join(f'{value:.2f}' for value in quantiles)} |"
    made = ranges.splitlines()[ranges.splitlines().index(real) + 1]
    assert re.fullmatch(r"\|  \| generated( \| -?\d+\.\d\d){5} \|", made)


def test_many_columns_are_cut_and_lines_stay_short(written):
    text, drawn = written([f"column number {i} of many" for i in range(30)])
    ranges = text[text.index("## Ranges") : text.index("## Pictures")]
    assert ranges.count("| real |") == report.MOST_COLUMNS
    assert "Of 30 columns these are the 12 that differ most." in ranges
    assert "The pictures of single columns show the first 12 of 30." in text
    tables = [line for line in text.splitlines() if line.startswith("|") and "≤" not in line]
    assert max(map(len, tables)) <= 90
    assert drawn[1].arguments[0].shape[-1] == report.MOST_PANELS


def test_names_from_anywhere(written):
    text, _ = written(["rain|mm", "气温 $x$"])
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert any(line.startswith(r"| rain\|mm | real |") for line in rows)
    assert any(line.startswith(r"| 气温 \$x\$ | real |") for line in rows)
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(cells) == 1


def test_pictures_have_words(written):
    _, drawn = written(["Low", "High"])
    names = ["losses", "paths", "marginals", "autocorrelation", "changes", "clustering"]
    assert [picture.name for picture in drawn] == [*names, "pca", "tsne"]
    for picture in drawn:
        assert "*How to read it:* " in picture.caption
        assert re.search(r"\d", picture.alt), picture.alt
        assert "]" not in picture.alt.replace(r"\]", "")
    assert "High" in drawn[1].alt


def test_data_that_were_given_to_a_loaded_one(written):
    text, _ = written(["x", "y"], notes=[])
    assert "- mine: 300 rows of 2 columns.\n- A note.\n" in text


def test_schedules_are_listed(written):
    schedule = [{"from_step": 0, "steps": 1}, {"from_step": 1, "steps": 2000}]
    text, _ = written(["x"], _run={"schedule": schedule})
    assert "from step 0 as a run of 1 steps; from step 1 as a run of 2,000 steps" in text
    assert "Schedules" not in written(["x"], _run={"schedule": schedule[:1]})[0]


def test_sizes_drawn():
    real, windows = noise(50, 6, 2), noise(50, 6, 2, seed=1)
    windows[0, 1, 1] = -1000
    axes = sizes_reached(real, windows, ["x", "y"])
    line, generated = axes[1].get_lines()
    sizes = np.abs(real[..., 1])
    x, y = line.get_data()
    assert y[0] == 1
    assert (x[0], x[-1]) == (sizes.min(), sizes.max())
    assert y[250] == pytest.approx((sizes >= x[250]).mean())
    assert generated.get_xdata()[-1] == 1000
    plt.close("all")
    sizes_reached(np.zeros((5, 6, 1)), np.zeros((5, 6, 1)), ["x"])  # nothing changes
    plt.close("all")
    with pytest.raises(ValueError, match="1 names for 2 features"):
        sizes_reached(real, windows, ["x"])


def test_changes_of_positive_columns_are_relative():
    _, _, real, samples = run_of(["x", "y"])
    moved = np.array([500, -500])
    real, samples = real + moved, samples + moved
    names = ["x", "y"]
    pictures = captions.pictures_of({"step": []}, real, samples, names, names, 12, False)
    changes, _, called = next(each for each in pictures if each.name == "changes").arguments
    assert called == ["x (%)", "y"]
    assert changes[3, 2, 0] == pytest.approx(100 * (real[3, 3, 0] / real[3, 2, 0] - 1))
    assert changes[3, 2, 1] == real[3, 3, 1] - real[3, 2, 1]


def test_pictures_of_two_rows_and_few_windows():
    gan, series, real, samples = run_of(["x"])
    few = slice(0, 5), slice(0, 2)
    pictures = captions.pictures_of(
        {"step": []}, real[few], samples[few], series.columns, series.columns, 12, False
    )
    assert [picture.name for picture in pictures] == ["paths", "marginals", "autocorrelation"]
    assert "The two share" in pictures[1].alt
    flat = np.ones_like(real)
    pictures = captions.pictures_of(gan.history_, flat, flat, ["x"], ["x"], 12, True)
    assert "Nothing varies here." in pictures[3].alt
