"""Which times are times: of tables, of requests and of commands alike."""

# A time outside is taken for a mistake in the unit: seconds read as milliseconds give January 1970, a past that every
# request may see, and of which it sees nothing.
EARLIEST = 31_536_000_000
"""1971-01-01 in milliseconds since 1970, the first time that counts as one."""
LATEST = 7_258_118_400_000
"""2200-01-01, the first that does not."""

_MILLISECONDS = {"seconds": 1_000, "microseconds": 1 / 1_000, "nanoseconds": 1 / 1_000_000}


def time_problem(time: int) -> str | None:
    """What is wrong with a time in milliseconds since 1970, for an error to say; None for a time from 1971 to 2199."""
    if EARLIEST <= time < LATEST:
        return None
    unit = next((f": these look like {unit}" for unit, each in _MILLISECONDS.items() if _is_time(time * each)), "")
    return f"expected milliseconds since 1970, between 1971 and 2200, received {time}{unit}"


def _is_time(milliseconds: float) -> bool:
    return EARLIEST <= milliseconds < LATEST
