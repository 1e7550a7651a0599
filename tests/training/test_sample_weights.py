"""A sample weight goes the way of a label: into the loss, and never into the model or into what is served."""

from pathlib import Path

import numpy as np
import pytest

from tfgrec.config.model import TaskConfig
from tfgrec.graph.schema import READOUT
from tfgrec.run.run_directory import RunDirectory
from tfgrec.training.run_model import RunModel


@pytest.mark.slow
def test_a_weight_feature_is_split_off_with_the_labels(small_run: Path) -> None:
    run = RunDirectory.at(small_run)
    config = run.read_config()
    tasks = {"click": TaskConfig(label="click", sample_weight="user_watched")}
    weighted = RunModel(config.model_copy(update={"model": config.model.model_copy(update={"tasks": tasks})}), run)
    assert "user_watched" not in weighted.serving_schema.node_sets[READOUT].features
    batch = weighted.training_data.serialized_batches(batch_size=16, seed=0, epoch=0, shuffle_buffer=50)
    graph, labels = weighted.training_data.parse(next(iter(batch)))
    assert set(labels) == {"click", "watch_ms", "user_watched"}
    assert "user_watched" not in graph.node_sets[READOUT].features
    logits = weighted.model(graph)["click"].numpy()
    loss = weighted.model.task_loss_sums(graph, {"click": logits}, labels)["click"]
    weights, clicks = labels["user_watched"].numpy(), labels["click"].numpy()
    assert np.ptp(weights) > 0
    each = np.log1p(np.exp(logits)) - clicks * logits
    np.testing.assert_allclose(loss.mean(), (weights * each).sum() / weights.sum(), rtol=1e-4)
