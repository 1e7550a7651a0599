"""Configurations that do not fit the records: each mistake is named with its key."""

import dataclasses
from typing import Any

import pytest

from tfgrec.config.run import PretrainingConfig
from tfgrec.errors import ConfigurationError
from tfgrec.graph.schema import Feature, GraphSchema, NodeSet
from tfgrec.model.configuration_checks import arm_problems, check_model_config, link_edge_sets

LABELS = ("click", "seconds")
WHERE = "the schema of the records"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": {"usr": {}}}, rf"model.features.usr: {WHERE} has no node set 'usr': did you mean 'user'\?"),
        (
            {"features": {"user": {"activty": {"kind": "ignored"}}}},
            rf"model.features.user.activty: {WHERE} has no feature 'activty': did you mean 'activity'",
        ),
        (
            {"rates": {"ctr": {"of": "clickd", "over": ["shown"]}}},
            r"model.rates.ctr.of: .* has no request feature 'clickd': did you mean 'clicked'",
        ),
        (
            {"rates": {"ctr": {"of": "clicked", "over": ["show"]}}},
            r"model.rates.ctr.over: .* has no request feature 'show': did you mean 'shown'",
        ),
        ({"rates": {"ctr": {"of": "click", "over": ["shown"]}}}, "model.rates.ctr.of: 'click' is a label, which the"),
        ({"tasks": {"buy": {"label": "clik"}}}, "model.tasks.buy.label: .* has no label 'clik': did you mean 'click'"),
        (
            {"tasks": {"buy": {"label": "shown"}}},
            "model.tasks.buy.label: .* has no label 'shown': known: click, seconds",
        ),
        (
            {"tasks": {"buy": {"label": "click", "sample_weight": "hour"}}},
            "model.tasks.buy.sample_weight: expected a float32 feature, 'hour' is int64",
        ),
        (
            {"features": {"user": {"activity": {"kind": "numeric"}}}},
            "model.features.user.activity: a numeric encoding needs an int64 or float32 feature, this is a string",
        ),
        (
            {"features": {"user": {"follows": {"kind": "categorical"}}}},
            "model.features.user.follows: a categorical encoding needs an int64 or string feature, this is float32",
        ),
        (
            {"features": {"user": {"follows": {"kind": "hashed"}}}},
            "model.features.user.follows: a hashed encoding needs an int64 or string feature",
        ),
        (
            {"features": {"user": {"activity": {"kind": "time_of"}}}},
            "model.features.user.activity: a time_of encoding needs an int64 feature, .* this is string",
        ),
        (
            {
                "features": {
                    "user": {"age": {"kind": "categorical", "table": "t"}},
                    "video": {"kind": {"kind": "categorical", "table": "t"}},
                }
            },
            "model.features.video.kind: is string, but shares table 't' with model.features.user.age, which is int64",
        ),
    ],
)
def test_a_mistake_is_named_with_its_key(schema, config, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        check_model_config(config(**changes), schema, LABELS)


def test_a_label_is_a_number(schema, config) -> None:
    with pytest.raises(ConfigurationError, match="model.tasks.buy.label: expected a float32 feature, 'hour' is int64"):
        check_model_config(config(tasks={"buy": {"label": "hour"}}), schema, [*LABELS, "hour"])


def test_a_time_of_several_values_is_refused(schema, config) -> None:
    video = NodeSet({"shown": Feature("int64", multi_valued=True)})
    schema = dataclasses.replace(schema, node_sets={**schema.node_sets, "video": video})
    with pytest.raises(ConfigurationError, match="this is int64 with several values"):
        check_model_config(config(features={"video": {"shown": {"kind": "time_of"}}}), schema, LABELS)


def test_all_mistakes_are_told_at_once(schema, config) -> None:
    changes = {"features": {"usr": {}}, "tasks": {"buy": {"label": "clik"}}}
    with pytest.raises(ConfigurationError) as error:
        check_model_config(config(**changes), schema, LABELS)
    assert len(str(error.value).splitlines()) == 2


def test_what_fits_passes(schema, config) -> None:
    check_model_config(config(), schema, LABELS)


def test_arms_need_their_parts(config) -> None:
    without = config(auto_encoder={"enabled": False}, fusion={"feature_level": "none", "representation_level": "none"})
    for arm in ("two_stage", "frozen_encoder"):
        problems = arm_problems(without, arm)
        assert [problem.split(":")[0] for problem in problems] == ["model.auto_encoder.enabled", "model.fusion"]
        assert f"arm {arm} pre-trains the encoder with it" in problems[0]
        assert len(arm_problems(without, arm, PretrainingConfig(objective="link_prediction"))) == 1
        assert not arm_problems(config(), arm)
    assert len(arm_problems(without, "joint")) == 1
    assert not arm_problems(without, "no_graph")


def test_links_are_the_sampled_edges_from_users_to_items(schema, config) -> None:
    assert link_edge_sets(schema) == ["watched"]
    edge_sets = {name: edges for name, edges in schema.edge_sets.items() if name != "watched"}
    without = GraphSchema(context=schema.context, node_sets=schema.node_sets, edge_sets=edge_sets)
    links = PretrainingConfig(objective="link_prediction")
    [problem] = arm_problems(config(), "frozen_encoder", links, without)
    assert problem.startswith("pretraining.objective: link_prediction needs sampled edges from users to items")
    assert not arm_problems(config(), "frozen_encoder", links, schema)
    assert not arm_problems(config(), "joint", links, without)
