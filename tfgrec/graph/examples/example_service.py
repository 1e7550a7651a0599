"""Answers requests online with the tf.Examples that the Beam job would write for them."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfgrec.close_match import suggestion
from tfgrec.config.sampling import SamplingConfig
from tfgrec.config.tables import Requests, TablesConfig
from tfgrec.errors import GraphStoreError, InputDataError, SchemaError
from tfgrec.graph.degrees.mapped_edges import map_edges
from tfgrec.graph.examples.candidate_features import CandidateFeatures
from tfgrec.graph.examples.online_request import OnlineRequest
from tfgrec.graph.examples.request_examples import RequestEncoder
from tfgrec.graph.examples.solo_examples import SoloExamples
from tfgrec.graph.log.live_graph import LiveGraph, Rows
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.schema import ID, READOUT, GraphSchema
from tfgrec.graph.store.files import StorePath
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
        self._encoder = RequestEncoder(store=store, sampling=sampling, degrees=requests.temporal_degrees)
        self.schema = self._encoder.schema
        declared = self.schema.node_sets[READOUT].features
        given = {*requests.features, *requests.labels, *requests.temporal_degrees}
        if given != set(declared):
            raise SchemaError(
                f"tables.yaml and the graph store differ in features of '{READOUT}': {sorted(given ^ set(declared))}"
            )
        self._store, self._user_node_set = store, requests.user_node_set
        self._item_node_sets = sorted({source.item_node_set for source in requests.sources})
        self._features = CandidateFeatures(requests, declared)
        self._solo = SoloExamples(store=store, sampling=sampling, requests=requests)
        self._given = list(requests.features)
        _map_files(store, self.schema, requests)

    @classmethod
    def open(cls, path: StorePath, *, sampling: SamplingConfig, requests: Requests) -> "ExampleService":
        """A service on the graph store in folder `path`.

        Raises:
          GraphStoreError: there is no whole store.
        """
        return cls(store=GraphStore.open(path), sampling=sampling, requests=requests)

    @classmethod
    def open_live(
        cls, path: StorePath, *, sampling: SamplingConfig, tables: TablesConfig, **options: Any
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
          InputDataError: names a request, by its number, whose user, item or node set is unknown, or whose features
            are missing, unknown or of another type, or whose time lies outside 1971 to 2199.
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
        unknown = [dataclasses.replace(request, items=(None,)) for request in requests]
        examples: dict[int, bytes] = {}
        for node_set, of_node_set in self._by_item_node_set(unknown).items():
            _check_requests(of_node_set)
            columns = self._features.columns(of_node_set)
            given = {name: columns[name] for name in self._given}
            with self._store.reading():
                encoded = self._solo.users(self._users(of_node_set), _times(of_node_set), node_set, given)
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
        _check_requests(requests)
        items = [(number, item) for number, request in requests.items() for item in request.items]
        return RequestBatch(
            users=self._users(requests),
            times=_times(requests),
            item_node_set=item_node_set,
            items=self._nodes(item_node_set, items),
            candidate_splits=np.cumsum([0, *(len(request.items) for request in requests.values())]),
            readout=self._features.columns(requests),
        )

    def _users(self, requests: Mapping[int, OnlineRequest]) -> np.ndarray:
        return self._nodes(self._user_node_set, [(number, request.user) for number, request in requests.items()])

    def _nodes(self, node_set: str, ids: Sequence[tuple[int, int | str]]) -> np.ndarray:
        """Dense ids of raw ids, each beside its request's number."""
        dtype = self._store.schema.node_sets[node_set].features[ID].dtype
        fits = _is_int64 if dtype == "int64" else _is_text
        for number, raw in ids:
            if not fits(raw):
                raise InputDataError(f"request {number}: {node_set}: expected an id of {dtype}, received {raw!r}")
        nodes = self._store.lookup(node_set, [raw for _, raw in ids])
        if nodes.min() < 0:
            number, raw = ids[int(np.argmin(nodes))]
            raise InputDataError(f"request {number}: {node_set} {raw!r} is not in the graph")
        return nodes


def _check_requests(requests: Mapping[int, OnlineRequest]) -> None:
    for number, request in requests.items():
        if not isinstance(request.items, list | tuple | np.ndarray):
            raise InputDataError(f"request {number}: items: expected a list of ids, received {request.items!r}")
        if len(request.items) == 0:
            raise InputDataError(f"request {number}: has no candidate items")
        if not _is_whole(request.time):
            raise InputDataError(f"request {number}: time: expected milliseconds since 1970, received {request.time!r}")
        problem = time_problem(int(request.time))
        if problem is not None:
            raise InputDataError(f"request {number}: time: {problem}")


def _times(requests: Mapping[int, OnlineRequest]) -> np.ndarray:
    return np.array([request.time for request in requests.values()], np.int64)


def _map_files(store: GraphStore, schema: GraphSchema, requests: Requests) -> None:
    """Maps the files that every request needs, so that the first one does not wait for it."""
    map_edges(store, requests.temporal_degrees.values())
    histories = schema.history_node_sets.values()
    for edge_set in {*schema.stored_edge_sets, *(history.of_edge_set for history in histories)}:
        store.adjacency(edge_set)
    for node_set in {*schema.stored_node_sets, *(history.target for history in histories)}:
        store.node_index(node_set)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_int64(value: Any) -> bool:
    return _is_whole(value) and -(1 << 63) <= value < 1 << 63


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
