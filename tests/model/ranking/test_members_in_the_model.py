"""Members in the model: losses and gradients are the mean of theirs, predictions the mean of their predictions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfgrec.config.model import TaskConfig
from tfgrec.model import joint_model
from tfgrec.model.joint_model import JointModel
from tfgrec.model.ranking.task_losses import TaskLoss
from tfgrec.model.step.step_gradients import StepGradients
from tfgrec.training.variable_meanings import variables_by_path

MEMBERS = 3
LOGITS = np.random.default_rng(4).normal(0, 2, [MEMBERS, 5]).astype(np.float32)
LABELS = {"x": tf.constant([0.0, 1.0, np.nan, 1.0, 0.0]), "w": tf.constant([2.0, 0.5, 1.0, np.nan, 1.0])}
SMALL: dict[str, Any] = {
    "encoder": {"units": 8, "message_units": 8, "rounds": 1, "dropout": 0.0},
    "features": {"video": {"#id": {"kind": "hashed", "dimension": 4, "buckets": 100}}},
    "fusion": {"match": "dot"},
    # The penalty is a mean over rows, those of padding among them.
    "match": {"dimension": 4, "buckets": 100, "dropout": 0.0, "l2": 0.0},
    "balancing": {"initial_loss_steps": 1, "learning_rate": 0.1},
}


def towers(**changes: Any) -> dict[str, Any]:
    sizes = {"bottom_units": [8], "task_units": [8], "cross_layers": 1, "dropout": 0.0}
    return {"members": MEMBERS, **sizes, **changes}


def make_task(**config: Any) -> TaskLoss:
    return TaskLoss(name="task", config=TaskConfig(label="x", sample_weight="w", **config))


KINDS: dict[str, dict[str, Any]] = {"binary": {}}
KINDS |= {loss: {"kind": "regression", "loss": loss} for loss in ("huber", "log_cosh", "squared", "absolute")}


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_the_mean_of_the_members_losses(kind: str) -> None:
    """Labels are missing, candidates weighted."""
    task, logits = make_task(**KINDS[kind]), tf.Variable(LOGITS)
    with tf.GradientTape() as tape:
        together = task.loss(logits, LABELS, {}).mean()
    gradient = tape.gradient(together, logits).numpy()
    losses = []
    for member, of_member in enumerate(LOGITS):
        alone = tf.Variable(of_member)
        with tf.GradientTape() as tape:
            losses.append(task.loss(alone, LABELS, {}).mean())
        np.testing.assert_allclose(gradient[member], tape.gradient(losses[-1], alone) / MEMBERS, rtol=1e-5, atol=1e-7)
    assert float(together) == pytest.approx(np.mean(losses), rel=1e-5)
    assert float(task.loss(logits, LABELS, {}).count) == 3.5
    # The loss of the mean prediction is another one.
    assert float(together) > float(task.loss(task.of_members(logits), LABELS, {}).mean()) + 1e-3


@given(logits=arrays(np.float32, st.tuples(st.integers(2, 4), st.just(3)), elements=st.floats(-90, 90, width=32)))
@settings(max_examples=100, deadline=None)
def test_members_of_a_binary_task_predict_the_mean_of_their_probabilities(logits: np.ndarray) -> None:
    exact = logits.astype(np.float64)
    chances, others = (1 / (1 + np.exp(-sign * exact)) for sign in (1, -1))
    found = make_task().of_members(tf.constant(logits))
    np.testing.assert_allclose(found, np.log(chances.mean(axis=0) / others.mean(axis=0)), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(make_task().predictions(found, {}), chances.mean(axis=0), rtol=1e-4, atol=1e-6)


def test_wild_logits_of_members_stay_finite_and_so_do_their_gradients() -> None:
    logits = tf.Variable([[-1e6, 1e6, 500.0], [-1e6, 1e6, -500.0]])
    with tf.GradientTape() as tape:
        together = make_task().of_members(logits)
    np.testing.assert_allclose(together, [-1e6, 1e6, 0.0])
    assert np.isfinite(tape.gradient(together, logits)).all()


def test_members_of_a_regression_predict_their_mean_on_the_learned_scale() -> None:
    task = make_task(kind="regression", transform="log", scale=10)
    predicted = task.predictions(task.of_members(tf.constant(LOGITS)), {})
    np.testing.assert_allclose(predicted, 10 * np.expm1(np.maximum(LOGITS.mean(axis=0), 0)), rtol=1e-5)


@pytest.fixture
def model(build: Callable[..., JointModel]) -> JointModel:
    """Members with a match, all of whose variables are far from where they start."""
    made = build("joint", **SMALL, towers=towers())
    random = np.random.default_rng(2)
    for variable in made.trainable_variables:
        variable.assign_add(random.normal(0, 0.1, variable.shape))
    return made


def hide_by_id(graph: tfgnn.GraphTensor, *, node_sets: list[str], rate: float) -> dict[str, tf.Tensor]:
    """Stands in for sample_masks: hides the same nodes in all models, and none of padding, whose id is 0."""
    del rate
    return {name: graph.node_sets[name]["#id"] % 3 == 1 for name in node_sets}


def test_the_model_predicts_the_mean_and_adds_the_match_to_each_member(model: JointModel, graph) -> None:
    fields = model.fields(graph(), model.represent(graph()))
    members = model.member_logits(fields)
    without = model.member_logits({name: values for name, values in fields.items() if name != "match_sums"})
    matched = model.match_logits(fields["match_sums"])
    predicted = model.predictions(graph())
    for task in ("click", "seconds"):
        assert members[task].shape == [MEMBERS, 6] and model(graph())[task].shape == predicted[task].shape == [6]
        for member in range(MEMBERS):
            np.testing.assert_allclose(members[task][member], without[task][member] + matched[task], rtol=1e-5)
        assert np.abs(matched[task]).max() > 1e-3
    np.testing.assert_allclose(predicted["click"], tf.reduce_mean(tf.sigmoid(members["click"]), axis=0), rtol=1e-5)
    mean = np.maximum(np.mean(members["seconds"], axis=0), 0)
    np.testing.assert_allclose(predicted["seconds"], 10 * np.expm1(mean), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("arm", [pytest.param("joint", marks=pytest.mark.slow), "no_graph"])
def test_a_step_s_gradients_and_norms_are_those_of_the_mean_loss(build, graph, labels, monkeypatch, arm: str) -> None:
    """Without graph the shared kernels, on which GradNorm takes norms, are all members' own."""
    monkeypatch.setattr(joint_model, "sample_masks", hide_by_id)
    model, batch, of_batch = build(arm, **SMALL, towers=towers()), graph(5), labels(5)
    of_batch["click"] = tf.where(tf.range(10) < 3, np.nan, of_batch["click"])
    step = StepGradients(
        represent=lambda: model.represent(batch, training=True),
        losses=lambda represented: model.loss_sums(batch, of_batch, represented),
    )
    with tf.GradientTape(persistent=True) as tape:
        members = model.member_logits(model.fields(batch, model.represent(batch, training=True)), training=True)
        losses = {}
        for task in ("click", "seconds"):
            of_members = [
                model.task_loss_sums(batch, {name: values[member] for name, values in members.items()}, of_batch)
                for member in range(MEMBERS)
            ]
            losses[task] = tf.add_n([of_member[task].mean() for of_member in of_members]) / MEMBERS
    np.testing.assert_allclose(step.losses[:2], list(losses.values()), rtol=1e-5)
    expected = [
        tf.linalg.global_norm(tape.gradient(loss, model.shared_kernels, unconnected_gradients="zero"))
        for loss in losses.values()
    ]
    assert arm == "joint" or min(expected) > 1e-3
    np.testing.assert_allclose(step.norms(model.shared_kernels)[:2], expected, rtol=1e-4, atol=1e-7)
    inputs, heads = model.input_and_head_variables()
    weights = tf.one_hot(0, len(step.losses))
    of_click = step.of_weighted_sum(weights, inputs=inputs, heads=heads)
    for found, variable in zip(of_click, [*inputs, *heads], strict=True):
        alone = tape.gradient(losses["click"], variable)
        if alone is None:
            assert found is None or not np.any(tf.convert_to_tensor(found)), variable.name
        else:
            found, alone = tf.convert_to_tensor(found), tf.convert_to_tensor(alone)
            np.testing.assert_allclose(found, alone, rtol=1e-3, atol=1e-6, err_msg=variable.name)


def test_names_in_checkpoints_are_those_of_one_model_and_not_of_its_shapes(build) -> None:
    two, four = (variables_by_path(build("no_graph", **SMALL, towers=towers(members=n))) for n in (2, 4))
    assert two.keys() == four.keys()
    packed = {path for path in two if two[path].shape != four[path].shape}
    assert packed == {path for path in two if path.startswith(("towers/_bottom/", "towers/_towers/"))}
    assert all(two[path].shape[0] == 2 and four[path].shape[0] == 4 for path in packed)


class Training:
    """A model with its step as a function that is traced once."""

    def __init__(self, model: JointModel, graph: tfgnn.GraphTensor, *, jit_compile: bool = False) -> None:
        self.model = model
        model.compile(optimizer=tf.keras.optimizers.SGD(0.1), clip_norm=1.0, jit_compile=jit_compile)
        spec = graph.spec.relax(num_components=True, num_nodes=True, num_edges=True)
        of_labels = {name: tf.TensorSpec([None], tf.float32) for name in ("click", "seconds")}
        self.step = tf.function(lambda *batch: model.train_step(batch), input_signature=[spec, of_labels])


def padded(graph: tfgnn.GraphTensor, labels: dict[str, tf.Tensor], size: int = 40) -> tuple[Any, Any]:
    budget = tfgnn.SizeConstraints(
        total_num_components=8,
        total_num_nodes=dict.fromkeys(graph.node_sets, size),
        total_num_edges=dict.fromkeys(graph.edge_sets, size),
    )
    missing = size - int(graph.node_sets["_readout"].total_size)
    filled = {name: tf.pad(values, [[0, missing]], constant_values=np.nan) for name, values in labels.items()}
    return tfgnn.pad_to_total_sizes(graph, budget)[0], filled


@pytest.mark.slow
@pytest.mark.parametrize("bottom", ["shared", "mmoe"])
def test_padded_batches_compiled_by_xla_train_the_same(build, graph, labels, monkeypatch, bottom: str) -> None:
    monkeypatch.setattr(joint_model, "sample_masks", hide_by_id)
    config = {**SMALL, "towers": towers(bottom=bottom, experts=2)}
    plain, compiled = (Training(build("joint", **config), graph(), jit_compile=jit) for jit in (False, True))
    for seed in (4, 3, 5):
        batch = graph(seed, seed=seed), labels(seed, seed=seed)
        expected, found = plain.step(*batch), compiled.step(*padded(*batch))
        for name, value in expected.items():
            assert float(found[name]) == pytest.approx(float(value), rel=1e-4), name
    for one, other in zip(plain.model.variables, compiled.model.variables, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5, err_msg=one.name)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_follows_float32(build, graph, labels, monkeypatch, policy: str) -> None:
    monkeypatch.setattr(joint_model, "sample_masks", hide_by_id)
    trainings = []
    for name in ("float32", policy):
        tf.keras.mixed_precision.set_global_policy(name)
        try:
            model = build("joint", **{**SMALL, "towers": towers(bottom="mmoe", experts=2)})
        finally:
            tf.keras.mixed_precision.set_global_policy("float32")
        optimizer = tf.keras.optimizers.SGD(0.1)
        if name == "mixed_float16":
            optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer, initial_scale=2.0**8)
        model.compile(optimizer=optimizer, clip_norm=1.0)
        trainings.append(model)
    exact, half = trainings
    assert {variable.dtype for variable in half.towers.variables} == {tf.float32}
    assert {values.dtype for values in half(graph()).values()} == {tf.float32}
    for _ in range(3):
        expected, found = exact.train_step((graph(8), labels(8))), half.train_step((graph(8), labels(8)))
        assert float(found.pop("skipped", 0.0)) == 0
        for name, value in expected.items():
            assert float(found[name]) == pytest.approx(float(value), rel=0.05), name
