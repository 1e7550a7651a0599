"""When and how a run is killed: spread over its stages, and in each of them mostly right after a write."""

import dataclasses
import random
import signal
from collections.abc import Iterator, Mapping
from typing import Literal

Target = Literal["command", "group", "job"]

STAGES = ("graph", "examples", "audit", "training", "evaluation", "export", "report")
# Those that have a process of their own for their job.
WITH_JOB = ("graph", "examples", "audit")
_SIGNALS = {signal.SIGKILL: 6, signal.SIGTERM: 4, signal.SIGINT: 1}
_TARGETS = {"command": 6, "group": 2, "job": 3}
# Of all kills, those at a time of their own; the others come right after a write.
_AT_ANY_TIME = 0.25


@dataclasses.dataclass(frozen=True)
class Moment:
    """One kill.

    Attributes:
      stage: in which it comes.
      events: how many of what happens to files in the stage it waits for; None: it comes after `seconds`.
      seconds: since the stage began; as of `events` None.
      number: the signal.
      target: who gets it: the command, it and its jobs together, or the job alone.
    """

    stage: str
    events: int | None
    seconds: float
    number: signal.Signals
    target: Target


@dataclasses.dataclass(frozen=True)
class StageSize:
    """A stage of a run that was left alone: what happened to files in it, and how long it took."""

    events: int
    seconds: float


def kill_moments(
    chance: random.Random, sizes: Mapping[str, StageSize], per_stage: Mapping[str, int]
) -> Iterator[Moment]:
    """The kills of one run, stage by stage, so many in each.

    A training goes on where it was killed, so each of its kills waits for a part of the stage only; other stages begin
    anew, so that a kill may come anywhere in them.
    """
    for stage in STAGES:
        count = per_stage.get(stage, 0)
        span = 1 / count if stage == "training" and count else 1.0
        for _ in range(count):
            at_any_time = chance.random() < _AT_ANY_TIME
            yield Moment(
                stage=stage,
                events=None if at_any_time else 1 + int(chance.random() * sizes[stage].events * span),
                seconds=chance.random() * sizes[stage].seconds * span,
                number=_drawn(chance, _SIGNALS),
                target=_drawn(chance, _TARGETS if stage in WITH_JOB else {"command": 3, "group": 1}),
            )


def _drawn(chance: random.Random, weights: Mapping) -> object:
    return chance.choices(list(weights), list(weights.values()))[0]
