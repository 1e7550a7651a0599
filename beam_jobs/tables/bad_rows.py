"""Rows that can't be used: where they stand, why they are bad, what they hold."""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
import pyarrow as pa

from beam_jobs.tables.table_batches import FILE, ROW
from beam_jobs.tables.table_parts import MalformedRow
from tfgrec.graph.rows.row_checks import RowChecks

BAD_ROWS = "bad_rows"

# A row is told of once, with the reason of the first of these stages that found one: what names an id once more is told
# as such, since it feeds no edge, whatever else is wrong with it.
READING, DUPLICATES, CONVERTING, LOOKING_UP = range(4)


class BadRow(NamedTuple):
    """A row kept aside: sorts by place, then by stage. `file` numbers the table's files; `values` is JSON."""

    file: int
    row: int
    stage: int
    reason: str
    values: str


def of_batch(batch: pa.RecordBatch, checks: RowChecks, stage: int) -> list[BadRow]:
    """The rows of a batch that `checks` found bad."""
    positions, reasons = checks.bad_rows()
    return of_rows(batch.take(pa.array(positions)), reasons, stage) if len(positions) else []


def of_rows(rows: pa.RecordBatch, reasons: Sequence[str], stage: int) -> list[BadRow]:
    """All `rows`, with a reason for each; columns whose names begin with # are not the table's own."""
    bad_rows = []
    for values, reason in zip(rows.to_pylist(), reasons, strict=True):
        own = {name: _plain(value) for name, value in values.items() if not name.startswith("#")}
        bad_rows.append(BadRow(values[FILE], values[ROW], stage, reason, json.dumps(own, default=str)))
    return bad_rows


def of_malformed(file: int, malformed: Sequence[MalformedRow]) -> list[BadRow]:
    """Rows of a file that could not be taken apart into cells."""
    return [BadRow(file, row.row, READING, row.reason, json.dumps({"text": row.text})) for row in malformed]


def tagged(table: str, bad_rows: list[BadRow]) -> Iterator[beam.pvalue.TaggedOutput]:
    """Bad rows as what a DoFn puts out on the tag BAD_ROWS: one element a batch."""
    if bad_rows:
        yield beam.pvalue.TaggedOutput(BAD_ROWS, (table, bad_rows))


def _plain(value: Any) -> Any:
    """JSON knows neither NaN nor infinity."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
