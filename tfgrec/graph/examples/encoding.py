"""Sampled subgraphs as ragged columns named as TF-GNN reads them, one row a request, ready for `encode_examples`."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfgrec.errors import InputDataError
from tfgrec.graph.examples.example_wire import encode_examples
from tfgrec.graph.examples.ragged_column import RaggedColumn
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.sampling.histories import history_features
from tfgrec.graph.sampling.subgraphs import SampledSubgraphs
from tfgrec.graph.schema import READOUT, SIZE, SOURCE, TARGET, TIME, USER_READOUT, EdgeSet, Feature, GraphSchema
from tfgrec.graph.store.graph_store import GraphStore

__all__ = ["encode_examples", "to_ragged_columns"]


def to_ragged_columns(
    store: GraphStore,
    requests: RequestBatch,
    subgraphs: SampledSubgraphs,
    degrees: Mapping[str, np.ndarray],
    schema: GraphSchema,
) -> dict[str, RaggedColumn]:
    """One row a request, columns named by TF-GNN's rule (`nodes/user.#size`, `edges/liked.#source`).

    Args:
      store: where features are read.
      requests: the requests; their `readout` columns become features of `_readout` nodes.
      subgraphs: what `sample_subgraphs` returned for them.
      degrees: further `_readout` features, each `[num_candidates]`.
      schema: the record schema: what to write.

    Raises:
      InputDataError: `_readout` features of the schema are neither in `requests.readout` nor in `degrees`, or
        the other way round.
    """
    columns = _Columns(requests.num_requests)
    for name in schema.context:
        columns.add(f"context/{name}", _context_feature(name, requests), columns.one_each)
    for name in schema.stored_node_sets:
        sampled = subgraphs.node_sets[name]
        columns.add_size(f"nodes/{name}", sampled.splits)
        columns.add_features(f"nodes/{name}", store.node_index(name).columns(sampled.nodes), sampled.splits)
    for name, edge_set in schema.stored_edge_sets.items():
        edges = subgraphs.edge_sets[name]
        columns.add_edges(f"edges/{name}", edges.sources, edges.targets, edges.splits)
        if edge_set.features:
            columns.add_features(f"edges/{name}", store.adjacency(name).columns(edges.positions), edges.splits)
    for name, history in schema.history_node_sets.items():
        events = subgraphs.histories[name]
        columns.add_size(f"nodes/{name}", events.splits)
        columns.add_features(f"nodes/{name}", history_features(store, history, events.positions), events.splits)
    columns.add_size(f"nodes/{READOUT}", requests.candidate_splits)
    features = _readout_features(requests, degrees, schema.node_sets[READOUT].features)
    columns.add_features(f"nodes/{READOUT}", features, requests.candidate_splits)
    for name, edge_set in schema.edge_sets.items():
        if edge_set.target == READOUT:
            columns.add_edges(f"edges/{name}", *_readout_edges(name, edge_set, requests, subgraphs))
    return columns.columns


class _Columns:
    """Columns under construction."""

    def __init__(self, num_requests: int) -> None:
        self.columns: dict[str, RaggedColumn] = {}
        self.one_each = np.arange(num_requests + 1)

    def add(self, name: str, values: np.ndarray | pa.Array, splits: np.ndarray) -> None:
        """Adds flat values, those of request r from `splits[r]` to `splits[r + 1]`."""
        if isinstance(values, pa.Array) and pa.types.is_primitive(values.type):
            values = values.to_numpy()
        self.columns[name] = RaggedColumn(values, splits)

    def add_size(self, prefix: str, splits: np.ndarray) -> None:
        self.add(f"{prefix}.{SIZE}", splits[1:] - splits[:-1], self.one_each)

    def add_features(self, prefix: str, features: Mapping[str, np.ndarray | pa.Array], splits: np.ndarray) -> None:
        """Adds features of nodes or edges; multi-valued ones as flat values beside `<name>.d1`, their counts."""
        for name, values in features.items():
            if isinstance(values, pa.ListArray):
                lengths = pc.list_value_length(values).to_numpy().astype(np.int64)
                ends = np.concatenate([[0], np.cumsum(lengths)])
                self.add(f"{prefix}.{name}", values.flatten(), ends[splits])
                self.add(f"{prefix}.{name}.d1", lengths, splits)
            else:
                self.add(f"{prefix}.{name}", values, splits)

    def add_edges(self, prefix: str, sources: np.ndarray, targets: np.ndarray, splits: np.ndarray) -> None:
        self.add_size(prefix, splits)
        self.add(f"{prefix}.{SOURCE}", sources, splits)
        self.add(f"{prefix}.{TARGET}", targets, splits)


def _context_feature(name: str, requests: RequestBatch) -> np.ndarray:
    if name != TIME:
        raise InputDataError(f"context feature '{name}': records carry '{TIME}' alone")
    return requests.times


def _readout_features(
    requests: RequestBatch, degrees: Mapping[str, np.ndarray], declared: Mapping[str, Feature]
) -> dict[str, np.ndarray | pa.Array]:
    given = {**requests.readout, **degrees}
    if set(given) != set(declared):
        missing, unknown = sorted(set(declared) - set(given)), sorted(set(given) - set(declared))
        raise InputDataError(f"'{READOUT}' features: missing {missing}, not in the schema {unknown}")
    return {name: given[name] for name in declared}


def _readout_edges(
    name: str, edge_set: EdgeSet, requests: RequestBatch, subgraphs: SampledSubgraphs
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sources, targets and splits of a readout edge set; empty where it belongs to another domain's items, and where
    requests have no user or no item."""
    splits = requests.candidate_splits
    candidates = np.arange(requests.num_candidates) - splits[requests.candidate_requests]
    if name == USER_READOUT and subgraphs.user_numbers is not None:
        return subgraphs.user_numbers[requests.candidate_requests], candidates, splits
    if name != USER_READOUT and edge_set.source == requests.item_node_set and subgraphs.item_numbers is not None:
        return subgraphs.item_numbers, candidates, splits
    nothing = np.empty(0, np.int64)
    return nothing, nothing, np.zeros_like(splits)
