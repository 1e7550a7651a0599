"""The numbers of drift against their definitions, written plainly."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgrec.errors import ConfigurationError, InputDataError
from tfgrec.serving.clients.client import Inputs, ModelClient
from tfgrec.skew.limits import exceeded, read_limits
from tfgrec.skew.score_drift import output_drift, population_stability_index, score_drift, scores_of


def two_models(seed: int, *, ties: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 7, 40)
    one = random.random(lengths.sum()).astype(np.float32)
    other = (one + random.normal(0, 0.2, len(one))).astype(np.float32)
    return (np.round(one, 1), np.round(other, 1), lengths) if ties else (one, other, lengths)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.booleans())
def test_numbers_are_those_of_scipy_and_of_loops(seed: int, ties: bool) -> None:
    one, other, lengths = two_models(seed, ties=ties)
    drift = output_drift(one, other, lengths)
    apart = [abs(np.mean(one <= at) - np.mean(other <= at)) for at in np.concatenate([one, other])]
    assert drift["ks"] == pytest.approx(max(apart), abs=1e-9)
    ends = np.cumsum(lengths)
    correlations, changed = [], []
    for start, end in zip(ends - lengths, ends, strict=True):
        left, right = one[start:end], other[start:end]
        if len(left) < 2:
            continue
        changed.append(right[np.argmax(left)] < right.max())
        if np.ptp(left) and np.ptp(right):
            correlations.append(scipy.stats.spearmanr(left, right).statistic)
    assert drift["requests_of_several"] == len(changed)
    assert drift["top_changed"] == pytest.approx(np.mean(changed))
    assert drift["rank_correlation"] == pytest.approx(np.mean(correlations))
    assert drift["mean_change"] == pytest.approx(abs(other.mean() - one.mean()) / one.std(), abs=1e-5)
    assert drift["quantiles"]["0.5"] == pytest.approx([np.median(one), np.median(other)])


def test_psi_is_the_sum_over_bins_of_the_first_s_deciles() -> None:
    one, other = np.arange(1000) / 1000, np.arange(1000) / 2000
    shares = np.array([0.2] * 5 + [1e-4] * 5)
    assert population_stability_index(one, other) == pytest.approx(
        np.sum((shares - 0.1) * np.log(shares / 0.1)), rel=0.02
    )
    # A model that says one thing to all.
    assert population_stability_index(np.zeros(9), np.zeros(5)) == 0
    assert population_stability_index(np.zeros(9), np.ones(5)) > 1


def test_equal_models_drift_nowhere() -> None:
    one, _, lengths = two_models(1)
    drift = output_drift(one, one.copy(), lengths)
    numbers = ("mean_change", "psi", "ks", "top_changed", "largest_change")
    assert {name: drift[name] for name in numbers} == dict.fromkeys(numbers, 0.0)
    assert drift["rank_correlation"] == pytest.approx(1)


def test_nothing_to_rank_is_no_drift() -> None:
    single = output_drift(np.array([0.1, 0.2]), np.array([0.3, 0.4]), np.array([1, 1]))
    assert (single["rank_correlation"], single["top_changed"], single["requests_of_several"]) == (None, 0.0, 0)
    empty = score_drift({"click": np.zeros(0)}, {"click": np.zeros(0), "like": np.zeros(0)}, np.zeros(0, np.int64))
    assert empty.keys() == {"click"} and empty["click"]["ks"] == 0


def test_scores_that_are_no_numbers_are_refused() -> None:
    class Spoiled(ModelClient):
        def predict(self, signature: str, inputs: Inputs) -> dict[str, np.ndarray]:
            count = len(inputs["examples"])
            scores = np.arange(count, dtype=np.float32)
            scores[-1] = np.nan
            return {"click": scores, "candidates_per_request": np.ones(count, np.int64)}

        def check_ready(self) -> None:
            """Always."""

    with pytest.raises(InputDataError, match="score 'click': 2 of 70 are no numbers"):
        scores_of(Spoiled(), [b"x"] * 70)


def test_limits_hold_upwards_and_for_correlations_downwards() -> None:
    limits = read_limits(["psi=0.2", "rank_correlation=.9"], ("psi", "ks", "rank_correlation"))
    assert exceeded({"psi": 0.2, "rank_correlation": 0.9, "ks": 9.0}, limits) == []
    assert exceeded({"psi": 0.1, "rank_correlation": None}, limits) == []
    assert exceeded({"psi": float("nan"), "rank_correlation": 0.8}, limits) == [
        "psi is nan, at most 0.2 is allowed",
        "rank_correlation is 0.8, at least 0.9 is allowed",
    ]
    with pytest.raises(ConfigurationError, match="--limit pis=1: unknown name 'pis': did you mean 'psi'"):
        read_limits(["pis=1"], ("psi", "ks"))
    with pytest.raises(ConfigurationError, match="--limit psi: expected NAME=NUMBER"):
        read_limits(["psi"], ("psi",))
