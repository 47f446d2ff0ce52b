"""The course's data sets, each behind one loader, and the reader of a user's own CSV file."""

from utils.datasets.cadence import Cadence
from utils.datasets.chorales import Chorale, load_chorales
from utils.datasets.csv_file import read_csv
from utils.datasets.fashion import FASHION_CLASSES, Images, load_fashion
from utils.datasets.files import CHECKSUMS, DATA_FOLDER, verified
from utils.datasets.frames import Layout, as_series
from utils.datasets.hourly import HOURLY_SOURCE, load_hourly_weather
from utils.datasets.paper_sines import code_sines, paper_sines
from utils.datasets.scaling import Scaler
from utils.datasets.series import Series
from utils.datasets.speech import Utterances, load_vowels
from utils.datasets.texts import DatePair, load_dates, load_names, load_play, load_quatrains
from utils.datasets.time_series import (
    HEARTBEATS_RATE,
    RIVER_AREA,
    RIVER_SOURCE,
    STOCKS,
    WEATHER_SOURCE,
    load_heartbeats,
    load_river,
    load_sines,
    load_stock,
    load_weather,
)
from utils.datasets.windows import forecast_windows, sliding_windows

__all__ = [
    "CHECKSUMS",
    "DATA_FOLDER",
    "FASHION_CLASSES",
    "HEARTBEATS_RATE",
    "HOURLY_SOURCE",
    "RIVER_AREA",
    "RIVER_SOURCE",
    "STOCKS",
    "WEATHER_SOURCE",
    "Cadence",
    "Chorale",
    "DatePair",
    "Images",
    "Layout",
    "Scaler",
    "Series",
    "Utterances",
    "as_series",
    "code_sines",
    "forecast_windows",
    "load_chorales",
    "load_dates",
    "load_fashion",
    "load_heartbeats",
    "load_hourly_weather",
    "load_names",
    "load_play",
    "load_quatrains",
    "load_river",
    "load_sines",
    "load_stock",
    "load_vowels",
    "load_weather",
    "paper_sines",
    "read_csv",
    "sliding_windows",
    "verified",
]
