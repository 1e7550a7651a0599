"""A small run with retrieval, and the graph that its records were sampled from."""

import pytest
import small_records
import yaml

from tfgrec.config.tables import Requests
from tfgrec.graph.examples.solo_examples import SoloExamples
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.run.run_directory import RunDirectory
from tfgrec.training.checkpoints import TrainingPosition
from tfgrec.training.run_model import RunModel

RETRIEVAL = {"positive": "click", "units": 8, "hidden_units": [16], "query_features": ["scenario", "user_watched"]}
EVALUATION = {
    "seen": ["watched", "visited"],
    "popularity": {"watched": {"edge_set": "watched"}, "recent": {"edge_set": "visited", "window_hours": 1e-4}},
    "cutoffs": [1, 3],
}


@pytest.fixture(scope="session")
def retrieval_run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """Not to be written to."""
    root = small_records.write_small_run(tmp_path_factory.mktemp("retrieval") / "run")
    config = yaml.safe_load((root / "config.yaml").read_text())
    config["model"]["retrieval"] = RETRIEVAL
    # With two rounds an item's vector depends on how its neighbours were expanded.
    config["model"]["encoder"]["rounds"] = 2
    config["evaluation"]["retrieval"] = EVALUATION
    (root / "config.yaml").write_text(yaml.safe_dump(config))
    return RunDirectory.at(root)


@pytest.fixture(scope="session")
def run_model(retrieval_run: RunDirectory) -> RunModel:
    """A model that was saved untrained: where vectors come from makes no difference to how they are searched."""
    run_model = RunModel(retrieval_run.read_config(), retrieval_run)
    run_model.checkpoints.manager(TrainingPosition(), model=run_model.model).save()
    return run_model


@pytest.fixture(scope="session")
def store(retrieval_run: RunDirectory) -> GraphStore:
    return GraphStore.open(retrieval_run.graph)


@pytest.fixture(scope="session")
def examples(store: GraphStore) -> SoloExamples:
    requests = Requests.model_validate(small_records.TABLES["requests"])
    return SoloExamples(store=store, sampling=small_records.SAMPLING, requests=requests)
