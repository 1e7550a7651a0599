"""Batches with histories: what a user was shown, and what became of it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.schema import Feature, GraphSchema, NodeSet
from tfgrec.model.match.match_sources import MatchSource

HISTORY = MatchSource(
    name="history/shown",
    history=True,
    target="video",
    keys={"#id": "video", "kind": "kind"},
    numbers=["taken"],
    timed=True,
)
WATCHED = MatchSource(
    name="watched",
    history=False,
    path=["watched"],
    target="video",
    keys={"#id": "video"},
    numbers=["liked"],
    timed=True,
)


@pytest.fixture
def history() -> MatchSource:
    return HISTORY


@pytest.fixture
def watched() -> MatchSource:
    return WATCHED


@pytest.fixture
def schema_with_history(schema: GraphSchema) -> GraphSchema:
    features = {
        "#id": Feature("int64"),
        "kind": Feature("string"),
        "time": Feature("int64"),
        "taken": Feature("float32"),
    }
    nodes = NodeSet(features, of_edge_set="shown", target="video")
    return GraphSchema(schema.context, {**schema.node_sets, "history/shown": nodes}, schema.edge_sets)


@pytest.fixture
def with_history(graph: Callable[..., tfgnn.GraphTensor]) -> Callable[..., tfgnn.GraphTensor]:
    """A batch of requests with so many shown events each."""

    def make(lengths: list[int], *, seed: int = 3, **options: Any) -> tfgnn.GraphTensor:
        random, plain = np.random.default_rng(seed), graph(num_requests=len(lengths), seed=seed, **options)
        total, now = sum(lengths), int(plain.context["time"][0])
        features = {
            "#id": random.integers(0, 50, total),
            "kind": random.choice(["clip", "film"], total),
            "time": now - random.integers(1, 10**9, total),
            "taken": random.integers(0, 2, total).astype(np.float32),
        }
        events = tfgnn.NodeSet.from_fields(features=features, sizes=tf.constant(lengths))
        return tfgnn.GraphTensor.from_pieces(
            context=plain.context, node_sets={**plain.node_sets, "history/shown": events}, edge_sets=plain.edge_sets
        )

    return make
