"""What `each` stands for, and what can't be meant by it."""

from typing import Any

import pytest

from tfgrec.config.each import written_out
from tfgrec.config.model import ModelConfig
from tfgrec.config.tables import Requests

REQUESTS = {
    "user_node_set": "user",
    "sources": [{"table": "log", "user": "user", "item": "item", "item_node_set": "item"}],
    "labels": {"click": "click"},
}


def test_names_go_into_names_and_what_they_stand_for_below() -> None:
    definition = {"edge_set": "*_by", "of": {"item": ["*", 3]}, "each": {"p": "q", "r": "s"}}
    assert written_out({"a": 1, "x_*_y": definition}) == {
        "a": 1,
        "x_p_y": {"edge_set": "q_by", "of": {"item": ["q", 3]}},
        "x_r_y": {"edge_set": "s_by", "of": {"item": ["s", 3]}},
    }
    assert list(written_out({"b_*": {"of": "*", "each": ["z", "a"]}, "a": {}})) == ["b_z", "b_a", "a"]


def test_degrees_and_rates_may_be_written_so() -> None:
    short = {"user_*": {"of": "user", "edge_set": "*", "each": ["seen", "liked"], "measure": "seconds_since_last"}}
    full = {
        f"user_{name}": {"of": "user", "edge_set": name, "measure": "seconds_since_last"} for name in ("seen", "liked")
    }
    assert Requests.model_validate({**REQUESTS, "temporal_degrees": short}) == Requests.model_validate(
        {**REQUESTS, "temporal_degrees": full}
    )
    values = {"measure": "last_value", "feature": "f", "nth_last": [1, 2]}
    last = {"last_*": {"of": "user", "edge_set": "*", "each": ["seen"], **values}}
    assert list(Requests.model_validate({**REQUESTS, "temporal_degrees": last}).temporal_degrees) == [
        "last_seen_1",
        "last_seen_2",
    ]
    rates = {"*_rate": {"of": "user_*", "over": ["user_seen"], "each": {"like": "liked"}}}
    model = ModelConfig.model_validate({"tasks": {"click": {"label": "click"}}, "rates": rates})
    assert list(model.rates) == ["like_rate"] and model.rates["like_rate"].of == "user_liked"
    assert ModelConfig.model_validate(model.model_dump()) == model


@pytest.mark.parametrize(
    ("definitions", "told"),
    [
        ({"user": {"edge_set": "*", "each": ["a"]}}, "'user' with each: the name needs a"),
        ({"user_*": {"edge_set": "a", "each": ["a", "b"]}}, "nothing below it has a"),
        ({"user_*": {"edge_set": "*", "each": "a"}}, r"each is a list of names, or .* received 'a'"),
        ({"user_*": {"edge_set": "*", "each": [1]}}, r"received \[1\]"),
        ({"user_*": {"edge_set": "*", "each": []}}, r"received \[\]"),
        ({"user_a": {}, "user_*": {"edge_set": "*", "each": ["a"]}}, r"'user_a' is defined twice, by 'user_\*'"),
    ],
)
def test_what_can_not_be_meant(definitions: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        written_out(definitions)
