"""The paired bootstrap: its replicates, its coverage, and its refusals."""

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from tfgrec.errors import InputDataError
from tfgrec.metrics import (
    METRICS,
    PairedReplicates,
    bootstrap,
    paired_replicates,
    task_metric,
    user_bootstrap,
)


def tables(seed: int, users: int = 30, rows: int = 300, gain: float = 1.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two models on the same rows; the second hears `gain` times as much of the truth."""
    generator = np.random.default_rng(seed)
    user = np.repeat(generator.integers(0, users, rows), 2)[:rows]
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
    # A user drawn twice is two users, whose requests are two.
    copies = np.concatenate([np.full((table["user"] == user).sum(), copy) for copy, user in enumerate(draw)])
    requests = 1_000 * copies + drawn["request"].to_numpy()
    return task_metric(metric, labels, scores, users=copies, requests=requests)


@pytest.mark.parametrize("metric", list(METRICS))
def test_replicates_are_metrics_of_the_drawn_users(metric):
    baseline, treatment = tables(seed=4, gain=2.0)
    found = user_bootstrap(baseline, treatment, task="click", metric=metric, replicates=40, seed=9)
    known = np.unique(baseline.loc[baseline["label/click"].notna(), "user"])
    generator = np.random.default_rng(9)
    draws = [known[generator.integers(len(known), size=len(known))] for _ in range(40)]
    differences = [by_hand(metric, treatment, draw) - by_hand(metric, baseline, draw) for draw in draws]
    assert [found.low, found.high] == pytest.approx(list(np.quantile(differences, [0.025, 0.975])), abs=1e-12)
    assert found.baseline == pytest.approx(by_hand(metric, baseline, known))
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


def arrays(
    metric: str, *, seed: int, **sizes: int
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """What `paired_replicates` takes; for concordance with many labels."""
    baseline, treatment = (table.dropna() for table in tables(seed=seed, gain=1.2, **sizes))
    labels = baseline["label/click"].to_numpy()
    if metric == "concordance":
        labels = labels + np.random.default_rng(seed).integers(0, 40, len(labels))
    return (
        labels,
        baseline["user"].to_numpy(),
        *([table["prediction/click"].to_numpy()] for table in (baseline, treatment)),
    )


@pytest.mark.parametrize("metric", ["auc", "concordance"])
def test_pairs_of_many_rows_are_linearised_and_the_interval_stays(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = arrays(metric, seed=3, users=500, rows=1_500)
    found = {}
    for limit in (0, 10**9):
        monkeypatch.setattr(bootstrap, "_COUNTED_ROWS", limit)
        found[limit] = paired_replicates(metric, *rows)
    linear, counted = found.values()
    assert (linear.baseline, linear.treatment) == pytest.approx((counted.baseline, counted.treatment), abs=1e-12)
    spread = counted.differences.std()
    assert not np.array_equal(linear.differences, counted.differences)
    np.testing.assert_allclose(linear.differences, counted.differences, atol=0.4 * spread)
    for share in (0.05, 0.1, 0.5, 0.9, 0.95):
        assert linear.quantile(share) == pytest.approx(counted.quantile(share), abs=0.1 * spread)


@pytest.mark.parametrize("metric", ["auc", "gauc", "log_loss"])
def test_very_many_users_are_drawn_in_groups_and_the_interval_stays(
    metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = arrays(metric, seed=3, users=4_000, rows=12_000)
    found = {}
    for limit in (1_500, 4_000):
        monkeypatch.setattr(bootstrap, "_MOST_DRAWN", limit)
        found[limit] = paired_replicates(metric, *rows, replicates=2_000)
    grouped, single = found.values()
    assert (grouped.baseline, grouped.treatment) == pytest.approx((single.baseline, single.treatment), abs=1e-12)
    assert grouped.differences.std() == pytest.approx(single.differences.std(), rel=0.1)


@pytest.mark.parametrize("limit", [0, 10**9])
def test_neither_the_order_of_rows_nor_the_size_of_chunks_matters(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_COUNTED_ROWS", limit)
    labels, users, *sides = arrays("auc", seed=5)
    expected = paired_replicates("auc", labels, users, *sides, replicates=30)
    order = np.random.default_rng(0).permutation(len(labels))
    monkeypatch.setattr(bootstrap, "_CHUNK_WEIGHTS", 1)
    shuffled = ([scores[order] for scores in side] for side in sides)
    found = paired_replicates("auc", labels[order], users[order], *shuffled, replicates=30)
    np.testing.assert_allclose(found.differences, expected.differences, atol=1e-12)


def test_an_undefined_metric_has_no_quantile() -> None:
    for rows in (0, 4):
        labels, users, scores = np.ones(rows), np.arange(rows), np.linspace(0, 1, rows)
        assert np.isnan(paired_replicates("auc", labels, users, [scores], [scores], replicates=9).quantile(0.1))


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30), st.floats(0, 1), st.floats(0, 1))
def test_more_confidence_promises_less(differences: list[float], first: float, second: float) -> None:
    found = PairedReplicates(0.5, 0.5, np.sort(differences))
    low, high = sorted((first, second))
    assert min(differences) <= found.quantile(low) <= found.quantile(high) + 1e-12 <= max(differences) + 2e-12


def test_several_tables_on_a_side_are_averaged():
    first, second = tables(seed=7, gain=2.0)
    found = user_bootstrap([first, first], [first, second], task="click", metric="log_loss", replicates=20)
    single = user_bootstrap(first, second, task="click", metric="log_loss", replicates=20)
    assert found.difference == pytest.approx(single.difference / 2)
    same = user_bootstrap([first, first], [second, second], task="click", metric="log_loss", replicates=20)
    assert same == single, "seeds that agree add nothing"
    assert found.high - found.low > single.high - single.low, "one seed gained, the other did not"


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
