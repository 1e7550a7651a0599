"""The sections `pipeline.drift` and `pipeline.skew` as TFX's DistributionValidator takes them."""

from collections.abc import Mapping
from typing import TypeVar

from tensorflow_metadata.proto.v0.path_pb2 import Path as FeaturePath
from tfx.proto.distribution_validator_pb2 import DistributionValidatorConfig, FeatureComparator

from tfgrec.close_match import suggestion
from tfgrec.config import RunConfig, load_tables_config
from tfgrec.errors import ConfigurationError
from tfgrec.graph.schema import READOUT, GraphSchema
from tfx_pipeline.data_validation.comparators import comparator
from tfx_pipeline.inputs.run_spec import read_record_schema
from tfx_pipeline.record_columns import RecordColumn, record_columns

_Value = TypeVar("_Value")


def drift_config(config: RunConfig) -> DistributionValidatorConfig:
    """What `pipeline.drift` allows between the days of evaluation and those of training.

    Raises:
      ConfigurationError: it names a set or a feature that the records don't have.
    """
    return validator_config("pipeline.drift", config.pipeline.drift, read_record_schema(config))


def skew_config(config: RunConfig) -> DistributionValidatorConfig:
    """What `pipeline.skew` allows between serving and training examples.

    Raises:
      ConfigurationError: as for `drift_config`, or it names a label, which served requests don't have.
    """
    labels = load_tables_config(config.schema_dir).requests.labels
    for feature in config.pipeline.skew.get(READOUT, {}):
        if feature in labels:
            raise ConfigurationError(f"pipeline.skew.{READOUT}: '{feature}' is a label: served requests have none")
    return validator_config("pipeline.skew", config.pipeline.skew, read_record_schema(config))


def validator_config(
    key: str, distances: Mapping[str, Mapping[str, float]], records: GraphSchema
) -> DistributionValidatorConfig:
    """Bounds as DistributionValidator takes them: it names columns, and a comparator that fits the type of each.

    Args:
      key: of `distances` in the configuration, for errors.
      distances: by node set or edge set, then by feature (`#size`: how many nodes or edges a request has).
      records: the records' own schema, see `tfgrec.graph.sampling.record_schema`.

    Raises:
      ConfigurationError: there is no such set or feature.
    """
    columns: dict[str, dict[str, RecordColumn]] = {}
    for column in record_columns(records):
        columns.setdefault(column.set_name, {}).setdefault(column.part, column)
    config = DistributionValidatorConfig()
    for name, of_set in distances.items():
        known = _known(key, name, columns)
        for part, allowed in of_set.items():
            column = _known(f"{key}.{name}", part, known)
            compared = FeatureComparator(
                path=FeaturePath(step=[column.name]),
                distribution_comparator=comparator(categorical=column.dtype == "string", allowed=allowed),
            )
            config.default_slice_config.feature.append(compared)
    return config


def _known(key: str, name: str, known: Mapping[str, _Value]) -> _Value:
    if name not in known:
        raise ConfigurationError(f"{key}: the examples have no '{name}': {suggestion(name, known)}")
    return known[name]
