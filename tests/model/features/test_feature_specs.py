"""Configured encodings meet statistics: defaults, and errors that name the key."""

from typing import Any

import pytest

from tfgrec.config.encodings import CategoricalEncoding, HashedEncoding, NumericEncoding
from tfgrec.errors import ConfigurationError
from tfgrec.graph.schema import Feature
from tfgrec.model.features.feature_specs import dump_specs, normal_scores, parse_specs, resolve_specs
from tfgrec.model.features.shared_tables import with_shared_tables

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
    specs = resolve(statistics, id_=HashedEncoding(), follows=NumericEncoding(transforms=["quantile", "log"]))
    assert parse_specs(dump_specs(specs)) == specs


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
    assert resolve(statistics)["follows"].log_standard_deviation == 1.0


def test_normal_scores_rise_and_ties_share_one() -> None:
    knots, scores = normal_scores([0.0] * 33 + [1.0] * 16 + [5.0] * 16)
    assert knots == [0.0, 1.0, 5.0]
    assert scores == sorted(scores) and scores[0] < 0 < scores[2]


def test_a_shared_vocabulary_holds_the_most_frequent_values_of_all_features() -> None:
    encoding = CategoricalEncoding(table="author", max_vocabulary=3)
    encodings = {"video": {"author": encoding}, "author": {"#id": encoding}}
    statistics = {
        "video": {"author": {"categorical": {"count": 9, "values": [["ann", 5], ["bob", 3], ["cy", 1]]}}},
        "author": {"#id": {"categorical": {"count": 4, "values": [["dan", 2], ["bob", 1], ["cy", 1]]}}},
    }
    features = {"video": {"author": Feature("string")}, "author": {"#id": Feature("string")}}
    specs = {
        name: resolve_specs(node_set=name, features=features[name], encodings=encodings[name], statistics=statistics)
        for name in features
    }
    shared = with_shared_tables(specs, encodings, statistics)
    assert shared["video"]["author"].vocabulary == shared["author"]["#id"].vocabulary == ["ann", "bob", "cy"]
    assert shared["video"]["author"].is_id and shared["author"]["#id"].is_id


def test_tables_that_are_not_shared_stay_as_they_are(statistics) -> None:
    specs = {"user": resolve(statistics)}
    assert with_shared_tables(specs, {}, statistics) == specs
