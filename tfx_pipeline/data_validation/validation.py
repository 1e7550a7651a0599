"""What a validator found, read from its artifact."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies, AnomalyInfo, DriftSkewInfo
from tfx.dsl.io import fileio
from tfx.types import Artifact
from tfx.types.artifact_utils import decode_split_names, get_single_instance

from tfx_pipeline.data_validation.comparators import CHEBYSHEV, JENSEN_SHANNON

# Input key of a component -> name of the validation.
_NAMES = {"anomalies": "schema", "drift": "drift", "serving_anomalies": "serving schema", "skew": "skew"}
_FILE = "SchemaDiff.pb"
_MEASURES = {
    DriftSkewInfo.Measurement.L_INFTY: CHEBYSHEV,
    DriftSkewInfo.Measurement.JENSEN_SHANNON_DIVERGENCE: JENSEN_SHANNON,
}
_TOO_FAR = (AnomalyInfo.COMPARATOR_L_INFTY_HIGH, AnomalyInfo.COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH)
_NOT_COMPARED = AnomalyInfo.STATS_NOT_AVAILABLE


@dataclasses.dataclass(frozen=True)
class Anomaly:
    """Something wrong with a split.

    Attributes:
      split: its name.
      feature: its column, such as `nodes/_readout.is_click`; empty where the split as a whole is meant.
      reason: what is wrong, in one sentence.
    """

    split: str
    feature: str
    reason: str

    def __str__(self) -> str:
        return ": ".join(part for part in (f"split {self.split}", self.feature, self.reason) if part)


@dataclasses.dataclass(frozen=True)
class Distance:
    """How far a feature's distribution in a split lies from that in the split `baseline`, and may lie (0 to 1)."""

    split: str
    baseline: str
    feature: str
    measure: str
    value: float
    allowed: float


@dataclasses.dataclass(frozen=True)
class Validation:
    """What one validator, `name`, found; `distances` of all features that it compared, anomalous or not."""

    name: str
    anomalies: tuple[Anomaly, ...]
    distances: tuple[Distance, ...]


def read_validations(input_dict: Mapping[str, Sequence[Artifact]]) -> list[Validation]:
    """What the validators found whose anomalies are among a component's inputs; not all have to be."""
    return [
        read_validation(name, get_single_instance(input_dict[key]))
        for key, name in _NAMES.items()
        if input_dict.get(key)
    ]


def read_validation(name: str, artifact: Artifact) -> Validation:
    """Reads what an ExampleValidator, ServingValidator or DistributionValidator wrote; anomalies by split and feature.

    Args:
      name: of the validation, in messages and headings: schema, drift, ...
      artifact: of type ExampleAnomalies.
    """
    anomalies: list[Anomaly] = []
    distances: list[Distance] = []
    for split in decode_split_names(artifact.split_names):
        found, (current, baseline) = _read(artifact.uri, split)
        of_split = {distance.feature: distance for distance in _distances(found, current, baseline)}
        anomalies.extend(sorted(_anomalies(name, found, current, baseline, of_split), key=str))
        distances.extend(of_split.values())
    return Validation(name, tuple(anomalies), tuple(distances))


def _read(uri: str, split: str) -> tuple[Anomalies, tuple[str, str]]:
    """What was found in a split, or in a pair of splits (`eval_train`); the split's name and its baseline's."""
    path, splits = f"{uri}/SplitPair-{split}/{_FILE}", split.rpartition("_")[::2]
    if not fileio.exists(path):
        path, splits = f"{uri}/Split-{split}/{_FILE}", (split, "")
    with fileio.open(path, "rb") as file:
        return Anomalies.FromString(file.read()), splits


def _distances(found: Anomalies, split: str, baseline: str) -> Iterator[Distance]:
    for info in found.drift_skew_info:
        for measured in info.drift_measurements[:1]:
            feature, measure = ".".join(info.path.step), _MEASURES[measured.type]
            yield Distance(split, baseline, feature, measure, measured.value, measured.threshold)


def _anomalies(
    name: str, found: Anomalies, split: str, baseline: str, distances: dict[str, Distance]
) -> Iterator[Anomaly]:
    for key, info in found.anomaly_info.items():
        feature = ".".join(info.path.step) or key
        for reason in info.reason:
            yield Anomaly(split, feature, _sentence(name, reason, baseline, distances.get(feature)))
    for reason in found.dataset_anomaly_info.reason:
        yield Anomaly(split, "", _sentence(name, reason, baseline, None))
    if found.data_missing:
        yield Anomaly(split, "", "has no examples")


def _sentence(name: str, reason: AnomalyInfo.Reason, baseline: str, distance: Distance | None) -> str:
    if reason.type in _TOO_FAR and distance is not None:
        return f"{name} {distance.value:.3g} > {distance.allowed:g} ({distance.measure} from split {baseline})"
    if reason.type == _NOT_COMPARED:
        return f"{name} can't be measured: this split or split {baseline} has no values of it"
    return f"{reason.short_description}: {reason.description}"
