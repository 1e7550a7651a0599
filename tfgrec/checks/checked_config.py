"""A run's configuration as all that start runs read it: resolved, and compared with its tables.yaml."""

from collections.abc import Sequence
from pathlib import Path

from tfgrec.checks.preflight import check_run
from tfgrec.config import RunConfig, load_run_config, load_tables_config
from tfgrec.run.earlier_runs import with_recorded_weights


def load_checked_config(path: str | Path, overrides: Sequence[str] = ()) -> RunConfig:
    """Reads a run's YAML; `overrides` are `key.path=value`, as given to `--set`.

    Raises:
      ConfigurationError: names file and key.
    """
    config = with_recorded_weights(load_run_config(path, overrides))
    check_run(config, load_tables_config(config.schema_dir))
    return config
