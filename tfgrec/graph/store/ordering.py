"""Sorting by small numbers in linear time, and telling apart what is sorted."""

import numpy as np


def stable_order(numbers: np.ndarray, bound: int) -> np.ndarray:
    """The order, int64 `[num_items]`, that sorts items by `numbers` below `bound`; equal ones stay as they stand."""
    # NumPy sorts 16-bit integers in linear time.
    narrow = numbers.astype(np.uint16) if bound <= 1 << 16 else numbers
    return np.argsort(narrow, kind="stable")


def differs(*columns: np.ndarray) -> np.ndarray:
    """Whether each row of the columns, bool `[num_rows]`, differs from the row before it; the first one does."""
    first = np.ones(len(columns[0]), bool)
    first[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return first


def numbered(*columns: np.ndarray) -> np.ndarray:
    """The number, int64 `[num_rows]`, of each row's combination of values, counted from 0; equal rows are adjacent."""
    return np.cumsum(differs(*columns)) - 1
