"""Runs that a training may start from, made without one."""

from pathlib import Path

import tensorflow as tf

from tfgrec.files import write_json
from tfgrec.run.run_directory import RunDirectory
from tfgrec.training.run_model import RunModel
from tfgrec.training.variable_meanings import meanings_of


def keep(model: RunModel, root: Path) -> RunDirectory:
    """A finished run with a model's present variables."""
    earlier = RunDirectory.at(root)
    checkpoint = tf.train.Checkpoint(model=model.model)
    tf.train.CheckpointManager(checkpoint, str(earlier.checkpoints), max_to_keep=1).save()
    write_json(earlier.meanings, meanings_of(model.model, model.config.model))
    write_json(earlier.training, {"arm": "joint"})
    return earlier
