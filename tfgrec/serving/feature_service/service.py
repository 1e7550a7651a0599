"""A feature service: takes requests as JSON, samples them from the graph, asks the model, and answers scores."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tfgrec.close_match import suggestion
from tfgrec.errors import InputDataError, TfgrecError
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.examples.online_request import OnlineRequest
from tfgrec.serving.clients.client import ModelClient, ModelServerError, rank
from tfgrec.serving.feature_service.body import read_events_body, read_rank_body
from tfgrec.serving.feature_service.gathered_calls import GatheredCalls
from tfgrec.serving.feature_service.recommend_body import read_recommend_body
from tfgrec.serving.feature_service.service_metrics import CONTENT_TYPE, FeatureServiceMetrics, MeasuredApp
from tfgrec.serving.signatures.names import COMBINED

if TYPE_CHECKING:
    # They bring TensorFlow, which a service without them does not need.
    from tfgrec.serving.feature_service.recommend import Recommender
    from tfgrec.serving.feature_service.request_log import RequestLog

MOST_BODY_BYTES = 32 << 20
OUR_MISTAKE = "this service failed; its log says how"


class ModelRefusedError(ModelServerError):
    """The model does not take what was sampled for it: it is not of this graph."""


class FeatureService:
    """Answers POST /rank and /events, with an index /recommend, GET /healthz, /readyz and /metrics.

    Args:
      examples: makes the requests' examples, and takes events if it was opened with a log.
      model: scores them.
      metrics: where to count.
      recommender: finds candidates; None: there is no /recommend.
      log: is offered what was asked and answered; None: nothing is logged.

    Attributes:
      answers: what makes the answer to a POST's body, by path; raises as `app` says by status.
    """

    def __init__(
        self,
        *,
        examples: ExampleService,
        model: ModelClient,
        metrics: FeatureServiceMetrics,
        recommender: "Recommender | None" = None,
        log: "RequestLog | None" = None,
    ) -> None:
        self._examples, self._model, self._metrics = examples, model, metrics
        self._sampled = GatheredCalls(examples.examples)
        self._recommender, self._log = recommender, log
        self.answers: dict[str, Callable[[bytes], dict[str, Any]]] = {"/rank": self._rank, "/events": self._append}
        if recommender is not None:
            self.answers["/recommend"] = self._recommend

    def app(self) -> Starlette:
        """The service for any ASGI server."""
        routes = [
            *(Route(path, self._with_body(answer), methods=["POST"]) for path, answer in self.answers.items()),
            Route("/healthz", _alive, methods=["GET"]),
            Route("/readyz", self._ready, methods=["GET"]),
            Route("/metrics", self._tell_metrics, methods=["GET"]),
        ]
        measured = Middleware(MeasuredApp, metrics=self._metrics, paths={route.path for route in routes})
        handlers = {
            InputDataError: _answer_with(400),
            ModelRefusedError: _answer_with(502),
            # The model server is away, or the log of events can't be written.
            TfgrecError: _answer_with(503),
            HTTPException: _http_error,
            Exception: _our_mistake,
        }
        return Starlette(routes=routes, middleware=[measured], exception_handlers=handlers)

    def check_ready(self) -> None:
        """Returns if the model can be asked.

        Raises:
          ModelServerError: it can't, and why.
        """
        self._model.check_ready()

    def close(self) -> None:
        """Writes what waits for the log, and gives back what the model's client holds."""
        if self._log is not None:
            self._log.close()
        self._model.close()

    def _with_body(self, answer: Callable[[bytes], dict[str, Any]]) -> Callable:
        async def endpoint(request: Request) -> JSONResponse:
            body = await _read_body(request)
            return JSONResponse(await run_in_threadpool(answer, body))

        return endpoint

    def _rank(self, body: bytes) -> dict[str, Any]:
        asked = read_rank_body(body)
        scores = self._ranked(asked.request)
        order = range(len(asked.request.items)) if asked.sort_by is None else _descending(scores, asked.sort_by)
        return _in_order(asked.request, scores, order)

    def _recommend(self, body: bytes) -> dict[str, Any]:
        asked = read_recommend_body(body)
        try:
            with self._metrics.stage_seconds.labels("candidates").time():
                found = self._recommender.find(asked.request, asked.candidates)
        except UnicodeEncodeError:
            raise _no_unicode() from None
        try:
            scores = self._ranked(found)
        except InputDataError as error:
            # The caller's part is known to be right by now.
            raise ModelRefusedError(f"this graph refuses what the index found: {error}") from None
        return _in_order(found, scores, _descending(scores, asked.sort_by or COMBINED)[: asked.count])

    def _ranked(self, request: OnlineRequest) -> dict[str, np.ndarray]:
        with self._metrics.stage_seconds.labels("example").time():
            example = self._example(request)
        self._metrics.candidates.observe(len(request.items))
        with self._metrics.stage_seconds.labels("model").time():
            scores = self._scores(example)
        if self._log is not None:
            self._log.offer(example, scores)
        return scores

    def _example(self, request: OnlineRequest) -> bytes:
        try:
            return self._sampled(request)
        except UnicodeEncodeError:
            raise _no_unicode() from None

    def _scores(self, example: bytes) -> dict[str, np.ndarray]:
        try:
            return rank(self._model, [example])[0]
        except InputDataError as error:
            # The caller's part is known to be right by now.
            raise ModelRefusedError(f"the model refuses what this graph has for it: {error}") from None

    def _append(self, body: bytes) -> dict[str, Any]:
        events = read_events_body(body)
        try:
            position = self._examples.append(events)
        except UnicodeEncodeError:
            raise InputDataError("events: hold text that is no Unicode") from None
        for table, columns in events.items():
            self._metrics.events.labels(table).inc(len(next(iter(columns.values()))))
        return {"position": position}

    def _ready(self, request: Request) -> JSONResponse:
        self.check_ready()
        return JSONResponse({"status": "ready"})

    def _tell_metrics(self, request: Request) -> Response:
        return Response(self._metrics.text(), media_type=CONTENT_TYPE)


async def _alive(request: Request) -> JSONResponse:
    return JSONResponse({"status": "alive"})


async def _read_body(request: Request) -> bytes:
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > MOST_BODY_BYTES:
                raise HTTPException(413, f"the body has more than {MOST_BODY_BYTES:,} bytes")
            parts.append(part)
    except ClientDisconnect:
        raise HTTPException(400, "the caller left") from None
    return b"".join(parts)


def _descending(scores: dict[str, np.ndarray], name: str) -> np.ndarray:
    if name not in scores:
        raise InputDataError(f"sort_by: unknown score '{name}': {suggestion(name, scores)}")
    return np.argsort(-scores[name], kind="stable")


def _no_unicode() -> InputDataError:
    return InputDataError("request 0: holds text that is no Unicode")


def _in_order(request: OnlineRequest, scores: dict[str, np.ndarray], order: Sequence[int]) -> dict[str, Any]:
    items = [request.items[place] for place in order]
    return {"items": items, "scores": {name: of[list(order)].tolist() for name, of in scores.items()}}


def _answer_with(status: int) -> Callable:
    async def answer(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": str(error)}, status)

    return answer


async def _http_error(request: Request, error: HTTPException) -> JSONResponse:
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _our_mistake(request: Request, error: Exception) -> JSONResponse:
    # Starlette raises the error again once this is sent: the server writes it into its log and closes the connection.
    return JSONResponse({"error": OUR_MISTAKE}, 500, {"connection": "close"})
