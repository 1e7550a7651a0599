"""Values that callers give, as columns of a feature's type, by the rules of a job that reads tables."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tfgrec.graph.schema import Feature
from tfgrec.graph.store.columns import SCALARS

SEVERAL = (list, tuple, np.ndarray)
_FLOATS = (float, np.floating)


class UnreadableCells(Exception):
    """Cells can't be read as a feature."""


def typed_cells(cells: Sequence[Any], feature: Feature, missing: Any) -> pa.Array:
    """Cells as a column of the feature's type; None, NaN and empty text are empty cells, for which `missing` stands.

    Raises:
      UnreadableCells: a cell is empty and `missing` is None, or it has another type.
    """
    if not feature.multi_valued:
        return _scalars([missing if _is_empty(cell) else cell for cell in cells], feature)
    if not all(isinstance(cell, SEVERAL) for cell in cells):
        raise UnreadableCells(f"expected a list of {feature.dtype}")
    lists = [[value for value in cell if not _is_empty(value)] for cell in cells]
    if missing is not None:
        lists = [values or [missing] for values in lists]
    splits = np.cumsum([0, *map(len, lists)])
    values = _scalars([value for values in lists for value in values], feature)
    return pa.ListArray.from_arrays(pa.array(splits, pa.int32()), values)


def _scalars(values: Sequence[Any], feature: Feature) -> pa.Array:
    if any(value is None for value in values):
        raise UnreadableCells("is empty, and tables.yaml has no `missing` to stand for it")
    kind = SCALARS[feature.dtype]
    try:
        column = pa.array(values)
        column = column.cast(pa.int8()) if pa.types.is_boolean(column.type) else column
        # Arrow would read numbers off text and write them as text.
        if len(column) and pa.types.is_string(column.type) != pa.types.is_string(kind):
            raise UnreadableCells(f"expected {feature.dtype}")
        column = column.cast(kind, safe=feature.dtype != "float32")
    except (pa.ArrowException, OverflowError) as error:
        raise UnreadableCells(f"expected {feature.dtype}") from error
    if feature.dtype == "float32" and np.isinf(column.to_numpy()).any():
        raise UnreadableCells("expected a finite number")
    return column


def _is_empty(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and cell == "") or (isinstance(cell, _FLOATS) and math.isnan(cell))
