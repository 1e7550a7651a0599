"""Recall and NDCG of the first k of all items."""

import numpy as np

from tfgrec.metrics.first_places import FirstPlaces


class TopK:
    """Sums recall@k and NDCG@k over queries, a batch at a time; nothing of the size of the catalogue is kept.

    recall@k is the share of a query's wanted items among its first k; NDCG@k the sum of 1 / log2(1 + place) over the
    wanted items among the first k, over what it would be if they came first. Ties are as `FirstPlaces` says.

    Args:
      cutoffs: the values of k.
    """

    def __init__(self, cutoffs: list[int]) -> None:
        self._places = {k: FirstPlaces(k) for k in sorted(set(cutoffs))}
        self._sums = np.zeros((2, len(self._places)))
        self.num_queries = 0

    def add(self, scores: np.ndarray, queries: np.ndarray, wanted: np.ndarray) -> None:
        """Takes in queries, each with at least one wanted item.

        Args:
          scores: `[num_queries, num_items]`; -inf for items that are left out.
          queries: the query of each pair, int64 `[num_pairs]`.
          wanted: the pair's wanted item, int64 `[num_pairs]`, not left out; no pair twice.
        """
        of_pair = scores[queries]
        own = np.take_along_axis(of_pair, wanted[:, np.newaxis], axis=1)
        above = (of_pair > own).sum(axis=1)
        beside = (of_pair == own).sum(axis=1) - 1
        counts = np.bincount(queries, minlength=len(scores))
        for position, places in enumerate(self._places.values()):
            self._sums[0, position] += (places.hits(above, beside) / counts[queries]).sum()
            self._sums[1, position] += (places.gains(above, beside) / places.ideal(counts)[queries]).sum()
        self.num_queries += len(scores)

    def result(self) -> dict[str, float | None]:
        """`recall@k` and `ndcg@k`, means over all queries; None without any."""
        names = [f"{metric}@{k}" for metric in ("recall", "ndcg") for k in self._places]
        if not self.num_queries:
            return dict.fromkeys(names)
        return dict(zip(names, (self._sums / self.num_queries).reshape(-1).tolist(), strict=True))
