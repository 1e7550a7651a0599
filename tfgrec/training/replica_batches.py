"""Batches cut into one part a replica."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.data.input_pipeline import TrainingData
from tfgrec.data.padded_batches import pad_batch
from tfgrec.training.replicas import Replicas

Part = tuple[tfgnn.GraphTensor, dict[str, tf.Tensor]]
Structure = tuple[Any, ...]
"""The element_spec of `replica_batches`."""
Parser = Callable[[tf.Tensor], tuple[Part, ...]]


def replica_batches(
    data: TrainingData,
    *,
    replicas: Replicas,
    padding: Sequence[tfgnn.SizeConstraints] | None = None,
    **order: Any,
) -> tf.data.Dataset:
    """One epoch of tuples with a (graph, labels) for each replica of this process.

    Batches and their order are those of `TrainingData.serialized_batches`, whatever the number of replicas. Each is cut
    into runs of requests whose numbers differ by at most one; where a batch has fewer requests than there are replicas,
    some parts have none. All processes read all records, and each parses its own parts.

    Args:
      data: the records.
      replicas: who shares a batch.
      padding: budgets for a part, see `tfgrec.data.padded_batches`; None to leave parts as they are.
      order: the arguments of `TrainingData.serialized_batches`.
    """

    return parsed_batches(data, part_parser(data, replicas=replicas, padding=padding), **order)


def parsed_batches(data: TrainingData, parse: Parser, **order: Any) -> tf.data.Dataset:
    """What `replica_batches` describes, by a `part_parser` that other epochs, or cuts of the records, share."""
    # Nothing in it is Python control flow on tensors.
    parse = tf.autograph.experimental.do_not_convert(parse)
    batches = data.serialized_batches(**order).map(parse, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return batches.prefetch(tf.data.AUTOTUNE)


def part_parser(
    data: TrainingData, *, replicas: Replicas, padding: Sequence[tfgnn.SizeConstraints] | None = None
) -> Parser:
    """From serialized requests to the parts of this process's replicas; traced once, since that takes a second."""

    def parse_part(serialized: tf.Tensor, replica: int) -> Part:
        size = tf.shape(serialized)[0]
        part = serialized[size * replica // replicas.count : size * (replica + 1) // replicas.count]
        graph, labels = data.parse(part)
        return (graph, labels) if padding is None else pad_batch(graph, labels, padding)

    def parse(serialized: tf.Tensor) -> tuple[Part, ...]:
        return tuple(parse_part(serialized, replica) for replica in replicas.local)

    # Nothing in it is Python control flow on tensors; looking for it in TF-GNN's code would take seconds.
    function = tf.function(parse, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    # As a lambda, since Dataset.map takes a tf.function apart.
    return lambda serialized: function(serialized)


def flattened(batches: tf.data.Dataset) -> tf.data.Dataset:
    """The same batches as tuples of tensors: Python would take tens of milliseconds to wrap them in a GraphTensor."""
    return batches.map(tf.autograph.experimental.do_not_convert(lambda *parts: tuple(_flat(parts))))


def unflattened(flat: Sequence[tf.Tensor], structure: Structure) -> tuple[Part, ...]:
    """A batch of `flattened` as a tuple of parts again; for use in a tf.function."""
    return tf.nest.pack_sequence_as(structure, list(flat), expand_composites=True)


def _flat(parts: Structure) -> list[tf.Tensor]:
    return tf.nest.flatten(parts, expand_composites=True)


def largest_part(batch_size: int, replicas: Replicas) -> int:
    """Requests of the largest part of a batch."""
    return -(-batch_size // replicas.count)
