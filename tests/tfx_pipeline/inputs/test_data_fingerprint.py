"""What TFX's cache knows tables by."""

import os

import pytest

from tfgrec import files
from tfgrec.config import TablesConfig
from tfgrec.errors import InputDataError
from tfgrec.run import known_fingerprints
from tfgrec.run.known_fingerprints import KnownFingerprints
from tfx_pipeline.inputs.data_fingerprint import fingerprint_tables


@pytest.fixture
def tables():
    return TablesConfig.model_construct(
        tables={
            "users": _table("users.csv"),
            "log": _table("log/day=*/part.csv"),
        }
    )


@pytest.fixture
def data(tmp_path):
    for path in ("users.csv", "log/day=1/part.csv", "log/day=2/part.csv"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"id\n{path}\n")
    return tmp_path


def _table(path):
    from tfgrec.config.tables import Table

    return Table.model_construct(path=path)


def test_equal_contents_are_equal_wherever_and_whenever_they_were_written(tables, data):
    before = fingerprint_tables(tables, str(data))
    os.utime(data / "users.csv", (1, 1))
    assert fingerprint_tables(tables, str(data)) == before
    moved = data.rename(data.parent / "elsewhere")
    assert fingerprint_tables(tables, str(moved)) == before


@pytest.mark.parametrize("change", ["edited", "another day", "renamed"])
def test_any_change_of_a_table_shows(tables, data, change):
    before = fingerprint_tables(tables, str(data))
    if change == "edited":
        (data / "users.csv").write_text("id\nusers.csw\n")
    elif change == "another day":
        (data / "log/day=3").mkdir()
        (data / "log/day=3/part.csv").write_text("id\n")
    else:
        (data / "log/day=1").rename(data / "log/day=9")
    assert fingerprint_tables(tables, str(data)) != before


def test_other_files_do_not_count(tables, data):
    before = fingerprint_tables(tables, str(data))
    (data / "notes.txt").write_text("not a table")
    assert fingerprint_tables(tables, str(data)) == before


def test_a_table_without_files_is_named(tables, data):
    (data / "users.csv").unlink()
    with pytest.raises(InputDataError, match=r"table 'users': no file is .*users\.csv"):
        fingerprint_tables(tables, str(data))


def test_what_is_known_is_not_read_again(tables, data, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_COARSEST_CLOCK", 0.0)
    known = tmp_path / "known.json"
    before = fingerprint_tables(tables, str(data))
    assert fingerprint_tables(tables, str(data), KnownFingerprints(known)) == before
    monkeypatch.setattr(known_fingerprints, "fingerprint_file", lambda path: pytest.fail(f"{path} is read"))
    assert fingerprint_tables(tables, str(data), KnownFingerprints(known)) == before
