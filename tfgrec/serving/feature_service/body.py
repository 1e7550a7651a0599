"""Reads the JSON that callers of the feature service send; what does not fit is named."""

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

from tfgrec.close_match import suggestion
from tfgrec.errors import InputDataError
from tfgrec.graph.examples.online_request import OnlineRequest

_NEEDED = ("user", "time", "items")
_KNOWN = (*_NEEDED, "features", "item_node_set", "user_features", "item_features", "sort_by")


@dataclasses.dataclass(frozen=True)
class RankBody:
    """What POST /rank is sent.

    Attributes:
      request: the request, whose values ExampleService checks.
      sort_by: the score by which the answer's items are in descending order; None: they stay as they were given.
    """

    request: OnlineRequest
    sort_by: str | None


def read_rank_body(body: bytes) -> RankBody:
    """Reads `{"user", "time", "items"}` and, where given, `features`, `item_node_set`, `user_features`,
    `item_features` and `sort_by`.

    Raises:
      InputDataError: it is no such JSON; names the key.
    """
    return rank_body(read_object(body))


def rank_body(values: dict[str, Any]) -> RankBody:
    """What `read_rank_body` reads, of an object's keys and values.

    Raises:
      InputDataError: names the key.
    """
    for name in values:
        if name not in _KNOWN:
            raise InputDataError(f"unknown key '{name}': {suggestion(name, _KNOWN)}")
    missing = [name for name in _NEEDED if name not in values]
    if missing:
        raise InputDataError(f"keys are missing: {', '.join(missing)}")
    sort_by = values.pop("sort_by", None)
    for name, value in (("item_node_set", values.get("item_node_set")), ("sort_by", sort_by)):
        if value is not None and not isinstance(value, str):
            raise InputDataError(f"{name}: expected text, received {_shown(value)}")
    features = values.setdefault("features", {})
    if not isinstance(features, dict):
        raise InputDataError(f"features: expected an object, received {_shown(features)}")
    return RankBody(OnlineRequest(**values), sort_by)


def read_events_body(body: bytes) -> dict[str, dict[str, list[Any]]]:
    """Reads `{table: [{column: value}, ...]}` or `{table: {column: [value, ...]}}`; returns columns by table.

    A column that some rows leave out is empty in them.

    Raises:
      InputDataError: it is no such JSON; names the table.
    """
    tables = read_object(body)
    if not tables:
        raise InputDataError("events: expected rows by table, received none")
    return {table: _columns(table, rows) for table, rows in tables.items()}


def _columns(table: str, rows: Any) -> dict[str, list[Any]]:
    if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: [row.get(name) for row in rows] for name in names}
    if isinstance(rows, dict) and rows and all(isinstance(column, list) for column in rows.values()):
        lengths = {name: len(column) for name, column in rows.items()}
        if len(set(lengths.values())) > 1:
            raise InputDataError(f"events: table '{table}': columns have different lengths: {lengths}")
        return rows
    raise InputDataError(f"events: table '{table}': expected a list of rows, or lists of values by column")


def read_object(body: bytes) -> dict[str, Any]:
    """The object that a JSON text is.

    Raises:
      InputDataError: it is none, or has a key twice or a number that is none.
    """
    try:
        values = json.loads(body, parse_constant=_refuse, object_pairs_hook=_unique)
    except RecursionError:
        raise InputDataError("the body is nested too deep") from None
    except ValueError as error:
        raise InputDataError(f"the body is no JSON: {error}") from None
    if not isinstance(values, dict):
        raise InputDataError(f"the body: expected an object, received {_shown(values)}")
    return values


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is none of its values, null stands for an empty cell")


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise ValueError(f"key '{name}' comes twice")
        values[name] = value
    return values


def _shown(value: Any) -> str:
    """A value in a message, cut where it is long."""
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
