"""The paired bootstrap: its replicates, its coverage, and its refusals."""

import numpy as np
import pandas as pd
import pytest

from tfgrec.errors import InputDataError
from tfgrec.metrics import auc, calibration, concordance, gauc, log_loss, mae, user_bootstrap

BY_HAND = {"auc": auc, "log_loss": log_loss, "calibration": calibration, "mae": mae, "concordance": concordance}


def tables(seed: int, users: int = 30, rows: int = 300, gain: float = 1.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two models on the same rows; the second hears `gain` times as much of the truth."""
    generator = np.random.default_rng(seed)
    user = generator.integers(0, users, rows)
    truth = generator.normal(size=rows) + generator.normal(size=users)[user]
    label = (generator.random(rows) < 1 / (1 + np.exp(-truth))).astype(float)
    label[generator.random(rows) < 0.05] = np.nan

    def table(strength: float) -> pd.DataFrame:
        score = strength * truth + generator.normal(size=rows)
        return pd.DataFrame(
            {
                "user": user,
                "request": np.arange(rows) // 2,
                "label/click": label,
                "prediction/click": np.round(1 / (1 + np.exp(-score)), 2),
            }
        )

    return table(1.0), table(gain)


def by_hand(metric: str, table: pd.DataFrame, draw: np.ndarray) -> float:
    """The metric of the rows of the drawn users, repeated as often as they were drawn."""
    table = table[table["label/click"].notna()]
    drawn = pd.concat([table[table["user"] == user] for user in draw])
    labels, scores = drawn["label/click"].to_numpy(), drawn["prediction/click"].to_numpy()
    if metric == "gauc":
        # A user drawn twice is two users.
        copies = np.concatenate([np.full((table["user"] == user).sum(), copy) for copy, user in enumerate(draw)])
        return gauc(labels, scores, copies)
    return BY_HAND[metric](labels, scores)


@pytest.mark.parametrize("metric", [*BY_HAND, "gauc"])
def test_replicates_are_metrics_of_the_drawn_users(metric):
    baseline, treatment = tables(seed=4, gain=2.0)
    found = user_bootstrap(baseline, treatment, task="click", metric=metric, replicates=40, seed=9)
    known = pd.factorize(baseline.loc[baseline["label/click"].notna(), "user"])[1]
    generator = np.random.default_rng(9)
    draws = [known[generator.integers(len(known), size=len(known))] for _ in range(40)]
    differences = [by_hand(metric, treatment, draw) - by_hand(metric, baseline, draw) for draw in draws]
    assert [found.low, found.high] == pytest.approx(list(np.quantile(differences, [0.025, 0.975])), abs=1e-12)
    assert found.baseline == pytest.approx(by_hand(metric, baseline, np.array(known)))
    assert found.difference == pytest.approx(found.treatment - found.baseline)


def test_interval_tells_a_better_model_from_an_equal_one():
    equal = user_bootstrap(*tables(seed=7, rows=3_000, users=300), task="click", metric="auc")
    better = user_bootstrap(*tables(seed=7, rows=3_000, users=300, gain=2.0), task="click", metric="auc")
    assert equal.low < 0 < equal.high and not equal.clear
    assert better.low > 0 and better.clear


def test_interval_covers_the_expected_difference_about_as_often_as_it_says():
    covered = 0
    for seed in range(60):
        found = user_bootstrap(*tables(seed=seed), task="click", metric="auc", replicates=150, confidence=0.8)
        covered += found.low <= 0 <= found.high
    assert 38 <= covered <= 58  # 48 expected; the binomial's 99.8% range


def test_a_table_against_itself_differs_by_nothing():
    baseline, _ = tables(seed=6)
    found = user_bootstrap(baseline, baseline, task="click", metric="auc", replicates=20)
    assert (found.difference, found.low, found.high) == (0, 0, 0)


def test_several_tables_on_a_side_are_averaged():
    first, second = tables(seed=7, gain=2.0)
    found = user_bootstrap([first, first], [first, second], task="click", metric="log_loss", replicates=20)
    single = user_bootstrap(first, second, task="click", metric="log_loss", replicates=20)
    assert found.difference == pytest.approx(single.difference / 2)
    assert (found.low, found.high) == pytest.approx((single.low / 2, single.high / 2))


def test_the_order_of_requests_does_not_matter():
    baseline, treatment = tables(seed=8, gain=2.0)
    order = np.random.default_rng(0).permutation(treatment["request"].nunique())
    shuffled = pd.concat([treatment[treatment["request"] == request] for request in order])
    expected = user_bootstrap(baseline, treatment, task="click", metric="auc", replicates=20)
    assert user_bootstrap(baseline, shuffled, task="click", metric="auc", replicates=20) == expected


def test_refuses_tables_of_other_rows():
    baseline, treatment = tables(seed=6)
    with pytest.raises(InputDataError, match="300 and 299 rows"):
        user_bootstrap(baseline, treatment[:-1], task="click", metric="auc")
    with pytest.raises(InputDataError, match="'label/click'"):
        user_bootstrap(baseline, treatment.assign(**{"label/click": 1.0}), task="click", metric="auc")
    constant = baseline.assign(**{"label/click": 1.0})
    with pytest.raises(InputDataError, match="auc of click is undefined"):
        user_bootstrap(constant, constant, task="click", metric="auc")
