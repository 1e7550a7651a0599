"""A file is read once, and again when anything tells that it may be another one."""

import os
import time
from pathlib import Path

import pytest

from tfgrec import files
from tfgrec.run import known_fingerprints
from tfgrec.run.fingerprint import fingerprint_file
from tfgrec.run.known_fingerprints import KnownFingerprints


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that have been read."""
    found: list[Path] = []
    monkeypatch.setattr(files, "_COARSEST_CLOCK", 0.0)
    monkeypatch.setattr(
        known_fingerprints, "fingerprint_file", lambda path: found.append(path) or fingerprint_file(path)
    )
    return found


def of(folder: Path, *names: str, again: bool = False) -> dict[str, str]:
    known = KnownFingerprints(folder / "known.json", again=again)
    found = {name: known.of_file(folder / name) for name in names}
    known.save()
    assert found == {name: fingerprint_file(folder / name) for name in names}
    return found


def test_what_is_known_is_not_read(tmp_path: Path, read: list[Path]) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("abc")
    other.write_text("abc")
    of(tmp_path, "one", "other")
    of(tmp_path, "one", "other")
    assert read == [one, other]
    of(tmp_path, "one", again=True)
    assert read == [one, other, one]
    # What was not asked for last is forgotten.
    of(tmp_path, "one", "other")
    assert read == [one, other, one, other]


def test_what_was_changed_is_read_whatever_its_time(tmp_path: Path, read: list[Path]) -> None:
    one = tmp_path / "one"
    one.write_text("abc")
    before, times = of(tmp_path, "one"), one.stat()
    time.sleep(0.02)
    one.write_text("abd")
    os.utime(one, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert of(tmp_path, "one") != before
    (tmp_path / "new").write_text("abe")
    os.utime(tmp_path / "new", ns=(times.st_atime_ns, times.st_mtime_ns))
    os.replace(tmp_path / "new", one)
    of(tmp_path, "one")
    assert read == [one] * 3


def test_what_is_new_is_kept_once_it_can_be_told(
    tmp_path: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = tmp_path / "one"
    one.write_text("abc")
    known = KnownFingerprints(tmp_path / "known.json")
    monkeypatch.setattr(files, "_COARSEST_CLOCK", 60.0)
    known.of_file(one)
    known.save()
    assert (tmp_path / "known.json").read_text() == "{}"
    monkeypatch.setattr(files, "_COARSEST_CLOCK", 0.0)
    known.save()
    assert len(read) == 2
    of(tmp_path, "one")
    assert len(read) == 2


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"a": ["b"]}', '{"a": [1, 2]}'])
def test_what_is_damaged_counts_as_nothing(text: str, tmp_path: Path, read: list[Path]) -> None:
    (tmp_path / "one").write_text("abc")
    (tmp_path / "known.json").write_text(text)
    of(tmp_path, "one")
    of(tmp_path, "one")
    assert len(read) == 1
