"""A training and its evaluation read records of an object store."""

import shutil
from pathlib import Path

import pytest

from tfgrec import files
from tfgrec.run.run_directory import RunDirectory
from tfgrec.shard_cache import ShardCache
from tfgrec.training.run_model import RunModel
from tfgrec.training.trainer import train


@pytest.mark.slow
def test_a_model_is_trained_and_measured_on_records_of_an_object_store(
    small_run: Path, tmp_path: Path, s3_folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDirectory.at(shutil.copytree(small_run, tmp_path / "run"))
    local = shutil.move(run.examples, tmp_path / "examples")
    for path in files.files_below(local):
        files.send(path, files.join(s3_folder, *Path(path).relative_to(local).parts))
    cache = ShardCache(folder=tmp_path / "cache", max_bytes=1 << 20)
    monkeypatch.setattr(ShardCache, "of_host", lambda: cache)

    config = run.read_config(["arm=no_graph", "training.epochs=1"])
    far = RunModel(config, RunDirectory.at(run.root, examples=s3_folder))
    assert train(far)["steps"] == 8
    assert len(far.predict("validation")) == far.examples.split("validation").num_candidates
    assert far.run.records_seals() == RunDirectory.at(run.root, examples=local).records_seals()
    assert len(list((tmp_path / "cache").glob("*.data"))) == 6
