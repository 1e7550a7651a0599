"""Answers requests online with the tf.Examples that the Beam job would write for them."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfgrec.close_match import suggestion
from tfgrec.config.sampling import SamplingConfig
from tfgrec.config.tables import Requests, TablesConfig
from tfgrec.errors import GraphStoreError, InputDataError, SchemaError
from tfgrec.files import StrPath
from tfgrec.graph.computed.computed_features import computed_features, map_files
from tfgrec.graph.examples.asked_nodes import AskedNodes, is_whole
from tfgrec.graph.examples.candidate_features import CandidateFeatures
from tfgrec.graph.examples.online_request import OnlineRequest
from tfgrec.graph.examples.request_examples import RequestEncoder
from tfgrec.graph.examples.solo_examples import SoloExamples
from tfgrec.graph.examples.told_values import told_value
from tfgrec.graph.log.live_graph import LiveGraph, Rows
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.schema import READOUT, GraphSchema
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.graph.times import time_problem


class ExampleService:
    """Makes tf.Examples of requests from a graph store: equal, byte for byte, to those of beam_jobs.sample_subgraphs.

    Several threads may ask one service. The store's files are mapped, not read: the first requests that touch a page
    wait for the disk.

    Args:
      store: the graph.
      sampling: the plan that the model's training records were sampled by.
      requests: the requests of tables.yaml.

    Attributes:
      schema: what a record holds, labels included.

    Raises:
      SchemaError: `requests` and the store's schema name different features.
      ConfigurationError: the plan names an edge set that the store does not have.
    """

    def __init__(self, *, store: GraphStore, sampling: SamplingConfig, requests: Requests) -> None:
        computed = computed_features(requests)
        self._encoder = RequestEncoder(store=store, sampling=sampling, computed=computed)
        self.schema = self._encoder.schema
        declared = self.schema.node_sets[READOUT].features
        given = {*requests.features, *requests.labels, *computed}
        if given != set(declared):
            raise SchemaError(
                f"tables.yaml and the graph store differ in features of '{READOUT}': {sorted(given ^ set(declared))}"
            )
        self._store, self._requests = store, requests
        self._item_node_sets = sorted({source.item_node_set for source in requests.sources})
        self._features = CandidateFeatures(requests, declared)
        self._solo = SoloExamples(store=store, sampling=sampling, requests=requests)
        self._given = list(requests.features)
        map_files(store, computed)
        _map_files(store, self.schema)

    @classmethod
    def open(cls, path: StrPath, *, sampling: SamplingConfig, requests: Requests) -> "ExampleService":
        """A service on the graph store in folder `path`.

        Raises:
          GraphStoreError: there is no whole store.
        """
        return cls(store=GraphStore.open(path), sampling=sampling, requests=requests)

    @classmethod
    def open_live(
        cls, path: StrPath, *, sampling: SamplingConfig, tables: TablesConfig, **options: Any
    ) -> "ExampleService":
        """A service that sees the store in folder `path` and the events of its log; `options` are those of LiveGraph.

        Raises:
          GraphStoreError: there is no whole store, or the log is damaged.
        """
        return cls(
            store=LiveGraph.open_live(path, tables=tables, **options), sampling=sampling, requests=tables.requests
        )

    def append(self, events: Mapping[str, Rows]) -> int:
        """Appends rows of tables, by the tables' names, as tables.yaml describes them: the next request sees them.

        Outcomes are seen once their feedback delays have passed. Rows that name nodes which the graph does not know
        become edges once these nodes' rows come. Derived edges stay as they were built.

        Returns:
          The position of the log's end.

        Raises:
          GraphStoreError: the service was not opened by `open_live`, or another process writes to the log.
          InputDataError: names the first row or column that can't be read; then nothing is appended.
        """
        if not isinstance(self._store, LiveGraph):
            raise GraphStoreError("this service has no log of events: open it with ExampleService.open_live")
        return self._store.append(events)

    def example(self, **request: Any) -> bytes:
        """The serialized tf.Example of one request; takes what OnlineRequest takes.

        Raises:
          InputDataError: see `examples`.
        """
        return self.examples([OnlineRequest(**request)])[0]

    def examples(self, requests: Sequence[OnlineRequest], *, with_items: bool = True) -> list[bytes]:
        """The serialized tf.Examples of requests, in their order; many at once take much less time than one by one.

        Without items they are what signature `rank_cached` ranks by item states from a cache: they have the users'
        subgraphs and all features of candidates, counts of items included.

        Raises:
          InputDataError: names a request, by its number, whose node set is unknown, or whose features are missing,
            unknown or of another type, or whose time lies outside 1971 to 2199; and where `requests.unknown` is not
            `score`, whose user or item is unknown, or who has no item.
        """
        examples: dict[int, bytes] = {}
        with self._store.reading():
            for node_set, of_node_set in self._by_item_node_set(requests).items():
                encoded = self._encoder.encode(self._batch(node_set, of_node_set), with_items=with_items)
                examples.update(zip(of_node_set, encoded.examples, strict=True))
        return [examples[number] for number in range(len(requests))]

    def query_examples(self, requests: Sequence[OnlineRequest]) -> list[bytes]:
        """The serialized tf.Examples of requests whose candidates are not known yet, for an index to find them.

        The requests' `items` are not read; `item_node_set` is what to look for.

        Raises:
          InputDataError: see `examples`.
        """
        # One candidate, which stands for no item, carries a request's features.
        unknown = [dataclasses.replace(request, items=(None,), item_features=None) for request in requests]
        examples: dict[int, bytes] = {}
        for node_set, of_node_set in self._by_item_node_set(unknown).items():
            _check_requests(of_node_set)
            columns = self._features.columns(of_node_set)
            given = {name: columns[name] for name in self._given}
            with self._store.reading():
                asked = AskedNodes(self._store, self._requests)
                users = self._users(asked, of_node_set)
                encoded = self._solo.users(users, _times(of_node_set), node_set, given, asked.unknown())
            examples.update(zip(of_node_set, encoded, strict=True))
        return [examples[number] for number in range(len(requests))]

    def _by_item_node_set(self, requests: Sequence[OnlineRequest]) -> dict[str, dict[int, OnlineRequest]]:
        by_node_set: dict[str, dict[int, OnlineRequest]] = {}
        for number, request in enumerate(requests):
            by_node_set.setdefault(self._item_node_set(number, request), {})[number] = request
        return by_node_set

    def _item_node_set(self, number: int, request: OnlineRequest) -> str:
        known = self._item_node_sets
        if request.item_node_set is None and len(known) == 1:
            return known[0]
        if request.item_node_set not in known:
            problem = "is missing" if request.item_node_set is None else f"'{request.item_node_set}' is unknown"
            hint = suggestion(request.item_node_set or "", known)
            raise InputDataError(f"request {number}: item_node_set {problem}: {hint}")
        return request.item_node_set

    def _batch(self, item_node_set: str, requests: Mapping[int, OnlineRequest]) -> RequestBatch:
        _check_requests(requests, may_be_empty=self._requests.unknown == "score")
        asked = AskedNodes(self._store, self._requests)
        items = [(number, item) for number, request in requests.items() for item in request.items]
        return RequestBatch(
            users=self._users(asked, requests),
            times=_times(requests),
            item_node_set=item_node_set,
            items=asked.nodes(item_node_set, items, "item_features", _item_content(requests)),
            candidate_splits=np.cumsum([0, *(len(request.items) for request in requests.values())]),
            readout=self._features.columns(requests),
            unknown=asked.unknown(),
        )

    def _users(self, asked: AskedNodes, requests: Mapping[int, OnlineRequest]) -> np.ndarray:
        ids = [(number, request.user) for number, request in requests.items()]
        content = [request.user_features for request in requests.values()]
        return asked.nodes(self._requests.user_node_set, ids, "user_features", content)


def _check_requests(requests: Mapping[int, OnlineRequest], *, may_be_empty: bool = False) -> None:
    for number, request in requests.items():
        if not isinstance(request.items, list | tuple | np.ndarray):
            raise InputDataError(f"request {number}: items: expected a list of ids, received {request.items!r}")
        if len(request.items) == 0 and not may_be_empty:
            raise InputDataError(f"request {number}: has no candidate items")
        if not is_whole(request.time):
            raise InputDataError(
                f"request {number}: time: expected milliseconds since 1970, received {told_value(request.time)}"
            )
        problem = time_problem(int(request.time))
        if problem is not None:
            raise InputDataError(f"request {number}: time: {problem}")


def _item_content(requests: Mapping[int, OnlineRequest]) -> list[Mapping[str, Any] | None] | None:
    """What is said of each candidate; None where nothing is."""
    if all(request.item_features is None for request in requests.values()):
        return None
    content: list[Mapping[str, Any] | None] = []
    for number, request in requests.items():
        given = [None] * len(request.items) if request.item_features is None else request.item_features
        if not isinstance(given, list | tuple) or len(given) != len(request.items):
            problem = f"expected a list of one for each of {len(request.items)} candidates, received {given!r}"
            raise InputDataError(f"request {number}: item_features: {problem}")
        content += given
    return content


def _times(requests: Mapping[int, OnlineRequest]) -> np.ndarray:
    return np.array([request.time for request in requests.values()], np.int64)


def _map_files(store: GraphStore, schema: GraphSchema) -> None:
    """Maps the files that sampling every request needs, so that the first one does not wait for it."""
    histories = schema.history_node_sets.values()
    for edge_set in {*schema.stored_edge_sets, *(history.of_edge_set for history in histories)}:
        store.adjacency(edge_set)
    for node_set in {*schema.stored_node_sets, *(history.target for history in histories)}:
        store.node_index(node_set)
