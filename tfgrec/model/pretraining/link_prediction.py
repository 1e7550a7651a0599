"""Link prediction: the encoder learns to tell the item that its user has met from the items that others have."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.schema import ID
from tfgrec.model.encoder.shared_projection import SharedProjection
from tfgrec.model.loss_sum import LossSum
from tfgrec.model.pretraining.held_out_edges import HeldOutEdges, hold_out_edges
from tfgrec.model.replicas import sum_over_replicas
from tfgrec.model.retrieval.candidate_keys import CandidateKeys
from tfgrec.model.retrieval.in_batch_softmax import InBatchSoftmax

LINK_PREDICTION = "link_prediction"

_FINGERPRINTS = 2**61


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class LinkPrediction(tf.keras.layers.Layer):
    """One sampled edge of each request's user is held out; the user's state has to find the item at its other end.

    -log softmax over the batch's held-out items i of cos(user, item_i) / temperature, of projected states. Of unit
    length, no item gains by a long vector, and vectors spread in all directions. Items of other node sets are no
    classes, nor are the same item of another request and what the same user has held out elsewhere in the batch. It is
    GraphSAGE's unsupervised loss (arXiv 1706.02216) with the batch's items as negatives. Nothing corrects for popular
    items: they are negatives as often as they are met.

    Args:
      edge_sets: Sampled edge sets from the users' node set to item node sets, of which edges are held out.
      temperature: What cosines are divided by.

    Call: scalar GraphTensor, `{node_set: [num_nodes, units]}`, the HeldOutEdges that the states know nothing of, the
    projection -> LossSum over the requests with an edge.
    """

    def __init__(self, *, edge_sets: Sequence[str], temperature: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._edge_sets, self._temperature = list(edge_sets), temperature
        self._softmax = InBatchSoftmax(temperature=temperature)

    def hold_out(self, graph: tfgnn.GraphTensor) -> HeldOutEdges:
        """Draws the batch's edges anew."""
        return hold_out_edges(graph, self._edge_sets)

    def call(
        self,
        graph: tfgnn.GraphTensor,
        states: dict[str, tf.Tensor],
        held_out: HeldOutEdges,
        projection: SharedProjection,
    ) -> LossSum:
        """Computes the loss."""
        user_set, positive = held_out.user_node_set, held_out.users >= 0
        keys, item_sets, items = [], [], []
        for number, (node_set, nodes) in enumerate(held_out.items.items()):
            items.append(_rows(of_unit_length(projection(states[node_set], node_set=node_set)), nodes))
            keys.append(_rows(_keys(graph, node_set) * len(held_out.items) + number, nodes))
            item_sets.append(tf.where(nodes >= 0, number + 1, 0))
        count = sum_over_replicas(tf.math.count_nonzero(positive, dtype=tf.float32))
        return self._softmax.loss(
            queries=_rows(of_unit_length(projection(states[user_set], node_set=user_set)), held_out.users),
            items=tf.add_n(items),
            keys=CandidateKeys(
                users=_rows(_keys(graph, user_set), held_out.users),
                items=tf.add_n(keys),
                item_sets=tf.add_n(item_sets) - 1,
            ),
            positive=positive,
            negative=positive,
            # Equal to the softmax's correction of the own item, so that no logit is corrected.
            probabilities=tf.fill([tf.size(positive)], 1.0 / tf.maximum(count - 1.0, 1.0)),
        )

    def get_config(self) -> dict[str, Any]:
        """Edge sets and temperature."""
        return {"edge_sets": self._edge_sets, "temperature": self._temperature, **super().get_config()}


def of_unit_length(vectors: tf.Tensor) -> tf.Tensor:
    """Vectors `[num_nodes, units]` scaled to length 1, float32; zeros stay."""
    return tf.math.l2_normalize(tf.cast(vectors, tf.float32), axis=1)


def _rows(values: tf.Tensor, nodes: tf.Tensor) -> tf.Tensor:
    """Rows of nodes, zeros where a node is -1."""
    there = tf.cast(nodes >= 0, values.dtype)
    rows = tf.gather(tf.pad(values, [[0, 1]] + [[0, 0]] * (values.shape.rank - 1)), tf.maximum(nodes, 0))
    return rows * (there if values.shape.rank == 1 else there[:, tf.newaxis])


def _keys(graph: tfgnn.GraphTensor, node_set: str) -> tf.Tensor:
    """Integers that are equal where raw ids are, int64 `[num_nodes]`."""
    ids = graph.node_sets[node_set][ID]
    return tf.strings.to_hash_bucket_fast(ids, _FINGERPRINTS) if ids.dtype == tf.string else ids
