"""What a stage depends on, reduced to values that can be compared."""

import os
from collections.abc import Iterable
from pathlib import Path

from tfgrec.files import StrPath, checksum, is_local

LARGEST_HASHED_BYTES = 64 * 2**20


def fingerprint_file(path: StrPath) -> str:
    """A file's content by SHA-256; above 64 MiB on a disk, size and time of change, since reading takes too long."""
    if is_local(path) and (status := os.stat(path)).st_size >= LARGEST_HASHED_BYTES:
        return f"size:{status.st_size} mtime:{status.st_mtime_ns}"
    return f"sha256:{checksum(path)}"


def fingerprint_files(root: Path, paths: Iterable[Path]) -> dict[str, str]:
    """Path below `root` -> fingerprint."""
    return {os.path.relpath(path, root): fingerprint_file(path) for path in sorted(set(paths))}


def file_sizes(root: Path, paths: Iterable[Path]) -> dict[str, int]:
    """Path below `root` -> bytes, of the files, and of all files below the folders, among `paths`."""
    files = (file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path]))
    return {os.path.relpath(file, root): file.stat().st_size for file in files if file.is_file()}
