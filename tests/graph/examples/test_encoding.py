"""Written records, parsed by TF-GNN, hold what was sampled."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn
from graph_oracle import oracle_history, oracle_sample
from graph_strategies import plans, requests_of, worlds
from graph_world import SCHEMA, Request, World, example_requests, example_world, request_batch, write_world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfgrec.config.sampling import SamplingConfig
from tfgrec.data.graph_spec import graph_tensor_spec
from tfgrec.errors import InputDataError
from tfgrec.graph.examples.encoding import encode_examples, to_ragged_columns
from tfgrec.graph.sampling.record_schema import record_schema
from tfgrec.graph.sampling.subgraphs import sample_subgraphs
from tfgrec.graph.schema import ID, READOUT, TIME, USER_READOUT, history_node_set
from tfgrec.graph.store.graph_store import GraphStore

PLAN = SamplingConfig(
    hops=[{"watched": 3, "joined": 2, "hosted_by": 1}, {"watched_by": 2, "made_by": 1, "made": 2}],
    history={"watched": {"newest": 5, "features": ["topics", "length"]}, "follows": 3},
)


def parsed(store: GraphStore, requests: list[Request], plan: SamplingConfig) -> list[dict[str, list]]:
    """Encodes and parses all requests in one batch; returns each request's fields by name, as plain values."""
    batch = request_batch(store, requests)
    schema = record_schema(store.schema, plan)
    serialized = encode_examples(to_ragged_columns(store, batch, sample_subgraphs(store, batch, plan), {}, schema))
    graph = tfgnn.parse_example(graph_tensor_spec(schema), tf.constant(serialized))
    assert graph.shape == [len(requests)]
    fields = {f"context.{TIME}": values(graph.context[TIME])}
    for name, node_set in graph.node_sets.items():
        fields[f"{name}.sizes"] = values(node_set.sizes)
        fields |= {f"{name}.{key}": values(field) for key, field in node_set.get_features_dict().items()}
    for name, edge_set in graph.edge_sets.items():
        fields[f"{name}.sizes"] = values(edge_set.sizes)
        fields[f"{name}.source"] = values(edge_set.adjacency.source)
        fields[f"{name}.target"] = values(edge_set.adjacency.target)
        fields |= {f"{name}.{key}": values(field) for key, field in edge_set.get_features_dict().items()}
    return [{name: field[number] for name, field in fields.items()} for number in range(len(requests))]


def values(field: tf.Tensor | tf.RaggedTensor) -> list:
    """A field as plain Python values, bytes decoded."""
    rows = field.to_list() if isinstance(field, tf.RaggedTensor) else field.numpy().tolist()

    def decoded(value: object) -> object:
        if isinstance(value, list):
            return [decoded(item) for item in value]
        return value.decode("utf-8") if isinstance(value, bytes) else value

    return decoded(rows)


def assert_holds(record: dict[str, list], world: World, request: Request, plan: SamplingConfig) -> None:
    """Compares a parsed record, feature by feature and edge by edge, with the oracle's subgraph."""
    nodes, edges, _ = oracle_sample(world, request, plan)
    assert record.pop(f"context.{TIME}") == [request.time]
    assert_readout(record, nodes, request)
    schema = record_schema(SCHEMA, plan)
    for name, node_set in schema.stored_node_sets.items():
        assert record.pop(f"{name}.sizes") == [len(nodes[name])]
        assert record.pop(f"{name}.{ID}") == nodes[name]
        for feature in set(node_set.features) - {ID}:
            assert record.pop(f"{name}.{feature}") == [world.nodes[name][raw][feature] for raw in nodes[name]]
    for name, edge_set in schema.stored_edge_sets.items():
        assert record.pop(f"{name}.sizes") == [len(edges[name])]
        sources, targets = nodes[edge_set.source], nodes[edge_set.target]
        assert [sources[i] for i in record.pop(f"{name}.source")] == [edge.source for edge in edges[name]]
        assert [targets[i] for i in record.pop(f"{name}.target")] == [edge.target for edge in edges[name]]
        for position, feature in enumerate(sorted(set(edge_set.features) - {TIME})):
            assert record.pop(f"{name}.{feature}") == [edge.features[position] for edge in edges[name]]
        if edge_set.timed:
            assert record.pop(f"{name}.{TIME}") == [edge.time for edge in edges[name]]
    for edge_set, of_history in plan.history.items():
        name = history_node_set(edge_set)
        for feature, events in oracle_history(world, request, edge_set, of_history).items():
            assert record.pop(f"{name}.sizes", [len(events)]) == [len(events)]
            assert record.pop(f"{name}.{feature}") == events
    assert not record, "nothing else is in the record"


def assert_readout(record: dict[str, list], nodes: dict[str, list], request: Request) -> None:
    count = len(request.items)
    assert record.pop(f"{READOUT}.sizes") == [count]
    for feature in SCHEMA.node_sets[READOUT].features:
        expected = [request.readout(number)[feature] for number in range(count)]
        assert record.pop(f"{READOUT}.{feature}") == expected
    ties = [("user", USER_READOUT, [request.user] * count)]
    for node_set, name in SCHEMA.item_readouts().items():
        ties.append((node_set, name, list(request.items) if node_set == request.item_node_set else []))
    for node_set, name, tied in ties:
        assert record.pop(f"{name}.sizes") == [len(tied)]
        assert [nodes[node_set][i] for i in record.pop(f"{name}.source")] == tied
        assert record.pop(f"{name}.target") == list(range(len(tied)))


@pytest.mark.parametrize("item_node_set", ["video", "live"])
def test_parsed_records_hold_what_the_oracle_sampled(item_node_set: str, tmp_path: Path) -> None:
    world = example_world()
    store = write_world(world, tmp_path, 3)
    requests = example_requests(world, item_node_set, 25)
    records = parsed(store, requests, PLAN)
    assert {len(record["watched.source"]) > 0 for record in records} == {True, False}, "empty edge sets included"
    for record, request in zip(records, requests, strict=True):
        assert_holds(record, world, request, PLAN)


@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(worlds(), plans(), st.sampled_from(["video", "live"]), st.data())
def test_records_of_any_small_world(
    world: World, plan: SamplingConfig, item_node_set: str, data: st.DataObject
) -> None:
    requests = data.draw(requests_of(world, item_node_set))
    with tempfile.TemporaryDirectory() as folder:
        store = write_world(world, Path(folder), 2)
        for record, request in zip(parsed(store, requests, plan), requests, strict=True):
            assert_holds(record, world, request, plan)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> GraphStore:
    return write_world(example_world(), tmp_path_factory.mktemp("store"), 2)


def test_batches_merge_into_one_graph(store: GraphStore) -> None:
    requests = example_requests(example_world(), "video", 8)
    batch = request_batch(store, requests)
    schema = record_schema(store.schema, PLAN)
    serialized = encode_examples(to_ragged_columns(store, batch, sample_subgraphs(store, batch, PLAN), {}, schema))
    merged = tfgnn.parse_example(graph_tensor_spec(schema), tf.constant(serialized)).merge_batch_to_components()
    assert merged.num_components == len(requests)
    tfgnn.validate_graph_tensor_spec_for_readout(merged.spec)
    clicks = tfgnn.structured_readout(merged, "item", feature_name=ID)
    expected = [item for request in requests for item in request.items]
    assert values(clicks) == expected


def test_degrees_become_readout_features(store: GraphStore) -> None:
    batch = request_batch(store, example_requests(example_world(), "video", 3))
    subgraphs = sample_subgraphs(store, batch, PLAN)
    schema = record_schema(store.schema, PLAN)
    clicks = batch.readout.pop("click").to_numpy()
    encoded = to_ragged_columns(store, batch, subgraphs, {"click": clicks}, schema)
    assert np.array_equal(encoded[f"nodes/{READOUT}.click"].values, clicks)
    with pytest.raises(InputDataError, match=r"missing \['click'\], not in the schema \['clicks'\]"):
        to_ragged_columns(store, batch, subgraphs, {"clicks": clicks}, schema)
