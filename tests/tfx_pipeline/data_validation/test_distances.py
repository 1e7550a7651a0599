"""Bounds of the configuration as DistributionValidator takes them, and distances as they are measured."""

from pathlib import Path

import numpy as np
import pytest
from tensorflow_metadata.proto.v0.schema_pb2 import HistogramSelection
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList
from validated_examples import CLICK, HOUR, RECORDS, SCENARIO, WATCH_TIME, changed, statistics_of

from tfgrec.config import load_run_config
from tfgrec.errors import ConfigurationError
from tfx_pipeline.data_validation.distances import drift_config, skew_config, validator_config
from tfx_pipeline.data_validation.measured_distances import measured_distances

KUAIRAND = Path(__file__).parents[3] / "configs" / "kuairand.yaml"


def bounds(config) -> dict:
    return {one.path.step[0]: one.distribution_comparator for one in config.default_slice_config.feature}


def kuairand(section: str):
    return load_run_config(KUAIRAND, [f"pipeline.{section}"])


def measured(current, baseline) -> dict[str, float]:
    messages = (DatasetFeatureStatisticsList.FromString(statistics_of(batch)) for batch in (current, baseline))
    return measured_distances(*(message.datasets[0] for message in messages))


def test_each_type_has_a_comparator_that_it_can_be_compared_by():
    found = bounds(
        drift_config(kuairand("drift={_readout: {is_click: 0.1}, user: {activity: 0.2}, exposed: {'#size': 0.3}}"))
    )
    assert list(found) == ["nodes/_readout.is_click", "nodes/user.activity", "edges/exposed.#size"]
    numbers, text, sizes = found.values()
    assert numbers.jensen_shannon_divergence.threshold == 0.1
    assert numbers.jensen_shannon_divergence.source.type == HistogramSelection.QUANTILES
    assert text.infinity_norm.threshold == 0.2 and not text.HasField("jensen_shannon_divergence")
    assert sizes.jensen_shannon_divergence.threshold == 0.3


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("drift={usr: {activity: 0.1}}", r"pipeline.drift: the examples have no 'usr': did you mean 'user'\?"),
        ("drift={_readout: {clicks: 0.1}}", r"pipeline.drift._readout: the examples have no 'clicks'"),
        # In the graph, and sampled by no hop.
        ("drift={co_viewed: {'#size': 0.1}}", r"pipeline.drift: the examples have no 'co_viewed'"),
    ],
)
def test_what_the_examples_do_not_have_is_refused(section, message):
    with pytest.raises(ConfigurationError, match=message):
        drift_config(kuairand(section))


def test_labels_have_no_skew():
    with pytest.raises(ConfigurationError, match=r"pipeline.skew._readout: 'is_click' is a label"):
        skew_config(kuairand("skew={_readout: {is_click: 0.1}}"))
    assert list(bounds(skew_config(kuairand("skew={_readout: {hour: 0.1}}")))) == ["nodes/_readout.hour"]


def test_nothing_is_bounded_unless_told():
    assert not validator_config("pipeline.drift", {}, RECORDS).default_slice_config.feature


def test_equal_records_have_no_distance_and_shifted_ones_have(clean):
    assert set(measured(clean.eval, clean.eval).values()) == {0.0}
    usual = measured(clean.eval, clean.train)
    shifted = changed(clean.eval, CLICK, np.ones_like)
    shifted = changed(shifted, HOUR, lambda hours: hours % 3)
    shifted = changed(shifted, WATCH_TIME, lambda milliseconds: milliseconds / 1000)
    unusual = measured(changed(shifted, SCENARIO, lambda names: np.full_like(names, b"search")), clean.train)
    for column in (CLICK, HOUR, WATCH_TIME, SCENARIO):
        assert usual[column] < 0.1 < 0.3 < unusual[column]
    assert all(
        unusual[column] == usual[column] for column in usual if column not in (CLICK, HOUR, WATCH_TIME, SCENARIO)
    )


def test_one_outlier_moves_no_distribution(clean):
    """With bins of equal width, TFDV's default, this distance is above 0.2."""
    outlier = changed(clean.eval, "edges/watched.#size", lambda sizes: np.where(np.arange(len(sizes)) == 0, 40, sizes))
    assert measured(outlier, clean.eval)["edges/watched.#size"] < 0.05


@pytest.mark.parametrize(("before", "now"), [(0.1, 0.1), (0.1, 0.5), (0.0, 0.5), (0.5, 0.0), (0.0, 1.0)])
def test_missing_numbers_count_as_one_value(clean, before, now):
    """The divergence is that of two coins, NaN or not, since the numbers left are spread the same."""

    def with_nan(share):
        return changed(
            clean.train, CLICK, lambda labels: np.where(np.arange(len(labels)) % 10 < 10 * share, np.nan, labels)
        )

    def entropy(share):
        shares = np.array([share, 1 - share])
        return -np.sum(shares * np.log2(np.where(shares > 0, shares, 1)))

    expected = entropy((before + now) / 2) - (entropy(before) + entropy(now)) / 2
    assert measured(with_nan(now), with_nan(before))[CLICK] == pytest.approx(expected, abs=0.01)
