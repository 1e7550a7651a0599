"""Predictions cover every candidate, and a request's scores don't depend on its neighbours in a batch."""

import json

import numpy as np
import pandas as pd
import pytest

from tfgrec.metrics import metric_names
from tfgrec.training.evaluation import evaluate, predict, write_evaluation
from tfgrec.training.run_model import RunModel


@pytest.fixture(scope="module")
def predictions(joint: RunModel) -> pd.DataFrame:
    return joint_predictions(joint, batch_size=32)


def joint_predictions(joint: RunModel, *, batch_size: int) -> pd.DataFrame:
    from tfgrec.serving.signatures.scoring import make_scoring_function

    return predict(
        make_scoring_function(joint.model, joint.serving_schema),
        split=joint.examples.split("validation"),
        schema=joint.examples.schema,
        tasks=joint.config.model.tasks,
        scenario="scenario",
        batch_size=batch_size,
    )


def test_nothing_is_dropped(joint: RunModel, predictions: pd.DataFrame) -> None:
    split = joint.examples.split("validation")
    assert len(predictions) == split.num_candidates
    assert predictions["request"].nunique() == split.num_requests
    assert predictions["request"].is_monotonic_increasing
    assert predictions["prediction/click"].between(0, 1).all()
    assert np.isfinite(predictions["prediction/watch_time"]).all()


def test_scores_don_t_depend_on_the_batch(joint: RunModel, predictions: pd.DataFrame) -> None:
    one_by_one = joint_predictions(joint, batch_size=1)
    for task in joint.config.model.tasks:
        np.testing.assert_allclose(
            one_by_one[f"prediction/{task}"], predictions[f"prediction/{task}"], rtol=1e-4, atol=1e-5
        )


def test_files_hold_what_was_measured(joint: RunModel, predictions: pd.DataFrame, tmp_path) -> None:
    metrics = evaluate(predictions, joint.config)
    write_evaluation(predictions, metrics, table=tmp_path / "p.parquet", summary=tmp_path / "m.json")
    read = json.loads((tmp_path / "m.json").read_text())
    assert read["validation"]["click"].keys() == set(metric_names("binary"))
    assert read["scenarios"].keys() == {"feed", "search"}
    assert read["validation"]["rows"] == len(predictions)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "p.parquet"), predictions)
