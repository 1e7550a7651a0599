"""tfgrec-check tells all that is wrong, with exit code 2, and that nothing is with 0."""

from pathlib import Path

import pytest
import tiny_world
import yaml
from s3_contents import send_folder

from tfgrec.commands import check


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    tiny_world.write_tiny_world(tmp_path)
    return ["--config", str(tmp_path / "config.yaml"), "--data", str(tmp_path / "data")]


def test_problems_of_both_files_are_told_at_once(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "schema" / "tables.yaml"
    values = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**values, "edges": {}}))
    assert check.main([*arguments, "--set", "training.epoch=2", "training.batch_size=many"]) == 2
    said = capsys.readouterr().out
    assert f"{tmp_path}/config.yaml: unknown key 'training.epoch': did you mean 'epochs'?" in said
    assert f"{tmp_path}/config.yaml: key 'training.batch_size'" in said
    assert f"{path}: unknown key 'edges': did you mean 'edge_sets'?" in said
    assert "tables were not looked at" in said


def test_a_data_folder_that_is_none_is_told_beside_the_rest(
    arguments: list[str], tmp_path: Path, s3_folder: str, capsys: pytest.CaptureFixture
) -> None:
    for nowhere in (f"{tmp_path}/nowhere", f"{s3_folder}/nowhere"):
        arguments[-1] = nowhere
        assert check.main([*arguments, "--set", "sampling.hops.0.show=3"]) == 2
        said = capsys.readouterr().out
        assert f"--data {nowhere}: is no folder" in said
        assert "sampling.hops.0: tables.yaml has no edge set 'show': did you mean 'shown'?" in said


@pytest.mark.parametrize("rows", ["0", "-3", "some"])
def test_a_number_of_rows_is_one(arguments: list[str], rows: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="2"):
        check.main([*arguments, "--rows", rows])
    assert "expected a number of rows from 1 on" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(("override", "code", "far"), [("arm=joint", 0, True), ("split.validation=[7, 9]", 2, False)])
def test_the_tables_are_looked_at_by_a_job(
    arguments: list[str], override: str, code: int, far: bool, s3_folder: str, capsys: pytest.CaptureFixture
) -> None:
    if far:
        send_folder(Path(arguments[-1]), s3_folder)
        arguments[-1] = s3_folder
    assert check.main([*arguments, "--set", override]) == code
    said = capsys.readouterr().out
    assert ("Nothing to mend" in said) == (code == 0)
    assert ("split.validation: there is not one request from 7 to 9" in said) == (code == 2)
