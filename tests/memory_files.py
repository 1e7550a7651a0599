"""A file system in memory, such as an object store is: there are files, and no folders but in their names."""

import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from pyarrow import fs

from tfgrec import file_systems

SCHEME = "memory"
# All there are, by their URLs.
FILES: dict[str, bytes] = {}


class _Memory(fs.FileSystemHandler):
    """`FILES`, as Arrow asks a file system."""

    def get_type_name(self) -> str:
        return SCHEME

    def normalize_path(self, path: str) -> str:
        return path

    def get_file_info(self, paths: list[str]) -> list[fs.FileInfo]:
        return [self._info(path) for path in paths]

    def get_file_info_selector(self, selector: fs.FileSelector) -> list[fs.FileInfo]:
        prefix = f"{selector.base_dir.rstrip('/')}/"
        found: dict[str, fs.FileInfo] = {}
        for path in self._paths():
            if path.startswith(prefix):
                first, slash, _ = path[len(prefix) :].partition("/")
                name = path if selector.recursive or not slash else prefix + first
                found[name] = self._info(name)
        return list(found.values())

    def open_input_file(self, path: str) -> pa.NativeFile:
        if path not in self._paths():
            raise FileNotFoundError(f"there is no {path}")
        return pa.BufferReader(FILES[_url(path)])

    open_input_stream = open_input_file

    def open_output_stream(self, path: str, metadata: Any) -> pa.NativeFile:
        return pa.PythonFile(_WrittenFile(_url(path)))

    def copy_file(self, source: str, target: str) -> None:
        FILES[_url(target)] = FILES[_url(source)]

    def delete_file(self, path: str) -> None:
        del FILES[_url(path)]

    def delete_dir(self, path: str) -> None:
        for name in [name for name in self._paths() if name.startswith(f"{path}/")]:
            self.delete_file(name)

    def _info(self, path: str) -> fs.FileInfo:
        if path in self._paths():
            return fs.FileInfo(path, fs.FileType.File, size=len(FILES[_url(path)]), mtime_ns=0)
        is_folder = any(name.startswith(f"{path}/") for name in self._paths())
        return fs.FileInfo(path, fs.FileType.Directory if is_folder else fs.FileType.NotFound)

    @staticmethod
    def _paths() -> Iterator[str]:
        return (url.removeprefix(f"{SCHEME}://") for url in sorted(FILES))

    def _never(self, *_: Any) -> None:
        raise AssertionError("not asked of an object store")

    append = create_dir = delete_dir_contents = delete_root_dir_contents = move = open_append_stream = _never


class _WrittenFile(io.BytesIO):
    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def close(self) -> None:
        if not self.closed:
            FILES[self._url] = self.getvalue()
        super().close()


def _url(path: str) -> str:
    return f"{SCHEME}://{path}"


def open_to_write(url: str) -> io.BytesIO:
    """A new file, which is there once it is closed."""
    return _WrittenFile(url)


_SYSTEM = fs.PyFileSystem(_Memory())
file_systems.MAKERS[SCHEME] = lambda _: _SYSTEM
