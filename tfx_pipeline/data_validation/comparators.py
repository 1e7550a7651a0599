"""How two distributions of a feature are compared."""

from tensorflow_metadata.proto.v0.schema_pb2 import FeatureComparator, HistogramSelection, InfinityNorm
from tensorflow_metadata.proto.v0.schema_pb2 import JensenShannonDivergence as Divergence

CHEBYSHEV = "L-infinity distance"
JENSEN_SHANNON = "Jensen-Shannon divergence"


def comparator(*, categorical: bool, allowed: float) -> FeatureComparator:
    """Compares by the largest difference of a category's share, or numbers by the divergence of their quantiles.

    TFDV's default compares numbers by bins of equal width between a split's smallest and largest value: one more
    outlier then moves the bins, and two samples of the same days lie up to 0.46 apart (KuaiRand, counts of few
    distinct values). Quantiles lie below 0.1 there, and see shifts just as well.

    Args:
      categorical: whether values are text.
      allowed: distances above it are anomalies, 0 to 1.
    """
    if categorical:
        return FeatureComparator(infinity_norm=InfinityNorm(threshold=allowed))
    quantiles = HistogramSelection(type=HistogramSelection.QUANTILES)
    return FeatureComparator(jensen_shannon_divergence=Divergence(threshold=allowed, source=quantiles))
