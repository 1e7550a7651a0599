"""A trained run measured again: on a part of its own requests, or on rows of other data such as later days."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgrec.config import RunConfig
from tfgrec.errors import ConfigurationError
from tfgrec.files import StrPath, exists, is_local, split
from tfgrec.run.claim import claimed
from tfgrec.run.run_directory import RunDirectory
from tfgrec.stages.data_stages import DataStages
from tfgrec.told_damage import told_damage

if TYPE_CHECKING:
    import pandas as pd


def evaluate_into(
    run_dir: StrPath,
    *,
    output: Path | None = None,
    part: str | None = None,
    data: StrPath | None = None,
    days: Sequence[str] | None = None,
    announce: Callable[[str], None] = print,
    verify: bool = False,
) -> RunDirectory:
    """Scores a part of a run's own requests, or rows of other data: see `evaluate_run` and `evaluate_on`.

    `part` is `validation` (by default) or `test`. With `verify`, all bytes of what is there of graph and records are
    read first.

    Returns:
      The folder with metrics.json and predictions.parquet: `output`, or a folder below `evaluations` in the run.

    Raises:
      ConfigurationError: `days` without `data`, `part` with it, `output` is the run itself or another's, or there is no
        such run or part.
      StageFailed: a data job failed, and has said why.
    """
    if days is not None and data is None:
        raise ConfigurationError("--days: goes with --data, the run's own split is set by its configuration")
    if part is not None and data is not None:
        raise ConfigurationError("--part: is of the run's own requests, and --data names others")
    run, part = RunDirectory.open(run_dir), part or "validation"
    output = output or run.root / "evaluations" / _name(data, days, part)
    if output.resolve() == run.root.resolve():
        raise ConfigurationError(f"--output {output}: is the run itself, name another folder")
    with claimed(output, "evaluation"), told_damage():
        if data is None:
            if verify:
                _verify(run)
            evaluate_run(run, output, part=part)
        else:
            evaluate_on(run, data, output, days=days, announce=announce, verify=verify)
    return RunDirectory.at(output)


def evaluate_run(run: RunDirectory, output: Path, *, part: str = "validation") -> dict[str, Any]:
    """Scores a part of the run's requests, as they were sampled, with its newest checkpoint; builds nothing.

    Writes predictions.parquet and metrics.json in `output`; returns what metrics.json holds.

    Raises:
      ConfigurationError: the run's configuration has no such part.
    """
    config = run.read_config()
    if part not in config.split.measured:
        raise ConfigurationError(f"{run.config}: split.{part} is not set, so that the run has no such requests")

    from tfgrec.retrieval.run_retrieval import evaluate_retrieval
    from tfgrec.training.run_model import RunModel

    run_model = RunModel(config, run)
    return _write(run_model.predict(part), config, output, evaluate_retrieval(run_model, part), part=part)


def evaluate_on(
    run: RunDirectory,
    data: StrPath,
    output: Path,
    *,
    days: Sequence[str] | None,
    announce: Callable[[str], None] = print,
    verify: bool = False,
) -> dict[str, Any]:
    """Scores rows of other data with the run's exported model.

    A graph is built from that data and its rows are sampled as the run's were; the model, vocabularies and constants
    included, stays as it was trained. Graph, examples, predictions.parquet and metrics.json are written in `output`.

    Args:
      run: a run with an exported model.
      data: a folder of tables like the run's; edges before the rows that are scored must be among them.
      output: where to write.
      days: first and last value of `split.column` of the rows to score; None: the run's validation range.
      announce: told what is done or skipped, and why.
      verify: whether all bytes of tables, graph and records that are there are read to see that they are as they were.

    Raises:
      ConfigurationError: the run has no exported model.
      StageFailed: a data job failed, and has said why.
    """
    if run.newest_export is None:
        raise ConfigurationError(f"{run.root}: has no exported model, run tfgrec-train or tfgrec-export first")
    overrides = ["split.train=null", "split.test=null"]
    if days is not None:
        overrides.append(f"split.validation=[{', '.join(days)}]")
    config = run.read_config(overrides)
    target = RunDirectory.at(output)
    DataStages(config, target, data, announce=announce, verify=verify).run()
    return _write(_predict_exported(config, run.newest_export, target), config, output)


def _verify(run: RunDirectory) -> None:
    from tfgrec.data.examples_directory import ExamplesDirectory
    from tfgrec.graph.store.graph_store import GraphStore

    ExamplesDirectory.open(run.examples).verify()
    # A trained run does without its graph.
    if exists(run.graph):
        GraphStore.open(run.graph).verify()


def _predict_exported(config: RunConfig, model: Path, target: RunDirectory) -> "pd.DataFrame":
    from tfgrec.data.examples_directory import ExamplesDirectory
    from tfgrec.graph.sampling.events_of_roots import events_of_roots
    from tfgrec.serving.exported.export import load_scoring_function
    from tfgrec.training.evaluation import predict

    examples = ExamplesDirectory.open(target.examples)
    return predict(
        load_scoring_function(model),
        split=examples.split("validation"),
        schema=examples.schema,
        tasks=config.model.tasks,
        scenario=config.evaluation.scenario,
        events=events_of_roots(examples.schema, config.sampling),
        batch_size=config.training.evaluation_batch_size,
    )


def _write(
    predictions: "pd.DataFrame",
    config: RunConfig,
    output: Path,
    further: Mapping[str, Any] | None = None,
    *,
    part: str = "validation",
) -> dict[str, Any]:
    from tfgrec.training.evaluation import evaluate, write_evaluation

    target = RunDirectory.at(output)
    metrics = {**evaluate(predictions, config, part=part), **(further or {})}
    write_evaluation(predictions, metrics, table=target.predictions, summary=target.metrics)
    return metrics


def _name(data: StrPath | None, days: Sequence[str] | None, part: str) -> str:
    return part if data is None else "-".join([_folder_name(data), *(days or [])])


def _folder_name(data: StrPath) -> str:
    return Path(data).resolve().name if is_local(data) else split(data)[1]
