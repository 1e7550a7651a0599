"""Which rows of a log train, validate and test."""

import datetime
import itertools
import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_jobs.running.facts import Fact, of_kind
from tfgrec.config.sampling import SplitConfig
from tfgrec.errors import ConfigurationError, InputDataError
from tfgrec.graph.rows.comparisons import between
from tfgrec.graph.rows.features import reject_unreadable
from tfgrec.graph.rows.row_checks import RowSelection
from tfgrec.graph.store.columns import column_of

TRAIN, TEST = "train", "test"
NO_SPLIT = -1
_SPAN, _TIMES = "split_span", "split_times"


def splits_of_rows(batch: pa.RecordBatch, split: SplitConfig, selection: RowSelection) -> np.ndarray:
    """The number of each row's split in `split.parts`, int64 `[num_rows]`, or NO_SPLIT; rejects rows without a value.

    Raises:
      ConfigurationError: the ranges overlap, or can't be compared with the column.
    """
    array = column_of(batch, split.column)
    found = np.full(batch.num_rows, NO_SPLIT, np.int64)
    for number, name in enumerate(split.parts):
        bounds = getattr(split, name)
        if bounds is None:
            continue
        try:
            inside, cells = between(array, *bounds)
        except ConfigurationError as error:
            raise ConfigurationError(f"split.{name}: column '{split.column}': {error}") from error
        except InputDataError as error:
            raise InputDataError(f"column '{split.column}' (split.column): {error}") from error
        if (inside & (found != NO_SPLIT)).any():
            value = array[int(np.flatnonzero(inside & (found != NO_SPLIT))[0])]
            other = split.parts[found[inside & (found != NO_SPLIT)][0]]
            raise ConfigurationError(f"split.{name} overlaps split.{other}: '{split.column}' {value} is in both")
        found[inside] = number
        selection.reject(cells.empty, f"{split.column}: is empty")
        reject_unreadable(cells, split.column, selection)
    return found


def span_of_rows(batch: pa.RecordBatch, split: SplitConfig) -> Fact:
    """The smallest and the largest value of the split's column, to be told where a split has no rows."""
    try:
        found = pc.min_max(column_of(batch, split.column))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        kind = column_of(batch, split.column).type
        raise InputDataError(
            f"column '{split.column}' (split.column): is of type {kind}, which has no order"
        ) from error
    return {"kind": _SPAN, "first": str(found["min"].as_py()), "last": str(found["max"].as_py())}


def times_of_split(name: str, times: pa.Array) -> list[Fact]:
    """The earliest and the latest of the times, int64 milliseconds `[num_rows]`, at which a split has requests."""
    found = pc.min_max(times)
    return [{"kind": _TIMES, "split": name, "first": found["min"].as_py(), "last": found["max"].as_py()}] * (
        len(times) > 0
    )


def check_splits(facts: Sequence[Fact], split: SplitConfig) -> None:
    """Refuses a split without a request, and one with what came after the oldest request of a later one.

    Raises:
      InputDataError: names the split, and the values or the times that were found.
    """
    times = {name: [fact for fact in of_kind(facts, _TIMES) if fact["split"] == name] for name in split.parts}
    for name in split.parts:
        bounds = getattr(split, name)
        if bounds is not None and not times[name]:
            raise InputDataError(
                f"split.{name}: there is not one request from {bounds[0]!r} to {bounds[1]!r}: column "
                f"'{split.column}' {_told_span(facts)}"
            )
    for earlier, later in itertools.combinations(split.parts, 2):
        if times[earlier]:
            _check_order(split, earlier, times[earlier], later, times[later])


def _check_order(
    split: SplitConfig, earlier: str, of_earlier: Sequence[Fact], later: str, of_later: Sequence[Fact]
) -> None:
    newest, oldest = max(fact["last"] for fact in of_earlier), min(fact["first"] for fact in of_later)
    if newest - oldest > split.overlap_seconds * 1_000:
        seconds = (newest - oldest) / 1_000
        part, end = ("training", "that it has seen") if earlier == TRAIN else (earlier, "that it was chosen by")
        raise InputDataError(
            f"split: column '{split.column}' puts a request of {_told(newest)} into {part}, which is {seconds:,g} "
            f"seconds newer than the oldest request of {later} ({_told(oldest)}): the model would be measured on a "
            f"time {end}; choose other ranges, or allow so much by split.overlap_seconds: "
            f"{math.ceil(seconds)}"
        )


def _told_span(facts: Sequence[Fact]) -> str:
    spans = [span for span in of_kind(facts, _SPAN) if span["first"] != str(None)]
    if not spans:
        return "has no value in any good row"
    return f"goes from {min(span['first'] for span in spans)} to {max(span['last'] for span in spans)}"


def _told(milliseconds: int) -> str:
    moment = datetime.datetime.fromtimestamp(milliseconds / 1_000, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
