"""Request features and labels as a service has them at hand, made the columns of candidates that a job reads."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tfgrec.close_match import suggestion
from tfgrec.config.tables import Requests, TimePart, as_column
from tfgrec.errors import InputDataError
from tfgrec.graph.computed.computed_features import computed_features
from tfgrec.graph.examples.given_cells import SEVERAL, UnreadableCells, typed_cells
from tfgrec.graph.examples.online_request import OnlineRequest
from tfgrec.graph.examples.time_parts import time_part
from tfgrec.graph.examples.told_values import told_value
from tfgrec.graph.schema import Feature
from tfgrec.graph.store.columns import SCALARS


class CandidateFeatures:
    """Reads features and labels by the rules of a job that reads tables: types, `missing`, parts of the time.

    Args:
      requests: the requests of tables.yaml.
      declared: the features of `_readout`, labels included.
    """

    def __init__(self, requests: Requests, declared: Mapping[str, Feature]) -> None:
        self._parts = {name: of for name, of in requests.features.items() if isinstance(of, TimePart)}
        columns = {name: as_column(of) for name, of in requests.features.items() if name not in self._parts}
        # What stands for an empty cell.
        self._features = {name: _stand_in(column.missing, declared[name]) for name, column in columns.items()}
        self._labels = dict.fromkeys(requests.labels, math.nan)
        self._computed = set(computed_features(requests))
        self._declared = declared

    def columns(self, requests: Mapping[int, OnlineRequest]) -> dict[str, pa.Array]:
        """Columns `[num_candidates]` by name of requests, given by the numbers that errors name them by.

        A label that a request does not have is NaN, a missing one.

        Raises:
          InputDataError: a feature is missing, unknown or derived, or its values don't fit.
        """
        for number, request in requests.items():
            if request.features.keys() != self._features.keys():
                raise InputDataError(f"request {number}: {self._differing_names(request.features)}")
            for name in sorted(request.labels.keys() - self._labels.keys()):
                raise InputDataError(f"request {number}: unknown label '{name}': {suggestion(name, self._labels)}")
        times = np.array([request.time for request in requests.values()], np.int64)
        counts = [len(request.items) for request in requests.values()]
        columns = {name: pa.array(np.repeat(time_part(times, part), counts)) for name, part in self._parts.items()}
        for name, missing in self._features.items():
            given = {number: (request.features[name], len(request.items)) for number, request in requests.items()}
            columns[name] = self._column(name, missing, given)
        for name, missing in self._labels.items():
            given = {number: (request.labels.get(name), len(request.items)) for number, request in requests.items()}
            columns[name] = self._column(name, missing, given)
        return columns

    def _differing_names(self, given: Mapping[str, Any]) -> str:
        for name in sorted(given.keys() - self._features.keys()):
            if name in self._parts:
                return f"feature '{name}' is read off the request's time: leave it out"
            if name in self._computed:
                return f"feature '{name}' is counted in the graph: leave it out"
            return f"unknown feature '{name}': {suggestion(name, self._features)}"
        return f"features are missing: {', '.join(sorted(self._features.keys() - given.keys()))}"

    def _column(self, name: str, missing: Any, given: Mapping[int, tuple[Any, int]]) -> pa.Array:
        """One feature of the candidates; `given` are what each request says and the number of its candidates."""
        feature = self._declared[name]
        cells = {number: _cells(value, count, feature.multi_valued) for number, (value, count) in given.items()}
        for number, of_request in cells.items():
            if len(of_request) != given[number][1]:
                problem = f"{len(of_request)} values for {given[number][1]} candidates"
                raise InputDataError(f"request {number}: '{name}': {problem}")
        try:
            return typed_cells([cell for of_request in cells.values() for cell in of_request], feature, missing)
        except UnreadableCells as error:
            raise InputDataError(_first_unreadable(name, cells, feature, missing) or f"'{name}': {error}") from None


def _first_unreadable(name: str, cells: Mapping[int, Sequence[Any]], feature: Feature, missing: Any) -> str | None:
    """Which cell can't be read, and why; None where each of them can, but not all together."""
    for number, of_request in cells.items():
        for cell in of_request:
            try:
                typed_cells([cell], feature, missing)
            except UnreadableCells as error:
                return f"request {number}: '{name}': {error}, received {told_value(cell)}"
    return None


def _cells(value: Any, count: int, multi_valued: bool) -> Sequence[Any]:
    """A cell a candidate."""
    values = value.tolist() if isinstance(value, np.ndarray) else value
    if multi_valued:
        one_each = isinstance(values, SEVERAL) and any(isinstance(cell, SEVERAL) for cell in values)
    else:
        one_each = isinstance(values, SEVERAL)
    return values if one_each else [values] * count


def _stand_in(missing: Any, feature: Feature) -> Any:
    """`missing` of tables.yaml as a value of the feature's type."""
    return None if missing is None else pa.array([missing]).cast(SCALARS[feature.dtype])[0].as_py()
