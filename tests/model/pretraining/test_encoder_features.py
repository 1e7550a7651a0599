"""What the encoder alone reads in arms that pre-train it: where it goes, and what is refused."""

from typing import Any

import pytest

from tfgrec.config.run import PretrainingConfig
from tfgrec.errors import ConfigurationError
from tfgrec.model.pretraining.encoder_features import encoder_feature_problems

IDS = {"video": {"#id": {"kind": "hashed", "dimension": 4, "buckets": 30}}}
LINKS = {"objective": "link_prediction", "features": IDS}


def tables(part: Any) -> list[tuple[int, ...]]:
    return [tuple(table.shape) for table in part.id_tables]


@pytest.mark.parametrize(("arm", "further"), [("frozen_encoder", [(30, 4)]), ("joint", []), ("no_graph", [])])
def test_the_encoder_of_an_arm_that_pre_trains_it_reads_them_and_the_ranker_never(build, arm: str, further) -> None:
    model, without = build(arm, pretraining=LINKS, features={}), build(arm, features={})
    if arm != "no_graph":
        assert sorted(tables(model.encoder)) == sorted([*tables(without.encoder), *further])
    assert tables(model.ranker_fields) == tables(without.ranker_fields)


def test_what_else_is_encoded_of_a_node_set_stays(build) -> None:
    model, without = (build("frozen_encoder", pretraining=of, features={}) for of in (LINKS, None))
    specs, before = (of.encoder.get_config()["specs"] for of in (model, without))
    assert specs["video"].pop("#id")["dimension"] == 4
    assert specs == before


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"vidoe": IDS["video"]}, "pretraining.features.vidoe: the schema of the records has no node set 'vidoe': did"),
        (
            {"video": {"#ids": {"kind": "hashed"}}},
            "pretraining.features.video.#ids: the schema of the records has no feature '#ids'",
        ),
        (
            {"_readout": {"hour": {"kind": "categorical"}}},
            "pretraining.features._readout: the schema of the records has no node set",
        ),
        ({"video": {"kind": {"kind": "numeric"}}}, "pretraining.features.video.kind: a numeric encoding needs"),
    ],
)
def test_what_an_encoder_can_not_read_is_named_with_its_key(build, features: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        build("frozen_encoder", pretraining={"objective": "link_prediction", "features": features})
    assert message in str(error.value)


def test_a_table_shared_with_the_model_s_features_is_of_one_shape(schema, config) -> None:
    of_model = {"user": {"#id": {"kind": "hashed", "dimension": 8, "buckets": 30, "table": "t"}}}
    shared = {"video": {"#id": {"kind": "hashed", "dimension": 4, "buckets": 30, "table": "t"}}}
    pretraining = PretrainingConfig.model_validate({"features": shared})
    [problem] = encoder_feature_problems(config(features=of_model), pretraining, schema)
    assert problem.startswith("pretraining.features: ") and "dimension is" in problem
