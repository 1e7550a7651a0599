"""The match by content: a candidate's features and state against those of its user's sampled neighbours."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.model.fusion.readout import readout_edges, to_candidates
from tfgrec.model.item_parts import ItemParts, item_part
from tfgrec.model.match.user_events import Events, candidate_requests


class NodeVectors(NamedTuple):
    """What is known of nodes, `{node_set: [num_nodes, units]}` each: before message passing, and after it."""

    initial: Mapping[str, tf.Tensor]
    encoded: Mapping[str, tf.Tensor]


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class ContentMatch(tf.keras.layers.Layer):
    """Projects what is known of items, of each node set by a map of its own into one space, and multiplies.

    The same map for a candidate and for a neighbour, so that an item that was never met matches by its content.

    Args:
      item_edge_sets: The readout edge sets of the items.
      dimension: Of the common space.

    Call: scalar GraphTensor, NodeVectors, `{edge set that leaves the user: Events}`, ItemParts or None ->
    `[num_candidates, width]`: for each edge set that leads to items, and each number of its events, the product of the
    candidate's vector and the mean of the neighbours' vectors times the number.
    """

    def __init__(self, *, item_edge_sets: Sequence[str], dimension: int, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32", "autocast": False})
        self._item_edge_sets, self._dimension = list(item_edge_sets), dimension
        self._maps = {
            edge_set: tf.keras.layers.Dense(dimension, dtype="float32", name=f"{edge_set.replace('/', '_')}_content")
            for edge_set in self._item_edge_sets
        }

    def call(
        self,
        graph: tfgnn.GraphTensor,
        nodes: NodeVectors,
        neighbours: Mapping[str, Events],
        items: ItemParts | None = None,
    ) -> tf.Tensor:
        """Matches."""
        vectors = {}
        for edge_set, content in self._maps.items():
            node_set = graph.edge_sets[edge_set].adjacency.node_set_name(tfgnn.SOURCE)
            both = tf.concat([nodes.initial[node_set], nodes.encoded[node_set]], axis=1)
            vectors[node_set] = content(tf.cast(both, tf.float32))
        candidates = item_part(items, "match_content", lambda: self._of_candidates(graph, vectors))
        requests = candidate_requests(graph)
        num_requests = tf.shape(graph.context.sizes)[0]
        found = [tf.zeros([tf.shape(candidates)[0], 0])]
        for edge_set, events in neighbours.items():
            node_set = graph.edge_sets[edge_set].adjacency.node_set_name(tfgnn.TARGET)
            if node_set not in vectors:
                continue
            weighed = tf.gather(vectors[node_set], events.nodes)[:, tf.newaxis] * events.numbers[..., tf.newaxis]
            counts = tf.math.unsorted_segment_sum(events.numbers[:, :1], events.requests, num_requests)
            means = tf.math.unsorted_segment_sum(weighed, events.requests, num_requests)
            means /= counts[..., tf.newaxis] + 1.0
            found.append(tf.matmul(tf.gather(means, requests), candidates[..., tf.newaxis])[..., 0])
        return tf.concat(found, axis=1)

    def get_config(self) -> dict[str, Any]:
        """Edge sets and width."""
        return {"item_edge_sets": self._item_edge_sets, "dimension": self._dimension, **super().get_config()}

    def _of_candidates(self, graph: tfgnn.GraphTensor, vectors: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """The candidates' vectors, `[num_candidates, dimension]`, shortened so that products stay small."""
        parts = []
        for edge_set in self._item_edge_sets:
            edges = readout_edges(graph, edge_set)
            node_set = graph.edge_sets[edge_set].adjacency.node_set_name(tfgnn.SOURCE)
            parts.append(to_candidates(tf.gather(vectors[node_set], edges.nodes), edges, graph))
        return tf.add_n(parts) / self._dimension**0.5
