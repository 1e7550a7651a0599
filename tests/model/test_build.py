"""Building: errors name the key, and no label becomes an input."""

from typing import Any

import pytest

from tfgrec.errors import ConfigurationError
from tfgrec.model.build import build_joint_model

TASKS = {"click": {"label": "click"}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": {"usr": {}}}, r"model.features.usr: 'usr' is no node set of the records: did you mean 'user'"),
        (
            {"features": {"user": {"activty": {"kind": "ignored"}}}},
            r"model.features.user.activty: .* no feature of node set 'user': did you mean 'activity'",
        ),
        (
            {"rates": {"ctr": {"of": "clickd", "over": ["shown"]}}},
            r"model.rates.ctr.of: 'clickd'.*did you mean 'clicked'",
        ),
        (
            {"rates": {"ctr": {"of": "clicked", "over": ["show"]}}},
            r"model.rates.ctr.over: 'show'.*did you mean 'shown'",
        ),
        ({"tasks": {"buy": {"label": "clik"}}}, r"model.tasks.buy.label: 'clik'.*did you mean 'click'"),
        ({"tasks": {"buy": {"label": "hour"}}}, r"model.tasks.buy.label: a label must be float32, 'hour' is int64"),
        ({"tasks": {"auto_encoder": {"label": "click"}}}, r"model.tasks.auto_encoder: this name is taken"),
        (
            {"encoder": {"update": "hgt", "units": 10, "attention_heads": 4}},
            r"model.encoder.units: hgt needs a multiple of attention_heads \(4\), received 10",
        ),
        (
            {"encoder": {"update": "gat_v2", "message_units": 9, "attention_heads": 2}},
            r"model.encoder.message_units: gat_v2 needs a multiple",
        ),
        ({"fusion": {"feature_level": "none", "representation_level": "none"}}, r"model.fusion: both levels are none"),
        (
            {"features": {"user": {"activity": {"kind": "numeric"}}}},
            r"model.features.user.activity: a numeric encoding",
        ),
    ],
)
def test_configuration_errors_name_the_key(build, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        build("joint", **changes)


def test_rates_may_not_read_labels(build) -> None:
    with pytest.raises(ConfigurationError, match="model.rates.ctr.of: 'click' is a label"):
        build("joint", rates={"ctr": {"of": "click", "over": ["shown"]}})


def test_two_stage_needs_the_auto_encoder(build) -> None:
    with pytest.raises(ConfigurationError, match="model.auto_encoder.enabled: received False"):
        build("two_stage", auto_encoder={"enabled": False})


def test_no_label_is_an_input_whether_a_task_learns_it_or_not(build, graph) -> None:
    model = build("joint", tasks=TASKS)
    request = model.ranker_fields.get_config()["request"]
    assert set(request) == {"hour", "shown", "clicked"}
    with_labels, without = graph(with_labels=True), graph()
    assert (model(with_labels)["click"].numpy() == model(without)["click"].numpy()).all()


def test_without_a_list_of_labels_only_those_of_tasks_are_known(schema, config, all_statistics) -> None:
    model = build_joint_model(config=config(tasks=TASKS), schema=schema, statistics=all_statistics, arm="no_graph")
    assert set(model.ranker_fields.get_config()["request"]) == {"hour", "shown", "clicked", "seconds"}


def test_a_request_without_features_of_a_field_has_no_such_field(build, graph) -> None:
    ignored = {name: {"kind": "ignored"} for name in ("activity", "age", "follows")}
    readout = {name: {"kind": "ignored"} for name in ("hour", "shown", "clicked")}
    model = build("joint", features={"user": ignored, "_readout": readout}, rates={})
    assert model.ranker_fields.field_names == ["item"]
    assert model.predictions(graph())["click"].shape == [6]


@pytest.mark.parametrize("arm", ["joint", "two_stage", "no_graph"])
def test_experts_can_take_the_place_of_the_shared_bottom(build, graph, arm) -> None:
    towers = {"bottom": "mmoe", "experts": 2, "bottom_units": [8], "task_units": [8]}
    assert build(arm, towers=towers)(graph())["click"].shape == [6]
