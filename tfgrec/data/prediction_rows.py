"""What a table of predictions says of each candidate besides its score: who, when, what, where, which labels."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.data.cold_nodes import cold_nodes
from tfgrec.data.graph_spec import graph_tensor_spec
from tfgrec.data.parsed_records import parse_merged
from tfgrec.errors import SchemaError
from tfgrec.graph.sampling.events_of_roots import RootEvents
from tfgrec.graph.schema import ID, READOUT, TIME, USER_READOUT, EdgeSet, GraphSchema, NodeSet

COLD_USER, COLD_ITEM = "cold_user", "cold_item"


class PredictionRows:
    """Reads rows off serialized requests; what only the model needs is not parsed.

    Args:
      schema: what the records hold.
      labels: {column of the table: label feature of `_readout`}.
      scenario: the `_readout` feature that names the scenario, or None.
      events: what shows that users and items had events, see `events_of_roots`; None: nobody asks.
    """

    def __init__(
        self,
        schema: GraphSchema,
        *,
        labels: dict[str, str],
        scenario: str | None,
        events: Mapping[str, RootEvents] | None = None,
    ):
        self._events = dict(events or {})
        self._columns = labels if scenario is None else {**labels, "scenario": scenario}
        self._item_readouts = schema.item_readouts()
        self._user_node_set = schema.edge_sets[USER_READOUT].source
        self._spec = graph_tensor_spec(self._needed(schema))
        # No control flow here depends on tensors; to look for it in TF-GNN's code takes four seconds.
        signature = [tf.TensorSpec([None], tf.string)]
        self._read = tf.function(self._read_batch, input_signature=signature, autograph=False)
        self._num_requests = 0

    def read(self, serialized: tf.Tensor) -> pd.DataFrame:
        """Serialized requests `[batch_size]` -> one row a candidate, in their order.

        Columns: `request` (counted over all calls), `user`, `time` (ms since 1970), `item`, and what the constructor
        names. Where candidates come from several node sets, `item` is text, and `item_node_set` says which it is.
        With `events`, bool `cold_user` and `cold_item` say that the record shows none of the user, of the item.
        """
        values = {name: value.numpy() for name, value in self._read(serialized).items()}
        sizes = values.pop("sizes")
        requests = np.repeat(np.arange(len(sizes)), sizes)
        users, *items = (
            (values.pop(f"{name}/ids"), values.pop(f"{name}/candidates")) for name in self._readout_edge_sets()
        )
        rows = {
            "request": requests + self._num_requests,
            "user": _by_candidate([users], len(requests)),
            "time": values.pop("time")[requests],
            "item": _by_candidate(items, len(requests)),
            **{name: _texts(value) for name, value in values.items()},
        }
        if len(items) > 1:
            names = [(np.full(len(ids), name), at) for name, (ids, at) in zip(self._item_readouts, items, strict=True)]
            rows["item_node_set"] = _by_candidate(names, len(requests))
        self._num_requests += len(sizes)
        return pd.DataFrame(rows)

    def _needed(self, schema: GraphSchema) -> GraphSchema:
        readout = schema.node_sets[READOUT].features
        for feature in self._columns.values():
            if feature not in readout:
                raise SchemaError(f"the records have no feature '{feature}' of {READOUT}; it has {', '.join(readout)}")
        tied = [self._user_node_set, *self._item_readouts]
        node_sets = {name: NodeSet({ID: schema.node_sets[name].features[ID]}) for name in tied}
        node_sets[READOUT] = NodeSet({feature: readout[feature] for feature in self._columns.values()})
        read = {*self._readout_edge_sets(), *(name for of in self._events.values() for name in of.edge_sets)}
        edge_sets = {
            name: EdgeSet(edges.source, edges.target, {}) for name, edges in schema.edge_sets.items() if name in read
        }
        reached = [edges.target for edges in edge_sets.values()]
        for name in (*reached, *(name for of in self._events.values() for name in of.histories)):
            node_sets.setdefault(name, NodeSet({}))
        return GraphSchema(context={TIME: schema.context[TIME]}, node_sets=node_sets, edge_sets=edge_sets)

    def _readout_edge_sets(self) -> list[str]:
        return [USER_READOUT, *self._item_readouts.values()]

    def _read_batch(self, serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        graph = parse_merged(self._spec, serialized)
        readout = graph.node_sets[READOUT]
        values = {name: readout[feature] for name, feature in self._columns.items()}
        values["time"] = tf.reshape(graph.context[TIME], [-1])
        values["sizes"] = readout.sizes
        for edge_set in self._readout_edge_sets():
            adjacency = graph.edge_sets[edge_set].adjacency
            ids = graph.node_sets[adjacency.source_name][ID]
            values[f"{edge_set}/ids"] = tf.gather(ids, adjacency.source)
            values[f"{edge_set}/candidates"] = adjacency.target
        return values | self._cold(graph)

    def _cold(self, graph: tfgnn.GraphTensor) -> dict[str, tf.Tensor]:
        """Whose candidates `[num_candidates]` are without events: by column."""
        columns: dict[str, tf.Tensor] = {}
        for readout, cold in cold_nodes(graph, self._events).items():
            edges = graph.edge_sets[readout].adjacency
            ones = tf.cast(tf.gather(cold, edges.source), tf.int32)
            counts = tf.math.unsorted_segment_sum(ones, edges.target, graph.node_sets[READOUT].total_size)
            name = COLD_USER if readout == USER_READOUT else COLD_ITEM
            columns[name] = columns[name] | (counts > 0) if name in columns else counts > 0
        return columns


def _by_candidate(ties: Sequence[tuple[np.ndarray, np.ndarray]], size: int) -> np.ndarray:
    """Ids `[size]` of the nodes that candidates are tied to, None where to none; from (ids, candidates) by edge set."""
    ids = [_texts(part) for part, _ in ties]
    candidates = np.concatenate([part for _, part in ties])
    if len(ids) > 1:
        ids = [part.astype(str).astype(object) for part in ids]
    values = np.concatenate(ids)
    by_candidate = np.full(size, None, dtype=object) if len(values) < size else np.empty(size, dtype=values.dtype)
    by_candidate[candidates] = values
    return by_candidate


def _texts(values: np.ndarray) -> np.ndarray:
    """TensorFlow's strings are bytes; a table's are text."""
    if values.dtype != object:
        return values
    return np.array([value.decode("utf-8", errors="replace") for value in values], dtype=object)
