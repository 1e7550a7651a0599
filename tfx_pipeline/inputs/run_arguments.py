"""Arguments that the runners share; nothing here takes long to import, so that mistakes are told at once."""

import argparse
from collections.abc import Callable
from pathlib import Path


def add_pipeline_arguments(parser: argparse.ArgumentParser, *, path: Callable[[str], Path | str]) -> None:
    """Adds what every runner has to know; folders other than that of the tables are read with `path`."""
    parser.add_argument("--config", required=True, metavar="YAML", help="the run's configuration, see configs/")
    parser.add_argument("--data", required=True, metavar="DIR", help="the folder of the tables, which may be a URL")
    parser.add_argument("--pipeline-root", required=True, type=path, metavar="DIR", help="where all artifacts go")
    parser.add_argument("--day", help="the newest day: pipeline.window says which days train; else `split` does")
    parser.add_argument("--serving-dir", type=path, metavar="DIR", help="the folder that TF Serving watches")
    parser.add_argument(
        "--serving-examples", type=path, metavar="DIR", help="TFRecords of examples as served, to look for skew"
    )
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="configuration values to change, for example training.epochs=2",
    )
