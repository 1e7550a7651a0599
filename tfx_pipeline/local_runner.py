"""Runs the pipeline on this machine, with its metadata in SQLite: python -m tfx_pipeline.local_runner --config ..."""

import argparse
import sys
from collections.abc import Sequence

from tfgrec.entry_point import entry_point
from tfgrec.local_path import local_path
from tfx_pipeline.inputs.run_arguments import add_pipeline_arguments


@entry_point
def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the pipeline from tables to a pushed model. What an earlier call has done with the same data, days and
    settings is not done again, so that the same call goes on after one that was killed."""
    parsed = _parser().parse_args(arguments)
    # Brings TFX, which takes many seconds that `--help` need not wait for.
    from tfx_pipeline.local.local_run import run_locally

    run_locally(parsed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tfx_pipeline.local_runner", description=main.__doc__)
    add_pipeline_arguments(parser, path=local_path)
    parser.add_argument("--verbose", action="store_true", help="show everything that TFX logs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
