"""Statistics of sampled subgraphs, gathered piece by piece in any order: what a manifest says of the records."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.sampling.size_histogram import SizeHistogram
from tfgrec.graph.sampling.subgraphs import Expansion, SampledSubgraphs
from tfgrec.graph.schema import READOUT, USER_READOUT, GraphSchema

# What is told of a whole request, over all sets.
WHOLES = ("nodes", "edges", "events", "bytes")
# Requests whose sizes are kept whole.
SAMPLE_SIZE = 1_024


class SamplingStatistics:
    """Sizes of subgraphs by node set and edge set, and how much the fan-outs cut. Can be pickled and merged.

    The sizes of the `SAMPLE_SIZE` requests with the smallest keys are kept whole, so that sizes of batches can be told:
    a large request is large in many sets at once. All is the same however the requests were cut into pieces.

    Args:
      schema: what a record holds.
    """

    def __init__(self, schema: GraphSchema) -> None:
        self._schema = schema
        self._node_sets = {name: SizeHistogram() for name in schema.node_sets}
        self._edge_sets = {name: SizeHistogram() for name in schema.edge_sets}
        self._wholes = {name: SizeHistogram() for name in WHOLES}
        self._cuts: dict[tuple[int, str], _Cut] = {}
        self._keys = np.empty(0, np.uint64)
        self._sample = np.empty((0, len(self._node_sets) + len(self._edge_sets)), np.int64)

    def add(self, requests: RequestBatch, subgraphs: SampledSubgraphs, keys: np.ndarray) -> None:
        """Takes in a batch; `keys`, uint64 `[num_requests]`, are `row_keys` of the requests."""
        nodes, edges = self._sizes(requests, subgraphs)
        for histograms, sizes in ((self._node_sets, nodes), (self._edge_sets, edges)):
            for name, histogram in histograms.items():
                histogram.add(sizes[name])
        for name, of_sets in (
            ("nodes", subgraphs.node_sets),
            ("edges", subgraphs.edge_sets),
            ("events", subgraphs.histories),
        ):
            sizes = (np.diff(of.splits) for of in of_sets.values())
            self._wholes[name].add(sum(sizes, np.zeros(requests.num_requests, np.int64)))
        for expansion in subgraphs.expansions:
            self._cuts.setdefault((expansion.hop, expansion.edge_set), _Cut()).add(expansion)
        columns = [*(nodes[name] for name in self._node_sets), *(edges[name] for name in self._edge_sets)]
        self._extend_sample(np.stack(columns, axis=1), keys)

    def add_bytes(self, lengths: np.ndarray) -> None:
        """Takes in the bytes of records, integers `[num_records]`."""
        self._wholes["bytes"].add(lengths)

    def merge(self, other: "SamplingStatistics") -> None:
        """Takes in all that `other`, made for the same schema, took in."""
        of_sets = (self._node_sets, other._node_sets), (self._edge_sets, other._edge_sets)
        for own, others in (*of_sets, (self._wholes, other._wholes)):
            for name, histogram in own.items():
                histogram.merge(others[name])
        for place, cut in other._cuts.items():
            self._cuts.setdefault(place, _Cut()).merge(cut)
        self._extend_sample(other._sample, other._keys)

    def to_json(self) -> dict[str, Any]:
        """What a manifest says.

        Returns:
          `sizes` of a request's subgraph: how many `requests` there were; by `node_sets` and `edge_sets` total,
          largest, quantiles, and the `sample`, numbers in text, the same place in all texts being the same request;
          the same of `wholes` but the sample: all `nodes`, `edges` and `events` of histories, and the record's `bytes`.
          `expansions`, by hop and edge set: the `nodes` it looked at, the edges `visible` to them (total, largest,
          quantiles of a node's), the edges `taken`, and the nodes `truncated`, of whose visible edges some were left.
        """
        sampled = [" ".join(map(str, column)) for column in self._sample.T.tolist()]
        groups = (("node_sets", self._node_sets), ("edge_sets", self._edge_sets))
        columns = iter(sampled)
        sizes: dict[str, Any] = {"requests": self._node_sets[READOUT].count}
        for group, histograms in groups:
            sizes[group] = {name: {**of.to_json(), "sample": next(columns)} for name, of in histograms.items()}
        sizes["wholes"] = {name: of.to_json() for name, of in self._wholes.items()}
        expansions = [
            {"hop": hop, "edge_set": edge_set, **cut.to_json()} for (hop, edge_set), cut in sorted(self._cuts.items())
        ]
        return {"sizes": sizes, "expansions": expansions}

    def _sizes(
        self, requests: RequestBatch, subgraphs: SampledSubgraphs
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """The nodes and the edges of each request, `[num_requests]` a set, readout included."""
        candidates = np.diff(requests.candidate_splits)
        of_sets = {**subgraphs.node_sets, **subgraphs.histories}
        nodes = {READOUT: candidates, **{name: np.diff(of.splits) for name, of in of_sets.items()}}
        edges = {name: np.diff(of.splits) for name, of in subgraphs.edge_sets.items()}
        for name, edge_set in self._schema.edge_sets.items():
            if edge_set.target == READOUT:
                tied = name == USER_READOUT or edge_set.source == requests.item_node_set
                edges[name] = candidates if tied else np.zeros_like(candidates)
        return nodes, edges

    def _extend_sample(self, sizes: np.ndarray, keys: np.ndarray) -> None:
        sizes = np.concatenate([self._sample, sizes])
        keys = np.concatenate([self._keys, keys])
        kept = np.lexsort((*sizes.T, keys))[:SAMPLE_SIZE]
        self._sample, self._keys = sizes[kept], keys[kept]


def told_size(sizes: Mapping[str, Any]) -> str:
    """What a request takes, for people: means, and the 99th percentiles; `sizes` are those of `to_json`."""
    requests, wholes = max(sizes["requests"], 1), sizes["wholes"]
    names = [name for name in WHOLES if wholes[name]["total"]]
    means = ", ".join(f"{wholes[name]['total'] / requests:,.0f} {name}" for name in names)
    most = ", ".join(f"{wholes[name]['quantiles']['0.99']:,} {name}" for name in names)
    return f"a request has {means} on average; 99 of 100 have at most {most}"


class _Cut:
    """What one hop did along one edge set."""

    def __init__(self) -> None:
        self._visible = SizeHistogram()
        self._taken = 0
        self._truncated = 0

    def add(self, expansion: Expansion) -> None:
        self._visible.add(expansion.visible)
        self._taken += int(expansion.taken.sum())
        self._truncated += int((expansion.taken < expansion.visible).sum())

    def merge(self, other: "_Cut") -> None:
        self._visible.merge(other._visible)
        self._taken += other._taken
        self._truncated += other._truncated

    def to_json(self) -> dict[str, Any]:
        nodes = self._visible.count
        return {
            "nodes": nodes,
            "visible": self._visible.to_json(),
            "taken": self._taken,
            "truncated": self._truncated,
            "truncated_share": round(self._truncated / nodes, 6) if nodes else 0.0,
        }
