"""A whole run: from tables to a trained, measured and exported model, in a folder that it holds for as long."""

from collections.abc import Callable
from typing import Any

from tfgrec.checks.preflight import untrained_unknowns
from tfgrec.config import RunConfig, load_tables_config
from tfgrec.errors import ConfigurationError
from tfgrec.files import StrPath, read_json
from tfgrec.run.claim import claimed
from tfgrec.run.earlier_runs import check_warm_start
from tfgrec.run.far_files import fetch_to_read
from tfgrec.run.run_directory import RunDirectory
from tfgrec.stages.borrowed_records import BorrowedRecords
from tfgrec.stages.data_stages import DataStages
from tfgrec.stages.model_stages import ModelStages


def run_all_stages(
    config: RunConfig,
    run: RunDirectory,
    data: StrPath,
    *,
    announce: Callable[[str], None] = print,
    verify: bool = False,
) -> dict[str, Any]:
    """Brings graph, examples, audit, training, evaluation, export and report up to date.

    Args:
      config: the run's configuration, checked against its tables.yaml.
      run: where everything goes.
      data: the folder of the tables, perhaps at a URL.
      announce: told what is done or skipped, and why.
      verify: whether all bytes of tables, graph and records are read to see that they are as they were.

    Returns:
      What metrics.json holds.

    Raises:
      StageFailed: a data job failed, and has said why.
      TfgrecError: the configuration or the data can't be used.
    """
    stages = _data_stages(config, run, data, announce, verify=verify)
    with claimed(run.root, "run"):
        stages.run()
        return ModelStages(config, run, announce=announce).run()


def run_on_records(
    config: RunConfig, run: RunDirectory, records: BorrowedRecords, *, announce: Callable[[str], None] = print
) -> dict[str, Any]:
    """Brings training, evaluation, export and report up to date, on the graph and the records of another run.

    Args:
      config: the run's configuration, checked against its tables.yaml.
      run: where everything goes; its `data_root` is that of the records.
      records: those of the other run.
      announce: told what is done or skipped, and why.

    Returns:
      What metrics.json holds.

    Raises:
      TfgrecError: the records are not what the configuration asks for, or not those that this run has begun with.
    """
    _announce_unknowns(config, run, announce)
    records.check_run(run)
    with records.held():
        records.check()
        announce(f"graph, examples, audit: those in {records.data_root}, which are what this configuration asks for")
        with claimed(run.root, "run"):
            records.note(run)
            return ModelStages(config, run, announce=announce).run()


def run_data_stages(
    config: RunConfig,
    run: RunDirectory,
    data: StrPath,
    *,
    announce: Callable[[str], None] = print,
    verify: bool = False,
) -> None:
    """Brings graph, examples and audit up to date, and trains nothing; as `run_all_stages` else."""
    stages = _data_stages(config, run, data, announce, verify=verify)
    with claimed(run.root, "run"):
        stages.run()


def _data_stages(
    config: RunConfig, run: RunDirectory, data: StrPath, announce: Callable[[str], None], *, verify: bool
) -> DataStages:
    """The stages of the data, once all is looked at that can be without writing."""
    _announce_unknowns(config, run, announce)
    if run.borrowed.exists():
        lender = read_json(run.borrowed)["from"]
        raise ConfigurationError(
            f"--run-dir {run.root}: trains on the records of another run: add --records-from {lender}"
        )
    stages = DataStages(config, run, data, announce=announce, verify=verify)
    stages.check()
    return stages


def _announce_unknowns(config: RunConfig, run: RunDirectory, announce: Callable[[str], None]) -> None:
    fetch_to_read(run.root)
    check_warm_start(config, run)
    if (warning := untrained_unknowns(config, load_tables_config(config.schema_dir))) is not None:
        announce(f"warning: {warning}")
