"""tfgrec-train from `training.warm_start_from`: where it begins, and when it doesn't begin again."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tfgrec.run.run_directory import RunDirectory
from tfgrec.stages.model_stages import ModelStages
from tfgrec.training.history import read_history
from tfgrec.training.step_log import StepLog

# 120 requests in 4 batches; nothing is random but the order of the data.
SHORT = [
    *("training.epochs=1", "training.batch_size=30", "training.log_every_steps=1"),
    *("training.checkpoint_every_steps=2", "training.optimizer.learning_rate=0.003", "model.towers.dropout=0"),
    *("model.encoder.dropout=0", "model.auto_encoder.enabled=false"),
]


# What is traced in a second; which variables are taken over is looked at elsewhere.
SMALL = ["arm=no_graph", *SHORT]


def train(run: RunDirectory, start: Path | None, *overrides: str) -> list[str]:
    """Runs the stages; what was announced."""
    announced: list[str] = []
    starting = [] if start is None else [f"training.warm_start_from={start}"]
    ModelStages(run.read_config([*SMALL, *starting, *overrides]), run, announce=announced.append).run()
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
        config = run.read_config([*SMALL, f"training.warm_start_from={first.root}"])
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


REPLICATED = """
import json, sys
import tfgrec
import numpy as np
import tensorflow as tf
from tfgrec.files import write_json
from tfgrec.run.run_directory import RunDirectory
from tfgrec.training.run_model import RunModel
from tfgrec.training.variable_meanings import meanings_of, variables_by_path
from tfgrec.training.warm_start import take_over

run, earlier, overrides = RunDirectory.at(sys.argv[1]), RunDirectory.at(sys.argv[2]), sys.argv[3:]
trained = RunModel(run.read_config([*overrides, "training.seed=1"]), run)
values = {path: variable.numpy() for path, variable in variables_by_path(trained.model).items()}
tf.train.CheckpointManager(tf.train.Checkpoint(model=trained.model), str(earlier.checkpoints), max_to_keep=1).save()
write_json(earlier.meanings, meanings_of(trained.model, trained.config.model))

model = RunModel(run.read_config([*overrides, "training.seed=2"]), run)
result = take_over(model.model, model.config.model, earlier)
copies = set()
with model.replicas.scope():
    for path, variable in variables_by_path(model.model).items():
        of_replicas = tf.distribute.get_strategy().experimental_local_results(variable)
        copies.add(len(of_replicas))
        for copy in of_replicas:
            np.testing.assert_array_equal(copy.numpy(), values[path])
print(json.dumps({"fresh": len(result.fresh), "copies": sorted(copies)}))
"""


@pytest.mark.slow
def test_all_replicas_start_there(small_run: Path, tmp_path: Path) -> None:
    replicas = ["training.distribution=mirrored", "training.replicas=2", "training.mixed_precision=bfloat16"]
    arguments = [sys.executable, "-c", REPLICATED, small_run, tmp_path / "earlier", *SHORT, *replicas]
    done = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"fresh": 0, "copies": [2]}
