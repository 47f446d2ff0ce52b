"""Long series: lengths, seeds, dates, ranges, seams that do not show, totals, the command."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from utils import LstmGan, sample
from utils.datasets import sliding_windows
from utils.lstm_gan import Preconditioner
from utils.lstm_gan import long_series as long
from utils.lstm_gan.structure import Structure

WINDOW = 12


def waves(rows, seed):
    """Return two columns: a slow wave with noise, and what follows it."""
    rng = np.random.default_rng(seed)
    wave = np.sin(2 * np.pi * (np.arange(rows) + rng.integers(20)) / 20)
    first = 10 + 3 * wave + 0.2 * rng.normal(size=rows)
    return np.column_stack([first, 5 - first + 0.3 * rng.normal(size=rows)])


class Fake:
    """A generator that makes no mistake: windows of fresh series of the same kind."""

    def __init__(self, make=waves, columns=("a", "b")):
        real = make(1500, 0)
        self.make, self.asked = make, []
        self.structure = Structure().fit([real], columns)
        (encoded,) = self.structure.encode([real])
        self.preconditioner = Preconditioner(WINDOW).fit(encoded)
        self.real = real
        self.structure.calibrate(self.preconditioner.inverse_transform(self.draw(1000, 1)))

    def draw(self, count, seed):
        self.asked.append(seed)
        (encoded,) = self.structure.encode([self.make(count + WINDOW - 1, seed % 1000 + 1)])
        return self.preconditioner.transform(sliding_windows(encoded, WINDOW)).astype(float)

    def series(self, length, pool=2000, **options):
        maps = (self.draw, self.preconditioner, self.structure)
        return long.long_series(*maps, length, pool=pool, **options)


@pytest.fixture(scope="module")
def fake():
    return Fake()


@pytest.mark.parametrize("length", [1, 2, WINDOW - 1, WINDOW, WINDOW + 1, 100])
def test_a_series_has_the_length_asked_for(fake, length):
    series = fake.series(length)
    assert series.shape == (1, length, 2)
    assert np.isfinite(series).all()
    np.testing.assert_array_equal(series[0], fake.series(150)[0, :length])


def test_the_seed_decides_and_series_differ(fake):
    three = fake.series(50, count=3, seed=4)
    np.testing.assert_array_equal(three, fake.series(50, count=3, seed=4))
    np.testing.assert_array_equal(three[:1], fake.series(50, seed=4))
    assert not np.array_equal(three[0], three[1])
    assert not np.array_equal(three[0], fake.series(50, seed=5)[0])
    assert fake.series(20, seed=-1).shape == (1, 20, 2)


def test_values_stay_in_the_data_s_range_and_reach_most_of_it(fake):
    series = fake.series(3000)[0]
    low, high = fake.real.min(axis=0), fake.real.max(axis=0)
    assert (series >= low - 1e-9).all()
    assert (series <= high + 1e-9).all()
    assert (np.ptp(series, axis=0) > 0.8 * (high - low)).all()
    halves = series[:1500].mean(axis=0) - series[1500:].mean(axis=0)
    assert (np.abs(halves) < 0.2 * fake.real.std(axis=0)).all()


def jumps(series, hop):
    """Return the mean squared change at the seams, as a multiple of that elsewhere."""
    changes = np.diff(series[:, 0]) ** 2
    seam = np.arange(WINDOW - 1, len(changes), hop)
    return changes[seam].mean() / np.delete(changes, seam).mean()


def test_the_seams_do_not_show(fake):
    assert 0.7 < jumps(fake.series(3000)[0], WINDOW // 2) < 1.4
    anything = fake.series(3000, neighbours=2000, join="none", foretell=False)[0]
    assert jumps(anything, WINDOW // 2) > 3


def test_what_the_last_rows_foretell_goes_on():
    """The level alone does not say whether a wave rises or falls."""

    def correlation(series):  # of the changes half a wave apart: −1 for a pure wave
        moves = series[5:, 0] - series[:-5, 0]
        return np.corrcoef(moves[:-10], moves[10:])[0, 1]

    def single(rows, seed):
        return waves(rows, seed)[:, :1]

    alone = Fake(single, ("a",))
    real = correlation(alone.real)
    assert correlation(alone.series(3000)[0]) < 0.75 * real < -0.5
    assert correlation(alone.series(3000, foretell=False)[0]) > 0.65 * real


def test_no_window_comes_twice_and_new_pools_are_drawn(fake):
    fake.asked.clear()
    fake.series(600, pool=200)  # 10 windows of a pool are used, then a new one is drawn
    assert len(fake.asked) == len(set(fake.asked)) == 10
    fake.asked.clear()
    assert fake.series(5, pool=100, count=30).shape == (30, 5, 2)


def test_a_total_goes_on_beyond_the_data():
    def counter(rows, seed):
        rng = np.random.default_rng(seed)
        flow = np.round(np.abs(waves(rows, seed)[:, 0]))
        return np.column_stack([flow, (rng.integers(3, size=rows) + flow).cumsum()])

    fake = Fake(counter, ("flow", "total"))
    assert [relation.kind for relation in fake.structure.relations].count("total") == 1
    series = fake.series(4000, pool=1200)[0]  # a longer counter would leave the data's range
    steps = np.diff(series[:, 1])
    assert (steps >= 0).all()
    assert series[-1, 1] > 2 * fake.real[:, 1].max()
    assert steps.mean() == pytest.approx(np.diff(fake.real[:, 1]).mean(), rel=0.05)
    np.testing.assert_array_equal(series, np.round(series))
    assert fake.structure.bounds.high[1] == fake.real[:, 1].max()  # a copy was opened
    assert "'total' adds up over the whole series" in long.series_notes(fake.structure)[0]


def test_a_column_that_is_nothing_but_a_total_does():
    def counter(rows, seed):
        return np.random.default_rng(seed).integers(1, 30, size=(rows, 1)).cumsum(axis=0)

    series = Fake(counter, ("n",)).series(2000, pool=1200)[0, :, 0]
    assert np.diff(series).mean() == pytest.approx(15, rel=0.1)


def test_a_clock_goes_on_and_the_other_columns_keep_its_time():
    def clocked(rows, seed):
        rng = np.random.default_rng(seed)
        hour = (np.arange(rows) + rng.integers(24)) % 24
        value = 10 + 3 * np.sin(2 * np.pi * hour / 24) + 4 * (hour == 5)
        return np.column_stack([hour, value + 0.6 * rng.normal(size=rows)])

    series = Fake(clocked, ("hour", "value")).series(1000, pool=1400)[0]
    assert (np.diff(series[:, 0]) % 24 == 1).all()
    expected = 10 + 3 * np.sin(2 * np.pi * series[:, 0] / 24) + 4 * (series[:, 0] == 5)
    assert np.corrcoef(expected, series[:, 1])[0, 1] > 0.9


def test_a_window_of_two_rows_and_a_few_windows_do():
    class Short(Fake):
        def __init__(self):
            self.real = waves(300, 0)
            self.structure, self.asked = Structure().fit([self.real], ("a", "b")), []
            self.preconditioner = Preconditioner(2).fit(self.real)

        def draw(self, count, seed):
            windows = sliding_windows(waves(count + 1, seed % 1000), 2)
            return self.preconditioner.transform(windows).astype(float)

    assert Short().series(30, pool=40).shape == (1, 30, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 0}, "length is 0; expected a positive integer"),
        ({"length": 2.0}, "length is 2.0; expected a positive integer"),
        ({"length": 5, "count": 0}, "count is 0"),
        ({"length": 5, "join": "glue"}, "no join 'glue'; expected one of fade, carry, none"),
        ({"length": 10**9}, "do not fit into memory; expected at most 67,108,864 rows"),
    ],
)
def test_sizes_that_cannot_be_are_refused(fake, options, message):
    with pytest.raises(ValueError, match=message):
        fake.series(**options)


# --- Of a trained LSTM-GAN, and from the command line -------------------------------------------


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"price": (50 + rng.normal(size=60).cumsum()).round(2), "sold": rng.poisson(40, 60)},
        index=pd.bdate_range("2024-01-01", periods=60, name="day"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_PROFILE", "quick")
        return LstmGan(window=6, steps=2, members=1, seed=3, verbose=False).fit(frame)


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    return fitted.save(tmp_path_factory.mktemp("saved") / "run")


def test_a_table_has_names_types_decimals_and_dates(fitted):
    table = fitted.sample_series(30, seed=2)
    assert list(table) == ["day", "price", "sold"]
    assert table["sold"].dtype == "int64"
    assert (table["price"] == table["price"].round(2)).all()
    last = fitted._series.times[-1]
    expected = pd.bdate_range(last, periods=31)[1:]
    pd.testing.assert_index_equal(pd.DatetimeIndex(table["day"]), expected, check_names=False)
    assert fitted.sample_series(3, start="2030-05-03")["day"].dt.day.tolist() == [3, 6, 7]
    two = fitted.sample_series(8, count=2)
    assert list(two) == ["series", "day", "price", "sold"]
    assert two["series"].tolist() == [0] * 8 + [1] * 8
    np.testing.assert_allclose(
        two["price"], long.array(fitted, 8, count=2)[..., 0].ravel(), atol=0.0051
    )
    with pytest.raises(ValueError, match="is no date"):
        fitted.sample_series(10**6, start="soon")
    with pytest.raises(NotFittedError):
        LstmGan().sample_series(5)


def drawn(*arguments):
    return sample.main([str(argument) for argument in arguments])


def test_the_command_writes_one_long_series(fitted, saved, tmp_path, capsys):
    out = tmp_path / "series.csv"
    assert drawn(saved, "--length", 40, "--seed", 7, "--start", "2031-01-06", "--out", out) == 0
    assert "one series of 40 rows and 2 columns, seed 7" in capsys.readouterr().out
    table = pd.read_csv(out, parse_dates=["day"])
    expected = fitted.sample_series(40, 7, start="2031-01-06")
    pd.testing.assert_frame_equal(table, expected, check_dtype=False)
    again = tmp_path / "again.csv"
    assert drawn(saved, "--length", 40, "--seed", 7, "--start", "2031-01-06", "--out", again) == 0
    assert again.read_bytes() == out.read_bytes()
    assert drawn(saved, "--length", 9, "--count", 2, "--out", tmp_path / "two.npz") == 0
    with np.load(tmp_path / "two.npz", allow_pickle=False) as file:
        assert file["samples"].shape == (2, 9, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--length", "0"], "length is 0; expected a positive integer"),
        (["--length", "9", "--windows", "3"], "Both --length and --windows were given"),
        (["--count", "2"], "expected --length with it"),
        (["--length", "9", "--count", "0"], "count is 0"),
        (["--length", "9", "--start", "soon"], "is no date"),
        (["--length", "999999999"], "do not fit into memory"),
    ],
)
def test_bad_requests_are_refused_and_write_nothing(saved, tmp_path, capsys, arguments, message):
    out = tmp_path / "out.csv"
    assert drawn(saved, *arguments, "--out", out) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()
