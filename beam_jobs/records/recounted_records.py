"""Records whose computed features are compared with what the graph store says."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from beam_jobs.records.leakage import Leak
from beam_jobs.tfrecords.column_decoder import ColumnDecoder
from tfgrec.config import TablesConfig
from tfgrec.graph.computed.computed_features import KINDS, ComputedFeature, computed_features
from tfgrec.graph.recorded_candidate import UNKNOWN, RecordedCandidate
from tfgrec.graph.schema import ID, READOUT, TIME, USER_READOUT, Feature, GraphSchema
from tfgrec.graph.store.graph_store import GraphStore

_TOLERANCE = 1e-5
_Record = Mapping[str, list[Any] | None]
_INTEGER, _FLOAT = Feature("int64"), Feature("float32")


@dataclasses.dataclass(frozen=True)
class Recounted:
    """What was counted again.

    Attributes:
      records, candidates: how many.
      values: how many, by computed feature.
      leaks: records with a value that the store does not give.
    """

    records: int
    candidates: int
    values: dict[str, int]
    leaks: list[Leak]


class RecordRecount:
    """Counts the computed features of records again, by the recount of each kind.

    Counts, last values and ages have to be equal to the last bit, sums and means (which may be added up in another
    order) within 1e-5.

    Args:
      store: the graph that the records were sampled from.
      schema: what a record holds.
      tables: which computed features there are.
      delays: feedback delays in milliseconds by edge set.
    """

    def __init__(self, store: GraphStore, schema: GraphSchema, tables: TablesConfig, delays: Mapping[str, int]) -> None:
        self._store, self._schema, self._delays = store, schema, delays
        self._computed = computed_features(tables.requests)
        self._unknown_are_scored = tables.requests.unknown == "score"
        self._request_features: set[str] = set()
        for feature in self._computed.values():
            self._request_features |= feature.kind.read_features(feature.definition)
        self._users = schema.edge_sets[USER_READOUT].source
        self._decoder = ColumnDecoder(self._columns())

    def check(self, records: Sequence[bytes]) -> Recounted:
        """Compares all values of some records."""
        values: Counter = Counter()
        leaks, candidates = [], 0
        for number, record in enumerate(self._decoder.decode(records).to_pylist()):
            time = (record[f"context/{TIME}"] or [-1])[0]
            recounts = {kind.section: kind.recount(self._store, self._delays, time) for kind in KINDS}
            for place, candidate in self._candidates(record):
                candidates += 1
                problem = self._stray(candidate)
                if problem is not None:
                    leaks.append(Leak(number, problem))
                    continue
                for name, feature in self._computed.items():
                    values[name] += 1
                    found = candidate.features[name]
                    expected = recounts[feature.kind.section](feature.definition, candidate)
                    if not _agree(feature, found, expected):
                        told = "nothing" if found is None else f"{found:.9g}"
                        problem = f"'{name}' of candidate {place}: {told} in the record, {expected:.9g} by the graph"
                        leaks.append(Leak(number, problem))
        return Recounted(len(records), candidates, dict(values), leaks)

    def _candidates(self, record: _Record) -> Iterator[tuple[int, RecordedCandidate]]:
        """The candidates of a decoded record by their places; a node that is not there is -1."""
        users = self._nodes(record, self._users, USER_READOUT)
        for node_set, readout in self._schema.item_readouts().items():
            for place, item in self._nodes(record, node_set, readout).items():
                features = {name: _value(record, name, place) for name in (*self._computed, *self._request_features)}
                yield place, RecordedCandidate(users.get(place, -1), item, node_set, features)

    def _nodes(self, record: _Record, node_set: str, readout: str) -> dict[int, int]:
        """Dense ids of the nodes that a readout reads, or UNKNOWN, by the candidates' places."""
        ids, numbers = record[f"nodes/{node_set}.{ID}"] or [], record[f"edges/{readout}.#source"] or []
        places = record[f"edges/{readout}.#target"] or []
        inside = [number for number in numbers if 0 <= number < len(ids)]
        if len(inside) < len(places) or not places:
            return dict.fromkeys(places, -1)
        raw = [_text(ids[number]) for number in numbers]
        dtype = object if isinstance(raw[0], str) else np.int64
        nodes = self._store.lookup(node_set, np.array(raw, dtype))
        return dict(zip(places, np.where(nodes < 0, UNKNOWN, nodes).tolist(), strict=False))

    def _stray(self, candidate: RecordedCandidate) -> str | None:
        for node_set, node in ((self._users, candidate.user), (candidate.item_node_set, candidate.item)):
            if node < 0 and not (node == UNKNOWN and self._unknown_are_scored):
                return f"a node of '{node_set}' that the readout names is not in the record or not in the graph"
        return None

    def _columns(self) -> dict[str, Feature]:
        columns = {f"context/{TIME}": _INTEGER}
        for readout in (USER_READOUT, *self._schema.item_readouts().values()):
            node_set = self._schema.edge_sets[readout].source
            columns |= {f"edges/{readout}.{end}": _INTEGER for end in ("#source", "#target")}
            columns[f"nodes/{node_set}.{ID}"] = self._schema.node_sets[node_set].features[ID]
        features = self._schema.node_sets[READOUT].features
        columns |= {f"nodes/{READOUT}.{name}": _FLOAT for name in self._computed}
        columns |= {f"nodes/{READOUT}.{name}": features[name] for name in self._request_features}
        return columns


def _value(record: _Record, name: str, place: int) -> Any:
    """A candidate's own; None where the record has none."""
    values = record[f"nodes/{READOUT}.{name}"] or []
    return _text(values[place]) if 0 <= place < len(values) else None


def _text(value: Any) -> Any:
    return value.decode("utf-8") if isinstance(value, bytes) else value


def _agree(feature: ComputedFeature, found: float | None, expected: float) -> bool:
    tolerance = _TOLERANCE if feature.kind.is_added_up(feature.definition) else 0.0
    # Numbers of edges may be NaN, and then so are their sums.
    return found is not None and bool(
        np.isclose(np.float32(found), np.float32(expected), rtol=tolerance, atol=tolerance, equal_nan=True)
    )
