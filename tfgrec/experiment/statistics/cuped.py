"""CUPED: what users did before the experiment takes off the part of the chance that they brought along.

Deng, Xu, Kohavi and Walker, "Improving the Sensitivity of Online Controlled Experiments by Utilizing Pre-Experiment
Data", WSDM 2013, doi 10.1145/2433396.2433413. With x_i what user i did before, and e_i = n_i - R d_i of the arm's own
ratio R, numerators become

    n_i - theta . (x_i - mean(x))                                                             (1)

theta being the least squares of e on x, each less its arm's mean, over all arms: an arm's effect is no part of it. The
mean of x is that of all arms. Of a mean a user, the adjusted
difference is the coefficient of the arm in a regression on arm and x.
"""

from collections.abc import Mapping

import numpy as np

from tfgrec.experiment.statistics.delta_method import RelativeDifference, UserSums


def adjusted(sums: Mapping[str, UserSums], covariates: Mapping[str, np.ndarray]) -> dict[str, UserSums]:
    """Each arm's sums with numerators as in equation (1); denominators stay.

    Args:
      sums: a metric by arm.
      covariates: by arm, of the same users in the same order: `[num_users]` or `[num_users, num_covariates]`, known
        before the experiment began.
    """
    of_arms = {arm: _as_columns(covariates[arm]) for arm in sums}
    residuals = np.concatenate([_centred(one.numerators - one.ratio * one.denominators) for one in sums.values()])
    centred = np.concatenate([_centred(columns) for columns in of_arms.values()])
    theta = np.linalg.lstsq(centred, residuals, rcond=None)[0]
    mean = np.concatenate(list(of_arms.values())).mean(axis=0)
    return {
        arm: UserSums(one.numerators - (of_arms[arm] - mean) @ theta, one.denominators) for arm, one in sums.items()
    }


def variance_taken_off(plain: RelativeDifference, after: RelativeDifference) -> float:
    """The share of the plain difference's variance that the adjustment takes off; NaN where there is none."""
    if not plain.standard_error > 0:
        return float("nan")
    return 1 - (after.standard_error / plain.standard_error) ** 2


def _as_columns(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, float)
    return values[:, np.newaxis] if values.ndim == 1 else values


def _centred(values: np.ndarray) -> np.ndarray:
    return values - values.mean(axis=0)
