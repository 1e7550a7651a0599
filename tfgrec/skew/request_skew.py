"""Requests as they were written down, beside what is made of them and answered to them now."""

import collections
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tfgrec.data.recorded_requests import RecordedRequests
from tfgrec.errors import InputDataError
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.serving.clients.client import ModelClient, rank
from tfgrec.skew.example_differences import example_differences
from tfgrec.skew.logged_requests import LoggedRequest

Scores = Mapping[str, np.ndarray]

_BATCH = 32
_TOLD = 100
# JSON has no infinity.
_BEYOND_ALL = float(np.finfo(np.float32).max)


class RequestSkew:
    """Makes each logged request's example again, one request at a time as a service does, and compares.

    Bytes are compared with those that were logged. Scores are compared twice: what the model says now of the logged
    bytes, asked many at once, with what it says of those made now, asked one by one; and with what was answered then.

    Args:
      service: makes examples.
      recorded: reads the request off a logged example.
      model: scores them; None: only bytes are compared.
    """

    def __init__(self, *, service: ExampleService, recorded: RecordedRequests, model: ModelClient | None) -> None:
        self._service, self._recorded, self._model = service, recorded, model
        self._counts = dict.fromkeys(("requests", "candidates", "same", "different", "not_made"), 0)
        self._features: dict[str, dict[str, Any]] = {}
        self._differences: list[dict[str, Any]] = []
        self._not_made: list[dict[str, str]] = []
        self._scores: dict[str, dict[str, float]] = {"made_now": {}, "answered_then": {}}
        self._worst: dict[str, Any] = {}
        self._models: collections.Counter[str] = collections.Counter()

    def add(self, requests: Iterable[LoggedRequest]) -> None:
        """Takes requests in.

        Raises:
          InputDataError: the model refuses an example that was logged.
          ModelServerError: the model can't be asked.
        """
        remaining = iter(requests)
        while batch := list(itertools.islice(remaining, _BATCH)):
            self._add_batch(batch)

    def summary(self) -> dict[str, Any]:
        """What was found, plain values: docs/operations.md has the keys. Of differences the first hundred are told."""
        counts = self._counts
        largest = {kind: max(of.values(), default=0.0) for kind, of in self._scores.items()}
        return {
            **counts,
            "different_share": (counts["different"] + counts["not_made"]) / max(counts["requests"], 1),
            "features": dict(sorted(self._features.items(), key=lambda item: -item[1]["requests"])),
            "differences": self._differences,
            "not_made_because": self._not_made,
            "scores": {kind: dict(sorted(of.items())) for kind, of in self._scores.items()},
            "largest": largest,
            "worst": self._worst,
            "models": dict(self._models),
        }

    def _add_batch(self, batch: list[LoggedRequest]) -> None:
        scores: list[Scores] = []
        if self._model is not None:
            try:
                scores = rank(self._model, [request.example for request in batch])
            except InputDataError as error:
                raise InputDataError(f"{batch[0].name} to {batch[-1].name}: the model refuses them: {error}") from None
        for number, request in enumerate(batch):
            self._counts["requests"] += 1
            of_logged = scores[number] if scores else None
            if of_logged is not None:
                self._counts["candidates"] += len(next(iter(of_logged.values())))
            if request.scores is not None:
                self._models[request.model] += 1
                if of_logged is not None:
                    self._compare_scores("answered_then", request.name, request.scores, of_logged)
            self._make_again(request, of_logged)

    def _make_again(self, request: LoggedRequest, of_logged: Scores | None) -> None:
        try:
            asked = self._recorded.read(request.example)
            made = self._service.examples([asked])[0]
        except InputDataError as error:
            self._counts["not_made"] += 1
            if len(self._not_made) < _TOLD:
                self._not_made.append({"request": request.name, "reason": str(error)})
            return
        differences = example_differences(request.example, made)
        self._counts["different" if differences else "same"] += 1
        for difference in differences:
            of_feature = self._features.setdefault(difference.feature, {"requests": 0, "largest": None})
            of_feature["requests"] += 1
            told = difference.told()
            if difference.largest is not None and np.isfinite(difference.largest):
                of_feature["largest"] = max(of_feature["largest"] or 0.0, difference.largest)
            if len(self._differences) < _TOLD:
                self._differences.append({"request": request.name, "user": asked.user, "time": asked.time, **told})
        if of_logged is not None:
            self._compare_scores("made_now", request.name, of_logged, rank(self._model, [made])[0])

    def _compare_scores(self, kind: str, request: str, one: Scores, other: Scores) -> None:
        largest = self._scores[kind]
        for name in one.keys() & other.keys():
            found = _largest_difference(one[name], other[name])
            if found > max(largest.values(), default=-1.0):
                self._worst[kind] = {"request": request, "output": name, "difference": found}
            largest[name] = max(largest.get(name, 0.0), found)


def _largest_difference(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference, relative to scores above 1; NaN beside a number, or another number of candidates, is one
    beyond all."""
    if one.shape != other.shape:
        return _BEYOND_ALL
    before, after = (of.astype(np.float64) for of in (one, other))
    apart = np.abs(before - after) / np.maximum(1.0, np.abs(before))
    apart[np.isnan(before) & np.isnan(after)] = 0.0
    return float(np.nan_to_num(apart, nan=_BEYOND_ALL, posinf=_BEYOND_ALL).max(initial=0.0))
