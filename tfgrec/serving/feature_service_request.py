"""A request of a run's validation days, as the feature service is asked it: to try a service with."""

import itertools
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfgrec.config.tables import Requests, TimePart
from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.data.input_pipeline import read_records
from tfgrec.errors import ConfigurationError
from tfgrec.graph.schema import ID, READOUT, GraphSchema

Values = dict[str, list[Any]]

_LOOKED_AT = 64


def logged_request(examples: str | Path, requests: Requests) -> dict[str, Any]:
    """The body of POST /rank for the request with most candidates among the first of the validation split.

    Args:
      examples: the run's examples directory.
      requests: the requests of tables.yaml.

    Raises:
      ConfigurationError: the split has no requests.
    """
    directory = ExamplesDirectory.open(examples)
    records = read_records(directory.split("validation").files).take(_LOOKED_AT)
    bodies = [_body(_values(record), directory.schema, requests) for record in records.as_numpy_iterator()]
    if not bodies:
        raise ConfigurationError(f"{examples}: the validation split has no requests")
    return max(bodies, key=lambda body: len(body["items"]))


def _body(values: Values, schema: GraphSchema, requests: Requests) -> dict[str, Any]:
    user = values[f"nodes/{requests.user_node_set}.{ID}"][values[f"edges/{READOUT}/user.#source"][0]]
    node_set, items = _items(values, schema)
    asked = [name for name, of in requests.features.items() if not isinstance(of, TimePart)]
    features = {name: _cells(values, name, schema, len(items)) for name in asked}
    return {
        "user": user,
        "time": values["context/time"][0],
        "item_node_set": node_set,
        "items": items,
        # One value stands for all candidates.
        "features": {
            name: cells[0] if cells.count(cells[0]) == len(cells) else cells for name, cells in features.items()
        },
    }


def _items(values: Values, schema: GraphSchema) -> tuple[str, list[Any]]:
    """The candidates' node set and ids, in their order."""
    for node_set, edge_set in schema.item_readouts().items():
        if sources := values.get(f"edges/{edge_set}.#source"):
            ids = values[f"nodes/{node_set}.{ID}"]
            tied = sorted(zip(values[f"edges/{edge_set}.#target"], sources, strict=True))
            return node_set, [ids[source] for _, source in tied]
    raise ConfigurationError("a record of the validation split has no candidates")


def _cells(values: Values, name: str, schema: GraphSchema, count: int) -> list[Any]:
    """A request feature of all candidates."""
    flat = values[f"nodes/{READOUT}.{name}"]
    if not schema.node_sets[READOUT].features[name].multi_valued:
        return flat
    ends = list(itertools.accumulate(values[f"nodes/{READOUT}.{name}.d1"], initial=0))
    return [flat[ends[place] : ends[place + 1]] for place in range(count)]


def _values(record: bytes) -> Values:
    """The features of a tf.Example, bytes as text."""
    features = tf.train.Example.FromString(record).features.feature
    lists = {name: getattr(value, value.WhichOneof("kind") or "int64_list").value for name, value in features.items()}
    return {
        name: [cell.decode() if isinstance(cell, bytes) else cell for cell in cells] for name, cells in lists.items()
    }
