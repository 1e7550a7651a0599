"""Chance as a pure function of keys: the same question gets the same answer, whoever asks it and in whatever order.

So that arms of an experiment meet one world: user 7 on day 3, shown item 5 at the second place of the first session,
answers alike in all of them. Keys go through the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast Splittable
Pseudorandom Number Generators", OOPSLA 2014, doi 10.1145/2660193.2660195), one after the other.
"""

import numpy as np
from scipy.special import ndtri

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def keyed_uniform(*keys: np.ndarray | int) -> np.ndarray:
    """Uniform in (0, 1), float64 in the shape that the keys (whole numbers from 0 on) broadcast to."""
    state = np.zeros((), np.uint64)
    with np.errstate(over="ignore"):
        for key in keys:
            state = _mixed(state + _GAMMA + _mixed(np.asarray(key).astype(np.uint64) + _GAMMA))
    return ((state >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def keyed_normal(*keys: np.ndarray | int) -> np.ndarray:
    """Standard normal, as `keyed_uniform`."""
    return ndtri(keyed_uniform(*keys))


def keyed_gumbel(*keys: np.ndarray | int) -> np.ndarray:
    """Standard Gumbel, as `keyed_uniform`."""
    return -np.log(-np.log(keyed_uniform(*keys)))


def _mixed(state: np.ndarray) -> np.ndarray:
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))
