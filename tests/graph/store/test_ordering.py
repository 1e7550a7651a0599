"""Distinct values are told alike however many they are."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from tfgrec.graph.store.ordering import distinct_values, factorized


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 5), max_size=30), st.sampled_from([1, 20]))
def test_few_and_many_are_numbered_in_the_order_in_which_they_come(values: list[int], repeated: int) -> None:
    array = np.array(values * repeated, np.int64)
    codes, found = factorized(array)
    expected_codes, expected = pd.factorize(array)
    assert codes.dtype == found.dtype == np.int64
    assert (codes.tolist(), found.tolist()) == (expected_codes.tolist(), expected.tolist())
    assert distinct_values(array).tolist() == expected.tolist()
