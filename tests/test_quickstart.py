"""notebooks/quickstart.ipynb runs from its first to its last cell, and what it says is there."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tfgrec

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "quickstart.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
SOURCES = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]
# The demo's joint model is trained by tests/end_to_end; to trace it once more would take a minute of processor time.
SMALLER = ["arm=no_graph", "model.tasks={is_click: {label: is_click}, long_view: {label: long_view}}"]


def test_it_is_committed_as_it_is_written() -> None:
    assert [cell["id"] for cell in CELLS if cell.get("outputs") or cell.get("execution_count")] == []
    text = "".join("".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "markdown")
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert links and [link for link in links if not (NOTEBOOK.parent / link).exists()] == []


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Names that the cells bind, and under `shown` what each would show."""
    names: dict[str, Any] = {"shown": []}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("quickstart"))
        for source in SOURCES:
            names["shown"].append(run_cell(source, names))
            if source.startswith("CONFIG = "):
                names["SMALL"] += SMALLER
        names["folder"] = names["FOLDER"].resolve()
    return names


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Runs a cell; the value of its last line where that is an expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, str(NOTEBOOK), "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), str(NOTEBOOK), "eval"), names)


@pytest.mark.slow
def test_it_draws_trains_and_serves(ran: dict[str, Any]) -> None:
    by_kind = {type(value).__name__ for value in ran["shown"]}
    assert {"DataFrame", "Drawing", "Figure"} <= by_kind
    run = tfgrec.load_run(ran["folder"] / "run")
    assert run.metrics["validation"]["rows"] == len(run.predictions) > 100
    assert (ran["folder"] / "run" / "report.html").exists()

    # The request is one of the records that were evaluated: served, it has the scores that were measured.
    scores = ran["shown"][-1]["is_click"]
    assert len(scores) == len(ran["request"].items) > 1
    measured = run.predictions["prediction/is_click"].to_numpy()
    assert np.abs(scores.to_numpy()[:, None] - measured).min(axis=1).max() < 1e-5


@pytest.mark.slow
def test_the_trained_model_is_the_exported_one(ran: dict[str, Any]) -> None:
    run = tfgrec.load_run(ran["folder"] / "run")
    [graph] = run.records("validation").take(1)
    scores = run.rank(run.requests("validation"))[0]
    predicted = run.model.predictions(graph.merge_batch_to_components())
    for task in run.config.model.tasks:
        np.testing.assert_allclose(predicted[task], scores[task], rtol=1e-4, atol=1e-5)
