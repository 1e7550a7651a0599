"""Labels are features of `_readout` nodes in the records, and never part of the model's input."""

import dataclasses
from collections.abc import Collection

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.schema import READOUT, GraphSchema, NodeSet


def without_labels(schema: GraphSchema, labels: Collection[str]) -> GraphSchema:
    """The schema of what the model sees, in training and in serving."""
    readout = schema.node_sets[READOUT].features
    features = {name: feature for name, feature in readout.items() if name not in labels}
    return dataclasses.replace(schema, node_sets={**schema.node_sets, READOUT: NodeSet(features)})


def split_labels(graph: tfgnn.GraphTensor, labels: Collection[str]) -> tuple[tfgnn.GraphTensor, dict[str, tf.Tensor]]:
    """A merged graph without its labels, and these: {label: float32 `[num_candidates]`, NaN = missing}."""
    features = graph.node_sets[READOUT].get_features_dict()
    taken = {name: features.pop(name) for name in labels}
    return graph.replace_features(node_sets={READOUT: features}), taken
