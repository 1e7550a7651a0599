"""How far two splits lie apart, feature by feature, whatever is allowed."""

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0.schema_pb2 import BYTES
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatistics, DatasetFeatureStatisticsList

from tfx_pipeline.data_validation.comparable_statistics import comparable_statistics
from tfx_pipeline.data_validation.comparators import comparator


def measured_distances(current: DatasetFeatureStatistics, baseline: DatasetFeatureStatistics) -> dict[str, float]:
    """The distance of each feature that both have values of, as DistributionValidator measures it; 0 to 1."""
    current, baseline = (
        DatasetFeatureStatisticsList(datasets=[comparable_statistics(one)]) for one in (current, baseline)
    )
    schema = tfdv.infer_schema(baseline, infer_feature_shape=False)
    for feature in schema.feature:
        feature.drift_comparator.CopyFrom(comparator(categorical=feature.type == BYTES, allowed=1))
    anomalies = tfdv.validate_statistics(current, schema, previous_statistics=baseline)
    return {
        ".".join(info.path.step): info.drift_measurements[0].value
        for info in anomalies.drift_skew_info
        if info.drift_measurements
    }
