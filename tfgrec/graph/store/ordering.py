"""Sorting by small numbers in linear time, and telling apart what is sorted."""

import numpy as np
import pandas as pd

# Up to so many integers a dict is quicker than pandas, whose calls cost as much as looking up some hundred.
_FEW = 200


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


def factorized(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number of each of `values`, int64 `[num_values]`, among the distinct ones, and these: in the order in which
    they come first."""
    if len(values) > _FEW:
        return pd.factorize(values)
    numbers: dict[int, int] = {}
    codes = [numbers.setdefault(value, len(numbers)) for value in values.tolist()]
    return np.array(codes, np.int64), np.fromiter(numbers, np.int64, len(numbers))


def distinct_values(values: np.ndarray) -> np.ndarray:
    """The distinct ones of `values`, int64 `[num_values]`, in the order in which they come first."""
    if len(values) > _FEW:
        return pd.unique(values)
    found = dict.fromkeys(values.tolist())
    return np.fromiter(found, np.int64, len(found))
