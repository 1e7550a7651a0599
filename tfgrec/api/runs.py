"""Runs from Python: each function does what the command of its name does, and raises what that one prints."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgrec.api.loaded_run import LoadedRun
from tfgrec.checks.checked_config import load_checked_config
from tfgrec.config.run import Arm
from tfgrec.errors import ConfigurationError
from tfgrec.files import StrPath, as_path, read_json
from tfgrec.run.run_directory import RunDirectory
from tfgrec.run.working_folder import local_folder
from tfgrec.stages.borrowed_records import BorrowedRecords
from tfgrec.stages.comparison import Comparison
from tfgrec.stages.contenders import ARMS, choose_baseline, read_contenders
from tfgrec.stages.run_evaluation import evaluate_into
from tfgrec.stages.whole_run import run_all_stages, run_data_stages, run_on_records

if TYPE_CHECKING:
    from tfgrec.report import ArmComparison

Announce = Callable[[str], None]


def train(
    config: str | Path,
    *,
    data: StrPath | None = None,
    run_dir: StrPath,
    records_from: str | Path | None = None,
    arm: Arm | None = None,
    overrides: Sequence[str] = (),
    announce: Announce = print,
    verify: bool = False,
) -> LoadedRun:
    """From tables to a trained, measured and exported model, as tfgrec-train: what has not changed is skipped.

    Args:
      config: the run's YAML.
      data: the folder of the tables.
      run_dir: where everything of the run goes.
      records_from: another run or comparison whose graph and records are trained on; `data` may be left out then.
      arm: how to train; None: what the configuration says.
      overrides: `key.path=value`, as given to `--set`.
      announce: told what is done or skipped, and why.
      verify: whether all bytes of tables, graph and records are read to see that they are as they were.

    Raises:
      StageFailed: a data job failed, and has said why.
      TfgrecError: the configuration or the data can't be used.
    """
    resolved = load_checked_config(config, overrides if arm is None else [*overrides, f"arm={arm}"])
    if resolved.training.distribution == "multi_worker":
        raise ConfigurationError("training.distribution: multi_worker is for tfgrec-train, started on each machine")
    data = None if data is None else as_path(data)
    if records_from is not None:
        borrowed = BorrowedRecords(as_path(records_from), resolved, data, verify=verify)
        run_on_records(resolved, RunDirectory.at(run_dir, data_root=borrowed.data_root), borrowed, announce=announce)
    elif data is not None:
        run_all_stages(resolved, RunDirectory.at(run_dir), data, announce=announce, verify=verify)
    else:
        raise ConfigurationError("data: is required, unless records_from names a run")
    return LoadedRun(run_dir)


def sample(
    config: str | Path,
    *,
    data: str | Path,
    run_dir: str | Path,
    overrides: Sequence[str] = (),
    announce: Announce = print,
    verify: bool = False,
) -> LoadedRun:
    """The stages of `train` before the training: graph store, sampled and audited records. Arguments as of `train`."""
    resolved = load_checked_config(config, overrides)
    run_data_stages(resolved, RunDirectory.at(run_dir), as_path(data), announce=announce, verify=verify)
    return LoadedRun(run_dir)


def evaluate(
    run_dir: str | Path,
    *,
    part: str | None = None,
    data: str | Path | None = None,
    days: tuple[int | str, int | str] | None = None,
    output: str | Path | None = None,
    announce: Announce = print,
    verify: bool = False,
) -> dict[str, Any]:
    """Scores a part of a run's requests again, or rows of other tables, as tfgrec-evaluate; returns the metrics.

    Args:
      run_dir: the run.
      part: of the run's own requests, `validation` (by default) or `test`.
      data: other tables; a graph is built from all of them. None: the run's own records.
      days: first and last value of `split.column` of the rows of `data` to score; None: the run's validation range.
      output: where metrics.json and predictions.parquet go; None: below `evaluations` in the run.
      announce: told what is done or skipped, and why.
      verify: whether all bytes of tables, graph and records are read to see that they are as they were.

    Raises:
      ConfigurationError: there is no such run, or the arguments do not go together.
      StageFailed: a data job failed, and has said why.
    """
    evaluated = evaluate_into(
        run_dir,
        output=None if output is None else local_folder(output),
        part=part,
        data=None if data is None else as_path(data),
        days=None if days is None else [str(day) for day in days],
        announce=announce,
        verify=verify,
    )
    return read_json(evaluated.metrics)


def compare(
    config: str | Path,
    *,
    data: str | Path,
    run_dir: str | Path,
    arms: Sequence[Arm] = ARMS,
    variants: str | Path | None = None,
    baseline: str | None = None,
    seeds: Sequence[int] = (),
    overrides: Sequence[str] = (),
    announce: Announce = print,
    verify: bool = False,
) -> "ArmComparison":
    """Trains arms and variants on the same records and compares them, as tfgrec-compare.

    Args:
      config: the run's YAML.
      data: the folder of the tables.
      run_dir: where everything goes, comparison.json and comparison.html too.
      arms: what to train.
      variants: a YAML file of more to train, see docs/comparison.md.
      baseline: the arm or variant that the others are compared with; None: the first.
      seeds: training seeds, a run of each arm and variant for each; none: the configuration's.
      overrides: `key.path=value`, as given to `--set`.
      announce: told what is done or skipped, and why.
      verify: whether all bytes of tables, graph and records are read to see that they are as they were.

    Raises:
      StageFailed: a data job failed, and has said why.
      TfgrecError: the configuration or the data can't be used.
    """
    contenders = read_contenders(config, arms=arms, variants=variants, overrides=overrides)
    comparison = Comparison(
        load_checked_config(config, overrides),
        root=local_folder(run_dir),
        data=as_path(data),
        contenders=contenders,
        seeds=seeds,
        announce=announce,
        verify=verify,
    )
    return comparison.run(baseline=choose_baseline(baseline, contenders))
