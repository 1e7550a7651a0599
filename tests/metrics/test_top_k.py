"""Recall and NDCG against every order of tied items, one by one."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgrec.metrics.top_k import TopK


def rankings(scores):
    """All orders of the items that are not left out, higher scores first."""
    kept = [item for item, score in enumerate(scores) if score > -math.inf]
    groups = [[i for i in kept if scores[i] == value] for value in sorted({scores[i] for i in kept}, reverse=True)]
    for orders in itertools.product(*(itertools.permutations(group) for group in groups)):
        yield [item for order in orders for item in order]


def by_brute_force(scores, wanted, k):
    recalls, gains = [], []
    ideal = sum(1 / math.log2(1 + place) for place in range(1, min(len(wanted), k) + 1))
    for ranking in rankings(scores):
        places = [ranking.index(item) + 1 for item in wanted]
        recalls.append(sum(place <= k for place in places) / len(wanted))
        gains.append(sum(1 / math.log2(1 + place) for place in places if place <= k) / ideal)
    return np.mean(recalls), np.mean(gains)


@st.composite
def queries(draw):
    # Few values, so that ties are common; never more than six items, for their orders are counted out.
    scores = draw(st.lists(st.sampled_from([0.0, 1.0, 2.0, -math.inf]), min_size=1, max_size=6))
    kept = [item for item, score in enumerate(scores) if score > -math.inf]
    if not kept:
        scores[0], kept = 1.0, [0]
    return scores, draw(st.lists(st.sampled_from(kept), min_size=1, unique=True))


@settings(max_examples=150, deadline=None)
@given(queries(), st.integers(1, 7))
def test_ties_count_as_the_mean_over_all_their_orders(query, k):
    scores, wanted = query
    metrics = TopK([k])
    metrics.add(np.array([scores]), np.zeros(len(wanted), int), np.array(wanted))
    recall, ndcg = by_brute_force(scores, wanted, k)
    assert metrics.result() == {f"recall@{k}": pytest.approx(recall), f"ndcg@{k}": pytest.approx(ndcg)}


def test_batches_add_up_to_the_mean_over_queries():
    random = np.random.default_rng(3)
    scores = random.integers(0, 5, (7, 12)).astype(float)
    wanted = [random.choice(12, random.integers(1, 4), replace=False) for _ in range(7)]
    whole, parts = TopK([1, 5]), TopK([5, 1])
    for metrics, batches in ((whole, [range(7)]), (parts, [range(3), range(3, 7)])):
        for batch in batches:
            pairs = [(row, item) for row, query in enumerate(batch) for item in wanted[query]]
            metrics.add(scores[list(batch)], *np.array(pairs).T)
    assert parts.num_queries == 7
    assert whole.result() == pytest.approx(parts.result())
    single = [expected_recall(scores[q], wanted[q], 5) for q in range(7)]
    assert whole.result()["recall@5"] == pytest.approx(np.mean(single))


def expected_recall(scores, wanted, k):
    """Expected recall from the places that each wanted item may have."""
    shares = []
    for item in wanted:
        above, equal = (scores > scores[item]).sum(), (scores == scores[item]).sum()
        shares.append(np.mean([place <= k for place in range(above + 1, above + equal + 1)]))
    return np.mean(shares)


def test_one_score_for_all_is_chance():
    metrics = TopK([3])
    metrics.add(np.zeros((4, 30)), np.arange(4), np.array([0, 29, 7, 3]))
    assert metrics.result()["recall@3"] == pytest.approx(0.1)


def test_nothing_to_measure_is_none():
    assert TopK([10]).result() == {"recall@10": None, "ndcg@10": None}
