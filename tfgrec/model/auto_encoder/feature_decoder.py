"""Rebuilds one node set's raw features from states, and says how badly."""

import math
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfgrec.model.auto_encoder.reconstruction_targets import MultiHotTarget, NodeSetTargets
from tfgrec.model.features.named_axes import AxisPart, NamedAxis
from tfgrec.model.features.numeric_features import NumericFeatures
from tfgrec.model.features.vocabulary_lookup import VocabularyLookup


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class FeatureDecoder(tf.keras.layers.Layer):
    """A linear decoder for each feature, and the mean of the features' losses.

    Each loss is measured in units of what is lost by always guessing the graph's averages, so that 1 means "nothing
    learned" for every feature: squared error of standardised numbers; cross-entropy over the entropy of the classes;
    for several values, the sum of the binary cross-entropies over the sum of their entropies. Biases start there.
    With `scaled_cosine` the numbers of a node are compared as one vector: (1 - cosine)^power (GraphMAE,
    arXiv 2205.10803, equation 2).

    Call: states `[num_nodes, units]`, raw features `{feature: [num_nodes, ...]}` -> losses `[num_nodes]`.
    """

    def __init__(
        self,
        *,
        targets: NodeSetTargets | dict[str, Any],
        numeric_loss: str = "squared_error",
        cosine_power: float = 2.0,
        **kwargs: Any,
    ) -> None:
        # Losses are float32 whatever the model computes in.
        super().__init__(**{**kwargs, "dtype": "float32"})
        self._targets = NodeSetTargets.model_validate(targets)
        self._numeric_loss, self._cosine_power = numeric_loss, cosine_power
        self._numbers = NumericFeatures(specs=self._targets.numeric) if self._targets.numeric else None
        discrete = {**self._targets.categorical, **self._targets.multi_hot}
        self._lookups = {
            name: VocabularyLookup(vocabulary=target.vocabulary, value_dtype=target.dtype)
            for name, target in discrete.items()
        }
        self._widths = [len(target.shares) for target in discrete.values()]
        self._decoder = tf.keras.layers.Dense(
            len(self._targets.numeric) + sum(self._widths),
            bias_initializer=tf.constant_initializer(self._prior_biases()),
            dtype="float32",
            name="decoder",
        )

    @property
    def feature_names(self) -> list[str]:
        """The raw features that are rebuilt."""
        return [*self._targets.numeric, *self._lookups]

    @property
    def named_axes(self) -> list[NamedAxis]:
        """The decoder's outputs: a number of each numeric feature, then the classes and values of the others."""
        targets = self._targets
        parts = [AxisPart(f"{name} {spec.transforms[0]}", 1) for name, spec in targets.numeric.items()]
        for name, target in targets.categorical.items():
            parts.append(AxisPart(f"{name} class", len(target.shares), [None, *target.vocabulary]))
        parts += [AxisPart(name, len(target.shares), target.vocabulary) for name, target in targets.multi_hot.items()]
        return [NamedAxis(self._decoder.kernel, 1, parts), NamedAxis(self._decoder.bias, 0, parts)]

    def call(self, states: tf.Tensor, features: Mapping[str, tf.Tensor | tf.RaggedTensor]) -> tf.Tensor:
        """The loss of each node."""
        numbers, *blocks = tf.split(self._decoder(states), [len(self._targets.numeric), *self._widths], axis=1)
        total = tf.zeros([tf.shape(states)[0]])
        if self._numbers is not None:
            total += self._numeric_losses(numbers, features)
        outputs = dict(zip(self._lookups, blocks, strict=True))
        for name, target in self._targets.categorical.items():
            classes = self._lookups[name](features[name])
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=classes, logits=outputs[name])
            total += losses / target.entropy
        for name, target in self._targets.multi_hot.items():
            total += self._multi_hot_losses(name, target, outputs[name], features[name])
        return total / self._targets.num_features

    def get_config(self) -> dict[str, Any]:
        """Targets and losses."""
        return {
            "targets": self._targets.model_dump(),
            "numeric_loss": self._numeric_loss,
            "cosine_power": self._cosine_power,
            **super().get_config(),
        }

    def _numeric_losses(self, decoded: tf.Tensor, features: Mapping[str, tf.Tensor | tf.RaggedTensor]) -> tf.Tensor:
        """`[num_nodes]`, the sum over the numeric features; an unknown number counts nothing."""
        values, known = self._numbers.normalise(features)
        known = tf.cast(known, tf.float32)
        if self._numeric_loss == "squared_error":
            return tf.reduce_sum(known * tf.math.squared_difference(decoded, values), axis=1)
        cosine = tf.reduce_sum(
            tf.math.l2_normalize(decoded * known, axis=1) * tf.math.l2_normalize(values * known, axis=1), axis=1
        )
        return len(self._targets.numeric) * tf.pow(tf.maximum(1.0 - cosine, 1e-6), self._cosine_power)

    def _multi_hot_losses(
        self, name: str, target: MultiHotTarget, logits: tf.Tensor, values: tf.RaggedTensor
    ) -> tf.Tensor:
        num_values = len(target.shares)
        # Position 0 takes the values outside the vocabulary, and is cut off.
        positions = self._lookups[name](values.flat_values)
        flat = values.value_rowids() * (num_values + 1) + positions
        counts = tf.math.unsorted_segment_sum(tf.ones_like(flat), flat, values.nrows() * (num_values + 1))
        hot = tf.reshape(tf.cast(counts > 0, tf.float32), [-1, num_values + 1])[:, 1:]
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=hot, logits=logits)
        return tf.reduce_sum(losses, axis=1) / target.entropy

    def _prior_biases(self) -> list[float]:
        biases = [0.0] * len(self._targets.numeric)
        for target in self._targets.categorical.values():
            biases += [math.log(share) for share in target.shares]
        for target in self._targets.multi_hot.values():
            biases += [math.log(share / (1 - share)) for share in target.shares]
        return biases
