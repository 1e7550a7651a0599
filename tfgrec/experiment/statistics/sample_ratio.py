"""Sample ratio mismatch: arms whose numbers of users can't be those of the split tell of a mistake, not of an effect.

Fabijan et al., "Diagnosing Sample Ratio Mismatch in Online Controlled Experiments", KDD 2019,
doi 10.1145/3292500.3330722.
"""

from collections.abc import Mapping

from scipy.stats import chisquare

from tfgrec.errors import TfgrecError

# Much below 5%: a report that is stopped for nothing is dear, and a real mismatch shows soon.
THRESHOLD = 0.001


class SampleRatioMismatch(TfgrecError):
    """The arms' numbers of users do not fit the split."""


def sample_ratio_p_value(users: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """How likely numbers of users that far from the split are: Pearson's chi-square test.

    Args:
      users: who were exposed, by arm; nobody twice.
      shares: the split, by arm; need not sum to one.
    """
    if len(users) < 2:
        return 1.0
    total, of_shares = sum(users.values()), sum(shares[arm] for arm in users)
    expected = [total * shares[arm] / of_shares for arm in users]
    return float(chisquare(list(users.values()), expected).pvalue)


def check_sample_ratio(users: Mapping[str, int], shares: Mapping[str, float], *, threshold: float = THRESHOLD) -> float:
    """Returns the p-value.

    Raises:
      SampleRatioMismatch: it is below the threshold; then no difference of the arms means anything.
    """
    p_value = sample_ratio_p_value(users, shares)
    if p_value < threshold:
        total = sum(shares[arm] for arm in users)
        found = ", ".join(f"{arm} {count:,} (split {shares[arm] / total:.1%})" for arm, count in users.items())
        raise SampleRatioMismatch(
            f"sample ratio mismatch: users by arm are {found}; so far from the split with p = {p_value:.2g}, below "
            f"{threshold:g}. The arms' users differ in more than the arm: no difference is reported"
        )
    return p_value
