"""Normalisation of states against NumPy; what batch normalisation does with empty, tiny, padded and divided batches."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.model.encoder.state_normalization import NodeBatchNormalization, NodewiseNormalization

STATES = np.random.default_rng(0).normal(3, 2, [40, 5]).astype(np.float32)


def normalised(states: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    return (states - mean) / np.sqrt(variance + 1e-3)


@pytest.mark.parametrize("training", [False, True])
def test_layer_and_l2_look_at_one_node(training: bool) -> None:
    of_layer = NodewiseNormalization(kind="layer")
    of_layer.build(STATES.shape)
    gain, bias = np.arange(1, 6, dtype=np.float32), np.arange(5, dtype=np.float32)
    of_layer.set_weights([gain, bias])
    expected = normalised(STATES, STATES.mean(axis=1, keepdims=True), STATES.var(axis=1, keepdims=True))
    np.testing.assert_allclose(of_layer(STATES, training=training), expected * gain + bias, atol=1e-5)
    lengths = np.linalg.norm(STATES, axis=1, keepdims=True)
    np.testing.assert_allclose(NodewiseNormalization(kind="l2")(STATES), STATES / lengths, atol=1e-6)
    np.testing.assert_array_equal(NodewiseNormalization(kind="none")(STATES), STATES)


def test_training_normalises_by_the_batch_and_serving_by_what_training_saw() -> None:
    layer = NodeBatchNormalization()
    expected = normalised(STATES, STATES.mean(axis=0), STATES.var(axis=0))
    for _ in range(600):
        in_training = layer(STATES, training=True)
    np.testing.assert_allclose(in_training, expected, atol=1e-4)
    np.testing.assert_allclose(layer(STATES[:3]), expected[:3], atol=0.02)


def test_gradients_are_those_of_keras() -> None:
    ours, keras = NodeBatchNormalization(), tf.keras.layers.BatchNormalization()
    states, toward = tf.constant(STATES), tf.constant(np.roll(STATES, 1))
    gradients = []
    for layer in (ours, keras):
        with tf.GradientTape() as tape:
            tape.watch(states)
            loss = tf.reduce_sum(toward * layer(states, training=True))
        gradients.append(tape.gradient(loss, states))
    np.testing.assert_allclose(*gradients, atol=1e-4)


def test_padding_does_not_count() -> None:
    layer, padded = NodeBatchNormalization(), NodeBatchNormalization()
    states = np.concatenate([STATES, np.full([9, 5], 1e6, np.float32)])
    real = tf.range(len(states)) < len(STATES)
    expected = layer(STATES, training=True)
    np.testing.assert_allclose(padded(states, real=real, training=True)[: len(STATES)], expected, atol=1e-5)
    for ours, theirs in zip(layer.variables, padded.variables, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("num_nodes", [0, 1])
def test_a_batch_without_variance_is_normalised_as_in_serving_and_leaves_no_trace(num_nodes: int) -> None:
    layer = NodeBatchNormalization()
    layer(STATES, training=True)
    before = [variable.numpy() for variable in layer.variables]
    few = tf.constant(STATES[:num_nodes])
    with tf.GradientTape() as tape:
        tape.watch(few)
        output = layer(few, training=True)
        loss = tf.reduce_sum(output)
    np.testing.assert_allclose(output, layer(few), atol=1e-6)
    assert np.all(np.isfinite(tape.gradient(loss, few)))
    for variable, value in zip(layer.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_half_precision_states_are_normalised_in_full_precision() -> None:
    output = NodeBatchNormalization(dtype="mixed_bfloat16")(tf.constant(STATES, tf.bfloat16), training=True)
    assert output.dtype == tf.bfloat16
    expected = normalised(STATES, STATES.mean(axis=0), STATES.var(axis=0))
    np.testing.assert_allclose(tf.cast(output, tf.float32), expected, atol=0.05)


_TWO_REPLICAS = """
import tfgrec
import numpy as np
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from tfgrec.model.encoder.state_normalization import NodeBatchNormalization
states = np.random.default_rng(0).normal(3, 2, [40, 5]).astype(np.float32)
alone = NodeBatchNormalization()
expected = alone(states, training=True).numpy()
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    layer = NodeBatchNormalization()
    layer.build(tf.TensorShape([None, 5]))
for cut in (25, 40):
    parts = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(np.split(states, [cut])[context.replica_id_in_sync_group]))
    outputs = strategy.run(tf.function(lambda part: layer(part, training=True)), args=(parts,))
    together = np.concatenate([output.numpy() for output in strategy.experimental_local_results(outputs)])
    np.testing.assert_allclose(together, expected, atol=1e-4)
alone(states, training=True)
for ours, theirs in zip(layer.variables, alone.variables):
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-5)
"""


@pytest.mark.slow
def test_two_replicas_normalise_by_the_nodes_of_both_one_of_them_perhaps_empty() -> None:
    done = subprocess.run([sys.executable, "-c", _TWO_REPLICAS], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
