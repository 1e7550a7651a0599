"""One value of a candidate from those of its keys: of all its genres the best, the worst, the mean or the sum."""

import numpy as np

from tfgrec.config.temporal_degrees import TemporalDegree
from tfgrec.graph.degrees.edge_counts import EdgeCounts

# What the edges of all keys together have.
_POOLED = {"count": "sum", "sum": "sum", "seconds_since_last": "best"}


def over_keys(
    values: np.ndarray,
    counted: EdgeCounts,
    candidates: np.ndarray,
    num_candidates: int,
    definition: TemporalDegree,
) -> np.ndarray:
    """A degree, float64 `[num_candidates]`.

    Args:
      values: what the definition measures of each key of a candidate, float64 `[num_candidate_keys]`.
      counted: the edges of these keys. A mean or an age of no edges does not take part.
      candidates: whose keys they are, int64 `[num_candidate_keys]`.
      num_candidates: the number of candidates, those without a key included.
      definition: how they are put together; without `over_keys` as if all edges were those of one key.
    """
    if definition.over_keys is None and definition.measure == "mean":
        return _pooled_means(counted, candidates, num_candidates, definition)
    if definition.measure not in ("count", "sum"):
        seen = counted.counts > 0
        values, candidates = values[seen], candidates[seen]
    known = np.bincount(candidates, minlength=num_candidates)
    how = definition.over_keys or _POOLED[definition.measure]
    if how in ("sum", "mean"):
        reduced = np.bincount(candidates, weights=values, minlength=num_candidates)
        reduced = reduced / np.maximum(known, 1) if how == "mean" else reduced
    elif (how == "best") != (definition.measure == "seconds_since_last"):
        reduced = np.full(num_candidates, -np.inf)
        np.maximum.at(reduced, candidates, values)
    else:
        reduced = np.full(num_candidates, np.inf)
        np.minimum.at(reduced, candidates, values)
    return np.where(known, reduced, definition.without_edges)


def _pooled_means(
    counted: EdgeCounts, candidates: np.ndarray, num_candidates: int, definition: TemporalDegree
) -> np.ndarray:
    counts = np.bincount(candidates, weights=counted.counts, minlength=num_candidates)
    sums = np.bincount(candidates, weights=counted.sums[definition.feature], minlength=num_candidates)
    return np.where(counts, sums / np.maximum(counts, 1), definition.missing)
