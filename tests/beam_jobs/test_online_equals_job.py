"""A feature service answers every request with the bytes that the Beam job wrote for it."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn
from decoded_records import candidates_of, decode
from shop_tables import Shop, run_config, tables_config

from beam_jobs.tfrecords.tfrecord_shards import read_records
from tfgrec.data.graph_spec import graph_tensor_spec
from tfgrec.data.labels import without_labels
from tfgrec.data.parsed_records import parse_merged
from tfgrec.data.recorded_requests import RecordedRequests
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.examples.online_request import OnlineRequest
from tfgrec.graph.schema import READOUT
from tfgrec.skew.logged_requests import LoggedRequest
from tfgrec.skew.request_skew import RequestSkew

LABELS = ("click", "seconds")


def online_request(record: bytes) -> OnlineRequest:
    """What a service would have been asked: ids, time, what the request itself says, and the labels."""
    candidates = candidates_of(decode([record])[0])
    return OnlineRequest(
        user=candidates[0].user,
        time=candidates[0].time,
        items=[of.item for of in candidates],
        features={"tab": candidates[0].values["tab"]},
        labels={name: [of.values[name] for of in candidates] for name in LABELS},
        item_node_set="room" if isinstance(candidates[0].item, str) else "video",
    )


@pytest.fixture(scope="module")
def service(shop: Shop) -> ExampleService:
    return ExampleService.open(shop.graph, sampling=run_config().sampling, requests=tables_config().requests)


@pytest.fixture(scope="module")
def records(shop: Shop) -> list[bytes]:
    return [record for path in sorted(Path(shop.examples).rglob("*.tfrecord")) for record in read_records(str(path))]


@pytest.fixture(scope="module")
def requests(records: list[bytes]) -> list[OnlineRequest]:
    return [online_request(record) for record in records]


def test_one_by_one(service: ExampleService, records: list[bytes], requests: list[OnlineRequest]) -> None:
    assert {request.item_node_set for request in requests} == {"video", "room"}
    assert max(len(request.items) for request in requests) > 1
    assert len(records) > 300
    for record, request in zip(records, requests, strict=True):
        assert service.example(**dataclasses.asdict(request)) == record


def test_all_at_once(service: ExampleService, records: list[bytes], requests: list[OnlineRequest]) -> None:
    assert service.examples(requests) == records
    assert service.examples([]) == []


def test_the_requests_of_the_job_s_records_have_no_skew(service: ExampleService, records: list[bytes]) -> None:
    recorded = RecordedRequests(service.schema, tables_config().requests)
    skew = RequestSkew(service=service, recorded=recorded, model=None)
    skew.add(LoggedRequest(f"record {number}", record) for number, record in enumerate(records[::3]))
    found = skew.summary()
    assert found["same"] == found["requests"] == len(records[::3])


@pytest.mark.slow
def test_from_many_threads(shop: Shop, records: list[bytes], requests: list[OnlineRequest]) -> None:
    opened = ExampleService.open(shop.graph, sampling=run_config().sampling, requests=tables_config().requests)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda request: opened.examples([request])[0], requests)) == records


def test_without_labels_the_model_reads_the_same(
    service: ExampleService, records: list[bytes], requests: list[OnlineRequest]
) -> None:
    unlabelled = service.examples([dataclasses.replace(request, labels={}) for request in requests])
    assert unlabelled != records
    for schema in (without_labels(service.schema, LABELS), service.schema):
        spec = graph_tensor_spec(schema)
        online, offline = parse_merged(spec, tf.constant(unlabelled)), parse_merged(spec, tf.constant(records))
        for left, right in zip(_unlabelled_fields(online), _unlabelled_fields(offline), strict=True):
            np.testing.assert_array_equal(left.numpy(), right.numpy())
    for name in LABELS:
        assert np.isnan(online.node_sets[READOUT][name].numpy()).all()


def _unlabelled_fields(graph: tfgnn.GraphTensor) -> list[tf.Tensor]:
    """All that a graph holds besides its labels."""
    pieces = {"context": graph.context, **graph.node_sets, **graph.edge_sets}
    fields = {name: dict(piece.get_features_dict()) for name, piece in pieces.items()}
    for name in LABELS:
        fields[READOUT].pop(name, None)
    sizes = {name: piece.sizes for name, piece in pieces.items()}
    ends = {name: (of.adjacency.source, of.adjacency.target) for name, of in graph.edge_sets.items()}
    return tf.nest.flatten([fields, sizes, ends], expand_composites=True)
