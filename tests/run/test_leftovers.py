"""What a killed command leaves half written is gone when the next one begins; all else stays."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tfgrec.run.claim import claimed
from tfgrec.run.leftovers import remove_leftovers

HEX = "0123456789abcdef0123456789abcdef"
LEFT = [
    f".metrics.json.{HEX}",
    f"stages/.graph.json.{HEX}",
    "graph.unfinished-0123abcd/nodes/user.arrow",
    "examples.replaced-0123abcd/manifest.json",
    "examples/audit.json.unfinished-0123abcd",
    "examples/audit.unfinished/facts.json",
    "logs/.events.out.tfevents.17.vm.1.0.v2.partial",
    "checkpoints/ckpt-3_temp/part-00000-of-00001.data-00000-of-00001.tempstate12",
    "checkpoints/kept/best-3.index.tempstate12",
    f"checkpoints/checkpoint.tmp{HEX}",
    "arms/joint/seed-1/checkpoints/ckpt-3_temp/part",
]
KEPT = [
    "metrics.json",
    ".metrics.json.mine",
    "graph/manifest.json",
    "graph.unfinished-notes.txt",
    "examples/audit.json",
    "logs/events.out.tfevents.17.vm.1.0.v2",
    "checkpoints/ckpt-3.index",
    "checkpoints/kept/best-3.index",
    "export/1/saved_model.pb",
    # Nothing of TensorFlow's, as it is not among checkpoints.
    "notes_temp/a.txt",
]


def write(folder: Path, names: list[str]) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", ["run", "evaluation"])
def test_a_claimed_folder_holds_nothing_half_written(kind, tmp_path: Path) -> None:
    with claimed(tmp_path, kind):
        before = files(tmp_path)
    write(tmp_path, [*LEFT, *KEPT])
    with claimed(tmp_path, kind):
        assert files(tmp_path) == before | set(KEPT)
    assert not list(tmp_path.rglob("*_temp/part*")) and not (tmp_path / "checkpoints" / "ckpt-3_temp").exists()


def test_what_lies_behind_a_link_is_not_touched(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere", LEFT)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "graph").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "run" / "graph.unfinished-0123abcd").symlink_to(tmp_path / "elsewhere")
    remove_leftovers(tmp_path / "run")
    assert files(tmp_path / "elsewhere") == set(LEFT)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["graph"]


def test_an_export_that_another_process_writes_is_left_alone(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    write(tmp_path / "export", [f".partial-{ended.pid}/a", f".partial-{os.getppid()}/a", "1/a"])
    remove_leftovers(tmp_path)
    assert {path.name for path in (tmp_path / "export").iterdir()} == {f".partial-{os.getppid()}", "1"}
