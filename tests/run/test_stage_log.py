"""A stage is done once, and again when something that it depends on or that it wrote has changed."""

import os
import sys
from pathlib import Path

import pytest

import tfgrec
from tfgrec.errors import GraphStoreError
from tfgrec.run import fingerprint
from tfgrec.run.fingerprint import fingerprint_file, fingerprint_files
from tfgrec.run.stage_log import StageFailed, StageLog, run_module


class Stage:
    """A stage that writes its input into a file of a folder."""

    def __init__(self, root: Path):
        self.root = root
        self.said: list[str] = []
        self.log = StageLog(root / "stages", announce=self.said.append)

    @property
    def output(self) -> Path:
        return self.root / "output"

    def run(self, **inputs: object) -> bool:
        def work() -> None:
            self.output.mkdir(parents=True, exist_ok=True)
            (self.output / "part").write_text(str(inputs))

        return self.log.run("stage", inputs=inputs, outputs=[self.output], work=work)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "run")


def test_a_stage_is_skipped_while_nothing_changes(stage: Stage) -> None:
    assert stage.run(data={"a.csv": "1"}, rows=(1, 2))
    assert not stage.run(data={"a.csv": "1"}, rows=(1, 2))
    assert stage.said[-1].startswith("stage: skipped")


def test_what_changed_is_named(stage: Stage) -> None:
    stage.run(data="1", config={"a": 1})
    assert stage.run(data="1", config={"a": 2})
    assert "stage: done again, changed since: config" in stage.said
    assert stage.run(data="1")


def test_another_version_counts(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.run(data="1")
    monkeypatch.setattr(tfgrec, "__version__", "99")
    assert stage.run(data="1")


@pytest.mark.parametrize("damage", [lambda file: file.unlink(), lambda file: file.write_text("cut")])
def test_outputs_have_to_be_there(stage: Stage, damage) -> None:
    stage.run(data="1")
    damage(stage.output / "part")
    assert stage.run(data="1")
    assert not stage.run(data="1")


def test_a_stage_that_failed_is_done_again(stage: Stage) -> None:
    stage.run(data="1")

    def fail() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        stage.log.run("stage", inputs={"data": "2"}, outputs=[stage.output], work=fail)
    # Neither what failed nor what was there before counts as done.
    assert stage.run(data="1")


def test_a_stage_has_to_write_its_outputs(stage: Stage) -> None:
    with pytest.raises(RuntimeError, match="without writing"):
        stage.log.run("stage", inputs={}, outputs=[stage.root / "none"], work=lambda: None)


def test_a_run_can_be_moved(stage: Stage) -> None:
    stage.run(data="1")
    os.rename(stage.root, stage.root.with_name("moved"))
    assert not Stage(stage.root.with_name("moved")).run(data="1")


def test_files_are_known_by_content_and_big_ones_by_size_and_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("abc")
    before = fingerprint_files(tmp_path, [file])
    os.utime(file, (1, 1))
    assert fingerprint_files(tmp_path, [file]) == before and before.keys() == {"a.csv"}
    file.write_text("abd")
    assert fingerprint_files(tmp_path, [file]) != before

    monkeypatch.setattr(fingerprint, "LARGEST_HASHED_BYTES", 2)
    before = fingerprint_file(file)
    assert before.startswith("size:3 ")
    os.utime(file, (2, 2))
    assert fingerprint_file(file) != before


@pytest.mark.parametrize("record", ["", "{", "[]", '{"inputs"', '{"inputs": {}}', '"x"'])
def test_a_damaged_record_counts_as_none(stage: Stage, record: str) -> None:
    stage.run(data="1")
    (stage.root / "stages" / "stage.json").write_text(record)
    assert stage.run(data="1")
    assert not stage.run(data="1")


def test_damaged_outputs_are_written_again(stage: Stage) -> None:
    def verify() -> None:
        if (stage.output / "part").read_text() != "whole":
            raise GraphStoreError("part: damaged")

    def work() -> None:
        stage.output.mkdir(parents=True, exist_ok=True)
        (stage.output / "part").write_text("whole")

    def run() -> bool:
        return stage.log.run("stage", inputs={}, outputs=[stage.output], work=work, verify=verify)

    assert run() and not run()
    (stage.output / "part").write_text("whale")
    assert run()
    assert "stage: done again: part: damaged" in stage.said
    assert not run()


def test_a_module_s_exit_code_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    (tmp_path / "ends.py").write_text(
        "import os, sys; os.kill(os.getpid(), 9) if sys.argv[1] == 'kill' else sys.exit(3)"
    )
    for argument, exit_code in (("exit", 3), ("kill", 137)):
        with pytest.raises(StageFailed, match=f"ends ended with exit code {exit_code}") as failure:
            run_module("ends", argument)
        assert failure.value.exit_code == exit_code
