"""What ranking reads of the encoder: a candidate's user state, item state and their product."""

from collections.abc import Mapping, Sequence

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.schema import READOUT
from tfgrec.model.encoder.shared_projection import SharedProjection
from tfgrec.model.fusion.readout import readout_edges, to_candidates
from tfgrec.model.item_parts import ItemParts, item_part

GRAPH_FIELDS = ("graph_user", "graph_item", "graph_product")


def graph_fields(
    graph: tfgnn.GraphTensor,
    states: Mapping[str, tf.Tensor],
    projection: SharedProjection,
    item_edge_sets: Sequence[str],
    items: ItemParts | None = None,
) -> dict[str, tf.Tensor]:
    """Reads the encoder's states out to candidates, projected.

    Args:
      graph: The scalar graph.
      states: `{node_set: [num_nodes, units]}`.
      projection: Applied to the states that are read, and to no others.
      item_edge_sets: Readout edge sets of the item node sets; a candidate has an edge in one of them.
      items: Where the items' states come from; None for `states`.

    Returns:
      `{field: [num_candidates, units]}` for GRAPH_FIELDS.
    """

    def read(edge_set: str) -> tf.Tensor:
        edges = readout_edges(graph, edge_set)
        node_set = graph.edge_sets[edge_set].adjacency.node_set_name(tfgnn.SOURCE)
        projected = projection(tf.gather(states[node_set], edges.nodes), node_set=node_set)
        return to_candidates(projected, edges, graph)

    user = read(f"{READOUT}/user")
    item = item_part(items, "graph_item", lambda: tf.add_n([read(edge_set) for edge_set in item_edge_sets]))
    return dict(zip(GRAPH_FIELDS, (user, item, user * item), strict=True))
