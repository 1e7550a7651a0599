"""Whether a model reaches what its thresholds ask for, bound by bound, in words."""

import dataclasses
from collections.abc import Iterator

from tensorflow_model_analysis.proto.config_pb2 import (
    GenericChangeThreshold,
    GenericValueThreshold,
    MetricDirection,
    MetricThreshold,
)

from tfgrec.metrics import METRICS


@dataclasses.dataclass(frozen=True)
class Interval:
    """Where the gain over the blessed model lies: at least `low` with `confidence`, and at most `high` with it."""

    low: float
    high: float
    confidence: float


@dataclasses.dataclass(frozen=True)
class Measured:
    """A metric of the new model and of the blessed one, and of the gain how sure it is.

    None where it is undefined or was not measured.
    """

    candidate: float | None = None
    baseline: float | None = None
    interval: Interval | None = None

    @property
    def difference(self) -> float | None:
        """The new model's less the blessed one's."""
        if self.candidate is None or self.baseline is None:
            return None
        return self.candidate - self.baseline

    def gain(self, metric: str) -> float | None:
        """How much better the new model is; None too where higher is neither better nor worse."""
        difference, better = self.difference, METRICS[metric].better
        if difference is None or better == "neither":
            return None
        return -difference if better == "lower" else difference


@dataclasses.dataclass(frozen=True)
class ThresholdCheck:
    """One bound: `key` is that of ThresholdConfig: at_least, at_most or min_gain; `sure`: that with confidence."""

    task: str
    metric: str
    key: str
    bound: float
    measured: Measured
    sure: bool = False

    @property
    def met(self) -> bool:
        """Whether it holds, as TFMA decides: equal is enough, an undefined metric is not."""
        value = self._value
        if value is None:
            return False
        return value <= self.bound if self.key == "at_most" else value >= self.bound

    @property
    def _value(self) -> float | None:
        if self.key != "min_gain":
            return self.measured.candidate
        if not self.sure:
            return self.measured.gain(self.metric)
        return None if self.measured.interval is None else self.measured.interval.low

    @property
    def sentence(self) -> str:
        """What was found and what is asked for."""
        return f"{self.task}: {self.metric} {self._found}; {self.key} is {self.bound:g}"

    @property
    def _found(self) -> str:
        candidate, baseline = self.measured.candidate, self.measured.baseline
        if candidate is None:
            return "is undefined on the evaluated rows"
        found = f"is {candidate:.6g}"
        if self.key != "min_gain":
            return found
        if baseline is None:
            return f"{found}, the blessed model's is undefined"
        interval = self.measured.interval
        sure = (
            f" ({100 * interval.confidence:g}% sure of at least {interval.low:+.6g})" if self.sure and interval else ""
        )
        return f"{found}, the blessed model's is {baseline:.6g}, a gain of {self.measured.gain(self.metric):+.6g}{sure}"


def threshold_checks(
    task: str, metric: str, threshold: MetricThreshold, measured: Measured, *, sure: bool = False
) -> Iterator[ThresholdCheck]:
    """The bounds that a threshold of TFMA's EvalConfig consists of; `sure`: it is on the low end of the gain."""
    for key, bound in [*_value_bounds(threshold.value_threshold), *_gain_bounds(threshold.change_threshold)]:
        yield ThresholdCheck(task, metric, key, bound, measured, sure)


def _value_bounds(threshold: GenericValueThreshold) -> Iterator[tuple[str, float]]:
    if threshold.HasField("lower_bound"):
        yield "at_least", threshold.lower_bound.value
    if threshold.HasField("upper_bound"):
        yield "at_most", threshold.upper_bound.value


def _gain_bounds(threshold: GenericChangeThreshold) -> Iterator[tuple[str, float]]:
    if threshold.HasField("absolute"):
        absolute = threshold.absolute.value
        # 0.0 is added because -0.0 would be shown as such.
        yield "min_gain", (-absolute if threshold.direction == MetricDirection.LOWER_IS_BETTER else absolute) + 0.0
