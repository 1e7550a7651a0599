"""Arrow columns for the features that a schema names."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from tfgrec.errors import InputDataError
from tfgrec.graph.schema import Feature

SCALARS = {"int64": pa.int64(), "float32": pa.float32(), "string": pa.string()}


def arrow_type(feature: Feature) -> pa.DataType:
    """The type of a feature's column in the store: a scalar's, or a list of it where multi-valued."""
    scalar = SCALARS[feature.dtype]
    return pa.list_(scalar) if feature.multi_valued else scalar


def as_columns(
    values: Mapping[str, pa.Array | np.ndarray], features: Mapping[str, Feature], num_rows: int, where: str
) -> dict[str, pa.Array]:
    """Columns `[num_rows]` of the schema's types, in the schema's order; `where` is named in errors.

    Raises:
      InputDataError: a feature is missing or unknown, of another length or type, or has an empty cell.
    """
    differing = sorted(set(values) ^ set(features))
    if differing:
        raise InputDataError(f"{where}: expected features {sorted(features)}, received {sorted(values)}")
    return {name: _as_column(values[name], feature, num_rows, f"{where}.{name}") for name, feature in features.items()}


def _as_column(values: pa.Array | np.ndarray, feature: Feature, num_rows: int, where: str) -> pa.Array:
    wanted = arrow_type(feature)
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
    try:
        column = (values if isinstance(values, pa.Array) else pa.array(values)).cast(wanted)
    except (pa.ArrowException, NotImplementedError) as error:
        raise InputDataError(f"{where}: expected {wanted}, received other values: {error}") from error
    empty = column.null_count + (column.flatten().null_count if feature.multi_valued else 0)
    if len(column) != num_rows or empty:
        raise InputDataError(f"{where}: expected {num_rows} values, received {len(column)} of which {empty} are empty")
    return column


def column_of(batch: pa.RecordBatch, name: str) -> pa.Array:
    """A column by name."""
    return batch.column(batch.schema.get_field_index(name))
