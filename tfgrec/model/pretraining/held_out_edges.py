"""One edge of each request's user, drawn from those to items, and a graph in which it can't be seen."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.schema import READOUT, USER_READOUT
from tfgrec.model.fusion.readout import readout_edges
from tfgrec.model.padding_mask import real_nodes
from tfgrec.model.step.step_random import uniform


class HeldOutEdges(NamedTuple):
    """The drawn edge of each request; a request whose user has no edge to items has none.

    Attributes:
      users: int32 `[num_requests]`, the user's node, -1 where the request has no edge.
      items: `{item node set: int32 [num_requests]}`, the item's node; -1 where the edge leads to another node set, or
        where there is none.
      user_node_set: the users' node set.
    """

    users: tf.Tensor
    items: dict[str, tf.Tensor]
    user_node_set: str

    def removed_from(self, graph: tfgnn.GraphTensor) -> tfgnn.GraphTensor:
        """The graph without any edge between a request's user and its held-out item, of any edge set, either way.

        Messages along a reverse edge would tell the item who watched it. Features have to be dense.
        """
        users = _marked(self.users, graph.node_sets[self.user_node_set].total_size)
        kept = {}
        for node_set, nodes in self.items.items():
            items = _marked(nodes, graph.node_sets[node_set].total_size)
            for name, edges in graph.edge_sets.items():
                ends = {edges.adjacency.source_name, edges.adjacency.target_name}
                if name.startswith(READOUT) or ends != {self.user_node_set, node_set}:
                    continue
                source_is_user = edges.adjacency.source_name == self.user_node_set
                of_source, of_target = (users, items) if source_is_user else (items, users)
                # Components are disjoint: two marked ends are those of one request.
                dropped = tf.gather(of_source, edges.adjacency.source) & tf.gather(of_target, edges.adjacency.target)
                kept[name] = _edges_where(edges, ~dropped)
        return tfgnn.GraphTensor.from_pieces(
            context=graph.context, node_sets=graph.node_sets, edge_sets={**graph.edge_sets, **kept}
        )


def hold_out_edges(graph: tfgnn.GraphTensor, edge_sets: Sequence[str]) -> HeldOutEdges:
    """Draws one edge of each request's user from all its edges in `edge_sets`, each equally likely.

    Args:
      graph: scalar, a component a request; padding has no edge drawn.
      edge_sets: edge sets from the users' node set to item node sets.
    """
    user_node_set = graph.edge_sets[USER_READOUT].adjacency.source_name
    roots, num_requests = _roots(graph, user_node_set)
    num_users = graph.node_sets[user_node_set].total_size
    # Nodes without a request go to a row past the last one.
    rows = tf.where(roots >= 0, roots, tf.cast(num_users, roots.dtype))
    of_node = tf.tensor_scatter_nd_update(
        tf.fill([num_users + 1], -1), rows[:, tf.newaxis], tf.range(num_requests, dtype=tf.int32)
    )[:-1]
    draws = {name: _draws(graph.edge_sets[name], of_node, num_requests) for name in edge_sets}
    best = tf.stack([draw.best for draw in draws.values()])
    chosen_set = tf.argmax(best, axis=0, output_type=tf.int32)
    any_edge = tf.reduce_max(best, axis=0) >= 0
    targets = sorted({graph.edge_sets[name].adjacency.target_name for name in edge_sets})
    items = {node_set: tf.fill([num_requests], -1) for node_set in targets}
    for number, (name, draw) in enumerate(draws.items()):
        node_set = graph.edge_sets[name].adjacency.target_name
        here = any_edge & (chosen_set == number)
        items[node_set] = tf.where(here, draw.targets, items[node_set])
    return HeldOutEdges(tf.where(any_edge, tf.cast(roots, tf.int32), -1), items, user_node_set)


class _Draw(NamedTuple):
    """Of one edge set: the largest random number `[num_requests]`, -1 without an edge, and its edge's target."""

    best: tf.Tensor
    targets: tf.Tensor


def _draws(edges: tfgnn.EdgeSet, of_node: tf.Tensor, num_requests: tf.Tensor) -> _Draw:
    requests = tf.gather(of_node, edges.adjacency.source)
    segments = tf.where(requests >= 0, requests, num_requests)
    numbers = uniform(tf.shape(segments))
    best = tf.maximum(tf.math.unsorted_segment_max(numbers, segments, num_requests + 1), -1.0)
    is_best = (numbers == tf.gather(best, segments)) & (requests >= 0)
    targets = tf.where(is_best, tf.cast(edges.adjacency.target, tf.int32), -1)
    return _Draw(best[:-1], tf.math.unsorted_segment_max(targets, segments, num_requests + 1)[:-1])


def _roots(graph: tfgnn.GraphTensor, user_node_set: str) -> tuple[tf.Tensor, tf.Tensor]:
    """The user's node of each request, -1 where its candidates have none; and the number of requests."""
    sizes = tf.cast(graph.node_sets[READOUT].sizes, tf.int32)
    num_requests = tf.size(sizes)
    of_candidate = tf.repeat(tf.range(num_requests), sizes)
    edges = readout_edges(graph, USER_READOUT)
    nodes = tf.where(tf.gather(real_nodes(graph, user_node_set), edges.nodes), tf.cast(edges.nodes, tf.int32), -1)
    roots = tf.math.unsorted_segment_max(nodes, tf.gather(of_candidate, edges.candidates), num_requests)
    return tf.maximum(roots, -1), num_requests


def _marked(nodes: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Which of `count` nodes are among `nodes`, of which -1 is none; bool `[count]`."""
    rows = tf.where(nodes >= 0, nodes, tf.cast(count, nodes.dtype))
    return tf.tensor_scatter_nd_update(
        tf.zeros([count + 1], tf.bool), rows[:, tf.newaxis], tf.ones_like(rows, tf.bool)
    )[:-1]


def _edges_where(edges: tfgnn.EdgeSet, kept: tf.Tensor) -> tfgnn.EdgeSet:
    features: Mapping[str, tf.Tensor] = edges.get_features_dict()
    components = tf.repeat(tf.range(tf.size(edges.sizes)), tf.cast(edges.sizes, tf.int32))
    sizes = tf.math.unsorted_segment_sum(tf.cast(kept, edges.sizes.dtype), components, tf.size(edges.sizes))
    adjacency = edges.adjacency
    return tfgnn.EdgeSet.from_fields(
        features={name: tf.boolean_mask(values, kept) for name, values in features.items()},
        sizes=sizes,
        adjacency=tfgnn.Adjacency.from_indices(
            (adjacency.source_name, tf.boolean_mask(adjacency.source, kept)),
            (adjacency.target_name, tf.boolean_mask(adjacency.target, kept)),
        ),
    )
