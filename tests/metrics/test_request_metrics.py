"""NDCG, recall and ranked requests against scikit-learn and against every order of tied rows, request by request."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score
from test_top_k import by_brute_force

from tfgrec.metrics import METRICS, TaskRows
from tfgrec.metrics.request_terms import RequestNdcg, RequestRecall

NDCG, RECALL, RANKED = METRICS["ndcg@3"], METRICS["recall@3"], METRICS["ranked_requests"]

# Requests of at most six rows with few scores, so that ties are common: (label, score) of each row.
requests = st.lists(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2)), min_size=1, max_size=6), max_size=6)


def task_rows(found: list[list[tuple[int, int]]], order: np.ndarray) -> TaskRows:
    labels, scores = np.array([row for request in found for row in request], float).reshape(-1, 2).T
    of_row = np.repeat(10 + np.arange(len(found)), [len(request) for request in found])
    return TaskRows(labels[order], scores[order], of_row[order] // 2, of_row[order])


def with_both_labels(found: list[list[tuple[int, int]]]) -> list[list[tuple[int, int]]]:
    return [request for request in found if len({label for label, _ in request}) == 2]


@settings(max_examples=80, deadline=None)
@given(requests, st.integers(1, 7), st.randoms(use_true_random=False))
def test_each_request_is_measured_as_by_hand_and_one_sided_ones_are_counted(found, k, random):
    order = list(range(sum(map(len, found))))
    random.shuffle(order)
    rows, both = task_rows(found, np.array(order, int)), with_both_labels(found)
    expected = [
        by_brute_force([score for _, score in of], [place for place, (label, _) in enumerate(of) if label], k)
        for of in both
    ]
    for position, terms in enumerate((RequestRecall(k)(rows), RequestNdcg(k)(rows))):
        assert terms.below.sum() == len(both)
        assert terms.above.sum() == pytest.approx(sum(values[position] for values in expected))
    assert RANKED.value(rows) == (len(both) / len(found) if found else None)
    assert (NDCG.value(rows) is None) == (RECALL.value(rows) is None) == (not both)


def test_ndcg_is_scikit_learns():
    generator = np.random.default_rng(4)
    shape = (200, 8)
    labels = (generator.random(shape) < 0.3).astype(float)
    scores = np.round(generator.random(shape), 1)
    codes = np.repeat(np.arange(len(labels)), labels.shape[1])
    both = (labels.sum(axis=1) > 0) & (labels.sum(axis=1) < shape[1])
    assert not both.all()
    found = NDCG.value(TaskRows(labels.reshape(-1), scores.reshape(-1), codes, codes))
    assert found == pytest.approx(ndcg_score(labels[both], scores[both], k=3), abs=1e-12)


def test_terms_belong_to_the_users_of_their_requests():
    rows = TaskRows(
        labels=np.array([1.0, 0.0, 1.0, 0.0]),
        scores=np.array([0.9, 0.1, 0.1, 0.9]),
        users=np.array(["b", "b", "a", "a"]),
        requests=np.array([5, 5, 7, 7]),
    )
    terms = RequestRecall(1)(rows)
    assert dict(zip(terms.users.tolist(), terms.above.tolist(), strict=True)) == {1: 1.0, 0: 0.0}
