"""Folders of this machine and of an object store, as tests send and compare them."""

from pathlib import Path

from tfgrec import files


def send_folder(folder: Path, url: str) -> None:
    """Copies all files of a local folder to where they would be if the URL were the folder."""
    for path in folder.rglob("*"):
        if path.is_file():
            files.send(path, f"{url}/{path.relative_to(folder).as_posix()}")


def contents(folder: str | Path) -> dict[str, bytes]:
    """All bytes below a folder, by their names in it."""
    found = {}
    for path in files.files_below(folder):
        with files.open_to_read(path) as file:
            found[path[len(str(folder)) + 1 :]] = file.read()
    return found
