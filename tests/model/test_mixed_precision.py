"""Training in half precision: losses, norms and weights near float32's, and steps that overflow."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.model import joint_model
from tfgrec.model.joint_model import JointModel

LossScaleOptimizer = tf.keras.mixed_precision.LossScaleOptimizer
TOO_LARGE = 2.0**18


def hide_by_id(graph: tfgnn.GraphTensor, *, node_sets: list[str], rate: float) -> dict[str, tf.Tensor]:
    """Stands in for sample_masks: hides the same nodes in all models."""
    del rate
    return {name: graph.node_sets[name]["#id"] % 3 == 0 for name in node_sets}


@pytest.fixture
def make(build, monkeypatch) -> Callable[[str], JointModel]:
    """Makes a compiled model of a policy that draws nothing."""
    monkeypatch.setattr(joint_model, "sample_masks", hide_by_id)

    def make_with(policy: str) -> JointModel:
        optimizers = [tf.keras.optimizers.SGD(0.1), tf.keras.optimizers.SGD(0.1)]
        if policy == "mixed_float16":
            optimizers = [LossScaleOptimizer(optimizer, initial_scale=TOO_LARGE) for optimizer in optimizers]
        tf.keras.mixed_precision.set_global_policy(policy)
        try:
            tf.keras.utils.set_random_seed(3)
            model = build(
                "joint",
                encoder={"units": 16, "message_units": 16, "rounds": 1, "dropout": 0.0},
                towers={"bottom_units": [16], "task_units": [8], "cross_layers": 1, "dropout": 0.0},
                features={"video": {"#id": {"kind": "hashed", "dimension": 4, "buckets": 100}}},
                balancing={"initial_loss_steps": 1, "learning_rate": 0.1},
            )
        finally:
            tf.keras.mixed_precision.set_global_policy("float32")
        model.compile(optimizer=optimizers[0], embedding_optimizer=optimizers[1], clip_norm=1.0)
        return model

    return make_with


def values_of(report: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in report.items()}


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_follows_float32(make, graph, labels, policy: str) -> None:
    exact, half = make("float32"), make(policy)
    assert all(variable.dtype in (tf.float32, tf.int64) for variable in half.variables)
    batch = (graph(8), labels(8))
    skipped = 0
    for _ in range(4):
        expected = values_of(exact.train_step(batch))
        before = half.balancer.initial_losses.numpy()
        found = values_of(half.train_step(batch))
        while found.pop("skipped", 0.0):
            # The scale is halved, and nothing else moves.
            skipped += 1
            assert found == pytest.approx(expected, rel=0.05)
            np.testing.assert_array_equal(half.balancer.initial_losses, before)
            found = values_of(half.train_step(batch))
        assert found == pytest.approx(expected, rel=0.05)
    assert expected["weight/click"] != pytest.approx(1.3043, rel=0.02)
    if policy == "mixed_float16":
        assert skipped > 0
        assert float(half.optimizer.loss_scale) == float(half.embedding_optimizer.loss_scale) == TOO_LARGE / 2**skipped


@pytest.mark.slow
def test_logits_and_predictions_are_float32(make, graph) -> None:
    model = make("mixed_bfloat16")
    assert {logits.dtype for logits in model(graph()).values()} == {tf.float32}
    assert {values.dtype for values in model.predictions(graph()).values()} == {tf.float32}
