"""The files of `memory_files`, as TFX sees them: an object store that both TFX and our jobs know."""

import io
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from memory_files import FILES, SCHEME, open_to_write
from tfx.dsl.io.filesystem import Filesystem, NotFoundError
from tfx.dsl.io.filesystem_registry import DEFAULT_FILESYSTEM_REGISTRY

ROOT = f"{SCHEME}://bucket"


class MemoryArtifacts(Filesystem):
    """As much of TFX's interface as artifacts need."""

    SUPPORTED_SCHEMES = [f"{SCHEME}://"]

    @staticmethod
    def open(name: str, mode: str = "r") -> Any:
        if "w" in mode:
            return open_to_write(name)
        if name not in FILES:
            raise NotFoundError(name)
        return io.BytesIO(FILES[name])

    @staticmethod
    def exists(path: str) -> bool:
        return path in FILES or MemoryArtifacts.isdir(path)

    @staticmethod
    def isdir(path: str) -> bool:
        return any(name.startswith(f"{path.rstrip('/')}/") for name in FILES)

    @staticmethod
    def listdir(path: str) -> list[str]:
        """Folders with a slash at their end, as TensorFlow's file systems give them."""
        below = [name.removeprefix(f"{path}/") for name in FILES if name.startswith(f"{path}/")]
        return sorted({first + ("/" if slash else "") for first, slash, _ in (name.partition("/") for name in below)})

    @staticmethod
    def makedirs(path: str) -> None:
        """There are no folders."""

    @staticmethod
    def stat(path: str) -> SimpleNamespace:
        """As much as TensorFlow's file systems tell of all files."""
        return SimpleNamespace(length=len(FILES[path]))

    @staticmethod
    def rmtree(path: str) -> None:
        for name in [name for name in FILES if name.startswith(f"{path}/")]:
            del FILES[name]

    @staticmethod
    def walk(top: str, topdown: bool = True, onerror: Any = None) -> Iterator[tuple[str, list[str], list[str]]]:
        names = MemoryArtifacts.listdir(top)
        folders = [name.rstrip("/") for name in names if name.endswith("/")]
        yield top, folders, [name for name in names if not name.endswith("/")]
        for folder in folders:
            yield from MemoryArtifacts.walk(f"{top}/{folder}")


DEFAULT_FILESYSTEM_REGISTRY.register(MemoryArtifacts, priority=0)
