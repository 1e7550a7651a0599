"""The request that a record was made of: who asked, when, with which candidates, features and labels."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError

from tfgrec.config.tables import Requests, TimePart
from tfgrec.errors import InputDataError
from tfgrec.graph.examples.online_request import OnlineRequest
from tfgrec.graph.schema import ID, READOUT, TIME, USER_READOUT, GraphSchema

Values = Mapping[str, list[Any]]


class RecordedRequests:
    """Reads requests off serialized records: the job's, and those that a service was asked with.

    Args:
      schema: what a record holds, labels included.
      requests: the requests of tables.yaml.
    """

    def __init__(self, schema: GraphSchema, requests: Requests) -> None:
        self._schema, self._labels = schema, list(requests.labels)
        self._user_node_set = requests.user_node_set
        self._features = [name for name, of in requests.features.items() if not isinstance(of, TimePart)]

    def read(self, record: bytes) -> OnlineRequest:
        """The request, with a value a candidate of each feature and label; candidates are in their order.

        What the record has of the user and the items themselves is said, too: a graph that does not know them reads it.

        Raises:
          InputDataError: these bytes are no record of the schema, or name no user or an item that has no node.
        """
        values = example_values(record)
        try:
            return self._request(values)
        except (KeyError, IndexError) as error:
            raise InputDataError(f"a record does not say what was asked: it lacks {error}") from None

    def _request(self, values: Values) -> OnlineRequest:
        node_set, items = self._items(values)
        ids = values[f"nodes/{node_set}.{ID}"]
        labels = [name for name in self._labels if f"nodes/{READOUT}.{name}" in values]
        [user, *_] = values[f"edges/{USER_READOUT}.#source"] or [None]
        if user is None:
            raise InputDataError("a record names no user")
        return OnlineRequest(
            user=values[f"nodes/{self._user_node_set}.{ID}"][user],
            time=values[f"context/{TIME}"][0],
            items=[ids[number] for number in items],
            features={name: self._cells(values, READOUT, name, len(items)) for name in self._features},
            labels={name: values[f"nodes/{READOUT}.{name}"] for name in labels},
            item_node_set=node_set,
            user_features=self._content(values, self._user_node_set, [user])[0],
            item_features=self._content(values, node_set, items),
        )

    def _items(self, values: Values) -> tuple[str, list[int]]:
        """The candidates' node set and the numbers of their nodes, in their order."""
        for node_set, edge_set in self._schema.item_readouts().items():
            if sources := values.get(f"edges/{edge_set}.#source"):
                tied = dict(zip(values[f"edges/{edge_set}.#target"], sources, strict=True))
                count = values[f"nodes/{READOUT}.#size"][0]
                if len(tied) < count:
                    raise InputDataError(f"a record has a candidate that is no node of '{node_set}'")
                return node_set, [tied[place] for place in range(count)]
        raise InputDataError("a record names no candidates")

    def _content(self, values: Values, node_set: str, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """The features of nodes, by name."""
        count = len(values[f"nodes/{node_set}.{ID}"])
        declared = [name for name in self._schema.node_sets[node_set].features if name != ID]
        columns = {name: self._cells(values, node_set, name, count) for name in declared}
        return [{name: cells[number] for name, cells in columns.items()} for number in numbers]

    def _cells(self, values: Values, node_set: str, name: str, count: int) -> list[Any]:
        """A feature of all nodes of a set."""
        flat = values[f"nodes/{node_set}.{name}"]
        if not self._schema.node_sets[node_set].features[name].multi_valued:
            return flat
        ends = list(itertools.accumulate(values[f"nodes/{node_set}.{name}.d1"], initial=0))
        return [flat[ends[place] : ends[place + 1]] for place in range(count)]


def example_values(record: bytes) -> dict[str, list[Any]]:
    """The features of a tf.Example by name, bytes as text.

    Raises:
      InputDataError: the bytes are no tf.Example.
    """
    try:
        features = tf.train.Example.FromString(record).features.feature
    except DecodeError as error:
        raise InputDataError(f"a record is no tf.Example: {error}") from None
    lists = {name: getattr(value, value.WhichOneof("kind") or "int64_list").value for name, value in features.items()}
    return {name: [_text(cell) for cell in cells] for name, cells in lists.items()}


def _text(cell: Any) -> Any:
    return cell.decode("utf-8", "surrogateescape") if isinstance(cell, bytes) else cell
