"""Padded batches hold every record, in few shapes, and the model scores their real candidates as ever."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.data.input_pipeline import TrainingData
from tfgrec.data.padded_batches import pad_batch
from tfgrec.data.padding_budgets import padding_budgets
from tfgrec.errors import InputDataError
from tfgrec.graph.schema import READOUT
from tfgrec.model.encoder.masking import sample_masks
from tfgrec.training.replica_batches import replica_batches
from tfgrec.training.replicas import Replicas
from tfgrec.training.run_model import RunModel

pytestmark = pytest.mark.slow

BATCH_SIZE = 16
ORDER = {"batch_size": BATCH_SIZE, "seed": 1, "epoch": 0, "shuffle_buffer": 50}


@pytest.fixture(scope="module")
def data(joint: RunModel) -> TrainingData:
    return joint.training_data


@pytest.fixture(scope="module")
def budgets(joint: RunModel) -> list[tfgnn.SizeConstraints]:
    return padding_budgets(joint.examples.sizes, batch_size=BATCH_SIZE, quantiles=(0.5, 0.9))


@pytest.fixture(scope="module")
def pairs(data: TrainingData, budgets: list[tfgnn.SizeConstraints]) -> list[tuple]:
    """Each batch as it is and padded."""
    plain = replica_batches(data, replicas=Replicas(), **ORDER)
    padded = replica_batches(data, replicas=Replicas(), padding=budgets, **ORDER)
    return [(batch, filled) for (batch,), (filled,) in zip(plain, padded, strict=True)]


def shape(graph: tfgnn.GraphTensor) -> dict[str, int]:
    sets = {**graph.node_sets, **graph.edge_sets}
    return {name: int(of.total_size) for name, of in sets.items()}


def test_budgets_rise_and_have_room_for_padding(budgets: list[tfgnn.SizeConstraints], joint: RunModel) -> None:
    assert len(budgets) == 3
    assert {budget.total_num_components for budget in budgets} == {BATCH_SIZE + 1}
    for smaller, larger in zip(budgets, budgets[1:], strict=False):
        for name, size in larger.total_num_nodes.items():
            assert smaller.total_num_nodes[name] <= size
    for name, of_set in joint.examples.sizes["node_sets"].items():
        assert budgets[-1].total_num_nodes[name] == BATCH_SIZE * of_set["largest"] + 1
    with pytest.raises(InputDataError, match="no sizes of requests: sample again"):
        padding_budgets({}, batch_size=4)


def test_no_record_is_lost_and_shapes_are_those_of_the_budgets(pairs: list[tuple], budgets: list) -> None:
    shapes = [{**budget.total_num_nodes, **budget.total_num_edges} for budget in budgets]
    used = []
    for (graph, labels), (padded, padded_labels) in pairs:
        used.append(next(i for i, sizes in enumerate(shapes) if sizes == shape(padded)))
        assert all(sizes <= shapes[used[-1]][name] for name, sizes in shape(graph).items())
        requests = int(graph.num_components)
        assert padded.context["time"].numpy().tolist()[:requests] == graph.context["time"].numpy().tolist()
        assert int(padded.num_components) == BATCH_SIZE + 1
        for name, values in labels.items():
            np.testing.assert_array_equal(padded_labels[name][: len(values)], values)
            assert np.isnan(padded_labels[name][len(values) :]).all()
            assert len(padded_labels[name]) == padded.node_sets[READOUT].total_size
    # The last batch of an epoch is smaller.
    assert sum(int(graph.num_components) for (graph, _), _ in pairs) == 120
    assert len(pairs) == 8 and int(pairs[-1][0][0].num_components) == 8
    assert set(used) > {0}, "several budgets are used"


def test_real_candidates_are_scored_as_without_padding(joint: RunModel, pairs: list[tuple]) -> None:
    for (graph, labels), (padded, padded_labels) in [pairs[0], pairs[-1]]:
        plain, scores = joint.model.predictions(graph), joint.model.predictions(padded)
        for task, expected in plain.items():
            np.testing.assert_allclose(scores[task][: len(expected)], expected, rtol=1e-5, atol=1e-6)
        losses = [
            joint.model.task_loss_sums(of, {task: tf.math.log(of / (1 - of)) for task, of in score.items()}, of_batch)
            for of, score, of_batch in ((graph, plain, labels), (padded, scores, padded_labels))
        ]
        np.testing.assert_allclose(losses[1]["click"].mean(), losses[0]["click"].mean(), rtol=1e-5)


def test_no_padding_is_hidden(joint: RunModel, pairs: list[tuple]) -> None:
    node_sets = joint.model.auto_encoder.node_sets
    for (graph, _), (padded, _) in pairs:
        plain, masks = (sample_masks(of, node_sets=node_sets, rate=1.0) for of in (graph, padded))
        for name in node_sets:
            np.testing.assert_array_equal(masks[name][: len(plain[name])], plain[name])
            assert not masks[name].numpy()[len(plain[name]) :].any()
            assert plain[name].numpy().any() or name != "user"


def test_a_batch_beyond_the_last_budget_is_an_error(joint: RunModel, budgets: list[tfgnn.SizeConstraints]) -> None:
    four_batches = joint.training_data.parse(tf.constant(joint.sample("train")))
    assert int(four_batches[0].num_components) == 4 * BATCH_SIZE
    with pytest.raises(tf.errors.InvalidArgumentError, match="larger than the last padding budget"):
        pad_batch(*four_batches, budgets)
