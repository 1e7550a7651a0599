"""Finds what records carry of their requests' future: reads the encoded records, and knows nothing of the sampler."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pyarrow as pa

from beam_jobs.records.events import Events
from beam_jobs.records.target_edges import TargetEdges, Ties
from beam_jobs.tfrecords.column_decoder import ColumnDecoder
from beam_jobs.tfrecords.decoded_columns import flat_values
from tfgrec.config import TablesConfig
from tfgrec.config.temporal_degrees import NO_EDGE
from tfgrec.data.target_edges import leaking_edge_sets
from tfgrec.graph.computed.computed_features import computed_features
from tfgrec.graph.schema import READOUT, TIME, Feature, GraphSchema

_REQUEST_TIME = f"context/{TIME}"
_MILLISECOND = 1e-3


@dataclasses.dataclass(frozen=True)
class Leak:
    """A record, by its position, with something of its future."""

    record: int
    problem: str


@dataclasses.dataclass(frozen=True)
class Findings:
    """What a check of some records looked at and found.

    Attributes:
      records: how many there were.
      edges: those with times, by edge set.
      events: those of histories, with times or without, by history.
      target_edges: edges and events that tie the request's user to one of its candidates, with times or without, by
        edge set and history.
      leaks: what none of the records may have.
    """

    records: int
    edges: dict[str, int]
    events: dict[str, int]
    target_edges: dict[str, int]
    leaks: list[Leak]


class LeakageCheck:
    """Checks serialized records against the schema of the records and the configuration of the tables.

    Every edge of an edge set with times has to have one, with time + feedback delay < the request's time, and so has
    every event of a history: those that tie the request's user to one of its candidates too, and these must not be of
    an edge set without times that a log of requests feeds. Where the seconds since the newest edge are a request
    feature, they have to be more than the delay, or -1 for no edge.
    """

    def __init__(self, schema: GraphSchema, tables: TablesConfig, delays: Mapping[str, int]) -> None:
        self._delays = delays
        self._edge_sets = [name for name, edges in schema.stored_edge_sets.items() if edges.timed]
        self._seconds_since = {
            name: min(delays[edge_set] for edge_set in edge_sets)
            for name, feature in computed_features(tables.requests).items()
            if (edge_sets := feature.kind.aged_edge_sets(feature.definition))
        }
        self._target_edges, self._events = TargetEdges(schema), Events(schema)
        self._leaking = dict(leaking_edge_sets(schema, tables))
        self._decoder = ColumnDecoder(self._columns())

    def check(self, records: Sequence[bytes]) -> Findings:
        """Looks at records, one a tf.Example."""
        batch = self._decoder.decode(records)
        times, leaks = _request_times(batch)
        ties, events = self._target_edges.ties(batch), self._events.records(batch)
        edges = {}
        for name in self._edge_sets:
            edges[name], found = _check_times(batch, "edges", name, times, self._delays[name])
            leaks += found
        for name, edge_set in self._events.timed.items():
            _, found = _check_times(batch, "nodes", name, times, self._delays[edge_set])
            leaks += found
        target_edges = {name: int(of_edge_set.tied.sum()) for name, of_edge_set in ties.items()}
        for name, of_edge_set in ties.items():
            leaks += self._check_ties(name, of_edge_set)
        for name, tied in self._events.tied(batch).items():
            target_edges[name] = int(tied.sum())
            leaks += self._check_events(name, events[name][tied])
        for name, delay in self._seconds_since.items():
            leaks += _check_seconds_since(batch, name, delay)
        num_events = {name: len(of_history) for name, of_history in events.items()}
        return Findings(len(records), edges, num_events, target_edges, leaks)

    def _check_events(self, name: str, tied: np.ndarray) -> list[Leak]:
        """`tied` are the records of the events of a history that are of candidates."""
        edge_set = self._events.of_candidates[name]
        if edge_set not in self._leaking or name in self._events.timed:
            return []
        problem = "events without a time are of the request's candidates"
        return [
            Leak(int(record), f"node set '{name}', fed by '{self._leaking[edge_set]}': {count} {problem}")
            for record, count in zip(*np.unique(tied, return_counts=True), strict=True)
        ]

    def _check_ties(self, name: str, ties: Ties) -> list[Leak]:
        leaks = [
            Leak(int(record), f"edge set '{name}': names nodes that the record does not have") for record in ties.strays
        ]
        if name in self._leaking:
            for record, count in zip(*np.unique(ties.records[ties.tied], return_counts=True), strict=True):
                problem = f"{count} edges without a time tie the request's user to its candidates"
                leaks.append(Leak(int(record), f"edge set '{name}', fed by '{self._leaking[name]}': {problem}"))
        return leaks

    def _columns(self) -> dict[str, Feature]:
        """The columns to decode; the others are left alone."""
        integers = [f"edges/{name}.{part}" for name in self._edge_sets for part in ("#size", TIME)]
        columns = dict.fromkeys((_REQUEST_TIME, *integers), Feature("int64"))
        columns |= {f"nodes/{READOUT}.{name}": Feature("float32") for name in self._seconds_since}
        return columns | self._target_edges.columns() | self._events.columns()


def _request_times(batch: pa.RecordBatch) -> tuple[np.ndarray, list[Leak]]:
    """The time of each request; one without is told of and gets -1, before which no edge can be."""
    values, records = _numbers(batch, _REQUEST_TIME)
    times = np.full(batch.num_rows, -1, np.int64)
    times[records] = values
    return times, [Leak(int(record), f"no {_REQUEST_TIME}") for record in np.flatnonzero(times < 0)]


def _check_times(
    batch: pa.RecordBatch, kind: Literal["nodes", "edges"], name: str, times: np.ndarray, delay: int
) -> tuple[int, list[Leak]]:
    """The number of edges of a set, or of events of a history, that have times; and what is wrong with these.

    `times` are the requests', int64 `[num_records]`, `delay` is in milliseconds.
    """
    where, members = (f"edge set '{name}'", "edges") if kind == "edges" else (f"node set '{name}'", "events")
    sizes, _ = _numbers(batch, f"{kind}/{name}.#size")
    own_times, records = _numbers(batch, f"{kind}/{name}.{TIME}")
    counts = np.bincount(records, minlength=batch.num_rows)
    if len(sizes) != batch.num_rows:
        return int(counts.sum()), [Leak(0, f"{where}: records without a number of {members}")]
    leaks = [
        Leak(int(record), f"{where}: {sizes[record]} {members}, {counts[record]} of which have a time")
        for record in np.flatnonzero(sizes != counts)
    ]
    late = own_times + delay >= times[records]
    newest = np.zeros(batch.num_rows, np.int64)
    np.maximum.at(newest, records[late], own_times[late])
    for record, count in zip(*np.unique(records[late], return_counts=True), strict=True):
        problem = f"that a request at {times[record]} can't have seen, the newest at {newest[record]}"
        leaks.append(Leak(int(record), f"{where}: {count} {members} {problem}, feedback delay {delay} ms"))
    return int(counts.sum()), leaks


def _check_seconds_since(batch: pa.RecordBatch, name: str, delay: int) -> list[Leak]:
    seconds, records = _numbers(batch, f"nodes/{READOUT}.{name}")
    limit = np.float32(delay / 1_000)
    # Float32 can't tell a millisecond more than a delay of many hours from the delay itself.
    at_limit = (seconds == limit) & (np.spacing(limit) < _MILLISECOND)
    early = (seconds != NO_EDGE) & ((seconds < limit) | at_limit)
    return [
        Leak(int(record), f"'{name}': {value:g} seconds since an edge, feedback delay {delay} ms")
        for record, value in zip(records[early], seconds[early], strict=True)
    ]


def _numbers(batch: pa.RecordBatch, name: str) -> tuple[np.ndarray, np.ndarray]:
    """All values of a column of lists of numbers, and the record of each."""
    values, records = flat_values(batch, name)
    return values.to_numpy(), records
