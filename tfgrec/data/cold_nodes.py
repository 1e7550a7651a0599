"""Users and items of a batch of records that had no event before their request."""

from collections.abc import Mapping

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.sampling.events_of_roots import RootEvents


def roots(graph: tfgnn.GraphTensor, readout: str) -> tf.Tensor:
    """Which nodes of a readout's node set, bool `[num_nodes]`, it ties to candidates."""
    adjacency = graph.edge_sets[readout].adjacency
    return _any_of(adjacency[tfgnn.SOURCE], graph.node_sets[adjacency.node_set_name(tfgnn.SOURCE)].total_size)


def cold_nodes(graph: tfgnn.GraphTensor, events: Mapping[str, RootEvents]) -> dict[str, tf.Tensor]:
    """By readout edge set, which of the nodes that it ties to candidates have no event in their record.

    One whose records don't tell is left out. A node that the graph does not know has none, and neither has one that it
    knows and whose events are all yet to come.

    Args:
      graph: a scalar GraphTensor, of which the events' edge sets and histories are read.
      events: see `events_of_roots`.

    Returns:
      bool `[num_nodes]` each.
    """
    cold = {}
    for readout, of in events.items():
        if not of.tell:
            continue
        nodes = graph.node_sets[of.node_set]
        cold[readout] = roots(graph, readout)
        for name in of.edge_sets:
            cold[readout] &= ~_any_of(graph.edge_sets[name].adjacency[tfgnn.SOURCE], nodes.total_size)
        for name in of.histories:
            cold[readout] &= ~tf.repeat(graph.node_sets[name].sizes > 0, nodes.sizes)
    return cold


def _any_of(nodes: tf.Tensor, num_nodes: tf.Tensor) -> tf.Tensor:
    """Which of `num_nodes` nodes are among `nodes`, bool `[num_nodes]`."""
    return tf.math.unsorted_segment_max(tf.ones_like(nodes), nodes, num_nodes) > 0
