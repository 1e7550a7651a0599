"""The component DistributionValidator: TFX's, which also compares numbers that are missing here and there."""

import tempfile
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList
from tfx.components.distribution_validator import component, executor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.proto.distribution_validator_pb2 import DistributionValidatorConfig
from tfx.types import Artifact
from tfx.types.artifact_utils import get_single_instance
from tfx.types.standard_artifacts import ExampleStatistics
from tfx.types.standard_component_specs import DISTRIBUTION_VALIDATOR_CONFIG_KEY as CONFIG_KEY

from tfx_pipeline.artifacts import Artifacts
from tfx_pipeline.data_validation.comparable_statistics import comparable_statistics
from tfx_pipeline.data_validation.statistics import STATISTICS_FILE, read_statistics


class Executor(executor.Executor):
    """Gives TFX's executor statistics that it can compare."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> Any:
        """Writes the anomalies and the distances of each pair of splits."""
        with tempfile.TemporaryDirectory() as folder:
            comparable = {
                key: [_write_comparable(get_single_instance(artifacts), Path(folder) / key)]
                for key, artifacts in input_dict.items()
            }
            config = {CONFIG_KEY: _config(exec_properties[CONFIG_KEY])}
            return super().Do(comparable, output_dict, exec_properties | config)


class DistributionValidator(component.DistributionValidator):
    """Finds features of a split whose distribution is too far from that in another split.

    Takes and gives what TFX's component of this name does; to it, NaN is a value like others
    (see `comparable_statistics`).
    """

    EXECUTOR_SPEC = ExecutorClassSpec(Executor)


def _config(value: DistributionValidatorConfig | str) -> DistributionValidatorConfig:
    """On Kubeflow messages come as JSON, which TFX's executor does not read."""
    return json_format.Parse(value, DistributionValidatorConfig()) if isinstance(value, str) else value


def _write_comparable(artifact: Artifact, folder: Path) -> ExampleStatistics:
    comparable = ExampleStatistics()
    comparable.uri, comparable.split_names, comparable.span = str(folder), artifact.split_names, artifact.span
    for split, statistics in read_statistics(artifact).items():
        (folder / f"Split-{split}").mkdir(parents=True)
        message = DatasetFeatureStatisticsList(datasets=[comparable_statistics(statistics)])
        (folder / f"Split-{split}" / STATISTICS_FILE).write_bytes(message.SerializeToString())
    return comparable
