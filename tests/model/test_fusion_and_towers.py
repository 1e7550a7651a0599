"""Gates start where the model without graph is, and can leave it; towers and experts."""

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.config.model import TowersConfig
from tfgrec.model.fusion import FieldGate, TaskGate
from tfgrec.model.mixture_of_experts import MixtureOfExperts
from tfgrec.model.towers import RankingTowers

FIELDS = {"user": tf.random.normal([5, 7]), "request": tf.random.normal([5, 40]), "graph_user": tf.ones([5, 3])}


def test_ranker_fields_pass_whole_and_graph_fields_start_almost_silent() -> None:
    gate = FieldGate(ranker_fields=["user", "request"], graph_fields=["graph_user"])
    fused = gate(FIELDS).numpy()
    np.testing.assert_allclose(fused[:, :47], tf.concat([FIELDS["user"], FIELDS["request"]], axis=1), rtol=1e-6)
    assert np.all(fused[:, 47:] > 0) and np.all(fused[:, 47:] < 0.1)


def test_field_gates_depend_on_all_fields_once_trained() -> None:
    gate = FieldGate(ranker_fields=["user", "request"], graph_fields=["graph_user"])
    gate(FIELDS)
    gate.set_weights([np.random.default_rng(0).normal(0, 0.1, weights.shape) for weights in gate.get_weights()])
    changed = {**FIELDS, "request": FIELDS["request"] + 1.0}
    before, after = gate.gates(FIELDS).numpy(), gate.gates(changed).numpy()
    assert np.all((before > 0) & (before < 2))
    assert np.all(np.any(before != after, axis=0))


def test_a_task_gate_starts_at_the_model_without_graph_with_a_gradient_to_leave_it() -> None:
    gate = TaskGate(units=6)
    hidden, graph_vector = tf.random.normal([5, 6]), tf.random.normal([5, 4])
    with tf.GradientTape() as tape:
        output = gate(hidden, graph_vector)
        loss = tf.reduce_sum(tf.square(output - 1.0))
    np.testing.assert_array_equal(output, hidden)
    assert np.abs(tape.gradient(loss, gate.gate)).max() > 0
    gate.gate.assign_add(tf.ones([6]))
    assert not np.allclose(gate(hidden, graph_vector), hidden)


def make_towers(graph_gate: bool = True, **changes) -> RankingTowers:
    config = TowersConfig(**{"bottom_units": [16, 8], "task_units": [6], "experts": 3, **changes})
    return RankingTowers(initial_logits={"a": -3.0, "b": 0.5}, graph_gate=graph_gate, config=config)


@pytest.mark.parametrize(("bottom", "kernels"), [("shared", 1), ("mmoe", 3)])
def test_the_last_kernels_that_tasks_share_reach_every_task(bottom: str, kernels: int) -> None:
    towers = make_towers(bottom=bottom)
    with tf.GradientTape(persistent=True) as tape:
        logits = towers(tf.random.normal([5, 20]), graph_vector=tf.random.normal([5, 4]))
    assert {task: values.shape.as_list() for task, values in logits.items()} == {"a": [5], "b": [5]}
    assert [kernel.shape.as_list() for kernel in towers.shared_kernels] == [[16, 8]] * kernels
    for values in logits.values():
        assert all(np.abs(gradient).max() > 0 for gradient in tape.gradient(values, towers.shared_kernels))


@pytest.mark.parametrize("changes", [{"cross_layers": 0}, {"cross_projection": 3}, {"bottom_units": [8]}])
def test_sizes_are_by_configuration(changes: dict) -> None:
    towers = make_towers(graph_gate=False, **changes)
    assert towers(tf.random.normal([5, 20]))["a"].shape == [5]
    assert towers.task_gates == {}
    assert len(towers.shared_kernels) == 1 and towers.shared_kernels[0].shape[1] == 8


def test_logits_start_around_the_labels_means() -> None:
    logits = make_towers()(tf.zeros([2, 20]), graph_vector=tf.zeros([2, 4]))
    np.testing.assert_allclose(logits["a"], [-3.0, -3.0], atol=1e-6)
    np.testing.assert_allclose(logits["b"], [0.5, 0.5], atol=1e-6)


def test_experts_are_mixed_by_each_tasks_own_softmax() -> None:
    layer = MixtureOfExperts(tasks=["a", "b"], experts=2, units=[4])
    inputs = tf.random.normal([5, 3])
    layer(inputs)
    outputs = np.stack([expert(inputs) for expert in layer.experts], axis=1)
    mixed = layer(inputs)
    assert not np.allclose(mixed["a"], mixed["b"])
    for values in mixed.values():
        assert np.all(values >= outputs.min(axis=1) - 1e-6) and np.all(values <= outputs.max(axis=1) + 1e-6)


@pytest.mark.parametrize("bottom", ["shared", "mmoe"])
def test_copies_from_the_config_compute_the_same(bottom: str) -> None:
    towers, inputs = make_towers(bottom=bottom), tf.random.normal([5, 20])
    expected = towers(inputs, graph_vector=tf.ones([5, 4]))
    copy = RankingTowers.from_config(towers.get_config())
    copy(inputs, graph_vector=tf.ones([5, 4]))
    copy.set_weights(towers.get_weights())
    np.testing.assert_allclose(copy(inputs, graph_vector=tf.ones([5, 4]))["b"], expected["b"])
    gate = FieldGate(ranker_fields=["user"], graph_fields=["graph_user"], units=4)
    assert FieldGate.from_config(gate.get_config()).get_config() == gate.get_config()
