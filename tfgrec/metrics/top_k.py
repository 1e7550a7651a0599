"""Recall and NDCG of the first k of a ranking in which some items share a score."""

import numpy as np


class TopK:
    """Sums recall@k and NDCG@k over queries, a batch at a time; nothing of the size of the catalogue is kept.

    Items that share a score may come in any order: both metrics are the expected values over all orders, all equally
    likely, so that a model that gives every item one score gets what chance gives. With b items above a wanted one and
    e others beside it, its place is uniform among b + 1, ..., b + e + 1.

    recall@k is the share of a query's wanted items among its first k; NDCG@k the sum of 1 / log2(1 + place) over the
    wanted items among the first k, over what it would be if they came first (Järvelin and Kekäläinen, TOIS 2002).

    Args:
      cutoffs: the values of k.
    """

    def __init__(self, cutoffs: list[int]) -> None:
        self._cutoffs = sorted(set(cutoffs))
        # Sums of the discounts of the first n places.
        self._discounts = np.concatenate([[0.0], np.cumsum(1 / np.log2(2 + np.arange(self._cutoffs[-1])))])
        self._sums = np.zeros((2, len(self._cutoffs)))
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
        for position, k in enumerate(self._cutoffs):
            first, last = np.minimum(above, k), np.minimum(above + beside + 1, k)
            hits = (last - first) / (beside + 1)
            gains = (self._discounts[last] - self._discounts[first]) / (beside + 1)
            ideal = self._discounts[np.minimum(counts, k)]
            self._sums[0, position] += (hits / counts[queries]).sum()
            self._sums[1, position] += (gains / ideal[queries]).sum()
        self.num_queries += len(scores)

    def result(self) -> dict[str, float | None]:
        """`recall@k` and `ndcg@k`, means over all queries; None without any."""
        names = [f"{metric}@{k}" for metric in ("recall", "ndcg") for k in self._cutoffs]
        if not self.num_queries:
            return dict.fromkeys(names)
        return dict(zip(names, (self._sums / self.num_queries).reshape(-1).tolist(), strict=True))
