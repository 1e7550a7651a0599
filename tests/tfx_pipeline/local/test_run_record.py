"""What is told of a run: read from the ML Metadata of real runs of two small components."""

import logging

import pytest
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline

from tfgrec.errors import InputDataError
from tfx_pipeline.artifacts import HtmlPages
from tfx_pipeline.local.component_progress import told_components
from tfx_pipeline.local.local_run import told_outcome
from tfx_pipeline.local.run_page import write_run_page
from tfx_pipeline.local.run_record import read_newest_run


@component
def Writer(pages: OutputArtifact[HtmlPages], text: Parameter[str]):  # noqa: N802
    """Writes a page."""
    from pathlib import Path

    Path(pages.uri, "words.html").write_text(text)


@component
def Checker(pages: InputArtifact[HtmlPages], checked: OutputArtifact[HtmlPages], refuse: Parameter[int]):  # noqa: N802
    """Refuses pages."""
    if refuse:
        raise InputDataError("row 7: <b>is</b> odd\nsecond line")


@pytest.fixture
def run_pipeline(tmp_path):
    """Runs the two components; returns what was announced."""

    def run(text="hello", refuse=0):
        writer = Writer(text=text)
        checker = Checker(pages=writer.outputs["pages"], refuse=refuse)
        pipeline = Pipeline(
            pipeline_name="small",
            pipeline_root=str(tmp_path / "artifacts"),
            components=[writer, checker],
            enable_cache=True,
            metadata_connection_config=sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite")),
        )
        lines = []
        with told_components(lines.append, verbose=False):
            LocalDagRunner().run(pipeline)
        return lines

    return run


def states(tmp_path):
    run = read_newest_run(tmp_path / "metadata.sqlite")
    return {component.name: component.state for component in run.components}


def test_a_root_that_was_never_used_has_no_run(tmp_path):
    assert read_newest_run(tmp_path / "metadata.sqlite") is None


def test_a_repeated_run_is_told_as_cached(tmp_path, run_pipeline):
    assert run_pipeline() == ["Writer ...", "Checker ..."]
    assert states(tmp_path) == {"Writer": "done", "Checker": "done"}
    again = run_pipeline()
    assert [line.strip() for line in again] == ["Writer ...", "as in an earlier run"] + [
        "Checker ...",
        "as in an earlier run",
    ]
    run = read_newest_run(tmp_path / "metadata.sqlite")
    assert states(tmp_path) == {"Writer": "cached", "Checker": "cached"}
    assert [page.read_text() for page in run.find("Writer").pages] == ["hello"]
    assert run.failed is None


def test_a_component_that_refuses_is_named_and_the_next_call_goes_on_there(tmp_path, run_pipeline):
    with pytest.raises(InputDataError, match="row 7"):
        run_pipeline(refuse=1)
    run = read_newest_run(tmp_path / "metadata.sqlite")
    assert (run.failed.name, states(tmp_path)) == ("Checker", {"Writer": "done", "Checker": "failed"})
    run_pipeline()
    assert states(tmp_path) == {"Writer": "cached", "Checker": "done"}


def test_what_our_own_executors_decide_is_told():
    lines = []
    logger = logging.getLogger("tfx_pipeline.graph_builder.executor")
    with told_components(lines.append, verbose=False):
        logger.info("graph: adds to %s", 4)
        logging.getLogger("tensorflow").warning("old")
    logger.info("afterwards")
    assert lines == ["  graph: adds to 4"]


def test_the_page_links_what_the_components_left(tmp_path, run_pipeline):
    with pytest.raises(InputDataError) as raised:
        run_pipeline(refuse=1)
    run = read_newest_run(tmp_path / "metadata.sqlite")
    verdict = told_outcome(run, raised.value)
    assert verdict == ["row 7: <b>is</b> odd", "second line", "The served model is as it was."]
    page = write_run_page(
        run, folder=tmp_path / "runs", pipeline_name="small", days="9, trained on 6 to 8", verdict=verdict
    )
    html = page.read_text()
    assert "row 7: &lt;b&gt;is&lt;/b&gt; odd" in html and "days: 9, trained on 6 to 8" in html
    link = run.find("Writer").pages[0].relative_to(tmp_path)
    assert f"href='../{link}'" in html
    assert (page.parent / "..").resolve().joinpath(link).read_text() == "hello"


def test_an_error_that_is_nobodys_fault_is_told_as_it_is(tmp_path, run_pipeline):
    run_pipeline()
    run = read_newest_run(tmp_path / "metadata.sqlite")
    assert told_outcome(run, KeyboardInterrupt())[0] == "The run ended with KeyboardInterrupt()"
