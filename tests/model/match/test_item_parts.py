"""All that ranking reads of an item alone can be given: it then reads nothing of the graph's items."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn
from test_factor_match import MATCHED, some_factors

from tfgrec.graph.schema import READOUT
from tfgrec.model.item_parts import ItemParts
from tfgrec.model.static_vectors import EmbeddedRows

ATTENDING = {"fusion": {"match": "attention"}, "match": {"buckets": 200}}


def without_item_edges(batch: tfgnn.GraphTensor) -> tfgnn.GraphTensor:
    """The batch with candidates that are tied to no item."""
    edges = batch.edge_sets[f"{READOUT}/item"]
    nothing = tf.zeros([0], edges.adjacency[tfgnn.SOURCE].dtype)
    untied = tfgnn.EdgeSet.from_fields(
        sizes=tf.zeros_like(edges.sizes),
        adjacency=tfgnn.Adjacency.from_indices(("video", nothing), (READOUT, nothing)),
    )
    edge_sets = {**batch.edge_sets, f"{READOUT}/item": untied}
    return tfgnn.GraphTensor.from_pieces(context=batch.context, node_sets=batch.node_sets, edge_sets=edge_sets)


def make_model(build: Any, arm: str, changes: dict[str, Any], schema: Any, now: int) -> Any:
    given: dict[str, Any] = {"item_factors": some_factors(now)} if "factors" in changes.get("match", {}) else {}
    if arm == "two_stage":
        rows = EmbeddedRows(np.arange(50), np.full(50, now - 10))
        given["static_rows"] = {"user": rows, "video": rows}
    model = build(arm, schema=schema, **given, **changes)
    random = np.random.default_rng(5)
    for variable in model.variables:
        # Maps start at zero, and so do static vectors: all parts have to count.
        if "_map/" in variable.name or "_vectors" in variable.name:
            variable.assign(random.normal(0, 0.3, variable.shape))
    return model


@pytest.mark.parametrize(
    ("arm", "changes", "parts"),
    [
        ("joint", {}, ["graph_item", "item"]),
        ("joint", ATTENDING, ["graph_item", "item", "match", "match_content"]),
        ("joint", MATCHED, ["graph_item", "item", "match", "match_content", "match_factors"]),
        ("two_stage", ATTENDING, ["graph_item", "item", "match"]),
        ("no_graph", {}, ["item"]),
    ],
)
def test_scores_of_given_parts_are_those_of_the_graph_s_items(
    build, schema_with_history, with_history, arm, changes, parts
) -> None:
    batch = with_history([3, 0, 5], candidates=[2, 1, 3])
    model = make_model(build, arm, changes, schema_with_history, int(batch.context["time"][0]))
    items = ItemParts()
    expected = model.predictions(batch, items)
    assert sorted(items.read) == parts
    untied = without_item_edges(batch)
    given = model.predictions(untied, ItemParts(items.read))
    unknown = model.predictions(untied)
    zeros = model.predictions(untied, ItemParts({name: tf.zeros_like(part) for name, part in items.read.items()}))
    for task, scores in expected.items():
        np.testing.assert_allclose(given[task], scores, rtol=1e-6, atol=1e-6)
        assert np.abs(unknown[task] - scores).max() > 1e-4
        # An item that the graph does not know has zeros.
        np.testing.assert_allclose(zeros[task], unknown[task], rtol=1e-6, atol=1e-6)
