"""Retrieval as one more task of the model: its towers, its loss, and the vectors that an index is made of."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.config.model import RetrievalConfig
from tfgrec.graph.schema import READOUT
from tfgrec.model.features.feature_specs import FeatureSpec
from tfgrec.model.loss_sum import LossSum
from tfgrec.model.retrieval.candidate_keys import CandidateKeys, candidate_keys
from tfgrec.model.retrieval.in_batch_softmax import InBatchSoftmax
from tfgrec.model.retrieval.item_frequencies import ItemFrequencies
from tfgrec.model.retrieval.replica_rows import rows_of_all_replicas
from tfgrec.model.retrieval.retrieval_tower import RetrievalTower

RETRIEVAL = "retrieval"

Labels = Mapping[str, tf.Tensor]


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class RetrievalTask(tf.keras.layers.Layer):
    """Learns that a user's vector is near to the vectors of the items that the user wants.

    An item's vector is a function of the item's own node, neighbourhood and counts, never of the user, and the other
    way round: what `query_vectors` and `item_vectors` read are disjoint parts of the model's input.

    Args:
      query_fields: The fields that the query tower reads, of the user.
      item_fields: The fields that the item tower reads.
      query_specs: Encodings of the `_readout` features that the query tower reads.
      item_specs: Encodings of the `_readout` features that the item tower reads.
      item_edge_sets: Readout edge sets of the item node sets.
      config: What is positive, and sizes.

    Call: scalar GraphTensor, `{field: [num_candidates, width]}`, `{label: [num_candidates]}`, training -> LossSum over
    the positive candidates.
    """

    def __init__(
        self,
        *,
        query_fields: Sequence[str],
        item_fields: Sequence[str],
        query_specs: Mapping[str, FeatureSpec | dict[str, Any]],
        item_specs: Mapping[str, FeatureSpec | dict[str, Any]],
        item_edge_sets: Sequence[str],
        config: RetrievalConfig | dict[str, Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._config = RetrievalConfig.model_validate(config)
        self._item_edge_sets = list(item_edge_sets)
        sizes = {"units": self._config.units, "hidden_units": self._config.hidden_units}
        self._query_tower = RetrievalTower(fields=query_fields, specs=query_specs, name="query_tower", **sizes)
        self._item_tower = RetrievalTower(fields=item_fields, specs=item_specs, name="item_tower", **sizes)
        self._frequencies = ItemFrequencies(buckets=self._config.frequency_buckets, name="item_frequencies")
        self._softmax = InBatchSoftmax(temperature=self._config.temperature)

    @property
    def id_tables(self) -> list[tf.Variable]:
        """Embedding tables of ids."""
        return [*self._query_tower.id_tables, *self._item_tower.id_tables]

    def query_vectors(
        self, graph: tfgnn.GraphTensor, fields: Mapping[str, tf.Tensor], training: bool = False
    ) -> tf.Tensor:
        """The candidates' users, float32 `[num_candidates, units]`, each of length 1."""
        return self._query_tower(fields, _readout_features(graph), training=training)

    def item_vectors(
        self, graph: tfgnn.GraphTensor, fields: Mapping[str, tf.Tensor], training: bool = False
    ) -> tf.Tensor:
        """The candidates' items, float32 `[num_candidates, units]`, each of length 1."""
        return self._item_tower(fields, _readout_features(graph), training=training)

    def observe(self, graph: tfgnn.GraphTensor, labels: Labels) -> None:
        """Counts the batch's items; once a training step, after the loss, which must not count its own batch."""
        keys = self._keys(graph)
        self._frequencies.observe(rows_of_all_replicas(keys.items), rows_of_all_replicas(self._negative(keys, labels)))

    def call(
        self, graph: tfgnn.GraphTensor, fields: Mapping[str, tf.Tensor], labels: Labels, training: bool = False
    ) -> LossSum:
        """Computes the loss."""
        keys = self._keys(graph)
        return self._softmax.loss(
            queries=self.query_vectors(graph, fields, training=training),
            items=self.item_vectors(graph, fields, training=training),
            keys=keys,
            positive=self._positive(keys, labels),
            negative=self._negative(keys, labels),
            probabilities=self._frequencies(keys.items),
        )

    def get_config(self) -> dict[str, Any]:
        """Inputs and configuration."""
        query, item = self._query_tower.get_config(), self._item_tower.get_config()
        return {
            "query_fields": query["fields"],
            "item_fields": item["fields"],
            "query_specs": query["specs"],
            "item_specs": item["specs"],
            "item_edge_sets": self._item_edge_sets,
            "config": self._config.model_dump(),
            **super().get_config(),
        }

    def _keys(self, graph: tfgnn.GraphTensor) -> CandidateKeys:
        return candidate_keys(graph, self._item_edge_sets)

    def _positive(self, keys: CandidateKeys, labels: Labels) -> tf.Tensor:
        # A missing label is NaN, which is not above zero.
        return (labels[self._config.positive] > 0) & (keys.item_sets >= 0)

    def _negative(self, keys: CandidateKeys, labels: Labels) -> tf.Tensor:
        if self._config.negatives == "positives":
            return self._positive(keys, labels)
        return keys.item_sets >= 0


def _readout_features(graph: tfgnn.GraphTensor) -> dict[str, tf.Tensor]:
    return graph.node_sets[READOUT].get_features_dict()
