"""Statistics of features, merged by Beam from the pieces that the workers gather."""

from collections.abc import Iterable, Mapping

import apache_beam as beam

from beam_jobs.facts import Fact
from tfgrec.graph.schema import Feature
from tfgrec.graph.statistics import StatisticsAccumulator

STATISTICS = "statistics"

Features = Mapping[str, Mapping[str, Feature]]


class MergeStatistics(beam.PTransform):
    """StatisticsAccumulators of the same features -> one fact of kind "statistics" with the merged "values"."""

    def __init__(self, features: Features) -> None:
        super().__init__()
        self._features = features

    def expand(self, accumulators: beam.PCollection) -> beam.PCollection:
        merged = accumulators | "merge" >> beam.CombineGlobally(_Merge(self._features))
        return merged | "as fact" >> beam.Map(_as_fact)


class _Merge(beam.CombineFn):
    def __init__(self, features: Features) -> None:
        self._features = features

    def create_accumulator(self) -> StatisticsAccumulator:
        return StatisticsAccumulator(self._features)

    def add_input(self, accumulator: StatisticsAccumulator, piece: StatisticsAccumulator) -> StatisticsAccumulator:
        accumulator.merge(piece)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[StatisticsAccumulator]) -> StatisticsAccumulator:
        merged = self.create_accumulator()
        for accumulator in accumulators:
            merged.merge(accumulator)
        return merged

    def extract_output(self, accumulator: StatisticsAccumulator) -> StatisticsAccumulator:
        return accumulator


def _as_fact(statistics: StatisticsAccumulator) -> Fact:
    return {"kind": STATISTICS, "values": statistics.to_json()}
