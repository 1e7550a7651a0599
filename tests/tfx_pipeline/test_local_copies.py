"""Folders on any file system are local ones while they are needed, and errors name the place they belong to."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from memory_artifacts import FILES, ROOT

from tfgrec.errors import InputDataError
from tfx_pipeline.local_copies import files_below, local_input, local_output

URI = f"{ROOT}/graph/7"


@pytest.fixture(autouse=True)
def _no_files() -> Iterator[None]:
    FILES.clear()
    yield
    FILES.clear()


def write_store(folder: Path) -> None:
    (folder / "nodes" / "user").mkdir(parents=True)
    (folder / "nodes" / "user" / "0.arrow").write_bytes(b"users")
    (folder / "manifest.json").write_bytes(b"{}")


class TestLocalInput:
    def test_a_local_folder_is_itself(self, tmp_path: Path) -> None:
        with local_input(str(tmp_path)) as folder:
            assert folder == tmp_path

    def test_a_remote_one_is_copied_and_the_copy_removed(self) -> None:
        FILES.update({f"{URI}/manifest.json": b"{}", f"{URI}/nodes/user/0.arrow": b"users", f"{ROOT}/graph/70/x": b""})
        with local_input(f"{URI}/") as folder:
            copied = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}
        assert copied == {"manifest.json": b"{}", "nodes/user/0.arrow": b"users"}
        assert not folder.exists()

    def test_workers_elsewhere_find_it_in_the_shared_folder(self, tmp_path: Path) -> None:
        shared, local = tmp_path / "shared", tmp_path / "local"
        write_store(local)
        with local_input(str(local), shared_dir=str(shared)) as folder:
            assert folder.is_relative_to(shared) and (folder / "nodes" / "user" / "0.arrow").read_bytes() == b"users"
        assert list(shared.iterdir()) == []
        with local_input(str(shared), shared_dir=str(shared)) as folder:
            assert folder == shared

    def test_errors_name_the_remote_place(self) -> None:
        FILES[f"{URI}/manifest.json"] = b"{}"
        with (
            pytest.raises(InputDataError, match=f"^{URI}/manifest.json: is damaged$"),
            local_input(URI) as folder,
        ):
            raise InputDataError(f"{folder}/manifest.json: is damaged")

    def test_many_files_arrive_whole(self) -> None:
        FILES.update({f"{URI}/{number}": bytes([number]) * number for number in range(100)})
        with local_input(URI) as folder:
            assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
                str(number): bytes([number]) * number for number in range(100)
            }


class TestLocalOutput:
    def test_a_local_folder_is_itself(self, tmp_path: Path) -> None:
        with local_output(str(tmp_path / "graph")) as folder:
            assert folder == tmp_path / "graph"

    def test_a_remote_one_is_replaced_by_what_was_written(self) -> None:
        FILES[f"{URI}/from/an/earlier/attempt"] = b""
        with local_output(URI) as folder:
            write_store(folder)
            assert f"{URI}/from/an/earlier/attempt" in FILES
        assert list(FILES.items()) == [(f"{URI}/nodes/user/0.arrow", b"users"), (f"{URI}/manifest.json", b"{}")]
        assert not folder.exists()

    def test_a_local_one_outside_the_shared_folder_is_written_there_first(self, tmp_path: Path) -> None:
        with local_output(str(tmp_path / "graph"), shared_dir=str(tmp_path / "shared")) as folder:
            assert folder.is_relative_to(tmp_path / "shared")
            write_store(folder)
        assert (tmp_path / "graph" / "nodes" / "user" / "0.arrow").read_bytes() == b"users"

    def test_of_a_failed_job_only_dead_letters_get_there(self) -> None:
        with (
            pytest.raises(InputDataError, match=f"^3 bad rows, see {URI}.dead_letters/log.jsonl$"),
            local_output(URI) as folder,
        ):
            write_store(folder)
            letters = folder.with_name(f"{folder.name}.dead_letters")
            letters.mkdir()
            (letters / "log.jsonl").write_bytes(b"{}")
            raise InputDataError(f"3 bad rows, see {letters}/log.jsonl")
        assert list(FILES.items()) == [(f"{URI}.dead_letters/log.jsonl", b"{}")]


def test_files_below_lists_files_of_all_folders(tmp_path: Path) -> None:
    write_store(tmp_path)
    assert sorted(files_below(str(tmp_path))) == [f"{tmp_path}/manifest.json", f"{tmp_path}/nodes/user/0.arrow"]
    FILES[f"{URI}/a/b"] = b""
    assert list(files_below(URI)) == [f"{URI}/a/b"]
