"""Hours and weekdays of times."""

import numpy as np

from tfgrec.config.tables import TimePart

_MILLISECONDS_PER_HOUR = 3_600_000
_HOURS_PER_DAY = 24
# 1 January 1970 was a Thursday; Monday is 0.
_FIRST_WEEKDAY = 3


def time_part(times: np.ndarray, part: TimePart) -> np.ndarray:
    """The hour (0 to 23) or the weekday (Monday 0 to Sunday 6), int64 `[num_times]`, of milliseconds since 1970."""
    hours = (times + round(part.utc_offset_hours * _MILLISECONDS_PER_HOUR)) // _MILLISECONDS_PER_HOUR
    if part.time_part == "hour":
        return hours % _HOURS_PER_DAY
    return (hours // _HOURS_PER_DAY + _FIRST_WEEKDAY) % 7
