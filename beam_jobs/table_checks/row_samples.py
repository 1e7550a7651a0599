"""The first rows of each part of a table, read as the jobs read them."""

import dataclasses
import math
from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa

from beam_jobs.tables.bad_rows import BAD_ROWS, BadRow
from beam_jobs.tables.read_table import FACTS, ReadPart
from beam_jobs.tables.table_files import TableFiles
from tfgrec.config.tables import TimeColumn

_ROWS_PER_BATCH = 10_000


@dataclasses.dataclass(frozen=True)
class RowSample:
    """Rows in batches with FILE, ROW and, of a table with a time, TIME; beside them those that could not be read.

    Attributes:
      rows: how many rows were looked at.
      whole: whether they are all of the table's.
    """

    batches: list[pa.RecordBatch]
    bad_rows: list[BadRow]
    rows: int
    whole: bool


def read_sample(files: TableFiles, time: TimeColumn | None, most_rows: int) -> RowSample:
    """Reads some `most_rows` rows of a table, as many of each file, or row group of Parquet, as of any other.

    Raises:
      InputDataError: a file is damaged, or its times are of a type that is none.
    """
    most_of_part = max(1, math.ceil(most_rows / max(len(files.parts), 1)))
    reader = ReadPart(files, time, min(_ROWS_PER_BATCH, most_of_part))
    batches, bad_rows, rows, whole = [], [], 0, True
    for part in files.parts:
        of_part = 0
        for element in reader.process(part):
            if not isinstance(element, beam.pvalue.TaggedOutput):
                batches.append(element)
            elif element.tag == BAD_ROWS:
                bad_rows += element.value[1]
            elif element.tag == FACTS:
                if of_part >= most_of_part:
                    whole = False
                    break
                of_part += element.value["count"]
        rows += of_part
    return RowSample(batches, bad_rows, rows, whole)


def read_all(files: TableFiles, time: TimeColumn | None) -> Iterator[pa.RecordBatch]:
    """All readable rows of a table, in batches."""
    reader = ReadPart(files, time, 10 * _ROWS_PER_BATCH)
    for part in files.parts:
        for element in reader.process(part):
            if not isinstance(element, beam.pvalue.TaggedOutput):
                yield element
