"""Batches padded to one of a few sizes: for XLA and accelerators, which compile a function for each shape."""

from collections.abc import Mapping, Sequence

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.schema import READOUT

REAL_NODES = "#real"
"""The node feature, bool `[num_nodes]`, that every node set of a padded graph gets."""


def pad_batch(
    graph: tfgnn.GraphTensor, labels: Mapping[str, tf.Tensor], budgets: Sequence[tfgnn.SizeConstraints]
) -> tuple[tfgnn.GraphTensor, dict[str, tf.Tensor]]:
    """Pads one batch to the first of the rising `budgets` that holds it.

    Padding comes behind what is there, in components of its own; its candidates' labels are NaN, missing. Every node
    set gets the feature that `tfgrec.model.padding_mask.real_nodes` reads.

    Raises (when it is executed):
      InvalidArgumentError: the batch is larger than the last budget.
    """
    padded = _padded(_with_mask(graph), budgets)
    missing = padded.node_sets[READOUT].total_size - graph.node_sets[READOUT].total_size
    filled = {name: tf.pad(values, [[0, missing]], constant_values=float("nan")) for name, values in labels.items()}
    return padded, filled


def _with_mask(graph: tfgnn.GraphTensor) -> tfgnn.GraphTensor:
    """Every node is real; what is padded later has False there."""
    features = {
        name: {**nodes.get_features_dict(), REAL_NODES: tf.ones([nodes.total_size], tf.bool)}
        for name, nodes in graph.node_sets.items()
    }
    return graph.replace_features(node_sets=features)


def _padded(graph: tfgnn.GraphTensor, budgets: Sequence[tfgnn.SizeConstraints]) -> tfgnn.GraphTensor:
    fits = tf.stack([tfgnn.satisfies_size_constraints(graph, total_sizes=budget) for budget in budgets])
    tf.debugging.Assert(tf.reduce_any(fits), ["a batch is larger than the last padding budget: sample again"])
    specs = []

    def branch(budget: tfgnn.SizeConstraints) -> list[tf.Tensor]:
        padded, _ = tfgnn.pad_to_total_sizes(graph, budget, validate=False)
        specs.append(padded.spec.relax(num_nodes=True, num_edges=True))
        return tf.nest.flatten(padded, expand_composites=True)

    # Branches may return tensors of several shapes, but not graphs whose types differ.
    branches = [lambda budget=budget: branch(budget) for budget in budgets]
    tensors = tf.switch_case(tf.argmax(fits, output_type=tf.int32), branches)
    return tf.nest.pack_sequence_as(specs[0], tensors, expand_composites=True)
