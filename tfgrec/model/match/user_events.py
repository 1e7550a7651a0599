"""The events of each request's user, read out of a batch and laid side by side."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.schema import READOUT, TIME, USER_READOUT
from tfgrec.model.encoder.edge_inputs import ages
from tfgrec.model.features.feature_specs import NumericSpec
from tfgrec.model.features.numeric_features import LARGEST_VALUE, signed_log
from tfgrec.model.fusion.readout import readout_edges
from tfgrec.model.match.match_sources import MatchSource


class Events(NamedTuple):
    """The events of one source, sorted by request.

    Attributes:
      requests: The request of each, int64 `[num_events]`, ascending.
      nodes: The node that each leads to, int64 `[num_events]`; None for a history, whose nodes the events are.
      keys: `{namespace: [num_events] or [num_events, (num_values)]}`.
      numbers: The events' own numbers after a 1, float32 `[num_events, 1 + num_numbers]`.
      ages: log(1 + seconds before the request), a day being 1, float32 `[num_events]`; 0 without times.
    """

    requests: tf.Tensor
    nodes: tf.Tensor | None
    keys: dict[str, tf.Tensor | tf.RaggedTensor]
    numbers: tf.Tensor
    ages: tf.Tensor


def candidate_requests(graph: tfgnn.GraphTensor) -> tf.Tensor:
    """The request of each candidate, int64 `[num_candidates]`."""
    return component_numbers(graph.node_sets[READOUT].sizes)


def read_events(graph: tfgnn.GraphTensor, source: MatchSource) -> Events:
    """A source's events of a batch: all of a history's, and those of a path that begin at requests' own users."""
    if source.history:
        nodes = graph.node_sets[source.name]
        return _events(
            graph, source, nodes.get_features_dict(), nodes.get_features_dict(), component_numbers(nodes.sizes)
        )
    roots = _root_requests(graph)
    begin = graph.edge_sets[source.path[0]].adjacency
    requests = tf.gather(roots, begin[tfgnn.SOURCE])
    if len(source.path) > 1:
        reached = graph.edge_sets[source.path[1]].adjacency
        size = graph.node_sets[begin.node_set_name(tfgnn.TARGET)].total_size
        met = tf.maximum(tf.math.unsorted_segment_max(requests, begin[tfgnn.TARGET], size), -1)
        requests = tf.gather(met, reached[tfgnn.SOURCE])
    chosen = tf.where(requests >= 0)[:, 0]
    edges = graph.edge_sets[source.path[-1]]
    ends = tf.gather(edges.adjacency[tfgnn.TARGET], chosen)
    of_ends = graph.node_sets[source.target]
    keyed = {name: tf.gather(of_ends[name], ends) for name in source.keys}
    own = {name: tf.gather(edges[name], chosen) for name in [*source.numbers, *([TIME] if source.timed else [])]}
    return _events(graph, source, keyed, own, tf.gather(requests, chosen), ends)


def side_by_side(values: Sequence[tf.Tensor], requests: Sequence[tf.Tensor], num_requests: tf.Tensor) -> tf.Tensor:
    """Values of several lists of events as one dense tensor, padded with zeros: each list in columns of its own.

    Args:
      values: Of each list `[num_events, width]`, events sorted by request.
      requests: Of each list the events' requests, `[num_events]`.
      num_requests: A scalar.

    Returns:
      `[num_requests, sum of the lists' largest numbers of events, width]`.
    """
    dense = [
        tf.RaggedTensor.from_value_rowids(of_list, rows, num_requests, validate=False).to_tensor()
        for of_list, rows in zip(values, requests, strict=True)
    ]
    return tf.concat(dense, axis=1)


def _events(
    graph: tfgnn.GraphTensor,
    source: MatchSource,
    keyed: Mapping[str, tf.Tensor | tf.RaggedTensor],
    own: Mapping[str, tf.Tensor],
    requests: tf.Tensor,
    nodes: tf.Tensor | None = None,
) -> Events:
    columns = [
        tf.ones([tf.shape(requests)[0]]),
        *(_read(own[name], source.scales.get(name)) for name in source.numbers),
    ]
    aged = ages(tf.gather(graph.context[TIME], requests) - own[TIME]) if source.timed else tf.zeros_like(columns[0])
    keys = {space: keyed[name] for name, space in source.keys.items()}
    return Events(requests, nodes, keys, tf.stack(columns, axis=1), aged)


def _read(values: tf.Tensor, scale: NumericSpec | None) -> tf.Tensor:
    """Numbers on their scale, 0 where they are not finite."""
    numbers = signed_log(tf.cast(values, tf.float32))
    if scale is not None:
        numbers = (numbers - scale.log_mean) / scale.log_standard_deviation
        numbers = tf.clip_by_value(numbers, -LARGEST_VALUE, LARGEST_VALUE)
    return tf.where(tf.math.is_finite(numbers), numbers, 0.0)


def _root_requests(graph: tfgnn.GraphTensor) -> tf.Tensor:
    """Of each user node the request whose user it is, -1 for neighbours; int64 `[num_users]`."""
    edges = readout_edges(graph, USER_READOUT)
    requests = tf.gather(candidate_requests(graph), edges.candidates)
    users = graph.edge_sets[USER_READOUT].adjacency.node_set_name(tfgnn.SOURCE)
    found = tf.math.unsorted_segment_max(requests, edges.nodes, graph.node_sets[users].total_size)
    return tf.maximum(found, -1)


def component_numbers(sizes: tf.Tensor) -> tf.Tensor:
    """The request of each node of a batch by the requests' numbers of nodes `[num_requests]`, int64 `[num_nodes]`."""
    return tf.repeat(tf.range(tf.shape(sizes, out_type=tf.int64)[0]), sizes)
