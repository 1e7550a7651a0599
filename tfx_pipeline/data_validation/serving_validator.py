"""The component ServingValidator: an ExampleValidator for examples as they are served, without labels."""

from collections.abc import Collection
from typing import Any

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0.schema_pb2 import Schema
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatistics, DatasetFeatureStatisticsList
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.dsl.io import fileio
from tfx.types import BaseChannel, Channel
from tfx.types.artifact_utils import get_single_instance
from tfx.types.component_spec import ChannelParameter, ComponentSpec
from tfx.types.standard_artifacts import ExampleAnomalies, ExampleStatistics
from tfx.types.standard_artifacts import Schema as SchemaArtifact

from tfx_pipeline.artifacts import Artifacts
from tfx_pipeline.data_validation.examples_schema_file import read_examples_schema
from tfx_pipeline.data_validation.statistics import read_statistics
from tfx_pipeline.examples_schema import SERVING


class Executor(BaseExecutor):
    """Validates statistics in the environment SERVING, which TFX's own executor can't be told."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Writes the anomalies of each split where ExampleValidator would."""
        self._log_startup(input_dict, output_dict, exec_properties)
        statistics = get_single_instance(input_dict["statistics"])
        schema = read_examples_schema(get_single_instance(input_dict["schema"]))
        anomalies = get_single_instance(output_dict["anomalies"])
        anomalies.split_names, anomalies.span = statistics.split_names, statistics.span
        for split, of_split in read_statistics(statistics).items():
            served = DatasetFeatureStatisticsList(datasets=[_without(not_served(schema), of_split)])
            found = tfdv.validate_statistics(served, schema, environment=SERVING)
            folder = f"{anomalies.uri}/Split-{split}"
            fileio.makedirs(folder)
            with fileio.open(f"{folder}/SchemaDiff.pb", "wb") as file:
                file.write(found.SerializeToString())


class ServingValidatorSpec(ComponentSpec):
    """What ServingValidator is given and gives."""

    PARAMETERS = {}
    INPUTS = {
        "statistics": ChannelParameter(type=ExampleStatistics),
        "schema": ChannelParameter(type=SchemaArtifact),
    }
    OUTPUTS = {"anomalies": ChannelParameter(type=ExampleAnomalies)}


class ServingValidator(BaseComponent):
    """Compares serving examples with the schema; features `not_in_environment: SERVING`, labels, are not looked at.

    Args:
      statistics: of the serving examples.
      schema: of the training examples.
    """

    SPEC_CLASS = ServingValidatorSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(self, *, statistics: BaseChannel, schema: BaseChannel) -> None:
        anomalies = Channel(type=ExampleAnomalies)
        super().__init__(spec=ServingValidatorSpec(statistics=statistics, schema=schema, anomalies=anomalies))


def not_served(schema: Schema) -> list[str]:
    """Columns that served requests need not have: the labels."""
    return [feature.name for feature in schema.feature if SERVING in feature.not_in_environment]


def _without(columns: Collection[str], statistics: DatasetFeatureStatistics) -> DatasetFeatureStatistics:
    """Statistics less those of some columns: `ExampleService` writes NaN for labels, which TFDV calls a new column."""
    kept = DatasetFeatureStatistics()
    kept.CopyFrom(statistics)
    del kept.features[:]
    kept.features.extend(one for one in statistics.features if ".".join(one.path.step) not in columns)
    return kept
