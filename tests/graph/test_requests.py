"""Requests that don't fit together are refused before anything is sampled."""

import numpy as np
import pyarrow as pa
import pytest

from tfgrec.errors import InputDataError
from tfgrec.graph.requests import RequestBatch

FITTING = {
    "users": np.array([4, 0]),
    "times": np.array([10, 20]),
    "item_node_set": "video",
    "items": np.array([1, 1, 2]),
    "candidate_splits": np.array([0, 2, 3]),
    "readout": {"hour": pa.array([1, 2, 3])},
}


def test_candidates_belong_to_requests() -> None:
    batch = RequestBatch(**FITTING)
    assert (batch.num_requests, batch.num_candidates) == (2, 3)
    assert batch.candidate_requests.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"times": np.array([1])}, "2 users, 1 times and 3 candidate_splits"),
        ({"candidate_splits": np.array([0, 3])}, "2 users, 2 times and 2 candidate_splits"),
        ({"candidate_splits": np.array([0, 2, 2])}, "must rise from 0 to the number of items, 3"),
        ({"candidate_splits": np.array([0, 4, 3])}, "must rise"),
        ({"readout": {"hour": pa.array([1])}}, "readout 'hour' has 1 values for 3 candidates"),
        ({"users": np.array([4, -1])}, "user 1 of the batch is unknown"),
        ({"items": np.array([-1, 1, 2])}, "item 0 of the batch is unknown"),
    ],
)
def test_what_does_not_fit_is_named(change: dict, expected: str) -> None:
    with pytest.raises(InputDataError, match=expected):
        RequestBatch(**{**FITTING, **change})
