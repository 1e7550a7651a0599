"""Running a Beam pipeline: options passed through, facts brought back."""

from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from beam_jobs.running.facts import Fact, WriteFacts, read_facts
from beam_jobs.worker_errors import errors_as_raised_on_workers
from tfgrec.credentials import refuse_in_arguments

# Beam's direct runner in one process. In newer versions "DirectRunner" means another, downloaded program.
_DEFAULT_RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"


def run_pipeline(job: beam.PTransform, facts_path: str, pipeline_args: Sequence[str]) -> list[Fact]:
    """Runs a transform of the whole pipeline to its end; returns the facts that it gives, passed by way of a file.

    `pipeline_args` are options of any Beam runner. An interruption is passed on to a runner elsewhere.

    Raises:
      TfgrecError: as raised on a worker.
      ConfigurationError: an option holds credentials.
    """
    refuse_in_arguments(pipeline_args, "options for Beam")
    options = PipelineOptions(list(pipeline_args))
    pipeline = beam.Pipeline(options.view_as(StandardOptions).runner or _DEFAULT_RUNNER, options)
    pipeline | type(job).__name__ >> job | "write facts" >> WriteFacts(facts_path)
    with errors_as_raised_on_workers():
        _run(pipeline)
    return read_facts(facts_path)


def _run(pipeline: beam.Pipeline) -> None:
    result = pipeline.run()
    try:
        result.wait_until_finish()
    except KeyboardInterrupt:
        result.cancel()
        raise
