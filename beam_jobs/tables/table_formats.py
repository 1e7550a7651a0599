"""What kind of file a table's file is, and how it is compressed."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator

import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from tfgrec.config.tables import TableFormat
from tfgrec.errors import InputDataError

_FORMATS: dict[str, TableFormat] = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".tfrecord": "tfrecord",
    ".tfrecords": "tfrecord",
}
_COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}


def format_of(path: str, declared: TableFormat | None) -> TableFormat:
    """The format of a file: as declared in tables.yaml, or else by its suffix.

    Raises:
      InputDataError: the suffix is none of a table, or Parquet's with a compression around it.
    """
    compressed, name = _compression(path) is not None, path.lower()
    if compressed:
        name = name.rpartition(".")[0]
    found = declared or next((kind for suffix, kind in _FORMATS.items() if name.endswith(suffix)), None)
    if found is None:
        known = ", ".join(_FORMATS)
        raise InputDataError(f"{path}: expected a file that ends in {known} (or give the table a format)")
    if found == "parquet" and compressed:
        raise InputDataError(f"{path}: a Parquet file is compressed inside: expected none around it")
    return found


@contextlib.contextmanager
def open_decompressed(path: str) -> Iterator[pa.NativeFile]:
    """A file's bytes, decompressed, as a file of Arrow's own; what lies elsewhere is copied to this machine first.

    Arrow reads ahead in a thread of its own: on a Python file that needs the interpreter's lock, and a reader that is
    given up early, holding the lock, waits for the thread for ever.
    """
    with tempfile.NamedTemporaryFile() as copy:
        local = path
        if FileSystems.get_scheme(path) is not None:
            with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as handle:
                shutil.copyfileobj(handle, copy)
            copy.flush()
            local = copy.name
        compression = _compression(path)
        with pa.OSFile(local) as file:
            yield pa.CompressedInputStream(file, compression) if compression else file


def _compression(path: str) -> str | None:
    return next((name for suffix, name in _COMPRESSIONS.items() if path.lower().endswith(suffix)), None)
