"""Running a Beam pipeline: options passed through, and errors that a user can mend brought back as such."""

import contextlib
import logging
import re
from collections.abc import Iterator, Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from beam_jobs.running.facts import Fact, WriteFacts, read_facts
from tfgrec import errors

# Beam's direct runner in one process. In newer versions "DirectRunner" means another, downloaded program.
_DEFAULT_RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
# Beam logs what a worker raised: on the worker, and where a runner elsewhere tells of it.
_LOGGERS = (
    "apache_beam.runners.common",
    "apache_beam.runners.worker.sdk_worker",
    "apache_beam.runners.portability.local_job_service",
    None,
)
# Beam turns what is raised on a worker, which may run in this process, into text: a traceback, with the step added.
_STEP = re.compile(r" \[while running '.*?'\]")
_MENDABLE = re.compile(r"tfgrec\.errors\.(\w+): (.*?)(?: \[while running|\n\n|\Z)", re.DOTALL)
_INTERRUPTED = "KeyboardInterrupt"


def run_pipeline(job: beam.PTransform, facts_path: str, pipeline_args: Sequence[str]) -> list[Fact]:
    """Runs a transform of the whole pipeline to its end; returns the facts that it gives, passed by way of a file.

    `pipeline_args` are options of any Beam runner. An interruption is passed on to a runner elsewhere.

    Raises:
      TfgrecError: as raised on a worker.
    """
    options = PipelineOptions(list(pipeline_args))
    pipeline = beam.Pipeline(options.view_as(StandardOptions).runner or _DEFAULT_RUNNER, options)
    pipeline | type(job).__name__ >> job | "write facts" >> WriteFacts(facts_path)
    try:
        with _quiet_workers():
            _run(pipeline)
    except errors.TfgrecError as error:
        raise type(error)(_STEP.sub("", str(error))) from error
    except Exception as error:
        if str(error).startswith(_INTERRUPTED):
            raise KeyboardInterrupt from error
        mendable = _mendable(str(error))
        if mendable is None:
            raise
        raise mendable from error
    return read_facts(facts_path)


def _run(pipeline: beam.Pipeline) -> None:
    result = pipeline.run()
    try:
        result.wait_until_finish()
    except KeyboardInterrupt:
        result.cancel()
        raise


def _mendable(text: str) -> errors.TfgrecError | None:
    """The error that a traceback ends with, if it is one that a user can mend."""
    found = _MENDABLE.search(text)
    kind = getattr(errors, found.group(1), None) if found else None
    return kind(found.group(2).strip()) if kind else None


@contextlib.contextmanager
def _quiet_workers() -> Iterator[None]:
    """Keeps Beam from printing tracebacks of what the job itself will tell its user."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(_is_news)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    raised = record.exc_info[1] if record.exc_info else None
    told = isinstance(raised, errors.TfgrecError | KeyboardInterrupt) or str(raised).startswith(_INTERRUPTED)
    return not told and _mendable(record.getMessage()) is None
