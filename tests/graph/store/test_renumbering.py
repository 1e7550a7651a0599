"""Renumbering against ranks in the merged ids."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tfgrec.graph.store.renumbering import Renumbering


@given(old=st.sets(st.integers(0, 60)), new=st.sets(st.integers(0, 60)))
def test_old_ids_get_their_places_among_all(old: set[int], new: set[int]) -> None:
    before, after, inserted = sorted(old), sorted(old | new), sorted(new - old)
    renumbering = Renumbering(np.searchsorted(before, inserted).astype(np.int64))
    found = renumbering(np.arange(len(before)))
    assert found.tolist() == [after.index(value) for value in before]
    assert renumbering(np.arange(len(before))[::-1]).tolist() == found.tolist()[::-1]
