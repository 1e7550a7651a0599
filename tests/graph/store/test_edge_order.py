"""The order of rows is that of plain tuples, however the edges stand and however wide the numbers are."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfgrec.graph.store.edge_order import edge_order

NARROW = st.integers(0, 3)
# Wide enough that source and time do not fit into one integer together.
WIDE = st.integers(0, 2**62)


@pytest.mark.parametrize("numbers", [NARROW, WIDE], ids=["narrow", "wide"])
@given(data=st.data())
def test_edges_are_sorted_by_source_time_target_and_features(numbers: st.SearchStrategy, data: st.DataObject) -> None:
    edge = st.tuples(numbers, numbers, NARROW, st.sampled_from(["", "a", "b"]), st.sampled_from([0.5, -1.0]))
    edges = data.draw(st.lists(edge, max_size=30))
    order = edge_order(*_columns(edges, timed=True))
    assert sorted(order.tolist()) == list(range(len(edges)))
    assert [edges[place] for place in order] == sorted(edges)


@given(edges=st.lists(st.tuples(NARROW, NARROW, NARROW, st.sampled_from(["", "a"]), st.just(0.5)), max_size=30))
def test_edges_without_times_are_sorted_by_source_target_and_features(edges: list[tuple]) -> None:
    order = edge_order(*_columns(edges, timed=False))
    assert [_untimed(edges[place]) for place in order] == sorted(_untimed(edge) for edge in edges)


def _untimed(edge: tuple) -> tuple:
    return edge[0], *edge[2:]


def _columns(edges: list[tuple], *, timed: bool) -> tuple[np.ndarray, np.ndarray, dict[str, pa.Array]]:
    sources, times, targets, devices, shares = zip(*edges, strict=True) if edges else ((),) * 5
    columns = {"device": pa.array(devices, pa.string()), "share": pa.array(shares, pa.float32())}
    if timed:
        columns["time"] = pa.array(times, pa.int64())
    return np.array(sources, np.int64), np.array(targets, np.int64), columns
