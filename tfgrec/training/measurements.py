"""What follows from a training's measurements on its cut: which was best, and whether it is time to stop."""

import dataclasses
from collections.abc import Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Measurements:
    """The measurements of one phase, in their order.

    Attributes:
      made: JSON values, each with `step`, the phase's steps so far, and `value`, what decides.
      lower_is_better: whether small values are good ones.
    """

    made: Sequence[dict[str, Any]]
    lower_is_better: bool

    @property
    def best(self) -> dict[str, Any]:
        """The first of the best ones."""
        sign = 1 if self.lower_is_better else -1
        return min(self.made, key=lambda one: sign * one["value"])

    @property
    def is_newest_best(self) -> bool:
        """Whether the last one is better than all before."""
        return self.best is self.made[-1]

    def are_over(self, patience: int) -> bool:
        """Whether the last `patience` ones were all no better than the best before them."""
        return bool(self.made) and len(self.made) - 1 - self.made.index(self.best) >= patience


def is_due(step: int, *, steps_per_epoch: int, times_per_epoch: int) -> bool:
    """Whether to measure after a phase's step, counted from one: at equal distances, and always where an epoch ends."""
    return step * times_per_epoch // steps_per_epoch > (step - 1) * times_per_epoch // steps_per_epoch
