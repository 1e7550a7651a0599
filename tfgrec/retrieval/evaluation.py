"""Recall and NDCG of retrieval among all items that a user has not seen, and of popularity, which it has to beat."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfgrec.config.training import RetrievalEvaluationConfig
from tfgrec.graph.examples.solo_examples import SoloExamples
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.metrics.top_k import TopK
from tfgrec.progress import stage_progress
from tfgrec.retrieval.item_vectors import encode_items
from tfgrec.retrieval.queries import Queries
from tfgrec.retrieval.visible_items import edges_by_item, seen_items

Encode = Callable[[tf.Tensor], tf.Tensor]

_MILLISECONDS_PER_HOUR = 3_600_000


class RetrievalEvaluation:
    """Measures queries as an index would answer them: a user as of the request, items as of the newest refresh.

    Users and items are encoded each by itself, so that no item's vector knows who asks, and no user's what was shown.
    Items that the user saw before the request are left out; a wanted item among them does not count, nor does a query
    that wants no other. Never more than a batch of queries is scored at once.

    Args:
      encode_user: the model's vector function for users.
      encode_item: the model's vector function for items.
      store: the graph.
      examples: makes examples of single users and items.
      config: cutoffs, what was seen, the baselines, how often items are encoded.
      batch_size: users, or items, encoded at once.
    """

    def __init__(
        self,
        *,
        encode_user: Encode,
        encode_item: Encode,
        store: GraphStore,
        examples: SoloExamples,
        config: RetrievalEvaluationConfig,
        batch_size: int,
    ) -> None:
        self._encode_user, self._encode_item = encode_user, encode_item
        self._store, self._examples = store, examples
        self._config, self._batch_size = config, batch_size
        self._metrics = {name: TopK(config.cutoffs) for name in (None, *config.popularity)}

    def run(self, queries: Mapping[str, Queries]) -> dict[str, Any]:
        """Measures queries, given by the node set of their items.

        Returns:
          `recall@k` and `ndcg@k` for each cutoff, `requests` that count, `items` by node set, and `popularity`: the
          same metrics of each baseline.
        """
        for node_set, of_set in queries.items():
            with stage_progress(f"retrieval of {node_set}", len(of_set.users), unit="requests") as advance:
                for start, stop, time in self._refreshes(of_set.times):
                    scorers = self._scorers(node_set, time)
                    for first in range(start, stop, self._batch_size):
                        last = min(first + self._batch_size, stop)
                        self._add(node_set, of_set.part(first, last), scorers)
                        advance(last - first)
        results = {name: metrics.result() for name, metrics in self._metrics.items()}
        return {
            **results.pop(None),
            "requests": self._metrics[None].num_queries,
            "items": {node_set: self._store.num_nodes(node_set) for node_set in queries},
            "popularity": results,
        }

    def _refreshes(self, times: np.ndarray) -> Iterator[tuple[int, int, int]]:
        """Stretches of the rising `times` and the time as of which items are encoded for them: first, last, time."""
        interval = round(self._config.refresh_hours * _MILLISECONDS_PER_HOUR)
        numbers = (times - times[:1]) // interval
        for number in np.unique(numbers):
            start, stop = np.searchsorted(numbers, [number, number + 1])
            yield int(start), int(stop), int(times[0] + number * interval)

    def _scorers(self, node_set: str, time: int) -> dict[str | None, Callable[[np.ndarray], np.ndarray]]:
        """From users' vectors `[num_users, units]` to scores `[num_users, num_items]`: the model's, the baselines'."""
        items = encode_items(
            self._encode_item,
            store=self._store,
            examples=self._examples,
            node_set=node_set,
            time=time,
            batch_size=self._batch_size,
        )
        scorers: dict[str | None, Callable[[np.ndarray], np.ndarray]] = {None: lambda users: users @ items.vectors.T}
        for name, popularity in self._config.popularity.items():
            counts = edges_by_item(self._store, popularity, node_set, time).astype(np.float32)
            scorers[name] = lambda users, counts=counts: np.tile(counts, (len(users), 1))
        return scorers

    def _add(
        self, node_set: str, queries: Queries, scorers: Mapping[str | None, Callable[[np.ndarray], np.ndarray]]
    ) -> None:
        seen = seen_items(self._store, self._config.seen, node_set, queries.users, queries.times)
        pairs = queries.pairs
        num_items = self._store.num_nodes(node_set)
        new = ~np.isin(pairs[0] * num_items + pairs[1], seen[0] * num_items + seen[1])
        kept, of_kept = np.unique(pairs[0][new], return_inverse=True)
        examples = self._examples.users(queries.users, queries.times, node_set, queries.features)
        vectors = self._encode_user(tf.constant(examples)).numpy()
        for name, score in scorers.items():
            scores = score(vectors)
            scores[seen] = -np.inf
            self._metrics[name].add(scores[kept], of_kept.reshape(-1), pairs[1][new])
