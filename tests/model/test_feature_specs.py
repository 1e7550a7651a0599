"""Configured encodings meet statistics: defaults, and errors that name the key."""

from typing import Any

import pytest

from tfgrec.config.model import CategoricalEncoding, HashedEncoding, NumericEncoding
from tfgrec.errors import ConfigurationError
from tfgrec.graph.schema import Feature
from tfgrec.model.feature_specs import dump_specs, normal_scores, parse_specs, resolve_specs

FEATURES = {
    "#id": Feature("int64"),
    "age": Feature("int64"),
    "activity": Feature("string"),
    "follows": Feature("float32"),
}


def resolve(statistics: dict[str, Any], **encodings: Any) -> dict[str, Any]:
    encodings = {name.replace("id_", "#id"): encoding for name, encoding in encodings.items()}
    return resolve_specs(node_set="user", features=FEATURES, encodings=encodings, statistics=statistics)


def test_defaults_ignore_ids_look_up_discrete_values_and_normalise_floats(statistics) -> None:
    kinds = {name: spec.kind for name, spec in resolve(statistics).items()}
    assert kinds == {"age": "categorical", "activity": "categorical", "follows": "numeric"}


def test_vocabulary_keeps_the_most_frequent_values(statistics) -> None:
    statistics["user"]["activity"]["categorical"]["values"] = [["b", 9], ["a", 5], ["c", 1]]
    spec = resolve(statistics, activity=CategoricalEncoding(max_vocabulary=2))["activity"]
    assert spec.vocabulary == ["b", "a"]


def test_specs_survive_a_round_trip_through_plain_values(statistics) -> None:
    specs = resolve(statistics, id_=HashedEncoding(), follows=NumericEncoding(transform="quantile"))
    assert parse_specs(dump_specs(specs)) == specs


@pytest.mark.parametrize(
    ("encodings", "message"),
    [
        ({"activity": NumericEncoding()}, "model.features.user.activity: a numeric encoding needs"),
        ({"follows": CategoricalEncoding()}, "model.features.user.follows: a categorical encoding needs"),
        ({"follows": HashedEncoding()}, "model.features.user.follows: a hashed encoding needs"),
    ],
)
def test_an_encoding_that_does_not_fit_the_dtype_is_refused(statistics, encodings, message) -> None:
    with pytest.raises(ConfigurationError, match=message):
        resolve(statistics, **encodings)


def test_missing_statistics_name_the_feature(statistics) -> None:
    del statistics["user"]["age"]
    with pytest.raises(ConfigurationError, match="model.features.user.age: the statistics hold no counts of values"):
        resolve(statistics)


def test_negative_indicator_only_where_negative_values_were_seen(statistics) -> None:
    assert not resolve(statistics)["follows"].negative_indicator
    statistics["user"]["follows"]["numeric"]["quantiles"][0] = -1.0
    assert resolve(statistics)["follows"].negative_indicator


def test_a_feature_that_never_varies_is_not_blown_up(statistics) -> None:
    statistics["user"]["follows"]["numeric"]["log_standard_deviation"] = 0.0
    assert resolve(statistics)["follows"].standard_deviation == 1.0


def test_normal_scores_rise_and_ties_share_one() -> None:
    knots, scores = normal_scores([0.0] * 33 + [1.0] * 16 + [5.0] * 16)
    assert knots == [0.0, 1.0, 5.0]
    assert scores == sorted(scores) and scores[0] < 0 < scores[2]
