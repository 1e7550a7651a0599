"""Signature `rank_dense`: ranks requests given as plain tensors, without a tf.Example and its parsing."""

from collections.abc import Mapping

import tensorflow as tf

from tfgrec.graph.schema import GraphSchema
from tfgrec.serving.signatures.request_columns import Column, request_columns
from tfgrec.serving.signatures.request_graph import check_sizes, refuse


def make_rank_dense(
    score: tf.types.experimental.GenericFunction, schema: GraphSchema
) -> tf.types.experimental.ConcreteFunction:
    """A function of all columns of requests (see `request_columns`), by their arguments, `[num_values]` each.

    A column holds the values of all requests, one request after the other: what the requests' tf.Examples have, joined.
    How many are each request's follows from the sizes. Ends of edges are numbers of nodes within their request.

    Args:
      score: scores values of columns, see `tfgrec.serving.signatures.scoring.Scorer.of_values`.
      schema: what the records hold, without labels.
    """
    columns = request_columns(schema)

    def rank_dense(**inputs: tf.Tensor) -> Mapping[str, tf.Tensor]:
        return score(_by_request(columns, {name: inputs[column.argument] for name, column in columns.items()}))

    specs = {column.argument: tf.TensorSpec([None], column.dtype, name=column.argument) for column in columns.values()}
    return tf.function(rank_dense, autograph=False).get_concrete_function(**specs)


def _by_request(columns: Mapping[str, Column], flat: Mapping[str, tf.Tensor]) -> dict[str, tf.RaggedTensor]:
    """The values cut into requests.

    Raises (when computed):
      InvalidArgumentError: names columns that have too many values or too few.
    """
    single = [name for name, column in columns.items() if column.counted_by is None]
    totals = tf.stack([tf.shape(flat[name], tf.int64)[0] for name in single])
    # The first that all the others are held to: sorted, it is a feature of the context where there is one.
    with tf.control_dependencies([refuse(totals != totals[0], single, f"not as many values as of {single[0]}:")]):
        ones = tf.ones([totals[0]], tf.int64)
        rows = {
            name: tf.RaggedTensor.from_row_lengths(tf.identity(flat[name]), ones, validate=False) for name in single
        }
    with tf.control_dependencies([check_sizes(columns, rows)]):
        for summed in (False, True):
            names = [name for name, of in columns.items() if of.counted_by is not None and of.summed == summed]
            if names:
                rows |= _cut(names, columns, flat, rows)
    return {name: rows[name] for name in columns}


def _cut(
    names: list[str], columns: Mapping[str, Column], flat: Mapping[str, tf.Tensor], rows: Mapping[str, tf.RaggedTensor]
) -> dict[str, tf.RaggedTensor]:
    """The values of columns whose numbers of values by request are known."""
    # Most columns are counted by few others, and a sum of rows is many operations.
    counting = sorted({columns[name].counted_by for name in names})
    sums = {name: tf.reduce_sum(rows[name], axis=1) for name in counting}
    counts = {name: sums[columns[name].counted_by] for name in names}
    received = tf.stack([tf.shape(flat[name], tf.int64)[0] for name in names])
    expected = tf.stack([tf.reduce_sum(counts[name]) for name in names])
    problem = "sizes and numbers of values do not add up to the values of"
    with tf.control_dependencies([refuse(received != expected, names, problem)]):
        return {
            name: tf.RaggedTensor.from_row_lengths(tf.identity(flat[name]), counts[name], validate=False)
            for name in names
        }
