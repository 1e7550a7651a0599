"""A whole run: from tables to a trained, measured and exported model, in a folder that it holds for as long."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfgrec.checks.preflight import untrained_unknowns
from tfgrec.config import RunConfig, load_tables_config
from tfgrec.run.claim import claimed
from tfgrec.run.earlier_training import start_of
from tfgrec.run.run_directory import RunDirectory
from tfgrec.stages.data_stages import DataStages
from tfgrec.stages.model_stages import ModelStages


def run_all_stages(
    config: RunConfig, run: RunDirectory, data: Path, *, announce: Callable[[str], None] = print
) -> dict[str, Any]:
    """Brings graph, examples, audit, training, evaluation, export and report up to date.

    Args:
      config: the run's configuration, checked against its tables.yaml.
      run: where everything goes.
      data: the folder of the tables.
      announce: told what is done or skipped, and why.

    Returns:
      What metrics.json holds.

    Raises:
      StageFailed: a data job failed, and has said why.
      TfgrecError: the configuration or the data can't be used.
    """
    stages = _data_stages(config, run, data, announce)
    with claimed(run.root, "run"):
        stages.run()
        return ModelStages(config, run, announce=announce).run()


def run_data_stages(
    config: RunConfig, run: RunDirectory, data: Path, *, announce: Callable[[str], None] = print
) -> None:
    """Brings graph, examples and audit up to date, and trains nothing; as `run_all_stages` else."""
    stages = _data_stages(config, run, data, announce)
    with claimed(run.root, "run"):
        stages.run()


def _data_stages(config: RunConfig, run: RunDirectory, data: Path, announce: Callable[[str], None]) -> DataStages:
    """The stages of the data, once all is looked at that can be without writing."""
    start_of(config, run)
    if (warning := untrained_unknowns(config, load_tables_config(config.schema_dir))) is not None:
        announce(f"warning: {warning}")
    stages = DataStages(config, run, data, announce=announce)
    stages.check()
    return stages
