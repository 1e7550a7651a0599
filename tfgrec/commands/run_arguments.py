"""Arguments that the commands which start runs share, and the configuration that they make."""

import argparse
from typing import get_args

from tfgrec.checks.checked_config import load_checked_config
from tfgrec.config import RunConfig
from tfgrec.config.run import Arm
from tfgrec.files import as_path
from tfgrec.run.working_folder import local_folder

ARMS = get_args(Arm)


def add_run_arguments(parser: argparse.ArgumentParser, *, needs_config: bool = True, needs_data: bool = True) -> None:
    """Adds --config, --data, --run-dir, --verify and --set."""
    parser.add_argument("--config", required=needs_config, metavar="YAML", help="the run's configuration, see configs/")
    parser.add_argument("--data", required=needs_data, type=as_path, metavar="DIR", help="the folder of the tables")
    parser.add_argument(
        "--run-dir", required=True, type=local_folder, metavar="DIR", help="where everything of the run goes"
    )
    add_verify(parser)
    add_overrides(parser, example="training.epochs=2")


def add_verify(parser: argparse.ArgumentParser) -> None:
    """Adds --verify."""
    parser.add_argument(
        "--verify",
        action="store_true",
        help="read all bytes of tables, graph and records, whether they are used or not, and make anew what is damaged",
    )


def add_overrides(parser: argparse.ArgumentParser, *, example: str) -> None:
    """Adds --set."""
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help=f"configuration values to change, for example {example}",
    )


def read_config(arguments: argparse.Namespace, *, arm: str | None = None) -> RunConfig:
    """The configuration that the arguments ask for, with `arm` where it is given, checked against tables.yaml.

    Raises:
      ConfigurationError: names file and key.
    """
    return load_checked_config(arguments.config, arguments.set if arm is None else [*arguments.set, f"arm={arm}"])
