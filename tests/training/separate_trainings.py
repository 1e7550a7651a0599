"""Trains run directories one after the other in a process of its own, whose devices can still be chosen.

python separate_trainings.py JSON, a list of {"run": folder, "set": [overrides], "stop": step to break off at, or null,
"stages": whether to evaluate, export and report as well, as tfgrec-train does}.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tfgrec.run.run_directory import RunDirectory
from tfgrec.stages.model_stages import ModelStages
from tfgrec.training.cluster import Cluster


def train_apart(*trainings: dict[str, Any], environment: dict[str, str] | None = None) -> subprocess.Popen:
    """Starts the process; nothing is random in its trainings but the order of the data."""
    fixed = ["model.auto_encoder.enabled=false", "model.encoder.dropout=0", "model.towers.dropout=0"]
    given = [{"stop": None, "stages": False, **training, "set": [*fixed, *training["set"]]} for training in trainings]
    return subprocess.Popen(
        [sys.executable, __file__, json.dumps(given, default=str)],
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def succeeds(process: subprocess.Popen) -> str:
    """Waits for the end of the process; what it printed."""
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 0, output
    return output


def main(trainings: list[dict[str, Any]]) -> None:
    """Trains."""
    from tfgrec.training.joining import join_training
    from tfgrec.training.run_model import RunModel
    from tfgrec.training.step_log import StepLog
    from tfgrec.training.trainer import train

    add = StepLog.add

    for training in trainings:

        def add_or_stop(self: StepLog, *arguments: Any, stop: int | None = training["stop"], **keywords: Any) -> None:
            add(self, *arguments, **keywords)
            if self._position.step == stop:
                raise KeyboardInterrupt

        StepLog.add = add_or_stop
        run = RunDirectory.at(Path(training["run"]))
        config = run.read_config(training["set"])
        several = config.training.distribution == "multi_worker"
        try:
            if several and not Cluster.from_environment(os.environ).is_chief:
                join_training(config, run)
            elif training["stages"]:
                ModelStages(config, run).run()
            else:
                train(RunModel(config, run))
        except KeyboardInterrupt:
            assert training["stop"] is not None


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
