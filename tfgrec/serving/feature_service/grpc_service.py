"""The feature service by gRPC: what POST answers, answered by methods of `feature_service.proto`, and health checks."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf.wrappers_pb2 import BytesValue
from grpc_health.v1 import health_pb2, health_pb2_grpc
from starlette.responses import JSONResponse

from tfgrec.errors import InputDataError, TfgrecError
from tfgrec.serving.clients.client import ModelServerError
from tfgrec.serving.feature_service.service import MOST_BODY_BYTES, OUR_MISTAKE, FeatureService, ModelRefusedError
from tfgrec.serving.feature_service.service_metrics import FeatureServiceMetrics

SERVICE = "tfgrec.FeatureService"
LIVENESS = "liveness"
_THREADS = 40
_STATES = health_pb2.HealthCheckResponse


def make_grpc_server(service: FeatureService, *, metrics: FeatureServiceMetrics) -> grpc.Server:
    """A server of a service's answers, which has no port yet and does not run.

    Args:
      service: each path that is POSTed to becomes a method: `/rank` is `Rank`.
      metrics: where to count, by the method's full name and the status code's.
    """
    options = [("grpc.max_receive_message_length", MOST_BODY_BYTES), ("grpc.so_reuseport", 0)]
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=options)
    methods = {
        method_name(path): grpc.unary_unary_rpc_method_handler(
            _measured(f"/{SERVICE}/{method_name(path)}", answer, metrics),
            request_deserializer=BytesValue.FromString,
            response_serializer=BytesValue.SerializeToString,
        )
        for path, answer in service.answers.items()
    }
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, methods)])
    health_pb2_grpc.add_HealthServicer_to_server(_Health(service), server)
    return server


def method_name(path: str) -> str:
    """The method that answers as a path does."""
    return path.strip("/").capitalize()


class _Health(health_pb2_grpc.HealthServicer):
    """grpc.health.v1: of the whole server as /readyz answers, of LIVENESS as /healthz; it is asked, not watched."""

    def __init__(self, service: FeatureService) -> None:
        self._service = service

    def Check(self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext) -> Any:
        if request.service not in ("", SERVICE, LIVENESS):
            context.abort(grpc.StatusCode.NOT_FOUND, f"there is no service '{request.service}'")
        if request.service == LIVENESS:
            return _STATES(status=_STATES.SERVING)
        try:
            self._service.check_ready()
        except ModelServerError:
            return _STATES(status=_STATES.NOT_SERVING)
        return _STATES(status=_STATES.SERVING)


def _measured(method: str, answer: Callable[[bytes], dict[str, Any]], metrics: FeatureServiceMetrics) -> Callable:
    def answered(question: BytesValue, context: grpc.ServicerContext) -> BytesValue:
        code, told, start = grpc.StatusCode.OK, b"", time.perf_counter()
        try:
            told = JSONResponse(answer(question.value)).body
        except Exception as error:
            code, problem = _problem(error)
        metrics.answers.labels(method, code.name).inc()
        metrics.answer_seconds.labels(method).observe(time.perf_counter() - start)
        if code is not grpc.StatusCode.OK:
            context.abort(code, problem)
        return BytesValue(value=told)

    return answered


def _problem(error: Exception) -> tuple[grpc.StatusCode, str]:
    if isinstance(error, InputDataError):
        return grpc.StatusCode.INVALID_ARGUMENT, str(error)
    if isinstance(error, ModelRefusedError):
        return grpc.StatusCode.FAILED_PRECONDITION, str(error)
    if isinstance(error, TfgrecError):
        return grpc.StatusCode.UNAVAILABLE, str(error)
    logging.getLogger(__name__).error("a request failed", exc_info=error)
    return grpc.StatusCode.INTERNAL, OUR_MISTAKE
