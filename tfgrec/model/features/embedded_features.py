"""Embeddings of looked-up and of hashed values, with tables that features may share."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfgrec.model.features.absent import is_absent
from tfgrec.model.features.feature_specs import CategoricalSpec, EmbeddedSpec, HashedSpec, dump_specs, parse_specs
from tfgrec.model.features.named_axes import AxisPart, NamedAxis
from tfgrec.model.features.several_values import combine_values
from tfgrec.model.features.vocabulary_lookup import VocabularyLookup
from tfgrec.model.step.step_random import uniform

Values = tf.Tensor | tf.RaggedTensor

# Rows of ids start closer to zero: that of an id that is never trained is near neutral.
_LARGEST_INITIAL_VALUE = {"categorical": 0.05, "hashed": 0.01}


@dataclasses.dataclass(frozen=True)
class _Table:
    """Where a table lies: from row `offset` on in the variable of its stack."""

    stack: str
    offset: int
    spec: EmbeddedSpec


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class EmbeddedFeatures(tf.keras.layers.Layer):
    """Embeds the categorical and hashed features of several node sets.

    Features whose specs name the same table share it, also across node sets. Tables of the same width lie one behind
    the other in one variable, so that all values of a node take one gather. Tables of ids (and of hashed values, of
    which there are as many) have variables of their own, because they are trained apart: see
    JointModel.embedding_variables.

    In training the share `dropout` of a hashed feature's values shows zeros. So near starts the row of an id that was
    never trained, and there it stays: a cold node is to the model what a hidden one was in training. A value that is
    absent (see `absent_values`) has a row of its own, row 0 of a vocabulary, or a hashed feature's `unknown_row`.

    Call: `{node_set: {feature: [num_nodes] or [num_nodes, (num_values)]}}`, training ->
    `{node_set: [num_nodes, width]}`.
    """

    def __init__(self, *, specs: Mapping[str, Mapping[str, EmbeddedSpec | dict[str, Any]]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._specs: dict[str, dict[str, EmbeddedSpec]] = {
            node_set: parse_specs(of_node_set) for node_set, of_node_set in specs.items()
        }
        self._tables = self._stacked_tables()
        self._lookups = {
            name: VocabularyLookup(vocabulary=table.spec.vocabulary, value_dtype=table.spec.dtype)
            for name, table in self._tables.items()
            if isinstance(table.spec, CategoricalSpec)
        }
        stacks = dict.fromkeys(table.stack for table in self._tables.values())
        self._stacks = {name: self._add_stack(name) for name in stacks}

    @property
    def id_tables(self) -> list[tf.Variable]:
        """The variables of ids and hashed values."""
        return [variable for name, variable in self._stacks.items() if name.startswith("ids")]

    @property
    def named_axes(self) -> list[NamedAxis]:
        """The rows of every variable: those of its tables, each with its values or hashes."""
        parts: dict[str, list[AxisPart]] = {name: [] for name in self._stacks}
        for name, table in self._tables.items():
            parts[table.stack] += _axis_parts(name, table.spec)
        return [NamedAxis(self._stacks[name], 0, of_stack) for name, of_stack in parts.items()]

    def call(self, features: Mapping[str, Mapping[str, Values]], training: bool = False) -> dict[str, tf.Tensor]:
        """Looks rows up, and embeds."""
        embedded = {}
        for node_set, specs in self._specs.items():
            rows = {name: self._rows(node_set, name, features[node_set][name]) for name in specs}
            embedded[node_set] = self._embed(node_set, rows, training)
        return embedded

    def get_config(self) -> dict[str, Any]:
        """The specs, vocabularies included."""
        specs = {node_set: dump_specs(of_node_set) for node_set, of_node_set in self._specs.items()}
        return {"specs": specs, **super().get_config()}

    def _stacked_tables(self) -> dict[str, _Table]:
        tables: dict[str, _Table] = {}
        ends: dict[str, int] = {}
        for node_set, of_node_set in self._specs.items():
            for name, spec in of_node_set.items():
                table = _table_name(node_set, name, spec)
                if table not in tables:
                    trained_apart = spec.is_id or isinstance(spec, HashedSpec)
                    stack = f"{'ids' if trained_apart else 'values'}_{spec.dimension}"
                    tables[table] = _Table(stack, ends.get(stack, 0), spec)
                    ends[stack] = tables[table].offset + spec.rows
        return tables

    def _add_stack(self, name: str) -> tf.Variable:
        specs = [table.spec for table in self._tables.values() if table.stack == name]

        def initial_rows(shape: tf.TensorShape, dtype: tf.DType | None = None, **_: Any) -> tf.Tensor:
            return tf.concat([_initial_rows(spec, dtype) for spec in specs], axis=0)

        shape = (sum(spec.rows for spec in specs), specs[0].dimension)
        return self.add_weight(name=name, shape=shape, initializer=initial_rows)

    def _rows(self, node_set: str, name: str, values: Values) -> Values:
        """The row numbers of values, int64 of their shape."""
        if isinstance(values, tf.RaggedTensor):
            return values.with_flat_values(self._rows(node_set, name, values.flat_values))
        table_name = _table_name(node_set, name, self._specs[node_set][name])
        table = self._tables[table_name]
        if isinstance(table.spec, HashedSpec):
            rows = hashed_rows(values, table.spec.buckets)
            if table.spec.unknown_row:
                rows = tf.where(is_absent(values), tf.constant(table.spec.buckets, tf.int64), rows)
            return rows + table.offset
        return self._lookups[table_name](values) + table.offset

    def _embed(self, node_set: str, rows: Mapping[str, Values], training: bool) -> tf.Tensor:
        specs, parts = self._specs[node_set], []
        for stack, variable in self._stacks.items():
            names = [name for name in rows if self._tables[_table_name(node_set, name, specs[name])].stack == stack]
            several = [name for name in names if isinstance(rows[name], tf.RaggedTensor)]
            single = [name for name in names if name not in several]
            if single:
                together = tf.stack([rows[name] for name in single], axis=1)
                embedded = _embedded(variable, together, [specs[name] for name in single], training)
                parts.append(tf.reshape(embedded, [-1, len(single) * variable.shape[1]]))
            for name in several:
                embedded = _embedded(variable, rows[name].flat_values[:, tf.newaxis], [specs[name]], training)
                parts.append(combine_values(specs[name].combiner, embedded[:, 0], rows[name]))
        return parts[0] if len(parts) == 1 else tf.concat(parts, axis=1)


def _table_name(node_set: str, name: str, spec: EmbeddedSpec) -> str:
    return spec.table or f"{node_set}.{name}"


def _axis_parts(name: str, spec: EmbeddedSpec) -> list[AxisPart]:
    if isinstance(spec, CategoricalSpec):
        return [AxisPart(name=name, size=spec.rows, values=[None, *spec.vocabulary], shared_by_others=True)]
    # By itself, so that a model without takes over the other rows.
    unknown = [AxisPart(name=f"{name} unknown", size=1)] if spec.unknown_row else []
    return [AxisPart(name=name, size=spec.buckets), *unknown]


def _embedded(variable: tf.Variable, rows: tf.Tensor, specs: list[EmbeddedSpec], training: bool) -> tf.Tensor:
    """Embeddings `[num_values, num_features, dim]` of rows `[num_values, num_features]`, in training some hidden."""
    embedded = tf.gather(variable, rows)
    rates = [spec.dropout if isinstance(spec, HashedSpec) else 0.0 for spec in specs]
    if not training or not any(rates):
        return embedded
    kept = uniform(tf.shape(rows)) >= rates
    return embedded * tf.cast(kept, embedded.dtype)[..., tf.newaxis]


def _initial_rows(spec: EmbeddedSpec, dtype: tf.DType | None) -> tf.Tensor:
    largest = _LARGEST_INITIAL_VALUE[spec.kind]
    rows = tf.keras.initializers.RandomUniform(-largest, largest)((spec.rows, spec.dimension), dtype)
    if isinstance(spec, HashedSpec):
        return tf.concat([rows[:-1], tf.zeros_like(rows[:1])], axis=0) if spec.unknown_row else rows
    # Values outside the vocabulary may not occur in training, and should then say nothing.
    return tf.concat([tf.zeros_like(rows[:1]), rows[1:]], axis=0)


def hashed_rows(values: tf.Tensor, buckets: int) -> tf.Tensor:
    """FarmHash fingerprints of strings, or of the decimal texts of integers, modulo `buckets`: alike on all machines.

    Int64 or string values of any shape -> int64 of that shape.
    """
    texts = values if values.dtype == tf.string else tf.strings.as_string(values)
    return tf.strings.to_hash_bucket_fast(texts, buckets)
