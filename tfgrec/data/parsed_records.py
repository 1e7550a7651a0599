"""From TFRecord files to serialized requests, and from these to one merged GraphTensor a batch."""

from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.data.record_files import RecordFiles


def read_records(files: Sequence[str] | RecordFiles) -> tf.data.Dataset:
    """Serialized requests in the order of the files; those that end in .gz are decompressed.

    Of `RecordFiles`, each file is compared with its manifest before its first record is read; TensorFlow compares each
    record with a checksum of its own. Those at URLs are read from copies, see `tfgrec.shard_cache`.

    Raises (when records are read):
      tf.errors.OpError: a record or a file is damaged; `tfgrec.told_damage` makes an InputDataError of it.
    """
    return tf.data.Dataset.from_tensor_slices(list(files)).flat_map(record_reader(files))


def record_reader(files: Sequence[str] | RecordFiles) -> Callable[[tf.Tensor], tf.data.Dataset]:
    """What reads one of the files, given its path as a scalar: serialized requests, see `read_records`."""

    def check(path: bytes) -> bytes:
        files.check(path.decode())
        return path

    def lease(path: bytes) -> Iterator[bytes]:
        with files.leased(path.decode()) as local:
            yield local.encode()

    def read(path: tf.Tensor) -> tf.data.Dataset:
        compression = tf.where(tf.strings.regex_full_match(path, r".*\.gz"), "GZIP", "")
        if not isinstance(files, RecordFiles):
            return tf.data.TFRecordDataset(path, compression_type=compression)
        if files.are_local:
            path = tf.ensure_shape(tf.numpy_function(check, [path], tf.string), [])
            return tf.data.TFRecordDataset(path, compression_type=compression)
        # Asked for another path when this one's records have been read, or dropped before, it ends the lease.
        copies = tf.data.Dataset.from_generator(lease, args=[path], output_signature=tf.TensorSpec([], tf.string))
        return copies.flat_map(lambda local: tf.data.TFRecordDataset(local, compression_type=compression))

    return tf.autograph.experimental.do_not_convert(read)


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
