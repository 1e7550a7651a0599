"""Rows of a log as candidates of requests: users and items looked up, features and labels read, bad rows found."""

from collections.abc import Iterator, Mapping, Sequence

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_jobs.records.unknown_in_shards import ITEM_ID, USER_ID, hashes_of_users
from beam_jobs.running.arrow_shuffle import ShardKey, split
from beam_jobs.tables.bad_rows import LOOKING_UP, of_batch, tagged
from beam_jobs.tables.read_table import FACTS
from beam_jobs.tables.splits import NO_SPLIT, span_of_rows, splits_of_rows, times_of_split
from beam_jobs.tables.told_places import told_place
from tfgrec.config import RunConfig, TablesConfig
from tfgrec.config.tables import Column, RequestSource, TimePart, as_column
from tfgrec.graph.examples.time_parts import time_part
from tfgrec.graph.rows.cells import read_cells
from tfgrec.graph.rows.edge_rows import ROW_TIME
from tfgrec.graph.rows.features import read_feature, read_id, read_label, reject_unreadable
from tfgrec.graph.rows.row_checks import RowChecks, RowSelection
from tfgrec.graph.schema import ID, Feature
from tfgrec.graph.store.columns import column_of
from tfgrec.graph.store.graph_store import GraphStore

# Columns of the candidates beside their features and labels: nodes, the number of the source in tables.yaml, and the
# values of the `group_by` columns as one text.
USER, ITEM, REQUEST_SOURCE, GROUP = "#user", "#item", "#source", "#group"
_GROUP_SEPARATOR = "\x1f"


def sources_by_table(tables: TablesConfig) -> dict[str, dict[int, RequestSource]]:
    """The sources of requests by table, each with its number."""
    by_table: dict[str, dict[int, RequestSource]] = {}
    for number, source in enumerate(tables.requests.sources):
        by_table.setdefault(source.table, {})[number] = source
    return by_table


def request_columns(source: RequestSource, config: RunConfig, tables: TablesConfig) -> list[str]:
    """The columns that a source of requests is read from, those of its time aside."""
    requests = tables.requests
    features = [column for column in requests.features.values() if not isinstance(column, TimePart)]
    read = [as_column(column).column for column in (*features, *requests.labels.values())]
    return [source.user, source.item, *source.group_by, config.split.column, *read]


class ReadRequests(beam.DoFn):
    """Batches of one table -> ((split, shard), candidates); a user's requests all fall into one shard of a split."""

    def __init__(
        self,
        table: str,
        paths: Sequence[str],
        sources: Mapping[int, RequestSource],
        config: RunConfig,
        tables: TablesConfig,
        readout: Mapping[str, Feature],
        graph_dir: str,
    ) -> None:
        self._table, self._paths = table, tuple(paths)
        self._sources, self._config, self._requests = sources, config, tables.requests
        self._readout, self._graph_dir = readout, graph_dir

    def setup(self) -> None:
        self._store = GraphStore.open(self._graph_dir)

    def process(self, batch: pa.RecordBatch) -> Iterator[tuple[ShardKey, bytes]]:
        with told_place(self._table, self._paths, batch):
            yield beam.pvalue.TaggedOutput(FACTS, span_of_rows(batch, self._config.split))
        checks = RowChecks(batch.num_rows)
        for number, source in self._sources.items():
            selection = checks.selection()
            with told_place(self._table, self._paths, batch):
                splits = splits_of_rows(batch, self._config.split, selection)
                selection.kept &= splits != NO_SPLIT
                candidates = self._read(batch, number, source, selection)
            splits = splits[selection.kept]
            for split_number, name in enumerate(self._config.split.parts):
                chosen = candidates.filter(pa.array(splits == split_number))
                for fact in times_of_split(name, column_of(chosen, ROW_TIME)):
                    yield beam.pvalue.TaggedOutput(FACTS, fact)
                for shard, part in split(chosen, self._shards(chosen)):
                    yield (name, shard), part
        yield from tagged(self._table, of_batch(batch, checks, LOOKING_UP))

    def _read(
        self, batch: pa.RecordBatch, number: int, source: RequestSource, selection: RowSelection
    ) -> pa.RecordBatch:
        columns = {
            **self._nodes(batch, (USER, USER_ID), source.user, self._requests.user_node_set, selection),
            **self._nodes(batch, (ITEM, ITEM_ID), source.item, source.item_node_set, selection),
            ROW_TIME: column_of(batch, ROW_TIME),
            REQUEST_SOURCE: pa.array(np.full(batch.num_rows, number, np.int32)),
            GROUP: _group_names(batch, source.group_by, selection),
        }
        for name, feature in self._requests.features.items():
            columns[name] = self._feature(batch, name, feature, selection)
        for name, label in self._requests.labels.items():
            columns[name] = read_label(batch, as_column(label), self._readout[name], selection)
        kept = [selection.filter(column) for column in columns.values()]
        return pa.RecordBatch.from_arrays(kept, names=list(columns))

    def _nodes(
        self, batch: pa.RecordBatch, names: tuple[str, str], column: str, node_set: str, selection: RowSelection
    ) -> dict[str, pa.Array]:
        """Dense ids, and where unknown ones are scored (then they are -1), the raw ids as text."""
        dtype = self._store.schema.node_sets[node_set].features[ID].dtype
        ids = read_id(batch, Column(column=column), dtype, selection)
        nodes = self._store.lookup(node_set, ids.to_numpy(zero_copy_only=False))
        if self._requests.unknown == "score":
            raw = pc.if_else(pa.array(nodes < 0), ids.cast(pa.string()), pa.scalar(None, pa.string()))
            return {names[0]: pa.array(nodes), names[1]: raw}
        selection.reject(nodes < 0, f"{column}: is no known {node_set}")
        return {names[0]: pa.array(nodes)}

    def _feature(
        self, batch: pa.RecordBatch, name: str, feature: TimePart | Column | str, selection: RowSelection
    ) -> pa.Array:
        if isinstance(feature, TimePart):
            return pa.array(time_part(column_of(batch, ROW_TIME).to_numpy(), feature))
        return read_feature(batch, as_column(feature), self._readout[name], selection)

    def _shards(self, candidates: pa.RecordBatch) -> np.ndarray:
        raw = column_of(candidates, USER_ID) if self._requests.unknown == "score" else None
        hashes = hashes_of_users(self._store, self._requests.user_node_set, column_of(candidates, USER).to_numpy(), raw)
        return (hashes % np.uint64(self._config.sampling.output_shards)).astype(np.int64)


def _group_names(batch: pa.RecordBatch, group_by: list[str], selection: RowSelection) -> pa.Array:
    if not group_by:
        return pa.array([""] * batch.num_rows, pa.string())
    texts = []
    for name in group_by:
        cells = read_cells(column_of(batch, name), "string", ids=True)
        reject_unreadable(cells, name, selection)
        texts.append(cells.filled(""))
    return pc.binary_join_element_wise(*texts, _GROUP_SEPARATOR)
