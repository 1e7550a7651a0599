"""Training steps with the match: compiled, in half precision, pre-trained, and with its fields left out."""

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.errors import ConfigurationError
from tfgrec.model.match.candidate_match import MATCH
from tfgrec.training.precision import precision_policy, with_loss_scale

MATCHED = {"fusion": {"match": "attention"}, "match": {"buckets": 200, "keys": {"video": ["kind"]}}}


def compiled(model, **options):
    optimizers = {name: tf.keras.optimizers.Adam(0.01) for name in ("optimizer", "embedding_optimizer")}
    precision = options.pop("precision", "none")
    model.compile(**{name: with_loss_scale(one, precision) for name, one in optimizers.items()}, **options)
    return model


@pytest.mark.parametrize(("precision", "jit"), [("none", True), ("bfloat16", False), ("float16", False)])
def test_steps_move_the_tied_vectors(build, schema_with_history, with_history, labels, precision, jit) -> None:
    with precision_policy(precision):
        model = build("joint", schema=schema_with_history, **MATCHED)
    compiled(model, precision=precision, jit_compile=jit, clip_norm=1.0)
    table = model.match.id_tables[0]
    before = table.numpy().copy()
    for seed in range(2):
        report = model.train_step((with_history([3, 0, 5], seed=seed), labels()))
        assert np.isfinite(report["loss"])
    assert np.abs(table.numpy() - before).max() > 1e-3


def test_pretraining_runs_no_match(build, schema_with_history, with_history) -> None:
    model = build("frozen_encoder", schema=schema_with_history, **MATCHED)
    batch = with_history([3, 0, 5])
    assert MATCH not in model.represent(batch, training=True).fields
    model.freeze_encoder()
    assert MATCH in model.represent(batch, training=False).fields


def test_no_graph_has_no_match(build, schema_with_history) -> None:
    assert build("no_graph", schema=schema_with_history, **MATCHED).match is None


def test_records_that_leave_nothing_to_match_are_refused(build, schema) -> None:
    edge_sets = {name: edges for name, edges in schema.edge_sets.items() if name != "watched"}
    without = type(schema)(schema.context, schema.node_sets, edge_sets)
    with pytest.raises(ConfigurationError, match=r"model.fusion.match: received dot, but the records hold nothing"):
        build("joint", schema=without, fusion={"match": "dot"})


def test_unknown_keys_are_refused(build) -> None:
    with pytest.raises(ConfigurationError, match=r"model.match.keys.video: .* 'knd'"):
        build("joint", fusion={"match": "dot"}, match={"keys": {"video": ["knd"]}})
