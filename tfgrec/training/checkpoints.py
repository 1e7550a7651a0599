"""All that a training needs to go on where it was killed: variables, optimizers, balancer, place in the data."""

import dataclasses
import json
import os
import re
import shutil
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfgrec.files import read_json, write_json
from tfgrec.plain_path import plain_path
from tfgrec.run.far_files import send_changes
from tfgrec.run.run_directory import MADE_FROM

_KEPT = 2
_CHECKPOINT_FILE = re.compile(r"(ckpt-[0-9]+)\.(index|data-[0-9]{5}-of-[0-9]{5})")
_APART = "kept"
_POSITION = ("phase", "epoch", "step_in_epoch", "step", "seconds", "steady_steps", "steady_seconds", "saves")
_POSITION += ("measurements", "measuring_seconds", "pretraining_seconds")


class TrainingPosition(tf.train.experimental.PythonState):
    """How far a training is; part of its checkpoints.

    Attributes:
      phase: position in the list of phases; its length once the training is finished.
      epoch: epochs of the phase that are done.
      step_in_epoch: batches of the epoch that are done: so many are skipped on resume.
      step: steps done in all phases.
      seconds: time spent in training, over all processes that took part.
      steady_steps, steady_seconds: the same without each process's and phase's first steps, which trace and warm up.
      pretraining_seconds: those of `seconds` that pre-training took.
      saves: checkpoints written, the one that this is read from included.
      measurements: what early stopping has measured, see `tfgrec.training.measurements`.
      measuring_seconds: time spent on that, which `seconds` leave out.
    """

    def __init__(self) -> None:
        self.phase = 0
        self.epoch = 0
        self.step_in_epoch = 0
        self.step = 0
        self.seconds = 0.0
        self.steady_steps = 0
        self.steady_seconds = 0.0
        self.saves = 0
        self.measurements: list[dict[str, Any]] = []
        self.measuring_seconds = 0.0
        self.pretraining_seconds = 0.0

    def serialize(self) -> str:
        """The attributes as JSON."""
        return json.dumps({name: getattr(self, name) for name in _POSITION})

    def deserialize(self, string_value: str) -> None:
        """Sets the attributes to what `serialize` wrote."""
        for name, value in json.loads(string_value).items():
            setattr(self, name, value)

    def next_epoch(self) -> None:
        """An epoch is done."""
        self.epoch += 1
        self.step_in_epoch = 0

    def next_phase(self) -> None:
        """A phase is done."""
        self.phase += 1
        self.epoch = 0
        self.step_in_epoch = 0


@dataclasses.dataclass(frozen=True)
class TrainingCheckpoints:
    """The checkpoints of one training in one folder; the newest two are kept, and by name what `keep` was given.

    Attributes:
      folder: what is read.
      written: where checkpoints go, `folder` unless another process writes that one.
    """

    folder: Path
    written: Path | None = None

    def read_position(self) -> TrainingPosition:
        """The position in the newest checkpoint; the beginning where there is none."""
        position = TrainingPosition()
        if self.latest is not None:
            tf.train.Checkpoint(position=position).restore(self.latest).expect_partial()
        return position

    @property
    def latest(self) -> str | None:
        """The newest whole checkpoint."""
        return tf.train.latest_checkpoint(plain_path(self.folder))

    def manager(self, position: TrainingPosition, **tracked: Any) -> tf.train.CheckpointManager:
        """Saves and restores `position` and `tracked`; after a save that was cut short the one before it is newest."""
        checkpoint = tf.train.Checkpoint(position=position, **tracked)
        folder = self.written or self.folder
        folder.mkdir(parents=True, exist_ok=True)
        manager = tf.train.CheckpointManager(checkpoint, plain_path(folder), max_to_keep=_KEPT)
        if manager.checkpoints:
            _remove_others(folder, kept={Path(path).name for path in manager.checkpoints[-_KEPT:]})
        return manager

    def keep(self, name: str, model: tf.keras.Model) -> None:
        """Keeps a model and its optimizers under a name, whatever checkpoints follow."""
        folder = (self.written or self.folder) / _APART
        folder.mkdir(parents=True, exist_ok=True)
        tf.train.Checkpoint(model=model).write(f"{plain_path(folder)}/{name}")

    def restore_kept(self, name: str, model: tf.keras.Model) -> None:
        """Gives a model and its optimizers what `keep` wrote under a name."""
        status = tf.train.Checkpoint(model=model).read(f"{plain_path(self.folder / _APART)}/{name}")
        status.assert_existing_objects_matched().expect_partial()

    def forget_kept(self, *, but: Collection[str]) -> None:
        """Removes what `keep` wrote under other names than those."""
        for path in ((self.written or self.folder) / _APART).glob("*"):
            if path.stem in but:
                continue
            # A save that was killed leaves a folder.
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def restore_model(self, model: tf.keras.Model) -> None:
        """Gives a built model the newest checkpoint's variables."""
        status = tf.train.Checkpoint(model=model).restore(self.latest)
        status.assert_existing_objects_matched().expect_partial()


def claim_folders(
    made_from: Mapping[str, Any], *, checkpoints: Path, logs: Path, announce: Callable[[str], None] = print
) -> None:
    """Makes sure that a training never goes on from another one's checkpoints.

    Where `checkpoints` belong to a training made from anything else than `made_from`, they and their logs are moved to
    `previous-<n>` beside them.
    """
    made_from = json.loads(json.dumps(made_from))
    record = checkpoints / MADE_FROM
    # A process that is killed while it writes the record leaves no more than a hidden file.
    written = checkpoints.exists() and any(not path.name.startswith(".") for path in checkpoints.iterdir())
    if written and (not record.exists() or read_json(record) != made_from):
        aside = _free_folder(checkpoints.parent, (logs.name, checkpoints.name))
        aside.mkdir(exist_ok=True)
        # Checkpoints last: while they are there, what was moved only in part is moved by the next call.
        for folder in (logs, checkpoints):
            if folder.exists():
                os.rename(folder, aside / folder.name)
        # Never may checkpoints at a URL lie there with what another training is made from.
        send_changes(checkpoints.parent)
        announce(f"model, training or records have changed: the earlier training was moved to {aside}")
    if not record.exists():
        write_json(record, made_from)


def _free_folder(parent: Path, names: tuple[str, str]) -> Path:
    """The first `previous-<n>` without `names`; but for logs alone, whose checkpoints a killed process did not move."""
    logs, checkpoints = names
    number = 1
    while (aside := parent / f"previous-{number}").exists():
        only_logs = (aside / logs).exists() and not (parent / logs).exists()
        if not (aside / checkpoints).exists() and (only_logs or not (aside / logs).exists()):
            break
        number += 1
    return aside


def _remove_others(folder: Path, kept: Collection[str]) -> None:
    """Removes checkpoints that a killed process had not yet finished, or not yet removed."""
    for path in folder.iterdir():
        found = _CHECKPOINT_FILE.fullmatch(path.name)
        if found and found[1] not in kept:
            path.unlink()
