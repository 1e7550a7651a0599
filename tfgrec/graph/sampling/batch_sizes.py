"""How many nodes and edges batches of requests have, told from what a manifest says of the sizes of requests."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

# Batches that are drawn from the sampled requests.
_DRAWS = 1_000


@dataclasses.dataclass(frozen=True)
class BatchSizes:
    """Nodes and edges by set that a share of all batches don't exceed in any set; with share 1, no batch ever does."""

    share: float
    nodes: dict[str, int]
    edges: dict[str, int]


def batch_sizes(sizes: Mapping[str, Any], batch_size: int, shares: Sequence[float]) -> list[BatchSizes]:
    """Sizes of batches of `batch_size` requests for each of the shares, rising, and last the bound for all batches.

    That one is the largest request of each set times `batch_size`. The others come from batches drawn from the
    sampled requests, and moved by what the mean of the sample differs from that of all requests.

    Args:
      sizes: `sizes` of an examples manifest, see SamplingStatistics.
      batch_size: requests of a batch.
      shares: above 0 and below 1.
    """
    bounds = {key: of["largest"] * batch_size for key, of in _sets(sizes)}
    columns = {key: _drawn(of, sizes["requests"], batch_size) for key, of in _sets(sizes)}
    fitting = _by_share(columns, sorted(set(shares)))
    limited = {
        share: {key: min(size, bounds[key]) for key, size in of_share.items()} for share, of_share in fitting.items()
    }
    return [_by_kind(share, of_share) for share, of_share in {**limited, 1.0: bounds}.items()]


def _sets(sizes: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Mapping[str, Any]]]:
    for kind in ("node_sets", "edge_sets"):
        for name, of_set in sizes[kind].items():
            yield (kind, name), of_set


def _drawn(of_set: Mapping[str, Any], requests: int, batch_size: int) -> np.ndarray:
    """The sizes of the drawn batches in one set, int64 `[_DRAWS]`; in all sets batch b is of the same requests."""
    sample = np.array(of_set["sample"].split(), np.int64)
    draws = pd.util.hash_array(np.arange(_DRAWS * batch_size)) % np.uint64(len(sample))
    totals = sample[draws.astype(np.int64)].reshape(_DRAWS, batch_size).sum(axis=1)
    moved = batch_size * (of_set["total"] / requests - sample.mean())
    return np.maximum(np.ceil(totals + moved), 0).astype(np.int64)


def _by_share(columns: Mapping[Any, np.ndarray], shares: Sequence[float]) -> dict[float, dict[Any, int]]:
    """Sizes that at least a share of the batches don't exceed in any set, of the same rank in all sets."""
    ordered = {key: np.sort(column) for key, column in columns.items()}
    # The rank from which on a batch fits, first in each set, then in all of them.
    ranks = [np.searchsorted(ordered[key], column) + 1 for key, column in columns.items()]
    needed = np.sort(np.max(ranks, axis=0))
    found = {}
    for share in shares:
        rank = int(needed[math.ceil(share * _DRAWS) - 1])
        found[share] = {key: int(column[rank - 1]) for key, column in ordered.items()}
    return found


def _by_kind(share: float, sizes: Mapping[tuple[str, str], int]) -> BatchSizes:
    nodes, edges = (
        {name: size for (of, name), size in sizes.items() if of == kind} for kind in ("node_sets", "edge_sets")
    )
    return BatchSizes(share, nodes, edges)
