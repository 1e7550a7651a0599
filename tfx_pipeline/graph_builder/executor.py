"""Builds the graph store inside the pipeline: what GraphBuilder runs."""

import json
import logging
from typing import Any

from tfx.types.artifact_utils import get_single_instance

from beam_jobs.build_graph import build_graph
from tfx_pipeline.artifacts import Artifacts, GraphStore
from tfx_pipeline.graph_builder.earlier_builds import MADE_FROM, EarlierBuilds
from tfx_pipeline.job_executor import JobExecutor
from tfx_pipeline.local_copies import local_output

_LOGGER = logging.getLogger(__name__)


class Executor(JobExecutor):
    """Runs `beam_jobs.build_graph`; adds to the store of an earlier execution where that gives the same store."""

    def run_job(
        self, sources: dict[str, Any], inputs: Artifacts, outputs: Artifacts, properties: dict[str, Any]
    ) -> None:
        """Builds the store."""
        graph, shared_dir = get_single_instance(outputs["graph"]), properties["shared_dir"]
        with local_output(graph.uri, shared_dir=shared_dir) as store:
            builds = EarlierBuilds(uri=graph.uri, data=properties["data"], **sources)
            with builds.newest_fitting(shared_dir=shared_dir) as (earlier, which):
                _LOGGER.info(
                    "graph: %s %s", "from all tables, since" if earlier is None else "adds the new files to", which
                )
                manifest = build_graph(
                    **sources,
                    data_dir=properties["data"],
                    output_dir=str(store),
                    add_to=earlier,
                    pipeline_args=self._beam_pipeline_args,
                )
            (store / MADE_FROM).write_text(json.dumps(builds.made_from), encoding="utf-8")
        _describe(graph, properties["span"], "" if earlier is None else which, manifest)


def _describe(graph: GraphStore, span: int, added_to: str, manifest: dict[str, Any]) -> None:
    """Sets the newest day, how much there is, and what it was added to."""
    graph.set_int_custom_property("span", span)
    graph.set_string_custom_property("added_to", added_to)
    for kind in ("node_sets", "edge_sets"):
        for name, described in manifest[kind].items():
            graph.set_int_custom_property(f"{kind}.{name}", described["count"])
