"""What is logged of a training: history.jsonl for the report, the same numbers for TensorBoard."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.util import event_pb2

from tfgrec.errors import OutputError
from tfgrec.files import write_atomically

_EVENTS = "events.out.tfevents."


class TrainingHistory:
    """Appends one line a logged step. Lines end with a newline or are no lines: a torn last one is ignored.

    Each line has `step` (counted over all phases), `phase`, `epoch` and the values as they are named in TensorBoard:
    `loss`, `loss/<name>`, `weight/<name>`, `learning_rate`, `requests_per_second`, `input_wait_share` and, at some
    steps, `coupling/...`.
    """

    def __init__(self, folder: Path, *, resume_step: int):
        """Opens the logs in `folder`; what was logged after `resume_step`, the newest checkpoint's step, is cut."""
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "history.jsonl"
        self._cut(resume_step)
        for path in sorted(folder.iterdir()):
            if path.name.startswith(_EVENTS):
                _cut_events(path, resume_step)
        self._file = self._path.open("a", encoding="utf-8")
        self._writer = tf.summary.create_file_writer(str(folder))

    def log(self, *, step: int, phase: str, epoch: int, values: Mapping[str, float]) -> None:
        """Writes one line and the TensorBoard scalars of a step.

        Raises:
          OutputError: the line can't be written.
        """
        line = {"step": step, "phase": phase, "epoch": epoch, **values}
        with self._named_errors():
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
        with self._writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(f"{phase}/{name}", value)

    def close(self) -> None:
        """Writes what is still held back."""
        with self._named_errors():
            self._file.close()
        self._writer.close()

    @contextlib.contextmanager
    def _named_errors(self) -> Iterator[None]:
        """What is said of an open file does not name it."""
        try:
            yield
        except OSError as error:
            raise OutputError(f"{self._path}: can't be written: {error.strerror}") from error

    def _cut(self, resume_step: int) -> None:
        if not self._path.exists():
            return
        kept = [line for line in read_history(self._path) if line["step"] <= resume_step]
        text = "".join(json.dumps(line) + "\n" for line in kept)
        write_atomically(self._path, lambda file: file.write(text.encode("utf-8")))


def _cut_events(path: Path, resume_step: int) -> None:
    """Rewrites a file of TensorBoard's without what comes after a step; a torn end is cut too."""
    kept, cut = [], False
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            after = event_pb2.Event.FromString(record).step > resume_step
            cut |= after
            kept += [] if after else [record]
    except tf.errors.DataLossError:
        cut = True
    if not cut:
        return
    partial = path.with_name(f".{path.name}.partial")
    with tf.io.TFRecordWriter(str(partial)) as writer:
        for record in kept:
            writer.write(record)
    os.replace(partial, path)


def read_history(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a history.jsonl."""
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1]]
