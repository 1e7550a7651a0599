"""What TFDV knows of a split's columns, by the node set or edge set that they belong to."""

import dataclasses

from tensorflow_metadata.proto.v0.statistics_pb2 import (
    CommonStatistics,
    DatasetFeatureStatistics,
    FeatureNameStatistics,
    Histogram,
)

from tfgrec.graph.schema import TIME

SIZE = "#size"

_TIME_COLUMN = f"context/{TIME}"
# Places of nodes within a request, which mean nothing beyond it.
_POSITIONS = ("#source", "#target")


@dataclasses.dataclass(frozen=True)
class SplitStatistics:
    """Statistics of one split; `columns` by name, such as `nodes/_readout.is_click`."""

    name: str
    requests: int
    columns: dict[str, FeatureNameStatistics]

    @classmethod
    def of(cls, name: str, statistics: DatasetFeatureStatistics) -> "SplitStatistics":
        """From StatisticsGen's message."""
        return cls(name, statistics.num_examples, {".".join(one.path.step): one for one in statistics.features})

    @property
    def times(self) -> tuple[float, float] | None:
        """The first and the last request's time, in milliseconds since 1970."""
        column = self.columns.get(_TIME_COLUMN)
        return (column.num_stats.min, column.num_stats.max) if column is not None else None


def set_of(column: str) -> tuple[str, str]:
    """(`nodes/user`, `age`) of `nodes/user.age`."""
    place, _, feature = column.partition(".")
    return place, feature


def is_feature(column: str) -> bool:
    """Whether the column says something of nodes or edges, more than how many there are and what they join."""
    return not column.startswith("context/") and set_of(column)[1] not in (SIZE, *_POSITIONS)


def is_distributed(column: str) -> bool:
    """Whether the column's distribution could be the same on another day: times and places of nodes could not."""
    return set_of(column)[1] not in ("", TIME, *_POSITIONS)


def is_text(column: FeatureNameStatistics) -> bool:
    """Whether the column holds text."""
    return column.WhichOneof("stats") == "string_stats"


def common_statistics(column: FeatureNameStatistics) -> CommonStatistics:
    """What is known of the column whatever its type."""
    return (column.string_stats if is_text(column) else column.num_stats).common_stats


def quantile_histogram(column: FeatureNameStatistics) -> Histogram:
    """The histogram of a number's quantiles; without buckets where the column has no values."""
    found = [one for one in column.num_stats.histograms if one.type == Histogram.QUANTILES]
    return found[0] if found else Histogram()
