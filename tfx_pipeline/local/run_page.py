"""A page for each run of a pipeline: what its components did, and links to what they leave for people."""

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path

from tfgrec.files import write_atomically
from tfgrec.report.page import Card, Section, Tile, render_page
from tfgrec.report.tables import table
from tfx_pipeline.local.run_record import ComponentRecord, RunRecord


def write_run_page(run: RunRecord, *, folder: Path, pipeline_name: str, days: str, verdict: Sequence[str]) -> Path:
    """Writes `folder/<run id>.html`; `verdict` says in sentences how the run ended. Links in it are relative."""
    pages = [(component.name, page) for component in run.components for page in component.pages]
    links = [Card("", table(["page", "of"], [[_link(page, folder), escape(name)] for name, page in pages]), wide=True)]
    path = folder / f"{run.run_id.replace(':', '-')}.html"
    html = render_page(
        title=pipeline_name,
        overline="tfgrec pipeline run",
        facts=[f"began {run.run_id[:19].replace('T', ' ')}", f"days: {days}"],
        tiles=_tiles(run),
        sections=[
            Section("Outcome", "", [Card("", "".join(f"<p>{escape(line)}</p>" for line in verdict), wide=True)]),
            Section("Pages", "What the run leaves to look at.", links if pages else []),
            Section("Components", "In the order in which they ran.", [Card("", _components(run), wide=True)]),
        ],
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: file.write(html.encode("utf-8")))
    return path


def _tiles(run: RunRecord) -> list[Tile]:
    states = [component.state for component in run.components]
    seconds = sum(component.seconds for component in run.components)
    return [
        Tile("components run", str(states.count("done")), f"in {seconds:,.0f} s"),
        Tile("cached", str(states.count("cached")), "as they were in an earlier run"),
        Tile("stopped by", run.failed.name if run.failed else "nothing", ""),
    ]


def _components(run: RunRecord) -> str:
    return table(["component", "state", "seconds", "artifacts"], [_row(component) for component in run.components])


def _row(component: ComponentRecord) -> list[str]:
    artifacts = "<br>".join(f"{escape(key)}: {escape(uri)}" for key, uri in component.outputs.items())
    return [escape(component.name), component.state, f"{component.seconds:,.1f}", artifacts]


def _link(page: Path, folder: Path) -> str:
    return f"<a href='{escape(os.path.relpath(page, folder))}'>{escape(page.name)}</a>"
