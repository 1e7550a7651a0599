"""evaluation.html: what it says of a decision, of slices and of a model before, and that a browser draws it."""

import dataclasses
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tfgrec.config.model import TaskConfig
from tfgrec.config.pipeline import SliceConfig
from tfgrec.metrics import metric_names
from tfx_pipeline.evaluation.results import EvaluationResult, SliceResult
from tfx_pipeline.evaluation.row_layout import RowLayout
from tfx_pipeline.evaluation.threshold_checks import Interval, Measured, ThresholdCheck
from tfx_pipeline.reports.evaluation_page import evaluation_page

TASKS = {"click": TaskConfig(label="click"), "watch_time": TaskConfig(label="watch_ms", kind="regression")}
LAYOUT = RowLayout(tasks=TASKS, user_node_set="user", slices={"scenario": SliceConfig(feature="<tab>")}, min_rows=100)


def slice_result(part: str, candidates: int, *, baseline: float | None = 0.5) -> SliceResult:
    metrics = {
        name: {metric: Measured(0.75, baseline) for metric in metric_names(task.kind)} for name, task in TASKS.items()
    }
    return SliceResult("scenario" if part else "", part, candidates, dict.fromkeys(TASKS, candidates - 1), metrics)


def result(*, blessed: bool = True, baseline: float | None = 0.5) -> EvaluationResult:
    parts = [slice_result("feed & more", 4000, baseline=baseline), slice_result("tiny", 99, baseline=baseline)]
    bound = 0.7 if blessed else 0.8
    return EvaluationResult(
        layout=LAYOUT,
        blessed=blessed,
        everything=slice_result("", 4099, baseline=baseline),
        slices={"scenario": parts},
        checks=[ThresholdCheck("click", "auc", "at_least", bound, Measured(0.75, baseline))],
        compared=[] if baseline is None else list(TASKS),
    )


def page_of(found: EvaluationResult, *, blessed_model: str = "/models/3") -> str:
    """The page without its script and style."""
    text = evaluation_page(found, model="/models/4", blessed_model=blessed_model)
    return text[text.index("<body>") :]


def test_a_blessed_model_s_page_shows_what_was_reached_and_the_differences() -> None:
    page = page_of(result())
    assert "<h1>Blessed</h1>" in page and "compared with /models/3" in page
    assert "<td>at least 0.7</td><td><span class='better'>yes</span></td>" in page
    assert "0.7500 <span class='interval'>+0.2500</span>" in page
    assert "0.001 s <span class='interval'>+0.000 s</span>" in page
    assert "+0.2500 against the blessed model" in page and '"name":"blessed model"' in page


def test_gains_are_shown_with_their_intervals_where_they_have_one() -> None:
    sure = Measured(0.75, 0.5, Interval(0.125, 0.375, 0.9))
    found = result()
    for part in (found.everything, *found.slices["scenario"]):
        part.metrics["click"].update(auc=sure, log_loss=sure)
    found = dataclasses.replace(found, checks=[ThresholdCheck("click", "auc", "min_gain", -0.002, sure, sure=True)])
    page = page_of(found)
    assert "+0.2500 against the blessed model, [+0.1250, +0.3750]" in page
    assert "<td>+0.25 <span class='interval'>[+0.125, +0.375]</span></td>" in page
    assert "<td>a gain of at least -0.002, 90% sure</td>" in page
    # A gain in log loss is a fall.
    assert "+0.2500 [+0.1250, +0.3750]</span>" in page and "+0.2500 [-0.3750, -0.1250]</span>" in page
    assert '"array":[0.125],"arrayminus":[0.125]' in page.replace(" ", "")


def test_a_model_that_is_not_blessed_is_told_why() -> None:
    page = page_of(result(blessed=False))
    assert "<h1>Not blessed</h1>" in page
    assert "<p class='worse'>click: auc is 0.75; at_least is 0.8</p>" in page
    assert "<span class='worse'>no</span>" in page


def test_small_slices_are_counted_but_not_shown() -> None:
    page = page_of(result())
    assert "<th scope='row'>feed &amp; more</th><td>3,999</td>" in page
    assert "By &lt;tab&gt;." in page
    assert (
        "tiny" not in page and "1 of 2 slices have fewer than 100 candidates and are not shown: 99 candidates." in page
    )


def test_without_a_blessed_model_nothing_is_compared() -> None:
    page = page_of(result(baseline=None), blessed_model="")
    assert "no model was blessed before" in page and "nothing to compare with" in page
    assert "class='interval'" not in page and '"name":"blessed model"' not in page


def test_tasks_that_could_not_be_compared_are_named() -> None:
    page = page_of(dataclasses.replace(result(), compared=["click"]))
    assert "compared with /models/3, but not on watch_time, which it can&#x27;t be compared on" in page


def test_an_evaluation_without_candidates_has_a_page() -> None:
    found = EvaluationResult(LAYOUT, False, None, {"scenario": []}, [], [])
    page = page_of(found)
    assert "no candidate was evaluated" in page and "<h1>Not blessed</h1>" in page


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine")
def test_a_browser_draws_an_evaluation_s_figures(tmp_path: Path) -> None:
    path = tmp_path / "evaluation.html"
    path.write_text(evaluation_page(result(), model="/models/4", blessed_model="/models/3"), encoding="utf-8")
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    command += ["--enable-logging=stderr", "--virtual-time-budget=10000", "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr
    figures = len(re.findall("data-figure=", path.read_text(encoding="utf-8").split("<body>")[1]))
    assert figures == len(TASKS) and done.stdout.count('class="main-svg"') >= figures
