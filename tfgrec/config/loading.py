"""Reading configuration files, with errors that name the file and the key, and a suggestion for a misspelt key."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from tfgrec.close_match import suggestion
from tfgrec.config.run import RunConfig
from tfgrec.config.tables import TablesConfig
from tfgrec.credentials import refuse_credentials, refuse_in_text, refuse_in_values
from tfgrec.errors import ConfigurationError
from tfgrec.files import write_atomically

Config = TypeVar("Config", bound=BaseModel)


def load_run_config(path: str | Path, overrides: Sequence[str] = ()) -> RunConfig:
    """Reads a run's YAML; `overrides` are `key.path=value` with YAML values, as given to `--set`."""
    path = Path(path)
    values = _read_yaml(path)
    if isinstance(values.get("schema_dir"), str):
        values["schema_dir"] = str((path.parent / values["schema_dir"]).resolve())
    for override in overrides:
        _apply_override(values, override)
    return _validate(RunConfig, values, str(path))


def load_config(kind: type[Config], path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Reads a YAML file as a configuration class; `overrides` as of `load_run_config`.

    Raises:
      ConfigurationError: names file and key.
    """
    values = _read_yaml(Path(path))
    for override in overrides:
        _apply_override(values, override)
    return _validate(kind, values, str(path))


def load_tables_config(schema_dir: str | Path) -> TablesConfig:
    """Reads the tables.yaml of a schema folder."""
    path = Path(schema_dir) / "tables.yaml"
    return _validate(TablesConfig, _read_yaml(path), str(path))


def dump_config(config: BaseModel, path: str | Path) -> None:
    """Writes a configuration, defaults included, so that it can be read back; whole or not at all.

    Raises:
      OutputError: it can't be written.
    """
    text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
    write_atomically(path, lambda file: file.write(text.encode("utf-8")))


def _read_yaml(path: Path) -> dict[str, Any]:
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        values = yaml.safe_load(text)
    except OSError as error:
        raise ConfigurationError(f"{path}: can't be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        # It quotes a part of the file.
        refuse_in_text(text, str(path))
        raise ConfigurationError(f"{path}: is not valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise ConfigurationError(f"{path}: expected keys and values at the top, received {type(values).__name__}")
    return values


def _apply_override(values: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    refuse_credentials(f"--set {key}", text)
    if not separator or not key:
        raise ConfigurationError(f"--set {override}: expected key.path=value, for example training.epochs=2")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        refuse_in_text(text, f"--set {key}")
        raise ConfigurationError(f"--set {override}: the value is not valid YAML: {error}") from error
    *parents, last = key.split(".")
    target: Any = values
    for parent in parents:
        target = _child(target, parent, override)
    if isinstance(target, list):
        target[_list_index(target, last, override)] = value
    else:
        target[last] = value


def _child(target: Any, key: str, override: str) -> Any:
    child = target[_list_index(target, key, override)] if isinstance(target, list) else target.setdefault(key, {})
    if not isinstance(child, dict | list):
        raise ConfigurationError(f"--set {override}: {key} is a value ({child!r}), it has no keys of its own")
    return child


def _list_index(values: list, key: str, override: str) -> int:
    if not key.isdigit() or int(key) >= len(values):
        raise ConfigurationError(f"--set {override}: {key} is no position in a list of {len(values)}")
    return int(key)


def _validate(kind: type[Config], values: dict[str, Any], origin: str) -> Config:
    refuse_in_values(values, origin)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        lines = [_describe(kind, problem) for problem in error.errors()]
        raise ConfigurationError("\n".join(f"{origin}: {line}" for line in lines)) from error


def _describe(kind: type[BaseModel], problem: Any) -> str:
    location = problem["loc"]
    key = ".".join(str(part) for part in location)
    if problem["type"] == "extra_forbidden":
        return f"unknown key '{key}': {suggestion(str(location[-1]), _keys_at(kind, location[:-1]))}"
    if problem["type"] == "missing":
        return f"key '{key}' is missing"
    message = problem["msg"].removeprefix("Value error, ")
    if isinstance(problem["input"], bool) and problem["type"] == "string_type":
        message += " (YAML reads yes, no, on and off as true and false: put them in quotes)"
    # A whole mapping would only hide the message, which names what it is about.
    return f"key '{key}': {message}" + (
        "" if isinstance(problem["input"], dict) else f", received {problem['input']!r}"
    )


def _keys_at(kind: type[BaseModel], location: Sequence[Any]) -> set[str]:
    """The keys that the model at `location` below `kind` knows."""
    annotation: Any = kind
    for part in location:
        annotation = _step(annotation, part)
    return {field.alias or name for model in _models_in(annotation) for name, field in model.model_fields.items()}


def _step(annotation: Any, part: Any) -> Any:
    found = [model.model_fields[part].annotation for model in _models_in(annotation) if part in model.model_fields]
    # Keys of a dictionary, positions of a list and names of union members stay with the models already found.
    return tuple(found) if found else annotation


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    parts = annotation if isinstance(annotation, tuple) else getattr(annotation, "__args__", ())
    return [model for part in parts for model in _models_in(part)]
