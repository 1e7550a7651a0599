"""The devices that train one model together, by `training.distribution`."""

import contextlib
import functools
import os
import struct
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfgrec.config.training import TrainingConfig
from tfgrec.errors import ConfigurationError
from tfgrec.training.cluster import Cluster


class Replicas:
    """Copies of a model that take the same steps, each on its part of every batch.

    Args:
      strategy: keeps their variables equal; None for one device.
      process: this process's number among those that train together; 0, the chief, writes what they have trained.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None = None, *, process: int = 0):
        self._strategy = strategy
        self._process = process

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run directory."""
        return self._process == 0

    @property
    def count(self) -> int:
        """Replicas in all processes."""
        return 1 if self._strategy is None else self._strategy.num_replicas_in_sync

    @property
    def local(self) -> range:
        """The numbers of this process's replicas among all."""
        here = 1 if self._strategy is None else len(self._strategy.extended.worker_devices)
        return range(self._process * here, (self._process + 1) * here)

    def scope(self) -> contextlib.AbstractContextManager:
        """Where the model and its optimizers are to be made."""
        return contextlib.nullcontext() if self._strategy is None else self._strategy.scope()

    def run(self, function: Callable[..., Any], parts: Sequence[Sequence[Any]]) -> Any:
        """Calls `function(*parts[i])` on local replica i; returns what the first of them returned.

        To be called in a tf.function.
        """
        if self._strategy is None:
            return function(*parts[0])

        def of_replica() -> Any:
            number = tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group)
            return function(*parts[int(number) - self.local.start])

        returned = self._strategy.run(of_replica)
        return tf.nest.map_structure(lambda value: self._strategy.experimental_local_results(value)[0], returned)

    def sum_over_processes(self, value: int) -> int:
        """The sum of what all processes give, in each of them; each waits here for the others."""
        if self._strategy is None:
            return value

        def of_replica() -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            speaks = int(tf.get_static_value(context.replica_id_in_sync_group)) == self.local.start
            return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.constant(value if speaks else 0, tf.int64))

        said = tf.function(lambda: self._strategy.run(of_replica), autograph=False)()
        return int(self._strategy.experimental_local_results(said)[0])

    def chiefs_number(self, value: float) -> float:
        """What the chief gives, to the last bit, in all processes; each waits here for the others."""
        [bits] = struct.unpack("<q", struct.pack("<d", value))
        [said] = struct.unpack("<d", struct.pack("<q", self.sum_over_processes(bits if self.is_chief else 0)))
        return said

    def wait_for_all(self) -> None:
        """Waits until all processes have come this far."""
        self.sum_over_processes(0)


def make_replicas(config: TrainingConfig) -> Replicas:
    """The replicas that a configuration asks for, on the devices that are there.

    With `multi_worker` it waits until all processes have come this far, and must be called before TensorFlow computes
    anything.

    Raises:
      ConfigurationError: the devices or the other machines are not there.
    """
    if config.distribution == "mirrored":
        return Replicas(_mirrored(tuple(_devices(config.replicas))))
    if config.distribution == "multi_worker":
        cluster = Cluster.from_environment(os.environ)
        return Replicas(tf.distribute.MultiWorkerMirroredStrategy(), process=cluster.number)
    return Replicas()


@functools.cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    # One for all models of a process: collectives of a second one would be taken for those of the first.
    return tf.distribute.MirroredStrategy(list(devices))


def _devices(replicas: int | None) -> list[str]:
    gpus = len(tf.config.list_physical_devices("GPU"))
    if gpus:
        if (replicas or gpus) > gpus:
            raise ConfigurationError(f"training.replicas: this machine has {gpus} GPUs, received {replicas}")
        return [f"GPU:{number}" for number in range(replicas or gpus)]
    _cut_cpu(replicas or 1)
    return [f"CPU:{number}" for number in range(replicas or 1)]


def _cut_cpu(count: int) -> None:
    """Makes at least `count` logical devices of the CPU; they share its cores."""
    try:
        if count > 1:
            cpu = tf.config.list_physical_devices("CPU")[0]
            tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    except RuntimeError as error:
        there = len(tf.config.list_logical_devices("CPU"))
        if there < count:
            raise ConfigurationError(
                f"training.replicas: TensorFlow has started with {there} CPU device(s), received {count}; "
                "set it in a new process, before anything is computed"
            ) from error
