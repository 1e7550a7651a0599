"""The joint model: what a step trains in each arm, the balance of its losses, and batches of every shape."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.schema import EdgeSet, Feature, NodeSet
from tfgrec.model import joint_model
from tfgrec.model.joint_model import JointModel


def compiled(model: JointModel, **changes: Any) -> JointModel:
    options = {"optimizer": tf.keras.optimizers.Adam(3e-3), "embedding_optimizer": tf.keras.optimizers.Adagrad(0.01)}
    model.compile(**{**options, "clip_norm": 5.0, **changes})
    return model


def losses_of(model: JointModel, graph: tfgnn.GraphTensor, labels: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    sums = model.loss_sums(graph, labels, model.represent(graph, training=True))
    return {name: loss.mean() for name, loss in sums.items()}


def snapshot(variables: list[tf.Variable]) -> list[np.ndarray]:
    return [variable.numpy() for variable in variables]


def moved(variables: list[tf.Variable], before: list[np.ndarray]) -> list[bool]:
    return [not np.array_equal(variable, old) for variable, old in zip(variables, before, strict=True)]


@pytest.mark.slow
def test_joint_training_lowers_every_loss_in_one_trace_for_batches_of_all_shapes(build, graph, labels) -> None:
    model = compiled(build("joint"))
    spec = graph(3).spec.relax(num_components=True, num_nodes=True, num_edges=True)
    label_spec = {name: tf.TensorSpec([None], tf.float32) for name in labels()}
    traces = []

    def traced_step(batch: tfgnn.GraphTensor, batch_labels: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        traces.append(1)
        return model.train_step((batch, batch_labels))

    step = tf.function(traced_step, input_signature=[spec, label_spec])
    reports = [step(graph(8), labels(8)) for _ in range(60)]
    names = {"click", "seconds", "auto_encoder"}
    assert set(model.loss_names) == names and model.phase == "ranking"
    assert set(reports[0]) == {"loss", *(f"loss/{name}" for name in names), *(f"weight/{name}" for name in names)}
    total = sum(reports[9][f"weight/{name}"] * reports[9][f"loss/{name}"] for name in names)
    assert float(reports[9]["loss"]) == pytest.approx(float(total), rel=1e-5)
    for name in names:
        first, last = (np.mean([report[f"loss/{name}"] for report in of]) for of in (reports[:5], reports[-5:]))
        assert last < 0.9 * first, name
    weights = np.array([float(reports[-1][f"weight/{name}"]) for name in model.loss_names])
    assert weights.sum() == pytest.approx(3, rel=1e-4) and np.ptp(weights[:2]) > 0
    for size, empty in (
        (1, {}),
        (5, {}),
        (3, {"without_edges": ["watched", "made_by"]}),
        (2, {"without_nodes": ["author"]}),
    ):
        report = step(graph(size, seed=size, **empty), labels(size))
        assert all(np.isfinite(value) for value in report.values())
    assert len(traces) == 1


def test_a_first_step_trains_all_but_what_is_behind_the_maps_of_zeros(build, graph, labels) -> None:
    model = compiled(build("joint"))
    before = snapshot(model.trainable_variables)
    model.train_step((graph(8), labels(8)))
    still = [
        variable.name
        for variable, has_moved in zip(model.trainable_variables, moved(model.trainable_variables, before), strict=True)
        if not has_moved
    ]
    # What is behind a map, and what computes gates whose last kernel is zero, follow later. (The encoder has the
    # auto-encoder to follow.)
    assert still and all(
        any(part in name for part in ("graph_projection", "_pooled", "task_gate/gate", "field_fusion/gates"))
        for name in still
    )


def test_variables_exist_before_the_first_step(joint, graph, labels) -> None:
    names = len(joint.variables)
    joint(graph(), training=True)
    losses_of(joint, graph(), labels())
    assert len(joint.variables) == names


def test_graph_mode_and_eager_mode_agree(joint, graph) -> None:
    eager = joint.predictions(graph())
    traced = tf.function(joint.predictions)(graph())
    for task in ("click", "seconds"):
        np.testing.assert_allclose(traced[task], eager[task], rtol=1e-5)


def test_requests_of_a_batch_do_not_see_each_other(joint, graph) -> None:
    batch = graph(3)
    videos = batch.node_sets["video"].get_features_dict()
    changed = tf.tensor_scatter_nd_add(videos["duration"], [[node] for node in range(4)], [1e5] * 4)
    other = batch.replace_features(node_sets={"video": {**videos, "duration": changed}})
    before, after = joint.predictions(batch)["click"].numpy(), joint.predictions(other)["click"].numpy()
    assert not np.any(before[:2] == after[:2])
    np.testing.assert_array_equal(before[2:], after[2:])


def test_missing_labels_train_nothing_of_their_task(joint, graph, labels) -> None:
    model = joint
    some = {**labels(), "click": tf.fill([6], np.nan)}
    with tf.GradientTape() as tape:
        losses = losses_of(model, graph(), some)
        loss = losses["click"]
    assert float(loss) == 0 and float(losses["seconds"]) > 0
    gradients = tape.gradient(loss, model.towers.trainable_variables, unconnected_gradients="zero")
    assert all(np.all(tf.convert_to_tensor(gradient) == 0) for gradient in gradients)


def test_id_tables_have_the_optimizer_of_their_own(build, graph, labels) -> None:
    model = compiled(build("joint"), embedding_optimizer=tf.keras.optimizers.SGD(0.0))
    assert {table.shape[1] for table in model.embedding_variables} == {4}
    tables, others = model.embedding_variables, model.towers.trainable_variables
    before_tables, before_others = snapshot(tables), snapshot(others)
    model.train_step((graph(), labels()))
    assert not any(moved(tables, before_tables)) and any(moved(others, before_others))


def test_one_optimizer_can_train_all(build, graph, labels) -> None:
    model = compiled(build("joint"), embedding_optimizer=None, clip_norm=None)
    before = snapshot(model.embedding_variables)
    model.train_step((graph(), labels()))
    assert all(moved(model.embedding_variables, before))


def test_gradients_are_clipped_by_their_global_norm(build, graph, labels) -> None:
    model = compiled(build("joint"), optimizer=tf.keras.optimizers.SGD(1.0), embedding_optimizer=None, clip_norm=1e-3)
    before = snapshot(model.trainable_variables)
    model.train_step((graph(), labels()))
    changes = [
        np.sum((variable.numpy() - old) ** 2) for variable, old in zip(model.trainable_variables, before, strict=True)
    ]
    # Rows that occur twice in a batch add up after the norm is taken.
    assert 0.5e-3 < np.sqrt(sum(changes)) < 2e-3


def test_the_ranker_and_the_encoder_have_tables_of_their_own(joint) -> None:
    encoder = {variable.ref() for variable in joint.encoder_variables}
    ranker = {variable.ref() for variable in joint.ranker_fields.variables}
    assert encoder and ranker and not encoder & ranker


def test_the_shared_layer_is_the_projection_that_ranking_and_auto_encoder_read(joint, graph, labels) -> None:
    with tf.GradientTape(persistent=True) as tape:
        losses = losses_of(joint, graph(8), labels(8))
    for name, loss in losses.items():
        gradients = tape.gradient(loss, joint.shared_kernels, unconnected_gradients="zero")
        assert all(np.abs(gradient).max() > 0 for gradient in gradients), name
    assert all(kernel.shape == [16, 16] for kernel in joint.shared_kernels)


def test_without_graph_there_is_no_encoder_and_the_graph_is_not_read(build, graph, labels) -> None:
    model = compiled(build("no_graph"))
    assert model.encoder_variables == [] and model.loss_names == ["click", "seconds"]
    assert [kernel.shape.as_list() for kernel in model.shared_kernels] == [[16, 8]]
    changed = graph(without_edges=["watched", "watched_by", "made_by"])
    np.testing.assert_array_equal(model(graph())["click"], model(changed)["click"])
    reports = [model.train_step((graph(8), labels(8))) for _ in range(4)]
    assert float(reports[-1]["weight/click"]) != 1.0


def test_frozen_encoder_trains_the_encoder_first_and_then_all_but_the_encoder(build, graph, labels) -> None:
    model = compiled(build("frozen_encoder"))
    assert model.phase == "pretraining" and model.loss_names == ["auto_encoder"]
    encoder, towers = model.encoder_variables, model.towers.trainable_variables
    before = snapshot(encoder), snapshot(towers)
    report = model.train_step((graph(8), labels(8)))
    assert set(report) == {"loss", "loss/auto_encoder", "weight/auto_encoder"}
    assert sum(moved(encoder, before[0])) > len(encoder) - 3 and not any(moved(towers, before[1]))
    model.freeze_encoder()
    compiled(model)
    assert model.phase == "ranking" and model.loss_names == ["click", "seconds"]
    assert [kernel.shape.as_list() for kernel in model.shared_kernels] == [[16, 8]]
    before = snapshot(encoder), snapshot(towers)
    for _ in range(2):
        model.train_step((graph(8), labels(8)))
    assert not any(moved(encoder, before[0])) and any(moved(towers, before[1]))


def test_a_frozen_encoder_drops_and_hides_nothing(build, graph, labels) -> None:
    model = build("frozen_encoder", towers={"dropout": 0.0, "bottom_units": [8], "task_units": [8]}, features={})
    model.freeze_encoder()
    compiled(model, optimizer=tf.keras.optimizers.SGD(0.0))
    first, second = (model.train_step((graph(), labels()))["loss/click"] for _ in range(2))
    assert float(first) == float(second)


def test_auto_encoder_can_be_switched_off(build, graph, labels) -> None:
    model = compiled(build("joint", auto_encoder={"enabled": False}))
    assert model.loss_names == ["click", "seconds"] and model.auto_encoder is None
    assert set(model.train_step((graph(), labels()))) >= {"loss/click", "loss/seconds"}


@pytest.mark.slow
def test_a_restored_model_goes_on_bit_for_bit(build, graph, labels, tmp_path, monkeypatch) -> None:
    def hide_by_id(batch: tfgnn.GraphTensor, *, node_sets: list[str], rate: float) -> dict[str, tf.Tensor]:
        del rate
        return {name: batch.node_sets[name]["#id"] % 3 == 0 for name in node_sets}

    monkeypatch.setattr(joint_model, "sample_masks", hide_by_id)
    without_draws = {
        "encoder": {"units": 16, "message_units": 16, "rounds": 1, "dropout": 0.0},
        "towers": {"bottom_units": [16, 8], "task_units": [8], "cross_layers": 1, "dropout": 0.0},
        "features": {"video": {"#id": {"kind": "hashed", "dimension": 4, "buckets": 100}}},
    }

    def train(model: JointModel, steps: int) -> None:
        for step in range(steps):
            model.train_step((graph(seed=step), labels(seed=step)))

    model = compiled(build("joint", **without_draws))
    train(model, 4)
    saved = tf.train.Checkpoint(model=model).save(str(tmp_path / "checkpoint"))
    fresh = compiled(build("joint", **without_draws))
    tf.train.Checkpoint(model=fresh).restore(saved).assert_existing_objects_matched()
    at_save = snapshot(model.balancer.variables)
    for going_on in (model, fresh):
        train(going_on, 4)
    # L(0), moments, counts and mean weights of the balancer among them; optimizers' moments too.
    assert sum(moved(model.balancer.variables, at_save)) >= 5
    for of in (lambda of_model: of_model.variables, lambda of_model: of_model.optimizer.variables):
        for old, new in zip(of(model), of(fresh), strict=True):
            np.testing.assert_array_equal(old, new, err_msg=old.name)


def without_root(graph: tfgnn.GraphTensor, edge_set: str) -> tfgnn.GraphTensor:
    """The graph with no tie in one readout edge set."""
    old = graph.edge_sets[edge_set]
    ends = [(old.adjacency.node_set_name(tag), tf.constant([], tf.int32)) for tag in (tfgnn.SOURCE, tfgnn.TARGET)]
    empty = tfgnn.EdgeSet.from_fields(sizes=tf.zeros_like(old.sizes), adjacency=tfgnn.Adjacency.from_indices(*ends))
    edge_sets = {name: empty if name == edge_set else edges for name, edges in graph.edge_sets.items()}
    return tfgnn.GraphTensor.from_pieces(context=graph.context, node_sets=graph.node_sets, edge_sets=edge_sets)


@pytest.mark.parametrize("edge_set", ["_readout/user", "_readout/item"])
def test_candidates_of_unknown_users_and_items_are_predicted(joint, graph, edge_set) -> None:
    known, unknown = joint.predictions(graph()), joint.predictions(without_root(graph(), edge_set))
    assert unknown["click"].shape == [6] and np.all(np.isfinite(unknown["click"]))
    assert not np.allclose(known["click"], unknown["click"])


def two_domains(graph: tfgnn.GraphTensor, live: int) -> tfgnn.GraphTensor:
    """The last `live` candidates stand for nodes of another item node set."""
    size = int(graph.node_sets["_readout"].total_size)
    videos, candidates = tf.range(size - live), tf.range(size)
    requests = int(graph.num_components)
    node_sets = {**graph.node_sets}
    node_sets["live"] = tfgnn.NodeSet.from_fields(
        features={"viewers": tf.range(live, dtype=tf.float32)}, sizes=[live] + [0] * (requests - 1)
    )
    edge_sets = {name: edges for name, edges in graph.edge_sets.items() if name != "_readout/item"}
    for name, nodes, ends in (
        ("video", videos, candidates[: size - live]),
        ("live", tf.range(live), candidates[size - live :]),
    ):
        edge_sets[f"_readout/item/{name}"] = tfgnn.EdgeSet.from_fields(
            sizes=[len(ends)] + [0] * (requests - 1),
            adjacency=tfgnn.Adjacency.from_indices((name, nodes), ("_readout", ends)),
        )
    return tfgnn.GraphTensor.from_pieces(context=graph.context, node_sets=node_sets, edge_sets=edge_sets)


def test_items_come_from_several_node_sets_one_of_them_empty_in_a_batch(
    config, schema, all_statistics, graph, labels
) -> None:
    from tfgrec.model.build import build_joint_model

    edge_sets = {name: edges for name, edges in schema.edge_sets.items() if name != "_readout/item"}
    for name in ("video", "live"):
        edge_sets[f"_readout/item/{name}"] = EdgeSet(name, "_readout", {})
    node_sets = {**schema.node_sets, "live": NodeSet({"viewers": Feature("float32")})}
    viewers = all_statistics["user"]["follows"]
    model = build_joint_model(
        config=config(),
        schema=dataclasses.replace(schema, node_sets=node_sets, edge_sets=edge_sets),
        statistics={**all_statistics, "live": {"viewers": viewers}},
        arm="joint",
    )
    mixed, videos_only = two_domains(graph(), live=2), two_domains(graph(), live=0)
    of_mixed, of_videos = model(mixed)["click"].numpy(), model(videos_only)["click"].numpy()
    np.testing.assert_allclose(of_mixed[:4], of_videos[:4], rtol=1e-5)
    assert not np.allclose(of_mixed[4:], of_videos[4:])
    compiled(model)
    for batch in (mixed, videos_only):
        report = model.train_step((batch, labels()))
        assert all(np.isfinite(value) for value in report.values())


@pytest.mark.slow
def test_a_graph_update_of_every_kind_trains(build, graph, labels) -> None:
    for update in ("graph_sage", "gat_v2", "hgt", "mpnn"):
        encoder = {"units": 16, "rounds": 1, "update": update}
        model = compiled(build("joint", encoder=encoder))
        before = snapshot(model.encoder_variables)
        assert np.isfinite(float(model.train_step((graph(), labels()))["loss"]))
        assert any(moved(model.encoder_variables, before))
