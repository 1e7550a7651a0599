"""Training steps on padded batches, and compiled by XLA: the same losses, weights and variables as without."""

import time
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.model import joint_model
from tfgrec.model.joint_model import JointModel

Batch = tuple[tfgnn.GraphTensor, dict[str, tf.Tensor]]
SMALL: dict[str, Any] = {
    "encoder": {"units": 8, "message_units": 8, "rounds": 1, "dropout": 0.0},
    "towers": {"bottom_units": [8], "task_units": [8], "cross_layers": 1, "dropout": 0.0},
    "features": {"video": {"#id": {"kind": "hashed", "dimension": 4, "buckets": 100}}},
    "balancing": {"initial_loss_steps": 1, "learning_rate": 0.1},
}


def hide_by_id(graph: tfgnn.GraphTensor, *, node_sets: list[str], rate: float) -> dict[str, tf.Tensor]:
    """Stands in for sample_masks: hides the same nodes in all models, and none of padding, whose id is 0."""
    del rate
    return {name: graph.node_sets[name]["#id"] % 3 == 1 for name in node_sets}


def padded(batch: Batch, size: int) -> Batch:
    """The batch with `size` nodes and edges in each set."""
    graph, labels = batch
    budget = tfgnn.SizeConstraints(
        total_num_components=8,
        total_num_nodes=dict.fromkeys(graph.node_sets, size),
        total_num_edges=dict.fromkeys(graph.edge_sets, size),
    )
    filled, _ = tfgnn.pad_to_total_sizes(graph, budget)
    missing = size - int(graph.node_sets["_readout"].total_size)
    return filled, {name: tf.pad(values, [[0, missing]], constant_values=np.nan) for name, values in labels.items()}


class Training:
    """A model with its step as a function that is traced once."""

    def __init__(self, model: JointModel, like: Batch, *, jit_compile: bool = False) -> None:
        self.model = model
        model.compile(optimizer=tf.keras.optimizers.SGD(0.1), clip_norm=1.0, jit_compile=jit_compile)
        graph_spec = like[0].spec.relax(num_components=True, num_nodes=True, num_edges=True)
        label_spec = {name: tf.TensorSpec([None], tf.float32) for name in like[1]}
        self.step = tf.function(lambda *batch: model.train_step(batch), input_signature=[graph_spec, label_spec])


@pytest.fixture
def batches(graph, labels, monkeypatch) -> list[Batch]:
    monkeypatch.setattr(joint_model, "sample_masks", hide_by_id)
    return [(graph(size, seed=size), labels(size, seed=size)) for size in (4, 3, 5)]


def assert_same(one: Training, other: Training) -> None:
    assert not np.allclose(one.model.balancer.weights[:2], one.model.balancer.weights[0], rtol=1e-3)
    for left, right in zip(one.model.variables, other.model.variables, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5, err_msg=left.name)


@pytest.mark.slow
def test_steps_on_padded_batches_and_compiled_by_xla_are_the_same(build, batches) -> None:
    trainings = []
    for jit_compile in (False, False, True):
        tf.keras.utils.set_random_seed(5)
        trainings.append(Training(build("joint", **SMALL), batches[0], jit_compile=jit_compile))
    plain, on_padded, compiled = trainings
    seconds = []
    for batch in (*batches, *batches):
        expected = plain.step(*batch)
        reports = [on_padded.step(*padded(batch, 40))]
        started = time.monotonic()
        reports.append(compiled.step(*padded(batch, 40)))
        seconds.append(time.monotonic() - started)
        for report in reports:
            assert {name: float(value) for name, value in report.items()} == pytest.approx(
                {name: float(value) for name, value in expected.items()}, rel=1e-4
            )
    assert_same(plain, on_padded)
    assert_same(plain, compiled)
    # Batches of one padded size are compiled once, whatever is in them.
    assert max(seconds[1:]) < seconds[0] / 3


@pytest.mark.slow
def test_a_frozen_encoder_and_no_graph_are_compiled_too(build, batches) -> None:
    frozen = build("frozen_encoder", **SMALL)
    frozen.freeze_encoder()
    for model in (frozen, build("no_graph", **SMALL)):
        training = Training(model, batches[0], jit_compile=True)
        before = float(training.step(*padded(batches[0], 40))["loss/click"])
        assert float(training.step(*padded(batches[0], 40))["loss/click"]) < before
