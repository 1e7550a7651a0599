"""From TFRecord files to serialized requests, and from these to one merged GraphTensor a batch."""

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_gnn as tfgnn


def read_records(files: Sequence[str] | tf.Tensor) -> tf.data.Dataset:
    """Serialized requests in the order of the files; those that end in .gz are decompressed."""
    compression = tf.where(tf.strings.regex_full_match(tf.reshape(files, [-1])[0], r".*\.gz"), "GZIP", "")
    return tf.data.TFRecordDataset(files, compression_type=compression)


def parse_merged(spec: tfgnn.GraphTensorSpec, serialized: tf.Tensor) -> tfgnn.GraphTensor:
    """Serialized requests `[batch_size]` -> one scalar GraphTensor with a component a request.

    Examples may hold more features than `spec` names; they are left out. That one holds less is an error.
    """
    graph = tfgnn.parse_example(spec, serialized).merge_batch_to_components()
    refuse_missing_features(graph)
    return graph


def refuse_missing_features(graph: tfgnn.GraphTensor) -> None:
    """Checks that every node of a merged batch has a value of every feature.

    A record that does not mention a feature is parsed all the same, and the values of the records behind it in the
    batch would be read as those of its nodes.

    Raises (when the batch is computed):
      InvalidArgumentError: names the features.
    """
    names, rows, sizes = [], [], []
    for node_set, nodes in sorted(graph.node_sets.items()):
        size = tf.cast(tf.reduce_sum(nodes.sizes), tf.int64)
        for name, values in nodes.features.items():
            names.append(f"{node_set}.{name}")
            rows.append(values.nrows() if isinstance(values, tf.RaggedTensor) else tf.shape(values, tf.int64)[0])
            sizes.append(size)
    missing = tf.stack(rows) != tf.stack(sizes)
    told = tf.strings.reduce_join(tf.boolean_mask(tf.constant(names), missing), separator=", ")
    tf.debugging.Assert(~tf.reduce_any(missing), ["records lack values of these features of nodes:", told])
