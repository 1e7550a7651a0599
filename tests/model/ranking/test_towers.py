"""Towers against the papers' formulas: cross layers, experts, and what the tasks share."""

from typing import get_args

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.config.model import TowersConfig
from tfgrec.model.ranking.bottoms import BOTTOMS
from tfgrec.model.ranking.mixture_of_experts import MixtureOfExperts
from tfgrec.model.ranking.progressive_extraction import ProgressiveExtraction
from tfgrec.model.ranking.towers import RankingTowers


def make_towers(graph_gate: bool = True, **changes) -> RankingTowers:
    config = TowersConfig(**{"bottom_units": [16, 8], "task_units": [6], "experts": 3, **changes})
    return RankingTowers(initial_logits={"a": -3.0, "b": 0.5}, graph_gate=graph_gate, config=config)


def randomise(layer: tf.keras.layers.Layer) -> None:
    random = np.random.default_rng(0)
    layer.set_weights([random.normal(0, 0.3, weights.shape) for weights in layer.get_weights()])


def relu(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 0)


@pytest.mark.parametrize("rank", [None, 2])
def test_towers_agree_with_numpy(rank: int | None) -> None:
    """DCN-v2 (arXiv 2008.13535): x_{l+1} = x_0 * (W x_l + b) + x_l, equation 1; W = U V of low rank, equation 2."""
    towers = make_towers(graph_gate=False, cross_layers=2, cross_projection=rank, bottom_units=[8])
    inputs = tf.random.normal([4, 5])
    towers(inputs)
    randomise(towers)
    weights = iter(towers.get_weights())
    crossed = inputs.numpy()
    for _ in range(2):
        kernel = next(weights) if rank is None else next(weights) @ next(weights)
        assert np.linalg.matrix_rank(kernel) == (rank or 5)
        crossed = inputs.numpy() * (crossed @ kernel + next(weights)) + crossed
    shared = relu(crossed @ next(weights) + next(weights))
    for task in ("a", "b"):
        hidden = relu(shared @ next(weights) + next(weights))
        logits = (hidden @ next(weights) + next(weights))[:, 0]
        np.testing.assert_allclose(towers(inputs)[task], logits, rtol=1e-3, atol=1e-4)


def test_experts_agree_with_numpy() -> None:
    """Ma et al., KDD 2018: task k reads sum_i softmax(W_k x)_i f_i(x)."""
    layer, inputs = MixtureOfExperts(tasks=["a", "b"], experts=3, units=[7, 4]), tf.random.normal([5, 6])
    layer(inputs)
    randomise(layer)
    x, outputs = inputs.numpy(), []
    for expert in layer.experts:
        first, first_bias, second, second_bias = expert.get_weights()
        outputs.append(relu(relu(x @ first + first_bias) @ second + second_bias))
    for task, gate in layer._gates.items():
        kernel, bias = gate.get_weights()
        scores = np.exp(x @ kernel + bias)
        weights = scores / scores.sum(axis=1, keepdims=True)
        expected = sum(weights[:, i, np.newaxis] * output for i, output in enumerate(outputs))
        np.testing.assert_allclose(layer(inputs)[task], expected, rtol=1e-4, atol=1e-5)
    assert not np.allclose(layer(inputs)["a"], layer(inputs)["b"])


def softmax(values: np.ndarray) -> np.ndarray:
    scores = np.exp(values - values.max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("units", [[7], [7, 6, 4]])
def test_progressive_extraction_agrees_with_numpy(units: list[int]) -> None:
    """Tang et al., RecSys 2020: level j of task k is softmax(W x_k) times its own experts of x_k and the shared ones
    of x_shared, x being what the level below gave; the shared gate, which the last level lacks, weighs all experts."""
    layer = ProgressiveExtraction(tasks=["a", "b"], experts=3, task_experts=2, units=units)
    inputs = tf.random.normal([5, 6])
    layer(inputs)
    randomise(layer)
    named = {tuple(variable.name.split(":")[0].split("/")[-2:]): variable.numpy() for variable in layer.weights}

    def dense(name: str, x: np.ndarray) -> np.ndarray:
        return x @ named[name, "kernel"] + named[name, "bias"]

    owners = {"a": 2, "b": 2, "shared": 3}
    read = dict.fromkeys(owners, inputs.numpy())
    for level in range(len(units)):
        outputs = {
            owner: [relu(dense(f"{owner}_expert_{level}_{number}", read[owner])) for number in range(count)]
            for owner, count in owners.items()
        }
        mixed = {task: outputs[task] + outputs["shared"] for task in ("a", "b")}
        if level + 1 < len(units):
            mixed["shared"] = outputs["a"] + outputs["b"] + outputs["shared"]
        read = {
            owner: sum(
                share[:, np.newaxis] * output
                for share, output in zip(softmax(dense(f"{owner}_gate_{level}", read[owner])).T, experts, strict=True)
            )
            for owner, experts in mixed.items()
        }
    found = layer(inputs)
    assert found.keys() == read.keys() == {"a", "b"}
    for task, expected in read.items():
        np.testing.assert_allclose(found[task], expected, rtol=1e-4, atol=1e-5)
    assert not np.allclose(found["a"], found["b"])


def test_experts_of_one_task_teach_the_other_nothing_at_the_last_level() -> None:
    towers = make_towers(bottom="ple", task_experts=2, graph_gate=False)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(towers(tf.random.normal([5, 20]))["a"])
    names = [variable.name for variable in towers.trainable_variables]
    gradients = dict(zip(names, tape.gradient(loss, towers.trainable_variables), strict=True))
    of_b = [name for name in gradients if "b_expert_1" in name or "b_gate_1" in name]
    assert of_b and all(gradients[name] is None for name in of_b)
    assert all(gradients[name] is not None for name in gradients if "b_expert_0" in name or "shared_expert" in name)


def test_the_configuration_names_all_bottoms() -> None:
    assert set(get_args(TowersConfig.model_fields["bottom"].annotation)) == set(BOTTOMS)


@pytest.mark.parametrize(("bottom", "kernels"), [("shared", 1), ("mmoe", 3), ("ple", 3)])
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
    assert not any("task_gate" in variable.name for variable in towers.variables)
    assert len(towers.shared_kernels) == 1 and towers.shared_kernels[0].shape[1] == 8


def test_logits_start_around_the_labels_means() -> None:
    logits = make_towers()(tf.zeros([2, 20]), graph_vector=tf.zeros([2, 4]))
    np.testing.assert_allclose(logits["a"], [-3.0, -3.0], atol=1e-6)
    np.testing.assert_allclose(logits["b"], [0.5, 0.5], atol=1e-6)


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("bottom", ["shared", "mmoe", "ple"])
def test_copies_from_the_config_compute_the_same(bottom: str, members: int) -> None:
    towers, inputs = make_towers(bottom=bottom, members=members), tf.random.normal([5, 20])
    expected = towers(inputs, graph_vector=tf.ones([5, 4]))
    copy = RankingTowers.from_config(towers.get_config())
    copy(inputs, graph_vector=tf.ones([5, 4]))
    copy.set_weights(towers.get_weights())
    np.testing.assert_allclose(copy(inputs, graph_vector=tf.ones([5, 4]))["b"], expected["b"])
