"""tfgrec-train from `training.warm_start_from`: where it begins, and when it doesn't begin again."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from separate_trainings import succeeds, train_apart

from tfgrec.model_stages import ModelStages
from tfgrec.run_directory import RunDirectory
from tfgrec.training.history import read_history
from tfgrec.training.step_log import StepLog

# 120 requests in 4 batches; nothing is random but the order of the data.
SHORT = [
    *("training.epochs=1", "training.batch_size=30", "training.log_every_steps=1"),
    *("training.checkpoint_every_steps=2", "training.optimizer.learning_rate=0.003", "model.towers.dropout=0"),
    *("model.encoder.dropout=0", "model.auto_encoder.enabled=false"),
]


def train(run: RunDirectory, start: Path | None, *overrides: str) -> list[str]:
    """Runs the stages; what was announced."""
    announced: list[str] = []
    starting = [] if start is None else [f"training.warm_start_from={start}"]
    ModelStages(run.read_config([*SHORT, *starting, *overrides]), run, announce=announced.append).run()
    return [line for line in announced if line.startswith("training")]


@pytest.fixture(scope="module")
def first(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    run = RunDirectory.at(shutil.copytree(small_run, tmp_path_factory.mktemp("first") / "run"))
    train(run, None)
    return run


@pytest.mark.slow
def test_it_goes_on_where_the_earlier_training_ended(
    first: RunDirectory, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = StepLog.add

    def add_or_stop(self, *arguments, **keywords):
        add(self, *arguments, **keywords)
        if self._position.step == 3:
            raise KeyboardInterrupt

    announced: list[str] = []
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(StepLog, "add", add_or_stop)
        config = run.read_config([*SHORT, f"training.warm_start_from={first.root}"])
        ModelStages(config, run, announce=announced.append).run()
    assert any(line.startswith(f"training: starts from {first.root}, takes over ") for line in announced)
    announced = train(run, first.root)
    assert "training: goes on after step 2" in announced
    assert not any(line.startswith("training: starts from") for line in announced)
    losses, earlier = ([line["loss/watch_time"] for line in read_history(of.history)] for of in (run, first))
    assert len(losses) == len(earlier) == 4
    assert losses[0] < earlier[0] - 0.01

    # The earlier run at another place, or gone, is the same start; trained anew, it is another.
    moved = shutil.copytree(first.root, run.root.parent / "moved")
    assert train(run, moved) == ["training: skipped, inputs and outputs are as they were"]
    shutil.rmtree(moved)
    assert train(run, moved) == ["training: skipped, inputs and outputs are as they were"]
    shutil.copytree(first.root, moved)
    (moved / "training.json").write_text(json.dumps({**json.loads(first.training.read_text()), "seconds": 1}))
    assert train(run, moved)[0] == "training: done again, changed since: warm_start"
    assert (run.root / "previous-1" / "checkpoints").is_dir()


@pytest.mark.slow
def test_replicas_start_from_the_same_variables(first: RunDirectory, run: RunDirectory, tmp_path: Path) -> None:
    other = RunDirectory.at(shutil.copytree(run.root, tmp_path / "other"))
    start = f"training.warm_start_from={first.root}"
    replicas = [start, "training.distribution=mirrored", "training.replicas=2", "training.mixed_precision=bfloat16"]
    one = [start, "training.mixed_precision=bfloat16"]
    output = succeeds(
        train_apart(
            {"run": run.root, "set": [*SHORT, *replicas, "training.optimizer.learning_rate=1e-9"]},
            {"run": other.root, "set": [*SHORT, *one, "training.optimizer.learning_rate=1e-9"]},
        )
    )
    assert output.count(f"training: starts from {first.root}, takes over ") == 2
    readers = [tf.train.load_checkpoint(tf.train.latest_checkpoint(str(of.checkpoints))) for of in (run, other, first)]
    for key in readers[0].get_variable_to_shape_map():
        if key.startswith("model/") and "/balancer/" not in key and key.split("/")[-2] == ".ATTRIBUTES":
            values = [reader.get_tensor(key) for reader in readers]
            np.testing.assert_allclose(values[0], values[1], atol=1e-5)
            if "embedded" not in key:
                np.testing.assert_allclose(values[0], values[2], atol=1e-5)
