"""The auto-encoder beside ranking: what ranking reads while nodes are hidden, and what is left of it in serving."""

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.schema import READOUT, EdgeSet, Feature, NodeSet
from tfgrec.model.blank_graph import blank_graph
from tfgrec.model.build import build_joint_model
from tfgrec.model.joint_model import JointModel

# Nothing random but the masks.
STILL = {
    "features": {},
    "encoder": {"units": 16, "message_units": 16, "rounds": 2, "dropout": 0.0},
    "towers": {"bottom_units": [16, 8], "task_units": [8], "cross_layers": 1, "dropout": 0.0},
}
CHOICES = [
    {"forward_pass": forward_pass, "decoder": decoder}
    for forward_pass, decoder in itertools.product(("shared", "second"), ("linear", "graph_update"))
]
every_choice = pytest.mark.parametrize(
    "choice", [*(pytest.param(choice, marks=pytest.mark.slow) for choice in CHOICES[:-1]), CHOICES[-1]]
)


def roots_of(graph: tfgnn.GraphTensor) -> dict[str, np.ndarray]:
    adjacencies = [graph.edge_sets[f"{READOUT}/{name}"].adjacency for name in ("user", "item")]
    return {
        adjacency.node_set_name(tfgnn.SOURCE): np.unique(adjacency[tfgnn.SOURCE].numpy()) for adjacency in adjacencies
    }


def without_auto_encoder(build: Any, model: JointModel) -> JointModel:
    """A model built without the auto-encoder, with the variables of one that has it."""
    plain = build("joint", **STILL, auto_encoder={"enabled": False})
    masks = {variable.ref() for variable in model.encoder._mask_states.variables}
    for part in ("ranker_fields", "encoder", "projection", "field_fusion", "towers"):
        theirs = [variable for variable in getattr(model, part).variables if variable.ref() not in masks]
        for variable, other in zip(getattr(plain, part).variables, theirs, strict=True):
            variable.assign(other)
    return plain


def test_in_the_shared_pass_inputs_of_roots_are_whole_and_states_see_hidden_neighbours(
    build, open_graph_maps, graph
) -> None:
    model, batch = open_graph_maps(build("joint", **STILL, auto_encoder={"mask_rate": 0.9})), graph(20)
    plain = without_auto_encoder(build, model)
    hidden, whole = model.represent(batch, training=True), plain.represent(batch, training=True)
    for name, field in whole.fields.items():
        np.testing.assert_array_equal(hidden.fields[name], field)
    inputs = model.encoder.inputs(batch, training=True)
    initial = {name: inputs.node_sets[name][tfgnn.HIDDEN_STATE] for name in ("user", "video")}
    masked = model.encoder._mask_states(initial, hidden.masks)
    for name, roots in roots_of(batch).items():
        assert np.any(hidden.masks[name]) and not np.any(tf.gather(hidden.masks[name], roots))
        np.testing.assert_array_equal(tf.gather(masked[name], roots), tf.gather(initial[name], roots))
        assert not np.array_equal(tf.gather(hidden.states[name], roots), tf.gather(whole.states[name], roots))
    assert hidden.states is hidden.masked_states


def test_with_a_second_pass_ranking_is_bit_equal_to_a_model_without_auto_encoder(build, open_graph_maps, graph) -> None:
    auto_encoder = {"forward_pass": "second", "mask_rate": 0.9}
    model, batch = open_graph_maps(build("joint", **STILL, auto_encoder=auto_encoder)), graph(20)
    plain = without_auto_encoder(build, model)
    found, expected = model.represent(batch, training=True), plain.represent(batch, training=True)
    for name in ("user", "video"):
        np.testing.assert_array_equal(found.states[name], expected.states[name])
        assert not np.array_equal(found.masked_states[name], expected.states[name])
    logits = model.rank(model.fields(batch, found), training=True)
    same = plain.rank(plain.fields(batch, expected), training=True)
    assert logits.keys() == same.keys() == {"click", "seconds"}
    for task, of_task in logits.items():
        np.testing.assert_array_equal(of_task, same[task])


@every_choice
def test_both_losses_reach_the_encoder(build, open_graph_maps, graph, labels, choice: dict[str, str]) -> None:
    model = open_graph_maps(build("joint", **STILL, auto_encoder=choice))
    with tf.GradientTape(persistent=True) as tape:
        losses = {
            name: loss.mean()
            for name, loss in model.loss_sums(graph(8), labels(8), model.represent(graph(8), training=True)).items()
        }
    for loss in losses.values():
        gradients = tape.gradient(loss, model.encoder.trainable_variables, unconnected_gradients="zero")
        assert sum(bool(np.any(tf.convert_to_tensor(gradient))) for gradient in gradients) > len(gradients) / 2
        gradients = tape.gradient(loss, model.shared_kernels, unconnected_gradients="zero")
        assert any(np.any(gradient) for gradient in gradients)


@pytest.mark.slow
@pytest.mark.parametrize("choice", CHOICES[2:])
def test_frozen_encoder_trains_with_either_decoder(build, graph, labels, choice: dict[str, str]) -> None:
    encoder = {**STILL["encoder"], "rounds": 1}
    model = build("frozen_encoder", **{**STILL, "encoder": encoder}, auto_encoder=choice)

    def train(steps: int) -> list[dict[str, tf.Tensor]]:
        model.compile(optimizer=tf.keras.optimizers.Adam(3e-3))
        step = tf.function(lambda batch, of_batch: model.train_step((batch, of_batch)))
        return [step(graph(16), labels(16)) for _ in range(steps)]

    reports = train(40)
    first, last = (np.mean([report["loss/auto_encoder"] for report in of]) for of in (reports[:5], reports[-5:]))
    assert last < 0.9 * first
    model.freeze_encoder()
    encoder = [variable.numpy() for variable in model.encoder_variables]
    reports = train(3)
    assert set(model.loss_names) == {"click", "seconds"} and np.isfinite(reports[-1]["loss"])
    for variable, old in zip(model.encoder_variables, encoder, strict=True):
        np.testing.assert_array_equal(variable, old)


def size_in_serving(model: JointModel, spec: tfgnn.GraphTensorSpec) -> tuple[int, int]:
    """Nodes of the traced scoring function, and variables and tables that it holds on to."""
    function = tf.function(model.predictions, autograph=False).get_concrete_function(spec)
    return len(function.graph.as_graph_def().node), len(function.captured_inputs)


@pytest.fixture(scope="module")
def size_without(build, graph) -> tuple[int, int]:
    return size_in_serving(build("joint", **STILL, auto_encoder={"enabled": False}), graph().spec)


@every_choice
def test_serving_holds_nothing_of_it(build, open_graph_maps, graph, size_without, choice: dict[str, str]) -> None:
    model = open_graph_maps(build("joint", **STILL, auto_encoder=choice))
    plain = without_auto_encoder(build, model)
    assert len(model.variables) > len(plain.variables)
    assert size_in_serving(model, graph().spec) == size_without
    expected = plain.predictions(graph())
    for task, scores in model.predictions(graph()).items():
        np.testing.assert_array_equal(scores, expected[task])


@pytest.mark.slow
def test_serving_does_not_update_node_sets_that_it_alone_reads(schema, all_statistics, config) -> None:
    node_sets = {**schema.node_sets, "author": NodeSet({"#id": Feature("string"), "fans": Feature("float32")})}
    edge_sets = {**schema.edge_sets, "made": EdgeSet("author", "video", {})}
    wider = dataclasses.replace(schema, node_sets=node_sets, edge_sets=edge_sets)
    statistics = {**all_statistics, "author": {**all_statistics["author"], "fans": all_statistics["user"]["follows"]}}
    spec = blank_graph(wider, without=("click", "seconds")).spec
    sizes, rebuilt = [], []
    for enabled in (True, False):
        changes = {**STILL, "auto_encoder": {"enabled": enabled, "decoder": "graph_update"}}
        model = build_joint_model(config=config(**changes), schema=wider, statistics=statistics, arm="joint")
        sizes.append(size_in_serving(model, spec))
        rebuilt += model.auto_encoder.node_sets if model.auto_encoder else []
    assert "author" in rebuilt and sizes[0] == sizes[1]
