"""Who and what each candidate of a batch is, as integers that can be compared across requests."""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.schema import ID, USER_READOUT
from tfgrec.model.fusion.readout import readout_edges, to_candidates

_FINGERPRINTS = 2**62


class CandidateKeys(NamedTuple):
    """Keys of candidates, `[num_candidates]` each.

    Attributes:
      users: int64, equal for the same user.
      items: int64, equal for the same item; items of different node sets differ.
      item_sets: int32, the position of the item's readout edge set, -1 where a candidate has no item, as in padding.
    """

    users: tf.Tensor
    items: tf.Tensor
    item_sets: tf.Tensor


def candidate_keys(graph: tfgnn.GraphTensor, item_edge_sets: Sequence[str]) -> CandidateKeys:
    """Reads the ids of users and items at the ends of the readout edge sets, of which `item_edge_sets` are the items'.

    An integer id is its own key (times the number of item node sets, if there are several), a text's is a fingerprint.
    """
    count = len(item_edge_sets)
    items = [_keys(graph, edge_set) * count + position for position, edge_set in enumerate(item_edge_sets)]
    sets = [tf.ones_like(keys, tf.int32) * (position + 1) for position, keys in enumerate(items)]
    return CandidateKeys(
        users=_at_candidates(graph, USER_READOUT, _keys(graph, USER_READOUT)),
        items=_sum(graph, item_edge_sets, items),
        item_sets=_sum(graph, item_edge_sets, sets) - 1,
    )


def _keys(graph: tfgnn.GraphTensor, edge_set: str) -> tf.Tensor:
    """The keys of the nodes that are tied to candidates, int64 `[num_edges]`."""
    node_set = graph.edge_sets[edge_set].adjacency.node_set_name(tfgnn.SOURCE)
    ids = tf.gather(graph.node_sets[node_set][ID], readout_edges(graph, edge_set).nodes)
    return tf.strings.to_hash_bucket_fast(ids, _FINGERPRINTS) if ids.dtype == tf.string else ids


def _at_candidates(graph: tfgnn.GraphTensor, edge_set: str, values: tf.Tensor) -> tf.Tensor:
    return to_candidates(values, readout_edges(graph, edge_set), graph)


def _sum(graph: tfgnn.GraphTensor, edge_sets: Sequence[str], values: Sequence[tf.Tensor]) -> tf.Tensor:
    """A candidate has an edge in one edge set at most."""
    return tf.add_n(
        [_at_candidates(graph, edge_set, of_set) for edge_set, of_set in zip(edge_sets, values, strict=True)]
    )
