"""A new model starts from the variables of one that was trained before: yesterday's, on yesterday's statistics."""

import contextlib
import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfgrec.errors import ConfigurationError, InputDataError
from tfgrec.files import read_json
from tfgrec.run.run_directory import RunDirectory
from tfgrec.training.checkpoints import TrainingCheckpoints
from tfgrec.training.variable_meanings import checkpoint_key, meanings_of, variables_by_path

if TYPE_CHECKING:
    from tfgrec.config.model import ModelConfig
    from tfgrec.model.joint_model import JointModel

# Balancers compare losses with how they were at the start, and that is a new one.
_STARTS_ANEW = "balancer/"
_KEY = "training.warm_start_from"
# What TensorFlow's reader of checkpoints raises depends on what is wrong with a file.
_UNREADABLE = (tf.errors.OpError, RuntimeError, LookupError, ValueError, OSError, InputDataError)
_NAMES_SHOWN = 4


@dataclasses.dataclass(frozen=True)
class TakenOver:
    """What a model has of an earlier one.

    Attributes:
      source: the earlier run.
      taken: names of the variables that have their earlier values.
      positions: by the name of a variable of which positions are told apart: how many were taken, of how many.
      fresh: names of the variables that have not, with the reason.
    """

    source: str
    taken: tuple[str, ...]
    positions: Mapping[str, tuple[int, int]]
    fresh: Mapping[str, str]

    def __str__(self) -> str:
        total = len(self.taken) + len(self.fresh)
        told = f"starts from {self.source}, takes over {len(self.taken)} of {total} variables"
        known, of = (sum(counts) for counts in zip(*self.positions.values(), strict=True)) if self.positions else (0, 0)
        told += f" ({of - known:,} of {of:,} rows of tables and outputs of decoders are new)" if known < of else ""
        by_reason = defaultdict(list)
        for name, reason in self.fresh.items():
            by_reason[reason].append(name)
        return told + "".join(f"; fresh, {reason}: {_listed(names)}" for reason, names in by_reason.items())


def take_over(model: "JointModel", config: "ModelConfig", earlier: RunDirectory) -> TakenOver:
    """Gives a built model's variables the values that they have at the end of a finished run.

    Taken is what has the same name, shape and meaning (see `variable_meanings`). Embeddings, and what a decoder puts
    out for a value, go by value; a value that only the new vocabulary has is embedded as the earlier model embedded it,
    as an unknown one. All else stays fresh, and so do the loss weights, which GradNorm learns from how losses fall from
    their start. Optimizers are no part of a model: their moments are of other losses, and their rates begin anew. The
    constants of normalisation are the new statistics'; where these are the earlier ones, the model predicts exactly
    what the earlier one did.

    Raises:
      ConfigurationError: the run's checkpoint can't be read.
    """
    old, new = _EarlierVariables(earlier), meanings_of(model, config)
    taken, positions, fresh = [], {}, {}
    for path, variable in variables_by_path(model).items():
        if path.startswith(_STARTS_ANEW):
            continue
        reason = old.difference(path, variable, new)
        if reason is not None:
            fresh[path] = reason
            continue
        taken.append(path)
        axis = new["axes"].get(path)
        if axis is None:
            variable.assign(old.value(path))
        else:
            value, known = taken_by_position(variable.numpy(), axis, old.value(path), old.axes[path])
            variable.assign(value)
            positions[path] = (known, value.shape[axis["axis"]])
    return TakenOver(str(earlier.root), tuple(taken), positions, fresh)


def check_start(earlier: RunDirectory) -> None:
    """Reads all that `take_over` could.

    Raises:
      ConfigurationError: the run is not finished, or its checkpoint can't be read.
    """
    if not earlier.training.exists():
        raise ConfigurationError(f"{_KEY}: {earlier.training} is not there: expected the folder of a finished run")
    _EarlierVariables(earlier).read_all()


class _EarlierVariables:
    """The variables of a finished run, with what they mean."""

    def __init__(self, run: RunDirectory):
        self._root = run.root
        latest = TrainingCheckpoints(run.checkpoints).latest
        if latest is None:
            raise ConfigurationError(f"{_KEY}: {run.root}: has no checkpoint")
        with self._told():
            self._reader = tf.train.load_checkpoint(latest)
            meanings = read_json(run.meanings)
            self.axes: dict[str, Any] = meanings["axes"]
            self._descriptions: dict[str, Any] = meanings["descriptions"]

    @cached_property
    def _shapes(self) -> dict[str, list[int]]:
        return self._reader.get_variable_to_shape_map()

    def value(self, path: str) -> np.ndarray:
        """A variable's value."""
        with self._told():
            return self._reader.get_tensor(checkpoint_key(path))

    def read_all(self) -> None:
        """Reads every value, and keeps none."""
        with self._told():
            for key in self._shapes:
                self._reader.get_tensor(key)

    def difference(self, path: str, variable: tf.Variable, new: Mapping[str, Any]) -> str | None:
        """Why a variable can't be taken over; None if it can."""
        if checkpoint_key(path) not in self._shapes:
            return "not in the earlier model"
        if not _described_alike(path, self._descriptions, new["descriptions"]):
            return "of other features or another task"
        old_shape, shape = list(self._shapes[checkpoint_key(path)]), list(variable.shape)
        axis, old_axis = (axes[path]["axis"] if path in axes else None for axes in (new["axes"], self.axes))
        if axis != old_axis:
            return "described otherwise"
        if axis is not None:
            del old_shape[axis], shape[axis]
        return None if old_shape == shape else f"of another shape ({_text(old_shape)} before, now {_text(shape)})"

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except _UNREADABLE as error:
            raise ConfigurationError(f"{_KEY}: {self._root}: can't be read: {error}") from error


def _described_alike(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    names = [name for name in {*old, *new} if path == name or path.startswith(f"{name}/")]
    return all(old.get(name) == new.get(name) for name in names)


def taken_by_position(
    value: np.ndarray, axis: Mapping[str, Any], old_value: np.ndarray, old_axis: Mapping[str, Any]
) -> tuple[np.ndarray, int]:
    """A value with what an old one has for the same names and values, and how many positions were known there."""
    rows, old_rows = (np.moveaxis(array, axis["axis"], 0) for array in (value.copy(), old_value))
    starts = {part["name"]: (start, part) for start, part in _with_starts(old_axis["parts"])}
    known = 0
    for start, part in _with_starts(axis["parts"]):
        old_start, old_part = starts.get(part["name"], (0, None))
        if old_part is None or (part["values"] is None) != (old_part["values"] is None):
            continue
        if part["values"] is None:
            if part["size"] == old_part["size"]:
                rows[start : start + part["size"]] = old_rows[old_start : old_start + part["size"]]
                known += part["size"]
            continue
        places = {element: place for place, element in enumerate(old_part["values"])}
        for place, element in enumerate(part["values"]):
            if element in places or part["shared_by_others"]:
                rows[start + place] = old_rows[old_start + places.get(element, 0)]
                known += element in places
    return np.moveaxis(rows, 0, axis["axis"]), known


def _with_starts(parts: list[Mapping[str, Any]]) -> list[tuple[int, Mapping[str, Any]]]:
    starts = np.cumsum([0, *(part["size"] for part in parts)]).tolist()
    return list(zip(starts, parts, strict=False))


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    return shown if len(names) <= _NAMES_SHOWN else f"{shown} and {len(names) - _NAMES_SHOWN} more"


def _text(shape: list[int]) -> str:
    return " x ".join(map(str, shape)) or "one number"
