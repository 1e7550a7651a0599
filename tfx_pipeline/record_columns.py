"""The columns of sampled records: what each is called in a tf.Example, its type, and how many values a record has."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Literal

from tfgrec.graph.schema import READOUT, DType, Feature, GraphSchema

_INTEGER = Feature("int64")


@dataclasses.dataclass(frozen=True)
class RecordColumn:
    """A column, named as TF-GNN names it: `nodes/user.#size`, `edges/liked.time`.

    Attributes:
      kind: `context`, `nodes` or `edges`.
      set_name: of the node set or edge set; empty for context.
      part: `#size`, `#source`, a feature's name, ...
      one_each: whether every record has exactly one value; else it has one a node, edge or value.
    """

    kind: Literal["context", "nodes", "edges"]
    set_name: str
    part: str
    dtype: DType
    one_each: bool

    @property
    def name(self) -> str:
        """The name of the tf.Example's feature."""
        return f"{self.kind}/{self.part}" if self.kind == "context" else f"{self.kind}/{self.set_name}.{self.part}"

    @property
    def is_of_candidates(self) -> bool:
        """Whether there is one value a candidate."""
        return self.kind == "nodes" and self.set_name == READOUT and not self.one_each


def record_columns(records: GraphSchema) -> list[RecordColumn]:
    """All columns of records: context, then node sets, then edge sets.

    Args:
      records: the records' own schema, see `tfgrec.graph.sampling.record_schema`.
    """
    columns = [RecordColumn("context", "", name, feature.dtype, True) for name, feature in records.context.items()]
    for name, node_set in records.node_sets.items():
        columns.append(RecordColumn("nodes", name, "#size", "int64", True))
        columns += _features("nodes", name, node_set.features)
    for name, edge_set in records.edge_sets.items():
        columns.append(RecordColumn("edges", name, "#size", "int64", True))
        columns += _features("edges", name, {"#source": _INTEGER, "#target": _INTEGER, **edge_set.features})
    return columns


def _features(
    kind: Literal["nodes", "edges"], set_name: str, features: Mapping[str, Feature]
) -> Iterator[RecordColumn]:
    for name, feature in features.items():
        yield RecordColumn(kind, set_name, name, feature.dtype, False)
        if feature.multi_valued:
            # How many of the values are each node's.
            yield RecordColumn(kind, set_name, f"{name}.d1", "int64", False)
