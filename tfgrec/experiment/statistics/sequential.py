"""Intervals that hold at every look: who looks each day and stops when zero is out is wrong as seldom as stated.

The mixture sequential probability ratio test with a normal mixture (Robbins, 1970; Johari, Koomen, Pekelis and Walsh,
"Always Valid Inference", arXiv 1512.04922), which is the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha,
Kennedy and Ramdas (arXiv 2103.06476). A difference with variance V at a look has

    half width = sqrt(V (V + m) / m * log((V + m) / (V * alpha^2)))                                (1)

at every look with the same m, the variance of the mixture. It needs differences whose increments are independent in
information 1 / V. Means of users over more and more days are such as long as days are alike: with a user's own variance
u and a day's v, the covariance of the means over k < l days is u + v / l, the variance of the later one.

m is fixed at the first look, from its variance V1 alone: m = c V1, the c for which (1) is narrowest there (Howard,
Ramdas, McAuliffe and Sekhon, arXiv 1810.08240): c = -W(-alpha^2 / e) - 1, with the lower branch of Lambert's W.

All this holds where means are about normal, which a ratio is not while there is little to divide by: looks begin once
the baseline's metric is known up to MOST_BASELINE_ERROR, whatever the difference is by then.
"""

import math
from collections.abc import Sequence

from scipy.special import lambertw

from tfgrec.experiment.statistics.delta_method import RelativeDifference

MOST_BASELINE_ERROR = 15.0
"""Percent: the baseline's standard error from which on a look gives an interval."""


def mixture_variance(first_variance: float, *, confidence: float = 0.95) -> float:
    """The variance m of the mixture, from the variance of the difference at the first look."""
    alpha = 1 - confidence
    return first_variance * (-lambertw(-(alpha**2) / math.e, k=-1).real - 1)


def always_valid_half_width(variance: float, mixture: float, *, confidence: float = 0.95) -> float:
    """Half the width of the interval at a look, equation (1); NaN or 0 where the variance is."""
    if not (variance > 0 and mixture > 0):
        return 0.0 if variance == 0 else float("nan")
    alpha = 1 - confidence
    return math.sqrt(variance * (variance + mixture) / mixture * math.log((variance + mixture) / (variance * alpha**2)))


def always_valid(looks: Sequence[RelativeDifference], *, confidence: float = 0.95) -> list[RelativeDifference]:
    """The differences of looks, the first first, each with the interval that holds at every look.

    Intervals are NaN until looks begin.
    """
    mixture, found = float("nan"), []
    for look in looks:
        variance = look.standard_error**2
        if math.isnan(mixture) and variance > 0 and look.baseline_error <= MOST_BASELINE_ERROR:
            mixture = mixture_variance(variance, confidence=confidence)
        found.append(look.within(always_valid_half_width(variance, mixture, confidence=confidence)))
    return found
