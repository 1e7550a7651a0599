"""Level 1 of the fusion, the match: a candidate meets what its own user met, by products of tied vectors.

Message passing encodes user and item apart and can't count what both share (arXiv 2209.15486); these products can.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.config.match import MatchConfig
from tfgrec.graph.schema import ID, TIME
from tfgrec.model.fusion.readout import readout_edges, to_candidates
from tfgrec.model.item_parts import ItemParts, item_part
from tfgrec.model.match.candidate_attention import CandidateAttention
from tfgrec.model.match.content_match import ContentMatch, NodeVectors
from tfgrec.model.match.factor_match import FactorMatch
from tfgrec.model.match.match_sources import MatchSource, parse_sources
from tfgrec.model.match.tied_vectors import TiedVectors
from tfgrec.model.match.user_events import Events, candidate_requests, read_events, side_by_side

MATCH = "match"
"""The field that level 1 of the fusion reads."""
MATCH_SUMS = "match_sums"
"""The field that each task's logit reads directly."""

# Added to a number of events under the root, so that one event does not count for much.
_SMOOTHING = 4.0
_INITIAL_WEIGHT = 1.0


LookUp = Callable[[tf.Tensor, str, tf.Tensor], tf.Tensor]
"""Raw ids, their node set, times of requests, `[num_ids]` each -> vectors `[num_ids, units]`."""


class UserSide(NamedTuple):
    """The events of requests' users, side by side; `num_columns` is the sum of the sources' longest lists.

    Attributes:
      vectors: tied vectors, `[num_requests, num_columns, dimension]`.
      numbers: a 1 and the event's numbers in its source's own channels, `[num_requests, num_columns, num_channels]`.
      ages: `[num_requests, num_columns]`.
      counts: events of each source, `[num_requests, num_sources]`.
      longest: columns of each source, `[num_sources]`.
    """

    vectors: tf.Tensor
    numbers: tf.Tensor
    ages: tf.Tensor
    counts: tf.Tensor
    longest: tf.Tensor


@tf.keras.utils.register_keras_serializable(package="tfgrec")
class CandidateMatch(tf.keras.layers.Layer):
    """Scalars of each candidate against each source of events, and what attention over all events finds.

    Each source has a channel for its events as such and one for each of their numbers; an event counts in a channel
    by its number. So what was shown and not taken counts by a weight of its own. With v the candidate's tied vector
    and u_j those of n events with numbers x_j, a channel has v . sum_j x_j u_j / sqrt(n + 4), the same over n + 1, and
    the source its largest v . u_j and log(1 + n). Nothing is divided by zero where there is no event.

    Args:
      sources: What events there are.
      candidates: `{readout edge set: {feature: namespace}}` of the item node sets.
      config: Sizes of the tied vectors.
      attention: Whether candidates also attend to events (see CandidateAttention).
      factors: The match by item factors, whose numbers are added; None for none.
      static: Whether vectors are not tables of its own but given ones, looked up by id, each node set's by one linear
        map of its own for candidates and events alike.
      absent_is_nothing: Of the tied vectors.

    Call: scalar GraphTensor, vectors of nodes for the match by content (see ContentMatch) or None, the look-up of given
    vectors (StaticVectors.item_vectors) where `static`, training, ItemParts or None ->
    `{MATCH: [num_candidates, width], MATCH_SUMS: [num_candidates, num_channels]}`.

    Examples:
      >>> import tensorflow as tf, tensorflow_gnn as tfgnn, tfgrec
      >>> from tfgrec.model.match.candidate_match import MATCH
      >>> def ends(source, sources, target, targets):
      ...     adjacency = tfgnn.Adjacency.from_indices((source, tf.constant(sources)), (target, tf.constant(targets)))
      ...     return tfgnn.EdgeSet.from_fields(sizes=tf.constant([len(sources)]), adjacency=adjacency)
      >>> graph = tfgnn.GraphTensor.from_pieces(
      ...     context=tfgnn.Context.from_fields(features={"time": tf.constant([1_000], tf.int64)}),
      ...     node_sets={
      ...         "user": tfgnn.NodeSet.from_fields(sizes=tf.constant([1]), features={}),
      ...         "item": tfgnn.NodeSet.from_fields(sizes=tf.constant([3]), features={"#id": tf.constant([7, 8, 9])}),
      ...         "_readout": tfgnn.NodeSet.from_fields(sizes=tf.constant([2]), features={}),
      ...     },
      ...     edge_sets={
      ...         "seen": ends("user", [0, 0], "item", [0, 1]),
      ...         "_readout/user": ends("user", [0, 0], "_readout", [0, 1]),
      ...         "_readout/item": ends("item", [1, 2], "_readout", [0, 1]),
      ...     },
      ... )
      >>> keys = {"#id": "item"}
      >>> match = tfgrec.CandidateMatch(
      ...     sources=[
      ...         {"name": "seen", "history": False, "path": ["seen"], "target": "item", "keys": keys, "timed": False}
      ...     ],
      ...     candidates={"_readout/item": keys},
      ...     config={"dimension": 4, "buckets": 100, "content": False},
      ...     attention=False,
      ... )
      >>> match(graph)[MATCH].shape.as_list()
      [2, 4]
    """

    def __init__(
        self,
        *,
        sources: Sequence[MatchSource | dict[str, Any]],
        candidates: Mapping[str, Mapping[str, str]],
        config: MatchConfig | dict[str, Any],
        attention: bool,
        static: bool = False,
        factors: FactorMatch | dict[str, Any] | None = None,
        absent_is_nothing: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{**kwargs, "dtype": "float32", "autocast": False})
        self._sources = parse_sources(sources)
        self._candidates = {name: dict(keys) for name, keys in candidates.items()}
        self._config = MatchConfig.model_validate(config)
        self._absent_is_nothing = absent_is_nothing
        self._vectors = None if static else self._tied_vectors()
        self._maps = {
            space: _static_map(self._config.dimension, name=f"{space}_map")
            for space in (sorted({keys[ID] for keys in self._candidates.values()}) if static else ())
        }
        self._factors = FactorMatch(**factors) if isinstance(factors, dict) else factors
        self._num_channels = [1 + len(source.numbers) for source in self._sources]
        channels = sum(self._num_channels)
        self._attention = CandidateAttention(channels=channels, name="attention") if attention else None
        self._content = (
            ContentMatch(item_edge_sets=list(self._candidates), dimension=self._config.dimension, name="content")
            if self._config.content and not static
            else None
        )

    @property
    def id_tables(self) -> list[tf.Variable]:
        """The table of tied vectors."""
        return [] if self._vectors is None else self._vectors.id_tables

    def call(
        self,
        graph: tfgnn.GraphTensor,
        nodes: NodeVectors | None = None,
        look_up: LookUp | None = None,
        training: bool = False,
        items: ItemParts | None = None,
    ) -> dict[str, tf.Tensor]:
        """Matches."""
        times = tf.reshape(graph.context[TIME], [-1])
        vectors = _Vectors(self._vectors, self._maps, look_up, times, training)
        candidates = item_part(items, "match", lambda: self._candidate_vectors(graph, vectors))
        events = [read_events(graph, source) for source in self._sources]
        users = self._user_side(events, vectors)
        requests = candidate_requests(graph)
        sums, means = self._pooled(users, candidates, requests)
        of_events = tf.gather(users.vectors, requests)
        products = tf.matmul(of_events, candidates[..., tf.newaxis])[..., 0]
        counts = tf.gather(users.counts, requests)
        parts = [sums, means, self._largest(products, users, requests), tf.math.log1p(counts)]
        if self._attention is not None:
            parts.append(self._attention(candidates, of_events, users.numbers, users.ages, requests))
        if self._factors is not None:
            parts.append(self._factors(graph, items=items))
        if self._content is not None and nodes is not None:
            parts.append(self._content(graph, nodes, self._neighbours(events), items=items))
        return {MATCH: tf.concat(parts, axis=1), MATCH_SUMS: sums}

    @property
    def factors(self) -> FactorMatch | None:
        """The match by item factors."""
        return self._factors

    @property
    def initial_weights(self) -> list[float]:
        """What each channel may count for at first: events by their outcomes, if they have any."""
        weights = (
            [0.0 if source.numbers else _INITIAL_WEIGHT, *([_INITIAL_WEIGHT] * len(source.numbers))]
            for source in self._sources
        )
        return [weight for of_source in weights for weight in of_source]

    def candidate_vectors(self, graph: tfgnn.GraphTensor) -> tf.Tensor:
        """The candidates' tied vectors, `[num_candidates, dimension]`."""
        return self._candidate_vectors(graph, _Vectors(self._vectors, {}, None, graph.context[TIME], False))

    def get_config(self) -> dict[str, Any]:
        """Sources, keys and sizes."""
        return {
            "sources": [source.model_dump() for source in self._sources],
            "candidates": self._candidates,
            "config": self._config.model_dump(),
            "attention": self._attention is not None,
            "static": self._vectors is None,
            "factors": None if self._factors is None else self._factors.get_config(),
            "absent_is_nothing": self._absent_is_nothing,
            **super().get_config(),
        }

    def _tied_vectors(self) -> TiedVectors:
        config = self._config
        return TiedVectors(
            dimension=config.dimension,
            buckets=config.buckets,
            dropout=config.dropout,
            l2=config.l2,
            absent_is_nothing=self._absent_is_nothing,
            name="tied_vectors",
        )

    def _candidate_vectors(self, graph: tfgnn.GraphTensor, vectors: "_Vectors") -> tf.Tensor:
        parts, requests = [], candidate_requests(graph)
        for edge_set, keys in self._candidates.items():
            edges = readout_edges(graph, edge_set)
            items = graph.node_sets[graph.edge_sets[edge_set].adjacency.node_set_name(tfgnn.SOURCE)]
            values = {space: tf.gather(items[name], edges.nodes) for name, space in keys.items()}
            parts.append(to_candidates(vectors.of(values, tf.gather(requests, edges.candidates)), edges, graph))
        candidates = tf.add_n(parts)
        return candidates if self._vectors is None else self._vectors.regularised(candidates)

    def _user_side(self, events: Sequence[Events], vectors: "_Vectors") -> UserSide:
        width, total = self._config.dimension, sum(self._num_channels)
        num_requests = tf.shape(vectors.times)[0]
        rows, before = [], 0
        for of_source, channels in zip(events, self._num_channels, strict=True):
            numbers = tf.pad(of_source.numbers, [[0, 0], [before, total - before - channels]])
            of_events = vectors.of(of_source.keys, of_source.requests)
            rows.append(tf.concat([of_events, of_source.ages[:, tf.newaxis], numbers], axis=1))
            before += channels
        requests = [of_source.requests for of_source in events]
        counts = [tf.math.bincount(tf.cast(of, tf.int32), minlength=num_requests) for of in requests]
        dense = side_by_side(rows, requests, tf.cast(num_requests, tf.int64))
        return UserSide(
            vectors=dense[..., :width],
            numbers=dense[..., width + 1 :],
            ages=dense[..., width],
            counts=tf.cast(tf.stack(counts, axis=1), tf.float32),
            longest=tf.stack([tf.reduce_max(tf.concat([of, [0]], axis=0)) for of in counts]),
        )

    def _pooled(self, users: UserSide, candidates: tf.Tensor, requests: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Sums under the root, and means, `[num_candidates, num_channels]` each."""
        counts = tf.repeat(users.counts, self._num_channels, axis=1)
        pooled = tf.matmul(users.numbers, users.vectors, transpose_a=True)
        pooled = pooled / tf.sqrt(counts + _SMOOTHING)[..., tf.newaxis]
        sums = tf.matmul(tf.gather(pooled, requests), candidates[..., tf.newaxis])[..., 0]
        return sums, sums * tf.gather(tf.sqrt(counts + _SMOOTHING) / (counts + 1.0), requests)

    def _largest(self, products: tf.Tensor, users: UserSide, requests: tf.Tensor) -> tf.Tensor:
        """The largest product of each source, `[num_candidates, num_sources]`; 0 where it has no event."""
        # Of a list's columns those before its count are events.
        columns = tf.split(products, users.longest, axis=1, num=len(self._sources))
        largest = []
        for number, of_source in enumerate(columns):
            count = tf.gather(users.counts[:, number], requests)
            beyond = tf.range(tf.shape(of_source)[1], dtype=tf.float32) >= count[:, tf.newaxis]
            # One more column, so that there is one.
            padded = tf.pad(tf.where(beyond, products.dtype.min, of_source), [[0, 0], [0, 1]], constant_values=-1e9)
            largest.append(tf.where(count > 0, tf.reduce_max(padded, axis=1), 0.0))
        return tf.stack(largest, axis=1)

    def _neighbours(self, events: Sequence[Events]) -> dict[str, Events]:
        """Of the sampled neighbours that are items, by the name of their edge set."""
        found = zip(self._sources, events, strict=True)
        return {source.path[0]: of for source, of in found if len(source.path) == 1}


def _static_map(units: int, *, name: str) -> tf.keras.layers.Dense:
    # Given vectors have length 1: a short map, so that sums over many events start small beside the other logits.
    initializer = tf.keras.initializers.Orthogonal(gain=0.5)
    return tf.keras.layers.Dense(units, use_bias=False, dtype="float32", kernel_initializer=initializer, name=name)


class _Vectors(NamedTuple):
    """Where the vectors of one call come from: a table of the layer's own, or given vectors and maps."""

    tied: TiedVectors | None
    maps: Mapping[str, tf.keras.layers.Layer]
    look_up: LookUp | None
    times: tf.Tensor
    training: bool

    def of(self, keys: Mapping[str, tf.Tensor | tf.RaggedTensor], requests: tf.Tensor) -> tf.Tensor:
        """Of items by their keys `{namespace: [num_items, ...]}`, each as its request `[num_items]` sees it."""
        if self.tied is not None:
            return self.tied(keys, training=self.training)
        times = tf.gather(self.times, requests)
        given = {space: self.look_up(values, space, times) for space, values in keys.items() if space in self.maps}
        return tf.add_n([self.maps[space](tf.cast(vectors, tf.float32)) for space, vectors in given.items()])
