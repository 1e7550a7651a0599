"""Running a Beam pipeline: options passed through, and errors that a user can mend brought back as such."""

import contextlib
import logging
import re
from collections.abc import Iterator, Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from beam_jobs.facts import Fact, WriteFacts, read_facts
from tfgrec import errors

# Beam's direct runner in one process. In newer versions "DirectRunner" means another, downloaded program.
_DEFAULT_RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
_WORKER_LOGGER = "apache_beam.runners.common"
_MENDABLE = re.compile(r"tfgrec\.errors\.(\w+): (.*?)(?: \[while running|\n\n|\Z)", re.DOTALL)
_INTERRUPTED = "KeyboardInterrupt"


def run_pipeline(job: beam.PTransform, facts_path: str, pipeline_args: Sequence[str]) -> list[Fact]:
    """Runs a transform of the whole pipeline to its end; returns the facts that it gives, passed by way of a file.

    `pipeline_args` are options of any Beam runner.

    Raises:
      TfgrecError: as raised on a worker.
    """
    options = PipelineOptions(list(pipeline_args))
    runner = options.view_as(StandardOptions).runner or _DEFAULT_RUNNER
    try:
        with _quiet_workers(), beam.Pipeline(runner=runner, options=options) as pipeline:
            pipeline | type(job).__name__ >> job | "write facts" >> WriteFacts(facts_path)
    except errors.TfgrecError:
        raise
    except Exception as error:
        # Beam turns what is raised on a worker, which may run in this process, into text.
        if str(error).startswith(_INTERRUPTED):
            raise KeyboardInterrupt from error
        found = _MENDABLE.search(str(error))
        kind = getattr(errors, found.group(1), None) if found else None
        if kind is None:
            raise
        raise kind(found.group(2).strip()) from error
    return read_facts(facts_path)


@contextlib.contextmanager
def _quiet_workers() -> Iterator[None]:
    """Keeps Beam from printing tracebacks of what the job itself will tell its user."""
    logger = logging.getLogger(_WORKER_LOGGER)
    logger.addFilter(_is_news)
    try:
        yield
    finally:
        logger.removeFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    raised = record.exc_info[1] if record.exc_info else None
    told = isinstance(raised, errors.TfgrecError | KeyboardInterrupt) or str(raised).startswith(_INTERRUPTED)
    return not told
