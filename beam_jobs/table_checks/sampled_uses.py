"""A sample of a table's rows as nodes, edges and requests: what is wrong with them, told all at once."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from beam_jobs.graph_shards.edge_sets import count_wanted
from beam_jobs.graph_shards.where_counts import check_matches
from beam_jobs.records.request_rows import sources_by_table
from beam_jobs.running.facts import Fact
from beam_jobs.table_checks.bad_shares import BadShares
from beam_jobs.table_checks.known_ids import KnownIds
from beam_jobs.table_checks.row_samples import RowSample
from beam_jobs.tables.bad_rows import LOOKING_UP, of_batch
from beam_jobs.tables.splits import NO_SPLIT, TRAIN, splits_of_rows
from beam_jobs.tables.told_places import told_place
from tfgrec.checks.configuration import collected
from tfgrec.config import RunConfig, TablesConfig
from tfgrec.config.tables import Column, RequestSource, TimePart, as_column
from tfgrec.graph.rows.edge_rows import NodeColumns, edges_by_table, read_edges
from tfgrec.graph.rows.features import read_feature, read_id, read_label
from tfgrec.graph.rows.node_rows import node_sets_by_table, read_nodes
from tfgrec.graph.rows.row_checks import RowChecks, RowSelection
from tfgrec.graph.schema import ID, READOUT, GraphSchema


class SampledUses:
    """Reads one table's sample for all that the table is used for.

    Attributes:
      graph: the rows that are bad for nodes and edges.
      requests: those that are bad for requests.
      labels: by label, its values in training rows, float64 arrays.
      candidates: how many training rows were looked at.
    """

    def __init__(
        self,
        table: str,
        paths: Sequence[str],
        config: RunConfig,
        tables: TablesConfig,
        schema: GraphSchema,
        known: KnownIds,
        problems: list[str],
    ) -> None:
        self._table, self._paths, self._config = table, paths, config
        self._tables, self._schema, self._known, self._problems = tables, schema, known, problems
        self._node_sets = node_sets_by_table(tables).get(table, {})
        self._edges = edges_by_table(tables).get(table, [])
        self._sources = sources_by_table(tables).get(table, {})
        self._wheres: dict[tuple, list[Fact]] = {}
        self.graph, self.requests = BadShares(table, "the graph", paths), BadShares(table, "requests", paths)
        self.labels: dict[str, list[np.ndarray]] = {}
        self.candidates = 0

    def read(self, sample: RowSample) -> None:
        """Reads the sample; errors that leave a column unread are problems."""
        self.graph.add(sample.bad_rows if self._node_sets or self._edges else [])
        self.requests.add(sample.bad_rows if self._sources else [])
        for batch in sample.batches:
            checks = RowChecks(batch.num_rows)
            nodes = NodeColumns(batch, self._schema, self._known.look_up)
            self._read_graph(batch, nodes, checks)
            self.graph.add(of_batch(batch, checks, LOOKING_UP))
            checks = RowChecks(batch.num_rows)
            for source in self._sources.values():
                self._read_requests(batch, source, nodes, checks)
            self.requests.add(of_batch(batch, checks, LOOKING_UP))

    def unmatched(self) -> Iterator[str]:
        """What no row has that a `where` wants, a line each."""
        for facts in self._wheres.values():
            told: list[str] = []
            with collected(told):
                check_matches(facts)
            yield from told

    def _read_graph(self, batch: pa.RecordBatch, nodes: NodeColumns, checks: RowChecks) -> None:
        for name, source in self._node_sets.items():
            with collected(self._problems), told_place(self._table, self._paths, batch):
                read_nodes(batch, source, self._schema.node_sets[name], checks)
        for rows in self._edges:
            selection = checks.selection()
            with collected(self._problems), told_place(self._table, self._paths, batch):
                for fact in count_wanted(batch, rows, selection):
                    self._wheres.setdefault((*fact["key"], repr(fact["wanted"])), []).append(fact)
                read_edges(batch, rows.source, self._schema.edge_sets[rows.edge_set], nodes, selection)

    def _read_requests(
        self, batch: pa.RecordBatch, source: RequestSource, nodes: NodeColumns, checks: RowChecks
    ) -> None:
        selection, requests, readout = checks.selection(), self._tables.requests, self._schema.node_sets[READOUT]
        with collected(self._problems), told_place(self._table, self._paths, batch):
            splits = splits_of_rows(batch, self._config.split, selection)
            selection.kept &= splits != NO_SPLIT
            self._read_ids(batch, source.user, requests.user_node_set, nodes, selection)
            self._read_ids(batch, source.item, source.item_node_set, nodes, selection)
            for name, feature in requests.features.items():
                if not isinstance(feature, TimePart):
                    read_feature(batch, as_column(feature), readout.features[name], selection)
            training = splits == self._config.split.parts.index(TRAIN)
            for name, label in requests.labels.items():
                values = read_label(batch, as_column(label), readout.features[name], selection)
                kept = values.to_numpy(zero_copy_only=False)[selection.kept & training].astype(np.float64)
                self.labels.setdefault(name, []).append(kept[~np.isnan(kept)])
            self.candidates += int((selection.kept & training).sum())

    def _read_ids(
        self, batch: pa.RecordBatch, column: str, node_set: str, nodes: NodeColumns, selection: RowSelection
    ) -> None:
        """Rows without an id are bad, and those of an unknown one too where such are not scored."""
        if self._tables.requests.unknown == "score":
            read_id(batch, Column(column=column), self._schema.node_sets[node_set].features[ID].dtype, selection)
        else:
            nodes.nodes(Column(column=column), node_set, selection)
