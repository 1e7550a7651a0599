"""Candidates as requests: grouped, ordered by a hash, cut into batches by item node set."""

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.records.request_batches import request_batches
from beam_jobs.records.request_rows import GROUP, ITEM, REQUEST_SOURCE, USER
from tfgrec.graph.requests import RequestBatch
from tfgrec.graph.rows.edge_rows import ROW_TIME

NODE_SETS = ["video", "live"]
CANDIDATES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(0, 5),
        st.integers(0, 2),
        st.integers(0, 1),
        st.sampled_from(["a", "b"]),
        st.sampled_from([0.0, 1.0, float("nan")]),
        st.lists(st.sampled_from(["x", "y"]), max_size=2),
    ),
    min_size=1,
    max_size=30,
)


def batches(rows: list[tuple], requests_per_batch: int) -> list[tuple]:
    """The requests in order, each as (node set, user, time, [(item, label, tags)])."""
    names = (USER, ITEM, ROW_TIME, REQUEST_SOURCE, GROUP, "label", "tags")
    kinds = (pa.int64(), pa.int64(), pa.int64(), pa.int32(), pa.string(), pa.float32(), pa.list_(pa.string()))
    arrays = [pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), kinds, strict=True)]
    columns = dict(zip(names, arrays, strict=True))
    hashes = pd.util.hash_array(columns[USER].to_numpy())
    found = []
    for batch in request_batches(columns, hashes, NODE_SETS, requests_per_batch):
        placed = {}
        for part in batch:
            placed |= dict(zip(part.places.tolist(), described(part.requests), strict=True))
        assert sorted(placed) == list(range(len(placed))) and len(placed) <= requests_per_batch
        found += [placed[place] for place in range(len(placed))]
    return found


def described(requests: RequestBatch) -> list[tuple]:
    """The requests of a batch as plain values."""
    readout = [requests.readout[name].to_pylist() for name in ("label", "tags")]
    candidates = [(int(item), str(label), tags) for item, label, tags in zip(requests.items, *readout, strict=True)]
    bounds = zip(requests.candidate_splits[:-1], requests.candidate_splits[1:], strict=True)
    users, times = requests.users.tolist(), requests.times.tolist()
    return [
        (requests.item_node_set, user, time, candidates[first:last])
        for user, time, (first, last) in zip(users, times, bounds, strict=True)
    ]


@given(rows=CANDIDATES, requests_per_batch=st.integers(1, 10), seed=st.integers(0, 2**32 - 1))
def test_requests_depend_on_neither_the_order_of_rows_nor_the_batches(
    rows: list[tuple], requests_per_batch: int, seed: int
) -> None:
    shuffled = [rows[row] for row in np.random.default_rng(seed).permutation(len(rows))]
    assert batches(shuffled, requests_per_batch) == batches(rows, 1_000)


@given(rows=CANDIDATES)
def test_requests_are_the_groups_of_their_rows(rows: list[tuple]) -> None:
    expected: dict[tuple, list] = {}
    for user, item, time, source, group, label, tags in rows:
        expected.setdefault((user, time, source, group), []).append((item, str(label), tags))
    found = [
        (user, time, NODE_SETS.index(node_set), sorted(candidates))
        for node_set, user, time, candidates in batches(rows, 7)
    ]
    assert sorted(found) == sorted((*key[:3], sorted(values)) for key, values in expected.items())


def test_the_order_does_not_tell_time() -> None:
    rows = [(user, 0, time, 0, "a", 0.0, []) for user in range(20) for time in range(50)]
    times = [time for _, _, time, _ in batches(rows, 64)]
    assert abs(np.corrcoef(times, np.arange(len(times)))[0, 1]) < 0.1
