"""What a feature service tells Prometheus of itself."""

import time
from collections.abc import Collection

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_COUNTS = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000)


class FeatureServiceMetrics:
    """Counts and times of one service, in a registry of its own.

    Attributes:
      answers: by path and status.
      answer_seconds: by path, reading the body included.
      stage_seconds: by stage: `candidates` waits for the index, `example` samples from the graph, `model` waits for the
        scores.
      candidates: of a request.
      events: rows that were appended, by table.
      logged: requests that were drawn for the log, by outcome: `written`, `left_out`.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        of = {"registry": self._registry}
        self.answers = Counter("tfgrec_answers", "Answers by path and status.", ["path", "status"], **of)
        self.answer_seconds = Histogram(
            "tfgrec_answer_seconds", "Seconds an answer took.", ["path"], buckets=_SECONDS, **of
        )
        self.stage_seconds = Histogram(
            "tfgrec_stage_seconds", "Seconds a stage of an answer took.", ["stage"], buckets=_SECONDS, **of
        )
        self.candidates = Histogram("tfgrec_candidates", "Candidates of a request.", buckets=_COUNTS, **of)
        self.events = Counter("tfgrec_events", "Rows of events that were appended.", ["table"], **of)
        self.logged = Counter("tfgrec_logged_requests", "Requests drawn for the log by outcome.", ["outcome"], **of)

    def text(self) -> bytes:
        """What GET /metrics answers."""
        return generate_latest(self._registry)


class MeasuredApp:
    """Counts and times the answers of an app; paths that it does not have count as one.

    Args:
      app: the app.
      metrics: where to count.
      paths: the paths that the app has.
    """

    def __init__(self, app: ASGIApp, *, metrics: FeatureServiceMetrics, paths: Collection[str]) -> None:
        self._app, self._metrics, self._paths = app, metrics, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in self._paths else "other"
        # What stays if the app fails before it answers.
        status, start = 500, time.perf_counter()

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_counted)
        finally:
            self._metrics.answers.labels(path, str(status)).inc()
            self._metrics.answer_seconds.labels(path).observe(time.perf_counter() - start)
