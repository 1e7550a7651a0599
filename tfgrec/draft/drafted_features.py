"""Columns of a table of nodes as features: what each becomes in graph.pbtxt and tables.yaml, and what is left out."""

import dataclasses

from tfgrec.config.tables import Scalar
from tfgrec.draft.table_looks import ColumnLook, TableLook
from tfgrec.graph.schema import DType, Feature

_MOST_CODES, _MOST_TEXTS = 100, 10_000
_MOST_TEXTS_OF_ROWS = 0.5
_STAND_INS: dict[DType, Scalar] = {"string": "unknown", "int64": -1, "float32": 0.0}


@dataclasses.dataclass(frozen=True)
class DraftedFeature:
    """A feature, the column that feeds it, and why it was taken for what it is."""

    column: str
    feature: Feature
    separator: str | None = None
    missing: Scalar | None = None
    why: str = ""


def draft_features(table: TableLook, not_features: set[str]) -> tuple[dict[str, DraftedFeature], dict[str, str]]:
    """The features of a table's rows by column, and of the columns left out the reason."""
    features, left = {}, {}
    for name, look in table.columns.items():
        if name in not_features:
            continue
        found = _feature(look, table.rows)
        if isinstance(found, str):
            left[name] = found
        else:
            features[name] = found
    return features, left


def _feature(look: ColumnLook, rows: int) -> DraftedFeature | str:
    """A feature, or why the column is none."""
    if look.name.startswith("#") or look.name == "time":
        return "the name has a meaning of its own in graph.pbtxt"
    if look.dtype is None:
        return "holds times, or nothing"
    if look.distinct < 2:
        return "has one value alone"
    if look.several:
        if look.distinct > _MOST_TEXTS:
            return f"lists {look.distinct:,} different values"
        why = f"split at {look.separator!r}" if look.separator else "lists of values"
        return DraftedFeature(look.name, Feature("string", multi_valued=True), look.separator, None, why)
    if look.dtype == "string" and look.distinct > min(_MOST_TEXTS, max(2, _MOST_TEXTS_OF_ROWS * rows)):
        return f"is text, and has {look.distinct:,} different values in {rows:,} rows"
    dtype: DType = "float32" if look.dtype == "int64" and look.distinct > _MOST_CODES else look.dtype
    why = {
        "string": f"{look.distinct:,} different texts",
        "int64": f"{look.distinct:,} different whole numbers: codes",
        "float32": "numbers",
    }[dtype]
    return DraftedFeature(look.name, Feature(dtype), None, _STAND_INS[dtype] if look.empty else None, why)
