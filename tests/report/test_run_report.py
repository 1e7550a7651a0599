"""report.html: whole, self-contained, the same each time, and drawn without errors by a browser."""

import base64
import html.parser
import json
import re
import shutil
import subprocess
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import yaml

from tfgrec.config.model import BalancingConfig
from tfgrec.errors import TfgrecError
from tfgrec.report import write_report


class Page(html.parser.HTMLParser):
    """What a page says and refers to."""

    def __init__(self, text: str):
        super().__init__()
        self.headings, self.references, self.figures, self._open = [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self._open = (tag, attributes)
        self.references += [attributes[name] for name in ("src", "href") if name in attributes]

    def handle_data(self, data):
        tag, attributes = self._open or ("", {})
        if tag in ("h1", "h2", "h3"):
            self.headings.append(data)
        if tag == "script" and "data-figure" in attributes:
            self.figures.append(json.loads(data))

    def handle_endtag(self, tag):
        self._open = None


def numbers(encoded: dict) -> list:
    """The values of an axis, which pages hold as base64."""
    return np.frombuffer(base64.b64decode(encoded["bdata"]), encoded["dtype"]).tolist()


def read_page(path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def test_a_report_shows_everything_and_needs_nothing_from_outside(make_run):
    page = read_page(write_report(make_run("run")))
    for heading in [
        "demo",
        "Metrics",
        "By scenario",
        "Cold start",
        "ROC",
        "is_like: calibration",
        "watch_time: predicted and observed",
    ]:
        assert heading in page.headings
    for heading in [
        "Loss: total",
        "Loss: auto_encoder",
        "Weights of the losses",
        "Cosine of the two gradients on the encoder",
        "Effective rank",
        "Shares of the logit: is_click",
    ]:
        assert heading in page.headings
    assert page.references and all(reference.startswith("#") for reference in page.references)
    assert len(page.figures) == 16


def test_a_test_split_has_a_heading_of_its_own(make_run):
    run = make_run("run")
    metrics = json.loads((run / "metrics.json").read_text())
    slices = {"scenarios": metrics["scenarios"], "cold_start": metrics["cold_start"]}
    of_test = {**metrics["validation"], "rows": 77, "requests": 19, **slices}
    (run / "metrics.json").write_text(json.dumps({**metrics, "test": of_test}))
    page = write_report(run)
    assert "On the test split: 19 requests, 77 candidates" in page.read_text()
    assert "Test" in read_page(page).headings and read_page(page).headings.count("By scenario") == 2


def test_the_numbers_shown_are_those_of_metrics_json(make_run):
    run = make_run("run")
    metrics = json.loads((run / "metrics.json").read_text())
    text = write_report(run).read_text(encoding="utf-8")
    validation = metrics["validation"]
    assert f"<span class='value'>{validation['is_click']['auc']:.4f}</span>" in text
    assert f"<td>{validation['watch_time']['mae'] / 1000:,.3f} s</td>" in text
    for values in metrics["scenarios"].values():
        assert f">{values['is_like']['auc']:.4f}</span>" in text


@pytest.mark.parametrize("method", get_args(BalancingConfig.model_fields["method"].annotation))
def test_every_way_to_weigh_the_losses_is_explained(make_run, method):
    run = make_run("run")
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["model"]["balancing"] |= {
        "method": method,
        "weights": {"is_click": 1.0} if method == "gradnorm_mean" else None,
    }
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    assert "Weights of the losses" in write_report(run).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("transform", "said"), [("log", "on a log scale"), ("sqrt", "of square roots"), ("none", None)]
)
def test_a_regression_is_said_to_be_learned_on_the_scale_that_it_is(make_run, transform, said):
    run = make_run("run")
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["model"]["tasks"]["watch_time"]["transform"] = transform
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    text = write_report(run).read_text(encoding="utf-8")
    assert said in text if said else "nearer to the median" not in text


def test_the_same_run_gives_the_same_file(make_run):
    run = make_run("run")
    first = write_report(run).read_bytes()
    assert write_report(run).read_bytes() == first


def test_plots_stay_small_however_many_rows_there_are(make_run):
    sizes = []
    for rows, steps in ((4_000, 4_000), (40_000, 40_000)):
        data = write_report(make_run(f"rows_{rows}", rows=rows, steps=steps)).read_text(encoding="utf-8")
        sizes.append(sum(len(found) for found in re.findall(r"data-figure=.*?</script>", data, flags=re.DOTALL)))
    assert sizes[1] < 4 * sizes[0]
    assert sizes[1] < 1_000_000


def test_phases_of_two_stages_are_marked(make_run):
    page = read_page(write_report(make_run("run", arm="two_stage")))
    marked = [figure for figure in page.figures if figure["layout"].get("annotations")]
    assert {figure["layout"]["annotations"][0]["text"] for figure in marked} == {"ranking"}
    # The ranking losses begin with that phase: nothing of another one is drawn in their figures.
    assert 0 < len(marked) < 8


def test_both_curves_of_early_stopping_are_drawn(make_run):
    run = make_run("run")
    history = run / "logs" / "history.jsonl"
    measured = {300: 0.62, 600: 0.58, 900: 0.6}
    with history.open("a") as file:
        for step, value in measured.items():
            values = {"log_loss/is_click": value, "auc/is_click": 1 - value, "mae/watch_time": 9.0, "log_loss": value}
            line = {f"selection/{name}": of for name, of in values.items()}
            file.write(json.dumps({"step": step, "phase": "ranking", "epoch": 0, **line}) + "\n")
    selection = {"metric": "log_loss", "best_step": 600, "best_value": 0.58, "held_out": 77, "refit_steps": 661}
    training = json.loads((run / "training.json").read_text())
    selection["measurements"] = [{"step": step, "value": value} for step, value in measured.items()]
    (run / "training.json").write_text(json.dumps({**training, "selection": selection}))
    page = read_page(write_report(run))
    on_cut = [trace for figure in page.figures for trace in figure["data"] if trace.get("name") == "on the cut"]
    assert [(numbers(trace["x"]), numbers(trace["y"])) for trace in on_cut] == [([*measured], [*measured.values()])]
    [of_click] = [figure for figure in page.figures if on_cut[0] in figure["data"]]
    assert len(of_click["data"]) == 3
    assert {"On the cut: AUC", "On the cut: MAE"} <= set(page.headings)
    text = (run / "report.html").read_text(encoding="utf-8")
    assert "best after 600 steps" in text and "for 661 steps" in text


def test_names_that_look_like_html_are_shown_as_text(make_run):
    run = make_run("run")
    metrics = json.loads((run / "metrics.json").read_text())
    for name, changed in {"discover": "</script><b>bold</b>", "feed": "<i>feed</i>"}.items():
        metrics["scenarios"][changed] = metrics["scenarios"].pop(name)
    (run / "metrics.json").write_text(json.dumps(metrics))
    text = write_report(run).read_text(encoding="utf-8")
    assert "<b>bold" not in text and "<i>feed" not in text
    assert "&lt;i&gt;feed&lt;/i&gt;" in text and "&lt;b&gt;bold" in text


def test_undefined_metrics_and_a_missing_history_leave_a_whole_report(make_run):
    run = make_run("run")
    metrics = json.loads((run / "metrics.json").read_text())
    metrics["validation"]["is_like"] = {"auc": None, "gauc": None, "log_loss": 0.1, "calibration": None}
    metrics["scenarios"] = {}
    (run / "metrics.json").write_text(json.dumps(metrics))
    predictions = pd.read_parquet(run / "predictions.parquet")
    predictions.assign(**{"label/is_like": 0.0}).to_parquet(run / "predictions.parquet")
    (run / "logs" / "history.jsonl").unlink()
    (run / "training.json").unlink()
    page = read_page(write_report(run))
    assert "Metrics" in page.headings and "ROC" in page.headings
    assert "By scenario" not in page.headings and "Training" not in page.headings


def test_a_torn_last_line_of_the_history_is_ignored(make_run):
    run = make_run("run")
    expected = write_report(run).read_bytes()
    with (run / "logs" / "history.jsonl").open("a") as file:
        file.write('{"step": 99999, "lo')
    assert write_report(run).read_bytes() == expected


@pytest.mark.parametrize("missing", ["config.yaml", "metrics.json", "predictions.parquet"])
def test_what_is_missing_is_named(make_run, missing):
    run = make_run("run")
    (run / missing).unlink()
    with pytest.raises(TfgrecError, match=missing):
        write_report(run)
    assert not (run / "report.html").exists()


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine")
def test_a_browser_draws_every_figure_without_an_error(make_run, tmp_path):
    report = write_report(make_run("run"))
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    command += ["--enable-logging=stderr", "--virtual-time-budget=10000", "--dump-dom", report.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr
    assert done.stdout.count('class="main-svg"') >= len(read_page(report).figures)


def test_cold_and_warm_have_a_line_each_and_one_without_rows_says_so(make_run):
    text = write_report(make_run("run")).read_text(encoding="utf-8")
    lines = {
        name: rows for name, rows in re.findall(r"<th scope='row'>((?:user|item): [^<]*)</th><td>([^<]*)</td>", text)
    }
    assert lines == {
        "user: no event before": "90",
        "user: some": "3,910",
        "item: no event before": "0",
        "item: some": "4,000",
    }
