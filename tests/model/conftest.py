"""A small shop of videos: schema, statistics, configuration and random batches for the model's tests."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import tfgrec  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)

import tensorflow as tf  # isort: skip
import tensorflow_gnn as tfgnn  # isort: skip

from tfgrec.config.model import ModelConfig  # isort: skip
from tfgrec.config.run import PretrainingConfig  # isort: skip
from tfgrec.graph.schema import EdgeSet, Feature, GraphSchema, NodeSet  # isort: skip

NOW = 1_700_000_000_000
LABELS = ("click", "seconds")


def _nodes(**features: str) -> NodeSet:
    return NodeSet({name.replace("id_", "#id"): Feature(dtype) for name, dtype in features.items()})


def make_schema() -> GraphSchema:
    time = {"time": Feature("int64")}
    video = _nodes(id_="int64", kind="string", duration="float32").features
    return GraphSchema(
        context=time,
        node_sets={
            "user": _nodes(id_="int64", activity="string", age="int64", follows="float32"),
            "video": NodeSet({**video, "tags": Feature("string", multi_valued=True)}),
            "author": _nodes(id_="string"),
            "_readout": _nodes(hour="int64", shown="float32", clicked="float32", click="float32", seconds="float32"),
        },
        edge_sets={
            "watched": EdgeSet("user", "video", {**time, "liked": Feature("float32")}),
            "watched_by": EdgeSet("video", "user", time),
            "made_by": EdgeSet("video", "author", {}),
            "_readout/user": EdgeSet("user", "_readout", {}),
            "_readout/item": EdgeSet("video", "_readout", {}),
        },
    )


def _categorical(*values: Any, count: int = 90) -> dict[str, Any]:
    counts = [[value, count // len(values)] for value in values]
    return {"numeric": None, "categorical": {"count": count, "values": counts}}


def _numeric(low: float, high: float, count: int = 90) -> dict[str, Any]:
    sample = np.linspace(low, high, 65)
    logs = np.sign(sample) * np.log1p(np.abs(sample))
    summary = {
        "count": count,
        "mean": float(sample.mean()),
        "standard_deviation": float(sample.std()),
        "log_mean": float(logs.mean()),
        "log_standard_deviation": float(logs.std()),
        "quantiles": sample.tolist(),
    }
    return {"numeric": summary, "categorical": None}


def _flags(share: float = 0.25, count: int = 90) -> dict[str, Any]:
    deviation = (share * (1 - share)) ** 0.5
    summary = {
        "count": count,
        "mean": share,
        "standard_deviation": deviation,
        "log_mean": share * np.log(2),
        "log_standard_deviation": deviation * np.log(2),
        "quantiles": [0.0] * 48 + [1.0] * 17,
    }
    return {"numeric": summary, "categorical": None}


def make_statistics() -> dict[str, Any]:
    return {
        "user": {
            "#id": _categorical(*range(50), count=100),
            "activity": _categorical("high", "middle", "low"),
            "age": _categorical(-1, 20, 30, 40, count=100),
            "follows": _numeric(0, 100),
        },
        "video": {
            "#id": _categorical(*range(50), count=100),
            "kind": _categorical("clip", "film"),
            "duration": _numeric(1, 600),
            "tags": _categorical("a", "b", "c", count=150),
        },
        "author": {"#id": _categorical("ann", "bob", "cy")},
        "edges/watched": {"liked": _flags()},
        "history/shown": {"taken": _flags()},
        "_readout": {
            "hour": _categorical(*range(24), count=240),
            "shown": _numeric(-1, 50),
            "clicked": _numeric(0, 10),
            "click": _numeric(0, 1),
            "seconds": _numeric(0, 60),
        },
    }


def make_config(**changes: Any) -> ModelConfig:
    """The configuration with some of its top-level keys replaced."""
    values = {
        "features": {
            "user": {"#id": {"kind": "hashed", "dimension": 4, "buckets": 100, "dropout": 0.2}},
            "video": {"#id": {"kind": "hashed", "dimension": 4, "buckets": 100}},
        },
        "rates": {"click_rate": {"of": "clicked", "over": ["shown"]}},
        "encoder": {"units": 16, "message_units": 16, "rounds": 2},
        "towers": {"bottom_units": [16, 8], "task_units": [8], "cross_layers": 1},
        "tasks": {
            "click": {"label": "click"},
            "seconds": {"label": "seconds", "kind": "regression", "scale": 10},
        },
        "balancing": {"initial_loss_steps": 2},
    }
    return ModelConfig.model_validate({**values, **changes})


def make_graph(
    num_requests: int = 3,
    *,
    seed: int = 0,
    without_nodes: Sequence[str] = (),
    without_edges: Sequence[str] = (),
    with_labels: bool = False,
    candidates: Sequence[int] | None = None,
) -> tfgnn.GraphTensor:
    """A merged batch of requests with a user, some candidates (two, or `candidates` of each) and a few neighbours."""
    random = np.random.default_rng(seed)
    sizes = {"user": 3, "video": 4, "author": 2}
    sizes = {name: 0 if name in without_nodes else size for name, size in sizes.items()}
    total = {name: size * num_requests for name, size in sizes.items()}
    features = {
        "user": {
            "#id": random.integers(0, 50, total["user"]),
            "activity": random.choice(["high", "middle", "low", "new"], total["user"]),
            "age": random.choice([-1, 20, 30, 77], total["user"]),
            "follows": random.uniform(0, 100, total["user"]).astype(np.float32),
        },
        "video": {
            "#id": random.integers(0, 50, total["video"]),
            "kind": random.choice(["clip", "film"], total["video"]),
            "duration": random.uniform(1, 600, total["video"]).astype(np.float32),
            "tags": _ragged_tags(random, total["video"]),
        },
        "author": {"#id": random.choice(["ann", "bob", "dan"], total["author"])},
    }
    lengths = np.array([2] * num_requests if candidates is None else candidates)
    readout = {
        "hour": random.integers(0, 24, lengths.sum()),
        "shown": random.integers(-1, 50, lengths.sum()).astype(np.float32),
        "clicked": random.integers(0, 10, lengths.sum()).astype(np.float32),
    }
    if with_labels:
        readout |= {name: labels.numpy() for name, labels in make_labels(num_requests, seed=seed).items()}
    node_sets = {
        name: tfgnn.NodeSet.from_fields(features=of_set, sizes=[sizes[name]] * num_requests)
        for name, of_set in features.items()
    }
    node_sets["_readout"] = tfgnn.NodeSet.from_fields(features=readout, sizes=lengths)
    edge_sets = {
        name: _random_edges(name, edges, sizes, num_requests, random, empty=name in without_edges)
        for name, edges in make_schema().stored_edge_sets.items()
    }
    for name, node_set in (("user", "user"), ("item", "video")):
        edge_sets[f"_readout/{name}"] = _readout_edges(node_set, sizes[node_set], lengths)
    context = tfgnn.Context.from_fields(features={"time": np.full(num_requests, NOW)}, sizes=[1] * num_requests)
    return tfgnn.GraphTensor.from_pieces(context=context, node_sets=node_sets, edge_sets=edge_sets)


def make_labels(num_requests: int = 3, *, seed: int = 0) -> dict[str, tf.Tensor]:
    random = np.random.default_rng(seed + 1)
    return {
        "click": tf.constant(random.integers(0, 2, 2 * num_requests), tf.float32),
        "seconds": tf.constant(random.uniform(0, 60, 2 * num_requests), tf.float32),
    }


def _ragged_tags(random: np.random.Generator, rows: int) -> tf.RaggedTensor:
    lengths = random.integers(0, 3, rows)
    return tf.RaggedTensor.from_row_lengths(random.choice(["a", "b", "z"], lengths.sum()), lengths)


def _random_edges(
    name: str, edges: EdgeSet, sizes: dict[str, int], num_requests: int, random: np.random.Generator, empty: bool
) -> tfgnn.EdgeSet:
    count = 0 if empty or not (sizes[edges.source] and sizes[edges.target]) else 5
    first = np.repeat(np.arange(num_requests), count)
    ends = [
        (node_set, first * sizes[node_set] + random.integers(0, max(sizes[node_set], 1), len(first)))
        for node_set in (edges.source, edges.target)
    ]
    features = {}
    if "time" in edges.features:
        features["time"] = NOW - random.integers(1, 10**9, len(first))
    if "liked" in edges.features:
        features["liked"] = random.integers(0, 2, len(first)).astype(np.float32)
    return tfgnn.EdgeSet.from_fields(
        features=features, sizes=[count] * num_requests, adjacency=tfgnn.Adjacency.from_indices(*ends)
    )


def _readout_edges(node_set: str, size: int, lengths: np.ndarray) -> tfgnn.EdgeSet:
    """Ties every candidate to the first user of its request, or to one video after the other."""
    lengths = lengths if size else np.zeros_like(lengths)
    requests = np.repeat(np.arange(len(lengths)), lengths)
    positions = np.concatenate([[], *(np.arange(length) for length in lengths)]).astype(np.int64)
    sources = requests * size + (0 if node_set == "user" else positions % max(size, 1))
    return tfgnn.EdgeSet.from_fields(
        sizes=lengths,
        adjacency=tfgnn.Adjacency.from_indices((node_set, sources), ("_readout", np.arange(len(requests)))),
    )


@pytest.fixture(scope="session")
def schema() -> GraphSchema:
    return make_schema()


@pytest.fixture
def statistics() -> dict[str, Any]:
    return make_statistics()


@pytest.fixture(scope="session")
def all_statistics() -> dict[str, Any]:
    """The same, for fixtures that outlive a test: not to be changed."""
    return make_statistics()


@pytest.fixture(scope="session")
def config() -> Callable[..., ModelConfig]:
    return make_config


@pytest.fixture(scope="session")
def graph() -> Callable[..., tfgnn.GraphTensor]:
    return make_graph


@pytest.fixture(scope="session")
def labels() -> Callable[..., dict[str, tf.Tensor]]:
    return make_labels


@pytest.fixture(scope="session")
def build(schema: GraphSchema) -> Callable[..., Any]:
    """Builds a model of an arm, with some keys of the configuration replaced."""
    from tfgrec.model.build import build_joint_model

    def make(
        arm: str = "joint",
        *,
        schema: GraphSchema = schema,
        pretraining: dict[str, Any] | None = None,
        static_rows: dict[str, Any] | None = None,
        item_factors: Any = None,
        unknown_ids: Any = None,
        **changes: Any,
    ) -> Any:
        tf.keras.utils.set_random_seed(7)  # Fixtures of a module or session are made before `_reproducible` runs.
        return build_joint_model(
            config=make_config(**changes),
            schema=schema,
            statistics=make_statistics(),
            arm=arm,
            labels=LABELS,
            pretraining=PretrainingConfig.model_validate(pretraining or {}),
            static_rows=static_rows,
            item_factors=item_factors,
            unknown_ids=unknown_ids,
        )

    return make


@pytest.fixture(scope="session")
def open_graph_maps() -> Callable[[Any], Any]:
    """Gives a model's graph maps, which start at zero, values as training does, so that ranking reads the graph."""

    def open_maps(model: Any) -> Any:
        random = np.random.default_rng(5)
        for variable in model.trainable_variables:
            if "_map/" in variable.name:
                variable.assign(random.normal(0, 0.3, variable.shape))
        return model

    return open_maps


@pytest.fixture(scope="session")
def joint(build: Callable[..., Any], open_graph_maps: Callable[[Any], Any]) -> Any:
    """A joint model to look at, whose ranking reads the graph: no test trains it."""
    return open_graph_maps(build("joint"))


@pytest.fixture(autouse=True)
def _reproducible() -> None:
    tf.keras.utils.set_random_seed(7)
