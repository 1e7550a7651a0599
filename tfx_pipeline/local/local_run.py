"""One run of the pipeline on this machine."""

import argparse
import os
from pathlib import Path

from ml_metadata import MetadataStore
from rich.console import Console
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline

from beam_jobs.worker_errors import errors_as_raised_on_workers
from tfgrec.config import RunConfig, load_tables_config
from tfgrec.errors import ConfigurationError, InputDataError, TfgrecError
from tfgrec.files import is_local
from tfgrec.run.claim import claimed
from tfgrec.run.known_fingerprints import KNOWN_TABLES, KnownFingerprints
from tfx_pipeline.beam_options import DIRECT_RUNNER
from tfx_pipeline.evaluation.results import blessing_failures
from tfx_pipeline.infra_validation import docker_answers
from tfx_pipeline.inputs.data_fingerprint import fingerprint_tables
from tfx_pipeline.inputs.days import told_days
from tfx_pipeline.inputs.run_inputs import CuratedSchema, read_pipeline_config
from tfx_pipeline.local.component_progress import told_components
from tfx_pipeline.local.retention import remove_old_runs
from tfx_pipeline.local.run_page import write_run_page
from tfx_pipeline.local.run_record import RunRecord, read_newest_run
from tfx_pipeline.pipeline import Places, create_pipeline

METADATA, ARTIFACTS, WORK = "metadata.sqlite", "artifacts", "work"


def run_locally(arguments: argparse.Namespace) -> None:
    """Runs what the arguments of `tfx_pipeline.local_runner` ask for, and tells how it ended.

    Raises:
      TfgrecError: names the component that stopped the run, and says why.
    """
    config = read_pipeline_config(arguments)
    root = arguments.pipeline_root.resolve()
    console = Console(soft_wrap=True, highlight=False, markup=False)
    with claimed(root, "pipeline") as is_alone, told_components(console.print, verbose=arguments.verbose):
        _run(_pipeline(config, arguments, root), config, root, console)
        # Only after a run that ended well.
        if config.pipeline.keep_runs is not None and is_alone:
            _remove_old_runs(config, root, console)
        elif config.pipeline.keep_runs is not None:
            console.print(f"Old runs are not removed: the disk of {root} has no locks, others may be at work there.")


def _run(pipeline: Pipeline, config: RunConfig, root: Path, console: Console) -> None:
    error = None
    try:
        with errors_as_raised_on_workers():
            LocalDagRunner().run(pipeline)
    except TfgrecError as raised:
        error = _named(raised, root)
        raise error from raised
    except BaseException as raised:
        error = raised
        raise
    finally:
        _tell(console, config, root, error)


def _remove_old_runs(config: RunConfig, root: Path, console: Console) -> None:
    removal = remove_old_runs(
        MetadataStore(sqlite_metadata_connection_config(str(root / METADATA))),
        pipeline_name=config.name,
        artifacts=str(root / ARTIFACTS),
        work=str(root / WORK),
        keep_runs=config.pipeline.keep_runs,
    )
    for line in removal.told():
        console.print(line)


def _pipeline(config: RunConfig, arguments: argparse.Namespace, root: Path) -> Pipeline:
    data = os.path.realpath(arguments.data) if is_local(arguments.data) else arguments.data
    schema = CuratedSchema.of(config, str(root))
    schema.write()
    places = Places(
        data=data,
        root=str(root / ARTIFACTS),
        schema_file=schema.path,
        serving=_serving_folder((arguments.serving_dir or root / "serving" / config.name).resolve()),
        work=str(root / WORK),
        serving_examples=_served_folder(arguments.serving_examples),
    )
    return create_pipeline(
        config=config,
        places=places,
        tables_fingerprint=fingerprint_tables(
            load_tables_config(config.schema_dir), data, KnownFingerprints(root / KNOWN_TABLES)
        ),
        resumable=True,
        infra_validation=docker_answers(),
        beam_options=[f"--runner={DIRECT_RUNNER}"],
        metadata_connection=sqlite_metadata_connection_config(str(root / METADATA)),
    )


def _serving_folder(path: Path) -> str:
    """Made at once, not after hours of training."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"--serving-dir {path}: can't be written to: {error.strerror}") from error
    return str(path)


def _served_folder(path: Path | None) -> str:
    if path is None:
        return ""
    if not path.is_dir():
        raise InputDataError(f"--serving-examples {path}: there is no such folder")
    return str(path.resolve())


def _named(error: TfgrecError, root: Path) -> TfgrecError:
    """The error, with the component that raised it."""
    run = read_newest_run(root / METADATA)
    stopped = run.failed.name if run and run.failed else "a component"
    return type(error)(f"{stopped} stopped the run: {error}")


def _tell(console: Console, config: RunConfig, root: Path, error: BaseException | None) -> None:
    """Says how the run ended and where its pages are."""
    run = read_newest_run(root / METADATA)
    if run is None:
        return
    verdict = told_outcome(run, error)
    days = told_days(config.split)
    page = write_run_page(run, folder=root / "runs", pipeline_name=config.name, days=days, verdict=verdict)
    if error is None:
        for line in verdict:
            console.print(line)
    for component in run.components:
        for path in component.pages:
            console.print(f"{component.name}: {path}")
    console.print(f"run: {page}")


def told_outcome(run: RunRecord, error: BaseException | None) -> list[str]:
    """What stopped the run, or why its model was not pushed, or where it was pushed to."""
    if error is not None:
        lines = str(error).splitlines() if isinstance(error, TfgrecError) else [f"The run ended with {error!r}"]
        return [*lines, "The served model is as it was."]
    evaluation = run.find("Evaluator")
    failures = blessing_failures(evaluation.outputs["evaluation"]) if evaluation else []
    if failures:
        return ["The model was not blessed, the served one stays:", *failures]
    pusher = run.find("Pusher")
    pushed = Path(pusher.outputs["pushed_model"]) if pusher else None
    if pushed is None or not any(pushed.iterdir()):
        return ["The model was not pushed, the served one stays."]
    if pusher.state == "cached":
        return ["Nothing has changed since an earlier run: the model that it pushed stays."]
    return ["The model was blessed and pushed."]
