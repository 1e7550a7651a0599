"""Hours and weekdays of times."""

from typing import TypeVar

from tfgrec.config.tables import TimePart

TIME_PART_SIZES = {"hour": 24, "weekday": 7}

_MILLISECONDS_PER_HOUR = 3_600_000
# 1 January 1970 was a Thursday; Monday is 0.
_FIRST_WEEKDAY = 3

Times = TypeVar("Times")


def time_part(times: Times, part: TimePart) -> Times:
    """The hour (0 to 23) or the weekday (Monday 0 to Sunday 6), int64 `[num_times]`, of milliseconds since 1970.

    Takes NumPy arrays, and TensorFlow's tensors alike.
    """
    hours = (times + round(part.utc_offset_hours * _MILLISECONDS_PER_HOUR)) // _MILLISECONDS_PER_HOUR
    if part.time_part == "hour":
        return hours % TIME_PART_SIZES["hour"]
    return (hours // TIME_PART_SIZES["hour"] + _FIRST_WEEKDAY) % TIME_PART_SIZES["weekday"]
