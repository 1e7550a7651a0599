"""One value of a candidate from those of its keys: of all its genres the best, the worst, the mean or the sum."""

import numpy as np

from tfgrec.config.tables import TemporalDegree


def over_keys(
    values: np.ndarray, seen: np.ndarray, candidates: np.ndarray, num_candidates: int, definition: TemporalDegree
) -> np.ndarray:
    """A degree, float64 `[num_candidates]`.

    Args:
      values: what the definition measures of each key of a candidate, float64 `[num_candidate_keys]`.
      seen: whether the key has an edge, bool `[num_candidate_keys]`. A mean or an age of no edges does not take part.
      candidates: whose keys they are, int64 `[num_candidate_keys]`.
      num_candidates: the number of candidates, those without a key included.
      definition: how they are put together.
    """
    if definition.measure not in ("count", "sum"):
        values, candidates = values[seen], candidates[seen]
    known = np.bincount(candidates, minlength=num_candidates)
    how = definition.over_keys
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
