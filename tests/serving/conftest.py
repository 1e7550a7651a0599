"""A small export with everything that a model can have, and what its signatures are asked."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import small_records
import tensorflow as tf
import yaml

from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.run.run_directory import RunDirectory
from tfgrec.serving.exported.export import export_model
from tfgrec.serving.exported.saved_model import Answer, load_signatures
from tfgrec.serving.signatures.request_columns import parse_examples, request_columns
from tfgrec.training.run_model import RunModel

CHANGES = {
    "fusion": {"match": "attention"},
    "match": {"buckets": 200, "dimension": 4},
    "rates": {"watched": {"of": "user_watched", "over": ["user_watched"]}},
    "tasks": {
        "click": {"label": "click"},
        "watch_time": {
            "label": "watch_ms",
            "kind": "regression",
            # With a transform an untrained model's negative scores would all be zero.
            "transform": "none",
            "scale": 2.0,
            "relative_to": "user_watched",
        },
    },
    "retrieval": {"positive": "click", "units": 8, "hidden_units": [16], "query_features": ["scenario"]},
}
COMBINED = {"click": 2.0, "watch_time": 0.1}

Arrays = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Served:
    """An export and the model that it was made of.

    Attributes:
      run_model: the model, untrained, and its records.
      path: the export.
      records: serialized requests.
    """

    run_model: RunModel
    path: Path
    records: list[bytes]


@pytest.fixture(scope="session")
def served_run(tmp_path_factory: pytest.TempPathFactory) -> RunModel:
    """Where weights come from makes no difference to how they are served; but no map is left at zero, so that all that
    the model reads counts."""
    root = small_records.write_small_run(tmp_path_factory.mktemp("served") / "run", train_requests=60)
    config = yaml.safe_load((root / "config.yaml").read_text())
    config["model"] |= CHANGES
    config["model"]["encoder"]["rounds"] = 2
    config["training"]["hidden_ids"] = 0.2
    (root / "config.yaml").write_text(yaml.safe_dump(config))
    run = RunDirectory.at(root)
    run_model = RunModel(run.read_config(), run)
    random = np.random.default_rng(5)
    for variable in run_model.model.trainable_variables:
        if "_map/" in variable.name:
            variable.assign(random.normal(0, 0.3, variable.shape))
    return run_model


@pytest.fixture(scope="session")
def served(served_run: RunModel, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """Not to be written to."""
    records = served_run.sample("validation")
    path = export_model(
        served_run.model,
        schema=served_run.serving_schema,
        folder=tmp_path_factory.mktemp("export"),
        sample=records[:8],
        extra={},
        combined=COMBINED,
    )
    return Served(served_run, path, records)


@pytest.fixture(scope="session")
def signatures(served: Served) -> dict[str, Answer]:
    """The export's signatures, by name."""
    return load_signatures(served.path)


@pytest.fixture(scope="session")
def store(served_run: RunModel) -> GraphStore:
    return GraphStore.open(served_run.run.graph)


@pytest.fixture(scope="session")
def dense(served: Served) -> Arrays:
    """The inputs of `rank_dense` for the records."""
    columns = request_columns(served.run_model.serving_schema)
    values = parse_examples(columns, tf.constant(served.records))
    return {columns[name].argument: of_column.flat_values.numpy() for name, of_column in values.items()}


@pytest.fixture(scope="session")
def questions(served: Served, signatures: dict[str, Answer], dense: Arrays) -> dict[str, Arrays]:
    """The inputs of each signature, all for the same records."""
    examples = np.array(served.records, object)
    states = signatures["encode_item"](examples=tf.constant(served.records))["state"].numpy()
    return {
        "rank": {"examples": examples},
        "rank_dense": dense,
        "encode_user": {"examples": examples},
        "encode_item": {"examples": examples},
        "rank_cached": {"examples": examples, "item_states": states},
    }
