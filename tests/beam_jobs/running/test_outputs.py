"""The output folder of a job: what is in it when it is put in its place, and what is never replaced."""

import json
import os
from pathlib import Path

import pytest

from beam_jobs.running import outputs
from beam_jobs.running.outputs import exchange, keep_dead_letters, unfinished_output
from beam_jobs.running.own_output import refuse_foreign
from tfgrec import files as storage
from tfgrec.errors import InputDataError, OutputError
from tfgrec.generations import new_generation, publish
from tfgrec.graph.store.layout import FORMAT

GRAPH = {
    "manifest.json": json.dumps({"format": FORMAT, "schema": {}}),
    "nodes/user/00000-of-00002.arrow": "n",
    "edges/viewed/00000-of-00002.rows.arrow": "e",
    "dead_letters/users-00000-of-00001.jsonl": "{}",
    "made_from.json": "{}",
    "nodes/user/.00001-of-00002.arrow.0123456789abcdef0123456789abcdef": "cut off",
}
RECORDS = {
    "manifest.json": json.dumps({"schema": {}, "splits": {}}),
    "train/part-00000-of-00002.tfrecord": "t",
    "Split-eval/part-00000-of-00002.tfrecord": "v",
    "audit.json": "{}",
}
OUTPUTS = {"graph": GRAPH, "examples": RECORDS}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def make(output: Path | str, kind: str) -> None:
    with unfinished_output(str(output), kind) as folder:
        write(Path(folder), {"manifest.json": "new"})


def test_what_lost_workers_left_half_written_is_not_put_in_place(tmp_path: Path) -> None:
    whole = ["manifest.json", "train/part-0.tfrecord", "nodes/user/0.arrow"]
    left = ["train/part-0.tfrecord.unfinished-0a1b2c3d", f"nodes/user/.0.arrow.{'0' * 32}"]
    with unfinished_output(str(tmp_path / "output"), "examples") as folder:
        write(Path(folder), {name: name for name in [*whole, *left]})
    found = [str(path.relative_to(tmp_path / "output")) for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(found) == sorted(whole)


@pytest.mark.parametrize("can_exchange", [True, False])
@pytest.mark.parametrize("kind", OUTPUTS)
def test_an_earlier_output_of_the_same_kind_is_replaced(
    kind: str, can_exchange: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not can_exchange:
        monkeypatch.setattr(outputs, "exchange", lambda one, other: False)
    for files in (OUTPUTS[kind], {**OUTPUTS[kind], "manifest.json": OUTPUTS[kind]["manifest.json"][:-3]}):
        output = write(tmp_path / "output", files)
        make(output, kind)
        assert contents(output) == {"manifest.json": "new"}
        assert list(tmp_path.iterdir()) == [output]
        (output / "manifest.json").unlink()


@pytest.mark.parametrize("kind", OUTPUTS)
@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"important.sql": "x"}, "no manifest.json"),
        ({"manifest.json": '{"name": "app", "start_url": "/"}'}, "manifest.json is not ours"),
        ({"manifest.json": "[]", "train/part-0.tfrecord": ""}, "manifest.json is not ours"),
        ({"manifest.json": "no JSON", "index.html": ""}, "manifest.json is not ours"),
        (None, "'notes.txt', which no job wrote"),
        ({"current.json": '{"generation": "generation-00000000"}'}, "no manifest.json"),
        ({"generation-00000000/train/part-0.tfrecord": "r"}, "no manifest.json"),
        ("other", "holds (a graph store|records), not (a graph store|records)"),
    ],
)
def test_what_no_job_wrote_is_refused_and_stays(
    files: dict[str, str] | str | None, told: str, kind: str, tmp_path: Path
) -> None:
    if files is None:
        files = {**OUTPUTS[kind], "notes.txt": "mine"}
    elif files == "other":
        files = OUTPUTS["examples" if kind == "graph" else "graph"]
    output = write(tmp_path / "output", files)
    with pytest.raises(InputDataError, match=f"^--output {output}: .*{told}"):
        make(output, kind)
    assert contents(output) == files and list(tmp_path.iterdir()) == [output]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "output").mkdir()
    make(tmp_path / "output", "graph")
    assert contents(tmp_path) == {"output/manifest.json": "new"}


def test_what_is_no_folder_is_refused_and_stays(tmp_path: Path, s3_folder: str) -> None:
    (tmp_path / "file").write_text("mine")
    os.mkfifo(tmp_path / "pipe")
    storage.write_json(f"{s3_folder}/file", "mine")
    for path in (f"{tmp_path}/file", f"{tmp_path}/pipe", f"{s3_folder}/file"):
        with pytest.raises(InputDataError, match=f"^--output {path}: is no folder"):
            make(path, "graph")
        assert storage.exists(path) and not storage.is_folder(path)
    with pytest.raises(InputDataError, match="^--output: names no folder"):
        make("", "graph")


def test_an_output_that_others_replace_meanwhile_is_replaced(s3_folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def publish_another() -> None:
        another = new_generation(s3_folder)
        storage.write_json(f"{another}/manifest.json", json.loads(GRAPH["manifest.json"]))
        publish(s3_folder, another)

    def list_slowly(folder: str) -> dict:
        names = files_below(folder)
        if len(listed) < 2:
            listed.append(folder)
            publish_another()
        return names

    listed: list[str] = []
    files_below = storage.files_below
    publish_another()
    monkeypatch.setattr(storage, "files_below", list_slowly)
    refuse_foreign(s3_folder, "graph")
    assert listed == [s3_folder] * 2


def test_what_went_wrong_is_told_though_nothing_can_be_removed(s3_folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise OutputError(f"{path}: can't be deleted")

    monkeypatch.setattr(storage, "delete", refuse)
    with pytest.raises(ValueError, match="no more"), unfinished_output(s3_folder, "graph"):
        raise ValueError("no more")


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    linked = write(tmp_path / "disk" / "graph", GRAPH)
    (tmp_path / "graph").symlink_to(linked)
    (tmp_path / "new").symlink_to(tmp_path / "disk" / "none yet")
    for name in ("graph", "new"):
        make(tmp_path / name, "graph")
        assert (tmp_path / name).is_symlink() and contents(tmp_path / name) == {"manifest.json": "new"}
    assert sorted(path.name for path in (tmp_path / "disk").iterdir()) == ["graph", "none yet"]


def test_a_disk_that_takes_nothing_is_told() -> None:
    # In /proc not even root makes a folder.
    with pytest.raises(OutputError, match="^/proc/tfgrec-output: can't be written: "):
        make(Path("/proc/tfgrec-output"), "graph")


def test_folders_change_places(tmp_path: Path) -> None:
    one, other = write(tmp_path / "one", {"a": "1"}), write(tmp_path / "other [x]", {"b/c": "2"})
    if not exchange(str(one), str(other)):
        pytest.skip("this disk can't")
    assert contents(one) == {"b/c": "2"} and contents(other) == {"a": "1"}
    assert not exchange(str(one), str(tmp_path / "none"))
    assert contents(one) == {"b/c": "2"}


def test_a_folder_named_like_dead_letters_is_not_removed(tmp_path: Path) -> None:
    mine = write(tmp_path / "output.dead_letters", {"novel.txt": "mine"})
    make(tmp_path / "output", "graph")
    kept = keep_dead_letters(str(write(tmp_path / "letters", {"users-0.jsonl": "{}"})), str(tmp_path / "output"))
    assert contents(mine) == {"novel.txt": "mine"}
    assert contents(Path(kept)) == {"users-0.jsonl": "{}"}
    again = keep_dead_letters(str(write(tmp_path / "letters", {"x.jsonl": "{}"})), str(tmp_path / "other"))
    assert again == str(tmp_path / "other.dead_letters")
    make(tmp_path / "other", "graph")
    assert not (tmp_path / "other.dead_letters").exists()


def test_names_with_brackets_and_stars_are_names(tmp_path: Path) -> None:
    (tmp_path / "run1" / "graph").mkdir(parents=True)
    for number in range(2):
        with unfinished_output(str(tmp_path / "run[1]" / "gr*ph"), "graph") as folder:
            storage.write_json(f"{folder}/manifest.json", {"format": FORMAT, "number": number})
    assert json.loads((tmp_path / "run[1]" / "gr*ph" / "manifest.json").read_text())["number"] == 1
    assert sorted(path.name for path in (tmp_path / "run[1]").iterdir()) == ["gr*ph"]
    storage.delete(str(tmp_path / "run[1]" / "gr*ph"))
    assert not list((tmp_path / "run[1]").iterdir())
    assert (tmp_path / "run1" / "graph").is_dir()
