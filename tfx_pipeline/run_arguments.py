"""Arguments that the runners share, and the configuration that they make."""

import argparse
import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

from tfx.dsl.io import fileio

from tfgrec.config import RunConfig, load_run_config, load_tables_config
from tfgrec.errors import ConfigurationError
from tfgrec.preflight import check_run
from tfgrec.recorded_weights import with_recorded_weights
from tfx_pipeline.days import at_day, parse_day
from tfx_pipeline.evaluation.eval_config import check_pipeline

_SCHEMA = "examples.pbtxt"


def add_pipeline_arguments(parser: argparse.ArgumentParser, *, path: Callable[[str], Path | str]) -> None:
    """Adds what every runner has to know; folders are read with `path`."""
    parser.add_argument("--config", required=True, metavar="YAML", help="the run's configuration, see configs/")
    parser.add_argument("--data", required=True, type=path, metavar="DIR", help="the folder of the tables")
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


def read_pipeline_config(arguments: argparse.Namespace) -> RunConfig:
    """The configuration that the arguments ask for, checked against tables.yaml.

    Raises:
      ConfigurationError: names file and key.
    """
    config = with_recorded_weights(load_run_config(arguments.config, arguments.set))
    if arguments.day is not None:
        config = at_day(config, parse_day(arguments.day))
    tables = load_tables_config(config.schema_dir)
    check_run(config, tables)
    check_pipeline(config, tables)
    if config.split.train is None:
        raise ConfigurationError(f"{arguments.config}: key 'split.train': a pipeline needs days to train on")
    return config


@dataclasses.dataclass(frozen=True)
class CuratedSchema:
    """The TFMD schema of a data set's examples, and its place below a pipeline's root.

    The content names the place: TFX takes a file that has the same path for the same file.
    """

    text: str
    path: str

    @classmethod
    def of(cls, config: RunConfig, root: str) -> "CuratedSchema":
        """Reads it from the schema folder.

        Raises:
          ConfigurationError: the folder has none.
        """
        source = Path(config.schema_dir) / _SCHEMA
        if not source.is_file():
            raise ConfigurationError(
                f"{source}: is missing; draft it: python -m tfx_pipeline.examples_schema --config YAML --examples DIR"
            )
        text = source.read_text(encoding="utf-8")
        return cls(text, f"{root}/schemas/{hashlib.sha256(text.encode('utf-8')).hexdigest()[:16]}/{_SCHEMA}")

    def write(self) -> None:
        """Puts it in its place, on any of TFX's file systems."""
        fileio.makedirs(self.path.rpartition("/")[0])
        with fileio.open(self.path, "w") as file:
            file.write(self.text)
