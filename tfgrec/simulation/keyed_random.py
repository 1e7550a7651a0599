"""Chance as a pure function of keys: the same question gets the same answer, whoever asks it and in whatever order.

So that arms of an experiment meet one world: user 7 on day 3, shown item 5 at the second place of the first session,
answers alike in all of them. Keys go through SplitMix64, one after the other.
"""

import numpy as np
from scipy.special import ndtri

from tfgrec.split_mix import mixed


def keyed_uniform(*keys: np.ndarray | int) -> np.ndarray:
    """Uniform in (0, 1), float64 in the shape that the keys (whole numbers from 0 on) broadcast to."""
    state = np.zeros((), np.uint64)
    with np.errstate(over="ignore"):
        for key in keys:
            state = mixed(state + mixed(np.asarray(key).astype(np.uint64)))
    return ((state >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def keyed_normal(*keys: np.ndarray | int) -> np.ndarray:
    """Standard normal, as `keyed_uniform`."""
    return ndtri(keyed_uniform(*keys))


def keyed_gumbel(*keys: np.ndarray | int) -> np.ndarray:
    """Standard Gumbel, as `keyed_uniform`."""
    return -np.log(-np.log(keyed_uniform(*keys)))
