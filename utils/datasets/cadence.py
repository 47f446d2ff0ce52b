"""How the rows of a series follow each other in time, and the dates that would come next."""

from __future__ import annotations

import dataclasses
from typing import Any, Self

import numpy as np

DAY = 86_400  # seconds
MOST = 0.9  # share of the steps that a calendar's rule has to explain
UNITS = {"day": DAY, "hour": 3600, "minute": 60, "second": 1}


@dataclasses.dataclass(frozen=True)
class Cadence:
    """A rule by which dates follow each other.

    Attributes:
        kind: "business days" (Monday to Friday), "months" or "seconds".
        count: how many of them lie between two rows.
        last_day: of months: whether each date is the last day of its month.
    """

    kind: str
    count: float
    last_day: bool = False

    @classmethod
    def of(cls, times: np.ndarray) -> Self | None:
        """Return the rule that the times follow, or None for fewer than two different ones.

        Gaps are no obstacle: holidays leave business days what they are. Where no calendar's
        rule fits, the rule is the most frequent step.

        Args:
            times: datetime64 of shape (time,), not decreasing.
        """
        times = np.unique(times)
        if len(times) < 2:
            return None
        months = np.diff(times.astype("datetime64[M]").astype(int))
        usual = int(np.median(months))
        days = times.astype("datetime64[D]")
        if usual >= 1 and (months == usual).mean() >= MOST:
            of_month = (days - times.astype("datetime64[M]")).astype(int)
            ends = (days + 1).astype("datetime64[M]") != times.astype("datetime64[M]")
            if ends.all() or len(np.unique(of_month[~ends])) <= 1:
                return cls("months", usual, bool(ends.all()))
        steps, counts = np.unique(np.diff(times) / np.timedelta64(1, "s"), return_counts=True)
        step = float(steps[counts.argmax()])
        if step == DAY and len(times) > 5 and np.is_busday(days).all():
            return cls("business days", 1)
        return cls("seconds", step)

    def dates(self, start: np.datetime64, count: int) -> np.ndarray:
        """Return ``count`` dates, datetime64 (count,), the first at ``start``.

        A start on a weekend moves to Monday where the rule is business days.
        """
        steps = np.arange(count)
        if self.kind == "seconds":
            if self.count % DAY == 0 and start == start.astype("datetime64[D]"):
                return start.astype("datetime64[D]") + (steps * int(self.count // DAY))
            unit, length = ("us", 1e6) if self.count % 1 else ("s", 1)
            step = np.timedelta64(round(self.count * length), unit)
            return start.astype("datetime64[us]" if unit == "us" else start.dtype) + steps * step
        day = start.astype("datetime64[D]")
        clock = start - day
        if self.kind == "business days":
            days = np.busday_offset(day, steps, roll="forward")
        else:
            first = day.astype("datetime64[M]")
            months = first + steps * int(self.count)
            longest = ((months + 1).astype("datetime64[D]") - months).astype(int) - 1
            wanted = longest if self.last_day else np.minimum((day - first).astype(int), longest)
            days = months.astype("datetime64[D]") + wanted
        return days if clock == np.timedelta64(0) else days + clock

    def after(self, last: np.datetime64, count: int) -> np.ndarray:
        """Return the ``count`` dates that follow ``last``."""
        dates = self.dates(last, count + 1)
        # Where the last day itself is no business day, the first date already follows it.
        return dates[dates > last][:count]

    def __str__(self) -> str:
        if self.kind == "business days":
            return "business days, Monday to Friday"
        if self.kind == "months":
            ending = ", on the last day" if self.last_day else ""
            return ("months" if self.count == 1 else f"{self.count} months") + ending
        return duration(self.count)

    def state(self) -> dict[str, Any]:
        """Return the rule as JSON holds it."""
        return dataclasses.asdict(self)


def duration(seconds: float) -> str:
    """Return a length of time in the largest unit that gives at least 1."""
    unit = next((unit for unit, length in UNITS.items() if seconds >= length), "second")
    count = seconds / UNITS[unit]
    number = f"{count:.3g}" if count < 1000 else f"{count:,.0f}"
    return f"{number} {unit}{'s' * (number != '1')}"
