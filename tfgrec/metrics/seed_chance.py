"""How much a difference of means over training seeds would move with other seeds.

Two or three seeds are too few to draw from with replacement: the variance of such draws is a half or a third too small,
and the percentiles of three values can't leave the range of the three, which holds the mean in 75% of cases. So a draw
of seeds is one of Student's t distribution instead, times the standard error of the mean over seeds (Student, 1908;
Welch, 1947, where the sides have their own numbers of seeds).
"""

import functools
from collections.abc import Sequence

import numpy as np

# Draws of which the quantiles are taken: at one degree of freedom, 2% exact where an interval of 95% ends.
_T_DRAWS = 60_000


def seed_shifts(baseline: Sequence[float], treatment: Sequence[float], *, replicates: int, seed: int) -> np.ndarray:
    """What draws of seeds add to the difference of the means: float64 `[replicates]`, in random order.

    Args:
      baseline: a metric of each run of one side, on the same rows.
      treatment: of the other side. As many runs on both sides are taken for pairs of equal seeds.
      replicates: how many draws.
      seed: of the order of the draws.

    Returns:
      Zeros where neither side has more than one run: one seed says nothing of others.
    """
    error, degrees = _standard_error(np.asarray(baseline, float), np.asarray(treatment, float))
    if error == 0:
        return np.zeros(replicates)
    return error * np.random.default_rng([seed, 1]).permutation(_t_quantiles(degrees, replicates))


def _standard_error(baseline: np.ndarray, treatment: np.ndarray) -> tuple[float, float]:
    """Of the difference of means over seeds, and its degrees of freedom."""
    if len(baseline) == len(treatment):
        baseline, treatment = np.zeros(1), treatment - baseline
    sides = [side for side in (baseline, treatment) if len(side) > 1]
    variances = np.array([np.var(side, ddof=1) / len(side) for side in sides])
    if not variances.sum() > 0:
        return 0.0, 1.0
    shares, degrees = variances / variances.sum(), np.array([len(side) - 1 for side in sides])
    # Cut to tenths, which is on the safe side, so that few distributions are needed.
    return float(np.sqrt(variances.sum())), float(np.floor(10 / (shares**2 / degrees).sum()) / 10)


@functools.lru_cache(maxsize=64)
def _t_quantiles(degrees: float, count: int) -> np.ndarray:
    """`count` values of Student's t distribution, evenly spaced in probability."""
    half = np.abs(np.random.default_rng(0).standard_t(degrees, size=_T_DRAWS))
    shares = (np.arange(count) + 0.5) / count
    return np.sign(shares - 0.5) * np.quantile(half, np.abs(2 * shares - 1))
