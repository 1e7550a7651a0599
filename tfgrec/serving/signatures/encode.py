"""Signatures `encode_user` and `encode_item`: states of users and of items, for caches and for retrieval."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import tensorflow as tf

from tfgrec.graph.examples.solo_examples import Side
from tfgrec.graph.schema import GraphSchema
from tfgrec.model.blank_graph import blank_graph
from tfgrec.model.item_parts import ItemParts
from tfgrec.serving.signatures.request_columns import Values
from tfgrec.serving.signatures.request_graph import request_graph
from tfgrec.serving.signatures.scoring import as_function, of_examples, values_signature

if TYPE_CHECKING:
    import tensorflow_gnn as tfgnn

    from tfgrec.model.joint_model import JointModel

STATE, VECTOR = "state", "vector"

USER_PARTS = ("graph_user", "user")

Layout = dict[str, int]
"""The parts of a state in their order, and their widths: the state is the parts one behind the other."""


def state_layouts(model: "JointModel", schema: GraphSchema) -> dict[Side, Layout]:
    """What the states of users and items consist of; empty where the model reads nothing of a side."""
    items, graph = ItemParts(), blank_graph(schema)
    fields = model.fields(graph, model.represent(graph, items=items), items)
    sides = _of_sides(fields, items)
    return {side: {name: values.shape[1] for name, values in parts.items()} for side, parts in sides.items()}


def make_encoders(model: "JointModel", schema: GraphSchema) -> dict[Side, tf.types.experimental.GenericFunction]:
    """Functions of serialized examples `[batch_size]` string, of users or of items alone (see `SoloExamples`).

    Each returns `state`, float32 `[num_candidates, width]`, the parts of `state_layouts`, and where the model has a
    retrieval task `vector`, float32 `[num_candidates, units]`, of length 1. An example of `SoloExamples` has one
    candidate; of a whole request's example come the states of all its candidates, within its subgraph.
    """

    def encode(values: Values) -> dict[str, dict[str, tf.Tensor]]:
        return _encode(model, request_graph(schema, values))

    # One function for both sides: what is not asked for is pruned.
    both = as_function(encode, [values_signature(schema)])
    sides: tuple[Side, ...] = ("user", "item")
    return {side: of_examples(lambda values, side=side: both(values)[side], schema) for side in sides}


def _encode(model: "JointModel", graph: "tfgnn.GraphTensor") -> dict[str, dict[str, tf.Tensor]]:
    items = ItemParts()
    fields = model.fields(graph, model.represent(graph, items=items), items)
    states = {side: {STATE: _joined(parts)} if parts else {} for side, parts in _of_sides(fields, items).items()}
    if model.retrieval is not None:
        states["user"][VECTOR] = model.retrieval.query_vectors(graph, fields)
        states["item"][VECTOR] = model.retrieval.item_vectors(graph, fields)
    return states


def _of_sides(fields: Mapping[str, tf.Tensor], items: ItemParts) -> dict[Side, dict[str, tf.Tensor]]:
    return {
        "user": {name: fields[name] for name in USER_PARTS if name in fields},
        "item": dict(sorted(items.read.items())),
    }


def _joined(parts: Mapping[str, tf.Tensor]) -> tf.Tensor:
    return tf.concat([tf.cast(part, tf.float32) for part in parts.values()], axis=1)
