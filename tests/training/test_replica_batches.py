"""However many replicas share them, the batches are the same: every request once, in the same order."""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.data.input_pipeline import TrainingData
from tfgrec.data.padding_budgets import padding_budgets
from tfgrec.graph.schema import READOUT
from tfgrec.model.padding_mask import real_nodes
from tfgrec.training.replica_batches import (
    flattened,
    largest_part,
    parsed_batches,
    part_parser,
    replica_batches,
    unflattened,
)
from tfgrec.training.replicas import Replicas, make_replicas
from tfgrec.training.run_model import RunModel

ORDER = {"batch_size": 17, "seed": 3, "epoch": 1, "shuffle_buffer": 50, "skip_batches": 5}


@dataclasses.dataclass(frozen=True)
class Shares:
    """As many replicas as a test wants."""

    count: int
    local: range


@pytest.fixture(scope="module")
def split(joint: RunModel) -> Callable[[int], list[tuple]]:
    """The parts of all batches for so many replicas."""

    @functools.cache
    def split_for(count: int) -> list[tuple]:
        return list(replica_batches(joint.training_data, replicas=Shares(count, range(count)), **ORDER))

    return split_for


@pytest.fixture(scope="module")
def whole(joint: RunModel) -> list[tuple]:
    """The same batches in one piece."""
    data = joint.training_data
    return [data.parse(serialized) for serialized in data.serialized_batches(**ORDER)]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_parts_together_are_the_batch(whole: list[tuple], split: Callable[[int], list[tuple]], count: int) -> None:
    assert [int(graph.num_components) for graph, _ in whole] == [17, 17, 1]
    for (graph, labels), parts in zip(whole, split(count), strict=True):
        sizes = [int(part.num_components) for part, _ in parts]
        assert max(sizes) - min(sizes) <= 1 and max(sizes) <= largest_part(17, Shares(count, range(count)))
        for name in ("click", "watch_ms"):
            np.testing.assert_array_equal(np.concatenate([part[name] for _, part in parts]), labels[name])
        for name, nodes in graph.node_sets.items():
            for feature, values in nodes.features.items():
                pieces = tf.concat([part.node_sets[name][feature] for part, _ in parts], axis=0)
                if isinstance(values, tf.RaggedTensor):
                    pieces, values = pieces.to_tensor(), values.to_tensor()
                np.testing.assert_array_equal(pieces, values, err_msg=f"{name}, {feature}")
        for name, edges in graph.edge_sets.items():
            assert sum(int(part.edge_sets[name].total_size) for part, _ in parts) == int(edges.total_size)


def test_a_process_gets_its_own_parts(joint: RunModel, split: Callable[[int], list[tuple]]) -> None:
    second = list(replica_batches(joint.training_data, replicas=Shares(3, range(1, 3)), **ORDER))
    for all_parts, parts in zip(split(3), second, strict=True):
        for (_, expected), (_, labels) in zip(all_parts[1:], parts, strict=True):
            np.testing.assert_array_equal(labels["click"], expected["click"])


@pytest.mark.slow
def test_padded_parts_know_what_is_real_even_when_they_are_empty(
    joint: RunModel, split: Callable[[int], list[tuple]]
) -> None:
    two = Shares(2, range(2))
    budgets = padding_budgets(joint.examples.sizes, batch_size=largest_part(17, two), quantiles=())
    plain = split(2)
    padded = list(replica_batches(joint.training_data, replicas=two, padding=budgets, **ORDER))
    assert int(plain[-1][0][0].num_components) == 0
    for parts, padded_parts in zip(plain, padded, strict=True):
        for (graph, labels), (filled, filled_labels) in zip(parts, padded_parts, strict=True):
            for name in graph.node_sets:
                size = int(graph.node_sets[name].total_size)
                expected = np.arange(int(filled.node_sets[name].total_size)) < size
                np.testing.assert_array_equal(real_nodes(filled, name), expected)
                assert real_nodes(graph, name).numpy().all()
            missing = int(filled.node_sets[READOUT].total_size) - len(labels["click"])
            assert np.isnan(filled_labels["click"][-missing:]).all()


def test_epochs_share_one_trace_of_the_parser(joint: RunModel, monkeypatch: pytest.MonkeyPatch) -> None:
    traced, parse = [], TrainingData.parse
    monkeypatch.setattr(TrainingData, "parse", lambda self, part: traced.append(part) or parse(self, part))
    parser = part_parser(joint.training_data, replicas=Replicas())
    first, second = (parsed_batches(joint.training_data, parser, **{**ORDER, "epoch": epoch}) for epoch in (1, 2))
    assert first.element_spec == second.element_spec and len(traced) == 1


def test_flattened_batches_come_back_whole(joint: RunModel) -> None:
    batches = replica_batches(joint.training_data, replicas=Replicas(), **ORDER)
    ((graph_spec, label_specs),) = batches.element_spec
    for flat, ((graph, labels),) in zip(flattened(batches), batches, strict=True):
        # The type that functions are traced for.
        assert graph_spec.is_compatible_with(graph)
        assert all(spec.is_compatible_with(labels[name]) for name, spec in label_specs.items())
        assert all(isinstance(tensor, tf.Tensor) for tensor in flat)
        ((again, labels_again),) = unflattened(flat, batches.element_spec)
        assert again.spec == graph.spec
        np.testing.assert_array_equal(labels_again["click"], labels["click"])
        np.testing.assert_array_equal(again.context["time"], graph.context["time"])


def test_no_distribution_is_one_replica(joint: RunModel) -> None:
    replicas = make_replicas(joint.config.training)
    assert (replicas.count, replicas.local, replicas.is_chief) == (1, range(1), True)
    assert replicas.run(lambda left, right: left + right, [(1, 2)]) == 3
    assert replicas.sum_over_processes(5) == 5
