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
def local_copy(path: str) -> Iterator[str]:
    """The path of a file on this machine, to which what lies elsewhere is copied first."""
    if FileSystems.get_scheme(path) is None:
        yield path
        return
    with tempfile.NamedTemporaryFile() as copy:
        with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as handle:
            shutil.copyfileobj(handle, copy)
        copy.flush()
        yield copy.name


@contextlib.contextmanager
def open_decompressed(path: str, local: str | None = None) -> Iterator[pa.NativeFile]:
    """A file's bytes, decompressed, as a file of Arrow's own; what lies elsewhere is copied first, if not yet `local`.

    Arrow reads ahead in a thread of its own: on a Python file that needs the interpreter's lock, and a reader that is
    given up early, holding the lock, waits for the thread for ever.
    """
    with contextlib.nullcontext(local) if local is not None else local_copy(path) as copy:
        compression = _compression(path)
        with pa.OSFile(copy) as file:
            yield pa.CompressedInputStream(file, compression) if compression else file


def _compression(path: str) -> str | None:
    return next((name for suffix, name in _COMPRESSIONS.items() if path.lower().endswith(suffix)), None)
