"""Differences and their intervals, against closed forms, the bootstrap and least squares."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binom

from tfgrec.experiment.statistics.cuped import adjusted, variance_taken_off
from tfgrec.experiment.statistics.delta_method import UserSums, paired_difference, relative_difference
from tfgrec.experiment.statistics.sample_ratio import (
    SampleRatioMismatch,
    check_sample_ratio,
    sample_ratio_p_value,
)
from tfgrec.experiment.statistics.sequential import (
    always_valid,
    always_valid_half_width,
    mixture_variance,
)


def skewed(generator: np.random.Generator, users: int, scale: float = 1.0) -> UserSums:
    """Many impressions of few users, and clicks that go with them."""
    shown = generator.geometric(0.1, size=users).astype(float)
    rates = scale * generator.beta(2, 6, size=users)
    return UserSums(generator.binomial(shown.astype(int), np.minimum(rates, 1)).astype(float), shown)


def test_the_difference_of_means_is_that_of_the_closed_form():
    difference = relative_difference(UserSums.of_means([2.0, 4.0, 6.0]), UserSums.of_means([1.0, 2.0, 3.0]))
    # Variances of the means: 4 / 3 and 1 / 3; (4 / 3) / 2^2 + 4^2 * (1 / 3) / 2^4 = 2 / 3.
    assert (difference.treatment, difference.baseline, difference.relative) == (4, 2, 100)
    assert difference.standard_error == pytest.approx(100 * np.sqrt(2 / 3))
    assert difference.high - difference.relative == pytest.approx(1.959964 * difference.standard_error)
    assert not difference.clear


@pytest.mark.parametrize("of_means", [True, False], ids=["mean", "ratio"])
def test_the_standard_error_is_the_bootstraps(of_means):
    generator = np.random.default_rng(0)
    treatment, baseline = skewed(generator, 900, 1.2), skewed(generator, 700)
    if of_means:
        treatment, baseline = (UserSums.of_means(sums.numerators) for sums in (treatment, baseline))

    def drawn(sums: UserSums) -> np.ndarray:
        draws = generator.integers(len(sums.numerators), size=(1_500, len(sums.numerators)))
        return sums.numerators[draws].sum(axis=1) / sums.denominators[draws].sum(axis=1)

    relative = 100 * (drawn(treatment) / drawn(baseline) - 1)
    assert relative_difference(treatment, baseline).standard_error == pytest.approx(relative.std(), rel=0.06)


def test_the_paired_standard_error_is_the_bootstraps_of_users():
    generator = np.random.default_rng(5)
    shown, tastes = generator.geometric(0.1, size=900).astype(float), generator.beta(2, 6, size=900)
    treatment, baseline = (
        UserSums(generator.binomial(shown.astype(int), rates).astype(float), shown) for rates in (1.2 * tastes, tastes)
    )
    draws = generator.integers(900, size=(1_500, 900))
    clicks = [sums.numerators[draws].sum(axis=1) for sums in (treatment, baseline)]
    paired = paired_difference(treatment, baseline)
    assert paired.standard_error == pytest.approx((100 * clicks[0] / clicks[1]).std(), rel=0.06)
    assert paired.standard_error < 0.8 * relative_difference(treatment, baseline).standard_error
    with pytest.raises(ValueError, match="3 users against 900"):
        paired_difference(UserSums.of_means(np.ones(3)), baseline)


def test_nothing_to_divide_by_is_not_a_number():
    nothing = UserSums.of_means(np.zeros(5))
    assert np.isnan(relative_difference(UserSums.of_means(np.ones(5)), nothing).relative)
    assert np.isnan(UserSums(np.ones(3), np.zeros(3)).ratio)


def test_cuped_of_means_is_the_coefficient_of_the_arm_in_a_regression():
    generator = np.random.default_rng(1)
    before = {arm: generator.gamma(2.0, size=size) for arm, size in (("a", 300), ("b", 200))}
    after = {arm: 3 + 2 * x + generator.normal(size=len(x)) + (arm == "b") for arm, x in before.items()}
    found = adjusted({arm: UserSums.of_means(values) for arm, values in after.items()}, before)
    design = np.stack([np.ones(500), np.repeat([0.0, 1.0], [300, 200]), np.concatenate(list(before.values()))], axis=1)
    coefficients = np.linalg.lstsq(design, np.concatenate(list(after.values())), rcond=None)[0]
    assert found["b"].ratio - found["a"].ratio == pytest.approx(coefficients[1], rel=1e-9)


def test_cuped_takes_off_the_square_of_the_correlation():
    generator = np.random.default_rng(2)
    before = {arm: generator.normal(size=20_000) for arm in "ab"}
    plain = {arm: UserSums.of_means(10 + 0.8 * x + 0.6 * generator.normal(size=len(x))) for arm, x in before.items()}
    found = adjusted(plain, before)
    differences = [relative_difference(sums["b"], sums["a"]) for sums in (plain, found)]
    assert variance_taken_off(*differences) == pytest.approx(0.64, abs=0.02)


def test_cuped_of_new_users_and_of_ratios_finds_the_same_difference():
    generator = np.random.default_rng(3)
    plain, covariates = {}, {}
    for arm, scale in (("a", 1.0), ("b", 1.2)):
        rates, shown = generator.beta(2, 6, size=4_000), generator.geometric(0.1, size=4_000)
        plain[arm] = UserSums(generator.binomial(shown, scale * rates).astype(float), shown.astype(float))
        known = generator.random(4_000) < 0.7
        covariates[arm] = np.stack([np.where(known, generator.binomial(40, rates) / 40, 0.0), known], axis=1)
    before, after = (relative_difference(sums["b"], sums["a"]) for sums in (plain, adjusted(plain, covariates)))
    assert after.standard_error < 0.95 * before.standard_error
    assert after.relative == pytest.approx(20, abs=3 * after.standard_error)


def test_the_mixture_is_the_one_that_is_narrowest_at_the_first_look():
    best = minimize_scalar(lambda m: always_valid_half_width(0.3, m), bounds=(0.01, 30), method="bounded")
    assert mixture_variance(0.3) == pytest.approx(best.x, rel=1e-3)
    assert 2.9 < always_valid_half_width(1.0, mixture_variance(1.0)) < 3.2


def test_looks_begin_once_the_baseline_is_known():
    generator = np.random.default_rng(5)
    rare = generator.random((2, 4, 2_000)) < 0.01
    sums = [[UserSums.of_means(of_arm[: day + 1].sum(axis=0)) for of_arm in rare] for day in range(4)]
    looks = always_valid([relative_difference(*one) for one in sums])
    # 20 of 2,000 on the first day are known up to a fifth, 40 on two up to a sixth.
    assert [np.isnan(look.low) for look in looks] == [True, True, False, False]
    assert not looks[0].clear
    widths = [look.high - look.low for look in looks[2:]]
    assert widths == sorted(widths, reverse=True)


def test_a_split_that_does_not_hold_stops():
    assert sample_ratio_p_value({"a": 50, "b": 50}, {"a": 1, "b": 1}) == 1
    # (10^2 + 10^2) / 100 = 2 at one degree of freedom.
    assert sample_ratio_p_value({"a": 110, "b": 90}, {"a": 1, "b": 1}) == pytest.approx(0.1573, abs=1e-4)
    assert check_sample_ratio({"a": 2_010, "b": 990}, {"a": 2, "b": 1}) > 0.5
    with pytest.raises(SampleRatioMismatch, match=r"a 1,200 \(split 50.0%\).*no difference is reported"):
        check_sample_ratio({"a": 1_200, "b": 1_000}, {"a": 1, "b": 1})


def test_experiments_without_an_effect_are_clear_as_often_as_stated():
    """Plain and CUPED at the last day; sequential at any of the days. Plain, looked at each day, is wrong too often."""
    experiments, users, days, generator = 300, 200, 8, np.random.default_rng(4)
    clear = dict.fromkeys(("plain", "cuped", "peeked", "sequential"), 0)
    for _ in range(experiments):
        own = {arm: generator.gamma(2.0, size=users) for arm in "ab"}
        before = {arm: generator.poisson(5 * mean) for arm, mean in own.items()}
        daily = {arm: generator.poisson(own[arm], size=(days, users)).cumsum(axis=0) for arm in "ab"}
        sums = [{arm: UserSums.of_means(daily[arm][day]) for arm in "ab"} for day in range(days)]
        plain = [relative_difference(one["b"], one["a"]) for one in sums]
        after = adjusted(sums[-1], before)
        clear["plain"] += plain[-1].clear
        clear["cuped"] += relative_difference(after["b"], after["a"]).clear
        clear["peeked"] += any(look.clear for look in plain)
        clear["sequential"] += any(look.clear for look in always_valid(plain))
    low, high = binom.interval(0.99, experiments, 0.05)
    assert low <= clear["plain"] <= high
    assert low <= clear["cuped"] <= high
    assert clear["sequential"] <= high
    assert clear["peeked"] > high
