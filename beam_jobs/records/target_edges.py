"""Which edges of a record tie the request's own user to one of its candidates."""

import dataclasses

import numpy as np
import pyarrow as pa

from beam_jobs.tfrecords.decoded_columns import flat_values
from tfgrec.data.target_edges import edge_sets_between_users_and_items
from tfgrec.graph.schema import ID, USER_READOUT, Feature, GraphSchema

_INTEGER = Feature("int64")
_NOWHERE = -1


@dataclasses.dataclass(frozen=True)
class Ties:
    """Edges of one edge set.

    Attributes:
      tied: whether each edge ties the user to a candidate, bool `[num_edges]`.
      records: the record, int64 `[num_edges]`, of each edge.
      strays: records whose edges or candidates name nodes that are not there.
    """

    tied: np.ndarray
    records: np.ndarray
    strays: np.ndarray


class TargetEdges:
    """Compares the nodes at the ends of edges with those of the readout, by their raw ids, whatever their numbers.

    Attributes:
      edge_sets: those between the users and the items, in either direction.
    """

    def __init__(self, schema: GraphSchema) -> None:
        self._schema = schema
        self._item_sets = edge_sets_between_users_and_items(schema)
        self._user_set = schema.edge_sets[USER_READOUT].source
        self._readouts = {readout: node_set for node_set, readout in schema.item_readouts().items()}
        self._readouts[USER_READOUT] = self._user_set
        self.edge_sets = list(self._item_sets)

    def columns(self) -> dict[str, Feature]:
        """The columns of the records that have to be decoded, and their types."""
        columns = {f"edges/{name}.{end}": _INTEGER for name in self.edge_sets for end in ("#source", "#target")}
        for readout, node_set in self._readouts.items():
            columns[f"edges/{readout}.#source"] = _INTEGER
            columns[f"nodes/{node_set}.{ID}"] = self._schema.node_sets[node_set].features[ID]
        return columns

    def ties(self, batch: pa.RecordBatch) -> dict[str, Ties]:
        """The edges of decoded records by edge set."""
        nodes = {readout: ReadNodes(batch, node_set, readout) for readout, node_set in self._readouts.items()}
        items = {name: nodes[self._schema.item_readouts()[item_set]] for name, item_set in self._item_sets.items()}
        return {name: self._ties_of(batch, name, nodes[USER_READOUT], items[name]) for name in self.edge_sets}

    def _ties_of(self, batch: pa.RecordBatch, name: str, users: "ReadNodes", items: "ReadNodes") -> Ties:
        (sources, records), (targets, of_targets) = (
            flat_values(batch, f"edges/{name}.{end}") for end in ("#source", "#target")
        )
        if not np.array_equal(records, of_targets):
            differing = np.bincount(records, minlength=batch.num_rows) != np.bincount(
                of_targets, minlength=batch.num_rows
            )
            return Ties(np.zeros(len(records), bool), records, np.flatnonzero(differing))
        edges = self._schema.edge_sets[name]
        tied, strays = np.zeros(len(records), bool), [users.strays, items.strays]
        for from_set, (of_users, of_items) in ((edges.source, (sources, targets)), (edges.target, (targets, sources))):
            if from_set == self._user_set:
                user_keys, item_keys = users.keys(of_users, records), items.keys(of_items, records)
                of_user = np.flatnonzero(_are_among(user_keys, users.read))
                tied[of_user] |= _are_among(item_keys[of_user], items.read)
                strays.append(records[(user_keys == _NOWHERE) | (item_keys == _NOWHERE)])
        return Ties(tied, records, np.unique(np.concatenate(strays)))


def _are_among(keys: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Which of the keys are known; `known` are sorted."""
    if not len(known):
        return np.zeros(len(keys), bool)
    return known[np.minimum(np.searchsorted(known, keys), len(known) - 1)] == keys


class ReadNodes:
    """The nodes of one set that the readout reads, in each record.

    Attributes:
      read: their keys, sorted.
      ids, records: their raw ids and the record of each, once a candidate, `[num_read]`.
      strays: records whose readout names a node that is not there.
    """

    def __init__(self, batch: pa.RecordBatch, node_set: str, readout: str) -> None:
        ids, records = flat_values(batch, f"nodes/{node_set}.{ID}")
        self._codes = ids.dictionary_encode().indices.to_numpy().astype(np.int64)
        self._counts = np.bincount(records, minlength=batch.num_rows)
        self._first = np.cumsum(self._counts) - self._counts
        numbers, of_candidates = flat_values(batch, f"edges/{readout}.#source")
        keys = self.keys(numbers, of_candidates)
        self.read = np.unique(keys[keys != _NOWHERE])
        inside = np.flatnonzero(keys != _NOWHERE)
        self.records = of_candidates[inside]
        self.ids = ids.take(pa.array(self._first[self.records] + numbers.to_numpy()[inside]))
        self.strays = of_candidates[keys == _NOWHERE]

    def keys(self, numbers: pa.Array, records: np.ndarray) -> np.ndarray:
        """Keys of nodes, given by their numbers: equal where record and raw id are; -1 where there is no such node."""
        numbers = numbers.to_numpy()
        inside = (numbers >= 0) & (numbers < self._counts[records])
        keys = np.full(len(numbers), _NOWHERE)
        places = self._first[records[inside]] + numbers[inside]
        keys[inside] = records[inside] * max(len(self._codes), 1) + self._codes[places]
        return keys
