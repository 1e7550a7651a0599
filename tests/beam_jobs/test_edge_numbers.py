"""From tables to the model's inputs: an edge's number is read on a scale of the training records' own."""

from pathlib import Path

import numpy as np
import pytest
from shop_tables import SCHEMA, make_frames, run_config, tables_config, write_frames

import tfgrec  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from beam_jobs.build_graph import build_graph
from beam_jobs.sample_subgraphs import sample_subgraphs

import tensorflow_gnn as tfgnn  # isort: skip

from tfgrec.data.examples_directory import ExamplesDirectory  # isort: skip
from tfgrec.data.graph_spec import graph_tensor_spec  # isort: skip
from tfgrec.data.parsed_records import parse_merged, read_records  # isort: skip
from tfgrec.model.encoder.edge_inputs import EdgeInputs, resolve_edge_inputs  # isort: skip

# Milliseconds, far above e^5 - 1 = 147, where unscaled logarithms are cut.
WATCH_TIMES = np.array([400, 3_000, 10_000, 100_000, 2_000_000])


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> ExamplesDirectory:
    """Records of the small app, where "liked" is a watch time; those of validation are a thousand times as long."""
    folder: Path = tmp_path_factory.mktemp("watch_times")
    frames, random = make_frames(), np.random.default_rng(5)
    for name in ("log", "history"):
        frames[name]["liked"] = random.choice(WATCH_TIMES, len(frames[name]))
    frames["log"].loc[frames["log"]["day"] > 4, "liked"] *= 1_000
    data, (config, tables) = write_frames(frames, folder / "data"), (run_config(), tables_config())
    common = {"config": config, "tables": tables, "schema": SCHEMA, "data_dir": str(data)}
    build_graph(**common, output_dir=str(folder / "graph"))
    sample_subgraphs(**common, graph_dir=str(folder / "graph"), output_dir=str(folder / "examples"))
    return ExamplesDirectory.open(folder / "examples")


@pytest.fixture(scope="module")
def training_graph(examples: ExamplesDirectory) -> tfgnn.GraphTensor:
    """All training records."""
    split = examples.split("train")
    serialized = next(iter(read_records(list(split.files)).batch(split.num_requests)))
    return parse_merged(graph_tensor_spec(examples.schema), serialized)


def test_statistics_are_those_of_the_training_records(
    examples: ExamplesDirectory, training_graph: tfgnn.GraphTensor
) -> None:
    sets = {f"edges/{name}": training_graph.edge_sets[name] for name in ("watched", "watched_by")}
    sets["history/watched"] = training_graph.node_sets["history/watched"]
    assert set(examples.statistics) == {*SCHEMA.node_sets, *sets}
    for name, of_set in sets.items():
        values = of_set["liked"].numpy().astype(np.float64)
        assert set(examples.statistics[name]) == {"liked"}
        numeric = examples.statistics[name]["liked"]["numeric"]
        assert numeric["count"] == len(values) > 100
        assert numeric["mean"] == pytest.approx(values.mean())
        assert numeric["log_mean"] == pytest.approx(np.log1p(values).mean())
        assert numeric["log_standard_deviation"] == pytest.approx(np.log1p(values).std())
        np.testing.assert_allclose(numeric["quantiles"], np.quantile(values, np.linspace(0, 1, 65)), rtol=1e-6)


def test_watch_times_reach_messages_standardised_and_apart(
    examples: ExamplesDirectory, training_graph: tfgnn.GraphTensor
) -> None:
    specs = resolve_edge_inputs(examples.schema.stored_edge_sets, examples.statistics)
    inputs = EdgeInputs(specs=specs)(training_graph)
    for name in ("watched", "watched_by"):
        raw, read = training_graph.edge_sets[name]["liked"].numpy(), inputs[name][:, 1].numpy()
        assert abs(read.mean()) < 1e-3 and abs(read.std() - 1) < 1e-3
        of_each = [np.unique(read[raw == watch_time]) for watch_time in WATCH_TIMES]
        assert [len(values) for values in of_each] == [1] * len(WATCH_TIMES)
        assert (np.diff(np.concatenate(of_each)) > 0.3).all()
