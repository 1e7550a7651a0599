"""Artifacts on any file system, for code that reads and writes local folders (graph stores are memory-mapped)."""

import concurrent.futures
import contextlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tfx.dsl.io import fileio

from tfgrec.errors import TfgrecError

_MANIFEST = "manifest.json"
_BLOCK_BYTES = 1 << 22
_COPIES_AT_ONCE = 8


@contextlib.contextmanager
def local_input(uri: str, *, shared_dir: str = "") -> Iterator[Path]:
    """Yields a local folder with what is at `uri`: itself if it is one, or a copy that lives as long as the context.

    Args:
      uri: a folder on any file system that TFX knows.
      shared_dir: a local folder that all workers of a Beam runner elsewhere see; what is not below it is copied there.

    Raises:
      TfgrecError: as raised within the context; the message names `uri` instead of the copy.
    """
    if _is_within_reach(uri, shared_dir):
        yield Path(uri)
        return
    with _temporary_folder(uri, shared_dir) as copy:
        copy.mkdir()
        _copy_all((source, f"{copy}/{_below(source, uri)}") for source in files_below(uri))
        yield copy


@contextlib.contextmanager
def local_output(uri: str, *, shared_dir: str = "") -> Iterator[Path]:
    """Yields a local folder, whose files are at `uri` when the context ends: itself if it is one, or a temporary one.

    A temporary one replaces what was at `uri`; `manifest.json`, which vouches for other files, is copied last. If the
    context fails, nothing is copied but what a job left beside its folder (`.dead_letters`), which goes beside `uri`.

    Args:
      uri: a folder on any file system that TFX knows.
      shared_dir: as for `local_input`.

    Raises:
      TfgrecError: as raised within the context; the message names `uri` instead of the temporary folder.
    """
    if _is_within_reach(uri, shared_dir):
        yield Path(uri)
        return
    with _temporary_folder(uri, shared_dir) as written:
        try:
            yield written
        except TfgrecError:
            _upload([path for path in written.parent.iterdir() if path != written], written, uri)
            raise
        if fileio.isdir(uri):
            fileio.rmtree(uri)
        _upload([written], written, uri)


def files_below(folder: str) -> Iterator[str]:
    """The paths of all files in a folder and its folders, on any file system that TFX knows."""
    for parent, _, names in fileio.walk(folder.rstrip("/")):
        yield from (f"{parent.rstrip('/')}/{name}" for name in names)


def _is_within_reach(uri: str, shared_dir: str) -> bool:
    """Whether this machine and, where there are others, all of them read `uri` as a local path."""
    if "://" in uri:
        return False
    return not shared_dir or Path(uri).resolve().is_relative_to(Path(shared_dir).resolve())


@contextlib.contextmanager
def _temporary_folder(uri: str, shared_dir: str) -> Iterator[Path]:
    """A path that nothing is at yet; errors that name it name `uri` instead."""
    if shared_dir:
        Path(shared_dir).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tfgrec-", dir=shared_dir or None) as parent:
        folder = Path(parent) / "artifact"
        try:
            yield folder
        except TfgrecError as error:
            raise type(error)(str(error).replace(str(folder), uri.rstrip("/"))) from error


def _upload(paths: Iterable[Path], folder: Path, uri: str) -> None:
    """Copies files and folders to where they would be if `folder` were `uri`."""
    files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()]
    copies = [(str(file), f"{uri.rstrip('/')}{str(file).removeprefix(str(folder))}") for file in files]
    _copy_all(copy for copy in copies if Path(copy[0]).name != _MANIFEST)
    _copy_all(copy for copy in copies if Path(copy[0]).name == _MANIFEST)


def _copy_all(copies: Iterable[tuple[str, str]]) -> None:
    """Copies files, each from one path to another, some at the same time."""
    with concurrent.futures.ThreadPoolExecutor(_COPIES_AT_ONCE) as pool:
        for _ in pool.map(_copy, *zip(*copies, strict=True)):
            pass


def _copy(source: str, target: str) -> None:
    # fileio.copy reads the whole of a file into memory if its two ends are on different file systems.
    fileio.makedirs(target.rpartition("/")[0])
    with fileio.open(source, "rb") as read, fileio.open(target, "wb") as written:
        # TensorFlow makes a file when the first bytes are written, even if they are none.
        written.write(b"")
        shutil.copyfileobj(read, written, _BLOCK_BYTES)


def _below(path: str, folder: str) -> str:
    return path.removeprefix(folder.rstrip("/")).lstrip("/")
