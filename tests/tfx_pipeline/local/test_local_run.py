"""What a local run refuses before it begins: places that are not there or can't be written to."""

from pathlib import Path

import pytest

from tfx_pipeline.local_runner import main


@pytest.mark.parametrize(
    ("argument", "place", "complaint"),
    [
        ("--pipeline-root", "file", "can't be written to"),
        ("--serving-dir", "file", "can't be written to"),
        ("--serving-examples", "nowhere", "there is no such folder"),
        ("--data", "nowhere", "nowhere"),
    ],
)
def test_a_place_that_does_not_serve_is_named(
    argument: str, place: str, complaint: str, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "data").mkdir()
    arguments = {"--config": "configs/demo.yaml", "--data": tmp_path / "data", "--pipeline-root": tmp_path / "root"}
    arguments[argument] = tmp_path / place
    assert main([f"{name}={value}" for name, value in arguments.items()]) == 2
    told = capfd.readouterr().err
    assert complaint in told and str(tmp_path / place) in told, told
    assert "Traceback" not in told


def test_an_arm_that_needs_the_graph_in_training_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    (tmp_path / "data").mkdir()
    places = [f"--data={tmp_path / 'data'}", f"--pipeline-root={tmp_path / 'root'}"]
    assert main(["--config=configs/demo.yaml", *places, "--set", "arm=two_stage"]) == 2
    told = capfd.readouterr().err
    assert "key 'arm': received two_stage, which embeds nodes from the graph store" in told and "Traceback" not in told
    factors = "model.match.factors={outcomes: {shown: is_click}}"
    assert main(["--config=configs/demo.yaml", *places, "--set", factors]) == 2
    told = capfd.readouterr().err
    assert "key 'model.match.factors': item factors are fitted to the graph store" in told and "Traceback" not in told


def test_a_folder_of_something_else_is_no_root(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "root" / "artifacts").mkdir(parents=True)
    (tmp_path / "root" / "artifacts" / "mine.txt").write_text("x")
    places = [f"--data={tmp_path / 'data'}", f"--pipeline-root={tmp_path / 'root'}"]
    assert main(["--config=configs/demo.yaml", *places]) == 2
    told = capfd.readouterr().err
    assert f"--pipeline-root {tmp_path}/root: holds files of something else ('artifacts')" in told, told
    assert [path.name for path in (tmp_path / "root").rglob("*")] == ["artifacts", "mine.txt"]
