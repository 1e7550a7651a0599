"""A request as a service receives it."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class OnlineRequest:
    """One user at one time with candidate items, by raw ids.

    Attributes:
      user: the user's id.
      time: milliseconds since 1970, between 1971 and 2200; of the graph, what is older is seen.
      items: the candidates' ids, in any order: the record keeps it.
      features: request features of tables.yaml by name, those read off the time aside: one value for all candidates, or
        a list of one for each. None, NaN and empty text are an empty cell, for which `missing` of tables.yaml stands.
      labels: likewise, where they are known; a record without can be scored, and not be learnt from.
      item_node_set: the candidates' node set; may be left out where all requests have the same.
      user_features: features of the user by their names in graph.pbtxt, for a user whom the graph does not know; of one
        whom it knows they are not read. What is left out, or None, is absent.
      item_features: likewise of the candidates, a list of one for each, None for one of which nothing is said.
    """

    user: int | str
    time: int
    items: Sequence[int | str]
    features: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    labels: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    item_node_set: str | None = None
    user_features: Mapping[str, Any] | None = None
    item_features: Sequence[Mapping[str, Any] | None] | None = None
