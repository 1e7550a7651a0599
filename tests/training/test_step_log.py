"""What is logged are means over steps; a loss that is not finite is named with its step."""

from pathlib import Path

import pytest
import tensorflow as tf

from tfgrec.training.checkpoints import TrainingPosition
from tfgrec.training.history import TrainingHistory, read_history
from tfgrec.training.step_log import WARM_UP_STEPS, LossError, StepLog


@pytest.fixture
def position() -> TrainingPosition:
    return TrainingPosition()


@pytest.fixture
def log(tmp_path: Path, position: TrainingPosition) -> StepLog:
    return StepLog(TrainingHistory(tmp_path, resume_step=0), "ranking", position)


def take_steps(log: StepLog, position: TrainingPosition, losses: list[float]) -> None:
    for loss in losses:
        position.step += 1
        log.add({"loss": tf.constant(2 * loss), "loss/click": tf.constant(loss)}, requests=4, waited=0.0)


def test_means_of_the_steps_since_the_last_log(log: StepLog, position: TrainingPosition, tmp_path: Path) -> None:
    take_steps(log, position, [1.0, 2.0, 3.0])
    assert log.flush()["loss/click"] == 2.0
    assert log.flush() == {}
    take_steps(log, position, [5.0])
    log.flush({"coupling/cosine": 0.5})
    lines = read_history(tmp_path / "history.jsonl")
    assert [(line["step"], line["loss"], line["loss/click"]) for line in lines] == [(3, 4.0, 2.0), (4, 10.0, 5.0)]
    assert lines[1]["coupling/cosine"] == 0.5 and "coupling/cosine" not in lines[0]
    assert all(0 <= line["input_wait_share"] <= 1 and line["requests_per_second"] > 0 for line in lines)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_named(log: StepLog, position: TrainingPosition, value: float) -> None:
    take_steps(log, position, [1.0, value, 1.0])
    with pytest.raises(LossError, match=r"ranking: loss/click is (nan|inf) at step 2;"):
        log.flush()


def test_first_steps_don_t_count_for_the_steady_speed(log: StepLog, position: TrainingPosition) -> None:
    take_steps(log, position, [1.0] * (WARM_UP_STEPS + 3))
    assert position.steady_steps == 3
    assert 0 < position.steady_seconds < position.seconds


def test_interludes_take_time_but_don_t_count_for_the_speed(log: StepLog, position: TrainingPosition) -> None:
    take_steps(log, position, [1.0] * WARM_UP_STEPS)
    with log.interlude():
        pass
    before = position.seconds
    take_steps(log, position, [1.0])
    assert position.steady_seconds == pytest.approx(position.seconds - before)
