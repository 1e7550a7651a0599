"""Audits examples inside the pipeline: what LeakageAudit runs."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import Artifact
from tfx.types.artifact_utils import get_single_instance

from beam_jobs.audit import audit
from tfx_pipeline.inputs.run_spec import RunSpec, read_schema
from tfx_pipeline.local_copies import local_input


class Executor(BaseBeamExecutor):
    """Runs `beam_jobs.audit`; the report goes into its own artifact, since those of others are never changed."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Checks all records; counts the temporal degrees of some of them again where there is a graph.

        Raises:
          LeakageError: names the first records with edges of the future, or with values that the graph does not give.
          InputDataError: records are missing or damaged.
          GraphStoreError: the graph store is.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples, report = get_single_instance(input_dict["examples"]), get_single_instance(output_dict["report"])
        with tempfile.TemporaryDirectory() as folder, _local_graph(input_dict, exec_properties["shared_dir"]) as graph:
            tables, _ = read_schema(RunSpec.from_json(exec_properties["spec"]).write_sections(Path(folder)))
            found = audit(
                tables=tables,
                examples_dir=examples.uri,
                graph_dir=graph,
                report_dir=report.uri,
                pipeline_args=self._beam_pipeline_args,
            )
        report.set_int_custom_property("records", found["records"])
        report.set_int_custom_property("edges", sum(found["edges"].values()))
        report.set_int_custom_property("recounted_records", found["recounted"]["records"])


@contextlib.contextmanager
def _local_graph(input_dict: dict[str, list[Artifact]], shared_dir: str) -> Iterator[str | None]:
    """The folder of the graph store, which is mapped into memory; None where none was given."""
    if not input_dict.get("graph"):
        yield None
        return
    with local_input(get_single_instance(input_dict["graph"]).uri, shared_dir=shared_dir) as graph:
        yield str(graph)
