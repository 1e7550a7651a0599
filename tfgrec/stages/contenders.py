"""What a comparison trains: arms, and variants of arms that differ in some values of the configuration."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml

from tfgrec.checks.checked_config import load_checked_config
from tfgrec.close_match import suggestion
from tfgrec.config import RunConfig, load_run_config
from tfgrec.config.run import Arm
from tfgrec.errors import ConfigurationError

ARMS: tuple[Arm, ...] = get_args(Arm)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_KEYS = ("arm", "set")
# What all are measured by: a variant that changed it would be compared on other terms.
_SHARED = (
    "name",
    "schema_dir",
    "build",
    "split.column",
    "split.validation",
    "split.test",
    "sampling.output_shards",
    "training.seed",
    "evaluation",
    "pipeline",
)


@dataclasses.dataclass(frozen=True)
class Contender:
    """One thing that is trained and compared.

    Attributes:
      name: of its runs' folder, and of its numbers.
      config: its configuration, arm included.
      changes: what a variant sets, as given to `--set`; None for an arm as it is.
    """

    name: str
    config: RunConfig
    changes: tuple[str, ...] | None = None

    @property
    def folder(self) -> Path:
        """Where its runs are, below the comparison's folder."""
        return Path("arms" if self.changes is None else "variants") / self.name


def read_contenders(
    config: str | Path,
    *,
    arms: Sequence[Arm],
    variants: str | Path | None = None,
    overrides: Sequence[str] = (),
) -> list[Contender]:
    """Arms, then variants; what is named twice is there once, and a variant without an arm is one of the first.

    Raises:
      ConfigurationError: see `read_arm` and `read_variants`; or several processes would have to train them.
    """
    contenders = [read_arm(config, arm, overrides=overrides) for arm in dict.fromkeys(arms)]
    if variants is not None:
        contenders += read_variants(variants, config=config, arm=arms[0], overrides=overrides)
    for contender in contenders:
        if contender.config.training.distribution == "multi_worker":
            raise ConfigurationError("training.distribution: multi_worker is for tfgrec-train, one arm at a time")
    return contenders


def choose_baseline(name: str | None, contenders: Sequence[Contender]) -> str:
    """What the others are compared with: `name`, the first where it is None.

    Raises:
      ConfigurationError: no contender has that name.
    """
    names = [contender.name for contender in contenders]
    if name is None:
        return names[0]
    if name not in names:
        raise ConfigurationError(f"--baseline {name}: is not among --arms and --variants: {suggestion(name, names)}")
    return name


def read_arm(config: str | Path, arm: Arm, *, overrides: Sequence[str] = ()) -> Contender:
    """An arm of a run's configuration file.

    Raises:
      ConfigurationError: the configuration can't be used with this arm.
    """
    return Contender(arm, _load(config, arm, overrides, where=f"arm {arm}"))


def read_variants(path: str | Path, *, config: str | Path, arm: Arm, overrides: Sequence[str] = ()) -> list[Contender]:
    """Reads variants: `{name: [key=value, ...]}`, or `{name: {arm: ARM, set: [key=value, ...]}}`.

    Args:
      path: the YAML file.
      config: the run's configuration, which they are variants of.
      arm: of variants that name none.
      overrides: what the command line sets for all of them.

    Raises:
      ConfigurationError: names the file, the variant and what is wrong with it.
    """
    base = load_run_config(config, overrides)
    variants = []
    for name, values in _read_names(Path(path)).items():
        where = f"{path}: variant '{name}'"
        own_arm, changes = _arm_and_changes(values, arm, where)
        found = _load(config, own_arm, [*overrides, *changes], where=where)
        _check_shared(base, found, where)
        variants.append(Contender(name, found, tuple(changes)))
    return variants


def _load(config: str | Path, arm: Arm, overrides: Sequence[str], *, where: str) -> RunConfig:
    try:
        return load_checked_config(config, [*overrides, f"arm={arm}"])
    except ConfigurationError as error:
        raise ConfigurationError("\n".join(f"{where}: {line}" for line in str(error).split("\n"))) from error


def _read_names(path: Path) -> Mapping[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: can't be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: is not valid YAML: {error}") from error
    if not isinstance(values, dict) or not values:
        raise ConfigurationError(f"{path}: expected names and what each sets, received {type(values).__name__}")
    for name in values:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"{path}: variant {name!r}: a name is letters, digits, '.', '_' and '-', and begins with one of the "
                "first two: it becomes the name of a folder"
            )
        if name in ARMS:
            raise ConfigurationError(f"{path}: variant '{name}': is the name of an arm, choose another")
    return values


def _arm_and_changes(values: Any, arm: Arm, where: str) -> tuple[Arm, list[str]]:
    if isinstance(values, list):
        values = {"set": values}
    if not isinstance(values, dict):
        raise ConfigurationError(
            f"{where}: expected a list of key=value, or 'arm' and 'set', received {type(values).__name__}"
        )
    for key in values:
        if key not in _KEYS:
            raise ConfigurationError(f"{where}: unknown key '{key}': {suggestion(str(key), _KEYS)}")
    own_arm, changes = values.get("arm", arm), values.get("set", [])
    if own_arm not in ARMS:
        raise ConfigurationError(f"{where}: arm '{own_arm}': {suggestion(str(own_arm), ARMS)}")
    if not isinstance(changes, list):
        raise ConfigurationError(f"{where}: 'set' is a list of key=value, received {type(changes).__name__}")
    for change in changes:
        if not isinstance(change, str):
            raise ConfigurationError(
                f"{where}: expected text key=value, received {change!r}; text that has ': ' in it needs quotes"
            )
        if change.partition("=")[0] == "arm":
            raise ConfigurationError(f"{where}: '{change}': write {{arm: ..., set: [...]}}, arm is a key of its own")
    return own_arm, changes


def _check_shared(base: RunConfig, variant: RunConfig, where: str) -> None:
    changed = [key for key in _SHARED if _value(base, key) != _value(variant, key)]
    if changed:
        raise ConfigurationError(f"{where}: sets {', '.join(changed)}, which all that is compared must share")


def _value(config: RunConfig, key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        value = getattr(value, part)
    return value
