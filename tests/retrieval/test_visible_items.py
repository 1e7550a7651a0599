"""What users have met by a time, against a walk over every edge."""

from collections import Counter

import numpy as np
import pytest

from tfgrec.checks.retrieval_check import check_edge_sets
from tfgrec.config.training import PopularityConfig, RetrievalEvaluationConfig
from tfgrec.errors import ConfigurationError
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.retrieval.visible_items import edges_by_item, seen_items


def all_edges(store: GraphStore, edge_set: str) -> list[tuple[int, int, int]]:
    users = np.arange(store.num_nodes("user"))
    start, end = store.adjacency(edge_set).row_bounds(users)
    positions = np.concatenate([np.arange(first, last) for first, last in zip(start, end, strict=True)])
    adjacency = store.adjacency(edge_set)
    columns = np.repeat(users, end - start), adjacency.targets(positions), adjacency.times(positions)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_seen_items_are_those_of_earlier_edges(store: GraphStore) -> None:
    users, times = np.array([3, 7, 3]), np.array([400, 900, 1001])
    rows, items = seen_items(store, ["watched", "visited"], "video", users, times)
    found = {(row, item) for row, item in zip(rows.tolist(), items.tolist(), strict=True)}
    expected = {
        (row, item)
        for row, (user, time) in enumerate(zip(users, times, strict=True))
        for source, item, at in all_edges(store, "watched")
        if source == user and at < time
    }
    assert found == expected and len({row for row, _ in expected}) == 3
    assert seen_items(store, [], "video", users, times)[0].shape == (0,)


@pytest.mark.parametrize("window_hours", [None, 1e-4])
def test_popularity_counts_the_edges_within_the_window(store: GraphStore, window_hours: float | None) -> None:
    popularity = PopularityConfig(edge_set="watched", window_hours=window_hours)
    found = edges_by_item(store, popularity, "video", 800)
    oldest = 0 if window_hours is None else 800 - 360
    counts = Counter(item for _, item, at in all_edges(store, "watched") if oldest <= at < 800)
    np.testing.assert_array_equal(found, [counts[item] for item in range(len(found))])
    assert edges_by_item(store, popularity, "room", 800).tolist() == [0] * store.num_nodes("room")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"seen": ["watched_by"]}, "evaluation.retrieval.seen: 'watched_by' is no edge set from 'user' to items: did"),
        ({"popularity": {"all": {"edge_set": "wached"}}}, "popularity.all.edge_set: 'wached' is no edge set"),
    ],
)
def test_edge_sets_lead_from_users_to_items(store: GraphStore, changes: dict, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        check_edge_sets(RetrievalEvaluationConfig.model_validate(changes), store.schema)
