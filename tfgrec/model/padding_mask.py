"""Which nodes of a padded graph are real."""

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.data.padded_batches import REAL_NODES


def real_nodes(graph: tfgnn.GraphTensor, node_set: str) -> tf.Tensor:
    """Whether each node was there before the graph was padded, bool `[num_nodes]`; all true in a graph that was not."""
    nodes = graph.node_sets[node_set]
    if REAL_NODES in nodes.features:
        return nodes[REAL_NODES]
    return tf.ones([nodes.total_size], tf.bool)
