"""Reads the JSON that callers of /recommend send."""

import dataclasses
from typing import Any

from tfgrec.errors import InputDataError
from tfgrec.graph.examples.online_request import OnlineRequest
from tfgrec.serving.feature_service.body import rank_body, read_object

CANDIDATES, COUNT = 200, 10
_MOST = 5_000
_OF_CANDIDATES = ("items", "item_features")


@dataclasses.dataclass(frozen=True)
class RecommendBody:
    """What POST /recommend is sent.

    Attributes:
      request: the request, without items; ExampleService checks its values.
      candidates: how many the index is to find.
      count: how many of them are answered, the best.
      sort_by: the score by which they are the best; None: the combined one.
    """

    request: OnlineRequest
    candidates: int
    count: int
    sort_by: str | None


def read_recommend_body(body: bytes) -> RecommendBody:
    """Reads what POST /rank takes but `items` and `item_features`, and where given `candidates` and `count`.

    Raises:
      InputDataError: it is no such JSON; names the key.
    """
    values = read_object(body)
    for name in _OF_CANDIDATES:
        if name in values:
            raise InputDataError(f"unknown key '{name}': the index finds the items")
    candidates, count = _whole(values, "candidates", CANDIDATES), _whole(values, "count", COUNT)
    asked = rank_body({**values, "items": ()})
    return RecommendBody(asked.request, candidates, count, asked.sort_by)


def _whole(values: dict[str, Any], name: str, default: int) -> int:
    number = values.pop(name, default)
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= _MOST:
        raise InputDataError(f"{name}: expected a whole number in 1 to {_MOST}, received {number!r:.80}")
    return number
