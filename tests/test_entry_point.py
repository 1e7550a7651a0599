"""How commands end: what a disk says is told in a line, mistakes of ours with their traceback."""

import contextlib
import errno
import os
import re
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tensorflow as tf

from tfgrec.entry_point import entry_point
from tfgrec.training.history import TrainingHistory


def ended_by(error: BaseException) -> int:
    @entry_point
    def main(arguments: object) -> None:
        raise error

    return main([])


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.ENOTDIR])
def test_what_a_disk_says_is_told_in_a_line(number: int, capsys: pytest.CaptureFixture) -> None:
    error = OSError(number, os.strerror(number), "/run/logs")
    # Beam raises errors with errors in them.
    for raised in (error, OSError(error)):
        assert ended_by(raised) == 2
        assert capsys.readouterr().err == f"error: /run/logs: {os.strerror(number)}\n"
    assert ended_by(OSError(number, os.strerror(number))) == 2
    assert capsys.readouterr().err == f"error: {os.strerror(number)}\n"


def test_a_real_one_is_told(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    try:
        (tmp_path / "file" / "below").write_text("")
    except OSError as error:
        assert ended_by(error) == 2
    assert capsys.readouterr().err == f"error: {tmp_path}/file/below: Not a directory\n"


@contextlib.contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    """A disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def write_checkpoint(folder: Path) -> None:
    tf.train.Checkpoint(variable=tf.Variable(tf.zeros([2_000]))).write(f"{folder}/checkpoints/ckpt-1")


def write_model(folder: Path) -> None:
    module = tf.Module()
    module.variable = tf.Variable(tf.zeros([2_000]))
    tf.saved_model.save(module, f"{folder}/export")


def write_logs(folder: Path) -> None:
    history = TrainingHistory(folder / "logs", resume_step=0)
    try:
        for step in range(100):
            history.log(step=step, phase="ranking", epoch=0, values={"loss": 1.0})
    finally:
        history.close()


def write_events(folder: Path) -> None:
    writer = tf.summary.create_file_writer(f"{folder}/logs")
    with writer.as_default(step=1):
        for number in range(100):
            tf.summary.scalar(f"number {number}", 1.0)
    writer.close()


@pytest.mark.parametrize("write", [write_checkpoint, write_model, write_logs, write_events])
def test_what_a_disk_says_to_tensorflow_is_told_in_a_line(
    write: Callable[[Path], None], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    @entry_point
    def main(arguments: object) -> None:
        write(tmp_path / "file" if arguments == "no folder" else tmp_path)

    with files_no_longer_than(500):
        assert main("full") == 2
    # Twice where both of what is logged are cut short; the second one is told.
    assert re.fullmatch(
        rf"error: {tmp_path}/(checkpoints|export|logs)/\S+: .*File too large\n", capsys.readouterr().err
    )
    (tmp_path / "file").write_text("")
    assert main("no folder") == 2
    assert re.fullmatch(rf"error: {tmp_path}/file\S*: Not a directory\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{function_node __wrapped__SaveV2}} /a b/ckpt-1; No space left on device [Op:SaveV2]", "/a b/ckpt-1"),
        ("runs/x/ckpt-1.index; No space left on device\n\tFailed to flush 1 events to x", "runs/x/ckpt-1.index"),
    ],
)
def test_the_path_is_cut_out_of_what_tensorflow_says(text: str, told: str, capsys: pytest.CaptureFixture) -> None:
    assert ended_by(tf.errors.ResourceExhaustedError(None, None, text)) == 2
    assert capsys.readouterr().err == f"error: {told}: No space left on device\n"


def test_another_error_of_tensorflow_keeps_its_traceback() -> None:
    with pytest.raises(tf.errors.ResourceExhaustedError):
        ended_by(tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor; on device CPU"))


@pytest.mark.parametrize("error", [FileNotFoundError(errno.ENOENT, "No such file", "x"), OSError(), ValueError()])
def test_a_mistake_of_ours_keeps_its_traceback(error: Exception) -> None:
    with pytest.raises(type(error)):
        ended_by(error)
