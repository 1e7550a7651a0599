"""The machines of a `multi_worker` training, as the environment variable TF_CONFIG tells them."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from tfgrec.errors import ConfigurationError

VARIABLE = "TF_CONFIG"
_EXAMPLE = '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'
_KINDS = ("chief", "worker")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """This process's place among those that train together.

    Attributes:
      number: 0 is the chief: the only process of type "chief" where there is one, else worker 0.
    """

    number: int

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run directory, and does all that is not training."""
        return self.number == 0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Cluster":
        """Reads TF_CONFIG.

        Raises:
          ConfigurationError: it is missing, or is not what TensorFlow wants.
        """
        if VARIABLE not in environment:
            raise ConfigurationError(
                f"training.distribution: multi_worker needs the environment variable {VARIABLE}, such as {_EXAMPLE}; "
                "for several GPUs of one machine choose mirrored"
            )
        received = environment[VARIABLE]
        try:
            config = json.loads(received)
            processes = {kind: config["cluster"].get(kind, []) for kind in _KINDS}
            kind, index = config["task"]["type"], int(config["task"]["index"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _malformed(f"is not like {_EXAMPLE}", received) from error
        _check(config["cluster"], processes, kind, index, received)
        return cls(index if kind == "chief" else index + len(processes["chief"]))


def _check(cluster: Any, processes: Mapping[str, Any], kind: str, index: int, received: str) -> None:
    others = sorted(cluster.keys() - set(_KINDS))
    if others:
        raise _malformed(f"has {', '.join(others)} in its cluster, all processes must be of type worker", received)
    if kind not in _KINDS:
        raise _malformed(f"has task type '{kind}', it must be worker", received)
    if any(not isinstance(addresses, list) for addresses in processes.values()) or len(processes["chief"]) > 1:
        raise _malformed(f"is not like {_EXAMPLE}", received)
    if not 0 <= index < len(processes[kind]):
        raise _malformed(f"has task index {index} among {len(processes[kind])} of type {kind}", received)


def _malformed(what: str, received: str) -> ConfigurationError:
    return ConfigurationError(f"{VARIABLE}: {what}, received {received}")
