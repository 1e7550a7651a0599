"""Lists the newest edges of each request's user that the request may see: events without a subgraph behind them."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from tfgrec.config.sampling import HistoryPlan
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.sampling.edge_choice import most_recent
from tfgrec.graph.schema import NodeSet, history_node_set
from tfgrec.graph.store.graph_store import GraphStore


@dataclasses.dataclass(frozen=True)
class SampledHistory:
    """Events of one edge set: edges' positions `[num_events]` in the store, newest first in each request.

    Those of request r go from `splits[r]` to `splits[r + 1]`.
    """

    positions: np.ndarray
    splits: np.ndarray


def sample_histories(
    store: GraphStore, requests: RequestBatch, plans: Mapping[str, HistoryPlan]
) -> dict[str, SampledHistory]:
    """The histories by the names of their node sets, `history/<edge set>`.

    Each lists up to `newest` edges of the request's user with time + feedback delay < the request's time and, with a
    window, time >= the request's time less the window. Requests without users have empty ones.
    """
    return {history_node_set(edge_set): _newest(store, requests, edge_set, plan) for edge_set, plan in plans.items()}


def history_features(store: GraphStore, history: NodeSet, positions: np.ndarray) -> dict[str, np.ndarray | pa.Array]:
    """The features of events by name, each `[num_events]`: the target's `#id`, what the edge has, what the target has.

    Numbers are NumPy's, all else Arrow's.

    Args:
      store: where the edges are.
      history: a history node set of a record schema.
      positions: the events' places in the store, int64 `[num_events]`.
    """
    edges = store.adjacency(history.of_edge_set)
    of_edges = edges.columns(positions)
    of_targets = [name for name in history.features if name not in of_edges]
    return of_edges | store.node_index(history.target).columns(edges.targets(positions), of_targets)


def _newest(store: GraphStore, requests: RequestBatch, edge_set: str, plan: HistoryPlan) -> SampledHistory:
    if requests.users is None:
        return SampledHistory(np.empty(0, np.int64), np.zeros(requests.num_requests + 1, np.int64))
    rows = store.visible_rows(edge_set, requests.users, requests.times, plan.window_seconds)
    positions, counts = most_recent(*rows, plan.newest)
    return SampledHistory(positions, np.concatenate([[0], np.cumsum(counts)]))
