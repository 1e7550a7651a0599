"""What a run starts from: its configuration, checked, and the curated schema of its examples."""

import argparse
import dataclasses
import hashlib
from pathlib import Path

from tfx.dsl.io import fileio

from tfgrec.checks.preflight import check_run
from tfgrec.config import RunConfig, load_run_config, load_tables_config
from tfgrec.errors import ConfigurationError
from tfgrec.model.configuration_checks import arm_problems, check_model_config, raise_problems
from tfgrec.run.earlier_runs import with_recorded_weights
from tfx_pipeline.evaluation.eval_config import check_pipeline
from tfx_pipeline.examples_schema import check_schema
from tfx_pipeline.inputs.days import at_day, parse_day
from tfx_pipeline.inputs.run_spec import read_record_schema

_SCHEMA = "examples.pbtxt"


def read_pipeline_config(arguments: argparse.Namespace) -> RunConfig:
    """The configuration that the arguments ask for, checked against tables.yaml.

    Raises:
      ConfigurationError: names file and key.
    """
    config = with_recorded_weights(load_run_config(arguments.config, arguments.set))
    # A pipeline measures each day on the next ones: it has no test part.
    config = config.model_copy(update={"split": config.split.model_copy(update={"test": None})})
    if arguments.day is not None:
        config = at_day(config, parse_day(arguments.day))
    tables = load_tables_config(config.schema_dir)
    check_run(config, tables)
    schema = read_record_schema(config)
    check_model_config(config.model, schema, tables.requests.labels)
    raise_problems(arm_problems(config.model, config.arm, config.pretraining, schema))
    check_pipeline(config, tables)
    if config.split.train is None:
        raise ConfigurationError(f"{arguments.config}: key 'split.train': a pipeline needs days to train on")
    if config.arm == "two_stage":
        raise ConfigurationError(
            f"{arguments.config}: key 'arm': received two_stage, which embeds nodes from the graph store while it "
            "trains; TFX's Trainer has the records alone: use tfgrec-train, or arm joint, frozen_encoder or no_graph"
        )
    if config.factors is not None:
        raise ConfigurationError(
            f"{arguments.config}: key 'model.match.factors': item factors are fitted to the graph store, and TFX's "
            "Trainer has the records alone: leave the key out, or use tfgrec-train"
        )
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
          SchemaError: it is of other columns than the records will have.
        """
        source = Path(config.schema_dir) / _SCHEMA
        if not source.is_file():
            raise ConfigurationError(
                f"{source}: is missing; draft it: python -m tfx_pipeline.examples_schema --config YAML --examples DIR"
            )
        text = source.read_text(encoding="utf-8")
        check_schema(text, str(source), read_record_schema(config))
        return cls(text, f"{root}/schemas/{hashlib.sha256(text.encode('utf-8')).hexdigest()[:16]}/{_SCHEMA}")

    def write(self) -> None:
        """Puts it in its place, on any of TFX's file systems."""
        fileio.makedirs(self.path.rpartition("/")[0])
        with fileio.open(self.path, "w") as file:
            file.write(self.text)
