"""Vectors of nodes that were embedded before, looked up by id and time: what ranking reads in two stages."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.schema import ID, READOUT, TIME, USER_READOUT
from tfgrec.model.features.vocabulary_lookup import VocabularyLookup
from tfgrec.model.fusion.graph_fields import GRAPH_FIELDS
from tfgrec.model.fusion.readout import readout_edges, to_candidates
from tfgrec.model.item_parts import ItemParts, item_part


@dataclasses.dataclass(frozen=True)
class EmbeddedRows:
    """Which nodes of a node set have a vector, as of which times; no pair comes twice, ids rise, then times.

    Attributes:
      ids: raw ids, int64 or text, `[num_rows]`.
      refreshes: milliseconds since 1970, int64 `[num_rows]`.
    """

    ids: np.ndarray
    refreshes: np.ndarray

    def to_config(self) -> dict[str, Any]:
        """Plain values, of which `parse_rows` makes it again."""
        return {"ids": self.ids.tolist(), "refreshes": self.refreshes.tolist()}


def parse_rows(values: EmbeddedRows | Mapping[str, Any]) -> EmbeddedRows:
    """What `EmbeddedRows.to_config` returned."""
    if isinstance(values, EmbeddedRows):
        return values
    texts = any(isinstance(one, str) for one in values["ids"])
    ids = np.array(values["ids"], object if texts else np.int64)
    return EmbeddedRows(ids, np.array(values["refreshes"], np.int64))


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class StaticVectors(tf.keras.layers.Layer):
    """A table of vectors, a row for each node and refresh time that was embedded, zeros until `assign` fills it.

    A request reads of a node the newest row that is not newer than the request: so that of the newest refresh where
    that was embedded, of an older one where it was not. A node without any such row has zeros.

    Fine-tuned are not the rows but what is added to all rows of a node, a vector that starts at zero: rows of later
    refreshes, which no training request reads, move along.

    Args:
      rows: `{node_set: EmbeddedRows}`; a node set without any is left out.
      id_types: `{node_set: "int64" | "string"}` of the users' and the items' node sets, what raw ids are.
      item_edge_sets: Readout edge sets of the item node sets.
      units: Width of vectors.
      fine_tuned: Whether training adds to the vectors.

    Call: scalar GraphTensor, ItemParts or None -> `{field: [num_candidates, units]}` for GRAPH_FIELDS.
    """

    def __init__(
        self,
        *,
        rows: Mapping[str, EmbeddedRows | Mapping[str, Any]],
        id_types: Mapping[str, str],
        item_edge_sets: Sequence[str],
        units: int,
        fine_tuned: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        none = {"ids": [], "refreshes": []}
        self._rows = {node_set: parse_rows(rows.get(node_set, none)) for node_set in id_types}
        self._id_types, self._item_edge_sets = dict(id_types), list(item_edge_sets)
        self._units, self._fine_tuned = units, fine_tuned
        self._lookups, self._tables, self._keys, self._additions = {}, {}, {}, {}
        times = [of_set.refreshes for of_set in self._rows.values()]
        self._refreshes = np.unique(np.concatenate([np.empty(0, np.int64), *times]))
        for node_set, of_set in self._rows.items():
            nodes, numbers = np.unique(of_set.ids, return_inverse=True)
            self._lookups[node_set] = VocabularyLookup(
                vocabulary=nodes.tolist(), value_dtype=self._id_types[node_set], name=f"{node_set}_rows"
            )
            # Rising, since rows are: the lookup counts nodes from one.
            self._keys[node_set] = self._key(numbers + 1, np.searchsorted(self._refreshes, of_set.refreshes))
            # Never empty, so that there is a row to gather for nodes that have none.
            self._tables[node_set] = self._table(f"{node_set}_vectors", max(len(of_set.ids), 1), trainable=False)
            if fine_tuned:
                self._additions[node_set] = self._table(f"{node_set}_additions", len(nodes) + 1, trainable=True)

    @property
    def rows(self) -> dict[str, EmbeddedRows]:
        """What each node set's rows stand for."""
        return dict(self._rows)

    @property
    def rows_digest(self) -> str:
        """Equal where rows stand for the same nodes and times."""
        digest = hashlib.sha256()
        for node_set, of_set in sorted(self._rows.items()):
            digest.update(f"{node_set} {of_set.to_config()}".encode())
        return digest.hexdigest()

    @property
    def id_tables(self) -> list[tf.Variable]:
        """What is trained: the tables of what is added to the vectors."""
        return list(self._additions.values())

    def assign(self, node_set: str, vectors: np.ndarray) -> None:
        """Fills a node set's table: float32 `[num_rows, units]`, in the order of its rows."""
        if len(vectors):
            self._tables[node_set].assign(vectors)

    def item_vectors(self, ids: tf.Tensor, node_set: str, times: tf.Tensor) -> tf.Tensor:
        """Vectors `[num_ids, units]` of nodes of any embedded node set, as requests at `times` read them.

        Args:
          ids: raw ids, int64 or string `[num_ids]`.
          node_set: whose ids they are.
          times: milliseconds since 1970, int64 `[num_ids]`.
        """
        nodes = self._lookups[node_set](ids)
        rows, known = self._newest_rows(node_set, nodes, times)
        vectors = tf.gather(self._tables[node_set], rows)
        if self._fine_tuned:
            vectors += tf.gather(self._additions[node_set], nodes)
        vectors = tf.cast(vectors, self.compute_dtype)
        return tf.where(known[:, tf.newaxis], vectors, tf.zeros([], vectors.dtype))

    def call(self, graph: tfgnn.GraphTensor, items: ItemParts | None = None) -> dict[str, tf.Tensor]:
        """Reads the vectors of the candidates' users and items."""
        times = tf.reshape(graph.context[TIME], [-1])
        of_candidates = tf.repeat(times, graph.node_sets[READOUT].sizes)

        def read(edge_set: str) -> tf.Tensor:
            edges = readout_edges(graph, edge_set)
            node_set = graph.edge_sets[edge_set].adjacency.source_name
            ids = tf.gather(graph.node_sets[node_set][ID], edges.nodes)
            vectors = self.item_vectors(ids, node_set, tf.gather(of_candidates, edges.candidates))
            return to_candidates(vectors, edges, graph)

        user = read(USER_READOUT)
        item = item_part(items, "graph_item", lambda: tf.add_n([read(edge_set) for edge_set in self._item_edge_sets]))
        return dict(zip(GRAPH_FIELDS, (user, item, user * item), strict=True))

    def get_config(self) -> dict[str, Any]:
        """All constructor arguments as plain values."""
        return {
            "rows": {node_set: of_set.to_config() for node_set, of_set in self._rows.items()},
            "id_types": self._id_types,
            "item_edge_sets": self._item_edge_sets,
            "units": self._units,
            "fine_tuned": self._fine_tuned,
            **super().get_config(),
        }

    def _table(self, name: str, rows: int, *, trainable: bool) -> tf.Variable:
        return self.add_weight(
            name=name, shape=(rows, self._units), dtype=tf.float32, initializer="zeros", trainable=trainable
        )

    def _key(self, nodes: Any, refreshes: Any) -> Any:
        """One integer for a node's number and a refresh's, in the order of both."""
        return nodes * (len(self._refreshes) + 1) + refreshes

    def _newest_rows(self, node_set: str, nodes: tf.Tensor, times: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The row that a request reads, int64 `[num_ids]`, and whether there is one; without one, any row."""
        keys = tf.constant(self._keys[node_set], tf.int64)
        refreshes = tf.searchsorted(tf.constant(self._refreshes, tf.int64), times, side="right", out_type=tf.int64) - 1
        rows = tf.searchsorted(keys, self._key(nodes, refreshes), side="right", out_type=tf.int64) - 1
        # The last row not beyond the node and the time may be another node's. Padded, since there may be no row at all.
        found = tf.gather(tf.pad(keys, [[1, 0]], constant_values=-1), rows + 1)
        return tf.maximum(rows, 0), found >= self._key(nodes, tf.zeros_like(nodes))
