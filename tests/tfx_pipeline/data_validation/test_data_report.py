"""Pages of what the examples hold and of what is wrong with them: whole, right, and in need of nothing else."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from tfx.dsl.io.filesystem import Filesystem
from tfx.dsl.io.filesystem_registry import DEFAULT_FILESYSTEM_REGISTRY
from tfx.types import standard_artifacts
from tfx.utils import json_utils
from validated_examples import AGE_GROUP, CLICK, DAYS, HOUR, SCENARIO, WATCH_TIME, changed, without

from tfx_pipeline.artifacts import HtmlPages
from tfx_pipeline.data_validation.data_gate import Executor as GateExecutor
from tfx_pipeline.data_validation.statistics import read_statistics
from tfx_pipeline.data_validation.validation import Anomaly, Validation
from tfx_pipeline.reports.anomalies_page import anomalies_page
from tfx_pipeline.reports.data_report import Executor as ReportExecutor
from tfx_pipeline.reports.split_statistics import SplitStatistics
from tfx_pipeline.reports.statistics_page import statistics_page

PAGES = ("statistics.html", "anomalies.html")


def text_of(html: str) -> str:
    """What a reader sees, figures aside."""
    body = re.sub(r"<(script|style).*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def row_of(html: str, feature: str) -> str:
    """The table row that begins with a feature."""
    return text_of(re.search(rf"<tr><th scope='row'>{re.escape(feature)}</th>.*?</tr>", html)[0])


def figures_of(html: str) -> list[dict]:
    return [json.loads(data) for data in re.findall(r"data-figure='[^']*'>(.*?)</script>", html)]


@pytest.fixture
def examples_artifact(clean):
    artifact = standard_artifacts.Examples()
    artifact.uri, artifact.split_names = str(clean.path), json_utils.dumps(["train", "eval"])
    return artifact


@pytest.fixture
def pages(clean, validators, examples_artifact) -> dict[str, str]:
    """The pages of an evaluation split whose labels have shifted, which lacks a column, beside serving examples."""
    spoiled = without(changed(clean.eval, CLICK, np.ones_like), AGE_GROUP)
    inputs = validators.inputs({"train": clean.train, "eval": spoiled})
    served = changed(without(clean.eval, CLICK, WATCH_TIME), HOUR, lambda hours: hours % 3)
    inputs |= validators.serving_inputs(inputs["statistics"][0], served, {"_readout": {"hour": 0.3}})
    folder = Path(validators.pages({**inputs, "examples": [examples_artifact]}).uri)
    return {name: (folder / name).read_text(encoding="utf-8") for name in PAGES}


def test_pages_need_nothing_from_outside_and_stay_small(pages):
    for html in pages.values():
        without_library = re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)
        assert all(place.startswith("#") for place in re.findall(r"(?:src|href)='([^']*)'", without_library))
        assert len(html) < 6e6 and len(without_library) < 1e6


def test_statistics_are_those_of_the_records(pages, clean):
    labels = clean.train.column(clean.train.schema.get_field_index(CLICK)).flatten().to_numpy()
    row = row_of(pages["statistics.html"], "click")
    assert f"{labels.mean():,.4g} 1 –" in row and f"{100 * np.mean(labels == 0):.1f}%" in row
    watched = clean.train.column(clean.train.schema.get_field_index(WATCH_TIME)).flatten().to_numpy()
    assert f"{100 * np.isnan(watched).mean():.1f}%" in row_of(pages["statistics.html"], "watch_ms")


def test_labels_requests_and_sets_have_sections_of_their_own(pages):
    headings = re.findall(r"<h2>(.*?)</h2>", pages["statistics.html"])
    assert headings == ["Subgraphs", "Labels", "Requests", "Nodes: user", "Nodes: video"]


def test_text_shows_its_most_frequent_values_in_all_splits(pages, clean):
    scenarios = [
        batch.column(batch.schema.get_field_index(SCENARIO)).flatten().to_numpy(zero_copy_only=False) == b"feed"
        for batch in (clean.train, clean.eval)
    ]
    train, evaluation = (f"{100 * of_split.mean():.1f}%" for of_split in scenarios)
    assert f"feed {train} / {evaluation} / {evaluation}" in row_of(pages["statistics.html"], "scenario")


def test_a_column_that_a_split_lacks_leaves_a_dash(pages):
    row = row_of(pages["statistics.html"], "age_group")
    assert re.search(r"train eval serving – – – ", row), row


def test_edges_of_requests_and_cuts_of_fan_outs_are_shown(pages, clean):
    sizes = clean.train.column(clean.train.schema.get_field_index("edges/watched.#size")).flatten().to_numpy()
    assert f"{sizes.mean():,.2f}" in row_of(pages["statistics.html"], "watched")
    bars = figures_of(pages["statistics.html"])[0]["data"]
    assert [bar["name"] for bar in bars] == ["train", "eval", "serving"]
    cut = json.loads((clean.path / "manifest.json").read_text())["expansions"][0]
    assert f"{cut['truncated_share']:.1%}" in text_of(pages["statistics.html"])


def test_anomalies_are_listed_with_place_and_reason(pages):
    text = text_of(pages["anomalies.html"])
    assert "3 anomalies" in text
    assert f"{CLICK} eval drift drift 0." in text and "Jensen-Shannon divergence from split train" in text
    assert f"{AGE_GROUP} eval schema Column dropped" in text
    assert f"{HOUR} serving skew skew 0." in text


def test_distances_are_drawn_whether_allowed_or_not(pages):
    drift, skew, *measured = figures_of(pages["anomalies.html"])
    bars, allowed = drift["data"]
    assert dict(zip(bars["y"], [too_far for _, too_far in bars["customdata"]], strict=True))[CLICK] == 0.1
    assert bars["y"][0] == CLICK and set(bars["y"]) == {CLICK, HOUR, SCENARIO, "edges/watched.#size"}
    assert allowed["y"] == bars["y"]
    assert skew["data"][0]["y"] == [HOUR]
    # Of features that nothing bounds, too: evaluation and serving from training.
    assert len(measured) == 2 and all("nodes/user.activity" in figure["data"][0]["y"] for figure in measured)


def test_clean_examples_leave_pages_that_say_so(clean, validators):
    inputs = validators.inputs({"train": clean.train, "eval": clean.eval}, allowed={})
    pages = Path(validators.pages(inputs).uri)
    text = text_of((pages / "anomalies.html").read_text(encoding="utf-8"))
    assert DAYS in text and "no anomaly" in text and "Nothing was found." in text
    assert "Cut by the fan-outs" not in (pages / "statistics.html").read_text(encoding="utf-8")


def test_names_and_values_that_look_like_html_are_shown_as_text(clean, validators):
    spoiled = changed(clean.train, SCENARIO, lambda names: np.full_like(names, b"<script>alert(1)</script>"))
    statistics = validators.statistics("escaped", {"train": spoiled})
    split = SplitStatistics.of("<b>train", read_statistics(statistics)["train"])
    html = statistics_page(title="<b>", splits=[split], labels=[], distances={})
    assert "<script>alert" not in html and "&lt;script&gt;alert" in html and "<b>" not in html
    found = Validation("schema", (Anomaly("<b>eval", "<i>", "<script>alert(1)"),), ())
    html = anomalies_page(title="", validations=[found], distances={}, baseline="train")
    assert "<script>alert" not in html and "<b>" not in html and "<i>" not in html


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine")
def test_a_browser_draws_the_pages_without_an_error(pages, tmp_path):
    for name, html in pages.items():
        (tmp_path / name).write_text(html, encoding="utf-8")
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
        command += ["--enable-logging=stderr", "--virtual-time-budget=10000", "--dump-dom", (tmp_path / name).as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        assert "CONSOLE" not in done.stderr
        assert done.stdout.count('class="main-svg"') >= len(figures_of(html))


class Elsewhere(Filesystem):
    """A disk under a scheme of its own: a path to it is none that Python's own functions find."""

    SUPPORTED_SCHEMES = ["elsewhere://"]

    @staticmethod
    def open(name, mode="r"):
        return Path(name.removeprefix("elsewhere:/")).open(mode)

    @staticmethod
    def exists(path):
        return Path(path.removeprefix("elsewhere:/")).exists()

    @staticmethod
    def makedirs(path):
        Path(path.removeprefix("elsewhere:/")).mkdir(parents=True, exist_ok=True)


def test_artifacts_may_lie_on_any_file_system(clean, validators, examples_artifact):
    DEFAULT_FILESYSTEM_REGISTRY.register(Elsewhere, priority=0)
    inputs = {**validators.inputs({"train": clean.train, "eval": clean.eval}), "examples": [examples_artifact]}
    pages = Path(validators.pages(inputs).uri)
    expected = {name: (pages / name).read_bytes() for name in PAGES}
    shutil.rmtree(pages)
    moved = [artifact for artifacts in inputs.values() for artifact in artifacts]
    for artifact in moved:
        artifact.uri = f"elsewhere:/{artifact.uri}"
    output = HtmlPages()
    output.uri = f"elsewhere:/{pages}"
    ReportExecutor().Do(inputs, {"pages": [output]}, {"days": DAYS})
    assert {name: (pages / name).read_bytes() for name in PAGES} == expected
    GateExecutor().Do({**inputs, "pages": [output]}, {}, {})
