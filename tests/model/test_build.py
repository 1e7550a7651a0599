"""Building: errors name the key, and no label becomes an input."""

import pytest

from tfgrec.errors import ConfigurationError
from tfgrec.model.build import build_joint_model

TASKS = {"click": {"label": "click"}}


def test_what_does_not_fit_the_records_is_refused(build) -> None:
    with pytest.raises(ConfigurationError, match="model.features.usr: the schema of the records has no node set 'usr'"):
        build("joint", features={"usr": {}})


def test_a_joint_model_reads_the_graph(build) -> None:
    with pytest.raises(ConfigurationError, match="model.fusion: both levels are none"):
        build("joint", fusion={"feature_level": "none", "representation_level": "none"})


def test_frozen_encoder_needs_the_auto_encoder(build) -> None:
    with pytest.raises(ConfigurationError, match="model.auto_encoder.enabled: received False"):
        build("frozen_encoder", auto_encoder={"enabled": False})


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


@pytest.mark.parametrize(("arm", "bottom"), [("joint", "mmoe"), ("frozen_encoder", "mmoe"), ("no_graph", "ple")])
def test_experts_can_take_the_place_of_the_shared_bottom(build, graph, arm, bottom) -> None:
    towers = {"bottom": bottom, "experts": 2, "bottom_units": [8], "task_units": [8]}
    assert build(arm, towers=towers)(graph())["click"].shape == [6]
