"""Statistics of examples: how StatisticsGen makes them, and its artifact read."""

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatistics, DatasetFeatureStatisticsList
from tfx.dsl.io import fileio
from tfx.types import Artifact
from tfx.types.artifact_utils import decode_split_names

STATISTICS_FILE = "FeatureStats.pb"
_QUANTILES = 50


def statistics_options() -> tfdv.StatsOptions:
    """For StatisticsGen: quantiles fine enough to tell distributions apart, and to draw them."""
    return tfdv.StatsOptions(num_quantiles_histogram_buckets=_QUANTILES)


def read_statistics(artifact: Artifact) -> dict[str, DatasetFeatureStatistics]:
    """The statistics of each split that StatisticsGen wrote."""
    return {
        split: _read(f"{artifact.uri}/Split-{split}/{STATISTICS_FILE}")
        for split in decode_split_names(artifact.split_names)
    }


def _read(path: str) -> DatasetFeatureStatistics:
    with fileio.open(path, "rb") as file:
        return DatasetFeatureStatisticsList.FromString(file.read()).datasets[0]
