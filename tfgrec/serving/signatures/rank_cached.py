"""Signature `rank_cached`: ranks by item states from a cache, so that requests need no subgraphs of items."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import tensorflow as tf

from tfgrec.graph.schema import READOUT, GraphSchema
from tfgrec.model.item_parts import ItemParts
from tfgrec.serving.signatures.encode import Layout
from tfgrec.serving.signatures.names import EXAMPLES
from tfgrec.serving.signatures.request_graph import parse_requests
from tfgrec.serving.signatures.scoring import as_function, score_graph

if TYPE_CHECKING:
    import tensorflow_gnn as tfgnn

    from tfgrec.model.joint_model import JointModel

ITEM_STATES = "item_states"


def make_rank_cached(
    model: "JointModel", schema: GraphSchema, *, layout: Layout, combined: Mapping[str, float]
) -> tf.types.experimental.GenericFunction:
    """A function of serialized requests and the states of their candidates' items, which returns what `rank` does.

    `examples` `[batch_size]` string: the user's subgraph and the candidates' request features, without items (with
    them, their subgraphs take part in message passing, and nothing else is read of them). `item_states` float32
    `[num_candidates, width]`: what `encode_item` gave for the items, in the order of the candidates of all requests;
    zeros for an item that the graph does not know.

    Scores are those of `rank` where the states are those of the request. An item was encoded by itself, and the user
    is encoded without candidates: in `rank` they share a subgraph, through which each may change the other's state.

    Args:
      model: a built model.
      schema: what the records hold, without labels.
      layout: the parts of an item's state, see `state_layouts`; at least one.
      combined: weights of the tasks in the combined score.
    """
    width = sum(layout.values())

    def rank_cached(examples: tf.Tensor, item_states: tf.Tensor) -> dict[str, tf.Tensor]:
        graph = parse_requests(schema, examples)
        parts = tf.split(_checked(item_states, graph), list(layout.values()), axis=1)
        items = ItemParts(dict(zip(layout, parts, strict=True)))
        return score_graph(model, graph, combined=combined, items=items)

    states = tf.TensorSpec([None, width], tf.float32, name=ITEM_STATES)
    return as_function(rank_cached, [tf.TensorSpec([None], tf.string, name=EXAMPLES), states])


def _checked(states: tf.Tensor, graph: "tfgnn.GraphTensor") -> tf.Tensor:
    """The states, of which there is one a candidate and none with a number that is not finite."""
    count, rows = graph.node_sets[READOUT].total_size, tf.shape(states)[0]
    enough = tf.debugging.Assert(
        rows == tf.cast(count, tf.int32), [f"{ITEM_STATES}: expected one row a candidate,", count, "received", rows]
    )
    finite = tf.debugging.Assert(tf.reduce_all(tf.math.is_finite(states)), [f"{ITEM_STATES}: expected finite numbers"])
    with tf.control_dependencies([enough, finite]):
        return tf.identity(states)
