"""What is logged of a training: history.jsonl for the report, the same numbers for TensorBoard."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf


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
        self._file = self._path.open("a", encoding="utf-8")
        self._writer = tf.summary.create_file_writer(str(folder))

    def log(self, *, step: int, phase: str, epoch: int, values: Mapping[str, float]) -> None:
        """Writes one line and the TensorBoard scalars of a step."""
        line = {"step": step, "phase": phase, "epoch": epoch, **values}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        with self._writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(f"{phase}/{name}", value)

    def close(self) -> None:
        """Writes what is still held back."""
        self._file.close()
        self._writer.close()

    def _cut(self, resume_step: int) -> None:
        if not self._path.exists():
            return
        kept = [line for line in read_history(self._path) if line["step"] <= resume_step]
        partial = self._path.with_suffix(".partial")
        partial.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        os.replace(partial, self._path)


def read_history(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a history.jsonl."""
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1]]
