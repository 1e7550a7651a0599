"""Where two tf.Examples of one request differ: which feature, at which value, and by how much."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfgrec.data.recorded_requests import example_values

ORDER = "(order of the features)"
"""Stands for a feature where all values are equal and the bytes are not."""


@dataclasses.dataclass(frozen=True)
class Difference:
    """One feature of a request that is not what it was.

    Attributes:
      feature: its name in the tf.Example.
      place: of the first value that differs; None where the numbers of values do, or one has no such feature.
      logged, now: that value in both, or how many values there are.
      largest: the largest absolute difference of its numbers; None where values are text or not as many.
    """

    feature: str
    place: int | None
    logged: Any
    now: Any
    largest: float | None

    def told(self) -> dict[str, Any]:
        """Plain values, for JSON: NaN and infinities as text."""
        return {name: _plain(value) for name, value in dataclasses.asdict(self).items()}


def example_differences(logged: bytes, now: bytes) -> list[Difference]:
    """All features in which two serialized tf.Examples differ; none for equal bytes.

    NaN equals NaN here.

    Raises:
      InputDataError: bytes are no tf.Example.
    """
    if logged == now:
        return []
    before, after = example_values(logged), example_values(now)
    found = [_difference(name, before, after) for name in sorted(before.keys() | after.keys())]
    return [of for of in found if of is not None] or [Difference(ORDER, None, "as logged", "another", None)]


def _difference(name: str, before: Mapping[str, list], after: Mapping[str, list]) -> Difference | None:
    if name not in before or name not in after or len(before[name]) != len(after[name]):
        counts = [f"{len(of[name])} values" if name in of else "no such feature" for of in (before, after)]
        return Difference(name, None, *counts, None)
    pairs = list(zip(before[name], after[name], strict=True))
    places = [place for place, (old, new) in enumerate(pairs) if not _equal(old, new)]
    if not places:
        return None
    numbers = all(not isinstance(value, str) for place in places for value in pairs[place])
    largest = max(abs(float(old) - float(new)) for old, new in (pairs[place] for place in places)) if numbers else None
    return Difference(name, places[0], *pairs[places[0]], largest)


def _equal(old: Any, new: Any) -> bool:
    if isinstance(old, float) and isinstance(new, float):
        # A zero's sign is part of the bytes.
        return bool(np.float32(old).tobytes() == np.float32(new).tobytes()) or (math.isnan(old) and math.isnan(new))
    return type(old) is type(new) and old == new


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
