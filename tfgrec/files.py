"""All that is done to file systems: local disks by the system's own calls, object stores through Arrow.

A path is a local one, or a URL such as `s3://bucket/folder` (see `tfgrec.file_systems`).
"""

import contextlib
import hashlib
import io
import json
import mmap
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import quote

from pyarrow import fs

from tfgrec.errors import InputDataError, OutputError
from tfgrec.file_systems import place_of, scheme_of

StrPath = str | os.PathLike[str]

_BLOCK_BYTES = 1 << 20
# Of object stores: each read is a request.
_FAR_BLOCK_BYTES = 1 << 23
# S3 takes, and copies, no more than 5 GiB in one request, and a request that fails is made again.
_LARGEST_COPY_BYTES = 5 << 30
_PART_BYTES = 1 << 28
# Within so many seconds two changes of a file can have the same time; those of object stores are of another clock.
_COARSEST_CLOCK, _FAR_CLOCK = 2.0, 60.0


class FoundFile(NamedTuple):
    """What tells a file from one that took its place: its bytes, and when it was changed, in nanoseconds."""

    bytes: int
    modified_ns: int


def is_local(path: StrPath) -> bool:
    """Whether a path is one of a local (or mounted) disk."""
    return scheme_of(os.fspath(path)) is None


def as_path(path: StrPath) -> Path | str:
    """A path of a local disk as a Path, and a URL as it is: in a Path it would lose a slash."""
    return Path(path) if is_local(path) else os.fspath(path)


def join(folder: StrPath, *names: str) -> str:
    """The path of something inside `folder`."""
    return os.path.join(folder, *names) if is_local(folder) else "/".join((os.fspath(folder).rstrip("/"), *names))


def split(path: StrPath) -> tuple[str, str]:
    """The folder of a path, and the name in it."""
    if is_local(path):
        return os.path.split(path)
    folder, _, name = os.fspath(path).rstrip("/").rpartition("/")
    return folder, name


def child(folder: StrPath, *names: str) -> str:
    """The path of something inside `folder`; characters of a name that a file name can't hold are escaped."""
    return join(folder, *(quote(name, safe="") for name in names))


def exists(path: StrPath) -> bool:
    """Whether there is a file or a folder at `path`."""
    return os.path.exists(path) if is_local(path) else _info(path).type != fs.FileType.NotFound


def is_folder(path: StrPath) -> bool:
    """Whether there is a folder at `path`; one of an object store is no more than the names of its files."""
    return os.path.isdir(path) if is_local(path) else _info(path).type == fs.FileType.Directory


def size(path: StrPath) -> int:
    """The bytes of a file; -1 where there is none."""
    if is_local(path):
        return os.path.getsize(path) if os.path.isfile(path) else -1
    found = far_file(path)
    return -1 if found is None else found.bytes


def far_file(url: StrPath) -> FoundFile | None:
    """The file at a URL; None where there is none.

    Raises:
      InputDataError: the object store can't be asked.
    """
    info = _info(url)
    return FoundFile(info.size, info.mtime_ns) if info.type == fs.FileType.File else None


def identity(path: StrPath) -> str | None:
    """What changes whenever a file's bytes do, told without reading it: bytes, times, and which file it is.

    None where nothing of the kind can be told: there is no file, or it has been changed only just now, so that another
    change could go by unseen.
    """
    if not is_local(path):
        found = far_file(path)
        known = found is not None and found.modified_ns and time.time() - found.modified_ns / 1e9 >= _FAR_CLOCK
        return f"{found.bytes} {found.modified_ns}" if known else None
    try:
        status = os.stat(path)
    except OSError:
        return None
    # What is called a file's time of change can be set back, the second one can't.
    if time.time() - max(status.st_mtime, status.st_ctime) < _COARSEST_CLOCK:
        return None
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def checksum(path: StrPath) -> str:
    """SHA-256 of a file's bytes, as `sha256sum` prints it."""
    digest = hashlib.sha256()
    with open_to_read(path) as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def files_below(folder: StrPath) -> dict[str, FoundFile]:
    """All files below a folder by their paths, sorted; none where there is no such folder.

    Raises:
      InputDataError: an object store can't be listed.
    """
    if is_local(folder):
        found = (os.path.join(path, name) for path, _, names in os.walk(folder) for name in names)
        return {path: _local_file(path) for path in sorted(found)}
    infos = _listed(folder, recursive=True)
    return {_url(folder, info): FoundFile(info.size, info.mtime_ns) for info in infos if info.type == fs.FileType.File}


def files_in(folder: StrPath, suffix: str = "") -> list[str]:
    """The paths of what is right in a folder and has a name that ends with `suffix`, sorted."""
    if is_local(folder):
        found = Path(folder).iterdir() if Path(folder).is_dir() else ()
        return sorted(str(path) for path in found if path.name.endswith(suffix))
    return [_url(folder, info) for info in _listed(folder, recursive=False) if info.path.endswith(suffix)]


def make_folder(folder: StrPath) -> None:
    """Makes a folder, and those above it; object stores need none.

    Raises:
      OutputError: it can't be made.
    """
    if is_local(folder):
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder}: can't be written: {error.strerror or error}") from error


def open_to_read(path: StrPath, *, buffered: bool = True) -> BinaryIO:
    """Opens a file; `buffered`, an object store is read in blocks of some megabytes, whatever is asked for.

    Raises:
      OSError: it can't be opened.
    """
    if is_local(path):
        return open(path, "rb")  # noqa: SIM115 - the caller closes it
    system, inner = place_of(os.fspath(path))
    try:
        file = system.open_input_file(inner)
    except OSError as error:
        raise type(error)(f"{path}: {_told(error)}") from error
    return io.BufferedReader(file, _FAR_BLOCK_BYTES) if buffered else file


@contextlib.contextmanager
def open_to_write(path: StrPath) -> Iterator[BinaryIO]:
    """Opens a new file to which bytes are streamed. If the block fails, half of it may be there.

    Raises:
      OutputError: it can't be written.
    """
    try:
        if is_local(path):
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            with open(path, "wb") as file:
                yield file
        else:
            system, inner = place_of(os.fspath(path))
            with system.open_output_stream(inner, compression=None) as file:
                yield file
    except OSError as error:
        raise _not_written(path, error) from error


def write_atomically(path: StrPath, write: Callable[[BinaryIO], None], *, durably: bool = False) -> None:
    """Makes a file under a temporary name and renames it: whenever the process dies, nobody sees half of it.

    What goes to an object store is made in a temporary file on this machine, and sent when it is whole. A local disk
    is waited for only if `durably`: what a power cut loses of other files, checksums find.

    Raises:
      OutputError: the file can't be written, for example since the disk is full.
    """
    if not is_local(path):
        with tempfile.NamedTemporaryFile(prefix="tfgrec-") as made:
            try:
                write(made)
                made.flush()
            except OSError as error:
                raise _not_written(made.name, error) from error
            send(made.name, path)
        return
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
        raise _not_written(path, error) from error
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def send(local: StrPath, path: StrPath) -> None:
    """Copies a file of this machine to a URL, where it replaces another; it is seen there once all of it has arrived.

    Raises:
      OutputError: it can't be written.
    """
    system, inner = place_of(os.fspath(path))
    try:
        with open(local, "rb") as file:
            # Not closed by hand: Arrow's threads may hold it for a moment longer.
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if os.path.getsize(local) else b""
        with system.open_output_stream(inner, compression=None) as stream:
            # As few calls as may be: an exception between two would close, and so keep, half a file.
            for start in range(0, len(data), _PART_BYTES):
                stream.write(memoryview(data)[start : start + _PART_BYTES])
    except OSError as error:
        raise _not_written(path, error) from error


def fetch(path: StrPath, local: StrPath) -> None:
    """Copies a file from a URL to this machine.

    Raises:
      InputDataError: it can't be read.
      OutputError: the copy can't be written.
    """
    with open_to_write(local) as target:
        _copy_bytes(path, target)


def copy(path: StrPath, new_path: StrPath) -> None:
    """Copies a file; within one object store no byte of it comes here, unless it is larger than S3 copies by itself.

    Raises:
      InputDataError: it can't be read.
      OutputError: it can't be written.
    """
    if is_local(path) or is_local(new_path) or scheme_of(os.fspath(path)) != scheme_of(os.fspath(new_path)):
        with open_to_write(new_path) as target:
            _copy_bytes(path, target)
        return
    if size(path) > _LARGEST_COPY_BYTES:
        with tempfile.NamedTemporaryFile(prefix="tfgrec-") as copied:
            fetch(path, copied.name)
            send(copied.name, new_path)
        return
    system, inner = place_of(os.fspath(path))
    try:
        system.copy_file(inner, place_of(os.fspath(new_path)).path)
    except OSError as error:
        raise _not_written(new_path, error) from error


def link(path: StrPath, new_path: StrPath) -> None:
    """Gives a file a second name, for files that are never changed; copies it where storage has no such links."""
    if not is_local(path) or not is_local(new_path):
        copy(path, new_path)
        return
    os.makedirs(os.path.dirname(new_path), exist_ok=True)
    try:
        os.link(path, new_path)
    except OSError:
        shutil.copyfile(path, new_path)


def delete(path: StrPath) -> None:
    """Deletes a file or a folder with all that is in it, if there is one."""
    if is_local(path):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.remove(path)
        return
    system, inner = place_of(os.fspath(path))
    kind = _info(path).type
    try:
        if kind == fs.FileType.File:
            system.delete_file(inner)
        elif kind == fs.FileType.Directory:
            system.delete_dir(inner)
    except FileNotFoundError:
        # Of a folder on Google's store that nobody marked, Arrow deletes all, then misses the mark.
        if files_below(path):
            raise OutputError(f"{path}: can't be deleted") from None
    except OSError as error:
        raise OutputError(f"{path}: can't be deleted: {_told(error)}") from error


def write_json(path: StrPath, values: Any) -> None:
    """Writes plain values, atomically; they are on the disk when it returns, since they vouch for other files."""
    text = json.dumps(values, indent=1, allow_nan=False)
    write_atomically(path, lambda file: file.write(text.encode("utf-8")), durably=True)


def read_json(path: StrPath) -> Any:
    """Reads what `write_json` wrote.

    Raises:
      InputDataError: the file can't be read or is not JSON.
    """
    try:
        with open_to_read(path) as file:
            return json.loads(file.read().decode("utf-8"))
    except (OSError, ValueError) as error:
        raise InputDataError(f"{path}: can't be read: {error}") from error


def _copy_bytes(path: StrPath, target: BinaryIO) -> None:
    """Copies a file's bytes; an error of reading is told as one, though the target is being written meanwhile."""
    try:
        source = open_to_read(path, buffered=False)
    except OSError as error:
        raise InputDataError(f"{path}: can't be read: {_told(error)}") from error
    with source:
        while block := _read_block(source, path):
            target.write(block)


def _read_block(source: BinaryIO, path: StrPath) -> bytes:
    try:
        return source.read(_FAR_BLOCK_BYTES)
    except OSError as error:
        raise InputDataError(f"{path}: can't be read: {_told(error)}") from error


def _local_file(path: str) -> FoundFile:
    # A link that leads nowhere is there too.
    found = os.stat(path) if os.path.exists(path) else os.lstat(path)
    return FoundFile(found.st_size, found.st_mtime_ns)


def _info(path: StrPath) -> fs.FileInfo:
    system, inner = place_of(os.fspath(path))
    try:
        return system.get_file_info(inner)
    except OSError as error:
        raise InputDataError(f"{path}: can't be read: {_told(error)}") from error


def _listed(folder: StrPath, *, recursive: bool) -> list[fs.FileInfo]:
    system, inner = place_of(os.fspath(folder))
    try:
        found = system.get_file_info(fs.FileSelector(inner, allow_not_found=True, recursive=recursive))
    except OSError as error:
        raise InputDataError(f"{folder}: can't be listed: {_told(error)}") from error
    # Some who write to object stores mark folders by empty objects with such names.
    return sorted((info for info in found if not info.path.endswith("/")), key=lambda info: info.path)


def _url(folder: StrPath, info: fs.FileInfo) -> str:
    """The URL of what was found below `folder`."""
    return f"{os.fspath(folder).rstrip('/')}{info.path[len(place_of(os.fspath(folder)).path) :]}"


def _not_written(path: StrPath, error: OSError) -> OutputError:
    return OutputError(f"{path}: can't be written: {error.strerror or _told(error)}")


def _told(error: OSError) -> str:
    return " ".join(str(error).split())
