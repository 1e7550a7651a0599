"""The list of formats that a table's files may have."""

import dataclasses
from collections.abc import Callable, Collection, Iterator

from beam_jobs.tables.csv_tables import look_at_csv, read_csv
from beam_jobs.tables.opened_files import compression_of
from beam_jobs.tables.parquet_files import look_at_parquet, read_parquet
from beam_jobs.tables.table_parts import PartBatch, TablePart
from beam_jobs.tables.tfrecord_tables import look_at_tfrecord, read_tfrecord
from tfgrec.config.tables import TableFormat
from tfgrec.errors import InputDataError


@dataclasses.dataclass(frozen=True)
class FileFormat:
    """One of FORMATS.

    Attributes:
      shown: its name for people.
      suffixes: that files of it have.
      look: a file's path -> the names of its columns, None where there is no row that tells, and the rows of each part
        that can be read by itself, None where the file can be read as a whole only.
      read: a part, the columns that are wanted of the file, the most rows of a batch, and the columns with several
        values a row -> the part's rows. Both raise InputDataError, or what Arrow raises, for a damaged file.
      compressed: whether a file may be compressed from outside.
    """

    shown: str
    suffixes: tuple[str, ...]
    look: Callable[[str], tuple[list[str] | None, list[int] | None]]
    read: Callable[[TablePart, tuple[str, ...], int, Collection[str]], Iterator[PartBatch]]
    compressed: bool = True


FORMATS: dict[TableFormat, FileFormat] = {
    "csv": FileFormat("CSV", (".csv",), look_at_csv, read_csv),
    "parquet": FileFormat("Parquet", (".parquet", ".pq"), look_at_parquet, read_parquet, compressed=False),
    "tfrecord": FileFormat("TFRecord", (".tfrecord", ".tfrecords"), look_at_tfrecord, read_tfrecord),
}


def format_of(path: str, declared: TableFormat | None) -> TableFormat:
    """The format of a file: as declared in tables.yaml, or else by its suffix.

    Raises:
      InputDataError: the suffix is none of a table, or one of a format that is compressed inside with a compression
        around it.
    """
    compressed, name = compression_of(path) is not None, path.lower()
    if compressed:
        name = name.rpartition(".")[0]
    found = declared or next((kind for kind, of in FORMATS.items() if name.endswith(of.suffixes)), None)
    if found is None:
        known = ", ".join(suffix for of in FORMATS.values() for suffix in of.suffixes)
        raise InputDataError(f"{path}: expected a file that ends in {known} (or give the table a format)")
    if compressed and not FORMATS[found].compressed:
        raise InputDataError(f"{path}: a {FORMATS[found].shown} file is compressed inside: expected none around it")
    return found
