"""The feature service by gRPC: what HTTP answers, gRPC answers, and health checks follow the model."""

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import small_records
from google.protobuf.wrappers_pb2 import BytesValue
from grpc_health.v1 import health_pb2, health_pb2_grpc
from model_server_stand_in import http_server
from test_feature_service import GOOD, TABLES, TIME, ModelThatRemembers

import tfgrec.serving.feature_service
from tfgrec.errors import InputDataError
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.serving.clients.client import ModelServerError
from tfgrec.serving.feature_service.grpc_service import LIVENESS, SERVICE, make_grpc_server, method_name
from tfgrec.serving.feature_service.service import MOST_BODY_BYTES, FeatureService
from tfgrec.serving.feature_service.service_metrics import FeatureServiceMetrics

CODES = {
    200: grpc.StatusCode.OK,
    400: grpc.StatusCode.INVALID_ARGUMENT,
    500: grpc.StatusCode.INTERNAL,
    502: grpc.StatusCode.FAILED_PRECONDITION,
    503: grpc.StatusCode.UNAVAILABLE,
}


@dataclasses.dataclass(frozen=True)
class Served:
    """One service at two doors."""

    service: FeatureService
    model: ModelThatRemembers
    http: httpx.Client
    channel: grpc.Channel

    def ask(self, path: str, body: bytes) -> tuple[grpc.StatusCode, Any]:
        """The status code and the JSON, or the message, that gRPC answers."""
        method = self.channel.unary_unary(
            f"/{SERVICE}/{method_name(path)}",
            request_serializer=BytesValue.SerializeToString,
            response_deserializer=BytesValue.FromString,
        )
        try:
            return grpc.StatusCode.OK, json.loads(method(BytesValue(value=body), timeout=60).value)
        except grpc.RpcError as error:
            return error.code(), error.details()

    def health(self, service: str = "") -> str:
        request = health_pb2.HealthCheckRequest(service=service)
        answer = health_pb2_grpc.HealthStub(self.channel).Check(request, timeout=60)
        return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    path = tmp_path_factory.mktemp("store") / "graph"
    small_records.write_store(path)
    examples = ExampleService.open_live(path, sampling=small_records.SAMPLING, tables=TABLES)
    model, metrics = ModelThatRemembers(), FeatureServiceMetrics()
    service = FeatureService(examples=examples, model=model, metrics=metrics)
    server = make_grpc_server(service, metrics=metrics)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    options = [("grpc.max_send_message_length", -1)]
    with (
        http_server(service.app()) as url,
        httpx.Client(base_url=url, timeout=60) as http,
        grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel,
    ):
        yield Served(service, model, http, channel)
    server.stop(0).wait()


@pytest.fixture
def served(running: Served) -> Iterator[Served]:
    yield running
    running.model.fails = None


def body(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


@pytest.mark.parametrize(
    ("path", "question", "fails"),
    [
        ("/rank", body(), None),
        ("/rank", body(sort_by="click"), None),
        ("/rank", body(item_node_set="room", items=["room-3"], features={"scenario": "feed", "hour": 1}), None),
        ("/rank", body(user="107"), None),
        ("/rank", body(usr=107), None),
        ("/rank", body(items=["\ud800"]), None),
        ("/rank", b"\xff\xfe\x00", None),
        ("/rank", b"", None),
        ("/rank", body(), InputDataError("nodes/video.age is missing")),
        ("/rank", body(), ModelServerError("model server x:1: UNAVAILABLE: refused")),
        ("/rank", body(), RuntimeError("a secret")),
        ("/events", b"{}", None),
        ("/events", b'{"veiws": [{"user_id": 1}]}', None),
        ("/events", b'{"views": [{"user_id": 107, "video_id": 503}]}', None),
    ],
)
def test_grpc_answers_as_http_does(served: Served, path: str, question: bytes, fails: Exception | None) -> None:
    served.model.fails = fails
    by_http = served.http.post(path, content=question)
    expected = by_http.json() if by_http.status_code == 200 else by_http.json()["error"]
    assert served.ask(path, question) == (CODES[by_http.status_code], expected)


def test_events_by_grpc_are_seen_by_the_next_request(served: Served) -> None:
    row = {"user_id": 107, "video_id": 503, "time": TIME - 1}
    asked = []
    for _ in range(2):
        served.ask("/rank", body())
        asked.append(served.model.asked[-1])
        code, answer = served.ask("/events", json.dumps({"views": [row]}).encode())
        assert code is grpc.StatusCode.OK and list(answer) == ["position"]
    assert asked[0] != asked[1]


def test_what_is_too_large_or_unknown_is_refused(served: Served) -> None:
    assert served.ask("/rank", b" " * (MOST_BODY_BYTES + 1))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert served.ask("/rnk", body())[0] is grpc.StatusCode.UNIMPLEMENTED


def test_health_follows_the_model(served: Served) -> None:
    assert [served.health(name) for name in ("", SERVICE, LIVENESS)] == ["SERVING"] * 3
    served.model.fails = ModelServerError("model server x:1: UNAVAILABLE: refused")
    assert [served.health(name) for name in ("", SERVICE, LIVENESS)] == ["NOT_SERVING", "NOT_SERVING", "SERVING"]
    with pytest.raises(grpc.RpcError, match="there is no service 'other'"):
        served.health("other")


def test_answers_are_counted_by_method_and_code(served: Served) -> None:
    served.ask("/rank", body())
    served.ask("/rank", b"")
    told = served.http.get("/metrics").text
    for code in ("OK", "INVALID_ARGUMENT"):
        assert f'tfgrec_answers_total{{path="/{SERVICE}/Rank",status="{code}"}}' in told


def test_the_proto_names_the_methods_that_there_are(served: Served) -> None:
    text = (Path(tfgrec.serving.feature_service.__file__).parent / "feature_service.proto").read_text()
    assert set(re.findall(r"rpc (\w+)\(", text)) >= {method_name(path) for path in served.service.answers}
    package, service = re.search(r"package (\w+);", text)[1], re.search(r"service (\w+) {", text)[1]
    assert f"{package}.{service}" == SERVICE
