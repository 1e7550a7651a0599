"""Making the examples of single requests, in one thread: with their own candidates, with a hundred, and together."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfgrec.config import RunConfig, TablesConfig
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.examples.online_request import OnlineRequest

WARM_UP = 50
_CANDIDATES = 100
_BATCH = 64


def measure_examples(
    config: RunConfig, tables: TablesConfig, graph: str, requests: Sequence[OnlineRequest]
) -> dict[str, Any]:
    """Making examples of requests, with their own candidates and with a hundred."""
    started = time.perf_counter()
    service = ExampleService.open(graph, sampling=config.sampling, requests=tables.requests)
    opening = time.perf_counter() - started
    first = thread_seconds(lambda: service.examples(requests[:1]))
    single = _milliseconds(service, requests)
    many = _milliseconds(service, with_candidates(requests[: max(1, len(requests) // 5)], _CANDIDATES))
    batches = [requests[start : start + _BATCH] for start in range(0, len(requests), _BATCH)]
    together = sum(thread_seconds(lambda: service.examples(batch)) for batch in batches)  # noqa: B023
    return {
        "requests": len(requests),
        "mean_record_bytes": round(np.mean([len(service.examples([request])[0]) for request in requests[:WARM_UP]])),
        "opening_ms": rounded(opening * 1_000),
        "first_example_ms": rounded(first * 1_000),
        "example_ms_median": rounded(np.median(single)),
        "example_ms_p99": rounded(np.quantile(single, 0.99)),
        f"example_{_CANDIDATES}_ms_median": rounded(np.median(many)),
        f"example_ms_in_batches_of_{_BATCH}": rounded(together / len(requests) * 1_000),
    }


def with_candidates(requests: Sequence[OnlineRequest], count: int) -> list[OnlineRequest]:
    """The requests, each with `count` of all of their candidates instead of its own, or with all where they are fewer.

    Their features are those of each request's first candidate.
    """
    random, items = np.random.default_rng(0), sorted({item for request in requests for item in request.items})
    return [
        dataclasses.replace(
            request,
            items=random.choice(items, min(count, len(items)), replace=False).tolist(),
            features={name: values[0] for name, values in request.features.items()},
        )
        for request in requests
    ]


def thread_seconds(function: Callable[[], Any]) -> float:
    """Seconds of this thread's work, so that waiting for a processor does not count."""
    started = time.thread_time()
    function()
    return time.thread_time() - started


def rounded(value: float) -> float:
    """As results show it."""
    return round(float(value), 3)


def _milliseconds(service: ExampleService, requests: Sequence[OnlineRequest]) -> np.ndarray:
    for request in requests[:WARM_UP]:
        service.examples([request])
    return np.array([thread_seconds(lambda: service.examples([request])) for request in requests]) * 1_000  # noqa: B023
