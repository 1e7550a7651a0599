"""Rows that are set aside are found, and no others, however many there are."""

import time

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.graph_shards.rows_set_aside import RowsSetAside

PLACES = st.tuples(st.sampled_from(["users", "videos"]), st.integers(0, 3), st.integers(0, 9))


@given(st.lists(PLACES, max_size=30), st.lists(PLACES, max_size=30))
def test_a_row_is_found_in_its_own_table_and_file(places: list, asked: list) -> None:
    rows = RowsSetAside(places)
    for table in ("users", "videos"):
        of_table = [(file, row) for name, file, row in asked if name == table]
        files, numbers = (np.array([place[end] for place in of_table], np.int64) for end in (0, 1))
        assert rows.holds(table, files, numbers).tolist() == [(table, *place) in places for place in of_table]


def test_a_batch_costs_no_more_among_a_million_rows() -> None:
    seconds = {}
    for count in (1_000, 1_000_000):
        rows = RowsSetAside(("users", 0, 2 * row) for row in range(count))
        batch = np.arange(1_000)
        begin = time.process_time()
        for _ in range(50):
            assert rows.holds("users", np.zeros(1_000, np.int64), batch).sum() == 500
        seconds[count] = time.process_time() - begin
    assert seconds[1_000_000] < 20 * seconds[1_000]
