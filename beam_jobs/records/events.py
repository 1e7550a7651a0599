"""The events of records' histories: their times, and which of them are of the request's own candidates."""

import numpy as np
import pyarrow as pa

from beam_jobs.records.target_edges import ReadNodes
from beam_jobs.tfrecords.decoded_columns import flat_values
from tfgrec.graph.schema import ID, TIME, Feature, GraphSchema

_INTEGER = Feature("int64")


class Events:
    """Reads histories off decoded records.

    Attributes:
      timed: the histories whose events have times, and the edge set of each.
      of_candidates: the histories that may name candidates, and the edge set of each.
    """

    def __init__(self, schema: GraphSchema) -> None:
        histories, self._readouts = schema.history_node_sets, schema.item_readouts()
        self._histories, self._schema = histories, schema
        self.timed = {name: of.of_edge_set for name, of in histories.items() if TIME in of.features}
        self.of_candidates = {name: of.of_edge_set for name, of in histories.items() if of.target in self._readouts}

    def columns(self) -> dict[str, Feature]:
        """The columns of the records that have to be decoded, and their types."""
        columns = {}
        for name, history in self._histories.items():
            columns |= {f"nodes/{name}.#size": _INTEGER, f"nodes/{name}.{ID}": history.features[ID]}
            columns |= {f"nodes/{name}.{TIME}": _INTEGER} if name in self.timed else {}
            if name in self.of_candidates:
                columns[f"edges/{self._readouts[history.target]}.#source"] = _INTEGER
                columns[f"nodes/{history.target}.{ID}"] = self._schema.node_sets[history.target].features[ID]
        return columns

    def records(self, batch: pa.RecordBatch) -> dict[str, np.ndarray]:
        """The record, int64 `[num_events]`, of each event by history."""
        return {name: flat_values(batch, f"nodes/{name}.{ID}")[1] for name in self._histories}

    def tied(self, batch: pa.RecordBatch) -> dict[str, np.ndarray]:
        """Whether each event is of one of its record's candidates, bool `[num_events]` by history."""
        return {name: self._tied(batch, name) for name in self.of_candidates}

    def _tied(self, batch: pa.RecordBatch, name: str) -> np.ndarray:
        target = self._histories[name].target
        candidates = ReadNodes(batch, target, self._readouts[target])
        ids, records = flat_values(batch, f"nodes/{name}.{ID}")
        # Ids of both columns are told apart by one dictionary.
        codes = pa.concat_arrays([candidates.ids, ids]).dictionary_encode().indices.to_numpy().astype(np.int64)
        keys = np.concatenate([candidates.records, records]) * max(len(codes), 1) + codes
        return np.isin(keys[len(candidates.ids) :], keys[: len(candidates.ids)])
