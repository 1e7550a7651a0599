"""A folder that somebody else wrote is refused and stays as it is; one's own is held by one process at a time."""

import json
import os
from pathlib import Path

import pytest

from tfgrec.errors import ConfigurationError
from tfgrec.run.claim import MARK, check_claim, claimed
from tfgrec.run.lock import LOCK

RECORD = json.dumps({"inputs": {}, "outputs": {}, "seconds": 1})
OPTION = {"run": "--run-dir", "evaluation": "--output", "pipeline": "--pipeline-root"}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes() for path in folder.rglob("*")}


@pytest.mark.parametrize("kind", OPTION)
@pytest.mark.parametrize(
    "files",
    [
        {"schema/important.sql": "x", "config.yaml": "port: 8080\n"},
        # The folder of a configuration, which is no run yet.
        {"schema/graph.pbtxt": "", "schema/tables.yaml": "", "config.yaml": "name: case\nschema_dir: schema\n"},
        {"stages/raw.json": "[1, 2]", "stages/deploy.json": '{"inputs": 1}'},
        {"graph/manifest.json": "{}", "examples/part-0.tfrecord": ""},
        {"metrics.json": "{}", "predictions.parquet": ""},
        {MARK: '{"kind": "another"}'},
        {MARK: "no JSON"},
        {".hidden": ""},
    ],
)
def test_a_folder_of_something_else_is_refused_and_not_touched(files: dict[str, str], kind, tmp_path: Path) -> None:
    folder = write(tmp_path / "other", files)
    before = contents(folder)
    first = min(path.name for path in folder.iterdir())
    told = f"^{OPTION[kind]} {folder}: holds files of something else \\('{first}'\\)"
    with pytest.raises(ConfigurationError, match=told), claimed(folder, kind):
        pass
    assert contents(folder) == before


@pytest.mark.parametrize("kind", OPTION)
def test_a_new_or_empty_folder_is_marked_and_can_be_claimed_again(kind, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    # As a process leaves it that was killed before it wrote the mark.
    write(tmp_path / "killed", {LOCK: "", f".{MARK}.0a1b2c": "{"})
    for folder in (tmp_path / "new" / "folder", tmp_path / "empty", tmp_path / "killed"):
        with claimed(folder, kind) as held:
            assert held
            write(folder, {"schema/tables.yaml": "ours"})
        with claimed(folder, kind):
            assert (folder / "schema" / "tables.yaml").read_text() == "ours"
        for other in OPTION.keys() - {kind}:
            with pytest.raises(ConfigurationError, match="choose another folder$"):
                check_claim(folder, other)


@pytest.mark.parametrize(
    ("files", "kinds"),
    [
        ({"config.yaml": "", "stages/graph.json": RECORD}, {"run", "evaluation"}),
        ({"config.yaml": "", "stages/training.json": RECORD, "training.json": "{}"}, {"run"}),
        ({"stages/graph.json": RECORD, "arms/joint/seed-1/config.yaml": ""}, {"run"}),
        ({"metrics.json": '{"validation": {}}', "predictions.parquet": ""}, {"evaluation"}),
        ({"metadata.sqlite": "", "artifacts/x": ""}, {"pipeline"}),
    ],
)
def test_what_earlier_versions_wrote_is_known_without_a_mark(
    files: dict[str, str], kinds: set[str], tmp_path: Path
) -> None:
    folder = write(tmp_path / "run", files)
    for kind in OPTION:
        if kind in kinds:
            check_claim(folder, kind)
        else:
            with pytest.raises(ConfigurationError):
                check_claim(folder, kind)


def test_a_second_process_is_refused_in_the_command_s_words(tmp_path: Path) -> None:
    with claimed(tmp_path / "run", "run"):
        told = f"^--run-dir {tmp_path}/run: another run is at work there, process {os.getpid()}$"
        with pytest.raises(ConfigurationError, match=told), claimed(tmp_path / "run", "run"):
            pass


def test_what_can_not_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    # In /proc not even root makes a folder.
    for folder in (tmp_path / "file", tmp_path / "file" / "run", Path("/proc/tfgrec-run")):
        told = f"^--run-dir {folder}: can't be written to: "
        with pytest.raises(ConfigurationError, match=told), claimed(folder, "run"):
            pass
    assert (tmp_path / "file").read_text() == "x"
