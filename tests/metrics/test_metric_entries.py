"""The list of metrics: what follows it, and the page that defines them."""

from pathlib import Path

import numpy as np
import pytest

from tfgrec.metrics import METRICS, TaskRows, metric_names

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def rows() -> TaskRows:
    generator = np.random.default_rng(0)
    labels = (generator.random(400) < 0.4).astype(float)
    scores = np.round(np.clip(generator.normal(0.3 + 0.3 * labels, 0.2), 0.01, 0.99), 2)
    requests = np.arange(400) // 4
    return TaskRows(labels, scores, requests % 23, requests)


def test_the_page_has_one_line_for_each_entry_and_no_other():
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert lines == [
        f"| `{metric.name}` | {metric.kind} | {metric.better} | {metric.definition} |" for metric in METRICS.values()
    ]


@pytest.mark.parametrize("name", METRICS)
def test_values_are_the_ratios_of_their_terms_and_shares_are_shares(name):
    metric, terms = METRICS[name], METRICS[name].terms(rows())
    value = metric.value(rows())
    assert value == pytest.approx(terms.above.sum() / terms.below.sum())
    assert not metric.share or 0 <= value <= 1
    assert len(terms.above) == len(terms.below) == len(terms.users) > 0


@pytest.mark.parametrize("name", METRICS)
def test_better_predictions_are_better(name):
    worse = rows()
    moved = TaskRows(worse.labels, 0.5 * (worse.scores + worse.labels), worse.users, worse.requests)
    gain = METRICS[name].value(moved) - METRICS[name].value(worse)
    if METRICS[name].better != "neither":
        assert gain > 0 if METRICS[name].better == "higher" else gain < 0


def test_what_a_kind_is_judged_by_is_compared():
    for kind in ("binary", "regression"):
        assert metric_names(kind)[0] == metric_names(kind, compared=True)[0]
