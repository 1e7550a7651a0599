"""The files of a graph store: their names in its manifest, and columns that are memory-mapped."""

import concurrent.futures
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from tfgrec.errors import GraphStoreError, InputDataError
from tfgrec.files import StrPath, is_local, join
from tfgrec.hashed_files import HashedFile, WrittenFile, write_hashed
from tfgrec.shard_cache import ShardCache

_FETCHED_AT_ONCE = 8


def relative(path: StrPath, folder: StrPath) -> str:
    """A path below `folder`, as a manifest names it: the same on all systems."""
    if is_local(path):
        return Path(path).relative_to(folder).as_posix()
    return str(path)[len(str(folder).rstrip("/")) + 1 :]


def resolve(folder: StrPath, relative_path: str) -> str:
    """The path that `relative` named."""
    return join(folder, relative_path)


def write_columns(path: StrPath, columns: dict[str, pa.Array]) -> WrittenFile:
    """Writes columns of equal length as one Arrow file that `map_columns` can map."""
    batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))

    def write(file: HashedFile) -> None:
        with pa.ipc.new_file(file, batch.schema) as writer:
            writer.write_batch(batch)

    return write_hashed(path, write)


def map_columns(path: StrPath, described: Mapping[str, Any] | None = None) -> pa.RecordBatch:
    """The columns of an Arrow file, memory-mapped: pages are read when they are looked at.

    One on an object store is mapped from this host's cache. `described` is what its store's manifest says of it (its
    `bytes` and `sha256`), once there is one.

    Raises:
      GraphStoreError: the file is missing, damaged or is no such file.
    """
    try:
        return pa.ipc.open_file(_mapped(str(path), described or {})).get_batch(0)
    except InputDataError as error:
        raise GraphStoreError(str(error)) from error
    except (OSError, pa.ArrowException) as error:
        raise GraphStoreError(f"{path}: can't be read: {error}") from error


def map_shards(
    store: StrPath, paths: Sequence[str], described: Mapping[str, Mapping[str, Any]] | None = None
) -> list[pa.RecordBatch]:
    """`map_columns` of several files; `described` is what the manifest says of each, by its name there.

    Raises:
      GraphStoreError: a file is missing, damaged or is no such file.
    """
    of_files = [(described or {}).get(relative(path, store)) for path in paths]
    if is_local(store):
        return list(map(map_columns, paths, of_files))
    with concurrent.futures.ThreadPoolExecutor(_FETCHED_AT_ONCE) as pool:
        return list(pool.map(map_columns, paths, of_files))


def _mapped(path: str, described: Mapping[str, Any]) -> pa.NativeFile:
    if is_local(path):
        return pa.memory_map(path)
    found = ShardCache.of_host().map(path, bytes=described.get("bytes"), sha256=described.get("sha256"))
    return pa.BufferReader(found)
