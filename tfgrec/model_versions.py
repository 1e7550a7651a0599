"""Versions of an exported model: folders that are named by numbers, as TensorFlow Serving wants them."""

from pathlib import Path


def newest_version(folder: Path) -> Path | None:
    """The version with the highest number; None where there is none."""
    versions = [path for path in folder.glob("*") if path.name.isdigit()]
    return max(versions, key=lambda path: int(path.name), default=None)
