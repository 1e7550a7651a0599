"""Means over the steps since the last log: losses, weights, speed, and how long steps waited for data."""

import contextlib
import math
import time
from collections.abc import Iterator, Mapping

import tensorflow as tf

from tfgrec.errors import TfgrecError
from tfgrec.training.checkpoints import TrainingPosition
from tfgrec.training.history import TrainingHistory

# The first steps trace functions and fill buffers; they don't count for the steady speed.
WARM_UP_STEPS = 5


class LossError(TfgrecError):
    """A loss is not finite."""


class StepLog:
    """Collects what the steps of a phase return, on the device until it is logged, so that no step waits for another.

    Args:
      history: where lines go.
      phase: the phase's name.
      position: how far the training is; its seconds are counted here.
    """

    def __init__(self, history: TrainingHistory, phase: str, position: TrainingPosition):
        self._history = history
        self._phase = phase
        self._position = position
        self._steps: list[tuple[int, Mapping[str, tf.Tensor]]] = []
        self._warm_up_left = WARM_UP_STEPS
        self._requests = 0
        self._waited = 0.0
        self._seconds = 0.0
        self._counted_until = time.monotonic()

    def add(self, values: Mapping[str, tf.Tensor], *, requests: int, waited: float) -> None:
        """A step is done: what it returned, its requests, and the seconds for which it waited for them."""
        seconds = self._elapsed()
        self._seconds += seconds
        if self._warm_up_left:
            self._warm_up_left -= 1
        else:
            self._position.steady_steps += 1
            self._position.steady_seconds += seconds
        self._requests += requests
        self._waited += waited
        self._steps.append((self._position.step, values))

    @contextlib.contextmanager
    def interlude(self) -> Iterator[None]:
        """For what is done between steps and must not count for their speed, as diagnostics."""
        yield
        self._elapsed()

    @contextlib.contextmanager
    def measuring(self) -> Iterator[None]:
        """For early stopping's measurements between steps, whose time is no training's: it is counted apart."""
        self._elapsed()
        yield
        now = time.monotonic()
        self._position.measuring_seconds += now - self._counted_until
        self._counted_until = now

    def add_measurement(self, values: Mapping[str, float]) -> None:
        """Logs a line with what was measured after the newest step."""
        position = self._position
        self._history.log(step=position.step, phase=self._phase, epoch=position.epoch, values=values)

    def flush(self, extra: Mapping[str, float] | None = None) -> dict[str, float]:
        """Logs the means of the values since the last call, and `extra`; returns the means (empty without a step).

        Raises:
          LossError: a value is not finite; names the step and the loss.
        """
        if not self._steps:
            return {}
        steps = [(step, {name: float(value) for name, value in values.items()}) for step, values in self._steps]
        for step, values in steps:
            _check_finite(step, self._phase, values)
        names = steps[0][1]
        means = {name: math.fsum(values[name] for _, values in steps) / len(steps) for name in names}
        means["requests_per_second"] = self._requests / max(self._seconds, 1e-9)
        means["input_wait_share"] = self._waited / max(self._seconds, 1e-9)
        line = {**means, **(extra or {})}
        self._history.log(step=steps[-1][0], phase=self._phase, epoch=self._position.epoch, values=line)
        self._steps, self._requests, self._waited, self._seconds = [], 0, 0.0, 0.0
        return means

    def _elapsed(self) -> float:
        """The seconds since the last call; all of them are training's."""
        now = time.monotonic()
        seconds, self._counted_until = now - self._counted_until, now
        self._position.seconds += seconds
        return seconds


def _check_finite(step: int, phase: str, values: Mapping[str, float]) -> None:
    bad = {name: value for name, value in values.items() if not math.isfinite(value)}
    if bad:
        # The sum of all losses is not finite either; the one that made it so is the one to name.
        name = next((name for name in bad if name != "loss"), "loss")
        raise LossError(
            f"{phase}: {name} is {bad[name]} at step {step}; the newest checkpoint is from before that step. "
            "Lower training.optimizer.learning_rate, or look for labels and features that are not finite."
        )
