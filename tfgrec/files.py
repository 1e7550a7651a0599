"""All that is done to a file system, so that another one can take the place of local disks."""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from tfgrec.errors import InputDataError, OutputError

StrPath = str | os.PathLike[str]

_BLOCK_BYTES = 1 << 20


def child(folder: StrPath, *names: str) -> str:
    """The path of something inside `folder`; characters of a name that a file name can't hold are escaped."""
    return str(Path(folder, *(quote(name, safe="") for name in names)))


def exists(path: StrPath) -> bool:
    """Whether there is a file or a folder at `path`."""
    return os.path.exists(path)


def size(path: StrPath) -> int:
    """The bytes of a file; -1 where there is none."""
    return os.path.getsize(path) if os.path.isfile(path) else -1


def checksum(path: StrPath) -> str:
    """SHA-256 of a file's bytes, as `sha256sum` prints it."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def write_atomically(path: StrPath, write: Callable[[BinaryIO], None], *, durably: bool = False) -> None:
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


def link(path: StrPath, new_path: StrPath) -> None:
    """Gives a file a second name, for files that are never changed; copies it where a disk has no such links."""
    os.makedirs(os.path.dirname(new_path), exist_ok=True)
    try:
        os.link(path, new_path)
    except OSError:
        shutil.copyfile(path, new_path)


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
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise InputDataError(f"{path}: can't be read: {error}") from error
