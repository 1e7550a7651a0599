"""Spoiled records are stopped, with a message that says which feature of which split and why; whole ones pass."""

import numpy as np
import pytest
from validated_examples import AGE_GROUP, CLICK, HOUR, SCENARIO, WATCH_TIME, Validators, changed, without

from tfgrec.errors import TfgrecError
from tfx_pipeline.data_validation.data_gate import AnomalyError, Executor


def gate(inputs):
    Executor().Do(inputs, {}, {})


def stopped(inputs) -> list[str]:
    """The lines of the message, less the first, which counts them."""
    with pytest.raises(AnomalyError) as error:
        gate(inputs)
    first, *lines = str(error.value).splitlines()
    assert first == f"the examples have anomalies ({len(lines)}):"
    return lines


def test_clean_records_pass(clean, validators):
    gate(validators.inputs({"train": clean.train, "eval": clean.eval}))


@pytest.mark.parametrize(
    "shift",
    [
        lambda labels: np.zeros_like(labels),
        np.ones_like,
        lambda labels: np.where(np.arange(len(labels)) % 4, 1, labels),
    ],
    ids=["all 0", "all 1", "mostly 1"],
)
def test_shifted_labels_are_drift(clean, validators, shift):
    spoiled = changed(clean.eval, CLICK, shift)
    (line,) = stopped(validators.inputs({"train": clean.train, "eval": spoiled}))
    assert line.startswith(f"split eval: {CLICK}: drift 0.")
    assert line.endswith(" > 0.1 (Jensen-Shannon divergence from split train)")


def test_labels_that_get_lost_are_drift(clean, validators):
    lost = changed(clean.eval, WATCH_TIME, lambda labels: np.where(np.arange(len(labels)) % 2, np.nan, labels))
    bounds = {"_readout": {"watch_ms": 0.1}}
    gate(validators.inputs({"train": clean.train, "eval": clean.eval}, bounds))
    (line,) = stopped(
        Validators(validators.folder / "lost", clean.schema).inputs({"train": clean.train, "eval": lost}, bounds)
    )
    assert line.startswith(f"split eval: {WATCH_TIME}: drift 0.")


def test_text_and_integers_that_drift_are_named_with_their_measures(clean, validators):
    spoiled = changed(clean.eval, SCENARIO, lambda values: np.full_like(values, b"search"))
    spoiled = changed(spoiled, HOUR, lambda values: values % 3)
    hour, scenario = stopped(validators.inputs({"train": clean.train, "eval": spoiled}))
    assert hour.startswith(f"split eval: {HOUR}: drift ") and "> 0.3 (Jensen-Shannon" in hour
    assert scenario.startswith(f"split eval: {SCENARIO}: drift ") and "> 0.2 (L-infinity distance from" in scenario


def test_no_drift_is_looked_for_where_none_is_bounded(clean, validators):
    spoiled = changed(clean.eval, CLICK, np.zeros_like)
    gate(validators.inputs({"train": clean.train, "eval": spoiled}, allowed={}))


def test_a_missing_feature_is_named_in_every_split_that_lacks_it(clean, validators):
    spoiled = {"train": without(clean.train, AGE_GROUP), "eval": without(clean.eval, AGE_GROUP)}
    train, evaluation = stopped(validators.inputs(spoiled))
    assert train.startswith(f"split train: {AGE_GROUP}: Column dropped")
    assert evaluation.startswith(f"split eval: {AGE_GROUP}: Column dropped")


def test_a_bounded_feature_that_a_split_lacks_is_said_not_to_be_comparable(clean, validators):
    lines = stopped(validators.inputs({"train": clean.train, "eval": without(clean.eval, HOUR)}))
    assert any(line.startswith(f"split eval: {HOUR}: Column dropped") for line in lines)
    assert f"split eval: {HOUR}: drift can't be measured: this split or split train has no values of it" in lines


def test_nan_is_an_anomaly_where_a_number_has_to_be(clean, validators):
    def spoil(values):
        return np.where(np.arange(len(values)) == 3, np.nan, values)

    assert np.isnan(clean.eval.column(clean.eval.schema.get_field_index(WATCH_TIME)).flatten()).any()
    spoiled = changed(clean.eval, "nodes/user.activity", spoil)
    (line,) = stopped(validators.inputs({"train": clean.train, "eval": spoiled}))
    assert line.startswith("split eval: nodes/user.activity: ") and "NaN" in line


def test_values_outside_their_domain_are_named(clean, validators):
    spoiled = changed(clean.train, CLICK, lambda labels: labels * 2)
    lines = stopped(validators.inputs({"train": spoiled, "eval": clean.eval}))
    assert any(line.startswith(f"split train: {CLICK}: Out-of-range values") for line in lines)


def test_the_message_points_to_the_page_and_is_one_that_a_user_can_mend(clean, validators):
    inputs = validators.inputs({"train": clean.train, "eval": without(clean.eval, AGE_GROUP)})
    pages = validators.pages(inputs)
    with pytest.raises(TfgrecError, match=f"look at {pages.uri}/anomalies.html$"):
        gate({**inputs, "pages": [pages]})


def test_served_requests_need_no_labels_but_all_else(clean, validators):
    inputs = validators.inputs({"train": clean.train, "eval": clean.eval})
    # A service writes labels as NaN, or leaves them out.
    served = changed(without(clean.eval, WATCH_TIME), CLICK, lambda labels: np.full_like(labels, np.nan))
    bounds = {"_readout": {"hour": 0.3}}
    gate({**inputs, **validators.serving_inputs(inputs["statistics"][0], served, bounds)})


def test_what_is_served_otherwise_than_learned_is_skew(clean, validators):
    inputs = validators.inputs({"train": clean.train, "eval": clean.eval})
    served = changed(without(clean.eval, CLICK, WATCH_TIME, AGE_GROUP), HOUR, lambda values: values % 3)
    lines = stopped(
        {**inputs, **validators.serving_inputs(inputs["statistics"][0], served, {"_readout": {"hour": 0.3}})}
    )
    assert lines[0].startswith(f"split serving: {AGE_GROUP}: Column dropped")
    assert lines[1].startswith(f"split serving: {HOUR}: skew ") and lines[1].endswith("from split train)")
    assert len(lines) == 2
