"""The match by factors against a ridge regression written out request by request."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.config.match import FactorsConfig
from tfgrec.factors.item_factors import FactorRows, ItemFactors
from tfgrec.model.match.candidate_match import MATCH
from tfgrec.model.match.factor_match import FactorMatch, factor_match

CONFIG = FactorsConfig(outcomes={"shown": "taken"}, dimension=3, regularization=0.6, bias_regularization=1.5)
MATCHED = {"fusion": {"match": "dot"}, "match": {"buckets": 200, "factors": CONFIG.model_dump()}}


def some_factors(now: int, *, seed: int = 4) -> ItemFactors:
    """Of videos 0 to 39, as of long ago, of just before `now` and of after it."""
    random, ids = np.random.default_rng(seed), np.repeat(np.arange(40), 3)
    refits = np.tile(np.array([now - 10**9, now, now + 1]), 40)
    values = random.normal(size=(120, 4)).astype(np.float32)
    return ItemFactors({"video": FactorRows(ids, refits, values)}, mean=0.4, deviation=0.5)


def expected_numbers(batch: tfgnn.GraphTensor, factors: ItemFactors) -> np.ndarray:
    now, rows = int(batch.context["time"][0]), factors.rows["video"]
    table = dict(zip(rows.ids[rows.refits == now].tolist(), rows.values[rows.refits == now], strict=True))
    events, edges = batch.node_sets["history/shown"], batch.edge_sets["_readout/item"].adjacency
    starts = np.concatenate([[0], np.cumsum(events.sizes.numpy())])
    lengths = batch.node_sets["_readout"].sizes.numpy()
    found = []
    for candidate, request in enumerate(np.repeat(np.arange(len(lengths)), lengths)):
        own = slice(starts[request], starts[request + 1])
        of_events = np.array([table.get(item, np.zeros(4)) for item in events["#id"].numpy()[own]]).reshape(-1, 4)
        outcomes = (events["taken"].numpy()[own] - 0.4) / 0.5
        known = np.isfinite(outcomes)
        inputs = np.concatenate([of_events[:, :3], np.ones((len(of_events), 1))], axis=1)[known]
        normal = inputs.T @ inputs + np.diag([0.6, 0.6, 0.6, 1.5])
        taste = np.linalg.inv(normal) @ inputs.T @ (outcomes - of_events[:, 3])[known]
        nodes = edges[tfgnn.SOURCE].numpy()[edges[tfgnn.TARGET].numpy() == candidate]
        items = batch.node_sets["video"]["#id"].numpy()[nodes]
        asked = sum((table.get(item, np.zeros(4)) for item in items), np.zeros(4))
        product, with_bias = asked[:3] @ taste[:3], np.append(asked[:3], 1.0)
        spread = np.sqrt(with_bias @ np.linalg.inv(normal) @ with_bias)
        found.append([asked[3], taste[3], product, asked[3] + taste[3] + product, spread])
    return np.array(found)


@pytest.mark.parametrize("lengths", [[3, 0, 5], [0, 0, 0], [1, 40, 7]])
def test_numbers_are_those_of_a_ridge_regression(schema_with_history, with_history, lengths) -> None:
    batch = with_history(lengths, candidates=[2, 1, 3])
    factors = some_factors(int(batch.context["time"][0]))
    found = factor_match(CONFIG, schema_with_history, factors)(batch)
    np.testing.assert_allclose(found, expected_numbers(batch, factors), rtol=1e-3, atol=1e-4)


def test_an_outcome_that_is_missing_says_nothing(schema_with_history, with_history) -> None:
    batch = with_history([4, 3, 2])
    events = batch.node_sets["history/shown"].get_features_dict()
    holes = tf.where(tf.range(9) % 2 == 0, float("nan"), events["taken"])
    batch = batch.replace_features(node_sets={"history/shown": {**events, "taken": holes}})
    factors = some_factors(int(batch.context["time"][0]))
    found = factor_match(CONFIG, schema_with_history, factors)(batch)
    np.testing.assert_allclose(found, expected_numbers(batch, factors), rtol=1e-3, atol=1e-4)


def test_the_layer_is_made_again_of_its_config(schema_with_history, with_history) -> None:
    batch = with_history([3, 0, 5])
    layer = factor_match(CONFIG, schema_with_history, some_factors(int(batch.context["time"][0])))
    again = FactorMatch.from_config(layer.get_config())
    assert not again(batch)[:, 0].numpy().any()
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(batch), layer(batch))


def test_no_refit_yet_leaves_the_bias_of_the_user(schema_with_history, with_history) -> None:
    batch = with_history([6, 2, 0])
    later = some_factors(int(batch.context["time"][0]) + 10**12)
    found = factor_match(CONFIG, schema_with_history, later)(batch).numpy()
    assert not found[:, [0, 2]].any()
    assert np.abs(found[:, 1]).max() > 0


@pytest.mark.parametrize("arm", ["joint", "frozen_encoder"])
def test_steps_leave_the_factors_as_they_are(build, schema_with_history, with_history, labels, arm) -> None:
    batch = with_history([3, 0, 5])
    factors = some_factors(int(batch.context["time"][0]))
    model = build(arm, schema=schema_with_history, item_factors=factors, **MATCHED)
    model.compile(optimizer=tf.keras.optimizers.Adam(0.01))
    if arm == "frozen_encoder":
        model.freeze_encoder()
    before = model.match.factors(batch).numpy()
    assert np.isfinite(model.train_step((batch, labels()))["loss"])
    np.testing.assert_array_equal(model.match.factors(batch), before)
    np.testing.assert_allclose(before, expected_numbers(batch, factors), rtol=1e-3, atol=1e-4)
    width = before.shape[1]
    fields = model.represent(batch).fields[MATCH].numpy()
    assert any(np.allclose(fields[:, at : at + width], before) for at in range(fields.shape[1] - width + 1))
