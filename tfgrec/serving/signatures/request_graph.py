"""From columns of requests to the graph that the model reads, after a look at everything that could be wrong."""

from collections.abc import Mapping, Sequence

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.schema import READOUT, SIZE, SOURCE, TARGET, Feature, GraphSchema
from tfgrec.serving.signatures.request_columns import Column, Values, parse_examples, request_columns

# Nodes or edges of one set in one request: more is a mistake, and would take the server's memory.
LARGEST_SIZE = 1 << 24


def parse_requests(schema: GraphSchema, examples: tf.Tensor) -> tfgnn.GraphTensor:
    """Serialized requests `[num_requests]` -> one scalar GraphTensor with a component a request.

    Examples may hold more features than the schema names; they are left out.

    Raises (when computed):
      InvalidArgumentError: see `parse_examples` and `request_graph`.
    """
    columns = request_columns(schema)
    return request_graph(schema, parse_examples(columns, examples))


def request_graph(schema: GraphSchema, values: Values) -> tfgnn.GraphTensor:
    """One scalar GraphTensor with a component a request, of columns that are as `request_columns` says.

    Raises (when computed):
      InvalidArgumentError: a request lacks values of a column or has too many, or an edge has an end that is none of
        the request's own nodes, or a candidate has two users or two items of a set; it names the columns.
    """
    columns = request_columns(schema)
    sizes = {name: values[name].flat_values for name in columns if name.endswith(f".{SIZE}")}
    # Each check is made after the one before it, and reads what that one has found to be whole.
    with tf.control_dependencies([check_sizes(columns, values)]):
        counted = _check_counted_values(columns, values)
    with tf.control_dependencies([counted]):
        summed = _check_summed_values(columns, values)
    with tf.control_dependencies([summed]):
        ends = _checked_indices(schema, values, sizes)
        flat = {name: tf.identity(of_column.flat_values) for name, of_column in values.items()}
        return _merged(schema, flat, ends)


def check_sizes(columns: Mapping[str, Column], values: Values) -> tf.Operation:
    """Fails where a request does not have one of each value that it has to have one of, or an impossible size."""
    single = [name for name, column in columns.items() if column.counted_by is None]
    counts = tf.stack([values[name].row_lengths() for name in single])
    whole = refuse(tf.reduce_any(counts != 1, axis=1), single, "requests need one value each of")
    sizes = [name for name in single if name.endswith(f".{SIZE}")]
    with tf.control_dependencies([whole]):
        flat = tf.stack([values[name].flat_values for name in sizes])
        impossible = tf.reduce_any(_is_no_size(flat), axis=1)
        return refuse(impossible, sizes, f"sizes have to be 0 to {LARGEST_SIZE}:")


def _check_counted_values(columns: Mapping[str, Column], values: Values) -> tf.Operation:
    """Fails where a request has not as many values as the size of their set says, or a negative number of values."""
    counted = [name for name, column in columns.items() if column.counted_by is not None and not column.summed]
    counts = tf.stack([values[name].row_lengths() for name in counted])
    expected = tf.stack([values[columns[name].counted_by].flat_values for name in counted])
    problem = "requests have to have as many values as nodes or edges of"
    as_many = refuse(tf.reduce_any(counts != expected, axis=1), counted, problem)
    lengths = sorted({column.counted_by for column in columns.values() if column.summed})
    if not lengths:
        return as_many
    with tf.control_dependencies([as_many]):
        impossible = tf.stack([tf.reduce_any(_is_no_size(values[name].flat_values)) for name in lengths])
        return refuse(impossible, lengths, f"numbers of values have to be 0 to {LARGEST_SIZE}:")


def _is_no_size(numbers: tf.Tensor) -> tf.Tensor:
    return (numbers < 0) | (numbers > LARGEST_SIZE)


def _check_summed_values(columns: Mapping[str, Column], values: Values) -> tf.Operation:
    """Fails where a request has not as many values as its nodes' or edges' numbers of values add up to."""
    summed = [name for name, column in columns.items() if column.summed]
    if not summed:
        return tf.no_op()
    counts = tf.stack([values[name].row_lengths() for name in summed])
    expected = tf.stack([tf.reduce_sum(values[columns[name].counted_by], axis=1) for name in summed])
    problem = "numbers of values have to add up to those of"
    return refuse(tf.reduce_any(counts != expected, axis=1), summed, problem)


def _checked_indices(schema: GraphSchema, values: Values, sizes: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The ends of all edges as numbers of nodes in the merged graph, int32 `[num_edges]`, by their columns.

    All columns at once: there are many, and each has few values.
    """
    ends = {}
    for name, edges in schema.edge_sets.items():
        ends |= {f"edges/{name}.{SOURCE}": edges.source, f"edges/{name}.{TARGET}": edges.target}
    node_sizes = tf.stack([sizes[f"nodes/{node_set}.{SIZE}"] for node_set in ends.values()])
    before = tf.cumsum(node_sizes, axis=1, exclusive=True)
    counts = tf.reshape(tf.stack([values[name].row_lengths() for name in ends]), [-1])
    flat = tf.concat([values[name].flat_values for name in ends], axis=0)
    totals = tf.stack([tf.shape(values[name].flat_values, tf.int64)[0] for name in ends])
    wrong = (flat < 0) | (flat >= tf.repeat(tf.reshape(node_sizes, [-1]), counts))
    columns = tf.repeat(tf.range(len(ends)), totals)
    found = tf.math.unsorted_segment_max(tf.cast(wrong, tf.int32), columns, len(ends)) > 0
    merged = flat + tf.repeat(tf.reshape(before, [-1]), counts)
    with tf.control_dependencies([refuse(found, list(ends), "edges end at nodes that the request does not have:")]):
        split = tf.split(tf.cast(merged, tf.int32), totals, num=len(ends))
    return _with_one_end_a_candidate(schema, dict(zip(ends, split, strict=True)), sizes)


def _with_one_end_a_candidate(
    schema: GraphSchema, ends: Mapping[str, tf.Tensor], sizes: Mapping[str, tf.Tensor]
) -> dict[str, tf.Tensor]:
    """The ends, where no candidate is tied to two users, or to two items of a set."""
    names = [f"edges/{name}.{TARGET}" for name, edges in schema.edge_sets.items() if edges.target == READOUT]
    total = tf.reduce_sum(sizes[f"nodes/{READOUT}.{SIZE}"])
    several = tf.stack(
        [tf.reduce_any(tf.math.unsorted_segment_sum(tf.ones_like(ends[name]), ends[name], total) > 1) for name in names]
    )
    with tf.control_dependencies([refuse(several, names, "candidates come twice in")]):
        return {name: tf.identity(of_end) for name, of_end in ends.items()}


def refuse(wrong: tf.Tensor, names: Sequence[str], problem: str) -> tf.Operation:
    """Fails with INVALID_ARGUMENT where one of `wrong` bool `[num_names]` is true: tells the problem and its names."""
    told = tf.strings.reduce_join(tf.boolean_mask(tf.constant(list(names)), wrong), separator=", ")
    return tf.debugging.Assert(~tf.reduce_any(wrong), [problem, told], summarize=100)


def _merged(schema: GraphSchema, values: Mapping[str, tf.Tensor], ends: Mapping[str, tf.Tensor]) -> tfgnn.GraphTensor:
    """The graph of the columns' flat values, with the ends of edges as numbers of its nodes."""
    small = {name: tf.cast(of_set, tf.int32) for name, of_set in values.items() if name.endswith(f".{SIZE}")}
    context = {name: values[f"context/{name}"] for name in schema.context}
    node_sets = {
        name: tfgnn.NodeSet.from_fields(
            features=_features(f"nodes/{name}", nodes.features, values), sizes=small[f"nodes/{name}.{SIZE}"]
        )
        for name, nodes in schema.node_sets.items()
    }
    edge_sets = {}
    for name, edges in schema.edge_sets.items():
        adjacency = tfgnn.Adjacency.from_indices(
            (edges.source, ends[f"edges/{name}.{SOURCE}"]), (edges.target, ends[f"edges/{name}.{TARGET}"])
        )
        features = _features(f"edges/{name}", edges.features, values)
        edge_sets[name] = tfgnn.EdgeSet.from_fields(
            features=features, sizes=small[f"edges/{name}.{SIZE}"], adjacency=adjacency
        )
    ones = tf.ones_like(small[f"nodes/{READOUT}.{SIZE}"])
    return tfgnn.GraphTensor.from_pieces(
        context=tfgnn.Context.from_fields(features=context, sizes=ones), node_sets=node_sets, edge_sets=edge_sets
    )


def _features(
    prefix: str, features: Mapping[str, Feature], values: Mapping[str, tf.Tensor]
) -> dict[str, tf.Tensor | tf.RaggedTensor]:
    found = {}
    for name, feature in features.items():
        flat = values[f"{prefix}.{name}"]
        if feature.multi_valued:
            lengths = values[f"{prefix}.{name}.d1"]
            flat = tf.RaggedTensor.from_row_lengths(flat, lengths, validate=False)
        found[name] = flat
    return found
