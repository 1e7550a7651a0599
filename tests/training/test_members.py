"""A run whose towers have several members: exported it scores as trained, and it starts from runs with one."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from finished_runs import keep

from tfgrec.data.graph_spec import graph_tensor_spec
from tfgrec.data.parsed_records import parse_merged
from tfgrec.run.run_directory import RunDirectory
from tfgrec.serving.exported.export import export_model, load_scoring_function
from tfgrec.training.run_model import RunModel
from tfgrec.training.variable_meanings import variables_by_path
from tfgrec.training.warm_start import take_over

pytestmark = pytest.mark.slow

OF_MEMBERS = ("towers/_bottom/", "towers/_towers/")


def with_members(run: Path, members: int) -> RunModel:
    of_run = RunDirectory.at(run)
    model = RunModel(of_run.read_config([f"model.towers.members={members}"]), of_run)
    random = np.random.default_rng(3)
    for variable in model.model.trainable_variables:
        variable.assign(random.normal(0, 0.2, variable.shape))
    return model


def test_an_exported_model_scores_as_the_members_do_together(small_run: Path, tmp_path: Path) -> None:
    of_run = with_members(small_run, 3)
    model, records = of_run.model, of_run.sample("validation")
    path = export_model(model, schema=of_run.serving_schema, folder=tmp_path, sample=records, extra={})
    served = load_scoring_function(path)(tf.constant(records))
    graph = parse_merged(graph_tensor_spec(of_run.serving_schema), tf.constant(records))
    logits = model.member_logits(model.fields(graph, model.represent(graph)))["click"].numpy()
    assert logits.shape == (3, len(served["click"])) and np.ptp(logits, axis=0).min() > 1e-4
    np.testing.assert_allclose(served["click"], (1 / (1 + np.exp(-logits))).mean(axis=0), rtol=1e-4, atol=1e-6)
    shapes = [shape for _, shape in tf.train.list_variables(str(path / "variables" / "variables"))]
    assert any(len(shape) == 3 and shape[0] == 3 for shape in shapes)


@pytest.mark.parametrize("members", [1, 3])
def test_members_start_from_a_run_with_as_many(small_run: Path, tmp_path: Path, members: int) -> None:
    """From a run with one, all but the bottom and the towers are taken over."""
    earlier = keep(with_members(small_run, members), tmp_path / "earlier")
    model = with_members(small_run, 3)
    result = take_over(model.model, model.config.model, earlier)
    of_members = {path for path in variables_by_path(model.model) if path.startswith(OF_MEMBERS)}
    assert set(result.fresh) == (of_members if members == 1 else set())
    assert len(result.taken) > len(of_members) > 5
