"""Files on any file system as streams of decompressed bytes."""

import contextlib
import tempfile
from collections.abc import Iterator

import pyarrow as pa

from tfgrec import files

_COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}


@contextlib.contextmanager
def local_copy(path: str) -> Iterator[str]:
    """The path of a file on this machine, to which what lies elsewhere is copied first."""
    if files.is_local(path):
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="tfgrec-") as copy:
        files.fetch(path, copy.name)
        yield copy.name


@contextlib.contextmanager
def open_decompressed(path: str, local: str | None = None) -> Iterator[pa.NativeFile]:
    """A file's bytes, decompressed, as a file of Arrow's own; what lies elsewhere is copied first, if not yet `local`.

    Arrow reads ahead in a thread of its own: on a Python file that needs the interpreter's lock, and a reader that is
    given up early, holding the lock, waits for the thread for ever.
    """
    with contextlib.nullcontext(local) if local is not None else local_copy(path) as copy:
        compression = compression_of(path)
        with pa.OSFile(copy) as file:
            yield pa.CompressedInputStream(file, compression) if compression else file


def compression_of(path: str) -> str | None:
    """How a file is compressed, by its suffix; None where it isn't."""
    return next((name for suffix, name in _COMPRESSIONS.items() if path.lower().endswith(suffix)), None)
