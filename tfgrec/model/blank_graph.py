"""The smallest graph of a schema, to create a model's variables with."""

from collections.abc import Collection, Mapping

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.schema import READOUT, EdgeSet, Feature, GraphSchema, NodeSet


def blank_graph(schema: GraphSchema, *, without: Collection[str] = ()) -> tfgnn.GraphTensor:
    """One request: one node of each node set, one edge of each edge set, features zero or empty.

    Args:
      schema: The schema of the records.
      without: `_readout` features to leave out: the labels.
    """
    return tfgnn.GraphTensor.from_pieces(
        context=tfgnn.Context.from_fields(features=_blank_features(schema.context), sizes=[1], shape=[]),
        node_sets={
            name: _blank_nodes(nodes, without if name == READOUT else ()) for name, nodes in schema.node_sets.items()
        },
        edge_sets={name: _blank_edges(edges) for name, edges in schema.edge_sets.items()},
    )


def _blank_nodes(nodes: NodeSet, without: Collection[str]) -> tfgnn.NodeSet:
    kept = {name: feature for name, feature in nodes.features.items() if name not in without}
    return tfgnn.NodeSet.from_fields(features=_blank_features(kept), sizes=[1])


def _blank_edges(edges: EdgeSet) -> tfgnn.EdgeSet:
    adjacency = tfgnn.Adjacency.from_indices((edges.source, [0]), (edges.target, [0]))
    return tfgnn.EdgeSet.from_fields(features=_blank_features(edges.features), sizes=[1], adjacency=adjacency)


def _blank_features(features: Mapping[str, Feature]) -> dict[str, tf.Tensor | tf.RaggedTensor]:
    return {name: _blank_value(feature) for name, feature in features.items()}


def _blank_value(feature: Feature) -> tf.Tensor | tf.RaggedTensor:
    dtype = tf.dtypes.as_dtype(feature.dtype)
    if feature.multi_valued:
        return tf.RaggedTensor.from_row_lengths(tf.zeros([0], dtype), [0])
    return tf.zeros([1], dtype)
