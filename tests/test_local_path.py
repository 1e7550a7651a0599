"""Options of commands that work on disks alone refuse URLs: a folder called `s3:` would be made of one."""

import importlib
import os
from pathlib import Path

import pytest

URL = "s3://bucket/folder"
OPTIONS = [
    ("tfgrec.commands.convert", ["movielens", "--source", URL, "--output", "out"]),
    ("tfgrec.commands.convert", ["movielens", "--source", "in", "--output", URL]),
    ("tfgrec.commands.experiment", ["--config", "x.yaml", "--run-dir", URL]),
    ("tfgrec.commands.init", [URL, "--data", "tables"]),
    ("tfgrec.commands.simulate", ["--output", URL]),
    ("tfx_pipeline.local_runner", ["--config", "x.yaml", "--data", "in", "--pipeline-root", URL]),
]


@pytest.mark.parametrize(("module", "arguments"), OPTIONS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_url_is_refused_where_a_disk_is_meant(
    module: str, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(module).main(arguments)
    assert ended.value.code == 2
    assert f"{URL}: has to be on a disk of this machine" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []
