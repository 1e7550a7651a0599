"""What is looked up in tables.yaml before any work."""

from typing import Any

import pytest
import small_records

from tfgrec.checks.preflight import check_run, untrained_unknowns
from tfgrec.config import RunConfig, TablesConfig
from tfgrec.errors import ConfigurationError

TABLES = TablesConfig.model_validate(small_records.TABLES)
MODEL = small_records.CONFIG["model"]


def check(**changes: Any) -> None:
    check_run(RunConfig.model_validate({**small_records.CONFIG, **changes}), TABLES)


def test_what_fits_passes() -> None:
    check()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"sampling": {"hops": [{"watchd": 1}]}},
            "sampling.hops.0: tables.yaml has no edge set 'watchd': did you mean 'watched'?",
        ),
        (
            {"sampling": {"hops": [{"watched": 1}], "history": {"watchd": 9}}},
            "sampling.history.watchd: tables.yaml has no edge set 'watchd': did you mean 'watched'?",
        ),
        (
            {"export": {"combined": {"clik": 1.0}}},
            "export.combined.clik: there is no task 'clik': did you mean 'click'?",
        ),
        (
            {"evaluation": {"scenario": "scenaro"}},
            "evaluation.scenario: tables.yaml has no request feature 'scenaro': did you mean 'scenario'?",
        ),
        (
            {"model": {**MODEL, "features": {"vide": {}}}},
            "model.features.vide: tables.yaml has no node set 'vide': did you mean 'video'?",
        ),
        (
            {"model": {**MODEL, "rates": {"r": {"of": "user_watchd", "over": ["hour"]}}}},
            "model.rates.r.of: tables.yaml has no request feature 'user_watchd': did you mean 'user_watched'?",
        ),
        (
            {"model": {**MODEL, "tasks": {"click": {"label": "scenario"}}}},
            "model.tasks.click.label: tables.yaml has no label 'scenario'",
        ),
        (
            {"arm": "two_stage", "model": {**MODEL, "auto_encoder": {"enabled": False}}},
            "model.auto_encoder.enabled: received False, but arm two_stage pre-trains the encoder with it",
        ),
        (
            {
                "model": {**MODEL, "encoder": {"normalization": "batch"}},
                "training": {"jit_compile": True, "distribution": "mirrored"},
            },
            "model.encoder.normalization: batch sums over replicas, which training.jit_compile with",
        ),
    ],
)
def test_mistakes_are_named_with_key_and_closest_match(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        check(**changes)
    assert message in str(error.value)


def test_ids_and_candidates_features_are_known() -> None:
    features = {"video": {"#id": {"kind": "ignored"}}, "_readout": {"user_watched": {"kind": "numeric"}}}
    check(model={**MODEL, "features": features})


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as error:
        check(evaluation={"scenario": "x"}, model={**MODEL, "features": {"x": {}, "y": {}}})
    assert len(str(error.value).splitlines()) == 3


@pytest.mark.parametrize("arm", ["two_stage", "frozen_encoder"])
def test_one_hop_leaves_the_auto_encoder_nothing_to_pretrain_on(arm: str) -> None:
    one_hop = {"sampling": {"hops": [{"watched": 1}]}, "arm": arm}
    with pytest.raises(ConfigurationError, match=r"pretraining.objective: .* one hop"):
        check(**one_hop)
    check(**one_hop, pretraining={"objective": "link_prediction"})


def with_factors(outcomes: dict[str, str], match: str = "dot") -> dict[str, Any]:
    return {"model": {**MODEL, "fusion": {"match": match}, "match": {"factors": {"outcomes": outcomes}}}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (with_factors({"watchd": "x"}), "outcomes.watchd: sampling.history lists no edge set 'watchd': did you mean"),
        (with_factors({"watched": "share"}), "outcomes.watched: the edges have no number 'share': they have none"),
        (with_factors({"watched": "x"}, "none"), "model.match.factors: are a part of the match"),
    ],
)
def test_factors_of_what_records_do_not_list_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        check(**changes)
    assert message in str(error.value)


def test_unknown_users_without_a_trained_state_are_told() -> None:
    scored = TABLES.model_copy(update={"requests": TABLES.requests.model_copy(update={"unknown": "score"})})
    plain = RunConfig.model_validate(small_records.CONFIG)
    hidden = RunConfig.model_validate({**small_records.CONFIG, "training": {"hidden_ids": 0.1}})
    assert "requests.unknown: score, but training.hidden_ids is 0" in untrained_unknowns(plain, scored)
    assert untrained_unknowns(hidden, scored) is None and untrained_unknowns(plain, TABLES) is None
