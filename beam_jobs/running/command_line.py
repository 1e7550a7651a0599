"""What the commands share: options, configuration read, progress shown."""

import argparse
import contextlib
from collections.abc import Iterator, Sequence

from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from beam_jobs.running.shard_progress import OnProgress
from tfgrec.checks.tables_check import check_tables
from tfgrec.config import RunConfig, TablesConfig, load_run_config, load_tables_config
from tfgrec.data.schema_file import read_graph_schema
from tfgrec.errors import ConfigurationError
from tfgrec.graph.sampling.record_schema import record_schema
from tfgrec.graph.schema import GraphSchema
from tfgrec.model.configuration_checks import arm_problems, check_model_config, raise_problems
from tfgrec.progress import stage_progress


def job_parser(module: str, description: str) -> argparse.ArgumentParser:
    """A parser with the options of all jobs."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=description,
        epilog="Options of any Beam runner pass through, for example --runner=FlinkRunner.",
        allow_abbrev=False,
    )
    parser.add_argument("--config", required=True, metavar="YAML", help="a run's configuration")
    parser.add_argument("--set", dest="overrides", nargs="+", action="extend", default=[], metavar="KEY=VALUE")
    return parser


def parse_job_args(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """The job's own options, and those for Beam.

    Raises:
      ConfigurationError: an option is empty, or neither the job's nor one of Beam's.
    """
    args, beam_args = parser.parse_known_args(argv)
    for name, value in vars(args).items():
        if value == "":
            raise ConfigurationError(f"--{name.replace('_', '-')}: is empty")
    _refuse_unknown(beam_args)
    return args, beam_args


def read_configuration(args: argparse.Namespace) -> tuple[RunConfig, TablesConfig, GraphSchema]:
    """The run's configuration, and its data set's tables.yaml and graph.pbtxt, which fit each other.

    Raises:
      ConfigurationError: a file can't be read, or says what can't work.
      SchemaError: the files don't fit each other.
    """
    config = load_run_config(args.config, args.overrides)
    tables = load_tables_config(config.schema_dir)
    schema = read_graph_schema(f"{config.schema_dir}/graph.pbtxt", tables)
    check_tables(schema, tables, f"{config.schema_dir}/tables.yaml")
    # Refuses hops that the graph does not have, and a model that can't read the records, before it is built.
    of_records = record_schema(schema, config.sampling)
    check_model_config(config.model, of_records, tables.requests.labels)
    raise_problems(arm_problems(config.model, config.arm, config.pretraining, of_records))
    return config, tables, schema


@contextlib.contextmanager
def shown_progress(title: str) -> Iterator[OnProgress]:
    """Shows how many of a job's shards are done."""
    with stage_progress(title, unit="shards") as advance:
        shown = 0

        def on_progress(done: int, total: int) -> None:
            nonlocal shown
            advance.total = total
            advance(max(done - shown, 0))
            shown = max(done, shown)

        yield on_progress


def _refuse_unknown(beam_args: list[str]) -> None:
    positional = [argument for argument in beam_args[:1] if not argument.startswith("-")]
    if positional:
        raise ConfigurationError(f"unexpected argument '{positional[0]}'")
    options = PipelineOptions(beam_args)
    if options.view_as(StandardOptions).runner not in (None, "DirectRunner"):
        # The servers of other runners define options that only they know.
        return
    known = set(options.get_all_options())
    unknown = sorted(set(options.get_all_options(retain_unknown_options=True)) - known)
    if unknown:
        raise ConfigurationError(f"unknown option --{unknown[0]}: neither this command's nor one of Beam's")
