"""Metrics of the order within each request: what its first places hold of what the user took."""

import dataclasses

import numpy as np

from tfgrec.metrics.first_places import FirstPlaces
from tfgrec.metrics.metric import TaskRows, Terms


@dataclasses.dataclass(frozen=True)
class _Requests:
    """Rows sorted by request, best score first, and what is counted in each request.

    `above` and `beside` `[num_rows]`: rows of the request with a higher and, besides the row itself, with an equal
    score; `wanted` bool `[num_rows]`; `starts`, `sizes`, `num_wanted`, `users` `[num_requests]`.
    """

    above: np.ndarray
    beside: np.ndarray
    wanted: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray
    num_wanted: np.ndarray
    users: np.ndarray

    @classmethod
    def of(cls, rows: TaskRows) -> "_Requests":
        order = np.lexsort((-rows.scores, rows.request_codes))
        requests, scores, wanted = rows.request_codes[order], rows.scores[order], rows.labels[order] > 0
        begins = np.diff(requests, prepend=-1) != 0
        starts = np.flatnonzero(begins)
        tied = np.flatnonzero(begins | (np.diff(scores, prepend=np.nan) != 0))
        tie_sizes = np.diff(tied, append=len(order))
        return cls(
            above=np.repeat(tied, tie_sizes) - starts[requests],
            beside=np.repeat(tie_sizes, tie_sizes) - 1,
            wanted=wanted,
            starts=starts,
            sizes=np.diff(starts, append=len(order)),
            num_wanted=np.bincount(requests, wanted, minlength=len(starts)),
            users=rows.user_codes[order][starts],
        )

    @property
    def ranked(self) -> np.ndarray:
        """Requests with a wanted row and one that isn't, bool `[num_requests]`: the others can't be ranked wrongly."""
        return (self.num_wanted > 0) & (self.num_wanted < self.sizes)

    def summed(self, values: np.ndarray) -> np.ndarray:
        """Sums over the wanted rows of each request."""
        return np.add.reduceat(values * self.wanted, self.starts) if len(self.starts) else np.zeros(0)

    def mean(self, of_request: np.ndarray) -> Terms:
        """Terms of a mean over ranked requests."""
        ranked = self.ranked.astype(np.float64)
        return Terms(of_request * ranked, ranked, self.users)


@dataclasses.dataclass(frozen=True)
class RequestNdcg:
    """Per request NDCG of its first `k` places."""

    k: int

    def __call__(self, rows: TaskRows) -> Terms:
        """Terms of requests."""
        requests, places = _Requests.of(rows), FirstPlaces(self.k)
        gains = requests.summed(places.gains(requests.above, requests.beside))
        return requests.mean(gains / np.maximum(places.ideal(requests.num_wanted.astype(np.int64)), 1))


@dataclasses.dataclass(frozen=True)
class RequestRecall:
    """Per request the share of its wanted rows in the first `k` places."""

    k: int

    def __call__(self, rows: TaskRows) -> Terms:
        """Terms of requests."""
        requests = _Requests.of(rows)
        hits = requests.summed(FirstPlaces(self.k).hits(requests.above, requests.beside))
        return requests.mean(hits / np.maximum(requests.num_wanted, 1))


def ranked_requests(rows: TaskRows) -> Terms:
    """Per request whether it has both labels."""
    requests = _Requests.of(rows)
    return Terms(requests.ranked.astype(np.float64), np.ones(len(requests.starts)), requests.users)
