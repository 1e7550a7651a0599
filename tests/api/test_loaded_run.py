"""A loaded run gives what its folder holds, and answers requests as the run is served."""

from pathlib import Path

import numpy as np
import pytest
import served_run
import tensorflow as tf

import tfgrec
from tfgrec.errors import ConfigurationError, InputDataError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tfgrec.LoadedRun:
    root = tmp_path_factory.mktemp("loaded") / "run"
    served_run.write_served_run(root)
    return tfgrec.load_run(root)


def written_records(run: tfgrec.LoadedRun) -> list[bytes]:
    return list(tf.data.TFRecordDataset(run.examples.split("validation").files).as_numpy_iterator())


def test_records_are_graphs_of_one_request_with_its_labels(run: tfgrec.LoadedRun) -> None:
    graphs = list(run.records("validation"))
    assert len(graphs) == run.examples.split("validation").num_requests
    for graph, record in zip(graphs, written_records(run), strict=True):
        features = tf.train.Example.FromString(record).features.feature
        assert graph.rank == 0 and graph.num_components == 1
        assert graph.context["time"].numpy() == features["context/time"].int64_list.value
        np.testing.assert_array_equal(
            graph.node_sets["_readout"]["click"], features["nodes/_readout.click"].float_list.value
        )


def test_requests_of_records_are_answered_as_the_records_are(run: tfgrec.LoadedRun) -> None:
    requests = run.requests("validation", count=5)
    answers = run.rank(requests)
    records = written_records(run)[:5]
    assert [len(answer["click"]) for answer in answers] == [len(request.items) for request in requests]
    scores = run.saved_model.predict("serving_default", {"examples": records})
    np.testing.assert_array_equal(np.concatenate([answer["click"] for answer in answers]), scores["click"])
    assert np.unique(scores["click"]).size > 5


def test_a_part_of_the_run_that_is_not_there_is_named(run: tfgrec.LoadedRun, tmp_path: Path) -> None:
    assert run.config.name == "small" and run.tables.requests.user_node_set == "user"
    with pytest.raises(InputDataError, match="metrics.json: is missing"):
        run.metrics  # noqa: B018
    with pytest.raises(ConfigurationError, match="has no trained model"):
        run.model  # noqa: B018
    with pytest.raises(InputDataError, match="split 'test' has no requests"):
        run.records("test")
    with pytest.raises(ConfigurationError, match="is no run directory"):
        tfgrec.load_run(tmp_path)


def test_example_configurations_are_found_by_name() -> None:
    config = tfgrec.load_run_config(tfgrec.example_config("demo"))
    assert config.name == "demo" and tfgrec.load_tables_config(config.schema_dir).requests.labels
    with pytest.raises(ConfigurationError, match="'dmo' is unknown: did you mean 'demo'"):
        tfgrec.example_config("dmo")
