"""Which rows of a log train and which validate."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_jobs.running.facts import Fact
from beam_jobs.tables.comparisons import between
from beam_jobs.tables.features import column_of
from beam_jobs.tables.row_checks import RowSelection
from tfgrec.config.sampling import SplitConfig
from tfgrec.errors import ConfigurationError

TRAIN, VALIDATION = "train", "validation"
SPLITS = (TRAIN, VALIDATION)
NO_SPLIT = -1


def splits_of_rows(batch: pa.RecordBatch, split: SplitConfig, selection: RowSelection) -> np.ndarray:
    """The number of each row's split in SPLITS, int64 `[num_rows]`, or NO_SPLIT; rows without a value are rejected.

    Raises:
      ConfigurationError: the ranges overlap, or can't be compared with the column.
    """
    array = column_of(batch, split.column)
    found = np.full(batch.num_rows, NO_SPLIT, np.int64)
    for number, name in enumerate(SPLITS):
        bounds = getattr(split, name)
        if bounds is None:
            continue
        try:
            inside, cells = between(array, *bounds)
        except ConfigurationError as error:
            raise ConfigurationError(f"split.{name}: column '{split.column}': {error}") from error
        if (inside & (found != NO_SPLIT)).any():
            value = cells.values[int(np.flatnonzero(inside & (found != NO_SPLIT))[0])]
            raise ConfigurationError(f"split.{name} overlaps split.{TRAIN}: '{split.column}' {value} is in both")
        found[inside] = number
        selection.reject(cells.empty, f"{split.column}: is empty")
        selection.reject(cells.unreadable, f"{split.column}: {cells.complaint}")
    return found


def span_of_rows(batch: pa.RecordBatch, split: SplitConfig) -> Fact:
    """The smallest and the largest value of the split's column, to be told where a split has no rows."""
    found = pc.min_max(column_of(batch, split.column))
    return {"kind": "split_span", "first": str(found["min"].as_py()), "last": str(found["max"].as_py())}
