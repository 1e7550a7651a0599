"""How far the scores of two models lie apart on the same requests: over all candidates, and within requests."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp

from tfgrec.errors import InputDataError
from tfgrec.serving.clients.client import ModelClient, rank

QUANTILES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)

_BINS = 10
# What a bin without candidates counts as, so that its logarithm is finite.
_LEAST_SHARE = 1e-4
_BATCH = 64


def scores_of(model: ModelClient, examples: Sequence[bytes]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The scores of requests by output, float32 `[num_candidates]`, and the number of each one's candidates.

    Raises:
      InputDataError: the model refuses them, or answers what is no number.
      ModelServerError: it can't be asked.
    """
    batches = [examples[start : start + _BATCH] for start in range(0, len(examples), _BATCH)]
    answers = [answer for batch in batches for answer in rank(model, batch)]
    names = answers[0].keys() if answers else ()
    scores = {name: np.concatenate([answer[name] for answer in answers]) for name in names}
    for name, of in scores.items():
        if count := int(np.count_nonzero(~np.isfinite(of))):
            raise InputDataError(f"score '{name}': {count:,} of {len(of):,} are no numbers")
    lengths = [len(next(iter(answer.values()))) for answer in answers]
    return scores, np.array(lengths, np.int64)


def score_drift(
    one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray], lengths: np.ndarray
) -> dict[str, dict[str, Any]]:
    """Of each output that both models have, what `output_drift` says; the others are left out."""
    return {name: output_drift(one[name], other[name], lengths) for name in one if name in other}


def output_drift(one: np.ndarray, other: np.ndarray, lengths: np.ndarray) -> dict[str, Any]:
    """One output of two models on the same requests.

    Over all candidates: both means, `mean_change` (the absolute difference of the means over the first one's standard
    deviation), quantiles of both, the largest change of one score, `psi`, and `ks`, the largest difference of the two
    distribution functions (Kolmogorov and Smirnov). Within requests of several candidates: `rank_correlation`, the mean
    of Spearman's over the requests where it is defined, None where there is none, and `top_changed`, the share of them
    whose best item is not among the best of the other.

    Args:
      one, other: scores `[num_candidates]`.
      lengths: candidates of each request.
    """
    spread = float(np.std(one)) if len(one) else 0.0
    means = [float(np.mean(of)) if len(of) else 0.0 for of in (one, other)]
    return {
        "mean": means[0],
        "other_mean": means[1],
        "mean_change": abs(means[1] - means[0]) / spread if spread else float(means[0] != means[1]),
        "quantiles": {str(q): [_quantile(one, q), _quantile(other, q)] for q in QUANTILES},
        "largest_change": float(np.max(np.abs(other - one), initial=0.0)),
        "psi": population_stability_index(one, other),
        "ks": float(ks_2samp(np.float64(one), np.float64(other), method="asymp").statistic) if len(one) else 0.0,
        **_within_requests(one, other, lengths),
    }


def population_stability_index(one: np.ndarray, other: np.ndarray, bins: int = _BINS) -> float:
    """The sum over bins of (q - p) log(q / p), with shares p of `one` and q of `other`; the bins are p's quantiles.

    Equal scores lie in one bin, so that there may be fewer; shares below 1e-4 count as 1e-4.
    """
    if not len(one) or not len(other):
        return 0.0
    edges = np.unique(np.quantile(one, np.linspace(0, 1, bins + 1)[1:-1]))
    shares = [
        np.bincount(np.searchsorted(edges, of, side="left"), minlength=len(edges) + 1) / len(of) for of in (one, other)
    ]
    p, q = (np.maximum(share, _LEAST_SHARE) for share in shares)
    return float(np.sum((q - p) * np.log(q / p)))


def _within_requests(one: np.ndarray, other: np.ndarray, lengths: np.ndarray) -> dict[str, Any]:
    rows = pd.DataFrame({"request": np.repeat(np.arange(len(lengths)), lengths), "one": one, "other": other})
    rows = rows[np.repeat(lengths, lengths) > 1]
    if rows.empty:
        return {"requests_of_several": 0, "rank_correlation": None, "top_changed": 0.0}
    by_request = rows.groupby("request")
    best = by_request["one"].idxmax()
    changed = rows.loc[best, "other"].to_numpy() < by_request["other"].max().to_numpy()
    # Spearman's: the correlation of ranks, equal scores having the mean of theirs.
    ranks = by_request[["one", "other"]].rank()
    apart = ranks - ranks.groupby(rows["request"]).transform("mean")
    products = pd.DataFrame(
        {"both": apart["one"] * apart["other"], "one": apart["one"] ** 2, "other": apart["other"] ** 2}
    )
    sums = products.groupby(rows["request"]).sum()
    sums = sums[(sums["one"] > 0) & (sums["other"] > 0)]
    correlations = sums["both"] / np.sqrt(sums["one"] * sums["other"])
    return {
        "requests_of_several": len(best),
        "rank_correlation": float(correlations.mean()) if len(correlations) else None,
        "top_changed": float(np.mean(changed)),
    }


def _quantile(scores: np.ndarray, quantile: float) -> float:
    return float(np.quantile(scores, quantile)) if len(scores) else 0.0
