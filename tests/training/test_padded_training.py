"""Steps on padded batches that are compiled by XLA are steps on the batches as they are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfgrec.data.padding_budgets import padding_budgets
from tfgrec.model.encoder.masking import sample_masks
from tfgrec.run.run_directory import RunDirectory
from tfgrec.training.replica_batches import replica_batches
from tfgrec.training.replicas import Replicas
from tfgrec.training.run_model import RunModel

STEPS = 4
ORDER = {"batch_size": 16, "seed": 1, "epoch": 0, "shuffle_buffer": 50}
PLAIN = ["model.encoder.dropout=0", "model.towers.dropout=0", "model.balancing.initial_loss_steps=1"]


def trained(run: RunDirectory, *, compiled: bool) -> tuple[list[dict[str, float]], list[np.ndarray]]:
    """What STEPS steps report, and all variables after them. Plain SGD: Adam would blow up rounding."""
    of_run = RunModel(run.read_config(PLAIN), run)
    model = of_run.model
    model.compile(
        optimizer=tf.keras.optimizers.SGD(0.05),
        embedding_optimizer=tf.keras.optimizers.SGD(0.05),
        clip_norm=1.0,
        jit_compile=compiled,
    )
    padding = padding_budgets(of_run.examples.sizes, batch_size=16, quantiles=(0.5,)) if compiled else None
    batches = replica_batches(of_run.training_data, replicas=Replicas(), padding=padding, **ORDER)
    step = tf.function(lambda batch: model.train_step(batch), input_signature=batches.element_spec, autograph=False)
    taken = list(batches.take(STEPS))
    sizes = {int(graph.node_sets["user"].total_size) for ((graph, _),) in taken}
    assert len(sizes) > 1, "several shapes are compiled"
    reports = [{name: float(value) for name, value in step(*batch).items()} for batch in taken]
    return reports, [variable.numpy() for variable in model.variables]


def hide_whole_batch(graph: Any, *, node_sets: list[str], rate: float) -> dict[str, tf.Tensor]:
    """Stands in for the random draw: hides what may be hidden, so that it is the same whatever was padded."""
    del rate
    return sample_masks(graph, node_sets=node_sets, rate=1.0)


@pytest.mark.slow
def test_padding_and_xla_change_nothing(small_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfgrec.model.joint_model.sample_masks", hide_whole_batch)
    expected = trained(RunDirectory.at(small_run), compiled=False)
    reports, variables = trained(RunDirectory.at(small_run), compiled=True)
    for report, wanted in zip(reports, expected[0], strict=True):
        assert report.keys() == wanted.keys() and "loss/auto_encoder" in report and wanted["loss/auto_encoder"] > 0
        for name, value in wanted.items():
            assert report[name] == pytest.approx(value, rel=1e-5, abs=1e-6), name
    for found, wanted in zip(variables, expected[1], strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-6)
