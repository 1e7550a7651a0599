"""The configuration's own part of tfgrec-check: YAML, tables.yaml, and what the two say of one another."""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from tfgrec.checks.preflight import check_run, untrained_unknowns
from tfgrec.config import RunConfig, TablesConfig, load_run_config, load_tables_config
from tfgrec.errors import TfgrecError
from tfgrec.run.earlier_runs import with_recorded_weights


@dataclasses.dataclass(frozen=True)
class ConfigurationCheck:
    """What could be read of a configuration, None for what could not, and what is wrong or worth knowing."""

    config: RunConfig | None
    tables: TablesConfig | None
    problems: list[str]
    notes: list[str]


def check_configuration(path: str | Path, overrides: Sequence[str] = ()) -> ConfigurationCheck:
    """Reads a run's YAML and its tables.yaml, and compares them: all problems of both, a line each."""
    config, tables, problems = None, None, []
    with collected(problems):
        config = with_recorded_weights(load_run_config(path, overrides))
    schema_dir = _named_schema_dir(Path(path)) if config is None else config.schema_dir
    if schema_dir is not None:
        with collected(problems):
            tables = load_tables_config(schema_dir)
    if config is None or tables is None:
        return ConfigurationCheck(config, tables, problems, [])
    with collected(problems):
        check_run(config, tables)
    note = untrained_unknowns(config, tables)
    return ConfigurationCheck(config, tables, problems, [] if note is None else [note])


@contextlib.contextmanager
def collected(problems: list[str]) -> Iterator[None]:
    """Adds the lines of an error that is raised within to `problems`, each once."""
    try:
        yield
    except TfgrecError as error:
        problems += [line for line in str(error).splitlines() if line not in problems]


def _named_schema_dir(path: Path) -> str | None:
    """What a YAML that can't be used as a configuration says of its schema folder; None where it says nothing."""
    with contextlib.suppress(OSError, yaml.YAMLError):
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        if isinstance(values, dict) and isinstance(values.get("schema_dir"), str):
            return str((path.parent / values["schema_dir"]).resolve())
    return None
