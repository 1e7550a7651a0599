"""Configured encodings meet statistics: defaults, and errors that name the key."""

from typing import Any

import pytest
from pydantic import ValidationError

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


def test_numbers_that_name_no_transforms_are_read_as_told_and_on_a_log_scale_otherwise(statistics) -> None:
    def transforms(encoding: NumericEncoding | None, told: list[str] | None) -> list[str]:
        encodings = {} if encoding is None else {"follows": encoding}
        specs = resolve_specs(
            node_set="user", features=FEATURES, encodings=encodings, statistics=statistics, numeric_transforms=told
        )
        return specs["follows"].transforms

    for unnamed in (None, NumericEncoding()):
        assert transforms(unnamed, None) == ["log"]
        assert transforms(unnamed, ["standard", "piecewise"]) == ["standard", "piecewise"]
    assert transforms(NumericEncoding(transforms=["quantile"]), ["piecewise"]) == ["quantile"]


def test_bins_are_those_of_the_encoding_and_need_a_transform_that_has_some(statistics) -> None:
    follows = resolve(statistics, follows=NumericEncoding(transforms=["piecewise"], bins=4))["follows"]
    assert follows.bin_edges == [0, 25, 50, 75, 100]
    with pytest.raises(ValidationError, match="bins: goes with transform piecewise"):
        NumericEncoding(transforms=["log"], bins=4)


def test_one_column_stands_for_a_number_of_many(statistics) -> None:
    spec = resolve(statistics, follows=NumericEncoding(transforms=["piecewise"]))["follows"]
    assert spec.single_column == "standard" and spec.mean == pytest.approx(50)
    both = resolve(statistics, follows=NumericEncoding(transforms=["piecewise", "quantile", "log"]))["follows"]
    assert both.single_column == "quantile"


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
