"""The match by factors: what a ridge regression over a user's own outcomes expects of a candidate."""

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.config.match import FactorsConfig
from tfgrec.factors.item_factors import ItemFactors
from tfgrec.graph.schema import HISTORY, ID, TIME, GraphSchema
from tfgrec.model.fusion.readout import readout_edges, to_candidates
from tfgrec.model.item_parts import ItemParts, item_part
from tfgrec.model.match.user_events import candidate_requests, component_numbers, side_by_side
from tfgrec.model.static_vectors import EmbeddedRows, StaticVectors

# In deviations from the mean.
_LARGEST_OUTCOME = 1e9


class Taste(NamedTuple):
    """What each request's user is like, in the space of the items' factors.

    Attributes:
      weights: of the factors and, last, the bias, float32 `[num_requests, dimension + 1]`.
      root: the lower Cholesky factor of the normal equations, `[num_requests, dimension + 1, dimension + 1]`.
    """

    weights: tf.Tensor
    root: tf.Tensor


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class FactorMatch(tf.keras.layers.Layer):
    """Solves for each user's taste in closed form, from the user's history and fixed item factors.

    With q_j the factors of the events' items, b_j their biases and o_j the outcomes in units of their deviation from
    the mean, the taste is w = (X' X + diag(l, ..., l, m))^-1 X' (o - b), where x_j = (q_j, 1). So long histories count
    for more than short ones, and events that say the same count once. An item without factors has zeros: it says
    something of the user's bias alone. Item factors are as of a time before the request (see ItemFactors), so that in
    training no outcome is expected from itself.

    Args:
      histories: `{edge set: node set of its items}`.
      config: Outcomes and penalties.
      rows: `{node set: EmbeddedRows}`: which items have factors, as of which refits.
      id_types: `{node set: "int64" | "string"}`.
      candidates: `{readout edge set: node set of its items}`.
      mean: Of the outcomes.
      deviation: Of the outcomes.

    Call: scalar GraphTensor, ItemParts or None -> float32 `[num_candidates, 5]`: the candidate's bias, the user's bias,
    the product of factors and taste, the sum of the three, and the deviation of that sum's error relative to that of
    one outcome.
    """

    def __init__(
        self,
        *,
        histories: Mapping[str, str],
        config: FactorsConfig | dict[str, Any],
        rows: Mapping[str, EmbeddedRows | Mapping[str, Any]],
        id_types: Mapping[str, str],
        candidates: Mapping[str, str],
        mean: float,
        deviation: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{**kwargs, "dtype": "float32", "autocast": False})
        self._histories, self._candidates = dict(histories), dict(candidates)
        self._config = FactorsConfig.model_validate(config)
        self._id_types, self._mean, self._deviation = dict(id_types), mean, deviation
        self._meaning = ""
        self._factors = StaticVectors(
            rows=rows,
            id_types=id_types,
            item_edge_sets=[],
            units=self._config.dimension + 1,
            fine_tuned=False,
            dtype="float32",
            name="item_factors",
        )

    @property
    def meaning(self) -> str:
        """Equal where the table holds the same factors of the same items and refits."""
        return self._meaning

    def assign(self, factors: ItemFactors) -> None:
        """Fills the table."""
        digest = hashlib.sha256(self._factors.rows_digest.encode())
        for node_set in self._id_types:
            if node_set in factors.rows:
                digest.update(factors.rows[node_set].values.tobytes())
                self._factors.assign(node_set, factors.rows[node_set].values)
        self._meaning = digest.hexdigest()

    def call(self, graph: tfgnn.GraphTensor, items: ItemParts | None = None) -> tf.Tensor:
        """Solves and multiplies."""
        requests = candidate_requests(graph)
        times = tf.reshape(graph.context[TIME], [-1])
        taste = self._taste(graph, times)
        asked_at = tf.gather(times, requests)
        candidates = item_part(items, "match_factors", lambda: self._of_candidates(graph, asked_at))
        weights, root = tf.gather(taste.weights, requests), tf.gather(taste.root, requests)
        products = tf.reduce_sum(candidates[:, :-1] * weights[:, :-1], axis=1)
        biases, own = candidates[:, -1], weights[:, -1]
        asked = tf.concat([candidates[:, :-1], tf.ones_like(candidates[:, -1:])], axis=1)
        spread = tf.norm(tf.linalg.triangular_solve(root, asked[..., tf.newaxis]), axis=[1, 2])
        return tf.stack([biases, own, products, biases + own + products, spread], axis=1)

    def get_config(self) -> dict[str, Any]:
        """All constructor arguments as plain values."""
        return {
            "histories": self._histories,
            "config": self._config.model_dump(),
            "rows": {node_set: rows.to_config() for node_set, rows in self._factors.rows.items()},
            "id_types": self._id_types,
            "candidates": self._candidates,
            "mean": self._mean,
            "deviation": self._deviation,
            **super().get_config(),
        }

    def _taste(self, graph: tfgnn.GraphTensor, times: tf.Tensor) -> Taste:
        rows, requests = [], []
        for edge_set, node_set in self._histories.items():
            nodes = graph.node_sets[f"{HISTORY}/{edge_set}"]
            requests.append(component_numbers(nodes.sizes))
            factors = self._factors.item_vectors(nodes[ID], node_set, tf.gather(times, requests[-1]))
            rows.append(self._equations(factors, nodes[self._config.outcomes[edge_set]]))
        equations = side_by_side(rows, requests, tf.shape(times, out_type=tf.int64)[0])
        inputs, residuals = equations[..., :-1], equations[..., -1:]
        config = self._config
        penalty = tf.linalg.diag(tf.constant([*[config.regularization] * config.dimension, config.bias_regularization]))
        root = tf.linalg.cholesky(tf.matmul(inputs, inputs, transpose_a=True) + penalty)
        weights = tf.linalg.cholesky_solve(root, tf.matmul(inputs, residuals, transpose_a=True))
        return Taste(weights[..., 0], root)

    def _equations(self, factors: tf.Tensor, outcomes: tf.Tensor) -> tf.Tensor:
        """x_j and o_j - b_j of events, `[num_events, dimension + 2]`; zeros where there is no outcome."""
        outcomes = (tf.cast(outcomes, tf.float32) - self._mean) / self._deviation
        known = tf.math.is_finite(outcomes)
        # Beyond any outcome; products of larger numbers would overflow.
        outcomes = tf.clip_by_value(outcomes, -_LARGEST_OUTCOME, _LARGEST_OUTCOME)
        residuals = tf.where(known, outcomes, 0.0) - factors[:, -1]
        found = tf.concat([factors[:, :-1], tf.ones_like(factors[:, -1:]), residuals[:, tf.newaxis]], axis=1)
        return tf.where(known[:, tf.newaxis], found, 0.0)

    def _of_candidates(self, graph: tfgnn.GraphTensor, times: tf.Tensor) -> tf.Tensor:
        """Factors and biases of the candidates, `[num_candidates, dimension + 1]`."""
        parts = []
        for edge_set, node_set in self._candidates.items():
            edges = readout_edges(graph, edge_set)
            ids = tf.gather(graph.node_sets[node_set][ID], edges.nodes)
            factors = self._factors.item_vectors(ids, node_set, tf.gather(times, edges.candidates))
            parts.append(to_candidates(factors, edges, graph))
        return tf.add_n(parts)


def factor_match(config: FactorsConfig, schema: GraphSchema, factors: ItemFactors) -> FactorMatch:
    """The layer for records of a schema, its table filled."""
    targets = {name: schema.history_node_sets[f"{HISTORY}/{name}"].target for name in config.outcomes}
    candidates = {edges: name for name, edges in schema.item_readouts().items() if name in targets.values()}
    node_sets = sorted(set(targets.values()))
    none = EmbeddedRows(np.empty(0, np.int64), np.empty(0, np.int64))
    rows = {name: EmbeddedRows(of.ids, of.refits) for name, of in factors.rows.items() if name in node_sets}
    layer = FactorMatch(
        histories=targets,
        config=config,
        rows={name: rows.get(name, none) for name in node_sets},
        id_types={name: schema.node_sets[name].features[ID].dtype for name in node_sets},
        candidates=candidates,
        mean=factors.mean,
        deviation=factors.deviation,
        name="factors",
    )
    layer.assign(factors)
    return layer
