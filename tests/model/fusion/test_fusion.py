"""Fusion: training begins exactly at the model without graph, and leaves it in its first steps."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.model.fusion.field_fusion import FieldFusion, FieldGates, TaskGate
from tfgrec.model.joint_model import JointModel

FIELDS = {"user": tf.random.normal([5, 7]), "request": tf.random.normal([5, 40]), "graph_user": tf.ones([5, 3])}
NAMES = {"ranker_fields": ["user", "request"], "graph_fields": ["graph_user"], "graph_units": 3}

LEVELS = [
    {"feature_level": feature, "representation_level": representation}
    for feature, representation in (("gate", "gate"), ("concat", "none"), ("none", "gate"))
]


def randomise(layer: tf.keras.layers.Layer) -> None:
    random = np.random.default_rng(0)
    layer.set_weights([random.normal(0, 0.3, weights.shape) for weights in layer.get_weights()])


@pytest.mark.parametrize("gated", [True, False])
def test_ranker_fields_pass_whole_and_graph_fields_start_silent(gated: bool) -> None:
    fused = FieldFusion(**NAMES, gated=gated)(FIELDS).numpy()
    np.testing.assert_array_equal(fused[:, :47], tf.concat([FIELDS["user"], FIELDS["request"]], axis=1))
    assert fused.shape == (5, 50) and np.all(fused[:, 47:] == 0)


def test_a_field_is_scaled_by_its_gate() -> None:
    gated, plain = FieldFusion(**NAMES, gated=True), FieldFusion(**NAMES, gated=False)
    gated(FIELDS), plain(FIELDS)
    randomise(gated)
    plain.set_weights(gated.get_weights()[:1])
    gates = gated._gates(FIELDS).numpy()
    expected = plain(FIELDS).numpy() * np.repeat(gates, [7, 40, 3], axis=1)
    np.testing.assert_allclose(gated(FIELDS), expected, rtol=1e-5)


def test_gates_depend_on_all_fields_once_trained() -> None:
    gates = FieldGates(fields=["user", "request", "graph_user"], units=8)
    np.testing.assert_array_equal(gates(FIELDS), np.ones((5, 3)))
    randomise(gates)
    before, after = gates(FIELDS).numpy(), gates({**FIELDS, "request": FIELDS["request"] + 1.0}).numpy()
    assert np.all((before > 0) & (before < 2))
    assert np.all(np.any(before != after, axis=0))


def test_a_task_gate_agrees_with_numpy_and_starts_silent() -> None:
    gate, hidden, graph_vector = TaskGate(units=6), tf.random.normal([5, 6]), tf.random.normal([5, 4])
    np.testing.assert_array_equal(gate(hidden, graph_vector), hidden)
    randomise(gate)
    projection, projection_bias, opening, gate_kernel, gate_bias = gate.get_weights()
    value = np.maximum(graph_vector.numpy() @ projection + projection_bias, 0) @ opening
    scale = 2 / (1 + np.exp(-(np.concatenate([hidden, graph_vector], axis=1) @ gate_kernel + gate_bias)))
    np.testing.assert_allclose(gate(hidden, graph_vector), hidden + scale * value, rtol=1e-4, atol=1e-5)


def without_graph_of(build: Any, joint: JointModel, **changes: Any) -> JointModel:
    """The model of arm no_graph with the joint model's variables, cut to the ranker's own inputs."""
    model = build("no_graph", **changes)
    graph_only = ("task_gate", "_map", "graph_user_pooled", "graph_item_pooled", "graph_product_pooled")
    for part in ("ranker_fields", "field_fusion", "towers"):
        theirs = [
            variable
            for variable in getattr(joint, part).variables
            if not any(name in variable.name for name in graph_only)
        ]
        for mine, other in zip(getattr(model, part).variables, theirs, strict=True):
            mine.assign(other.numpy()[tuple(slice(size) for size in mine.shape)])
    return model


@pytest.mark.parametrize(
    ("fusion", "towers"),
    [(LEVELS[0], {"bottom": "mmoe", "experts": 2}), (LEVELS[1], {"cross_projection": 3}), (LEVELS[2], {})],
)
def test_training_begins_at_the_model_without_graph(build, graph, fusion: dict[str, str], towers: dict) -> None:
    changes = {
        "fusion": fusion,
        "towers": {"bottom_units": [16, 8], "task_units": [8], "cross_layers": 1, **towers},
        "encoder": {"units": 16, "message_units": 16, "rounds": 1},
    }
    joint = build("joint", **changes)
    before = joint(graph())
    expected = without_graph_of(build, joint, **changes)(graph())
    for task in ("click", "seconds"):
        # To float tolerance: sums over fields of other widths round otherwise. The graph's part is exactly zero:
        np.testing.assert_allclose(before[task], expected[task], rtol=1e-5, atol=1e-6)
    for variable in joint.encoder_variables:
        variable.assign(tf.random.normal(variable.shape))
    for task in ("click", "seconds"):
        np.testing.assert_array_equal(joint(graph())[task], before[task])


@pytest.mark.slow
@pytest.mark.parametrize("fusion", LEVELS)
def test_the_graph_side_trains_from_the_second_step_on(build, graph, labels, fusion: dict[str, str]) -> None:
    model = build("joint", fusion=fusion, auto_encoder={"enabled": False})
    model.compile(optimizer=tf.keras.optimizers.Adam(1e-3))
    openings = [variable for variable in model.trainable_variables if "_map" in variable.name]
    model.train_step((graph(8), labels(8)))
    # The first step moves every weight of the maps, by the optimizer's whole step.
    assert openings and all(np.median(np.abs(opening)) > 5e-4 for opening in openings)
    before = [kernel.numpy() for kernel in model.shared_kernels]
    model.train_step((graph(8), labels(8)))
    for kernel, old in zip(model.shared_kernels, before, strict=True):
        assert np.median(np.abs(kernel.numpy() - old)) > 2e-4


def test_copies_from_the_config_compute_the_same() -> None:
    for layer, inputs in (
        (FieldFusion(**NAMES, gated=True, gate_units=4), (FIELDS,)),
        (FieldGates(fields=["user"], units=4), (FIELDS,)),
        (TaskGate(units=6), (tf.ones([5, 6]), tf.ones([5, 4]))),
    ):
        layer(*inputs)
        randomise(layer)
        copy = type(layer).from_config(layer.get_config())
        copy(*inputs)
        copy.set_weights(layer.get_weights())
        np.testing.assert_allclose(copy(*inputs), layer(*inputs))
