"""A data set of any size for the jobs: users who watch items, some far more often than others."""

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_ROWS_PER_GROUP = 1_000_000
_FIRST_TIME = 1_700_000_000_000
_DAYS = 30
_MILLISECONDS_PER_DAY = 86_400_000
_FEEDBACK_DELAY_SECONDS = 60
_LAST_TIME = _FIRST_TIME + _DAYS * _MILLISECONDS_PER_DAY

_GRAPH = """
context { features { key: "time" value { dtype: DT_INT64 } } }
node_sets { key: "user" value {
  features { key: "#id" value { dtype: DT_INT64 } }
  features { key: "age" value { dtype: DT_FLOAT } } } }
node_sets { key: "item" value {
  features { key: "#id" value { dtype: DT_INT64 } }
  features { key: "length" value { dtype: DT_FLOAT } } } }
node_sets { key: "_readout" value {
  features { key: "label" value { dtype: DT_FLOAT } } %(degrees)s } }
edge_sets { key: "watched" value {
  source: "user" target: "item" features { key: "time" value { dtype: DT_INT64 } } } }
edge_sets { key: "watched_by" value {
  source: "item" target: "user" features { key: "time" value { dtype: DT_INT64 } } } }
edge_sets { key: "_readout/user" value { source: "user" target: "_readout" } }
edge_sets { key: "_readout/item" value { source: "item" target: "_readout" } }
"""
_TABLES = """
tables:
  users: {path: users.parquet}
  items: {path: items.parquet}
  events: {path: events.parquet, time: {column: time, unit: milliseconds}}
  requests: {path: requests.parquet, time: {column: time, unit: milliseconds}}
node_sets:
  user: {table: users, id: user, features: {age: age}}
  item: {table: items, id: item, features: {length: length}}
edge_sets:
  watched: {sources: [{table: events, source: user, target: item}], feedback_delay_seconds: %(delay)d}
  watched_by: {reverse_of: watched, feedback_delay_seconds: %(delay)d}
requests:
  user_node_set: user
  sources: [{table: requests, user: user, item: item, item_node_set: item}]
  labels: {label: label}
"""
_DEGREES = """
  temporal_degrees:
    user_watched: {of: user, edge_set: watched}
    user_watched_1d: {of: user, edge_set: watched, window_seconds: 86400}
    user_since_watched: {of: user, edge_set: watched, measure: seconds_since_last}
    item_watched: {of: item, edge_set: watched_by}
    item_watched_1d: {of: item, edge_set: watched_by, window_seconds: 86400}
    pair_watched: {of: user, edge_set: watched, shared_with_item: item}
"""
_DEGREE_NAMES = (
    "user_watched", "user_watched_1d", "user_since_watched", "item_watched", "item_watched_1d", "pair_watched"
)  # fmt: skip
_CONFIG = """
name: synthetic
schema_dir: schema
# Of the requests a tenth at random, of whatever time.
split: {{column: part, train: [0, 0], validation: [1, 1], overlap_seconds: 1000000000}}
build: {{shards: {shards}, rows_per_batch: 500000}}
sampling:
  hops:
    - {{watched: {{fan_out: 10, strategy: {strategy}}}}}
    - {{watched_by: {{fan_out: 5, strategy: {strategy}}}}}
  output_shards: 2
model: {{tasks: {{label: {{label: label}}}}}}
"""


@dataclasses.dataclass(frozen=True)
class SyntheticGraph:
    """A written data set: folder of tables, run configuration, and how many of each there are."""

    data: Path
    config: Path
    num_users: int
    num_items: int
    num_events: int
    num_requests: int


def write_synthetic_graph(
    folder: Path, *, num_events: int, num_requests: int, shards: int, strategy: str, degrees: bool, seed: int = 0
) -> SyntheticGraph:
    """Writes tables, schema and configuration: fan-out 10, then 5, for every request.

    With `degrees`, requests carry temporal degrees of user, item and pair, and edges a feedback delay.

    Each event is one edge and its reverse; there is a user for every 50 events, an item for every 500. Requests go
    around the users, at times after all events, so that a sampler that knows no time sees the same edges.
    """
    graph = SyntheticGraph(
        data=folder / "data",
        config=folder / "config.yaml",
        num_users=max(num_events // 50, 100),
        num_items=max(num_events // 500, 50),
        num_events=num_events,
        num_requests=num_requests,
    )
    graph.data.mkdir(parents=True)
    (folder / "schema").mkdir()
    declared = "".join(f'features {{ key: "{name}" value {{ dtype: DT_FLOAT }} }} ' for name in _DEGREE_NAMES)
    (folder / "schema" / "graph.pbtxt").write_text(_GRAPH % {"degrees": declared if degrees else ""})
    delay = _FEEDBACK_DELAY_SECONDS if degrees else 0
    (folder / "schema" / "tables.yaml").write_text(_TABLES % {"delay": delay} + (_DEGREES if degrees else ""))
    graph.config.write_text(_CONFIG.format(shards=shards, strategy=strategy))
    _write_tables(graph, np.random.default_rng(seed))
    return graph


def _write_tables(graph: SyntheticGraph, random: np.random.Generator) -> None:
    users, items = np.arange(graph.num_users), np.arange(graph.num_items)
    _write(graph.data / "users.parquet", {"user": users, "age": random.uniform(10, 80, len(users))})
    _write(graph.data / "items.parquet", {"item": items, "length": random.exponential(60, len(items))})
    requests = np.arange(graph.num_requests)
    columns = {
        "user": random.permutation(graph.num_users)[requests % graph.num_users],
        "item": _uneven(random, graph.num_items, graph.num_requests),
        "time": _LAST_TIME + 1 + requests,
        "label": random.integers(0, 2, graph.num_requests).astype(np.float32),
        "part": (requests % 10 == 0).astype(np.int64),
    }
    _write(graph.data / "requests.parquet", columns)
    writer = None
    for first in range(0, graph.num_events, _ROWS_PER_GROUP):
        table = _events(graph, random, first, min(_ROWS_PER_GROUP, graph.num_events - first))
        writer = writer or pq.ParquetWriter(graph.data / "events.parquet", table.schema)
        writer.write_table(table)
    writer.close()


def _events(graph: SyntheticGraph, random: np.random.Generator, first: int, count: int) -> pa.Table:
    """Events `first` to `first + count` of the log, which is in order of time."""
    span = (_LAST_TIME - _FIRST_TIME) / graph.num_events
    times = _FIRST_TIME + ((first + np.sort(random.uniform(0, count, count))) * span).astype(np.int64)
    users = _uneven(random, graph.num_users, count)
    return pa.table({"user": users, "item": _uneven(random, graph.num_items, count), "time": times})


def _uneven(random: np.random.Generator, bound: int, count: int) -> np.ndarray:
    """Numbers below `bound`, int64 `[count]`: three in ten draws fall into the lowest tenth."""
    return (random.power(0.5, count) * bound).astype(np.int64)


def _write(path: Path, columns: dict[str, np.ndarray]) -> None:
    pq.write_table(pa.table(columns), path)
