"""What the positions along an axis of a variable stand for, where statistics decide how many there are."""

import dataclasses
from collections.abc import Sequence

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class AxisPart:
    """Consecutive positions that belong together.

    Attributes:
      name: unique along the axis.
      size: number of positions.
      values: what each position stands for, None for all that no other does; without it positions are told apart by
        their numbers alone.
      shared_by_others: whether None is what a value was that has no position: one that gets a position starts there.
    """

    name: str
    size: int
    values: Sequence[int | str | None] | None = None
    shared_by_others: bool = False


@dataclasses.dataclass(frozen=True)
class NamedAxis:
    """An axis of a variable, from its first position to its last."""

    variable: tf.Variable
    axis: int
    parts: Sequence[AxisPart]
