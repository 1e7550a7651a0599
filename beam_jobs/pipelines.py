"""Running a Beam pipeline: options passed through, and errors that a user can mend brought back as such."""

import re
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from beam_jobs.facts import Fact, WriteFacts, read_facts
from tfgrec import errors

# Beam's direct runner in one process. In newer versions "DirectRunner" means another, downloaded program.
_DEFAULT_RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
_MENDABLE = re.compile(r"tfgrec\.errors\.(\w+): (.*?)(?: \[while running|\n\n|\Z)", re.DOTALL)


def run_pipeline(job: beam.PTransform, facts_path: str, pipeline_args: Sequence[str]) -> list[Fact]:
    """Runs a transform of the whole pipeline to its end; returns the facts that it gives, passed by way of a file.

    `pipeline_args` are options of any Beam runner.

    Raises:
      TfgrecError: as raised on a worker.
    """
    options = PipelineOptions(list(pipeline_args))
    runner = options.view_as(StandardOptions).runner or _DEFAULT_RUNNER
    try:
        with beam.Pipeline(runner=runner, options=options) as pipeline:
            pipeline | type(job).__name__ >> job | "write facts" >> WriteFacts(facts_path)
    except errors.TfgrecError:
        raise
    except Exception as error:
        # Beam turns what is raised on a worker, which may run in this process, into text.
        if str(error).startswith("KeyboardInterrupt"):
            raise KeyboardInterrupt from error
        found = _MENDABLE.search(str(error))
        kind = getattr(errors, found.group(1), None) if found else None
        if kind is None:
            raise
        raise kind(found.group(2).strip()) from error
    return read_facts(facts_path)
