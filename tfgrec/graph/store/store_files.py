"""The files of a graph store: their names in its manifest, and columns that are memory-mapped."""

from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from tfgrec.errors import GraphStoreError
from tfgrec.files import StrPath, write_atomically


def refuse_scheme(store: StrPath) -> None:
    """A graph store is memory-mapped.

    Raises:
      GraphStoreError: the path has a scheme, such as gs:// or hdfs://.
    """
    if "://" in str(store):
        raise GraphStoreError(
            f"{store}: a graph store is memory-mapped, so its folder has to be on a local or shared disk: "
            "expected a path without a scheme"
        )


def relative(path: StrPath, folder: StrPath) -> str:
    """A path below `folder`, as a manifest names it: the same on all systems."""
    return Path(path).relative_to(folder).as_posix()


def resolve(folder: StrPath, relative_path: str) -> str:
    """The path that `relative` named."""
    return str(Path(folder, relative_path))


def write_columns(path: StrPath, columns: dict[str, pa.Array]) -> None:
    """Writes columns of equal length as one Arrow file that `map_columns` can map."""
    batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))

    def write(file: BinaryIO) -> None:
        with pa.ipc.new_file(file, batch.schema) as writer:
            writer.write_batch(batch)

    write_atomically(path, write)


def map_columns(path: StrPath) -> pa.RecordBatch:
    """The columns of an Arrow file, memory-mapped: pages are read when they are looked at.

    Raises:
      GraphStoreError: the file is missing or is no such file.
    """
    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
    except (OSError, pa.ArrowException) as error:
        raise GraphStoreError(f"{path}: can't be read: {error}") from error
