"""How the processes of a `multi_worker` training begin it together."""

import zlib
from collections.abc import Callable

from tfgrec.config import RunConfig
from tfgrec.errors import ConfigurationError
from tfgrec.run.run_directory import RunDirectory
from tfgrec.training.replicas import Replicas, make_replicas
from tfgrec.training.run_model import RunModel
from tfgrec.training.trainer import train

_NOTHING_TO_TRAIN = 0


def join_training(config: RunConfig, run: RunDirectory, *, announce: Callable[[str], None] = print) -> None:
    """What a process does that is not the chief: waits for the chief, trains with it, and writes nothing.

    Args:
      config: the run's configuration, the same in all processes.
      run: the chief's run directory, on a disk that all processes see.
      announce: told what is done.

    Raises:
      ConfigurationError: the processes were not started with the same configuration.
    """
    announce("training: waits for the chief")
    replicas = make_replicas(config.training)
    if agree_to_train(replicas, config, needed=False):
        train(RunModel(config, run, replicas=replicas), announce=announce)
        announce("training: done, the chief goes on")
    else:
        announce("training: the chief has nothing to train")


def agree_to_train(replicas: Replicas, config: RunConfig, *, needed: bool) -> bool:
    """Whether the chief finds training `needed` (what the others say of that does not count); waits for all processes.

    Raises (in all processes):
      ConfigurationError: they were not started with the same configuration.
    """
    mine = _fingerprint(config)
    wanted = replicas.sum_over_processes(mine if needed and replicas.is_chief else _NOTHING_TO_TRAIN)
    if wanted == _NOTHING_TO_TRAIN:
        return False
    if replicas.sum_over_processes(int(wanted != mine)):
        raise ConfigurationError(
            "training.distribution: the processes of a multi_worker training must be started with one configuration, "
            f"{'others differ from the chief' if replicas.is_chief else 'compare this one with the chief'}"
        )
    return True


def _fingerprint(config: RunConfig) -> int:
    # Never _NOTHING_TO_TRAIN. Machines may keep the same schema in different places.
    return 1 + zlib.crc32(config.model_dump_json(exclude={"schema_dir"}).encode())
