"""All that the graph store does to a file system, so that another one can take the place of local disks."""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import pyarrow as pa

from tfgrec.errors import GraphStoreError, OutputError

StorePath = str | os.PathLike[str]

_BLOCK_BYTES = 1 << 20


def refuse_scheme(store: StorePath) -> None:
    """A graph store is memory-mapped.

    Raises:
      GraphStoreError: the path has a scheme, such as gs:// or hdfs://.
    """
    if "://" in str(store):
        raise GraphStoreError(
            f"{store}: a graph store is memory-mapped, so its folder has to be on a local or shared disk: "
            "expected a path without a scheme"
        )


def child(folder: StorePath, *names: str) -> str:
    """The path of something inside `folder`; characters of a name that a file name can't hold are escaped."""
    return str(Path(folder, *(quote(name, safe="") for name in names)))


def relative(path: StorePath, folder: StorePath) -> str:
    """A path below `folder`, as a manifest names it: the same on all systems."""
    return Path(path).relative_to(folder).as_posix()


def resolve(folder: StorePath, relative_path: str) -> str:
    """The path that `relative` named."""
    return str(Path(folder, relative_path))


def exists(path: StorePath) -> bool:
    """Whether there is a file or a folder at `path`."""
    return os.path.exists(path)


def size(path: StorePath) -> int:
    """The bytes of a file; -1 where there is none."""
    return os.path.getsize(path) if os.path.isfile(path) else -1


def checksum(path: StorePath) -> str:
    """SHA-256 of a file's bytes, as `sha256sum` prints it."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def write_atomically(path: StorePath, write: Callable[[BinaryIO], None], *, durably: bool = False) -> None:
    """Makes a file under a temporary name and renames it: whenever the process dies, nobody sees half of it.

    It waits for the disk only if `durably`: what a power cut loses of other files, checksums find.

    Raises:
      OutputError: the file can't be written, for example since the disk is full.
    """
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{uuid.uuid4().hex}")
    try:
        os.makedirs(folder or ".", exist_ok=True)
        with open(temporary, "wb") as file:
            write(file)
            if durably:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"{path}: can't be written: {error.strerror or error}") from error
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def link(path: StorePath, new_path: StorePath) -> None:
    """Gives a file a second name, for files that are never changed; copies it where a disk has no such links."""
    os.makedirs(os.path.dirname(new_path), exist_ok=True)
    try:
        os.link(path, new_path)
    except OSError:
        shutil.copyfile(path, new_path)


def write_json(path: StorePath, values: Any) -> None:
    """Writes plain values, atomically; they are on the disk when it returns, since they vouch for other files."""
    text = json.dumps(values, indent=1, allow_nan=False)
    write_atomically(path, lambda file: file.write(text.encode("utf-8")), durably=True)


def read_json(path: StorePath) -> Any:
    """Reads what `write_json` wrote.

    Raises:
      GraphStoreError: the file can't be read or is not JSON.
    """
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise GraphStoreError(f"{path}: can't be read: {error}") from error


def write_columns(path: StorePath, columns: dict[str, pa.Array]) -> None:
    """Writes columns of equal length as one Arrow file that `map_columns` can map."""
    batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))

    def write(file: BinaryIO) -> None:
        with pa.ipc.new_file(file, batch.schema) as writer:
            writer.write_batch(batch)

    write_atomically(path, write)


def map_columns(path: StorePath) -> pa.RecordBatch:
    """The columns of an Arrow file, memory-mapped: pages are read when they are looked at.

    Raises:
      GraphStoreError: the file is missing or is no such file.
    """
    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
    except (OSError, pa.ArrowException) as error:
        raise GraphStoreError(f"{path}: can't be read: {error}") from error
