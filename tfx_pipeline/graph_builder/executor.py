"""Builds the graph store inside the pipeline: what GraphBuilder runs."""

import json
import logging
import tempfile
from pathlib import Path
from typing import Any

from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import Artifact
from tfx.types.artifact_utils import get_single_instance

from beam_jobs.build_graph import build_graph
from tfx_pipeline.artifacts import GraphStore
from tfx_pipeline.graph_builder.earlier_builds import MADE_FROM, EarlierBuilds
from tfx_pipeline.inputs.run_spec import RunSpec, read_schema
from tfx_pipeline.local_copies import local_output

_LOGGER = logging.getLogger(__name__)


class Executor(BaseBeamExecutor):
    """Runs `beam_jobs.build_graph`; adds to the store of an earlier execution where that gives the same store."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Builds the store.

        Raises:
          TfgrecError: of `beam_jobs.build_graph`.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        graph, shared_dir = get_single_instance(output_dict["graph"]), exec_properties["shared_dir"]
        with tempfile.TemporaryDirectory() as folder, local_output(graph.uri, shared_dir=shared_dir) as store:
            config = RunSpec.from_json(exec_properties["spec"]).write_sections(Path(folder))
            tables, schema = read_schema(config)
            sources = {"config": config, "tables": tables, "schema": schema}
            builds = EarlierBuilds(uri=graph.uri, data=exec_properties["data"], **sources)
            with builds.newest_fitting(shared_dir=shared_dir) as (earlier, which):
                _LOGGER.info(
                    "graph: %s %s", "from all tables, since" if earlier is None else "adds the new files to", which
                )
                manifest = build_graph(
                    **sources,
                    data_dir=exec_properties["data"],
                    output_dir=str(store),
                    add_to=earlier,
                    pipeline_args=self._beam_pipeline_args,
                )
            (store / MADE_FROM).write_text(json.dumps(builds.made_from), encoding="utf-8")
        _describe(graph, exec_properties["span"], "" if earlier is None else which, manifest)


def _describe(graph: GraphStore, span: int, added_to: str, manifest: dict[str, Any]) -> None:
    """Sets the newest day, how much there is, and what it was added to."""
    graph.set_int_custom_property("span", span)
    graph.set_string_custom_property("added_to", added_to)
    for kind in ("node_sets", "edge_sets"):
        for name, described in manifest[kind].items():
            graph.set_int_custom_property(f"{kind}.{name}", described["count"])
