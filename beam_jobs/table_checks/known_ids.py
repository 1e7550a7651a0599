"""All ids that the tables of node sets name, for edges and requests to be looked up before there is a graph store."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa

from beam_jobs.table_checks.row_samples import read_all
from beam_jobs.tables.table_files import TableFiles
from beam_jobs.tables.told_places import told_place
from tfgrec.checks.configuration import collected
from tfgrec.config import TablesConfig
from tfgrec.config.tables import as_column
from tfgrec.graph.rows.features import read_ids
from tfgrec.graph.rows.row_checks import RowChecks
from tfgrec.graph.schema import ID, GraphSchema

MOST_IDS = 20_000_000


class KnownIds:
    """Reads a node set's id column, whole, when it is first asked for.

    Args:
      files: the tables that can be read, by name; ids of node sets of others are all taken for known.
      problems: added to, where an id column can't be read.

    Attributes:
      duplicates: by node set that was read, (ids that a row names once more, all ids).
      too_many: node sets of more than MOST_IDS ids, all of which are taken for known.
    """

    def __init__(
        self, tables: TablesConfig, schema: GraphSchema, files: Mapping[str, TableFiles], problems: list[str]
    ) -> None:
        self._tables, self._schema, self._files, self._problems = tables, schema, files, problems
        self._indices: dict[str, pd.Index | None] = {}
        self.duplicates: dict[str, tuple[int, int]] = {}
        self.too_many: list[str] = []

    def look_up(self, node_set: str, ids: np.ndarray) -> np.ndarray:
        """A number for each id, int64 `[num_ids]`; -1 for those that no row of the node set's table names."""
        if node_set not in self._indices:
            self._indices[node_set] = self._read(node_set)
        index = self._indices[node_set]
        return np.zeros(len(ids), np.int64) if index is None else index.get_indexer(ids)

    def read(self, node_set: str) -> None:
        """Reads a node set's ids."""
        self.look_up(node_set, np.empty(0, object))

    def _read(self, node_set: str) -> pd.Index | None:
        """The ids, each once; None where they can't be read, or are too many to be held here."""
        source = self._tables.node_sets[node_set]
        if source.table not in self._files:
            return None
        column, dtype = as_column(source.id), self._schema.node_sets[node_set].features[ID].dtype
        files, before, found, total = self._files[source.table].only([column.column]), len(self._problems), [], 0
        with collected(self._problems):
            for batch in read_all(files, None):
                selection = RowChecks(batch.num_rows).selection()
                with told_place(source.table, files.paths, batch):
                    ids = read_ids(batch, column, dtype, selection)
                values = ids.values.filter(pa.array(selection.kept[ids.rows]))
                total += len(values)
                # What features are read for has one row; others are named again and again.
                found.append(values if source.features else values.unique())
                if sum(map(len, found)) > MOST_IDS:
                    self.too_many.append(node_set)
                    return None
        if not found or len(self._problems) > before:
            return None
        values = pa.chunked_array(found)
        unique = values.unique()
        self.duplicates[node_set] = (len(values) - len(unique) if source.features else 0, total)
        return pd.Index(unique.to_numpy(zero_copy_only=False))
