"""Checkpoints in folders whose names look like patterns."""

from pathlib import Path

import pytest
import tensorflow as tf

from tfgrec.plain_path import plain_path
from tfgrec.training.checkpoints import TrainingCheckpoints, TrainingPosition


def test_other_paths_stay_as_they_are(tmp_path: Path) -> None:
    assert plain_path(tmp_path / "run 1") == str(tmp_path / "run 1")


@pytest.mark.parametrize("name", ["run[1]", "run *", "what?", "[a"])
def test_checkpoints_are_written_read_and_replaced(name: str, tmp_path: Path) -> None:
    other = tmp_path / "run1" / "ckpt-1.index"
    other.parent.mkdir()
    other.write_bytes(b"")
    checkpoints, position = TrainingCheckpoints(tmp_path / name), TrainingPosition()
    assert checkpoints.latest is None
    manager = checkpoints.manager(position, weight=tf.Variable(1.0))
    for step in range(1, 5):
        position.step = step
        manager.save(checkpoint_number=step)
    assert checkpoints.read_position().step == 4
    assert sorted(path.name for path in (tmp_path / name).glob("*.index")) == ["ckpt-3.index", "ckpt-4.index"]
    assert other.exists()
