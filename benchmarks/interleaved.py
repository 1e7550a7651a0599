"""Rounds of several contenders in turn, A B A B ..., so that what else the machine does falls on all of them alike."""

import statistics
import time
from collections.abc import Callable, Mapping

Rounds = Mapping[str, list[float]]


def interleaved_seconds(contenders: Mapping[str, Callable[[], float | None]], rounds: int) -> dict[str, list[float]]:
    """The seconds of each round of each contender.

    A contender runs one round, and returns its seconds where it has measured them itself.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            started = time.perf_counter()
            own = run()
            seconds[name].append(time.perf_counter() - started if own is None else own)
    return seconds


def median_ratio(rounds: Rounds, numerator: str, denominator: str) -> float:
    """The median over rounds of the ratio of two contenders' seconds in the same round."""
    pairs = zip(rounds[numerator], rounds[denominator], strict=True)
    return round(statistics.median(ours / theirs for ours, theirs in pairs), 3)
