"""A kind of computed features that nobody knows of but the list: records, service, checks and audit have it."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import small_records
import tensorflow as tf

from beam_jobs.records import recounted_records
from beam_jobs.records.recounted_records import RecordRecount
from tfgrec.checks import tables_check
from tfgrec.config import TablesConfig
from tfgrec.config.base import FrozenConfig
from tfgrec.config.tables import Requests
from tfgrec.errors import InputDataError, SchemaError
from tfgrec.graph.computed import computed_features
from tfgrec.graph.computed.kind import ComputedKind, Recount
from tfgrec.graph.computed.temporal_degrees import TemporalDegrees
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.examples.online_request import OnlineRequest
from tfgrec.graph.examples.solo_examples import SoloExamples
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.store.graph_store import GraphStore


class DistinctNeighbours(FrozenConfig):
    """How many different nodes the user's visible edges lead to."""

    edge_set: str


@dataclasses.dataclass(frozen=True)
class _Plan:
    definitions: Mapping[str, DistinctNeighbours]

    def count(self, store: GraphStore, requests: RequestBatch) -> dict[str, np.ndarray]:
        return {name: self._of(store, of.edge_set, requests) for name, of in self.definitions.items()}

    def _of(self, store: GraphStore, edge_set: str, requests: RequestBatch) -> np.ndarray:
        users = zip(requests.users, requests.times, strict=True)
        counts = np.array([len(set(_targets(store, edge_set, user, time))) for user, time in users], np.float32)
        return counts[requests.candidate_requests]


def _targets(store: GraphStore, edge_set: str, node: int, time: int) -> list[int]:
    (first,), (last,) = store.adjacency(edge_set).row_bounds(np.array([node]))
    positions = np.arange(first, last)
    positions = positions[store.adjacency(edge_set).times(positions) < time]
    return store.adjacency(edge_set).targets(positions).tolist()


class DistinctNeighbourCounts(ComputedKind):
    section = "distinct_neighbours"

    def mismatches(self, schema: Any, tables: TablesConfig) -> Iterator[str]:
        for name, of in tables.requests.distinct_neighbours.items():
            if of.edge_set not in schema.stored_edge_sets:
                yield f"requests.{self.section}.{name}.edge_set: unknown edge set '{of.edge_set}'"

    def plan(self, schema: Any, definitions: Mapping[str, DistinctNeighbours], item_node_set: str) -> _Plan:
        return _Plan(definitions)

    def absent(self, definition: DistinctNeighbours) -> float:
        return 7.0

    def own_side(self, definition: DistinctNeighbours) -> str:
        return "user"

    def recount(self, store: GraphStore, delays: Mapping[str, int], time: int) -> Recount:
        return lambda of, candidate: float(len(np.unique(_targets(store, of.edge_set, candidate.user, time))))


class OwnRequests(Requests):
    distinct_neighbours: dict[str, DistinctNeighbours] = {}


class OwnTables(TablesConfig):
    requests: OwnRequests


TABLES = small_records.TABLES | {
    "requests": {
        **{name: value for name, value in small_records.TABLES["requests"].items() if name != "temporal_degrees"},
        "distinct_neighbours": {"user_watched": {"edge_set": "watched"}},
    }
}
ASKED = {"user": 107, "time": 900, "items": [503, 501], "features": {"scenario": "feed", "hour": 3}}


@pytest.fixture(autouse=True)
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list, with one kind more, wherever it is read."""
    for module in (computed_features, tables_check, recounted_records):
        monkeypatch.setattr(module, "KINDS", (TemporalDegrees(), DistinctNeighbourCounts()))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> GraphStore:
    return small_records.write_store(tmp_path_factory.mktemp("another"))


@pytest.fixture
def tables() -> OwnTables:
    return OwnTables.model_validate(TABLES)


def of_record(record: bytes) -> list[float]:
    return list(tf.train.Example.FromString(record).features.feature["nodes/_readout.user_watched"].float_list.value)


def test_the_service_counts_it_and_takes_it_from_nobody(store: GraphStore, tables: OwnTables) -> None:
    service = ExampleService(store=store, sampling=small_records.SAMPLING, requests=tables.requests)
    request = OnlineRequest(**{**ASKED, "time": 1_651_795_200_900})
    expected = len(set(_targets(store, "watched", int(store.lookup("user", np.array([107]))[0]), request.time)))
    assert of_record(service.examples([request])[0]) == [expected] * 2 and expected > 1
    with pytest.raises(InputDataError, match="'user_watched' is counted in the graph: leave it out"):
        service.examples([dataclasses.replace(request, features={**request.features, "user_watched": 3})])


def test_an_item_alone_has_the_absent_value_and_a_user_alone_its_own(store: GraphStore, tables: OwnTables) -> None:
    solo = SoloExamples(store=store, sampling=small_records.SAMPLING, requests=tables.requests)
    assert of_record(solo.items("video", np.array([2]), np.array([900]))[0]) == [7.0]
    expected = len(set(_targets(store, "watched", 4, 900)))
    assert of_record(solo.users(np.array([4]), np.array([900]), "video", None)[0]) == [expected]


def test_checks_name_its_section(tables: OwnTables) -> None:
    with pytest.raises(SchemaError) as problems:
        wrong = {"user_watched": {"edge_set": "watchd"}, "user_seen": {"edge_set": "watched"}}
        requests = {**TABLES["requests"], "distinct_neighbours": wrong}
        tables_check.check_tables(small_records.SCHEMA, OwnTables.model_validate({**TABLES, "requests": requests}), "t")
    text = str(problems.value)
    assert "requests.distinct_neighbours.user_watched.edge_set: unknown edge set 'watchd'" in text
    assert "requests.distinct_neighbours: 'user_seen' is no feature of '_readout'" in text


def test_the_audit_counts_it_again(store: GraphStore, tables: OwnTables) -> None:
    service = ExampleService(store=store, sampling=small_records.SAMPLING, requests=tables.requests)
    record = service.examples([OnlineRequest(**{**ASKED, "time": 1_651_795_200_900})])[0]
    recount = RecordRecount(store, service.schema, tables, dict.fromkeys(small_records.SCHEMA.stored_edge_sets, 0))
    found = recount.check([record])
    assert found.leaks == [] and found.values == {"user_watched": 2}
    example = tf.train.Example.FromString(record)
    example.features.feature["nodes/_readout.user_watched"].float_list.value[1] += 1
    [leak] = recount.check([example.SerializeToString()]).leaks
    assert "'user_watched' of candidate 1" in leak.problem
