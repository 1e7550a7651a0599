"""The history survives interruptions: torn lines are ignored, lines after the checkpoint are cut."""

from pathlib import Path

import pytest
import tensorflow as tf

from tfgrec.training.history import TrainingHistory, read_history


def log_steps(folder: Path, steps: range, *, resume_step: int) -> None:
    history = TrainingHistory(folder, resume_step=resume_step)
    for step in steps:
        history.log(step=step, phase="ranking", epoch=0, values={"loss": float(step)})
    history.close()


def test_lines_after_the_checkpoint_are_cut_on_resume(tmp_path: Path) -> None:
    log_steps(tmp_path, range(1, 8), resume_step=0)
    log_steps(tmp_path, range(6, 9), resume_step=5)
    lines = read_history(tmp_path / "history.jsonl")
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert lines[-1] == {"step": 8, "phase": "ranking", "epoch": 0, "loss": 8.0}


def test_a_torn_line_is_no_line(tmp_path: Path) -> None:
    log_steps(tmp_path, range(1, 4), resume_step=0)
    path = tmp_path / "history.jsonl"
    path.write_text(path.read_text()[:-5])
    assert [line["step"] for line in read_history(path)] == [1, 2]
    log_steps(tmp_path, range(3, 5), resume_step=2)
    assert [line["step"] for line in read_history(path)] == [1, 2, 3, 4]


def tensorboard(folder: Path) -> list[tuple[int, float]]:
    """Step and value of all events of the loss, file by file."""
    return [
        (event.step, tf.make_ndarray(value.tensor).item())
        for path in sorted(folder.glob("events.out.tfevents.*"))
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
        if value.tag == "ranking/loss"
    ]


def test_tensorboard_gets_the_same_numbers(tmp_path: Path) -> None:
    log_steps(tmp_path, range(1, 4), resume_step=0)
    assert tensorboard(tmp_path) == [(1, 1.0), (2, 2.0), (3, 3.0)]


@pytest.mark.parametrize("torn_bytes", [0, 5])
def test_tensorboard_is_cut_on_resume_like_the_history(torn_bytes: int, tmp_path: Path) -> None:
    log_steps(tmp_path, range(1, 8), resume_step=0)
    (events,) = tmp_path.glob("events.out.tfevents.*")
    events.write_bytes(events.read_bytes()[: events.stat().st_size - torn_bytes])
    # Another file's name has the second in it.
    events = events.rename(events.with_name("events.out.tfevents.1"))
    log_steps(tmp_path, range(6, 9), resume_step=5)
    steps = [step for step, _ in tensorboard(tmp_path)]
    assert steps == [line["step"] for line in read_history(tmp_path / "history.jsonl")] == list(range(1, 9))
    whole = events.read_bytes()
    log_steps(tmp_path, range(9, 10), resume_step=8)
    assert events.read_bytes() == whole
    log_steps(tmp_path, range(1, 2), resume_step=0)
    assert tensorboard(tmp_path) == [(1, 1.0)]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
