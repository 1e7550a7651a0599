"""Files that can't be written leave nothing, and say which they are."""

import errno
import os
import time
from pathlib import Path
from typing import BinaryIO

import pytest

from tfgrec import files
from tfgrec.errors import OutputError


def test_a_full_disk_names_the_file_and_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    files.write_json(path, {"whole": True})

    def write(file: BinaryIO) -> None:
        file.write(b"half of it")
        with open("/dev/full", "wb") as full:
            full.write(b"the other half")

    with pytest.raises(OutputError, match=f"{path}: can't be written: No space left on device"):
        files.write_atomically(path, write)
    assert [file.name for file in tmp_path.iterdir()] == ["manifest.json"]
    assert files.read_json(path) == {"whole": True}


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(OutputError, match="run/stage.json: can't be written: "):
        files.write_json(tmp_path / "run" / "stage.json", {})


def test_what_vouches_for_others_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda number: [seen.append("fsync"), sync(number)])
    monkeypatch.setattr(os, "replace", lambda old, new: [seen.append("replace"), replace(old, new)])
    files.write_json(tmp_path / "manifest.json", {})
    assert seen == ["fsync", "replace"]


@pytest.mark.parametrize("linked", [True, False])
def test_a_file_is_shared_where_the_disk_can(linked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    (tmp_path / "old").write_text("content")
    if not linked:
        monkeypatch.setattr(os, "link", no_links)
    files.link(tmp_path / "old", tmp_path / "folder" / "new")
    assert (tmp_path / "folder" / "new").read_text() == "content"
    assert (tmp_path / "folder" / "new").samefile(tmp_path / "old") == linked


def test_a_file_is_another_one_when_its_bytes_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a"
    assert files.identity(file) is None
    file.write_text("abc")
    # Another change within the clock's grain could not be told.
    assert files.identity(file) is None
    monkeypatch.setattr(files, "_COARSEST_CLOCK", 0.0)
    before, times = files.identity(file), file.stat()
    assert before == files.identity(file) is not None
    time.sleep(0.02)
    file.write_text("abd")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert files.identity(file) not in (before, None)
    (tmp_path / "b").write_text("abc")
    assert files.identity(tmp_path / "b") != before
