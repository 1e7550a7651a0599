"""Sizes and expansions are those of the sampled subgraphs, however the requests were cut into pieces."""

import pickle

import numpy as np
import pytest
from graph_world import SCHEMA, Request, example_requests, example_world, request_batch, write_world
from hypothesis import given
from hypothesis import strategies as st

from tfgrec.config.sampling import SamplingConfig
from tfgrec.graph.sampling.record_schema import record_schema
from tfgrec.graph.sampling.sampling_statistics import SamplingStatistics, told_size
from tfgrec.graph.sampling.size_histogram import SizeHistogram
from tfgrec.graph.sampling.subgraphs import sample_subgraphs
from tfgrec.graph.schema import READOUT
from tfgrec.graph.statistics import row_keys
from tfgrec.graph.store.graph_store import GraphStore

PLAN = SamplingConfig(hops=[{"watched": 2, "joined": 1, "made_by": 0}, {"watched_by": 1}], history={"watched": 4})
SIZES = st.lists(st.integers(0, 300) | st.integers(0, 2**40), max_size=30)


@given(SIZES, SIZES, st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_histograms_of_parts_are_those_of_the_whole(first: list[int], second: list[int], share: float) -> None:
    whole, merged, other = SizeHistogram(), SizeHistogram(), SizeHistogram()
    whole.add(np.array(first + second, np.int64))
    merged.add(np.array(second, np.int64))
    other.add(np.array(first, np.int64))
    merged.merge(pickle.loads(pickle.dumps(other)))
    assert merged.to_json() == whole.to_json()
    assert (whole.total, whole.largest) == (sum(first + second), max(first + second, default=0))
    if first + second:
        exact = int(np.quantile(first + second, share, method="inverted_cdf"))
        assert exact <= whole.quantile(share) <= exact * (1 + 1 / 128)
        assert exact >= 256 or whole.quantile(share) == exact


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> GraphStore:
    return write_world(example_world(), tmp_path_factory.mktemp("store"), 2)


def statistics(store: GraphStore, batches: list[list[Request]]) -> SamplingStatistics:
    """Statistics of batches, each gathered alone and merged with the others."""
    merged = SamplingStatistics(record_schema(SCHEMA, PLAN))
    for requests in batches:
        batch = request_batch(store, requests)
        piece = SamplingStatistics(record_schema(SCHEMA, PLAN))
        keys = row_keys(batch.users, batch.times, batch.items[batch.candidate_splits[:-1]])
        piece.add(batch, sample_subgraphs(store, batch, PLAN), keys)
        piece.add_bytes(batch.times % 1_000)
        merged.merge(pickle.loads(pickle.dumps(piece)))
    return merged


def test_pieces_in_any_order_make_the_same_whole(store: GraphStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfgrec.graph.sampling.sampling_statistics.SAMPLE_SIZE", 20)
    videos, rooms = (example_requests(example_world(), name, 40) for name in ("video", "live"))
    whole = statistics(store, [videos, rooms]).to_json()
    pieces = [rooms[30:], videos[:3], videos[3:17], rooms[:30], videos[17:]]
    assert statistics(store, pieces).to_json() == whole
    assert statistics(store, pieces[::-1]).to_json() == whole
    samples = {name: of["sample"].split() for name, of in whole["sizes"]["node_sets"].items()}
    assert {len(sample) for sample in samples.values()} == {20}


def test_what_is_told_is_what_was_sampled(store: GraphStore) -> None:
    requests = example_requests(example_world(), "video", 60)
    told = statistics(store, [requests]).to_json()
    sampled = sample_subgraphs(store, request_batch(store, requests), PLAN)
    sizes = told["sizes"]
    assert sizes["node_sets"][READOUT]["total"] == sum(len(request.items) for request in requests)
    assert sizes["edge_sets"][f"{READOUT}/item"] == sizes["edge_sets"][f"{READOUT}/user"]
    assert sizes["edge_sets"][f"{READOUT}/item_live"]["total"] == 0
    for name, edges in sampled.edge_sets.items():
        assert sizes["edge_sets"][name]["total"] == len(edges.sources)
        assert sizes["edge_sets"][name]["largest"] == np.diff(edges.splits).max()
    histories = sampled.histories["history/watched"].splits
    assert sizes["node_sets"]["history/watched"]["total"] == histories[-1] > 0
    assert sizes["node_sets"]["history/watched"]["largest"] == np.diff(histories).max() == 4
    # Sets of one request are added up before quantiles are taken.
    nodes, edges = (
        sum(np.diff(of.splits) for of in of_sets.values()) for of_sets in (sampled.node_sets, sampled.edge_sets)
    )
    assert sizes["wholes"]["nodes"]["total"] == nodes.sum() and sizes["wholes"]["edges"]["largest"] == edges.max()
    assert sizes["wholes"]["edges"]["quantiles"]["0.9"] == np.quantile(edges, 0.9, method="inverted_cdf")
    assert sizes["wholes"]["events"]["total"] == histories[-1]
    assert told_size(sizes) == (
        f"a request has {nodes.mean():,.0f} nodes, {edges.mean():,.0f} edges, {histories[-1] / 60:,.0f} events, "
        f"{sizes['wholes']['bytes']['total'] / 60:,.0f} bytes on average; 99 of 100 have at most {nodes.max()} nodes, "
        f"{edges.max()} edges, {np.diff(histories).max()} events, {sizes['wholes']['bytes']['quantiles']['0.99']} bytes"
    )
    # The same place in all samples is the same request.
    sample = sizes["node_sets"]["video"]["sample"].split(), sizes["edge_sets"]["watched"]["sample"].split()
    videos, watched = sampled.node_sets["video"].splits, sampled.edge_sets["watched"].splits
    assert sorted((int(a), int(b)) for a, b in zip(*sample, strict=True)) == sorted(
        zip(np.diff(videos).tolist(), np.diff(watched).tolist(), strict=True)
    )
    assert [(of["hop"], of["edge_set"]) for of in told["expansions"]] == [
        (0, "joined"),
        (0, "watched"),
        (1, "watched_by"),
    ]
    for of, expansion in zip(
        told["expansions"], sorted(sampled.expansions, key=lambda e: (e.hop, e.edge_set)), strict=True
    ):
        assert of["nodes"] == len(expansion.visible)
        assert of["visible"]["total"] == expansion.visible.sum()
        assert of["taken"] == expansion.taken.sum() == sizes["edge_sets"][of["edge_set"]]["total"]
        assert of["truncated"] == (expansion.visible > expansion.taken).sum()
