"""Embeddings of looked-up values."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfgrec.model.feature_specs import CategoricalSpec, dump_specs, parse_specs
from tfgrec.model.ragged_mean import ragged_mean
from tfgrec.model.vocabulary_lookup import VocabularyLookup

FeatureTensor = tf.Tensor | tf.RaggedTensor


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class CategoricalFeatures(tf.keras.layers.Layer):
    """Embeds the categorical features of one node set; the mean of the embeddings where a feature has several values.

    Features of one dimension share a table, each with rows of its own, so that a node's values take one gather. Ids
    have tables of their own, because they are trained apart (see JointModel.embedding_variables).

    Call: `{feature: [num_nodes] or [num_nodes, (num_values)]}` -> `[num_nodes, width]` float32.
    """

    def __init__(self, *, specs: Mapping[str, CategoricalSpec | dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._specs: dict[str, CategoricalSpec] = parse_specs(specs)
        self._lookups = {
            name: VocabularyLookup(vocabulary=spec.vocabulary, value_dtype=spec.dtype)
            for name, spec in self._specs.items()
        }
        # Assigned when it is whole: Keras tracks dictionaries, and can't save one that was changed afterwards.
        groups: dict[str, list[str]] = {}
        for name, spec in self._specs.items():
            groups.setdefault(f"{'ids' if spec.is_id else 'values'}_{spec.dimension}", []).append(name)
        self._groups = groups
        self._tables = {group: self._add_table(group) for group in self._groups}

    @property
    def width(self) -> int:
        """Width of the output."""
        return sum(spec.dimension for spec in self._specs.values())

    @property
    def id_tables(self) -> list[tf.Variable]:
        """The tables of ids."""
        return [self._tables[group] for group, names in self._groups.items() if self._specs[names[0]].is_id]

    def call(self, features: Mapping[str, FeatureTensor]) -> tf.Tensor:
        """Embeds and concatenates."""
        return tf.concat([part for group in self._groups for part in self._embed_group(group, features)], axis=1)

    def get_config(self) -> dict[str, Any]:
        """The specs, vocabularies included."""
        return {"specs": dump_specs(self._specs), **super().get_config()}

    def _add_table(self, group: str) -> tf.Variable:
        names = self._groups[group]
        rows = sum(self._lookups[name].size for name in names)
        shape = (rows, self._specs[names[0]].dimension)
        return self.add_weight(name=group, shape=shape, initializer=tf.keras.initializers.RandomUniform(-0.05, 0.05))

    def _embed_group(self, group: str, features: Mapping[str, FeatureTensor]) -> list[tf.Tensor]:
        """The outputs of a group's features: of all single-valued ones together, then of each multi-valued one."""
        table, offset = self._tables[group], 0
        single_rows, outputs = [], []
        for name in self._groups[group]:
            lookup, values = self._lookups[name], features[name]
            if isinstance(values, tf.RaggedTensor):
                embedded = tf.gather(table, lookup(values.flat_values) + offset)
                outputs.append(ragged_mean(embedded, values.value_rowids(), values.nrows()))
            else:
                single_rows.append(lookup(values) + offset)
            offset += lookup.size
        if single_rows:
            width = len(single_rows) * self._specs[self._groups[group][0]].dimension
            outputs.append(tf.reshape(tf.gather(table, tf.stack(single_rows, axis=1)), [-1, width]))
        return outputs
