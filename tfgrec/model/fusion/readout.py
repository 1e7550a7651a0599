"""Candidates and the nodes they stand for: TF-GNN's structured readout, tolerant of candidates without a node."""

from typing import NamedTuple

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.schema import READOUT


class ReadoutEdges(NamedTuple):
    """Ties of one readout edge set, as two int tensors `[num_edges]`."""

    nodes: tf.Tensor
    candidates: tf.Tensor


def readout_edges(graph: tfgnn.GraphTensor, edge_set: str) -> ReadoutEdges:
    """The node and the candidate of each edge of a readout edge set."""
    adjacency = graph.edge_sets[edge_set].adjacency
    return ReadoutEdges(nodes=adjacency[tfgnn.SOURCE], candidates=adjacency[tfgnn.TARGET])


def num_candidates(graph: tfgnn.GraphTensor) -> tf.Tensor:
    """Number of candidates of all requests, a scalar."""
    return graph.node_sets[READOUT].total_size


def to_candidates(values: tf.Tensor, edges: ReadoutEdges, graph: tfgnn.GraphTensor) -> tf.Tensor:
    """Values of edges in the order of candidates.

    `tfgnn.structured_readout` would demand an edge for every candidate. Here a candidate without one gets zeros, so
    that a user or an item that the graph does not know can be served, and so that several item node sets can be read
    out one by one and added up.

    Args:
      values: `[num_edges, width]`.
      edges: Their ties; a candidate has at most one edge in an edge set.
      graph: The scalar graph.

    Returns:
      `[num_candidates, width]`.
    """
    return tf.math.unsorted_segment_sum(values, edges.candidates, num_candidates(graph))
