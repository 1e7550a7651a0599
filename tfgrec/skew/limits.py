"""What of a comparison is too much: limits by the names of its numbers, as commands take them."""

from collections.abc import Iterable, Mapping, Sequence

from tfgrec.close_match import suggestion
from tfgrec.errors import ConfigurationError

AT_LEAST = frozenset({"rank_correlation"})
"""Numbers that are worse the smaller they are; all others are worse the larger they are."""


def read_limits(given: Iterable[str], known: Sequence[str]) -> dict[str, float]:
    """Limits from `name=number`.

    Raises:
      ConfigurationError: names what can't be read.
    """
    limits = {}
    for text in given:
        name, _, number = text.partition("=")
        if name not in known:
            raise ConfigurationError(f"--limit {text}: unknown name '{name}': {suggestion(name, known)}")
        try:
            limits[name] = float(number)
        except ValueError:
            raise ConfigurationError(f"--limit {text}: expected NAME=NUMBER, received '{number}'") from None
    return limits


def exceeded(numbers: Mapping[str, float | None], limits: Mapping[str, float]) -> list[str]:
    """What lies beyond its limit, in words; a number that is not defined does not."""
    found = []
    for name, limit in limits.items():
        number = numbers[name]
        # NaN lies beyond any limit.
        if number is None or (number >= limit if name in AT_LEAST else number <= limit):
            continue
        found.append(f"{name} is {number:.6g}, {'at least' if name in AT_LEAST else 'at most'} {limit:g} is allowed")
    return found
