"""Random numbers of training steps, which a step's number decides: a training that goes on draws what it would have.

The state of TensorFlow's own random ops is in no checkpoint: they begin anew with each process.
"""

import contextlib
import contextvars
import dataclasses
import itertools
import zlib
from collections.abc import Iterator

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class _Step:
    seed: int
    number: tf.Variable
    draws: Iterator[int]


_STEP: contextvars.ContextVar[_Step | None] = contextvars.ContextVar("step", default=None)


@contextlib.contextmanager
def numbers_of_step(seed: int, phase: str, number: tf.Variable) -> Iterator[None]:
    """Has all numbers that are drawn within be functions of a seed, a phase's name, the replica and the step's number.

    Args:
      seed: the training's.
      phase: each draws others.
      number: int64 scalar, how many steps are done; read when numbers are drawn.
    """
    salted = zlib.crc32(f"{seed} {phase} {_replica()}".encode())
    token = _STEP.set(_Step(salted, number, itertools.count()))
    try:
        yield
    finally:
        _STEP.reset(token)


def uniform(shape: tf.Tensor) -> tf.Tensor:
    """Uniform float32 in [0, 1) of a shape; outside of a training's steps by TensorFlow's own state."""
    seeds = seed_pair()
    return tf.random.uniform(shape) if seeds is None else tf.random.stateless_uniform(shape, seeds)


def seed_pair() -> tf.Tensor | None:
    """int64 `[2]` for a stateless op, other ones at each call; None outside of a training's steps."""
    step = _STEP.get()
    if step is None:
        return None
    salted = tf.constant((step.seed << 16) + next(step.draws), tf.int64)
    return tf.stack([salted, tf.cast(step.number.read_value(), tf.int64)])


def _replica() -> int:
    context = tf.distribute.get_replica_context()
    return 0 if context is None else int(tf.get_static_value(context.replica_id_in_sync_group))
