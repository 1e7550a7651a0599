"""One, two and several processes' replicas train the same model on the same global batches."""

import json
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from separate_trainings import succeeds, train_apart

from tfgrec.training.checkpoints import TrainingCheckpoints
from tfgrec.training.history import read_history

pytestmark = pytest.mark.slow

# 120 requests: the last batch of an epoch has one, so one of two replicas has none.
BATCHES = ["training.batch_size=17"]
MIRRORED = [*BATCHES, "training.distribution=mirrored", "training.replicas=2"]
MULTI_WORKER = [*BATCHES, "training.distribution=multi_worker"]
STEPS = 16
# Measured at steps 3 and 5 or 6 of an epoch; the second of two trainings is the refit.
EARLY_STOPPING = ["arm=no_graph", "training.early_stopping={share: 0.2}"]


def variables(run: Path) -> dict[str, np.ndarray]:
    """All numbers in a run's newest checkpoint: model, balancer, optimizers."""
    reader = tf.train.load_checkpoint(str(run / "checkpoints"))
    found = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    return {name: value for name, value in found.items() if isinstance(value, np.ndarray | np.generic)}


def assert_equal_trainings(first: Path, second: Path) -> None:
    one, other = variables(first), variables(second)
    assert one.keys() == other.keys() and any("balancer" in name for name in one)
    for name, value in one.items():
        np.testing.assert_allclose(other[name], value, rtol=2e-3, atol=2e-5, err_msg=name)
    lines = [read_history(run / "logs" / "history.jsonl") for run in (first, second)]
    for line, expected in zip(*lines, strict=True):
        assert line["step"] == expected["step"]
        for name in expected:
            if name.startswith(("loss", "weight")):
                assert line[name] == pytest.approx(expected[name], rel=1e-4), (line["step"], name)


@pytest.fixture(scope="module")
def on_one_device(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = Path(shutil.copytree(small_run, tmp_path_factory.mktemp("alone") / "run"))
    succeeds(train_apart({"run": run, "set": BATCHES}))
    return run


def test_two_replicas_broken_off_twice_then_one_train_as_one(
    small_run: Path, on_one_device: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(small_run, tmp_path / "run")
    succeeds(
        train_apart(
            {"run": run, "set": MIRRORED, "stop": 7},
            {"run": run, "set": [*MIRRORED, "training.diagnostics_every_steps=6"], "stop": 11},
            {"run": run, "set": BATCHES},
        )
    )
    assert_equal_trainings(on_one_device, run)
    lines = read_history(run / "logs" / "history.jsonl")
    assert [line["step"] for line in lines if "effective_rank/graph_user" in line] == [6]


def test_two_processes_train_as_one_and_the_chief_alone_writes(
    small_run: Path, on_one_device: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(small_run, tmp_path / "run")
    before = set(run.rglob("*"))
    training = {"run": run, "set": MULTI_WORKER, "stages": True}
    addresses = [f"localhost:{port}" for port in free_ports(2)]
    chief, other = (train_apart(training, environment=place(addresses, index)) for index in range(2))
    assert "training: done, the chief goes on" in succeeds(other)
    succeeds(chief)
    assert_equal_trainings(on_one_device, run)
    assert json.loads((run / "training.json").read_text())["steps"] == STEPS
    assert len(list(run.glob("logs/events.out.tfevents.*"))) == 1
    assert (run / "export" / "1" / "saved_model.pb").exists() and (run / "metrics.json").exists()
    assert not [path for path in set(run.rglob("*")) - before if "temp" in path.name]

    chief, other = (train_apart(training, environment=place(addresses, index)) for index in range(2))
    assert "training: the chief has nothing to train" in succeeds(other)
    assert "training: skipped" in succeeds(chief)


def measured(run: Path) -> list[tuple[int, float]]:
    position = TrainingCheckpoints(run / "checkpoints").read_position()
    return [(one["step"], one["value"]) for one in position.measurements]


def test_replicas_and_processes_stop_early_alike(small_run: Path, tmp_path: Path) -> None:
    alone, mirrored, several = (
        shutil.copytree(small_run, tmp_path / name) for name in ("alone", "mirrored", "several")
    )
    addresses = [f"localhost:{port}" for port in free_ports(2)]
    training = {"run": several, "set": [*MULTI_WORKER, *EARLY_STOPPING], "stages": True}
    processes = [train_apart(training, environment=place(addresses, index)) for index in range(2)]
    for process in processes:
        succeeds(process)
    settings = {mirrored: MIRRORED, alone: BATCHES}
    succeeds(train_apart(*({"run": run, "set": [*keys, *EARLY_STOPPING]} for run, keys in settings.items())))
    steps, values = zip(*measured(alone), strict=True)
    for run in (mirrored, several):
        assert_equal_trainings(alone, run)
        assert [step for step, _ in measured(run)] == list(steps)
        np.testing.assert_allclose([value for _, value in measured(run)], values, rtol=1e-4)


def test_processes_with_other_configurations_do_not_train_together(small_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(small_run, tmp_path / "run")
    addresses = [f"localhost:{port}" for port in free_ports(2)]
    processes = [
        train_apart(
            {"run": run, "set": [*MULTI_WORKER, f"training.seed={seed}"], "stages": True},
            environment=place(addresses, seed),
        )
        for seed in range(2)
    ]
    for process in processes:
        output, _ = process.communicate(timeout=600)
        assert process.returncode != 0 and "must be started with one configuration" in output
    assert not (run / "training.json").exists()


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for number in sockets:
        number.bind(("localhost", 0))
    ports = [number.getsockname()[1] for number in sockets]
    for number in sockets:
        number.close()
    return ports


def place(addresses: list[str], index: int) -> dict[str, str]:
    cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    return {"TF_CONFIG": json.dumps(cluster)}
