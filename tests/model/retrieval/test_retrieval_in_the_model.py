"""Retrieval as one more loss of the joint model: in every arm, on batches of every shape."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.errors import ConfigurationError
from tfgrec.model.joint_model import JointModel
from tfgrec.model.retrieval.retrieval_task import RETRIEVAL, RetrievalTask

CONFIG = {
    "positive": "click",
    "units": 8,
    "hidden_units": [8],
    "query_features": ["hour"],
    "item_features": ["shown"],
}


@pytest.fixture(scope="module")
def model(build) -> JointModel:
    """A joint model with retrieval; no test trains it."""
    return build("joint", retrieval=CONFIG)


@pytest.fixture(scope="module")
def trained(build) -> JointModel:
    model = build("joint", retrieval=CONFIG)
    model.compile(optimizer=tf.keras.optimizers.Adam(0.02), clip_norm=5.0)
    return model


def steps(model: JointModel, batches: list[tuple[Any, Any]]) -> list[dict[str, float]]:
    return [{name: float(value) for name, value in model.train_step(batch).items()} for batch in batches]


def loss_of(model: JointModel, graph: Any, labels: Any) -> Any:
    return model.loss_sums(graph, labels, model.represent(graph, training=True))[RETRIEVAL]


@pytest.mark.slow
def test_it_is_one_of_the_losses_that_are_balanced(trained: JointModel, graph, labels) -> None:
    assert trained.loss_names == ["click", "seconds", "retrieval", "auto_encoder"]
    reports = steps(trained, [(graph(6), labels(6))] * 20)
    assert reports[-1]["loss/retrieval"] < 0.8 * reports[1]["loss/retrieval"]
    assert len({report["weight/retrieval"] for report in reports}) > 5
    counted = trained.retrieval(graph(6), trained.fields(graph(6), trained.represent(graph(6))), labels(6))
    assert float(counted.count) == float(tf.reduce_sum(labels(6)["click"]))


def test_a_batch_without_positives_changes_nothing_of_it(build, graph, labels) -> None:
    model = build("no_graph", retrieval=CONFIG)
    model.compile(optimizer=tf.keras.optimizers.SGD(0.1))
    before = [variable.numpy() for variable in model.retrieval.trainable_variables]
    for click in (np.zeros(6), np.full(6, np.nan)):
        (report,) = steps(model, [(graph(3), {**labels(3), "click": tf.constant(click, tf.float32)})])
        assert report["loss/retrieval"] == 0 and np.isfinite(report["loss"])
    for old, variable in zip(before, model.retrieval.trainable_variables, strict=True):
        np.testing.assert_array_equal(old, variable)


@pytest.mark.parametrize(
    "without", [{"without_edges": ["watched", "watched_by", "made_by"]}, {"without_nodes": ["user"]}]
)
def test_empty_edge_sets_and_users_without_a_node(model: JointModel, graph, labels, without) -> None:
    loss = loss_of(model, graph(4, **without), labels(4))
    assert np.isfinite(loss.total) and float(loss.count) == float(tf.reduce_sum(labels(4)["click"]))


def test_each_side_reads_its_own_features_alone(model: JointModel, graph) -> None:
    batch = graph(3)
    readout = batch.node_sets["_readout"].get_features_dict()
    queries, items = model.query_vectors(batch).numpy(), model.item_vectors(batch).numpy()
    np.testing.assert_allclose(np.linalg.norm(queries, axis=1), 1, rtol=1e-5)
    changed = {
        "hour": readout | {"hour": (readout["hour"] + 5) % 24},
        "shown": readout | {"shown": readout["shown"] + 40},
        "clicked": readout | {"clicked": readout["clicked"] + 3},
    }
    moves = {
        name: [
            np.abs(after - before).max() > 1e-4
            for after, before in (
                (model.query_vectors(other).numpy(), queries),
                (model.item_vectors(other).numpy(), items),
            )
        ]
        for name, other in (
            (name, batch.replace_features(node_sets={"_readout": features})) for name, features in changed.items()
        )
    }
    assert moves == {"hour": [True, False], "shown": [False, True], "clicked": [False, False]}


def test_the_arms_train_what_they_have(build, graph, labels) -> None:
    frozen = build("frozen_encoder", retrieval=CONFIG)
    assert frozen.loss_names == ["auto_encoder"]
    frozen.freeze_encoder()
    assert frozen.loss_names == ["click", "seconds", "retrieval"]
    represented = frozen._represent_for_step(graph(4))
    with tf.GradientTape() as tape:
        loss = frozen.loss_sums(graph(4), labels(4), represented)[RETRIEVAL].mean()
    gradients = tape.gradient(loss, frozen.encoder.variables + frozen.retrieval.trainable_variables)
    of_encoder = gradients[: len(frozen.encoder.variables)]
    assert all(gradient is None for gradient in of_encoder)
    assert all(
        np.any(gradient) for gradient in gradients[len(frozen.encoder.variables) + 2 :: 2] if gradient is not None
    )
    assert build("no_graph", retrieval=CONFIG).retrieval.get_config()["query_fields"] == ["user"]


def test_the_layer_is_its_configuration(model: JointModel, graph, labels) -> None:
    copy = RetrievalTask.from_config(model.retrieval.get_config())
    assert copy.get_config() == model.retrieval.get_config()
    batch, fields = graph(3), model.fields(graph(3), model.represent(graph(3)))
    copy(batch, fields, labels(3))
    copy.set_weights(model.retrieval.get_weights())
    ours, theirs = (float(task(batch, fields, labels(3)).total) for task in (model.retrieval, copy))
    assert ours == pytest.approx(theirs)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"positive": "klick"}, "model.retrieval.positive: .*'klick'.*click"),
        ({"item_features": ["shwn"]}, "model.retrieval.item_features: .*'shwn'.*shown"),
        ({"query_features": ["click"]}, "model.retrieval.query_features"),
    ],
)
def test_names_that_are_wrong_are_told(build, changes: dict, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        build("no_graph", retrieval={**CONFIG, **changes})


def test_a_tower_needs_something_to_read(build) -> None:
    with pytest.raises(ConfigurationError, match="the item tower has nothing to read: set ranker_fields or item_feat"):
        build("no_graph", retrieval={**CONFIG, "ranker_fields": False, "item_features": []})
