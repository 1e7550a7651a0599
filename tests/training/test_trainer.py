"""A training that is broken off and goes on ends where one ends that was left alone."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tfgrec.errors import InputDataError
from tfgrec.run.run_directory import RunDirectory
from tfgrec.told_damage import told_damage
from tfgrec.training.history import read_history
from tfgrec.training.run_model import RunModel
from tfgrec.training.step_log import StepLog
from tfgrec.training.trainer import Phase, phases_of, train

# 120 requests in batches of 16.
STEPS_PER_EPOCH = 8


def run_model(run: RunDirectory, *overrides: str) -> RunModel:
    return RunModel(run.read_config(overrides), run)


def values(model: RunModel) -> dict[str, np.ndarray]:
    """All that a checkpoint must bring back: the model with its balancer, and both optimizers."""
    optimizers = {"optimizer": model.model.optimizer, "embeddings": model.model.embedding_optimizer}
    found = {f"{number}": variable.numpy() for number, variable in enumerate(model.model.variables)}
    for name, optimizer in optimizers.items():
        found |= {f"{name}/{number}": variable.numpy() for number, variable in enumerate(optimizer.variables)}
    return found


def refuses_damaged_records(run: RunDirectory, *overrides: str) -> None:
    """Of a bit that was flipped, no step is made; the records are put back as they were."""
    damaged = sorted((run.examples / "train").iterdir())[-1]
    sound = damaged.read_bytes()
    damaged.write_bytes(sound[:-9] + bytes([sound[-9] ^ 1]) + sound[-8:])
    step = run_model(run, *overrides).checkpoints.read_position().step
    with pytest.raises(InputDataError, match=f"^{damaged}: is damaged.* --verify: "), told_damage():
        train(run_model(run, *overrides))
    assert run_model(run, *overrides).checkpoints.read_position().step == step
    damaged.write_bytes(sound)


def break_off_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    add = StepLog.add

    def add_or_stop(self, *arguments, **keywords):
        add(self, *arguments, **keywords)
        if self._position.step == step:
            raise KeyboardInterrupt

    monkeypatch.setattr(StepLog, "add", add_or_stop)


def test_arms_have_their_phases(run: RunDirectory) -> None:
    config = run.read_config().training
    assert phases_of("joint", config) == phases_of("no_graph", config) == [Phase("ranking", 2)]
    pretrained = [Phase("pretraining", 1), Phase("ranking", 2)]
    assert phases_of("two_stage", config) == phases_of("frozen_encoder", config) == pretrained


@pytest.mark.slow
def test_a_broken_off_training_goes_on_exactly(
    run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is hidden and dropped is random, and so is the order of the data.
    overrides = ["arm=joint", "model.towers.dropout=0.2"]
    other = RunDirectory.at(shutil.copytree(run.root, tmp_path / "other"))
    whole = run_model(run, *overrides)
    summary = train(whole)
    assert summary["steps"] == 2 * STEPS_PER_EPOCH

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        break_off_at(7, patch)
        train(run_model(other, *overrides))
    refuses_damaged_records(other, *overrides)
    resumed = run_model(other, *overrides)
    assert resumed.checkpoints.read_position().step == 4
    assert train(resumed)["steps"] == summary["steps"]

    expected, found = values(whole), values(resumed)
    assert expected.keys() == found.keys()
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-6, err_msg=name)
    histories = [read_history(of.history) for of in (run, other)]
    assert [line["step"] for line in histories[1]] == [3, 4, 6, 8, 9, 12, 15, 16]
    for ours, theirs in zip(*histories, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-4)

    finished = run_model(other, *overrides)
    assert train(finished)["steps"] == summary["steps"]
    for ours, theirs in zip(finished.trained.variables, resumed.model.variables, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.slow
def test_a_frozen_encoder_is_pretrained_first(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    overrides = ["arm=frozen_encoder", f"training.diagnostics_every_steps={STEPS_PER_EPOCH}"]
    first = run_model(run, *overrides)
    fresh = {name: [v.numpy() for v in part] for name, part in parts(first).items()}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        break_off_at(STEPS_PER_EPOCH + 6, patch)
        train(first)
    broken_off = {name: [v.numpy() for v in part] for name, part in parts(first).items()}
    assert differ(fresh["encoder"], broken_off["encoder"])

    second = run_model(run, *overrides)
    assert second.checkpoints.read_position().phase == 1
    summary = train(second)
    assert summary["steps"] == 3 * STEPS_PER_EPOCH
    assert 0 < summary["pretraining_seconds"] < summary["seconds"]
    trained = {name: [v.numpy() for v in part] for name, part in parts(second).items()}
    assert not differ(broken_off["encoder"], trained["encoder"])
    assert differ(broken_off["towers"], trained["towers"])
    lines = read_history(run.history)
    assert {line["phase"] for line in lines if line["step"] <= STEPS_PER_EPOCH} == {"pretraining"}
    assert {line["phase"] for line in lines if line["step"] > STEPS_PER_EPOCH} == {"ranking"}
    assert any("coupling/misalignment" in line for line in lines)


def parts(model: RunModel) -> dict[str, list]:
    return {"encoder": model.model.encoder_variables, "towers": model.model.towers.trainable_variables}


def differ(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return any((one != other).any() for one, other in zip(first, second, strict=True))
