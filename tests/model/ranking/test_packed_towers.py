"""Towers of several members: each computes what towers of its own would, from weights drawn for itself alone."""

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.config.model import TowersConfig
from tfgrec.model.ranking.packed_dense import PackedDense
from tfgrec.model.ranking.towers import RankingTowers

MEMBERS = 3


def make_towers(members: int = MEMBERS, *, bottom: str = "shared", graph_gate: bool = True) -> RankingTowers:
    config = TowersConfig(members=members, bottom=bottom, bottom_units=[16, 8], task_units=[6], experts=2)
    return RankingTowers(initial_logits={"a": -3.0, "b": 0.5}, graph_gate=graph_gate, config=config)


def randomise(layer: tf.keras.layers.Layer) -> None:
    random = np.random.default_rng(0)
    layer.set_weights([random.normal(0, 0.3, weights.shape) for weights in layer.get_weights()])


def give_weights_of_member(member: int, packed: RankingTowers, alone: RankingTowers) -> None:
    def weights_of(layer: tf.keras.layers.Layer) -> list[np.ndarray]:
        return [weights[member] for weights in layer.get_weights()]

    for cross, of_all in zip(alone._crosses, packed._crosses, strict=True):
        cross.set_weights(of_all.get_weights())
    alone._bottom.set_weights(weights_of(packed._bottom))
    for task, tower in packed._towers.items():
        own = alone._towers[task]
        own._mlp.set_weights(weights_of(tower._mlp))
        own._logit.set_weights(weights_of(tower._logit))
        if own._task_gate is not None:
            gate, own_gate = tower._task_gate, own._task_gate
            own_gate._projection.set_weights(weights_of(gate._projection))
            own_gate._map.set_weights(weights_of(gate._map))
            (of_hidden, bias), (of_graph,) = weights_of(gate._gate_of_hidden), weights_of(gate._gate_of_graph)
            own_gate._gate.set_weights([np.concatenate([of_hidden, of_graph]), bias])


@pytest.mark.parametrize("bottom", ["shared", "mmoe", "ple"])
@pytest.mark.parametrize("graph_gate", [True, False])
def test_each_member_computes_what_towers_alone_do(bottom: str, graph_gate: bool) -> None:
    fused, graph_vector = tf.random.normal([7, 5]), tf.random.normal([7, 4])
    packed = make_towers(bottom=bottom, graph_gate=graph_gate)
    alone = make_towers(1, bottom=bottom, graph_gate=graph_gate)
    alone(fused, graph_vector=graph_vector)
    packed(fused, graph_vector=graph_vector)
    randomise(packed)
    found = packed(fused, graph_vector=graph_vector)
    for member in range(MEMBERS):
        give_weights_of_member(member, packed, alone)
        for task, logits in alone(fused, graph_vector=graph_vector).items():
            np.testing.assert_allclose(found[task][member], logits, rtol=1e-4, atol=1e-5)
    assert np.ptp(found["a"], axis=0).min() > 1e-3


@pytest.mark.parametrize("activation", [None, "relu", "softmax"])
@pytest.mark.parametrize("shared", [True, False])
def test_a_packed_layer_agrees_with_numpy(activation: str | None, shared: bool) -> None:
    layer = PackedDense(members=MEMBERS, units=4, activation=activation)
    inputs = tf.random.normal([5, 6] if shared else [MEMBERS, 5, 6])
    layer(inputs)
    randomise(layer)
    kernel, bias = layer.get_weights()
    outputs = layer(inputs)
    for member in range(MEMBERS):
        expected = (inputs if shared else inputs[member]).numpy() @ kernel[member] + bias[member]
        if activation == "relu":
            expected = np.maximum(expected, 0)
        if activation == "softmax":
            expected = np.exp(expected) / np.exp(expected).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(outputs[member], expected, rtol=1e-4, atol=1e-5)


def test_each_member_s_kernel_is_drawn_as_that_of_a_layer_alone() -> None:
    layer = PackedDense(members=4, units=60, initial_bias=-2.0)
    layer(tf.zeros([1, 40]))
    kernel, bias = layer.get_weights()
    bound = np.sqrt(6 / (40 + 60))
    for member in range(4):
        assert 0.98 * bound < np.abs(kernel[member]).max() <= bound
        for other in range(member):
            assert abs(np.corrcoef(kernel[member].ravel(), kernel[other].ravel())[0, 1]) < 0.1
    np.testing.assert_array_equal(bias, np.full([4, 60], -2.0))


def test_a_seed_draws_the_same_members_again() -> None:
    kernels = []
    for _ in range(2):
        tf.keras.utils.set_random_seed(11)
        layer = PackedDense(members=2, units=3)
        layer(tf.zeros([1, 5]))
        kernels.append(layer.kernel.numpy())
    np.testing.assert_array_equal(*kernels)


def test_members_drop_units_of_their_own() -> None:
    """Of members with equal weights, training's logits differ by dropout behind the shared input alone."""
    towers, inputs = make_towers(graph_gate=False), tf.random.normal([50, 5])
    towers(inputs)
    randomise(towers)
    for variable in towers.trainable_variables:
        if "cross" not in variable.name:
            variable.assign(tf.broadcast_to(variable[:1], variable.shape))
    np.testing.assert_allclose(np.ptp(towers(inputs)["a"], axis=0), 0, atol=1e-5)
    assert np.ptp(towers(inputs, training=True)["a"], axis=0).max() > 1e-2


@pytest.mark.parametrize(("bottom", "kernels"), [("shared", 1), ("mmoe", 2), ("ple", 2)])
def test_the_last_kernels_that_tasks_share_are_those_of_all_members(bottom: str, kernels: int) -> None:
    towers = make_towers(bottom=bottom)
    with tf.GradientTape(persistent=True) as tape:
        logits = towers(tf.random.normal([5, 20]), graph_vector=tf.random.normal([5, 4]))
    assert [kernel.shape.as_list() for kernel in towers.shared_kernels] == [[MEMBERS, 16, 8]] * kernels
    for values in logits.values():
        for gradient in tape.gradient(values, towers.shared_kernels):
            assert np.abs(gradient).max(axis=(1, 2)).min() > 0


def test_all_members_start_around_the_labels_means_and_without_the_graph() -> None:
    towers = make_towers()
    logits = towers(tf.zeros([2, 20]), graph_vector=tf.random.normal([2, 4]))
    np.testing.assert_allclose(logits["a"], np.full([MEMBERS, 2], -3.0), atol=1e-6)
    np.testing.assert_allclose(logits["b"], np.full([MEMBERS, 2], 0.5), atol=1e-6)


def test_one_member_is_towers_without_any_packed_layer() -> None:
    """So checkpoints from before there were members fit."""
    towers = make_towers(1)
    assert towers(tf.zeros([2, 20]), graph_vector=tf.zeros([2, 4]))["a"].shape == [2]
    assert not any(type(layer).__name__.startswith("Packed") for layer in towers.submodules)
    assert max(variable.shape.rank for variable in towers.variables) == 2
