"""LightGBM on a run's records: what it reads is what the graph says of the candidates, and no label."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_records import LABELS, write_small_run

from benchmarks import trees
from benchmarks.record_features import RecordFeatures
from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.graph.schema import READOUT
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.run.run_directory import RunDirectory


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return RunDirectory.at(write_small_run(tmp_path_factory.mktemp("small")))


@pytest.fixture(scope="module")
def validation(run: RunDirectory) -> tuple[pd.DataFrame, pd.DataFrame]:
    overrides = ["model.rates={watched_rate: {of: user_watched, over: [user_watched, hour], smoothing: 3}}"]
    return RecordFeatures(run.read_config(overrides), ExamplesDirectory.open(run.examples)).read("validation")


def test_features_are_those_of_the_candidates_own_nodes(
    run: RunDirectory, validation: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    features, rows = validation
    assert len(features) == len(rows) > 0 and not set(LABELS) & {name.split(".")[-1] for name in features}
    store = GraphStore.open(run.graph)

    def of_nodes(node_set: str, ids: pd.Series, feature: str) -> list:
        index = store.node_index(node_set)
        return index.features(store.lookup(node_set, ids.tolist()), [feature])[feature].to_pylist()

    ages = of_nodes("user", rows["user"], "age_group")
    assert [value.decode() for value in features[f"{READOUT}/user.age_group"]] == ages
    videos = (rows["item_node_set"] == "video").to_numpy()
    duration = features[f"{READOUT}/item/video.duration"]
    assert duration[~videos].isna().all()
    expected = of_nodes("video", rows["item"][videos].astype(int), "duration")
    np.testing.assert_allclose(duration[videos], expected, rtol=1e-6)
    assert not {name for name in features if name.endswith((".tags", "#id"))}


def test_rates_are_read_as_the_model_reads_them(
    run: RunDirectory, validation: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    features, _ = validation
    statistics = ExamplesDirectory.open(run.examples).statistics[READOUT]
    watched, hour = (statistics[name]["numeric"]["mean"] for name in ("user_watched", "hour"))
    prior = watched / (watched + hour)
    share = (features["user_watched"] + 3 * prior) / (features["user_watched"] + features["hour"] + 3)
    expected = np.log(share / (1 - share)) - np.log(prior / (1 - prior))
    assert expected.std() > 0.1
    np.testing.assert_allclose(features["watched_rate"], expected, atol=1e-4)


def test_the_cut_is_the_newest_tenth() -> None:
    rows = trees.training_rows(np.arange(100)[::-1], 5)
    assert np.flatnonzero(rows.cut).tolist() == list(range(10)) and rows.fit.sum() == 90
    assert np.flatnonzero(rows.validation).tolist() == list(range(100, 105))
    assert not (rows.fit & rows.cut).any()


def test_the_command_compares_a_run_with_trees_on_its_own_rows(
    run: RunDirectory, validation: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path
) -> None:
    _, rows = validation
    label = rows["label/click"].to_numpy()
    foresight = rows.assign(**{"prediction/click": 0.1 + 0.8 * label}).sample(frac=1, random_state=0)
    run.predictions.parent.mkdir(parents=True, exist_ok=True)
    foresight.to_parquet(run.predictions)
    found = tmp_path / "found.json"
    assert trees.main(["--run-dir", str(run.root), "--seeds", "1", "--json", str(found)]) == 0
    told = json.loads(found.read_text())
    assert told["rows"] == len(rows)
    assert told["metrics"][run.root.name]["click"]["auc"] == 1
    assert told["metrics"]["lightgbm"]["click"]["auc"] < 0.8
    assert told["auc_less_lightgbm"][run.root.name]["click"]["low"] > 0
