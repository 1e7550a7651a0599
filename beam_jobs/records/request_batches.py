"""Candidates of one shard -> requests in an order that looks random and never changes, in batches."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from beam_jobs.records.request_rows import GROUP, ITEM, REQUEST_SOURCE, USER
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.rows.edge_rows import ROW_TIME
from tfgrec.graph.statistics import row_keys
from tfgrec.graph.unknown_nodes import UnknownNodes

_OWN = (USER, ITEM, ROW_TIME, REQUEST_SOURCE, GROUP)


@dataclasses.dataclass(frozen=True)
class PlacedRequests:
    """Requests for one item node set, and the place, int64 `[num_requests]`, of each within the whole batch."""

    requests: RequestBatch
    places: np.ndarray


def request_batches(
    candidates: Mapping[str, pa.Array],
    user_hashes: np.ndarray,
    item_node_sets: Sequence[str],
    requests_per_batch: int,
    unknown: Mapping[str, UnknownNodes] | None = None,
) -> Iterator[list[PlacedRequests]]:
    """Candidates `[num_candidates]` that agree in user, time, source and group become one request.

    Requests are ordered by a hash of these, candidates within a request by item and then by their values: neither
    depends on how the rows lay in their table. `item_node_sets` are the sources'; a batch is yielded by node set.
    `unknown` are nodes that users and items may be, see RequestBatch.
    """
    candidates, starts = _sorted_requests(candidates, user_hashes)
    ends = np.append(starts[1:], len(candidates[USER]))
    node_sets = np.asarray(item_node_sets, object)[candidates[REQUEST_SOURCE].to_numpy()[starts]]
    for first in range(0, len(starts), requests_per_batch):
        chosen = slice(first, first + requests_per_batch)
        yield [
            _placed(
                candidates, name, starts[chosen], ends[chosen], np.flatnonzero(node_sets[chosen] == name), unknown or {}
            )
            for name in sorted(set(node_sets[chosen]))
        ]


def _sorted_requests(
    candidates: Mapping[str, pa.Array], user_hashes: np.ndarray
) -> tuple[dict[str, pa.Array], np.ndarray]:
    """The candidates request by request, and the position at which each request begins."""
    users, times, sources = (candidates[name].to_numpy() for name in (USER, ROW_TIME, REQUEST_SOURCE))
    groups = candidates[GROUP].to_numpy(zero_copy_only=False)
    hashes = row_keys(user_hashes, times, sources, groups)
    of_request = [users, times, sources, pd.factorize(groups, sort=True)[0]]
    values = [_codes(column) for name, column in candidates.items() if name not in _OWN]
    order = np.lexsort((*values, candidates[ITEM].to_numpy(), *of_request, hashes))
    begins = np.zeros(len(order), bool)
    begins[:1] = True
    for key in of_request:
        begins[1:] |= key[order][1:] != key[order][:-1]
    return {name: column.take(pa.array(order)) for name, column in candidates.items()}, np.flatnonzero(begins)


def _codes(column: pa.Array) -> np.ndarray:
    """Numbers in the order of a column's values, lists included."""
    values = pd.Series(column.to_pylist()).astype(str) if pa.types.is_list(column.type) else column.to_pandas()
    return pd.factorize(values, sort=True)[0]


def _placed(
    candidates: Mapping[str, pa.Array],
    item_node_set: str,
    starts: np.ndarray,
    ends: np.ndarray,
    places: np.ndarray,
    unknown: Mapping[str, UnknownNodes],
) -> PlacedRequests:
    starts, lengths = starts[places], (ends - starts)[places]
    splits = np.concatenate([[0], np.cumsum(lengths)])
    rows = pa.array(np.repeat(starts - splits[:-1], lengths) + np.arange(splits[-1]))
    requests = RequestBatch(
        users=candidates[USER].to_numpy()[starts],
        times=candidates[ROW_TIME].to_numpy()[starts],
        item_node_set=item_node_set,
        items=candidates[ITEM].take(rows).to_numpy(),
        candidate_splits=splits,
        readout={name: column.take(rows) for name, column in candidates.items() if name not in _OWN},
        unknown=unknown,
    )
    return PlacedRequests(requests, places)
